"""Several ways to the peer at once: asked, compared, left for another; the half of an ICE session that goes on once
it is connected (aioice 0.13; docs/adr/media-path.md).

`paths` decides, without I/O; `ice` is the library's side. Hooks: docs/adr/media-hooks.md.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from functools import partial
from typing import Any, cast

import structlog
from aioice.ice import CandidatePair, StunProtocol

from .gather import NOMINATION, Socket
from .gathering import GatheringSession
from .interfaces import Address
from .kernel_news import KernelNews
from .paths import Chooser
from .questions import Questions
from .strangers import Doorkeeper
from .track import ASKED_AT_ONCE, DISCOVER_SECONDS, Track

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

SEEK_SECONDS = 0.25
"""Between questions to a peer whose consent was lost: 4 kbit/s on a link that carries nothing else."""

REMOTES_MAX = 64
"""Addresses of the peer's kept: 20 of a laptop on every network it had, and what its changes bring in two hours."""

log = structlog.get_logger()


class Ways(GatheringSession):
    """Of one session. `heard` is when anything last came from the peer, monotonic seconds. `lapsed`: consent was lost;
    what it was for is asked no more (RFC 7675, section 5.1: not with these credentials), new sockets are."""

    def __init__(self, addresses: Callable[[], list[Address]], **options: Any) -> None:
        super().__init__(addresses, **options)
        self.heard = time.monotonic()
        self.door = Doorkeeper(self.local_username, self.heard)
        self._consented = 0.0
        self._questions = Questions()
        self._tracks: dict[tuple[StunProtocol, tuple[str, int]], Track] = {}
        self._nomination = 1
        self._followed = True
        self.lapsed = False
        self._sought = 0.0
        self._chooser = Chooser(0.0)
        self._looked = 0.0
        self._renewed: dict[Address, float] = {}
        self._news = KernelNews(self._look_soon)

    def begin_watch(self) -> None:
        """The session is connected."""
        self._steady = True
        self._chooser = Chooser(time.monotonic())
        if not self._closing:
            self._news.open()
        self._job(self._watch())

    def lapse(self, now: float) -> None:
        """No way is used any more until a new socket's question is answered."""
        self.lapsed = True
        for track in self._tracks.values():
            track.path.gone = True
        for protocol in self._protocols:
            cast(Socket, protocol).retired = True
        self._renewed.clear()
        self._looked = 0.0

    def seek(self, now: float) -> None:
        """Without consent: ask at once, the peer may be in reach again."""
        if now - self._sought >= TICK_SECONDS:
            self._sought = now
            self._discover(now, at_once=True)

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
            if not self._followed and not used.path.gone and now - used.path.asked > 0.1:
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

    def _discover(self, now: float, *, at_once: bool = False) -> None:
        """Try sockets on which nothing has answered yet, a few addresses of the peer's each second; without consent the
        one that was heard last more often."""
        for protocol in self._protocols:
            own = cast(Socket, protocol)
            mine = [track for track in self._tracks.values() if track.pair.protocol is protocol]
            over = own.lost or (self.lapsed and own.retired)
            if over or any(track.path.answered is not None and not track.path.gone for track in mine):
                continue
            # What was heard of lately comes before what the peer left behind on another network.
            remotes = sorted((c for c in self._remote_candidates if own.local_candidate.can_pair_with(c)),
                             key=lambda c: (-self.door.heard((c._network_host, c.port)), -c.priority))[:ASKED_AT_ONCE]
            for place, remote in enumerate(remotes):
                track = self._track(self._find_pair(own, remote) or CandidatePair(own, remote))
                pause = (0.0 if at_once else SEEK_SECONDS) if self.lapsed and place == 0 else DISCOVER_SECONDS
                if now - track.path.asked >= pause:
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
        self.lapsed = False
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
        live = [own for own in map(partial(cast, Socket), self._protocols) if not (self.lapsed and own.retired)]
        mine = {own.address for own in live}
        places = {address: address.rank for address in addresses}
        for track in self._tracks.values():
            if track.address in places:
                track.path.rank = (places[track.address], track.path.rank[1])
            elif not track.path.gone:
                log.info("media.address_gone", uplink=track.path.uplink)
                track.path.gone = True
        for address in addresses:
            if address in self._gathering or now - self._renewed.get(address, 0.0) < RENEW_SECONDS:
                continue
            standby = [own for own in live if own.address == address]
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
