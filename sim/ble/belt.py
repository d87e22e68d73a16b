"""A heart rate belt with the Heart Rate Service 1.0 (0x180D): a rate and the intervals between beats each second."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any, Final

from bumble.gatt import Characteristic, Service

from protocol.readings import InstrumentKind

from ..air import Air
from ..asked import Body, Button, whole
from ..patient import Patient
from .bond import Bond
from .instrument import Instrument
from .numbers import unsigned
from .plate import Plate

PLATE: Final = Plate("Ceinture Simulée", "C4:1C:18:0D:00:01", InstrumentKind.heart_rate_belt, "heart-rate",
                     "Fabricant simulé", "Ceinture (simulée)", "SIM-180D-0001", ("180D",), bond=Bond.none,
                     awake_s=20.0)

EVERY_S: Final = 1.0
CHEST: Final = 1
RESET_ENERGY: Final = b"\x01"
SUPPORTS_CONTACT, IN_CONTACT = 0x04, 0x02


def heart_rate(rate: int, contact: bool | None = None, energy_kj: int | None = None,
               intervals_s: Iterable[float] = ()) -> bytes:
    """0x2A37; `contact` None: the sensor can't tell."""
    beats = [round(interval * 1024) for interval in intervals_s]
    flags = (0x01 * (rate > 0xFF) | SUPPORTS_CONTACT * (contact is not None) | IN_CONTACT * bool(contact)
             | 0x08 * (energy_kj is not None) | 0x10 * bool(beats))
    return (bytes([flags]) + unsigned(rate, 2 if rate > 0xFF else 1)
            + (unsigned(energy_kj, 2) if energy_kj is not None else b"") + b"".join(unsigned(b, 2) for b in beats))


class Beats:
    """The patient's heart in time: intervals as they are completed."""

    def __init__(self, patient: Patient) -> None:
        self._patient, self._now, self._next = patient, 0.0, 0.0
        self._interval = 0.0

    def over(self, seconds: float) -> list[float]:
        """Intervals, s, that end within the next `seconds`."""
        self._now += seconds
        found = []
        while self._next <= self._now:
            if self._interval:
                found.append(self._interval)
            self._interval = 60 / self._patient.heart_rate * (1 + self._patient.chance.gauss(0, 0.03))
            self._next += self._interval
        return found


class Belt(Instrument):
    """On while it is worn, and `awake_s` longer."""

    def __init__(self, air: Air, patient: Patient, plate: Plate = PLATE) -> None:
        super().__init__(air, patient, plate)
        self.worn = False
        self.energy = 0.0
        self._told: int | None = None
        self._beats = Beats(patient)

    def services(self) -> list[Service]:
        return [self.heart_rate_service()]

    def heart_rate_service(self) -> Service:
        """0x180D."""
        self._rate: Characteristic[Any] = self.sending("2A37")
        return Service("180D", [self._rate, self.answering("2A38", bytes([CHEST]), guarded=False),
                                self.answering("2A39", write=self._reset_energy, guarded=False)])

    async def awake(self) -> None:
        """A value each second; off `awake_s` after it was taken off."""
        loop, until = asyncio.get_running_loop(), self.until
        while self.worn or loop.time() < until:
            if self.worn:
                until = self.until
            self.state = "measuring" if self.worn else "waiting"
            await self.send(self._rate, self.frame())
            await asyncio.sleep(EVERY_S)

    def frame(self) -> bytes:
        """What it says now."""
        intervals = self._beats.over(EVERY_S)
        if not self.worn:
            return heart_rate(0, contact=False)
        self.energy += 0.06
        rate = self.patient.pulse() if self._told is None else self._told
        return heart_rate(rate, True, int(self.energy), intervals)

    def buttons(self) -> dict[str, Button]:
        """`wear` (`on`: true or false, with `rate`)."""
        return super().buttons() | {"wear": self._wear, "measure": self._wear}

    def shown(self) -> Body:
        return super().shown() | {"worn": self.worn}

    def _wear(self, body: Body) -> Body:
        self.worn = bool(body.get("on", True))
        self._told = whole(body, "rate", 0, 400)
        return {"worn": self.worn, "woken": self.worn and self.wake(self.awake)}

    def _reset_energy(self, data: bytes) -> None:
        if data == RESET_ENERGY:
            self.energy = 0.0
