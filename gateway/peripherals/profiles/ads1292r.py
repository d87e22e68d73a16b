"""ProtoCentral ADS1292R shield and breakout, "OpenView" frames over serial, one sample a frame.

Seen in Protocentral/protocentral-ads1292r-arduino@68a1009 examples/Example-1-ECG-Respiration-Plot-Openview: 0A FA,
payload length 9 (16 bits), type 02, 9 bytes, 00 0B; 16 in all, at 57600 baud and 125 a second. Payload: ECG s16,
respiration s16, respiration rate u16, heart rate u16, 0. The firmware writes 0 as the ECG while an electrode is off,
and 0 for a rate it has not measured; the frame has no other sign of either, no checksum and no sequence number.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from ..errors import DecodeError
from .framing import INCOMPLETE, NOT_HERE, Lost, Scanner, begins

FRAME_SIZE: Final = 16
HEAD: Final = bytes((0x0A, 0xFA, 9, 0, 0x02))
FOOT: Final = bytes((0x00, 0x0B))
_PAYLOAD = struct.Struct("<hhHHB")

RATE_HZ: Final = Decimal(125)
"""CONFIG1 = 00 (src/protocentralAds1292r.cpp)."""

MICROVOLTS: Final = (Decimal(2_420_000) * 256 / (12 * (2**23 - 1))).quantize(Decimal("1E-7"))
"""Of one count: reference 2.42 V, 24 bits of which the lowest 8 are dropped, gain 12 (CH2SET = 60; its comment says
6, its bits say 12: ADS1292R datasheet SBAS502, table of CH2SET)."""

RAIL: Final = 2**15 - 1


@dataclass(frozen=True, slots=True)
class Sample:
    """One frame; a rate of None was not measured."""

    ecg: int
    respiration: int
    respiration_rate: int | None
    heart_rate: int | None

    @property
    def maybe_lead_off(self) -> bool:
        """A zero is what the firmware writes while an electrode is off; a trace crosses zero too."""
        return self.ecg == 0


def decode(data: bytes) -> Sample:
    """One whole frame. DecodeError: `frame.length`, `frame.head`, `frame.foot`."""
    if len(data) != FRAME_SIZE:
        raise DecodeError("frame.length", f"{len(data)} bytes, {FRAME_SIZE} expected")
    if not data.startswith(HEAD):
        raise DecodeError("frame.head", data[:len(HEAD)].hex())
    if not data.endswith(FOOT):
        raise DecodeError("frame.foot", data[-len(FOOT):].hex())
    ecg, respiration, breaths, heart_rate, _ = _PAYLOAD.unpack_from(data, len(HEAD))
    return Sample(ecg, respiration, breaths or None, heart_rate or None)


class Parser:
    """Bytes in; samples and losses out."""

    def __init__(self) -> None:
        self._scanner = Scanner(_measure, FRAME_SIZE, HEAD[0])

    @property
    def lost_bytes(self) -> int:
        """Bytes that belonged to no frame, since the beginning."""
        return self._scanner.lost_bytes

    def feed(self, data: bytes) -> list[Sample | Lost]:
        """Everything that is complete now. A loss is reported with the frame that ends it."""
        return [item if isinstance(item, Lost) else decode(item) for item in self._scanner.feed(data)]


def _measure(buffer: bytes | bytearray, start: int) -> int:
    if not begins(buffer, start, HEAD):
        return NOT_HERE
    end = start + FRAME_SIZE
    if len(buffer) < end:
        return INCOMPLETE
    return FRAME_SIZE if buffer.startswith(FOOT, end - len(FOOT), end) else NOT_HERE
