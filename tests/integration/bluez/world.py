"""A system bus of our own with a bluetoothd, a systemd and a cuff on it: what BlueZ does when things go wrong.

Everything runs in the test's process and on its loop, but speaks over a real dbus-daemon. `World.pass_time` moves
the clock; nothing here sleeps.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from bleak.backends.bluezdbus import manager as bleak_manager
from dbus_fast import BusType, Message, MessageType
from dbus_fast.aio import MessageBus
from dbus_fast.errors import DBusError

from .clock import MovedLoop
from .objects import ERROR, Adapter, AgentManager, Characteristic, Device, Service, Systemd

STEP_S: Final = 0.25
"""How far the clock moves at once: a small part of every limit in the gateway."""

TURNS: Final = 4
"""Round trips through the daemon that settle what a step set off."""

ADVERTISES_S: Final = 1.0
SENDS_S: Final = 0.5

CONFIG: Final = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>custom</type><listen>unix:path={path}</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/>
</policy></busconfig>
"""


@dataclass
class Cuff:
    """Records go oldest first, each is forgotten when it is confirmed; hangs up when it has nothing more to say."""

    address: str = "E4:5F:01:02:03:04"
    name: str = "A&D_UA-651BLE_020304"
    memory: deque[bytes] = field(default_factory=deque)
    awake: bool = False
    hang_up_after: int | None = None
    passkey: int | None = None
    """The cuff shows these."""
    compares: int | None = None
    """Both ends show these."""
    shows_ours: int | None = None
    """BlueZ chose these, to be typed on the cuff."""
    repeats: bool = False
    """Its stack did not see the last confirmation before the link fell: it sends that record again."""
    told: asyncio.Event = field(default_factory=asyncio.Event)
    clock: bytes = bytes.fromhex("e8070610080000")


class World:
    """Faults are scripted by D-Bus method: the next calls meet them in order; "hang" is never answered."""

    def __init__(self) -> None:
        self.cuff = Cuff()
        self.faults: dict[str, deque[str]] = {}
        self.calls: list[tuple[float, str]] = []
        self.deaf = ""
        """What would mend it: `power`, `service`; empty: it hears."""
        self.hung = False
        """bluetoothd reads its messages and answers none, until it is started anew."""
        self.held = ""
        """BlueZ has not finished with an older connection to the cuff: `link` ends with Disconnect, `record` with
        RemoveDevice, both with the adapter's power."""
        self.bonded = False
        self.denied = False
        self.restarts = asyncio.Event()
        self.daemon: Bluetoothd | None = None

    def note(self, what: str) -> None:
        self.calls.append((asyncio.get_running_loop().time(), what))

    def asked(self, *what: str) -> list[str]:
        """The calls that begin with one of `what`, in order."""
        return [call for _, call in self.calls if call.startswith(what)]

    def script(self, method: str, *faults: str) -> None:
        self.faults.setdefault(method, deque()).extend(faults)

    def next_fault(self, method: str) -> str:
        """The next fault of this method, empty when it works."""
        waiting = self.faults.get(method)
        return waiting.popleft() if waiting else ""

    async def fault(self, method: str) -> None:
        what = self.next_fault(method)
        if what == "hang":
            await asyncio.Event().wait()
        if what:
            raise DBusError(f"{ERROR}{what}", what)

    async def run(self, ready: asyncio.Event) -> None:
        """The world, until cancelled."""
        systemd = await MessageBus(bus_type=BusType.SYSTEM).connect()
        systemd.export("/org/freedesktop/systemd1", Systemd(self))
        await systemd.request_name("org.freedesktop.systemd1")
        self.pinger = systemd
        try:
            self.daemon = await Bluetoothd(self).start()
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._advertise())
                tasks.create_task(self._send())
                tasks.create_task(self._restart())
                ready.set()
        finally:
            if self.daemon is not None:
                self.daemon.stop()
            systemd.disconnect()

    async def _advertise(self) -> None:
        while True:
            await asyncio.sleep(ADVERTISES_S)
            if self.cuff.awake and not self.deaf and self.daemon is not None:
                self.daemon.advertised()

    async def _send(self) -> None:
        """The cuff's side of every connection."""
        while True:
            await self.cuff.told.wait()
            await asyncio.sleep(SENDS_S)
            if self.hung:
                continue
            daemon = self.daemon
            if daemon is None or daemon.measurement is None or not daemon.measurement.notifying:
                self.cuff.told.clear()
                continue
            if self.cuff.hang_up_after == 0 or not self.cuff.memory:
                self.cuff.hang_up_after = None
                self.cuff.awake = bool(self.cuff.memory)
                self.cuff.told.clear()
                daemon.hang_up()
                continue
            daemon.measurement.indicate(self.cuff.memory[0])
            if self.cuff.hang_up_after is not None:
                self.cuff.hang_up_after -= 1
            if not (self.cuff.repeats and self.cuff.hang_up_after == 0):
                self.cuff.memory.popleft()

    async def _restart(self) -> None:
        while True:
            await self.restarts.wait()
            self.restarts.clear()
            await self.restart()

    async def restart(self) -> None:
        """bluetoothd ends without a word, as one that crashes or is killed, and is there again."""
        assert self.daemon is not None
        self.daemon.stop()
        self.hung = False
        if self.deaf == "service":
            self.deaf = ""
        self.daemon = await Bluetoothd(self).start()

    async def pass_time(self, seconds: float) -> None:
        """Move the clock by steps, each after what the one before set off has come to rest."""
        loop = asyncio.get_running_loop()
        assert isinstance(loop, MovedLoop)
        end = loop.time() + seconds
        while loop.time() < end:
            await self._settle()
            loop.moved += STEP_S
        await self._settle()

    async def until(self, what: Callable[[], Any], within: float) -> float:
        """Seconds on the moved clock until `what` is true; AssertionError after `within`."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        while not what():
            assert loop.time() - began < within, f"waited {within} s in vain; asked: {self.asked('')[-12:]}"
            await self.pass_time(STEP_S)
        return loop.time() - began

    async def _settle(self) -> None:
        for _ in range(TURNS):
            await self.pinger.call(Message(destination="org.freedesktop.DBus", path="/",
                                           interface="org.freedesktop.DBus.Peer", member="Ping"))
            await asyncio.sleep(0)


class Bluetoothd:
    """One life of the daemon."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.bus = MessageBus(bus_type=BusType.SYSTEM)
        self.caller = ""
        self.path = "/org/bluez/hci0"
        self.adapter = Adapter(self)
        self.agents = AgentManager(self)
        self.device: Device | None = None
        self.measurement: Characteristic | None = None
        self._gatt: list[str] = []

    async def start(self) -> Bluetoothd:
        await self.bus.connect()
        self.bus.add_message_handler(self._received)
        self.bus.export("/org/bluez", self.agents)
        await self.bus.call(Message(destination="org.freedesktop.DBus", path="/org/freedesktop/DBus",
                                    interface="org.freedesktop.DBus", member="AddMatch", signature="s",
                                    body=["type='signal',member='NameOwnerChanged'"]))
        await self.bus.request_name("org.bluez")
        self.plug()
        return self

    def stop(self) -> None:
        self.bus.disconnect()

    def plug(self) -> None:
        """The adapter shows, and the records of what it is bonded with."""
        self.bus.export(self.path, self.adapter)
        if self.world.bonded:
            self._known()

    def unplug(self) -> None:
        """Pulled out: BlueZ drops the objects and says no more about the devices on them."""
        self.measurement = None
        self._forget_gatt()
        if self.device is not None:
            self.bus.unexport(self.device.path)
            self.device = None
        self.adapter.discoverers.clear()
        self.bus.unexport(self.path)

    def advertised(self) -> None:
        if not self.adapter.discoverers or (self.device is not None and self.device.connected):
            return
        if self.device is None:
            self._known()
        else:
            self.device.heard()

    def resolve(self, device: Device) -> None:
        """The cuff's services, as BlueZ exports them once it has read them."""
        def add(service: str, handle: int, number: int, flags: list[str], value: bytes = b"") -> Characteristic:
            path = f"{service}/char{handle:04x}"
            made = Characteristic(device, service, number, flags, value)
            self._gatt.append(path)
            self.bus.export(path, made)
            return made

        self._forget_gatt()
        for handle, number in ((0x10, 0x1810), (0x20, 0x180A)):
            path = f"{device.path}/service{handle:04x}"
            self._gatt.append(path)
            self.bus.export(path, Service(device, number))
        pressure, about = self._gatt[0], self._gatt[1]
        self.measurement = add(pressure, 0x11, 0x2A35, ["indicate"])
        add(pressure, 0x14, 0x2A08, ["read", "write"], self.world.cuff.clock)
        add(pressure, 0x16, 0x2A49, ["read"], b"\x00\x00")
        add(about, 0x21, 0x2A29, ["read"], b"A&D Medical")
        add(about, 0x23, 0x2A24, ["read"], b"UA-651BLE")

    def leave_connected(self) -> None:
        """As a process that was killed in a visit leaves it."""
        self._known()
        assert self.device is not None
        self.device.connected = True

    def hang_up(self) -> None:
        self.measurement = None
        if self.device is not None:
            self.device.ended()

    def remove_device(self) -> None:
        self.hang_up()
        self._forget_gatt()
        if self.device is not None:
            self.bus.unexport(self.device.path)
            self.device = None

    async def bond(self, device: str) -> None:
        """Just Works, or with the cuff's digits, or with ours typed on the cuff."""
        cuff = self.world.cuff
        if cuff.passkey is not None and await self.agent_answers("RequestPasskey", "o", [device]) != cuff.passkey:
            raise DBusError(f"{ERROR}AuthenticationFailed", "Authentication Failed")
        if cuff.compares is not None and await self.agent_answers(
                "RequestConfirmation", "ou", [device, cuff.compares]) is not None:
            raise DBusError(f"{ERROR}AuthenticationFailed", "Authentication Failed")
        if cuff.shows_ours is not None:
            await self.agent_answers("DisplayPasskey", "ouq", [device, cuff.shows_ours, 0])
        self.world.bonded = True
        if self.device is not None:
            self.device.emit_properties_changed({"Paired": True})

    async def agent_answers(self, member: str, signature: str, body: list[Any]) -> Any:
        """What the registered agent says, or the name of its error."""
        assert self.agents.agent is not None
        to, path = self.agents.agent
        reply = await self.bus.call(Message(destination=to, path=path, interface="org.bluez.Agent1", member=member,
                                            signature=signature, body=body))
        if reply.message_type is MessageType.ERROR:
            return reply.error_name
        return reply.body[0] if reply.body else None

    def _known(self) -> None:
        self.device = Device(self)
        self.bus.export(self.device.path, self.device)

    def _forget_gatt(self) -> None:
        while self._gatt:
            self.bus.unexport(self._gatt.pop())

    def _received(self, message: Message) -> bool | None:
        if message.message_type is MessageType.SIGNAL and message.member == "NameOwnerChanged" and not message.body[2]:
            self.adapter.discoverers.discard(message.body[0])
        if message.message_type is not MessageType.METHOD_CALL:
            return None
        self.caller = message.sender or ""
        # Swallowed without an answer.
        return True if self.world.hung else None


@contextmanager
def private_bus(directory: Path) -> Iterator[None]:
    """A dbus-daemon of our own that this process takes for the system's."""
    socket, config = directory / "bus", directory / "bus.conf"
    config.write_text(CONFIG.format(path=socket))
    daemon = subprocess.Popen(["dbus-daemon", f"--config-file={config}", "--nofork", "--print-address=1"],
                              stdout=subprocess.PIPE)
    before = os.environ.get("DBUS_SYSTEM_BUS_ADDRESS")
    try:
        assert daemon.stdout is not None
        assert daemon.stdout.readline()
        os.environ["DBUS_SYSTEM_BUS_ADDRESS"] = f"unix:path={socket}"
        yield
    finally:
        if before is None:
            os.environ.pop("DBUS_SYSTEM_BUS_ADDRESS", None)
        else:
            os.environ["DBUS_SYSTEM_BUS_ADDRESS"] = before
        daemon.terminate()
        daemon.communicate(timeout=10)


def play(directory: Path, scene: Callable[[World], Awaitable[None]]) -> None:
    """Run a scene on a bus, a loop and a bleak of its own."""
    with private_bus(directory), asyncio.Runner(loop_factory=MovedLoop) as runner:
        runner.run(_played(scene))


async def _played(scene: Callable[[World], Awaitable[None]]) -> None:
    world, ready = World(), asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(world.run(ready))
        await ready.wait()
        try:
            await scene(world)
        finally:
            await _let_bleak_go()
            running.cancel()


async def _let_bleak_go() -> None:
    """bleak keeps its connection as long as the loop: it would outlive the daemon."""
    manager = bleak_manager._global_instances.pop(asyncio.get_running_loop(), None)
    if manager is not None and manager._bus is not None:
        manager._bus.disconnect()
        if manager._bus_watcher_task is not None:
            with suppress(Exception):
                await manager._bus_watcher_task
