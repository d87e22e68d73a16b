"""Private hooks of aioice 0.13 (docs/adr/media-hooks.md, media-path.md): consent, several ways at once.

With `gather`, `gathering`, `questions` and `hooks` the only modules that lean on names the library does not promise;
`tests/contract/test_media_hooks.py` fails when an upgrade moves one.
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
from .gathering import GatheringSession
from .interfaces import Address
from .kernel_news import KernelNews
from .paths import Chooser
from .questions import CONSENT_EXPIRES_SECONDS, CONSENT_SECONDS, Questions
from .servers import Servers
from .strangers import Doorkeeper
from .track import ASKED_AT_ONCE, DISCOVER_SECONDS, PathView, Track, view

RECEIVE_QUEUE = 2048
"""Datagrams waiting for the DTLS loop: half a second of the fastest link; past it new ones are dropped,
as a full socket buffer would."""

TICK_SECONDS = 0.05
"""Resolution of the choice between ways; nothing is done at a tick while one way alone is there."""

STALL_SECONDS = 0.1
"""Past a tick: this process had no processor, or a turn of the loop took so long; uvloop runs timers, then reads."""

ALONE_QUIET_SECONDS = 1.0
"""A way without another one is asked past it: a browser that gave up sends nothing until it is asked."""

LOOK_SECONDS, LOOK_QUIET_SECONDS = 1.0, 0.2
"""Between looks at the machine's addresses where the kernel says nothing: in peace, and while the used way is quiet."""

LOOK_QUIET_AFTER_SECONDS = 0.3
"""A way from which nothing came for so long is quiet, asked or not: pictures are acknowledged each 0.1 s."""

FRESH_SECONDS = 1.0
"""An address that could not be bound is tried again: IPv6 takes so long to make sure that nobody else has it."""

RENEW_SECONDS = 8.0
"""Between new sockets on a way that waits; a round trip and a message over the relay long enough."""

REMOTES_MAX = 64
"""Addresses of the peer's kept: 20 of a laptop on every network it had, and what its changes bring in two hours."""

log = structlog.get_logger()


class GatewayIce(GatheringSession):
    """One ICE session. `heard` is when anything last came from the peer, monotonic seconds. `dropped`: datagrams that
    found the queue full. `admit`: which data of the peer's address are let into it; None: all."""

    def __init__(self, addresses: Callable[[], list[Address]], *, servers: Servers | None = None,
                 relay_only: bool = False, tls: ssl.SSLContext | None = None, **options: Any) -> None:
        super().__init__(addresses, servers=servers, relay_only=relay_only, tls=tls, **options)
        self.heard = time.monotonic()
        self.dropped = 0
        self.admit: Callable[[bytes], bool] | None = None
        self.door = Doorkeeper(self.local_username, self.heard)
        self._consented = 0.0
        self._questions = Questions()
        self._tracks: dict[tuple[StunProtocol, tuple[str, int]], Track] = {}
        self._nomination = 1
        self._followed = True
        self._chooser = Chooser(0.0)
        self._looked = 0.0
        self._renewed: dict[Address, float] = {}
        self._news = KernelNews(self._look_soon)

    async def connect(self) -> None:
        """As the library's; then the ways are watched."""
        await super().connect()
        now = time.monotonic()
        self._steady = True
        self._chooser = Chooser(now)
        if not self._closing:
            self._news.open()
        self._job(self._watch())

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
            if time.monotonic() >= self._consented + CONSENT_EXPIRES_SECONDS:
                # As the library does: close() must not cancel the task it runs in.
                self._query_consent_task = None
                self._questions.forget(math.inf)
                return await self.close()
            for pair in self._nominated.values():
                self._ask(pair, time.monotonic())

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

    # The ways

    async def _watch(self) -> None:
        """Ask, choose, look at the machine's addresses; until closed."""
        while not self._closing:
            before = time.monotonic()
            await asyncio.sleep(TICK_SECONDS)
            now = time.monotonic()
            if now - before > TICK_SECONDS + STALL_SECONDS:
                for track in self._tracks.values():
                    track.path.excuse(now - before - TICK_SECONDS)
            used = self._used()
            if used is None:
                continue
            self._discover(now)
            quiet = not used.path.alive(now) or used.path.silent_since is not None
            several = len({track.path.uplink for track in self._tracks.values()}) + len(self._tracks) > 2
            for track in self._tracks.values():
                wanted = several or now - used.path.heard > ALONE_QUIET_SECONDS
                if wanted and track.path.due(now, used=track is used, doubt=quiet):
                    self._ask_on(track, now)
            if not self._followed and now - used.path.asked > 0.1:
                self._ask_on(used, now)
            self._choose(now)
            looking = quiet or now - used.path.heard > LOOK_QUIET_AFTER_SECONDS
            if now - self._looked >= (LOOK_QUIET_SECONDS if looking else LOOK_SECONDS):
                self._looked = now
                await self._look(now)

    def _look_soon(self) -> None:
        """The kernel says that something changed: at the next tick."""
        self._looked = 0.0

    def _used(self) -> Track | None:
        pair = self._nominated.get(1)
        return self._track(pair) if pair is not None else None

    def _track(self, pair: CandidatePair) -> Track:
        key = (pair.protocol, pair.remote_addr)
        if key not in self._tracks:
            self._tracks[key] = Track.of(pair)
            if pair is self._nominated.get(1):
                # It answered the library's check.
                self._tracks[key].path.answer(time.monotonic(), time.monotonic())
        return self._tracks[key]

    def _discover(self, now: float) -> None:
        """Try sockets on which nothing has answered yet, a few addresses of the peer's each second."""
        for protocol in self._protocols:
            own = cast(Socket, protocol)
            mine = [track for track in self._tracks.values() if track.pair.protocol is protocol]
            if own.lost or any(track.path.answered is not None and not track.path.gone for track in mine):
                continue
            # What was heard of lately comes before what the peer left behind on another network.
            remotes = sorted((c for c in self._remote_candidates if own.local_candidate.can_pair_with(c)),
                             key=lambda c: (-self.door.heard((c._network_host, c.port)), -c.priority))[:ASKED_AT_ONCE]
            for remote in remotes:
                track = self._track(self._find_pair(own, remote) or CandidatePair(own, remote))
                if now - track.path.asked >= DISCOVER_SECONDS:
                    self._ask_on(track, now)

    def _arrived(self) -> None:
        if not self._closing and self._used() is not None:
            self._discover(time.monotonic())

    def _refused(self, address: Address) -> None:
        self._renewed[address] = time.monotonic() - RENEW_SECONDS + FRESH_SECONDS

    def _choose(self, now: float) -> None:
        used = self._used()
        if used is None:
            return
        others = {id(track.path): track for track in self._tracks.values() if track is not used}
        chosen = self._chooser.choose(used.path, [track.path for track in others.values()], now)
        if chosen is not used.path:
            self._move(used, others[id(chosen)], now)

    def _move(self, used: Track, to: Track, now: float) -> None:
        log.info("media.path_moved", uplink=to.path.uplink, relayed=to.relayed, left=used.path.uplink,
                 alive=used.path.alive(now))
        self._nominated[1] = to.pair
        to.pair.nominated = True
        self._nomination += 1
        self._followed = False
        # RFC 7675, section 5.1: consent is of the address that answered.
        self._consented = to.path.answered or 0.0
        self._ask_on(to, now)

    async def _look(self, now: float) -> None:
        """Addresses that came are gathered on, those that went are dropped, standbys are kept above the used way."""
        try:
            addresses = await asyncio.to_thread(self._addresses)
        except OSError as error:
            # The kernel may say no while a modem resets: the ways are watched on, the next look is soon.
            log.warning("media.interfaces_unread", error=type(error).__name__, errno=error.errno)
            return
        used = self._used()
        if self._closing or used is None:
            return
        mine = {cast(Socket, protocol).address for protocol in self._protocols}
        for track in self._tracks.values():
            if track.address not in addresses and not track.path.gone:
                log.info("media.address_gone", uplink=track.path.uplink)
                track.path.gone = True
        for address in addresses:
            if address in self._gathering or now - self._renewed.get(address, 0.0) < RENEW_SECONDS:
                continue
            standby = [cast(Socket, p) for p in self._protocols if cast(Socket, p).address == address]
            low = (address.uplink != used.path.uplink and not any(
                own.local_candidate.priority > used.pair.local_candidate.priority for own in standby))
            if address not in mine or low or any(own.lost for own in standby):
                self._renewed[address] = now
                self._job(self._gather_on(address))
        self._choose(now)
        self._retire(used)

    def _retire(self, used: Track) -> None:
        """Close sockets whose successor answers, and those whose address went."""
        answering = {track.address for track in self._tracks.values()
                     if track.path.answered is not None and not cast(Socket, track.pair.protocol).retired}
        for protocol in tuple(self._protocols):
            own = cast(Socket, protocol)
            gone = any(t.path.gone for t in self._tracks.values() if t.pair.protocol is protocol)
            over = own.lost or gone or (own.retired and own.address in answering)
            if over and protocol is not used.pair.protocol and protocol is not self._nominated[1].protocol:
                self._protocols.remove(protocol)
                self._tracks = {key: track for key, track in self._tracks.items() if key[0] is not protocol}
                self._check_list = [pair for pair in self._check_list if pair.protocol is not protocol]
                self._local_candidates = [c for c in self._local_candidates if c is not own.local_candidate]
                protocol.transport.close()

    def _has_room(self, host: str, port: int) -> bool:
        """Whether the peer may be at one more address; the oldest one that answers no more is forgotten for it."""
        remotes = self._remote_candidates
        if len(remotes) < REMOTES_MAX or any((c._network_host, c.port) == (host, port) for c in remotes):
            return True
        if not self._steady:
            return False
        now = time.monotonic()
        kept = {track.pair.remote_addr for track in self._tracks.values() if track.path.alive(now)}
        kept |= {pair.remote_addr for pair in self._nominated.values()}
        old = next((c for c in remotes if (c._network_host, c.port) not in kept), None)
        if old is None:
            return False
        remotes.remove(old)
        left = (old._network_host, old.port)
        self._tracks = {key: track for key, track in self._tracks.items() if key[1] != left}
        for pair in [pair for pair in self._check_list if pair.remote_addr == left]:
            self._check_list.remove(pair)
            if pair.task is not None:
                pair.task.cancel()
        return True

    # Questions and answers

    def _hear(self, protocol: StunProtocol, addr: tuple[str, int]) -> None:
        track = self._tracks.get((protocol, addr))
        if track is not None:
            track.path.hear(time.monotonic())

    def _ask_on(self, track: Track, now: float) -> None:
        track.path.ask(now)
        self._ask(track.pair, now)

    def _ask(self, pair: CandidatePair, now: float) -> None:
        assert self.remote_password is not None
        request = self.build_request(pair, nominate=False)
        nomination = request.attributes.get(NOMINATION)
        self._questions.ask(pair, request, self.remote_password.encode(), now,
                            lambda: self._answered(pair, now, nomination))

    def _answered(self, pair: CandidatePair, asked: float, nomination: int | None) -> None:
        now = time.monotonic()
        self.heard = now
        self.door.learn(pair.remote_addr, now)
        self._track(pair).path.answer(asked, now)
        used = self._used()
        if self._steady and used is not None and used.path.gone:
            # The way in use is no more: nothing to wait for.
            self._choose(now)
        if pair is self._nominated.get(1):
            self._consented = now
            if nomination == self._nomination:
                self._followed = True


__all__ = ["Candidate", "GatewayIce", "PathView", "priority"]
