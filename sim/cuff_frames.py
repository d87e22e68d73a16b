"""What the simulated cuff writes on the wire: an encoder from the specification, independent of the gateway's decoder.

Blood Pressure Service 1.1.1 and GATT Specification Supplement; numbers as SFLOAT (ISO/IEEE 11073-20601, F.8).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from .ble.numbers import date_time, date_time_from, sfloat
from .patient import Pressure

__all__ = ["Record", "cuff_pressure", "date_time", "date_time_from", "sfloat"]

NAN: Final = b"\xff\x07"

WITH_TIME, WITH_PULSE, WITH_USER, WITH_STATUS = 0x02, 0x04, 0x08, 0x10


@dataclass(frozen=True, slots=True)
class Record:
    """One entry of the cuff's memory. `pressure` None: the measurement failed, or the factory left it there.
    `hostile`: bytes sent as they are. `device_time` None: the cuff's clock was never set."""

    pressure: Pressure | None = None
    device_time: datetime | None = None
    status: int = 0
    hostile: bytes | None = None
    user: int | None = None

    def __bytes__(self) -> bytes:
        if self.hostile is not None:
            return self.hostile
        flags = (WITH_PULSE | WITH_STATUS | (WITH_TIME if self.device_time else 0)
                 | (WITH_USER if self.user is not None else 0))
        out = bytes([flags])
        if self.pressure is None:
            out += NAN * 3
        else:
            out += b"".join(sfloat(n) for n in (self.pressure.systolic, self.pressure.diastolic, self.pressure.mean))
        if self.device_time:
            out += date_time(self.device_time)
        out += NAN if self.pressure is None else sfloat(self.pressure.pulse)
        out += b"" if self.user is None else bytes([self.user])
        return out + bytes([self.status & 0xFF, self.status >> 8])


def cuff_pressure(pressure: int) -> bytes:
    """Intermediate Cuff Pressure 0x2A36: the pressure, then two fields that have no meaning (NaN)."""
    return b"\x00" + sfloat(pressure) + NAN * 2
