"""SRTP and RTCP that is garbage, replayed, of streams nobody announced, or cut, at a real call: the call goes on."""

from __future__ import annotations

import asyncio
import itertools
import random
import struct
from collections.abc import Callable, Iterator
from typing import Any

from aiortc.rtp import (
    RtcpByePacket,
    RtcpPsfbPacket,
    RtcpReceiverInfo,
    RtcpRrPacket,
    RtcpRtpfbPacket,
    RtcpSdesPacket,
    RtcpSenderInfo,
    RtcpSourceInfo,
    RtcpSrPacket,
    RtpPacket,
    pack_remb_fci,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.media.dtls import TURN_PACKETS
from gateway.media.gate import SOURCES_MAX
from gateway.media.ice import RECEIVE_QUEUE
from tests.integration.abuse_rig import calling, on_uvloop, stranger

FLOOD = 50_000


def garbage(count: int, sources: Callable[[], int], size: int = 300) -> Iterator[bytes]:
    """SRTP nobody has the key of; each fourth says it is RTCP."""
    noise = random.Random(11)
    body = noise.randbytes(size)
    for number in range(count):
        second = 200 + number % 7 if number % 4 == 0 else 96 + number % 16
        yield struct.pack("!BBHII", 0x80, second, number % 65536, number, sources()) + body


@on_uvloop
async def test_a_flood_of_garbage_ends_nothing() -> None:
    """Fifty thousand packets of a stranger's are dropped unread; as many from the peer's own address, of its streams
    and of others, are refused by their signature; beside both and after them the call goes on."""
    noise = random.Random(2)
    async with calling() as call:
        await call.goes_on()
        genuine = next(iter(call.ours.gate._proved))
        with stranger(call.where) as other:
            flood = asyncio.create_task(other.say(garbage(FLOOD, lambda: noise.getrandbits(32))))
            await call.goes_on()
            await flood
        assert call.ice.dropped == 0
        flood = asyncio.create_task(call.say(*garbage(FLOOD // 2, lambda: noise.getrandbits(32)),
                                             *garbage(FLOOD // 2, lambda: genuine)))
        await call.goes_on()
        await flood
        await call.goes_on()
        assert call.ours.gate.sources < SOURCES_MAX
        assert call.ice._queue.qsize() <= RECEIVE_QUEUE


async def test_other_work_gets_its_turn_beside_a_full_queue() -> None:
    """Two thousand datagrams wait: no more than a few are handled before everything else had its turn."""
    async with calling() as call:
        handled, most, last = 0, 0, 0
        take = call.ours._rx_srtp.unprotect

        def counted(data: bytes) -> bytes:
            nonlocal handled
            handled += 1
            return bytes(take(data))

        call.ours._rx_srtp.unprotect = counted
        for datagram in garbage(2000, lambda: 7):
            call.ice.data_received(datagram, 1)
        before = handled
        while handled - before < 1000:
            last = handled
            await asyncio.sleep(0)
            most = max(most, handled - last)
        assert most <= 2 * TURN_PACKETS
        await call.goes_on()


@on_uvloop
async def test_replayed_packets_are_heard_once() -> None:
    """Everything the peer sent for a second, sent ten times again: the forwarded voice has no packet twice."""
    async with calling() as call:
        sent: list[bytes] = []
        pair = call.theirs.transport._connection._nominated[1]
        send = pair.protocol.send_data

        async def kept(data: bytes, addr: Any) -> None:
            sent.append(bytes(data))
            await send(data, addr)

        pair.protocol.send_data = kept  # type: ignore[method-assign]
        async with asyncio.timeout(40):
            while len(sent) < 30:  # noqa: ASYNC110 - voice and picture tell nobody
                await asyncio.sleep(0.05)
        pair.protocol.send_data = send  # type: ignore[method-assign]
        arrived: list[int] = []
        receiver: Any = call.peer._connection.getTransceivers()[0].receiver
        hand_on = receiver._handle_rtp_packet

        async def noted(packet: RtpPacket, arrival_time_ms: int) -> None:
            arrived.append(packet.sequence_number)
            await hand_on(packet, arrival_time_ms)

        receiver._handle_rtp_packet = noted
        for _ in range(10):
            await call.say(*sent)
        await call.goes_on()
        assert len(arrived) == len(set(arrived)) > 0


def odd_rtp(noise: random.Random) -> Iterator[bytes]:
    """Signed by the peer: unknown payload types and SSRCs, header extensions of a wrong size, cut packets."""
    for payload_type, source in itertools.product((0, 63, 96, 97, 101, 127), (1, 2, 3)):
        yield RtpPacket(payload_type=payload_type, sequence_number=noise.getrandbits(16), ssrc=source,
                        payload=b"x" * 50).serialize()
    for identifier, size in itertools.product(range(1, 15), range(1, 17)):
        extension = bytes((identifier << 4 | size - 1,)) + noise.randbytes(size)
        extension += bytes(-len(extension) % 4)
        for payload_type in (96, 97, 98, 101, 109, 111):
            yield struct.pack("!BBHIIHH", 0x90, payload_type, noise.getrandbits(16), 0, 9, 0xBEDE,
                              len(extension) // 4) + extension + b"payload"
    whole = RtpPacket(payload_type=97, sequence_number=1, ssrc=5, payload=b"x" * 30)
    whole.csrc = [1, 2, 3]
    whole.padding_size = 9
    packet = whole.serialize()
    yield from (packet[:end] for end in range(12, len(packet)))


@on_uvloop
async def test_odd_rtp_of_the_peers_own_ends_nothing() -> None:
    """What the peer signs may be nonsense: it is dropped, streams stay bounded, the call goes on."""
    noise = random.Random(3)
    async with calling() as call:
        await call.report(*odd_rtp(noise))
        await call.goes_on()
        await call.report(*(RtpPacket(payload_type=97, sequence_number=number, ssrc=noise.getrandbits(32),
                                      payload=bytes(20)).serialize() for number in range(1000)))
        await call.goes_on()
        assert call.ours.gate.sources <= SOURCES_MAX
        assert len(call.ours._rtp_router.ssrc_table) <= SOURCES_MAX + 8


def reports(source: int) -> list[bytes]:
    """One whole packet of each type, about our picture."""
    info = RtcpReceiverInfo(ssrc=source, fraction_lost=255, packets_lost=-1, highest_sequence=2**32 - 1, jitter=1,
                            lsr=1, dlsr=2**32 - 1)
    sender = RtcpSenderInfo(ntp_timestamp=2**64 - 1, rtp_timestamp=2**32 - 1, packet_count=1, octet_count=1)
    return [bytes(packet) for packet in (
        RtcpSrPacket(ssrc=1, sender_info=sender, reports=[info] * 31), RtcpRrPacket(ssrc=1, reports=[info] * 31),
        RtcpSdesPacket(chunks=[RtcpSourceInfo(ssrc=source, items=[(1, b"name")])]), RtcpByePacket(sources=[source, 1]),
        RtcpRtpfbPacket(fmt=1, ssrc=1, media_ssrc=source, lost=list(range(0, 65_536, 17))[:300]),
        RtcpRtpfbPacket(fmt=15, ssrc=1, media_ssrc=source, lost=[1, 2, 3]),
        RtcpPsfbPacket(fmt=1, ssrc=1, media_ssrc=source),
        RtcpPsfbPacket(fmt=4, ssrc=1, media_ssrc=source, fci=bytes(8)),
        RtcpPsfbPacket(fmt=15, ssrc=1, media_ssrc=0, fci=pack_remb_fci(2**60, [source])),
        RtcpPsfbPacket(fmt=15, ssrc=1, media_ssrc=source, fci=b"REMB\xff\xff\xff\xff"),
    )] + [struct.pack("!BBH", 0x9F, kind, 3) + bytes(12) for kind in (192, 204, 207, 208)]


def cut(packet: bytes) -> Iterator[bytes]:
    """At each length, with the length field as it was, and as it then is; and with the most of everything counted."""
    for end in range(8, len(packet)):
        yield packet[:end]
        if end % 4 == 0:
            yield packet[:2] + struct.pack("!H", end // 4 - 1) + packet[4:end]
    yield bytes((packet[0] | 0x1F,)) + packet[1:]
    yield bytes((packet[0] | 0x20,)) + packet[1:-1] + b"\xff"


@on_uvloop
async def test_malformed_rtcp_ends_nothing() -> None:
    """Every type, cut at each length, with counts and paddings it does not have, signed by the peer."""
    async with calling(promises=True) as call:
        for packet in reports(call.picture_source):
            await call.report(packet, *cut(packet))
        await call.goes_on()
        assert call.ours.state == "connected"


@on_uvloop
async def test_a_flood_of_requests_ends_nothing() -> None:
    """Thousands of requests for everything ever sent, and for keyframes: answered as far as the path takes it."""
    async with calling() as call:
        source = call.picture_source
        everything = bytes(RtcpRtpfbPacket(fmt=1, ssrc=1, media_ssrc=source, lost=list(range(2000))))
        pli = bytes(RtcpPsfbPacket(fmt=1, ssrc=1, media_ssrc=source))
        flood = asyncio.create_task(call.report(*[everything, pli] * 1000))
        await call.goes_on()
        await flood
        await call.goes_on()


async def test_any_rtcp_gets_through_the_transport() -> None:
    """Whatever the peer signs, the transport goes on: types, counts and bodies as hypothesis likes."""
    async with calling(promises=True) as call:
        source, loop = call.picture_source, asyncio.get_running_loop()

        @settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
        @given(st.lists(st.tuples(st.integers(0, 63), st.sampled_from((200, 201, 202, 203, 205, 206, 207)),
                                  st.booleans(), st.binary(max_size=80)), min_size=1, max_size=4))
        def example(parts: list[tuple[int, int, bool, bytes]]) -> None:
            packet = b""
            for count, kind, ours, body in parts:
                body = (struct.pack("!II", 1, source) if ours else b"") + body + bytes(-len(body) % 4)
                packet += struct.pack("!BBH", 0x80 | count, kind, len(body) // 4) + body
            asyncio.run_coroutine_threadsafe(call.report(packet), loop).result()

        # Beside the loop: a call whose loop stands still between two examples is not one that goes on.
        await asyncio.to_thread(example)
        await call.goes_on()
        assert call.ours.state == "connected"
