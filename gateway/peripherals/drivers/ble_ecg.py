"""A radio instrument that also streams: a chest belt, a hand-held recorder. Samples go through `trace` to the store.

The connection stands while the instrument is awake; a stream is started and stopped on it. A link that falls within a
stream leaves a hole in it, and the stream goes on when the instrument is back in reach.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

import structlog

from protocol.channels import InstrumentState
from protocol.readings import Chunk, Quantity, Waveform, WaveformEnd

from ..codes import ECG_UNIT
from ..errors import DecodeError, InstrumentFailed
from ..measured import Measured
from ..panel import InstrumentSink, Panel
from ..plateau import shown
from ..trace import Trace
from .ble_instrument import BleInstrument
from .ecg_links import LINKS, Burst, EcgLink
from .radio import BondNeeded, Characteristic, LinkFailed, Radio, Sighting
from .taking import Frame, Taking
from .visit import Visit

_log = structlog.get_logger()

BEGIN_S: Final = 10.0
"""From the question to the first sample: an H10 fills a frame of half a second, an ER1 is asked once a second."""

ASK_EVERY_S: Final = 1.0

SILENT_S: Final = 3.0
"""Two bursts that did not come, and the third is late."""

RECONNECT_S: Final = 30.0
"""A stream waits this long for its instrument to come back in reach; then it has ended."""


@dataclass(slots=True)
class _Stream:
    """One stream between start and stop. `parted`: its link fell, and no sample has come since."""

    waveform: Waveform
    trace: Trace
    heard: float
    parted: bool = False
    ending: bool = False
    began: asyncio.Event = field(default_factory=asyncio.Event)
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class BleEcg(BleInstrument):
    """One instrument; `start` and `stop` come from the nurse, the rest by itself."""

    def __init__(self, panel: Panel, sink: InstrumentSink, radio: Radio,
                 now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._visit: Visit | None = None
        self._ecg: EcgLink | None = None
        self._stream: _Stream | None = None
        self._beat: tuple[Quantity, ...] = ()
        super().__init__(panel, sink, radio, now)

    async def start(self, stream_id: int) -> Waveform:
        """Begin a stream. InstrumentFailed: `instrument.busy`, `radio.not_connected`, `instrument.silent`, what the
        instrument answered."""
        visit, ecg = self._visit, self._ecg
        if self._stream is not None:
            raise InstrumentFailed("instrument.busy", self._panel.config.instrument_id)
        if visit is None or ecg is None or visit.link.lost:
            self._radio.expect()
            raise InstrumentFailed("radio.not_connected", self._panel.config.instrument_id)
        waveform = Waveform(stream_id=stream_id, device=visit.device, started_at=self._now(), rate_hz=ecg.rate_hz,
                            scale=ecg.microvolts, unit=ECG_UNIT, leads=(self._panel.config.lead,))
        stream = self._stream = _Stream(waveform, Trace(waveform, ecg.rail), asyncio.get_running_loop().time())
        try:
            await self._begin(visit, ecg, stream)
        except BaseException:
            self._stream = None
            self._face()
            raise
        self._face()
        return waveform

    async def stop(self) -> None:
        """End the stream, after its last chunk is stored."""
        stream = self._stream
        if stream is None:
            return
        if not stream.ending and self._visit is not None and self._ecg is not None:
            with suppress(LinkFailed, BondNeeded):
                await self._ecg.end(self._visit)
        await self._end(stream, "waveform.stopped")

    async def _begin(self, visit: Visit, ecg: EcgLink, stream: _Stream) -> None:
        try:
            await ecg.begin(visit)
            async with asyncio.timeout(BEGIN_S):
                await stream.began.wait()
        except BondNeeded as error:
            raise InstrumentFailed(error.code, error.detail) from error
        except TimeoutError as error:
            raise InstrumentFailed("instrument.silent", self._panel.config.instrument_id) from error
        if ecg.problem is not None:
            raise InstrumentFailed(ecg.problem, self._panel.config.instrument_id)

    async def _wait(self) -> Sighting:
        stream = self._stream
        if stream is None:
            return await super()._wait()
        with suppress(TimeoutError):
            async with asyncio.timeout_at(stream.heard + RECONNECT_S):
                return await self._radio.sighting(self._ours)
        await self._end(stream, "radio.link_lost")
        return await super()._wait()

    async def _collect(self, visit: Visit) -> None:
        make = LINKS.get(visit.manners.waveform)
        if make is None:
            await super()._collect(visit)
            return
        ecg = make()
        fallen: LinkFailed | BondNeeded | None = None
        try:
            await ecg.prepare(visit)
            self._visit, self._ecg = visit, ecg
            async with asyncio.TaskGroup() as tasks:
                asking = tasks.create_task(self._ask(visit, ecg))
                try:
                    await super()._collect(visit)
                except (LinkFailed, BondNeeded) as error:
                    fallen = error
                finally:
                    asking.cancel()
        finally:
            self._visit = self._ecg = None
            self._beat = ()
            if self._stream is not None:
                self._stream.parted = True
        if fallen is not None:
            raise fallen

    async def _ask(self, visit: Visit, ecg: EcgLink) -> None:
        with suppress(LinkFailed, BondNeeded):
            if self._stream is not None:
                await ecg.begin(visit)
            while True:
                await ecg.ask(visit)
                self._face()
                await asyncio.sleep(ASK_EVERY_S)

    async def _event(self, taking: Taking, characteristic: Characteristic, data: bytes) -> None:
        ecg = self._ecg
        if ecg is None or not isinstance(characteristic, str) or characteristic not in ecg.characteristics:
            await super()._event(taking, characteristic, data)
            return
        taking.visit.last_live = asyncio.get_running_loop().time()
        try:
            burst = ecg.received(taking.visit, characteristic, data)
        except DecodeError as error:
            _log.info("waveform.frame_unreadable", code=error.code)
            return
        stream = self._stream
        if stream is not None:
            if burst is not None:
                await self._take_in(stream, burst)
            if ecg.problem is not None and stream.began.is_set() and not stream.ending:
                await self._end(stream, ecg.problem)
            elif ecg.problem is not None:
                stream.began.set()
        if ecg.live is not None:
            self._beat = ecg.live
        self._face()

    async def _take_in(self, stream: _Stream, burst: Burst) -> None:
        now = asyncio.get_running_loop().time()
        missed, samples = burst
        if stream.parted:
            missed = round((now - stream.heard) * float(stream.waveform.rate_hz)) - len(samples)
        stream.heard, stream.parted = now, False
        await self._keep(stream, lambda: [*stream.trace.lost(missed),
                                          *stream.trace.add(samples, self._now().timestamp())])
        stream.began.set()

    async def _keep(self, stream: _Stream, made: Callable[[], list[Chunk]]) -> None:
        async with stream.lock:
            if not stream.ending:
                for chunk in made():
                    await self._sink.chunk(chunk)

    async def _end(self, stream: _Stream, reason: str) -> None:
        await self._keep(stream, stream.trace.flush)
        if stream.ending:
            return
        stream.ending = True
        await self._sink.waveform_stopped(WaveformEnd(
            stream_id=stream.waveform.stream_id, chunks=stream.trace.chunks, reason=reason))
        if self._stream is stream:
            self._stream = None
        self._face()

    async def _follow(self, taking: Taking, frame: Frame, measured: Measured, at: float) -> None:
        """The rate beside an ECG is shown, not stored: it is in the trace."""
        self._beat = shown(measured)
        self._face()

    def _off(self) -> None:
        self._beat = ()
        self._face()

    def _parted(self, visit: Visit | None, failed: str | None) -> None:
        if self._stream is not None or (visit is not None and visit.last_live is not None):
            self._rest()
        else:
            super()._parted(visit, failed)

    def _radio_changed(self) -> None:
        if self._stream is not None or self._visit is not None:
            self._face()
        else:
            super()._radio_changed()

    def _face(self) -> None:
        """What the kiosk shows while it is connected or streams."""
        stream, visit = self._stream, self._visit
        if stream is not None:
            silent = asyncio.get_running_loop().time() - stream.heard > SILENT_S
            said = self._ecg.electrodes if self._ecg is not None else None
            problem = ("radio.link_lost" if visit is None else "instrument.silent" if silent
                       else said or stream.trace.problem)
            self._panel.show(InstrumentState.measuring, problem, self._beat)
        elif visit is not None:
            self._panel.show(InstrumentState.ready, live=self._beat)
        elif not self._busy:
            super()._radio_changed()
