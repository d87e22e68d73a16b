"""Packets between an older Omron cuff and its host."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.peripherals.errors import DecodeError
from gateway.peripherals.profiles import omron_link
from gateway.peripherals.profiles.omron_link import Answer, Assembler, memory_of, pieces


def answer(kind: str, address: str, size: int, data: bytes) -> bytes:
    """A packet of the cuff, put together by the description in omblepy's README."""
    body = bytes([len(data) + 8]) + bytes.fromhex(kind + address) + bytes([size]) + data + b"\0"
    total = 0
    for octet in body:
        total ^= octet
    return body + bytes([total])


def fed(packet: bytes, order: list[int] | None = None) -> Answer | None:
    """What the assembler makes of a packet whose pieces come in this order."""
    assembler, cut, found = Assembler(), pieces(packet), None
    for channel in order if order is not None else range(len(cut)):
        assert found is None
        found = assembler.feed(channel, cut[channel])
    return found


def test_the_requests_are_those_of_omblepy() -> None:
    """omblepy@708c13e omblepy.py, startTransmission and endTransmission; a read by the rule of its README."""
    assert omron_link.start().hex() == "0800000000100018"
    assert omron_link.end().hex() == "080f000000000007"
    assert omron_link.read(0x02AC, 0x38).hex() == "08010002ac38009f"


def test_a_block_comes_together_in_any_order() -> None:
    """Four pieces on four characteristics."""
    data = bytes(range(56))
    packet = answer("8100", "02ac", 56, data)
    for order in itertools.permutations(range(4)):
        # The first piece says how many there are: the packet is whole with whichever comes last.
        assembler = Assembler()
        found = [assembler.feed(channel, pieces(packet)[channel]) for channel in order]
        assert [f for f in found if f is not None] == [Answer(0x8100, 0x02AC, data)]


def test_short_answers_are_whole_in_one_piece() -> None:
    """Start and end."""
    assert fed(answer("8000", "0000", 0, b"")) == Answer(0x8000, 0, b"")
    assert fed(answer("8f00", "0000", 0, b"\x0f")) == Answer(0x8F00, 0, b"\x0f")


def test_a_packet_that_is_damaged_or_cut_is_refused() -> None:
    """By its checksum, by its length, by its announced data."""
    packet = answer("8100", "02ac", 8, bytes(8))
    for at in range(1, len(packet)):
        broken = packet[:at] + bytes([packet[at] ^ 0x40]) + packet[at + 1:]
        with pytest.raises(DecodeError, match=r"omron\.|frame\."):
            fed(broken)
    for end in range(1, len(packet)):
        code = ""
        try:
            assert fed(packet[:end]) is None
        except DecodeError as error:
            code = error.code
        assert code in ("", "omron.short")
    with pytest.raises(DecodeError, match=r"omron\.short"):
        fed(answer("8100", "02ac", 56, bytes(8)))


@given(st.lists(st.tuples(st.integers(0, 3), st.binary(max_size=20)), max_size=30))
def test_whatever_comes_is_an_answer_or_a_coded_error(said: list[tuple[int, bytes]]) -> None:
    """Hostile pieces end in nothing worse."""
    assembler = Assembler()
    for channel, piece in said:
        found, code = None, "omron."
        try:
            found = assembler.feed(channel, piece)
        except DecodeError as error:
            code = error.code
        assert code.startswith(("omron.", "frame."))
        assert found is None or isinstance(found, Answer)


@pytest.mark.parametrize(("model", "users", "slots", "size", "blocks"), [
    ("HEM-7322T-E", 2, 100, 14, 25), ("HEM-7600T", 1, 100, 14, 25), ("HEM-7361T", 2, 100, 16, 100),
    ("HEM-7155T", 2, 60, 16, 60), ("HEM-7530T", 1, 90, 14, 90),
])
def test_a_memory_is_read_in_whole_slots(model: str, users: int, slots: int, size: int, blocks: int) -> None:
    """Every slot of every user once, and no block larger than the model takes."""
    memory = memory_of(model)
    assert (len(memory.users), memory.slots, memory.size) == (users, slots, size)
    for user in range(users):
        read = list(memory.blocks(user))
        assert len(read) == blocks
        assert sum(part for _, part in read) == slots * size
        assert all(part % size == 0 and part <= memory.block for _, part in read)
        assert read[0][0] == memory.users[user]


def test_a_model_nobody_mapped_is_named() -> None:
    """No guess at where its records are."""
    with pytest.raises(DecodeError, match=r"omron\.model_unknown"):
        memory_of("HEM-9999T")
