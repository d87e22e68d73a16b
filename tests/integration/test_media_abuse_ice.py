"""STUN that is malformed, unsigned, wrongly signed or endless, at the port of a real call: the call goes on."""

from __future__ import annotations

import asyncio
import itertools
import random
import struct
import time
from collections.abc import Iterator

from aioice import stun

from gateway.media.strangers import CHECKS_ONE, NAMELESS
from tests.integration.abuse_rig import calling, on_uvloop, stranger

COOKIE = 0x2112A442
FLOOD = 10_000


def check(username: str, key: bytes, **attributes: object) -> bytes:
    message = stun.Message(message_method=stun.Method.BINDING, message_class=stun.Class.REQUEST)
    message.attributes["USERNAME"] = username
    message.attributes["PRIORITY"] = 1
    message.attributes.update(attributes)
    message.add_message_integrity(key)
    return bytes(message)


def broken() -> Iterator[bytes]:
    """Every kind of message with every attribute cut, doubled, or said to be longer than it is; then whole ones at
    each length, and huge ones."""
    noise = random.Random(7)
    for kind, attribute in itertools.product((0x0001, 0x0101, 0x0111, 0x0011, 0x0003, 0x0103, 0x0017, 0x3FFF),
                                             (*stun.ATTRIBUTES_BY_TYPE, 0x7FFF)):
        for size, said in ((0, 0), (1, 1), (3, 3), (4, 4), (4, 400), (9, 9), (20, 20), (40, 65_535)):
            body = struct.pack("!HH", attribute, said) + noise.randbytes(size + -size % 4)
            yield struct.pack("!HHI", kind, len(body), COOKIE) + noise.randbytes(12) + body * 1
            yield struct.pack("!HHI", kind, 2 * len(body), COOKIE) + noise.randbytes(12) + body * 2
    whole = check("a:b", b"key")
    yield from (whole[:end] for end in range(len(whole)))
    for octets in (2000, 9000, 60_000):
        body = struct.pack("!HHI", 0x0024, 4, 1) * (octets // 8)
        yield struct.pack("!HHI", 1, len(body), COOKIE) + noise.randbytes(12) + body


@on_uvloop
async def test_malformed_stun_ends_nothing() -> None:
    """From a stranger and from the peer's own address: no exception reaches the loop, the call goes on."""
    async with calling() as call:
        faults: list[object] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: faults.append(context))
        with stranger(call.where) as other:
            await other.say(broken())
            await call.goes_on()
            await call.say(*broken())
            await call.goes_on()
        assert not faults
        assert call.ice.door.known == 1


@on_uvloop
async def test_wrongly_signed_checks_move_nothing() -> None:
    """With our name and without, from elsewhere and from the peer's address: refused, and nothing is learned."""
    async with calling() as call:
        before = call.ice._nominated[1]
        name = f"{call.ice.local_username}:{call.ice.remote_username}"
        forged = check(name, b"not the password", **{"USE-CANDIDATE": None, "ICE-CONTROLLED": 1})
        with stranger(call.where) as other:
            await other.say([forged] * 10)
            await call.say(*[forged] * 10)
            await call.goes_on()
            assert {stun.parse_message(answer).error_code for answer in other.heard()} == {401}
        assert call.ice._nominated[1] is before
        assert call.ice.door.known == 1


@on_uvloop
async def test_a_flood_of_stun_is_answered_no_more_than_so_often() -> None:
    """Thousands of unsigned and wrongly signed checks: nearly all are dropped unread, few are answered, and the
    doctor's call goes on beside it."""
    async with calling() as call:
        name = f"{call.ice.local_username}:{call.ice.remote_username}"
        nameless = bytes(stun.Message(message_method=stun.Method.BINDING, message_class=stun.Class.REQUEST))
        named = check(name, b"wrong")
        with stranger(call.where) as other, stranger(call.where) as another:
            began = time.monotonic()
            flood = asyncio.gather(other.say(itertools.repeat(nameless, FLOOD)),
                                   another.say(itertools.repeat(named, FLOOD)))
            await call.goes_on()
            await flood
            await call.goes_on()
            answered = len(other.heard()), len(another.heard())
            seconds = time.monotonic() - began
        assert call.ice.door.refused > 200
        assert answered[0] <= NAMELESS * (seconds + 1)
        assert answered[1] <= CHECKS_ONE * (seconds + 1)


@on_uvloop
async def test_the_peers_addresses_are_bounded() -> None:
    """A peer that claims, and proves, a thousand addresses: the oldest that answers no more is forgotten."""
    async with calling() as call:
        name = f"{call.ice.local_username}:{call.ice.remote_username}"
        signed = check(name, call.ice.local_password.encode(), **{"ICE-CONTROLLED": 1})
        (protocol,) = {pair.protocol for pair in call.ice._nominated.values()}
        for port in range(20_000, 21_000):
            protocol.datagram_received(signed, ("127.0.0.9", port))
        assert len(call.ice._remote_candidates) <= 64
        assert len(call.ice._check_list) <= 200
        assert call.ice.door.known <= 64
        await call.goes_on()
