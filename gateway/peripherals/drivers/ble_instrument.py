"""Every instrument that speaks Bluetooth Low Energy: a driver that knows `models`, not makers.

It listens always and connects at once when the instrument wakes, goes through the steps of its model, takes what it
says and commits it before it looks at the next frame. A hang-up after a record is success.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace as structural
from datetime import UTC, datetime
from typing import Final

import structlog
from msgspec.structs import replace

from protocol.channels import InstrumentState
from protocol.readings import InstrumentKind, Reading

from .. import meaning, models
from ..drain import Drain
from ..errors import DecodeError
from ..measured import Measured
from ..panel import InstrumentSink, Panel
from ..plateau import SPREAD, TAKEN_OFF, shown, unsure
from ..profiles.device_information import DeviceInformation
from ..readings import dedup_key, reading, unreadable
from . import omron_memory
from .radio import BondNeeded, Characteristic, LinkFailed, Radio, Sighting
from .taking import Frame, Taking
from .visit import Visit, manners_of, ours

_log = structlog.get_logger()

DONE_S: Final = 8.0
"""How long `done` or `failed` stays on the kiosk before the instrument is asleep again."""

EMPTY_WAITS: Final = (0.5, 2.0, 10.0, 30.0)
"""Before visiting an instrument again that keeps advertising and gave nothing: its battery pays for each visit."""

AWAY_S: Final = 60.0
"""Unheard for this long it has slept since: what wakes now is somebody's measurement."""

COMMIT_WAITS: Final = (0.1, 0.5, 2.0, 5.0)
"""Between attempts to store a record: a cuff has already forgotten it, so it is kept here until it is stored."""

RESCUE_S: Final = 2.0
"""For the records of a second at the end: the whole gateway has five seconds to go down."""

REMEMBERED: Final = 2048
"""Keys of stored records: more than the largest memory of a meter holds. The link may fall after a record was stored
and before the instrument knows; it then sends it again. Beyond a restart the store knows them."""

class BleInstrument:
    """Waits for its instrument, visits it, hands over what it says; until cancelled."""

    def __init__(self, panel: Panel, sink: InstrumentSink, radio: Radio,
                 now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._panel, self._sink, self._radio, self._now = panel, sink, radio, now
        self._known: dict[str, DeviceInformation] = {}
        self._unsure: dict[str, datetime] = {}
        self._newest: dict[str, int] = {}
        self._stored: deque[str] = deque(maxlen=REMEMBERED)
        self._uncommitted: Reading | None = None
        self._busy = False

    async def run(self) -> None:
        """One visit after another. Never ends."""
        unwatch = self._radio.watch(self._radio_changed)
        try:
            await self._live_on()
        finally:
            unwatch()

    async def _live_on(self) -> None:
        empty, left_at, loop = 0, 0.0, asyncio.get_running_loop()
        self._radio_changed()
        while True:
            sighting = await self._wait()
            if loop.time() - left_at > AWAY_S:
                empty = 0
            self._busy = True
            try:
                said = await self._meet(sighting)
            finally:
                self._busy = False
            left_at = loop.time()
            empty = 0 if said else empty + 1
            if empty:
                await asyncio.sleep(EMPTY_WAITS[min(empty, len(EMPTY_WAITS)) - 1])

    async def _wait(self) -> Sighting:
        """The next advertisement of our instrument; what the last visit showed fades meanwhile."""
        if self._panel.state in (InstrumentState.done, InstrumentState.failed):
            with suppress(TimeoutError):
                async with asyncio.timeout(DONE_S):
                    return await self._radio.sighting(self._ours)
        self._radio_changed()
        return await self._radio.sighting(self._ours)

    def _ours(self, sighting: Sighting) -> bool:
        return ours(self._panel.config, sighting)

    def _radio_changed(self) -> None:
        if self._busy:
            return
        if self._radio.problem is None:
            self._panel.show(InstrumentState.asleep)
        else:
            self._panel.show(InstrumentState.absent, self._radio.problem)

    async def _meet(self, sighting: Sighting) -> bool:
        """Whether a visit gave anything. A lost link is the everyday case: the instrument keeps what it did not get
        confirmed, and advertises again."""
        visit: Visit | None = None
        failed: str | None = None
        try:
            async with self._radio.link(sighting) as link:
                visit = Visit(link, manners_of(self._panel.config, sighting), self._panel, self._now, self._known,
                              self._unsure.get(sighting.address))
                try:
                    await visit.greet()
                    await self._collect(visit)
                except (LinkFailed, BondNeeded, asyncio.CancelledError):
                    await self._rescue(visit)
                    raise
                finally:
                    self._doubt(sighting.address, visit)
        except (LinkFailed, BondNeeded) as error:
            failed = error.code
        if failed is not None and not (visit is not None and visit.records):
            _log.warning("instrument.visit_failed", instrument=self._panel.config.instrument_id, code=failed)
        self._parted(visit, failed)
        return visit is not None and (visit.records > 0 or visit.last_live is not None)

    def _parted(self, visit: Visit | None, failed: str | None) -> None:
        """What the kiosk shows after a visit; `failed`: the link's code when it fell."""
        watched = visit is not None and visit.last_live is not None
        if visit is not None and visit.records:
            self._panel.show(InstrumentState.done)
        elif visit is not None and visit.manners.continuous and watched:
            # It was taken off before it was sure, and went to sleep: nothing failed.
            self._rest()
        elif failed is not None or watched:
            # It was measuring and went away without a result: out of reach, or switched off on the arm.
            self._panel.show(InstrumentState.failed, failed if failed == "radio.bond_needed" else self._lost_code)
        else:
            self._rest()

    def _rest(self) -> None:
        self._busy = False
        self._radio_changed()

    @property
    def _lost_code(self) -> str:
        return "cuff.link_lost" if self._panel.config.kind is InstrumentKind.blood_pressure else "radio.link_lost"

    def _doubt(self, address: str, visit: Visit) -> None:
        """Whether records stamped by a clock that no longer runs may still be in its memory: after a correction in a
        visit that did not give them, until one does."""
        given = visit.drained if visit.manners.keeps else visit.records > 0
        if given:
            self._unsure.pop(address, None)
        elif visit.clock_was_wrong() and visit.clock is not None:
            self._unsure[address] = max(visit.clock.device, self._unsure.get(address, visit.clock.device))

    async def _collect(self, visit: Visit) -> None:
        """Take what comes until the instrument hangs up or is quiet. Limits stand between records, never across a
        commit: what was received is stored first."""
        taking = Taking(visit, asyncio.get_running_loop().time())
        if visit.manners.key == models.OLDER_OMRON:
            await self._read_slots(taking)
            return
        if visit.manners.racp and visit.link.has(models.RACP):
            await self._ask_memory(taking)
        if visit.manners.measures_connected or visit.manners.continuous:
            self._off()
        try:
            await self._take(taking)
        except LinkFailed:
            await self._finish(taking)
            raise
        await self._finish(taking)

    async def _ask_memory(self, taking: Taking) -> None:
        visit = taking.visit
        taking.drain = drain = Drain(self._newest.get(visit.link.sighting.address), taking.heard)
        try:
            await visit.bonded(lambda: visit.link.write(models.RACP, drain.request))
        except LinkFailed as error:
            if visit.link.lost:
                raise
            # It measures all the same; its memory is asked for in the next visit.
            _log.warning("instrument.drain_refused", instrument=self._panel.config.instrument_id, att=error.att)
            taking.drain = None

    async def _read_slots(self, taking: Taking) -> None:
        """Everything in the memory of an older Omron; the time of its records is its own word, for its clock is not
        ours to compare."""
        visit = taking.visit
        try:
            key = bytes.fromhex(self._panel.config.key)
            async for user, slot in omron_memory.slots(visit.link, key, visit.device.model):
                await self._slot(taking, user, slot)
        except (omron_memory.KeyRefused, DecodeError) as error:
            raise BondNeeded("radio.bond_needed", error.code) from error
        visit.drained = True

    async def _slot(self, taking: Taking, user: int, slot: bytes) -> None:
        visit = taking.visit
        try:
            measured = meaning.vendor_measured(visit.manners.vendor, slot, model=visit.device.model)
        except DecodeError as error:
            if error.code != "omron.empty_slot":
                _log.info("instrument.record_unreadable", code=error.code)
            return
        taken = reading(structural(measured, user=user), slot, visit.device, visit.arrival(live=False))
        await self._store(taking, taken, slot)

    async def _take(self, taking: Taking) -> None:
        loop, visit = asyncio.get_running_loop(), taking.visit
        while taking.may_go_on(loop.time()):
            try:
                async with asyncio.timeout(taking.patience):
                    event = await visit.link.next()
            except TimeoutError:
                if taking.waiting:
                    await self._release(taking)
                    continue
                visit.drained = taking.drain is None or taking.drain.whole
                return
            if event is None:
                return
            await self._event(taking, *event)
            taking.heard = loop.time()
            if taking.drain is not None:
                taking.drain.tick(taking.heard)

    async def _rescue(self, visit: Visit) -> None:
        """The link fell before we were ready to take, or we are to end: what came and was confirmed is stored first,
        for the instrument may have deleted it. Storing the same reading twice is the store's everyday case."""
        taking = Taking(visit, asyncio.get_running_loop().time())
        with suppress(TimeoutError):
            async with asyncio.timeout(RESCUE_S):
                if self._uncommitted is not None:
                    await self._commit(self._uncommitted)
                while (event := visit.link.waiting()) is not None:
                    if event[0] in visit.manners.records:
                        await self._record(taking, *event)
                await self._release(taking)

    async def _finish(self, taking: Taking) -> None:
        """What was still in the hand. Not when we are cancelled: a meter keeps its records."""
        await self._release(taking)
        await self._removed(taking)

    async def _event(self, taking: Taking, characteristic: Characteristic, data: bytes) -> None:
        visit = taking.visit
        if characteristic == models.RACP:
            await self._answered(taking, data)
        elif characteristic == models.CURRENT_TIME:
            await visit.clock_told(data)
        elif characteristic == models.BATTERY:
            visit.charged(data)
        elif characteristic in visit.manners.live:
            await self._live(taking, characteristic, data)
        else:
            await self._record(taking, characteristic, data)

    async def _answered(self, taking: Taking, data: bytes) -> None:
        """The access point has spoken: everything was sent, or something else is to be asked."""
        await self._release(taking)
        drain, visit = taking.drain, taking.visit
        if drain is None:
            return
        try:
            request = drain.answered(data, asyncio.get_running_loop().time())
        except DecodeError as error:
            _log.info("instrument.racp_unreadable", code=error.code)
            return
        if request is not None:
            await visit.link.write(models.RACP, request)
        elif drain.over:
            visit.drained = drain.whole
            if drain.whole and taking.numbers:
                self._newest[visit.link.sighting.address] = taking.numbers[-1]
            elif not drain.whole:
                _log.warning("instrument.drain_failed", instrument=self._panel.config.instrument_id, code=drain.code)

    async def _live(self, taking: Taking, characteristic: Characteristic, data: bytes) -> None:
        visit, at = taking.visit, asyncio.get_running_loop().time()
        try:
            measured = self._measured(characteristic, data, visit)
        except DecodeError as error:
            _log.info("instrument.live_unreadable", code=error.code)
            return
        if not visit.manners.continuous:
            visit.last_live = at
            self._panel.show(InstrumentState.measuring, live=shown(measured))
        elif measured.refused is not None or not TAKEN_OFF.isdisjoint(measured.flags):
            await self._removed(taking)
            self._off()
        else:
            visit.last_live = at
            await self._follow(taking, (characteristic, data), measured, at)

    async def _follow(self, taking: Taking, frame: Frame, measured: Measured, at: float) -> None:
        """A running value that the instrument stands by: shown, and a result once it is a plateau."""
        self._panel.show(InstrumentState.measuring, live=shown(measured))
        if unsure(measured):
            taking.plateau.interrupted()
            return
        values = {q.mdc: q.value for q in measured.quantities if q.mdc in SPREAD and q.value is not None}
        result = taking.plateau.told(values, frame, at)
        if result is not None:
            await self._result(taking.visit, result)

    def _off(self) -> None:
        """It is on, and on nobody."""
        self._panel.show(InstrumentState.ready)

    async def _removed(self, taking: Taking) -> None:
        frame = taking.plateau.ended(asyncio.get_running_loop().time())
        if frame is not None:
            await self._result(taking.visit, frame)

    async def _result(self, visit: Visit, frame: Frame) -> None:
        """A frame of a plateau: measured now."""
        measured = self._measured(*frame, visit)
        await self._commit(reading(measured, frame[1], visit.device, visit.arrival(live=True)))
        visit.records += 1

    def _measured(self, characteristic: Characteristic, data: bytes, visit: Visit) -> Measured:
        if isinstance(characteristic, str):
            return meaning.vendor_measured(visit.manners.vendor, data, model=visit.device.model)
        return meaning.measured(characteristic, data, model=visit.device.model, feature=visit.feature)

    async def _record(self, taking: Taking, characteristic: Characteristic, data: bytes) -> None:
        """A result, or a part of one: what belongs together is stored together."""
        visit = taking.visit
        live = taking.watched(asyncio.get_running_loop().time())
        arrival = visit.arrival(live)
        try:
            if not isinstance(characteristic, int):
                raise DecodeError("characteristic.unknown", characteristic)
            whole = taking.assembly.feed(characteristic, data)
        except DecodeError as error:
            await self._store(taking, unreadable(data, error.code, visit.device, arrival), data)
            return
        taking.waiting = not whole
        for found in whole:
            await self._store(taking, reading(found.measured, found.frame, visit.device, arrival), found.frame)

    async def _release(self, taking: Taking) -> None:
        """A second part did not come: the first stands alone."""
        taking.waiting = False
        for found in taking.assembly.finish():
            arrival = taking.visit.arrival(live=False)
            await self._store(taking, reading(found.measured, found.frame, taking.visit.device, arrival), found.frame)

    async def _store(self, taking: Taking, taken: Reading, raw: bytes) -> None:
        visit = taking.visit
        visit.last_live = None
        taken = self._identified(taking, taken, raw)
        if taken.error:
            _log.warning("instrument.record_unreadable", instrument=self._panel.config.instrument_id, code=taken.error)
        key = dedup_key(taken)
        if key in self._stored:
            _log.info("instrument.record_again", instrument=self._panel.config.instrument_id)
        else:
            await self._commit(taken)
            self._stored.append(key)
        visit.records += 1
        if taking.drain is not None:
            taking.drain.record(taken.record, asyncio.get_running_loop().time())
        if taken.record is not None:
            taking.numbers.append(taken.record)
        self._panel.show(InstrumentState.done)

    def _identified(self, taking: Taking, taken: Reading, raw: bytes) -> Reading:
        """A memory that is sent whole each time tells two records without a stamp apart by their place alone: the
        n-th of its like is the same one in every visit, so it gets the same identifier."""
        if taken.device_time or taken.taken_at is not None or not taking.visit.manners.keeps:
            return taken
        taking.alike[raw] += 1
        parts = (taken.device.device_id, taken.kind.value, raw.hex(), str(taking.alike[raw]))
        return replace(taken, reading_id=hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32])

    async def _commit(self, taken: Reading) -> None:
        attempt, self._uncommitted = 0, taken
        while True:
            try:
                await self._sink.reading(taken)
                self._uncommitted = None
                return
            except Exception as error:
                # Whatever the store's reason, the only copy is here.
                _log.error("instrument.not_stored", error=type(error).__name__)
                self._panel.show(InstrumentState.failed, "instrument.not_stored")
            await asyncio.sleep(COMMIT_WAITS[min(attempt, len(COMMIT_WAITS) - 1)])
            attempt += 1
