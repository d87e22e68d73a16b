"""The thread that reads a camera, against cameras that tear frames, refuse modes and vanish."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator

import cv2
import numpy as np
import pytest

from gateway.peripherals.drivers.grabber import TORN_MOST, Grabber
from gateway.peripherals.drivers.live_frames import LiveFrames
from gateway.peripherals.drivers.picture import LEAST_HEIGHT, LEAST_WIDTH, Shot, finish, shot_of
from gateway.peripherals.errors import DecodeError, InstrumentFailed
from gateway.peripherals.pictures.judging import Frame, Judge
from protocol.limits import STILL_BYTES

WAIT = 40.0
"""Seconds for what takes a fraction of one: a busy machine is no failure."""


def jpeg(width: int = 320, height: int = 240) -> bytes:
    ok, data = cv2.imencode(".jpg", np.full((height, width, 3), 120, np.uint8))
    assert ok
    return data.tobytes()


class ScriptedReader:
    """Gives what stands in the script, then waits for more; None is a camera that has gone."""

    both = False

    def __init__(self, script: deque[bytes | None], more: threading.Event) -> None:
        self._script, self._more = script, more
        self.closed = False

    def read(self) -> bytes | Frame | None:
        while not self._script:
            self._more.wait(WAIT)
            self._more.clear()
        return self._script.popleft()

    def close(self) -> None:
        self.closed = True


class ScriptedCamera:
    """`full` streams are refused with `refusal` when there is one."""

    def __init__(self, refusal: str = "") -> None:
        self.script: deque[bytes | None] = deque()
        self.more = threading.Event()
        self.refusal = refusal
        self.opened: list[tuple[bool, ScriptedReader]] = []

    def open(self, full: bool) -> ScriptedReader:
        if full and self.refusal:
            raise InstrumentFailed(self.refusal)
        self.opened.append((full, ScriptedReader(self.script, self.more)))
        return self.opened[-1][1]

    def give(self, *frames: bytes | None) -> None:
        self.script.extend(frames)
        self.more.set()


class Watched:
    """A grabber and what it says."""

    def __init__(self, camera: ScriptedCamera) -> None:
        self.camera = camera
        self._changed = threading.Condition()
        self.grabber = Grabber(camera, self._notify, lambda frame, size, at: None)

    def _notify(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def until(self, what: Callable[[], object]) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: bool(what()), WAIT)

    def number(self) -> int:
        shot = self.grabber.newest()
        return shot.number if shot else 0


@pytest.fixture
def made() -> Iterator[list[Watched]]:
    every: list[Watched] = []
    yield every
    for watched in every:
        watched.grabber.close()
        watched.camera.give(None)
        watched.grabber.join()


def watch(made: list[Watched], camera: ScriptedCamera) -> Watched:
    made.append(Watched(camera))
    return made[-1]


def test_a_torn_frame_is_skipped(made: list[Watched]) -> None:
    """Cut in the middle, or not a JPEG: the next whole one counts."""
    watched = watch(made, ScriptedCamera())
    watched.camera.give(jpeg(), jpeg()[:-200], b"", b"\xff\xd8\xff", jpeg())
    watched.until(lambda: watched.number() == 2)
    assert watched.grabber.failed is None


def test_nothing_but_torn_frames_is_a_broken_camera(made: list[Watched]) -> None:
    """A second of them ends with its code, and whoever looks hears it."""
    watched = watch(made, ScriptedCamera())
    live = LiveFrames()
    watched.grabber.watch(live)
    watched.camera.give(*[jpeg()[:-200]] * (TORN_MOST + 1))
    watched.until(lambda: watched.grabber.failed)
    assert (watched.grabber.failed, live.failed) == ("instrument.unreadable", "instrument.unreadable")
    assert watched.camera.opened[0][1].closed


def test_the_mode_for_stills_is_opened_and_left_again(made: list[Watched]) -> None:
    """Frames say in which mode they were taken; the old stream is closed before the new one begins."""
    watched = watch(made, ScriptedCamera())
    watched.camera.give(jpeg())
    watched.until(lambda: watched.number() == 1)
    watched.grabber.want_full(True)
    watched.camera.give(jpeg(), jpeg())
    watched.until(lambda: (shot := watched.grabber.newest()) is not None and shot.full)
    watched.grabber.want_full(False)
    watched.camera.give(jpeg(), jpeg())
    watched.until(lambda: (shot := watched.grabber.newest()) is not None and not shot.full and shot.number >= 4)
    assert [full for full, _ in watched.camera.opened] == [False, True, False]
    assert [reader.closed for _, reader in watched.camera.opened] == [True, True, False]


def test_a_refused_mode_leaves_the_view_as_it_was(made: list[Watched]) -> None:
    """The bus is full: the still is refused by its code, the doctor goes on seeing."""
    watched = watch(made, ScriptedCamera(refusal="camera.bus_full"))
    watched.grabber.want_full(True)
    watched.camera.give(jpeg())
    watched.until(lambda: watched.grabber.refused)
    watched.camera.give(jpeg(), jpeg())
    watched.until(lambda: watched.number() >= 2)
    assert (watched.grabber.refused, watched.grabber.failed) == ("camera.bus_full", None)


def test_a_mistake_of_ours_does_not_leave_a_camera_that_looks_alive(made: list[Watched]) -> None:
    """Whatever happens in the thread ends in a code."""
    camera = ScriptedCamera()
    watched = watch(made, camera)
    camera.give(object())  # type: ignore[arg-type]
    watched.until(lambda: watched.grabber.failed)
    assert watched.grabber.failed == "instrument.crashed"


def test_a_header_that_claims_gigapixels_is_not_decoded() -> None:
    """Sixteen bits of width and height fit into any JPEG header."""
    data = bytearray(jpeg())
    frame = data.index(b"\xff\xc0")
    data[frame + 5:frame + 9] = b"\xff\xff\xff\xff"
    with pytest.raises(DecodeError):
        shot_of(bytes(data), 1, 0.0, True)


def test_a_still_beyond_the_stores_limit_is_made_smaller() -> None:
    """Twenty-four megapixels of noise: still whole, within 12 MiB."""
    noise = np.random.default_rng(0).integers(0, 255, (4000, 6000, 3), np.uint8)
    made = finish(Shot(1, 0.0, True, 6000, 4000, frame=cv2.blur(noise, (2, 2))), Judge())
    assert len(made.jpeg) <= STILL_BYTES
    assert (made.width, made.height) == (6000, 4000)


def test_a_coarse_picture_is_no_still() -> None:
    """One row short of the guideline's least size."""
    frame = np.full((LEAST_HEIGHT - 1, LEAST_WIDTH, 3), 120, np.uint8)
    with pytest.raises(InstrumentFailed) as caught:
        finish(Shot(1, 0.0, True, LEAST_WIDTH, LEAST_HEIGHT - 1, frame=frame), Judge())
    assert caught.value.code == "still.too_small"


def test_live_frames_are_counted_and_end_once() -> None:
    """Newest wins; a call that comes after the failure hears of it; closing twice lets go once."""
    released: list[int] = []
    live = LiveFrames(lambda: released.append(1))
    heard: list[int] = []
    live.on_frame(lambda: heard.append(live.newest()[0]))
    frame = np.zeros((2, 2, 3), np.uint8)
    live.put(frame, 1.0)
    live.put(frame, 2.0)
    assert heard == [1, 2]
    live.fail("instrument.unplugged")
    live.fail("camera.busy")
    late: list[str | None] = []
    live.on_frame(lambda: late.append(live.failed))
    assert late == ["instrument.unplugged"]
    live.close()
    live.close()
    live.put(frame, 3.0)
    assert (released, len(heard)) == ([1], 4)
