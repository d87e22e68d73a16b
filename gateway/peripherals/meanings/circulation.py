"""Blood pressure and heart rate."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from protocol.readings import Quantity, ReadingKind

from .. import codes
from ..errors import DecodeError
from ..ieee11073 import Number, Special
from ..measured import INTERMEDIATE, Measured, nothing, outside, quantity
from ..profiles import blood_pressure as profile
from ..profiles import heart_rate as belt
from ..profiles import omron_eeprom, yonker

MILLIMETRES = profile.Unit.millimetre_of_mercury


def blood_pressure(data: bytes, model: str, feature: int | None) -> Measured:
    """0x2A35. Errors of `profiles.blood_pressure.decode`."""
    return _measured(profile.decode(data, feature, model))


def as_written(data: bytes, model: str) -> Measured:
    """0x2A35 for a person who reads a log: a mean of 0 stays the 0 that the cuff wrote, and is named."""
    frame = profile.decode(data, None, model)
    measured = _measured(frame)
    if frame.mean != 0:
        return measured
    quantities = tuple(quantity(codes.MEAN, frame.mean, frame.unit.value) if q.mdc == codes.MEAN.mdc else q
                       for q in measured.quantities)
    return replace(measured, quantities=quantities, details=(*measured.details, ("mean_not_measured", "0")))


def enhanced_blood_pressure(data: bytes, model: str, feature: int | None) -> Measured:
    """0x2B34. Errors of `profiles.blood_pressure.enhanced`."""
    return _measured(profile.enhanced(data, feature))


def cuff_pressure(data: bytes, model: str, feature: int | None) -> Measured:
    """0x2A36: the pressure in the cuff now. No blood pressure, and never stored as one."""
    return _cuff(profile.decode(data, feature, model))


def enhanced_cuff_pressure(data: bytes, model: str, feature: int | None) -> Measured:
    """0x2B35: as 0x2A36."""
    return _cuff(profile.enhanced(data, feature))


def omron(data: bytes, model: str) -> Measured:
    """A slot of an older Omron's memory. Errors of `profiles.omron_eeprom.decode`."""
    return _slot(omron_eeprom.decode(data, model))


def omron_of_some_model(data: bytes) -> Measured:
    """A slot of a cuff that nobody named, for a person who reads a log: the one layout in which it is a date and a
    plausible pressure, flagged `model_assumed`. DecodeError `omron.model_unknown` when none or several fit."""
    fitting = []
    for model in omron_eeprom.TYPICAL.get(len(data), ()):
        try:
            measured = omron(data, model)
        except DecodeError as error:
            if error.code == "omron.empty_slot":
                raise
            continue
        if measured.time is not None and not measured.flags:
            fitting.append(replace(measured, flags=("model_assumed",), details=(("layout_of", model),)))
    if len(fitting) != 1:
        raise DecodeError("omron.model_unknown", f"{len(data)} bytes fit {len(fitting)} layouts: name the model")
    return fitting[0]


def yonker_cuff(data: bytes, model: str) -> Measured:
    """A Yonker cuff. Errors of `profiles.yonker.decode`."""
    record = yonker.decode(data)
    return replace(_whole(record.systolic, record.diastolic, record.pulse), time=record.time, stamped=True)


def _slot(record: omron_eeprom.Record) -> Measured:
    return replace(_whole(record.systolic, record.diastolic, record.pulse), time=record.time, stamped=True,
                   record=record.record, status=record.status)


def _whole(systolic: int, diastolic: int, pulse: int) -> Measured:
    """A pressure in whole millimetres of mercury."""
    numbers = Decimal(systolic), Decimal(diastolic), Decimal(pulse)
    return Measured(ReadingKind.blood_pressure, (
        quantity(codes.SYSTOLIC, numbers[0], MILLIMETRES.value),
        quantity(codes.DIASTOLIC, numbers[1], MILLIMETRES.value), quantity(codes.CUFF_PULSE, numbers[2])),
        flags=("implausible",) if _implausible(*numbers, MILLIMETRES) else ())


def heart_rate(data: bytes, model: str, feature: int | None) -> Measured:
    """0x2A37: the rate and every interval between beats, oldest first. Errors of `profiles.heart_rate.decode`.

    A belt on a slow heart is not worth losing for an interval it announced and had not.
    """
    return _beats(belt.decode(data, beatless=True))


def heart_rate_as_written(data: bytes, model: str) -> Measured:
    """0x2A37 by the letter of the specification, for a person who reads a log."""
    return _beats(belt.decode(data))


def _beats(frame: belt.HeartRate) -> Measured:
    rate = Decimal(frame.rate)
    flags = ["implausible"] if outside(rate, 20, 250) else []
    if frame.contact is False:
        flags.append("no_contact")
    quantities = (quantity(codes.HEART_RATE, rate),
                  *(quantity(codes.RR_INTERVAL, belt.milliseconds(interval)) for interval in frame.rr))
    details = () if frame.energy_kj is None else (("energy_expended_kj", frame.energy_kj),)
    return Measured(ReadingKind.heart_rate, quantities, flags=tuple(flags), live=True, details=details,
                    status=() if frame.contact is None else ("contact" if frame.contact else "contact_lost",))


def _cuff(frame: profile.BloodPressure) -> Measured:
    return Measured(ReadingKind.blood_pressure, (quantity(codes.CUFF_PRESSURE, frame.systolic, frame.unit.value),),
                    frame.time, frame.stamped, frame.user, status=frame.status, flags=(INTERMEDIATE,), live=True)


def _measured(frame: profile.BloodPressure) -> Measured:
    quantities = _pressures(frame)
    return Measured(
        ReadingKind.blood_pressure, quantities, frame.time, frame.stamped, frame.user,
        status=frame.status,
        flags=("implausible",) if _implausible(frame.systolic, frame.diastolic, frame.pulse, frame.unit) else (),
        refused="blood_pressure.no_value" if nothing(quantities) else None)


def _pressures(frame: profile.BloodPressure) -> tuple[Quantity, ...]:
    unit = frame.unit.value
    quantities = [quantity(codes.SYSTOLIC, frame.systolic, unit), quantity(codes.DIASTOLIC, frame.diastolic, unit),
                  quantity(codes.MEAN, _mean(frame), unit)]
    if frame.pulse is not None:
        quantities.append(quantity(codes.CUFF_PULSE, frame.pulse))
    return tuple(quantities)


def _mean(frame: profile.BloodPressure) -> Number:
    # Cuffs that do not compute a mean write 0 where the service asks for NaN (BLS 1.1.1, 3.1.1.3).
    return Special.not_a_number if frame.mean == 0 else frame.mean


def _implausible(systolic: Number, diastolic: Number, pulse: Number | None, unit: profile.Unit) -> bool:
    """Outside what a living person has: systolic 30-300, diastolic 10-250, systolic above diastolic, pulse 20-250."""
    def pressure(number: Number) -> Number:
        return profile.to_millimetres(number, unit) if isinstance(number, Decimal) else number

    return (outside(pressure(systolic), 30, 300) or outside(pressure(diastolic), 10, 250) or outside(pulse, 20, 250)
            or (isinstance(systolic, Decimal) and isinstance(diastolic, Decimal) and systolic <= diastolic))
