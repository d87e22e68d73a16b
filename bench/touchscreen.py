"""A nurse's touchscreen without a browser: the kiosk's own WebSocket, signed in; states and commands."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import aiohttp
import msgspec

from protocol import SUBPROTOCOL
from protocol.kiosk import KioskMessage, KioskReply, KioskState
from protocol.kiosk_commands import CommandBody, KioskCommand, SignInNurse

AGAIN_S = 0.2
"""Before the socket of a gateway that is away is tried again: as the page does."""
REPLY_S = 20.0

_message: msgspec.json.Decoder[KioskMessage] = msgspec.json.Decoder(KioskMessage)


class Refused(Exception):
    """The gateway refused a command; the text is its code."""


class Touchscreen:
    """`state` is the newest one, None while the gateway is away. `seen` is called with each."""

    def __init__(self, url: str, nurse_id: str, pin: str, seen: Callable[[KioskState], None]) -> None:
        self._url, self._nurse, self._pin, self._seen = url.rstrip("/"), nurse_id, pin, seen
        self.state: KioskState | None = None
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._replies: dict[int, asyncio.Future[KioskReply]] = {}
        self._numbers = itertools.count(1)
        self._moved = asyncio.Event()

    async def until(self, held: Callable[[KioskState], bool], seconds: float) -> KioskState:
        """The first state that fits; TimeoutError."""
        async with asyncio.timeout(seconds):
            while self.state is None or not held(self.state):
                self._moved.clear()
                await self._moved.wait()
            return self.state

    async def do(self, body: CommandBody) -> KioskReply:
        """One command, said again while the gateway is away. Refused; TimeoutError."""
        async with asyncio.timeout(REPLY_S):
            while True:
                try:
                    reply: KioskReply = await self._ask(body)
                except ConnectionError:
                    await asyncio.sleep(AGAIN_S)
                    continue
                if reply.code is not None:
                    raise Refused(reply.code)
                return reply

    async def _ask(self, body: CommandBody) -> KioskReply:
        socket = self._socket
        if socket is None or self.state is None or self.state.nurse is None:
            raise ConnectionError("no gateway")
        number = next(self._numbers)
        answer = self._replies[number] = asyncio.get_running_loop().create_future()
        try:
            await socket.send_str(msgspec.json.encode(KioskCommand(id=number, body=body)).decode())
            reply: KioskReply = await answer
            return reply
        finally:
            self._replies.pop(number, None)

    async def run(self) -> None:
        """Stay connected until cancelled."""
        async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
            while True:
                with contextlib.suppress(aiohttp.ClientError, OSError):
                    async with session.ws_connect(f"{self._url}/ws", protocols=(SUBPROTOCOL,),
                                                  headers={"Origin": self._url}) as socket:
                        await self._listen(socket)
                self._lost()
                await asyncio.sleep(AGAIN_S)

    async def _listen(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        asked = False
        async for frame in socket:
            if frame.type is not aiohttp.WSMsgType.TEXT:
                continue
            message = _message.decode(frame.data)
            if isinstance(message, KioskReply):
                answer = self._replies.get(message.id)
                if answer is not None and not answer.done():
                    answer.set_result(message)
            elif isinstance(message, KioskState):
                if message.nurse is None and not asked:
                    asked = True
                    signing = KioskCommand(id=0, body=SignInNurse(nurse_id=self._nurse, pin=self._pin))
                    await socket.send_str(msgspec.json.encode(signing).decode())
                self.state = message
                self._seen(message)
                self._moved.set()

    def _lost(self) -> None:
        self._socket, self.state = None, None
        for answer in self._replies.values():
            if not answer.done():
                answer.set_exception(ConnectionError("the gateway went away"))


@asynccontextmanager
async def touchscreen(url: str, nurse_id: str, pin: str,
                      seen: Callable[[KioskState], None]) -> AsyncIterator[Touchscreen]:
    """One that is connected for the time of the block."""
    screen = Touchscreen(url, nurse_id, pin, seen)
    task = asyncio.create_task(screen.run(), name="touchscreen")
    try:
        await screen.until(lambda state: state.nurse is not None, REPLY_S)
        yield screen
    finally:
        task.cancel()
        await asyncio.wait([task])
