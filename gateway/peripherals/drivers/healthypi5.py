"""ECG of a ProtoCentral HealthyPi 5: samples off the serial line, chunks of a tenth of a second to the store.

The port is opened for a stream and closed after it. Unplugging ends the stream; the next one needs no restart.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import structlog

from protocol.channels import InstrumentState
from protocol.readings import Chunk, Device, Waveform, WaveformEnd

from ..codes import ECG_UNIT
from ..errors import InstrumentFailed
from ..panel import InstrumentSink, Panel
from ..profiles.healthypi5 import Lost, Parser, Sample, microvolts_per_count
from .serial_port import SerialPort, open_port

_log = structlog.get_logger()

BAUD: Final = 115_200
"""USB CDC ignores it; a HealthyPi on a hardware UART runs at it."""

CHUNKS_PER_SECOND: Final = 10

PRESENT_EVERY_S: Final = 0.5
"""How often the device's path is looked for: a person who plugs it in sees `ready` at once."""

SILENT_S: Final = 2.0
"""At 128 frames a second this is 256 missing ones: it sends nothing."""

CHUNK_QUEUE: Final = 600
"""Chunks waiting for the disk, one minute; past it new ones are dropped, and the next one's time shows the gap."""

GAP_SAMPLES: Final = 2000
"""Longest run of lost samples that is written out; past it the time of the next chunk says it."""

DRIFT_S: Final = 0.5
"""The device's clock may run this far from ours before the chunks' times are set anew."""


@dataclass
class _Stream:
    """One stream between start and stop."""

    stream_id: int
    waveform: Waveform
    lost_count: int
    parser: Parser = field(default_factory=Parser)
    samples: list[int] = field(default_factory=list)
    chunks: asyncio.Queue[Chunk | None] = field(default_factory=lambda: asyncio.Queue(CHUNK_QUEUE + 1))
    numbered: int = 0
    counted: int = 0
    synchronised: bool = False
    anchor: float = 0.0
    heard: float = 0.0
    reason: str = "waveform.stopped"
    port: SerialPort | None = None
    ending: bool = False


class HealthyPi5:
    """One ECG; `start` and `stop` come from the nurse, the rest by itself."""

    def __init__(self, panel: Panel, sink: InstrumentSink,
                 now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._panel, self._sink, self._now = panel, sink, now
        self._stream: _Stream | None = None
        self._began = asyncio.Event()
        self._ended = asyncio.Event()
        self._per_chunk = max(1, round(panel.config.rate_hz / CHUNKS_PER_SECOND))

    async def run(self) -> None:
        """Watch for the device and serve its streams, until cancelled."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._watch())
                tasks.create_task(self._serve())
        finally:
            self._close()

    async def start(self, stream_id: int) -> Waveform:
        """Open the device; its first sample will be the stream's first. InstrumentFailed when it can't be."""
        if self._stream is not None:
            raise InstrumentFailed("instrument.busy", self._panel.config.instrument_id)
        config = self._panel.config
        device = Device(device_id=config.instrument_id, kind=config.kind, maker="ProtoCentral", model="HealthyPi 5",
                        simulated=config.simulated)
        waveform = Waveform(stream_id=stream_id, device=device, started_at=self._now(), rate_hz=config.rate_hz,
                            scale=microvolts_per_count(config.gain), unit=ECG_UNIT, leads=(config.lead,))
        stream = self._stream = _Stream(stream_id, waveform, waveform.lost_count)
        stream.heard = asyncio.get_running_loop().time()
        try:
            stream.port = await open_port(config.source, BAUD, lambda data: self._received(stream, data),
                                          lambda: self._end(stream, "instrument.unplugged"))
        except BaseException as error:
            self._stream = None
            if isinstance(error, InstrumentFailed):
                self._panel.show(InstrumentState.absent if error.code == "instrument.unplugged"
                                 else InstrumentState.failed, error.code)
            raise
        self._panel.show(InstrumentState.measuring)
        self._ended.clear()
        self._began.set()
        return waveform

    async def stop(self) -> None:
        """End the stream and wait until its last chunk is stored."""
        if self._stream is not None and self._stream.port is not None:
            self._end(self._stream, "waveform.stopped")
            await self._ended.wait()

    def _received(self, stream: _Stream, data: bytes) -> None:
        loop_now = asyncio.get_running_loop().time()
        stream.heard = loop_now
        for item in stream.parser.feed(data):
            if isinstance(item, Sample):
                stream.synchronised = True
                self._add(stream, (item.ecg,))
            elif isinstance(item, Lost) and stream.synchronised:
                # Before the first whole frame nothing is lost: the port was opened in the middle of one.
                self._add(stream, (stream.lost_count,) * min(item.samples, GAP_SAMPLES))

    def _add(self, stream: _Stream, samples: tuple[int, ...]) -> None:
        if not stream.counted and not stream.samples:
            stream.anchor = self._now().timestamp()
        stream.samples.extend(samples)
        while len(stream.samples) >= self._per_chunk:
            self._cut(stream, self._per_chunk)

    def _cut(self, stream: _Stream, size: int) -> None:
        samples, stream.samples = tuple(stream.samples[:size]), stream.samples[size:]
        rate = float(self._panel.config.rate_hz)
        first_at = stream.anchor + stream.counted / rate
        late = self._now().timestamp() - (first_at + size / rate)
        if abs(late) > DRIFT_S:
            stream.anchor += late
            first_at += late
        stream.counted += size
        if stream.chunks.qsize() >= CHUNK_QUEUE:
            _log.error("waveform.chunk_dropped", stream=stream.stream_id, samples=size)
            return
        number, stream.numbered = stream.numbered, stream.numbered + 1
        stream.chunks.put_nowait(Chunk(stream.stream_id, number, first_at, 1, samples))

    def _end(self, stream: _Stream, reason: str) -> None:
        """Nothing more is taken; what was taken is still stored by `_serve`."""
        if stream.ending:
            return
        stream.ending, stream.reason = True, reason
        if stream.port is not None:
            stream.port.close()
        if stream.samples:
            self._cut(stream, len(stream.samples))
        stream.chunks.put_nowait(None)

    async def _serve(self) -> None:
        while True:
            await self._began.wait()
            self._began.clear()
            stream = self._stream
            if stream is None:
                continue
            try:
                while (chunk := await stream.chunks.get()) is not None:
                    await self._sink.chunk(chunk)
                if stream.parser.lost_bytes:
                    _log.warning("waveform.bytes_lost", stream=stream.stream_id, bytes=stream.parser.lost_bytes)
                await self._sink.waveform_stopped(
                    WaveformEnd(stream_id=stream.stream_id, chunks=stream.numbered, reason=stream.reason))
            finally:
                self._close()
                self._ended.set()
                self._show_presence(await asyncio.to_thread(Path(self._panel.config.source).exists))

    async def _watch(self) -> None:
        path = Path(self._panel.config.source)
        while True:
            stream = self._stream
            if stream is None:
                self._show_presence(await asyncio.to_thread(path.exists))
            elif not stream.ending:
                silent = asyncio.get_running_loop().time() - stream.heard > SILENT_S
                self._panel.show(InstrumentState.measuring, "instrument.silent" if silent else None)
            await asyncio.sleep(PRESENT_EVERY_S)

    def _show_presence(self, present: bool) -> None:
        if self._stream is not None:
            return
        if present:
            self._panel.show(InstrumentState.ready)
        else:
            self._panel.show(InstrumentState.absent, "instrument.unplugged")

    def _close(self) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.ending = True
            if stream.port is not None:
                stream.port.close()
