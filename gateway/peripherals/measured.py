"""One measurement as an instrument means it: quantities with their codes, its own time, its own doubts. Pure.

`meaning` makes these from bytes, `readings` turns them into the `Reading` of an encounter.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from protocol.readings import Absent, Quantity, ReadingKind

from .codes import Measure
from .ieee11073 import Number, Special

_ABSENT = {Special.not_a_number: Absent.not_a_number, Special.positive_infinity: Absent.positive_infinity,
           Special.negative_infinity: Absent.negative_infinity, Special.not_at_this_resolution: Absent.error,
           Special.reserved: Absent.error}

INTERMEDIATE = "intermediate"
"""Flag of a value that a result follows (cuff pressure, rising temperature): never stored as a reading."""

REASSURING = frozenset({
    "contact", "correct_check", "smart_point", "display_synchronised", "encrypted", "validated_data",
    "fully_qualified_data", "extended_display_update_ongoing"})
"""Status bits that cast no doubt: shown by the command, left out of the flags of a reading, which are for doubts."""

Detail = tuple[str, str | int | None]


@dataclass(frozen=True, slots=True)
class Measured:
    """One frame's measurement. `time` is naive, as the device has it, None without a stamp or with an unknown one
    (`stamped` tells them apart). `status`: the device's own quality bits; `context`: circumstances (site, meal);
    `flags`: our judgement (`implausible`). `refused`: the code why this is not a patient's result (control solution,
    demo data, no value); its numbers never reach a chart. `live`: one of a running series, for the panel.
    `details`: what else the frame says, by name."""

    kind: ReadingKind
    quantities: tuple[Quantity, ...]
    time: datetime | None = None
    stamped: bool = False
    user: int | None = None
    record: int | None = None
    status: tuple[str, ...] = ()
    context: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    refused: str | None = None
    live: bool = False
    details: tuple[Detail, ...] = ()


def quantity(measure: Measure, number: Number, unit: str = "") -> Quantity:
    """`number` under the codes of `measure`; a special value becomes the reason of its absence. `unit` (UCUM) where
    the device chooses it."""
    unit = unit or measure.unit
    if isinstance(number, Special):
        return Quantity(loinc=measure.loinc, mdc=measure.mdc, unit=unit, absent=_ABSENT[number])
    return Quantity(loinc=measure.loinc, mdc=measure.mdc, unit=unit, value=number)


def nothing(quantities: Iterable[Quantity]) -> bool:
    """No number and no infinity among them: a factory record or a failed measurement. Infinity is a result (a
    glucose meter's "HI")."""
    return all(q.absent in (Absent.not_a_number, Absent.error) for q in quantities)


def outside(number: Number | None, low: int | str, high: int | str) -> bool:
    """Whether a measured number lies beyond the inclusive limits; what was not measured does not."""
    return isinstance(number, Decimal) and not Decimal(low) <= number <= Decimal(high)
