"""A Beurer BM85-like cuff: six digits on its display, and its whole memory every time somebody connects.

Its frames break the profile (recording in derdilla/blood-pressure-monitor-fl@6888c0f app/test/bluetooth/
characteristics/ble_measurement_data_test.dart): a user byte that no flag announces, pulse and status big-endian, a
mean of 0, times without seconds. It never hangs up by itself.
"""

from __future__ import annotations

from typing import Final

from bumble.gatt import Service

from protocol.readings import InstrumentKind

from ..air import Air
from ..cuff import Cuff
from ..cuff_frames import NAN, Record
from ..patient import Patient
from .bond import Bond
from .numbers import date_time, sfloat
from .plate import Plate
from .sender import Frames

PLATE: Final = Plate("Beurer BM85 Simulé", "D0:5F:B8:85:00:01", InstrumentKind.blood_pressure, "beurer-memory",
                     "Beurer (simulé)", "BM85 (simulé)", "SIM-BM85-0001", ("1810",), company=b"\x11\x06",
                     bond=Bond.display, awake_s=90.0)

MEMORY: Final = 60
"""For each of its two users."""

TIME_PULSE_STATUS: Final = 0x56
"""Flags as recorded, with the reserved bit 6."""


def frame(record: Record) -> bytes:
    """0x2A35 as this maker writes it."""
    if record.hostile is not None:
        return record.hostile
    pressure = record.pressure
    numbers = NAN * 3 if pressure is None else sfloat(pressure.systolic) + sfloat(pressure.diastolic) + b"\0\0"
    stamp = bytes(7) if record.device_time is None else date_time(record.device_time.replace(second=0))
    pulse = NAN if pressure is None else sfloat(pressure.pulse)
    return (bytes([TIME_PULSE_STATUS]) + numbers + stamp + pulse[::-1] + bytes([record.user or 0])
            + record.status.to_bytes(2, "big"))


class BeurerCuff(Cuff):
    """The instrument."""

    forgets = False
    hangs_up = False
    live = False

    def __init__(self, air: Air, patient: Patient, plate: Plate = PLATE) -> None:
        super().__init__(air, patient, plate, keeps=MEMORY)

    def services(self) -> list[Service]:
        return [Service("1810", self.pressure_characteristics()), self.current_time_service()]

    def frames(self, record: Record) -> Frames:
        return [(self.main, frame(record))]
