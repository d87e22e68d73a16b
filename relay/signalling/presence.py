"""Who is here: sessions, the line each has now, and sending over it or keeping for later."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol
from weakref import WeakKeyDictionary

import structlog

from protocol.signalling import Dismissed, Role

from .frames import Outgoing, encode
from .numbering import BacklogFull
from .sessions import Session, Sessions

log = structlog.get_logger()

Client = Session[Outgoing]

POLICY = 1008
"""WebSocket close codes of RFC 6455, section 7.4.1, and its IANA registry."""
SERVICE_RESTART = 1012
TRY_AGAIN_LATER = 1013


class Line(Protocol):
    """One open socket, as the rest of signalling sees it. Neither method waits."""

    def offer(self, text: str) -> None:
        """Send when possible; a peer that does not read is closed."""

    def end(self, code: int) -> None:
        """Send what was offered, then close with this code."""


class Presence:
    """Sessions and their lines. `clock` is monotonic, in seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.sessions: Sessions[Outgoing] = Sessions()
        self._clock = clock
        self._lines: dict[str, Line] = {}
        self._emptied = asyncio.Event()
        self._turns: WeakKeyDictionary[Client, asyncio.Lock] = WeakKeyDictionary()

    def attach(self, client: Client, line: Line) -> None:
        """This session speaks over this line from now on; a line it had before is closed."""
        old = self._lines.get(client.session_id)
        if old is not None:
            old.end(POLICY)
        self._lines[client.session_id] = line
        client.away_since = None

    def replay(self, client: Client) -> None:
        """Send again everything the client has not acknowledged."""
        for n, body in client.outbox.kept():
            self._offer(client, n, body)

    def turn(self, client: Client) -> asyncio.Lock:
        """Held while one of the client's messages is dealt with: a resumed socket waits for the one before it."""
        return self._turns.setdefault(client, asyncio.Lock())

    def detach(self, client: Client, line: Line) -> bool:
        """The line is gone; True when the session has no other one."""
        if self._lines.get(client.session_id) is not line:
            return False
        del self._lines[client.session_id]
        self._emptied.set()
        self.sessions.went(client, self._clock())
        return True

    def holds(self, client: Client, line: Line) -> bool:
        """Whether this line is still the session's."""
        return self._lines.get(client.session_id) is line

    def attached(self, role: Role, owner: str) -> bool:
        """Whether this vehicle or doctor has an open socket."""
        client = self.sessions.of(role, owner)
        return client is not None and client.session_id in self._lines

    def clients(self, role: Role) -> list[Client]:
        """All who have an open socket."""
        return [client for client in self.sessions.all(role) if client.session_id in self._lines]

    def send(self, client: Client, body: Outgoing) -> int:
        """Number, keep and send; answers the number, 0 when the client's backlog was full and its session ended."""
        try:
            n = client.outbox.put(body)
        except BacklogFull:
            log.warning("signalling.backlog_full", role=client.role, owner=client.owner)
            self.sessions.end(client)
            self.hang_up(client, TRY_AGAIN_LATER)
            return 0
        self._offer(client, n, body)
        return n

    def show(self, client: Client, body: Outgoing) -> None:
        """Send a snapshot that the next one replaces: not numbered, not kept."""
        self._offer(client, 0, body)

    def tell(self, role: Role, owner: str, body: Outgoing) -> tuple[Client, int] | None:
        """Send to a vehicle or doctor, here or away for a moment; None when there is no session."""
        client = self.sessions.of(role, owner)
        if client is None:
            return None
        return client, self.send(client, body)

    def dismiss(self, client: Client, code: str) -> None:
        """End a session for good, with its reason."""
        self.show(client, Dismissed(code=code))
        self.sessions.end(client)
        self.hang_up(client, POLICY)

    def hang_up(self, client: Client, code: int) -> None:
        """Close the session's socket, if there is one."""
        line = self._lines.get(client.session_id)
        if line is not None:
            line.end(code)

    def hang_up_all(self, code: int) -> None:
        """Close every socket; the sessions stay."""
        for line in tuple(self._lines.values()):
            line.end(code)

    async def empty(self) -> None:
        """Return when no socket is open any more."""
        while self._lines:
            self._emptied.clear()
            await self._emptied.wait()

    @property
    def lines(self) -> int:
        """How many sockets are open and welcomed."""
        return len(self._lines)

    def _offer(self, client: Client, n: int, body: Outgoing) -> None:
        line = self._lines.get(client.session_id)
        if line is not None:
            line.offer(encode(client.role, n, client.inbox.seen, body))
