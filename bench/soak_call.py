"""A call in a soak, both ends in this process, on a clock that leaps (`soak_clock`): gateway.media whole, without the
camera's reader, whose pictures are put in by hand.

    python -m bench.soak_call --hours H --width W --height H [--events] [--trace]

Prints a line of JSON for each look at the memory: {"hour": H, "gauge": {...}}, with "row" and "counts" each ten minutes
of call.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import json
import os
import struct
import sys
import threading
import time
import tracemalloc
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import structlog
from av.video.frame import VideoFrame

from bench.soak_census import census
from bench.soak_clock import LeapingClock, LeapingLoop
from bench.soak_far import Far, Touchscreen, on_loopback
from bench.soak_gauge import gauge, told
from bench.video_source import say
from gateway.heap import return_large_blocks
from gateway.media.camera import CameraFrame, CameraState
from gateway.media.config import CameraConfig, EncoderChoice, MediaConfig
from gateway.media.engine import DoctorPeer, MediaEngine, PeerState
from gateway.media.mailbox import Mailbox
from gateway.media.remote_peers import GuestPeer
from gateway.session.call import rejoin_cause
from protocol.channels import BULK, CONTROL, WAVEFORM

CEILING_KBPS = 700
"""The picture of a good rural link; more would only make the soak slower."""

FPS = 25
DRAWN = 20
"""Pictures that are drawn once and sent over and over."""

GRAIN_LEVELS = 24
"""Noise of the picture: an encoder makes as many packets of a small one as of a large one without."""

READING_SECONDS, READING_BYTES = 0.2, 600
CHUNK_SECONDS, CHUNK_BYTES = 0.1, 160
PART_SECONDS, PART_BYTES = 20.0, 16_000
"""Readings, tenths of a second of ECG, parts of stills."""

LOOK_SECONDS = 0.1
ROW_SECONDS, GAUGE_SECONDS = 600.0, 15.0
"""Between two rows, between two looks."""

OUTAGE_SECONDS, LONG_OUTAGE_SECONDS = 4.0, 45.0
"""The second one ends a connection: a fresh one follows."""

TRACED_LINES = 16




class WatchedMailbox(Mailbox[Any]):
    """The encoder's, which tells whether the encoder is at work."""

    def __init__(self) -> None:
        super().__init__()
        self.empty = threading.Event()
        self.empty.set()

    def put(self, value: Any) -> None:
        """As the gateway's."""
        self.empty.clear()
        super().put(value)

    def take(self, seconds: float) -> Any:
        """As the gateway's."""
        if self._value is None:
            self.empty.set()
        return super().take(seconds)


class Told:
    """What one of our peers says."""

    def __init__(self) -> None:
        self.since = time.monotonic()
        self.open: set[str] = set()
        self.acknowledged = 0
        self._moved = asyncio.Event()

    async def news(self, seconds: float) -> None:
        """Until its state changes, at most so long."""
        self._moved.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._moved.wait()

    def peer_state(self, _: PeerState) -> None:
        self.since = time.monotonic()
        self._moved.set()

    def local_candidate(self, candidate: str) -> None:
        pass

    def channel_open(self, channel: str) -> None:
        self.open.add(channel)

    def channel_message(self, channel: str, data: str | bytes) -> None:
        self.acknowledged += channel == CONTROL


@dataclass(slots=True)
class Counted:
    """Of the whole soak."""

    generations: int = 0
    readings: int = 0
    acknowledged: int = 0


class Bus:
    """The vehicle's end, and who stands around it."""

    def __init__(self, width: int, height: int, mailbox: WatchedMailbox) -> None:
        self.engine = MediaEngine(MediaConfig(
            CameraConfig("tcp://127.0.0.1:9", width, height, FPS, simulated=True), interfaces=("lo",),
            ceiling_kbps=CEILING_KBPS, encoder=EncoderChoice.x264), lambda: None)
        # The camera's thread waits by a real clock: its pictures come from this loop instead.
        self.engine._reader.start = lambda: None  # type: ignore[method-assign]
        self.engine._scene._mailbox = self.engine._encoder._mailbox = mailbox
        self.counted = Counted()
        self.doctor: DoctorPeer | None = None
        self.far = Far()
        self._width, self._height = width, height
        self._told = Told()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """With the touchscreen connected and a doctor in the call."""
        async with asyncio.TaskGroup() as tasks:
            running = [tasks.create_task(work) for work in (self.engine.run(), self._film())]
            kiosk, touchscreen = await self.engine.kiosk_peer(Told()), Touchscreen()
            await kiosk.answer(await touchscreen.answer(await kiosk.offer()))
            running += [tasks.create_task(work) for work in (
                self._calls(), self._readings(), self._every(CHUNK_SECONDS, WAVEFORM, CHUNK_BYTES),
                self._every(PART_SECONDS, BULK, PART_BYTES))]
            try:
                yield
            finally:
                for task in running:
                    task.cancel()
                await asyncio.wait(running)
                await self.far.close()
                await touchscreen.close()

    async def guest(self, seconds: float) -> None:
        """One comes, hears, sees and goes."""
        told, far = Told(), Far()
        peer: GuestPeer = await self.engine.guest_peer([], told)
        try:
            await peer.answer(await far.answer(await peer.offer()))
            await asyncio.sleep(seconds)
        finally:
            await far.close()
            await peer.close()

    async def _film(self) -> None:
        dice = np.random.default_rng(7)
        shape = (self._height * 3 // 2, self._width)
        drawn = []
        for _ in range(DRAWN):
            planes = np.full(shape, 128, np.uint8)
            planes[:self._height] = dice.integers(128 - GRAIN_LEVELS, 128 + GRAIN_LEVELS, (self._height, self._width))
            drawn.append(planes)
        self.engine._set_camera(CameraState(present=True, width=self._width, height=self._height))
        due, number = time.monotonic(), 0
        while True:
            due += 1 / FPS
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            if self.engine._encoder.watched:
                frame = VideoFrame.from_ndarray(drawn[number % DRAWN], "yuv420p")
                self.engine._scene.put(CameraFrame(frame, time.monotonic()))
            number += 1

    async def _calls(self) -> None:
        while True:
            self._told = told = Told()
            self.doctor = peer = await self.engine.doctor_peer([], told)
            self.counted.generations += 1
            before, self.far = self.far, Far()
            await before.close()
            try:
                await peer.answer(await self.far.answer(await peer.offer()))
                while rejoin_cause(peer.state, time.monotonic() - told.since) is None:
                    await told.news(LOOK_SECONDS)
            finally:
                self.doctor = None
                self.counted.acknowledged += told.acknowledged
                await peer.close()

    async def _readings(self) -> None:
        while True:
            await asyncio.sleep(READING_SECONDS)
            if self.doctor is not None and CONTROL in self._told.open:
                text = json.dumps({"n": self.counted.readings}).ljust(READING_BYTES)
                self.counted.readings += self.doctor.send(CONTROL, text)

    async def _every(self, seconds: float, channel: str, octets: int) -> None:
        while True:
            await asyncio.sleep(seconds)
            if self.doctor is not None and channel in self._told.open:
                self.doctor.send(channel, struct.pack("<d", time.monotonic()).ljust(octets, b"\0"))

    @property
    def figures(self) -> dict[str, Any]:
        """For a row."""
        paths = self.engine.paths
        return {"generations": self.counted.generations, "readings": self.counted.readings,
                "acknowledged": self.counted.acknowledged + self._told.acknowledged, "packets": self.far.packets,
                "picture_kbps": paths[0].picture_kbps if paths else 0}


async def _soak(bus: Bus, hours: float, events: bool, row: float) -> None:
    began, row_at, number = time.monotonic(), 0.0, 0
    async with asyncio.TaskGroup() as beside:
        while (gone := time.monotonic() - began) < hours * 3600 + GAUGE_SECONDS:
            line: dict[str, Any] = {"hour": round(gone / 3600, 4), "gauge": told(gauge())}
            if gone >= row_at:
                row_at += row
                taken = census()
                line |= {"row": {"tasks": taken.tasks, "threads": taken.threads, "descriptors": taken.descriptors,
                                 "objects": sum(taken.objects.values()), **bus.figures},
                         "counts": taken.counts, "traced": _traced()}
                if events and number:
                    # Over before the next row looks.
                    match number % 4:
                        case 0:
                            beside.create_task(bus.guest(row / 3))
                        case 1:
                            bus.far.deaf(OUTAGE_SECONDS)
                        case 2:
                            await bus.far.close()
                        case 3:
                            bus.far.deaf(LONG_OUTAGE_SECONDS, below_ice=True)
                number += 1
            say(line)
            await asyncio.sleep(GAUGE_SECONDS)


def _traced() -> list[list[Any]]:
    if not tracemalloc.is_tracing():
        return []
    top = tracemalloc.take_snapshot().statistics("lineno")[:TRACED_LINES]
    return [[f"{os.path.basename(one.traceback[0].filename)}:{one.traceback[0].lineno}", round(one.size / 1024)]
            for one in top]


def play(script: Callable[[Bus], Coroutine[Any, Any, None]], width: int, height: int) -> None:
    """Run it in a call, on a clock that leaps. Once in a process: its clocks stay as they are then."""
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    # As the gateway itself begins.
    return_large_blocks()
    on_loopback()
    gc.collect()
    # What the imports made stays as it is: a census need not look at it.
    gc.freeze()
    clock, mailbox = LeapingClock(), WatchedMailbox()
    bus = Bus(width, height, mailbox)

    async def whole() -> None:
        async with bus.running():
            await script(bus)

    loop = LeapingLoop(clock, lambda: bus.engine._encoder.watched and not mailbox.empty.is_set())
    asyncio.set_event_loop(loop)
    loop.run_until_complete(whole())
    loop.close()


def main() -> None:
    """The process."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--hours", type=float, required=True)
    parser.add_argument("--width", type=int, required=True)
    parser.add_argument("--height", type=int, required=True)
    parser.add_argument("--events", action="store_true")
    parser.add_argument("--trace", action="store_true")
    parser.add_argument("--row", type=float, default=ROW_SECONDS, help="seconds of call between two rows")
    options = parser.parse_args()
    if options.trace:
        tracemalloc.start(1)
    play(partial(_soak, hours=options.hours, events=options.events, row=options.row), options.width, options.height)


if __name__ == "__main__":
    main()
