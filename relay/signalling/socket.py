"""One WebSocket's life: greeting, reading with its limits, one writer with a bounded queue. Imports aiohttp."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

import structlog
from aiohttp import WSMsgType, web

from protocol import SUBPROTOCOL, SUBPROTOCOL_1
from protocol.limits import (
    SIGNALLING_BACKLOG,
    SIGNALLING_BURST,
    SIGNALLING_MESSAGE_BYTES,
    SIGNALLING_RATE_PER_SECOND,
)
from protocol.signalling import Dismissed, Hello, Nothing, Refusal, Role, VehicleHealth
from relay.rate import TokenBucket
from relay.storage.base import is_disk_full, is_outage

from .frames import AnyFrame, FrameRefused, decode, encode
from .numbering import Arrival
from .presence import POLICY, TRY_AGAIN_LATER, Client
from .refusals import MessageRefused
from .switchboard import Caller, Switchboard

log = structlog.get_logger()

HELLO_SECONDS = 10.0
"""A vehicle at the edge of a cell needs 4 s for its handshakes; who says nothing holds no socket for longer."""
HEARTBEAT_SECONDS = 20.0
"""Under the 30 s after which the worst mobile networks forget an address translation."""
SEND_SECONDS = 10.0
"""A socket that takes nothing for that long is dead: mobile outages are either shorter or a new connection."""
SEND_QUEUE = SIGNALLING_BACKLOG + 64
"""A whole backlog sent again, and what happens meanwhile. Full: the peer does not read, it is closed."""
ACK_SECONDS = 0.1
"""An acknowledgement waits that long for a frame to travel in."""
MISTAKES = 16
"""Messages that cannot be understood before the socket closes: a broken client, not a broken network."""
EXCESS = 80
"""Messages past the rate before the socket closes: two seconds of a client that does not slow down."""
READ_LIMIT = 4 * SIGNALLING_MESSAGE_BYTES
"""What a socket reads of one message so that it can be refused with a code; past it aiohttp closes with 1009."""
CLOSE_SECONDS = 3.0
"""How long a peer may take to answer a close."""

Authenticate = Callable[[Hello], Awaitable[Caller]]
"""Whom the Hello comes from. MessageRefused: said, then closed; `Turned`: dismissed, then closed."""


class Turned(Exception):
    """This client has no business here any more: it is dismissed with the code."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class NotKept(Exception):
    """The storage failed under a message: it is not acknowledged, its sender comes back and says it again."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class SocketLine:
    """The sending half of a socket: `offer` and `end` never wait, `run` writes."""

    def __init__(self, socket: web.WebSocketResponse, transport: asyncio.BaseTransport | None,
                 acknowledgement: Callable[[], str]) -> None:
        self._socket = socket
        self._transport = transport
        self._acknowledgement = acknowledgement
        self._queue: deque[str] = deque()
        self._work = asyncio.Event()
        self._owes = False
        self._closing: int | None = None

    def offer(self, text: str) -> None:
        """Send when possible; a peer that does not read is closed."""
        if self._closing is not None:
            return
        if len(self._queue) >= SEND_QUEUE:
            self._queue.clear()
            self.end(TRY_AGAIN_LATER)
            return
        self._queue.append(text)
        self._owes = False
        self._work.set()

    def owe(self) -> None:
        """A frame of the peer was dealt with: acknowledge it soon, with or without another frame."""
        self._owes = True
        self._work.set()

    def end(self, code: int) -> None:
        """Send what was offered, then close with this code."""
        if self._closing is None:
            self._closing = code
            self._work.set()

    async def run(self) -> None:
        """Write until the socket is to close or does not take any more."""
        try:
            while await self._next():
                async with asyncio.timeout(SEND_SECONDS):
                    await self._socket.send_str(self._queue.popleft())
            async with asyncio.timeout(SEND_SECONDS):
                await self._socket.close(code=self._closing or POLICY)
        except (ConnectionError, TimeoutError):
            # Nothing can be said over it any more, not even goodbye: the reader finds it closed.
            self.end(TRY_AGAIN_LATER)
            if isinstance(self._transport, asyncio.WriteTransport):
                self._transport.abort()

    async def _next(self) -> bool:
        """Wait until there is something to write; False when it is time to close."""
        while not self._queue and self._closing is None:
            self._work.clear()
            try:
                async with asyncio.timeout(ACK_SECONDS if self._owes else None):
                    await self._work.wait()
            except TimeoutError:
                self.offer(self._acknowledgement())
        return bool(self._queue)


class Conversation:
    """The reading half: greets, then hands each message on, within its limits. `clock` is monotonic."""

    def __init__(self, switchboard: Switchboard, role: Role, clock: Callable[[], float]) -> None:
        self._switchboard = switchboard
        self._role = role
        self._clock = clock
        self._client: Client | None = None
        self._mistakes = 0
        self._excess = 0
        self._bucket = TokenBucket(rate=SIGNALLING_RATE_PER_SECOND, burst=SIGNALLING_BURST, now=clock())

    async def run(self, request: web.Request, authenticate: Authenticate) -> web.WebSocketResponse:
        """Upgrade a request and speak until one of the two closes."""
        socket = web.WebSocketResponse(protocols=(SUBPROTOCOL_1, SUBPROTOCOL), heartbeat=HEARTBEAT_SECONDS,
                                       compress=False, max_msg_size=READ_LIMIT, timeout=CLOSE_SECONDS)
        await socket.prepare(request)
        line = SocketLine(socket, request.transport, self._acknowledgement)
        async with asyncio.TaskGroup() as group:
            writer = group.create_task(line.run())
            try:
                await self._speak(socket, line, authenticate)
            finally:
                line.end(POLICY)
                if self._client is not None:
                    await self._switchboard.gone(self._client, line)
            await writer
        return socket

    async def _speak(self, socket: web.WebSocketResponse, line: SocketLine, authenticate: Authenticate) -> None:
        hello = await self._hello(socket, line)
        if hello is None:
            return
        try:
            caller = await authenticate(hello)
            self._client, resumed = await self._switchboard.welcome(hello, caller, line)
            await self._switchboard.arrived(self._client, hello, resumed=resumed)
        except MessageRefused as refused:
            line.offer(encode(self._role, 0, 0, Refusal(code=refused.code, facts=refused.facts)))
            return
        except Turned as turned:
            line.offer(encode(self._role, 0, 0, Dismissed(code=turned.code)))
            return
        except Exception as error:
            # The client did nothing wrong: it comes back in a moment.
            log.error("signalling.welcome_failed", role=self._role, error=type(error).__name__)
            if self._client is not None:
                # Resumed, it would go on past the snapshots that it did not get.
                self._switchboard.presence.sessions.end(self._client)
            line.end(TRY_AGAIN_LATER)
            return
        await self._read(socket, line, self._client)

    async def _hello(self, socket: web.WebSocketResponse, line: SocketLine) -> Hello | None:
        try:
            async with asyncio.timeout(HELLO_SECONDS):
                message = await socket.receive()
            if message.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
                return None
            frame = decode(message.data, self._role)
            if frame.n != 0 or not isinstance(frame.body, Hello):
                raise FrameRefused("frame.hello_needed", frame.n)
            return frame.body
        except TimeoutError:
            line.offer(encode(self._role, 0, 0, Refusal(code="frame.hello_needed")))
        except FrameRefused as refused:
            line.offer(encode(self._role, 0, 0, Refusal(code=refused.code, about=refused.n)))
        return None

    async def _read(self, socket: web.WebSocketResponse, line: SocketLine, client: Client) -> None:
        presence = self._switchboard.presence
        while presence.holds(client, line):
            message = await socket.receive()
            if message.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
                return
            in_time = self._bucket.take(self._clock())
            self._excess = max(0, self._excess - 1) if in_time else self._excess + 1
            async with presence.turn(client):
                if not presence.holds(client, line):
                    return
                try:
                    frame = decode(message.data, self._role)
                    if not in_time:
                        raise FrameRefused("rate.exceeded", frame.n)
                    await self._one(client, line, frame)
                except FrameRefused as refused:
                    self._mistakes += refused.code != "rate.exceeded"
                    if client.inbox.judge(refused.n) is Arrival.expected:
                        client.inbox.done(refused.n)
                    presence.send(client, Refusal(code=refused.code, about=refused.n))
                except NotKept as failed:
                    # Only a resume brings the frame again: for the sender this socket was lost before it.
                    presence.show(client, Refusal(code=failed.code, about=frame.n))
                    line.end(TRY_AGAIN_LATER)
                    return
            if self._mistakes >= MISTAKES or self._excess >= EXCESS:
                code = "frame.too_many_mistakes" if self._mistakes >= MISTAKES else "rate.exceeded"
                log.warning("signalling.closed", role=client.role, owner=client.owner, code=code)
                presence.show(client, Refusal(code=code))
                return

    async def _one(self, client: Client, line: SocketLine, frame: AnyFrame) -> None:
        if not client.outbox.acknowledged(frame.ack):
            raise FrameRefused("frame.acknowledged_unsent", frame.n)
        match client.inbox.judge(frame.n):
            case Arrival.again:
                line.owe()
                return
            case Arrival.too_early:
                raise FrameRefused("frame.out_of_order", frame.n)
            case Arrival.unnumbered if not isinstance(frame.body, Nothing | Refusal):
                raise FrameRefused("frame.not_numbered")
        if isinstance(frame.body, Hello):
            raise FrameRefused("frame.unexpected", frame.n)
        refusal = await self._handled(client, frame)
        if frame.n:
            # Acknowledged means committed: the number counts only when the message was dealt with.
            client.inbox.done(frame.n)
            line.owe()
        if refusal is not None:
            self._switchboard.presence.send(client, refusal)

    async def _handled(self, client: Client, frame: AnyFrame) -> Refusal | None:
        try:
            await self._switchboard.handle(client, frame.body)
        except MessageRefused as refused:
            return Refusal(code=refused.code, about=frame.n, facts=refused.facts)
        except Exception as error:
            full = is_disk_full(error)
            log.error("signalling.message_failed", role=client.role, message=type(frame.body).__name__,
                      error=type(error).__name__, disk_full=full)
            code = "storage.full" if full else "relay.failed"
            # A vehicle says its health anew each minute: that is no reason to cut the line of its call.
            if is_outage(error) and not isinstance(frame.body, VehicleHealth):
                raise NotKept(code) from error
            return Refusal(code=code, about=frame.n)
        return None

    def _acknowledgement(self) -> str:
        seen = self._client.inbox.seen if self._client is not None else 0
        return encode(self._role, 0, seen, Nothing())
