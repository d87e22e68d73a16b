"""Weight Measurement 0x2A9D (Weight Scale Service 1.0.1, 3.2): flags, weight, then what the flags announce."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from .fields import Fields

UNSUCCESSFUL = 0xFFFF
"""The scale could not measure (3.2.1.2)."""

USER_UNKNOWN = 0xFF

STEP_KG, STEP_LB = Decimal("0.005"), Decimal("0.01")
STEP_CM, STEP_IN = Decimal("0.1"), Decimal("0.1")
STEP_BMI = Decimal("0.1")


class Flags(enum.IntFlag):
    """First byte; bits 4 to 7 are reserved and ignored."""

    imperial = 0x01
    time_stamp = 0x02
    user_id = 0x04
    bmi_and_height = 0x08


@dataclass(frozen=True, slots=True)
class Weight:
    """One frame, in the units the scale uses: kg and cm, or lb and in with `imperial`. `weight` is None when the
    measurement was unsuccessful, `bmi` (kg/m2) and `height` when the frame has none."""

    weight: Decimal | None
    imperial: bool
    stamped: bool
    time: datetime | None
    user: int | None
    bmi: Decimal | None
    height: Decimal | None


def decode(data: bytes) -> Weight:
    """Read a frame. DecodeError: `weight.short`, `weight.long`, `date_time.invalid`."""
    fields = Fields("weight", data)
    flags = Flags(fields.unsigned() & 0x0F)
    imperial = Flags.imperial in flags
    weight = mass(fields.unsigned(2), imperial)
    time = fields.date_time() if Flags.time_stamp in flags else None
    user = fields.unsigned() if Flags.user_id in flags else USER_UNKNOWN
    bmi, height = None, None
    if Flags.bmi_and_height in flags:
        bmi = fields.unsigned(2) * STEP_BMI
        height = length(fields.unsigned(2), imperial)
    fields.end()
    return Weight(weight, imperial, Flags.time_stamp in flags, time, None if user == USER_UNKNOWN else user, bmi,
                  height)


def mass(count: int, imperial: bool) -> Decimal | None:
    """Kilograms or pounds; None for an unsuccessful measurement."""
    return None if count == UNSUCCESSFUL else count * (STEP_LB if imperial else STEP_KG)


def length(count: int, imperial: bool) -> Decimal:
    """Centimetres (millimetres on the wire) or inches."""
    return count * (STEP_IN if imperial else STEP_CM)
