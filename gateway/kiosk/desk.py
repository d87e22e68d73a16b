"""All open pages of the touchscreen: state to each, commands from each, one local peer connection."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import msgspec
import structlog
from aiohttp import web

from protocol.kiosk import KioskReply, KioskState, LocalOffer
from protocol.kiosk_commands import KioskCommand, LocalAnswer, SignInNurse, SignOutNurse, WantLocal
from protocol.readings import Chunk

from ..store import StoreError
from .access import Access
from .page import Page, encode
from .partners import KioskRefused, LocalPeer, Rooms, Sleep

log = structlog.get_logger()

STATES_SECONDS = 0.1
"""At most ten states a second: a cuff's pressure moves that fast and nothing else does."""
REFRESH_SECONDS = 10.0
"""Without any change: the page's clock and the sessions' last use stay true."""
PAGES_MAXIMUM = 8
"""One touchscreen, a second one for support, and reloads whose old socket is not gone yet."""


class Desk:
    """The hub between the rooms and the pages."""

    def __init__(self, rooms: Rooms, access: Access, sleep: Sleep = asyncio.sleep) -> None:
        self._sleep = sleep
        self._rooms = rooms
        self._access = access
        self._pages: list[Page] = []
        self._opened = 0
        self._revision = 0
        self._changed = asyncio.Event()
        self._shown: dict[str | None, tuple[KioskState, bytes]] = {}
        self._local = _Local(rooms.local_peer)
        self._unkept: str | None = None

    def changed(self) -> None:
        """Something a page shows has changed."""
        self._changed.set()

    def chunk(self, chunk: Chunk) -> None:
        """Samples for every page where somebody is signed in."""
        data = bytes(chunk)
        for page in self._pages:
            if page.nurse is not None:
                page.chunk(data)

    async def run(self) -> None:
        """Push states until cancelled."""
        await self._kept_up(self._access.expire)
        while True:
            try:
                async with asyncio.timeout(REFRESH_SECONDS):
                    await self._changed.wait()
            except TimeoutError:
                self._shown.clear()
                await self._kept_up(self._look_again)
            self._changed.clear()
            for page in tuple(self._pages):
                self._show(page)
            await self._sleep(STATES_SECONDS)

    async def _kept_up(self, work: Callable[[], Awaitable[None]]) -> None:
        """Look after the sessions; a disk that refuses is the store's problem and must not end the touchscreen (I9)."""
        try:
            await work()
        except StoreError as error:
            if error.code != self._unkept:
                log.error("kiosk.sessions_unkept", code=error.code)
            self._unkept = error.code
        else:
            self._unkept = None

    async def serve(self, socket: web.WebSocketResponse, token: str) -> None:
        """One page, from its opening to its end."""
        await self._rooms.restored()
        if len(self._pages) >= PAGES_MAXIMUM:
            self._pages[0].end()
        self._opened += 1
        page = Page(socket, token, self._opened)
        page.nurse = await self._access.whose(token)
        self._pages.append(page)
        try:
            self._show(page, again=True)
            await page.serve(self._handle)
        except* (ConnectionError, TimeoutError):
            pass  # the page is gone; it comes back by itself
        finally:
            self._pages.remove(page)
            await self._local.left(page)

    async def close(self) -> None:
        """Close every page; idempotent."""
        for page in tuple(self._pages):
            page.end()
        await self._local.close()

    def _show(self, page: Page, again: bool = False) -> None:
        nurse_id = page.nurse.nurse_id if page.nurse else None
        state = self._rooms.state(page.nurse)
        shown = self._shown.get(nurse_id)
        if shown is None or not _same(shown[0], state):
            self._revision += 1
            state = msgspec.structs.replace(state, revision=self._revision)
            shown = self._shown[nurse_id] = (state, encode(state))
            for other in self._pages:
                if (other.nurse.nurse_id if other.nurse else None) == nurse_id:
                    other.show(shown[1])
        elif again:
            page.show(shown[1])

    async def _look_again(self) -> None:
        """A session that ended elsewhere or grew old ends on its pages too."""
        for page in tuple(self._pages):
            if page.nurse is not None and await self._access.whose(page.token) is None:
                await self._out(page)

    async def _handle(self, page: Page, command: KioskCommand) -> KioskReply:
        body = command.body
        if isinstance(body, SignInNurse):
            nurse = await self._access.sign_in(page.token, body.nurse_id, body.pin)
            for other in self._same_token(page):
                other.nurse = nurse
                self._show(other, again=True)
            return KioskReply(id=command.id)
        if page.nurse is None:
            raise KioskRefused("kiosk.not_signed_in")
        if isinstance(body, SignOutNurse):
            await self._access.sign_out(page.token)
            for other in self._same_token(page):
                await self._out(other)
            return KioskReply(id=command.id)
        if isinstance(body, WantLocal):
            newest = max((other.number for other in self._pages if other.nurse is not None), default=page.number)
            if page.number < newest:
                raise KioskRefused("local.elsewhere")
            await self._local.want(page)
            return KioskReply(id=command.id)
        if isinstance(body, LocalAnswer):
            await self._local.answer(page, body)
            return KioskReply(id=command.id)
        return await self._rooms.command(body, page.nurse)

    def _same_token(self, page: Page) -> list[Page]:
        return [other for other in self._pages if other.token == page.token]

    async def _out(self, page: Page) -> None:
        page.nurse = None
        self._show(page, again=True)
        await self._local.left(page)


class _Local:
    """The one local peer connection and the page that has it: the newest page wins."""

    def __init__(self, make: Callable[[Callable[[], None]], Awaitable[LocalPeer]]) -> None:
        self._make = make
        self._owner: Page | None = None
        self._peer: LocalPeer | None = None
        self._generation = 0
        self._one = asyncio.Lock()

    async def want(self, page: Page) -> None:
        """Make a new connection for this page and send it the offer."""
        async with self._one:
            await self._drop()
            self._generation += 1
            generation = self._generation
            self._peer = peer = await self._make(lambda: self._closed(generation))
            self._owner = page
            page.say(LocalOffer(generation=generation, sdp=await peer.offer()))

    async def answer(self, page: Page, answer: LocalAnswer) -> None:
        """Raises KioskRefused `local.stale` for an answer to an older offer."""
        async with self._one:
            if self._peer is None or self._owner is not page or answer.generation != self._generation:
                raise KioskRefused("local.stale")
            await self._peer.answer(answer.sdp)

    async def left(self, page: Page) -> None:
        """The page is gone or signed out."""
        async with self._one:
            if self._owner is page:
                await self._drop()

    async def close(self) -> None:
        """Idempotent."""
        async with self._one:
            await self._drop()

    async def _drop(self) -> None:
        peer, self._peer, self._owner = self._peer, None, None
        if peer is not None:
            await peer.close()

    def _closed(self, generation: int) -> None:
        # The page sees it too and asks again; nothing is kept of the old one.
        if generation == self._generation:
            self._peer, self._owner = None, None


def _same(one: KioskState, other: KioskState) -> bool:
    """Equal but for when they were made."""
    return msgspec.structs.replace(other, revision=one.revision, now=one.now) == one
