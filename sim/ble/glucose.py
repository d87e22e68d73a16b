"""A glucose meter with the Glucose Service 1.0.1 (0x1808): a numbered memory, control solution, meals, empty slots."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from bumble.gatt import Characteristic, Service

from protocol.readings import InstrumentKind

from ..air import Air
from ..asked import Body, Button, choice, exact, number, whole
from ..patient import Patient
from .archive import Archive
from .numbers import date_time, sfloat, unsigned
from .plate import Plate

PLATE: Final = Plate("Glucometre Simulé", "C4:1C:18:08:00:01", InstrumentKind.glucose_meter, "glucose",
                     "Fabricant simulé", "Glucomètre (simulé)", "SIM-1808-0001", ("1808",))

SAMPLES: Final = {"capillary_whole": 1, "capillary_plasma": 2, "venous_whole": 3, "venous_plasma": 4,
                  "arterial_whole": 5, "arterial_plasma": 6, "undetermined_whole": 7, "undetermined_plasma": 8,
                  "interstitial": 9, "control_solution": 10}
FINGER, CONTROL_LOCATION = 1, 4
MEALS: Final = {"none": 0, "before": 1, "after": 2, "fasting": 3, "casual": 4, "bedtime": 5}
EMPTY_SLOT: Final = b"\xff\xff"
"""What some meters answer for a place in the memory that nothing was measured for."""

KETONE_MEAL: Final = 6
"""CareSens meters mark a ketone value so in the same characteristic."""

WITH_OFFSET, WITH_CONCENTRATION, MOLES, WITH_STATUS, CONTEXT_FOLLOWS = 0x01, 0x02, 0x04, 0x08, 0x10
FEATURES: Final = 0x0001 | 0x0002 | 0x0004 | 0x0010 | 0x0020 | 0x0200
"""It detects low battery, malfunction, too little blood, strip type, results out of range, time faults."""


@dataclass(frozen=True, slots=True)
class Glucose:
    """One entry of the memory. `concentration` in kg/L or mol/L, None: none; `empty`: a slot that holds nothing."""

    sequence: int
    base_time: datetime
    offset_min: int | None = None
    concentration: Decimal | None = None
    moles: bool = False
    sample: int = SAMPLES["capillary_plasma"]
    location: int = FINGER
    status: int | None = None
    meal: int = 0
    carbohydrate: tuple[int, Decimal] | None = None
    """Kind (1 breakfast …), kilograms."""
    empty: bool = False

    @property
    def has_context(self) -> bool:
        """Whether 0x2A34 follows."""
        return bool(self.meal) or self.carbohydrate is not None

    def __bytes__(self) -> bytes:
        held = self.empty or self.concentration is not None
        flags = (WITH_OFFSET * (self.offset_min is not None) | WITH_CONCENTRATION * held | MOLES * self.moles
                 | WITH_STATUS * (self.status is not None) | CONTEXT_FOLLOWS * self.has_context)
        out = bytes([flags]) + unsigned(self.sequence, 2) + date_time(self.base_time)
        if self.offset_min is not None:
            out += self.offset_min.to_bytes(2, "little", signed=True)
        if held:
            out += EMPTY_SLOT if self.concentration is None else sfloat(self.concentration)
            out += bytes([self.location << 4 | self.sample])
        return out + (unsigned(self.status, 2) if self.status is not None else b"")

    def context(self) -> bytes:
        """Glucose Measurement Context 0x2A34."""
        flags = 0x01 * (self.carbohydrate is not None) | 0x02 * bool(self.meal)
        out = bytes([flags]) + unsigned(self.sequence, 2)
        if self.carbohydrate is not None:
            out += bytes([self.carbohydrate[0]]) + sfloat(self.carbohydrate[1])
        return out + (bytes([self.meal]) if self.meal else b"")


class GlucoseMeter(Archive[Glucose]):
    """The instrument."""

    in_progress, not_configured = 0x80, 0x81

    def __init__(self, air: Air, patient: Patient, plate: Plate = PLATE) -> None:
        super().__init__(air, patient, plate)
        self.moles = False

    def services(self) -> list[Service]:
        self.reports = self.sending("2A18")
        self._context: Characteristic[Any] = self.sending("2A34")
        return [Service("1808", [self.reports, self._context,
                                 self.answering("2A51", unsigned(FEATURES, 2), guarded=False),
                                 self.control_point(), self.time_characteristic()])]

    def record_frames(self, record: Glucose) -> list[tuple[Characteristic[Any], bytes]]:
        return [(self.reports, bytes(record)), *([(self._context, record.context())] if record.has_context else [])]

    def buttons(self) -> dict[str, Button]:
        """`measure` (a strip, now; then it can be asked), `remember` (`age_s` ago), `control_solution`, `factory` (an
        empty slot), `ketone` (CareSens). Fields: `mg_dl` or `mmol_l`, `moles`, `sample`, `meal`, `carbohydrate_g`,
        `status`, `offset_min`."""
        return super().buttons() | {"measure": self._measure, "remember": self._remember,
                                    "control_solution": self._control, "factory": self._factory,
                                    "ketone": self._ketone}

    def _measure(self, body: Body) -> Body:
        told = self._keep(body, age=timedelta(0))
        return told | self._press({})

    def _remember(self, body: Body) -> Body:
        told = self._keep(body, timedelta(seconds=number(body, "age_s", 3600, 0, 1e9)))
        return told | (self._press({}) if body.get("press") else {})

    def _control(self, body: Body) -> Body:
        told = self._keep(body, timedelta(0), SAMPLES["control_solution"], CONTROL_LOCATION)
        return told | self._press({})

    def _ketone(self, body: Body) -> Body:
        told = self._keep({"mmol_l": "0.4", "moles": True} | body, timedelta(0), meal=KETONE_MEAL)
        return told | self._press({})

    def _factory(self, _: Body) -> Body:
        self.memory.append(Glucose(self.next_sequence(), self._base(timedelta(0)), empty=True))
        return {"sequence": self.sequence} | self._press({})

    def _keep(self, body: Body, age: timedelta, sample: int | None = None, location: int = FINGER,
              meal: int | None = None) -> Body:
        self.moles = bool(body.get("moles", self.moles))
        value = self._value(body)
        carbohydrate = exact(body, "carbohydrate_g", "0", "2000")
        offset = whole(body, "offset_min", -1440, 1440)
        record = Glucose(
            self.next_sequence(), self._base(age) - timedelta(minutes=offset or 0), offset, value, self.moles,
            choice(body, "sample", SAMPLES, "capillary_plasma") if sample is None else sample, location,
            whole(body, "status", 0, 0xFFFF), choice(body, "meal", MEALS, "none") if meal is None else meal,
            None if carbohydrate is None else (1, carbohydrate / 1000))
        # What can't be written is refused now, not when it is asked for.
        self.record_frames(record)
        self.memory.append(record)
        return {"sequence": record.sequence, "concentration": str(value), "unit": "mol/L" if self.moles else "kg/L",
                "device_time": (record.base_time + timedelta(minutes=offset or 0)).isoformat()}

    def _base(self, age: timedelta) -> datetime:
        """A meter always stamps: one that was never set begins in the year it was made."""
        return self.clock.now() - age if self.clock.is_set else datetime(2020, 1, 1)

    def _value(self, body: Body) -> Decimal:
        """In the unit of the air: exponent -5 for kg/L, -4 for mol/L."""
        millimoles, milligrams = exact(body, "mmol_l", "0", "60"), exact(body, "mg_dl", "0", "2000")
        if self.moles:
            if millimoles is None:
                millimoles = Decimal(milligrams or self.patient.glucose()) / Decimal("18.016")
            return (round(millimoles, 1) / 1000).quantize(Decimal("1E-4"))
        if milligrams is None:
            milligrams = Decimal(self.patient.glucose()) if millimoles is None else millimoles * Decimal("18.016")
        return (round(milligrams) * Decimal("1E-5")).quantize(Decimal("1E-5"))
