"""An examination camera (skin, ear, mouth, the screen of an ultrasound): live views, and stills at full size."""

from __future__ import annotations

import asyncio
import hashlib
import re
import uuid
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import structlog

from protocol.channels import InstrumentState
from protocol.limits import STILL_BYTES
from protocol.readings import Device, InstrumentKind, Still

from ..errors import InstrumentFailed
from ..panel import Panel
from . import usb_bus
from .live_frames import LiveFrames
from .usb_bus import Budget

if TYPE_CHECKING:
    from ..pictures.framing import Framing
    from ..pictures.judging import Frame, Judge
    from ..pictures.no_signal import NoSignal
    from .grabber import Grabber
    from .picture import Picture, Shot

_log = structlog.get_logger()

PREVIEW_EVERY_S: Final = 0.1

PRESENT_EVERY_S: Final = 2.0
"""How often an unused camera is looked for."""

CONNECT_S: Final = 2.0

FRAME_S: Final = 9.0
"""Waiting for one fresh frame: opening and reading have 7 s together."""

LINGER_S: Final = 5.0
"""The camera stays open after its last use: retaking a still is then immediate."""

FAILED_SHOWN_S: Final = 10.0
"""How long a camera that is there but could not be opened shows why."""

SETTLE_FRAMES: Final = 3
"""Frames in a row that agree before a still is taken; the sharpest is kept: a hand moves less in one of three."""

SETTLE_S: Final = 2.5
"""An autofocus hunts for one to two seconds; a hand that never rests must not wait for ever."""

SETTLED_LIGHT, SETTLED_FOCUS = 0.04, 0.15
"""Spread of luminance and of sharpness, in shares of their mean, that a resting hand leaves."""

SOURCE: Final = re.compile(r"v4l2:.+|file:.+|https?://.+|usb:[0-9a-fA-F]{4}:[0-9a-fA-F]{4}(:.+)?")


class StillCamera:
    """One examination camera, opened while somebody looks or captures."""

    def __init__(self, panel: Panel, now: Callable[[], datetime] = lambda: datetime.now(UTC), *,
                 budget: Budget | None = None, sys: Path = usb_bus.SYS, dev: Path = usb_bus.DEV) -> None:
        """`budget` is shared by all cameras of the vehicle; `sys` and `dev` are where the kernel shows devices.
        ValueError when the configured source is none."""
        if not SOURCE.fullmatch(panel.config.source):
            raise ValueError(f"source {panel.config.source!r} is no camera's")
        self._panel, self._now = panel, now
        self._budget, self._sys, self._dev = budget or Budget(), sys, dev
        self._judge: Judge | None = None
        self._no_signal: NoSignal | None = None
        self._grabber: Grabber | None = None
        self._viewers: dict[LiveFrames, Grabber | None] = {}
        self._users = 0
        self._released_at = self._failed_at = 0.0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._tick = asyncio.Event()
        self._wanted = asyncio.Event()
        self._turn = asyncio.Lock()
        self._still = asyncio.Lock()

    async def run(self) -> None:
        """Watch for the camera, open it for live viewers, close it when unused; until cancelled."""
        loop = self._loop = asyncio.get_running_loop()
        try:
            while True:
                grabber = self._grabber
                unused = not self._users and loop.time() - self._released_at > LINGER_S
                if grabber is not None and (grabber.failed or unused):
                    async with self._turn:
                        await self._close()
                if None in self._viewers.values():
                    await self._begin_live()
                if self._grabber is None:
                    self._show(await self._present())
                with suppress(TimeoutError):
                    async with asyncio.timeout(PRESENT_EVERY_S if self._grabber is None else PREVIEW_EVERY_S):
                        await self._wanted.wait()
                self._wanted.clear()
        finally:
            for live in self._viewers:
                live.fail("instrument.crashed")
            self._viewers.clear()
            if self._grabber is not None:
                self._grabber.close()
                self._grabber = None

    async def capture(self) -> tuple[Still, bytes]:
        """A picture in the sensor's largest size, taken when light and focus rest. InstrumentFailed when the camera is
        away, too coarse, or shows no signal."""
        async with self._still, self._open() as grabber:
            self._panel.show(InstrumentState.measuring)
            grabber.want_full(True)
            try:
                shot, seen_at = await self._settled(grabber)
                # The verdict has the processor while the camera changes back.
                grabber.want_full(False)
                picture = await asyncio.to_thread(self._finish, shot)
                judged_at = asyncio.get_running_loop().time()
                await self._check(shot)
            except InstrumentFailed as error:
                if not grabber.failed:
                    self._panel.show(InstrumentState.failed, error.code)
                raise
            finally:
                grabber.want_full(False)
        if len(picture.jpeg) > STILL_BYTES:
            self._panel.show(InstrumentState.failed, "still.too_large")
            raise InstrumentFailed("still.too_large", str(len(picture.jpeg)))
        self._panel.show(InstrumentState.done)
        config = self._panel.config
        _log.info("still.judged", instrument=config.instrument_id, quality=picture.judgement.quality.value,
                  milliseconds=round(1000 * (judged_at - seen_at)), width=picture.width, height=picture.height)
        known = await asyncio.to_thread(usb_bus.identity, config.source, self._sys, self._dev)
        device = Device(device_id=config.instrument_id, kind=config.kind, maker=known.maker,
                        model=known.model or config.name, serial=known.serial, firmware=known.firmware,
                        simulated=config.simulated)
        still = Still(still_id=uuid.uuid4().hex, device=device, taken_at=self._now(),
                      sha256=hashlib.sha256(picture.jpeg).hexdigest(), size=len(picture.jpeg), width=picture.width,
                      height=picture.height, quality=picture.judgement.quality, thumbnail=picture.thumbnail,
                      pixel_mm=picture.pixel_mm)
        return still, picture.jpeg

    async def preview(self) -> AsyncIterator[bytes]:
        """Newest frame about ten times a second; InstrumentFailed ends it when the camera goes away."""
        loop = asyncio.get_running_loop()
        async with self._open() as grabber:
            grabber.watch()
            try:
                number = 0
                while True:
                    began = loop.time()
                    shot = await self._after(grabber, number)
                    number = shot.number
                    with suppress(InstrumentFailed):
                        yield await asyncio.to_thread(_preview, shot)
                    await asyncio.sleep(max(0.0, PREVIEW_EVERY_S - (loop.time() - began)))
            finally:
                grabber.unwatch()

    def frames(self) -> LiveFrames:
        """One viewer's newest frames, until it closes them; the camera is opened for it. Event loop only."""
        live = LiveFrames(lambda: self._from_thread(lambda: self._end_live(live)))
        self._loop = self._loop or asyncio.get_running_loop()
        self._users += 1
        self._viewers[live] = None
        self._wanted.set()
        return live

    async def framing(self, earlier: bytes) -> Framing | None:
        """How what the camera sees now lies over the JPEG of an earlier still; None when too little is alike.
        InstrumentFailed when the camera is away."""
        async with self._open() as grabber:
            newest = grabber.newest()
            shot = await self._after(grabber, 0 if newest is None else newest.number)
            return await asyncio.to_thread(_framing, earlier, shot)

    async def _settled(self, grabber: Grabber) -> tuple[Shot, float]:
        """The sharpest of the frames that agree, and when the last of them was here (loop time)."""
        from .picture import steadiness
        loop = asyncio.get_running_loop()
        before = grabber.newest()
        number = 0 if before is None else before.number
        recent: deque[tuple[Shot, float, float]] = deque(maxlen=SETTLE_FRAMES)
        deadline: float | None = None
        while True:
            shot = await self._after(grabber, number)
            number, seen_at = shot.number, loop.time()
            if grabber.refused:
                raise InstrumentFailed(grabber.refused, self._panel.config.instrument_id)
            if not shot.full:
                continue
            deadline = deadline or seen_at + SETTLE_S
            try:
                recent.append((shot, *await asyncio.to_thread(steadiness, shot)))
            except InstrumentFailed:
                # Torn within: the next one is whole.
                recent.clear()
            if recent and (seen_at > deadline or (len(recent) == SETTLE_FRAMES and _agree(
                    [light for _, light, _ in recent], [sharp for _, _, sharp in recent]))):
                return max(recent, key=lambda one: one[2])[0], seen_at

    async def _check(self, shot: Shot) -> None:
        if self._panel.config.kind is InstrumentKind.ultrasound and await asyncio.to_thread(_empty, shot):
            raise InstrumentFailed("camera.no_signal", self._panel.config.instrument_id)

    def _finish(self, shot: Shot) -> Picture:
        from .picture import finish
        assert self._judge is not None, "made with the grabber"
        return finish(shot, self._judge)

    def _looked(self, frame: Frame, size: tuple[int, int], at: float) -> None:
        """In the camera's thread, with a frame that somebody sees."""
        if self._judge is not None:
            self._judge.learn(frame, size)
        if self._no_signal is not None:
            gone = self._no_signal.feed(frame, at)
            if gone != (self._panel.problem == "camera.no_signal"):
                self._from_thread(lambda: self._signal(gone))

    def _signal(self, gone: bool) -> None:
        if self._panel.state is InstrumentState.measuring or self._grabber is None:
            return
        if gone:
            self._panel.show(InstrumentState.failed, "camera.no_signal")
        elif self._panel.problem == "camera.no_signal":
            self._panel.show(InstrumentState.ready)

    async def _grab(self) -> Grabber:
        # OpenCV is 28 MB and a quarter of a second: it is loaded with the first picture, not with the gateway.
        await asyncio.to_thread(import_module, f"{__package__}.grabber")
        from ..pictures.judging import Judge
        from ..pictures.no_signal import NoSignal
        from .grabber import Grabber
        from .opening import Source
        self._loop = asyncio.get_running_loop()
        config = self._panel.config
        self._judge = self._judge or Judge(config.kind)
        self._no_signal = NoSignal() if config.kind is InstrumentKind.ultrasound else None
        return Grabber(Source(config.source, self._budget, self._sys, self._dev),
                       lambda: self._from_thread(self._arrived), self._looked)

    async def _begin_live(self) -> None:
        async with self._turn:
            grabber = await self._ready()
            for live, given in tuple(self._viewers.items()):
                if given is None:
                    self._viewers[live] = grabber
                    grabber.watch(live)

    def _end_live(self, live: LiveFrames) -> None:
        grabber = self._viewers.pop(live, None)
        if grabber is not None:
            grabber.unwatch(live)
        self._leave()

    @asynccontextmanager
    async def _open(self) -> AsyncIterator[Grabber]:
        self._users += 1
        try:
            async with self._turn:
                grabber = await self._ready()
            yield grabber
        finally:
            self._leave()

    async def _ready(self) -> Grabber:
        if self._grabber is not None and self._grabber.failed:
            await self._close()
        if self._grabber is None:
            self._grabber = await self._grab()
        return self._grabber

    def _leave(self) -> None:
        self._users -= 1
        if self._loop is not None:
            self._released_at = self._loop.time()

    async def _after(self, grabber: Grabber, number: int) -> Shot:
        """The newest frame that is newer than `number`."""
        try:
            async with asyncio.timeout(FRAME_S):
                while True:
                    tick = self._tick
                    shot = grabber.newest()
                    if shot is not None and shot.number > number:
                        return shot
                    if grabber.failed:
                        self._gone(grabber.failed)
                        raise InstrumentFailed(grabber.failed, self._panel.config.instrument_id)
                    await tick.wait()
        except TimeoutError as error:
            self._panel.show(InstrumentState.failed, "instrument.silent")
            raise InstrumentFailed("instrument.silent", self._panel.config.instrument_id) from error

    def _gone(self, code: str) -> None:
        away = code == "instrument.unplugged"
        self._failed_at = asyncio.get_running_loop().time()
        self._panel.show(InstrumentState.absent if away else InstrumentState.failed, code)

    def _arrived(self) -> None:
        """Wake everybody who waits for a frame; the next wait gets an event of its own."""
        self._tick.set()
        self._tick = asyncio.Event()
        if self._grabber is not None and self._grabber.failed:
            self._gone(self._grabber.failed)

    async def _close(self) -> None:
        grabber, self._grabber = self._grabber, None
        if grabber is not None:
            grabber.close()
            await asyncio.to_thread(grabber.join)

    async def _present(self) -> bool:
        source = self._panel.config.source
        if source.startswith("file:"):
            return await asyncio.to_thread(Path(source.removeprefix("file:")).exists)
        if source.startswith(("v4l2:", "usb:")):
            return await asyncio.to_thread(usb_bus.find, source, self._sys, self._dev) is not None
        where = urlsplit(source)
        try:
            async with asyncio.timeout(CONNECT_S):
                _, writer = await asyncio.open_connection(where.hostname, where.port or 80)
        except OSError:
            return False
        writer.close()
        return True

    def _show(self, present: bool) -> None:
        state = self._panel.state
        if not present:
            self._panel.show(InstrumentState.absent, "instrument.unplugged")
        elif state is InstrumentState.failed and asyncio.get_running_loop().time() - self._failed_at < FAILED_SHOWN_S:
            # Why it could not be opened is to be read before it may be tried again.
            return
        else:
            # Also after `done`, once it is closed: the next patient's tile must not say that a picture was taken.
            self._panel.show(InstrumentState.ready)

    def _from_thread(self, call: Callable[[], None]) -> None:
        # A closed loop is the process ending; the thread is a daemon and ends with it.
        with suppress(RuntimeError):
            if self._loop is not None:
                self._loop.call_soon_threadsafe(call)


def _agree(lights: list[float], sharps: list[float]) -> bool:
    return (max(lights) - min(lights) <= SETTLED_LIGHT * max(lights) + 1
            and max(sharps) - min(sharps) <= SETTLED_FOCUS * max(sharps) + 1)


def _preview(shot: Shot) -> bytes:
    from .picture import VIEW_SIDE, preview_jpeg
    return preview_jpeg(shot.seen(VIEW_SIDE))


def _framing(earlier: bytes, shot: Shot) -> Framing | None:
    from ..pictures.framing import compare
    from .picture import VIEW_SIDE, decode
    return compare(decode(earlier), shot.seen(VIEW_SIDE))


def _empty(shot: Shot) -> bool:
    from ..pictures.judging import within
    from ..pictures.no_signal import empty
    return empty(within(shot.seen(640), 160))
