"""Bluetooth Low Energy: listen always, connect at once, every call with its limit.

This module, `radio_link` and `bluez*` are the only importers of bleak and of D-Bus. The scanner rests while a
connection is made (bleak issue 631) and is started anew after a silence that BlueZ alone does not explain; what to do
about an adapter that stays silent, refuses or hangs is `recovery`'s to say. With `RadioConfig.backend` another bleak
backend takes BlueZ's place.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from types import MappingProxyType
from typing import Final

import structlog
from bleak import BleakClient, BleakScanner
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData
from bleak.exc import BleakDeviceNotFoundError
from bleak_retry_connector import establish_connection

from ..config import RadioConfig
from .radio_backend import backend, is_stuck, why_deaf
from .radio_control import News, StepFailed
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
from .radio_passkey import PasskeyOperator, Person
from .recovery import Facts, Recovery, Sign, Step

__all__ = ["BondNeeded", "Characteristic", "Facts", "Link", "LinkFailed", "PasskeyOperator", "Radio", "Sighting",
           "full_uuid"]

_log = structlog.get_logger()

SCAN_START_S: Final = 15.0
"""BlueZ answers StartDiscovery within a second; past this its call hangs (bluez issue 2377)."""

SCAN_RETRY_S: Final = 2.0
"""Between attempts while there is no adapter: it shows again within a USB enumeration."""

REDISCOVER_S: Final = 20.0
"""Without any advertisement for this long the scanner is started anew, which also notices an adapter that was pulled
out. A third of the minute a cuff advertises, so that a dead adapter costs no record; a restart costs milliseconds."""

CONNECT_S: Final = 20.0
"""All attempts together; a cuff listens for about a minute after its measurement, and nothing else is heard
meanwhile: after this it is looked for again."""

CONNECT_ATTEMPTS: Final = 4

STEP_S: Final = 15.0
"""One rung, whatever it consists of: a new bluetoothd needs 12 s at most, records of a market place one call each."""

RECENT_S: Final = 60.0
"""How long a device that was heard is worth showing to a person who looks for it: a cuff's pairing mode."""

RECENT: Final = 64
"""Devices remembered from the air: a market place has more, the farthest in time make room."""

NO_SIGNAL: Final = -127
"""What bleak says of a device that BlueZ only knows of (a change of its record, not an advertisement)."""


class Radio:
    """The adapter, shared by all Bluetooth instruments. `problem`: why nothing can be heard now."""

    def __init__(self, config: RadioConfig) -> None:
        """ValueError when the named backend does not exist."""
        self.problem: str | None = "radio.missing"
        self._person = Person(self._name_of, self._person_asked)
        self._stack = backend(config, self._person, self._bonding)
        self._control = self._stack.control
        self._recovery: Recovery | None = None
        self._waiting: list[tuple[Callable[[Sighting], bool], asyncio.Future[Sighting]]] = []
        self._recent: dict[str, Sighting] = {}
        self._links: dict[str, Link] = {}
        self._refused = ""
        self._pairing: tuple[str, asyncio.Timeout] | None = None
        self._watchers: list[Callable[[], None]] = []
        self._connecting = asyncio.Lock()
        self._heard = 0.0
        self._wake, self._doubted = asyncio.Event(), asyncio.Event()
        self._resting = asyncio.Event()
        self._resting.set()
        self._rests = 0
        self._anew = self._stale = False
        self._start_refused = 0
        self._fresh_from = 0.0

    @property
    def passkeys(self) -> PasskeyOperator | None:
        """Who is asked for the digits of a bond; without one such a bond fails, Just Works needs none."""
        return self._person.operator

    @passkeys.setter
    def passkeys(self, operator: PasskeyOperator | None) -> None:
        self._person.operator = operator

    @property
    def recovery(self) -> Facts:
        """What is doubted and what was done about it, for the health report; `since` on the loop's clock."""
        return self._recovery.facts if self._recovery else Facts()

    def watch(self, changed: Callable[[], None]) -> Callable[[], None]:
        """`changed` is called when `problem` or `recovery` changes, and must not block; until what is returned is
        called."""
        self._watchers.append(changed)
        return lambda: self._watchers.remove(changed)

    def expect(self) -> None:
        """A person waits for an instrument now: a silence that looked like an empty place is looked into."""
        self._note(Sign.expected)

    async def run(self) -> None:
        """Listen, and keep the adapter well, until cancelled."""
        self._recovery = self._recovery or Recovery(asyncio.get_running_loop().time())
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._control.run(self._told), name="radio.control")
            tasks.create_task(self._keep_well(), name="radio.recovery")
            await self._keep_listening()

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
            self._anew = True
            self._wake.set()
            try:
                await link.close()
            finally:
                if self._links.pop(sighting.address, None) is not None:
                    self._note(Sign.parted)

    async def bond(self, sighting: Sighting) -> None:
        """Connect, pair, hang up. LinkFailed."""
        async with self.link(sighting) as link:
            await link.pair()

    async def forget(self, address: str) -> None:
        """Remove the bond and whatever else is kept of a device; nothing happens when there is nothing.
        LinkFailed when the adapter does not answer."""
        known = self._recent.pop(address, None)
        client = BleakClient(known.device if known else address, **self._stack.client)
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
                max_attempts=CONNECT_ATTEMPTS, use_services_cache=False, **self._stack.client)
            # Nothing may come between: a connection nobody holds is never hung up.
            link.opened(client)

        address = link.sighting.address
        if link.sighting.seen_at < self._fresh_from:
            raise LinkFailed("radio.not_connected", "seen before a step")
        try:
            await within(CONNECT_S, connect())
        except LinkFailed:
            raise
        except LOST as error:
            self._refused = address
            hung = isinstance(error, TimeoutError) and not await self._control.answers()
            self._note(Sign.hung if hung else Sign.stuck if is_stuck(error) else Sign.refused)
            raise LinkFailed("radio.not_connected", type(error).__name__) from error
        self._links[address] = link
        self._note(Sign.linked)

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

    async def _keep_listening(self) -> None:
        await self._stack.settled()
        while True:
            if self._rests:
                self._wake.clear()
                await self._wake.wait()
                continue
            try:
                await self._listen()
            except LOST as error:
                self._deafened(error)
                self._wake.clear()
                with suppress(TimeoutError):
                    # News of the adapter ends the wait.
                    async with asyncio.timeout(SCAN_RETRY_S):
                        await self._wake.wait()

    async def _listen(self) -> None:
        loop = asyncio.get_running_loop()
        scanner = BleakScanner(self._advertised, **self._stack.scanner)
        self._resting.clear()
        self._anew = False
        try:
            if self._stale and not self._links:
                self._stale = False
                await self._control.renew()
            await within(SCAN_START_S, scanner.start())
            self._start_refused = 0
            self._note(Sign.listening)
            self._say(None)
            self._heard = loop.time()
            while not (self._rests or self._anew) and loop.time() - self._heard < REDISCOVER_S:
                self._wake.clear()
                with suppress(TimeoutError):
                    async with asyncio.timeout_at(self._heard + REDISCOVER_S):
                        await self._wake.wait()
        finally:
            self._note(Sign.deafened)
            try:
                await within(OPERATION_S, scanner.stop())
            except TimeoutError:
                # A discovery that may still run is refused when it is asked for again, unless it is disowned.
                self._stale = True
                self._note(Sign.hung)
            except LOST:
                self._stale = True
            finally:
                self._resting.set()

    def _deafened(self, error: BaseException) -> None:
        """Why there is no discovery."""
        self._stale = True
        sign = why_deaf(error)
        if sign is Sign.stuck:
            # Refused once may be the discovery that an earlier connection of ours still has: it is disowned first.
            self._start_refused += 1
            if self._start_refused == 1:
                return
            sign = Sign.hung
        self._note(sign)
        self._say(f"radio.{sign.value}", type(error).__name__)

    async def _keep_well(self) -> None:
        """Take each step of the ladder when it is due, alone with the adapter."""
        loop, recovery = asyncio.get_running_loop(), self._recovery
        assert recovery is not None
        while True:
            self._doubted.clear()
            due = recovery.due(loop.time())
            if due > loop.time():
                with suppress(TimeoutError):
                    async with asyncio.timeout_at(None if due == math.inf else due):
                        await self._doubted.wait()
                continue
            async with self._connecting:
                # Whoever was connecting may have succeeded: then nothing is due any more.
                step = recovery.step(loop.time())
                if step is not None:
                    async with self._rest():
                        recovery.done(loop.time(), await self._take(step, recovery.facts))
            self._tell()

    async def _take(self, step: Step, facts: Facts) -> bool:
        """Whether the step could be taken; whether it helped is for the air to say."""
        self._outdate()
        try:
            match step:
                case Step.record:
                    await within(STEP_S, self._control.clear(frozenset(self._links), self._refused))
                case Step.power:
                    await within(STEP_S, self._control.power_cycle())
                case Step.service:
                    await within(STEP_S, self._control.restart_service())
        except (StepFailed, *LOST) as error:
            code = error.code if isinstance(error, StepFailed) else "radio.step_failed"
            _log.warning("radio.step_failed", step=step.value, doubt=facts.doubt, code=code,
                         detail=error.detail if isinstance(error, StepFailed) else type(error).__name__)
            return False
        _log.warning("radio.step_taken", step=step.value, doubt=facts.doubt)
        return True

    def _told(self, news: News) -> None:
        """The adapter came or went: what was connected is not, and discovery begins anew."""
        if news is News.gone:
            for link in self._links.values():
                link.disconnected()
        self._outdate()
        self._anew = True
        self._wake.set()

    def _outdate(self) -> None:
        """What was seen before now may be gone from the stack: connecting to it would only cost its limit."""
        self._stale = True
        self._fresh_from = asyncio.get_running_loop().time()

    def _note(self, sign: Sign) -> None:
        if self._recovery is None:
            return
        cured = self._recovery.note(asyncio.get_running_loop().time(), sign)
        if cured is not None:
            _log.info("radio.recovered", doubt=cured.value)
            self._tell()
        if sign is not Sign.heard:
            # What is heard only puts a step off, and a market place is heard a hundred times a second.
            self._doubted.set()

    def _advertised(self, device: BLEDevice, data: AdvertisementData) -> None:
        if data.rssi <= NO_SIGNAL or device.address in self._links:
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
        self._note(Sign.heard)

    def _be_patient(self, sighting: Sighting, limit: asyncio.Timeout | None) -> None:
        """A pairing began, or ended with `limit` None."""
        self._pairing = None if limit is None else (sighting.address, limit)
        if limit is None:
            self._stack.bonded()

    def _person_asked(self) -> None:
        if self._pairing is not None:
            self._pairing[1].reschedule(asyncio.get_running_loop().time() + PASSKEY_S)

    def _bonding(self, address: str) -> bool:
        return self._pairing is not None and self._pairing[0].upper() == address.upper()

    def _name_of(self, device: str) -> str:
        """What a person knows the device by."""
        known = self._recent.get(device)
        return known.name if known and known.name else device

    def _say(self, problem: str | None, detail: str = "") -> None:
        if problem == self.problem:
            return
        self.problem = problem
        _log.info("radio.found" if problem is None else problem, detail=detail)
        self._tell()

    def _tell(self) -> None:
        for changed in self._watchers:
            changed()
