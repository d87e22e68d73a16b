"""What a row holds beyond the protocol's own values."""

from __future__ import annotations

import hashlib
from datetime import datetime

import msgspec

from protocol.channels import Request
from protocol.kiosk import Nurse
from protocol.kiosk_commands import Orientation
from protocol.prescription import PrescriptionView
from protocol.readings import Reading
from protocol.values import DoctorCard, Patient, Reason, Urgency


class CallRecord(msgspec.Struct, frozen=True, kw_only=True):
    """The call an encounter is in. `generation` is the last one we began; `since`: first picture; `muted`: by the
    nurse."""

    call_id: str
    generation: int
    doctor: DoctorCard
    since: datetime | None = None
    muted: bool = False


class Closing(msgspec.Struct, frozen=True, kw_only=True):
    """What the nurse said at the end."""

    orientation: Orientation
    satisfaction: int | None = None
    staff_minutes: int | None = None
    has_family_doctor: bool | None = None
    nurse: Nurse


class EncounterRecord(msgspec.Struct, frozen=True, kw_only=True):
    """Everything of an encounter but its events. `stage` is a value of `session.states.State`."""

    encounter_id: str
    patient: Patient
    consent_at: datetime
    opened_at: datetime
    nurse: Nurse
    reason: Reason
    urgency: Urgency
    reason_words: str = ""
    stage: str
    waiting_since: datetime | None = None
    call: CallRecord | None = None
    doctors: tuple[DoctorCard, ...] = ()
    """Everyone who had the call: whose prescriptions may come."""
    requests: tuple[Request, ...] = ()
    closing: Closing | None = None
    closed_at: datetime | None = None


class EncounterCounts(msgspec.Struct, frozen=True):
    """Events of an encounter: how many there are, how many the doctor's page has confirmed."""

    last_seq: int
    acknowledged: int

    @property
    def unacknowledged(self) -> int:
        return self.last_seq - self.acknowledged


class UnfinishedRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A closed encounter with papers that are not in the patient's hand yet."""

    record: EncounterRecord
    prescriptions: tuple[PrescriptionView, ...]
    counts: EncounterCounts


def measurement_key(reading: Reading) -> str:
    """What makes a reading the same measurement when it comes again, on another day or visit.

    Device, kind, user slot, the device's own number and time of the record, and the values: the parts
    of the identifier that the HL7 PHD guide builds; a recording is its file. With neither number nor
    time two equal measurements cannot be told from one sent twice, so each counts.
    """
    if reading.recording:
        return f"file:{reading.recording}"
    if not reading.device_time and reading.record is None:
        return f"id:{reading.reading_id}"
    values = [(q.mdc, None if q.value is None else str(q.value), q.absent) for q in reading.quantities]
    parts: list[object] = [reading.device.device_id, reading.kind, reading.user, reading.device_time, values,
                           reading.raw if not values else ""]
    if reading.record is not None:
        # Behind the older parts, so that keys stored by an earlier release still meet.
        parts.append(reading.record)
    return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()
