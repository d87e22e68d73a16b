"""Bluetooth Low Energy: listen always, connect at once, every call with its limit.

This module, `radio_link` and `bluez` are the only importers of bleak and of D-Bus. The scanner rests while a
connection is made (bleak issue 631) and is started anew after a silence that BlueZ alone does not explain. With
`RadioConfig.backend` another bleak backend takes BlueZ's place.
"""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from types import MappingProxyType
from typing import Any, Final, Protocol

import structlog
from bleak import BleakClient, BleakScanner
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData
from bleak.exc import BleakDeviceNotFoundError
from bleak_retry_connector import establish_connection

from ..config import RadioConfig
from .radio_link import (
    LOST,
    OPERATION_S,
    PASSKEY_S,
    BondNeeded,
    Characteristic,
    Link,
    LinkFailed,
    Sighting,
    full_uuid,
    within,
)

__all__ = ["BondNeeded", "Characteristic", "Link", "LinkFailed", "PasskeyOperator", "Radio", "Sighting", "full_uuid"]

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

RECENT_S: Final = 60.0
"""How long a device that was heard is worth showing to a person who looks for it: a cuff's pairing mode."""

RECENT: Final = 64
"""Devices remembered from the air: a market place has more, the farthest in time make room."""

NO_SIGNAL: Final = -127
"""What bleak says of a device that BlueZ only knows of (a change of its record, not an advertisement)."""


class PasskeyOperator(Protocol):
    """The person with the instrument in her hands."""

    async def enter(self, name: str) -> str | None:
        """The six digits that the device `name` shows; None when she gives up. Cancelled when it is too late."""

    def show(self, name: str, passkey: str | None) -> None:
        """Six digits to type on the device `name`; None when they are no longer wanted. Must not block."""


class Radio:
    """The adapter, shared by all Bluetooth instruments.

    `passkeys` is set by whoever can ask the nurse; without one a bond that needs digits fails. A backend other than
    BlueZ finds the same operator as the attribute `passkey_operator` that is set on its client class.
    """

    def __init__(self, config: RadioConfig) -> None:
        """ValueError when the named backend does not exist."""
        self.passkeys: PasskeyOperator | None = None
        self._person = _Person(self)
        self._scanner_options, self._client_options = _options(config, self._person)
        self._waiting: list[tuple[Callable[[Sighting], bool], asyncio.Future[Sighting]]] = []
        self._recent: dict[str, Sighting] = {}
        self._linked: set[str] = set()
        self._pairing: asyncio.Timeout | None = None
        self._watchers: list[Callable[[], None]] = []
        self._connecting = asyncio.Lock()
        self._heard = 0.0
        self._wake = asyncio.Event()
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
            except LOST as error:
                self._say("radio.missing", type(error).__name__)
                await asyncio.sleep(SCAN_RETRY_S)

    def sightings(self) -> tuple[Sighting, ...]:
        """Devices that advertised in the last minute, the latest first; age is the loop's time less `seen_at`."""
        since = asyncio.get_running_loop().time() - RECENT_S
        return tuple(s for s in sorted(self._recent.values(), key=lambda s: -s.seen_at) if s.seen_at >= since)

    async def sighting(self, wanted: Callable[[Sighting], bool]) -> Sighting:
        """The next advertisement that is `wanted`; none of a device that is connected."""
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
        link = Link(sighting, self._alive, self._be_patient)
        try:
            async with self._connecting, self._rest():
                await self._connect(link)
            yield link
        finally:
            # A visited device is only reported again by a scan that has not seen it; and a link that broke may
            # be an adapter that was pulled out, which a running scan does not notice.
            self._linked.discard(sighting.address)
            self._anew = True
            self._wake.set()
            await link.close()

    async def bond(self, sighting: Sighting) -> None:
        """Connect, pair, hang up. LinkFailed."""
        async with self.link(sighting) as link:
            await link.pair()

    async def forget(self, address: str) -> None:
        """Remove the bond and whatever else is kept of a device; nothing happens when there is nothing.
        LinkFailed when the adapter does not answer."""
        known = self._recent.pop(address, None)
        client = BleakClient(known.device if known else address, **self._client_options)
        try:
            await within(OPERATION_S, client.unpair())
        except BleakDeviceNotFoundError:
            return
        except LOST as error:
            raise LinkFailed("radio.not_forgotten", type(error).__name__) from error

    async def _connect(self, link: Link) -> None:
        async def connect() -> None:
            client = await establish_connection(
                BleakClient, link.sighting.device, link.sighting.name, link.disconnected,
                max_attempts=CONNECT_ATTEMPTS, use_services_cache=False, **self._client_options)
            # Nothing may come between: a connection nobody holds is never hung up.
            link.opened(client)

        try:
            await within(CONNECT_S, connect())
        except LinkFailed:
            raise
        except LOST as error:
            raise LinkFailed("radio.not_connected", type(error).__name__) from error
        self._linked.add(link.sighting.address)

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
            await within(SCAN_START_S, scanner.start())
            self._say(None)
            self._heard = loop.time()
            while not (self._rests or self._anew) and loop.time() - self._heard < SILENCE_S:
                self._wake.clear()
                with suppress(TimeoutError):
                    async with asyncio.timeout_at(self._heard + SILENCE_S):
                        await self._wake.wait()
        finally:
            try:
                with suppress(*LOST):
                    await within(OPERATION_S, scanner.stop())
            finally:
                self._resting.set()

    def _advertised(self, device: BLEDevice, data: AdvertisementData) -> None:
        if data.rssi <= NO_SIGNAL or device.address in self._linked:
            return
        self._alive()
        seen = Sighting(
            device.address, data.local_name or device.name or "", device,
            frozenset(uuid.lower() for uuid in data.service_uuids), MappingProxyType(dict(data.manufacturer_data)),
            MappingProxyType({uuid.lower(): value for uuid, value in data.service_data.items()}), data.rssi,
            asyncio.get_running_loop().time())
        self._recent.pop(device.address, None)
        self._recent[device.address] = seen
        if len(self._recent) > RECENT:
            del self._recent[next(iter(self._recent))]
        for wanted, future in self._waiting:
            if not future.done() and wanted(seen):
                future.set_result(seen)

    def _alive(self) -> None:
        self._heard = asyncio.get_running_loop().time()

    def _be_patient(self, limit: asyncio.Timeout | None) -> None:
        self._pairing = limit

    def person_asked(self) -> None:
        """A pairing under way waits for a person from now on."""
        if self._pairing is not None:
            self._pairing.reschedule(asyncio.get_running_loop().time() + PASSKEY_S)

    def name_of(self, device: str) -> str:
        """What a person knows the device by."""
        known = self._recent.get(device.upper()) or self._recent.get(device)
        return known.name if known and known.name else device

    def _say(self, problem: str | None, detail: str = "") -> None:
        if problem == self.problem:
            return
        self.problem = problem
        _log.info("radio.found" if problem is None else problem, detail=detail)
        for changed in self._watchers:
            changed()


class _Person:
    """The operator that backends get: the one of the moment, who may need longer than a machine."""

    def __init__(self, radio: Radio) -> None:
        self._radio = radio

    async def enter(self, name: str) -> str | None:
        """`name` may be an address."""
        if self._radio.passkeys is None:
            return None
        self._radio.person_asked()
        return await self._radio.passkeys.enter(self._radio.name_of(name))

    def show(self, name: str, passkey: str | None) -> None:
        """`name` may be an address."""
        if self._radio.passkeys is not None:
            self._radio.person_asked()
            self._radio.passkeys.show(self._radio.name_of(name), passkey)


def _options(config: RadioConfig, person: PasskeyOperator) -> tuple[dict[str, Any], dict[str, Any]]:
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
    client.passkey_operator = person
    return {"backend": scanner}, {"backend": client}
