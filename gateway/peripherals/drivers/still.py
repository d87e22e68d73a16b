"""An examination camera (skin, later ear): live preview for the kiosk, stills at full size, judged when taken."""

from __future__ import annotations

import asyncio
import hashlib
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from protocol.channels import InstrumentState
from protocol.limits import STILL_BYTES
from protocol.readings import Device, Still

from ..errors import InstrumentFailed
from ..panel import Panel

if TYPE_CHECKING:
    from .picture import Frame, Grabber, Judge, Picture

PREVIEW_EVERY_S: Final = 0.1

PRESENT_EVERY_S: Final = 2.0
"""How often an unused camera is looked for."""

CONNECT_S: Final = 2.0

FRAME_S: Final = 9.0
"""Waiting for one fresh frame: opening and reading have 7 s together."""

LINGER_S: Final = 5.0
"""The camera stays open after its last use: retaking a still is then immediate."""

BEST_OF: Final = 3
"""Consecutive frames of which the sharpest is kept: a hand moves less in one of three."""


class StillCamera:
    """One examination camera, opened while somebody looks or captures."""

    def __init__(self, panel: Panel, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._panel, self._now = panel, now
        self._judge: Judge | None = None
        self._grabber: Grabber | None = None
        self._users = 0
        self._released_at = 0.0
        self._tick = asyncio.Event()
        self._turn = asyncio.Lock()

    async def run(self) -> None:
        """Watch for the camera, close it when unused; until cancelled."""
        loop = asyncio.get_running_loop()
        try:
            while True:
                grabber = self._grabber
                unused = not self._users and loop.time() - self._released_at > LINGER_S
                if grabber is not None and (grabber.failed or unused):
                    async with self._turn:
                        await self._close()
                if self._grabber is None:
                    self._show(await self._present())
                await asyncio.sleep(PRESENT_EVERY_S if self._grabber is None else PREVIEW_EVERY_S)
        finally:
            if self._grabber is not None:
                self._grabber.close()
                self._grabber = None

    async def capture(self) -> tuple[Still, bytes]:
        """The sharpest of three fresh frames. InstrumentFailed when the camera is away or too coarse."""
        async with self._open() as grabber:
            self._panel.show(InstrumentState.measuring)
            try:
                frames: list[Frame] = []
                number, _ = grabber.newest()
                while len(frames) < BEST_OF:
                    number, frame = await self._after(grabber, number)
                    frames.append(frame)
                picture = await asyncio.to_thread(self._finish, frames)
            except InstrumentFailed as error:
                self._panel.show(InstrumentState.failed, error.code)
                raise
        self._panel.show(InstrumentState.done)
        if len(picture.jpeg) > STILL_BYTES:
            raise InstrumentFailed("still.too_large", str(len(picture.jpeg)))
        config = self._panel.config
        device = Device(device_id=config.instrument_id, kind=config.kind, model=config.name,
                        simulated=config.simulated)
        still = Still(still_id=uuid.uuid4().hex, device=device, taken_at=self._now(),
                      sha256=hashlib.sha256(picture.jpeg).hexdigest(), size=len(picture.jpeg), width=picture.width,
                      height=picture.height, quality=picture.judgement.quality, thumbnail=picture.thumbnail)
        return still, picture.jpeg

    async def preview(self) -> AsyncIterator[bytes]:
        """Newest frame about ten times a second; InstrumentFailed ends it when the camera goes away."""
        loop = asyncio.get_running_loop()
        async with self._open() as grabber:
            number = 0
            while True:
                began = loop.time()
                number, frame = await self._after(grabber, number)
                yield await asyncio.to_thread(self._preview, frame)
                await asyncio.sleep(max(0.0, PREVIEW_EVERY_S - (loop.time() - began)))

    def _preview(self, frame: Frame) -> bytes:
        from .picture import preview_jpeg
        if self._judge is not None:
            self._judge.learn(frame)
        return preview_jpeg(frame)

    def _finish(self, frames: list[Frame]) -> Picture:
        from .picture import Judge, finish, sharpness
        return finish(max(frames, key=sharpness), self._judge or Judge())

    async def _grab(self) -> Grabber:
        # OpenCV is 28 MB and a quarter of a second: it is loaded with the first picture, not with the gateway.
        await asyncio.to_thread(import_module, f"{__package__}.picture")
        from .picture import Grabber, Judge
        self._judge = self._judge or Judge()
        loop = asyncio.get_running_loop()
        return Grabber(self._panel.config.source, lambda: _from_thread(loop, self._arrived))

    @asynccontextmanager
    async def _open(self) -> AsyncIterator[Grabber]:
        self._users += 1
        try:
            async with self._turn:
                if self._grabber is not None and self._grabber.failed:
                    await self._close()
                if self._grabber is None:
                    self._grabber = await self._grab()
                grabber = self._grabber
        except BaseException:
            self._users -= 1
            raise
        try:
            yield grabber
        finally:
            self._users -= 1
            self._released_at = asyncio.get_running_loop().time()

    async def _after(self, grabber: Grabber, number: int) -> tuple[int, Frame]:
        """The newest frame that is newer than `number`."""
        try:
            async with asyncio.timeout(FRAME_S):
                while True:
                    tick = self._tick
                    newest, frame = grabber.newest()
                    if newest > number and frame is not None:
                        return newest, frame
                    if grabber.failed:
                        self._panel.show(InstrumentState.absent, grabber.failed)
                        raise InstrumentFailed(grabber.failed, self._panel.config.instrument_id)
                    await tick.wait()
        except TimeoutError as error:
            self._panel.show(InstrumentState.failed, "instrument.silent")
            raise InstrumentFailed("instrument.silent", self._panel.config.instrument_id) from error

    def _arrived(self) -> None:
        """Wake everybody who waits for a frame; the next wait gets an event of its own."""
        self._tick.set()
        self._tick = asyncio.Event()

    async def _close(self) -> None:
        grabber, self._grabber = self._grabber, None
        if grabber is not None:
            grabber.close()
            await asyncio.to_thread(grabber.join)

    async def _present(self) -> bool:
        kind, _, rest = self._panel.config.source.partition(":")
        if kind in ("v4l2", "file"):
            return await asyncio.to_thread(Path(rest).exists)
        where = urlsplit(self._panel.config.source)
        try:
            async with asyncio.timeout(CONNECT_S):
                _, writer = await asyncio.open_connection(where.hostname, where.port or 80)
        except OSError:
            return False
        writer.close()
        return True

    def _show(self, present: bool) -> None:
        if not present:
            self._panel.show(InstrumentState.absent, "instrument.unplugged")
        elif self._panel.state is not InstrumentState.done:
            self._panel.show(InstrumentState.ready)


def _from_thread(loop: asyncio.AbstractEventLoop, call: Callable[[], None]) -> None:
    # A closed loop is the process ending; the thread is a daemon and ends with it.
    with suppress(RuntimeError):
        loop.call_soon_threadsafe(call)
