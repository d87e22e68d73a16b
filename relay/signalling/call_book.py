"""Encounters and calls in the database: what is told to anyone was committed here before."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta

from sqlalchemy import func, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from protocol.signalling import CallRefused, EncounterPhase, EncounterState, Role
from protocol.values import Reason, Urgency
from relay.audit import record
from relay.storage.base import Storage
from relay.storage.calls import CallRow, EncounterRow

from .calls import Call, CallState
from .refusals import MessageRefused
from .waiting import Waiting

OPEN_PER_VEHICLE = 20
"""Encounters of one vehicle that are not closed: a nurse keeps a few at most, a broken vehicle fills no disk."""

REMEMBERED = timedelta(hours=1)
"""A page that was away for longer than its session asks no more about the call it was in."""


class CallBook:
    """The relay's memory of encounters and calls."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    async def open_calls(self) -> list[Call]:
        """All calls that are open."""
        async with self._storage.reading() as session:
            rows = (await session.execute(select(CallRow).where(CallRow.ended_at.is_(None)))).scalars()
            return [_call(row) for row in rows]

    async def waiting(self) -> list[Waiting]:
        """All encounters that wait for a doctor."""
        async with self._storage.reading() as session:
            rows = (await session.execute(select(EncounterRow).where(
                EncounterRow.phase == EncounterPhase.waiting))).scalars()
            return [_waiting(row) for row in rows]

    async def encounter(self, encounter_id: str) -> Waiting:
        """An encounter as the queue shows it. LookupError: unknown."""
        async with self._storage.reading() as session:
            row = await session.get(EncounterRow, encounter_id)
        if row is None:
            raise LookupError(encounter_id)
        return _waiting(row)

    async def call(self, call_id: str) -> Call | None:
        """A call, open or ended."""
        async with self._storage.reading() as session:
            row = await session.get(CallRow, call_id)
        return None if row is None else _call(row)

    async def last_ended(self, doctor_id: str) -> Call | None:
        """The doctor's last call, if it ended not long ago."""
        query = (select(CallRow).where(CallRow.doctor_id == doctor_id,
                                       CallRow.ended_at > datetime.now(UTC) - REMEMBERED)
                 .order_by(CallRow.ended_at.desc()).limit(1))
        async with self._storage.reading() as session:
            row = (await session.execute(query)).scalar_one_or_none()
        return None if row is None else _call(row)

    async def keep(self, vehicle_id: str, said: EncounterState, *, phase: EncounterPhase) -> None:
        """Keep what a vehicle said of an encounter, in the phase the relay gives it.

        MessageRefused: `forbidden` (another vehicle's), `encounter.closed`, `encounter.too_many`.
        """
        now = datetime.now(UTC)
        async with self._storage.session() as session:
            row = await session.get(EncounterRow, said.encounter_id)
            if row is None:
                await self._room_for_another(session, vehicle_id)
                row = EncounterRow(encounter_id=said.encounter_id, vehicle_id=vehicle_id, opened_at=said.opened_at)
                session.add(row)
            elif row.vehicle_id != vehicle_id:
                raise MessageRefused("forbidden")
            elif row.phase == EncounterPhase.closed and phase is not EncounterPhase.closed:
                raise MessageRefused("encounter.closed")
            row.phase, row.reason, row.urgency = phase, said.reason, said.urgency
            # A vehicle whose clock is ahead must not wait less than nothing.
            row.waiting_since = min(said.waiting_since or row.waiting_since or now, now)

    async def take(self, doctor_id: str, encounter_id: str) -> Call:
        """Give a waiting encounter to a doctor: one wins.

        MessageRefused: `call.gone` (it does not wait), `call.taken` with fact `doctor_id`, `call.busy`.
        """
        try:
            async with self._storage.session() as session:
                row = await session.get(EncounterRow, encounter_id)
                if row is None:
                    raise MessageRefused("call.gone")
                other = (await session.execute(select(CallRow.doctor_id).where(
                    CallRow.encounter_id == encounter_id, CallRow.ended_at.is_(None)))).scalar()
                if other is not None:
                    raise MessageRefused("call.taken", doctor_id=other)
                if row.phase != EncounterPhase.waiting:
                    raise MessageRefused("call.gone")
                call = Call(secrets.token_urlsafe(16), encounter_id, row.vehicle_id, doctor_id)
                session.add(CallRow(call_id=call.call_id, encounter_id=encounter_id, vehicle_id=call.vehicle_id,
                                    doctor_id=doctor_id, generation=1, opened_at=datetime.now(UTC)))
                row.phase = EncounterPhase.in_call
                await session.flush()
                await record(session, what="call.taken", who=doctor_id, about=call.call_id,
                             facts={"encounter": encounter_id, "vehicle": call.vehicle_id})
        except IntegrityError as error:
            # The doctor or the vehicle is in another call; on PostgreSQL also a lost race for this one.
            raise MessageRefused("call.busy") from error
        return call

    async def raised(self, call: Call) -> Call:
        """Start the call's next generation."""
        raised = call.rejoined()
        async with self._storage.session() as session:
            await session.execute(update(CallRow).where(CallRow.call_id == call.call_id)
                                  .values(generation=raised.generation))
        return raised

    async def ended(self, call: Call, *, finished: bool, by: str) -> Call:
        """End a call; not finished, its encounter waits again."""
        ended = call.ended(finished=finished)
        phase = EncounterPhase.after if finished else EncounterPhase.waiting
        async with self._storage.session() as session:
            await session.execute(update(CallRow).where(CallRow.call_id == call.call_id)
                                  .values(ended_at=datetime.now(UTC), finished=finished))
            await session.execute(update(EncounterRow).where(
                EncounterRow.encounter_id == call.encounter_id, EncounterRow.phase != EncounterPhase.closed)
                .values(phase=phase))
            await record(session, what="call.ended", who=by, about=call.call_id, facts={"finished": int(finished)})
        return ended

    async def binding_refused(self, role: Role, owner: str, body: CallRefused) -> None:
        """Write in the audit that an end did not believe the other's binding (I5)."""
        async with self._storage.session() as session:
            await record(session, what="binding.refused", who=f"vehicle:{owner}" if role is Role.vehicle else owner,
                         about=body.call_id, facts={"code": body.code, "generation": body.generation})

    async def _room_for_another(self, session: AsyncSession, vehicle_id: str) -> None:
        held = (await session.execute(select(func.count()).select_from(EncounterRow).where(
            EncounterRow.vehicle_id == vehicle_id,
            or_(EncounterRow.phase == EncounterPhase.waiting, EncounterRow.phase == EncounterPhase.in_call)))).scalar()
        if (held or 0) >= OPEN_PER_VEHICLE:
            raise MessageRefused("encounter.too_many")


def _call(row: CallRow) -> Call:
    state = CallState.open if row.ended_at is None else CallState.finished if row.finished else CallState.left
    return Call(row.call_id, row.encounter_id, row.vehicle_id, row.doctor_id, row.generation, state)


def _waiting(row: EncounterRow) -> Waiting:
    return Waiting(encounter_id=row.encounter_id, vehicle_id=row.vehicle_id, reason=Reason(row.reason),
                   urgency=Urgency(row.urgency), since=row.waiting_since or row.opened_at)
