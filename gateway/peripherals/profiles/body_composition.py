"""Body Composition Measurement 0x2A9C (Body Composition Service 1.0, 3.2).

Flags (16 bits), body fat, then what the flags announce. A measurement too long for one indication comes in two, both
with the multiple packet flag; `joined` puts them together.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, fields, replace
from datetime import datetime
from decimal import Decimal

from .fields import Fields
from .weight import USER_UNKNOWN, length, mass

UNSUCCESSFUL = 0xFFFF
"""Body fat of a measurement that failed (3.2.1.2); the frame then has at most time stamp and user."""

TENTH = Decimal("0.1")


class Flags(enum.IntFlag):
    """First two bytes; bits 13 to 15 are reserved and ignored."""

    imperial = 0x0001
    time_stamp = 0x0002
    user_id = 0x0004
    basal_metabolism = 0x0008
    muscle_percentage = 0x0010
    muscle_mass = 0x0020
    fat_free_mass = 0x0040
    soft_lean_mass = 0x0080
    body_water_mass = 0x0100
    impedance = 0x0200
    weight = 0x0400
    height = 0x0800
    multiple_packet = 0x1000


@dataclass(frozen=True, slots=True)
class BodyComposition:
    """One frame, or two joined. Percent, kJ, ohm; masses in kg and height in cm, or lb and in with `imperial`.
    `fat` is None when the measurement failed; the others when the frame has none or the scale could not measure."""

    imperial: bool
    multiple: bool
    stamped: bool
    fat: Decimal | None
    time: datetime | None = None
    user: int | None = None
    basal_metabolism_kj: int | None = None
    muscle_percentage: Decimal | None = None
    muscle_mass: Decimal | None = None
    fat_free_mass: Decimal | None = None
    soft_lean_mass: Decimal | None = None
    body_water_mass: Decimal | None = None
    impedance: Decimal | None = None
    weight: Decimal | None = None
    height: Decimal | None = None


def decode(data: bytes) -> BodyComposition:
    """Read a frame. DecodeError: `body_composition.short`, `body_composition.long`, `date_time.invalid`."""
    reader = Fields("body_composition", data)
    flags = Flags(reader.unsigned(2) & 0x1FFF)
    imperial = Flags.imperial in flags
    fat = reader.unsigned(2)
    time = reader.date_time() if Flags.time_stamp in flags else None
    user = reader.unsigned() if Flags.user_id in flags else USER_UNKNOWN

    def count(flag: Flags) -> int | None:
        return reader.unsigned(2) if flag in flags else None

    def kilograms(flag: Flags) -> Decimal | None:
        value = count(flag)
        return None if value is None else mass(value, imperial)

    def tenths(flag: Flags) -> Decimal | None:
        value = count(flag)
        return None if value is None else value * TENTH

    measured = BodyComposition(
        imperial, Flags.multiple_packet in flags, Flags.time_stamp in flags,
        None if fat == UNSUCCESSFUL else fat * TENTH, time, None if user == USER_UNKNOWN else user,
        basal_metabolism_kj=count(Flags.basal_metabolism),
        muscle_percentage=tenths(Flags.muscle_percentage),
        muscle_mass=kilograms(Flags.muscle_mass),
        fat_free_mass=kilograms(Flags.fat_free_mass),
        soft_lean_mass=kilograms(Flags.soft_lean_mass),
        body_water_mass=kilograms(Flags.body_water_mass),
        impedance=tenths(Flags.impedance),
        weight=kilograms(Flags.weight),
        height=None if (tall := count(Flags.height)) is None else length(tall, imperial))
    reader.end()
    return measured


def joined(first: BodyComposition, second: BodyComposition) -> BodyComposition | None:
    """Two indications as one measurement; None when they are not its two halves: not both flagged, or of different
    units, users or times."""
    if not (first.multiple and second.multiple) or first.imperial != second.imperial:
        return None
    merged = {}
    for field in fields(BodyComposition):
        one, two = getattr(first, field.name), getattr(second, field.name)
        if field.name in ("time", "user") and None not in (one, two) and one != two:
            return None
        merged[field.name] = two if one is None else one
    return replace(first, **{**merged, "stamped": first.stamped or second.stamped, "multiple": False})
