"""org.bluez as the specification of its D-Bus interface has it, over a cuff that is a few variables.

Without deferred annotations: dbus-fast reads a deferred `-> None` as a broken signature.
"""

import asyncio
from typing import TYPE_CHECKING, Annotated, Any

from dbus_fast import Variant
from dbus_fast.annotations import (
    DBusBool,
    DBusBytes,
    DBusDict,
    DBusInt16,
    DBusObjectPath,
    DBusSignature,
    DBusStr,
    DBusUInt16,
)
from dbus_fast.errors import DBusError
from dbus_fast.service import PropertyAccess, ServiceInterface, dbus_method, dbus_property

if TYPE_CHECKING:
    from .world import Bluetoothd

Strings = Annotated[list[str], DBusSignature("as")]
Read = PropertyAccess.READ

ERROR = "org.bluez.Error."


def full(number: int) -> str:
    return f"0000{number:04x}-0000-1000-8000-00805f9b34fb"


class AgentManager(ServiceInterface):
    """Whoever registers is remembered as the one to be asked for digits."""

    def __init__(self, daemon: "Bluetoothd") -> None:
        super().__init__("org.bluez.AgentManager1")
        self.daemon = daemon
        self.agent: tuple[str, str] | None = None
        self.capability = ""

    @dbus_method("RegisterAgent")
    def register(self, agent: DBusObjectPath, capability: DBusStr) -> None:
        self.agent, self.capability = (self.daemon.caller, agent), capability

    @dbus_method("RequestDefaultAgent")
    def request_default(self, agent: DBusObjectPath) -> None:
        return None


class Adapter(ServiceInterface):
    """org.bluez.Adapter1. A discovery belongs to the connection that asked for it, as in BlueZ."""

    def __init__(self, daemon: "Bluetoothd") -> None:
        super().__init__("org.bluez.Adapter1")
        self.daemon = daemon
        self.discoverers: set[str] = set()
        self.powered = True

    @dbus_property(Read, "Address")
    def address(self) -> DBusStr:
        return "C0:FF:EE:00:00:01"

    @dbus_property(Read, "Alias")
    def alias(self) -> DBusStr:
        return "mock"

    @dbus_property(Read, "Roles")
    def roles(self) -> Strings:
        return ["central", "peripheral"]

    @dbus_property(Read, "Discovering")
    def discovering(self) -> DBusBool:
        return bool(self.discoverers)

    @dbus_property(PropertyAccess.READWRITE, "Powered")
    def is_powered(self) -> DBusBool:
        return self.powered

    @is_powered.setter
    def set_powered(self, value: DBusBool) -> None:
        self.daemon.world.note(f"Powered {value}")
        self.power(value)

    def power(self, value: bool) -> None:
        """By whoever asks: our ladder, or a person at the machine."""
        if value == self.powered:
            return
        self.powered = value
        if not value:
            self.discoverers.clear()
            self.daemon.hang_up()
            self.daemon.world.held = ""
            if self.daemon.world.deaf == "power":
                self.daemon.world.deaf = ""
        self.emit_properties_changed({"Powered": value})

    @dbus_method("SetDiscoveryFilter")
    def set_discovery_filter(self, properties: DBusDict) -> None:
        return None

    @dbus_method("StartDiscovery")
    async def start_discovery(self) -> None:
        await self.daemon.world.fault("StartDiscovery")
        if not self.powered:
            raise DBusError(f"{ERROR}NotReady", "Resource Not Ready")
        if self.daemon.caller in self.discoverers:
            raise DBusError(f"{ERROR}InProgress", "Operation already in progress")
        self.discoverers.add(self.daemon.caller)

    @dbus_method("StopDiscovery")
    async def stop_discovery(self) -> None:
        await self.daemon.world.fault("StopDiscovery")
        if self.daemon.caller not in self.discoverers:
            raise DBusError(f"{ERROR}Failed", "No discovery started")
        self.discoverers.discard(self.daemon.caller)
        if self.daemon.device is not None:
            self.daemon.device.unheard()

    @dbus_method("RemoveDevice")
    def remove_device(self, device: DBusObjectPath) -> None:
        self.daemon.world.note("RemoveDevice")
        if self.daemon.device is None or device != self.daemon.device.path:
            raise DBusError(f"{ERROR}DoesNotExist", "Does Not Exist")
        self.daemon.world.held = ""
        self.daemon.world.bonded = False
        self.daemon.remove_device()


class Device(ServiceInterface):
    """org.bluez.Device1 of the cuff."""

    def __init__(self, daemon: "Bluetoothd") -> None:
        super().__init__("org.bluez.Device1")
        self.daemon, self.cuff = daemon, daemon.world.cuff
        self.path = f"{daemon.path}/dev_{self.cuff.address.replace(':', '_')}"
        self.rssi = -60
        self.connected = self.resolved = self.trusted = False
        self.pending: asyncio.Future[None] | None = None

    @dbus_property(Read, "Address")
    def address(self) -> DBusStr:
        return self.cuff.address

    @dbus_property(Read, "AddressType")
    def address_type(self) -> DBusStr:
        return "random"

    @dbus_property(Read, "Name")
    def device_name(self) -> DBusStr:
        return self.cuff.name

    @dbus_property(Read, "Alias")
    def alias(self) -> DBusStr:
        return self.cuff.name

    @dbus_property(Read, "Adapter")
    def adapter(self) -> DBusObjectPath:
        return self.daemon.path

    @dbus_property(Read, "UUIDs")
    def uuids(self) -> Strings:
        return [full(0x1810), full(0x180A)]

    @dbus_property(Read, "RSSI")
    def signal(self) -> DBusInt16:
        return self.rssi

    @dbus_property(Read, "Paired")
    def paired(self) -> DBusBool:
        return self.daemon.world.bonded

    @dbus_property(Read, "Connected")
    def is_connected(self) -> DBusBool:
        return self.connected

    @dbus_property(Read, "ServicesResolved")
    def services_resolved(self) -> DBusBool:
        return self.resolved

    @dbus_property(PropertyAccess.READWRITE, "Trusted")
    def is_trusted(self) -> DBusBool:
        return self.trusted

    @is_trusted.setter
    def set_trusted(self, value: DBusBool) -> None:
        self.trusted = value

    def heard(self) -> None:
        """An advertisement of a device that BlueZ knows already."""
        self.rssi = -60 if self.rssi != -60 else -61
        self.emit_properties_changed({"RSSI": self.rssi})

    def unheard(self) -> None:
        """BlueZ takes the signal strength away when discovery ends."""
        self.rssi = -127
        self.emit_properties_changed({}, ["RSSI"])

    @dbus_method("Connect")
    async def connect(self) -> None:
        world = self.daemon.world
        world.note("Connect")
        if world.held:
            raise DBusError(f"{ERROR}InProgress", "Operation already in progress")
        fault = world.next_fault("Connect")
        world.hung = world.hung or fault == "hung"
        if fault in ("hang", "hung"):
            self.pending = asyncio.get_running_loop().create_future()
            await self.pending
        if fault == "le-connection-abort-by-local":
            self._connect(True)
            self._connect(False)
        if fault:
            raise DBusError(f"{ERROR}Failed", fault)
        if not world.cuff.awake:
            raise DBusError(f"{ERROR}Failed", "le-connection-abort-by-local")
        self._connect(True)
        self.daemon.resolve(self)
        self.resolved = True
        self.emit_properties_changed({"ServicesResolved": True})

    @dbus_method("Disconnect")
    def disconnect(self) -> None:
        world = self.daemon.world
        world.note("Disconnect")
        if self.pending is not None and not self.pending.done():
            self.pending.set_exception(DBusError(f"{ERROR}Failed", "Operation canceled"))
        world.held = "" if world.held == "link" else world.held
        self.daemon.hang_up()

    @dbus_method("Pair")
    async def pair(self) -> None:
        self.daemon.world.note("Pair")
        await self.daemon.bond(self.path)

    def ended(self) -> None:
        """The link is gone."""
        if self.connected:
            self.resolved = False
            self.emit_properties_changed({"ServicesResolved": False})
            self._connect(False)

    def _connect(self, value: bool) -> None:
        self.connected = value
        self.emit_properties_changed({"Connected": value})


class Service(ServiceInterface):
    """org.bluez.GattService1."""

    def __init__(self, device: Device, number: int) -> None:
        super().__init__("org.bluez.GattService1")
        self._device, self._number = device, number

    @dbus_property(Read, "UUID")
    def uuid(self) -> DBusStr:
        return full(self._number)

    @dbus_property(Read, "Device")
    def device(self) -> DBusObjectPath:
        return self._device.path

    @dbus_property(Read, "Primary")
    def primary(self) -> DBusBool:
        return True


class Characteristic(ServiceInterface):
    """org.bluez.GattCharacteristic1."""

    def __init__(self, device: Device, service: str, number: int, flags: list[str], value: bytes = b"") -> None:
        super().__init__("org.bluez.GattCharacteristic1")
        self._device, self._service, self._number, self._flags = device, service, number, flags
        self.value = value
        self.notifying = False

    @dbus_property(Read, "UUID")
    def uuid(self) -> DBusStr:
        return full(self._number)

    @dbus_property(Read, "Service")
    def service(self) -> DBusObjectPath:
        return self._service

    @dbus_property(Read, "Flags")
    def flags(self) -> Strings:
        return self._flags

    @dbus_property(Read, "MTU")
    def mtu(self) -> DBusUInt16:
        return 247

    @dbus_property(Read, "Value")
    def last_value(self) -> DBusBytes:
        return self.value

    @dbus_method("ReadValue")
    def read_value(self, options: DBusDict) -> DBusBytes:
        return self.value

    @dbus_method("WriteValue")
    def write_value(self, value: DBusBytes, options: DBusDict) -> None:
        self._device.daemon.world.note(f"WriteValue {self._number:04x}")
        self.value = bytes(value)

    @dbus_method("StartNotify")
    async def start_notify(self) -> None:
        world = self._device.daemon.world
        world.note("StartNotify")
        await world.fault("StartNotify")
        if not world.bonded:
            raise DBusError(f"{ERROR}NotPermitted", "Not paired")
        self.notifying = True
        world.cuff.told.set()

    @dbus_method("StopNotify")
    def stop_notify(self) -> None:
        self.notifying = False

    def indicate(self, value: bytes) -> None:
        """BlueZ confirms an indication itself, then tells whoever listens."""
        self.emit_properties_changed({"Value": value})


class Systemd(ServiceInterface):
    """org.freedesktop.systemd1.Manager, as far as polkit lets the vehicle's user go."""

    def __init__(self, world: Any) -> None:
        super().__init__("org.freedesktop.systemd1.Manager")
        self._world = world

    @dbus_method("StartUnit")
    def start_unit(self, name: DBusStr, mode: DBusStr) -> DBusObjectPath:
        self._world.note(f"StartUnit {name}")
        if name != "passerelle-bluetooth-restart.service" or self._world.denied:
            raise DBusError("org.freedesktop.DBus.Error.InteractiveAuthorizationRequired", "denied")
        self._world.restarts.set()
        return "/org/freedesktop/systemd1/job/1"


def variants(properties: dict[str, Any]) -> dict[str, Variant]:
    return {name: Variant(signature, value) for name, (signature, value) in properties.items()}
