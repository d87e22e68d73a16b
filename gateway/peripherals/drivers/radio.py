"""Bluetooth Low Energy: listen always, connect at once, every call with its limit. The only importer of bleak.

The scanner rests while a connection is made (bleak issue 631) and is started anew after a silence that BlueZ
alone does not explain. With `RadioConfig.backend` another bleak backend takes BlueZ's place.
"""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final

import structlog
from bleak import BleakClient, BleakScanner
from bleak.backends.characteristic import BleakGATTCharacteristic
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData
from bleak.exc import BleakDBusError, BleakError, BleakGATTProtocolError
from bleak_retry_connector import establish_connection

from ..config import RadioConfig
from ..errors import InstrumentFailed, PeripheralError

_log = structlog.get_logger()

SCAN_START_S: Final = 15.0
"""BlueZ answers StartDiscovery within a second; past this its call hangs (bluez issue 2377)."""

SCAN_RETRY_S: Final = 2.0
"""Between attempts while there is no adapter: it shows again within a USB enumeration."""

SILENCE_S: Final = 20.0
"""Without any advertisement for this long the scanner is started anew, which also notices an adapter that was pulled
out. A third of the minute a cuff advertises, so that a dead adapter costs no record; a restart costs milliseconds."""

CONNECT_S: Final = 20.0
"""All attempts together; a cuff listens for about a minute after its measurement, and nothing else is heard
meanwhile: after this it is looked for again."""

CONNECT_ATTEMPTS: Final = 4

OPERATION_S: Final = 6.0
"""One GATT operation: a few connection intervals of at most 4 s; past it the link is dead."""

PAIR_S: Final = 15.0
"""Just Works pairing computes a P-256 key on a small processor: up to some seconds."""

EVENTS: Final = 256
"""Notifications waiting to be read: a cuff's whole memory (at most 200 records) and its live pressure."""

_BOND_NEEDED = frozenset({0x05, 0x08, 0x0F})
"""ATT: insufficient authentication, authorization, encryption (Core 5.4, Vol 3, Part F, 3.4.1.1)."""

_BOND_NEEDED_DBUS = frozenset({"org.bluez.Error.NotPermitted", "org.bluez.Error.NotAuthorized"})

_LOST = (BleakError, OSError, EOFError)
"""What bleak and D-Bus raise; a timeout is an OSError."""


class BondNeeded(PeripheralError):
    """The characteristic wants an encrypted link: pair, then ask again."""


class LinkFailed(InstrumentFailed):
    """The connection was lost, refused or is silent. `att` is the device's own error number, if it gave one."""

    def __init__(self, code: str, detail: str = "", att: int | None = None) -> None:
        super().__init__(code, detail)
        self.att = att


@dataclass(frozen=True, slots=True)
class Sighting:
    """A device that advertises now."""

    address: str
    name: str
    device: BLEDevice


def characteristic_uuid(number: int) -> str:
    """The 128-bit form of a 16-bit UUID (Core 5.4, Vol 3, Part B, 2.5.1)."""
    return f"0000{number:04x}-0000-1000-8000-00805f9b34fb"


class Link:
    """One connection's life. `next` gives (characteristic number, bytes) as they come, then None for ever."""

    def __init__(self, sighting: Sighting) -> None:
        self.sighting = sighting
        self._events: asyncio.Queue[tuple[int, bytes] | None] = asyncio.Queue(EVENTS + 1)
        self._gone = False
        self._client: BleakClient | None = None

    @property
    def lost(self) -> bool:
        """The device hung up, or is out of reach."""
        return self._gone

    def has(self, number: int) -> bool:
        """Whether the device offers this characteristic."""
        return self._client is not None and self._find(number) is not None

    async def read(self, number: int) -> bytes:
        """Value of a characteristic. BondNeeded, LinkFailed."""
        return bytes(await self._operate(self._open.read_gatt_char(self._must(number)), OPERATION_S))

    async def write(self, number: int, data: bytes) -> None:
        """Write with response. BondNeeded, LinkFailed."""
        await self._operate(self._open.write_gatt_char(self._must(number), data, response=True), OPERATION_S)

    async def subscribe(self, number: int) -> None:
        """Indications or notifications of `number` come out of `next`. BondNeeded, LinkFailed."""
        def received(_: BleakGATTCharacteristic, data: bytearray) -> None:
            # A full queue refuses: on a stack that confirms after the callback the device keeps its record.
            if self._events.qsize() >= EVENTS:
                raise asyncio.QueueFull
            self._events.put_nowait((number, bytes(data)))

        await self._operate(self._open.start_notify(self._must(number), received), OPERATION_S)

    async def pair(self) -> None:
        """Bond; Just Works, or what the system's agent answers. LinkFailed."""
        await self._operate(self._open.pair(), PAIR_S)

    async def next(self) -> tuple[int, bytes] | None:
        """The next notification; None once the link is lost and everything received was given."""
        if self._gone and self._events.empty():
            return None
        return await self._events.get()

    def disconnected(self, _: BleakClient) -> None:
        """bleak's callback; it also comes from attempts that failed before the one that stands."""
        if self._client is not None and not self._gone:
            self._gone = True
            self._events.put_nowait(None)

    def opened(self, client: BleakClient) -> None:
        """The connection stands and its services are known. LinkFailed when it fell meanwhile."""
        self._client = client
        if not client.is_connected:
            self._gone = True
            raise LinkFailed("radio.link_lost", self.sighting.address)

    async def close(self) -> None:
        """Hang up; idempotent, limited in time."""
        client, self._client = self._client, None
        if client is not None:
            with suppress(*_LOST):
                async with asyncio.timeout(OPERATION_S):
                    await client.disconnect()

    @property
    def _open(self) -> BleakClient:
        if self._client is None or self._gone:
            raise LinkFailed("radio.link_lost", self.sighting.address)
        return self._client

    def _find(self, number: int) -> BleakGATTCharacteristic | None:
        uuid = characteristic_uuid(number)
        # Device Name's service aside, some cuffs have Date Time twice; the first one is the profile's.
        return next((c for service in self._open.services for c in service.characteristics if c.uuid == uuid), None)

    def _must(self, number: int) -> BleakGATTCharacteristic:
        found = self._find(number)
        if found is None:
            raise LinkFailed("radio.characteristic_missing", f"{number:#06x}")
        return found

    async def _operate(self, operation: Any, limit: float) -> Any:
        try:
            async with asyncio.timeout(limit):
                return await operation
        except TimeoutError as error:
            raise LinkFailed("radio.timeout", self.sighting.address) from error
        except BleakGATTProtocolError as error:
            if int(error.code) in _BOND_NEEDED:
                raise BondNeeded("radio.bond_needed", f"{int(error.code):#04x}") from error
            raise LinkFailed("radio.refused", f"{int(error.code):#04x}", att=int(error.code)) from error
        except BleakDBusError as error:
            if error.dbus_error in _BOND_NEEDED_DBUS:
                raise BondNeeded("radio.bond_needed", error.dbus_error) from error
            raise LinkFailed("radio.refused", error.dbus_error) from error
        except _LOST as error:
            raise LinkFailed("radio.link_lost", type(error).__name__) from error


class Radio:
    """The adapter, shared by all Bluetooth instruments."""

    def __init__(self, config: RadioConfig) -> None:
        """ValueError when the named backend does not exist."""
        self._scanner_options, self._client_options = _options(config)
        self._waiting: list[tuple[Callable[[str, str], bool], asyncio.Future[Sighting]]] = []
        self._watchers: list[Callable[[], None]] = []
        self._connecting = asyncio.Lock()
        self._heard = 0.0
        self._wake = asyncio.Event()
        self._scanning = asyncio.Event()
        self._resting = asyncio.Event()
        self._resting.set()
        self._rests = 0
        self._anew = False
        self.problem: str | None = "radio.missing"

    def watch(self, changed: Callable[[], None]) -> None:
        """`changed` is called when `problem` changes."""
        self._watchers.append(changed)

    async def run(self) -> None:
        """Listen until cancelled."""
        while True:
            if self._rests:
                self._wake.clear()
                await self._wake.wait()
                continue
            try:
                await self._listen()
            except _LOST as error:
                self._say("radio.missing", type(error).__name__)
                await asyncio.sleep(SCAN_RETRY_S)

    async def sighting(self, wanted: Callable[[str, str], bool]) -> Sighting:
        """The next advertisement whose (address, name) is `wanted`."""
        future: asyncio.Future[Sighting] = asyncio.get_running_loop().create_future()
        entry = (wanted, future)
        self._waiting.append(entry)
        try:
            return await future
        finally:
            self._waiting.remove(entry)

    @asynccontextmanager
    async def link(self, sighting: Sighting) -> AsyncIterator[Link]:
        """A connection, hung up at the end. LinkFailed `radio.not_connected` when it can't be made."""
        link = Link(sighting)
        try:
            async with self._connecting, self._rest():
                await self._connect(link)
            yield link
        finally:
            # A visited device is only reported again by a scan that has not seen it; and a link that broke may
            # be an adapter that was pulled out, which a running scan does not notice.
            self._anew = True
            self._wake.set()
            await link.close()

    async def _connect(self, link: Link) -> None:
        try:
            async with asyncio.timeout(CONNECT_S):
                client = await establish_connection(
                    BleakClient, link.sighting.device, link.sighting.name, link.disconnected,
                    max_attempts=CONNECT_ATTEMPTS, use_services_cache=False, **self._client_options)
        except _LOST as error:
            raise LinkFailed("radio.not_connected", type(error).__name__) from error
        link.opened(client)

    @asynccontextmanager
    async def _rest(self) -> AsyncIterator[None]:
        self._rests += 1
        self._wake.set()
        try:
            await self._resting.wait()
            yield
        finally:
            self._rests -= 1
            self._wake.set()

    async def _listen(self) -> None:
        loop = asyncio.get_running_loop()
        scanner = BleakScanner(self._advertised, **self._scanner_options)
        self._resting.clear()
        self._anew = False
        try:
            async with asyncio.timeout(SCAN_START_S):
                await scanner.start()
            self._say(None)
            self._heard = loop.time()
            while not (self._rests or self._anew) and loop.time() - self._heard < SILENCE_S:
                self._wake.clear()
                with suppress(TimeoutError):
                    async with asyncio.timeout_at(self._heard + SILENCE_S):
                        await self._wake.wait()
        finally:
            try:
                with suppress(*_LOST):
                    async with asyncio.timeout(OPERATION_S):
                        await scanner.stop()
            finally:
                self._resting.set()

    def _advertised(self, device: BLEDevice, data: AdvertisementData) -> None:
        self._heard = asyncio.get_running_loop().time()
        name = data.local_name or device.name or ""
        for wanted, future in self._waiting:
            if not future.done() and wanted(device.address, name):
                future.set_result(Sighting(device.address, name, device))

    def _say(self, problem: str | None, detail: str = "") -> None:
        if problem == self.problem:
            return
        self.problem = problem
        _log.info("radio.found" if problem is None else problem, detail=detail)
        for changed in self._watchers:
            changed()


def _options(config: RadioConfig) -> tuple[dict[str, Any], dict[str, Any]]:
    """What BleakScanner and BleakClient get: an adapter, or another backend's classes."""
    if not config.backend:
        bluez: dict[str, Any] = {"bluez": {"adapter": config.address}} if config.address else {}
        return bluez, bluez
    module, _, name = config.backend.partition(":")
    try:
        make = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise ValueError(f"radio backend {config.backend!r} can't be loaded: {error}") from error
    scanner, client = make(config.address)
    return {"backend": scanner}, {"backend": client}
