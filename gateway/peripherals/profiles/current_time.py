"""Current Time 0x2A2B (Current Time Service 1.1, 3.1): Exact Time 256 and why the clock was changed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from ..errors import DecodeError
from . import date_time
from .fields import Fields

REASONS = {0x01: "manual_time_update", 0x02: "external_reference_time_update", 0x04: "change_of_time_zone",
           0x08: "change_of_dst"}

DATA_FIELD_IGNORED = 0x80
"""ATT error of a write of which a part was ignored (CTS 1.1, 1.6): success in practice."""


@dataclass(frozen=True, slots=True)
class CurrentTime:
    """The device's clock, naive; None when it is unknown. `reasons` of its last change."""

    time: datetime | None
    weekday: int | None
    reasons: tuple[str, ...]
    fraction: int = 0
    """Of the second, in 256ths."""


def decode(data: bytes) -> CurrentTime:
    """Read ten bytes. DecodeError: `current_time.short`, `current_time.long`, `current_time.invalid` (weekday above
    7), `date_time.invalid`."""
    fields = Fields("current_time", data)
    time, weekday = fields.date_time(), fields.unsigned()
    fraction, reasons = fields.unsigned(), fields.unsigned()
    fields.end()
    if weekday > 7:
        raise DecodeError("current_time.invalid", f"weekday {weekday}")
    if time is not None:
        time += timedelta(microseconds=fraction * 1_000_000 // 256)
    return CurrentTime(time, weekday or None, tuple(name for bit, name in REASONS.items() if reasons & bit),
                       fraction)


def encode(moment: datetime) -> bytes:
    """The ten bytes for a naive local `moment`, set from an external reference."""
    return date_time.encode(moment) + bytes((moment.isoweekday(), moment.microsecond * 256 // 1_000_000, 0x02))
