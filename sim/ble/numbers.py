"""How instruments write numbers and times: ISO/IEEE 11073-20601 F.8, GATT Specification Supplement 3.70 and 3.62.

A `Decimal` keeps the digits it was given: `Decimal("36.40")` goes out with the exponent -2.
"""

from __future__ import annotations

import enum
from datetime import datetime
from decimal import Decimal
from typing import Final


class NoNumber(enum.Enum):
    """What stands in place of a number (mantissas of SFLOAT and of FLOAT, exponent 0)."""

    not_a_number = (0x07FF, 0x007FFFFF)
    not_at_this_resolution = (0x0800, 0x00800000)
    positive_infinity = (0x07FE, 0x007FFFFE)
    negative_infinity = (0x0802, 0x00800002)
    reserved = (0x0801, 0x00800001)


Value = Decimal | int | NoNumber

NAN: Final = NoNumber.not_a_number
SFLOAT_MOST, FLOAT_MOST = 0x07FD, 0x007FFFFD
"""The largest mantissas that are numbers."""


def sfloat(value: Value) -> bytes:
    """Two bytes: exponent of 4 bits above a mantissa of 12. ValueError when it does not fit."""
    if isinstance(value, NoNumber):
        return value.value[0].to_bytes(2, "little")
    mantissa, exponent = _parts(value)
    if not -SFLOAT_MOST <= mantissa <= SFLOAT_MOST or not -8 <= exponent <= 7:
        raise ValueError(f"{value} does not fit an SFLOAT")
    return ((exponent & 0xF) << 12 | mantissa & 0xFFF).to_bytes(2, "little")


def float32(value: Value) -> bytes:
    """Four bytes: exponent of 8 bits above a mantissa of 24. ValueError when it does not fit."""
    if isinstance(value, NoNumber):
        return value.value[1].to_bytes(4, "little")
    mantissa, exponent = _parts(value)
    if not -FLOAT_MOST <= mantissa <= FLOAT_MOST or not -128 <= exponent <= 127:
        raise ValueError(f"{value} does not fit a FLOAT")
    return ((exponent & 0xFF) << 24 | mantissa & 0xFFFFFF).to_bytes(4, "little")


def _parts(value: Decimal | int) -> tuple[int, int]:
    sign, digits, exponent = Decimal(value).as_tuple()
    if not isinstance(exponent, int):
        raise ValueError(f"{value} is no number")
    mantissa = int("".join(map(str, digits)))
    return -mantissa if sign else mantissa, exponent


def unsigned(value: int, size: int) -> bytes:
    """`size` bytes, the lowest first."""
    return value.to_bytes(size, "little")


def steps(value: Decimal, resolution: Decimal, size: int = 2) -> bytes:
    """`value` as a count of `resolution` (weights, lengths, shares)."""
    return unsigned(round(value / resolution), size)


def date_time(moment: datetime) -> bytes:
    """0x2A08, seven bytes: year, month, day, hours, minutes, seconds."""
    return unsigned(moment.year, 2) + bytes([moment.month, moment.day, moment.hour, moment.minute, moment.second])


def date_time_from(data: bytes) -> datetime | None:
    """What the gateway wrote; None when it is no date."""
    if len(data) != 7:
        return None
    try:
        return datetime(data[0] | data[1] << 8, data[2], data[3], data[4], data[5], data[6])
    except ValueError:
        return None


def current_time(moment: datetime, reason: int = 0) -> bytes:
    """0x2A2B, ten bytes: Date Time, day of the week (1 is Monday), 1/256 s, why it was adjusted."""
    return date_time(moment) + bytes([moment.isoweekday(), moment.microsecond * 256 // 1_000_000, reason])


def current_time_from(data: bytes) -> datetime | None:
    """What the gateway wrote to 0x2A2B; None when it is no time."""
    return date_time_from(data[:7]) if len(data) == 10 else None
