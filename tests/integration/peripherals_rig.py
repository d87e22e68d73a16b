"""A simulated vehicle's process, a sink that remembers, and a supervisor between them."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp

import sim.radio
from gateway.peripherals.config import InstrumentConfig, RadioConfig
from gateway.peripherals.supervisor import Supervisor
from protocol.readings import Chunk, InstrumentKind, Reading, WaveformEnd

ROOT = Path(__file__).resolve().parents[2]
WAIT_S = 30.0
"""For any one event, on a machine that does much else."""


STAMP_S = 2.0
"""An instrument's stamps are whole seconds, its clock's and the record's."""


def dated(reading: Reading, pressed: datetime, age_s: float = 0.0) -> bool:
    """Whether it says that it was taken `age_s` before something that happened between `pressed` and its arrival.

    The two clocks were compared in that time, so no comparison is wrong by more than it lasted.
    """
    if reading.taken_at is None:
        return False
    unsure = reading.received_at - pressed + timedelta(seconds=STAMP_S)
    return abs(reading.taken_at + timedelta(seconds=age_s) - pressed) <= unsure


def now() -> datetime:
    return datetime.now(UTC)


class RecordingSink:
    """An InstrumentSink in memory. `until` waits for what a test looks for."""

    def __init__(self) -> None:
        self.readings: list[Reading] = []
        self.chunks: list[Chunk] = []
        self.ends: list[WaveformEnd] = []
        self.refuse = 0
        self.seen: list[Any] = []
        self.watch: Callable[[], Any] = lambda: None
        self._news = asyncio.Event()

    async def reading(self, reading: Reading) -> None:
        if self.refuse:
            self.refuse -= 1
            raise OSError(28, "disk full")
        self.readings.append(reading)
        self._news.set()

    async def chunk(self, chunk: Chunk) -> None:
        self.chunks.append(chunk)
        self._news.set()

    async def waveform_stopped(self, end: WaveformEnd) -> None:
        self.ends.append(end)
        self._news.set()

    def changed(self) -> None:
        self.seen.append(self.watch())
        self._news.set()

    @property
    def samples(self) -> list[int]:
        return [sample for chunk in self.chunks for sample in chunk.samples]

    async def until(self, what: Callable[[], Any]) -> Any:
        """What `what` returns once it is true; TimeoutError with the last states seen."""
        try:
            async with asyncio.timeout(WAIT_S):
                while not (found := what()):
                    self._news.clear()
                    await self._news.wait()
                return found
        except TimeoutError as error:
            raise AssertionError(f"waited in vain; last seen {self.seen[-5:]}") from error


class SimulatedVehicle:
    """The process of `passerelle-sim vehicle`, by its control server."""

    def __init__(self, directory: Path) -> None:
        self.parts: dict[str, Any] = json.loads((directory / "sim.json").read_text())

    async def tell(self, what: str, **body: Any) -> dict[str, Any]:
        async with aiohttp.ClientSession() as session, session.post(f"{self.parts['control']}/{what}",
                                                                    json=body) as answer:
            told: dict[str, Any] = await answer.json()
            assert answer.status == 200, told
            return told

    async def state(self) -> dict[str, Any]:
        async with aiohttp.ClientSession() as session, session.get(f"{self.parts['control']}/state") as answer:
            told: dict[str, Any] = await answer.json()
            return told

    def cuff(self) -> InstrumentConfig:
        return InstrumentConfig(1, "cuff", InstrumentKind.blood_pressure, "Tensiomètre", "ua651ble",
                                self.parts["cuff"], simulated=True)

    def radio(self) -> RadioConfig:
        return RadioConfig("sim.radio:backend", self.parts["hci"])


@contextmanager
def simulated_vehicle(directory: Path, *options: str) -> Iterator[SimulatedVehicle]:
    """Start the process with these options, end it by its own signal."""
    log = directory / "log"
    with log.open("wb") as sink:
        process = subprocess.Popen([sys.executable, "-m", "sim", "vehicle", "--dir", str(directory), "--no-camera",
                                    *options],
                                   cwd=ROOT, stdout=sink, stderr=sink)
        try:
            deadline = time.monotonic() + WAIT_S
            while not (directory / "sim.json").exists():
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < deadline, log.read_text()
                time.sleep(0.02)
            yield SimulatedVehicle(directory)
        finally:
            process.terminate()
            process.wait(10)
    assert process.returncode == 0, log.read_text()


@asynccontextmanager
async def supervised(instruments: list[InstrumentConfig], radio: RadioConfig,
                     sink: RecordingSink) -> AsyncIterator[Supervisor]:
    """A supervisor that runs until the block ends."""
    supervisor = Supervisor(instruments, radio, sink)
    sink.watch = lambda: [(i.instrument_id, i.state.value, i.problem, supervisor.cuff and supervisor.cuff.pressure)
                          for i in supervisor.instruments()]
    try:
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(supervisor.run())
            try:
                yield supervisor
            finally:
                running.cancel()
    finally:
        await sim.radio.close()
