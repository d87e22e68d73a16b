"""A bleak backend whose adapter is a socket: the gateway's Bluetooth host over the simulated radio space.

`backend("tcp-client:127.0.0.1:PORT")` gives bleak's two backend classes. What BlueZ does by itself (resume a bond,
negotiate the MTU, discover services) is done here too; errors are those that bleak documents.
"""

from __future__ import annotations

import asyncio
import hashlib
import uuid
from collections.abc import Callable, Coroutine
from typing import Any, Final, TypeVar

from bleak.args import SizedBuffer
from bleak.assigned_numbers import gatt_char_props_to_strs
from bleak.backends.characteristic import BleakGATTCharacteristic
from bleak.backends.client import BaseBleakClient, NotifyCallback
from bleak.backends.descriptor import BleakGATTDescriptor
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData, BaseBleakScanner
from bleak.backends.service import BleakGATTService, BleakGATTServiceCollection
from bleak.exc import (
    BleakBluetoothNotAvailableError,
    BleakBluetoothNotAvailableReason,
    BleakError,
    BleakGATTProtocolError,
)
from bumble import hci
from bumble.att import ATT_Error
from bumble.core import AdvertisingData, BaseBumbleError
from bumble.device import Advertisement, Connection, Device, Peer
from bumble.hci import Address
from bumble.pairing import PairingConfig
from bumble.transport import open_transport
from bumble.transport.common import Transport

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

    def __init__(self, address: str) -> None:
        self._address = address
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
            device.pairing_config_factory = lambda _: PairingConfig(sc=True, mitm=False, bonding=True)
            try:
                await device.power_on()
            except BaseBumbleError as error:
                await transport.close()
                raise BleakError(f"the adapter does not start: {type(error).__name__}") from error
            self._device = device
            return device


    async def do(self, operation: Coroutine[Any, Any, _T]) -> _T:
        """Await bumble and raise what bleak would.

        bumble cancels its own futures when a link is lost, which must not look like a cancellation of the caller;
        a caller that is cancelled lets an HCI command come to its answer first, or the next command would get it;
        and what is asked of an adapter that was pulled out fails at once.
        """
        inner = asyncio.ensure_future(operation)
        waited: set[asyncio.Future[Any]] = {inner}
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
        if device is not None and self.adapter.plugged:
            await self.adapter.do(device.stop_scanning())

    def _seen(self, advertisement: Advertisement) -> None:
        data = advertisement.data
        uuids = [str(uuid.UUID(u.to_hex_str("-"))) if len(u.uuid_bytes) == 16 else
                 f"0000{u.to_hex_str().lower()}-0000-1000-8000-00805f9b34fb"
                 for kind in (AdvertisingData.COMPLETE_LIST_OF_16_BIT_SERVICE_CLASS_UUIDS,
                              AdvertisingData.INCOMPLETE_LIST_OF_16_BIT_SERVICE_CLASS_UUIDS,
                              AdvertisingData.COMPLETE_LIST_OF_128_BIT_SERVICE_CLASS_UUIDS)
                 for u in data.get(kind) or ()]
        if not self.is_allowed_uuid(uuids):
            return
        name = data.get(AdvertisingData.COMPLETE_LOCAL_NAME) or data.get(AdvertisingData.SHORTENED_LOCAL_NAME)
        address = advertisement.address.to_string(False)
        seen = AdvertisementData(local_name=name, manufacturer_data={}, service_data={}, service_uuids=uuids,
                                 tx_power=None, rssi=advertisement.rssi, platform_data=())
        key = str(advertisement.address)
        self.call_detection_callbacks(
            self.create_or_update_device(key, address, name, advertisement.address, seen), seen)


class _Client(BaseBleakClient):
    adapter: Adapter

    def __init__(self, address_or_ble_device: BLEDevice | str, *,
                 disconnected_callback: Callable[[], None] | None, timeout: float, **_: Any) -> None:
        super().__init__(address_or_ble_device, disconnected_callback=disconnected_callback, timeout=timeout)
        # Found by scanning, the address has its type; typed by a person it is a static random one, like ours.
        known = address_or_ble_device.details if isinstance(address_or_ble_device, BLEDevice) else None
        self._peer_address = known if isinstance(known, Address) else Address(self.address)
        self._device: Device | None = None
        self._connection: Connection | None = None
        self._peer: Peer | None = None

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
        connection = await self.adapter.do(device.connect(self._peer_address, timeout=limit))
        self._connection = connection
        connection.on(Connection.EVENT_DISCONNECTION, self._disconnected)
        try:
            await self._resume_bond(device, connection)
            self._peer = peer = Peer(connection)
            await self.adapter.do(peer.request_mtu(MTU))
            self.services = await self.adapter.do(_discover(peer))
            if pair:
                await self.pair()
        except BaseException:
            await self.disconnect()
            raise

    async def _resume_bond(self, device: Device, connection: Connection) -> None:
        """Encrypt with the keys of an earlier visit; a peer that lost its own is paired anew when it asks."""
        store = device.keystore
        if store is None or await store.get(str(connection.peer_address)) is None:
            return
        try:
            await self.adapter.do(connection.encrypt())
        except (BleakError, hci.HCI_Error):
            await store.delete(str(connection.peer_address))

    async def disconnect(self) -> None:
        connection = self._connection
        if connection is not None:
            await self.adapter.do(connection.disconnect())

    def _disconnected(self, _reason: int) -> None:
        if self._connection is None:
            return
        self._connection = self._peer = None
        if self._disconnected_callback is not None:
            self._disconnected_callback()

    async def pair(self, *_: Any, **__: Any) -> None:
        await self.adapter.do(self._open.pair())

    async def unpair(self) -> None:
        if self._device is not None and self._device.keystore is not None:
            await self._device.keystore.delete(str(self._peer_address))
        await self.disconnect()

    async def read_gatt_char(self, characteristic: BleakGATTCharacteristic, *, use_cached: bool = False,
                             **_: Any) -> bytearray:
        return bytearray(await self.adapter.do(self._gatt.read_value(characteristic.obj)))

    async def read_gatt_descriptor(self, descriptor: BleakGATTDescriptor, *, use_cached: bool = False,
                                   **_: Any) -> bytearray:
        return bytearray(await self.adapter.do(self._gatt.read_value(descriptor.obj)))

    async def write_gatt_char(self, characteristic: BleakGATTCharacteristic, data: SizedBuffer,
                              response: bool) -> None:
        await self.adapter.do(self._gatt.write_value(characteristic.obj, bytes(data), with_response=response))

    async def write_gatt_descriptor(self, descriptor: BleakGATTDescriptor, data: SizedBuffer) -> None:
        await self.adapter.do(self._gatt.write_value(descriptor.obj, bytes(data), with_response=True))

    async def start_notify(self, characteristic: BleakGATTCharacteristic, callback: NotifyCallback,
                           **_: Any) -> None:
        def received(value: bytes) -> None:
            callback(bytearray(value))

        await self.adapter.do(self._gatt.subscribe(characteristic.obj, received))

    async def stop_notify(self, characteristic: BleakGATTCharacteristic) -> None:
        await self.adapter.do(self._gatt.unsubscribe(characteristic.obj))

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


async def _discover(peer: Peer) -> BleakGATTServiceCollection:
    """Everything the peer offers, as bleak has it."""
    found = BleakGATTServiceCollection()
    for service in await peer.discover_services():
        ours = BleakGATTService(service, service.handle, _full(service.uuid))
        found.add_service(ours)
        for proxy in await service.discover_characteristics():
            characteristic = BleakGATTCharacteristic(
                proxy, proxy.handle, _full(proxy.uuid), list(gatt_char_props_to_strs(int(proxy.properties))),
                lambda: MTU - 3, ours)
            found.add_characteristic(characteristic)
            for descriptor in await proxy.discover_descriptors():
                found.add_descriptor(BleakGATTDescriptor(descriptor, descriptor.handle, _full(descriptor.type),
                                                         characteristic))
    return found


def _full(number: Any) -> str:
    return str(uuid.UUID(bytes=bytes(reversed(number.to_bytes(force_128=True)))))


_ADAPTERS: list[Adapter] = []


async def close() -> None:
    """Unplug every adapter this process made: for a process that goes on, as a test's does."""
    while _ADAPTERS:
        await _ADAPTERS.pop().close()


def backend(address: str) -> tuple[type[BaseBleakScanner], type[BaseBleakClient]]:
    """Scanner and client over one adapter at `address` (bumble's transport name, `tcp-client:HOST:PORT`)."""
    adapter = Adapter(address)
    _ADAPTERS.append(adapter)
    return (type("BumbleScanner", (_Scanner,), {"adapter": adapter}),
            type("BumbleClient", (_Client,), {"adapter": adapter}))
