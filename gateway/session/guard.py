"""The wrong-patient guard (I2). Pure.

A reading belongs to the encounter that was open when it was *taken*. Whatever leaves a doubt goes to
the tray, where a person says whose it is: a reading too many in the tray costs a tap, one in the
wrong file can cost a life.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from datetime import datetime, timedelta

from protocol.readings import Reading
from protocol.values import Patient

NO_ENCOUNTER = "tray.no_encounter"
OLDER = "tray.older_than_encounter"
BETWEEN = "tray.between_encounters"
TIME_UNKNOWN = "tray.time_unknown"
OTHER_PATIENT = "tray.other_patient"
NOBODY_NAMED = "tray.nobody_named"

MEASURING = timedelta(seconds=60)
"""A cuff needs 25 to 50 s, inflates a second time when the arm moved, and stamps the end: within this (and the
slack of a stamp) after the chair changed hands the measurement may have begun on the patient before."""

FUTURE = timedelta(seconds=60)
"""A time further ahead of ours than that says nothing about when."""

SLACK = timedelta(seconds=2)
"""Devices stamp whole seconds, and their clocks are read to the second."""


@dataclass(frozen=True, slots=True)
class Moment:
    """When something happened, by the wall clock of that moment and by a clock that nobody sets (seconds)."""

    at: datetime
    tick: float

    def on(self, clock: Moment) -> datetime:
        """Its time on the wall clock as that goes now (`clock`: now). A vehicle that starts without a network has the
        wrong time until it meets one: what was on the chair before that must not become younger by the jump."""
        reckoned = clock.at - timedelta(seconds=clock.tick - self.tick)
        return self.at if abs(reckoned - self.at) <= SLACK else reckoned


@dataclass(frozen=True, slots=True)
class Chair:
    """Who sits on it: the open encounter (None: nobody), since when; and when the one before was closed."""

    encounter_id: str | None = None
    opened_at: datetime | None = None
    left_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """We saw the instrument begin to measure: at that moment, with that encounter open (None: none)."""

    at: datetime
    encounter_id: str | None


@dataclass(frozen=True, slots=True)
class Tray:
    """To the tray, for this reason."""

    reason: str


@dataclass(frozen=True, slots=True)
class Belongs:
    """To this encounter."""

    encounter_id: str


def place(reading: Reading, chair: Chair, seen: Seen | None, now: datetime) -> Belongs | Tray:
    """Whose reading it is. `reading.taken_at` is on our clock (the driver took the device's offset off)."""
    if chair.encounter_id is None or chair.opened_at is None:
        return Tray(NO_ENCOUNTER)
    taken = reading.taken_at
    if taken is None or taken > now + FUTURE:
        return Tray(TIME_UNKNOWN)
    if taken < chair.opened_at or reading.received_at < chair.opened_at:
        return Tray(OLDER)
    if seen is not None and of_measurement(reading, seen):
        # The begin was watched: no need to reckon how long the measurement took.
        return Belongs(chair.encounter_id) if seen.encounter_id == chair.encounter_id else Tray(BETWEEN)
    if chair.left_at is not None and taken - chair.left_at <= MEASURING + SLACK:
        return Tray(BETWEEN)
    return Belongs(chair.encounter_id)


def unnamed(name: str, birth_date: str) -> bool:
    """Whether a cart's file names nobody: then only the cart's own clock, which nobody has measured, would say whose
    it is."""
    return not _letters(name) and not birth_date


def contradicts(patient: Patient, name: str, birth_date: str) -> bool:
    """Whether what a cart wrote into its file (`FAMILY^Given`, YYYY-MM-DD; empty: not said) is about somebody else.

    Family name and birth date must fit as far as both sides have them; accents, case and hyphens do not count, and
    given names are too often shortened to tell anything. With an anonymous patient any name in the file is a doubt.
    """
    family = _letters(name.partition("^")[0])
    if patient.anonymous:
        return bool(_letters(name) or birth_date)
    if birth_date and patient.birth_date and birth_date != patient.birth_date:
        return True
    own = _letters(patient.family_name)
    return bool(family and own and family != own)


_LIGATURES = str.maketrans({"œ": "oe", "æ": "ae"})


def _letters(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name).casefold().translate(_LIGATURES)
    return "".join(letter for letter in plain if letter.isalpha())


def of_measurement(reading: Reading, seen: Seen) -> bool:
    """Whether a reading is the result of the measurement whose begin we saw."""
    return reading.taken_at is not None and reading.taken_at >= seen.at - SLACK
