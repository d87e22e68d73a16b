"""What a restart, a cut or a lost link left to do: streams to end and begin anew, bodies the relay must still get."""

from __future__ import annotations

import asyncio
from functools import partial

import structlog

from gateway.store import StoreError
from protocol.channels import InstrumentState
from protocol.readings import WaveformEnd
from protocol.signalling import FromVehicle

from .chart import Chart
from .commands import Commands
from .intake import Intake
from .seams import Instruments, Relay, code_of
from .states import State

log = structlog.get_logger()

RESTART_SECONDS = 0.5
"""Between tries to start an ECG again: a serial device is open within a second of the gateway's start."""

RESTART_TRIES = 60
"""Half a minute; after that the nurse sees a stopped trace and starts it by hand."""

DISK_RETRY_SECONDS = 2.0
"""Before the outbox is read again from a disk that failed."""


class Resumption:
    """Part of the consultation."""

    def __init__(self, chart: Chart, relay: Relay, intake: Intake, commands: Commands,
                 instruments: Instruments) -> None:
        self._chart = chart
        self._relay = relay
        self._intake = intake
        self._commands = commands
        self._instruments = instruments
        self._more = asyncio.Event()
        self._more.set()
        self._sent = 0
        self._acknowledged: asyncio.Queue[FromVehicle] = asyncio.Queue()
        """Bounded by the rows of the outbox: each is acknowledged once."""

    def more(self) -> None:
        """The outbox may hold more, or the relay is back."""
        self._more.set()

    def relay_up(self, resumed: bool) -> None:
        """A session that was lost took with it what no longer stands in its outbox: say it again."""
        if not resumed:
            self._sent = 0
        self._more.set()

    async def restore(self) -> tuple[str, ...]:
        """Within a turn: end the streams that a stop of the gateway cut; the instruments that ran.

        Raises StoreError.
        """
        record = self._chart.record
        if record is None:
            return ()
        cut = await self._chart.store.waveforms.running(record.encounter_id)
        for stream in cut:
            await self._intake.end(WaveformEnd(stream_id=stream.stream_id, chunks=stream.chunks,
                                               reason="waveform.restarted"))
        log.info("session.restored", stage=record.stage, streams=len(cut))
        if State(record.stage) is State.after:
            return ()
        return tuple(dict.fromkeys(stream.instrument_id for stream in cut if stream.waveform is not None))

    async def restart(self, instrument_ids: tuple[str, ...]) -> None:
        """Begin new streams where old ones were cut, as soon as the instruments are there."""
        record = self._chart.record
        for instrument_id in instrument_ids:
            for _ in range(RESTART_TRIES):
                if record is None or self._chart.record is None \
                        or self._chart.record.encounter_id != record.encounter_id:
                    return
                if self._there(instrument_id):
                    try:
                        await self._commands.start_waveform(instrument_id)
                    except Exception as error:
                        if code_of(error) is None:
                            raise
                        log.warning("waveform.not_restarted", code=code_of(error))
                        if code_of(error) == "instrument.busy":
                            break
                    else:
                        break
                await asyncio.sleep(RESTART_SECONDS)

    async def post(self) -> None:
        """Hand the outbox to the link, in order; a row goes when the relay has acknowledged it."""
        while True:
            try:
                await self._post()
            except StoreError as error:
                log.error("outbox.unread", code=error.code)
                await asyncio.sleep(DISK_RETRY_SECONDS)

    async def _post(self) -> None:
        await self._more.wait()
        self._more.clear()
        store = self._chart.store
        while not self._acknowledged.empty():
            await store.outbox.delivered(self._acknowledged.get_nowait())
        while self._relay.online and (rows := await store.outbox.after(self._sent)):
            for n, body in rows:
                self._relay.send(body, partial(self._delivered, body))
                self._sent = n
        waiting = await store.outbox.waiting()
        if waiting != self._chart.outbox:
            self._chart.outbox = waiting
            self._chart.changed()

    def _delivered(self, body: FromVehicle) -> None:
        self._acknowledged.put_nowait(body)
        self._more.set()

    def _there(self, instrument_id: str) -> bool:
        return any(i.instrument_id == instrument_id and i.state in (InstrumentState.ready, InstrumentState.done)
                   for i in self._instruments.instruments())
