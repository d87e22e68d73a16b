"""Blood pressure and heart rate."""

from __future__ import annotations

from decimal import Decimal

from protocol.readings import Quantity, ReadingKind

from .. import codes
from ..ieee11073 import Number, Special
from ..measured import Measured, nothing, outside, quantity
from ..profiles import blood_pressure as profile


def blood_pressure(data: bytes, model: str, feature: int | None) -> Measured:
    """0x2A35. Errors of `profiles.blood_pressure.decode`."""
    frame = profile.decode(data, feature, model)
    quantities = _pressures(frame)
    return Measured(
        ReadingKind.blood_pressure, quantities, frame.time, frame.stamped, frame.user,
        status=frame.status,
        flags=("implausible",) if _implausible(frame) else (),
        refused="blood_pressure.no_value" if nothing(quantities) else None)


def cuff_pressure(data: bytes, model: str, feature: int | None) -> Measured:
    """0x2A36: the pressure in the cuff now. No blood pressure, and never stored as one."""
    frame = profile.decode(data, feature, model)
    return Measured(ReadingKind.blood_pressure, (quantity(codes.CUFF_PRESSURE, frame.systolic, frame.unit.value),),
                    frame.time, frame.stamped, frame.user, status=frame.status, live=True)


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


def _implausible(frame: profile.BloodPressure) -> bool:
    """Outside what a living person has: systolic 30-300, diastolic 10-250, systolic above diastolic, pulse 20-250."""
    def pressure(number: Number) -> Number:
        return profile.to_millimetres(number, frame.unit) if isinstance(number, Decimal) else number

    systolic, diastolic = frame.systolic, frame.diastolic
    return (outside(pressure(systolic), 30, 300) or outside(pressure(diastolic), 10, 250)
            or outside(frame.pulse, 20, 250)
            or (isinstance(systolic, Decimal) and isinstance(diastolic, Decimal) and systolic <= diastolic))
