"""A thermometer with the Health Thermometer Service 1.0 (0x1809): one record at a time, Celsius or Fahrenheit."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from bumble.gatt import Characteristic, Service

from protocol.readings import InstrumentKind

from ..air import Air
from ..asked import Body, Button, choice, exact, number
from ..patient import Patient
from .numbers import NAN, Value, date_time, float32
from .plate import Plate
from .sender import Frames, RecordSender

PLATE: Final = Plate("Thermometre Simulé", "C4:1C:09:18:00:01", InstrumentKind.thermometer, "thermometer",
                     "Fabricant simulé", "Thermomètre (simulé)", "SIM-1809-0001", ("1809",))

SITES: Final = {"none": 0, "armpit": 1, "body": 2, "ear": 3, "finger": 4, "gastrointestinal": 5, "mouth": 6,
                "rectum": 7, "toe": 8, "tympanum": 9}
"""Temperature Type 0x2A1D; 0 leaves the field away."""

FAHRENHEIT, WITH_TIME, WITH_TYPE = 0x01, 0x02, 0x04
MEASURING_S: Final = 2.0


@dataclass(frozen=True, slots=True)
class Temperature:
    """One entry of the memory, in the unit it is sent in."""

    value: Value
    fahrenheit: bool = False
    device_time: datetime | None = None
    site: int = 0

    def __bytes__(self) -> bytes:
        flags = (FAHRENHEIT * self.fahrenheit | WITH_TIME * (self.device_time is not None)
                 | WITH_TYPE * (self.site > 0))
        return (bytes([flags]) + float32(self.value)
                + (date_time(self.device_time) if self.device_time is not None else b"")
                + (bytes([self.site]) if self.site else b""))


class Thermometer(RecordSender[Temperature]):
    """The instrument."""

    def __init__(self, air: Air, patient: Patient, plate: Plate = PLATE) -> None:
        super().__init__(air, patient, plate)
        self.site = SITES["ear"]
        self.fahrenheit = False

    def services(self) -> list[Service]:
        self.main = self.sending("2A1C", indicate=True)
        self._intermediate: Characteristic[Any] = self.sending("2A1E")
        return [Service("1809", [self.main, self._intermediate,
                                 self.answering("2A1D", lambda: bytes([self.site]), guarded=False),
                                 self.time_characteristic()])]

    def frames(self, record: Temperature) -> Frames:
        return [(self.main, bytes(record))]

    def buttons(self) -> dict[str, Button]:
        """`measure`, `remember` (unseen, `age_s` ago), `factory` (a NaN record), each with `site`, `fahrenheit`."""
        return super().buttons() | {"measure": self._measure, "remember": self._remember, "factory": self._factory}

    def _measure(self, body: Body) -> Body:
        self._turn(body)
        value = self._value(body)
        seconds = number(body, "seconds", MEASURING_S, 0.1, 120)

        async def live(share: float) -> None:
            rising = value - Decimal(3) * (1 - Decimal(str(round(share, 2))))
            await self.send(self._intermediate, bytes(Temperature(round(rising, 1), self.fahrenheit)))

        self.wake_or_refuse(lambda: self.measured(seconds, live, lambda: self._record(value)))
        return {"temperature": str(value), "fahrenheit": self.fahrenheit, "seconds": seconds}

    def _remember(self, body: Body) -> Body:
        self._turn(body)
        value = self._value(body)
        age = timedelta(seconds=number(body, "age_s", 3600, 0, 1e9))
        record = self._record(value, age)
        self.memory.append(record)
        pressed = self._press({}) if body.get("press") else {}
        return pressed | {"temperature": str(value),
                          "device_time": record.device_time.isoformat() if record.device_time else None}

    def _factory(self, _: Body) -> Body:
        self.memory.append(self._record(NAN))
        return self._press({})

    def _record(self, value: Value, age: timedelta = timedelta(0)) -> Temperature:
        return Temperature(value, self.fahrenheit, self.clock.stamp(age), self.site)

    def _turn(self, body: Body) -> None:
        if "site" in body:
            self.site = choice(body, "site", SITES, "ear")
        self.fahrenheit = bool(body.get("fahrenheit", self.fahrenheit))

    def _value(self, body: Body) -> Decimal:
        told = exact(body, "temperature")
        if told is not None:
            self.fits(self._record(told))
            return told
        celsius = self.patient.temperature()
        return round(celsius * 9 / 5 + 32, 1) if self.fahrenheit else celsius
