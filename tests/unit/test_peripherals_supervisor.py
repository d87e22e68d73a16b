"""Instruments that come, rest and go while the others run."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from gateway.peripherals.config import InstrumentConfig, RadioConfig
from gateway.peripherals.errors import UnknownInstrument
from gateway.peripherals.panel import Panel
from gateway.peripherals.registry import DRIVERS, Entry
from gateway.peripherals.supervisor import Supervisor
from protocol.channels import InstrumentState
from protocol.readings import Chunk, InstrumentKind, Reading, WaveformEnd


class Quiet:
    """An InstrumentSink that counts changes."""

    def __init__(self) -> None:
        self.changes = 0

    async def reading(self, reading: Reading) -> None: ...
    async def chunk(self, chunk: Chunk) -> None: ...
    async def waveform_stopped(self, end: WaveformEnd) -> None: ...

    def changed(self) -> None:
        self.changes += 1


class Running:
    """A Driver that is ready while it runs, and free when it does not."""

    def __init__(self, panel: Panel) -> None:
        self.panel, self.runs, self.free = panel, 0, asyncio.Event()
        self.began = asyncio.Event()

    async def run(self) -> None:
        self.runs += 1
        self.free.clear()
        self.began.set()
        self.panel.show(InstrumentState.ready)
        try:
            await asyncio.Event().wait()
        finally:
            self.began.clear()
            self.free.set()


class Vehicle:
    """A supervisor over `Running` drivers."""

    def __init__(self, *configs: InstrumentConfig) -> None:
        self.drivers: dict[str, Running] = {}
        self.sink = Quiet()
        self.supervisor = Supervisor(configs, RadioConfig(), self.sink, {"fake": Entry(self._make)})

    def _make(self, panel: Panel, *_: object) -> Running:
        self.drivers[panel.config.instrument_id] = driver = Running(panel)
        return driver

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Supervisor]:
        async with asyncio.TaskGroup() as tasks:
            task = tasks.create_task(self.supervisor.run())
            for driver in list(self.drivers.values()):
                await driver.began.wait()
            yield self.supervisor
            task.cancel()


def config(number: int, name: str, source: str = "x", driver: str = "fake") -> InstrumentConfig:
    return InstrumentConfig(number, name, InstrumentKind.thermometer, name, driver, source)


def names(supervisor: Supervisor) -> list[str]:
    return [instrument.instrument_id for instrument in supervisor.instruments()]


async def test_one_comes_while_the_others_run() -> None:
    """It is started, listed by its number, and the others are not touched."""
    vehicle = Vehicle(config(2, "b"))
    async with vehicle.running() as supervisor:
        supervisor.add(config(1, "a"))
        await vehicle.drivers["a"].began.wait()
        assert names(supervisor) == ["a", "b"]
        assert vehicle.drivers["b"].runs == 1


async def test_one_goes_and_its_device_is_free_before_we_are_told() -> None:
    """And what its driver still says is heard by nobody."""
    vehicle = Vehicle(config(1, "a"), config(2, "b"))
    async with vehicle.running() as supervisor:
        await supervisor.remove("a")
        assert vehicle.drivers["a"].free.is_set()
        assert names(supervisor) == ["b"]
        changes = vehicle.sink.changes
        vehicle.drivers["a"].panel.show(InstrumentState.failed, "x")
        assert vehicle.sink.changes == changes
        with pytest.raises(UnknownInstrument):
            await supervisor.remove("a")


async def test_another_device_takes_the_place() -> None:
    """Same identifier; a number that is taken leaves everything as it was."""
    vehicle = Vehicle(config(1, "a"), config(2, "b"))
    async with vehicle.running() as supervisor:
        await supervisor.replace(config(3, "a", "y"))
        await vehicle.drivers["a"].began.wait()
        made = supervisor.config("a")
        assert made is not None
        assert (made.number, made.source) == (3, "y")
        with pytest.raises(ValueError, match="same number"):
            await supervisor.replace(config(2, "a"))
        assert supervisor.config("a") == made


async def test_one_rests_without_leaving_the_screen() -> None:
    """Its device is free, its tile stays; waking it starts it once."""
    vehicle = Vehicle(config(1, "a"))
    async with vehicle.running() as supervisor:
        await supervisor.rest("a")
        assert vehicle.drivers["a"].free.is_set()
        assert supervisor.instruments()[0].state is InstrumentState.asleep
        supervisor.wake("a")
        supervisor.wake("a")
        await vehicle.drivers["a"].began.wait()
        assert vehicle.drivers["a"].runs == 2


async def test_what_can_not_be_on_board_is_refused() -> None:
    """Twice the same name or number, and drivers, kinds and models that do not exist."""
    vehicle = Vehicle(config(1, "a"))
    async with vehicle.running() as supervisor:
        for wrong in (config(2, "a"), config(1, "b"), config(2, "b", driver="nothing")):
            with pytest.raises(ValueError, match=r"two instruments|unknown"):
                supervisor.add(wrong)
        assert names(supervisor) == ["a"]
    camera = InstrumentConfig(1, "a", InstrumentKind.skin_camera, "a", "ble", "x")
    with pytest.raises(ValueError, match="knows no skin_camera"):
        Supervisor([camera], RadioConfig(), Quiet(), DRIVERS)
    stranger = InstrumentConfig(1, "a", InstrumentKind.oximeter, "a", "ble", "x", model="tricorder")
    with pytest.raises(ValueError, match="tricorder"):
        Supervisor([stranger], RadioConfig(), Quiet(), DRIVERS)


async def test_a_reading_names_its_instrument_by_the_device() -> None:
    """The address in any case, or the instrument's own name; a stranger is nobody."""
    vehicle = Vehicle(config(1, "a", "D0:5F:B8:65:1B:1E"))
    assert vehicle.supervisor.instrument_of("ble:d0:5f:b8:65:1b:1e") == "a"
    assert vehicle.supervisor.instrument_of("a") == "a"
    assert vehicle.supervisor.instrument_of("ble:00:00:00:00:00:00") is None


async def test_an_ability_that_is_not_there_is_the_callers_mistake() -> None:
    """A thermometer takes no stills, streams nothing, films nothing."""
    supervisor = Vehicle(config(1, "a")).supervisor
    with pytest.raises(UnknownInstrument):
        await supervisor.start_waveform("a", 1)
    with pytest.raises(UnknownInstrument):
        await supervisor.capture_still("a")
    with pytest.raises(UnknownInstrument):
        supervisor.preview("a")
    with pytest.raises(UnknownInstrument):
        supervisor.frames("a")


def test_without_a_radio_instrument_the_radio_is_no_problem() -> None:
    """Nobody listens, so nothing is wrong."""
    assert Vehicle(config(1, "a")).supervisor.problems() == ()
