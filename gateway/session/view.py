"""What the touchscreen shows of the consultation, made of the chart and what the call says. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from protocol.channels import Instrument
from protocol.guests import GuestView
from protocol.kiosk import Encounter, StillReview, TrayItem, Unfinished
from protocol.quality import CallQuality
from protocol.signalling import Place

from .chart import Chart
from .states import IN_CALL, STAGES, State


@dataclass(frozen=True, slots=True)
class ConsultationView:
    """The parts of `KioskState` that the session owns. `unsent`: what is still to reach somebody."""

    encounter: Encounter | None
    instruments: tuple[Instrument, ...]
    tray: tuple[TrayItem, ...]
    unfinished: tuple[Unfinished, ...]
    review: StillReview | None
    unsent: int
    problem: str | None
    shown: str | None
    listening: str | None
    beside: bool
    muted: bool
    microphone_code: str | None


def shown(chart: Chart, place: Place | None, call_code: str | None, quality: CallQuality | None,
          guests: Sequence[GuestView]) -> Encounter | None:
    """The open encounter. `place`: as the relay said it last, of whichever encounter."""
    record = chart.record
    if record is None:
        return None
    place = place if place and place.encounter_id == record.encounter_id else None
    call = record.call if chart.state in IN_CALL else None
    # Afterwards the papers still come from this doctor; back in the queue there is none.
    doctor = record.call.doctor if record.call and chart.state not in (State.waiting, State.ready) else None
    return Encounter(
        encounter_id=record.encounter_id, patient=record.patient, reason=record.reason, urgency=record.urgency,
        reason_words=record.reason_words, opened_at=record.opened_at, stage=STAGES[chart.state],
        place=place.place if place else None, doctors=place.doctors if place else None,
        doctor=doctor.name if doctor else "", doctor_speciality=doctor.speciality if doctor else "",
        call_since=call.since if call else None, readings=chart.readings, stills=chart.stills,
        waveforms=tuple(s.waveform for s in chart.streams.values() if s.waveform is not None),
        prescriptions=chart.prescriptions, unacknowledged=chart.counts.unacknowledged, call_code=call_code,
        quality=quality if call is not None else None, guests=tuple(guests) if call is not None else ())


def unfinished(chart: Chart) -> tuple[Unfinished, ...]:
    """Files that were put away with something still to be done."""
    return tuple(Unfinished(encounter_id=each.record.encounter_id, patient=each.record.patient,
                            opened_at=each.record.opened_at, prescriptions=each.prescriptions,
                            unsent=each.counts.unacknowledged) for each in chart.unfinished)
