"""Sockets of an ICE session and what servers say of them: host, reflexive and relayed candidates.

Leans on aioice 0.13 like `ice` (docs/adr/media-path.md).
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import struct
import time
from collections.abc import Sequence
from typing import Any, Protocol, cast

import structlog
from aioice import Candidate, Connection, stun, turn
from aioice.candidate import candidate_foundation
from aioice.ice import StunProtocol

from .interfaces import LOOPBACK, Address
from .servers import Servers, TurnServer, Way

STAGGER_SECONDS = 0.2
"""After this without an answer TCP is tried beside UDP, then TLS: two round trips of a good cellular link."""

TURN_SECONDS = 12.0
"""TCP, TLS, a refusal with the realm and the allocation itself: eight round trips of 1 s, with a loss."""

DELETE_SECONDS = 0.5
"""A relay that is out of reach frees the allocation by itself after ten minutes; a call does not wait for it."""

STREAM_BACKLOG_BYTES = 48 * 1024
"""What may wait in a TCP connection to a relay; media older than that (1 s at 400 kbit/s) is of no use."""

REFRESH_SECONDS = 120
"""Lifetime asked of an allocation, and so the longest a relay that lost us keeps it beside its successor."""

LIFETIME_LEAST_SECONDS = 30
"""A relay that says less is asked again no sooner; one that says 0 was asked without a pause."""

NAME_SECONDS = 1.0
"""Past it the address that a server's name had last is tried: the name server may stand behind the dead uplink."""

NAMES_MAX = 32
"""Addresses kept of servers' names, the oldest goes; a relay names at most `servers.SERVERS_MAX`, in both families."""

_IP_UNICAST_IF, _IPV6_UNICAST_IF = 50, 76
"""linux/in.h, linux/in6.h: packets leave by this interface, whatever the default route says."""

_FAMILY_IPV6 = b"\x02\x00\x00\x00"
"""REQUESTED-ADDRESS-FAMILY (RFC 8656, section 18.9)."""

NOMINATION = "NOMINATION"
"""draft-thatcher-ice-renomination: the highest number wins. Browsers of the WebKit and Chromium families take it."""

for _attribute in ((0x0017, "REQUESTED-ADDRESS-FAMILY", stun.pack_bytes, stun.unpack_bytes),
                   (0xC001, NOMINATION, stun.pack_unsigned, stun.unpack_unsigned)):
    stun.ATTRIBUTES_BY_TYPE[_attribute[0]] = stun.ATTRIBUTES_BY_NAME[_attribute[1]] = _attribute

_log = structlog.get_logger()


FRAME_HEAD, STUN_HEAD = 4, 20
"""Octets before the body of channel data (RFC 8656, section 12.4) and of STUN in a stream."""


class Heard(Protocol):
    """The session that owns a socket."""

    def takes(self, protocol: Socket, data: bytes, addr: tuple[str, int]) -> bool:
        """Whether data of this address are the peer's."""

    def admits(self, protocol: Socket, message: bytes, addr: tuple[str, int]) -> bool:
        """Whether a STUN message is worth parsing."""


class Socket(StunProtocol):
    """A socket of one uplink, or an allocation at a relay reached over it."""

    def __init__(self, owner: Connection, address: Address) -> None:
        super().__init__(owner)
        self.address = address
        self.lost = False
        self.retired = False
        """A successor is on its way; it stays until that one answers."""

    @property
    def relayed(self) -> bool:
        """Whether a TURN server stands between."""
        return self.local_candidate.type == "relay"

    def datagram_received(self, data: bytes | str, addr: tuple[Any, ...]) -> None:
        """STUN for the session; data only from where a signed message came. Anything else is dropped."""
        octets, where, owner = cast(bytes, data), (addr[0], addr[1]), cast(Heard, self.receiver)
        if not octets:
            return
        if not (owner.takes(self, octets, where) if octets[0] > 3 else owner.admits(self, octets, where)):
            return
        try:
            super().datagram_received(octets, addr)
        except (struct.error, IndexError, KeyError, ValueError, AssertionError):
            # The library's parser takes a well-formed message for granted; this one came from anybody.
            return

    def connection_lost(self, exc: Exception | None) -> None:
        """The socket or the allocation ended."""
        self.lost = True
        super().connection_lost(exc)


class _RelayRules:
    """What we change of the library's TURN client."""

    ipv6 = False

    async def request_with_retry(self, request: stun.Message) -> tuple[stun.Message, tuple[str, int]]:
        if request.message_method == stun.Method.ALLOCATE and self.ipv6:
            request.attributes["REQUESTED-ADDRESS-FAMILY"] = _FAMILY_IPV6
        response, where = await cast(Any, super()).request_with_retry(request)
        if "LIFETIME" in response.attributes:
            # How soon it is asked again. What was asked for is the most: a longer one would never be looked after.
            said = response.attributes["LIFETIME"]
            response.attributes["LIFETIME"] = max(LIFETIME_LEAST_SECONDS, min(said, REFRESH_SECONDS))
        return response, where

    async def delete(self) -> None:
        with contextlib.suppress(TimeoutError, ConnectionError):
            async with asyncio.timeout(DELETE_SECONDS):
                await cast(Any, super()).delete()

    def datagram_received(self, data: bytes | str, addr: tuple[str, int]) -> None:
        # struct.error and its kin: a relay, or whoever pretends to be one, sent what is no message.
        with contextlib.suppress(struct.error, IndexError, KeyError, ValueError):
            cast(Any, super()).datagram_received(data, addr)


class RelayOverUdp(_RelayRules, turn.TurnClientUdpProtocol):
    """TURN over UDP."""


class RelayOverStream(_RelayRules, turn.TurnClientTcpProtocol):
    """TURN over TCP or TLS."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._rest = b""

    def data_received(self, data: bytes) -> None:
        """As the library's, which copies all that is left for each message: a read may hold thousands."""
        octets, at = self._rest + data, 0
        while len(octets) - at >= FRAME_HEAD:
            length = int.from_bytes(octets[at + 2:at + 4], "big")
            end = at + (FRAME_HEAD if turn.is_channel_data(octets[at:at + 1]) else STUN_HEAD) + length + -length % 4
            if end > len(octets):
                break
            self.datagram_received(octets[at:end], self.server)
            at = end
        self._rest = octets[at:]

    def _send(self, data: bytes) -> None:
        media = turn.is_channel_data(data)
        if media and self.transport.get_write_buffer_size() > STREAM_BACKLOG_BYTES:
            return
        super()._send(data)


class RelayTransport(turn.TurnTransport):
    """An allocation as a datagram transport; says what waits in its connection."""

    def __init__(self, inner: RelayOverUdp | RelayOverStream) -> None:
        super().__init__(inner)
        self._inner = inner

    def get_write_buffer_size(self) -> int:
        """Octets."""
        # Both kinds of transport have it; the library types only one of them.
        return int(cast(Any, self._inner.transport).get_write_buffer_size())


async def open_socket(owner: Connection, address: Address, preference: int) -> Socket:
    """A socket on this address, with its host candidate. OSError when the address is no more."""
    bare = _bound(socket.SOCK_DGRAM, address)
    try:
        bare.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, turn.UDP_SOCKET_BUFFER_SIZE)
        _, protocol = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: Socket(owner, address), sock=bare)
    except BaseException:
        bare.close()
        raise
    host, port = protocol.transport.get_extra_info("sockname")[:2]
    protocol.local_candidate = Candidate(
        foundation=candidate_foundation("host", "udp", host), component=1, transport="udp",
        priority=priority("host", preference), host=host, port=port, type="host")
    return protocol


async def reflexive(protocol: Socket, server: tuple[str, int], preference: int) -> Candidate | None:
    """How this STUN server sees the socket; None when it is not to be reached. Takes as long as STUN retries."""
    try:
        where = await _resolve(server[0], server[1], protocol.address.version, socket.SOCK_DGRAM)
        request = stun.Message(message_method=stun.Method.BINDING, message_class=stun.Class.REQUEST)
        response, _ = await protocol.request(request, cast(tuple[str, int], where[:2]))
    except (OSError, stun.TransactionError):
        return None
    mapped = response.attributes.get("XOR-MAPPED-ADDRESS")
    base = protocol.local_candidate
    if mapped is None or mapped == (base.host, base.port):
        return None
    return Candidate(
        foundation=candidate_foundation("srflx", "udp", base.host), component=1, transport="udp",
        priority=priority("srflx", preference), host=mapped[0], port=mapped[1], type="srflx",
        related_address=base.host, related_port=base.port)


async def relayed(owner: Connection, address: Address, servers: Sequence[TurnServer], preference: int,
                  tls: ssl.SSLContext | None, hide: bool) -> Socket | None:
    """The first allocation that any of these servers gives on this uplink; None when none does.

    All servers of one transport are tried together, the next transport `STAGGER_SECONDS` later or as soon as the
    others have failed. `hide`: leave our own address out of the candidate.
    """
    waiting: set[asyncio.Task[Socket]] = set()
    try:
        for way in Way:
            for server in (server for server in servers if server.way is way):
                waiting.add(asyncio.create_task(_allocate(owner, address, server, preference, tls, hide)))
            last = way is max((server.way for server in servers), default=way)
            deadline = None if last else time.monotonic() + STAGGER_SECONDS
            while waiting and (deadline is None or time.monotonic() < deadline):
                left = None if deadline is None else max(0.0, deadline - time.monotonic())
                done, waiting = await asyncio.wait(waiting, timeout=left, return_when=asyncio.FIRST_COMPLETED)
                won = [task.result() for task in done if task.exception() is None]
                for spare in won[1:]:
                    spare.transport.close()
                if won:
                    return won[0]
                for task in done:
                    _say(task.exception(), address)
    finally:
        for task in waiting:
            task.cancel()
            task.add_done_callback(_drop)
    return None


TYPE_PREFERENCE = {"host": 90, "srflx": 80}
"""Below what a browser gives its own (RFC 8445, 5.1.2.2: 126, 110 and 100), so that of each pair the lower priority is
ours, and ours alone say which pair is the better one. Otherwise a way on which the browser learns its address from us
(110) is worse than one on which it knew it, is pruned, and can't be moved to for 2.5 s."""


def priority(kind: str, preference: int) -> int:
    """RFC 8445, section 5.1.2.1, with the preference of the uplink and of the attempt."""
    return (TYPE_PREFERENCE.get(kind, 0) << 24) | (preference << 8) | 255


async def _allocate(owner: Connection, address: Address, server: TurnServer, preference: int,
                    tls: ssl.SSLContext | None, hide: bool) -> Socket:
    async with asyncio.timeout(TURN_SECONDS):
        inner = await _connect(address, server, tls)
        inner.ipv6 = address.version == 6
        protocol = Socket(owner, address)
        transport = RelayTransport(inner)
        try:
            await transport._connect(protocol)
        except BaseException:
            inner.transport.close()
            raise
    host, port = transport.get_extra_info("sockname")
    related = transport.get_extra_info("related_address")
    if hide:
        related = ("0.0.0.0" if address.version == 4 else "::", 9)  # noqa: S104 - RFC 8839: no address
    protocol.local_candidate = Candidate(
        foundation=candidate_foundation("relay", "udp", host), component=1, transport="udp",
        priority=priority("relay", preference), host=host, port=port, type="relay",
        related_address=related[0], related_port=related[1])
    _log.info("turn.allocated", uplink=address.uplink, way=server.way.name)
    return protocol


async def _connect(address: Address, server: TurnServer, tls: ssl.SSLContext | None) -> RelayOverUdp | RelayOverStream:
    loop = asyncio.get_running_loop()
    kind = socket.SOCK_DGRAM if server.way is Way.udp else socket.SOCK_STREAM
    where = await _resolve(server.host, server.port, address.version, kind)
    bare = _bound(kind, address)
    options = {"username": server.username, "password": server.credential, "lifetime": REFRESH_SECONDS,
               "channel_refresh_time": turn.DEFAULT_CHANNEL_REFRESH_TIME}
    try:
        await loop.sock_connect(bare, where)
        here = cast(tuple[str, int], where[:2])
        if server.way is Way.udp:
            _, udp = await loop.create_datagram_endpoint(
                lambda: RelayOverUdp(here, **options), sock=bare)  # type: ignore[arg-type]
            return udp
        bare.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        context = (tls or ssl.create_default_context()) if server.way is Way.tls else None
        _, stream = await loop.create_connection(
            lambda: RelayOverStream(here, **options), sock=bare, ssl=context,
            server_hostname=server.host if context is not None else None)
        return stream
    except BaseException:
        bare.close()
        raise


_addresses: dict[tuple[str, int, int], tuple[Any, ...]] = {}
"""Of this process: what each name, port and family was last."""


async def _resolve(host: str, port: int, version: int, kind: int) -> tuple[Any, ...]:
    family = socket.AF_INET if version == 4 else socket.AF_INET6
    known = _addresses.get((host, port, version))
    try:
        async with asyncio.timeout(None if known is None else NAME_SECONDS):
            found = await asyncio.get_running_loop().getaddrinfo(host, port, family=family, type=kind)
    except OSError:
        # No answer in time is one of them.
        if known is None:
            raise
        return known
    if not found:
        raise OSError("no address of this family")
    _addresses.pop((host, port, version), None)
    _addresses[host, port, version] = found[0][4]
    if len(_addresses) > NAMES_MAX:
        del _addresses[next(iter(_addresses))]
    return found[0][4]


def _bound(kind: int, address: Address) -> socket.socket:
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    bare = socket.socket(family, kind)
    try:
        bare.setblocking(False)
        if address.uplink != LOOPBACK:
            _by(bare, address.uplink)
        bare.bind((address.address, 0))
    except BaseException:
        bare.close()
        raise
    return bare


def _by(bare: socket.socket, uplink: str) -> None:
    """Have what we send leave by this uplink; without it both uplinks' sockets follow one default route."""
    # No such interface any more (bind says the same), or a kernel that asks for a capability.
    with contextlib.suppress(OSError):
        index = struct.pack("!I", socket.if_nametoindex(uplink))
        if bare.type == socket.SOCK_STREAM:
            bare.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, uplink.encode())
        elif bare.family == socket.AF_INET:
            bare.setsockopt(socket.IPPROTO_IP, _IP_UNICAST_IF, index)
        else:
            bare.setsockopt(socket.IPPROTO_IPV6, _IPV6_UNICAST_IF, index)


def _say(error: BaseException | None, address: Address) -> None:
    response = getattr(error, "response", None)
    code = response.error_code if response is not None else None
    _log.info("turn.refused" if code else "turn.unreachable", uplink=address.uplink, status=code,
              error=type(error).__name__)


def _drop(task: asyncio.Task[Socket]) -> None:
    """An allocation that came after another one had won."""
    if not task.cancelled() and task.exception() is None:
        task.result().transport.close()


__all__ = ["Candidate", "Servers", "Socket", "open_socket", "priority", "reflexive", "relayed"]
