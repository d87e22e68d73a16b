"""A fingertip oximeter with the Pulse Oximeter Service 1.0 (0x1822): a value each second, spot checks in a memory."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from bumble.gatt import Characteristic, Service

from protocol.readings import InstrumentKind

from ..air import Air
from ..asked import Body, Button, number, whole
from ..patient import Patient
from .archive import Archive
from .numbers import NAN, Value, date_time, sfloat, unsigned
from .plate import Plate

PLATE: Final = Plate("Oxymetre Simulé", "C4:1C:18:22:00:01", InstrumentKind.oximeter, "oximeter",
                     "Fabricant simulé", "Oxymètre (simulé)", "SIM-1822-0001", ("1822",), awake_s=20.0)

EVERY_S: Final = 1.0
EARLY: Final = 3
"""Values it gives before its filter has settled: "early estimated data"."""

ONGOING, EARLY_DATA, VALIDATED, FULLY_QUALIFIED, FROM_STORAGE = 1 << 5, 1 << 6, 1 << 7, 1 << 8, 1 << 9
DEMONSTRATION, TESTING, CALIBRATING, UNAVAILABLE, QUESTIONABLE, INVALID = (1 << n for n in range(10, 16))
"""Measurement Status."""
NOT_ON_USER: Final = 1 << 11
SIGNAL_POOR, LOW_PERFUSION, ERRATIC = 1 << 4, 1 << 5, 1 << 6
"""Device and Sensor Status."""

MEASUREMENT_BITS: Final = 0xFFE0
SENSOR_BITS: Final = 0xFFFF
FEATURES: Final = unsigned(0x01 | 0x02 | 0x04 | 0x08 | 0x10 | 0x40, 2)
"""Measurement and sensor status, stored spot checks, their times, fast averages, pulse amplitude index."""


@dataclass(frozen=True, slots=True)
class SpotCheck:
    """One entry of the memory; 0x2A5E has no number, the memory counts by place."""

    sequence: int
    saturation: Value
    pulse: Value
    perfusion: Value
    device_time: datetime | None
    clock_set: bool
    measurement: int = VALIDATED | FULLY_QUALIFIED | FROM_STORAGE
    sensor: int = 0

    def __bytes__(self) -> bytes:
        flags = (0x01 * (self.device_time is not None) | 0x02 | 0x04 | 0x08 | 0x10 * (not self.clock_set))
        return (bytes([flags]) + sfloat(self.saturation) + sfloat(self.pulse)
                + (date_time(self.device_time) if self.device_time else b"")
                + unsigned(self.measurement, 2) + unsigned(self.sensor, 3) + sfloat(self.perfusion))


def continuous(saturation: Value, pulse: Value, measurement: int, sensor: int, perfusion: Value,
               fast: tuple[Value, Value] | None = None, slow: tuple[Value, Value] | None = None) -> bytes:
    """0x2A5F: normal, fast and slow averages, status of measurement and sensor, pulse amplitude index."""
    flags = 0x01 * (fast is not None) | 0x02 * (slow is not None) | 0x04 | 0x08 | 0x10
    pairs = b"".join(sfloat(value) for pair in ((saturation, pulse), fast, slow) if pair for value in pair)
    return bytes([flags]) + pairs + unsigned(measurement, 2) + unsigned(sensor, 3) + sfloat(perfusion)


class Oximeter(Archive[SpotCheck]):
    """On while a finger is in it, and `awake_s` longer."""

    def __init__(self, air: Air, patient: Patient, plate: Plate = PLATE) -> None:
        super().__init__(air, patient, plate)
        self.finger = False
        self.since = 0
        self._told: tuple[int | None, int | None] = (None, None)
        self._measurement, self._sensor = 0, 0

    def services(self) -> list[Service]:
        self.reports = self.sending("2A5E", indicate=True)
        self._continuous: Characteristic[Any] = self.sending("2A5F")
        features = FEATURES + unsigned(MEASUREMENT_BITS, 2) + unsigned(SENSOR_BITS, 3)
        return [Service("1822", [self.reports, self._continuous, self.answering("2A60", features, guarded=False),
                                 self.control_point(), self.time_characteristic()])]

    def record_frames(self, record: SpotCheck) -> list[tuple[Characteristic[Any], bytes]]:
        return [(self.reports, bytes(record))]

    async def awake(self) -> None:
        """A value each second; off `awake_s` after the finger is out and nobody is connected."""
        until = self.until
        self.since = 0
        while True:
            loop = asyncio.get_running_loop()
            if self.finger:
                self.state, until = "measuring", self.until
                self.since += 1
            else:
                self.state, self.since = "waiting", 0
            if not self.finger and loop.time() >= until:
                return
            await self.tell()
            await asyncio.sleep(EVERY_S)

    async def tell(self) -> None:
        """The value of this second, to who listens."""
        await self.send(self._continuous, self.frame())

    def values(self) -> tuple[int, int]:
        """Saturation and pulse of the finger in it."""
        saturation, pulse = self._told
        return (self.patient.saturation() if saturation is None else saturation,
                self.patient.pulse() if pulse is None else pulse)

    def frame(self) -> bytes:
        """What it says now."""
        if not self.finger:
            return continuous(NAN, NAN, UNAVAILABLE | self._measurement, NOT_ON_USER | self._sensor, NAN)
        saturation, pulse = self.values()
        status = ONGOING | (EARLY_DATA if self.since <= EARLY else VALIDATED | FULLY_QUALIFIED)
        return continuous(saturation, pulse, status | self._measurement, self._sensor, self.patient.perfusion,
                          fast=(saturation, pulse))

    def buttons(self) -> dict[str, Button]:
        """`finger` (`in`: true or false, with `spo2`, `pulse`, `measurement`, `sensor` status bits), `remember` (a
        spot check `age_s` ago)."""
        return super().buttons() | {"finger": self._put_finger, "measure": self._put_finger,
                                    "remember": self._remember}

    def shown(self) -> Body:
        return super().shown() | {"finger": self.finger}

    def _put_finger(self, body: Body) -> Body:
        self.finger = bool(body.get("in", True))
        self._told = whole(body, "spo2", 0, 100), whole(body, "pulse", 0, 300)
        self._measurement = whole(body, "measurement", 0, 0xFFFF) or 0
        self._sensor = whole(body, "sensor", 0, 0xFFFFFF) or 0
        woken = self.finger and self.wake(self.awake)
        return {"finger": self.finger, "woken": woken}

    def _remember(self, body: Body) -> Body:
        saturation, pulse = whole(body, "spo2", 0, 100), whole(body, "pulse", 0, 300)
        if body.get("empty"):
            check = SpotCheck(self.next_sequence(), NAN, NAN, NAN, None, self.clock.is_set,
                              INVALID | FROM_STORAGE, NOT_ON_USER)
        else:
            age = timedelta(seconds=number(body, "age_s", 3600, 0, 1e9))
            check = SpotCheck(self.next_sequence(), self.patient.saturation() if saturation is None else saturation,
                              self.patient.pulse() if pulse is None else pulse, self.patient.perfusion,
                              self.clock.stamp(age), self.clock.is_set)
        self.memory.append(check)
        pressed = self._press({}) if body.get("press") else {}
        return pressed | {"sequence": check.sequence,
                          "device_time": check.device_time.isoformat() if check.device_time else None}
