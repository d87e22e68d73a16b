"""What serial instruments put on the line, written from their makers' descriptions. Pure.

ProtoCentral ADS1292R: OpenView frame of its Arduino example. OpenBCI Cyton: "Cyton Data Format". GE Corometrics:
Model 115 messages of the service manual 2000947-004. Twelve leads: `docs/instruments/ecg12.md`.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Final

ADS1292R_UV: Final = 2_420_000 * 256 / (12 * (2**23 - 1))
"""One count after the firmware has dropped eight bits: reference 2.42 V, gain 12."""

CYTON_UV: Final = 4.5e6 / 24 / (2**23 - 1)
"""One count: reference 4.5 V, gain 24."""

TWELVE_NV: Final = 500
TWELVE_INSTANTS: Final = 10
NO_VALUE: Final = -(2**15)

ETX: Final = b"\x03"


def ads1292r(ecg: int, respiration: int, breaths: int, heart_rate: int) -> bytes:
    """One sample, 16 bytes."""
    return b"\x0a\xfa\x09\x00\x02" + struct.pack("<hhHHB", ecg, respiration, breaths, heart_rate, 0) + b"\x00\x0b"


def cyton(number: int, channels: Sequence[int]) -> bytes:
    """One sample of eight channels, 33 bytes; no acceleration."""
    body = b"".join(channel.to_bytes(3, "big", signed=True) for channel in channels)
    return bytes((0xA0, number % 256)) + body + bytes(6) + b"\xc0"


def twelve(first: int, rate_hz: int, rows: Sequence[Sequence[int]], off: int = 0) -> bytes:
    """Some instants of twelve leads; `off`: electrodes without contact, by bit."""
    head = struct.pack("<BBIHHH", 1, len(rows), first % 2**32, rate_hz, TWELVE_NV, off)
    body = head + struct.pack(f"<{12 * len(rows)}h", *(sample for row in rows for sample in row))
    return b"\xec\x12" + body + struct.pack("<H", _crc16(body))


def corometrics(heart_rate: int | None, second: int | None, activity: Sequence[int | None]) -> bytes:
    """A quarter of a second in update mode: heart rate, second heart rate, two uterine activities."""
    def message(kind: bytes, number: int | None, pen_lift: str) -> bytes:
        return b"9" + kind + b"0" + (pen_lift if number is None else f"{number:02d}").encode() + ETX

    first, then = activity
    return (message(b"a", first, "128") + message(b"`", heart_rate, "00") + message(b"e", second, "00")
            + message(b"a", then, "128"))


def _crc16(data: bytes) -> int:
    """CRC-16/IBM-3740."""
    value = 0xFFFF
    for byte in data:
        value ^= byte << 8
        for _ in range(8):
            value = (value << 1 ^ 0x1021 if value & 0x8000 else value << 1) & 0xFFFF
    return value
