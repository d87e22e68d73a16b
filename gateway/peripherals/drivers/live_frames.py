"""One viewer's newest frames: the way from a camera's thread to the encoder's."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    # OpenCV comes with the first picture: the gateway starts without it.
    from ..pictures.judging import Frame

LIVE_FPS: Final = 20.0
"""What a doctor needs to see an eardrum move; faster only takes from the voice's share of the link."""


class LiveFrames:
    """One viewer's newest frames of an examination camera, for the picture sent to the doctor. Thread-safe.

    Made by `Supervisor.frames(instrument_id)`; `close` lets the camera go. The rate is the camera's own, at most
    `LIVE_FPS`; a slow reader misses frames and never lags behind.
    """

    def __init__(self, released: Callable[[], None] = lambda: None) -> None:
        self._released = released
        self._lock = threading.Lock()
        self._newest: tuple[int, Frame | None, float] = (0, None, 0.0)
        self._calls: list[Callable[[], None]] = []
        self._closed = False
        self.failed: str | None = None
        """Why no more frames come (`instrument.unplugged`, `camera.bus_full`); ask for new frames when it is back."""

    def newest(self) -> tuple[int, Frame | None, float]:
        """Count (0: none yet), frame (H x W x 3 uint8, BGR, full range; do not write to it) and when it was read,
        monotonic seconds."""
        with self._lock:
            return self._newest

    def on_frame(self, call: Callable[[], None]) -> None:
        """Call this after each frame and once after a failure, from the camera's thread: it must only signal."""
        with self._lock:
            self._calls.append(call)
            failed = self.failed
        if failed:
            call()

    def close(self) -> None:
        """No more calls; the camera is closed when nobody else looks. Idempotent, from any thread."""
        with self._lock:
            closed, self._closed = self._closed, True
            self._calls.clear()
        if not closed:
            self._released()

    def put(self, frame: Frame, at: float) -> None:
        """The camera's side: a frame read at `at`."""
        with self._lock:
            self._newest = (self._newest[0] + 1, frame, at)
            calls = tuple(self._calls)
        for call in calls:
            call()

    def fail(self, code: str) -> None:
        """The camera's side: no more frames."""
        with self._lock:
            self.failed = self.failed or code
            calls = tuple(self._calls)
        for call in calls:
            call()
