"""Blood pressure cuffs of the A&D UA-651BLE kind: a standard Blood Pressure Service with a maker's manners.

It advertises for about a minute around a measurement, wants a bond, its Date Time written within five seconds,
sends what it holds oldest first as indications, and hangs up by itself. A hang-up after a record is success.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, TypeVar

import structlog

from protocol.channels import InstrumentState
from protocol.readings import Device, Reading

from ..errors import DecodeError, InstrumentFailed
from ..panel import InstrumentSink, Panel
from ..profiles import blood_pressure as profile
from ..profiles import date_time, device_information
from ..profiles.device_information import DeviceInformation
from ..readings import Arrival, Clock, blood_pressure, dedup_key
from .radio import BondNeeded, Link, LinkFailed, Radio, Sighting

_log = structlog.get_logger()
_T = TypeVar("_T")

MEASUREMENT, INTERMEDIATE, FEATURE, DATE_TIME = 0x2A35, 0x2A36, 0x2A49, 0x2A08

QUIET_S: Final = 4.0
"""Nothing heard for this long: the cuff has said everything (seen with some 66 models that never hang up)."""

LIVE_WITHIN_S: Final = 5.0
"""A record this soon after a live pressure is the measurement we watched: deflation and computing take 2-3 s."""

VISIT_S: Final = 180.0
"""One visit at most: a measurement lasts 60 s, a full memory of 200 records 20 s."""

DONE_S: Final = 8.0
"""How long `done` or `failed` stays on the kiosk before the cuff is asleep again."""

EMPTY_WAITS: Final = (0.5, 2.0, 10.0, 30.0)
"""Before visiting a cuff again that keeps advertising and gave nothing: its battery pays for each visit."""

COMMIT_WAITS: Final = (0.1, 0.5, 2.0, 5.0)
"""Between attempts to store a record: the cuff has already forgotten it, so it is kept here until it is stored."""

CLOCK_WRONG: Final = timedelta(seconds=60)
"""A correction larger than this makes the times of records left in the cuff's memory worthless."""

REMEMBERED: Final = 512
"""Keys of stored records: more than a cuff's memory holds. The link may fall after a record was stored and before
the cuff knows; it then sends it again."""

DATA_FIELD_IGNORED: Final = 0x80
"""ATT application error that cuffs answer to a time they already have: success in practice (BLS, Omron)."""


@dataclass
class _Visit:
    """What is known in one connection."""

    device: Device
    clock: Clock | None = None
    corrected: Clock | None = None
    feature: int | None = None
    unsure_until: datetime | None = None
    last_pressure: float | None = None
    records: int = 0


class Ua651ble:
    """Waits for the cuff, visits it, hands over what it says; until cancelled."""

    DRIVERS: Final = ("ua651ble",)

    def __init__(self, panel: Panel, sink: InstrumentSink, radio: Radio,
                 now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._panel, self._sink, self._radio, self._now = panel, sink, radio, now
        self._known: dict[str, DeviceInformation] = {}
        self._unsure: dict[str, datetime] = {}
        self._stored: deque[str] = deque(maxlen=REMEMBERED)
        self._busy = False
        radio.watch(self._radio_changed)

    async def run(self) -> None:
        """One visit after another. Never ends."""
        empty = 0
        self._radio_changed()
        while True:
            sighting = await self._wait()
            self._busy = True
            try:
                records = await self._meet(sighting)
            finally:
                self._busy = False
            empty = 0 if records else empty + 1
            if empty:
                await asyncio.sleep(EMPTY_WAITS[min(empty, len(EMPTY_WAITS)) - 1])

    async def _wait(self) -> Sighting:
        """The next advertisement of our cuff; what the last visit showed fades meanwhile."""
        if self._panel.state in (InstrumentState.done, InstrumentState.failed):
            with suppress(TimeoutError):
                async with asyncio.timeout(DONE_S):
                    return await self._radio.sighting(self._ours)
        self._radio_changed()
        return await self._radio.sighting(self._ours)

    def _ours(self, seen: Sighting) -> bool:
        source = self._panel.config.source
        return seen.address.upper() == source.upper() or seen.name.startswith(source)

    def _radio_changed(self) -> None:
        if self._busy:
            return
        if self._radio.problem is None:
            self._panel.show(InstrumentState.asleep)
        else:
            self._panel.show(InstrumentState.absent, self._radio.problem)

    async def _meet(self, sighting: Sighting) -> int:
        """Number of records a visit gave. A lost link is the everyday case: the cuff keeps what it did not get
        confirmed, and advertises again."""
        visit: _Visit | None = None
        try:
            async with self._radio.link(sighting) as link:
                visit = _Visit(await self._identify(link))
                try:
                    await self._greet(link, visit)
                    await self._collect(link, visit)
                finally:
                    self._doubt(sighting.address, visit)
        except (LinkFailed, BondNeeded) as error:
            if visit is None or not visit.records:
                _log.warning("cuff.visit_failed", instrument=self._panel.config.instrument_id, code=error.code)
                self._panel.show(InstrumentState.failed, "cuff.link_lost")
                return 0
        if visit is not None and visit.records:
            self._panel.show(InstrumentState.done)
            return visit.records
        if visit is not None and visit.last_pressure is not None:
            # It was measuring and went away without a result: out of reach, or switched off on the arm.
            self._panel.show(InstrumentState.failed, "cuff.link_lost")
        else:
            self._busy = False
            self._radio_changed()
        return 0

    async def _greet(self, link: Link, visit: _Visit) -> None:
        """Its clock as it is, then subscribe and set its clock: the order and the five seconds are A&D's."""
        visit.unsure_until = self._unsure.get(link.sighting.address)
        visit.clock = await self._read_clock(link)
        with suppress(InstrumentFailed, DecodeError):
            visit.feature = profile.feature(await link.read(FEATURE)) if link.has(FEATURE) else None
        if link.has(INTERMEDIATE):
            await self._bonded(link, lambda: link.subscribe(INTERMEDIATE))
        await self._bonded(link, lambda: link.subscribe(MEASUREMENT))
        await self._set_clock(link, visit)

    async def _identify(self, link: Link) -> Device:
        address = link.sighting.address
        if address not in self._known:
            values: dict[int, bytes] = {}
            for number in (*device_information.STRINGS, device_information.SYSTEM_ID):
                if link.has(number):
                    with suppress(InstrumentFailed, BondNeeded):
                        values[number] = await link.read(number)
            info = device_information.decode(values)
            if not link.lost:
                self._known[address] = info
        else:
            info = self._known[address]
        return Device(device_id=f"ble:{address.lower()}", kind=self._panel.config.kind, maker=info.maker,
                      model=info.model or link.sighting.name, serial=info.serial, firmware=info.firmware,
                      simulated=self._panel.config.simulated)

    async def _read_clock(self, link: Link) -> Clock | None:
        """The cuff's clock beside ours, before we touch it; None when it can't be read or was never set."""
        if not link.has(DATE_TIME):
            return None
        try:
            device = date_time.decode(await self._bonded(link, lambda: link.read(DATE_TIME)))
        except (InstrumentFailed, DecodeError) as error:
            _log.info("cuff.clock_unread", code=error.code)
            return None
        return self._clock(device) if device else None

    async def _set_clock(self, link: Link, visit: _Visit) -> None:
        if not link.has(DATE_TIME):
            return
        ours = self._clock(self._local().replace(microsecond=0))
        try:
            await self._bonded(link, lambda: link.write(DATE_TIME, date_time.encode(ours.device)))
        except LinkFailed as error:
            if error.att != DATA_FIELD_IGNORED:
                _log.info("cuff.clock_unset", code=error.code)
                return
        visit.corrected = ours

    def _doubt(self, address: str, visit: _Visit) -> None:
        """Whether records stamped by a clock that no longer runs may still be in its memory: after a correction in a
        visit that gave nothing, until one gives its records."""
        if visit.records:
            self._unsure.pop(address, None)
        elif visit.clock and visit.corrected and abs(visit.clock.device - visit.clock.local) > CLOCK_WRONG:
            self._unsure[address] = max(visit.clock.device, self._unsure.get(address, visit.clock.device))

    async def _collect(self, link: Link, visit: _Visit) -> None:
        """Take what comes until the cuff hangs up or is quiet. The limit stands between records, never across a
        commit: what was received is stored first."""
        loop = asyncio.get_running_loop()
        until = loop.time() + VISIT_S
        while loop.time() < until:
            try:
                async with asyncio.timeout(QUIET_S):
                    event = await link.next()
            except TimeoutError:
                return
            if event is None:
                return
            number, data = event
            if number == INTERMEDIATE:
                self._pressure(data, visit)
            else:
                await self._record(data, visit)

    def _pressure(self, data: bytes, visit: _Visit) -> None:
        visit.last_pressure = asyncio.get_running_loop().time()
        try:
            pressure = profile.cuff_pressure(data)
        except DecodeError as error:
            _log.info("cuff.pressure_unreadable", code=error.code)
            return
        self._panel.show(InstrumentState.measuring, pressure=pressure)

    async def _record(self, data: bytes, visit: _Visit) -> None:
        live = (visit.last_pressure is not None
                and asyncio.get_running_loop().time() - visit.last_pressure < LIVE_WITHIN_S)
        visit.last_pressure = None
        arrival = Arrival(self._now(), visit.clock, live, visit.corrected, visit.unsure_until)
        reading = blood_pressure(data, visit.feature, visit.device, arrival)
        if reading.error:
            _log.warning("cuff.record_unreadable", instrument=self._panel.config.instrument_id, code=reading.error)
        key = dedup_key(reading)
        if key in self._stored:
            _log.info("cuff.record_again", instrument=self._panel.config.instrument_id)
        else:
            await self._commit(reading)
            self._stored.append(key)
        visit.records += 1
        self._panel.show(InstrumentState.done)

    async def _commit(self, reading: Reading) -> None:
        attempt = 0
        while True:
            try:
                await self._sink.reading(reading)
                return
            except Exception as error:
                # Whatever the store's reason, the only copy is here.
                _log.error("instrument.not_stored", error=type(error).__name__)
                self._panel.show(InstrumentState.failed, "instrument.not_stored")
            await asyncio.sleep(COMMIT_WAITS[min(attempt, len(COMMIT_WAITS) - 1)])
            attempt += 1

    async def _bonded(self, link: Link, step: Callable[[], Awaitable[_T]]) -> _T:
        """`step`, after pairing if the cuff asks for it."""
        try:
            return await step()
        except BondNeeded:
            await link.pair()
            return await step()

    def _local(self) -> datetime:
        return self._now().astimezone().replace(tzinfo=None)

    def _clock(self, device: datetime) -> Clock:
        wall = self._now()
        return Clock(device, wall, wall.astimezone().replace(tzinfo=None))
