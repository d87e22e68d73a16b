"""A consultation among fakes: the nurse's commands, the wrong-patient guard, restarts."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from blockbuster import blockbuster_ctx

from gateway.session import intake
from gateway.store import StoreError
from gateway.store.files import Shelf
from protocol.channels import InstrumentState
from protocol.kiosk import Stage
from protocol.kiosk_commands import (
    AssignReading,
    CaptureStill,
    CloseEncounter,
    DropStill,
    EnterWaiting,
    HandOver,
    HangUp,
    KeepStill,
    LeaveWaiting,
    MicrophoneFailed,
    OpenEncounter,
    Orientation,
    PrintPrescription,
    SignOutNurse,
    StartWaveform,
    StopWaveform,
)
from protocol.prescription import PrescriptionState
from protocol.readings import Chunk, Event, EventBody, WaveformStarted, WaveformStopped
from protocol.signalling import EncounterPhase, EncounterState, Place, PrescriptionProgress, PrescriptionReady
from protocol.values import Patient, Reason, Urgency
from tests.unit.session_fakes import Bus
from tests.unit.store_makers import START, chunk, reading

CLOSE = CloseEncounter(orientation=Orientation.advised, satisfaction=9)


@pytest.fixture
def bus(tmp_path: Path) -> Bus:
    return Bus(tmp_path)


async def test_the_way_of_an_encounter_without_a_doctor(bus: Bus) -> None:
    """Open, wait, leave, wait, close: each stage is shown, and the relay hears what it must and no name."""
    async with bus.running():
        encounter_id = await bus.open(patient=Patient(family_name="ESSAI", given_name="Zoé", birth_date="1979-03-05"))
        assert bus.relay.sent.items == []
        phases = []
        for command in (EnterWaiting(), LeaveWaiting(), EnterWaiting(), CLOSE):
            bus.later(5)
            assert (await bus.do(command)).code is None
            said = await bus.relay.sent.next(EncounterState)
            phases.append(said.phase)
            assert b"ESSAI" not in msgspec.json.encode(said)
            assert said.waiting_since == START + timedelta(seconds=5)
        assert phases == ["waiting", "after", "waiting", "closed"]
        assert said.encounter_id == encounter_id
        assert bus.consultation.view().encounter is None


@pytest.mark.parametrize(("changes", "code"), [
    ({"consent": False}, "encounter.consent"),
    ({"patient": Patient(family_name="A", given_name="B", birth_date="2027-01-01")}, "patient.birth_date_future"),
])
async def test_an_encounter_that_cannot_be_is_refused(bus: Bus, changes: dict[str, object], code: str) -> None:
    """Consent and identity are checked before anything is stored."""
    async with bus.running():
        reply = await bus.do(OpenEncounter(**{"patient": Patient(anonymous=True), "consent": True,  # type: ignore[arg-type]
                                              "reason": Reason.fever, "urgency": Urgency.soon, **changes}))
        assert reply.code == code
        assert await bus.store.encounters.current() is None


async def test_commands_out_of_place_are_coded_refusals(bus: Bus) -> None:
    """Nothing is a traceback, nothing changes."""
    async with bus.running():
        for command in (EnterWaiting(), HangUp(), CLOSE, StartWaveform(instrument_id="heart"),
                        CaptureStill(instrument_id="skin"), KeepStill(still_id="x")):
            assert (await bus.do(command)).code == "encounter.none"
        await bus.open()
        assert (await bus.do(OpenEncounter(patient=Patient(anonymous=True), consent=True, reason=Reason.skin,
                                           urgency=Urgency.routine))).code == "encounter.open"
        for command, code in ((HangUp(), "encounter.step"), (LeaveWaiting(), "encounter.step"),
                              (StartWaveform(instrument_id="none"), "instrument.unknown"),
                              (StopWaveform(instrument_id="heart"), "waveform.stopped"),
                              (DropStill(still_id="x"), "still.unknown"), (KeepStill(still_id="x"), "still.unknown"),
                              (AssignReading(reading_id="r", encounter_id="other"), "encounter.unknown"),
                              (AssignReading(reading_id="r", encounter_id=None, discard=True), "tray.unknown"),
                              (PrintPrescription(prescription_id="p"), "prescription.step"),
                              (SignOutNurse(), "kiosk.command")):
            assert (await bus.do(command)).code == code, command
        assert (await bus.do(HandOver(prescription_id="p"))).code is None
        assert bus.papers.said == [("handed", "p")]


async def test_a_reading_joins_the_open_encounter_and_is_committed_when_the_call_returns(bus: Bus) -> None:
    """The sink returns after the commit; view and store agree."""
    async with bus.running() as consultation:
        encounter_id = await bus.open()
        bus.later(60)
        await consultation.reading(reading(1, taken=bus.time))
        counts = await bus.store.encounters.counts(encounter_id)
        view = consultation.view()
        assert counts.last_seq == 1
        assert view.encounter is not None
        assert [r.reading_id for r in view.encounter.readings] == ["reading-1"]
        assert (view.unsent, view.encounter.unacknowledged) == (1, 1)


async def test_between_two_patients_readings_go_to_the_tray_and_a_person_empties_it(bus: Bus) -> None:
    """Closing one file and opening the next cannot mix them (I2); assigned by hand, it joins."""
    async with bus.running() as consultation:
        await bus.open()
        bus.later(60)
        await bus.do(CLOSE)
        await consultation.reading(reading(1, taken=bus.later(2)))
        bus.later(2)
        second = await bus.open()
        await consultation.reading(reading(2, taken=bus.later(3)))
        await consultation.reading(reading(3, taken=START + timedelta(seconds=30)))
        await consultation.reading(msgspec.structs.replace(reading(4), taken_at=None))
        view = consultation.view()
        assert {(item.reading.reading_id, item.reason) for item in view.tray} == {
            ("reading-1", "tray.no_encounter"), ("reading-2", "tray.between_encounters"),
            ("reading-3", "tray.older_than_encounter"), ("reading-4", "tray.time_unknown")}
        assert view.encounter is not None
        assert view.encounter.readings == ()
        assert (await bus.do(AssignReading(reading_id="reading-2", encounter_id=second))).code is None
        assert (await bus.do(AssignReading(reading_id="reading-1", encounter_id=None, discard=True))).code is None
        view = consultation.view()
        assert view.encounter is not None
        assert [r.reading_id for r in view.encounter.readings] == ["reading-2"]
        assert len(view.tray) == 2
        old = next(item.reading for item in view.tray if item.reading.reading_id == "reading-3")
        assert old.flags == ("older_than_encounter",)


async def test_a_measurement_seen_to_begin_on_the_patient_before_is_not_the_next_ones(bus: Bus) -> None:
    """The cuff inflates on A; A's file closes, B's opens a minute later; the result goes to the tray."""
    async with bus.running() as consultation:
        await bus.open()
        bus.later(5)
        bus.instruments.become("cuff", InstrumentState.measuring)
        await bus.do(CLOSE)
        bus.later(60)
        await bus.open()
        await consultation.reading(reading(1, taken=bus.later(1)))
        assert [item.reason for item in consultation.view().tray] == ["tray.between_encounters"]
        bus.instruments.become("cuff", InstrumentState.ready)
        bus.instruments.become("cuff", InstrumentState.measuring)
        await consultation.reading(reading(2, taken=bus.later(1)))
        view = consultation.view()
        assert view.encounter is not None
        assert [r.reading_id for r in view.encounter.readings] == ["reading-2"]


async def test_a_full_disk_holds_the_reading_until_it_is_saved(bus: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing claims to be saved: the kiosk says `store.full`, and the reading is there when the disk is well."""
    monkeypatch.setattr(intake, "DISK_RETRY_SECONDS", 0.0)
    async with bus.running() as consultation:
        encounter_id = await bus.open()
        append, well = bus.store.events.append, False

        async def refusing(encounter_id: str, at: datetime, body: EventBody) -> Event | None:
            if not well:
                raise StoreError("store.full")
            return await append(encounter_id, at, body)
        monkeypatch.setattr(bus.store.events, "append", refusing)
        task = asyncio.ensure_future(consultation.reading(reading(1, taken=bus.later(60))))
        view = await bus.when(lambda view: view.problem is not None)
        assert (view.problem, task.done()) == ("store.full", False)
        assert view.encounter is not None
        assert view.encounter.readings == ()
        well = True
        await task
        assert consultation.view().problem is None
        assert (await bus.store.encounters.counts(encounter_id)).last_seq == 1


async def test_an_ecg_runs_and_its_chunks_are_stored_and_shown(bus: Bus) -> None:
    """Begin, chunks and end are committed; only one stream an instrument; the kiosk gets live chunks."""
    live: list[Chunk] = []
    async with bus.running() as consultation:
        consultation.chunks = live.append
        encounter_id = await bus.open()
        assert (await bus.do(StartWaveform(instrument_id="heart"))).code is None
        assert (await bus.do(StartWaveform(instrument_id="heart"))).code == "instrument.busy"
        stream = bus.instruments.streams["heart"]
        for number in range(5):
            await consultation.chunk(chunk(stream, number))
        assert [c.number for c in live] == [0, 1, 2, 3, 4]
        assert consultation.running() == ((stream, 5),)
        assert (await bus.do(StopWaveform(instrument_id="heart"))).code is None
        events = await bus.store.events.after(encounter_id, 0)
        assert isinstance(events[0].body, WaveformStarted)
        assert isinstance(events[1].body, WaveformStopped)
        assert events[1].body.end.chunks == 5
        assert consultation.running() == ()
        bus.instruments.states["heart"] = InstrumentState.absent
        assert (await bus.do(StartWaveform(instrument_id="heart"))).code == "instrument.absent"
        bus.instruments.states["heart"] = InstrumentState.ready
        assert (await bus.do(StartWaveform(instrument_id="heart"))).code is None


async def test_closing_ends_what_runs_and_drops_what_waits(bus: Bus) -> None:
    """The stream's end is in the file before it closes; a still nobody kept is gone; chunks after it are nobody's."""
    async with bus.running() as consultation:
        encounter_id = await bus.open()
        await bus.do(StartWaveform(instrument_id="heart"))
        stream = bus.instruments.streams["heart"]
        await consultation.chunk(chunk(stream, 0))
        await bus.do(CaptureStill(instrument_id="skin"))
        assert (await bus.do(CLOSE)).code is None
        events = await bus.store.events.after(encounter_id, 0)
        assert [type(event.body) for event in events] == [WaveformStarted, WaveformStopped]
        assert consultation.view().review is None
        await consultation.chunk(chunk(stream, 1))
        assert [c.number for c in await bus.store.waveforms.chunks(encounter_id, stream, 0, 9, 9)] == [0]


async def test_a_still_is_reviewed_taken_again_and_kept(bus: Bus) -> None:
    """The retake replaces the first one; what is kept is in the file with its bytes."""
    async with bus.running() as consultation:
        encounter_id = await bus.open()
        await bus.do(CaptureStill(instrument_id="skin"))
        bus.instruments.picture = b"picture 2"
        await bus.do(CaptureStill(instrument_id="skin"))
        view = consultation.view()
        assert view.review is not None
        assert view.review.still.still_id == "still-2"
        assert (await bus.do(KeepStill(still_id="still-1"))).code == "still.unknown"
        assert (await bus.do(KeepStill(still_id="still-2"))).code is None
        assert (await bus.do(KeepStill(still_id="still-2"))).code == "still.unknown"
        view = consultation.view()
        assert view.encounter is not None
        assert [s.still_id for s in view.encounter.stills] == ["still-2"]
        assert view.review is None
        assert await bus.store.stills.data("still-2") == b"picture 2"
        assert (await bus.store.encounters.counts(encounter_id)).last_seq == 1
        bus.instruments.picture = b"picture 3"
        await bus.do(CaptureStill(instrument_id="skin"))
        assert (await bus.do(DropStill(still_id="still-3"))).code is None
        assert consultation.view().review is None


async def test_a_picture_of_somebody_who_left_is_not_kept(bus: Bus) -> None:
    """The patient changes while the camera works: the still joins neither file."""
    async with bus.running() as consultation:
        await bus.open()

        async def change() -> None:
            await bus.do(CLOSE)
            await bus.open()
        bus.instruments.before_still = change
        assert (await bus.do(CaptureStill(instrument_id="skin"))).code == "encounter.closed"
        assert consultation.view().review is None


async def test_a_still_the_disk_refuses_is_not_shown_as_kept(bus: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command's reply carries the disk's code and no review appears."""
    async def full(self: Shelf, data: bytes) -> str:
        raise StoreError("store.full")
    async with bus.running() as consultation:
        await bus.open()
        monkeypatch.setattr(Shelf, "put", full)
        assert (await bus.do(CaptureStill(instrument_id="skin"))).code == "store.full"
        assert consultation.view().review is None


async def test_kill_9_leaves_the_same_encounter_and_the_ecg_goes_on_as_a_new_stream(bus: Bus) -> None:
    """Stage, readings, review and running ECG are restored; the cut stream has its end."""
    async with bus.running() as consultation:
        encounter_id = await bus.open()
        await bus.do(EnterWaiting())
        await consultation.reading(reading(1, taken=bus.later(60)))
        await bus.do(CaptureStill(instrument_id="skin"))
        await bus.do(StartWaveform(instrument_id="heart"))
        first = bus.instruments.streams.pop("heart")
        await consultation.chunk(chunk(first, 0))
    bus.relay.sent.items.clear()
    async with bus.running() as consultation:
        view = await bus.when(lambda view: view.encounter is not None and len(view.encounter.waveforms) == 1)
        assert view.encounter is not None
        assert (view.encounter.encounter_id, view.encounter.stage) == (encounter_id, Stage.waiting)
        assert [r.reading_id for r in view.encounter.readings] == ["reading-1"]
        assert view.review is not None
        second = bus.instruments.streams["heart"]
        assert second > first
        bodies = [event.body for event in await bus.store.events.after(encounter_id, 0)]
        ends = [body.end for body in bodies if isinstance(body, WaveformStopped)]
        assert [(end.stream_id, end.chunks, end.reason) for end in ends] == [(first, 1, "waveform.restarted")]
        # The relay was on line before the store was read: it hears where the encounter stands.
        assert (await bus.relay.sent.next(EncounterState)).phase is EncounterPhase.waiting


async def test_a_closed_encounter_reaches_the_relay_after_days_and_restarts(bus: Bus) -> None:
    """Closing without a network is posted until the relay acknowledges it, then never again."""
    bus.relay.online = False
    async with bus.running():
        await bus.open()
        await bus.do(EnterWaiting())
        await bus.do(CLOSE)
        assert (await bus.when(lambda view: view.unsent == 1)).encounter is None
    bus.relay.sent.items.clear()
    bus.relay.online = True
    async with bus.running() as consultation:
        consultation.relay_up(resumed=False)
        assert (await bus.relay.sent.next(EncounterState)).phase is EncounterPhase.closed
    async with bus.running() as consultation:
        consultation.relay_up(resumed=False)
        assert (await bus.relay.sent.next(EncounterState)).phase is EncounterPhase.closed
        bus.relay.callbacks[-1]()
        await bus.when(lambda view: view.unsent == 0)
        assert await bus.store.outbox.waiting() == 0


async def test_papers_are_shown_and_each_step_is_posted(bus: Bus) -> None:
    """What the printing room commits appears on the kiosk and goes to the relay by itself."""
    async with bus.running() as consultation:
        encounter_id = await bus.open()
        await consultation.from_relay(PrescriptionReady(prescription_id="p1", encounter_id=encounter_id,
                                                        sha256="0" * 64))
        assert bus.papers.said == [("ready", "p1")]
        await bus.store.prescriptions.arrived("p1", encounter_id, b"%PDF", START, doctor="Dr A")
        assert (await bus.relay.sent.next(PrescriptionProgress)).state is PrescriptionState.arrived
        view = await bus.when(lambda view: view.encounter is not None and view.encounter.prescriptions != ())
        await bus.do(CLOSE)
        view = consultation.view()
        assert [u.encounter_id for u in view.unfinished] == [encounter_id]
        for state in (PrescriptionState.printing, PrescriptionState.printed, PrescriptionState.handed_over):
            await bus.store.prescriptions.step("p1", state, START)
        await bus.when(lambda view: view.unfinished == ())


async def test_the_place_in_the_queue_and_a_mute_microphone_are_shown(bus: Bus) -> None:
    """Place and doctors on line come from the relay; why there is no sound goes to the doctor."""
    async with bus.running() as consultation:
        encounter_id = await bus.open()
        await bus.do(EnterWaiting())
        await consultation.from_relay(Place(encounter_id=encounter_id, place=2, doctors=3))
        await consultation.from_relay(Place(encounter_id=encounter_id, place=1, doctors=3))
        view = consultation.view()
        assert view.encounter is not None
        assert (view.encounter.place, view.encounter.doctors) == (1, 3)
        bus.media.microphone = False
        await bus.do(MicrophoneFailed(code="microphone.refused"))
        situation = consultation.situation()
        assert situation is not None
        assert (situation.media.microphone, situation.media.microphone_code) == (False, "microphone.refused")


async def test_a_cancelled_instrument_task_leaves_memory_and_store_alike(bus: Bus) -> None:
    """A reading whose driver is cancelled in the middle is in the file and on the screen after the next turn."""
    async with bus.running() as consultation:
        await bus.open()
        task = asyncio.ensure_future(consultation.reading(reading(1, taken=bus.later(60))))
        for _ in range(3):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await consultation.reading(reading(2, taken=bus.later(1)))
        view = consultation.view()
        assert view.encounter is not None
        stored = await bus.store.events.after(view.encounter.encounter_id, 0)
        assert len(stored) == len(view.encounter.readings) == view.encounter.unacknowledged


async def test_nothing_of_it_blocks_the_loop(bus: Bus) -> None:
    """Disk work happens in the store's threads: a blocking call in the event loop raises here."""
    with blockbuster_ctx():
        async with bus.running() as consultation:
            await bus.open()
            await consultation.reading(reading(1, taken=bus.later(60)))
            await bus.do(CaptureStill(instrument_id="skin"))
            assert (await bus.do(KeepStill(still_id="still-1"))).code is None
            await bus.do(StartWaveform(instrument_id="heart"))
            await consultation.chunk(chunk(bus.instruments.streams["heart"], 0))
            assert (await bus.do(CLOSE)).code is None
