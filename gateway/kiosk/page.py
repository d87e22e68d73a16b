"""One page's socket: a bounded way out where the newest state wins, and two lanes of commands."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

import msgspec
import structlog
from aiohttp import WSMsgType, web

from protocol.kiosk import KioskMessage, KioskReply, LocalOffer, Nurse
from protocol.kiosk_commands import KioskCommand, LocalAnswer, WantLocal

from .partners import KioskRefused, code_of

log = structlog.get_logger()

COMMANDS_WAITING = 16
"""A hand makes two taps a second; more than this waiting is a page gone wrong (`kiosk.busy`)."""
REPLIES_WAITING = 64
"""Both lanes full and as many refusals; a page that reads none of them is closed."""
CHUNKS_WAITING = 64
"""Three seconds of two streams at 10 chunks a second: then the oldest go, the page draws a gap."""
SEND_SECONDS = 5.0
"""Loopback: a browser that takes nothing for that long hangs."""

_command = msgspec.json.Decoder(KioskCommand)
_encoder = msgspec.json.Encoder()


class _OnlyId(msgspec.Struct):
    id: int


Handler = Callable[["Page", KioskCommand], Awaitable[KioskReply]]


class Page:
    """One open page. `nurse` is who its cookie's session belongs to now."""

    def __init__(self, socket: web.WebSocketResponse, token: str, number: int) -> None:
        self.token = token
        self.number = number
        self.nurse: Nurse | None = None
        self._socket = socket
        self._state: bytes | None = None
        self._messages: deque[bytes] = deque()
        self._chunks: deque[bytes] = deque(maxlen=CHUNKS_WAITING)
        self._work = asyncio.Event()
        self._ended = False

    def show(self, state: bytes) -> None:
        """The newest state; one that was not sent yet is replaced."""
        self._state = state
        self._work.set()

    def say(self, message: KioskReply | LocalOffer) -> None:
        """A reply or an offer; never dropped. A page that reads none any more is closed."""
        if len(self._messages) >= REPLIES_WAITING:
            self._ended = True
        else:
            self._messages.append(encode(message))
        self._work.set()

    def chunk(self, data: bytes) -> None:
        """Samples; the oldest go when the page does not keep up."""
        self._chunks.append(data)
        self._work.set()

    def end(self) -> None:
        """Close this page's socket."""
        self._ended = True
        self._work.set()

    async def serve(self, handle: Handler) -> None:
        """Read and write until the socket closes."""
        ordered: asyncio.Queue[KioskCommand] = asyncio.Queue(COMMANDS_WAITING)
        local: asyncio.Queue[KioskCommand] = asyncio.Queue(COMMANDS_WAITING)
        async with asyncio.TaskGroup() as tasks:
            lanes = [tasks.create_task(self._work_off(ordered, handle), name="kiosk.commands"),
                     tasks.create_task(self._work_off(local, handle), name="kiosk.local")]
            writer = tasks.create_task(self._write(), name="kiosk.write")
            try:
                async for message in self._socket:
                    if message.type is WSMsgType.TEXT:
                        self._take(message.data, ordered, local)
                    elif message.type is WSMsgType.BINARY:
                        self.say(KioskReply(id=0, code="kiosk.command"))
            finally:
                for task in (*lanes, writer):
                    task.cancel()

    def _take(self, text: str, ordered: asyncio.Queue[KioskCommand], local: asyncio.Queue[KioskCommand]) -> None:
        try:
            command = _command.decode(text)
        except msgspec.MsgspecError:
            # The value that was refused may be a patient's: only its number goes back.
            try:
                number = msgspec.json.decode(text, type=_OnlyId).id
            except msgspec.MsgspecError:
                number = 0
            self.say(KioskReply(id=number, code="kiosk.command"))
            return
        lane = local if isinstance(command.body, WantLocal | LocalAnswer) else ordered
        try:
            lane.put_nowait(command)
        except asyncio.QueueFull:
            self.say(KioskReply(id=command.id, code="kiosk.busy"))

    async def _work_off(self, lane: asyncio.Queue[KioskCommand], handle: Handler) -> None:
        while True:
            command = await lane.get()
            try:
                reply = await handle(self, command)
            except KioskRefused as refused:
                reply = KioskReply(id=command.id, code=refused.code, facts=refused.facts)
            except Exception as error:  # one command must not end the page
                code = code_of(error, "kiosk.failed")
                log.error("kiosk.command_failed", command=type(command.body).__name__, code=code,
                          error=type(error).__name__)
                reply = KioskReply(id=command.id, code=code)
            self.say(msgspec.structs.replace(reply, id=command.id))

    async def _write(self) -> None:
        while True:
            self._work.clear()
            while self._messages:
                await self._send(self._messages.popleft())
            if self._state is not None:
                state, self._state = self._state, None
                await self._send(state)
            while self._chunks and not self._messages:
                async with asyncio.timeout(SEND_SECONDS):
                    await self._socket.send_bytes(self._chunks.popleft())
            if self._ended:
                await self._socket.close()
                return
            if not self._messages and self._state is None:
                await self._work.wait()

    async def _send(self, data: bytes) -> None:
        async with asyncio.timeout(SEND_SECONDS):
            await self._socket.send_str(data.decode())


def encode(message: KioskMessage) -> bytes:
    """JSON of one message."""
    return _encoder.encode(message)
