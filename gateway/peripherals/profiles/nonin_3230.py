"""Nonin 3230 (and WristOx2 3150 BLE): the continuous oximetry characteristic 0AAD7EA0-0D60-11E2-8E3C-0002A5D5C51B.

Ten bytes or more a second, big-endian; the first says how many. Layout and missing values as in Nonin's sample
application for iOS of 2013 and in andreasdri/nonin-3230-ble@dff81d5 index.js. Also speaks the standard service.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from ..errors import DecodeError

SERVICE = "46a970e0-0d5f-11e2-8b5e-0002a5d5c51b"
MEASUREMENT = "0aad7ea0-0d60-11e2-8e3c-0002a5d5c51b"
CONTROL = "1447af80-0d60-11e2-88b6-0002a5d5c51b"
COMPLETE = bytes.fromhex("624e4d49")
"""Written to `CONTROL`, ends the measurement: the oximeter shows that it was read and switches off."""

SHORTEST = 10
NO_SATURATION, NO_PULSE = 127, 511

STATUS = {0x01: "display_synchronised", 0x02: "weak_signal", 0x04: "smart_point", 0x08: "searching",
          0x10: "correct_check", 0x20: "low_battery", 0x40: "encrypted"}
"""`smart_point`: the value passed the quality algorithm; `correct_check`: the finger is placed correctly."""


@dataclass(frozen=True, slots=True)
class Oximetry:
    """One second. `saturation` % and `pulse` /min are None when missing; `amplitude` is the pulse amplitude index in %,
    `battery` in volts, `seconds` since the measurement began."""

    saturation: int | None
    pulse: int | None
    amplitude: Decimal
    battery: Decimal
    seconds: int
    status: tuple[str, ...]


def decode(data: bytes) -> Oximetry:
    """Read a notification. DecodeError: `nonin.short`, `nonin.long`, `nonin.invalid` (a value that can't be)."""
    announced = max(SHORTEST, data[0] if data else 0)
    if len(data) != announced:
        raise DecodeError("nonin.short" if len(data) < announced else "nonin.long",
                          f"{len(data)} bytes, {announced} announced")
    saturation, pulse = data[7], int.from_bytes(data[8:10], "big")
    if saturation > 100 and saturation != NO_SATURATION:
        raise DecodeError("nonin.invalid", f"saturation {saturation}")
    if pulse > NO_PULSE:
        raise DecodeError("nonin.invalid", f"pulse {pulse}")
    return Oximetry(
        None if saturation == NO_SATURATION else saturation,
        None if pulse == NO_PULSE else pulse,
        Decimal(int.from_bytes(data[3:5], "big")).scaleb(-2),
        Decimal(data[2]).scaleb(-1),
        int.from_bytes(data[5:7], "big"),
        tuple(name for bit, name in STATUS.items() if data[1] & bit))
