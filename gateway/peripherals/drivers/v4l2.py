"""What a V4L2 device offers and why it will not stream, asked of the kernel (linux/videodev2.h, 64 bit)."""

from __future__ import annotations

import errno
import fcntl
import os
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_ENUM_FMT, _S_FMT, _REQBUFS, _STREAMON, _STREAMOFF, _ENUM_SIZES, _ENUM_INTERVALS = (
    0xC0405602, 0xC0D05605, 0xC0145608, 0x40045612, 0x40045613, 0xC02C564A, 0xC034564B)
"""Request numbers: direction, size of the structure, 'V', number."""

_CAPTURE, _MMAP = 1, 1
_DISCRETE = 1

MOST_ANSWERS: Final = 64
"""Formats, sizes and rates asked for: no camera lists more, and a broken driver may never say that it is done."""


@dataclass(frozen=True, slots=True)
class Mode:
    """One way a camera can stream: `fourcc` as `MJPG`, size in pixels, its fastest rate at that size."""

    fourcc: str
    width: int
    height: int
    fps: float

    @property
    def pixels(self) -> int:
        return self.width * self.height


def modes(path: Path) -> tuple[Mode, ...]:
    """Everything the device lists. OSError as the driver says it; empty when it lists nothing usable."""
    handle = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        return tuple(Mode(fourcc.decode("ascii", "replace"), width, height, _fastest(handle, fourcc, width, height))
                     for fourcc in _formats(handle) for width, height in _sizes(handle, fourcc))
    finally:
        os.close(handle)


def refusal(path: Path, mode: Mode) -> int:
    """The error number with which the device refuses to stream in this mode; 0 when it streams after all.

    OpenCV does not pass it on, and ENOSPC (the bus is full) asks for other words than ENODEV (pulled out).
    """
    try:
        handle = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except OSError as error:
        return error.errno or errno.EIO
    capture = struct.pack("<i", _CAPTURE)
    try:
        wanted = struct.pack("<I4xII4sI", _CAPTURE, mode.width, mode.height, mode.fourcc.encode(), 1)
        fcntl.ioctl(handle, _S_FMT, wanted.ljust(208, b"\0"))
        fcntl.ioctl(handle, _REQBUFS, struct.pack("<III8x", 2, _CAPTURE, _MMAP))
        fcntl.ioctl(handle, _STREAMON, capture)
        fcntl.ioctl(handle, _STREAMOFF, capture)
    except OSError as error:
        return error.errno or errno.EIO
    finally:
        os.close(handle)
    return 0


def _formats(handle: int) -> list[bytes]:
    found = []
    for index in range(MOST_ANSWERS):
        answer = _ask(handle, _ENUM_FMT, struct.pack("<II", index, _CAPTURE).ljust(64, b"\0"))
        if answer is None:
            break
        found.append(bytes(answer[44:48]))
    return found


def _sizes(handle: int, fourcc: bytes) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    for index in range(MOST_ANSWERS):
        answer = _ask(handle, _ENUM_SIZES, struct.pack("<I4s", index, fourcc).ljust(44, b"\0"))
        if answer is None:
            break
        kind, *numbers = struct.unpack_from("<IIIIIII", answer, 8)
        if kind != _DISCRETE:
            # A range of sizes: its largest is the sensor's; scaling is the driver's business.
            return [(numbers[1], numbers[4])]
        found.append((numbers[0], numbers[1]))
    return found


def _fastest(handle: int, fourcc: bytes, width: int, height: int) -> float:
    """Frames a second; 30 when the driver does not say."""
    best = 0.0
    for index in range(MOST_ANSWERS):
        answer = _ask(handle, _ENUM_INTERVALS, struct.pack("<I4sII", index, fourcc, width, height).ljust(52, b"\0"))
        if answer is None:
            break
        # Discrete, or the shortest of a range: the same place.
        numerator, denominator = struct.unpack_from("<II", answer, 20)
        best = max(best, denominator / numerator if numerator else 0.0)
    return best or 30.0


def _ask(handle: int, request: int, argument: bytes) -> bytes | None:
    """The answer; None when there is none of that index, or the driver does not know the question."""
    try:
        return fcntl.ioctl(handle, request, argument)
    except OSError as error:
        if error.errno in (errno.EINVAL, errno.ENOTTY):
            return None
        raise
