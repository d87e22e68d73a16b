"""The other ends of a soak: camera, touchscreen and doctor's page in one process, played by the library.

    python -m bench.soak_far --speed K

Speaks lines of JSON as bench.video_sender does, from the other side: takes `kiosk_offer` and `offer`, says
`kiosk_answer` and `answer`; first {"camera_port": N}; answers `count` by what it got. The doctor reports on every
packet (transport-wide feedback), loses one in a hundred, asks for it again, acknowledges readings, asks for a keyframe
now and then. Nothing is decoded.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import random
import sys
import time
from typing import Any

import aioice.ice
import structlog
from aiortc import RTCBundlePolicy, RTCConfiguration, RTCPeerConnection, RTCSessionDescription

from bench.haste import haste
from bench.roadsenders import transport_feedback
from bench.video_source import Kiosk, lines, say
from gateway.media.congestion.feedback import URI
from gateway.media.sdp import NUMBERS_ID
from protocol.channels import CONTROL
from sim.camera import Scene

WIDTH, HEIGHT, FPS, DRAWN = 640, 360, 25, 50
"""So many pictures are drawn once and sent over and over."""

FEEDBACK_SECONDS = 0.1
LOSS = 0.01
KEYFRAME_SECONDS = 30.0


class Nowhere:
    """In the place of a decoder's queue: a decoder that nobody reads piles pictures up."""

    def put(self, _: Any) -> None:
        """Gone."""


class Doctor:
    """The far end of one generation."""

    def __init__(self) -> None:
        self.packets, self.octets, self.readings = 0, 0, 0
        self._connection = RTCPeerConnection(RTCConfiguration(iceServers=[], bundlePolicy=RTCBundlePolicy.MAX_BUNDLE))
        self._connection.on("datachannel", self._channel)
        self._arrived: list[tuple[int, float]] = []
        self._highest = 0
        self._reported = 1
        self._dice = random.Random(7)
        self._tasks: list[asyncio.Task[None]] = []

    def _channel(self, channel: Any) -> None:
        if channel.label == CONTROL:
            channel.on("message", lambda data: self._acknowledge(channel, data))

    def _acknowledge(self, channel: Any, data: str) -> None:
        self.readings += 1
        channel.send(str(json.loads(data)["n"]))

    async def answer(self, offer: str) -> str:
        """Take it; the answer wishes for transport-wide feedback wherever the offer has it."""
        await self._connection.setRemoteDescription(RTCSessionDescription(offer, "offer"))
        lines: list[Any] = self._connection.getTransceivers()
        transport = lines[0].receiver.transport
        take = transport._handle_rtp_data

        async def counted(data: bytes, arrival_time_ms: int) -> None:
            if self._dice.random() >= LOSS:
                self.packets, self.octets = self.packets + 1, self.octets + len(data)
                self._note(data)
                await take(data, arrival_time_ms=arrival_time_ms)

        transport._handle_rtp_data = counted
        await self._connection.setLocalDescription(await self._connection.createAnswer())
        for line in lines:
            line.receiver._RTCRtpReceiver__decoder_queue = Nowhere()
        self._tasks = [asyncio.create_task(self._report(transport)), asyncio.create_task(self._ask(lines[1].receiver))]
        return "".join(f"{line}\r\n" for line in _wished(self._connection.localDescription.sdp))

    async def close(self) -> None:
        """End it."""
        for task in self._tasks:
            task.cancel()
        await self._connection.close()

    def _note(self, data: bytes) -> None:
        if len(data) < 16 or not data[0] & 0x10:
            return
        at = 12 + 4 * (data[0] & 0x0F)
        end = at + 4 + 4 * int.from_bytes(data[at + 2:at + 4], "big")
        at += 4
        while at < end:
            number, length = data[at] >> 4, (data[at] & 0x0F) + 1
            if not data[at]:
                at += 1
                continue
            if number == NUMBERS_ID:
                value = int.from_bytes(data[at + 1:at + 3], "big")
                whole = self._highest + (value - self._highest + 0x8000) % 0x10000 - 0x8000
                self._highest = max(self._highest, whole)
                self._arrived.append((whole, time.monotonic()))
            at += 1 + length

    async def _report(self, transport: Any) -> None:
        while True:
            await asyncio.sleep(FEEDBACK_SECONDS)
            fresh = [one for one in self._arrived if one[0] >= self._reported]
            self._arrived.clear()
            if not fresh:
                continue
            fci = transport_feedback(fresh, self._reported)
            self._reported = max(number for number, _ in fresh) + 1
            body = bytes(8) + fci + bytes(-len(fci) % 4)
            with contextlib.suppress(ConnectionError):
                await transport._send_rtp(bytes((0x8F, 205)) + (len(body) // 4).to_bytes(2, "big") + body)

    async def _ask(self, receiver: Any) -> None:
        while True:
            await asyncio.sleep(KEYFRAME_SECONDS)
            for ssrc in receiver._RTCRtpReceiver__remote_streams:
                await receiver._send_rtcp_pli(ssrc)


def _wished(sdp: str) -> list[str]:
    """The library's answer as a browser's: one fingerprint, and feedback where the vehicle only sends."""
    done: list[str] = []
    for line in sdp.splitlines():
        if line.startswith("a=fingerprint:") and not line.startswith("a=fingerprint:sha-256"):
            continue
        done.append(line)
        if line.startswith("a=rtpmap:") and " H264/" in line:
            done.append(f"a=rtcp-fb:{line[9:].split(' ')[0]} transport-cc")
            if (extension := f"a=extmap:{NUMBERS_ID} {URI}") not in done:
                done.append(extension)
    return done


async def _camera(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """YUV4MPEG2 at `FPS`, the same pictures over and over."""
    scene = Scene(WIDTH, HEIGHT, FPS)
    drawn = [bytes(scene.draw(number)) for number in range(DRAWN)]
    writer.write(f"YUV4MPEG2 W{WIDTH} H{HEIGHT} F{FPS}:1 Ip A1:1 C420jpeg\n".encode())
    due, number = time.monotonic(), 0
    with contextlib.suppress(ConnectionError):
        while True:
            due = max(due + 1 / FPS, time.monotonic() - 1)
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            writer.write(drawn[number % DRAWN])
            number += 1
            await writer.drain()
    writer.close()


async def _run() -> None:
    server = await asyncio.start_server(_camera, "127.0.0.1", 0)
    # The engine offers loopback only; the library leaves it out.
    aioice.ice.get_host_addresses = lambda use_ipv4, use_ipv6: ["127.0.0.1"]
    say({"camera_port": server.sockets[0].getsockname()[1]})
    reader, kiosk, doctor = await lines(), Kiosk(), Doctor()
    while line := await reader.readline():
        message = json.loads(line)
        if message["kind"] == "kiosk_offer":
            say({"kind": "kiosk_answer", "sdp": await kiosk.answer(message["sdp"])})
        elif message["kind"] == "count":
            before = doctor.packets
            await asyncio.sleep(1)
            say({"kind": "received", "figures": {
                "packets": doctor.packets, "megabytes": round(doctor.octets / 1e6, 1), "readings": doctor.readings,
                "packets_in_last_second": doctor.packets - before}})
        elif message["kind"] == "offer":
            await doctor.close()
            doctor = Doctor()
            say({"kind": "answer", "number": message["number"], "sdp": await doctor.answer(message["sdp"])})
    await doctor.close()
    await kiosk.close()


def main() -> None:
    """The process."""
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    parser = argparse.ArgumentParser()
    parser.add_argument("--speed", type=float, required=True)
    loop = haste(parser.parse_args().speed)
    asyncio.set_event_loop(loop)
    loop.run_until_complete(_run())


if __name__ == "__main__":
    main()
