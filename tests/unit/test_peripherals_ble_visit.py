"""A visit whose link falls at the worst moment."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from types import MappingProxyType
from typing import Any, cast

import pytest

from gateway.peripherals.config import InstrumentConfig
from gateway.peripherals.drivers.ble_instrument import BleInstrument
from gateway.peripherals.drivers.radio import LinkFailed, Radio, Sighting
from gateway.peripherals.panel import Panel
from protocol.channels import InstrumentState
from protocol.readings import Chunk, InstrumentKind, Reading, WaveformEnd

RECORD = bytes.fromhex("00780050005a00")
"""120/80 mmHg, mean 90, nothing else."""


class Sink:
    """An InstrumentSink in memory; `hold` keeps the first reading from the disk until it is cancelled."""

    def __init__(self, hold: bool = False) -> None:
        self.readings: list[Reading] = []
        self.held = asyncio.Event()
        self.told = asyncio.Event()
        self._hold = hold

    async def reading(self, reading: Reading) -> None:
        if self._hold:
            self._hold = False
            self.held.set()
            await asyncio.Event().wait()
        self.readings.append(reading)
        self.told.set()

    async def chunk(self, chunk: Chunk) -> None: ...
    async def waveform_stopped(self, end: WaveformEnd) -> None: ...
    def changed(self) -> None: ...


class FallingLink:
    """A cuff that sends its records as soon as it may, and is gone at `falls_at`."""

    def __init__(self, sighting: Sighting, falls_at: int, records: int) -> None:
        self.sighting, self.lost = sighting, False
        self._falls_at, self._records = falls_at, records
        self._events: deque[tuple[int, bytes] | None] = deque()
        self._more = asyncio.Event()

    def has(self, characteristic: int) -> bool:
        return characteristic in (0x2A35, 0x2A19)

    async def read(self, characteristic: int) -> bytes:
        self._step(characteristic)
        return b"\x64"

    async def write(self, characteristic: int, data: bytes, *, response: bool = True) -> None:
        self._step(characteristic)

    async def subscribe(self, characteristic: int) -> None:
        self._step(characteristic)
        if characteristic == 0x2A35:
            self._events.extend((0x2A35, RECORD[:1] + bytes([120 + n]) + RECORD[2:]) for n in range(self._records))

    async def pair(self) -> None: ...

    def _step(self, characteristic: int) -> None:
        if characteristic == self._falls_at:
            self.lost = True
            self._events.append(None)
        if self.lost:
            raise LinkFailed("radio.link_lost")

    def waiting(self) -> tuple[int, bytes] | None:
        return self._events.popleft() if self._events else None

    async def next(self) -> tuple[int, bytes] | None:
        while not self._events:
            await self._more.wait()
        return self._events.popleft()


class OneVisit:
    """A Radio that hears the cuff once."""

    problem = None

    def __init__(self, falls_at: int, records: int) -> None:
        self.sighted = Sighting("D0:00:00:00:00:01", "A&D_UA-651BLE", cast(Any, None), frozenset(),
                                MappingProxyType({}))
        self._link = FallingLink(self.sighted, falls_at, records)
        self._heard = False
        self.left = asyncio.Event()
        self.watchers: list[Callable[[], None]] = []

    def watch(self, changed: Callable[[], None]) -> Callable[[], None]:
        self.watchers.append(changed)
        return lambda: self.watchers.remove(changed)

    async def sighting(self, wanted: Callable[[Sighting], bool]) -> Sighting:
        assert wanted(self.sighted)
        if self._heard:
            self.left.set()
            await asyncio.Event().wait()
        self._heard = True
        return self.sighted

    @asynccontextmanager
    async def link(self, sighting: Sighting) -> AsyncIterator[FallingLink]:
        yield self._link


def cuff(radio: OneVisit, sink: Sink) -> tuple[BleInstrument, Panel]:
    config = InstrumentConfig(1, "cuff", InstrumentKind.blood_pressure, "Tensiomètre", "ble", "D0:00:00:00:00:01")
    panel = Panel(config, sink.changed)
    return BleInstrument(panel, sink, cast(Radio, radio)), panel


@asynccontextmanager
async def running(driver: BleInstrument) -> AsyncIterator[asyncio.Task[None]]:
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(driver.run())
        yield task
        task.cancel()


async def test_records_that_came_before_the_greeting_was_over_are_stored() -> None:
    """The cuff sends as soon as it is subscribed to and is gone at the next step: it has deleted what was confirmed,
    and nothing of it is missing here."""
    radio, sink = OneVisit(falls_at=0x2A19, records=3), Sink()
    driver, panel = cuff(radio, sink)
    async with running(driver), asyncio.timeout(20):
        await radio.left.wait()
    assert [int(r.quantities[0].value or 0) for r in sink.readings] == [120, 121, 122]
    assert panel.state is InstrumentState.done
    assert radio.watchers == []


@pytest.mark.parametrize("records", [1, 3])
async def test_what_is_on_its_way_to_the_disk_is_stored_before_we_end(records: int) -> None:
    """Stopped while the first one waits for the disk: it and those behind it are there."""
    radio, sink = OneVisit(falls_at=0, records=records), Sink(hold=True)
    driver, _ = cuff(radio, sink)
    async with asyncio.timeout(20), running(driver):
        await sink.held.wait()
    assert [int(r.quantities[0].value or 0) for r in sink.readings] == [120 + n for n in range(records)]
