"""Yonker blood pressure cuffs: 15 bytes on CDEACD81-5235-4C07-8846-93A37EE6B86D.

81, systolic, diastolic, pulse, two unused, day, month, year, hour, minute, four unused; whole mmHg
(derdilla/blood-pressure-monitor-fl@17aba3d yonker_measurement_data.dart).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from ..errors import DecodeError

MEASUREMENT = "cdeacd81-5235-4c07-8846-93a37ee6b86d"
SIZE, HEAD = 15, 0x81


@dataclass(frozen=True, slots=True)
class Record:
    """One measurement, to the minute. `time` is None when the date does not exist: the clock was never set."""

    systolic: int
    diastolic: int
    pulse: int
    time: datetime | None


def decode(data: bytes) -> Record:
    """Read a frame. DecodeError: `yonker.short`, `yonker.long`, `yonker.invalid` (another head)."""
    if len(data) != SIZE:
        raise DecodeError("yonker.short" if len(data) < SIZE else "yonker.long", f"{len(data)} of {SIZE} bytes")
    if data[0] != HEAD:
        raise DecodeError("yonker.invalid", f"head {data[0]:#04x}")
    day, month, year, hour, minute = data[6:11]
    try:
        time = datetime(2000 + year, month, day, hour, minute)
    except ValueError:
        time = None
    return Record(data[1], data[2], data[3], time)
