"""ProtoCentral HealthyPi 5 "OpenView" frames over USB serial, one sample of everything a frame.

Seen in Protocentral/protocentral_healthypi5_zephyr@009f60e and @2c8eb00 app/src/data_module.c (`sendData`): 0A FA,
payload length (16 bits), type 02, 22 bytes, 00 0B; 29 in all. Payload: ECG s32, impedance s32, u8 (FF: no new
impedance), red s32, infrared s32, temperature s16 in 0.01 C, SpO2 u8, heart rate u8, respiration u8. A number that is
not measured is 0. The frame has no checksum and no sequence number: a frame counts when head and foot both fit.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from ..errors import DecodeError
from .framing import INCOMPLETE, NOT_HERE, Lost, Scanner, begins

FRAME_SIZE: Final = 29
HEAD: Final = bytes((0x0A, 0xFA, 22, 0, 0x02))
FOOT: Final = bytes((0x00, 0x0B))
_PAYLOAD = struct.Struct("<iiBiihBBB")

RAIL: Final = 2**17
"""The converter has 18 bits, two's complement: -2^17 to 2^17 - 1 (MAX30001 datasheet 19-100133, ECG data format)."""

_REFERENCE_UV = 1_000_000
"""VREF, 1000 mV typical (same datasheet, electrical characteristics)."""

_NO_NEW_IMPEDANCE = 0xFF


def microvolts_per_count(gain: int) -> Decimal:
    """Input voltage of one count: V = count * VREF / (2^17 * gain) (MAX30001 datasheet, ECG FIFO).

    Exact: at 80 V/V, what the board's device tree sets (`ecg-gain = <2>`), 0.095367431640625 uV.
    """
    return Decimal(_REFERENCE_UV) / (RAIL * gain)


@dataclass(frozen=True, slots=True)
class Sample:
    """One frame. `impedance` None: no new one in this frame. The rest None: not measured."""

    ecg: int
    impedance: int | None = None
    red: int = 0
    infrared: int = 0
    temperature: Decimal | None = None
    spo2: int | None = None
    heart_rate: int | None = None
    respiration: int | None = None


def decode(data: bytes) -> Sample:
    """One whole frame. DecodeError: `frame.length`, `frame.head`, `frame.foot`."""
    if len(data) != FRAME_SIZE:
        raise DecodeError("frame.length", f"{len(data)} bytes, {FRAME_SIZE} expected")
    if not data.startswith(HEAD):
        raise DecodeError("frame.head", data[:len(HEAD)].hex())
    if not data.endswith(FOOT):
        raise DecodeError("frame.foot", data[-len(FOOT):].hex())
    ecg, impedance, skip, red, infrared, temperature, spo2, heart_rate, breaths = _PAYLOAD.unpack_from(data, len(HEAD))
    return Sample(ecg, None if skip == _NO_NEW_IMPEDANCE else impedance, red, infrared,
                  Decimal(temperature).scaleb(-2) if temperature else None,
                  spo2 if 0 < spo2 <= 100 else None, heart_rate or None, breaths or None)


class Parser:
    """Bytes in, in any portions; samples and losses out, in their order."""

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
