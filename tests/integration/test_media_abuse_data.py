"""Data channels in the hands of a page that was taken over: oversized, malformed, far too many, at a real call."""

from __future__ import annotations

import asyncio
import struct
import time
from typing import Any

from aiortc.rtcsctptransport import RTCSctpTransport, serialize_packet
from aiortc.rtp import RtcpPsfbPacket, RtcpRtpfbPacket, RtpPacket

from gateway.media import chunks as rules
from gateway.media.nack import LEAST_SECONDS
from gateway.media.rate import KEYFRAME_SECONDS
from gateway.media.sctp import GatewaySctp
from gateway.media.sending import RETRANSMIT_CREDIT, RETRANSMIT_SHARE
from protocol.channels import CONTROL
from tests.integration.abuse_rig import Call, calling, on_uvloop
from tests.unit.test_media_sctp_hostile import SACK, chunk, malformed
from tests.unit.test_media_sctp_hostile import data as message

FLOOD = 1000


class Octets:
    """Chunks as they are, where the library wants one of its own."""

    def __init__(self, octets: bytes) -> None:
        self._octets = octets

    def __bytes__(self) -> bytes:
        return self._octets


def theirs(call: Call) -> RTCSctpTransport:
    transport = call.page.connection.sctp
    assert transport is not None
    return transport


def ours(call: Call) -> GatewaySctp:
    transport = call.peer._connection.data
    assert transport is not None
    return transport


async def say(call: Call, *parts: bytes) -> None:
    """Inside the peer's own association, encrypted and with its tag."""
    far = theirs(call)
    octets: Any = Octets(b"".join(parts))
    await far.transport._send_data(serialize_packet(far._local_port, far._remote_port or 0,
                                                    far._remote_verification_tag, octets))


@on_uvloop
async def test_malformed_chunks_of_the_peers_own_end_nothing() -> None:
    """Every chunk cut at each length and with lengths that lie, numbers far ahead, lying acknowledgements: picture,
    voice and both channels go on."""
    async with calling() as call:
        for part in malformed():
            if part[0] not in (6, 7) or not rules.well_formed(bytes(12) + part):
                await say(call, part)
        far = theirs(call)._local_tsn + 5000
        await say(call, *(message(far + k, b"far") for k in range(20)))
        last = ours(call)._last_sacked_tsn
        for _ in range(20):
            gaps = struct.pack("!HH", 1, 65535) * 200
            await say(call, chunk(SACK, struct.pack("!LLHH", last, 0, 200, 0) + gaps))
        await call.goes_on()
        assert ours(call).state == "connected"


async def test_a_flood_of_small_messages_holds_up_nobody() -> None:
    """Forty packets of fifty messages each arrive at once: no more than a few are handled before everything else had
    its turn; all of them are heard, and the call goes on."""
    async with calling() as call:
        far, control = theirs(call), call.page.channels[CONTROL]
        handled, most, last = 0, 0, 0
        hand_up = ours(call)._receive

        async def counted(stream_id: int, pp_id: int, data: bytes) -> None:
            nonlocal handled
            handled += 1
            await hand_up(stream_id, pp_id, data)

        ours(call)._receive = counted  # type: ignore[method-assign]
        first = far._local_tsn
        far._local_tsn = (first + FLOOD) % 2**32
        for number in range(first, first + FLOOD, 50):
            await say(call, *(message(number + k, b"m", stream=control.id or 0) for k in range(50)))
        async with asyncio.timeout(60):
            while handled < FLOOD:
                last = handled
                await asyncio.sleep(0)
                most = max(most, handled - last)
        assert most <= 2 * rules.TURN_CHUNKS
        assert call.events.messages.count((CONTROL, "m")) == FLOOD
        await call.goes_on()


async def test_large_messages_are_taken_as_far_as_was_said() -> None:
    """A quarter of a megabyte of text that is no JSON, of brackets, of octets: each arrives whole, in its order."""
    async with calling() as call:
        control = call.page.channels[CONTROL]
        for message in ("[" * rules.MESSAGE_OCTETS, bytes(rules.MESSAGE_OCTETS), "\ud7ff" * 60_000):
            control.send(message)
            await call.events.until(lambda: bool(call.events.messages), 60)
            assert call.events.messages == [(CONTROL, message)]
            call.events.messages.clear()
        await call.goes_on()


async def test_channels_without_number_are_closed_again() -> None:
    """A page opens two hundred channels of its own: a few at a time get an answer, none a listener."""
    async with calling() as call:
        for number in range(200):
            call.page.connection.createDataChannel(f"mine {number}")
        await call.goes_on()
        assert len(ours(call)._data_channels) <= rules.STREAMS_MAX
        assert len(ours(call)._inbound_streams) <= rules.STREAMS_MAX
        assert {channel for channel, _ in call.events.messages} <= {CONTROL}


async def test_requests_for_packets_cost_no_more_than_their_share() -> None:
    """The peer asks for everything that was ever sent, three hundred times: what goes again is the credit and a quarter
    of what is sent, and keyframes are made at their own pace."""
    async with calling() as call:
        sender: Any = call.peer._connection.getTransceivers()[1].sender
        camera = call.peer.camera
        assert camera is not None
        before, keyframes, began = sender.sent_bytes, camera.keyframes, time.monotonic()
        again = 0
        put = sender._put

        async def counted(packet: RtpPacket, **how: Any) -> None:
            nonlocal again
            again += len(packet.payload) * (packet.ssrc == sender._rtx_ssrc)
            await put(packet, **how)

        sender._put = counted
        source = call.picture_source
        for number in range(300):
            newest = sender._number
            lost = [(newest - k) % 65536 for k in range(1 + number % 50, 0, -1)]
            await call.report(bytes(RtcpRtpfbPacket(fmt=1, ssrc=1, media_ssrc=source, lost=lost)),
                              bytes(RtcpPsfbPacket(fmt=1 if number % 2 else 4, ssrc=1, media_ssrc=source,
                                                   fci=b"" if number % 2 else bytes(8))))
            if number % 20 == 0:
                await asyncio.sleep(0.02)
        assert 0 < again <= RETRANSMIT_CREDIT + RETRANSMIT_SHARE * (sender.sent_bytes - before)
        assert camera.keyframes - keyframes <= 2 + (time.monotonic() - began) / KEYFRAME_SECONDS
        await call.goes_on()


async def test_a_peer_that_counts_in_leaps_gets_few_requests() -> None:
    """Its voice skips a hundred numbers with each of six hundred packets: what we ask for leaves at our pace."""
    async with calling() as call:
        receiver: Any = call.peer._connection.getTransceivers()[0].receiver
        sent, ask, began = 0, receiver._send_rtcp_nack, time.monotonic()

        async def counted(*what: Any) -> None:
            nonlocal sent
            sent += 1
            await ask(*what)

        receiver._send_rtcp_nack = counted
        for number in range(600):
            await call.report(RtpPacket(payload_type=96, sequence_number=number * 100 % 65536,
                                        ssrc=77, payload=b"\x48voice").serialize())
        await call.goes_on()
        assert 0 < sent <= 2 + 2 * (time.monotonic() - began) / LEAST_SECONDS
