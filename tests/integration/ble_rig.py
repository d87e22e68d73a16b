"""Simulated radio instruments and a supervisor in one process, with the virtual radio between them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import sim.radio
from gateway.peripherals.config import InstrumentConfig, RadioConfig
from gateway.peripherals.drivers.visit import recognised
from gateway.peripherals.supervisor import Supervisor
from protocol.channels import Instrument
from sim.air import Air
from sim.asked import Body
from sim.ble.cabinet import instruments
from sim.ble.instrument import Instrument as Simulated
from sim.patient import Patient
from tests.integration.peripherals_rig import WAIT_S, RecordingSink

__all__ = ["Ward", "recognised", "ward"]


class Ward:
    """The air with its instruments, and what a gateway needs to listen to it."""

    def __init__(self, things: dict[str, Simulated], radio: RadioConfig) -> None:
        self.things, self.radio = things, radio
        self.sink = RecordingSink()

    def config(self, name: str, number: int = 1, **more: Any) -> InstrumentConfig:
        plate = self.things[name].plate
        return InstrumentConfig(number, name, plate.kind, plate.name, "ble", plate.address, simulated=True, **more)

    def press(self, name: str, button: str = "press", **body: Any) -> Body:
        return self.things[name].buttons()[button](body)

    async def asleep(self, name: str) -> Body:
        """What the instrument shows once it has gone to sleep."""
        async with asyncio.timeout(WAIT_S):
            while self.things[name].state != "asleep":  # noqa: ASYNC110 - the simulator tells nobody
                await asyncio.sleep(0.01)
        return self.things[name].shown()

    @asynccontextmanager
    async def gateway(self, *configs: InstrumentConfig) -> AsyncIterator[Supervisor]:
        """A supervisor that listens until the block ends."""
        supervisor = Supervisor(configs, self.radio, self.sink)

        def faces() -> list[Instrument]:
            return list(supervisor.instruments())

        self.sink.watch = faces
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(supervisor.run())
            try:
                if configs:
                    await self.sink.until(lambda: all(i.state.value == "asleep" for i in supervisor.instruments()))
                yield supervisor
            finally:
                running.cancel()
        await sim.radio.close()


@asynccontextmanager
async def ward(*names: str) -> AsyncIterator[Ward]:
    """These instruments (and the cuff), all asleep."""
    air = Air()
    things = instruments(names, air, Patient())
    port = await air.start()
    try:
        async with asyncio.TaskGroup() as tasks:
            there = [asyncio.Event() for _ in things]
            running = [tasks.create_task(thing.run(event.set))
                       for thing, event in zip(things.values(), there, strict=True)]
            for event in there:
                await event.wait()
            try:
                yield Ward(things, RadioConfig("sim.radio:backend", f"tcp-client:127.0.0.1:{port}"))
            finally:
                for task in running:
                    task.cancel()
    finally:
        await sim.radio.close()
        await air.stop()
