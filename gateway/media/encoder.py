"""The encoders: newest picture in, RTP payloads out, in a thread of their own.

One `Lane` is one stream for any number of receivers; all are fed the same picture. A rate changes without a keyframe;
a keyframe is made when somebody asks, the size or the camera changes, never by the clock.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import structlog

from .codecs import CLOCK_RATE, X264, Codec, HardwareFailed, Vp8
from .compose import Captured, Converter, size
from .lanes import Lane
from .mailbox import Mailbox
from .rate import KeyframeGate, Rung

IDLE_SECONDS = 0.5
"""How long the thread waits for a picture before it looks whether it should end."""

IN_FLIGHT_MAX = 2
"""Encoded pictures of a lane the event loop has not taken yet; past it the encoder skips pictures, so that a busy
loop lowers the picture rate instead of queueing."""

STOP_SECONDS = 2.0

_EARLY = 0.25
"""A picture may come this share of an interval early: cameras jitter, and 25 must not become 12.5."""

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Rungs:
    """Where the ladders stand, for the room and for an examination camera."""

    room: Rung
    detail: Rung


@dataclass(frozen=True, slots=True)
class EncodedFrame:
    """One access unit. `timestamp` is RTP time; all payloads but the last have no marker."""

    payloads: tuple[bytes, ...]
    timestamp: int
    keyframe: bool
    size: int
    lane: Lane = Lane.main
    lines: int = 0
    """Height of the picture."""


class Hardware(Protocol):
    """The machine's own encoder, if it passed its probe (`hardware.Hardware`)."""

    def open(self, width: int, height: int, rung: Rung, bits_per_second: int) -> Codec | None:
        """None: it is not to be used (any more)."""

    def failed(self, error: Exception) -> None:
        """It failed in a call: never again until the next start."""


@dataclass(slots=True)
class _Stream:
    """One lane as the encoder's thread knows it."""

    rungs: Rungs
    bits_per_second: int
    gate: KeyframeGate
    codec: Codec | None = None
    watched: bool = False
    held: bool = False
    in_flight: int = 0
    next_at: float = 0.0
    last_at: float = 0.0
    scene: int = 0
    picture_id: int = 0

    def close(self) -> None:
        """Give the encoder back."""
        if self.codec is not None:
            self.codec.close()
            self.codec = None


class CameraEncoder:
    """Encodes while somebody watches. `deliver` is called in the encoder's thread.

    Methods that name no lane speak of the main one.
    """

    def __init__(self, mailbox: Mailbox[Captured], deliver: Callable[[EncodedFrame], None],
                 rungs: Rungs, bits_per_second: int, hardware: Hardware | None = None) -> None:
        self._mailbox = mailbox
        self._deliver = deliver
        self._hardware = hardware
        self._streams = {lane: _Stream(rungs, bits_per_second, KeyframeGate()) for lane in Lane}
        self._converter = Converter()
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._watched = threading.Event()
        self._thread = threading.Thread(target=self._run, name="encoder", daemon=True)

    def start(self) -> None:
        """Begin; once."""
        self._thread.start()

    def stop(self) -> None:
        """End. Call it off the event loop."""
        self._stop.set()
        self._watched.set()
        if self._thread.is_alive():
            self._thread.join(STOP_SECONDS)

    @property
    def watched(self) -> bool:
        """Whether anything is encoded."""
        return self._watched.is_set()

    def use(self, hardware: Hardware) -> None:
        """For contexts opened from now on; x264 goes on until then."""
        self._hardware = hardware

    def watch(self, watched: bool, lane: Lane = Lane.main) -> None:
        """Whether anybody gets the lane's pictures; without, it encodes nothing and holds nothing."""
        with self._lock:
            self._streams[lane].watched = watched
            anybody = any(stream.watched for stream in self._streams.values())
        if anybody:
            self._watched.set()
        elif not self._stop.is_set():
            self._watched.clear()

    def want_keyframe(self, lane: Lane = Lane.main) -> None:
        """Make the next picture a keyframe, as soon as the last one is old enough."""
        with self._lock:
            self._streams[lane].gate.want()

    def set_rate(self, bits_per_second: int, rungs: Rungs, lane: Lane = Lane.main) -> None:
        """From the next picture on."""
        with self._lock:
            self._streams[lane].bits_per_second, self._streams[lane].rungs = bits_per_second, rungs

    def hold(self, held: bool, lane: Lane = Lane.main) -> None:
        """Whether the lane's last picture is still on its way out: pictures are skipped, none is queued."""
        with self._lock:
            self._streams[lane].held = held

    def taken(self, lane: Lane = Lane.main) -> None:
        """The event loop has one frame more."""
        with self._lock:
            self._streams[lane].in_flight -= 1

    def _run(self) -> None:
        while not self._stop.is_set():
            watched = self._watched.wait(IDLE_SECONDS)
            for stream in self._streams.values():
                if not stream.watched:
                    stream.close()
            if not watched:
                # The next viewer starts from a fresh picture of a fresh encoder; what was left here may be of the
                # patient before.
                self._mailbox.take(0)
                continue
            captured = self._mailbox.take(IDLE_SECONDS)
            if captured is None or self._stop.is_set():
                continue
            for lane, stream in self._streams.items():
                self._serve(lane, stream, captured)
            self._converter.forget()
        for stream in self._streams.values():
            stream.close()

    def _serve(self, lane: Lane, stream: _Stream, captured: Captured) -> None:
        try:
            frame = self._encode(lane, stream, captured)
        except Exception as error:
            # Nobody would start this thread again: one picture fails, the next one gets a fresh encoder.
            _log.error("encoder.failed", code=type(error).__name__, lane=lane.value)
            stream.close()
            return
        if frame is not None:
            self._deliver(frame)

    def _encode(self, lane: Lane, stream: _Stream, captured: Captured) -> EncodedFrame | None:
        turned, now = captured.scene != stream.scene, time.monotonic()
        with self._lock:
            if not stream.watched or stream.held or stream.in_flight >= IN_FLIGHT_MAX:
                return None
            rung, rate = stream.rungs.detail if captured.scene else stream.rungs.room, stream.bits_per_second
            interval = 1 / rung.frames_per_second
            if captured.at < stream.next_at - _EARLY * interval and not turned:
                return None
            keyframe = stream.gate.due(now)
            stream.in_flight += 1
        try:
            frame = self._encoded(lane, stream, captured, rung, rate, keyframe, turned)
        except BaseException:
            self.taken(lane)
            raise
        # Keep the beat of the rung, but never try to catch up after a pause.
        beat = captured.at if turned else stream.next_at + interval
        stream.next_at = max(beat, captured.at + (1 - _EARLY) * interval)
        stream.scene = captured.scene
        if frame.keyframe:
            with self._lock:
                stream.gate.made(now)
        if not frame.size:
            self.taken(lane)
            return None
        return frame

    def _encoded(self, lane: Lane, stream: _Stream, captured: Captured, rung: Rung, rate: int, keyframe: bool,
                 turned: bool) -> EncodedFrame:
        width, height = size(captured, rung)
        picture = self._converter.take(captured, width, height)
        codec = stream.codec
        if codec is None or turned or not codec.fits(width, height, rung, rate):
            codec = self._open(lane, stream, width, height, rung, rate)
            keyframe = False  # the first picture of a context is one
        try:
            data, is_key = codec.encode(picture, captured.at, rate, keyframe)
        except HardwareFailed as error:
            if self._hardware is not None:
                self._hardware.failed(error)
            codec = self._open(lane, stream, width, height, rung, rate)
            data, is_key = codec.encode(picture, captured.at, rate, False)
        # Two cameras are read in two threads: the later one in the encoder may have been read earlier.
        stream.last_at = max(captured.at, stream.last_at + 1 / CLOCK_RATE)
        return EncodedFrame(payloads=codec.payloads(data) if data else (), keyframe=is_key, size=len(data), lane=lane,
                            timestamp=round(stream.last_at * CLOCK_RATE) % (1 << 32), lines=height)

    def _open(self, lane: Lane, stream: _Stream, width: int, height: int, rung: Rung, rate: int) -> Codec:
        # The old one first: two at once leave a hole of megabytes in the heap.
        if isinstance(stream.codec, Vp8):
            stream.picture_id = stream.codec.picture_id
        stream.close()
        codec: Codec | None = None
        if lane is Lane.vp8:
            codec = Vp8(width, height, rung, rate, stream.picture_id)
        elif self._hardware is not None:
            codec = self._hardware.open(width, height, rung, rate)
        stream.codec = codec or X264(width, height, rung)
        return stream.codec
