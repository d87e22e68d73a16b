"""The scenes of the fake gateway: one `KioskState` per screen worth looking at."""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import cv2
import numpy as np
from msgspec.structs import replace

from protocol.channels import Instrument, InstrumentState, Request
from protocol.kiosk import (
    CameraView,
    CuffPressure,
    Encounter,
    KioskState,
    Link,
    Nurse,
    Power,
    PowerSource,
    RelayLink,
    Stage,
    StillReview,
    TrayItem,
    Unfinished,
)
from protocol.prescription import PrescriptionState, PrescriptionStep, PrescriptionView
from protocol.quality import CallQuality, PictureGrade, Reception, VoiceGrade
from protocol.readings import Device, InstrumentKind, Quantity, Reading, ReadingKind, Still, StillQuality, Waveform
from protocol.values import Patient, Problem, Reason, Sex, Urgency, VehicleCard

CUFF = Device(device_id="cuff-1", kind=InstrumentKind.blood_pressure, maker="A&D", model="UA-651BLE", serial="5230",
              simulated=True)
ECG = Device(device_id="ecg-1", kind=InstrumentKind.ecg, maker="HealthyPi", model="5", simulated=True)
SKIN = Device(device_id="skin-1", kind=InstrumentKind.skin_camera, maker="Dino", model="AM7", simulated=True)
PATIENT = Patient(family_name="BERTRAND-LEFEBVRE", given_name="Marie-Josèphe", birth_date="1949-07-23", sex=Sex.female)
NOBODY = Encounter(encounter_id="nobody", patient=Patient(anonymous=True), reason=Reason.other,
                   urgency=Urgency.routine, opened_at=datetime(2000, 1, 1, tzinfo=UTC), stage=Stage.ready)

GOOD = CallQuality(
    voice=VoiceGrade.good, picture=PictureGrade.good, target_kbps=1620, picture_kbps=1080, sent_kbps=1135, lines=720,
    frames_per_second=30.0, loss_percent=0.2, round_trip_ms=58, queue_ms=3, keyframes=2, interface="wwan0",
    seen=Reception(frames_per_second=29.6, freezes=1, frozen_ms=640, voice_concealed_percent=0.3, round_trip_ms=61))
THUMBNAIL = base64.b64encode(bytes(cv2.imencode(".jpg", np.full((120, 160, 3), (120, 150, 200), np.uint8))[1])).decode()


def minutes(count: float) -> timedelta:
    return timedelta(minutes=count)


def pressure(identifier: str, at: datetime, systolic: str, diastolic: str, pulse: str | None,
             **more: object) -> Reading:
    quantities = [Quantity(loinc="8480-6", mdc=150021, unit="mm[Hg]", value=Decimal(systolic)),
                  Quantity(loinc="8462-4", mdc=150022, unit="mm[Hg]", value=Decimal(diastolic)),
                  Quantity(loinc="8478-0", mdc=150023, unit="mm[Hg]", value=Decimal("101"))]
    if pulse is not None:
        quantities.append(Quantity(loinc="8867-4", mdc=149546, unit="/min", value=Decimal(pulse)))
    return replace(Reading(reading_id=identifier, kind=ReadingKind.blood_pressure, device=CUFF, received_at=at,
                           taken_at=at, quantities=tuple(quantities)), **more)


def instruments() -> tuple[Instrument, ...]:
    return (Instrument(number=1, instrument_id="cuff-1", kind=InstrumentKind.blood_pressure, name="Tensiomètre",
                       state=InstrumentState.asleep, simulated=True),
            Instrument(number=2, instrument_id="ecg-1", kind=InstrumentKind.ecg, name="ECG",
                       state=InstrumentState.ready, simulated=True, streams=True),
            Instrument(number=3, instrument_id="skin-1", kind=InstrumentKind.skin_camera, name="Caméra peau",
                       state=InstrumentState.ready, simulated=True))


def paper(identifier: str, state: PrescriptionState, now: datetime, code: str | None = None) -> PrescriptionView:
    order = [PrescriptionState.signed, PrescriptionState.arrived, PrescriptionState.printing, PrescriptionState.printed]
    steps = [PrescriptionStep(state=each, at=now - minutes(6 - i)) for i, each in enumerate(order)]
    if state in order:
        steps = steps[:order.index(state) + 1]
    else:
        steps = [*steps[:3], PrescriptionStep(state=state, at=now, code=code)]
    return PrescriptionView(prescription_id=identifier, encounter_id="encounter-1", state=state, sha256="0" * 64,
                            steps=tuple(steps), doctor="Dr Anne Kermarrec",
                            drugs=("Amlodipine 5 mg comprimé", "Paracétamol 1 g comprimé"))


def base(now: datetime) -> KioskState:
    return KioskState(
        revision=1, now=now, release="0.1.0", demo=True,
        vehicle=VehicleCard(vehicle_id="bus-1", name="Médicobus Haut-Allier", territory="Haute-Loire", simulated=True),
        link=Link(relay=RelayLink.online, since=now - minutes(42), operator="Orange F", round_trip_ms=48),
        power=Power(source=PowerSource.mains, percent=100),
        nurses=(Nurse(nurse_id="claire", name="Claire Morel"), Nurse(nurse_id="youssef", name="Youssef Benali"),
                Nurse(nurse_id="solene", name="Solène Le Guennec-Dubois")))


def signed_in(now: datetime) -> KioskState:
    return replace(base(now), nurse=Nurse(nurse_id="claire", name="Claire Morel"), microphone=True,
                   camera=CameraView(present=True, name="Logitech C920", width=1280, height=720, frames_per_second=30,
                                     simulated=True),
                   instruments=instruments())


def encounter(now: datetime, stage: Stage, /, **more: object) -> Encounter:
    return replace(Encounter(encounter_id="encounter-1", patient=PATIENT, reason=Reason.heart, urgency=Urgency.soon,
                             reason_words="vertiges depuis lundi", opened_at=now - minutes(7), stage=stage), **more)


def at_stage(stage: Stage, **more: object) -> Callable[[datetime], KioskState]:
    return lambda now: replace(signed_in(now), encounter=encounter(now, stage, **more))


def in_call(now: datetime, **more: object) -> KioskState:
    readings = (pressure("r1", now - minutes(4), "162", "94", "88"),
                pressure("r2", now - minutes(1), "148", "91", "84", flags=("irregular_pulse",)))
    still = Still(still_id="s1", device=SKIN, taken_at=now - minutes(2), sha256="0" * 64, size=1000, width=1280,
                  height=960, quality=StillQuality.sharp, thumbnail=THUMBNAIL)
    return replace(signed_in(now), encounter=encounter(
        now, Stage.in_call, **{"doctor": "Dr Anne Kermarrec", "doctor_speciality": "Médecine générale",
                               "call_since": now - minutes(3), "readings": readings, "stills": (still,),
                               "unacknowledged": 0, "quality": GOOD, **more}))


def change_instrument(state: KioskState, number: int, /, **more: object) -> KioskState:
    return replace(state, instruments=tuple(replace(each, **more) if each.number == number else each
                                            for each in state.instruments))


def review(quality: StillQuality, now: datetime) -> StillReview:
    return StillReview(instrument_id="skin-1", still=Still(
        still_id="s2", device=SKIN, taken_at=now, sha256="1" * 64, size=1000, width=1280, height=960, quality=quality))


def stream(now: datetime) -> Waveform:
    return Waveform(stream_id=7, device=ECG, started_at=now, rate_hz=Decimal("250"), scale=Decimal("1"), unit="uV",
                    leads=(131329,))


def tray(now: datetime) -> tuple[TrayItem, ...]:
    return (TrayItem(reading=pressure("t1", now - minutes(190), "131", "79", "70", flags=("from_memory",)),
                     reason="tray.older_than_encounter"),
            TrayItem(reading=replace(pressure("t2", now - minutes(2), "127", "82", None), taken_at=None,
                                     flags=("time_unknown",)), reason="tray.time_unknown"))


def busy_home(now: datetime) -> KioskState:
    other = Patient(family_name="DURAND", given_name="Paul", birth_date="1961-01-02", sex=Sex.male)
    return replace(signed_in(now), outbox=5, tray=tray(now), link=Link(relay=RelayLink.offline, since=now - minutes(12),
                   operator="Orange F"), problems=(Problem(code="relay.unreachable"), Problem(code="printer.paper")),
                   power=Power(source=PowerSource.battery, percent=63),
                   unfinished=(Unfinished(encounter_id="e0", patient=other, opened_at=now - minutes(75), unsent=4,
                                          prescriptions=(paper("p1", PrescriptionState.printed, now),)),
                               Unfinished(encounter_id="e-1", patient=Patient(anonymous=True),
                                          opened_at=now - minutes(130), unsent=1,
                                          prescriptions=(paper("p2", PrescriptionState.print_ambiguous, now),
                                                         paper("p3", PrescriptionState.print_failed, now,
                                                               "printer.paper")))))


def ready_amber(now: datetime) -> KioskState:
    state = replace(at_stage(Stage.ready)(now), link=Link(relay=RelayLink.connecting, since=now),
                    camera=CameraView(present=False, code="camera.absent"), microphone=False,
                    problems=(Problem(code="camera.absent", subject="camera"),))
    state = change_instrument(state, 1, state=InstrumentState.absent)
    return change_instrument(state, 2, state=InstrumentState.failed, problem="instrument.silent")


def asked(now: datetime) -> KioskState:
    request = Request(request_id="q1", instrument_id="cuff-1", asked_at=now, words="bras gauche, assis, au calme")
    return change_instrument(in_call(now), 1, state=InstrumentState.ready, request=request)


def measuring(now: datetime) -> KioskState:
    state = change_instrument(in_call(now), 1, state=InstrumentState.measuring)
    return replace(state, cuff=CuffPressure(instrument_id="cuff-1", pressure=137))


def arrived(now: datetime) -> KioskState:
    state = in_call(now)
    assert state.encounter is not None
    reading = pressure("r3", now, "143", "88", "81", flags=("cuff_too_loose",))
    return replace(state, encounter=replace(state.encounter, readings=(*state.encounter.readings, reading)))


def unreadable(now: datetime) -> KioskState:
    state = in_call(now)
    assert state.encounter is not None
    reading = Reading(reading_id="r4", kind=ReadingKind.unreadable, device=CUFF, received_at=now, taken_at=now,
                      error="blood_pressure.short", raw="16aa")
    return replace(state, encounter=replace(state.encounter, readings=(*state.encounter.readings, reading)))


def ecg(now: datetime) -> KioskState:
    return change_instrument(in_call(now, waveforms=(stream(now),)), 2, state=InstrumentState.measuring)


def after(*states: PrescriptionState) -> Callable[[datetime], KioskState]:
    def scene(now: datetime) -> KioskState:
        papers = tuple(paper(f"p{i}", state, now) for i, state in enumerate(states, 1))
        return replace(signed_in(now), encounter=encounter(now, Stage.after, prescriptions=papers,
                                                           doctor="Dr Anne Kermarrec"))
    return scene


def with_review(quality: StillQuality) -> Callable[[datetime], KioskState]:
    return lambda now: replace(in_call(now), review=review(quality, now))


P = PrescriptionState
SCENES: dict[str, Callable[[datetime], KioskState]] = {
    "sign_in": base,
    "home": signed_in,
    "home_busy": busy_home,
    "home_open": lambda now: replace(busy_home(now), encounter=encounter(now, Stage.waiting, place=2, doctors=1)),
    "ready": at_stage(Stage.ready),
    "ready_amber": ready_amber,
    "waiting": at_stage(Stage.waiting, place=1, doctors=2),
    "waiting_none": at_stage(Stage.waiting, place=3, doctors=0),
    "call": in_call,
    "call_asked": asked,
    "call_measuring": measuring,
    "call_arrived": arrived,
    "call_unreadable": unreadable,
    "call_ecg": ecg,
    "call_interrupted": lambda now: in_call(now, stage=Stage.interrupted, unacknowledged=3, quality=None,
                                            call_code="call.interrupted"),
    "call_refused": lambda now: in_call(now, stage=Stage.interrupted, quality=None, call_code="fingerprint.mismatch"),
    "call_paper": lambda now: in_call(now, prescriptions=(paper("p1", P.printed, now),)),
    "call_tray": lambda now: replace(in_call(now), tray=tray(now)),
    "skin_sharp": with_review(StillQuality.sharp),
    "skin_blurred": with_review(StillQuality.blurred),
    "skin_dark": with_review(StillQuality.dark),
    "skin_glare": with_review(StillQuality.glare),
    "skin_gone": in_call,
    "after_none": after(),
    "after_printed": after(P.printed, P.handed_over, P.signed),
    "after_trouble": after(P.print_ambiguous, P.print_failed, P.refused),
}
