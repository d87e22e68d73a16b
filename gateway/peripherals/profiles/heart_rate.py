"""Heart Rate Measurement 0x2A37 (Heart Rate Service 1.0, 3.1) and Body Sensor Location 0x2A38."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from decimal import Decimal

from ..errors import DecodeError
from .fields import Fields


class Flags(enum.IntFlag):
    """First byte; bits 5 to 7 are reserved and ignored."""

    sixteen_bits = 0x01
    contact_detected = 0x02
    contact_supported = 0x04
    energy_expended = 0x08
    rr_interval = 0x10


LOCATIONS = {0: "other", 1: "chest", 2: "wrist", 3: "finger", 4: "hand", 5: "ear_lobe", 6: "foot"}
"""Values of 0x2A38."""


@dataclass(frozen=True, slots=True)
class HeartRate:
    """One frame. `rate` per minute; `contact` is None when the sensor does not know; `energy_kj` since its reset;
    `rr` every interval between beats it holds, oldest first, in 1/1024 s."""

    rate: int
    contact: bool | None
    energy_kj: int | None
    rr: tuple[int, ...]


def decode(data: bytes, *, beatless: bool = False) -> HeartRate:
    """Read a frame. `beatless`: a second without a beat may announce intervals and hold none.

    DecodeError: `heart_rate.short` (also half an interval, and none where the flags announce them), `heart_rate.long`.
    """
    fields = Fields("heart_rate", data)
    flags = Flags(fields.unsigned() & 0x1F)
    rate = fields.unsigned(2 if Flags.sixteen_bits in flags else 1)
    contact = Flags.contact_detected in flags if Flags.contact_supported in flags else None
    energy = fields.unsigned(2) if Flags.energy_expended in flags else None
    intervals: tuple[int, ...] = ()
    if Flags.rr_interval in flags:
        # "One or more" (3.1.1.5): announced and not there is a frame that was cut.
        if fields.left % 2 or not (fields.left or beatless):
            raise DecodeError("heart_rate.short", f"{fields.left} bytes of RR intervals")
        intervals = tuple(fields.unsigned(2) for _ in range(fields.left // 2))
    fields.end()
    return HeartRate(rate, contact, energy, intervals)


def milliseconds(interval: int) -> Decimal:
    """An RR interval in ms, exact: 125/128 ms a count."""
    return Decimal(interval * 125) / 128
