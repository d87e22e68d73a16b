"""What the nurse can do to the encounter, each with a coded refusal."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable

import structlog
from msgspec.structs import replace

from gateway.store import StoreConflict, StoreError
from gateway.store.records import Closing, EncounterRecord
from protocol import kiosk_commands as kiosk
from protocol.kiosk import Nurse, StillReview
from protocol.readings import WaveformEnd

from . import patient
from .call import CallDesk
from .chart import Chart, Stream, snapshot
from .errors import Refused
from .intake import Intake
from .requests import Requests
from .seams import Instruments, Papers, code_of
from .states import State, Step, follow

log = structlog.get_logger()

STOP_SECONDS = 3.0
"""A stream's end comes within one frame; an instrument that hangs does not keep a file open."""


class Commands:
    """One method a command; all raise Refused, StoreConflict, StoreError or another room's coded error."""

    def __init__(self, chart: Chart, call: CallDesk, intake: Intake, requests: Requests, instruments: Instruments,
                 papers: Papers, *, demo: bool) -> None:
        self._chart = chart
        self._call = call
        self._intake = intake
        self._requests = requests
        self._instruments = instruments
        self._papers = papers
        self._demo = demo

    async def open(self, body: kiosk.OpenEncounter, nurse: Nurse) -> tuple[str, tuple[str, ...]]:
        """A new encounter; its identifier and what should be looked at again."""
        now = self._chart.now()
        if not body.consent:
            raise Refused("encounter.consent")
        # The calendar day of the bus: a child born this morning is not born tomorrow.
        warnings = patient.check(body.patient, today=now.astimezone().date(), demo=self._demo)
        async with self._chart.turn():
            if self._chart.record is not None:
                raise Refused("encounter.open")
            record = EncounterRecord(
                encounter_id=uuid.uuid4().hex, patient=body.patient, consent_at=now, opened_at=self._chart.now(),
                nurse=nurse, reason=body.reason, urgency=body.urgency, reason_words=body.reason_words,
                stage=State.ready.value)
            await self._chart.open(record)
        self._instruments.expect()
        return record.encounter_id, warnings

    async def enter_waiting(self) -> None:
        """Join the doctors' queue; the place by time of the first entry is kept."""
        async with self._chart.turn():
            record = self._chart.require()
            await self._chart.move(Step.enter_waiting, waiting_since=record.waiting_since or self._chart.now())
            self._call.say_state()

    async def leave_waiting(self) -> None:
        """Leave the queue."""
        async with self._chart.turn():
            await self._chart.move(Step.leave_waiting)
            self._call.say_state()

    async def hang_up(self, nurse: Nurse) -> None:
        """End the call for good."""
        async with self._chart.turn():
            await self._chart.move(Step.hang_up)
            self._call.hang_up(nurse.name)
            self._call.say_state()

    async def close(self, body: kiosk.CloseEncounter, nurse: Nurse) -> None:
        """End the encounter: streams first, then one commit, then the chair is empty."""
        record = self._chart.require()
        follow(State(record.stage), Step.close)
        for stream in tuple(self._chart.streams.values()):
            await self._within(self._instruments.stop_waveform(stream.instrument_id))
        async with self._chart.turn():
            if self._chart.require().encounter_id != record.encounter_id:
                raise Refused("encounter.closed")
            follow(self._chart.state, Step.close)
            for stream_id, stream in tuple(self._chart.streams.items()):
                await self._intake.end(WaveformEnd(stream_id=stream_id, chunks=stream.chunks,
                                                   reason="waveform.encounter_closed"))
            if (review := self._chart.review) is not None:
                await self._chart.store.stills.drop(review.still.still_id)
            record = self._chart.require()
            stage = follow(self._chart.state, Step.close).value
            closed = replace(record, stage=stage, closed_at=self._chart.now(), requests=(), closing=Closing(
                orientation=body.orientation, satisfaction=body.satisfaction, staff_minutes=body.staff_minutes,
                has_family_doctor=body.has_family_doctor, nurse=nurse))
            said = snapshot(closed) if record.waiting_since is not None else None
            await self._chart.close(closed, [said] if said is not None else [])
            self._call.stop("")

    async def start_waveform(self, instrument_id: str) -> None:
        """Number a stream, start the instrument, commit the begin."""
        async with self._chart.turn():
            record = self._chart.require()
            if any(stream.instrument_id == instrument_id for stream in self._chart.streams.values()):
                raise Refused("instrument.busy")
            if instrument_id not in {i.instrument_id for i in self._instruments.instruments()}:
                raise Refused("instrument.unknown")
            number = await self._chart.store.waveforms.number(record.encounter_id, instrument_id)
            stream = self._chart.streams[number] = Stream(instrument_id, record.encounter_id)
        try:
            waveform = await self._instruments.start_waveform(instrument_id, number)
        except BaseException:
            self._chart.streams.pop(number, None)
            raise
        try:
            async with self._chart.turn():
                # Closed or stopped while the instrument started: the trace belongs to nobody now.
                if self._chart.streams.get(number) is not stream:
                    raise Refused("waveform.stopped")
                event = await self._chart.store.waveforms.begin(waveform, self._chart.now())
                stream.waveform = waveform
                self._chart.show(event)
                await self._requests.answered(waveform.device)
        except (Refused, StoreConflict, StoreError):
            self._chart.streams.pop(number, None)
            await self._within(self._instruments.stop_waveform(instrument_id))
            raise

    async def stop_waveform(self, instrument_id: str) -> None:
        """Stop an instrument's stream; its end is committed by the sink."""
        if not any(stream.instrument_id == instrument_id for stream in self._chart.streams.values()):
            raise Refused("waveform.stopped")
        await self._within(self._instruments.stop_waveform(instrument_id))

    async def capture_still(self, instrument_id: str) -> None:
        """Take a still for review; one that waited is replaced: that is "take it again"."""
        encounter_id = self._chart.require().encounter_id
        still, data = await self._instruments.capture_still(instrument_id)
        async with self._chart.turn():
            if self._chart.record is None or self._chart.record.encounter_id != encounter_id:
                # I2: the picture was taken of somebody who has left.
                raise Refused("encounter.closed")
            before = self._chart.review
            await self._chart.store.stills.put(encounter_id, instrument_id, still, data)
            self._chart.look_at(StillReview(instrument_id=instrument_id, still=still))
            if before is not None:
                await self._chart.store.stills.drop(before.still.still_id)

    async def keep_still(self, body: kiosk.KeepStill) -> None:
        """The still joins the encounter. A series is of one patient: `like` names a still of this encounter."""
        async with self._chart.turn():
            record = self._chart.require()
            review = self._chart.review
            if review is None or review.still.still_id != body.still_id:
                raise Refused("still.unknown")
            if body.like is not None and body.like not in {still.still_id for still in self._chart.stills}:
                raise Refused("still.like_unknown")
            event = await self._chart.store.stills.keep(body.still_id, record.encounter_id, self._chart.now(),
                                                        body.body_site, body.like)
            self._chart.look_at(None)
            self._chart.show(event)
            await self._requests.answered(review.still.device)

    async def drop_still(self, still_id: str) -> None:
        """Nobody wants the still."""
        async with self._chart.turn():
            review = self._chart.review
            if review is None or review.still.still_id != still_id:
                raise Refused("still.unknown")
            await self._chart.store.stills.drop(still_id)
            self._chart.look_at(None)

    async def assign_reading(self, body: kiosk.AssignReading, nurse: Nurse) -> None:
        """Empty the tray by hand."""
        async with self._chart.turn():
            now = self._chart.now()
            if body.discard:
                if body.encounter_id is not None:
                    raise Refused("tray.either_or")
                await self._chart.store.tray.discard(body.reading_id, now, nurse.nurse_id)
            else:
                record = self._chart.require()
                if body.encounter_id != record.encounter_id:
                    raise Refused("encounter.unknown")
                for event in await self._chart.store.tray.assign(body.reading_id, record.encounter_id, now,
                                                                 nurse.nurse_id):
                    self._chart.show(event)
            await self._chart.refresh()

    async def paper(self, body: kiosk.PrintPrescription | kiosk.SayPrinted | kiosk.HandOver) -> None:
        """What the nurse says of a paper; the printing room decides."""
        match body:
            case kiosk.PrintPrescription():
                await self._papers.print_again(body.prescription_id)
            case kiosk.SayPrinted():
                await self._papers.say_printed(body.prescription_id, body.printed)
            case kiosk.HandOver():
                await self._papers.hand_over(body.prescription_id)

    async def _within(self, stopping: Awaitable[None]) -> None:
        """Wait for an instrument to stop, not for ever; why it did not is logged and changes nothing."""
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await stopping
        except TimeoutError:
            log.warning("waveform.stop_late")
        except Exception as error:
            if code_of(error) is None:
                raise
            log.warning("waveform.stop_failed", code=code_of(error))
