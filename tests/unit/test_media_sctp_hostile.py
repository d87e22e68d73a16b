"""SCTP that a page which was taken over sends: each packet is signed, none may cost the gateway more than its own call.

Packets are written octet by octet here: the library's encoder makes no wrong ones.
"""

from __future__ import annotations

import random
import struct
import time
from collections.abc import Iterator
from typing import Any

import pytest
from aiortc import RTCDataChannel, RTCDataChannelParameters
from aiortc.rtcsctptransport import DataChunk, HeartbeatAckChunk, SackChunk
from google_crc32c import value as crc32c

from gateway.media import chunks as rules
from gateway.media.sctp import GatewaySctp
from tests.unit.test_media_sctp import association

BASE = 2**32 - 10
"""The peer's numbers wrap soon."""

DATA, INIT, INIT_ACK, SACK, HEARTBEAT, ABORT, SHUTDOWN, ERROR, COOKIE_ECHO, RECONFIG, FORWARD = (
    0, 1, 2, 3, 4, 6, 7, 9, 10, 130, 192)

BUDGET_SECONDS = 2.0
"""What used to be an endless loop, or seconds for each packet, has ended a hundred times over by then."""


def chunk(kind: int, body: bytes = b"", flags: int = 0, length: int | None = None) -> bytes:
    """As it goes on the wire; `length` may lie."""
    return struct.pack("!BBH", kind, flags, 4 + len(body) if length is None else length) + body + bytes(-len(body) % 4)


def packet(tag: int, *parts: bytes) -> bytes:
    """With a right checksum."""
    head, body = struct.pack("!HHL", 5000, 5000, tag), b"".join(parts)
    return head + struct.pack("<L", crc32c(head + bytes(4) + body)) + body


def data(tsn: int, text: bytes = b"x", *, stream: int = 1, seq: int = 0, flags: int = 7, protocol: int = 51) -> bytes:
    """One piece; by default a whole unordered message."""
    return chunk(DATA, struct.pack("!LHHL", tsn % 2**32, stream, seq, protocol) + text, flags)


class Peer:
    """Ours, established, with one open channel on stream 1, and the hostile other end."""

    def __init__(self) -> None:
        self.sctp, self.wire = association()
        self.sctp._last_received_tsn = BASE
        self.sctp._ssthresh = 100_000
        self.sctp._RTCSctpTransport__state = "connected"  # type: ignore[attr-defined]
        self.heard: list[Any] = []
        channel = RTCDataChannel(self.sctp, RTCDataChannelParameters(label="control", id=1), False)
        channel._setReadyState("open")
        self.sctp._data_channels[1] = channel
        channel.on("message", self.heard.append)
        self.channel = channel

    async def say(self, *parts: bytes) -> None:
        await self.sctp._handle_data(packet(self.sctp._local_verification_tag, *parts))

    async def works(self, tsn: int) -> None:
        """A message still comes through and is acknowledged, and one still leaves."""
        await self.say(data(tsn, b"still here"))
        assert self.heard[-1:] == ["still here"]
        assert [one.cumulative_tsn for sent in self.wire.sent for one in sent if isinstance(one, SackChunk)][-1] == (
            tsn % 2**32)
        before = len(self.wire.sent)
        await self.sctp._send(1, 51, b"ours")
        assert any(isinstance(one, DataChunk) for sent in self.wire.sent[before:] for one in sent)

    def end(self) -> None:
        self.sctp._set_state(GatewaySctp.State.CLOSED)


@pytest.fixture
async def peer() -> Any:
    made = Peer()
    yield made
    made.end()


def malformed() -> Iterator[bytes]:
    """Each type cut at each length, with lengths of nothing, of less than a head and of more than there is; parameters
    the same."""
    noise = random.Random(9)
    parameter = struct.pack("!HH", 13, 20) + noise.randbytes(16)
    for kind in (*range(15), RECONFIG, FORWARD, 128, 193, 255):
        body = noise.randbytes(16) + parameter
        for size in range(len(body)):
            yield chunk(kind, body[:size])
        for length in (0, 1, 2, 3, 5, 65535):
            yield chunk(kind, body, length=length)
    for kind in (HEARTBEAT, ABORT, ERROR, RECONFIG):
        for length in (0, 1, 2, 3, 65535):
            yield chunk(kind, struct.pack("!HH", 13, length) + bytes(16))
    for kind in (INIT, INIT_ACK):
        yield chunk(kind, struct.pack("!LLHHL", 1, 1500, 9, 9, 7) + struct.pack("!HH", 7, 0) + bytes(8))


async def test_no_malformed_chunk_hangs_or_ends_the_association(peer: Peer) -> None:
    """A parameter of length 0 was an endless loop; nothing else of the kind is left, and the channel works after it.
    An ABORT or a SHUTDOWN that is well formed is the peer's own end and is left out here."""
    began = time.process_time()
    for part in malformed():
        if part[0] not in (ABORT, SHUTDOWN) or not rules.well_formed(packet(0, part)):
            await peer.say(part)
    assert time.process_time() - began < BUDGET_SECONDS
    assert peer.sctp._association_state is GatewaySctp.State.ESTABLISHED
    await peer.works(BASE + 1)


async def test_a_second_beginning_changes_nothing(peer: Peer) -> None:
    """INIT, INIT ACK and a cookie in the middle of a call, of another peer or of tag 0."""
    peer.sctp._remote_verification_tag = 77
    for tag in (0, 1, 77):
        body = struct.pack("!LLHHL", tag, 0, 0, 0, 123456)
        await peer.sctp._handle_data(packet(0, chunk(INIT, body)))
        await peer.say(chunk(INIT_ACK, body))
        await peer.say(chunk(COOKIE_ECHO, bytes(24)))
    assert peer.sctp._remote_verification_tag == 77
    assert peer.wire.sent == []
    await peer.works(BASE + 1)


async def test_numbers_far_ahead_are_not_taken(peer: Peer) -> None:
    """Data and skips a million or two thousand millions ahead; near ones are kept as before."""
    for far in (rules.AHEAD_MAX + 1, 10**6, 2**31 - 1, 2**31, 2**31 + 5):
        await peer.say(data(BASE + far))
        await peer.say(chunk(FORWARD, struct.pack("!L", (BASE + far) % 2**32)))
    assert peer.sctp._last_received_tsn == BASE
    assert not peer.sctp._sack_misordered
    await peer.say(data(BASE + rules.AHEAD_MAX, b"near"))
    assert peer.heard == ["near"]
    await peer.works(BASE + 1)


async def test_acknowledgements_that_lie_cost_no_time(peer: Peer) -> None:
    """Hundreds of gap blocks over everything, backwards, overlapping, of numbers never sent: seconds each, before."""
    for _ in range(20):
        await peer.sctp._send(1, 51, bytes(900))
    began, first = time.process_time(), peer.sctp._last_sacked_tsn
    for _ in range(100):
        for gap in ((1, 65535), (65535, 1), (0, 0), (2, 2), (60000, 65535)):
            await peer.say(chunk(SACK, struct.pack("!LLHH", first, 0, 280, 0) + struct.pack("!HH", *gap) * 280))
    assert time.process_time() - began < BUDGET_SECONDS
    for ahead in (1000, 2**30, 2**31 - 1):
        await peer.say(chunk(SACK, struct.pack("!LLHH", (first + ahead) % 2**32, 0, 0, 0)))
    assert peer.sctp._last_sacked_tsn == first
    waiting = len(peer.sctp._sent_queue)
    await peer.say(chunk(SACK, struct.pack("!LLHH", (first + 1) % 2**32, 100_000, 0, 0)))
    assert peer.sctp._sent_queue[0].tsn == (first + 2) % 2**32
    assert waiting > 1


async def test_acknowledgements_make_no_flood_of_copies(peer: Peer) -> None:
    """A thousand times "the first is missing, the others came" within one round trip: one copy of it, not three
    hundred; seventy such in one packet count as one."""
    peer.sctp._cwnd = 100_000
    peer.sctp._srtt = 3600.0
    peer.sctp._t3_expired = lambda: None  # type: ignore[method-assign]
    for _ in range(10):
        await peer.sctp._send(1, 51, bytes(900))
    missing, before = peer.sctp._sent_queue[0].tsn, peer.sctp._last_sacked_tsn
    sack = chunk(SACK, struct.pack("!LLHH", before, 100_000, 1, 0) + struct.pack("!HH", 2, 10))
    for _ in range(300):
        # The library strikes what is missing when something new is acknowledged: as if it were each time.
        for sent in peer.sctp._sent_queue:
            sent._acked = False
        await peer.say(*[sack] * 50)
    copies = [one for sent in peer.wire.sent for one in sent if isinstance(one, DataChunk) and one.tsn == missing]
    assert len(copies) == 2


async def test_unfinished_messages_take_bounded_memory(peer: Peer) -> None:
    """First pieces without an end, in one stream and in thousands, ordered ones that wait for ever, one octet each."""
    for number in range(1, 6000):
        await peer.say(data(BASE + number, b"y" * (1100 if number % 2 else 1), stream=2 + number % 5,
                            flags=(2, 0, 6, 3)[number % 4], seq=9))
    held = [one for stream in peer.sctp._inbound_streams.values() for one in stream.reassembly]
    assert len(held) <= rules.HELD_MAX
    assert sum(len(one.user_data) for one in held) <= 1024 * 1024 + rules.MESSAGE_OCTETS
    await peer.sctp._send(1, 51, b"ours")
    assert any(isinstance(one, DataChunk) for sent in peer.wire.sent for one in sent)


async def test_streams_and_channels_are_bounded(peer: Peer) -> None:
    """Data, skips and openings on every stream there can be: a few are kept, the rest is acknowledged and forgotten."""
    opening = struct.pack("!BBHLHH", 3, 0, 0, 0, 1, 0) + b"c"
    for number in range(1, 1001):
        await peer.say(data(BASE + number, opening, stream=number * 65, protocol=50, flags=3))
    await peer.say(chunk(FORWARD, struct.pack("!L", (BASE + 1001) % 2**32) + b"".join(
        struct.pack("!HH", number, 1) for number in range(20_000, 20_250))))
    await peer.say(chunk(RECONFIG, struct.pack("!HHLHH", 17, 12, 5, 60_000, 0)))
    assert len(peer.sctp._inbound_streams) <= rules.STREAMS_MAX
    assert len(peer.sctp._data_channels) <= rules.STREAMS_MAX
    assert peer.sctp._last_received_tsn == (BASE + 1001) % 2**32


async def test_what_is_out_of_order_makes_one_small_acknowledgement(peer: Peer) -> None:
    """Every second number: the answer fits a packet, and everything is delivered when the gaps close."""
    for number in range(2, rules.AHEAD_MAX, 2):
        await peer.say(data(BASE + number, b"a"))
    last = next(one for one in reversed(peer.wire.sent[-1]) if isinstance(one, SackChunk))
    assert len(last.gaps) == rules.GAPS_MAX
    for number in range(1, rules.AHEAD_MAX, 2):
        await peer.say(data(BASE + number, b"b"))
    assert len(peer.heard) == rules.AHEAD_MAX - 1
    await peer.works(BASE + rules.AHEAD_MAX)


async def test_requests_are_answered_at_a_bounded_rate(peer: Peer) -> None:
    """Heartbeats and resets by the thousand: answers leave by the uplink, so there are few."""
    began = time.monotonic()
    reset = struct.pack("!HHLLL", 13, 18, 5, 0, 0) + struct.pack("!H", 9) + bytes(2)
    for _ in range(50):
        await peer.say(*[chunk(HEARTBEAT)] * 280)
        await peer.say(chunk(RECONFIG, reset * 50))
    assert len(peer.wire.sent) <= 4 * rules.REQUESTS_A_SECOND * (1 + time.monotonic() - began)
    assert any(isinstance(one, HeartbeatAckChunk) for sent in peer.wire.sent for one in sent)
    await peer.works(BASE + 1)


@pytest.mark.parametrize(("protocol", "text"), [
    (51, b"\xff\xfe\xfd"), (50, b""), (50, b"\x03"), (50, b"\x03" * 12), (50, b"\x02"), (50, b"\x09" * 30),
    (50, struct.pack("!BBHLHH", 3, 255, 65535, 2**32 - 1, 65535, 65535) + b"\xff" * 40), (0, b"z"), (999, b"z"),
    (56, b"x"), (57, b"x")])
async def test_a_malformed_message_holds_up_none_behind_it(peer: Peer, protocol: int, text: bytes) -> None:
    """Text that is no UTF-8, openings that are cut or of a channel that is open: the next message is there."""
    for stream in (1, 3):
        number = BASE + 1 + (stream == 3)
        await peer.say(data(number, text or b"\0", stream=stream, flags=7, protocol=protocol))
    await peer.works(BASE + 3)


async def test_a_message_larger_than_we_take_is_not_handed_on(peer: Peer) -> None:
    """A quarter of a megabyte passes, a little more does not, and what comes after it does."""
    async def whole(first: int, size: int) -> int:
        pieces = -(-size // 1100)
        for number in range(pieces):
            part = bytes(min(1100, size - 1100 * number))
            await peer.say(data(first + number, part, flags=4 | 2 * (number == 0) | (number == pieces - 1)))
        return first + pieces

    after = await whole(BASE + 1, rules.MESSAGE_OCTETS)
    assert [len(one) for one in peer.heard] == [rules.MESSAGE_OCTETS]
    after = await whole(after, rules.MESSAGE_OCTETS + 1)
    assert len(peer.heard) == 1
    await peer.works(after)


def test_lengths_are_checked_at_every_octet() -> None:
    """A packet that is cut anywhere is refused, or ends where a chunk ends."""
    whole = packet(1, data(5, b"abcd"), chunk(HEARTBEAT, struct.pack("!HH", 1, 8) + bytes(4)))
    ends = {12 + 20, len(whole)}
    assert {size for size in range(len(whole) + 1) if rules.well_formed(whole[:size])} - {33, 34, 35} == ends


def test_gap_blocks_that_can_not_be_are_left_out() -> None:
    """In order, apart, within what was sent."""
    assert rules.honest_gaps([(1, 2), (2, 3), (5, 4), (4, 4), (6, 99)], 50) == [(1, 2), (4, 4)]
    assert rules.distance(3, 2**32 - 2) == 5
    assert rules.distance(2**32 - 2, 3) == -5
