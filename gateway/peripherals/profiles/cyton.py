"""OpenBCI Cyton: 33 bytes a sample over its USB dongle, eight channels of 24 bits at 250 Hz.

Source: OpenBCI's "Cyton Data Format" and OpenBCI/OpenBCI_Cyton_Library@24e1c42 OpenBCI_32bit_Library.cpp
(`sendChannelDataSerial`, `OPENBCI_STREAM_START` `b`, `OPENBCI_STREAM_STOP` `s`), whose dongle replaces the first byte:
`A0 number 8 x s24 6 auxiliary Cx`, big-endian. x tells what the auxiliary bytes are. The number counts samples, wraps.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from ..errors import DecodeError
from .framing import INCOMPLETE, NOT_HERE, Lost, Scanner

FRAME_SIZE: Final = 33
HEAD: Final = 0xA0
FOOT: Final = 0xC0
AUXILIARY: Final = ("acceleration", "raw", "user", "acceleration_time_set", "acceleration_time", "raw_time_set",
                    "raw_time")
"""By the low nibble of the last byte; C7 to CF are not given out."""

CHANNELS: Final = 8
RATE_HZ: Final = Decimal(250)
GAIN: Final = 24
"""What the board starts with."""

RAIL: Final = 2**23 - 1

START: Final = b"b"
STOP: Final = b"s"


def microvolts_per_count(gain: int = GAIN) -> Decimal:
    """4.5 V / gain / (2^23 - 1): at gain 24, 0.02235174 uV."""
    return (Decimal(4_500_000) / gain / RAIL).quantize(Decimal("1E-10"))


@dataclass(frozen=True, slots=True)
class Sample:
    """One frame. `acceleration` in g, of the frames that carry a new one."""

    number: int
    channels: tuple[int, ...]
    auxiliary: str
    acceleration: tuple[Decimal, Decimal, Decimal] | None = None

    @property
    def railed(self) -> tuple[int, ...]:
        """Channels, from 1, whose input is out of range: an electrode that is off shows like this."""
        return tuple(number for number, count in enumerate(self.channels, 1) if count in (RAIL, -RAIL - 1))


def decode(data: bytes) -> Sample:
    """One whole frame. DecodeError: `frame.length`, `frame.head`, `frame.foot`."""
    if len(data) != FRAME_SIZE:
        raise DecodeError("frame.length", f"{len(data)} bytes, {FRAME_SIZE} expected")
    if data[0] != HEAD:
        raise DecodeError("frame.head", data[:1].hex())
    if not FOOT <= data[-1] < FOOT + len(AUXILIARY):
        raise DecodeError("frame.foot", data[-1:].hex())
    channels = tuple(int.from_bytes(data[at:at + 3], "big", signed=True) for at in range(2, 26, 3))
    auxiliary = AUXILIARY[data[-1] - FOOT]
    axes = struct.unpack_from(">hhh", data, 26)
    # The accelerometer runs at 25 Hz: the frames between its samples carry zeros. 0.002 g / 16 a count.
    moved = auxiliary == "acceleration" and any(axes)
    x, y, z = (Decimal(axis) * Decimal("0.000125") for axis in axes)
    return Sample(data[1], channels, auxiliary, (x, y, z) if moved else None)


class Parser:
    """Bytes in; samples and losses out. A loss counts samples, by the number in the frames: up to 255 in a row."""

    def __init__(self) -> None:
        self._scanner = Scanner(_measure, FRAME_SIZE, HEAD)
        self._last: int | None = None

    @property
    def lost_bytes(self) -> int:
        """Bytes that belonged to no frame, since the beginning."""
        return self._scanner.lost_bytes

    def feed(self, data: bytes) -> list[Sample | Lost]:
        """Everything that is complete now."""
        found: list[Sample | Lost] = []
        size = 0
        for item in self._scanner.feed(data):
            if isinstance(item, Lost):
                size = item.size
                continue
            sample = decode(item)
            missing = 0 if self._last is None else (sample.number - self._last - 1) % 256
            if missing:
                found.append(Lost(size, missing))
            found.append(sample)
            self._last, size = sample.number, 0
        return found


def _measure(buffer: bytes | bytearray, start: int) -> int:
    if buffer[start] != HEAD:
        return NOT_HERE
    if len(buffer) < start + FRAME_SIZE:
        return INCOMPLETE
    return FRAME_SIZE if FOOT <= buffer[start + FRAME_SIZE - 1] < FOOT + len(AUXILIARY) else NOT_HERE
