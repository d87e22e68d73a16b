"""The other ends of a soak's call: touchscreen, doctor's and guest's pages, played by the library in the vehicle's own
loop (`soak_call`).

They report on every packet (transport-wide feedback), lose one in a hundred, ask for it again, acknowledge readings,
speak, ask for a keyframe now and then. Nothing is decoded.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import time
from fractions import Fraction
from typing import Any

import aioice.ice
from aiortc import RTCBundlePolicy, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamTrack
from av.packet import Packet

from bench.roadsenders import transport_feedback
from gateway.media.congestion.feedback import URI
from gateway.media.sdp import NUMBERS_ID
from protocol.channels import CONTROL

FEEDBACK_SECONDS = 0.1
LOSS = 0.01
KEYFRAME_SECONDS = 30.0

WORD = bytes((0x78,)) + bytes(range(59))
"""A packet of Opus as far as anybody who forwards it looks (RFC 6716, section 3.1): 24 kbit/s."""

WORD_SECONDS, HZ = 0.02, 48_000


class Nowhere:
    """In the place of a decoder's queue: a decoder that nobody reads piles pictures up."""

    def put(self, _: Any) -> None:
        """Gone."""

    def get(self) -> None:
        """The decoder's thread may end."""


class Words(MediaStreamTrack):
    """A voice that was encoded before."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self._next, self._number = time.monotonic(), 0

    async def recv(self) -> Packet[Any]:
        """The next 20 ms, when they are over."""
        self._next += WORD_SECONDS
        await asyncio.sleep(max(0.0, self._next - time.monotonic()))
        packet: Packet[Any] = Packet(WORD)
        packet.pts, packet.time_base = self._number * int(HZ * WORD_SECONDS), Fraction(1, HZ)
        self._number += 1
        return packet


class Far:
    """A page over an uplink: the far end of one generation."""

    def __init__(self) -> None:
        self.packets = 0
        self._deaf_until = self._cut_until = 0.0
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
        channel.send(str(json.loads(data)["n"]))

    async def answer(self, offer: str) -> str:
        """Take it; the answer wishes for transport-wide feedback wherever the offer has it."""
        await self._connection.setRemoteDescription(RTCSessionDescription(offer, "offer"))
        lines: list[Any] = self._connection.getTransceivers()
        lines[0].sender.replaceTrack(Words())
        lines[0].direction = "sendrecv"
        transport = lines[0].receiver.transport
        take = transport._handle_rtp_data

        async def counted(data: bytes, arrival_time_ms: int) -> None:
            if self._dice.random() >= LOSS:
                self.packets += 1
                self._note(data)
                await take(data, arrival_time_ms=arrival_time_ms)

        transport._handle_rtp_data = counted
        self._cut(transport.transport)
        await self._connection.setLocalDescription(await self._connection.createAnswer())
        for line in lines:
            line.receiver._RTCRtpReceiver__decoder_queue = Nowhere()
        self._tasks = [asyncio.create_task(self._report(transport)), asyncio.create_task(self._ask(lines[1].receiver))]
        return "".join(f"{line}\r\n" for line in _wished(self._connection.localDescription.sdp))

    def deaf(self, seconds: float, *, below_ice: bool = False) -> None:
        """An outage: nothing arrives and nothing leaves, but for checks of ICE unless it is below them."""
        self._deaf_until = time.monotonic() + seconds
        if below_ice:
            self._cut_until = self._deaf_until

    async def close(self) -> None:
        """End it."""
        for task in self._tasks:
            task.cancel()
        await self._connection.close()

    def _cut(self, ice: Any) -> None:
        send, receive, session = ice._send, ice._recv, ice._connection
        asked = session.request_received

        async def sent(data: bytes) -> None:
            if time.monotonic() >= self._deaf_until:
                await send(data)

        async def received() -> bytes:
            while True:
                data: bytes = await receive()
                if time.monotonic() >= self._deaf_until:
                    return data

        def answered(*question: Any) -> None:
            if time.monotonic() >= self._cut_until:
                asked(*question)

        ice._send, ice._recv, session.request_received = sent, received, answered

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


class Touchscreen:
    """The kiosk's page: speaks, takes no picture."""

    def __init__(self) -> None:
        self._connection = RTCPeerConnection(RTCConfiguration(iceServers=[], bundlePolicy=RTCBundlePolicy.MAX_BUNDLE))

    async def answer(self, sdp: str) -> str:
        """Take the offer."""
        await self._connection.setRemoteDescription(RTCSessionDescription(sdp, "offer"))
        lines: list[Any] = self._connection.getTransceivers()
        lines[0].sender.replaceTrack(Words())
        lines[0].direction = "sendrecv"
        for line in lines[1:]:
            line.direction = "recvonly" if line.kind == "audio" else "inactive"
        await self._connection.setLocalDescription(await self._connection.createAnswer())
        for line in lines:
            line.receiver._RTCRtpReceiver__decoder_queue = Nowhere()
        text: str = self._connection.localDescription.sdp
        # Browsers give one fingerprint, the library one per hash.
        return "".join(line for line in text.splitlines(keepends=True)
                       if not line.startswith("a=fingerprint:") or line.startswith("a=fingerprint:sha-256"))

    async def close(self) -> None:
        """End it."""
        await self._connection.close()


def on_loopback() -> None:
    """The engine offers loopback here; the library leaves it out."""
    aioice.ice.get_host_addresses = lambda use_ipv4, use_ipv6: ["127.0.0.1"]
