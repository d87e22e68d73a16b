"""Relays that lie, and a name service that never answers: an offer waits for none of them, and nothing is asked in a
hurry."""

from __future__ import annotations

import asyncio
import contextlib
import struct
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from aioice import stun
from aioice.turn import make_integrity_key
from aiortc import RTCIceServer

from gateway.media import gather, servers
from gateway.media.ice import GatewayIce
from gateway.media.interfaces import Address

LOOPBACK = Address("lo", "127.0.0.1")
USER, WORD, REALM = "bus", "of-the-test", "liars"
KEY = make_integrity_key(USER, REALM, WORD)


class Liar(asyncio.DatagramProtocol):
    """A TURN server that answers each request by `answer(request, count)`: what, or None for nothing."""

    def __init__(self, answer: Callable[[stun.Message, int], stun.Message | bytes | None]) -> None:
        self.asked: list[str] = []
        self._answer = answer

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: Any = transport

    def datagram_received(self, data: bytes, addr: tuple[Any, ...]) -> None:
        with contextlib.suppress(ValueError):
            request = stun.parse_message(data)
            self.asked.append(request.message_method.name)
            answer = self._answer(request, len(self.asked))
            if answer is not None:
                self.transport.sendto(bytes(answer), addr)


def refusal(request: stun.Message, code: int, reason: str = "no", **attributes: Any) -> stun.Message:
    message = stun.Message(message_method=request.message_method, message_class=stun.Class.ERROR,
                           transaction_id=request.transaction_id)
    message.attributes["ERROR-CODE"] = (code, reason)
    message.attributes.update(attributes)
    return message


def wants(request: stun.Message, nonce: bytes = b"nonce") -> stun.Message:
    return refusal(request, 401, NONCE=nonce, REALM=REALM)


def granted(request: stun.Message, lifetime: int) -> stun.Message:
    message = stun.Message(message_method=request.message_method, message_class=stun.Class.RESPONSE,
                           transaction_id=request.transaction_id)
    message.attributes["LIFETIME"] = lifetime
    if request.message_method == stun.Method.ALLOCATE:
        message.attributes["XOR-RELAYED-ADDRESS"] = ("127.0.0.1", 4000)
        message.attributes["XOR-MAPPED-ADDRESS"] = ("127.0.0.1", 4001)
    message.add_message_integrity(KEY)
    return message


@contextlib.asynccontextmanager
async def lying(answer: Callable[[stun.Message, int], stun.Message | bytes | None]
                ) -> AsyncIterator[tuple[Liar, GatewayIce]]:
    """The liar, and a session that is to use it."""
    transport, liar = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: Liar(answer), local_addr=("127.0.0.1", 0))
    port = transport.get_extra_info("sockname")[1]
    listed = servers.read([RTCIceServer(urls=[f"turn:127.0.0.1:{port}?transport=udp"], username=USER,
                                        credential=WORD)])
    session = GatewayIce(lambda: [LOOPBACK], servers=listed, ice_controlling=True)
    try:
        yield liar, session
    finally:
        await session.close()
        transport.close()


def always_401(request: stun.Message, count: int) -> stun.Message:
    return wants(request, f"nonce {count}".encode())


def always_stale(request: stun.Message, count: int) -> stun.Message:
    return wants(request) if count == 1 else refusal(request, 438, NONCE=b"another", REALM=REALM)


def elsewhere(request: stun.Message, count: int) -> stun.Message:
    return refusal(request, 300, "try 192.0.2.1")


def nothing_in_it(request: stun.Message, count: int) -> stun.Message:
    message = stun.Message(message_method=request.message_method, message_class=stun.Class.RESPONSE,
                           transaction_id=request.transaction_id)
    message.add_message_integrity(KEY)
    return message if count > 1 else wants(request)


def cut(request: stun.Message, count: int) -> bytes:
    return bytes(wants(request))[:count % 40]


@pytest.mark.parametrize("answer", [always_401, always_stale, elsewhere, nothing_in_it, cut])
async def test_a_relay_that_refuses_for_ever_is_asked_a_few_times(
        answer: Callable[[stun.Message, int], stun.Message | bytes | None], monkeypatch: pytest.MonkeyPatch) -> None:
    """Another nonce each time, another server, answers with nothing in them: no relay, an offer without, no storm."""
    monkeypatch.setattr(gather, "TURN_SECONDS", 0.5)
    async with lying(answer) as (liar, session):
        await session.gather_candidates()
        assert [one.type for one in session.local_candidates] == ["host"]
        async with asyncio.timeout(20):
            while any(not job.done() for job in session._jobs):
                await asyncio.wait(tuple(session._jobs))
        assert len(liar.asked) <= 8


@pytest.mark.parametrize("lifetime", [0, 1, 2**32 - 1])
async def test_a_lifetime_that_lies_is_refreshed_at_our_pace(lifetime: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing at all, which was asked again without a pause, and a hundred years, which was never asked again."""
    pauses: list[float] = []

    async def noted(self: gather.RelayOverUdp, seconds: float) -> None:
        pauses.append(seconds)
        await asyncio.Event().wait()

    monkeypatch.setattr(gather.RelayOverUdp, "refresh", noted)
    async with lying(lambda request, count: wants(request) if count == 1 else granted(request, lifetime)) as made:
        session = made[1]
        await session.gather_candidates()
        async with asyncio.timeout(20):
            while not pauses:  # noqa: ASYNC110 - a session without a listener tells nobody
                await asyncio.sleep(0.01)
    assert gather.LIFETIME_LEAST_SECONDS <= pauses[0] <= gather.REFRESH_SECONDS


async def test_a_name_service_that_hangs_holds_up_no_offer_and_no_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Servers by name, and nobody answers what they are: the offer has our own addresses, closing waits for nobody."""
    asked = 0

    async def never(*_: Any, **__: Any) -> Any:
        nonlocal asked
        asked += 1
        await asyncio.Event().wait()

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", never)
    listed = servers.read([RTCIceServer(urls=["stun:stun.example:3478", "turn:turn.example:3478?transport=udp",
                                              "turns:turn.example:5349?transport=tcp"], username=USER,
                                        credential=WORD)])
    session = GatewayIce(lambda: [LOOPBACK], servers=listed, ice_controlling=True)
    async with asyncio.timeout(20):
        await session.gather_candidates()
        assert [one.type for one in session.local_candidates] == ["host"]
        await session.close()
    assert 1 <= asked <= 3


class Stream(gather.RelayOverStream):
    """Keeps the messages it found."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 3478), USER, WORD, 120, 500)
        self.found: list[bytes] = []

    def datagram_received(self, data: bytes | str, addr: tuple[str, int]) -> None:
        assert isinstance(data, bytes)
        self.found.append(data)


def test_messages_of_a_stream_are_found_wherever_it_is_cut() -> None:
    """Channel data padded to four octets, empty ones, STUN: whole, octet by octet, tens of thousands in one read."""
    messages = [struct.pack("!HH", 0x4001, 5) + b"hello" + bytes(3), struct.pack("!HH", 0x4001, 0),
                bytes(stun.Message(message_method=stun.Method.BINDING, message_class=stun.Class.INDICATION))]
    stream = Stream()
    stream.data_received(b"".join(messages))
    assert stream.found == messages
    stream = Stream()
    for octet in b"".join(messages):
        stream.data_received(bytes([octet]))
    assert stream.found == messages
    stream = Stream()
    began = time.process_time()
    stream.data_received(messages[1] * 60_000)
    assert len(stream.found) == 60_000
    assert time.process_time() - began < 2.0
    stream.data_received(b"\xff" * 100_000)
    assert len(stream._rest) < 70_000
