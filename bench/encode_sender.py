"""One sender of the encoding benchmark, in a process of its own so that its processor time can be read.

`python -m bench.encode_sender KIND CAMERA_PORT DOCTORS KBPS`; offers and answers as lines of JSON on standard output
and input, `{"number": N, "sdp": TEXT}`. Ends with its standard input.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from typing import Any

import aioice.ice
import aiortc.codecs.h264
import aiortc.codecs.vpx
import structlog
import uvloop
from aiortc import RTCBundlePolicy, RTCConfiguration, RTCPeerConnection, RTCRtpSender, RTCSessionDescription
from aiortc.contrib.media import MediaRelay

from bench.video_sender import Newest
from bench.video_source import FPS, HEIGHT, WIDTH
from gateway.heap import return_large_blocks
from gateway.media.config import CameraConfig, MediaConfig
from gateway.media.engine import MediaEngine
from gateway.media.events import PeerState

LINE_BYTES = 1 << 20
"""An answer has a few kilobytes."""


class _Events:
    """Nobody listens."""

    def peer_state(self, state: PeerState) -> None:
        print(f"peer {state}", file=sys.stderr)

    def local_candidate(self, candidate: str) -> None:
        """There is one interface."""

    def channel_open(self, channel: str) -> None:
        """Nothing is said."""

    def channel_message(self, channel: str, data: str | bytes) -> None:
        """Nothing is said."""


async def lines() -> asyncio.StreamReader:
    """Standard input."""
    reader = asyncio.StreamReader(LINE_BYTES)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    return reader


async def exchange(reader: asyncio.StreamReader, number: int, sdp: str) -> str:
    """Say an offer, hear its answer."""
    print(json.dumps({"number": number, "sdp": sdp}), flush=True)
    answer: dict[str, Any] = json.loads(await reader.readline())
    return str(answer["sdp"])


async def ours(reader: asyncio.StreamReader, port: int, doctors: int, kbps: int) -> None:
    """Our engine; the paths find their rate, which the ceiling bounds."""
    camera = CameraConfig(f"tcp://127.0.0.1:{port}", WIDTH, HEIGHT, FPS, simulated=True)
    engine = MediaEngine(MediaConfig(camera, interfaces=("lo",), start_kbps=kbps, ceiling_kbps=kbps), lambda: None)
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(engine.run())
        for number in range(doctors):
            peer = await engine.doctor_peer([], _Events())
            await peer.answer(await exchange(reader, number, await peer.offer()))
        await reader.read()
        running.cancel()


async def stock(reader: asyncio.StreamReader, port: int, doctors: int, kbps: int, mime: str) -> None:
    """The library as it comes, held at this rate: an encoder for each doctor."""
    for module in (aiortc.codecs.h264, aiortc.codecs.vpx):
        for name in ("DEFAULT_BITRATE", "MIN_BITRATE", "MAX_BITRATE"):
            setattr(module, name, 1000 * kbps)
    track, relay = Newest(port), MediaRelay()
    connections = []
    for number in range(doctors):
        connection = RTCPeerConnection(RTCConfiguration(iceServers=[], bundlePolicy=RTCBundlePolicy.MAX_BUNDLE))
        connections.append(connection)
        connection.addTrack(relay.subscribe(track, buffered=False))
        known = RTCRtpSender.getCapabilities("video").codecs
        connection.getTransceivers()[0].setCodecPreferences(
            [codec for codec in known if codec.mimeType in (mime, "video/rtx")])
        await connection.setLocalDescription(await connection.createOffer())
        answer = await exchange(reader, number, connection.localDescription.sdp)
        await connection.setRemoteDescription(RTCSessionDescription(answer, "answer"))
    await reader.read()
    for connection in connections:
        await connection.close()
    track.stop()


async def main(kind: str, port: int, doctors: int, kbps: int) -> None:
    """Until standard input ends."""
    # The library's own choice leaves loopback out.
    aioice.ice.get_host_addresses = lambda use_ipv4, use_ipv6: ["127.0.0.1"]
    reader = await lines()
    if kind.startswith("stock"):
        await stock(reader, port, doctors, kbps, "video/H264" if kind == "stock H.264" else "video/VP8")
    else:
        await ours(reader, port, doctors, kbps)


if __name__ == "__main__":
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    # Ours as the gateway runs, stock as the library comes.
    own = not sys.argv[1].startswith("stock")
    if own:
        return_large_blocks()
    loop = uvloop.new_event_loop if own else None
    with contextlib.suppress(KeyboardInterrupt), asyncio.Runner(loop_factory=loop) as runner:
        runner.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])))
