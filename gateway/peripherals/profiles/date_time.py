"""Date Time, 0x2A08: a wall clock without a zone, seven bytes (GATT Specification Supplement, Date Time)."""

from __future__ import annotations

import struct
from datetime import datetime

from ..errors import DecodeError

SIZE = 7
_LAYOUT = struct.Struct("<HBBBBB")
_FIRST_YEAR = 1582
"""The specification allows 1582 to 9999; 0 says "unknown"."""


def decode(data: bytes) -> datetime | None:
    """The device's clock, naive; None when year, month or day is unknown (0).

    DecodeError `date_time.short`, `date_time.long`, or `date_time.invalid` for a moment that does not exist.
    """
    if len(data) < SIZE:
        raise DecodeError("date_time.short", f"{len(data)} of {SIZE} bytes")
    if len(data) > SIZE:
        raise DecodeError("date_time.long", f"{len(data)} bytes, {SIZE} expected")
    year, month, day, hour, minute, second = _LAYOUT.unpack(data)
    if year and year < _FIRST_YEAR:
        raise DecodeError("date_time.invalid", f"year {year}")
    try:
        # A leap year and a 31-day month stand in for what is unknown, so that the rest is still checked.
        moment = datetime(year or 2000, month or 1, day or 1, hour, minute, second)
    except ValueError as error:
        raise DecodeError("date_time.invalid", str(error)) from error
    return moment if year and month and day else None


def encode(moment: datetime) -> bytes:
    """The seven bytes for a naive local `moment`; sub-seconds are cut."""
    return _LAYOUT.pack(moment.year, moment.month, moment.day, moment.hour, moment.minute, moment.second)
