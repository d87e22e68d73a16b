"""Glucose Measurement 0x2A18, its Context 0x2A34 and Glucose Feature 0x2A51 (Glucose Service 1.0.1, 3.1 to 3.3).

A context belongs to the measurement of the same sequence number. Reserved bits and values are ignored.
The concentration is in kg/L or mol/L on the wire; what it becomes is decided by `meanings.metabolism`.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime, timedelta

from ..errors import DecodeError
from ..ieee11073 import Number, sfloat
from .fields import Fields


class Flags(enum.IntFlag):
    """First byte of 0x2A18."""

    time_offset = 0x01
    concentration = 0x02
    mole_per_litre = 0x04
    sensor_status = 0x08
    context_follows = 0x10


class ContextFlags(enum.IntFlag):
    """First byte of 0x2A34."""

    carbohydrate = 0x01
    meal = 0x02
    tester_health = 0x04
    exercise = 0x08
    medication = 0x10
    medication_in_litres = 0x20
    hba1c = 0x40
    extended = 0x80


CONTROL_SOLUTION = "control_solution"

SAMPLES = {1: "capillary_whole_blood", 2: "capillary_plasma", 3: "venous_whole_blood", 4: "venous_plasma",
           5: "arterial_whole_blood", 6: "arterial_plasma", 7: "undetermined_whole_blood", 8: "undetermined_plasma",
           9: "interstitial_fluid", 10: CONTROL_SOLUTION}
LOCATIONS = {1: "finger", 2: "alternate_site", 3: "earlobe", 4: CONTROL_SOLUTION}
"""15 says "not available"."""

MEALS = {1: "preprandial", 2: "postprandial", 3: "fasting", 4: "casual", 5: "bedtime"}
CARBOHYDRATES = {1: "breakfast", 2: "lunch", 3: "dinner", 4: "snack", 5: "drink", 6: "supper", 7: "brunch"}
TESTERS = {1: "self", 2: "health_care_professional", 3: "lab_test"}
HEALTH = {1: "minor_health_issues", 2: "major_health_issues", 3: "during_menses", 4: "under_stress",
          5: "no_health_issues"}
MEDICATIONS = {1: "rapid_acting_insulin", 2: "short_acting_insulin", 3: "intermediate_acting_insulin",
               4: "long_acting_insulin", 5: "pre_mixed_insulin"}

STATUS = {
    0x001: "device_battery_low", 0x002: "sensor_malfunction", 0x004: "sample_size_insufficient",
    0x008: "strip_insertion_error", 0x010: "strip_type_incorrect", 0x020: "sensor_result_too_high",
    0x040: "sensor_result_too_low", 0x080: "sensor_temperature_too_high", 0x100: "sensor_temperature_too_low",
    0x200: "sensor_read_interrupted", 0x400: "general_device_fault", 0x800: "time_fault"}
"""Sensor Status Annunciation."""

_FEATURE_OF_STATUS = {
    0x001: 0x001, 0x002: 0x002, 0x004: 0x004, 0x008: 0x008, 0x010: 0x010, 0x020: 0x020, 0x040: 0x020,
    0x080: 0x040, 0x100: 0x040, 0x200: 0x080, 0x400: 0x100, 0x800: 0x200}
"""Bit of 0x2A51 that declares a status bit."""

OVERRUN = 0xFFFF
EMPTY_SLOT = bytes((0xFF, 0xFF))
"""Concentration of an erased record slot: -0.1 as an SFLOAT, and no meter measures a negative concentration."""


@dataclass(frozen=True, slots=True)
class Glucose:
    """One record. `concentration` is in kg/L, or in mol/L with `molar`; None when the record has none. `time` is the
    user-facing time, base time plus offset."""

    sequence: int
    time: datetime | None
    offset_minutes: int | None
    concentration: Number | None
    molar: bool
    sample: str | None
    location: str | None
    status: tuple[str, ...]
    context_follows: bool


@dataclass(frozen=True, slots=True)
class Context:
    """What the meter's user told about a record; None for what was not said. `meal_code` is the bare number:
    makers use reserved ones. Masses are in kg, volumes in L, percent in %."""

    sequence: int
    carbohydrate: str | None = None
    carbohydrate_kg: Number | None = None
    meal_code: int | None = None
    tester: str | None = None
    health: str | None = None
    exercise_s: int | None = None
    exercise_percent: int | None = None
    medication: str | None = None
    medication_amount: Number | None = None
    medication_in_litres: bool = False
    hba1c: Number | None = None

    @property
    def meal(self) -> str | None:
        """Name of the meal, None for a reserved one."""
        return None if self.meal_code is None else MEALS.get(self.meal_code)


def decode(data: bytes, feature: int | None = None) -> Glucose:
    """Read 0x2A18. `feature` is the value of 0x2A51, None when the device did not say.

    DecodeError: `glucose.short`, `glucose.long`, `date_time.invalid`, `glucose.empty_slot`.
    """
    fields = Fields("glucose", data)
    flags = Flags(fields.unsigned() & 0x1F)
    sequence = fields.unsigned(2)
    time = fields.date_time()
    offset = fields.signed(2) if Flags.time_offset in flags else None
    concentration, kind, slot = None, 0, b""
    if Flags.concentration in flags:
        slot, kind = fields.take(2), fields.unsigned()
        concentration = sfloat(slot)
    status = status_names(fields.unsigned(2), feature) if Flags.sensor_status in flags else ()
    fields.end()
    if slot == EMPTY_SLOT:
        raise DecodeError("glucose.empty_slot", f"record {sequence}")
    return Glucose(sequence, _facing(time, offset), offset, concentration, Flags.mole_per_litre in flags,
                   SAMPLES.get(kind & 0x0F), LOCATIONS.get(kind >> 4), status, Flags.context_follows in flags)


def context(data: bytes) -> Context:
    """Read 0x2A34. DecodeError: `glucose_context.short`, `glucose_context.long`."""
    fields = Fields("glucose_context", data)
    flags = ContextFlags(fields.unsigned())
    sequence = fields.unsigned(2)
    if ContextFlags.extended in flags:
        fields.take(1)
    carbohydrate = (fields.unsigned(), fields.sfloat()) if ContextFlags.carbohydrate in flags else (0, None)
    meal = fields.unsigned() if ContextFlags.meal in flags else None
    tester = fields.unsigned() if ContextFlags.tester_health in flags else 0
    exercise = (fields.unsigned(2), fields.unsigned()) if ContextFlags.exercise in flags else (OVERRUN, None)
    medication = (fields.unsigned(), fields.sfloat()) if ContextFlags.medication in flags else (0, None)
    hba1c = fields.sfloat() if ContextFlags.hba1c in flags else None
    fields.end()
    return Context(sequence, CARBOHYDRATES.get(carbohydrate[0]), carbohydrate[1], meal, TESTERS.get(tester & 0x0F),
                   HEALTH.get(tester >> 4), None if exercise[0] == OVERRUN else exercise[0], exercise[1],
                   MEDICATIONS.get(medication[0]), medication[1], ContextFlags.medication_in_litres in flags, hba1c)


def feature(data: bytes) -> int:
    """Value of 0x2A51. DecodeError `glucose_feature.short`."""
    return Fields("glucose_feature", data).unsigned(2)


def status_names(bits: int, feature: int | None) -> tuple[str, ...]:
    """Names of the set bits of a Sensor Status Annunciation, of those that the device declares."""
    return tuple(name for bit, name in STATUS.items()
                 if bits & bit and (feature is None or feature & _FEATURE_OF_STATUS[bit]))


def _facing(base: datetime | None, offset: int | None) -> datetime | None:
    if base is None or offset is None:
        return base
    try:
        return base + timedelta(minutes=offset)
    except OverflowError as error:
        raise DecodeError("date_time.invalid", f"{base} {offset:+} min") from error
