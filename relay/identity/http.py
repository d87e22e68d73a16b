"""Sign-in, sign-out, who am I, token: the HTTP interface for people."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from math import ceil

from aiohttp import web

from protocol.accounts import Me, PersonKind, SignIn
from relay.audit import record
from relay.bodies import Refused, answer, body_of
from relay.context import CONTEXT

from .people import cookie_name, person_of
from .sign_ins import LIFETIME


def routes() -> list[web.RouteDef]:
    """The routes of this package, for the browser listener."""
    return [web.post("/api/sign-in", sign_in), web.post("/api/sign-out", sign_out),
            web.get("/api/me", me), web.post("/api/token", token), web.get("/api/ca", authority)]


async def authority(request: web.Request) -> web.Response:
    """The issuing CA's certificate in PEM, for a vehicle that enrols over https: its code's pin judges it."""
    return web.Response(text=request.app[CONTEXT].ca_pem, content_type="application/x-pem-file",
                        headers={"Cache-Control": "no-store"})


async def sign_in(request: web.Request) -> web.Response:
    """204 and a cookie; 401 `sign_in.refused`, 429 `sign_in.wait` with Retry-After."""
    context = request.app[CONTEXT]
    wanted = await body_of(request, SignIn)
    wait = context.guesses.wait(wanted.account, request.remote or "", time.monotonic())
    if wait > 0:
        raise Refused(429, "sign_in.wait", retry_after=ceil(wait), seconds=str(ceil(wait)))
    account = await context.accounts.by_name(wanted.account)
    if not await context.passwords.fits(account.password_hash if account else None, wanted.password) or not account:
        async with context.storage.session() as session:
            # The name that was typed may be a password typed in the wrong field: it is not kept.
            await record(session, what="person.refused", who=account.account_id if account else "unknown")
        raise Refused(401, "sign_in.refused")
    if account.kind == PersonKind.doctor and not context.config.demo:
        raise Refused(403, "sign_in.provider")
    context.guesses.forgive(wanted.account, request.remote or "", time.monotonic())
    secure = context.origins.secure_cookies
    response = web.Response(status=204, headers={"Cache-Control": "no-store"})
    response.set_cookie(cookie_name(secure=secure), await context.sign_ins.begin(account), path="/", httponly=True,
                        samesite="Strict", secure=secure, max_age=int(LIFETIME.total_seconds()))
    return response


async def sign_out(request: web.Request) -> web.Response:
    """204; ends this sign-in and its sockets."""
    context = request.app[CONTEXT]
    await context.sign_ins.end(await person_of(request))
    secure = context.origins.secure_cookies
    response = web.Response(status=204, headers={"Cache-Control": "no-store"})
    response.del_cookie(cookie_name(secure=secure), path="/", httponly=True, samesite="Strict", secure=secure)
    return response


async def me(request: web.Request) -> web.Response:
    """Who is signed in, and the CA certificate that the page pins."""
    person, context = await person_of(request), request.app[CONTEXT]
    return answer(Me(kind=person.kind, name=person.name, doctor=person.doctor, ca=context.ca_pem,
                     demo=context.config.demo))


async def token(request: web.Request) -> web.Response:
    """A token for `/ws`, bound to this sign-in."""
    person = await person_of(request)
    if request.content_type not in ("application/json", "application/octet-stream"):
        raise Refused(415, "request.not_json")
    return answer(request.app[CONTEXT].tokens.issue(person.account_id, person.session_id, datetime.now(UTC)))
