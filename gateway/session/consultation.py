"""One consultation at a time: the room's front, composed of chart, intake, call, commands.

Also the `InstrumentSink` of the instruments and what the data channels ask (`delivery.Situations`).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import datetime

import structlog

from gateway.peripherals.recording import RecordingArrived
from gateway.store import Store, StoreConflict, StoreError
from gateway.store.records import EncounterCounts
from protocol import kiosk_commands as kiosk
from protocol.channels import (
    GuestInvited,
    Instrument,
    InstrumentRequested,
    InstrumentRequestWithdrawn,
    MediaState,
    Situation,
)
from protocol.guest_signalling import GuestAnswer, GuestAway, GuestCandidate, GuestEntered, GuestLeft, GuestRefused
from protocol.kiosk import KioskReply, Nurse
from protocol.kiosk_commands import CommandBody
from protocol.quality import CallQuality, CallSummary, Reception
from protocol.readings import Chunk, Reading, WaveformEnd
from protocol.signalling import (
    CallAnswer,
    CallAssigned,
    CallCandidate,
    CallLeft,
    CallRefused,
    PeerAway,
    Place,
    PrescriptionReady,
    Refusal,
    ToVehicle,
)
from protocol.values import VehicleCard

from .bindings import Signer
from .call import CallDesk
from .chart import Chart
from .commands import Commands
from .errors import Refused
from .examination import Examination
from .guests import GuestDesk, GuestPath
from .intake import Intake
from .microphone import Microphone
from .quality import Totals
from .quality_watch import QualityWatch
from .requests import Requests
from .resumption import Resumption
from .seams import Instruments, Media, Papers, Relay, code_of
from .states import IN_CALL
from .view import ConsultationView, shown, unfinished

log = structlog.get_logger()


def _unset() -> float:
    """Seconds of a clock that nobody sets and that goes on while the machine sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Consultation:
    """Constructor takes the rooms it uses; `changed` is called whenever `view()` may differ.

    `chunks` may be set by the kiosk: it gets each live chunk.
    """

    def __init__(self, *, store: Store, media: Media, instruments: Instruments, relay: Relay, papers: Papers,
                 signer: Signer, vehicle: VehicleCard, changed: Callable[[], None], now: Callable[[], datetime],
                 demo: bool | None = None, clock: Callable[[], float] = _unset) -> None:
        self._media = media
        self._relay = relay
        self._papers = papers
        self._tell = changed
        self._place: Place | None = None
        self.chunks: Callable[[Chunk], None] = lambda _: None
        self._stale = asyncio.Event()
        self._chart = Chart(store, now, self._changed, clock)
        self._requests = Requests(self._chart, instruments)
        self._intake = Intake(self._chart, instruments, self._requests, self._live)
        self._call = CallDesk(self._chart, media, relay, signer, self, clock)
        self._commands = Commands(self._chart, self._call, self._intake, self._requests, instruments, papers,
                                  demo=vehicle.simulated if demo is None else demo)
        self._examination = Examination(self._chart, media, instruments, self._shown_changed)
        self._microphone = Microphone(self._chart, media, self._shown_changed)
        self._quality = QualityWatch(self._chart, media, self._call, self._microphone, clock, changed)
        self._guests = GuestDesk(self._chart, media, relay, self._shown_changed, clock)
        self._resumption = Resumption(self._chart, relay, self._intake, self._commands, instruments)
        self._chart.committed = lambda _: self._call.committed()
        store.prescriptions.changed = lambda _: self._stale.set()

    async def run(self) -> None:
        """Restore the open encounter, then live until cancelled. Raises StoreError when the store cannot be read."""
        async with self._chart.turn():
            streams = await self._resumption.restore()
        async with asyncio.TaskGroup() as tasks:
            self._call.begin(tasks)
            self._guests.begin(tasks)
            tasks.create_task(self._call.run(), name="session.call")
            tasks.create_task(self._guests.run(), name="session.guests")
            tasks.create_task(self._resumption.post(), name="session.outbox")
            tasks.create_task(self._refresh(), name="session.refresh")
            tasks.create_task(self._quality.run(), name="session.quality")
            tasks.create_task(self._resumption.restart(streams), name="session.waveforms")
            self._chart.ready.set()
            self._changed()
            if self._relay.online:
                # The link was quicker than the disk.
                self._call.say_state()

    async def restored(self) -> None:
        """Until `run` has read the open encounter from the store."""
        await self._chart.ready.wait()

    # From the relay

    async def from_relay(self, body: ToVehicle) -> None:
        """One message of the signalling link; what it changes is committed when this returns.

        Raises StoreError: then the relay may say it again.
        """
        await self._chart.ready.wait()
        try:
            await self._signalled(body)
        except (Refused, StoreConflict) as error:
            log.warning("signalling.refused", code=error.code, message=type(body).__name__)

    def relay_up(self, resumed: bool) -> None:
        """After each welcome: say where the encounter stands, rejoin when our peer is dead."""
        if self._chart.ready.is_set():
            self._call.say_state()
        self._resumption.relay_up(resumed)
        self._call.relay_up(resumed)
        self._guests.relay_up(resumed)

    # From the kiosk

    async def command(self, body: CommandBody, nurse: Nurse) -> KioskReply:
        """One command; the reply's `id` is 0, the caller puts its own."""
        await self._chart.ready.wait()
        try:
            return await self._commanded(body, nurse)
        except Exception as error:
            code = code_of(error)
            if code is None:
                raise
            facts = getattr(error, "facts", {})
            log.info("command.refused", code=code, command=type(body).__name__)
            return KioskReply(id=0, code=code, facts={str(k): str(v) for k, v in facts.items()})

    def view(self) -> ConsultationView:
        """What the kiosk shows now."""
        chart = self._chart
        encounter = shown(chart, self._place, self._call.code, self._quality.quality, self._guests.views)
        return ConsultationView(encounter=encounter, instruments=self.instruments(), tray=chart.tray,
                                unfinished=unfinished(chart), review=chart.review,
                                unsent=chart.outbox + chart.counts.unacknowledged,
                                problem=self._intake.problem or chart.store.problem,
                                shown=self._examination.shown, listening=self._examination.listening,
                                beside=self._examination.beside, muted=self._microphone.muted,
                                microphone_code=self._microphone.code if chart.state in IN_CALL else None)

    @property
    def quality(self) -> CallQuality | None:
        """How the call goes; None without one."""
        return self._quality.quality

    @property
    def summary(self) -> CallSummary | None:
        """Of the call that runs, else of the last one since this process began."""
        return self._quality.summary

    @property
    def guest_paths(self) -> tuple[GuestPath, ...]:
        """How the connections with the guests go, without names."""
        return self._guests.paths

    @property
    def totals(self) -> Totals:
        """Of all calls since this process began."""
        return self._quality.totals

    def instruments(self) -> tuple[Instrument, ...]:
        """The instruments with what the doctor asks of them."""
        return self._requests.shown()

    def media_changed(self) -> None:
        """Camera or microphone changed: the doctor is told."""
        self._call.changed()

    # InstrumentSink

    async def reading(self, reading: Reading) -> None:
        """Returns when the reading is committed, to its encounter or to the tray (I2)."""
        await self._intake.reading(reading)

    async def recording(self, arrived: RecordingArrived) -> None:
        """Returns when the recording is committed with all its samples."""
        await self._intake.recording(arrived)

    async def chunk(self, chunk: Chunk) -> None:
        """Returns when the chunk is committed."""
        await self._intake.chunk(chunk)

    async def waveform_stopped(self, end: WaveformEnd) -> None:
        """Returns when the end is committed."""
        await self._intake.waveform_stopped(end)

    def changed(self) -> None:
        """Some instrument's state or the cuff's pressure changed."""
        self._intake.changed()

    # delivery.Situations

    def situation(self) -> Situation | None:
        """What the doctor is told of the encounter, the instruments, camera and microphone."""
        summary = self._chart.summary
        if summary is None:
            return None
        camera, code = self._media.camera, self._microphone.code
        return Situation(encounter=summary, instruments=self.instruments(), media=MediaState(
            camera=camera.present, microphone=code is None, camera_code=camera.code or self._media.picture_code,
            microphone_code=code, shown=self._media.shown, beside=self._media.beside,
            stethoscope=self._media.listening, stethoscope_code=self._media.listening_code), guests=self._guests.views)

    def running(self) -> tuple[tuple[int, int], ...]:
        """Streams that were announced and run: number, chunks."""
        return tuple((stream_id, stream.chunks) for stream_id, stream in self._chart.streams.items()
                     if stream.waveform is not None)

    def acknowledged(self, encounter_id: str, counts: EncounterCounts) -> None:
        """The doctor's page holds more than before."""
        self._chart.count(encounter_id, counts)

    async def ask(self, message: InstrumentRequested) -> None:
        """The doctor asks for an instrument. Raises Refused, StoreError."""
        await self._requests.ask(message)

    async def withdraw(self, message: InstrumentRequestWithdrawn) -> None:
        """The doctor takes it back. Raises Refused, StoreError."""
        await self._requests.withdraw(message)

    async def show(self, instrument_id: str | None, *, beside: bool = False) -> None:
        """An examination camera takes the picture's place. Raises Refused, StoreError, an instrument's coded error."""
        self._examination.show(instrument_id, beside=beside)
        if instrument_id is not None:
            await self._requests.met(instrument_id)

    async def listen(self, instrument_id: str | None) -> None:
        """A stethoscope is opened. Raises Refused, StoreError, an instrument's coded error."""
        self._examination.listen(instrument_id)
        if instrument_id is not None:
            await self._requests.met(instrument_id)

    def received(self, reception: Reception) -> None:
        """What the doctor's page gets of the call."""
        if (current := self._call.current) is not None:
            self._quality.received(current.number, reception)

    def guest_invited(self, message: GuestInvited) -> None:
        """A third person may enter by a link with this key. Raises Refused."""
        self._guests.invited(message)

    def guest_removed(self, guest_id: str) -> None:
        """The doctor ends its part."""
        self._guests.removed(guest_id)

    # Inside

    def _shown_changed(self) -> None:
        self._call.changed()
        self._tell()

    def _changed(self) -> None:
        self._microphone.settle()
        self._examination.settle()
        self._guests.settle()
        self._call.changed()
        self._tell()

    def _live(self, chunk: Chunk) -> None:
        self._call.live(chunk)
        self.chunks(chunk)

    async def _refresh(self) -> None:
        """Papers changed: read them again and post what the relay must hear."""
        while True:
            await self._stale.wait()
            self._stale.clear()
            try:
                async with self._chart.turn():
                    await self._chart.refresh()
            except StoreError as error:
                log.error("session.unread", code=error.code)
            self._resumption.more()

    async def _signalled(self, body: ToVehicle) -> None:
        match body:
            case CallAssigned():
                await self._call.assigned(body)
            case CallAnswer():
                await self._call.answered(body)
            case CallCandidate():
                await self._call.candidate(body)
            case CallRefused():
                await self._call.refused(body)
            case CallLeft():
                await self._call.left(body)
            case PeerAway():
                await self._call.away(body)
            case GuestEntered() | GuestAnswer() | GuestCandidate() | GuestRefused() | GuestAway() | GuestLeft():
                await self._guests.signalled(body)
            case Place():
                self._place = body
                self._tell()
            case PrescriptionReady():
                await self._papers.ready(body)
            case Refusal():
                log.warning("signalling.relay_refused", code=body.code, about=body.about)

    async def _commanded(self, body: CommandBody, nurse: Nurse) -> KioskReply:
        commands = self._commands
        match body:
            case kiosk.OpenEncounter():
                encounter_id, warnings = await commands.open(body, nurse)
                facts = {"warnings": " ".join(warnings)} if warnings else {}
                return KioskReply(id=0, encounter_id=encounter_id, facts=facts)
            case kiosk.EnterWaiting():
                await commands.enter_waiting()
            case kiosk.LeaveWaiting():
                await commands.leave_waiting()
            case kiosk.HangUp():
                await commands.hang_up(nurse)
            case kiosk.CloseEncounter():
                await commands.close(body, nurse)
                self._resumption.more()
            case kiosk.StartWaveform():
                await commands.start_waveform(body.instrument_id)
            case kiosk.StopWaveform():
                await commands.stop_waveform(body.instrument_id)
            case kiosk.CaptureStill():
                await commands.capture_still(body.instrument_id)
            case kiosk.KeepStill():
                await commands.keep_still(body)
            case kiosk.DropStill():
                await commands.drop_still(body.still_id)
            case kiosk.ShowCamera():
                await self.show(body.instrument_id, beside=body.beside)
            case kiosk.Listen():
                await self.listen(body.instrument_id)
            case kiosk.AssignReading():
                await commands.assign_reading(body, nurse)
            case kiosk.PrintPrescription() | kiosk.SayPrinted() | kiosk.HandOver():
                await commands.paper(body)
            case kiosk.MicrophoneFailed():
                self._microphone.failed(body.code)
            case kiosk.RemoveGuest():
                self._guests.remove(body.guest_id, nurse.name)
            case kiosk.MuteMicrophone():
                await self._microphone.mute(body.muted)
            case _:
                raise Refused("kiosk.command")
        return KioskReply(id=0)
