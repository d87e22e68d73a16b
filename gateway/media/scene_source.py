"""Which camera has the encoder: the room's, or an examination camera's while the doctor looks through it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

import structlog
from av.video.frame import VideoFrame

from .camera import CameraFrame
from .compose import Captured
from .mailbox import Mailbox

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FIRST_SECONDS = 8.0
"""A USB camera opens in up to 4 s and settles its exposure in up to 2 s; later it does not come."""

SILENT_SECONDS = 2.0
"""Thirty pictures missed: whoever held the camera pulled it out, or it hangs."""

BESIDE_SECONDS = 2.0
"""An older picture of the room is not what is happening there, or is of the patient before: none stands beside."""

_log = structlog.get_logger()


class SceneSource(Protocol):
    """Newest pictures of an examination camera. Thread-safe."""

    @property
    def failed(self) -> str | None:
        """Why no more pictures come, as a code."""

    def newest(self) -> tuple[int, NDArray[np.uint8] | None, float]:
        """Count (0: none yet), picture (height x width x 3, BGR, full range, never written again) and when it was
        read, monotonic seconds."""

    def on_frame(self, call: Callable[[], None]) -> None:
        """Call this after each picture and once after a failure, from the camera's thread."""

    def close(self) -> None:
        """No more calls; must not block."""


class ExaminationFrame:
    """A picture of an examination camera, `beside` it the room's. It is only converted when the encoder takes it."""

    def __init__(self, pixels: NDArray[np.uint8], at: float, scene: int, beside: VideoFrame | None = None) -> None:
        self._pixels = pixels
        self.at = at
        self.scene = scene
        self.beside = beside

    @cached_property
    def frame(self) -> VideoFrame:
        """For the encoder; ValueError when the array is no picture."""
        if self._pixels.flags.c_contiguous:
            # As it lies there: nobody writes to it again.
            return VideoFrame.from_numpy_buffer(self._pixels, format="bgr24")
        return VideoFrame.from_ndarray(self._pixels, format="bgr24")


class Scene:
    """The switch in front of the encoder's mailbox. `changed` is called in the threads of the cameras.

    Room pictures pass until the first one of the examination camera comes, and again from the moment it fails. While
    it stands beside the room, each of its pictures takes the room's newest with it.
    """

    def __init__(self, mailbox: Mailbox[Captured], changed: Callable[[], None]) -> None:
        self._mailbox = mailbox
        self._changed = changed
        self._lock = threading.Lock()
        self._source: SceneSource | None = None
        self._name = ""
        self._number = 0
        self._count = 0
        self._live = False
        self._heard = 0.0
        self._beside = False
        self._room: CameraFrame | None = None
        """The newest one, while it stands beside; else none is kept."""
        self.code: str | None = None
        """Why the last examination camera went away by itself; None when it was sent away."""

    @property
    def shown(self) -> str | None:
        """The examination camera whose pictures the encoder gets."""
        return self._name if self._live else None

    @property
    def asked(self) -> str | None:
        """The examination camera that was asked for; its first picture may not have come yet."""
        return self._name if self._source is not None else None

    @property
    def beside(self) -> bool:
        """Whether the room stands beside the examination camera that was asked for."""
        return self._beside and self._source is not None

    def put(self, frame: CameraFrame) -> None:
        """A picture of the room camera."""
        # Under the lock: no room picture after the first one of the examination camera.
        with self._lock:
            if self.beside:
                self._room = frame
            if not self._live:
                self._mailbox.put(frame)

    def show(self, source: SceneSource | None, name: str, beside: bool = False) -> None:
        """Take the pictures of `source`, which belongs to us from here on; None: the room camera again.

        The camera that is shown already, by its name, stays open: only `beside` changes, and the new source is closed.
        """
        with self._lock:
            self._beside, self._room = beside, self._room if beside else None
            before = self._source
            stays = before is not None and source is not None and name == self._name and before.failed is None
            if not stays:
                self._source = source
                self._name, self._live, self.code = name, False, None
                self._count, self._heard = 0, time.monotonic()
                self._number += source is not None
        if stays:
            if source is not None and source is not before:
                source.close()
            return
        if before is not None:
            before.close()
        if source is not None:
            source.on_frame(lambda: self._arrived(source))
            # What came, or failed, before we listened.
            self._arrived(source)

    def check(self, now: float) -> bool:
        """Send a dead or silent examination camera away; True when one was."""
        with self._lock:
            source, limit = self._source, SILENT_SECONDS if self._live else FIRST_SECONDS
            if source is None:
                return False
            code = source.failed or ("camera.silent" if now - self._heard > limit else None)
            if code is None:
                return False
            self._source, self._live, self.code, self._room = None, False, code, None
        _log.warning("scene.examination_lost", code=code)
        source.close()
        return True

    def _arrived(self, source: SceneSource) -> None:
        count, pixels, at = source.newest()
        with self._lock:
            if source is not self._source:
                return
            before = self._live
            if source.failed is not None:
                self._live = False
            elif pixels is not None and count != self._count:
                self._count, self._heard, self._live = count, time.monotonic(), True
                self._mailbox.put(ExaminationFrame(pixels, at, self._number, self._room_now(at)))
            turned = self._live != before
        if turned or source.failed is not None:
            self._changed()

    def _room_now(self, at: float) -> VideoFrame | None:
        room = self._room
        return room.frame if room is not None and at - room.at < BESIDE_SECONDS else None
