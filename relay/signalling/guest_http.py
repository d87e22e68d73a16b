"""The doctor's page makes one-time links (aiohttp)."""

from __future__ import annotations

from aiohttp import web

from protocol.guests import GuestWanted
from relay.bodies import Refused, answer, body_of
from relay.identity.people import doctor_of

from .guest_exchange import GuestExchange
from .refusals import MessageRefused

_STATUS = {"forbidden": 403, "guest.call_over": 409, "guest.too_many": 409}


def routes(guests: GuestExchange) -> list[web.RouteDef]:
    """For the browser listener."""

    async def invite(request: web.Request) -> web.Response:
        """201 `GuestInvitation`; 403 `forbidden`, 409 `guest.call_over`, `guest.too_many`."""
        doctor = await doctor_of(request)
        wanted = await body_of(request, GuestWanted)
        try:
            return answer(await guests.invite(doctor.doctor_id, request.match_info["call_id"], wanted), status=201)
        except MessageRefused as refused:
            raise Refused(_STATUS[refused.code], refused.code) from refused

    return [web.post("/doctor/calls/{call_id}/guests", invite)]
