"""A simulated A&D-like cuff on the virtual radio: asleep until somebody measures, and with manners of its own.

It advertises while it measures and for a minute after, asks for a bond, sends live pressure to who listens, then
its memory oldest first as indications, and hangs up by itself. What was not confirmed stays in its memory.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from bumble.gatt import Characteristic, Service

from protocol.readings import InstrumentKind

from .air import Air
from .asked import Body, Button, number, whole
from .ble.plate import Plate
from .ble.sender import Frames, RecordSender
from .cuff_frames import Record, cuff_pressure
from .patient import Patient, Pressure

PLATE: Final = Plate("A&D_UA-651BLE_Simulé", "D0:5F:B8:65:1B:1E", InstrumentKind.blood_pressure, "ua651ble",
                     "A&D Medical (simulé)", "UA-651BLE (simulé)", "SIM-651-0001", ("1810",),
                     system_id="1e1b65feffb85fd0", mtu=23)

MEMORY: Final = 30

MEASURING_S: Final = 6.0
"""A real one takes 30 to 40 s; six keep a demonstration going."""

LIVE_MOST: Final = 299
"""Where its valve opens, mmHg."""

FEATURES: Final = 0x1F
"""It detects movement, cuff fit, irregular pulse, pulse range and position."""


class Cuff(RecordSender[Record]):
    """The instrument and the buttons on it; other cuffs differ in manners."""

    features = FEATURES
    live = True
    """It sends Intermediate Cuff Pressure while it measures."""

    def __init__(self, air: Air, patient: Patient, plate: Plate = PLATE, keeps: int = MEMORY) -> None:
        super().__init__(air, patient, plate, keeps)

    def services(self) -> list[Service]:
        """0x1810; Date Time stands inside it, as in the UA-651BLE."""
        return [Service("1810", [*self.pressure_characteristics(), self.time_characteristic()])]

    def pressure_characteristics(self) -> list[Characteristic[Any]]:
        """Blood Pressure Service 1.1: measurement, intermediate pressure, features."""
        self.main = self.sending("2A35", indicate=True)
        self._intermediate = self.sending("2A36")
        return [self.main, *([self._intermediate] if self.live else []),
                self.answering("2A49", self.features.to_bytes(2, "little"), guarded=False)]

    def frames(self, record: Record) -> Frames:
        return [(self.main, bytes(record))]

    def record(self, pressure: Pressure | None, age: timedelta = timedelta(0), status: int = 0,
               user: int | None = None) -> Record:
        """An entry of its memory, stamped by its clock."""
        return Record(pressure, self.clock.stamp(age), status, user=user)

    def buttons(self) -> dict[str, Button]:
        """`measure` (START on an arm), `remember` (unseen, `age_s` ago; sent with the next visit, or now with
        `press`), `factory` (a record of NaN)."""
        return super().buttons() | {"measure": self._measure, "remember": self._remember, "factory": self._factory}

    def _measure(self, body: Body) -> Body:
        pressure = self._pressure(body)
        seconds = number(body, "seconds", MEASURING_S, 0.2, 120)
        status, user = whole(body, "status", 0, 0xFFFF) or 0, whole(body, "user", 0, 255)
        top = pressure.systolic + 35

        async def live(share: float) -> None:
            # Up in a third of the time, down slowly to below diastolic, then the valve opens.
            height = top * share * 3 if share < 1 / 3 else top - (top - pressure.diastolic + 10) * (share - 1 / 3) * 1.5
            await self.send(self._intermediate, cuff_pressure(min(LIVE_MOST, max(0, round(height)))))

        self.wake_or_refuse(lambda: self.measured(seconds, live if self.live else None,
                                                  lambda: self.record(pressure, status=status, user=user)))
        return {"systolic": pressure.systolic, "diastolic": pressure.diastolic, "mean": pressure.mean,
                "pulse": pressure.pulse, "seconds": seconds}

    def _remember(self, body: Body) -> Body:
        pressure = self._pressure(body)
        age = timedelta(seconds=number(body, "age_s", 3600, 0, 1e9))
        taken = self.clock.now() - age
        self.memory.append(self.record(pressure, age, user=whole(body, "user", 0, 255)))
        pressed = self._press({}) if body.get("press") else {}
        return pressed | {"systolic": pressure.systolic, "diastolic": pressure.diastolic, "pulse": pressure.pulse,
                          "device_time": taken.isoformat()}

    def _factory(self, _: Body) -> Body:
        self.memory.append(self.record(None))
        return self._press({})

    def _pressure(self, body: Body) -> Pressure:
        found = self.patient.pressure(whole(body, "systolic"), whole(body, "diastolic"), whole(body, "pulse"))
        self.fits(self.record(found))
        return found
