"""Glucose and what belongs to it."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from protocol.readings import Quantity, ReadingKind

from .. import codes
from ..ieee11073 import Number
from ..measured import Detail, Measured, nothing, outside, quantity
from ..profiles import glucose as profile

MASS, MOLAR = "mg/dL", "mmol/L"
_KG_PER_LITRE, _MOL_PER_LITRE = 5, 3
"""Powers of ten from kg/L to mg/dL and from mol/L to mmol/L."""

_LIMITS = {MASS: ("10", "900"), MOLAR: ("0.5", "50")}
"""Meters measure 20 to 600 mg/dL, laboratories have seen 2,000: what lies beyond 900 is asked again."""

KETONE_MEAL = 6
"""CareSens Dual and its kin send ketone in the glucose characteristic and say so by this reserved meal; a number of
10 mg/dL then is 1 mmol/L of ketone (NightscoutFoundation/xDrip@c2a0ba1 glucosemeter/caresens/ContextRx.java and
GlucoseReadingRx.asKetone)."""

_KETONE_TENTHS = -1

_TIME_FAULT = "time_fault"
_DOUBTS = frozenset({"sensor_malfunction", "sample_size_insufficient", "strip_insertion_error", "strip_type_incorrect",
                     "sensor_temperature_too_high", "sensor_temperature_too_low", "sensor_read_interrupted",
                     "general_device_fault"})


def glucose(data: bytes, model: str, feature: int | None) -> Measured:
    """0x2A18 alone. Errors of `profiles.glucose.decode`."""
    return meaning(profile.decode(data, feature))


def meaning(record: profile.Glucose, context: profile.Context | None = None) -> Measured:
    """A record with the context of the same sequence number, if one came."""
    quantities: tuple[Quantity, ...] = ()
    flags: list[str] = []
    if record.concentration is not None:
        value, unit = _value(record.concentration, record.molar)
        mdc = codes.GLUCOSE_IN.get(record.sample or "", codes.GLUCOSE_ANY)
        loinc = codes.GLUCOSE_MOLAR if record.molar else codes.GLUCOSE_MASS
        quantities = (quantity(codes.Measure(loinc, mdc), value, unit),)
        if outside(value, *_LIMITS[unit]):
            flags.append("implausible")
    if _DOUBTS & {*record.status}:
        flags.append("questionable")
    fault = _TIME_FAULT in record.status
    if fault:
        flags.append("clock_not_set")
    measured = Measured(
        ReadingKind.glucose, quantities, None if fault else record.time, True, record=record.sequence,
        status=record.status, context=_circumstances(record), flags=tuple(flags), refused=_refused(record, quantities),
        details=_details(record))
    return measured if context is None else _with(measured, context)


def circumstances(context: profile.Context) -> tuple[str, ...]:
    """What the meter's user told, as codes: `meal_fasting`, `health_under_stress`..."""
    named = (("meal", context.meal), ("carbohydrate", context.carbohydrate), ("tester", context.tester),
             ("health", context.health), ("medication", context.medication))
    return tuple(f"{name}_{value}" for name, value in named if value)


def told(context: profile.Context) -> tuple[Detail, ...]:
    """The numbers beside them."""
    litres = "l" if context.medication_in_litres else "kg"
    numbers = (("carbohydrate_kg", context.carbohydrate_kg), ("exercise_s", context.exercise_s),
               ("exercise_percent", context.exercise_percent), (f"medication_{litres}", context.medication_amount))
    return tuple((name, _text(value)) for name, value in numbers if value is not None)


def hba1c(context: profile.Context) -> tuple[Quantity, ...]:
    """HbA1c, where the meter measures it."""
    return () if context.hba1c is None else (quantity(codes.HBA1C, context.hba1c),)


def _with(measured: Measured, context: profile.Context) -> Measured:
    refused, details = measured.refused, (*measured.details, *told(context))
    if context.meal_code == KETONE_MEAL:
        refused = refused or "glucose.ketone"
        details = (*details, ("measures", "ketone"), *_ketone(measured.quantities))
    return replace(measured, quantities=(*measured.quantities, *hba1c(context)), refused=refused, details=details,
                   context=(*measured.context, *circumstances(context)))


def _ketone(quantities: tuple[Quantity, ...]) -> tuple[Detail, ...]:
    return tuple(("ketone_mmol_l", f"{q.value.scaleb(_KETONE_TENTHS):f}") for q in quantities
                 if q.value is not None and q.unit == MASS)


def _value(concentration: Number, molar: bool) -> tuple[Number, str]:
    unit = MOLAR if molar else MASS
    if not isinstance(concentration, Decimal):
        return concentration, unit
    value = concentration.scaleb(_MOL_PER_LITRE if molar else _KG_PER_LITRE)
    # Like `ieee11073`: tens and hundreds have no exponent in FHIR's decimal.
    return (Decimal(int(value)) if int(value.as_tuple().exponent) > 0 else value), unit


def _circumstances(record: profile.Glucose) -> tuple[str, ...]:
    named = (("sample", record.sample), ("location", record.location))
    return tuple(f"{name}_{value}" for name, value in named if value)


def _refused(record: profile.Glucose, quantities: tuple[Quantity, ...]) -> str | None:
    if profile.CONTROL_SOLUTION in (record.sample, record.location):
        return "glucose.control_solution"
    return "glucose.no_value" if nothing(quantities) else None


def _details(record: profile.Glucose) -> tuple[Detail, ...]:
    details: list[Detail] = []
    if record.offset_minutes is not None:
        details.append(("time_offset_min", record.offset_minutes))
    if record.context_follows:
        details.append(("context_follows", "yes"))
    if _TIME_FAULT in record.status and record.time:
        details.append(("clock_not_set", record.time.isoformat()))
    return tuple(details)


def _text(value: Number | int) -> str | int:
    if isinstance(value, int):
        return value
    return f"{value:f}" if isinstance(value, Decimal) else value.value
