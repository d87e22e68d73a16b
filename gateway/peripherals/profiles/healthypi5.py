"""ProtoCentral HealthyPi 5 "OpenView" frames over USB serial, one sample of everything a frame.

Seen in Protocentral/protocentral_healthypi5_zephyr@009f60e and @2c8eb00 app/src/data_module.c (`sendData`): 0A FA,
payload length (16 bits), type 02, 22 bytes, 00 0B; 29 in all. Payload: ECG s32, impedance s32, u8 (FF: no new
impedance), red s32, infrared s32, temperature s16 in 0.01 C, SpO2 u8, heart rate u8, respiration u8. A number that is
not measured is 0. The frame has no checksum and no sequence number: a frame counts when head and foot both fit.
Boards with the first sketches (Protocentral/protocentral_healthypi_5_firmware@3aac6c2) send 20 bytes, 27 in all:
infrared before red, two bytes that are never set, SpO2, and neither rate.
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

OLD_FRAME_SIZE: Final = 27
OLD_HEAD: Final = bytes((0x0A, 0xFA, 20, 0, 0x02))
_OLD_PAYLOAD = struct.Struct("<iiBii2xB")

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


def size_of(data: bytes) -> int:
    """Bytes of the frame that begins here; 0 when none does."""
    return _SIZES.get(bytes(data[:len(HEAD)]), 0)


def decode(data: bytes) -> Sample:
    """One whole frame. DecodeError: `frame.length`, `frame.head`, `frame.foot`."""
    size = _SIZES.get(bytes(data[:len(HEAD)]))
    if size is None:
        code = "frame.length" if len(data) < len(HEAD) else "frame.head"
        raise DecodeError(code, data[:len(HEAD)].hex())
    if len(data) != size:
        raise DecodeError("frame.length", f"{len(data)} bytes, {size} expected")
    if not data.endswith(FOOT):
        raise DecodeError("frame.foot", data[-len(FOOT):].hex())
    if size == OLD_FRAME_SIZE:
        ecg, impedance, skip, infrared, red, spo2 = _OLD_PAYLOAD.unpack_from(data, len(HEAD))
        temperature = heart_rate = breaths = 0
    else:
        (ecg, impedance, skip, red, infrared, temperature, spo2, heart_rate,
         breaths) = _PAYLOAD.unpack_from(data, len(HEAD))
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


_SIZES: Final = {HEAD: FRAME_SIZE, OLD_HEAD: OLD_FRAME_SIZE}


def _measure(buffer: bytes | bytearray, start: int) -> int:
    for head, size in _SIZES.items():
        if begins(buffer, start, head):
            end = start + size
            if len(buffer) < end:
                return INCOMPLETE
            return size if buffer.startswith(FOOT, end - len(FOOT), end) else NOT_HERE
    return NOT_HERE
