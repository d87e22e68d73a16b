"""ProtoCentral HealthyPi 5 "OpenView" frames over USB serial, one sample of everything a frame.

Seen in Protocentral/protocentral_healthypi5_zephyr@009f60e app/src/data_module.c (`sendData`): 0A FA, payload length
(16 bits), type 02, 22 bytes, 00 0B; 29 in all. Payload: ECG s32, impedance s32, u8 (FF: no new impedance), red s32,
infrared s32, temperature s16 in 0.01 C, SpO2 u8, heart rate u8, respiration u8. Only the ECG is used here.
The frame has no checksum and no sequence number: a frame counts when head and foot both fit.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

FRAME_SIZE: Final = 29
HEAD: Final = bytes((0x0A, 0xFA, 22, 0, 0x02))
FOOT: Final = bytes((0x00, 0x0B))
_PAYLOAD = struct.Struct("<iiBiihBBB")

RAIL: Final = 2**17
"""The converter has 18 bits, two's complement: -2^17 to 2^17 - 1 (MAX30001 datasheet 19-100133, ECG data format)."""

_REFERENCE_UV = 1_000_000
"""VREF, 1000 mV typical (same datasheet, electrical characteristics)."""


def microvolts_per_count(gain: int) -> Decimal:
    """Input voltage of one count: V = count * VREF / (2^17 * gain) (MAX30001 datasheet, ECG FIFO).

    Exact: at 80 V/V, what the board's device tree sets (`ecg-gain = <2>`), 0.095367431640625 uV.
    """
    return Decimal(_REFERENCE_UV) / (RAIL * gain)


@dataclass(frozen=True, slots=True)
class Sample:
    """One frame's ECG, in counts."""

    ecg: int


@dataclass(frozen=True, slots=True)
class Lost:
    """A run of bytes that belong to no frame."""

    size: int

    @property
    def samples(self) -> int:
        """How many frames that was, at least one: a frame damaged in one byte loses its sample."""
        return max(1, round(self.size / FRAME_SIZE))


class Parser:
    """Bytes in, in any portions; samples and losses out, in their order."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._skipped = 0
        self.lost_bytes = 0
        """Bytes that belonged to no frame, since the beginning."""

    def feed(self, data: bytes) -> list[Sample | Lost]:
        """Everything that is complete now. A loss is reported with the frame that ends it."""
        self._buffer += data
        found: list[Sample | Lost] = []
        start = 0
        while len(self._buffer) - start >= FRAME_SIZE:
            if self._fits(start):
                if self._skipped:
                    found.append(Lost(self._skipped))
                    self._skipped = 0
                found.append(Sample(_PAYLOAD.unpack_from(self._buffer, start + len(HEAD))[0]))
                start += FRAME_SIZE
                continue
            step = self._next_head(start + 1) - start
            self._skipped += step
            self.lost_bytes += step
            start += step
        del self._buffer[:start]
        return found

    def _fits(self, start: int) -> bool:
        end = start + FRAME_SIZE
        return (self._buffer.startswith(HEAD, start, end)
                and self._buffer.startswith(FOOT, end - len(FOOT), end))

    def _next_head(self, start: int) -> int:
        """Where the next frame may begin: at a whole head, else at the last bytes that could grow into one."""
        at = self._buffer.find(HEAD, start)
        if at >= 0:
            return at
        return max(start, len(self._buffer) - FRAME_SIZE + 1)
