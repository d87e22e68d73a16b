"""HTTP of the fleet: IT support's routes, enrolment, renewal, doctors' certificates (aiohttp)."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

from aiohttp import web

from protocol.accounts import CertificateRequest, Enrolment, PersonKind, VehicleWanted
from relay.bodies import Refused, answer, body_of
from relay.identity.people import person_of
from relay.identity.sign_ins import Person
from relay.vehicle_peer import vehicle_of

from .errors import CodeRefused, FleetError, VehicleUnknown
from .service import Fleet

ENROLMENTS_PER_MINUTE = 10
"""A technician who mistypes a code tries three times a minute; 128 bits are out of a guesser's reach anyway."""

ADDRESSES_KEPT = 4096
"""Addresses whose attempts are counted; the longest silent one is forgotten first."""

_MINUTE = 60.0

T = TypeVar("T")


People = Callable[[web.Request, PersonKind], Awaitable[Person]]
"""Who asks; raises `relay.bodies.Refused` (401, 403) when it is nobody of this kind."""

Vehicles = Callable[[web.Request], Awaitable[str]]
"""Identifier of the vehicle whose TLS certificate came with the request; raises `Refused` (403)."""


async def signed_in(request: web.Request, kind: PersonKind) -> Person:
    """The signed-in person of this kind, by the relay's sessions."""
    person = await person_of(request)
    if person.kind is not kind:
        raise Refused(403, "forbidden")
    return person


class Attempts:
    """Counts enrolment attempts by address within a minute. `clock` is monotonic, in seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._made: OrderedDict[str, list[float]] = OrderedDict()

    def count(self, address: str) -> None:
        """Counts one attempt. Raises `Refused` 429 `enrol.too_many` past the limit."""
        now = self._clock()
        recent = [moment for moment in self._made.get(address, ()) if now - moment < _MINUTE]
        if len(recent) >= ENROLMENTS_PER_MINUTE:
            raise Refused(429, "enrol.too_many", retry_after=int(_MINUTE - (now - recent[0])) + 1)
        self._made[address] = [*recent, now]
        self._made.move_to_end(address)
        if len(self._made) > ADDRESSES_KEPT:
            self._made.popitem(last=False)


def routes(fleet: Fleet, people: People = signed_in,
           clock: Callable[[], float] = time.monotonic) -> Iterable[web.RouteDef]:
    """Routes of the listener for people. `clock`: monotonic seconds, for the limit on enrolments."""
    attempts = Attempts(clock)

    async def create(request: web.Request) -> web.Response:
        person = await people(request, PersonKind.it)
        wanted = await body_of(request, VehicleWanted)
        return answer(await _coded(fleet.create(wanted, by=person.account_id)), status=201)

    async def rows(request: web.Request) -> web.Response:
        await people(request, PersonKind.it)
        return answer(await fleet.rows())

    async def new_code(request: web.Request) -> web.Response:
        person = await people(request, PersonKind.it)
        return answer(await _coded(fleet.new_code(request.match_info["vehicle_id"], by=person.account_id)), status=201)

    async def revoke(request: web.Request) -> web.Response:
        person = await people(request, PersonKind.it)
        await _coded(fleet.revoke(request.match_info["vehicle_id"], by=person.account_id))
        return web.Response(status=204)

    async def enrol(request: web.Request) -> web.Response:
        attempts.count(request.remote or "")
        enrolment = await body_of(request, Enrolment)
        return answer(await _coded(fleet.enrol(enrolment)), status=201)

    async def certify(request: web.Request) -> web.Response:
        person = await people(request, PersonKind.doctor)
        wanted = await body_of(request, CertificateRequest)
        if person.doctor is None:
            raise Refused(403, "account.no_doctor")
        return answer(await _coded(fleet.certify_doctor(
            doctor_id=person.doctor.doctor_id, name=person.doctor.name, session_id=person.session_id,
            csr_pem=wanted.csr)), status=201)

    return (web.post("/api/fleet/vehicles", create), web.get("/api/fleet/vehicles", rows),
            web.post("/api/fleet/vehicles/{vehicle_id}/code", new_code),
            web.post("/api/fleet/vehicles/{vehicle_id}/revoke", revoke),
            web.post("/api/enrol", enrol), web.post("/api/doctor/certificate", certify))


def vehicle_routes(fleet: Fleet, vehicles: Vehicles = vehicle_of) -> Iterable[web.RouteDef]:
    """Routes of the listener for vehicles (mutual TLS)."""

    async def renew(request: web.Request) -> web.Response:
        vehicle_id = await vehicles(request)
        wanted = await body_of(request, CertificateRequest)
        return answer(await _coded(fleet.renew(vehicle_id, wanted.csr)), status=201)

    return (web.post("/vehicle/renew", renew),)


async def _coded(work: Awaitable[T]) -> T:
    try:
        return await work
    except FleetError as error:
        status = 404 if isinstance(error, VehicleUnknown) else 403 if isinstance(error, CodeRefused) else 422
        refused = Refused(status, error.code)
        refused.facts.update(error.facts)
        raise refused from error
