"""What the simulated cuff writes on the wire: an encoder from the specification, independent of the gateway's decoder.

Blood Pressure Service 1.1.1 and GATT Specification Supplement; numbers as SFLOAT (ISO/IEEE 11073-20601, F.8).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from .patient import Pressure

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

    def __bytes__(self) -> bytes:
        if self.hostile is not None:
            return self.hostile
        flags = WITH_PULSE | WITH_STATUS | (WITH_TIME if self.device_time else 0)
        out = bytes([flags])
        if self.pressure is None:
            out += NAN * 3
        else:
            out += b"".join(sfloat(n) for n in (self.pressure.systolic, self.pressure.diastolic, self.pressure.mean))
        if self.device_time:
            out += date_time(self.device_time)
        out += NAN if self.pressure is None else sfloat(self.pressure.pulse)
        return out + bytes([self.status & 0xFF, self.status >> 8])


def sfloat(number: int) -> bytes:
    """A whole number with exponent 0."""
    if not -2045 <= number <= 2045:
        raise ValueError(f"{number} does not fit a mantissa of 12 bits")
    value = number & 0x0FFF
    return bytes([value & 0xFF, value >> 8])


def date_time(moment: datetime) -> bytes:
    """Seven bytes: year (little-endian), month, day, hours, minutes, seconds."""
    return bytes([moment.year & 0xFF, moment.year >> 8, moment.month, moment.day,
                  moment.hour, moment.minute, moment.second])


def date_time_from(data: bytes) -> datetime | None:
    """What the gateway wrote; None when it is no date."""
    if len(data) != 7:
        return None
    try:
        return datetime(data[0] | data[1] << 8, data[2], data[3], data[4], data[5], data[6])
    except ValueError:
        return None


def cuff_pressure(pressure: int) -> bytes:
    """Intermediate Cuff Pressure 0x2A36: the pressure, then two fields that have no meaning (NaN)."""
    return b"\x00" + sfloat(pressure) + NAN * 2
