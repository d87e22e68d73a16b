"""Who is asking, for HTTP handlers: the cookie, the origin, the kind of person."""

from __future__ import annotations

from aiohttp import web

from protocol.accounts import PersonKind
from protocol.values import DoctorCard
from relay.bodies import Handler, Refused
from relay.context import CONTEXT

from .sign_ins import Person

_UNSAFE = {"POST", "PUT", "PATCH", "DELETE"}


def cookie_name(*, secure: bool) -> str:
    """`__Host-` binds the cookie to this host and to HTTPS (RFC 6265bis, section 4.1.3.2)."""
    return "__Host-passerelle" if secure else "passerelle"


async def person_of(request: web.Request) -> Person:
    """The signed-in person. Refused(401) when there is none."""
    context = request.app[CONTEXT]
    token = request.cookies.get(cookie_name(secure=context.origins.secure_cookies), "")
    person = await context.sign_ins.person(token) if token else None
    if person is None:
        raise Refused(401, "session.needed")
    return person


async def doctor_of(request: web.Request) -> DoctorCard:
    """The signed-in doctor. Refused(401) without a session, Refused(403) for somebody else."""
    person = await person_of(request)
    if person.doctor is None:
        raise Refused(403, "forbidden")
    return person.doctor


async def support_of(request: web.Request) -> Person:
    """The signed-in person of IT. Refused(401) without a session, Refused(403) for somebody else."""
    person = await person_of(request)
    if person.kind is not PersonKind.it:
        raise Refused(403, "forbidden")
    return person


@web.middleware
async def same_origin(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse a request that changes something when a page of another origin made it.

    A script outside a browser sends no Origin and no cookie of somebody else, and passes.
    """
    if request.method in _UNSAFE:
        origin = request.headers.get("Origin")
        if (origin is not None and not request.app[CONTEXT].origins.permits(origin, listening_port(request))) \
                or request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
            raise Refused(403, "request.origin")
    return await handler(request)


def listening_port(request: web.Request) -> int:
    """The port the request came in on."""
    if request.transport is None:
        raise Refused(400, "request.gone")
    name = request.transport.get_extra_info("sockname")
    return int(name[1]) if isinstance(name, tuple) else 0
