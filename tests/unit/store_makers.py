"""Values for the tests of the store and of the session."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from gateway.store.records import EncounterRecord
from protocol.kiosk import Nurse
from protocol.readings import (
    Chunk,
    Device,
    InstrumentKind,
    Quantity,
    Reading,
    ReadingKind,
    ReadingTaken,
    Still,
    StillQuality,
    Waveform,
)
from protocol.values import Patient, Reason, Sex, Urgency

START = datetime(2026, 11, 3, 9, 0, tzinfo=UTC)
NURSE = Nurse(nurse_id="nurse-1", name="Camille Roy")
CUFF = Device(device_id="cuff", kind=InstrumentKind.blood_pressure, maker="A&D", model="UA-651BLE", simulated=True)
HEART = Device(device_id="heart", kind=InstrumentKind.ecg, simulated=True)
CAMERA = Device(device_id="skin", kind=InstrumentKind.skin_camera, simulated=True)
PATIENT = Patient(family_name="Essai", given_name="Jeanne", birth_date="1950-02-28", sex=Sex.female)


def record(encounter_id: str = "enc-1", opened_at: datetime = START, **more: object) -> EncounterRecord:
    values: dict[str, object] = {"patient": PATIENT, "consent_at": opened_at, "nurse": NURSE, "stage": "ready",
                                 "reason": Reason.heart, "urgency": Urgency.routine, **more}
    return EncounterRecord(encounter_id=encounter_id, opened_at=opened_at, **values)  # type: ignore[arg-type]


def reading(n: int = 1, taken: datetime | None = START + timedelta(minutes=1), systolic: str = "128",
            device_time: str = "", **more: object) -> Reading:
    return Reading(reading_id=f"reading-{n}", kind=ReadingKind.blood_pressure, device=CUFF, taken_at=taken,
                   received_at=(taken or START) + timedelta(seconds=1), device_time=device_time,
                   quantities=(Quantity(loinc="8480-6", mdc=150021, unit="mm[Hg]", value=Decimal(systolic)),),
                   **more)  # type: ignore[arg-type]


def taken(n: int = 1, **more: object) -> ReadingTaken:
    return ReadingTaken(reading=reading(n, **more))  # type: ignore[arg-type]


def waveform(stream_id: int, started_at: datetime = START) -> Waveform:
    return Waveform(stream_id=stream_id, device=HEART, started_at=started_at, rate_hz=Decimal(125),
                    scale=Decimal("0.005"), unit="mV", leads=(131329,))


def chunk(stream_id: int, number: int) -> Chunk:
    return Chunk(stream_id, number, 1_700_000_000.0 + number / 10, 1, tuple(range(number, number + 12)))


def still(n: int, data: bytes) -> Still:
    return Still(still_id=f"still-{n}", device=CAMERA, taken_at=START, sha256=hashlib.sha256(data).hexdigest(),
                 size=len(data), width=1920, height=1080, quality=StillQuality.sharp)
