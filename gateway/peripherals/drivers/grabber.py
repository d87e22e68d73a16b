"""A thread that reads one examination camera and keeps its newest frame. The only one who opens cameras with OpenCV."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final, Protocol

import cv2
import numpy as np
import structlog

from ..errors import DecodeError, InstrumentFailed
from ..pictures.judging import Frame
from .live_frames import LIVE_FPS, LiveFrames
from .opening import Reader
from .picture import VIEW_SIDE, Shot, shot_of

_log = structlog.get_logger()

LOOK_EVERY_S: Final = 0.2
"""How often a watched picture is examined (best focus, no signal): often enough to follow a hand."""

SLOW_S: Final = 0.25
"""While a still is taken the view is decoded from full frames, and the verdict needs the processor."""

TORN_MOST: Final = 30
"""A second of nothing but torn frames is a cable, not a glitch."""

JOIN_S: Final = 8.0
"""Opening and one read have 7 s together."""


class Camera(Protocol):
    """How a source is opened (`opening.Source`)."""

    def open(self, full: bool) -> Reader:
        """A running stream. InstrumentFailed says why there is none."""


class Grabber:
    """Reads until closed. `arrived` is called from the thread after each frame, and once with the camera gone
    (`failed`); `looked` with a watched frame and its time, a few times a second."""

    def __init__(self, camera: Camera, arrived: Callable[[], None],
                 looked: Callable[[Frame, tuple[int, int], float], None]) -> None:
        self._camera, self._arrived, self._looked = camera, arrived, looked
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._shot: Shot | None = None
        self._number = 0
        self._full = False
        self._lives: list[LiveFrames] = []
        self._watchers = 0
        self._looked_at = self._shown_at = 0.0
        self.failed: str | None = None
        self.refused: str | None = None
        """Why the mode for stills could not be had; the view goes on."""
        self._thread = threading.Thread(target=self._run, name="camera-grabber", daemon=True)
        self._thread.start()

    def newest(self) -> Shot | None:
        """The newest frame; None while the exposure settles."""
        with self._lock:
            return self._shot

    def want_full(self, full: bool) -> None:
        """Switch to the sensor's largest size, or back; frames of it are `full`."""
        self.refused = None
        self._full = full

    def watch(self, live: LiveFrames | None = None) -> None:
        """Somebody looks: frames are examined; `live` gets them."""
        with self._lock:
            self._watchers += 1
            if live is not None:
                self._lives.append(live)
                if self.failed:
                    live.fail(self.failed)

    def unwatch(self, live: LiveFrames | None = None) -> None:
        """Nobody does any more."""
        with self._lock:
            self._watchers -= 1
            if live is not None and live in self._lives:
                self._lives.remove(live)

    def close(self) -> None:
        """Ask the thread to end; it does after the frame it is waiting for."""
        self._stop.set()

    def join(self) -> None:
        """Wait for the thread: at most one opening and one read. Not in the event loop."""
        self._thread.join(JOIN_S)

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                self._stream()
        except InstrumentFailed as error:
            self._fail(error.code)
        except cv2.error:
            self._fail("instrument.unreadable")
        except Exception as error:
            # A mistake of ours in this thread must be seen, and must not leave a camera that looks alive.
            _log.error("camera.crashed", error=type(error).__name__)
            self._fail("instrument.crashed")

    def _stream(self) -> None:
        """One opening: until closed, gone, or another mode is wanted."""
        full = self._full
        try:
            reader = self._camera.open(full)
        except InstrumentFailed as error:
            if not full or error.code == "instrument.unplugged":
                raise
            self.refused, self._full = error.code, False
            self._arrived()
            return
        torn = 0
        try:
            while not self._stop.is_set() and (self._full == full or reader.both):
                data = reader.read()
                if data is None:
                    raise InstrumentFailed("instrument.unplugged")
                try:
                    self._keep(self._shot_of(data, full or reader.both), reader.both)
                    torn = 0
                except DecodeError as error:
                    torn += 1
                    if torn > TORN_MOST:
                        raise InstrumentFailed("instrument.unreadable") from error
        finally:
            reader.close()

    def _shot_of(self, data: bytes | Frame, full: bool) -> Shot:
        number, at = self._number + 1, time.monotonic()
        if isinstance(data, bytes):
            return shot_of(data, number, at, full)
        frame = np.asarray(data, dtype=np.uint8)
        return Shot(number, at, full, frame.shape[1], frame.shape[0], frame=frame)

    def _keep(self, shot: Shot, both: bool) -> None:
        with self._lock:
            self._shot, self._number = shot, shot.number
            lives = tuple(self._lives)
            watched = self._watchers > 0
        self._arrived()
        if watched:
            self._show(shot, lives, shot.full and not both)

    def _show(self, shot: Shot, lives: tuple[LiveFrames, ...], full_only: bool) -> None:
        try:
            pause = SLOW_S if full_only else 0.8 / LIVE_FPS
            if lives and shot.at - self._shown_at >= pause:
                self._shown_at = shot.at
                for live in lives:
                    live.put(shot.seen(VIEW_SIDE), shot.at)
            if shot.at - self._looked_at >= LOOK_EVERY_S:
                self._looked_at = shot.at
                self._looked(shot.seen(VIEW_SIDE), (shot.width, shot.height), shot.at)
        except InstrumentFailed as error:
            # Headers whole, picture not: one frame less.
            raise DecodeError(error.code) from error

    def _fail(self, code: str) -> None:
        with self._lock:
            self.failed = code
            lives = tuple(self._lives)
        for live in lives:
            live.fail(code)
        self._arrived()
