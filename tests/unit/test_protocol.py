"""The wire contract: what is refused, what keeps its precision, what the binding covers."""

from __future__ import annotations

import struct
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol import binding, channels, kiosk_commands, prescription, readings, signalling

FINGERPRINT = ":".join(["AB"] * 32)


def test_a_quantity_has_a_value_or_a_reason_never_both() -> None:
    """I3: an absent number can't carry a value beside it."""
    whole = {"loinc": "8480-6", "mdc": 150021, "unit": "mm[Hg]"}
    for wrong in ({}, {"value": "120", "absent": "not-a-number"}, {"value": "NaN"}, {"value": "Infinity"}):
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert(whole | wrong, readings.Quantity)


def test_precision_travels() -> None:
    """`138.0` and `138` are different measurements and stay so on the wire."""
    for text in ("138", "138.0", "1.38E+2"):
        sent = readings.Quantity(loinc="8480-6", mdc=150021, unit="mm[Hg]", value=Decimal(text))
        got = msgspec.json.decode(msgspec.json.encode(sent), type=readings.Quantity)
        assert got.value is not None
        assert got.value.as_tuple() == Decimal(text).as_tuple()


def test_unknown_fields_and_types_are_refused() -> None:
    """One validator on the wire: nothing unknown passes."""
    decoder = msgspec.json.Decoder(signalling.FrameFromDoctor)
    for body in ('{"type":"take","encounter_id":"a","more":1}', '{"type":"offer"}',
                 '{"type":"take","encounter_id":"a b"}'):
        with pytest.raises(msgspec.ValidationError):
            decoder.decode(f'{{"n":1,"ack":0,"body":{body}}}')


@given(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1), st.integers(1, 3), st.integers(1, 40), st.data())
def test_chunks_survive_the_wire(stream: int, number: int, leads: int, per_lead: int, data: st.DataObject) -> None:
    """Any chunk read back is the chunk sent."""
    count = leads * per_lead
    samples = tuple(data.draw(st.lists(st.integers(-2**31, 2**31 - 1), min_size=count, max_size=count)))
    chunk = readings.Chunk(stream, number, 12.5, leads, samples, again=bool(number % 2))
    assert readings.Chunk.from_bytes(bytes(chunk)) == chunk


def test_a_chunk_has_the_layout_of_the_protocol_page() -> None:
    """Bytes written out by hand from docs/protocol.md."""
    head = bytes.fromhex("57 01 0100 07000000 09000000 0200")
    wire = head + struct.pack("<d", 1.5) + bytes.fromhex("01000000 ffffffff")
    assert readings.Chunk.from_bytes(wire) == readings.Chunk(7, 9, 1.5, 1, (1, -1))


@pytest.mark.parametrize("cut", range(30))
def test_cut_chunks_are_refused(cut: int) -> None:
    """Every truncation is a ValueError, never a crash or a short chunk."""
    whole = bytes(readings.Chunk(1, 2, 3.0, 1, (4, 5)))
    with pytest.raises(ValueError, match=r"chunk|leads"):
        readings.Chunk.from_bytes(whole[:min(cut, len(whole) - 1)])


@given(st.binary(max_size=200))
def test_hostile_parts_and_chunks_raise_value_errors_only(data: bytes) -> None:
    """Any bytes give a value or a ValueError."""
    for kind in (readings.Chunk, channels.Part):
        for prefix in (b"", bytes([readings.CHUNK_MAGIC, 1]), bytes([channels.PART_MAGIC, 1])):
            try:
                kind.from_bytes(prefix + data)
            except ValueError:
                continue


def test_parts_survive_the_wire() -> None:
    """A part of a still read back is the part sent."""
    part = channels.Part("still-1", 16384, 20000, b"\xff" * 100)
    assert channels.Part.from_bytes(bytes(part)) == part


@given(st.sets(st.integers(0, 60)), st.integers(0, 30), st.integers(0, 60))
def test_missing_ranges_name_exactly_what_is_missing(held: set[int], first: int, end: int) -> None:
    """The ranges and what is held make up the whole, without overlap."""
    numbers = sorted(n for n in held if n >= first)
    missing = {n for a, b in readings.missing_ranges(numbers, first, end) for n in range(a, b)}
    assert missing == set(range(first, end)) - held


def test_the_binding_covers_every_field() -> None:
    """Changing any one field changes the bytes that are signed."""
    base = {"side": binding.Side.vehicle, "call_id": "c", "generation": 1, "vehicle_id": "v", "doctor_id": "d",
            "fingerprint": FINGERPRINT, "peer_fingerprint": ""}
    changes = {"side": binding.Side.doctor, "call_id": "c2", "generation": 2, "vehicle_id": "w", "doctor_id": "e",
               "fingerprint": FINGERPRINT.replace("AB", "CD", 1), "peer_fingerprint": FINGERPRINT}
    seen = {binding.statement(**base)}
    for name, value in changes.items():
        seen.add(binding.statement(**(base | {name: value})))
    assert len(seen) == len(changes) + 1


def test_fingerprints_of_all_sections_are_found() -> None:
    """A second, different fingerprint hidden in a later section is seen."""
    sdp = f"v=0\r\na=fingerprint:sha-256 {FINGERPRINT.lower()}\r\nm=audio\r\na=fingerprint:SHA-256 {FINGERPRINT}\r\n"
    assert binding.sdp_fingerprints(sdp) == {FINGERPRINT}
    assert len(binding.sdp_fingerprints(sdp + "a=fingerprint:sha-1 00:11\r\n")) == 2


def test_every_prescription_state_has_its_steps() -> None:
    """The table is whole, printed is never left backwards, and nothing follows the end (I4)."""
    states = set(prescription.PrescriptionState)
    assert set(prescription.STEPS) == states
    after_printed, frontier = set(), {prescription.PrescriptionState.printed}
    while frontier:
        after_printed |= frontier
        frontier = {n for s in frontier for n in prescription.STEPS[s]} - after_printed
    assert prescription.PrescriptionState.printing not in after_printed


def test_kiosk_commands_are_told_apart_by_their_type() -> None:
    """Every command decodes to its own class."""
    decoder = msgspec.json.Decoder(kiosk_commands.KioskCommand)
    got = decoder.decode('{"id":3,"body":{"type":"hand_over","prescription_id":"p1"}}')
    assert got == kiosk_commands.KioskCommand(id=3, body=kiosk_commands.HandOver(prescription_id="p1"))
