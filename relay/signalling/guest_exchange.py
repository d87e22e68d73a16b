"""Guests of calls: entering by a link, a connection with each host, leaving; what goes between the two ends of a pair.

Every change is committed by the guest book first, then kept here, then told.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from weakref import WeakValueDictionary

import msgspec
import structlog

from protocol.binding import Side
from protocol.guest_signalling import (
    GuestAnswer,
    GuestAway,
    GuestCandidate,
    GuestEntered,
    GuestLeft,
    GuestOffer,
    GuestRefused,
    GuestRejoin,
)
from protocol.guests import GuestCard, GuestDoor, GuestInvitation, GuestWanted
from protocol.signalling import Role
from protocol.values import DoctorCard, Id, Struct, VehicleCard
from relay.identity.accounts import Accounts
from relay.identity.passwords import GuessLimit
from relay.turn import TurnServers

from .agenda import Agenda
from .calls import Call, RejoinPace, Step
from .exchange import Exchange
from .frames import Outgoing
from .guest_book import GuestBook, hashed
from .guests import AWAY_SECONDS, STALE_SECONDS, Guest
from .presence import Client, Presence
from .refusals import MessageRefused
from .room import WaitingRoom

log = structlog.get_logger()

_HOSTS = {Role.vehicle: Side.vehicle, Role.doctor: Side.doctor}
_ROLES = {side: role for role, side in _HOSTS.items()}

Pair = tuple[str, Side]
"""A guest and one of its two hosts."""


class Seat(Struct, frozen=True, kw_only=True):
    """What a guest is told of the call it enters: no certificate, no register number, nothing of the patient."""

    call_id: Id
    guest: GuestCard
    doctor: DoctorCard
    vehicle: VehicleCard


class GuestExchange:
    """The guests of this relay. `clock` is monotonic, in seconds."""

    def __init__(self, presence: Presence, book: GuestBook, exchange: Exchange, room: WaitingRoom, accounts: Accounts,
                 turn: TurnServers, clock: Callable[[], float]) -> None:
        self._presence = presence
        self._book = book
        self._exchange = exchange
        self._room = room
        self._accounts = accounts
        self._turn = turn
        self._clock = clock
        # Apart from the doctors': who tries links keeps nobody from signing in.
        self._tries = GuessLimit()
        self._guests: dict[str, Guest] = {}
        self._away: set[str] = set()
        self._gone: dict[str, float] = {}
        """Who is away, since when we count."""
        self._pace = RejoinPace()
        self._raised_at: dict[Pair, float] = {}
        self._agenda: Agenda[Pair] = Agenda(clock)
        self._audited: dict[tuple[Pair, Role], int] = {}
        """The generation of each pair whose refusal by this end is in the audit: one line each, however often a page
        says it."""
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def load(self) -> None:
        """Take up the guests of open calls where the last process left them."""
        self._guests = {guest.guest_id: guest for guest in await self._book.here()}
        self._away = set(self._guests)

    async def run(self) -> None:
        """Start the generations that had to wait, for ever."""
        await self._agenda.run(self._raise_again)

    def tried(self, token: str, address: str) -> float:
        """Count a try of a link or of a resume token; seconds to wait first, 0.0: go on."""
        return self._tries.wait(hashed(token), address, self._clock())

    def fitted(self, token: str, address: str) -> None:
        """It was a good one: it does not count."""
        self._tries.forgive(hashed(token), address, self._clock())

    # From the doctor's page over HTTP, and from a guest's page before its welcome

    async def invite(self, doctor_id: str, call_id: str, wanted: GuestWanted) -> GuestInvitation:
        """A link to a call of this doctor. MessageRefused: `forbidden`, `guest.call_over`, `guest.too_many`."""
        return await self._book.invite(doctor_id, call_id, wanted)

    async def enter(self, token: str, own: str) -> tuple[Guest, str]:
        """As `GuestBook.enter`; the guest counts as entered when it has arrived."""
        return await self._book.enter(token, own)

    async def door(self, token: str) -> GuestDoor:
        """What the page of a link says before it is used. MessageRefused as `GuestBook.enter`."""
        guest, expires_at = await self._book.look(token)
        seat = await self.seat(guest.guest_id)
        return GuestDoor(guest=guest.card, doctor=f"{seat.doctor.title} {seat.doctor.name}".strip()[:200],
                         vehicle=seat.vehicle.name, simulated=seat.vehicle.simulated, expires_at=expires_at)

    async def back(self, resume: str) -> Guest:
        """As `GuestBook.back`."""
        return await self._book.back(resume)

    async def seat(self, guest_id: str) -> Seat:
        """Where a guest sits down. MessageRefused: `guest.call_over`, `guest.removed`."""
        guest = self._guests.get(guest_id) or await self._book.guest(guest_id)
        call = self._exchange.open_call(guest.call_id) if guest is not None else None
        if guest is None or call is None:
            raise MessageRefused("guest.call_over")
        if guest.left:
            raise MessageRefused("guest.removed")
        doctor = await self._accounts.doctor(call.doctor_id)
        return Seat(
            call_id=call.call_id, guest=guest.card,
            doctor=DoctorCard(doctor_id=doctor.doctor_id, name=doctor.name, title=doctor.title,
                              speciality=doctor.speciality),
            vehicle=msgspec.structs.replace(self._room.card(call.vehicle_id), certificate=""))

    async def arrived(self, client: Client, *, same_page: bool) -> None:
        """A guest's page without a session. A page that lived through the loss still has its media."""
        # Under the lock that `left` takes: who was put out meanwhile does not come in behind it.
        async with self._lock(client.owner):
            guest = self._guests.get(client.owner) or await self._book.guest(client.owner)
            if guest is None or guest.left or self._exchange.open_call(guest.call_id) is None:
                self._presence.dismiss(client, "guest.call_over")
                return
            if guest.guest_id not in self._guests:
                self._guests[guest.guest_id] = guest
        if not guest.entered or not same_page:
            await self._raise(guest.guest_id, Side.vehicle, Side.doctor)

    # From hosts

    async def host_arrived(self, client: Client, *, same_page: bool) -> None:
        """A vehicle or a doctor's page without a session: it learns its guests again. A host that lived through the
        loss holds the generation that it is told already; another one has lost the media and gets the next."""
        call = self._exchange.call_of(client.role, client.owner)
        for guest in self._of(call) if call is not None else ():
            if same_page:
                self._tell_entered(guest, _HOSTS[client.role])
            else:
                await self._raise(guest.guest_id, _HOSTS[client.role])
            if not self._presence.attached(Role.guest, guest.guest_id):
                self._presence.send(client, GuestAway(call_id=guest.call_id, guest_id=guest.guest_id, away=True))
        # It may remember some whose leaving was said while it had no session.
        for guest in await self._book.gone(call.call_id) if call is not None else ():
            self._presence.send(client, GuestLeft(call_id=guest.call_id, guest_id=guest.guest_id))

    # From guests and hosts

    async def forward(self, client: Client, body: GuestOffer | GuestAnswer | GuestCandidate) -> None:
        """Hand a description or a candidate to the other end of its pair, if it is of this generation."""
        host = body.host if isinstance(body, GuestCandidate) else body.binding.host
        guest = self._mine(client, body.call_id, body.guest_id, host)
        if self._step(guest, host, body.generation) is Step.made:
            self._tell_other(client, guest, host, body)

    async def refused(self, client: Client, body: GuestRefused) -> None:
        """One end does not believe the other's binding: audited, then said to the other."""
        guest = self._mine(client, body.call_id, body.guest_id, body.host)
        said = ((guest.guest_id, body.host), client.role)
        if body.generation > self._audited.get(said, 0) and body.generation <= guest.generation(body.host):
            self._audited[said] = body.generation
            await self._book.binding_refused(_who(client), body)
        if self._step(guest, body.host, body.generation) is Step.made:
            self._tell_other(client, guest, body.host, body)

    async def rejoin(self, client: Client, body: GuestRejoin) -> None:
        """One end lost its connection: the pair's next generation, now or as soon as the pace allows."""
        guest = self._mine(client, body.call_id, body.guest_id, body.host)
        pair = (guest.guest_id, body.host)
        step = self._step(guest, body.host, body.generation)
        missed = step is Step.stale and self._clock() - self._raised_at.get(pair, float("-inf")) > STALE_SECONDS
        if step is not Step.made and not missed:
            return
        wait = self._pace.wait("/".join(pair), self._clock())
        if wait > 0:
            self._agenda.put(pair, self._clock() + wait)
        else:
            await self._raise(*pair, seen=guest.generation(body.host))

    async def left(self, client: Client, body: GuestLeft) -> None:
        """A guest goes, or a host ends its part or takes the link back; said again it changes nothing."""
        guest = self._guests.get(body.guest_id) or await self._book.guest(body.guest_id)
        if guest is None or guest.call_id != body.call_id or not self._belongs(client, guest):
            raise MessageRefused("forbidden")
        await self._leave(guest, who=_who(client), name=await self._name(client, guest), said=client.role)

    async def expire(self, now: float) -> None:
        """End the part of guests who closed their page without a word. Counted only while we and a host are here: else
        it may be our own network that is cut, and their media goes on."""
        deserted = [guest for guest in self._guests.values() if self._deserted(guest)]
        self._gone = {guest.guest_id: self._gone.get(guest.guest_id, now) for guest in deserted}
        for guest in deserted:
            if now - self._gone[guest.guest_id] >= AWAY_SECONDS:
                try:
                    await self._leave(guest, who="relay", name="", said=None)
                except Exception as error:
                    # Still away: the next look tries again.
                    log.error("guest.leave_failed", guest=guest.guest_id, error=type(error).__name__)

    def went_or_came(self, guest_id: str, *, away: bool) -> None:
        """A guest's socket went or came back: both hosts are told."""
        guest = self._guests.get(guest_id)
        call = self._exchange.open_call(guest.call_id) if guest is not None else None
        if guest is not None and call is not None and (away or guest_id in self._away):
            (self._away.add if away else self._away.discard)(guest_id)
            told = GuestAway(call_id=guest.call_id, guest_id=guest_id, away=away)
            self._presence.tell(Role.vehicle, call.vehicle_id, told)
            self._presence.tell(Role.doctor, call.doctor_id, told)

    def call_ended(self, call: Call) -> None:
        """Its guests go with it. The book needs no word: a link to a call that has ended opens nothing."""
        for guest in self._of(call):
            self._forget(guest.guest_id)
            client = self._presence.sessions.of(Role.guest, guest.guest_id)
            if client is not None:
                self._presence.dismiss(client, "guest.call_over")

    # Inside

    async def _leave(self, guest: Guest, *, who: str, name: str, said: Role | None) -> None:
        """`said`: who needs not be told; None: we, of one who is away."""
        async with self._lock(guest.guest_id):
            again = await self._book.guest(guest.guest_id)
            if again is None or again.left or (said is None and not self._deserted(guest)):
                return
            await self._book.left(guest, by=who)
            self._forget(guest.guest_id)
        told = GuestLeft(call_id=guest.call_id, guest_id=guest.guest_id, by=name)
        if (call := self._exchange.open_call(guest.call_id)) is not None:
            for role, owner in ((Role.vehicle, call.vehicle_id), (Role.doctor, call.doctor_id)):
                if role is not said:
                    self._presence.tell(role, owner, told)
        own = self._presence.sessions.of(Role.guest, guest.guest_id)
        if own is not None:
            self._presence.dismiss(own, "guest.left" if said is Role.guest else "guest.removed")

    def _deserted(self, guest: Guest) -> bool:
        call, attached = self._exchange.open_call(guest.call_id), self._presence.attached
        return (call is not None and not attached(Role.guest, guest.guest_id)
                and (attached(Role.vehicle, call.vehicle_id) or attached(Role.doctor, call.doctor_id)))

    def _of(self, call: Call) -> list[Guest]:
        return [guest for guest in self._guests.values() if guest.call_id == call.call_id]

    def _forget(self, guest_id: str) -> None:
        self._guests.pop(guest_id, None)
        self._away.discard(guest_id)
        self._gone.pop(guest_id, None)
        for side in Side:
            self._raised_at.pop((guest_id, side), None)
            self._pace.forget("/".join((guest_id, side)))
            self._agenda.drop((guest_id, side))
            for role in Role:
                self._audited.pop(((guest_id, side), role), None)

    async def _raise_again(self, pair: Pair) -> None:
        try:
            await self._raise(*pair)
        except Exception as error:
            log.error("guest.rejoin_failed", guest=pair[0], error=type(error).__name__)

    async def _raise(self, guest_id: str, *hosts: Side, seen: int | None = None) -> None:
        async with self._lock(guest_id):
            guest = self._guests.get(guest_id)
            # Both ends ask for the same break: the second one finds the generation raised.
            if guest is None or (seen is not None and guest.generation(hosts[0]) != seen):
                return
            raised = guest.rejoined(*hosts)
            await self._book.raised(raised)
            if guest_id not in self._guests:
                return
            self._guests[guest_id] = raised
            for host in hosts:
                self._raised_at[guest_id, host] = self._clock()
                self._pace.raised("/".join((guest_id, host)), self._clock())
                self._tell_entered(raised, host)

    def _tell_entered(self, guest: Guest, host: Side) -> None:
        call = self._exchange.open_call(guest.call_id)
        if call is not None:
            owner = call.vehicle_id if host is Side.vehicle else call.doctor_id
            self._presence.tell(_ROLES[host], owner, GuestEntered(
                call_id=guest.call_id, guest=guest.card, generation=guest.generation(host),
                ice_servers=self._turn.for_user(owner, datetime.now(UTC))))

    def _tell_other(self, client: Client, guest: Guest, host: Side, body: Outgoing) -> None:
        if client.role is not Role.guest:
            self._presence.tell(Role.guest, guest.guest_id, body)
            return
        call = self._exchange.open_call(guest.call_id)
        if call is not None:
            self._presence.tell(_ROLES[host], call.vehicle_id if host is Side.vehicle else call.doctor_id, body)

    def _mine(self, client: Client, call_id: str, guest_id: str, host: Side) -> Guest:
        """A guest whose pair with `host` this client is an end of. MessageRefused: `forbidden`, `guest.gone`."""
        guest = self._guests.get(guest_id)
        if guest is None:
            # What crossed the guest's leaving on the way.
            raise MessageRefused("guest.gone")
        if guest.call_id != call_id or not self._belongs(client, guest) \
                or (client.role is not Role.guest and _HOSTS[client.role] is not host):
            raise MessageRefused("forbidden")
        return guest

    def _belongs(self, client: Client, guest: Guest) -> bool:
        if client.role is Role.guest:
            return client.owner == guest.guest_id
        call = self._exchange.open_call(guest.call_id)
        return call is not None and call.peer_of(client.role, client.owner)

    def _step(self, guest: Guest, host: Side, generation: int) -> Step:
        step = guest.heard(host, generation)
        if step is Step.ahead:
            raise MessageRefused("call.generation")
        return step

    async def _name(self, client: Client, guest: Guest) -> str:
        if client.role is Role.guest:
            return guest.name
        if client.role is Role.vehicle:
            return self._room.card(client.owner).name
        return (await self._accounts.doctor(client.owner)).name

    def _lock(self, guest_id: str) -> asyncio.Lock:
        lock = self._locks.get(guest_id)
        if lock is None:
            self._locks[guest_id] = lock = asyncio.Lock()
        return lock


def _who(client: Client) -> str:
    return client.owner if client.role is Role.doctor else f"{client.role}:{client.owner}"
