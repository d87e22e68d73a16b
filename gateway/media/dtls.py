"""DTLS of a call that outlives forged and malformed input. Private hooks of aiortc 1.16 (docs/adr/media-hooks.md)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import structlog
from aiortc.rtcdtlstransport import DataReceiver, RTCCertificate, RTCDtlsTransport, State
from aiortc.rtcicetransport import RTCIceTransport
from OpenSSL import SSL
from pylibsrtp import Error, Session

from .gate import Gate, Stage, hello_random, weight
from .strangers import Allowance

TURN_PACKETS = 32
"""Handled before other work gets its turn: four milliseconds at 120 us each, a packet of voice comes each 20."""

HANDSHAKES_MAX = 16
"""Side by side: the peer's own and what was forged before it. Each costs a signature, about 0.1 ms."""

ANEW_MAX = 64
"""Handshakes of one connection in all; who forges more keeps it from being made, and another one is asked for."""

DATAGRAM = 1500
"""What OpenSSL packs into one flight's datagram at most."""

REPORTS_A_SECOND = 500
"""By `gate.weight`: a browser on a bad road sends 150, and what an outage held up comes at once. Each costs 0.2 ms."""

_log = structlog.get_logger()


class GuardedDtls(RTCDtlsTransport):
    """As the library's, but one bad packet ends nothing and many of them hold up nobody.

    As a server it answers each hello by a handshake of its own, told apart by the client's random: the one that the
    peer completes is taken, so a hello forged before or after the peer's is of no harm. `gate` is to be asked before a
    datagram is queued.
    """

    def __init__(self, transport: RTCIceTransport, certificates: list[RTCCertificate]) -> None:
        super().__init__(transport, certificates)
        self.gate = Gate()
        self._certificate = certificates[0]
        self._served = 0
        self._failed: set[str] = set()
        self._shakes: dict[bytes, SSL.Connection] = {}
        self._begun = 0
        self._reports = Allowance(REPORTS_A_SECOND, REPORTS_A_SECOND, time.monotonic())

    def bears(self, rtcp: bytes) -> bool:
        """Whether there is time to read these reports, which the peer signed: a kilobyte may hold hundreds."""
        counts = weight(rtcp)
        self._served += counts
        if self._reports.take(time.monotonic(), counts):
            return True
        self.gate.refused += 1
        return False

    async def _do_handshake(self) -> None:
        try:
            if self._role == "client":
                self._shakes[b""] = self._begin()
            while not self.encrypted:
                for random, ssl in tuple(self._shakes.items()):
                    await self._step(random, ssl)
                if not self.encrypted:
                    await self._take()
        except ConnectionError:
            self._set_state(State.FAILED)
            return
        self._shakes.clear()
        self.gate.stage = Stage.secured

    def _begin(self) -> SSL.Connection:
        ssl = SSL.Connection(self._certificate._create_ssl_context(srtp_profiles=self._srtp_profiles))
        if self._role == "server":
            ssl.set_accept_state()
        else:
            ssl.set_connect_state()
        self._begun += 1
        return ssl

    async def _step(self, random: bytes, ssl: SSL.Connection) -> None:
        """As far as this one goes with what it has; the first at its end is ours."""
        if self.encrypted:
            return
        self._ssl = ssl
        try:
            ssl.do_handshake()
        except SSL.WantReadError:
            await self._write_ssl()
        except SSL.Error:
            _log.warning("dtls.handshake_broken")
            del self._shakes[random]
            if self._role == "client" and self._begun < ANEW_MAX:
                self._shakes[random] = self._begin()
        else:
            self.encrypted = True

    async def _take(self) -> None:
        """The next datagram, to whom it concerns; none in time: what was said is said again. ConnectionError."""
        waits = [wait for ssl in self._shakes.values() if (wait := ssl.DTLSv1_get_timeout()) is not None]
        try:
            async with asyncio.timeout(min(waits) if waits else None):
                data = await self.transport._recv()
        except TimeoutError:
            for ssl in self._shakes.values():
                ssl.DTLSv1_handle_timeout()
                self._ssl = ssl
                await self._write_ssl()
            return
        await self._share()
        random = hello_random(data) if self._role == "server" else None
        if random is not None and random not in self._shakes:
            if self._begun >= ANEW_MAX:
                return
            if len(self._shakes) >= HANDSHAKES_MAX:
                # Newer ones are answered: the oldest had its time.
                del self._shakes[next(iter(self._shakes))]
            self._shakes[random] = self._begin()
        for ssl in ([self._shakes[random]] if random is not None else tuple(self._shakes.values())):
            ssl.bio_write(data)

    async def _share(self) -> None:
        """A queue that is full never waits: without this nothing else would run until it is empty."""
        self._served += 1
        if self._served >= TURN_PACKETS:
            self._served = 0
            await asyncio.sleep(0)

    async def _recv_next(self) -> None:
        await self._share()
        try:
            await super()._recv_next()
        except ConnectionError:
            raise
        except Exception as error:
            # The library's parsers take signed input for well-formed. It is the peer's, who may be out of order.
            if type(error).__name__ not in self._failed:
                self._failed.add(type(error).__name__)
                _log.warning("dtls.packet_dropped", error=type(error).__name__)

    def _register_data_receiver(self, receiver: DataReceiver) -> None:
        super()._register_data_receiver(_Whole(self, receiver))

    def _unregister_data_receiver(self, receiver: DataReceiver) -> None:
        if isinstance(self._data_receiver, _Whole) and self._data_receiver.receiver == receiver:
            self._data_receiver = None

    def _following(self) -> bytes:
        """The next record of the datagram that was read last; empty when there is none."""
        try:
            return bytes(self._ssl.recv(DATAGRAM)) if self._ssl is not None else b""
        except SSL.Error:
            return b""

    async def _write_ssl(self) -> None:
        try:
            await super()._write_ssl()
        except (OSError, RuntimeError) as error:
            # uvloop says RuntimeError for a socket that closed meanwhile; who sends expects ConnectionError.
            raise ConnectionError("the socket is gone") from error

    def _setup_srtp(self) -> None:
        super()._setup_srtp()
        if self._rx_srtp is not None:
            # The library types what it made itself.
            self._rx_srtp = _Proving(self._rx_srtp, self.gate)  # type: ignore[assignment]


class _Whole:
    """Every record of a datagram (RFC 6347, section 4.1.1). The library reads the first: the others would wait for the
    next datagrams, ever more of them."""

    def __init__(self, transport: GuardedDtls, receiver: DataReceiver) -> None:
        self._transport, self.receiver = transport, receiver

    async def _handle_data(self, data: bytes) -> None:
        while data:
            await self.receiver._handle_data(data)
            data = self._transport._following()
            if data:
                await self._transport._share()


class _Proving:
    """Incoming SRTP that remembers who proved its SSRC, and decrypts no more of them than there can be."""

    def __init__(self, session: Session, gate: Gate) -> None:
        self._session, self._gate = session, gate

    def unprotect(self, packet: bytes) -> bytes:
        """As the library's."""
        return self._proved(packet, self._session.unprotect)

    def unprotect_rtcp(self, packet: bytes) -> bytes:
        """As the library's."""
        return self._proved(packet, self._session.unprotect_rtcp)

    def _proved(self, packet: bytes, open_it: Callable[[bytes], bytes]) -> bytes:
        # Asked again: others may have proved theirs while this one was queued.
        if not self._gate.admits(packet):
            raise Error("one source too many")
        clear = open_it(packet)
        self._gate.prove(packet)
        return clear
