"""A scale with electrodes: Weight Scale Service 1.0.1 (0x181D) and Body Composition Service 1.0 (0x181B)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from bumble.gatt import Characteristic, Service

from protocol.readings import InstrumentKind

from ..air import Air
from ..asked import Body, Button, exact, number, whole
from ..patient import Body as Found
from ..patient import Patient
from .numbers import date_time, steps, unsigned
from .plate import Plate
from .sender import Frames, RecordSender

PLATE: Final = Plate("Balance Simulée", "C4:1C:18:1D:00:01", InstrumentKind.scale, "scale",
                     "Fabricant simulé", "Balance (simulée)", "SIM-181D-0001", ("181D", "181B"))

UNSUCCESSFUL: Final = 0xFFFF
UNKNOWN_USER: Final = 0xFF
MEASURING_S: Final = 3.0
KILOGRAM, POUND = Decimal("0.005"), Decimal("0.01")
METRE, INCH = Decimal("0.001"), Decimal("0.1")
IN_POUNDS, IN_INCHES = Decimal("0.45359237"), Decimal("0.0254")

WEIGHT_FEATURES: Final = 0x01 | 0x02 | 0x04 | 7 << 3 | 3 << 7
"""Time, several users, BMI; weight to 5 g, height to 1 mm."""
BODY_FEATURES: Final = 0x78F | 7 << 11 | 3 << 15
"""Time, users, basal metabolism, muscle, water, impedance, weight, height; the same steps."""


@dataclass(frozen=True, slots=True)
class Weighing:
    """One entry of the memory. `found` None: it gave up (somebody got off too soon)."""

    found: Found | None
    device_time: datetime | None = None
    user: int | None = None
    imperial: bool = False
    composition: bool = True
    """Bare feet: it has measured the body too."""

    def weight(self) -> bytes:
        """Weight Measurement 0x2A9D."""
        flags = (0x01 * self.imperial | 0x02 * (self.device_time is not None) | 0x04 * (self.user is not None)
                 | 0x08 * (self.found is not None))
        out = bytes([flags]) + (unsigned(UNSUCCESSFUL, 2) if self.found is None else self._mass(self.found.weight))
        out += self._when_and_who()
        if self.found is not None:
            body_mass_index = self.found.weight / self.found.height ** 2
            out += steps(body_mass_index, Decimal("0.1")) + self._length(self.found.height)
        return out

    def bodies(self, in_two: bool) -> list[bytes]:
        """Body Composition Measurement 0x2A9C, in one packet or (bit 12) in two."""
        if self.found is None:
            flags = 0x0002 * (self.device_time is not None) | 0x0004 * (self.user is not None) | self.imperial
            return [unsigned(flags, 2) + unsigned(UNSUCCESSFUL, 2) + self._when_and_who()]
        found = self.found
        fat = steps(found.fat, Decimal("0.1"))
        first_flags = 0x0002 * (self.device_time is not None) | 0x0004 * (self.user is not None)
        first = self._when_and_who() + unsigned(found.basal_kilojoules, 2) + steps(found.muscle, Decimal("0.1"))
        second = (self._mass(found.water_mass) + steps(found.impedance, Decimal("0.1"))
                  + self._mass(found.weight) + self._length(found.height))
        first_flags |= 0x0008 | 0x0010
        second_flags = 0x0100 | 0x0200 | 0x0400 | 0x0800
        unit = 0x0001 * self.imperial
        if not in_two:
            return [unsigned(unit | first_flags | second_flags, 2) + fat + first + second]
        more = 0x1000
        return [unsigned(unit | first_flags | more, 2) + fat + first,
                unsigned(unit | second_flags | more, 2) + fat + second]

    def _when_and_who(self) -> bytes:
        return ((date_time(self.device_time) if self.device_time is not None else b"")
                + (bytes([self.user]) if self.user is not None else b""))

    def _mass(self, kilograms: Decimal) -> bytes:
        return steps(kilograms / IN_POUNDS, POUND) if self.imperial else steps(kilograms, KILOGRAM)

    def _length(self, metres: Decimal) -> bytes:
        return steps(metres / IN_INCHES, INCH) if self.imperial else steps(metres, METRE)


class Scale(RecordSender[Weighing]):
    """The instrument."""

    settles_s = 0.3

    def __init__(self, air: Air, patient: Patient, plate: Plate = PLATE) -> None:
        super().__init__(air, patient, plate)
        self.imperial = False
        self.in_two = False

    def services(self) -> list[Service]:
        self.main = self.sending("2A9D", indicate=True)
        self._composition: Characteristic[Any] = self.sending("2A9C", indicate=True)
        return [
            Service("181D", [self.main, self.answering("2A9E", unsigned(WEIGHT_FEATURES, 4), guarded=False),
                             self.time_characteristic()]),
            Service("181B", [self._composition, self.answering("2A9B", unsigned(BODY_FEATURES, 4), guarded=False)]),
        ]

    def frames(self, record: Weighing) -> Frames:
        bodies = record.bodies(self.in_two) if record.composition else []
        return [(self.main, record.weight()), *((self._composition, packet) for packet in bodies)]

    def buttons(self) -> dict[str, Button]:
        """`measure` and `remember` with `weight` (kg), `user`, `shoes` (no body composition), `imperial`,
        `two_packets`; `factory`: somebody got off too soon (0xFFFF)."""
        return super().buttons() | {"measure": self._measure, "remember": self._remember, "factory": self._factory}

    def _measure(self, body: Body) -> Body:
        self._turn(body)
        found = self._found(body)
        seconds = number(body, "seconds", MEASURING_S, 0.1, 120)
        user, shoes = self._user(body), bool(body.get("shoes", False))
        self.wake_or_refuse(lambda: self.measured(seconds, None, lambda: self._weighing(found, user, shoes)))
        return {"weight": str(found.weight), "fat": str(found.fat), "imperial": self.imperial}

    def _remember(self, body: Body) -> Body:
        self._turn(body)
        found = self._found(body)
        age = timedelta(seconds=number(body, "age_s", 3600, 0, 1e9))
        record = self._weighing(found, self._user(body), bool(body.get("shoes", False)), age)
        self.memory.append(record)
        pressed = self._press({}) if body.get("press") else {}
        return pressed | {"weight": str(found.weight),
                          "device_time": record.device_time.isoformat() if record.device_time else None}

    def _factory(self, _: Body) -> Body:
        self.memory.append(self._weighing(None, UNKNOWN_USER, False))
        return self._press({})

    def _weighing(self, found: Found | None, user: int | None, shoes: bool, age: timedelta = timedelta(0)) -> Weighing:
        return Weighing(found, self.clock.stamp(age), user, self.imperial, not shoes)

    def _turn(self, body: Body) -> None:
        self.imperial = bool(body.get("imperial", self.imperial))
        self.in_two = bool(body.get("two_packets", self.in_two))

    def _user(self, body: Body) -> int | None:
        return whole(body, "user", 0, 255)

    def _found(self, body: Body) -> Found:
        weight = exact(body, "weight", "1", "320")
        found = self.patient.body() if weight is None else self.patient.weighed(weight)
        self.fits(self._weighing(found, None, False))
        return found
