"""A newer Omron cuff (X4 Smart, BP5150): a name for pairing, another for transfer, and records that are gone once sent.

It only bonds in its pairing mode, tells its time by notification (0x2A2B), answers 0x80 to a time it already has, and
hangs up by itself (StanfordSpezi/SpeziDevices@f6d0b16, weliem/blessed-android@44bba83).
"""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Any, Final

from bumble import att
from bumble.gatt import Service

from protocol.readings import InstrumentKind

from ..air import Air
from ..asked import Body, Button, Refused
from ..cuff import Cuff
from ..patient import Patient
from .instrument import DATA_FIELD_IGNORED
from .numbers import current_time
from .plate import Plate

PAIRING, TRANSFER = "BLEsmart_", "BLESmart_"
PLATE: Final = Plate(TRANSFER + "0000011F_Simulé", "D0:5F:B8:0E:02:01", InstrumentKind.blood_pressure, "omron",
                     "OMRON (simulé)", "X4 Smart (simulé)", "SIM-X4-0001", ("1810",), company=b"\x0e\x02\x00")
"""In life the twelve digits of its address follow the model's eight; the simulator's mark stands there."""

MEMORY: Final = 60
SAME_TIME: Final = timedelta(seconds=60)


class OmronCuff(Cuff):
    """The instrument."""

    live = False

    def __init__(self, air: Air, patient: Patient, plate: Plate = PLATE) -> None:
        super().__init__(air, patient, plate, keeps=MEMORY)
        self.bonds.accepts = False
        self._telling: asyncio.Task[None] | None = None

    def services(self) -> list[Service]:
        return [Service("1810", self.pressure_characteristics()), self.current_time_service(notifies=True)]

    def name(self) -> str:
        return (PAIRING if self.bonds.accepts else TRANSFER) + self.plate.name.removeprefix(TRANSFER)

    async def awake(self) -> None:
        self._tell(self.until)
        await super().awake()

    async def pairing(self) -> None:
        """Its pairing mode: one bond, then off."""
        self.state, self.bonds.accepts = "pairing", True
        until = self.until
        self._tell(until)
        try:
            self.bonds.forget()
            while (self.connected or not self.bonds.bonded) and await self.something(until):
                pass
        finally:
            self.bonds.accepts = False

    def set_time(self, moment: Any) -> None:
        if isinstance(moment, datetime) and self.clock.is_set and abs(moment - self.clock.now()) < SAME_TIME:
            raise att.ATT_Error(DATA_FIELD_IGNORED)
        super().set_time(moment)

    def buttons(self) -> dict[str, Button]:
        """`pairing`: hold the Bluetooth button."""
        return super().buttons() | {"pairing": self._pair}

    def _pair(self, _: Body) -> Body:
        if self.state != "asleep":
            raise Refused("it is busy")
        # The name of the pairing mode is in the very first advertisement.
        self.bonds.accepts = True
        self.wake_or_refuse(self.pairing)
        return {"name": self.name()}

    def _tell(self, until: float) -> None:
        if self._telling is not None:
            self._telling.cancel()
        self._telling = self.spawn(self._tell_time(until))

    async def _tell_time(self, until: float) -> None:
        if await self.listener(self.current, until):
            await self.send(self.current, current_time(self.clock.now()))
