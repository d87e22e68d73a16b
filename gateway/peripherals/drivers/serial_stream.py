"""Samples off a serial line: ECG boards, a twelve-lead recorder, a fetal monitor. Chunks of a tenth of a second.

The port is opened for a stream and closed after it. Unplugging ends the stream; the next one needs no restart.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

import structlog

from protocol.channels import InstrumentState
from protocol.readings import Chunk, Device, InstrumentKind, Waveform, WaveformEnd

from ..ecg_quality import Watch
from ..errors import InstrumentFailed
from ..panel import InstrumentSink, Panel
from ..profiles.framing import Lost
from .serial_devices import DEVICES, Row, Rows, SerialDevice
from .serial_port import SerialPort, check_source, locate, open_port

_log = structlog.get_logger()

CHUNKS_PER_SECOND: Final = 10

PRESENT_EVERY_S: Final = 0.5
"""How often the device is looked for: a person who plugs it in sees `ready` at once."""

SILENT_S: Final = 2.0
"""At 4 messages a second, the slowest of them, this is eight missing ones: it sends nothing."""

CHUNK_QUEUE: Final = 600
"""Chunks waiting for the disk, one minute; past it new ones are dropped, and the next one's time shows the gap."""

GAP_S: Final = 15
"""Longest run of lost samples that is written out; past it the time of the next chunk says it."""

DRIFT_S: Final = 0.5
"""The device's clock may run this far from ours before the chunks' times are set anew."""


@dataclass
class _Stream:
    """One stream between start and stop."""

    stream_id: int
    waveform: Waveform
    rows: Rows
    watch: Watch | None
    samples: list[int] = field(default_factory=list)
    chunks: asyncio.Queue[Chunk | None] = field(default_factory=lambda: asyncio.Queue(CHUNK_QUEUE + 1))
    numbered: int = 0
    counted: int = 0
    lost: int = 0
    synchronised: bool = False
    anchor: float = 0.0
    heard: float = 0.0
    reason: str = "waveform.stopped"
    port: SerialPort | None = None
    ending: bool = False

    @property
    def width(self) -> int:
        return len(self.waveform.leads)

    @property
    def problem(self) -> str | None:
        """What the device says is wrong, else what its samples say."""
        return self.rows.problem or (self.watch.problem if self.watch is not None else None)


class SerialStream:
    """One instrument; `start` and `stop` come from the nurse, the rest by itself."""

    def __init__(self, panel: Panel, sink: InstrumentSink, now: Callable[[], datetime] = lambda: datetime.now(UTC),
                 device: SerialDevice | None = None) -> None:
        """`device` None: the entry of `DEVICES` that the configuration's driver names. ValueError: a source that
        can't be read."""
        check_source(panel.config.source)
        self._panel, self._sink, self._now = panel, sink, now
        self._device = device or DEVICES[panel.config.driver]
        self._shape = self._device.shape(panel.config)
        self._stream: _Stream | None = None
        self._began = asyncio.Event()
        self._ended = asyncio.Event()
        self._per_chunk = max(1, round(self._shape.rate_hz / CHUNKS_PER_SECOND))

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
        waveform = self._described(stream_id)
        stream = self._stream = _Stream(stream_id, waveform, self._device.rows(self._panel.config),
                                        self._judge(waveform))
        stream.heard = asyncio.get_running_loop().time()
        try:
            stream.port = await open_port(self._panel.config.source, self._device.baud,
                                          lambda data: self._received(stream, data),
                                          lambda: self._end(stream, "instrument.unplugged"))
            stream.port.write(self._device.start)
        except BaseException as error:
            self._close()
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

    def _described(self, stream_id: int) -> Waveform:
        config, shape = self._panel.config, self._shape
        device = Device(device_id=config.instrument_id, kind=config.kind, maker=self._device.maker,
                        model=self._device.model, simulated=config.simulated)
        return Waveform(stream_id=stream_id, device=device, started_at=self._now(), rate_hz=shape.rate_hz,
                        scale=shape.scale, unit=shape.unit, leads=shape.leads, lead_units=shape.lead_units,
                        lead_scales=shape.lead_scales)

    def _judge(self, waveform: Waveform) -> Watch | None:
        if self._panel.config.kind is not InstrumentKind.ecg:
            return None
        return Watch(float(waveform.rate_hz), [float(waveform.scale)] * len(waveform.leads), waveform.lost_count,
                     self._shape.rail)

    def _received(self, stream: _Stream, data: bytes) -> None:
        stream.heard = asyncio.get_running_loop().time()
        self._take(stream, stream.rows.feed(data))

    def _take(self, stream: _Stream, items: Iterable[Row | Lost]) -> None:
        nothing = (stream.waveform.lost_count,) * stream.width
        for item in items:
            if not isinstance(item, Lost):
                stream.synchronised = True
                self._add(stream, tuple(stream.waveform.lost_count if sample is None else sample for sample in item))
            elif stream.synchronised:
                # Before the first whole frame nothing is lost: the port was opened in the middle of one.
                stream.lost += item.frames
                for _ in range(min(item.frames, round(GAP_S * self._shape.rate_hz))):
                    self._add(stream, nothing)

    def _add(self, stream: _Stream, row: tuple[int, ...]) -> None:
        if not stream.counted and not stream.samples:
            stream.anchor = self._now().timestamp()
        if stream.watch is not None:
            stream.watch.add(row)
        stream.samples.extend(row)
        if len(stream.samples) >= self._per_chunk * stream.width:
            self._cut(stream, self._per_chunk)

    def _cut(self, stream: _Stream, rows: int) -> None:
        edge = rows * stream.width
        samples, stream.samples = tuple(stream.samples[:edge]), stream.samples[edge:]
        rate = float(self._shape.rate_hz)
        first_at = stream.anchor + stream.counted / rate
        late = self._now().timestamp() - (first_at + rows / rate)
        if abs(late) > DRIFT_S:
            stream.anchor += late
            first_at += late
        stream.counted += rows
        if stream.chunks.qsize() >= CHUNK_QUEUE:
            _log.error("waveform.chunk_dropped", stream=stream.stream_id, samples=rows)
            return
        number, stream.numbered = stream.numbered, stream.numbered + 1
        stream.chunks.put_nowait(Chunk(stream.stream_id, number, first_at, stream.width, samples))

    def _end(self, stream: _Stream, reason: str) -> None:
        """Nothing more is taken; what was taken is still stored by `_serve`."""
        if stream.ending:
            return
        stream.ending, stream.reason = True, reason
        if stream.port is not None:
            self._say_goodbye(stream.port)
        self._take(stream, stream.rows.flush())
        if stream.samples:
            self._cut(stream, len(stream.samples) // stream.width)
        stream.chunks.put_nowait(None)

    def _say_goodbye(self, port: SerialPort) -> None:
        # A device that is gone has stopped too.
        with suppress(InstrumentFailed):
            port.write(self._device.stop)
        port.close()

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
                if stream.rows.lost_bytes or stream.lost:
                    _log.warning("waveform.lost", stream=stream.stream_id, bytes=stream.rows.lost_bytes,
                                 frames=stream.lost)
                await self._sink.waveform_stopped(
                    WaveformEnd(stream_id=stream.stream_id, chunks=stream.numbered, reason=stream.reason))
            finally:
                self._close()
                self._ended.set()
                self._show_presence(await self._present())

    async def _watch(self) -> None:
        while True:
            stream = self._stream
            if stream is None:
                self._show_presence(await self._present())
            elif not stream.ending:
                silent = asyncio.get_running_loop().time() - stream.heard > SILENT_S
                self._panel.show(InstrumentState.measuring, "instrument.silent" if silent else stream.problem)
            await asyncio.sleep(PRESENT_EVERY_S)

    async def _present(self) -> bool:
        return await asyncio.to_thread(locate, self._panel.config.source) is not None

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
                self._say_goodbye(stream.port)
