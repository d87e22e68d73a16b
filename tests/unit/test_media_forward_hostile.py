"""What a page sends as sound and picture is forwarded undecoded: whatever its octets are, forwarding does not fail."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.media.congestion.budget import VoiceForm
from gateway.media.hearing import Hearing
from gateway.media.splice import Packet, Splice
from gateway.media.voice import REDUNDANT_OCTETS_MAX, VoicePacking

PAYLOADS = st.one_of(
    st.binary(max_size=40),
    st.builds(lambda head, size: head + bytes(size), st.binary(min_size=1, max_size=4), st.integers(0, 1480)))
PACKETS = st.builds(Packet, st.integers(1, 3), st.integers(0, 65535), st.integers(0, 2**32 - 1), st.booleans(),
                    PAYLOADS, st.none() | st.integers(0, 127))


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(PACKETS, st.sampled_from("ab")), max_size=30), st.booleans())
def test_any_packets_are_spliced(packets: list[tuple[Packet, str]], picture: bool) -> None:
    """Sources that change, numbers and times that leap, descriptors that are cut: what leaves is a packet as long as
    the one that came."""
    splice, hearing = Splice(90_000, vp8=picture), Hearing()
    for turn, (packet, origin) in enumerate(packets):
        hearing.packet(packet.level, turn * 0.02)
        ours = splice.take(origin, packet, turn * 0.02)
        if ours is not None:
            assert len(ours.payload) == len(packet.payload)
            assert 0 <= ours.sequence_number < 2**16
            assert 0 <= ours.timestamp < 2**32


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(PAYLOADS, st.integers(0, 40), st.sampled_from(list(VoiceForm))), max_size=30), st.booleans())
def test_any_voice_is_packed(frames: list[tuple[bytes, int, VoiceForm]], red: bool) -> None:
    """Frames that are empty, too long for a pair or for a repetition: no octet is lost, none is sent twice but as
    redundancy."""
    packing, sent, came = VoicePacking(), 0, 0
    packing.red, packing.opus_type = red, 111
    timestamp = 2**32 - 5 * 960
    for payload, steps, form in frames:
        timestamp = (timestamp + 960 * steps) % 2**32
        came += len(payload)
        for spoken in packing.take(payload, timestamp, False, form):
            sent += len(spoken.payload)
            assert len(spoken.payload) <= 2 * REDUNDANT_OCTETS_MAX + 2000 + 9
    assert sent + sum(len(held.payload) for held in packing._held) >= came - len(frames)


@settings(max_examples=100, deadline=None)
@given(PAYLOADS, PAYLOADS)
def test_any_two_frames_are_joined_or_not(first: bytes, second: bytes) -> None:
    """A frame longer than RFC 6716 (section 3.2.1) has lengths for goes alone."""
    packing = VoicePacking()
    spoken = [*packing.take(first, 0, False, VoiceForm.paired), *packing.take(second, 960, False, VoiceForm.paired),
              *packing.take(b"\x48end", 1920, False, VoiceForm.plain)]
    assert 2 <= len(spoken) <= 3
