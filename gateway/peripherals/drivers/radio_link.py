"""One connection to a Bluetooth Low Energy device: read, write, subscribe, pair, each with its limit."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final, TypeVar

import structlog
from bleak import BleakClient
from bleak.backends.characteristic import BleakGATTCharacteristic
from bleak.backends.device import BLEDevice
from bleak.exc import BleakDBusError, BleakError, BleakGATTProtocolError

from ..errors import InstrumentFailed, PeripheralError

_log = structlog.get_logger()
_T = TypeVar("_T")

Characteristic = int | str
"""A 16-bit assigned number, or a maker's own 128-bit UUID as a string."""

OPERATION_S: Final = 6.0
"""One GATT operation: a few connection intervals of at most 4 s; past it the link is dead."""

PAIR_S: Final = 15.0
"""Just Works pairing computes a P-256 key on a small processor: up to some seconds."""

PASSKEY_S: Final = 40.0
"""From the moment a person is asked for digits: SMP itself gives up 30 s after its last PDU (Core 5.4, Vol 3,
Part H, 3.4), and the stack needs a moment to say so."""

LET_GO_S: Final = 3.0
"""What a cancelled call of bleak's gets for its own clean-up, which waits for D-Bus without a limit."""

EVENTS: Final = 256
"""Notifications waiting to be read: a cuff's whole memory (at most 200 records) and its live pressure."""

LEAST_WRITE: Final = 20
"""ATT_MTU 23, which every device has, less opcode and handle (Core 5.4, Vol 3, Part F, 3.4.5.3)."""

NOTIFY_WAITS: Final = (0.1, 0.25, 0.5)
"""Before asking again for notifications that D-Bus, not the device, refused: BlueZ still works on what it did
before (bleak issues 1885, 472). Well within the five seconds that a cuff gives us."""

_BOND_NEEDED = frozenset({0x05, 0x08, 0x0F})
"""ATT: insufficient authentication, authorization, encryption (Core 5.4, Vol 3, Part F, 3.4.1.1)."""

_BOND_NEEDED_DBUS = frozenset({"org.bluez.Error.NotPermitted", "org.bluez.Error.NotAuthorized"})

_REFUSED_FOR_NOW = frozenset({"org.bluez.Error.Failed", "org.bluez.Error.InProgress", "org.bluez.Error.NotReady"})

LOST: Final = (BleakError, OSError, EOFError)
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
    """An advertisement, with what was known of its device before.

    `services` and the keys of `service_data` are 128-bit UUIDs in lower case; `manufacturers` has the makers' company
    numbers; `rssi` in dBm; `seen_at` on the loop's clock, s: a device is connectable for moments after it.
    """

    address: str
    name: str
    device: BLEDevice
    services: frozenset[str] = frozenset()
    manufacturers: Mapping[int, bytes] = field(default_factory=lambda: MappingProxyType({}))
    service_data: Mapping[str, bytes] = field(default_factory=lambda: MappingProxyType({}))
    rssi: int = 0
    seen_at: float = 0.0

    def offers(self, service: Characteristic) -> bool:
        """Whether the advertisement names this service."""
        return full_uuid(service) in self.services


def full_uuid(number: Characteristic) -> str:
    """The 128-bit form in lower case of a 16-bit UUID (Core 5.4, Vol 3, Part B, 2.5.1)."""
    return number.lower() if isinstance(number, str) else f"0000{number:04x}-0000-1000-8000-00805f9b34fb"


async def within(limit: float, operation: Coroutine[Any, Any, _T]) -> _T:
    """The result of `operation`; TimeoutError after `limit` s, even when its own clean-up never ends.

    A cancelled connect of bleak's waits for the answer of Disconnect without a limit: a bluetoothd that hangs
    would hold whoever waits with asyncio.timeout alone.
    """
    task = asyncio.ensure_future(operation)
    try:
        done, _ = await asyncio.wait({task}, timeout=limit)
        if not done:
            raise TimeoutError(f"{limit} s")
        return task.result()
    finally:
        while not task.done():
            task.cancel()
            await asyncio.wait({task}, timeout=LET_GO_S)
        if not task.cancelled():
            task.exception()


class Link:
    """One connection's life. `next` gives (characteristic, bytes) as they come, then None for ever."""

    def __init__(self, sighting: Sighting, heard: Callable[[], None] = lambda: None,
                 patience: Callable[[Sighting, asyncio.Timeout | None], None] = lambda _, __: None) -> None:
        """`heard` is called with everything the device says; `patience` gets the limit of a pairing while it runs,
        for whoever asks a person for digits meanwhile."""
        self.sighting = sighting
        self._heard, self._patience = heard, patience
        self._events: asyncio.Queue[tuple[Characteristic, bytes] | None] = asyncio.Queue(EVENTS + 1)
        self._subscribed: set[str] = set()
        self._gone = False
        self._client: BleakClient | None = None

    @property
    def lost(self) -> bool:
        """The device hung up, or is out of reach."""
        return self._gone

    @property
    def maximum_write(self) -> int:
        """Octets that one write takes; 20 until the device and we have agreed on more."""
        if self._client is None or self._gone:
            return LEAST_WRITE
        found = [c.max_write_without_response_size for s in self._client.services for c in s.characteristics]
        return max(found, default=LEAST_WRITE)

    def has(self, characteristic: Characteristic) -> bool:
        """Whether the device offers this characteristic."""
        return self._client is not None and not self._gone and self._find(characteristic) is not None

    async def read(self, characteristic: Characteristic) -> bytes:
        """Value of a characteristic. BondNeeded, LinkFailed."""
        return bytes(await self._operate(self._open.read_gatt_char(self._must(characteristic)), OPERATION_S))

    async def write(self, characteristic: Characteristic, data: bytes, *, response: bool = True) -> None:
        """Write, and wait for the device's response unless told not to. BondNeeded, LinkFailed."""
        await self._operate(
            self._open.write_gatt_char(self._must(characteristic), data, response=response), OPERATION_S)

    async def subscribe(self, characteristic: Characteristic) -> None:
        """Indications or notifications come out of `next` under the name used here; again does nothing.
        BondNeeded, LinkFailed."""
        uuid = full_uuid(characteristic)
        if uuid in self._subscribed:
            return

        def received(_: BleakGATTCharacteristic, data: bytearray) -> None:
            # What an earlier connection's bus still delivers is not ours: it would be stored twice.
            if self._gone or self._client is None:
                return
            self._heard()
            # A full queue refuses: on a stack that confirms after the callback the device keeps its record.
            if self._events.qsize() >= EVENTS:
                raise asyncio.QueueFull
            self._events.put_nowait((characteristic, bytes(data)))

        found = self._must(characteristic)
        for wait in (*NOTIFY_WAITS, None):
            try:
                await self._operate(self._open.start_notify(found, received), OPERATION_S)
                break
            except LinkFailed as error:
                if wait is None or error.att is not None or error.detail not in _REFUSED_FOR_NOW:
                    raise
                _log.info("radio.notify_refused", error=error.detail)
                await asyncio.sleep(wait)
        self._subscribed.add(uuid)

    async def pair(self) -> None:
        """Bond: Just Works, or with digits that a person types or reads (`Radio.passkeys`). LinkFailed."""
        try:
            async with asyncio.timeout(PAIR_S) as limit:
                self._patience(self.sighting, limit)
                # The limit within is never the first to end: a person may move the one without.
                await self._operate(self._open.pair(), PASSKEY_S)
        except TimeoutError as error:
            raise LinkFailed("radio.timeout", self.sighting.address) from error
        finally:
            self._patience(self.sighting, None)

    async def next(self) -> tuple[Characteristic, bytes] | None:
        """The next notification; None once the link is lost and everything received was given."""
        if self._gone and self._events.empty():
            return None
        return await self._events.get()

    def waiting(self) -> tuple[Characteristic, bytes] | None:
        """A notification that has come already; None when none waits."""
        return None if self._events.empty() else self._events.get_nowait()

    def disconnected(self, client: BleakClient | None = None) -> None:
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
            with suppress(*LOST):
                await within(OPERATION_S, client.disconnect())

    @property
    def _open(self) -> BleakClient:
        if self._client is None or self._gone:
            raise LinkFailed("radio.link_lost", self.sighting.address)
        return self._client

    def _find(self, characteristic: Characteristic) -> BleakGATTCharacteristic | None:
        uuid = full_uuid(characteristic)
        # Device Name's service aside, some cuffs have Date Time twice; the first one is the profile's.
        return next((c for service in self._open.services for c in service.characteristics if c.uuid == uuid), None)

    def _must(self, characteristic: Characteristic) -> BleakGATTCharacteristic:
        found = self._find(characteristic)
        if found is None:
            raise LinkFailed("radio.characteristic_missing", full_uuid(characteristic))
        return found

    async def _operate(self, operation: Coroutine[Any, Any, _T], limit: float) -> _T:
        try:
            return await within(limit, operation)
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
        except LOST as error:
            raise LinkFailed("radio.link_lost", type(error).__name__) from error
