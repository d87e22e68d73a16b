"""Weight and body composition."""

from __future__ import annotations

from decimal import Decimal

from protocol.readings import Absent, Quantity, ReadingKind

from .. import codes
from ..measured import Measured, outside, quantity
from ..profiles import body_composition as composition
from ..profiles import weight as profile

_MASS, _LENGTH = {False: "kg", True: "[lb_av]"}, {False: "cm", True: "[in_i]"}
_MASS_LIMITS = {False: ("0.4", "350"), True: ("0.9", "770")}
_LENGTH_LIMITS = {False: (30, 250), True: (12, 98)}
"""From a premature infant to the heaviest and tallest adults; scales end at 300 kg."""


def weight(data: bytes, model: str, feature: int | None) -> Measured:
    """0x2A9D. Errors of `profiles.weight.decode`."""
    frame = profile.decode(data)
    quantities = [_mass(codes.WEIGHT, frame.weight, frame.imperial)]
    if frame.bmi is not None:
        quantities.append(quantity(codes.BODY_MASS_INDEX, frame.bmi))
    if frame.height is not None:
        quantities.append(quantity(codes.HEIGHT, frame.height, _LENGTH[frame.imperial]))
    implausible = (outside(frame.weight, *_MASS_LIMITS[frame.imperial]) or outside(frame.bmi, 5, 150)
                   or outside(frame.height, *_LENGTH_LIMITS[frame.imperial]))
    return Measured(ReadingKind.weight, tuple(quantities), frame.time, frame.stamped, frame.user,
                    flags=("implausible",) if implausible else (),
                    refused="weight.unsuccessful" if frame.weight is None else None)


def body_composition(data: bytes, model: str, feature: int | None) -> Measured:
    """0x2A9C, one indication. Errors of `profiles.body_composition.decode`."""
    return composed(composition.decode(data))


def composed(frame: composition.BodyComposition) -> Measured:
    """One indication, or two that were joined. A half of two is flagged `incomplete`."""
    imperial = frame.imperial
    fat = (Quantity(loinc=codes.BODY_FAT.loinc, mdc=codes.BODY_FAT.mdc, unit=codes.BODY_FAT.unit, absent=Absent.error)
           if frame.fat is None else quantity(codes.BODY_FAT, frame.fat))
    quantities = [fat]
    for measure, mass in ((codes.WEIGHT, frame.weight), (codes.MUSCLE_MASS, frame.muscle_mass),
                          (codes.FAT_FREE_MASS, frame.fat_free_mass), (codes.SOFT_LEAN_MASS, frame.soft_lean_mass),
                          (codes.BODY_WATER_MASS, frame.body_water_mass)):
        if mass is not None:
            quantities.append(_mass(measure, mass, imperial))
    for measure, value, unit in (
            (codes.HEIGHT, frame.height, _LENGTH[imperial]), (codes.MUSCLE_PERCENTAGE, frame.muscle_percentage, ""),
            (codes.BASAL_METABOLISM, _decimal(frame.basal_metabolism_kj), ""), (codes.IMPEDANCE, frame.impedance, "")):
        if value is not None:
            quantities.append(quantity(measure, value, unit))
    implausible = (outside(frame.fat, 2, 75) or outside(frame.weight, *_MASS_LIMITS[imperial])
                   or outside(frame.muscle_percentage, 5, 95) or outside(frame.height, *_LENGTH_LIMITS[imperial]))
    flags = [name for name, is_set in (("implausible", implausible), ("incomplete", frame.multiple)) if is_set]
    return Measured(ReadingKind.body_composition, tuple(quantities), frame.time, frame.stamped, frame.user,
                    flags=tuple(flags), refused="body_composition.unsuccessful" if frame.fat is None else None)


def _mass(measure: codes.Measure, value: Decimal | None, imperial: bool) -> Quantity:
    unit = _MASS[imperial]
    if value is None:
        return Quantity(loinc=measure.loinc, mdc=measure.mdc, unit=unit, absent=Absent.error)
    return quantity(measure, value, unit)


def _decimal(value: int | None) -> Decimal | None:
    return None if value is None else Decimal(value)
