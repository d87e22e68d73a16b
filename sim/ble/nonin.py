"""A Nonin 3230: its own service beside the standard one, ten bytes a second, off once the gateway says so.

Layout as in the maker's sample application of 2013 and andreasdri/nonin-3230-ble@dff81d5 index.js.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from bumble import att
from bumble.gatt import Characteristic, Service

from protocol.readings import InstrumentKind

from ..air import Air
from ..patient import Patient
from .instrument import PROPERTIES
from .oximeter import EARLY, Oximeter
from .plate import Plate

SERVICE: Final = "46A970E0-0D5F-11E2-8B5E-0002A5D5C51B"
CONTINUOUS: Final = "0AAD7EA0-0D60-11E2-8E3C-0002A5D5C51B"
CONTROL: Final = "1447AF80-0D60-11E2-88B6-0002A5D5C51B"

PLATE: Final = Plate("Nonin3230_Simulé", "C4:1C:32:30:00:01", InstrumentKind.oximeter, "nonin-3230",
                     "Nonin Medical, Inc. (simulé)", "3230 (simulé)", "SIM-3230-0001", (SERVICE,), awake_s=20.0)

COMPLETE: Final = b"\x62NMI"
ANSWERED: Final = b"\xe2\x00"
NO_SATURATION, NO_PULSE = 127, 511
DISPLAYED, WEAK, SMART_POINT, SEARCHING, CORRECT, LOW_BATTERY, ENCRYPTED = (1 << n for n in range(7))
LOW_PERCENT: Final = 15


def oximetry(status: int, battery: Decimal, amplitude: Decimal, counter: int, saturation: int, pulse: int) -> bytes:
    """Length, status, battery in 0.1 V, pulse amplitude in 0.01 %, seconds, SpO2, pulse rate: big-endian."""
    return (bytes([10, status, round(battery * 10)]) + round(amplitude * 100).to_bytes(2, "big")
            + counter.to_bytes(2, "big") + bytes([saturation]) + pulse.to_bytes(2, "big"))


class Nonin3230(Oximeter):
    """The instrument."""

    def __init__(self, air: Air, patient: Patient, plate: Plate = PLATE) -> None:
        super().__init__(air, patient, plate)
        self.completed = 0
        self._counter = 0

    def services(self) -> list[Service]:
        self._own: Characteristic[Any] = self.sending(CONTINUOUS)
        value: att.AttributeValue[bytes] = att.AttributeValue(write=lambda _, data: self._commanded(data))
        self._commands: Characteristic[Any] = self.sending(CONTROL, indicate=True, more=PROPERTIES.WRITE, value=value)
        return [*super().services(), Service(SERVICE, [self._own, self._commands])]

    async def tell(self) -> None:
        self._counter = (self._counter + 1) & 0xFFFF
        await self.send(self._own, self.own_frame())
        await super().tell()

    def own_frame(self) -> bytes:
        """What it says now in its own service."""
        low = LOW_BATTERY if self.battery <= LOW_PERCENT else 0
        volts = Decimal("2.0") + Decimal(self.battery) / 100
        if not self.finger:
            return oximetry(SEARCHING | ENCRYPTED | low, volts, Decimal(0), self._counter, NO_SATURATION, NO_PULSE)
        saturation, pulse = self.values()
        if self.since <= EARLY:
            return oximetry(DISPLAYED | SEARCHING | CORRECT | ENCRYPTED | low, volts, self.patient.perfusion,
                            self._counter, NO_SATURATION, NO_PULSE)
        return oximetry(DISPLAYED | SMART_POINT | CORRECT | ENCRYPTED | low, volts, self.patient.perfusion,
                        self._counter, saturation, pulse)

    def _commanded(self, data: bytes) -> None:
        if data == COMPLETE:
            self.completed += 1
            self.spawn(self._end())

    async def _end(self) -> None:
        """It shows that it was read, and goes off."""
        await self.send(self._commands, ANSWERED)
        self.finger = False
        self.switch_off()
