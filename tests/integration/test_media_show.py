"""An examination camera in the doctor's picture: in, out, and gone, with the frames the peripherals room gives."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator

import av
import cv2
import numpy as np
import pytest
from aiortc.mediastreams import MediaStreamTrack

from gateway.media import scene_source
from gateway.media.compose import Sides, places
from gateway.media.scene_source import SceneSource
from gateway.peripherals.drivers.live_frames import LiveFrames
from sim.camera import Scene, SceneCamera, read_code
from tests.integration.test_media_engine import Events, Page, Room, connect, running

ROOM, SKIN = 16 / 9, 4 / 3


class SkinCamera:
    """A camera of 1600x1200 at 15 pictures a second, in a thread of its own as a driver's."""

    def __init__(self) -> None:
        self.released = threading.Event()
        self.frames = LiveFrames(self.released.set)
        self._stop = threading.Event()
        planes = np.frombuffer(bytes(Scene(1600, 1200, 15).draw(4711))[6:], np.uint8).reshape(1800, 1600)
        self._picture = np.asarray(cv2.cvtColor(planes, cv2.COLOR_YUV2BGR_I420), np.uint8)
        self._thread = threading.Thread(target=self._run, name="skin", daemon=True)

    def start(self) -> SceneSource:
        self._thread.start()
        return self.frames

    def pull_out(self) -> None:
        self.stop()
        self.frames.fail("instrument.unplugged")

    def stop(self) -> None:
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(1 / 15):
            self.frames.put(self._picture, time.monotonic())


@pytest.fixture
async def room() -> AsyncIterator[Room]:
    async with running(SceneCamera(width=640, height=360)) as room:
        yield room


@pytest.fixture
async def page(room: Room) -> AsyncIterator[Page]:
    peer = await room.engine.doctor_peer([], Events())
    page = await connect(peer)
    yield page
    await page.connection.close()
    await peer.close()


async def seen(page: Page, shape: float) -> av.VideoFrame:
    """The first picture of this shape; its size is the rate's affair."""
    track: MediaStreamTrack = next(t for t in page.tracks if t.kind == "video")
    async with asyncio.timeout(40):
        while True:
            frame = await track.recv()
            assert isinstance(frame, av.VideoFrame)
            if frame.width / frame.height == pytest.approx(shape, rel=0.01):
                return frame


async def test_the_doctor_looks_through_the_skin_camera_and_back(room: Room, page: Page) -> None:
    """Its picture comes in its own shape on the same track; the room camera is watched meanwhile and comes back."""
    await seen(page, ROOM)
    camera = SkinCamera()
    room.engine.show(camera.start(), "skin-1")
    assert room.engine.shown is None
    frame = await seen(page, SKIN)
    assert read_code(np.asarray(frame.to_ndarray(format="gray"), np.uint8)) == 4711
    assert room.engine.shown == "skin-1"
    room.camera.unplug()
    await room.until(lambda: not room.engine.camera.present)
    room.camera.plug()
    await room.until(lambda: room.engine.camera.present)
    assert room.engine.shown == "skin-1"
    room.engine.show(None)
    assert (room.engine.shown, room.engine.shown_code) == (None, None)
    assert camera.released.is_set()
    await seen(page, ROOM)
    camera.stop()


async def test_a_skin_camera_that_is_pulled_out_gives_the_room_back(room: Room, page: Page) -> None:
    """Without anybody's help, with the camera's own code, and it is said."""
    camera = SkinCamera()
    room.engine.show(camera.start(), "skin-1")
    await seen(page, SKIN)
    camera.pull_out()
    await room.until(lambda: room.engine.shown_code is not None)
    assert (room.engine.shown, room.engine.shown_code) == (None, "instrument.unplugged")
    assert camera.released.is_set()
    await seen(page, ROOM)


async def test_a_skin_camera_that_hangs_gives_the_room_back(room: Room, page: Page,
                                                            monkeypatch: pytest.MonkeyPatch) -> None:
    """No picture within the limit is as good as unplugged."""
    monkeypatch.setattr(scene_source, "SILENT_SECONDS", 0.5)
    camera = SkinCamera()
    room.engine.show(camera.start(), "skin-1")
    await seen(page, SKIN)
    camera.stop()
    await room.until(lambda: room.engine.shown_code == "camera.silent")
    await seen(page, ROOM)


async def test_a_camera_that_never_starts_never_takes_the_picture_away(room: Room, page: Page,
                                                                       monkeypatch: pytest.MonkeyPatch) -> None:
    """The room stays in the picture until the first one comes; one that had failed before is said at once."""
    monkeypatch.setattr(scene_source, "FIRST_SECONDS", 0.5)
    camera = SkinCamera()
    room.engine.show(camera.frames, "skin-1")
    await seen(page, ROOM)
    await room.until(lambda: room.engine.shown_code == "camera.silent")
    assert camera.released.is_set()
    dead = SkinCamera()
    dead.frames.fail("camera.bus_full")
    room.engine.show(dead.frames, "skin-1")
    assert (room.engine.shown, room.engine.shown_code) == (None, "camera.bus_full")
    assert dead.released.is_set()


async def test_one_examination_camera_after_the_other(room: Room, page: Page) -> None:
    """The second lets the first go; a late picture of the first changes nothing."""
    first, second = SkinCamera(), SkinCamera()
    room.engine.show(first.start(), "skin-1")
    await seen(page, SKIN)
    room.engine.show(second.start(), "otoscope-1")
    assert first.released.is_set()
    await room.until(lambda: room.engine.shown == "otoscope-1")
    first.pull_out()
    await seen(page, SKIN)
    assert (room.engine.shown, room.engine.shown_code) == ("otoscope-1", None)
    second.stop()


async def test_ending_lets_the_camera_go() -> None:
    """The engine's end closes the source it was given."""
    camera = SkinCamera()
    async with running(SceneCamera(width=640, height=360)) as room:
        room.engine.show(camera.start(), "skin-1")
        await room.until(lambda: room.engine.shown == "skin-1")
    assert camera.released.is_set()
    camera.stop()


async def seen_beside(page: Page) -> None:
    """Until the finding's code is read from the left three quarters and the room's from its own place."""
    track: MediaStreamTrack = next(t for t in page.tracks if t.kind == "video")
    async with asyncio.timeout(40):
        while True:
            frame = await track.recv()
            assert isinstance(frame, av.VideoFrame)
            gray = np.asarray(frame.to_ndarray(format="gray"), np.uint8)
            where = places(frame.width, frame.height, Sides(640, 360))
            room = gray[:where.room.height, where.room_left:where.room_left + where.room.width]
            if read_code(gray[:, :where.finding.width]) == 4711 and read_code(room) is not None:
                return


async def test_the_room_stands_beside_and_the_camera_stays_open(room: Room, page: Page) -> None:
    """Both in one picture on the same track; changing it opens and closes nothing; without the room camera the finding
    has the whole picture again."""
    camera, again = SkinCamera(), SkinCamera()
    room.engine.show(camera.start(), "skin-1", beside=True)
    await seen_beside(page)
    assert (room.engine.shown, room.engine.beside) == ("skin-1", True)
    room.engine.show(again.frames, "skin-1")
    assert (again.released.is_set(), camera.released.is_set()) == (True, False)
    await seen(page, SKIN)
    assert (room.engine.shown, room.engine.beside) == ("skin-1", False)
    room.engine.show(camera.frames, "skin-1", beside=True)
    assert not camera.released.is_set()
    await seen_beside(page)
    room.camera.unplug()
    await seen(page, SKIN)
    room.engine.show(None)
    assert camera.released.is_set()
    assert not room.engine.beside
    camera.stop()
