"""What happens in 200 visits, and where every value ended. Pure: drawn from a seed, compared at the end."""

from __future__ import annotations

import enum
import random
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from protocol.readings import Reading, ReadingKind

Value = tuple[str, ...]
"""Unlike every other value of the run: kind and numbers, as text."""


class Fault(enum.StrEnum):
    """What befalls one visit."""

    none = "none"
    old_record = "old_record"
    """A record from days ago comes out of the memory."""
    out_of_range = "out_of_range"
    hang_up_heard = "hang_up_heard"
    """It hangs up when the record is on the air and its confirmation is not heard: it comes again."""
    hang_up_unheard = "hang_up_unheard"
    switched_off = "switched_off"
    sent_again = "sent_again"


class Trouble(enum.StrEnum):
    """What befalls everything on board during one patient."""

    none = "none"
    gateway_killed = "gateway_killed"
    adapter_reset = "adapter_reset"
    adapter_deaf = "adapter_deaf"
    patient_changes = "patient_changes"
    """One measurement is carried out of range and comes back when the next patient sits there."""


FAULTS = (Fault.none,) * 6 + tuple(fault for fault in Fault if fault is not Fault.none)
TROUBLES = (Trouble.none, Trouble.gateway_killed, Trouble.patient_changes, Trouble.adapter_reset,
            Trouble.gateway_killed)
"""In turn; `adapter_deaf` takes its place in a few rounds, it costs a minute and a half each."""

LANES = ("cuff", "thermometer", "scale", "glucose", "beurer")
"""Instruments of `sim`; they work side by side on one adapter."""

PULSES = {"cuff": 60, "beurer": 61}
VISITS_A_PATIENT = 10


@dataclass(frozen=True, slots=True)
class Visit:
    """One wake-up of one instrument. `body`: what it is told to measure; `value`: what must arrive."""

    number: int
    lane: str
    fault: Fault
    body: Mapping[str, Any]
    value: Value
    age_s: float = 0.0
    wait_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Round:
    """One patient."""

    number: int
    trouble: Trouble
    after_s: float
    visits: tuple[Visit, ...]


def plan(visits: int, seed: int, deaf: int) -> list[Round]:
    """Rounds with `visits` visits in all; `deaf` of the rounds meet an adapter that hears nothing."""
    chance = random.Random(seed)
    rounds: list[Round] = []
    drawn = [_visit(number, chance) for number in range(visits)]
    total = -(-visits // VISITS_A_PATIENT)
    deaf_at = {round((at + 0.5) * total / deaf) for at in range(min(deaf, total))} if deaf else set()
    for number in range(total):
        trouble = Trouble.adapter_deaf if number in deaf_at else TROUBLES[number % len(TROUBLES)]
        if number == total - 1 and trouble is Trouble.patient_changes:
            trouble = Trouble.none
        part = tuple(drawn[number * VISITS_A_PATIENT:(number + 1) * VISITS_A_PATIENT])
        rounds.append(Round(number, trouble, chance.uniform(0.5, 4.0), part))
    return rounds


def _visit(number: int, chance: random.Random) -> Visit:
    lane = LANES[number % len(LANES)]
    fault = chance.choice(FAULTS)
    body, value = told(lane, number)
    age = chance.uniform(3600, 5 * 86_400) if fault is Fault.old_record else 0.0
    return Visit(number, lane, fault, body, value, round(age), chance.uniform(0.3, 3.0))


def told(lane: str, number: int) -> tuple[dict[str, Any], Value]:
    """What an instrument is told, and the value that makes; plausible and never the same twice in 1,500."""
    turn = number // len(LANES)
    match lane:
        case "cuff" | "beurer":
            systolic, diastolic, pulse = 100 + turn % 80, 50 + turn // 80 % 40, PULSES[lane]
            return ({"systolic": systolic, "diastolic": diastolic, "pulse": pulse},
                    ("pressure", str(systolic), str(diastolic), str(pulse)))
        case "thermometer":
            temperature = Decimal(3500 + turn % 700).scaleb(-2)
            return {"temperature": str(temperature)}, ("temperature", str(temperature))
        case "scale":
            weight = Decimal(40) + Decimal("0.05") * (turn % 1600)
            return {"weight": str(weight)}, ("weight", _plain(weight))
        case _:
            return {"mg_dl": 60 + turn % 300}, ("glucose", str(60 + turn % 300))


_LOINC = {"8480-6": "systolic", "8462-4": "diastolic", "8867-4": "pulse", "8310-5": "temperature",
          "29463-7": "weight", "2339-0": "glucose"}


def value_of(reading: Reading) -> Value | None:
    """The value a reading holds; None for what no visit of the plan gives."""
    found = {_LOINC[q.loinc]: q.value for q in reading.quantities if q.loinc in _LOINC and q.value is not None}
    match reading.kind:
        case ReadingKind.blood_pressure if {"systolic", "diastolic", "pulse"} <= found.keys():
            return ("pressure", *(_plain(found[name]) for name in ("systolic", "diastolic", "pulse")))
        case ReadingKind.temperature if "temperature" in found:
            return "temperature", str(found["temperature"])
        case ReadingKind.weight if "weight" in found:
            return "weight", _plain(found["weight"])
        case ReadingKind.glucose if "glucose" in found:
            return "glucose", _plain(found["glucose"])
    return None


def _plain(number: Decimal) -> str:
    return f"{number.normalize():f}"


TRAY = "tray"


@dataclass(slots=True)
class Where:
    """Where values were seen. `owner[value]`: the encounter that was open when it was measured; None: an old one,
    which belongs to nobody here."""

    owner: dict[Value, str | None] = field(default_factory=dict)
    _places: dict[Value, dict[str, set[str]]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(set)))
    strange: list[str] = field(default_factory=list)

    def saw(self, place: str, reading: Reading) -> None:
        """A reading stands in an encounter, or in the tray."""
        value = value_of(reading)
        if value is None or value not in self.owner:
            if reading.kind is not ReadingKind.body_composition:
                words = f"{reading.kind.value} {value} in {place}"
                if words not in self.strange:
                    self.strange.append(words)
            return
        self._places[value][reading.reading_id].add(place)

    def found(self, value: Value) -> bool:
        """Whether it was seen anywhere."""
        return bool(self._places.get(value))

    def in_encounter(self, value: Value, encounter_id: str) -> str | None:
        """The reading of this value in this encounter."""
        return next((reading_id for reading_id, places in self._places.get(value, {}).items()
                     if encounter_id in places), None)

    def was_in_tray(self, reading_id: str) -> bool:
        """Whether this reading waited for a person."""
        return any(TRAY in readings.get(reading_id, ()) for readings in self._places.values())

    def lost(self) -> list[Value]:
        """Measured and never seen."""
        return [value for value in self.owner if not self.found(value)]

    def doubled(self) -> list[Value]:
        """Seen as more than one reading."""
        return [value for value, readings in self._places.items() if len(readings) > 1]

    def wrong(self) -> list[tuple[Value, str]]:
        """Seen in an encounter that was not open when it was measured."""
        return [(value, place) for value, readings in self._places.items() for places in readings.values()
                for place in places if place not in (TRAY, self.owner[value])]
