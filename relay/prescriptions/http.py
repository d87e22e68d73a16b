"""HTTP of the prescriptions: doctors' routes and vehicles' routes (aiohttp)."""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

from aiohttp import web

from protocol.accounts import PersonKind
from protocol.prescription import PrescriptionDraft, PrescriptionMentions, PrescriptionSignature
from relay.bodies import Refused, answer, body_of
from relay.fleet.http import People, Vehicles, signed_in
from relay.vehicle_peer import vehicle_of

from .errors import (
    Conflict,
    NotAcceptable,
    NotAllowed,
    PrescriptionError,
    SignatureRefused,
    Unavailable,
    Unknown,
)
from .service import Doctor, Prescriptions

T = TypeVar("T")

_STATUS: dict[type[PrescriptionError], int] = {
    NotAllowed: 403, Unknown: 404, Conflict: 409, NotAcceptable: 422, SignatureRefused: 422, Unavailable: 500}


def routes(prescriptions: Prescriptions, people: People = signed_in) -> Iterable[web.RouteDef]:
    """Routes of the listener for people."""
    who = _doctor_by(people)

    async def check(request: web.Request) -> web.Response:
        doctor = await who(request)
        return answer(await prescriptions.check(await body_of(request, PrescriptionDraft), doctor))

    async def draft(request: web.Request) -> web.Response:
        doctor = await who(request)
        wanted = await body_of(request, PrescriptionDraft)
        try:
            return answer(await _coded(prescriptions.draft(wanted, doctor)), status=201)
        except NotAcceptable as error:
            return answer(PrescriptionMentions(code=error.code, mentions=error.mentions), status=422)

    async def sign(request: web.Request) -> web.Response:
        doctor = await who(request)
        signed = await body_of(request, PrescriptionSignature)
        return answer(await _coded(prescriptions.sign(
            request.match_info["prescription_id"], base64.b64decode(signed.signature), doctor)))

    async def page(request: web.Request) -> web.Response:
        doctor = await who(request)
        prescription_id = request.match_info["prescription_id"]
        return _pdf(await _coded(prescriptions.page(prescription_id, doctor)), prescription_id)

    async def of_encounter(request: web.Request) -> web.Response:
        doctor = await who(request)
        return answer(await prescriptions.of_encounter(request.match_info["encounter_id"], doctor))

    return (web.post("/api/prescriptions/check", check), web.post("/api/prescriptions", draft),
            web.post("/api/prescriptions/{prescription_id}/signature", sign),
            web.get("/api/prescriptions/{prescription_id}.pdf", page),
            web.get("/api/encounters/{encounter_id}/prescriptions", of_encounter))


def vehicle_routes(prescriptions: Prescriptions, vehicles: Vehicles = vehicle_of) -> Iterable[web.RouteDef]:
    """Routes of the listener for vehicles (mutual TLS)."""

    async def waiting(request: web.Request) -> web.Response:
        return answer(await prescriptions.waiting_for(await vehicles(request)))

    async def page(request: web.Request) -> web.Response:
        vehicle_id = await vehicles(request)
        prescription_id = request.match_info["prescription_id"]
        return _pdf(await _coded(prescriptions.page_for_vehicle(prescription_id, vehicle_id)), prescription_id)

    return (web.get("/vehicle/prescriptions", waiting),
            web.get("/vehicle/prescriptions/{prescription_id}", page))


def _doctor_by(people: People) -> Callable[[web.Request], Awaitable[Doctor]]:
    async def who(request: web.Request) -> Doctor:
        person = await people(request, PersonKind.doctor)
        if person.doctor is None:
            raise Refused(403, "forbidden")
        return Doctor(person.doctor.doctor_id, person.session_id)
    return who


def _pdf(content: bytes, prescription_id: str) -> web.Response:
    return web.Response(body=content, content_type="application/pdf", headers={
        "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff",
        # The identifier is one of ours: it was found in the database.
        "Content-Disposition": f'attachment; filename="ordonnance-{prescription_id}.pdf"'})


async def _coded(work: Awaitable[T]) -> T:
    try:
        return await work
    except NotAcceptable:
        raise
    except PrescriptionError as error:
        refused = Refused(_STATUS[type(error)], error.code)
        refused.facts.update(error.facts)
        raise refused from error
