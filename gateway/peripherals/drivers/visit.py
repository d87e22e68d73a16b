"""One connection with a radio instrument: the steps of its model in their order, and what they found out.

A step that fails on its own (a clock that can't be read, no Device Information) leaves the visit standing; a lost
link or a bond that is refused ends it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, TypeVar

import structlog

from protocol.readings import Device

from .. import meaning, models
from ..config import InstrumentConfig
from ..errors import DecodeError, InstrumentFailed, PeripheralError
from ..models import ClockRule, Manners, Step
from ..panel import Panel
from ..profiles import battery, current_time, date_time, device_information
from ..profiles.device_information import DeviceInformation
from ..readings import Arrival, Clock
from .radio import BondNeeded, Link, LinkFailed, Sighting

_log = structlog.get_logger()
_T = TypeVar("_T")

CLOCK_WRONG: Final = timedelta(seconds=60)
"""A correction larger than this makes the times of records left in an instrument's memory worthless."""


FEATURES: Final = dict(meaning.FEATURES.values())
"""Decoders of feature characteristics, by number."""


def recognised(sighting: Sighting) -> Manners | None:
    """What the advertisement says it is; None when no driver of ours knows it."""
    return models.recognise(sighting.name, sighting.offers, sighting.manufacturers)


def ours(config: InstrumentConfig, sighting: Sighting) -> bool:
    """Whether this is the device that the configuration means."""
    source = config.source
    return bool(source) and (sighting.address.upper() == source.upper() or sighting.name.startswith(source))


def manners_of(config: InstrumentConfig, sighting: Sighting) -> Manners:
    """How to live with it: by the configuration's word, by the advertisement, else as its kind's profile says."""
    manners = models.BY_KEY.get(config.model) or recognised(sighting)
    if manners is None or manners.kind is not config.kind:
        generic = models.GENERIC.get(config.kind)
        if generic is None:
            raise PeripheralError("instrument.unknown_model", config.model)
        return generic
    return manners


async def device_information_of(link: Link) -> DeviceInformation:
    """Who it says it is; what it does not say, or not without a bond, is empty."""
    values: dict[int, bytes] = {}
    for number in (*device_information.STRINGS, device_information.SYSTEM_ID):
        if link.has(number):
            with suppress(InstrumentFailed, BondNeeded):
                values[number] = await link.read(number)
    return device_information.decode(values)


@dataclass(slots=True)
class Visit:
    """What is known in one connection. `known` remembers who a device is from visit to visit."""

    link: Link
    manners: Manners
    panel: Panel
    now: Callable[[], datetime]
    known: dict[str, DeviceInformation]
    unsure_until: datetime | None = None
    info: DeviceInformation = field(default_factory=DeviceInformation)
    clock: Clock | None = None
    corrected: Clock | None = None
    feature: int | None = None
    last_live: float | None = None
    subscribed_at: float | None = None
    records: int = 0
    drained: bool = False
    """It said everything: it was quiet, or its access point confirmed."""

    @property
    def device(self) -> Device:
        """As readings carry it."""
        config, address = self.panel.config, self.link.sighting.address
        return Device(device_id=f"ble:{address.lower()}", kind=config.kind, maker=self.info.maker,
                      model=self.info.model or self.link.sighting.name[:device_information.LINE],
                      serial=self.info.serial, firmware=self.info.firmware, simulated=config.simulated)

    def arrival(self, live: bool) -> Arrival:
        """How a frame comes that is received now."""
        return Arrival(self.now(), self.clock, live, self.corrected, self.unsure_until)

    async def greet(self) -> None:
        """All steps of the model. LinkFailed, BondNeeded."""
        await asyncio.sleep(self.manners.settle_s)
        self.manners = models.found_out(self.manners, self.link.has)
        steps: dict[Step, Callable[[], Awaitable[None]]] = {
            Step.bond: self._bond, Step.identify: self._identify, Step.read_clock: self._read_clock,
            Step.set_clock: self._set_clock, Step.feature: self._read_feature, Step.subscribe: self._subscribe,
            Step.battery: self._battery}
        for step in self.manners.order:
            if step in steps:
                await steps[step]()

    async def bonded(self, step: Callable[[], Awaitable[_T]]) -> _T:
        """`step`, after pairing if the device asks for it."""
        try:
            return await step()
        except BondNeeded:
            await self._bond()
            return await step()

    async def clock_told(self, data: bytes) -> None:
        """It notified its own time: what it says now is its clock, and it is corrected when it is far off."""
        try:
            told = current_time.decode(data).time
        except DecodeError as error:
            _log.info("visit.clock_unread", code=error.code)
            return
        if told is None:
            return
        self.clock = self._beside(told)
        if abs(self.clock.device - self.clock.local) > self.manners.clock_slack:
            await self._write_clock()

    def clock_was_wrong(self) -> bool:
        """Whether this visit corrected it by more than a minute."""
        return (self.clock is not None and self.corrected is not None
                and abs(self.clock.device - self.clock.local) > CLOCK_WRONG)

    async def _bond(self) -> None:
        """BondNeeded when it refuses while it is in reach: a person has to pair it."""
        try:
            await self.link.pair()
        except LinkFailed as error:
            if self.link.lost:
                raise
            raise BondNeeded("radio.bond_needed", error.code) from error

    async def _identify(self) -> None:
        address = self.link.sighting.address
        if address not in self.known:
            info = await device_information_of(self.link)
            if not self.link.lost:
                self.known[address] = info
            self.info = info
        else:
            self.info = self.known[address]
        self.manners = models.refine(self.manners, self.info.model)

    async def _read_clock(self) -> None:
        """Its clock beside ours, before we touch it; None when it can't be read or was never set."""
        number = self._clock_at
        if number is None:
            return
        try:
            data = await self.bonded(lambda: self.link.read(number))
            device = date_time.decode(data) if number == models.DATE_TIME else current_time.decode(data).time
        except (InstrumentFailed, DecodeError) as error:
            _log.info("visit.clock_unread", code=error.code)
            return
        self.clock = self._beside(device) if device else None

    async def _set_clock(self) -> None:
        if self.manners.clock is ClockRule.always:
            await self._write_clock()

    async def _write_clock(self) -> None:
        number = self._clock_at
        if number is None:
            return
        ours = self._beside(self._local().replace(microsecond=0))
        data = date_time.encode(ours.device) if number == models.DATE_TIME else current_time.encode(ours.device)
        try:
            await self.bonded(lambda: self.link.write(number, data))
        except LinkFailed as error:
            if error.att not in self.manners.ignored:
                _log.info("visit.clock_unset", code=error.code)
                return
        self.corrected = ours

    async def _read_feature(self) -> None:
        number = self.manners.feature
        decode = FEATURES.get(number) if number is not None else None
        if number is not None and decode is not None and self.link.has(number):
            with suppress(InstrumentFailed, BondNeeded, DecodeError):
                self.feature = decode(await self.link.read(number))

    async def _subscribe(self) -> None:
        wanted = [*self.manners.live, *self.manners.records]
        if self.manners.racp:
            wanted.append(models.RACP)
        if self.manners.clock is ClockRule.on_notice:
            wanted.insert(0, models.CURRENT_TIME)
        wanted.append(models.BATTERY)
        for characteristic in wanted:
            other = models.SAME_AS.get(characteristic)
            if not self.link.has(characteristic) or (other is not None and self.link.has(other)):
                continue
            try:
                await self.bonded(lambda number=characteristic: self.link.subscribe(number))  # type: ignore[misc]
            except LinkFailed:
                # A battery that only answers when asked, an intermediate value that is not offered after all.
                if characteristic in self.manners.records or self.link.lost:
                    raise
        self.subscribed_at = asyncio.get_running_loop().time()

    async def _battery(self) -> None:
        if self.link.has(models.BATTERY):
            with suppress(InstrumentFailed, BondNeeded):
                self.charged(await self.link.read(models.BATTERY))

    def charged(self, data: bytes) -> None:
        """What Battery Level 0x2A19 said."""
        with suppress(DecodeError):
            self.panel.charge(battery.decode(data))

    @property
    def _clock_at(self) -> int | None:
        if self.manners.clock is ClockRule.never:
            return None
        return next((n for n in (models.DATE_TIME, models.CURRENT_TIME) if self.link.has(n)), None)

    def _local(self) -> datetime:
        return self.now().astimezone().replace(tzinfo=None)

    def _beside(self, device: datetime) -> Clock:
        wall = self.now()
        return Clock(device, wall, wall.astimezone().replace(tzinfo=None))
