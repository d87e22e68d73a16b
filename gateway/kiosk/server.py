"""HTTP of the touchscreen (aiohttp): the page, its socket, stills, prescriptions, a live view. Loopback only.

Another site open in the same browser must reach nothing here: names that resolve to this machine (DNS
rebinding) fail at the Host, foreign pages at the Origin and at SameSite, and what is served may load
nothing from elsewhere.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

import msgspec
import structlog
from aiohttp import web

from protocol import SUBPROTOCOL
from protocol.accounts import ErrorBody
from protocol.limits import SIGNALLING_MESSAGE_BYTES

from .access import SESSION_LIFE, Access, new_token
from .desk import Desk
from .partners import KioskRefused, Rooms, code_of

log = structlog.get_logger()

PAGE = "kiosk.html"
PREVIEWS_MAXIMUM = 4
"""One live view is looked at; reloads leave one or two behind for a moment."""
SESSION_LOOK_SECONDS = 1.0
"""A nurse who signs out and turns away is followed by nobody within that time."""
HEARTBEAT_SECONDS = 20.0
"""A browser that crashed without closing is noticed within two of these."""
BODY_BYTES = 4096
"""No request here has a body."""
CLOSE_SECONDS = 1.0
"""At shutdown a page gets that long to take its close frame."""

_ID = r"[A-Za-z0-9_.:-]{1,80}"
_FRAME = "passerelle-frame"

POLICY = ("default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
          "media-src 'self' blob:; connect-src 'self'; font-src 'self'; frame-src 'self' blob:; worker-src 'self'; "
          "manifest-src 'self'; base-uri 'none'; form-action 'none'; object-src 'none'; "
          "require-trusted-types-for 'script'; trusted-types 'none'; ")

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=(self), geolocation=(), usb=(), serial=()",
    "Cache-Control": "no-store",
}

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Report = tuple[str, Callable[[], bytes]]
"""Content type, and the body of now: nothing of a patient, nobody signs in to read it."""


class KioskServer:
    """The listener. `start` raises OSError (port in use, no permission) and KioskRefused `kiosk.no_page`."""

    def __init__(self, *, host: str, port: int, web_directory: Path, desk: Desk, access: Access, rooms: Rooms,
                 reports: Mapping[str, Report] | None = None) -> None:
        self._host, self._wanted_port, self._web = host, port, web_directory
        self._desk, self._access, self._rooms = desk, access, rooms
        self._reports = reports or {}
        self._previews = 0
        self._runner: web.AppRunner | None = None
        self.port = port

    async def start(self) -> None:
        """Listen. The page must be there: a touchscreen without it is no touchscreen."""
        if not await asyncio.to_thread((self._web / PAGE).is_file):
            raise KioskRefused("kiosk.no_page", path=str(self._web / PAGE))
        app = web.Application(middlewares=[self._guard], client_max_size=BODY_BYTES)
        app.router.add_get("/", self._page)
        app.router.add_get("/ws", self._socket)
        app.router.add_get(f"/stills/{{id:{_ID}}}", self._still)
        app.router.add_get(f"/prescriptions/{{id:{_ID}}}.pdf", self._prescription)
        app.router.add_get(f"/preview/{{id:{_ID}}}.mjpeg", self._preview)
        for path in self._reports:
            app.router.add_get(path, self._report)
        assets = self._web / "assets"
        if await asyncio.to_thread(assets.is_dir):
            app.router.add_static("/assets", assets)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=CLOSE_SECONDS)
        await self._runner.setup()
        await web.TCPSite(self._runner, self._host, self._wanted_port).start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Stop listening and end what runs; idempotent."""
        await self._desk.close()
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    @property
    def _cookie(self) -> str:
        # Cookies know no ports, and a demonstration has several vehicles on one host.
        return f"passerelle_kiosk_{self.port}"

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            self._same_site(request)
            response = await handler(request)
        except KioskRefused as refused:
            status = {"kiosk.not_signed_in": 401, "kiosk.host": 421, "kiosk.origin": 403,
                      "kiosk.busy": 503, "version.unsupported": 400}.get(refused.code, 404)
            response = _error(status, refused.code)
        except web.HTTPException as error:
            response = _error(error.status, "request.not_found" if error.status == 404 else "request.refused")
        except Exception as error:  # the top of a request: a code, never a traceback
            code = code_of(error, "kiosk.failed")
            known = code.endswith(".unknown")
            if not known:
                log.error("kiosk.request_failed", path=request.match_info.route.name or "", code=code,
                          error=type(error).__name__)
            response = _error(404 if known else 500, code)
        if not response.prepared:
            response.headers.update(HEADERS)
            response.headers["Content-Security-Policy"] = POLICY + self._frames(request)
            if request.path.startswith("/assets/") and response.status == 200:
                # Their names carry the hash of their content.
                response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        return response

    def _frames(self, request: web.Request) -> str:
        # Our own page may show a prescription in a frame; nobody may frame the page.
        return "frame-ancestors 'self'" if request.path.startswith("/prescriptions/") else "frame-ancestors 'none'"

    def _same_site(self, request: web.Request) -> None:
        hosts = {f"{name}:{self.port}" for name in (self._bracketed(), "localhost")}
        if self.port == 80:
            hosts |= {self._bracketed(), "localhost"}
        if request.host.lower() not in hosts:
            raise KioskRefused("kiosk.host")
        origin = request.headers.get("Origin")
        if origin is not None:
            if origin.lower() not in {f"http://{host}" for host in hosts}:
                raise KioskRefused("kiosk.origin")
        elif request.headers.get("Sec-Fetch-Site", "none") not in ("same-origin", "none"):
            raise KioskRefused("kiosk.origin")

    def _bracketed(self) -> str:
        return f"[{self._host}]" if ":" in self._host else self._host

    def _token(self, request: web.Request, response: web.StreamResponse) -> str:
        """The page's cookie; a new one when it has none of the right form."""
        token = request.cookies.get(self._cookie, "")
        if not re.fullmatch(r"[A-Za-z0-9_-]{43}", token):
            token = new_token()
        response.set_cookie(self._cookie, token, httponly=True, samesite="Strict", path="/",
                            max_age=int(SESSION_LIFE.total_seconds()))
        return token

    async def _page(self, request: web.Request) -> web.StreamResponse:
        body = await asyncio.to_thread((self._web / PAGE).read_bytes)
        response = web.Response(body=body, content_type="text/html", charset="utf-8")
        self._token(request, response)
        return response

    async def _socket(self, request: web.Request) -> web.StreamResponse:
        if request.headers.get("Origin") is None:
            raise KioskRefused("kiosk.origin")
        offered = {name.strip() for name in request.headers.get("Sec-WebSocket-Protocol", "").split(",")}
        if SUBPROTOCOL not in offered:
            raise KioskRefused("version.unsupported")
        socket = web.WebSocketResponse(protocols=(SUBPROTOCOL,), max_msg_size=SIGNALLING_MESSAGE_BYTES,
                                       compress=False, heartbeat=HEARTBEAT_SECONDS, timeout=CLOSE_SECONDS)
        token = self._token(request, socket)
        await socket.prepare(request)
        await self._desk.serve(socket, token)
        return socket

    async def _report(self, request: web.Request) -> web.StreamResponse:
        """For IT's agent on this machine."""
        content_type, body = self._reports[request.path]
        return web.Response(body=body(), headers={"Content-Type": content_type})

    async def _still(self, request: web.Request) -> web.StreamResponse:
        await self._signed_in(request)
        return web.Response(body=await self._rooms.still(request.match_info["id"]), content_type="image/jpeg")

    async def _prescription(self, request: web.Request) -> web.StreamResponse:
        await self._signed_in(request)
        name = request.match_info["id"]
        return web.Response(body=await self._rooms.prescription(name), content_type="application/pdf",
                            headers={"Content-Disposition": f'inline; filename="{name.replace(":", "_")}.pdf"'})

    async def _preview(self, request: web.Request) -> web.StreamResponse:
        """Motion JPEG: parts of multipart/x-mixed-replace until the page goes, the camera does or the session ends."""
        await self._signed_in(request)
        if self._previews >= PREVIEWS_MAXIMUM:
            raise KioskRefused("kiosk.busy")
        response = web.StreamResponse(headers={
            **HEADERS, "Content-Type": f"multipart/x-mixed-replace; boundary={_FRAME}",
            "Content-Security-Policy": POLICY + "frame-ancestors 'none'"})
        self._previews += 1
        try:
            looked = time.monotonic()
            async for frame in self._rooms.preview(request.match_info["id"]):
                if time.monotonic() - looked > SESSION_LOOK_SECONDS:
                    await self._signed_in(request)
                    looked = time.monotonic()
                if not response.prepared:
                    await response.prepare(request)
                await response.write(_part(frame))
        except ConnectionError:
            pass  # the page looked away
        except Exception as error:  # the camera went: what was shown stays, the page asks again
            if not response.prepared:
                raise
            log.info("kiosk.preview_ended", code=code_of(error, "kiosk.failed"))
        finally:
            self._previews -= 1
        if not response.prepared:
            raise KioskRefused("instrument.absent")
        return response

    async def _signed_in(self, request: web.Request) -> None:
        if await self._access.whose(request.cookies.get(self._cookie)) is None:
            raise KioskRefused("kiosk.not_signed_in")


def _part(frame: bytes) -> bytes:
    return b"--%s\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%s\r\n" % (
        _FRAME.encode(), len(frame), frame)


def _error(status: int, code: str) -> web.Response:
    return web.Response(body=msgspec.json.encode(ErrorBody(code=code)), status=status,
                        content_type="application/json")
