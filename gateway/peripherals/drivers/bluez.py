"""BlueZ beside bleak: news of the adapter, the rungs of the recovery ladder, our agent. Every call has its limit.

Sources: org.bluez.Adapter1, Device1, AgentManager1 (BlueZ, doc/); org.freedesktop.systemd1(5).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

import structlog
from bleak.backends.bluezdbus.manager import get_global_bluez_manager
from dbus_fast import AuthError, BusType, DBusError, Message, MessageType, Variant, unpack_variants
from dbus_fast.aio import MessageBus
from dbus_fast.errors import InvalidAddressError

from .bluez_agent import AGENT_PATH, CAPABILITY, Agent
from .radio_control import News, StepFailed
from .radio_link import LOST, within
from .radio_passkey import PasskeyOperator

_log = structlog.get_logger()

RESTART_UNIT: Final = "passerelle-bluetooth-restart.service"
"""The one unit that the vehicle's user may start (systemd/50-passerelle-bluetooth.rules)."""

CALL_S: Final = 6.0
"""A call to a service that lives: milliseconds; Powered on: up to 4 s with firmware to load."""

PROBE_S: Final = 2.0
"""A property that bluetoothd has in memory: past this it hangs."""

RESTART_S: Final = 12.0
"""systemd gives bluetoothd 5 s to end (the drop-in in systemd/), it needs 2 s to find its adapters again."""

BUS_AGAIN_S: Final = 5.0
"""Between attempts to reach the system's bus, which only a broken system lacks."""

POWER_WAITS: Final = (0.5, 1.0, 2.0)
"""Before asking for power again while the controller is still going down (org.bluez.Error.Busy, InProgress)."""

RECORDS: Final = 64
"""Records looked at in one cleaning: BlueZ keeps what it heard in 30 s; a market has about that many."""

NEWS: Final = 16
"""Signals of the adapter not yet looked at; more of them say nothing new."""

_BLUEZ, _ADAPTER, _DEVICE = "org.bluez", "org.bluez.Adapter1", "org.bluez.Device1"
_PROPERTIES, _OBJECTS = "org.freedesktop.DBus.Properties", "org.freedesktop.DBus.ObjectManager"
_SYSTEMD = "org.freedesktop.systemd1"

_SPARED = frozenset({f"0000{n}-0000-1000-8000-00805f9b34fb" for n in ("1812", "1124")})
"""Keyboards, mice, scanners (HID over GATT, HID): somebody's, though not ours."""

_MATCHES = (
    f"type='signal',sender='org.freedesktop.DBus',member='NameOwnerChanged',arg0='{_BLUEZ}'",
    f"type='signal',sender='{_BLUEZ}',interface='{_OBJECTS}'",
    f"type='signal',sender='{_BLUEZ}',interface='{_PROPERTIES}',member='PropertiesChanged',arg0='{_ADAPTER}'",
)


class Bluez:
    """The adapter as BlueZ has it (AdapterControl)."""

    def __init__(self, adapter: str, operator: PasskeyOperator, bonding: Callable[[str], bool]) -> None:
        """`adapter` as in `hci0`, empty: the first. `bonding` says whether we bond with an address now."""
        self._name = adapter
        self._agent = Agent(operator, bonding)
        self._bus: MessageBus | None = None
        self._news: asyncio.Queue[News] = asyncio.Queue(NEWS)
        self._owner_changed = asyncio.Event()
        self._cleared = False
        self._settled = asyncio.Event()

    async def run(self, news: Callable[[News], None]) -> None:
        """Watch the adapter until cancelled, with our agent registered whenever BlueZ is there."""
        while True:
            with suppress(*LOST, AuthError, DBusError, InvalidAddressError, StepFailed):
                await self._watch(news)
            self._settled.set()
            await asyncio.sleep(BUS_AGAIN_S)

    async def answers(self) -> bool:
        """False only when bluetoothd is there and silent."""
        try:
            await self._objects(PROBE_S)
        except StepFailed as error:
            return not error.hung
        return True

    async def clear(self, linked: frozenset[str], refused: str) -> None:
        """See AdapterControl. Bonds stay: they are a person's work and survive every rung."""
        objects = await self._objects()
        adapter = self._adapter(objects)
        devices = [(path, found[_DEVICE]) for path, found in objects.items()
                   if path.startswith(f"{adapter}/") and _DEVICE in found]
        for path, device in devices[:RECORDS]:
            address = str(device.get("Address", ""))
            if address in linked or _SPARED & {str(uuid).lower() for uuid in device.get("UUIDs", ())}:
                continue
            try:
                if device.get("Connected") or address == refused:
                    await self._call(path, _DEVICE, "Disconnect")
            except StepFailed as error:
                if error.hung:
                    raise
            try:
                if not device.get("Paired"):
                    await self._call(adapter, _ADAPTER, "RemoveDevice", "o", path)
            except StepFailed as error:
                if error.hung:
                    raise

    async def power_cycle(self) -> None:
        """See AdapterControl."""
        adapter = self._adapter(await self._objects())
        with suppress(StepFailed):
            # Refused or hanging, what counts is whether it comes up.
            await self._power(adapter, False)
        for wait in (*POWER_WAITS, None):
            try:
                await self._power(adapter, True)
                return
            except StepFailed as error:
                if wait is None or error.hung or error.detail.rpartition(".")[2] not in ("Busy", "InProgress"):
                    raise
                await asyncio.sleep(wait)

    async def restart_service(self) -> None:
        """Ask systemd for the one unit we may start; wait for the new bluetoothd and its adapter."""
        try:
            async with asyncio.timeout(RESTART_S):
                before = await self._owner()
                await self._call("/org/freedesktop/systemd1", f"{_SYSTEMD}.Manager", "StartUnit", "ss",
                                 RESTART_UNIT, "replace", to=_SYSTEMD)
                while True:
                    self._owner_changed.clear()
                    if await self._owner() not in (before, ""):
                        break
                    await self._owner_changed.wait()
                await self._powered()
        except TimeoutError as error:
            raise StepFailed("radio.restart_failed", RESTART_UNIT, hung=True) from error

    async def renew(self) -> None:
        """Let bleak read everything anew: it keeps objects and discovery sessions of a bluetoothd that is gone."""
        with suppress(*LOST, AuthError, DBusError, InvalidAddressError):
            manager = await within(CALL_S, get_global_bluez_manager())
            bus = manager._bus
            if bus is not None:
                # bleak takes this for a bus that died, forgets, and connects again on its next call.
                bus.disconnect()

    async def settled(self) -> None:
        """Until what was left from before is cleared away: what is seen before that is not there to connect to."""
        with suppress(TimeoutError):
            async with asyncio.timeout(PROBE_S):
                await self._settled.wait()

    def bonded(self) -> None:
        """A bond was made or failed: digits that were shown are taken off the screen."""
        self._agent.finished()

    async def _watch(self, news: Callable[[News], None]) -> None:
        bus = MessageBus(bus_type=BusType.SYSTEM)
        try:
            await within(CALL_S, bus.connect())
            bus.export(AGENT_PATH, self._agent)
            bus.add_message_handler(self._signalled)
            self._bus = bus
            for match in _MATCHES:
                await self._call("/org/freedesktop/DBus", "org.freedesktop.DBus", "AddMatch", "s", match,
                                 to="org.freedesktop.DBus")
            await self._register()
            if not self._cleared:
                self._cleared = True
                with suppress(StepFailed):
                    # What a process that was killed left connected does not advertise.
                    await self.clear(frozenset(), "")
                self._settled.set()
            lost = asyncio.ensure_future(bus.wait_for_disconnect())  # type: ignore[no-untyped-call]
            try:
                while not lost.done():
                    came = asyncio.ensure_future(self._news.get())
                    try:
                        await asyncio.wait({came, lost}, return_when=asyncio.FIRST_COMPLETED)
                        if came.done():
                            if came.result() is News.back:
                                await self._register()
                            news(came.result())
                    finally:
                        came.cancel()
            finally:
                lost.cancel()
                if lost.done() and not lost.cancelled():
                    lost.exception()
        finally:
            self._bus = None
            bus.disconnect()

    def _signalled(self, message: Message) -> None:
        if message.message_type is not MessageType.SIGNAL:
            return
        came: News | None = None
        match message.member:
            case "NameOwnerChanged" if message.body[0] == _BLUEZ:
                self._owner_changed.set()
                came = News.back if message.body[2] else News.gone
            case "InterfacesAdded" if _ADAPTER in message.body[1] and self._ours(message.body[0]):
                came = News.back
            case "InterfacesRemoved" if _ADAPTER in message.body[1] and self._ours(message.body[0]):
                came = News.gone
            case "PropertiesChanged" if message.body[0] == _ADAPTER and self._ours(message.path or ""):
                powered = message.body[1].get("Powered")
                if powered is not None:
                    came = News.back if powered.value else News.gone
        if came is not None and not self._news.full():
            self._news.put_nowait(came)

    def _ours(self, path: str) -> bool:
        return not self._name or path == f"/org/bluez/{self._name}"

    async def _register(self) -> None:
        """Without BlueZ there is nobody to register with: it is done when its name appears."""
        try:
            await self._call("/org/bluez", "org.bluez.AgentManager1", "RegisterAgent", "os", AGENT_PATH, CAPABILITY)
            await self._call("/org/bluez", "org.bluez.AgentManager1", "RequestDefaultAgent", "o", AGENT_PATH)
        except StepFailed as error:
            if not error.detail.endswith(("AlreadyExists", "ServiceUnknown", "NameHasNoOwner")):
                _log.warning("radio.no_agent", error=error.detail)

    async def _powered(self) -> None:
        """Wait for an adapter, and see that it is on."""
        while True:
            try:
                adapter = self._adapter(await self._objects())
                await self._power(adapter, True)
                return
            except StepFailed:
                await asyncio.sleep(POWER_WAITS[0])

    async def _power(self, adapter: str, on: bool) -> None:
        await self._call(adapter, _PROPERTIES, "Set", "ssv", _ADAPTER, "Powered", Variant("b", on))

    async def _owner(self) -> str:
        """The connection of bluetoothd, empty when there is none."""
        try:
            return str((await self._call("/org/freedesktop/DBus", "org.freedesktop.DBus", "GetNameOwner", "s", _BLUEZ,
                                         to="org.freedesktop.DBus"))[0])
        except StepFailed as error:
            if error.detail.endswith("NameHasNoOwner"):
                return ""
            raise

    def _adapter(self, objects: dict[str, Any]) -> str:
        found = sorted(path for path, interfaces in objects.items() if _ADAPTER in interfaces and self._ours(path))
        if not found:
            raise StepFailed("radio.missing", self._name)
        return found[0]

    async def _objects(self, limit: float = CALL_S) -> dict[str, Any]:
        body = await self._call("/", _OBJECTS, "GetManagedObjects", limit=limit)
        objects: dict[str, Any] = unpack_variants(body[0])
        return objects

    async def _call(self, path: str, interface: str, member: str, signature: str = "", *body: Any, to: str = _BLUEZ,
                    limit: float = CALL_S) -> list[Any]:
        """The reply's body. StepFailed with the D-Bus error's name as its detail."""
        if self._bus is None:
            raise StepFailed("radio.no_bus")
        call = Message(destination=to, path=path, interface=interface, member=member, signature=signature,
                       body=list(body))
        try:
            async with asyncio.timeout(limit):
                reply = await self._bus.call(call)
        except TimeoutError as error:
            raise StepFailed("radio.hung", member, hung=True) from error
        except (*LOST, DBusError) as error:
            raise StepFailed("radio.no_bus", type(error).__name__) from error
        if reply.message_type is MessageType.ERROR:
            raise StepFailed("radio.step_refused", reply.error_name or "")
        return list(reply.body)
