"""The machine's own H.264 encoder: found by a probe at start, used while it works, given up for good when it fails.

It runs in a child process (`hardware_child`), through GStreamer's elements for VA-API and V4L2: FFmpeg's wrappers of
the same hardware hear of no new rate once they are open, and the wheel of PyAV has none for VA-API.
"""

from __future__ import annotations

import contextlib
import enum
import fcntl
import json
import os
import select
import subprocess
import time
from collections.abc import Callable, Sequence
from glob import glob
from pathlib import Path

import structlog
from av.video.frame import VideoFrame

from . import bitstream, h264
from .codecs import Codec, HardwareFailed
from .config import EncoderChoice
from .hardware_child import HEAD, TAIL
from .rate import Rung

SYSTEM_PYTHON = "/usr/bin/python3"
"""Debian's bindings of GStreamer are for Debian's Python alone."""

FRAME_SECONDS = 0.4
"""Ten pictures: an encoder of this kind needs 5 to 20 ms, and the first one of a stream 100."""

OPEN_SECONDS = 3.0
"""GStreamer reads its registry, the driver its firmware; in a call the picture waits that long once."""

PROBE_SECONDS = 12.0
"""For everything; a probe that takes longer is of a driver that hangs."""

ANSWER_BYTES = 4 << 20
"""No picture of ours is as large; what says so is broken."""

PIPE_BYTES = 1 << 20
"""A 720p picture in two turns instead of twenty."""

PROBE_SIZE, PROBE_PICTURES, PROBE_FPS = (640, 360), 75, 25
PROBE_HIGH, PROBE_LOW = 1_500_000, 400_000
PROBE_TURN, PROBE_SETTLED, PROBE_KEYFRAME = 30, 45, 65
"""Picture at which the rate falls, from which it must have fallen, at which a keyframe is wanted."""

RATE_SHARE = 0.55
"""Of the octets before the fall at most, afterwards: 0.27 would be exact, many drivers take a second."""

DEVICES = {EncoderChoice.vaapi: "/dev/dri/renderD*", EncoderChoice.v4l2m2m: "/dev/video*"}
ELEMENTS: dict[EncoderChoice, tuple[str, ...]] = {
    EncoderChoice.vaapi: ("vah264lpenc", "vah264enc"),
    EncoderChoice.v4l2m2m: ("v4l2h264enc",),
}
"""The low-power encoder leaves the graphics units alone; older processors have only the other one."""

_log = structlog.get_logger()


class Verdict(enum.StrEnum):
    """What a probe found, as a code."""

    good = "encoder.good"
    absent = "encoder.hardware_absent"
    """No such device, or no GStreamer."""
    late = "encoder.hardware_late"
    profile = "encoder.hardware_profile"
    """Not what every browser decodes, or pictures out of order."""
    headers = "encoder.hardware_headers"
    keyframes = "encoder.hardware_keyframes"
    """None when wanted, or some that nobody wanted."""
    rate = "encoder.hardware_rate"
    """It does not follow a lower rate."""
    failed = "encoder.hardware_failed"


Launch = Callable[[str, int, int, int, int], Sequence[str]]
"""Element, width, height, pictures a second, kbit/s -> the child's command line."""


def command(element: str, width: int, height: int, fps: int, kbps: int) -> Sequence[str]:
    """The child that drives a GStreamer element."""
    wanted = json.dumps({"element": element, "width": width, "height": height, "fps": fps, "kbps": kbps})
    return (SYSTEM_PYTHON, "-I", str(Path(__file__).with_name("hardware_child.py")), wanted)


class ChildCodec:
    """A child process as an encoder. HardwareFailed, from anything, is its end."""

    def __init__(self, argv: Sequence[str], width: int, height: int, bits_per_second: int) -> None:
        self._size = (width, height)
        self._origin: float | None = None
        self._rate = bits_per_second
        try:
            self._process = subprocess.Popen(  # noqa: S603 - our own child, an element of our own table
                argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, bufsize=0)
        except OSError as error:
            raise HardwareFailed("the child does not start") from error
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._in, self._out = self._process.stdin.fileno(), self._process.stdout.fileno()
        for pipe in (self._in, self._out):
            os.set_blocking(pipe, False)
            with contextlib.suppress(OSError):
                fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
        self._read(TAIL.size, time.monotonic() + OPEN_SECONDS)

    def fits(self, width: int, height: int, rung: Rung, bits_per_second: int) -> bool:
        """Rates and rungs alone need no new one."""
        return self._size == (width, height)

    def encode(self, frame: VideoFrame, at: float, bits_per_second: int, keyframe: bool) -> tuple[bytes, bool]:
        """Annex B octets of one picture."""
        if self._origin is None:
            self._origin = at
        picture = _octets(frame)
        deadline = time.monotonic() + FRAME_SECONDS
        stamp = round((at - self._origin) * 1e9)
        self._write(HEAD.pack(bits_per_second, int(keyframe), stamp, len(picture)), deadline)
        self._write(picture, deadline)
        is_key, size = TAIL.unpack(self._read(TAIL.size, deadline))
        if not 0 < size <= ANSWER_BYTES:
            self._give_up("an answer of no size")
        data = self._read(size, deadline)
        return data, bool(is_key)

    def payloads(self, data: bytes) -> tuple[bytes, ...]:
        """RFC 6184."""
        return h264.payloads(h264.split_units(data))

    def close(self) -> None:
        """A driver in its sleep is left to the kernel: nothing waits for it."""
        self._process.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(FRAME_SECONDS)

    def _write(self, data: bytes, deadline: float) -> None:
        rest = memoryview(data)
        while rest:
            self._wait([], [self._in], deadline)
            try:
                rest = rest[os.write(self._in, rest):]
            except BlockingIOError:
                continue
            except OSError:
                self._give_up("the child has ended")

    def _read(self, size: int, deadline: float) -> bytes:
        parts: list[bytes] = []
        while size:
            self._wait([self._out], [], deadline)
            try:
                part = os.read(self._out, size)
            except BlockingIOError:
                continue
            if not part:
                self._give_up("the child has ended")
            parts.append(part)
            size -= len(part)
        return b"".join(parts)

    def _wait(self, reading: list[int], writing: list[int], deadline: float) -> None:
        left = deadline - time.monotonic()
        if left <= 0 or not any(select.select(reading, writing, [], left)):
            self._give_up("late")

    def _give_up(self, why: str) -> None:
        self.close()
        raise HardwareFailed(why)


class Hardware:
    """What was found. `open` is called in the encoder's thread, `failed` too."""

    def __init__(self, element: str, lost: Callable[[], None], launch: Launch = command) -> None:
        self.element = element
        self._lost = lost
        self._launch = launch
        self._works = True

    def open(self, width: int, height: int, rung: Rung, bits_per_second: int) -> Codec | None:
        """An encoder of this size; None: use another one."""
        if not self._works:
            return None
        try:
            return ChildCodec(self._launch(self.element, width, height, rung.frames_per_second,
                                           max(1, bits_per_second // 1000)), width, height, bits_per_second)
        except HardwareFailed as error:
            self.failed(error)
            return None

    def failed(self, error: Exception) -> None:
        """Never again until the next start: a driver that failed once fails in the next call too."""
        if self._works:
            self._works = False
            _log.error("encoder.hardware_failed", element=self.element, why=str(error))
            self._lost()


def find(choice: EncoderChoice, launch: Launch = command) -> tuple[str | None, Verdict]:
    """The first element that passes, and what was found otherwise. Blocking, up to `PROBE_SECONDS` for each."""
    verdict = Verdict.absent
    kinds = DEVICES if choice is EncoderChoice.auto else [choice] if choice in DEVICES else []
    for kind in kinds:
        if not glob(DEVICES[kind]):
            continue
        for element in ELEMENTS[kind]:
            found = probe(element, launch)
            _log.info("encoder.probed", element=element, verdict=found.value)
            if found is Verdict.good:
                return element, found
            verdict = found if found is not Verdict.absent else verdict
    return None, verdict


def probe(element: str, launch: Launch = command) -> Verdict:
    """Three seconds of pictures, encoded as fast as it goes, and looked at."""
    width, height = PROBE_SIZE
    try:
        codec = ChildCodec(launch(element, width, height, PROBE_FPS, PROBE_HIGH // 1000), width, height, PROBE_HIGH)
    except HardwareFailed as error:
        return Verdict.late if "late" in str(error) else Verdict.absent
    sizes: list[int] = []
    deadline = time.monotonic() + PROBE_SECONDS
    try:
        for number in range(PROBE_PICTURES):
            if time.monotonic() > deadline:
                return Verdict.late
            data, _ = codec.encode(_test_picture(number), number / PROBE_FPS,
                                   PROBE_LOW if number >= PROBE_TURN else PROBE_HIGH, number == PROBE_KEYFRAME)
            wrong = _judged(data, number)
            if wrong is not None:
                return wrong
            sizes.append(len(data))
    except HardwareFailed as error:
        return Verdict.late if "late" in str(error) else Verdict.failed
    finally:
        codec.close()
    before = sum(sizes[PROBE_TURN // 3:PROBE_TURN]) / (PROBE_TURN - PROBE_TURN // 3)
    after = sum(sizes[PROBE_SETTLED:PROBE_KEYFRAME]) / (PROBE_KEYFRAME - PROBE_SETTLED)
    return Verdict.good if after <= RATE_SHARE * before else Verdict.rate


def _judged(data: bytes, number: int) -> Verdict | None:
    seen = bitstream.look(data)
    if seen.bidirectional or seen.pictures != 1 or (seen.profile is not None and not seen.profile.fits):
        return Verdict.profile
    wanted = number in (0, PROBE_KEYFRAME)
    if seen.keyframe != wanted:
        return Verdict.keyframes
    if wanted and (seen.profile is None or not seen.picture_parameters):
        return Verdict.headers
    return None


def _test_picture(number: int) -> VideoFrame:
    """Something that moves and costs bits: stripes of a simple sequence, shifted."""
    width, height = PROBE_SIZE
    frame = VideoFrame(width, height, "yuv420p")
    noise = bytes((i * i * 31 + i // 7 * 13) >> 3 & 0x7F | 0x20 for i in range(width * 2))
    luma = b"".join(noise[(y * 37 + number * 5) % width:][:width] for y in range(height))
    for plane, level in zip(frame.planes, (None, 110, 140), strict=True):
        if level is not None:
            plane.update(bytes((level,)) * plane.buffer_size)
        elif plane.line_size == width:
            plane.update(luma)
        else:
            gap = bytes(plane.line_size - width)
            plane.update(b"".join(luma[y * width:(y + 1) * width] + gap for y in range(height)))
    return frame


def _octets(frame: VideoFrame) -> bytes:
    """I420 without gaps."""
    parts: list[bytes | memoryview] = []
    for plane in frame.planes:
        view = memoryview(plane)
        if plane.line_size == plane.width:
            parts.append(view[:plane.width * plane.height])
        else:
            parts.extend(view[y * plane.line_size:y * plane.line_size + plane.width] for y in range(plane.height))
    return b"".join(parts)
