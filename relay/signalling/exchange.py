"""Encounters and calls: waiting, taking, generations, what goes from one end to the other.

Every change is committed by the call book first, then kept here, then told.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from weakref import WeakValueDictionary

import structlog

from protocol.signalling import (
    CallAnswer,
    CallAssigned,
    CallCandidate,
    CallGranted,
    CallLeft,
    CallOffer,
    CallRefused,
    CallRejoin,
    EncounterPhase,
    EncounterState,
    PeerAway,
    Role,
)
from relay.identity.accounts import Accounts
from relay.turn import TurnServers

from .agenda import Agenda
from .call_book import CallBook
from .calls import Call, CallState, RejoinPace, Step
from .presence import Client, Presence
from .refusals import MessageRefused
from .room import WaitingRoom

log = structlog.get_logger()


class Exchange:
    """The calls of this relay. `clock` is monotonic, in seconds."""

    def __init__(self, presence: Presence, book: CallBook, room: WaitingRoom, accounts: Accounts, turn: TurnServers,
                 clock: Callable[[], float]) -> None:
        self._presence = presence
        self._book = book
        self._room = room
        self._accounts = accounts
        self._turn = turn
        self._clock = clock
        self._calls: dict[str, Call] = {}
        self._pace = RejoinPace()
        self._agenda: Agenda[str] = Agenda(clock)
        self._told: dict[tuple[str, Role], tuple[Client, int] | None] = {}
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self.ended: Callable[[Call], None] = lambda call: None
        """Told of each call that ends: its guests go with it."""

    async def load(self) -> None:
        """Take up the calls and the waiting room where the last process left them."""
        for waiting in await self._book.waiting():
            await self._room.put(waiting)
        for call in await self._book.open_calls():
            self._calls[call.call_id] = call
            await self._show_taken(call)

    def open_call(self, call_id: str) -> Call | None:
        """A call that has not ended."""
        return self._calls.get(call_id)

    def call_of(self, role: Role, owner: str) -> Call | None:
        """The open call of this vehicle or doctor."""
        return next((call for call in self._calls.values() if call.peer_of(role, owner)), None)

    # From vehicles

    async def said(self, client: Client, state: EncounterState) -> None:
        """A vehicle says where an encounter stands."""
        vehicle_id = client.owner
        async with self._lock(state.encounter_id):
            call = next((c for c in self._calls.values() if c.encounter_id == state.encounter_id), None)
            if call is not None and call.vehicle_id != vehicle_id:
                raise MessageRefused("forbidden")
            going_on = state.phase in (EncounterPhase.waiting, EncounterPhase.in_call)
            phase = state.phase
            if going_on:
                # Whether a doctor has it is decided here, not on the vehicle.
                phase = EncounterPhase.in_call if call is not None else EncounterPhase.waiting
            lost = await self._lost_call(state, call)
            if lost is not None and lost.state is CallState.finished:
                phase = EncounterPhase.after
            await self._book.keep(vehicle_id, state, phase=phase)
            if lost is not None:
                self._presence.send(client, CallLeft(call_id=lost.call_id, finished=phase is EncounterPhase.after))
            if not going_on and call is not None:
                await self._end(call, finished=True, by=f"vehicle:{vehicle_id}")
                self._presence.tell(Role.doctor, call.doctor_id, CallLeft(
                    call_id=call.call_id, finished=True, by=self._room.card(vehicle_id).name))
            if phase is EncounterPhase.waiting:
                await self._room.put(await self._book.encounter(state.encounter_id))
            elif call is None or not going_on:
                self._room.remove(state.encounter_id)
        if call is not None and going_on:
            await self._remind_vehicle(client, call, state)

    async def vehicle_started_anew(self, vehicle_id: str) -> None:
        """A vehicle without a session: what it had waiting counts again when it says so."""
        self._room.remove_waiting_of(vehicle_id)

    # From doctors

    async def take(self, client: Client, encounter_id: str) -> None:
        """A doctor takes a call; the first one has it."""
        doctor_id = client.owner
        async with self._lock(encounter_id):
            mine = self.call_of(Role.doctor, doctor_id)
            if mine is not None and mine.encounter_id == encounter_id:
                # The same click once more, after a break.
                await self._grant(mine)
                return
            entry = self._room.entry(encounter_id)
            if entry is None:
                raise MessageRefused("call.gone")
            if entry.doctor_id:
                raise MessageRefused("call.taken", by=await self._name(entry.doctor_id))
            if self._presence.sessions.of(Role.vehicle, entry.vehicle_id) is None:
                raise MessageRefused("vehicle.offline")
            try:
                call = await self._book.take(doctor_id, encounter_id)
            except MessageRefused as refused:
                if refused.code == "call.taken":
                    raise MessageRefused("call.taken", by=await self._name(refused.facts["doctor_id"])) from refused
                raise
            self._calls[call.call_id] = call
            # The two of the call first; the queue of everybody else can wait for a few milliseconds.
            await self._start_generation(call)
            await self._show_taken(call)

    async def doctor_arrived(self, client: Client, *, same_page: bool) -> None:
        """A doctor's page without a session. A page that lived through the loss still has its media."""
        call = self.call_of(Role.doctor, client.owner)
        if call is not None and not same_page:
            await self._rejoin(call)
        elif call is not None and not self._knows(call, Role.doctor):
            await self._grant(call)
        elif call is None and same_page and (last := await self._book.last_ended(client.owner)) is not None:
            self._presence.send(client, CallLeft(call_id=last.call_id, finished=last.state is CallState.finished))

    # From both

    async def rejoin(self, client: Client, body: CallRejoin) -> None:
        """One end lost its peer connection: the next generation, now or as soon as the pace allows."""
        call = await self._mine(client, body.call_id)
        if self._step(call, body.generation) is Step.made:
            await self._rejoin(call)

    async def forward(self, client: Client, body: CallOffer | CallAnswer | CallCandidate) -> None:
        """Hand a description or a candidate to the other end of its call, if it is of this generation."""
        call = self._calls.get(body.call_id)
        if call is None or not call.peer_of(client.role, client.owner):
            call = await self._mine(client, body.call_id)
        if self._step(call, body.generation) is Step.made:
            self._tell_other(client, call, body)

    async def refused(self, client: Client, body: CallRefused) -> None:
        """One end does not believe the other's binding: audited, then said to the other."""
        call = await self._mine(client, body.call_id)
        await self._book.binding_refused(client.role, client.owner, body)
        if self._step(call, body.generation) is Step.made:
            self._tell_other(client, call, body)

    async def left(self, client: Client, body: CallLeft) -> None:
        """One end leaves; said again it changes nothing."""
        call = await self._mine(client, body.call_id)
        async with self._lock(call.encounter_id):
            if call.call_id not in self._calls:
                return
            by = client.owner if client.role is Role.doctor else f"vehicle:{client.owner}"
            name = (await self._name(client.owner) if client.role is Role.doctor
                    else self._room.card(client.owner).name)
            # Nothing is read after the commit: a message said again finds the call ended and does no more.
            waiting = await self._book.encounter(call.encounter_id)
            await self._end(self._calls[call.call_id], finished=body.finished, by=by)
            self._tell_other(client, call, CallLeft(call_id=call.call_id, finished=body.finished, by=name))
            if body.finished:
                self._room.remove(call.encounter_id)
            else:
                await self._room.put(waiting)

    async def put_back(self, doctor_id: str, *, by: str) -> None:
        """The doctor has gone without a word: the encounter waits again. `by` is for the audit."""
        call = self.call_of(Role.doctor, doctor_id)
        if call is None:
            return
        async with self._lock(call.encounter_id):
            if call.call_id not in self._calls:
                return
            name = await self._name(doctor_id)
            waiting = await self._book.encounter(call.encounter_id)
            await self._end(self._calls[call.call_id], finished=False, by=by)
            self._presence.tell(Role.vehicle, call.vehicle_id, CallLeft(
                call_id=call.call_id, finished=False, by=name))
            # A page that came back during the commit must not wait for media that will not come.
            self._presence.tell(Role.doctor, doctor_id, CallLeft(call_id=call.call_id, finished=False))
            await self._room.put(waiting)

    def deserted(self) -> list[str]:
        """The doctors of open calls who have no socket while their vehicle has one."""
        attached = self._presence.attached
        return [call.doctor_id for call in self._calls.values()
                if attached(Role.vehicle, call.vehicle_id) and not attached(Role.doctor, call.doctor_id)]

    def went_or_came(self, role: Role, owner: str, *, away: bool) -> None:
        """The socket of one end went or came back: the other end of its call is told."""
        call = self.call_of(role, owner)
        if call is not None:
            other, other_owner = _other(role, call)
            self._presence.tell(other, other_owner, PeerAway(call_id=call.call_id, away=away))

    async def run(self) -> None:
        """Start the generations that had to wait, for ever."""
        await self._agenda.run(self._raise_waiting)

    # Inside

    async def _rejoin(self, call: Call) -> None:
        wait = self._pace.wait(call.call_id, self._clock())
        if wait == 0.0:
            await self._raise_generation(call)
        else:
            self._agenda.put(call.call_id, self._clock() + wait)

    async def _raise_waiting(self, call_id: str) -> None:
        if (call := self._calls.get(call_id)) is not None:
            try:
                await self._raise_generation(call)
            except Exception as error:
                log.error("call.rejoin_failed", call=call_id, error=type(error).__name__)

    async def _raise_generation(self, seen: Call) -> None:
        async with self._lock(seen.encounter_id):
            call = self._calls.get(seen.call_id)
            # Both ends ask for the same break: the second one finds the generation raised.
            if call is not None and call.generation == seen.generation:
                self._calls[call.call_id] = raised = await self._book.raised(call)
                await self._start_generation(raised)

    async def _start_generation(self, call: Call) -> None:
        self._pace.raised(call.call_id, self._clock())
        doctor = await self._accounts.doctor(call.doctor_id)
        self._told[call.call_id, Role.vehicle] = self._presence.tell(Role.vehicle, call.vehicle_id, CallAssigned(
            call_id=call.call_id, generation=call.generation, encounter_id=call.encounter_id, doctor=doctor,
            ice_servers=self._turn.for_user(call.vehicle_id, datetime.now(UTC))))
        await self._grant(call)

    async def _grant(self, call: Call) -> None:
        self._told[call.call_id, Role.doctor] = self._presence.tell(Role.doctor, call.doctor_id, CallGranted(
            call_id=call.call_id, generation=call.generation, encounter_id=call.encounter_id,
            vehicle=self._room.card(call.vehicle_id),
            ice_servers=self._turn.for_user(call.doctor_id, datetime.now(UTC))))

    def _knows(self, call: Call, role: Role) -> bool:
        """Whether this end has the newest generation: it acknowledged it, or it comes from before our start."""
        told = self._told.get((call.call_id, role), _BEFORE)
        if told is _BEFORE:
            return True
        if told is None:
            return False
        client, n = told
        return n > 0 and all(kept != n for kept, _ in client.outbox.kept())

    async def _remind_vehicle(self, client: Client, call: Call, state: EncounterState) -> None:
        told = self._told.get((call.call_id, Role.vehicle))
        if told is not None and told[0] is client:
            # What it says may have crossed our assignment on the way.
            return
        if state.phase is EncounterPhase.in_call and state.call_id == call.call_id and self._knows(call, Role.vehicle):
            return
        await self._rejoin(call)

    async def _lost_call(self, state: EncounterState, call: Call | None) -> Call | None:
        """The call a vehicle believes to be in and that has ended, or never was."""
        if state.phase is not EncounterPhase.in_call or call is not None:
            return None
        known = await self._book.call(state.call_id) if state.call_id else None
        if known is not None and known.encounter_id == state.encounter_id:
            return known
        return Call(state.call_id or "none", state.encounter_id, "", "", state=CallState.left)

    async def _end(self, call: Call, *, finished: bool, by: str) -> None:
        await self._book.ended(call, finished=finished, by=by)
        del self._calls[call.call_id]
        self._pace.forget(call.call_id)
        self._agenda.drop(call.call_id)
        for role in Role:
            self._told.pop((call.call_id, role), None)
        self.ended(call)

    async def _mine(self, client: Client, call_id: str) -> Call:
        """A call this client is an end of, open or ended. MessageRefused: `forbidden`, whoever else has it."""
        call = self._calls.get(call_id) or await self._book.call(call_id)
        if call is None or not call.peer_of(client.role, client.owner):
            raise MessageRefused("forbidden")
        return call

    def _step(self, call: Call, generation: int) -> Step:
        step = call.heard(generation)
        if step is Step.ahead:
            raise MessageRefused("call.generation")
        return step

    def _tell_other(self, client: Client, call: Call,
                    body: CallOffer | CallAnswer | CallCandidate | CallRefused | CallLeft) -> None:
        other, owner = _other(client.role, call)
        self._presence.tell(other, owner, body)

    async def _show_taken(self, call: Call) -> None:
        waiting = await self._book.encounter(call.encounter_id)
        await self._room.put(waiting, doctor_id=call.doctor_id, doctor=await self._name(call.doctor_id))

    async def _name(self, doctor_id: str) -> str:
        try:
            return (await self._accounts.by_id(doctor_id)).name
        except LookupError:
            return ""

    def _lock(self, encounter_id: str) -> asyncio.Lock:
        lock = self._locks.get(encounter_id)
        if lock is None:
            self._locks[encounter_id] = lock = asyncio.Lock()
        return lock


_BEFORE: tuple[Client, int] = (Client("", Role.doctor, "", ""), 0)
"""Stands for what an earlier process of the relay told and we cannot know."""


def _other(role: Role, call: Call) -> tuple[Role, str]:
    if role is Role.vehicle:
        return Role.doctor, call.doctor_id
    return Role.vehicle, call.vehicle_id
