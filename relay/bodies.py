"""JSON bodies of the HTTP interface: read and checked, answered, refused with a code."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import msgspec
import structlog
from aiohttp import web

from protocol.accounts import ErrorBody
from relay.storage.base import is_disk_full

log = structlog.get_logger()

T = TypeVar("T")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

BODY_BYTES = 256 * 1024
"""Largest JSON body: a prescription of 20 lines with a long note is 20 KiB, a PKCS#10 in PEM 2 KiB."""

BODY_SECONDS = 30.0
"""A quarter of a megabyte at 70 kbit/s. Who sends an octet now and then holds no socket for longer."""


class Refused(Exception):
    """The request is refused; `facts` go into the sentence on the screen and hold no secret."""

    def __init__(self, status: int, code: str, *, retry_after: int | None = None, **facts: str) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.facts = facts
        self.retry_after = retry_after


def answer(value: Any, *, status: int = 200) -> web.Response:
    """A value of the protocol (or a sequence of them) as JSON that nobody caches."""
    return web.Response(body=msgspec.json.encode(value), status=status, content_type="application/json",
                        headers={"Cache-Control": "no-store"})


async def body_of(request: web.Request, kind: type[T]) -> T:
    """The body as a checked value. 415 when it is not JSON (CSRF), 413 too large, 408 too slow, 422 does not fit."""
    if request.content_type != "application/json":
        raise Refused(415, "request.not_json")
    if (request.content_length or 0) > BODY_BYTES:
        raise Refused(413, "request.too_large")
    try:
        async with asyncio.timeout(BODY_SECONDS):
            raw = await request.read()
    except TimeoutError as error:
        raise Refused(408, "request.refused") from error
    except web.HTTPRequestEntityTooLarge as error:
        raise Refused(413, "request.too_large") from error
    except web.RequestPayloadError as error:
        # Not compressed as it says, or cut: nothing after it can be read either.
        raise Refused(400, "request.refused") from error
    try:
        return msgspec.json.decode(raw, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        # The reason names fields and types; msgspec never repeats the refused value.
        raise Refused(422, "request.malformed", reason=str(error)[:200]) from error


@web.middleware
async def refusals(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn whatever ends a request badly into an `ErrorBody`; never a traceback to the client."""
    try:
        return await handler(request)
    except Refused as refused:
        response = answer(ErrorBody(code=refused.code, facts=refused.facts), status=refused.status)
        if refused.retry_after is not None:
            response.headers["Retry-After"] = str(refused.retry_after)
        return response
    except web.HTTPException as error:
        if error.status < 400:
            raise
        codes = {404: "request.not_found", 405: "request.method", 413: "request.too_large"}
        return answer(ErrorBody(code=codes.get(error.status, "request.refused")), status=error.status)
    except Exception as error:
        full = is_disk_full(error)
        log.error("request.failed", path=request.path, error=type(error).__name__, disk_full=full)
        return answer(ErrorBody(code="storage.full" if full else "relay.failed"), status=507 if full else 500)
