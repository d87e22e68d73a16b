"""One simulated instrument at a time in this process, and bleak on the other side of the virtual radio: bytes as they
come, no decoder of ours."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from bleak import BleakClient, BleakScanner

import sim.radio
from sim.air import Air
from sim.asked import Body
from sim.ble.cabinet import instruments
from sim.ble.instrument import Instrument
from sim.patient import Patient

WAIT_S = 40.0
"""Seconds for what takes a fraction of one: a busy machine is no failure."""


def uuid(number: str) -> str:
    """The 128-bit form."""
    return f"0000{number.lower()}-0000-1000-8000-00805f9b34fb" if len(number) == 4 else number.lower()


class Gateway:
    """A bleak client that keeps what it is told."""

    def __init__(self, room: Room) -> None:
        self.room = room
        self.said: list[tuple[str, bytes]] = []
        self.gone = asyncio.Event()
        self.news = asyncio.Event()
        self.client: BleakClient

    async def subscribe(self, *numbers: str) -> None:
        for number in numbers:
            await self.client.start_notify(uuid(number), lambda c, data, n=number: self._heard(n, bytes(data)))

    def _heard(self, number: str, data: bytes) -> None:
        self.said.append((number, data))
        self.news.set()

    def of(self, number: str) -> list[bytes]:
        return [data for n, data in self.said if n == number]

    async def hear(self, number: str, count: int = 1) -> list[bytes]:
        """`count` frames of a characteristic."""
        try:
            async with asyncio.timeout(WAIT_S):
                while len(self.of(number)) < count:
                    self.news.clear()
                    await self.news.wait()
        except TimeoutError as error:
            raise AssertionError(f"heard only {[(n, d.hex()) for n, d in self.said]}") from error
        return self.of(number)

    async def write(self, number: str, data: str | bytes, response: bool = True) -> None:
        await self.client.write_gatt_char(uuid(number), bytes.fromhex(data) if isinstance(data, str) else data,
                                          response=response)

    async def read(self, number: str) -> bytes:
        return bytes(await self.client.read_gatt_char(uuid(number)))

    async def hung_up(self) -> None:
        async with asyncio.timeout(WAIT_S):
            await self.gone.wait()


class Room:
    """The air, the instruments, and an adapter."""

    def __init__(self, air: Air, things: dict[str, Instrument], port: int) -> None:
        self.air, self.things = air, things
        self.scanner, self.client = sim.radio.backend(f"tcp-client:127.0.0.1:{port}")

    def press(self, name: str, button: str = "press", **body: Any) -> Body:
        return self.things[name].buttons()[button](body)

    async def seen(self, name: str, seconds: float = WAIT_S) -> Any:
        """(device, advertisement) of an instrument that is awake; None when it is silent."""
        address = self.things[name].plate.address
        async with BleakScanner(backend=self.scanner) as scanner:
            try:
                async with asyncio.timeout(seconds):
                    async for device, data in scanner.advertisement_data():
                        if device.address == address:
                            return device, data
            except TimeoutError:
                return None
        return None

    @asynccontextmanager
    async def visit(self, name: str) -> AsyncIterator[Gateway]:
        """Connected to an instrument that is awake."""
        found = await self.seen(name)
        assert found, f"{name} does not advertise"
        gateway = Gateway(self)
        client = BleakClient(found[0], disconnected_callback=lambda _: gateway.gone.set(), backend=self.client)
        gateway.client = client
        await client.connect()
        try:
            yield gateway
        finally:
            if client.is_connected:
                await client.disconnect()

    async def asleep(self, name: str) -> None:
        """Wait until the instrument has gone to sleep."""
        async with asyncio.timeout(WAIT_S):
            await self.things[name].sleep()


@asynccontextmanager
async def room(*names: str, **more: Callable[[Air, Patient], Instrument]) -> AsyncIterator[Room]:
    """A room with these instruments (and the cuff), all asleep; `more` are made as said."""
    air, patient = Air(), Patient()
    things = instruments(names, air, patient) | {name: make(air, patient) for name, make in more.items()}
    port = await air.start()
    try:
        async with asyncio.TaskGroup() as tasks:
            there = [asyncio.Event() for _ in things]
            running = [tasks.create_task(thing.run(event.set))
                       for thing, event in zip(things.values(), there, strict=True)]
            for event in there:
                await event.wait()
            try:
                yield Room(air, things, port)
            finally:
                for task in running:
                    task.cancel()
    finally:
        await sim.radio.close()
        await air.stop()
