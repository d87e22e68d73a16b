"""Pure packet work of the media room: H.264 payloads, splicing sources, missing packets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.media.h264 import payloads, split_units
from gateway.media.nack import KEEP_SECONDS, MISSING_MAX, RETRY_SECONDS, TRIES, MissingPackets
from gateway.media.splice import REORDER, Packet, Splice

A, B = object(), object()


def packet(number: int, timestamp: int, ssrc: int = 1, payload: bytes = b"x", marker: bool = False) -> Packet:
    return Packet(ssrc, number % 65536, timestamp % 2**32, marker, payload)


def depacketize(parts: tuple[bytes, ...]) -> list[bytes]:
    """RFC 6184, sections 5.6 to 5.8, read back independently of the sender."""
    units: list[bytes] = []
    open_unit = b""
    for part in parts:
        kind = part[0] & 0x1F
        if kind == 24:
            rest = part[1:]
            while rest:
                size = int.from_bytes(rest[:2], "big")
                units.append(rest[2:2 + size])
                rest = rest[2 + size:]
        elif kind == 28:
            if part[1] & 0x80:
                open_unit = bytes((part[0] & 0xE0 | part[1] & 0x1F,))
            open_unit += part[2:]
            if part[1] & 0x40:
                units.append(open_unit)
        else:
            units.append(part)
    return units


def test_start_codes_of_both_lengths_and_trailing_zeros_are_no_payload() -> None:
    """Annex B, B.1.1: three- and four-byte start codes, zeros between units."""
    assert split_units(b"\x00\x00\x00\x01\x67\x01\x00\x00\x01\x68\x02\x00\x00\x00\x00\x01\x65\x03\x00") == [
        b"\x67\x01", b"\x68\x02", b"\x65\x03"]
    assert split_units(b"") == []
    assert split_units(b"\x65\x01") == []


unit = st.builds(lambda head, body: bytes((head & 0x7F or 1,)) + body,
                 st.sampled_from((0x67, 0x68, 0x65, 0x41, 0x06)), st.binary(min_size=1, max_size=5000))


@given(st.lists(unit, min_size=1, max_size=6))
def test_every_access_unit_survives_packetization(units: list[bytes]) -> None:
    """What a receiver puts together again are the units, and no payload exceeds the limit."""
    parts = payloads(units)
    assert depacketize(parts) == units
    assert all(len(part) <= 1160 for part in parts)


def test_parameter_sets_travel_with_the_slice_they_serve() -> None:
    """SPS, PPS and a small IDR slice are one STAP-A with the highest reference value."""
    (one,) = payloads([b"\x67aa", b"\x68b", b"\x65ccc"])
    assert one[0] == 0x60 | 24


def test_one_source_keeps_its_numbering() -> None:
    """The first source passes through unchanged, reordered packets and wraps included."""
    splice = Splice(90_000)
    for number in (65534, 65535, 1, 0, 2):
        out = splice.take(A, packet(number, 3000 * number), 0.0)
        assert out is not None
        assert out.sequence_number == number


def test_a_new_source_goes_on_one_number_further_and_as_much_later() -> None:
    """After a reload the receiver sees no gap in numbers and the real pause in time."""
    splice = Splice(90_000)
    splice.take(A, packet(100, 9000), 10.0)
    out = splice.take(B, packet(7, 500, ssrc=2), 12.0)
    assert out is not None
    assert (out.sequence_number, out.timestamp) == (101, 9000 + 180_000)
    nxt = splice.take(B, packet(8, 3500, ssrc=2), 12.04)
    assert nxt is not None
    assert (nxt.sequence_number, nxt.timestamp) == (102, 9000 + 183_000)


def test_the_same_ssrc_of_another_peer_is_another_source() -> None:
    """Two pages may choose one SSRC; the peer tells them apart."""
    splice = Splice(48_000)
    splice.take(A, packet(5, 0), 0.0)
    out = splice.take(B, packet(5, 0), 1.0)
    assert out is not None
    assert out.sequence_number == 6
    assert splice.plays(B, 1)
    assert not splice.plays(A, 1)


def test_late_packets_of_a_source_that_was_left_are_dropped() -> None:
    """The old page's last packets do not throw the new one out again."""
    splice = Splice(48_000)
    splice.take(A, packet(5, 0), 0.0)
    splice.take(B, packet(900, 0, ssrc=2), 1.0)
    assert splice.take(A, packet(6, 960), 1.01) is None
    assert splice.take(B, packet(901, 960, ssrc=2), 1.02) is not None


def test_a_source_that_was_left_may_come_back() -> None:
    """When the new source fell silent, the old one goes on where the new one ended."""
    splice = Splice(48_000)
    splice.take(A, packet(5, 0), 0.0)
    splice.take(B, packet(900, 0, ssrc=2), 1.0)
    back = splice.take(A, packet(77, 960), 5.0)
    assert back is not None
    assert back.sequence_number == 7


def test_very_old_packets_are_dropped() -> None:
    """A number far behind the newest is not sent on as if it were new."""
    splice = Splice(90_000)
    splice.take(A, packet(10_000, 0), 0.0)
    assert splice.take(A, packet(10_000 - REORDER - 1, 0), 0.0) is None
    assert splice.take(A, packet(10_000 - REORDER, 0), 0.0) is not None


@given(st.lists(st.tuples(st.integers(0, 65535), st.integers(0, 2**32 - 1), st.integers(1, 40)),
                min_size=1, max_size=5))
def test_numbers_go_on_without_a_gap_through_any_sources(sources: list[tuple[int, int, int]]) -> None:
    """Whatever numbers each source starts from, the outgoing stream counts on by one."""
    splice = Splice(90_000)
    seen: list[int] = []
    now = 0.0
    for i, (number, timestamp, count) in enumerate(sources):
        for step in range(count):
            now += 0.04
            out = splice.take(A, packet(number + step, timestamp + 3600 * step, ssrc=i), now)
            assert out is not None
            seen.append(out.sequence_number)
    assert seen == [(seen[0] + i) % 65536 for i in range(len(seen))]


def vp8(picture: int, layer: int) -> bytes:
    """RFC 7741, section 4.2: X=1, S=1; I, L set; 15-bit PictureID; then one payload byte."""
    return bytes((0x90, 0xC0)) + (picture | 0x8000).to_bytes(2, "big") + bytes((layer, 0xAA))


def test_vp8_picture_identifiers_go_on_through_a_new_source() -> None:
    """PictureID and TL0PICIDX of the new page follow the old page's, and wrap."""
    splice = Splice(90_000, vp8=True)
    splice.take(A, packet(1, 0, payload=vp8(32767, 255)), 0.0)
    out = splice.take(B, packet(1, 0, payload=vp8(12, 7)), 1.0)
    assert out is not None
    assert out.payload == vp8(0, 0)
    nxt = splice.take(B, packet(2, 3600, payload=vp8(13, 8)), 1.1)
    assert nxt is not None
    assert nxt.payload == vp8(1, 1)


def test_vp8_short_and_absent_identifiers() -> None:
    """A 7-bit PictureID wraps at 128; a descriptor without extension passes as it is."""
    splice = Splice(90_000, vp8=True)
    splice.take(A, packet(1, 0, payload=bytes((0x90, 0x80, 127, 0xAA))), 0.0)
    out = splice.take(B, packet(1, 0, payload=bytes((0x90, 0x80, 5, 0xAA))), 1.0)
    assert out is not None
    assert out.payload == bytes((0x90, 0x80, 0, 0xAA))
    plain = splice.take(B, packet(2, 0, payload=b"\x10\x00\x00"), 1.0)
    assert plain is not None
    assert plain.payload == b"\x10\x00\x00"


@given(st.binary(max_size=8))
def test_no_vp8_descriptor_breaks_the_splice(payload: bytes) -> None:
    """A cut or hostile descriptor keeps its length and raises nothing."""
    splice = Splice(90_000, vp8=True)
    splice.take(A, packet(1, 0, payload=payload), 0.0)
    out = splice.take(B, packet(1, 0, payload=payload), 1.0)
    assert out is not None
    assert len(out.payload) == len(payload)


def test_a_gap_is_asked_for_at_once_and_again() -> None:
    """Missing numbers are asked for when the gap shows, then every RETRY_SECONDS until they come."""
    missing = MissingPackets()
    missing.arrived(65534, 0.0)
    missing.arrived(1, 0.0)
    assert missing.due(0.0) == [65535, 0]
    assert missing.due(RETRY_SECONDS / 2) == []
    missing.arrived(65535, 0.05)
    assert missing.due(RETRY_SECONDS) == [0]


@pytest.mark.parametrize("step", [RETRY_SECONDS, KEEP_SECONDS])
def test_asking_ends(step: float) -> None:
    """After TRIES requests or KEEP_SECONDS a packet is given up."""
    missing = MissingPackets()
    missing.arrived(1, 0.0)
    missing.arrived(3, 0.0)
    asked = sum(len(missing.due(i * step * 1.001)) for i in range(100))
    assert 1 <= asked <= TRIES


def test_an_outage_is_not_asked_for_whole() -> None:
    """At most MISSING_MAX numbers are kept, the newest."""
    missing = MissingPackets()
    missing.arrived(0, 0.0)
    missing.arrived(20_000, 0.0)
    due = missing.due(0.0)
    assert len(due) <= MISSING_MAX
    assert due[-1] == 19_999


def test_leaps_make_few_requests() -> None:
    """Ten thousand packets in a second, each a hundred numbers further: fifty requests leave, not ten thousand."""
    missing = MissingPackets()
    asked = 0
    for number in range(10_000):
        missing.arrived(number * 100 % 65536, number / 10_000)
        asked += bool(missing.due(number / 10_000))
    assert asked <= 51
