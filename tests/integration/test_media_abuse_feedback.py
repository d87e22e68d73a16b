"""A peer that never says what it received, and ones that lie about it: voice, readings and process go on, and the
picture comes back when the lies end."""

from __future__ import annotations

import asyncio
import random
import struct
import time
from collections.abc import Callable
from typing import Any

import pytest
from aiortc.rtcrtpparameters import RTCRtpHeaderExtensionParameters, RTCRtpParameters
from aiortc.rtp import RtcpPsfbPacket, RtcpReceiverInfo, RtcpRrPacket, RtpPacket, pack_remb_fci

from bench.roadsenders import transport_feedback
from gateway.media.congestion.feedback import FORMAT, URI
from gateway.media.sdp import NUMBERS_ID
from protocol.channels import CONTROL
from tests.integration.abuse_rig import Call, calling

EACH_SECONDS = 0.05
LIES = 60
"""Three seconds of them: as many reports as a browser sends in that time."""


class Ear:
    """What the page really received: transport numbers, unwrapped, and when."""

    def __init__(self, call: Call) -> None:
        self.call = call
        self.last = -1
        self._new: list[tuple[int, float]] = []
        self._said = -1
        extension = RTCRtpHeaderExtensionParameters(id=NUMBERS_ID, uri=URI)
        call.theirs._rtp_header_extensions_map.configure(RTCRtpParameters(headerExtensions=[extension]))
        for line in call.page.connection.getTransceivers():
            receiver: Any = line.receiver
            receiver._handle_rtp_packet = self._listen(receiver._handle_rtp_packet)

    def _listen(self, hand_on: Callable[..., Any]) -> Callable[..., Any]:
        async def heard(packet: RtpPacket, arrival_time_ms: int) -> None:
            number = packet.extensions.transport_sequence_number
            if number is not None:
                whole = number if self.last < 0 else self.last + (number - self.last + 32768) % 65536 - 32768
                self.last = max(self.last, whole)
                self._new.append((whole, time.monotonic()))
            await hand_on(packet, arrival_time_ms=arrival_time_ms)

        return heard

    async def say(self, fci: bytes) -> None:
        """As transport-wide feedback."""
        fci += bytes(-len(fci) % 4)
        head = struct.pack("!BBHII", 0x80 | FORMAT, 205, 2 + len(fci) // 4, 1, self.call.picture_source)
        await self.call.report(head + fci)

    async def honest(self) -> None:
        """What arrived since the last time, for ever."""
        while True:
            await asyncio.sleep(EACH_SECONDS)
            new = [entry for entry in self._new if entry[0] > self._said]
            self._new.clear()
            if new:
                await self.say(transport_feedback(new, self._said + 1))
                self._said = self.last


async def lives(call: Call) -> None:
    """Channel and voice both work; the picture may pause for a liar."""
    mark = f"mark {time.monotonic()}"
    call.page.channels[CONTROL].send(mark)
    await call.events.until(lambda: (CONTROL, mark) in call.events.messages)
    before = call.peer.voice_in.last_packet
    async with asyncio.timeout(40):
        while call.peer.voice_in.last_packet == before:  # noqa: ASYNC110 - a packet each 20 ms, told to nobody
            await asyncio.sleep(0.01)


async def test_a_peer_that_promised_feedback_and_gives_none_gets_its_picture() -> None:
    """After three seconds the simple rule takes over."""
    async with calling(promises=True) as call:
        await call.goes_on()
        assert not call.peer.path.wide


def fastest(ear: Ear, noise: random.Random) -> bytes:
    """Everything of the last second came within a millisecond: a hundred megabits."""
    now = time.monotonic()
    last = max(1, ear.last)
    return transport_feedback([(number, now + number * 1e-6) for number in range(max(0, last - 100), last)], 0)


def lost(ear: Ear, noise: random.Random) -> bytes:
    """Nothing but one packet came."""
    return transport_feedback([(max(0, ear.last), time.monotonic())], max(0, ear.last - 500))


def backwards(ear: Ear, noise: random.Random) -> bytes:
    """Each report is of an hour before the last."""
    early = 1e6 - ear.last * 3600 % 1e6
    return transport_feedback([(max(0, ear.last - k), early - k) for k in range(5)], max(0, ear.last - 5))


def never_sent(ear: Ear, noise: random.Random) -> bytes:
    """Numbers far ahead came, long ago and in a minute."""
    base = ear.last + noise.randrange(1000, 30_000)
    return transport_feedback([(base + k, time.monotonic() + noise.uniform(-60, 60)) for k in range(30)], base)


def everything(ear: Ear, noise: random.Random) -> bytes:
    """Sixty-five thousand packets in one run, none received; the next says something about all of them."""
    head = struct.pack("!HHI", noise.getrandbits(16), 0xFFFF, noise.getrandbits(32))
    return head + struct.pack("!H", 0x1FFF) * 8 + noise.randbytes(noise.randrange(200))


def octets(ear: Ear, noise: random.Random) -> bytes:
    """Anything at all."""
    return noise.randbytes(noise.randrange(400))


@pytest.mark.parametrize("lie", [fastest, lost, backwards, never_sent, everything, octets])
async def test_lies_in_feedback_end_nothing(lie: Callable[[Ear, random.Random], bytes]) -> None:
    """During them voice and channel go on and the rate keeps its ceiling; with the truth the picture is there again."""
    noise = random.Random(5)
    async with calling(promises=True) as call:
        ear = Ear(call)
        ceiling = call.room.engine._config.ceiling_kbps * 1000
        for _ in range(LIES):
            await ear.say(lie(ear, noise))
            assert call.peer.path.target <= ceiling
            await asyncio.sleep(EACH_SECONDS)
        await lives(call)
        truth = asyncio.create_task(ear.honest())
        async with asyncio.timeout(60):
            await call.goes_on()
        truth.cancel()
        await asyncio.wait((truth,))


async def test_lies_in_reports_end_nothing() -> None:
    """Estimates of nothing and of a million terabits, losses of more than was sent, counts that fall: with and without
    them the picture goes on."""
    async with calling() as call:
        source = call.picture_source
        for k in range(LIES):
            info = RtcpReceiverInfo(ssrc=source, fraction_lost=255 * (k % 2), packets_lost=(-1) ** k * 8_000_000,
                                    highest_sequence=k * 7_654_321 % 2**32, jitter=2**32 - 1, lsr=k, dlsr=2**32 - 1 - k)
            rate = 0 if k % 3 else 2**62
            await call.report(bytes(RtcpRrPacket(ssrc=1, reports=[info])),
                              bytes(RtcpPsfbPacket(fmt=15, ssrc=1, media_ssrc=0, fci=pack_remb_fci(rate, [source]))))
            await asyncio.sleep(EACH_SECONDS)
        await lives(call)
        async with asyncio.timeout(60):
            await call.goes_on()
