"""The composition of signalling: who is let in, which message goes where, what the bus brings."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

import structlog

from protocol import VERSION
from protocol.guest_signalling import GuestAnswer, GuestCandidate, GuestLeft, GuestOffer, GuestRefused, GuestRejoin
from protocol.limits import SIGNALLING_RESUME_SECONDS
from protocol.signalling import (
    CallAnswer,
    CallCandidate,
    CallLeft,
    CallOffer,
    CallRefused,
    CallRejoin,
    EncounterState,
    Hello,
    Nothing,
    PrescriptionProgress,
    Refusal,
    Role,
    TakeCall,
    VehicleHealth,
    Welcome,
)
from protocol.values import Struct
from relay.bus import AccountEnded, Bus, TellDoctor, TellVehicle, VehicleChanged, VehicleRevoked
from relay.identity.accounts import Accounts
from relay.storage.base import Storage
from relay.turn import TurnServers

from .call_book import CallBook
from .exchange import Exchange
from .guest_book import GuestBook
from .guest_exchange import GuestExchange
from .partners import Prescriptions, ProgressRefused, Registry
from .presence import SERVICE_RESTART, Client, Line, Presence
from .refusals import MessageRefused
from .room import WaitingRoom

log = structlog.get_logger()

EXPIRY_SECONDS = 5.0
"""How often absent clients' sessions are looked at; their time is a hundred seconds and more."""

SIGNED_OUT = "session.signed_out"
"""The code of an `AccountEnded` by which the doctor left on purpose."""


class Caller(Struct, frozen=True, kw_only=True):
    """Whom a socket belongs to, once that is proved."""

    role: Role
    owner: str
    sign_in: str = ""
    resume_token: str = ""
    """A guest's, which the database knows and which never changes."""


class Switchboard:
    """All of signalling but the sockets. `clock` is monotonic, in seconds."""

    def __init__(self, storage: Storage, bus: Bus, accounts: Accounts, registry: Registry,
                 prescriptions: Prescriptions, turn: TurnServers, clock: Callable[[], float]) -> None:
        self._accounts = accounts
        self._registry = registry
        self._prescriptions = prescriptions
        self._turn = turn
        self._clock = clock
        self._away: set[tuple[Role, str]] = set()
        self._deserted: dict[str, float] = {}
        self.presence = Presence(clock)
        self.room = WaitingRoom(self.presence, registry)
        self.exchange = Exchange(self.presence, CallBook(storage), self.room, accounts, turn, clock)
        self.guests = GuestExchange(self.presence, GuestBook(storage), self.exchange, self.room, accounts, turn, clock)
        self.exchange.ended = self.guests.call_ended
        bus.listen(AccountEnded, self._account_ended)
        bus.listen(VehicleRevoked, self._vehicle_revoked)
        bus.listen(VehicleChanged, self._vehicle_changed)
        bus.listen(TellVehicle, self._tell_vehicle)
        bus.listen(TellDoctor, self._tell_doctor)

    def online(self) -> set[str]:
        """Vehicles with an open socket."""
        return {client.owner for client in self.presence.clients(Role.vehicle)}

    async def load(self) -> None:
        """Take up what the last process left in the database."""
        await self.exchange.load()
        await self.guests.load()

    async def run(self) -> None:
        """Everything that signalling does by itself, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.room.run())
            group.create_task(self.exchange.run())
            group.create_task(self.guests.run())
            group.create_task(self._expire())

    def hang_up_all(self) -> None:
        """The relay stops: every client is told to come back."""
        self.presence.hang_up_all(SERVICE_RESTART)

    async def welcome(self, hello: Hello, caller: Caller, line: Line) -> tuple[Client, bool]:
        """Resume the caller's session or open one: the client, and whether it was resumed.

        `arrived` comes next. From then on `gone` must be called when the socket has closed.
        MessageRefused: `version.unsupported`, `forbidden` (the role is not the listener's).
        """
        if hello.version != VERSION:
            raise MessageRefused("version.unsupported", version=str(VERSION))
        if hello.role is not caller.role:
            raise MessageRefused("forbidden")
        # All that waits comes before the session changes hands: from `resume` to `attach` nobody else runs.
        card = await self.room.read_card(caller.owner) if caller.role is Role.vehicle else None
        doctor = await self._accounts.doctor(caller.owner) if caller.role is Role.doctor else None
        seat = await self.guests.seat(caller.owner) if caller.role is Role.guest else None
        if seat is not None:
            card, doctor = seat.vehicle, seat.doctor
        resumed = None
        if hello.session is not None:
            resumed = self.presence.sessions.resume(caller.role, caller.owner, caller.sign_in, hello.session,
                                                    hello.resume_token, hello.last_seen, keep=seat is not None)
        if resumed is None:
            old = self.presence.sessions.of(caller.role, caller.owner)
            if old is not None:
                self.presence.dismiss(old, "session.replaced")
        client, token = resumed or self.presence.sessions.open(caller.role, caller.owner, caller.sign_in,
                                                               caller.resume_token)
        self.presence.attach(client, line)
        now = datetime.now(UTC)
        self.presence.show(client, Welcome(
            session=client.session_id, resume_token=token, resumed=resumed is not None, last_seen=client.inbox.seen,
            server_time=now, ice_servers=self._turn.for_user(caller.owner, now), doctor=doctor, vehicle=card,
            guest=seat.guest if seat is not None else None, call_id=seat.call_id if seat is not None else None))
        self.presence.replay(client)
        return client, resumed is not None

    async def arrived(self, client: Client, hello: Hello, *, resumed: bool) -> None:
        """Tell a client that was welcomed what it starts with, and its peer that it is back."""
        who = (client.role, client.owner)
        same_page = hello.session is not None
        if client.role is Role.guest:
            self.guests.went_or_came(client.owner, away=False)
            if not resumed:
                await self.guests.arrived(client, same_page=same_page)
            return
        if who in self._away:
            self._away.discard(who)
            self.exchange.went_or_came(*who, away=False)
        if client.role is Role.doctor:
            self.room.show_queue(client)
            if not resumed:
                await self.exchange.doctor_arrived(client, same_page=same_page)
        else:
            await self._seen(client.owner)
            if not resumed:
                await self.exchange.vehicle_started_anew(client.owner)
                for ready in await self._prescriptions.waiting_for(client.owner):
                    self.presence.send(client, ready)
            self.room.repeat_places(client.owner)
        if not resumed:
            await self.guests.host_arrived(client, same_page=same_page)
        self.room.changed()

    async def gone(self, client: Client, line: Line) -> None:
        """A socket closed."""
        # A page that replaced this one is there already: its owner never was away.
        if self.presence.detach(client, line) and not self.presence.attached(client.role, client.owner):
            if client.role is Role.guest:
                self.guests.went_or_came(client.owner, away=True)
                return
            self._away.add((client.role, client.owner))
            self.exchange.went_or_came(client.role, client.owner, away=True)
            self.room.changed()
            if client.role is Role.vehicle:
                await self._seen(client.owner)

    async def handle(self, client: Client, body: object) -> None:
        """One message of a client that has been welcomed. MessageRefused goes back to it."""
        match body:
            case Nothing():
                pass
            case Refusal():
                log.info("signalling.client_refused", role=client.role, owner=client.owner, code=body.code)
            case CallOffer() | CallAnswer() | CallCandidate():
                await self.exchange.forward(client, body)
            case CallRejoin():
                await self.exchange.rejoin(client, body)
            case CallRefused():
                await self.exchange.refused(client, body)
            case CallLeft():
                await self.exchange.left(client, body)
            case TakeCall():
                await self.exchange.take(client, body.encounter_id)
            case GuestOffer() | GuestAnswer() | GuestCandidate():
                await self.guests.forward(client, body)
            case GuestRejoin():
                await self.guests.rejoin(client, body)
            case GuestRefused():
                await self.guests.refused(client, body)
            case GuestLeft():
                await self.guests.left(client, body)
            case EncounterState():
                await self.exchange.said(client, body)
            case VehicleHealth():
                await self._registry.health(client.owner, body)
                await self.room.read_card(client.owner)
            case PrescriptionProgress():
                await self._progressed(client, body)
            case _:
                raise MessageRefused("frame.unexpected")

    async def _seen(self, vehicle_id: str) -> None:
        try:
            await self._registry.seen(vehicle_id)
        except Exception as error:
            # Only the fleet's table shows it: no reason to keep a vehicle out.
            log.error("vehicle.seen_failed", vehicle=vehicle_id, error=type(error).__name__)

    async def _progressed(self, client: Client, body: PrescriptionProgress) -> None:
        try:
            doctor_id = await self._prescriptions.progressed(client.owner, body)
        except ProgressRefused as refused:
            raise MessageRefused(refused.code) from refused
        self.presence.tell(Role.doctor, doctor_id, body)

    async def _expire(self) -> None:
        while True:
            await asyncio.sleep(EXPIRY_SECONDS)
            await self.expire(self._clock())

    async def expire(self, now: float) -> None:
        """End what stayed away too long: sessions, and the calls of doctors and guests who do not come back."""
        for client in self.presence.sessions.expire(now):
            log.info("signalling.session_expired", role=client.role, owner=client.owner)
        # Counted from when we are up and the vehicle is here: with both ends away it may be our own network
        # that is cut, and their media goes on without us.
        self._deserted = {doctor_id: self._deserted.get(doctor_id, now) for doctor_id in self.exchange.deserted()}
        for doctor_id, since in self._deserted.items():
            if (now - since >= SIGNALLING_RESUME_SECONDS
                    and self.presence.sessions.of(Role.doctor, doctor_id) is None):
                await self._put_back(doctor_id, by="relay")
        await self.guests.expire(now)

    async def _put_back(self, doctor_id: str, *, by: str) -> None:
        try:
            await self.exchange.put_back(doctor_id, by=by)
        except Exception as error:
            # The call is still open and its doctor away: `expire` tries again.
            log.error("call.put_back_failed", doctor=doctor_id, error=type(error).__name__)

    async def _account_ended(self, message: AccountEnded) -> None:
        client = self.presence.sessions.of(Role.doctor, message.account_id)
        here = client is not None and message.session_id in (None, client.sign_in)
        if client is not None and here:
            self.presence.dismiss(client, message.code)
        signed_out = message.code == SIGNED_OUT
        # A sign-in that ran out may be renewed: its call waits for the doctor as after any break.
        if message.session_id is None or (here and signed_out):
            await self._put_back(message.account_id, by=message.account_id if signed_out else "relay")

    async def _vehicle_revoked(self, message: VehicleRevoked) -> None:
        client = self.presence.sessions.of(Role.vehicle, message.vehicle_id)
        if client is not None:
            self.presence.dismiss(client, message.code)
        self.room.remove_waiting_of(message.vehicle_id)

    async def _vehicle_changed(self, message: VehicleChanged) -> None:
        await self.room.read_card(message.vehicle_id)

    async def _tell_vehicle(self, message: TellVehicle) -> None:
        self.presence.tell(Role.vehicle, message.vehicle_id, message.body)

    async def _tell_doctor(self, message: TellDoctor) -> None:
        self.presence.tell(Role.doctor, message.doctor_id, message.body)
