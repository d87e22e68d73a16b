"""The one encoder: newest picture in, RTP payloads of H.264 out, in a thread of its own.

Its rate changes without a keyframe (`bit_rate` on the open context, which x264 reconfigures from);
a keyframe is made when somebody asks, the size or the camera changes, never by the clock.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from math import sqrt
from typing import Protocol

import av
import structlog
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType, VideoFrame
from av.video.reformatter import (
    ColorPrimaries,
    ColorRange,
    Colorspace,
    ColorTrc,
    Interpolation,
    VideoReformatter,
)

from . import h264
from .mailbox import Mailbox
from .rate import KeyframeGate, Rung

CLOCK_RATE = 90_000
"""RTP clock of video (RFC 6184, section 5.1)."""

IDLE_SECONDS = 0.5
"""How long the thread waits for a picture before it looks whether it should end."""

IN_FLIGHT_MAX = 3
"""Encoded pictures the event loop has not taken yet; past it the encoder skips pictures, so that a busy
loop lowers the picture rate instead of queueing."""

LARGEST = (1280, 720)
"""Level 3.1 at 30 pictures a second (ITU-T H.264, table A-1), as every browser decodes; larger is scaled down."""

MACROBLOCKS = 3600
"""Of the same level, 16x16 each: a 4:3 picture of a finding may be 1102x828, which no box of 16:9 holds."""

SHRINK = 0.995
"""Step in which a size is searched that holds the limit with its cut macroblocks."""

VBV_SECONDS = 0.5
"""Rate buffer of x264: bounds a keyframe to half a second of the rung's ceiling."""

STOP_SECONDS = 2.0

_EARLY = 0.25
"""A picture may come this share of an interval early: cameras jitter, and 25 must not become 12.5."""

_log = structlog.get_logger()


class Captured(Protocol):
    """A picture of a camera, when it was read (monotonic seconds), and which camera: 0 is the room's."""

    @property
    def frame(self) -> VideoFrame:
        """Read when the encoder takes the picture; ValueError when it is none."""

    @property
    def at(self) -> float:
        """Monotonic seconds."""

    @property
    def scene(self) -> int:
        """Another number, another camera."""


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


class CameraEncoder:
    """Encodes while somebody watches. `deliver` is called in the encoder's thread."""

    def __init__(self, mailbox: Mailbox[Captured], deliver: Callable[[EncodedFrame], None],
                 rungs: Rungs, bits_per_second: int) -> None:
        self._mailbox = mailbox
        self._deliver = deliver
        self._rungs = rungs
        self._scene = 0
        self._bits_per_second = bits_per_second
        self._gate = KeyframeGate()
        self._codec: _Codec | None = None
        self._next_at = 0.0
        self._last_at = 0.0
        self._in_flight = 0
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

    def watch(self, watched: bool) -> None:
        """Whether anybody gets the pictures; without, nothing is encoded."""
        if watched:
            self._watched.set()
        elif not self._stop.is_set():
            self._watched.clear()

    def want_keyframe(self) -> None:
        """Make the next picture a keyframe, as soon as the last one is old enough."""
        with self._lock:
            self._gate.want()

    def set_rate(self, bits_per_second: int, rungs: Rungs) -> None:
        """From the next picture on."""
        with self._lock:
            self._bits_per_second, self._rungs = bits_per_second, rungs

    def taken(self) -> None:
        """The event loop has sent one frame."""
        with self._lock:
            self._in_flight -= 1

    def _run(self) -> None:
        while not self._stop.is_set():
            if not self._watched.wait(IDLE_SECONDS):
                # The next viewer starts from a fresh picture of a fresh encoder; what was left here may be of the
                # patient before.
                self._codec = None
                self._mailbox.take(0)
                continue
            captured = self._mailbox.take(IDLE_SECONDS)
            if captured is None or self._stop.is_set():
                continue
            try:
                frame = self._encode(captured)
            except (av.FFmpegError, ValueError) as error:
                _log.error("encoder.failed", code=type(error).__name__)
                self._codec = None
                continue
            if frame is not None:
                self._deliver(frame)

    def _encode(self, captured: Captured) -> EncodedFrame | None:
        turned, now = captured.scene != self._scene, time.monotonic()
        with self._lock:
            rung, rate = self._rungs.detail if captured.scene else self._rungs.room, self._bits_per_second
            interval = 1 / rung.frames_per_second
            early = captured.at < self._next_at - _EARLY * interval and not turned
            if early or self._in_flight >= IN_FLIGHT_MAX:
                return None
            keyframe = self._gate.due(now)
            self._in_flight += 1
        try:
            frame = self._encoded(captured, rung, rate, keyframe, turned)
        except BaseException:
            self.taken()
            raise
        # Keep the beat of the rung, but never try to catch up after a pause.
        beat = captured.at if turned else self._next_at + interval
        self._next_at = max(beat, captured.at + (1 - _EARLY) * interval)
        self._scene = captured.scene
        if frame.keyframe:
            with self._lock:
                self._gate.made(now)
        if not frame.size:
            self.taken()
            return None
        return frame

    def _encoded(self, captured: Captured, rung: Rung, rate: int, keyframe: bool,
                 turned: bool) -> EncodedFrame:
        width, height = scaled(captured.frame, rung, detail=captured.scene != 0)
        if self._codec is None or turned or not self._codec.fits(width, height, rung):
            # The old one first: two at once leave a hole of megabytes in the heap.
            self._codec = None
            self._codec = _Codec(width, height, rung)
            keyframe = False  # the first picture of a context is one
        data, is_key = self._codec.encode(captured, rate, keyframe)
        # Two cameras are read in two threads: the later one in the encoder may have been read earlier.
        self._last_at = max(captured.at, self._last_at + 1 / CLOCK_RATE)
        return EncodedFrame(payloads=h264.payloads(h264.split_units(data)), keyframe=is_key, size=len(data),
                            timestamp=round(self._last_at * CLOCK_RATE) % (1 << 32))


class _Codec:
    """One open x264 context: one size, one rung."""

    def __init__(self, width: int, height: int, rung: Rung) -> None:
        self._rung = rung
        self._origin: float | None = None
        self._reformatter = VideoReformatter()
        ceiling = rung.ceiling_kbps * 1000
        context = VideoCodecContext.create("libx264", "w")
        assert isinstance(context, VideoCodecContext)
        context.width, context.height, context.pix_fmt = width, height, "yuv420p"
        context.framerate = Fraction(rung.frames_per_second)
        context.time_base = Fraction(1, CLOCK_RATE)
        # Unsaid, browsers take BT.709, and a red is 12 of 255 off. Cameras give BT.601 (JFIF) and sRGB.
        context.colorspace, context.color_range = Colorspace.ITU601, ColorRange.MPEG
        context.color_primaries, context.color_trc = ColorPrimaries.BT709, ColorTrc.IEC61966_2_1
        # Opened as constant rate at the ceiling: x264 then follows a lower `bit_rate` within a few pictures;
        # without a rate buffer it follows over minutes.
        context.bit_rate = ceiling
        context.options = {
            "preset": "superfast", "tune": "zerolatency", "profile": "baseline", "level": "3.1",
            "threads": "1", "forced-idr": "1", "maxrate": str(ceiling), "bufsize": str(int(ceiling * VBV_SECONDS)),
            "x264-params": "keyint=infinite:scenecut=0:repeat-headers=1",
        }
        # Opened now, at the ceiling: opened lower it would be variable rate.
        context.open()
        self._context = context

    def fits(self, width: int, height: int, rung: Rung) -> bool:
        """Whether this context can go on; another picture rate alone needs no new one."""
        same_size = (self._context.width, self._context.height) == (width, height)
        return same_size and self._rung.ceiling_kbps == rung.ceiling_kbps

    def encode(self, captured: Captured, bits_per_second: int, keyframe: bool) -> tuple[bytes, bool]:
        """Annex B bytes of one picture, and whether it is a keyframe."""
        if self._origin is None:
            self._origin = captured.at
        frame = self._converted(captured)
        frame.pts = round((captured.at - self._origin) * CLOCK_RATE)
        frame.time_base = Fraction(1, CLOCK_RATE)
        frame.pict_type = PictureType.I if keyframe else PictureType.NONE
        self._context.bit_rate = min(bits_per_second, self._rung.ceiling_kbps * 1000)
        packets = self._context.encode(frame)
        return b"".join(bytes(packet) for packet in packets), any(packet.is_keyframe for packet in packets)

    def _converted(self, captured: Captured) -> VideoFrame:
        frame = captured.frame
        wanted = (self._context.width, self._context.height)
        if (frame.width, frame.height) == wanted and frame.format.name == "yuv420p":
            return frame
        # A finding is looked at line by line: averaging keeps what skipping loses.
        how = Interpolation.AREA if captured.scene else Interpolation.FAST_BILINEAR
        return self._reformatter.reformat(frame, width=wanted[0], height=wanted[1], format="yuv420p",
                                          interpolation=how)


def scaled(frame: VideoFrame, rung: Rung, *, detail: bool = False) -> tuple[int, int]:
    """Width and height to encode: the camera's own shape, nothing added. `detail`: as large as the level allows."""
    if detail:
        fit = min(1.0, sqrt(MACROBLOCKS * 256 / (frame.width * frame.height)))
        while _macroblocks(*_even(frame, fit)) > MACROBLOCKS:
            fit *= SHRINK
    else:
        fit = min(1.0, LARGEST[0] / frame.width, LARGEST[1] / frame.height)
    return _even(frame, fit * rung.quarters / 4)


def _even(frame: VideoFrame, fit: float) -> tuple[int, int]:
    # 4:2:0 has one colour sample for two pixels.
    return max(16, round(frame.width * fit / 2) * 2), max(16, round(frame.height * fit / 2) * 2)


def _macroblocks(width: int, height: int) -> int:
    return -(-width // 16) * -(-height // 16)
