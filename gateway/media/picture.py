"""The vehicle's picture to every peer: which camera, at which rate, through which encoder, and who waits for whom."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Protocol

import structlog

from .encoder import IN_FLIGHT_MAX, EncodedFrame, Rungs
from .lanes import WAIT_SECONDS, Lane, Sharing
from .picture_outlet import LEFT_OUT_SECONDS, CameraOutlet
from .rate import DETAIL_LADDER, Ladder, Rung, beat

SELF_VIEW_KBPS = 800
"""Before a call the kiosk alone watches, over loopback: no reason to spend more of the processor."""

PACE_TICK_SECONDS = 0.005
"""Packets of a large picture leave in steps of this; a 4G scheduler gives turns of 1 to 10 ms."""

CALM_TICK_SECONDS = 0.01
"""While no picture is on its way out: as late as a probe may begin and a heartbeat may be."""

REST_TICK_SECONDS = 0.25
"""Without anybody whose path is to be followed."""

REST_SECONDS = 0.06
"""While more than this is left of a picture, the next one waits in the camera, where it is replaced by a newer one.
Waiting for the very last packet would lose each picture that is a little larger than the others."""

RATE_SECONDS = 0.05
"""How soon the encoders follow the paths: a picture's time."""

_log = structlog.get_logger()


class Watcher(Protocol):
    """A peer, as far as it gets the picture."""

    @property
    def camera(self) -> CameraOutlet | None:
        """Its outlet."""

    async def send_frame(self, frame: EncodedFrame) -> None:
        """One picture. What goes wrong is the peer's own affair, here and below: it raises nothing."""

    async def drive(self, now: float) -> None:
        """Each few ms: what its path asks for."""


class Encoders(Protocol):
    """The encoders as they are led (`encoder.CameraEncoder`)."""

    def watch(self, watched: bool, lane: Lane) -> None:
        """Whether anybody gets the lane's pictures."""

    def set_rate(self, bits_per_second: int, rungs: Rungs, lane: Lane) -> None:
        """From the next picture on."""

    def hold(self, held: bool, lane: Lane) -> None:
        """Whether the lane waits."""

    def taken(self, lane: Lane) -> None:
        """The event loop has one frame more."""


class _Climb:
    """The two ladders of one lane."""

    def __init__(self, bits_per_second: int) -> None:
        self._room, self._detail = Ladder(bits_per_second), Ladder(bits_per_second, DETAIL_LADDER)
        self.rungs = Rungs(self._room.rung, self._detail.rung)

    def forgive(self) -> None:
        """What made pictures begin anew says nothing about the size they had."""
        self._room.forgive()
        self._detail.forgive()

    def step(self, bits_per_second: int, now: float) -> Rungs:
        self.rungs = Rungs(beat(self._room.step(bits_per_second, now), bits_per_second),
                           self._detail.step(bits_per_second, now))
        return self.rungs


class PictureFlow:
    """Runs in the event loop. `peers` is asked each time: they come and go; `changed` is called when the picture
    pauses or goes on, `watched` when the first one begins to watch or the last one ends."""

    def __init__(self, peers: Callable[[], Sequence[Watcher]], changed: Callable[[], None],
                 watched: Callable[[bool], None]) -> None:
        self._peers = peers
        self._changed = changed
        self._watched = watched
        self.frames: asyncio.Queue[EncodedFrame] = asyncio.Queue(IN_FLIGHT_MAX * len(Lane))
        """The encoder makes no more before these are taken."""
        self._climbs = {Lane.main: _Climb(SELF_VIEW_KBPS * 1000)}
        self._sharing: Sharing[CameraOutlet] = Sharing()
        self._encoder: Encoders | None = None
        self._holding: set[Lane] = set()
        """The encoders that wait."""
        self.thin = False
        """Whether no path has room for a picture."""

    def feed(self, encoder: Encoders) -> None:
        """Whose pictures these are; once."""
        self._encoder = encoder

    @property
    def rungs(self) -> Rungs:
        """Of the first encoder."""
        return self._climbs[Lane.main].rungs

    def rung(self, outlet: CameraOutlet, *, detail: bool) -> Rung:
        """What this one gets."""
        climb = self._climbs.get(outlet.playing, self._climbs[Lane.main])
        return climb.rungs.detail if detail else climb.rungs.room

    async def send(self) -> None:
        """Hand on what the encoders made, until cancelled."""
        while True:
            frame = await self.frames.get()
            await self.hand_on(frame, time.monotonic())

    async def hand_on(self, frame: EncodedFrame, now: float) -> None:
        """One picture to whom it concerns."""
        if self._encoder is not None:
            self._encoder.taken(frame.lane)
        for peer in self._peers():
            await peer.send_frame(frame)
        self.let_go_on(now)

    async def drive(self) -> None:
        """Follow the paths, until cancelled."""
        wanted: tuple[CameraOutlet, ...] = ()
        updated = 0.0
        while True:
            led = [outlet for outlet in self._outlets() if outlet.rate is not None]
            busy = any(outlet.busy for outlet in led)
            await asyncio.sleep(PACE_TICK_SECONDS if busy else CALM_TICK_SECONDS if led else REST_TICK_SECONDS)
            now = time.monotonic()
            for peer in self._peers():
                await peer.drive(now)
            if busy or self._holding:
                self.let_go_on(now)
            wants = tuple(outlet for outlet in self._outlets() if outlet.wants)
            anew = [outlet.lane for outlet in led if outlet.begins_anew]
            for climb in (self._climbs[lane] for lane in anew if lane in self._climbs):
                climb.forgive()
            if wants != wanted or anew or now - updated >= RATE_SECONDS:
                wanted, updated = wants, now
                self.update(now)
            paths = [outlet.rate for outlet in led if outlet.rate is not None and outlet.open]
            thin = bool(paths) and all(path.thin for path in paths)
            if thin != self.thin:
                self.thin = thin
                _log.info("picture.paused_thin" if thin else "picture.resumed")
                self._changed()

    def update(self, now: float) -> None:
        """Who watches, at which rate. First the rate: what begins now begins at a size that fits."""
        if self._encoder is None:
            return
        watching = [outlet for outlet in self._outlets() if outlet.wants]
        led = {outlet: outlet.rate.target for outlet in watching if outlet.rate is not None}
        shared = {outlet: target for outlet, target in led.items() if outlet.lane is not Lane.vp8}
        thin = self._sharing.step(shared, now, {outlet for outlet in shared if outlet.modest})
        for outlet in shared:
            outlet.move(Lane.small if outlet in thin else Lane.main)
        needed = {lane for outlet in watching for lane in (outlet.lane, outlet.playing)}
        for lane in Lane:
            if lane in needed:
                rate = min((target for outlet, target in led.items() if outlet.lane is lane), default=None)
                self._set_rate(lane, rate, now)
            elif lane is not Lane.main:
                self._climbs.pop(lane, None)
            self._encoder.watch(lane in needed, lane)
        self._watched(bool(needed))

    def let_go_on(self, now: float) -> None:
        """An encoder waits for its own receivers only while all of them wait, and none of them for long."""
        if self._encoder is None:
            return
        outlets = [outlet for outlet in self._outlets() if outlet.wants]
        for lane in {outlet.lane for outlet in outlets} | self._holding:
            mine = [outlet for outlet in outlets if outlet.lane is lane]
            late = [outlet for outlet in mine if outlet.waits is not None]
            others = sum(outlet.rate is not None for outlet in mine) > 1
            for outlet in late if others else ():
                self._outrun(outlet, now)
            waits = any(outlet.rest > REST_SECONDS and not outlet.left_out for outlet in mine if outlet.lane is lane)
            if waits != (lane in self._holding):
                self._encoder.hold(waits, lane)
                (self._holding.add if waits else self._holding.discard)(lane)

    def _set_rate(self, lane: Lane, rate: int | None, now: float) -> None:
        assert self._encoder is not None
        if rate is None:
            if lane is not Lane.main:
                # Its last one is on the way to another lane.
                return
            rate = SELF_VIEW_KBPS * 1000
        climb = self._climbs.get(lane)
        if climb is None:
            climb = self._climbs[lane] = _Climb(rate)
        self._encoder.set_rate(rate, climb.step(rate, now), lane)

    def _outrun(self, outlet: CameraOutlet, now: float) -> None:
        assert outlet.waits is not None
        waited = now - outlet.waits
        if waited >= WAIT_SECONDS and self._sharing.keeps_waiting(outlet, now):
            _log.info("picture.own_encoder", waited_ms=round(1000 * waited))
            outlet.cut()
            outlet.move(Lane.small)
        elif waited >= LEFT_OUT_SECONDS and not outlet.left_out:
            outlet.leave_out()

    def _outlets(self) -> list[CameraOutlet]:
        return [peer.camera for peer in self._peers() if peer.camera is not None]
