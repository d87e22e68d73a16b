"""The doors to the sockets: `/ws` for doctors' pages, `/guest/ws` for guests' pages, `/vehicle/ws` for vehicles."""

from __future__ import annotations

from collections.abc import Callable
from math import ceil

import structlog
from aiohttp import web

from protocol import SUBPROTOCOL
from protocol.accounts import PersonKind
from protocol.signalling import Hello, Role
from relay.bodies import Handler, Refused
from relay.context import CONTEXT
from relay.identity.people import listening_port
from relay.identity.tokens import TokenRefused
from relay.vehicle_peer import vehicle_of

from .refusals import MessageRefused
from .socket import Conversation, Turned
from .switchboard import Caller, Switchboard

log = structlog.get_logger()

SOCKETS = 8_000
"""Open sockets of one process at 49 KiB each under TLS: 0.4 GB. Past it a client is told to come back."""


class Doors:
    """Lets sockets in. `clock` is monotonic, in seconds."""

    def __init__(self, switchboard: Switchboard, clock: Callable[[], float]) -> None:
        self._switchboard = switchboard
        self._clock = clock
        self._open = 0

    def routes(self) -> list[web.RouteDef]:
        """For the browser listener."""
        return [web.get("/ws", self._counted(self.doctor)), web.get("/guest/ws", self._counted(self.guest))]

    def vehicle_routes(self) -> list[web.RouteDef]:
        """For the vehicle listener."""
        return [web.get("/vehicle/ws", self._counted(self.vehicle))]

    async def doctor(self, request: web.Request) -> web.StreamResponse:
        """A doctor's page: its origin now, its token in the Hello."""
        context = request.app[CONTEXT]
        _same_origin(request)

        async def authenticate(hello: Hello) -> Caller:
            try:
                bearer = context.tokens.check(hello.token)
            except TokenRefused as refused:
                raise MessageRefused(refused.code) from refused
            person = await context.sign_ins.by_session(bearer.account_id, bearer.session_id)
            if person is None:
                raise Turned("session.signed_out")
            if person.kind is not PersonKind.doctor:
                raise MessageRefused("forbidden")
            return Caller(role=Role.doctor, owner=person.account_id, sign_in=person.session_id)

        return await Conversation(self._switchboard, Role.doctor, self._clock).run(request, authenticate)

    async def guest(self, request: web.Request) -> web.StreamResponse:
        """A guest's page: the token of its link once, its resume token from then on."""
        _same_origin(request)
        address = request.remote or ""

        async def authenticate(hello: Hello) -> Caller:
            guests, shown = self._switchboard.guests, hello.token or hello.resume_token
            wait = guests.tried(shown, address)
            if wait > 0:
                raise MessageRefused("guest.wait", seconds=str(ceil(wait)))
            if hello.token:
                guest, resume = await guests.enter(hello.token, hello.resume_token)
            else:
                guest, resume = await guests.back(hello.resume_token), hello.resume_token
            guests.fitted(shown, address)
            return Caller(role=Role.guest, owner=guest.guest_id, resume_token=resume)

        return await Conversation(self._switchboard, Role.guest, self._clock).run(request, authenticate)

    async def vehicle(self, request: web.Request) -> web.StreamResponse:
        """A vehicle: its certificate says who it is, the registry whether it may."""

        async def authenticate(hello: Hello) -> Caller:
            try:
                return Caller(role=Role.vehicle, owner=await vehicle_of(request))
            except Refused as refused:
                log.warning("vehicle.refused", code=refused.code)
                raise Turned(refused.code) from refused

        return await Conversation(self._switchboard, Role.vehicle, self._clock).run(request, authenticate)

    def _counted(self, handler: Handler) -> Handler:
        async def counted(request: web.Request) -> web.StreamResponse:
            offered = request.headers.get("Sec-WebSocket-Protocol", SUBPROTOCOL)
            if SUBPROTOCOL not in (name.strip() for name in offered.split(",")):
                raise Refused(400, "version.unsupported")
            if self._open >= SOCKETS:
                raise Refused(503, "relay.busy", retry_after=5)
            self._open += 1
            try:
                return await handler(request)
            finally:
                self._open -= 1

        return counted


def _same_origin(request: web.Request) -> None:
    origin = request.headers.get("Origin")
    # A script outside a browser sends no Origin; it still needs a token.
    if origin is not None and not request.app[CONTEXT].origins.permits(origin, listening_port(request)):
        raise Refused(403, "request.origin")
