"""The doctor's page makes one-time links; the guest's page asks who invites (aiohttp)."""

from __future__ import annotations

from math import ceil

from aiohttp import web

from protocol.guests import GuestKnock, GuestWanted
from relay.bodies import Refused, answer, body_of
from relay.identity.people import doctor_of

from .guest_exchange import GuestExchange
from .refusals import MessageRefused

_STATUS = {"forbidden": 403, "guest.call_over": 409, "guest.too_many": 409, "guest.link_unknown": 404,
           "guest.link_used": 410, "guest.link_expired": 410, "guest.removed": 410}


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

    async def knock(request: web.Request) -> web.Response:
        """200 `GuestDoor`; 404 `guest.link_unknown`, 410 used, expired or taken back, 409 `guest.call_over`,
        429 `guest.wait`."""
        token, address = (await body_of(request, GuestKnock)).token, request.remote or ""
        wait = guests.tried(token, address)
        if wait > 0:
            raise Refused(429, "guest.wait", retry_after=ceil(wait), seconds=str(ceil(wait)))
        try:
            door = await guests.door(token)
        except MessageRefused as refused:
            raise Refused(_STATUS[refused.code], refused.code) from refused
        guests.fitted(token, address)
        return answer(door)

    return [web.post("/doctor/calls/{call_id}/guests", invite), web.post("/guest/invitation", knock)]
