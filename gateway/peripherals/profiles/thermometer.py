"""Temperature Measurement 0x2A1C and Intermediate Temperature 0x2A1E (Health Thermometer Service 1.0).

Flags, FLOAT, then what the flags announce; flag bits 3 to 7 are reserved and ignored (GATT Specification Supplement).
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime

from ..ieee11073 import Number
from .fields import Fields


class Flags(enum.IntFlag):
    """First byte."""

    fahrenheit = 0x01
    time_stamp = 0x02
    temperature_type = 0x04


SITES = {1: "armpit", 2: "body", 3: "ear", 4: "finger", 5: "gastrointestinal", 6: "mouth", 7: "rectum", 8: "toe",
         9: "tympanum"}
"""Temperature Type (also characteristic 0x2A1D); other values are reserved."""


@dataclass(frozen=True, slots=True)
class Temperature:
    """One frame; `unit` is UCUM. `site` is None when the frame does not say, or says a reserved value."""

    value: Number
    unit: str
    stamped: bool
    time: datetime | None
    site: str | None


def decode(data: bytes) -> Temperature:
    """Read a frame. DecodeError: `thermometer.short`, `thermometer.long`, `date_time.invalid`."""
    fields = Fields("thermometer", data)
    flags = Flags(fields.unsigned() & 0x07)
    value = fields.float32()
    time = fields.date_time() if Flags.time_stamp in flags else None
    site = SITES.get(fields.unsigned()) if Flags.temperature_type in flags else None
    fields.end()
    return Temperature(value, "[degF]" if Flags.fahrenheit in flags else "Cel", Flags.time_stamp in flags, time, site)
