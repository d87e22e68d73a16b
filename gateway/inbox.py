"""What came by the signalling socket, handed up one after the other: a slow handler never stops the pongs."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from protocol.limits import SIGNALLING_BACKLOG
from protocol.signalling import FrameToVehicle, ToVehicle

from .printing.errors import PaperUnsaved
from .store import StoreError

UNSAVED_SECONDS = 2.0
"""Between tries at a disk that refuses: full or remounting takes seconds at least, and a call waits behind it."""

_log = structlog.get_logger()

Item = FrameToVehicle | bool
"""A frame, or that the link is up: whether its session was resumed."""


class Inbox:
    """Bounded: the relay keeps no more than `SIGNALLING_BACKLOG` for us either. A full one holds up the socket.

    `done` is called with each item that was handed up, or given up, and the session it came in.
    """

    def __init__(self, received: Callable[[ToVehicle], Awaitable[None]], up: Callable[[bool], Awaitable[None]],
                 done: Callable[[str | None, Item], None]) -> None:
        self._received, self._up, self._done = received, up, done
        self._queue: asyncio.Queue[tuple[str | None, Item]] = asyncio.Queue(SIGNALLING_BACKLOG)

    async def put(self, session: str | None, item: Item) -> None:
        """Queue it."""
        await self._queue.put((session, item))

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            session, item = await self._queue.get()
            await self._hand_up(item)
            self._done(session, item)

    async def _hand_up(self, item: Item) -> None:
        """Again and again while the disk refuses: the relay keeps what is not saved here (I1)."""
        message, unsaved = type(item.body).__name__ if isinstance(item, FrameToVehicle) else "up", False
        while True:
            try:
                if isinstance(item, bool):
                    await self._up(item)
                else:
                    await self._received(item.body)
                return
            except (StoreError, PaperUnsaved) as error:
                if not unsaved:
                    _log.error("link.handler", error=type(error).__name__, code=error.code, message=message)
                unsaved = True
            except Exception as error:  # one message's handler must not end the link
                _log.error("link.handler", error=type(error).__name__, code=getattr(error, "code", None),
                           message=message)
                return
            await asyncio.sleep(UNSAVED_SECONDS)
