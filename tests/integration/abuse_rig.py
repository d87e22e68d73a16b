"""A call between our engine and a peer of the library's, which is about to misbehave. Sockets on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import socket
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from dataclasses import dataclass, field
from typing import Any

import pylibsrtp
import uvloop
from aiortc.mediastreams import VideoStreamTrack
from aiortc.rtcdtlstransport import RTCDtlsTransport

from gateway.media.congestion.feedback import URI
from gateway.media.engine import DoctorPeer, PeerState
from gateway.media.hooks import GatewayDtls
from gateway.media.ice import GatewayIce
from gateway.media.sdp import NUMBERS_ID
from protocol.channels import BULK, CONTROL, WAVEFORM
from sim.camera import SceneCamera
from tests.integration.test_media_engine import WAIT, Events, Page, Room, Tone, codes, running

BURST = 30
"""Datagrams sent before the loop gets a turn: about what uvloop reads in one."""


@dataclass
class Call:
    """Both ends of it. `ours` and `theirs` are the transports."""

    room: Room
    peer: DoctorPeer
    page: Page
    events: Events = field(default_factory=Events)

    @property
    def ice(self) -> GatewayIce:
        ice = self.peer._connection.ice
        assert ice is not None
        return ice

    @property
    def ours(self) -> GatewayDtls:
        dtls = self.peer._connection.dtls
        assert dtls is not None
        return dtls

    @property
    def theirs(self) -> RTCDtlsTransport:
        transport: RTCDtlsTransport = self.page.connection.getTransceivers()[0].sender.transport
        return transport

    @property
    def where(self) -> tuple[str, int]:
        """Our end's address."""
        return self.ice._nominated[1].local_addr

    @property
    def picture_source(self) -> int:
        """The SSRC of our picture."""
        sender = self.peer._connection.getTransceivers()[1].sender
        return int(sender._ssrc)

    async def say(self, *datagrams: bytes) -> None:
        """From the peer's own address, as they are."""
        pair = self.theirs.transport._connection._nominated[1]
        for count, datagram in enumerate(datagrams):
            await pair.protocol.send_data(datagram, pair.remote_addr)
            if count % BURST == BURST - 1:
                await asyncio.sleep(0)

    async def report(self, *rtcp: bytes) -> None:
        """From the peer, encrypted: what it says may be a lie, but it is its own."""
        for count, packet in enumerate(rtcp):
            # What is too short for the library to encrypt can't be sent by anybody.
            with contextlib.suppress(ConnectionError, pylibsrtp.Error):
                await self.theirs._send_rtp(packet)
            if count % BURST == BURST - 1:
                await asyncio.sleep(0)

    async def goes_on(self, pictures: int = 3) -> None:
        """New pictures, a message each way and the doctor's voice pass, or TimeoutError."""
        track = next(track for track in self.page.tracks if track.kind == "video")
        while not track._queue.empty():  # type: ignore[attr-defined]
            track._queue.get_nowait()  # type: ignore[attr-defined]
        await codes(track, pictures)
        mark = f"mark {time.monotonic()}"
        self.page.channels[CONTROL].send(mark)
        await self.events.until(lambda: (CONTROL, mark) in self.events.messages)
        assert self.peer.send(CONTROL, mark)
        async with asyncio.timeout(WAIT):
            while await self.page.messages.get() != (CONTROL, mark):
                pass
            before = self.peer.voice_in.last_packet
            while self.peer.voice_in.last_packet == before:  # noqa: ASYNC110 - a packet each 20 ms, told to nobody
                await asyncio.sleep(0.01)
        assert self.peer.state is PeerState.connected


def on_uvloop(test: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    """The test on the gateway's own loop, which reads sockets as fast as it can and closes one whose reader raises."""
    @functools.wraps(test)
    def run() -> None:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(test())

    del run.__wrapped__  # type: ignore[attr-defined]
    return run


def wide(answer: str) -> str:
    """An answer as a browser's, that promises transport-wide feedback for the picture."""
    lines, section = [], -1
    for line in answer.splitlines():
        section += line.startswith("m=")
        lines.append(line)
        if section == 1 and line.startswith("a=rtpmap:"):
            lines.append(f"a=rtcp-fb:{line[9:].split(' ')[0]} transport-cc")
        if section == 1 and line.startswith("a=mid:"):
            lines.append(f"a=extmap:{NUMBERS_ID} {URI}")
    return "\r\n".join(lines) + "\r\n"


@contextlib.asynccontextmanager
async def calling(*, promises: bool = False) -> AsyncIterator[Call]:
    """A call with picture, both voices and channels open. `promises`: feedback, which the library never sends."""
    async with running(SceneCamera(width=640, height=360)) as room:
        events = Events()
        peer = await room.engine.doctor_peer([], events)
        page = Page()
        answer = await page.answer(await peer.offer(), Tone(440), VideoStreamTrack())
        await peer.answer(wide(answer) if promises else answer)
        call = Call(room, peer, page, events)
        try:
            await events.until(lambda: events.channels == {CONTROL, WAVEFORM, BULK})
            yield call
        finally:
            await page.connection.close()
            await peer.close()


class Stranger:
    """Another socket on the same machine."""

    def __init__(self, where: tuple[str, int]) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.setblocking(False)
        self._where = where

    async def say(self, datagrams: Iterable[bytes]) -> None:
        """As fast as the machine takes them."""
        for count, datagram in enumerate(datagrams):
            with contextlib.suppress(BlockingIOError):
                self._socket.sendto(datagram, self._where)
            if count % BURST == BURST - 1:
                await asyncio.sleep(0)

    def heard(self) -> list[bytes]:
        """What came back."""
        found: list[bytes] = []
        with contextlib.suppress(BlockingIOError):
            while True:
                found.append(self._socket.recv(4096))
        return found

    def close(self) -> None:
        self._socket.close()


@contextlib.contextmanager
def stranger(where: tuple[str, int]) -> Any:
    """One for the time of a block."""
    made = Stranger(where)
    try:
        yield made
    finally:
        made.close()
