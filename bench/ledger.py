"""What the simulated cuff measured against what people see: nothing may be missing, nothing twice. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from protocol.readings import Reading, ReadingKind

SYSTOLIC, DIASTOLIC = "8480-6", "8462-4"
"""LOINC."""

Pressure = tuple[int, int]
"""Systolic and diastolic, mmHg."""


def distinct_pressure(number: int) -> Pressure:
    """The pressure of the n-th measurement: plausible, and unlike the 1,800 before it."""
    return 100 + number % 60, 55 + number // 60 % 30


def pressure_of(reading: Reading) -> Pressure | None:
    """What a reading says, None when it is no pressure."""
    if reading.kind is not ReadingKind.blood_pressure:
        return None
    values = {quantity.loinc: quantity.value for quantity in reading.quantities}
    systolic, diastolic = values.get(SYSTOLIC), values.get(DIASTOLIC)
    return None if systolic is None or diastolic is None else (int(systolic), int(diastolic))


@dataclass(frozen=True, slots=True)
class Seen:
    """What both pages show of one encounter.

    `kiosk`: the readings of the kiosk's state. `kiosk_ids`: those in its document. `doctor_ids`: those that the
    doctor's page shows or showed, of any encounter. `doctor_count`: how many its document counts in this one.
    """

    kiosk: tuple[Reading, ...]
    kiosk_ids: tuple[str, ...]
    doctor_ids: tuple[str, ...]
    doctor_count: int
    tray: int = 0


@dataclass(frozen=True, slots=True)
class Balance:
    """The outcome; `words` say what is wrong, for a person."""

    measured: int
    lost: int
    doubled: int
    words: tuple[str, ...]


@dataclass(slots=True)
class Ledger:
    """The measurements of one encounter."""

    measured: list[Pressure] = field(default_factory=list)

    def balance(self, seen: Seen) -> Balance:
        """Compare. A pressure is lost when either page lacks it, doubled when either has it twice."""
        shown = Counter(pressure for reading in seen.kiosk if (pressure := pressure_of(reading)) is not None)
        ids = {pressure_of(reading): reading.reading_id for reading in seen.kiosk}
        in_kiosk, at_doctor = Counter(seen.kiosk_ids), set(seen.doctor_ids)
        lost, doubled, words = 0, 0, []
        for pressure in self.measured:
            where = _lacking(shown[pressure], ids.get(pressure), in_kiosk, at_doctor)
            if where:
                lost += 1
                words.append(f"{pressure[0]}/{pressure[1]} is not {where}")
        for pressure, count in shown.items():
            if count > 1:
                doubled += count - 1
                words.append(f"{pressure[0]}/{pressure[1]} is there {count} times")
        for reading_id, count in in_kiosk.items():
            if count > 1:
                doubled += count - 1
                words.append(f"the kiosk shows {reading_id} {count} times")
        of_encounter = len({reading.reading_id for reading in seen.kiosk} & at_doctor)
        if seen.doctor_count > of_encounter:
            doubled += seen.doctor_count - of_encounter
            words.append(f"the doctor's page counts {seen.doctor_count} readings, {of_encounter} are different")
        if seen.tray:
            words.append(f"{seen.tray} wait in the tray")
        return Balance(len(self.measured), lost, doubled, tuple(words))


def _lacking(count: int, reading_id: str | None, in_kiosk: Counter[str], at_doctor: Iterable[str]) -> str:
    if not count or reading_id is None:
        return "in the vehicle's state"
    if not in_kiosk[reading_id]:
        return "on the kiosk's screen"
    return "" if reading_id in at_doctor else "on the doctor's page"


def total(balances: Sequence[Balance]) -> Balance:
    """The sum of several encounters."""
    return Balance(sum(b.measured for b in balances), sum(b.lost for b in balances),
                   sum(b.doubled for b in balances), tuple(word for b in balances for word in b.words))
