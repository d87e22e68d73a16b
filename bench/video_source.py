"""The vehicle's camera and microphone for the video benchmark, a process in the vehicle's network namespace.

The picture: sim.camera as it is, over TCP, for senders written in Python; the same pictures and the same voice over a
WebSocket for a sending browser page, which is served here too. The voice for our own engine: a stand-in for the
touchscreen's page, a peer over loopback that sends Opus. One JSON object per line on standard output and input:

    out: {"camera_port": N, "page_port": N}              once, first
    in:  {"kind": "kiosk_offer", "sdp": TEXT}            out: {"kind": "kiosk_answer", "sdp": TEXT}
    in:  {"kind": "voice", "kbps": N}                    the touchscreen's page takes so much for the voice from now on
    in:  {"kind": "page", "say": {...}}                  to the sending page (bench/video_sender.js)
    out: {"kind": "page_...", ...}                       what that page says

Ends with its standard input.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import struct
import sys
import time
from fractions import Fraction
from pathlib import Path
from typing import Any

import aioice.ice
import structlog
from aiohttp import WSMsgType, web
from aiortc import RTCBundlePolicy, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamTrack
from av.audio.codeccontext import AudioCodecContext
from av.audio.frame import AudioFrame
from av.packet import Packet

from bench.video_voice import HZ, samples
from sim.camera import Scene, SceneCamera

WIDTH, HEIGHT, FPS = 1280, 720, 25
BLOCK = HZ // 50
"""Samples of one packet of voice, 20 ms."""

VOICE_BITS = 24_000
"""What the touchscreen's browser is asked for at most is 28 kbit/s (gateway.media.sdp)."""

FEED_HEADER = struct.Struct("<Q")
"""Before what a page is fed: the picture's number, the first sample's number."""

_PAGE = "<!doctype html><title>sender</title><body><script>{}</script></body>"


class Voice(MediaStreamTrack):
    """The tone sequence in real time. `packed`: as Opus packets with redundancy, of 24 kbit/s at first; else as
    samples."""

    kind = "audio"

    def __init__(self, packed: bool) -> None:
        super().__init__()
        self._origin = self._next = math.ceil(time.monotonic() * HZ / BLOCK) * BLOCK
        self._coders: dict[int, AudioCodecContext] = {}
        self.bits_per_second = VOICE_BITS if packed else 0

    async def recv(self) -> AudioFrame | Packet[Any]:
        """The next 20 ms, when they are over."""
        # What nobody took in time was never said: a microphone does not catch up.
        missed = max(0, math.floor(time.monotonic() * HZ / BLOCK) * BLOCK - self._next)
        first, self._next = self._next + missed, self._next + missed + BLOCK
        await asyncio.sleep(max(0.0, self._next / HZ - time.monotonic()))
        frame = AudioFrame.from_ndarray(samples(first, BLOCK).reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = HZ, first - self._origin, Fraction(1, HZ)
        if not self.bits_per_second:
            return frame
        if self.bits_per_second not in self._coders:
            self._coders[self.bits_per_second] = _opus(self.bits_per_second)
        packet = next(iter(self._coders[self.bits_per_second].encode(frame)))
        packet.pts, packet.time_base = first - self._origin, Fraction(1, HZ)
        return packet


def _opus(bits_per_second: int) -> AudioCodecContext:
    context = AudioCodecContext.create("libopus", "w")
    assert isinstance(context, AudioCodecContext)
    context.sample_rate, context.layout, context.format = HZ, "mono", "s16"
    context.bit_rate = bits_per_second
    context.options = {"application": "voip", "fec": "1", "packet_loss": "10"}
    context.open()
    return context


class Kiosk:
    """Stands in for the touchscreen's page: answers offers, sends the voice, wants no picture."""

    def __init__(self) -> None:
        self._connection: RTCPeerConnection | None = None
        self._voices: list[Voice] = []

    def take(self, kbps: int) -> None:
        """What the voice may take, as the page sets it on its sender."""
        for voice in self._voices:
            voice.bits_per_second = 1000 * kbps

    async def answer(self, sdp: str) -> str:
        """A fresh peer's answer."""
        await self.close()
        # The engine offers loopback to its touchscreen; the library leaves it out.
        aioice.ice.get_host_addresses = lambda use_ipv4, use_ipv6: ["127.0.0.1"]
        self._connection = RTCPeerConnection(RTCConfiguration(bundlePolicy=RTCBundlePolicy.MAX_BUNDLE))
        await self._connection.setRemoteDescription(RTCSessionDescription(sdp, "offer"))
        for line in self._connection.getTransceivers():
            line.direction = "sendonly" if line.kind == "audio" else "inactive"
            if line.kind == "audio":
                self._voices.append(Voice(packed=True))
                line.sender.replaceTrack(self._voices[-1])
        await self._connection.setLocalDescription(await self._connection.createAnswer())
        text: str = self._connection.localDescription.sdp
        # Browsers give one fingerprint, the library one per hash.
        return "".join(line for line in text.splitlines(keepends=True)
                       if not line.startswith("a=fingerprint:") or line.startswith("a=fingerprint:sha-256"))

    async def close(self) -> None:
        """End the peer."""
        if self._connection is not None:
            await self._connection.close()
        self._voices.clear()


async def _pictures(request: web.Request) -> web.WebSocketResponse:
    """Pictures for a page, the newest only: the next one goes when the page said that it has the one before."""
    socket = web.WebSocketResponse(compress=False)
    await socket.prepare(request)
    scene = Scene(WIDTH, HEIGHT, FPS, detail=True)
    with contextlib.suppress(ConnectionError, RuntimeError):
        while not socket.closed:
            now = time.monotonic()
            number = math.floor(now * FPS) + 1
            await asyncio.sleep(number / FPS - now)
            await socket.send_bytes(FEED_HEADER.pack(number) + bytes(scene.draw(number)[len(b"FRAME\n"):]))
            if (await socket.receive()).type is not WSMsgType.TEXT:
                break
    return socket


async def _voice(request: web.Request) -> web.WebSocketResponse:
    """The voice for a page."""
    socket = web.WebSocketResponse(compress=False)
    await socket.prepare(request)
    following = math.ceil(time.monotonic() * HZ / BLOCK) * BLOCK
    with contextlib.suppress(ConnectionError, RuntimeError):
        while not socket.closed:
            first, following = following, following + BLOCK
            await asyncio.sleep(max(0.0, following / HZ - time.monotonic()))
            await socket.send_bytes(FEED_HEADER.pack(first) + samples(first, BLOCK).tobytes())
    return socket


async def lines() -> asyncio.StreamReader:
    """Standard input, line by line."""
    reader = asyncio.StreamReader(limit=1 << 20)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    return reader


def say(message: dict[str, Any]) -> None:
    """One line to the benchmark."""
    print(json.dumps(message), flush=True)


async def _page(_: web.Request) -> web.Response:
    script = await asyncio.to_thread(Path(__file__).with_name("video_sender.js").read_text)
    return web.Response(text=_PAGE.format(script), content_type="text/html")


class Desk:
    """Speaks with the sending page that knocked last."""

    def __init__(self) -> None:
        self._socket: web.WebSocketResponse | None = None

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        """The page's end."""
        self._socket = socket = web.WebSocketResponse(compress=False)
        await socket.prepare(request)
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                say(json.loads(message.data))
        return socket

    async def tell(self, message: dict[str, Any]) -> None:
        """To the page, if there is one."""
        if self._socket is not None and not self._socket.closed:
            await self._socket.send_json(message)


async def _run() -> None:
    camera, kiosk, desk = SceneCamera(width=WIDTH, height=HEIGHT, fps=FPS, detail=True), Kiosk(), Desk()
    camera.open()
    served = web.Application()
    served.add_routes([web.get("/", _page), web.get("/pictures", _pictures), web.get("/voice", _voice),
                       web.get("/control", desk.serve)])
    runner = web.AppRunner(served, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    reader = await lines()
    running = asyncio.create_task(camera.run(), name="camera")
    say({"camera_port": camera.port, "page_port": runner.addresses[0][1]})
    try:
        while line := await reader.readline():
            message = json.loads(line)
            if message["kind"] == "kiosk_offer":
                say({"kind": "kiosk_answer", "sdp": await kiosk.answer(message["sdp"])})
            elif message["kind"] == "voice":
                kiosk.take(message["kbps"])
            elif message["kind"] == "page":
                await desk.tell(message["say"])
    finally:
        running.cancel()
        await asyncio.wait([running])
        await kiosk.close()
        await runner.cleanup()


def main() -> None:
    """The process."""
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    asyncio.run(_run())


if __name__ == "__main__":
    main()

