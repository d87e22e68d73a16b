"""Private hooks of aioice 0.13 (docs/adr/media-hooks.md, media-path.md): what comes and goes, consent, the end.

With `ways`, `gather`, `gathering`, `questions` and `hooks` the only modules that lean on names the library does not
promise; `tests/contract/test_media_hooks.py` fails when an upgrade moves one.
"""

from __future__ import annotations

import asyncio
import math
import random
import ssl
import time
from collections.abc import Callable
from typing import Any, cast

import structlog
from aioice import Candidate, stun
from aioice.ice import CandidatePair, StunProtocol

from .gather import NOMINATION, Socket, priority
from .interfaces import Address
from .questions import CONSENT_EXPIRES_SECONDS, CONSENT_SECONDS
from .servers import Servers
from .track import PathView, view
from .ways import Ways

RECEIVE_QUEUE = 2048
"""Datagrams waiting for the DTLS loop: half a second of the fastest link; past it new ones are dropped,
as a full socket buffer would."""

LAPSED_LOOK_SECONDS = 1.0
"""Between looks whether consent is there again; what needs it sooner is told by the answer itself."""

LAPSED_MOST_SECONDS = 600.0
"""Who is out of reach for longer has left the patient, or comes back as a fresh page."""

log = structlog.get_logger()


class GatewayIce(Ways):
    """One ICE session. `heard` is when anything last came from the peer, monotonic seconds. `dropped`: datagrams that
    found the queue full. `admit`: which data of the peer's address are let into it; None: all.

    `lasting`: a lost consent does not end it. Nothing but checks leaves then, from new sockets, until one is answered.
    """

    def __init__(self, addresses: Callable[[], list[Address]], *, servers: Servers | None = None,
                 relay_only: bool = False, tls: ssl.SSLContext | None = None, lasting: bool = False,
                 **options: Any) -> None:
        super().__init__(addresses, servers=servers, relay_only=relay_only, tls=tls, **options)
        self._lasting = lasting
        self.dropped = 0
        self.admit: Callable[[bytes], bool] | None = None

    async def connect(self) -> None:
        """As the library's; then the ways are watched."""
        await super().connect()
        self.begin_watch()

    def build_request(self, pair: CandidatePair, nominate: bool) -> stun.Message:
        """Once connected, only the way in use is nominated, and by number."""
        request = super().build_request(pair, nominate and not self._steady)
        protocol = cast(Socket, pair.protocol)
        if protocol.local_candidate.type != "relay":
            request.attributes["PRIORITY"] = protocol.local_candidate.priority
        if self._steady and self.ice_controlling and pair is self._nominated.get(1):
            request.attributes["USE-CANDIDATE"] = None
            request.attributes[NOMINATION] = self._nomination
        return request

    def check_complete(self, pair: CandidatePair) -> None:
        """A check of the library's ended; it does not choose the way once we are connected."""
        used = self._nominated.get(pair.component)
        super().check_complete(pair)
        if self._steady and used is not None:
            self._nominated[pair.component] = used

    def sort_check_list(self) -> None:
        """Preferred uplinks first: their priorities say the opposite, for the browser's sake."""
        super().sort_check_list()
        self._check_list.sort(key=lambda pair: cast(Socket, pair.protocol).address.rank)

    def data_received(self, data: bytes, component: int) -> None:
        """A datagram that `takes` let pass."""
        if data[0] <= 3:
            return
        self.heard = time.monotonic()
        if self._queue.qsize() >= RECEIVE_QUEUE:
            self.dropped += 1
            return
        super().data_received(data, component)

    async def sendto(self, data: bytes, component: int) -> None:
        """As the library's; without consent it is dropped (RFC 7675, section 5.1)."""
        if not self.lapsed:
            await super().sendto(data, component)

    def takes(self, protocol: Socket, data: bytes, addr: tuple[str, int]) -> bool:
        """Whether these data come from where a signed message came, and are what the transport above can use."""
        if not self.door.is_known(addr) or (self.admit is not None and not self.admit(data)):
            return False
        self._hear(protocol, addr)
        return True

    def admits(self, protocol: Socket, message: bytes, addr: tuple[str, int]) -> bool:
        """Whether this STUN message is worth parsing."""
        return self.door.admits(message, addr, protocol.transactions, time.monotonic())

    def request_received(self, message: stun.Message, addr: tuple[str, int], protocol: StunProtocol) -> None:
        """A check or keepalive of the peer; only a signed one counts as heard."""
        if ("MESSAGE-INTEGRITY" in message.attributes
                and message.check_message_integrity(self.local_password.encode())):
            self.heard = time.monotonic()
            self.door.learn(addr, self.heard)
            self._hear(protocol, addr)
            if not self._has_room(addr[0], addr[1]):
                return
            if "PRIORITY" not in message.attributes:
                message.attributes["PRIORITY"] = 0
            if self.lapsed:
                self.seek(self.heard)
        super().request_received(message, addr, protocol)

    def _add_remote_candidate(self, remote_candidate: Candidate, network_host: str) -> None:
        if self._has_room(network_host, remote_candidate.port):
            super()._add_remote_candidate(remote_candidate, network_host)

    def protocol_lost(self, protocol: StunProtocol) -> None:
        """A socket or a relay ended; the call goes on when another way answers."""
        lost = [track for track in self._tracks.values() if track.pair.protocol is protocol]
        for track in lost:
            track.path.gone = True
        if self._steady and not self._closing:
            self._choose(time.monotonic())
        if not any(track.path.alive(time.monotonic()) for track in self._tracks.values()):
            super().protocol_lost(protocol)

    async def query_consent(self) -> None:
        """RFC 7675: ask, never wait for one answer, end when none was valid for 30 s."""
        self._consented = time.monotonic()
        # The library begins it at the end of `connect`, which may be behind a close.
        while not self._closing:
            interval = CONSENT_SECONDS * random.uniform(0.8, 1.2)  # noqa: S311 - spreads load, guards nothing
            remaining = self._consented + CONSENT_EXPIRES_SECONDS - time.monotonic()
            await asyncio.sleep(max(0.0, min(interval, remaining)))
            self._questions.forget(time.monotonic() - CONSENT_EXPIRES_SECONDS)
            if (now := time.monotonic()) >= self._consented + CONSENT_EXPIRES_SECONDS:
                if self._lasting and now < self._consented + LAPSED_MOST_SECONDS:
                    await self._without_consent(now)
                    continue
                # As the library does: close() must not cancel the task it runs in.
                self._query_consent_task = None
                self._questions.forget(math.inf)
                return await self.close()
            if not self.lapsed:
                for pair in self._nominated.values():
                    self._ask(pair, time.monotonic())

    async def _without_consent(self, now: float) -> None:
        if not self.lapsed:
            log.info("media.consent_lapsed")
            self._questions.forget(math.inf)
            self.lapse(now)
        await asyncio.sleep(LAPSED_LOOK_SECONDS)

    async def close(self) -> None:
        """As the library's; drops what waits for answers, and lets all relays go at once."""
        self._let_go()
        for protocol in self._protocols:
            protocol.transport.close()
        await super().close()
        self._tracks.clear()

    def drop(self) -> None:
        """Every socket at once, whatever waits to be sent; for who cannot wait for `close`, or did in vain."""
        self._let_go()
        for protocol in self._protocols:
            # An allocation has no abort: it is given back, within its own time.
            getattr(protocol.transport, "abort", protocol.transport.close)()

    def _let_go(self) -> None:
        self._closing = True
        self._news.close()
        self._questions.forget(math.inf)
        current = asyncio.current_task()
        for job in tuple(self._jobs):
            if job is not current:
                job.cancel()

    def backlog(self) -> int:
        """Bytes the socket has not taken yet: the link below is slower than we send."""
        pair = self._nominated.get(1)
        size = getattr(pair.protocol.transport, "get_write_buffer_size", None) if pair is not None else None
        return int(size()) if size is not None else 0

    def local_candidate_in_use(self) -> tuple[str, str] | None:
        """Host and type of our end of the nominated pair."""
        pair = self._nominated.get(1)
        candidate = pair.local_candidate if pair is not None else None
        return (candidate.host, candidate.type) if candidate is not None else None

    def paths(self) -> tuple[PathView, ...]:
        """Every way that ever answered, the used one among them."""
        used = self._nominated.get(1)
        now = time.monotonic()
        return tuple(view(track, used=track.pair is used, now=now) for track in self._tracks.values()
                     if track.path.answered is not None)


__all__ = ["Candidate", "GatewayIce", "PathView", "priority"]
