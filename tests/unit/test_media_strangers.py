"""What of an open port is looked at: whose STUN messages, which of the peer's datagrams. No sockets."""

from __future__ import annotations

import random
import struct

import pytest
from aioice import stun
from hypothesis import given
from hypothesis import strategies as st

from gateway.media.gate import SOURCES_MAX, Gate, Stage, hello_random
from gateway.media.strangers import (
    CHECKS_KNOWN,
    CHECKS_ONE,
    CHECKS_UNKNOWN,
    KNOWN_MAX,
    NAMELESS,
    STUN_OCTETS,
    Doorkeeper,
)
from gateway.media.strangers import (
    SOURCES_MAX as ADDRESSES_MAX,
)

PEER, OTHER = ("192.0.2.1", 5000), ("198.51.100.7", 6000)


def check(name: str = "ours:theirs", *, answer: bool = False, method: int = 1) -> bytes:
    """A signed check, by the library."""
    message = stun.Message(message_method=stun.Method.BINDING,
                           message_class=stun.Class.RESPONSE if answer else stun.Class.REQUEST)
    message.attributes["USERNAME"] = name
    message.add_message_integrity(b"password")
    return bytes(message)


def let_in(door: Doorkeeper, messages: list[bytes], where: tuple[str, int], now: float) -> int:
    return sum(door.admits(message, where, {}, now) for message in messages)


def test_a_first_check_from_anywhere_is_looked_at() -> None:
    """A peer behind a translation comes from an address nobody told us."""
    assert Doorkeeper("ours", 0.0).admits(check(), OTHER, {}, 0.0)


@pytest.mark.parametrize("message", [
    b"", check()[:19], check()[:-1], check() + b"\0", check().replace(b"\x21\x12\xa4\x42", bytes(4)),
    struct.pack("!HHI12x", 1, STUN_OCTETS, 0x2112A442) + bytes(STUN_OCTETS),
    b"\x00\x11" + check()[2:], check(answer=True),
], ids=["empty", "short", "cut", "long", "no cookie", "huge", "indication", "answer"])
def test_what_is_no_check_is_not_parsed(message: bytes) -> None:
    """Cut, too long, without the cookie, indications, answers to questions nobody asked; counted."""
    door = Doorkeeper("ours", 0.0)
    door.learn(PEER, 0.0)
    assert not door.admits(message, PEER, {}, 0.0)
    assert door.refused == 1


def test_answers_pass_when_we_asked() -> None:
    """The identifier is the only thing a stranger can't know."""
    message = check(answer=True)
    assert Doorkeeper("ours", 0.0).admits(message, OTHER, {message[8:20]: None}, 0.0)


def test_a_flood_is_looked_at_so_many_times_a_second() -> None:
    """Without our name ten, with it fifty from one address and two hundred in all; a second later as many again."""
    for names, count, sources in (("else", NAMELESS, 1), ("ours", CHECKS_ONE, 1), ("ours", CHECKS_UNKNOWN, 100)):
        door = Doorkeeper("ours", 0.0)
        messages = [check(f"{names}:x")] * 50
        for now in (0.0, 1.0):
            assert sum(let_in(door, messages, ("198.51.100.7", 1000 + k), now) for k in range(sources)) == count
    door = Doorkeeper("ours", 0.0)
    door.learn(PEER, 0.0)
    assert let_in(door, [check()] * 1000, PEER, 0.0) == CHECKS_KNOWN


def test_a_flood_from_elsewhere_takes_nothing_from_the_peer() -> None:
    """Who is known has an allowance of its own."""
    door = Doorkeeper("ours", 0.0)
    door.learn(PEER, 0.0)
    for k in range(1000):
        door.admits(check(), ("198.51.100.7", k), {}, 0.0)
    assert door.admits(check(), PEER, {}, 0.0)


def test_memory_is_bounded() -> None:
    """Addresses that asked and addresses that proved theirs; the one heard least recently goes."""
    door = Doorkeeper("ours", 0.0)
    for k in range(3 * ADDRESSES_MAX):
        door.admits(check(), ("198.51.100.7", k), {}, k * 1.0)
    assert len(door._sources) == ADDRESSES_MAX
    for k in range(KNOWN_MAX + 5):
        door.learn(("192.0.2.1", k), k * 1.0)
        door.learn(PEER, k * 1.0)
    assert door.known == KNOWN_MAX
    assert door.is_known(PEER)
    assert door.heard(("192.0.2.1", 0)) == 0.0


@given(st.binary(max_size=200), st.booleans())
def test_any_octets_get_a_verdict(octets: bytes, known: bool) -> None:
    """Neither the door nor the gate raises, whatever comes."""
    door, gate = Doorkeeper("ours", 0.0), Gate()
    if known:
        door.learn(PEER, 0.0)
    for stage in Stage:
        gate.stage = stage
        for first in (octets, b"\x16\xfe\xfd" + octets, b"\x80" + octets, b"\x00\x01\x00\x08\x21\x12\xa4\x42" + octets):
            door.admits(first, PEER, {}, 1.0)
            gate.admits(first)
            hello_random(first)


def record(content: int, body: bytes, epoch: int = 0) -> bytes:
    return struct.pack("!BHHHIH", content, 0xFEFD, epoch, 0, 1, len(body)) + body


HELLO = record(22, b"\x01" + bytes(11) + b"\xfe\xfd" + bytes(range(32)) + bytes(20))


def rtp(source: int, size: int = 40) -> bytes:
    return struct.pack("!BBHII", 0x80, 96, 1, 2, source) + bytes(size - 12)


def test_a_hello_is_for_the_handshake() -> None:
    """In a call it is refused before OpenSSL sees it; so are alerts that nobody signed, at any time."""
    gate = Gate()
    alert = record(21, b"\x02\x28")
    assert gate.admits(HELLO)
    assert hello_random(HELLO) == bytes(range(32))
    assert not gate.admits(alert)
    assert not gate.admits(record(22, b"\x02" + bytes(20)) + alert)
    gate.stage = Stage.secured
    assert not gate.admits(HELLO)
    assert gate.admits(record(22, b"\x10" + bytes(20)))
    assert gate.admits(record(21, bytes(40), epoch=1))
    assert gate.refused == 3


def test_records_that_are_cut_or_unknown_are_refused() -> None:
    """At each length; nothing, or more than it says, is none."""
    gate = Gate()
    for end in range(1, len(HELLO)):
        assert not gate.admits(HELLO[:end])
    assert not gate.admits(HELLO + b"\x16")
    assert not gate.admits(record(22, b""))
    for first in (0, 4, 19, 27, 31, 64, 127, 192, 255):
        assert not gate.admits(bytes((first,)) + HELLO[1:])


def test_media_wait_for_keys() -> None:
    """Before the handshake nothing could be decrypted; afterwards packets shorter than their heads are none."""
    gate = Gate()
    assert not gate.admits(rtp(1))
    gate.stage = Stage.secured
    assert gate.admits(rtp(1))
    assert not gate.admits(rtp(1)[:11])
    assert gate.admits(b"\x80\xc9" + bytes(6))
    assert not gate.admits(b"\x80\xc9" + bytes(5))


def test_the_number_of_streams_is_bounded_by_proof() -> None:
    """Garbage of any number of SSRCs uses up nothing; past the most that proved theirs no other is decrypted."""
    gate = Gate()
    gate.stage = Stage.secured
    noise = random.Random(1)
    assert all(gate.admits(rtp(noise.getrandbits(32))) for _ in range(1000))
    for source in range(SOURCES_MAX + 10):
        gate.prove(rtp(source))
    assert gate.sources == SOURCES_MAX
    assert gate.admits(rtp(3))
    assert not gate.admits(rtp(SOURCES_MAX + 3))
    assert gate.admits(b"\x80\xc8\0\0" + struct.pack("!I", 3) + bytes(20))
