"""The static pages for people, and the headers that keep them honest (operations: headers for the doctor's page)."""

from __future__ import annotations

import asyncio
from pathlib import Path

from aiohttp import web

from relay.context import CONTEXT

CONTENT_SECURITY_POLICY = "; ".join((
    "default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self' blob: data:",
    "media-src 'self' blob:", "connect-src 'self'", "font-src 'self'", "worker-src 'self'", "manifest-src 'self'",
    "base-uri 'none'", "form-action 'self'", "frame-ancestors 'none'", "object-src 'none'",
    "require-trusted-types-for 'script'", "trusted-types passerelle-worker"))

HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=(self), display-capture=(self), geolocation=(), usb=(), "
                          "serial=(), payment=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
STRICT_TRANSPORT = "max-age=63072000; includeSubDomains"

PAGES = {"/": "doctor.html", "/doctor.html": "doctor.html", "/guest.html": "guest.html"}
"""The kiosk's page is served on the vehicle, never here."""

ASSETS = "assets"
FOR_EVER = "public, max-age=31536000, immutable"
"""The build puts a hash of the content in an asset's name."""

_TYPES = {".js": "text/javascript", ".mjs": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml",
          ".png": "image/png", ".woff2": "font/woff2", ".webmanifest": "application/manifest+json",
          ".json": "application/json", ".wasm": "application/wasm", ".txt": "text/plain"}

_NOT_BUILT = """<!doctype html><html lang="fr"><head><meta charset="utf-8"><title>Passerelle</title></head><body>
<h1>La page n'est pas encore construite</h1>
<p>Le relais fonctionne. Sur ce serveur, dans le dossier du projet, lancez <code>npm --prefix web_client ci</code>
puis <code>npm --prefix web_client run build</code> (<code>./run demo</code> le fait), puis rechargez cette page.</p>
<h1 lang="en">The page is not built yet</h1>
<p lang="en">The relay works. On this server, in the project's folder, run <code>npm --prefix web_client ci</code> and
<code>npm --prefix web_client run build</code> (<code>./run demo</code> does it), then load this page again.</p>
</body></html>"""


async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Signal handler: the security headers on every answer of the browser listener."""
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    if request.app[CONTEXT].origins.secure_cookies:
        response.headers.setdefault("Strict-Transport-Security", STRICT_TRANSPORT)


def routes(folder: Path) -> list[web.RouteDef]:
    """The pages and their assets, from the built web client."""

    async def page(request: web.Request) -> web.Response:
        content = await asyncio.to_thread(_read, folder / PAGES[request.path])
        if content is None:
            return web.Response(text=_NOT_BUILT, content_type="text/html", status=503,
                                headers={"Cache-Control": "no-store"})
        return web.Response(body=content, content_type="text/html", charset="utf-8",
                            headers={"Cache-Control": "no-store"})

    async def asset(request: web.Request) -> web.Response:
        # One path segment, which aiohttp has decoded: nothing in it may lead out of the folder.
        name = request.match_info["name"]
        kind = _TYPES.get(Path(name).suffix)
        content = None
        if kind is not None and Path(name).name == name and not name.startswith("."):
            content = await asyncio.to_thread(_read, folder / ASSETS / name)
        if content is None or kind is None:
            raise web.HTTPNotFound
        return web.Response(body=content, content_type=kind, headers={"Cache-Control": FOR_EVER})

    return [*(web.get(path, page) for path in PAGES), web.get(f"/{ASSETS}/{{name}}", asset)]


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError, PermissionError):
        return None
