"""A bleak backend whose adapter is a socket: the gateway's Bluetooth host over the simulated radio space.

`backend("tcp-client:127.0.0.1:PORT")` gives bleak's two backend classes; with `,bonds=FILE` behind it bonds outlive
the process. What BlueZ does by itself (resume a bond, negotiate the MTU, discover services) is done here too; errors
are those that bleak documents, and BlueZ's for a bond that failed.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, Final, TypeVar

from bleak.args import SizedBuffer
from bleak.assigned_numbers import gatt_char_props_to_strs
from bleak.backends.characteristic import BleakGATTCharacteristic
from bleak.backends.client import BaseBleakClient, NotifyCallback
from bleak.backends.descriptor import BleakGATTDescriptor
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import BaseBleakScanner
from bleak.backends.service import BleakGATTService, BleakGATTServiceCollection
from bleak.exc import (
    BleakBluetoothNotAvailableError,
    BleakBluetoothNotAvailableReason,
    BleakDBusError,
    BleakError,
    BleakGATTProtocolError,
)
from bumble import hci
from bumble.att import ATT_Error
from bumble.core import BaseBumbleError
from bumble.device import Advertisement, Connection, Device, Peer
from bumble.hci import Address
from bumble.transport import open_transport
from bumble.transport.common import Transport

from .radio_bond import Bonding, Operator
from .radio_heard import full, heard

_T = TypeVar("_T")

MTU: Final = 247
"""What Linux and phones settle on with one LE data packet of 251 octets."""

SCAN_MS: Final = 30

CONNECT_S: Final = 3.0
"""Whoever is there advertises every 30 ms, and answers the first time: in this air nothing is lost."""

ANSWER_S: Final = 0.5
"""A controller in another process of this machine answers a command within milliseconds."""


class Adapter:
    """The host side of one HCI socket, powered on when it is first needed and again after it was unplugged."""

    def __init__(self, address: str, bonds: str = "") -> None:
        self._address = address
        self.bonding = Bonding(bonds)
        self._device: Device | None = None
        self._transport: Transport | None = None
        self._turn = asyncio.Lock()

    async def device(self) -> Device:
        """The powered host. BleakBluetoothNotAvailableError without an adapter."""
        async with self._turn:
            if self._device is not None and self._transport is not None:
                if self.plugged:
                    return self._device
                await self.close()
            try:
                transport = await open_transport(self._address)
            except OSError as error:
                raise BleakBluetoothNotAvailableError(
                    f"no adapter at {self._address}", BleakBluetoothNotAvailableReason.NO_BLUETOOTH) from error
            self._transport = transport
            device = Device.with_hci("Passerelle", _own_address(self._address), transport.source, transport.sink)
            await self.bonding.keys.load()
            self.bonding.guard(device)
            try:
                await device.power_on()
            except BaseBumbleError as error:
                await transport.close()
                raise BleakError(f"the adapter does not start: {type(error).__name__}") from error
            self._device = device
            return device

    def current(self, device: Device) -> bool:
        """Whether this host still has its adapter: another one is made when that was pulled out or reset."""
        return self.plugged and device is self._device

    async def do(self, operation: Coroutine[Any, Any, _T], lost: asyncio.Future[None] | None = None) -> _T:
        """Await bumble and raise what bleak would.

        bumble cancels its own futures when a link is lost, which must not look like a cancellation of the caller;
        a caller that is cancelled lets an HCI command come to its answer first, or the next command would get it;
        and what is asked of an adapter that was pulled out, or over a link that is `lost`, fails at once.
        """
        inner = asyncio.ensure_future(operation)
        waited: set[asyncio.Future[Any]] = {inner}
        if lost is not None:
            waited.add(lost)
        if self._transport is not None:
            waited.add(self._transport.source.terminated)
        try:
            await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            await asyncio.wait(waited, timeout=ANSWER_S, return_when=asyncio.FIRST_COMPLETED)
            _abandon(inner)
            raise
        if not inner.done() or inner.cancelled():
            _abandon(inner)
            raise BleakError("disconnected")
        error = inner.exception()
        if isinstance(error, ATT_Error):
            raise BleakGATTProtocolError(error.error_code) from error
        if isinstance(error, BaseBumbleError | TimeoutError):
            raise BleakError(f"{type(error).__name__}: {error}") from error
        return inner.result()

    @property
    def plugged(self) -> bool:
        """Whether the socket of the adapter stands."""
        return self._transport is not None and not self._transport.source.terminated.done()

    async def close(self) -> None:
        """Pull the plug; idempotent. A process that ends does it by ending."""
        transport, self._transport, self._device = self._transport, None, None
        if transport is not None:
            await transport.close()


def _abandon(task: asyncio.Task[Any]) -> None:
    """Nobody waits for it any more; what it still raises is heard by nobody."""
    task.add_done_callback(lambda done: done.cancelled() or done.exception())
    task.cancel()


def _own_address(seed: str) -> Address:
    """A static random address that stays the same for the same adapter: public ones fail SMP's key check."""
    raw = bytearray(hashlib.sha256(seed.encode()).digest()[:6])
    raw[5] |= 0xC0
    return Address(bytes(raw), Address.RANDOM_DEVICE_ADDRESS)


class _Scanner(BaseBleakScanner):
    adapter: Adapter

    def __init__(self, detection_callback: Any, service_uuids: list[str] | None, scanning_mode: str,
                 **_: Any) -> None:
        super().__init__(detection_callback, service_uuids)
        self._device: Device | None = None

    async def start(self) -> None:
        self.seen_devices = {}
        device = await self.adapter.device()
        device.on(Device.EVENT_ADVERTISEMENT, self._seen)
        self._device = device
        await self.adapter.do(device.start_scanning(active=True, scan_interval=SCAN_MS, scan_window=SCAN_MS))

    async def stop(self) -> None:
        device, self._device = self._device, None
        if device is not None:
            device.remove_listener(Device.EVENT_ADVERTISEMENT, self._seen)
        if device is not None and self.adapter.current(device):
            await self.adapter.do(device.stop_scanning())

    def _seen(self, advertisement: Advertisement) -> None:
        seen = heard(advertisement)
        if not self.is_allowed_uuid(seen.service_uuids):
            return
        name = seen.local_name
        address = advertisement.address.to_string(False)
        key = str(advertisement.address)
        self.call_detection_callbacks(
            self.create_or_update_device(key, address, name, advertisement.address, seen), seen)


class _Client(BaseBleakClient):
    adapter: Adapter
    passkey_operator: Operator | None = None
    """Set by the gateway: who types and reads digits."""

    def __init__(self, address_or_ble_device: BLEDevice | str, *,
                 disconnected_callback: Callable[[], None] | None, timeout: float, **_: Any) -> None:
        super().__init__(address_or_ble_device, disconnected_callback=disconnected_callback, timeout=timeout)
        # Found by scanning, the address has its type; typed by a person it is a static random one, like ours.
        known = address_or_ble_device.details if isinstance(address_or_ble_device, BLEDevice) else None
        self._peer_address = known if isinstance(known, Address) else Address(self.address)
        self._device: Device | None = None
        self._connection: Connection | None = None
        self._peer: Peer | None = None
        self._lost: asyncio.Future[None] | None = None

    @property
    def name(self) -> str:
        return self.address

    @property
    def mtu_size(self) -> int:
        return self._connection.att_mtu if self._connection else 23

    @property
    def is_connected(self) -> bool:
        return self._connection is not None

    async def connect(self, pair: bool, **kwargs: Any) -> None:
        if self._connection is not None:
            raise BleakError("already connected")
        device = self._device = await self.adapter.device()
        limit = min(float(kwargs.get("timeout", self._timeout)), CONNECT_S)
        self.adapter.bonding.operator = self.passkey_operator
        try:
            connection = await self.adapter.do(device.connect(self._peer_address, timeout=limit))
        except asyncio.CancelledError:
            # The controller would still connect when the instrument wakes, and nobody would hold that connection.
            if self.adapter.current(device):
                with suppress(BaseBumbleError, TimeoutError):
                    async with asyncio.timeout(ANSWER_S):
                        await device.host.send_sync_command(hci.HCI_LE_Create_Connection_Cancel_Command())
            raise
        self._connection, self._lost = connection, asyncio.get_running_loop().create_future()
        connection.on(Connection.EVENT_DISCONNECTION, self._disconnected)
        try:
            await self._resume_bond(device, connection)
            self._peer = peer = Peer(connection)
            await self._do(peer.request_mtu(MTU))
            self.services = await self._do(_discover(peer, connection))
            if pair:
                await self.pair()
        except BaseException:
            await self.disconnect()
            raise

    async def _resume_bond(self, device: Device, connection: Connection) -> None:
        """Encrypt with the keys of an earlier visit; a peer that lost its own is paired anew when it asks."""
        store = self.adapter.bonding.keys
        if await store.get(str(connection.peer_address)) is None:
            return
        try:
            await self._do(connection.encrypt())
        except (BleakError, hci.HCI_Error) as error:
            cause = error if isinstance(error, hci.HCI_Error) else error.__cause__
            # A link that fell meanwhile says nothing about the key: both sides keep theirs.
            if isinstance(cause, hci.HCI_Error) and cause.error_code == hci.HCI_ErrorCode.PIN_OR_KEY_MISSING_ERROR:
                await store.delete(str(connection.peer_address))

    async def disconnect(self) -> None:
        connection = self._connection
        if connection is not None:
            await self.adapter.do(connection.disconnect())

    def _disconnected(self, _reason: int) -> None:
        if self._connection is None:
            return
        self._connection = self._peer = None
        if self._lost is not None and not self._lost.done():
            self._lost.set_result(None)
        if self._disconnected_callback is not None:
            self._disconnected_callback()

    async def _do(self, operation: Coroutine[Any, Any, _T]) -> _T:
        return await self.adapter.do(operation, self._lost)

    async def pair(self, *_: Any, **__: Any) -> None:
        if self._open.is_encrypted and await self.adapter.bonding.keys.get(str(self._open.peer_address)):
            return
        self.adapter.bonding.operator = self.passkey_operator
        connection = self._open
        try:
            await self._do(connection.pair())
        except BleakError as error:
            if self._connection is None:
                raise
            raise BleakDBusError("org.bluez.Error.AuthenticationFailed", [str(error)]) from error
        finally:
            self.adapter.bonding.ended(self.address)

    async def unpair(self) -> None:
        await self.adapter.bonding.keys.delete(str(self._peer_address))
        await self.disconnect()

    async def read_gatt_char(self, characteristic: BleakGATTCharacteristic, *, use_cached: bool = False,
                             **_: Any) -> bytearray:
        return bytearray(await self._do(self._gatt.read_value(characteristic.obj)))

    async def read_gatt_descriptor(self, descriptor: BleakGATTDescriptor, *, use_cached: bool = False,
                                   **_: Any) -> bytearray:
        return bytearray(await self._do(self._gatt.read_value(descriptor.obj)))

    async def write_gatt_char(self, characteristic: BleakGATTCharacteristic, data: SizedBuffer,
                              response: bool) -> None:
        await self._do(self._gatt.write_value(characteristic.obj, bytes(data), with_response=response))

    async def write_gatt_descriptor(self, descriptor: BleakGATTDescriptor, data: SizedBuffer) -> None:
        await self._do(self._gatt.write_value(descriptor.obj, bytes(data), with_response=True))

    async def start_notify(self, characteristic: BleakGATTCharacteristic, callback: NotifyCallback,
                           **_: Any) -> None:
        def received(value: bytes) -> None:
            callback(bytearray(value))

        client = self._gatt.gatt_client
        try:
            await self._do(self._gatt.subscribe(characteristic.obj, received))
        except BaseException:
            # bumble keeps the subscriber of a subscription that was refused, and would call it twice after the next.
            for kept in (client.notification_subscribers, client.indication_subscribers):
                kept.pop(characteristic.handle, None)
            raise

    async def stop_notify(self, characteristic: BleakGATTCharacteristic) -> None:
        await self._do(self._gatt.unsubscribe(characteristic.obj))

    @property
    def _open(self) -> Connection:
        if self._connection is None:
            raise BleakError("not connected")
        return self._connection

    @property
    def _gatt(self) -> Peer:
        if self._peer is None:
            raise BleakError("not connected")
        return self._peer


async def _discover(peer: Peer, connection: Connection) -> BleakGATTServiceCollection:
    """Everything the peer offers, as bleak has it."""
    found = BleakGATTServiceCollection()
    for service in await peer.discover_services():
        ours = BleakGATTService(service, service.handle, full(service.uuid))
        found.add_service(ours)
        for proxy in await service.discover_characteristics():
            characteristic = BleakGATTCharacteristic(
                proxy, proxy.handle, full(proxy.uuid), list(gatt_char_props_to_strs(int(proxy.properties))),
                lambda: connection.att_mtu - 3, ours)
            found.add_characteristic(characteristic)
            for descriptor in await proxy.discover_descriptors():
                found.add_descriptor(BleakGATTDescriptor(descriptor, descriptor.handle, full(descriptor.type),
                                                         characteristic))
    return found


_ADAPTERS: list[Adapter] = []


async def close() -> None:
    """Unplug every adapter this process made: for a process that goes on, as a test's does."""
    while _ADAPTERS:
        await _ADAPTERS.pop().close()


class Control:
    """What the gateway's ladder does to an adapter (the methods of its `AdapterControl`)."""

    def __init__(self, adapter: Adapter) -> None:
        self._adapter = adapter

    async def run(self, _news: Callable[[Any], None]) -> None:
        """This adapter has no news: a host notices that it is gone when it uses it."""
        await asyncio.Event().wait()

    async def answers(self) -> bool:
        """There is no service to ask."""
        return True

    async def clear(self, linked: frozenset[str], _refused: str) -> None:
        """Hang up what nobody holds."""
        device = await self._adapter.device()
        for connection in list(device.connections.values()):
            if connection.peer_address.to_string(False) not in linked:
                with suppress(BleakError):
                    await self._adapter.do(connection.disconnect())

    async def power_cycle(self) -> None:
        """A new host on the adapter, which begins with HCI Reset."""
        await self._adapter.close()
        await self._adapter.device()

    async def restart_service(self) -> None:
        """The host is all the service there is."""
        await self.power_cycle()

    async def renew(self) -> None:
        """Nothing is believed of it between calls."""


def backend(address: str) -> tuple[type[BaseBleakScanner], type[BaseBleakClient]]:
    """Scanner and client over one adapter at `address`: bumble's transport name, `tcp-client:HOST:PORT`, and
    perhaps `,bonds=FILE`."""
    transport, _, bonds = address.partition(",bonds=")
    adapter = Adapter(transport, bonds)
    _ADAPTERS.append(adapter)
    return (type("BumbleScanner", (_Scanner,), {"adapter": adapter}),
            type("BumbleClient", (_Client,), {"adapter": adapter, "control": Control(adapter)}))
