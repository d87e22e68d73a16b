"""The open encounter in memory and on disk: each change is committed first, then shown.

Whoever changes it holds `turn()`. A caller that is cancelled in the middle leaves the memory in doubt;
the next turn reads it again from the store, whose jobs run in order.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from msgspec.structs import replace

from gateway.store import Store, StoreConflict
from gateway.store.records import EncounterCounts, EncounterRecord, UnfinishedRecord
from protocol.channels import EncounterSummary
from protocol.kiosk import StillReview, TrayItem
from protocol.prescription import PrescriptionView
from protocol.readings import Event, EventBody, Reading, ReadingTaken, Still, StillTaken, Waveform
from protocol.signalling import EncounterState, FromVehicle

from .errors import Refused
from .guard import Chair, Moment
from .states import IN_CALL, PHASES, State, Step, follow


@dataclass(slots=True)
class Stream:
    """A waveform that runs. `waveform` is None until its begin is committed: before, nothing is sent live."""

    instrument_id: str
    encounter_id: str
    waveform: Waveform | None = None
    chunks: int = 0


@dataclass(slots=True)
class _Memory:
    """What is shown of the open encounter beyond its record."""

    readings: list[Reading] = field(default_factory=list)
    stills: list[Still] = field(default_factory=list)
    counts: EncounterCounts = field(default_factory=lambda: EncounterCounts(0, 0))
    prescriptions: tuple[PrescriptionView, ...] = ()
    review: StillReview | None = None


class Chart:
    """State of the session. `changed` is called when something visible did, `committed` after each event."""

    def __init__(self, store: Store, now: Callable[[], datetime], changed: Callable[[], None],
                 clock: Callable[[], float]) -> None:
        self.store = store
        self.now = now
        self._clock = clock
        self.changed = changed
        self.committed: Callable[[Event], None] = lambda _: None
        self.record: EncounterRecord | None = None
        self.streams: dict[int, Stream] = {}
        self.tray: tuple[TrayItem, ...] = ()
        self.unfinished: tuple[UnfinishedRecord, ...] = ()
        self.outbox = 0
        self._opened: Moment | None = None
        self._left: Moment | None = None
        self.ready = asyncio.Event()
        self._memory = _Memory()
        self._lock = asyncio.Lock()
        self._doubt = True

    @property
    def readings(self) -> tuple[Reading, ...]:
        return tuple(self._memory.readings)

    @property
    def stills(self) -> tuple[Still, ...]:
        return tuple(self._memory.stills)

    @property
    def counts(self) -> EncounterCounts:
        return self._memory.counts

    @property
    def prescriptions(self) -> tuple[PrescriptionView, ...]:
        return self._memory.prescriptions

    @property
    def review(self) -> StillReview | None:
        return self._memory.review

    @property
    def state(self) -> State:
        """Where the open encounter stands; `closed` when there is none."""
        return State(self.record.stage) if self.record else State.closed

    @property
    def chair(self) -> Chair:
        """For the guard."""
        now = self.moment()
        left_at = self._left.on(now) if self._left else None
        if self.record is None or self._opened is None:
            return Chair(left_at=left_at)
        return Chair(self.record.encounter_id, self._opened.on(now), left_at)

    @property
    def summary(self) -> EncounterSummary | None:
        """For the doctor."""
        r = self.record
        return None if r is None else EncounterSummary(
            encounter_id=r.encounter_id, patient=r.patient, reason=r.reason, urgency=r.urgency,
            opened_at=r.opened_at, consent_at=r.consent_at, nurse=r.nurse.name, reason_words=r.reason_words)

    @property
    def snapshot(self) -> EncounterState | None:
        """For the relay; None when it need not know of the encounter."""
        return None if self.record is None else snapshot(self.record)

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """One change after the other. Raises StoreError when what is in doubt cannot be read again."""
        async with self._lock:
            try:
                if self._doubt:
                    await self._read()
                yield
            except asyncio.CancelledError:
                self._doubt = True
                raise

    def moment(self, at: datetime | None = None) -> Moment:
        """Now, or a moment that the wall clock, as it goes now, calls `at`."""
        now = self.now()
        at = at or now
        return Moment(at, self._clock() - (now - at).total_seconds())

    def require(self) -> EncounterRecord:
        """The open encounter; Refused(`encounter.none`)."""
        if self.record is None:
            raise Refused("encounter.none")
        return self.record

    async def open(self, record: EncounterRecord) -> None:
        """Commit a new encounter. Raises Refused(`encounter.open`), StoreError."""
        try:
            await self.store.encounters.open(record)
        except StoreConflict as conflict:
            raise Refused(conflict.code) from conflict
        self.record, self._memory, self.streams = record, _Memory(), {}
        self._opened = self.moment(record.opened_at)
        self.changed()

    async def save(self, **changes: Any) -> EncounterRecord:
        """Commit changed fields of the record. Raises Refused(`encounter.none`), StoreError."""
        record = replace(self.require(), **changes)
        if record != self.record:
            await self.store.encounters.save(record)
            self.record = record
            self.changed()
        return record

    async def move(self, step: Step, **changes: Any) -> EncounterRecord:
        """Commit a step. Raises Refused(`encounter.none`, `encounter.step`), StoreError."""
        return await self.save(stage=follow(State(self.require().stage), step).value, **changes)

    async def close(self, record: EncounterRecord, bodies: Sequence[FromVehicle]) -> None:
        """Commit the end of the open encounter: from now on the chair is empty. Raises StoreError."""
        await self.store.encounters.close(record, bodies)
        self.record, self._memory, self.streams = None, _Memory(), {}
        self._left = self.moment(record.closed_at)
        await self.refresh()

    async def append(self, body: EventBody) -> Event | None:
        """Commit an event of the open encounter; None when it is known. Raises Refused, StoreError."""
        event = await self.store.events.append(self.require().encounter_id, self.now(), body)
        if event is not None:
            self.show(event)
        return event

    def show(self, event: Event) -> None:
        """Take up an event that was committed."""
        if self.record is None or event.encounter_id != self.record.encounter_id:
            return
        if isinstance(event.body, ReadingTaken):
            self._memory.readings.append(event.body.reading)
        elif isinstance(event.body, StillTaken):
            self._memory.stills.append(event.body.still)
        self._memory.counts = EncounterCounts(max(event.seq, self.counts.last_seq), self.counts.acknowledged)
        self.committed(event)
        self.changed()

    def count(self, encounter_id: str, counts: EncounterCounts) -> None:
        """Take up an acknowledgement that was committed."""
        if self.record is not None and self.record.encounter_id == encounter_id:
            self._memory.counts = EncounterCounts(max(counts.last_seq, self.counts.last_seq), counts.acknowledged)
            self.changed()

    def look_at(self, review: StillReview | None) -> None:
        """Set the still that waits for the nurse."""
        self._memory.review = review
        self.changed()

    async def refresh(self) -> None:
        """Read again what other rooms write: tray, papers, outbox. Raises StoreError."""
        self.tray = await self.store.tray.items()
        self.unfinished = await self.store.encounters.unfinished()
        self.outbox = await self.store.outbox.waiting()
        if self.record is not None:
            self._memory.prescriptions = await self.store.prescriptions.of_encounter(self.record.encounter_id)
        self.changed()

    async def _read(self) -> None:
        record = await self.store.encounters.current()
        last = await self.store.encounters.last_closed()
        memory = _Memory()
        if record is not None:
            memory.counts = await self.store.encounters.counts(record.encounter_id)
            memory.review = await self.store.stills.review(record.encounter_id)
            seq = 0
            while events := await self.store.events.after(record.encounter_id, seq):
                seq = events[-1].seq
                memory.readings += [e.body.reading for e in events if isinstance(e.body, ReadingTaken)]
                memory.stills += [e.body.still for e in events if isinstance(e.body, StillTaken)]
        same = record is not None and self.record is not None and record.encounter_id == self.record.encounter_id
        if not same:
            self.streams = {}
            self._opened = self.moment(record.opened_at) if record else None
            self._left = self.moment(last.closed_at) if last else None
        self.record, self._memory = record, memory
        await self.refresh()
        self._doubt = False


def snapshot(record: EncounterRecord) -> EncounterState | None:
    """What the relay is told of an encounter. One that went back to `ready` is taken out of the queue."""
    phase = PHASES.get(State(record.stage))
    if phase is None:
        if record.waiting_since is None:
            return None
        phase = PHASES[State.after]
    call_id = record.call.call_id if record.call and State(record.stage) in IN_CALL else None
    return EncounterState(encounter_id=record.encounter_id, phase=phase, opened_at=record.opened_at,
                          waiting_since=record.waiting_since, reason=record.reason, urgency=record.urgency,
                          call_id=call_id)
