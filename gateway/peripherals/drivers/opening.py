"""The ways to a camera's frames: V4L2 within what its bus carries, MJPEG over HTTP, files for training."""

from __future__ import annotations

import errno
import time
from pathlib import Path
from typing import Any, Final, Protocol

import cv2
import numpy as np
import structlog

from ..errors import InstrumentFailed
from ..pictures.judging import Frame
from . import usb_bus, v4l2
from .picture import LEAST_HEIGHT, LEAST_WIDTH, VIEW_SIDE
from .usb_bus import Budget
from .v4l2 import Mode

_log = structlog.get_logger()

OPEN_MS, READ_MS = 4000, 3000
"""A network camera answers within a second; a USB camera that is pulled out is noticed by its driver at once."""

WARM_UP: Final = 5
"""First frames of a camera are taken while its exposure settles."""

WARM_UP_FULL: Final = 2
"""After a change of mode the exposure is nearly right, and the still waits until it is steady anyway."""

VIEW_FPS: Final = 15.0
"""Slower than this a hand cannot follow what it does."""

TRIES: Final = 6
"""Modes tried on one opening: each refusal of a real camera costs a third of a second."""

FILE_EVERY_S: Final = 0.1

_BLIND: Final = Mode("MJPG", 10_000, 10_000, 30.0)
"""For a driver that lists nothing: it takes the largest it has."""


class Reader(Protocol):
    """A running stream. `both`: its frames serve for looking and as stills."""

    both: bool

    def read(self) -> bytes | Frame | None:
        """The next frame, as JPEG or BGR; None when the camera has gone."""

    def close(self) -> None:
        """Let go of the device."""


class Source:
    """`v4l2:PATH`, `usb:VID:PID[:SERIAL]`, `http://…` (MJPEG), `file:PATH` (picture or film)."""

    def __init__(self, source: str, budget: Budget, sys: Path = usb_bus.SYS, dev: Path = usb_bus.DEV) -> None:
        self._source, self._budget, self._sys, self._dev = source, budget, sys, dev

    def open(self, full: bool) -> Reader:
        """A running stream in the mode for looking, or `full` for a still. InstrumentFailed: `instrument.unplugged`,
        `camera.bus_full`, `camera.busy`, `instrument.silent`."""
        if self._source.startswith("file:"):
            return _file(self._source.removeprefix("file:"))
        if self._source.startswith(("v4l2:", "usb:")):
            return self._device(full)
        return _network(self._source)

    def _device(self, full: bool) -> Reader:
        path = usb_bus.find(self._source, self._sys, self._dev)
        if path is None:
            raise InstrumentFailed("instrument.unplugged")
        try:
            offered = v4l2.modes(path)
        except OSError as error:
            raise InstrumentFailed(_code(error.errno or 0)) from error
        view = usb_bus.for_view(offered, VIEW_SIDE, VIEW_FPS) or [_BLIND]
        still = usb_bus.for_still(offered, LEAST_WIDTH, LEAST_HEIGHT) or sorted(view, key=lambda mode: -mode.pixels)
        both = view[0] == still[0]
        code = "camera.bus_full"
        for mode in (still if full else view)[:TRIES]:
            reader, code = self._try(path, mode, WARM_UP_FULL if full else WARM_UP, both)
            if reader is not None:
                return reader
            if code != "camera.bus_full":
                break
        raise InstrumentFailed(code)

    def _try(self, path: Path, mode: Mode, warm_up: int, both: bool) -> tuple[Reader | None, str]:
        bus = usb_bus.bus_of(path, self._sys) if mode is not _BLIND else None
        if bus is not None and not self._budget.reserve(bus, self, mode):
            _log.info("camera.mode_refused", width=mode.width, height=mode.height, fourcc=mode.fourcc, by="budget")
            return None, "camera.bus_full"
        reader = _Device(path, mode, self._budget, self, both)
        for _ in range(1 + warm_up):
            if reader.read() is None:
                reader.close()
                number = v4l2.refusal(path, mode)
                _log.info("camera.mode_refused", width=mode.width, height=mode.height, fourcc=mode.fourcc,
                          by=errno.errorcode.get(number, "silence"))
                return None, _code(number)
        return reader, ""


class _Device:
    """A V4L2 device by OpenCV, in one mode."""

    def __init__(self, path: Path, mode: Mode, budget: Budget, owner: object, both: bool) -> None:
        self.both = both
        self._budget, self._owner = budget, owner
        self._capture: Any = cv2.VideoCapture(str(path), cv2.CAP_V4L2)
        # The format before the size: the other way round OpenCV picks a size of its raw format (its issue 9540).
        self._capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*mode.fourcc))
        self._capture.set(cv2.CAP_PROP_FRAME_WIDTH, mode.width)
        self._capture.set(cv2.CAP_PROP_FRAME_HEIGHT, mode.height)
        self._capture.set(cv2.CAP_PROP_FPS, mode.fps)
        if mode.fourcc == "MJPG":
            # The camera's own JPEG: kept as it is in a still, decoded small for looking.
            self._capture.set(cv2.CAP_PROP_CONVERT_RGB, 0)

    def read(self) -> bytes | Frame | None:
        ok, data = self._capture.read()
        return _either(data) if ok else None

    def close(self) -> None:
        self._capture.release()
        self._budget.release(self._owner)


class _Network:
    """A network camera: its JPEGs as they come, or decoded when it sends something else."""

    both = True

    def __init__(self, capture: Any, first: bytes | Frame) -> None:
        self._capture = capture
        self._first: bytes | Frame | None = first

    def read(self) -> bytes | Frame | None:
        first, self._first = self._first, None
        if first is not None:
            return first
        ok, data = self._capture.read()
        return _either(data) if ok else None

    def close(self) -> None:
        self._capture.release()


class _Film:
    """Plays over and over, at most ten frames a second."""

    both = True

    def __init__(self, capture: Any) -> None:
        self._capture = capture
        self._next = 0.0

    def read(self) -> bytes | Frame | None:
        time.sleep(max(0.0, self._next - time.monotonic()))
        self._next = time.monotonic() + FILE_EVERY_S
        ok, frame = self._capture.read()
        if not ok and self._capture.set(cv2.CAP_PROP_POS_FRAMES, 0):
            ok, frame = self._capture.read()
        return np.asarray(frame, dtype=np.uint8) if ok else None

    def close(self) -> None:
        self._capture.release()


class _Picture:
    """One picture, again and again."""

    both = True

    def __init__(self, frame: Frame) -> None:
        self._frame = frame

    def read(self) -> bytes | Frame | None:
        time.sleep(FILE_EVERY_S)
        return self._frame

    def close(self) -> None:
        """Nothing is held."""


def _file(path: str) -> Reader:
    still = cv2.imread(path)
    if still is not None:
        return _Picture(np.asarray(still, dtype=np.uint8))
    capture = cv2.VideoCapture(path, cv2.CAP_FFMPEG)
    if not capture.isOpened():
        raise InstrumentFailed("instrument.unplugged")
    return _Film(capture)


def _network(url: str) -> Reader:
    limits = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, OPEN_MS, cv2.CAP_PROP_READ_TIMEOUT_MSEC, READ_MS]
    for options in ([cv2.CAP_PROP_FORMAT, -1, *limits], limits):
        # First undecoded; a stream that is not made of JPEGs is opened again to be decoded.
        capture = cv2.VideoCapture(url, cv2.CAP_FFMPEG, options)
        ok, data = capture.read() if capture.isOpened() else (False, None)
        if not ok:
            capture.release()
            raise InstrumentFailed("instrument.unplugged")
        first = _either(data)
        if not isinstance(first, bytes) or first[:2] == b"\xff\xd8":
            return _Network(capture, first)
        capture.release()
    raise InstrumentFailed("instrument.unreadable")


def _either(data: Any) -> bytes | Frame:
    """OpenCV gives undecoded bytes as one row."""
    array = np.asarray(data, dtype=np.uint8)
    return array if array.ndim == 3 and array.shape[2] == 3 else array.tobytes()


def _code(number: int) -> str:
    if number in (errno.ENOSPC, errno.ENOMEM):
        return "camera.bus_full"
    if number == errno.EBUSY:
        return "camera.busy"
    if number in (errno.EACCES, errno.EPERM):
        return "camera.refused"
    return "instrument.silent" if number == 0 else "instrument.unplugged"


