"""The room camera, read in a thread of its own: the newest picture in a mailbox, its presence as a value."""

from __future__ import annotations

import errno
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Protocol

import av
import structlog
from av.container import InputContainer
from av.video.frame import VideoFrame

from .config import CameraConfig, CameraKind

RETRY_SECONDS = 1.0
"""How soon a camera that is plugged in again is seen; opening an absent one costs nothing."""

OPEN_SECONDS = 5.0
"""A USB camera needs up to 2 s to start its sensor."""

SILENCE_SECONDS = 2.0
"""Fifty pictures missed: the camera hangs, open it again."""

STOP_SECONDS = 2.5
"""A read ends at its time limit; a driver that hangs longer keeps its (daemon) thread."""

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class CameraFrame:
    """A picture and when it was read, monotonic seconds."""

    frame: VideoFrame
    at: float
    scene: int = 0
    """Another number, another camera; 0 is the room's."""
    beside: VideoFrame | None = None
    """Nothing stands beside the room."""


class FrameSink(Protocol):
    """Takes the room's pictures, in the camera's thread."""

    def put(self, frame: CameraFrame) -> None:
        """The newest one."""


@dataclass(frozen=True, slots=True)
class CameraState:
    """Whether pictures come; their size in pixels; else why not, as a code."""

    present: bool
    width: int = 0
    height: int = 0
    code: str | None = None


class CameraReader:
    """Opens, reads, reopens. `changed` is called in the camera's thread."""

    def __init__(self, config: CameraConfig, sink: FrameSink,
                 changed: Callable[[CameraState], None]) -> None:
        self._config = config
        self._sink = sink
        self._changed = changed
        self._state: CameraState | None = None
        self._stop = threading.Event()
        self._watched = threading.Event()
        self._thread = threading.Thread(target=self._run, name="camera", daemon=True)

    def start(self) -> None:
        """Begin; once."""
        self._thread.start()

    def watch(self, watched: bool) -> None:
        """Whether somebody wants pictures; without, compressed ones are read but not decoded."""
        if watched:
            self._watched.set()
        else:
            self._watched.clear()

    def stop(self) -> None:
        """End; waits for the thread at most `STOP_SECONDS`. Call it off the event loop."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(STOP_SECONDS)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                with closing(_open(self._config)) as container:
                    self._read(container)
                code = "camera.missing"
            except (av.FFmpegError, OSError, ValueError) as error:
                code = _code(error)
            if not self._stop.is_set():
                self._say(CameraState(present=False, code=code))
                self._stop.wait(RETRY_SECONDS)

    def _read(self, container: InputContainer) -> None:
        """Until the source ends or `stop`."""
        paced = _Pace() if self._config.kind is CameraKind.file else None
        while not self._stop.is_set():
            for frame in self._frames(container):
                if self._stop.is_set():
                    return
                if paced is not None and self._stop.wait(paced.wait(frame, time.monotonic())):
                    return
                self._say(CameraState(present=True, width=frame.width, height=frame.height))
                self._sink.put(CameraFrame(frame, time.monotonic()))
            if paced is None:
                return
            container.seek(0)
            paced.again()

    def _frames(self, container: InputContainer) -> Iterator[VideoFrame]:
        stream = container.streams.video[0]
        for packet in container.demux(stream):
            if self._stop.is_set():
                return
            # MJPEG decoding is a tenth of a core; each picture stands alone, so skipping is free.
            known = self._state is not None and self._state.present
            if self._config.kind is CameraKind.v4l2 and known and not self._watched.is_set():
                continue
            try:
                yield from packet.decode()
            except av.InvalidDataError:
                # One damaged picture on the USB bus; the next one is whole.
                continue

    def _say(self, state: CameraState) -> None:
        if state == self._state:
            return
        was_present = self._state is not None and self._state.present
        if state.present and not was_present:
            _log.info("camera.present", width=state.width, height=state.height)
        elif not state.present and (self._state is None or was_present):
            _log.warning("camera.away", code=state.code)
        self._state = state
        self._changed(state)


class _Pace:
    """Plays a file at its own speed, over and over."""

    def __init__(self) -> None:
        self._start: float | None = None
        self._first = 0.0

    def again(self) -> None:
        self._start = None

    def wait(self, frame: VideoFrame, now: float) -> float:
        shown = float(frame.pts * frame.time_base) if frame.pts is not None and frame.time_base else 0.0
        if self._start is None:
            self._start, self._first = now, shown
        return max(0.0, self._start + shown - self._first - now)


def _open(config: CameraConfig) -> InputContainer:
    if config.kind is CameraKind.file:
        return av.open(config.address)
    timeout = (OPEN_SECONDS, SILENCE_SECONDS)
    if config.kind is CameraKind.tcp:
        return av.open(config.address, format="yuv4mpegpipe", timeout=timeout)
    options = {"video_size": f"{config.width}x{config.height}", "framerate": str(config.frames_per_second)}
    try:
        # Uncompressed 720p at 25 does not fit USB 2; cameras offer it as MJPEG.
        return av.open(config.address, format="v4l2", timeout=timeout, options={**options, "input_format": "mjpeg"})
    except av.ArgumentError:
        return av.open(config.address, format="v4l2", timeout=timeout, options=options)


def _code(error: Exception) -> str:
    number = getattr(error, "errno", None)
    if number == errno.EBUSY:
        return "camera.busy"
    if number in (errno.EACCES, errno.EPERM):
        return "camera.refused"
    if number in (errno.ETIMEDOUT, errno.EAGAIN) or isinstance(error, av.ExitError):
        return "camera.silent"
    return "camera.missing"
