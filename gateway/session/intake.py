"""Where what instruments say comes in: bound to its patient (I2), committed, then sent on.

A disk that refuses a reading stops its instrument's task here until the disk takes it; the kiosk says so.
Nothing is dropped and nothing is called saved meanwhile.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog
from msgspec.structs import replace

from gateway.peripherals.recording import RecordingArrived
from gateway.store import StoreConflict, StoreError
from protocol.channels import InstrumentState
from protocol.readings import Chunk, Reading, ReadingTaken, WaveformEnd

from . import guard
from .chart import Chart
from .requests import Requests
from .seams import Instruments

log = structlog.get_logger()

DISK_RETRY_SECONDS = 2.0
"""A disk that was full or slow is asked again that often; a cuff keeps its reading for a minute anyway."""

OLDER_FLAG = "older_than_encounter"
"""See `protocol.readings.Reading.flags`."""

WATCHED = (InstrumentState.measuring, InstrumentState.done)
"""While an instrument is in one of these, the begin of its measurement is the one we saw."""


@dataclass(slots=True)
class _Watch:
    state: InstrumentState
    began: guard.Moment | None = None
    encounter_id: str | None = None
    """The file that was open when the measurement began; None: none."""
    answered: bool = False
    """A reading came of it. While the instrument goes on (a finger in its clip), the begin is still the one we saw."""

    def seen(self, now: guard.Moment) -> guard.Seen | None:
        return guard.Seen(self.began.on(now), self.encounter_id) if self.began else None


class Intake:
    """The `InstrumentSink` of the supervisor. `live` gets each chunk that may be shown now."""

    def __init__(self, chart: Chart, instruments: Instruments, requests: Requests,
                 live: Callable[[Chunk], None]) -> None:
        self._chart = chart
        self._instruments = instruments
        self._requests = requests
        self._live = live
        self._watches: dict[str, _Watch] = {}
        self.problem: str | None = None

    async def reading(self, reading: Reading) -> None:
        """Returns when the reading is committed, in its encounter or in the tray."""
        await self._until_stored(lambda: self._take(reading))

    async def recording(self, arrived: RecordingArrived) -> None:
        """Returns when a finished recording is committed with all its samples, in its encounter or in the tray."""
        await self._until_stored(lambda: self._take_recording(arrived))

    async def chunk(self, chunk: Chunk) -> None:
        """Commit a chunk, then show it. A full disk does not stop the live trace; its gap stays on record."""
        stream = self._chart.streams.get(chunk.stream_id)
        if stream is None:
            log.warning("waveform.stray_chunk")
            return
        try:
            await self._chart.store.waveforms.chunk(chunk)
        except StoreError as error:
            self._note(error.code)
        else:
            stream.chunks = max(stream.chunks, chunk.number + 1)
            self._note(None)
        if stream.waveform is not None and self._chart.streams.get(chunk.stream_id) is stream:
            self._live(chunk)

    async def waveform_stopped(self, end: WaveformEnd) -> None:
        """Commit the end of a stream."""
        await self._chart.ready.wait()
        async with self._chart.turn():
            await self.end(end)

    async def end(self, end: WaveformEnd) -> None:
        """Commit the end of a stream, within a turn. An end that came before changes nothing."""
        self._chart.streams.pop(end.stream_id, None)
        try:
            event = await self._chart.store.waveforms.end(end, self._chart.now())
        except StoreConflict as conflict:
            log.warning("waveform.end_refused", code=conflict.code)
        except StoreError as error:
            # The row stays open; the next start of the gateway ends it.
            self._note(error.code)
        else:
            if event is not None:
                self._chart.show(event)
        self._chart.changed()

    def changed(self) -> None:
        """Some instrument changed: remember who sat on the chair when a measurement began."""
        record = self._chart.record
        for instrument in self._instruments.instruments():
            watch = self._watches.setdefault(instrument.instrument_id, _Watch(InstrumentState.absent))
            if instrument.state is InstrumentState.measuring and watch.state is not InstrumentState.measuring:
                watch.began, watch.answered = self._chart.moment(), False
                watch.encounter_id = record.encounter_id if record else None
            elif instrument.state not in WATCHED or (watch.answered and instrument.state is not watch.state):
                # One begin, one reading: the next one has a begin of its own or is judged by its time.
                watch.began = None
            watch.state = instrument.state
        self._chart.changed()

    async def _until_stored(self, take: Callable[[], Awaitable[None]]) -> None:
        """Once the session is restored, again and again while the disk refuses."""
        await self._chart.ready.wait()
        while True:
            try:
                await take()
            except StoreError as error:
                self._note(error.code)
                await asyncio.sleep(DISK_RETRY_SECONDS)
            else:
                self._note(None)
                return

    async def _take(self, reading: Reading) -> None:
        async with self._chart.turn():
            watch = self._watch(reading)
            began = watch.began if watch is not None else None
            seen = watch.seen(self._chart.moment()) if watch is not None else None
            where = guard.place(reading, self._chart.chair, seen, self._chart.now())
            if isinstance(where, guard.Tray):
                reading = _marked(reading, where)
                if await self._chart.store.tray.put(reading, where.reason):
                    log.info("reading.tray", code=where.reason)
                    await self._chart.refresh()
            else:
                if await self._chart.append(ReadingTaken(reading=reading)) is None:
                    log.info("reading.known")
                await self._requests.answered(reading.device, reading.taken_at)
        if watch is not None and watch.began is began and seen is not None and guard.of_measurement(reading, seen):
            watch.answered = True
            if watch.state is not InstrumentState.measuring:
                watch.began = None

    async def _take_recording(self, arrived: RecordingArrived) -> None:
        reading, waveform = arrived.reading, arrived.waveform
        # Twenty minutes of twelve leads are seven million samples: a second in which nobody would be heard.
        chunks = await asyncio.to_thread(lambda: tuple(arrived.chunks(0)))
        async with self._chart.turn():
            now, record = self._chart.now(), self._chart.record
            where = guard.place(reading, self._chart.chair, None, now)
            if isinstance(where, guard.Belongs) and record is not None:
                if guard.contradicts(record.patient, arrived.patient_name, arrived.birth_date):
                    where = guard.Tray(guard.OTHER_PATIENT)
                elif guard.unnamed(arrived.patient_name, arrived.birth_date):
                    where = guard.Tray(guard.NOBODY_NAMED)
            if isinstance(where, guard.Tray):
                reading = _marked(reading, where)
                if await self._chart.store.tray.put(reading, where.reason, (waveform, chunks)):
                    log.info("reading.tray", code=where.reason)
                    await self._chart.refresh()
                return
            for event in await self._chart.store.recordings.enter(where.encounter_id, now, reading, waveform, chunks):
                self._chart.show(event)
            await self._requests.answered(reading.device, reading.taken_at)

    def _watch(self, reading: Reading) -> _Watch | None:
        aboard = self._instruments.instruments()
        for instrument in aboard:
            if reading.device.device_id in (instrument.device_id, instrument.instrument_id):
                return self._watches.get(instrument.instrument_id)
        # Fitted by its name alone; with one instrument of the kind there is no doubt which it is.
        kin = [i.instrument_id for i in aboard if i.kind is reading.device.kind]
        return self._watches.get(kin[0]) if len(kin) == 1 else None

    def _note(self, code: str | None) -> None:
        if code != self.problem:
            self.problem = code
            self._chart.changed()


def _marked(reading: Reading, where: guard.Tray) -> Reading:
    """Assigned by hand later, the doctor still sees that it is not of this visit."""
    if where.reason != guard.OLDER or OLDER_FLAG in reading.flags:
        return reading
    return replace(reading, flags=(*reading.flags, OLDER_FLAG))
