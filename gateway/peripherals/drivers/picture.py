"""An examination camera's frames: grabbed in a thread, judged, written as JPEG. The only importer of cv2 here."""

from __future__ import annotations

import base64
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from protocol.readings import StillQuality

from ..errors import InstrumentFailed

Frame = NDArray[np.uint8]
"""Height x width x 3, BGR, full range."""

LEAST_WIDTH, LEAST_HEIGHT = 1024, 768
"""ATA practice guideline for teledermatology: 1024 x 768 preferred, 24-bit colour, JPEG at most 20:1."""

MOST_COMPRESSED: Final = 20.0

QUALITIES: Final = (92, 96, 98, 100)
"""JPEG quality, raised until the file is not compressed more than 20:1."""

PREVIEW_WIDTH: Final = 640
PREVIEW_QUALITY: Final = 75
THUMBNAIL_SIDE: Final = 160

DARK_BELOW: Final = 50.0
"""Mean luminance of the middle, 0 to 255; a correctly exposed skin is 110 to 180."""

GLARE_SHARE: Final = 0.01
"""Share of clipped pixels in the middle above which a highlight hides skin."""

CLIPPED: Final = 250

SHARP_OF_BEST: Final = 0.35
"""Share of this camera's own best variance of Laplacian: absolute numbers do not travel between cameras."""

REBLUR_LEAST: Final = 0.45
"""A sharp picture loses at least this share of its finest detail when it is blurred once more (Crété's blur
effect): it judges the first picture, when the camera has no best yet."""

BEST_FADES: Final = 0.98
"""The best is forgotten slowly, so that a plain patch of skin is not measured against a hairy one for ever."""

OPEN_MS, READ_MS = 4000, 3000
"""A network camera answers within a second; a USB camera that is pulled out is noticed by its driver at once."""

LIVE_FPS: Final = 20.0
"""What a doctor needs to see an eardrum move; faster only takes from the voice's share of the link."""

WARM_UP: Final = 5
"""First frames of a camera are taken while its exposure settles."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the nurse is told before the patient leaves."""

    quality: StillQuality
    sharpness: float
    luminance: float
    clipped: float


@dataclass(frozen=True, slots=True)
class Picture:
    """A still as it is kept."""

    jpeg: bytes
    width: int
    height: int
    thumbnail: str
    judgement: Judgement


class Judge:
    """Keeps one camera's own best sharpness."""

    def __init__(self) -> None:
        self.best = 0.0

    def learn(self, frame: Frame) -> None:
        """A preview frame: the nurse focuses while looking at it, so the best one is a sharp one."""
        self.best = max(self.best * BEST_FADES, sharpness(_middle(frame)))

    def judge(self, frame: Frame) -> Judgement:
        """Dark first, then glare, then focus: light explains what focus can't."""
        middle = _middle(frame)
        luminance = float(middle.mean())
        clipped = float((middle >= CLIPPED).mean())
        detail = sharpness(middle)
        self.best = max(self.best * BEST_FADES, detail)
        if luminance < DARK_BELOW:
            quality = StillQuality.dark
        elif clipped > GLARE_SHARE:
            quality = StillQuality.glare
        elif detail < SHARP_OF_BEST * self.best or reblur(middle) < REBLUR_LEAST:
            quality = StillQuality.blurred
        else:
            quality = StillQuality.sharp
        return Judgement(quality, detail, luminance, clipped)


def sharpness(grey: Frame) -> float:
    """Variance of the Laplacian."""
    return float(cv2.Laplacian(grey, cv2.CV_64F).var())


def reblur(grey: Frame) -> float:
    """Share of the neighbour-to-neighbour variation that one more blur removes: 0 blurred already, near 1 sharp."""
    wide = grey.astype(np.float32)
    soft = cv2.blur(wide, (9, 9))
    removed = []
    for axis in (0, 1):
        before = np.abs(np.diff(wide, axis=axis))
        after = np.abs(np.diff(soft, axis=axis))
        total = float(before.sum())
        removed.append(float(np.maximum(before - after, 0).sum()) / total if total else 0.0)
    return min(removed)


def _middle(frame: Frame) -> Frame:
    """The middle quarter, in grey: where the lesion is held."""
    height, width = frame.shape[:2]
    part = frame[height // 4:height * 3 // 4, width // 4:width * 3 // 4]
    return np.asarray(cv2.cvtColor(part, cv2.COLOR_BGR2GRAY), dtype=np.uint8)


def finish(frame: Frame, judge: Judge) -> Picture:
    """JPEG at the camera's full size, thumbnail, judgement. InstrumentFailed `still.too_small`."""
    height, width = frame.shape[:2]
    if max(width, height) < LEAST_WIDTH or min(width, height) < LEAST_HEIGHT:
        raise InstrumentFailed("still.too_small", f"{width}x{height}")
    jpeg = b""
    for quality in QUALITIES:
        jpeg = _jpeg(frame, quality)
        if frame.nbytes / len(jpeg) <= MOST_COMPRESSED:
            break
    small = _jpeg(_within(frame, THUMBNAIL_SIDE), 70)
    return Picture(jpeg, width, height, base64.b64encode(small).decode(), judge.judge(frame))


def preview_jpeg(frame: Frame) -> bytes:
    """The kiosk's live view."""
    return _jpeg(_within(frame, PREVIEW_WIDTH), PREVIEW_QUALITY)


def _within(frame: Frame, side: int) -> Frame:
    height, width = frame.shape[:2]
    scale = min(1.0, side / max(width, height))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(frame, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _jpeg(frame: Frame, quality: int) -> bytes:
    # OpenCV writes plain JFIF: no EXIF, so neither place nor serial number leaves with the picture.
    ok, data = cv2.imencode(".jpg", frame, [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not ok:
        raise InstrumentFailed("still.not_encoded")
    return data.tobytes()


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


class Grabber:
    """A thread that reads one camera and keeps its newest frame. `arrived` is called from the thread after each
    frame, and once with the camera gone (`failed`)."""

    def __init__(self, source: str, arrived: Callable[[], None]) -> None:
        self._source, self._arrived = source, arrived
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._frame: Frame | None = None
        self.number = 0
        """Frames grabbed so far; 0 while the exposure settles."""
        self.failed: str | None = None
        self._thread = threading.Thread(target=self._run, name="still-grabber", daemon=True)
        self._thread.start()

    def newest(self) -> tuple[int, Frame | None]:
        """The newest frame and its number."""
        with self._lock:
            return self.number, self._frame

    def close(self) -> None:
        """Ask the thread to end; it does after the frame it is waiting for."""
        self._stop.set()

    def join(self) -> None:
        """Wait for the thread: at most one read's time limit. Not in the event loop."""
        self._thread.join(OPEN_MS / 1000 + READ_MS / 1000)

    def _run(self) -> None:
        try:
            path = self._source.removeprefix("file:")
            still = cv2.imread(path) if path != self._source else None
            if still is None:
                self._capture()
            else:
                self._repeat(np.asarray(still, dtype=np.uint8))
        except cv2.error:
            self.failed = "instrument.unreadable"
        if self.failed:
            self._arrived()

    def _repeat(self, still: Frame) -> None:
        while not self._stop.is_set():
            self._keep(still)
            self._stop.wait(0.1)

    def _capture(self) -> None:
        capture = open_capture(self._source)
        try:
            if not capture.isOpened():
                self.failed = "instrument.unplugged"
                return
            warm_up = WARM_UP if self._source.startswith("v4l2:") else 0
            while not self._stop.is_set():
                began = time.monotonic()
                ok, frame = capture.read()
                if not ok and self._source.startswith("file:") and capture.set(cv2.CAP_PROP_POS_FRAMES, 0):
                    ok, frame = capture.read()
                if not ok:
                    self.failed = "instrument.unplugged"
                    return
                if warm_up:
                    warm_up -= 1
                    continue
                self._keep(np.asarray(frame, dtype=np.uint8))
                if self._source.startswith("file:"):
                    self._stop.wait(max(0.0, 0.1 - (time.monotonic() - began)))
        finally:
            capture.release()

    def _keep(self, frame: Frame) -> None:
        with self._lock:
            self._frame = frame
            self.number += 1
        self._arrived()


def open_capture(source: str) -> Any:
    """OpenCV's capture of `v4l2:PATH`, `file:PATH` or `http://…`; MJPG is asked before the size (opencv issue 9540)."""
    kind, _, rest = source.partition(":")
    if kind == "v4l2":
        # By-id links are resolved here: OpenCV takes /dev/videoN only.
        capture = cv2.VideoCapture(str(Path(rest).resolve()), cv2.CAP_V4L2)
        capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))
        capture.set(cv2.CAP_PROP_FRAME_WIDTH, 10_000)
        capture.set(cv2.CAP_PROP_FRAME_HEIGHT, 10_000)
        capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
        return capture
    return cv2.VideoCapture(rest if kind == "file" else source, cv2.CAP_FFMPEG,
                            [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, OPEN_MS, cv2.CAP_PROP_READ_TIMEOUT_MSEC, READ_MS])
