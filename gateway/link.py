"""The signalling socket to the relay: mutual TLS, numbered frames, resume, back-off, over any uplink. Imports aiohttp.

One pass of `_one_socket` is one connection's life; `RelayLink` outlives them all. What arrives goes to `inbox`.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import random
import ssl
import struct
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime

import aiohttp
import msgspec
import structlog
from yarl import URL

from protocol import SUBPROTOCOL, SUBPROTOCOL_1
from protocol.kiosk import RelayLink as LinkState
from protocol.kiosk import Uplink
from protocol.signalling import (
    Dismissed,
    FrameFromVehicle,
    FrameToVehicle,
    FromVehicle,
    Nothing,
    Refusal,
    ToVehicle,
    Welcome,
)

from .dial import CLOSE_SECONDS, Dialler
from .frames import Acknowledged, FrameError, LinkFrames, text
from .identity import DeviceIdentity, tls_alert, tls_code
from .inbox import Inbox, Item
from .knock import until_reached
from .link_view import LinkView
from .media.kernel_news import KernelNews
from .names import Names
from .uplinks import Uplinks
from .vigil import MOVING, SILENT, Vigil

log = structlog.get_logger()

SOCKET_PATH = "vehicle/ws"

BACK_OFF_FIRST_SECONDS = 0.25
"""A relay that restarts is back in about a second: the first tries are quick."""
BACK_OFF_LAST_SECONDS = 5.0
"""A bus that leaves a tunnel is back within this; 500 buses at this pace are 100 handshakes a second."""
DISMISSED_SECONDS = 60.0
"""Revoked or replaced: asking faster changes nothing, and a mended registry is noticed in a minute."""
LASTING_REFUSALS = frozenset({"version.unsupported", "forbidden"})
"""Refusals of the greeting that the same greeting gets again."""
WELCOME_SECONDS = 10.0
"""One round trip and a look into the registry."""
PING_SECONDS = 3.0
"""Keeps the address translation of a mobile network open (30 s on the worst), measures the round trip, and tells a
dead socket from a quiet one; 0.3 kbit/s."""
KNOCKING_SECONDS = 60.0
"""Then the name is asked again and the whole is tried: the relay may have moved."""
REACHED_SECONDS = 4.0
"""Heard within this the relay is there; nothing was heard for a ping and its pong otherwise."""
SILENCE_SECONDS = 25.0
"""Eight pings and their pongs lost: the socket is dead."""
SEND_SECONDS = 10.0
"""A socket that takes nothing for that long is dead."""
ACK_SECONDS = 0.1
"""An acknowledgement waits that long for a frame to travel in."""

OUT_OF_REACH = frozenset({errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.ETIMEDOUT, errno.EADDRNOTAVAIL})
"""There is no network; a port that refuses is another matter."""

_decoder = msgspec.json.Decoder(FrameToVehicle)


class LinkEvents:
    """What the link tells the room above. Handlers are awaited one after the other, in order."""

    def __init__(self, *, received: Callable[[ToVehicle], Awaitable[None]], up: Callable[[bool], Awaitable[None]],
                 changed: Callable[[], None]) -> None:
        self.received = received
        self.up = up
        self.changed = changed


class _Dismissal(Exception):
    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class RelayLink:
    """The vehicle's end of the signalling socket, for the life of the process. `seen`: what media know of the uplinks
    now, nothing without a call."""

    def __init__(self, url: str, identity: DeviceIdentity, events: LinkEvents, *,
                 jitter: Callable[[], float] = random.random, uplinks: Uplinks | None = None,
                 names: Names | None = None, seen: Callable[[], Sequence[Uplink]] = tuple) -> None:
        self._url = URL(url) / SOCKET_PATH
        self._uplinks = Uplinks() if uplinks is None else uplinks
        self._names = Names() if names is None else names
        self._dialler = Dialler(self._url, self._names, self._uplinks)
        self._seen = seen
        self._news = asyncio.Event()
        self._ask = asyncio.Event()
        self._identity = identity
        self._events = events
        self._jitter = jitter
        self._frames = LinkFrames()
        self._inbox = Inbox(events.received, events.up, self._handed_up)
        self._work = asyncio.Event()
        self._flushed = asyncio.Event()
        self._view = LinkView(LinkState.connecting, datetime.now(UTC))
        self._welcome: Welcome | None = None
        self._heard = 0.0
        self._where: tuple[str, int] | None = None
        """The relay's address of last time: knocking needs no name server."""

    @property
    def view(self) -> LinkView:
        """State, since when, and why."""
        return self._view

    @property
    def online(self) -> bool:
        """The relay has welcomed us on a socket that is open."""
        return self._view.state is LinkState.online

    @property
    def reached(self) -> bool:
        """Something came from the relay a moment ago: what we say now arrives."""
        return self.online and time.monotonic() - self._heard < REACHED_SECONDS

    @property
    def welcome(self) -> Welcome | None:
        """The last welcome: ICE servers, our card."""
        return self._welcome

    def send(self, body: FromVehicle, acknowledged: Acknowledged | None = None) -> None:
        """Queue one message; it is sent again after a break until the relay has acknowledged it.

        `acknowledged` is called once, when it has. A message that a lost session takes with it
        (anything but `frames.CARRIED_OVER`) is never acknowledged: say snapshots again at `up`.
        """
        self._frames.push(body, acknowledged)
        self._flushed.clear()
        self._work.set()

    async def flushed(self) -> None:
        """Return when the relay has acknowledged everything that was sent."""
        if self._frames.unacknowledged:
            await self._flushed.wait()

    async def run(self) -> None:
        """Connect and stay connected, until cancelled."""
        kernel = KernelNews(self._news.set)
        kernel.open()
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._inbox.run(), name="link.dispatch")
                tasks.create_task(self._names.run(), name="link.names")
                await self._connect_for_ever()
        finally:
            kernel.close()

    async def _connect_for_ever(self) -> None:
        tls = await asyncio.to_thread(self._identity.ssl_context)
        failures = 0
        while True:
            pause, far, back = 0.0, False, False
            try:
                await self._one_socket(tls)
                code = "link.closed"
            except _Dismissal as dismissal:
                code, pause = dismissal.code, DISMISSED_SECONDS
            except FrameError as error:
                code, back = error.code, error.code in (SILENT, MOVING)
            except aiohttp.WSServerHandshakeError as error:
                code, pause = _handshake_code(error), DISMISSED_SECONDS if error.status in (401, 403) else 0.0
            except (aiohttp.ClientError, OSError, TimeoutError) as error:
                code = await self._reason(error, tls)
                far = isinstance(error, TimeoutError) or getattr(error, "errno", None) in OUT_OF_REACH
                pause = DISMISSED_SECONDS if code.startswith("certificate.") else 0.0
            was_online = self.online
            failures = 0 if was_online else failures + 1
            self._went(code, pause > 0)
            step = min(BACK_OFF_FIRST_SECONDS * 2 ** min(failures, 10), BACK_OFF_LAST_SECONDS)
            if not back:
                await self._wait(pause, step * (0.5 + self._jitter() / 2), far)

    async def _wait(self, pause: float, step: float, far: bool) -> None:
        """Before the next try: until the network is there, or a while."""
        if pause:
            await asyncio.sleep(pause)
            return
        where = self._where or self._by_name()
        with contextlib.suppress(TimeoutError):
            if far and where is not None:
                async with asyncio.timeout(KNOCKING_SECONDS):
                    self._uplinks.used = await until_reached(*where, self._dialler.ways)
                return
            await asyncio.sleep(BACK_OFF_FIRST_SECONDS / 2)
            async with asyncio.timeout(max(0.0, step - BACK_OFF_FIRST_SECONDS / 2)):
                # An address or a route that comes ends the wait.
                self._news.clear()
                await self._news.wait()

    def _by_name(self) -> tuple[str, int] | None:
        address = self._names.known(self._url.host or "")
        return None if address is None else (address, self._url.port or 443)

    async def _reason(self, error: BaseException, tls: ssl.SSLContext) -> str:
        code = tls_code(error) or self._identity.certificate_code()
        if code is None and not self.online and isinstance(error, aiohttp.ServerDisconnectedError | ConnectionError):
            # With TLS 1.3 a refused client has finished its handshake and sees a closed socket: look closer.
            code = await asyncio.to_thread(tls_alert, self._url.host or "", self._url.port or 443, tls)
        return code or "relay.unreachable"

    def _went(self, code: str, lasting: bool) -> None:
        """Not online any more, or still not. Going away is logged once, and each new reason once."""
        before = self._view
        if before.state is LinkState.online or before.code != code:
            log.warning("link.down", code=code)
        self._show(before.gone(code, lasting, datetime.now(UTC)))

    def _show(self, view: LinkView) -> None:
        changed = view != self._view
        self._view = view
        if changed:
            self._events.changed()

    async def _one_socket(self, tls: ssl.SSLContext) -> None:
        line = await self._dialler.dial(tls)
        socket, patience = line.socket, CLOSE_SECONDS
        try:
            if socket.protocol not in (SUBPROTOCOL_1, SUBPROTOCOL):
                raise _Dismissal("version.unsupported")
            await self._greet(socket, line.uplink)
            self._heard = time.monotonic()
            self._uplinks.used = line.uplink
            self._where = line.there
            if self._where is not None:
                await self._names.connected(self._url.host or "", self._where[0])
            vigil = Vigil(line, self._uplinks, self._dialler.ways, self._seen, self._news, self._ask.set,
                          lambda: (self._heard, (self._view.round_trip_ms or 0) / 1000))
            sent = self._frames.last - self._frames.unacknowledged
            async with asyncio.TaskGroup() as tasks:
                beside = [tasks.create_task(work, name=name) for name, work in (
                    ("link.write", self._write(socket, sent)), ("link.ping", self._ping(socket)),
                    ("link.mistrust", vigil.mistrust()), ("link.homeward", vigil.homeward()))]
                try:
                    await self._read(socket)
                finally:
                    for task in beside:
                        task.cancel()
        except BaseExceptionGroup as group:
            # Reader, writer and pinger fail for one cause; the relay's own word for it comes first.
            said = [error for error in group.exceptions if isinstance(error, _Dismissal | FrameError)]
            cause = (said or group.exceptions)[0]
            if isinstance(cause, TimeoutError) or (isinstance(cause, FrameError) and cause.code == SILENT):
                patience = 0.0
            raise cause from None
        finally:
            await line.close(patience)

    async def _greet(self, socket: aiohttp.ClientWebSocketResponse, uplink: str) -> None:
        async with asyncio.timeout(WELCOME_SECONDS):
            await self._send(socket, self._frames.hello())
            frame = await self._frame(socket)
        if frame is None:
            raise FrameError("link.closed")
        if isinstance(frame.body, Dismissed | Refusal):
            self._frames.forget()
            await self._inbox.put(None, frame)
            if isinstance(frame.body, Dismissed) or frame.body.code in LASTING_REFUSALS:
                raise _Dismissal(frame.body.code)
            raise FrameError(frame.body.code)
        if not isinstance(frame.body, Welcome):
            raise FrameError("link.no_welcome")
        welcome = frame.body
        self._welcome = welcome
        for acknowledged in self._frames.welcome(welcome):
            acknowledged()
        self._note_flushed()
        now = datetime.now(UTC)
        log.info("link.up", resumed=welcome.resumed, uplink=uplink)
        self._show(LinkView(LinkState.online, now, clock_offset_s=(welcome.server_time - now).total_seconds()))
        await self._inbox.put(self._frames.session, frame)
        await self._inbox.put(self._frames.session, welcome.resumed)

    async def _read(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        while (frame := await self._frame(socket)) is not None:
            body, acknowledged = self._frames.take(frame)
            for callback in acknowledged:
                callback()
            self._note_flushed()
            if body is None or isinstance(body, Nothing):
                self._frames.done(self._frames.session, frame.n)
                continue
            await self._inbox.put(self._frames.session, frame)
            if isinstance(body, Dismissed):
                self._frames.forget()
                raise _Dismissal(body.code)

    def _note_flushed(self) -> None:
        if not self._frames.unacknowledged:
            self._flushed.set()

    async def _frame(self, socket: aiohttp.ClientWebSocketResponse) -> FrameToVehicle | None:
        """The next frame; None when the socket ended. Raises FrameError, TimeoutError."""
        while True:
            async with asyncio.timeout(SILENCE_SECONDS):
                message = await socket.receive()
            self._heard = time.monotonic()
            if message.type is aiohttp.WSMsgType.TEXT:
                try:
                    return _decoder.decode(message.data)
                except msgspec.MsgspecError as error:
                    # Resumed, the same message would come again.
                    self._frames.forget()
                    raise FrameError("link.malformed") from error
            if message.type is aiohttp.WSMsgType.PING:
                await socket.pong(message.data)
            elif message.type is aiohttp.WSMsgType.PONG:
                self._pong(message.data)
            elif message.type is aiohttp.WSMsgType.BINARY:
                raise FrameError("link.malformed")
            else:
                return None

    async def _write(self, socket: aiohttp.ClientWebSocketResponse, sent: int) -> None:
        session = self._frames.session
        while True:
            self._work.clear()
            if self._frames.session != session:
                raise FrameError("link.backlog")
            for frame in self._frames.after(sent):
                await self._send(socket, frame)
                sent = frame.n
            if self._frames.ack_due:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(ACK_SECONDS):
                        await self._work.wait()
                if self._frames.last == sent and self._frames.ack_due:
                    await self._send(socket, self._frames.ack())
                continue
            await self._work.wait()

    async def _send(self, socket: aiohttp.ClientWebSocketResponse, frame: FrameFromVehicle) -> None:
        async with asyncio.timeout(SEND_SECONDS):
            await socket.send_str(text(frame, plain=socket.protocol == SUBPROTOCOL))

    async def _ping(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        while True:
            async with asyncio.timeout(SEND_SECONDS):
                await socket.ping(struct.pack(">d", time.monotonic()))
            self._ask.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(PING_SECONDS):
                    await self._ask.wait()

    def _pong(self, payload: bytes) -> None:
        if len(payload) != 8:
            return
        elapsed = time.monotonic() - struct.unpack(">d", payload)[0]
        if 0 <= elapsed <= SILENCE_SECONDS and self.online:
            self._show(self._view.measured(elapsed))

    def _handed_up(self, session: str | None, item: Item) -> None:
        if isinstance(item, FrameToVehicle):
            self._frames.done(session, item.n)
            self._work.set()


def _handshake_code(error: aiohttp.WSServerHandshakeError) -> str:
    return {401: "certificate.refused", 403: "certificate.refused", 404: "relay.not_found",
            429: "relay.busy", 503: "relay.busy"}.get(error.status, "relay.handshake")
