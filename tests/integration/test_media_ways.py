"""Two real ICE sessions on several loopback addresses: hand-over, new addresses, and what strangers send."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import socket
import struct
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
import uvloop
from aioice import Candidate, stun

from gateway.media import ice
from gateway.media.gather import Socket
from gateway.media.interfaces import Address
from gateway.media.strangers import KNOWN_MAX

STALL_SECONDS = 0.05
"""A turn of the loop that takes longer was spent waiting for the machine."""

WAYS = [Address("lo", "127.0.0.1", 0), Address("lo2", "127.0.0.2", 1)]


@dataclass
class Pair:
    """A vehicle on two uplinks and a doctor on one."""

    ours: ice.GatewayIce
    theirs: ice.GatewayIce
    present: list[Address]
    dead: set[str] = field(default_factory=set)
    trickled: list[Candidate] = field(default_factory=list)

    def kill(self, uplink: str) -> None:
        """Nothing passes over this uplink any more, either way."""
        self.dead.add(uplink)

    async def until(self, holds: Callable[[], bool], seconds: float = 40.0) -> float:
        """Seconds that it took, without those in which this machine had no processor for us."""
        took = 0.0
        async with asyncio.timeout(seconds):
            while not holds():
                before = time.monotonic()
                # The session tells nobody.
                await asyncio.sleep(0.01)
                took += min(time.monotonic() - before, STALL_SECONDS)
        return took

    @property
    def used(self) -> str:
        track = self.ours._used()
        assert track is not None
        return track.path.uplink


@pytest.fixture
async def pair(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Pair]:
    present = list(WAYS)
    ours = ice.GatewayIce(lambda: list(present), ice_controlling=True, lasting=True)
    theirs = ice.GatewayIce(lambda: [Address("lo", "127.0.0.3")], ice_controlling=False)
    made = Pair(ours, theirs, present)
    ours.trickle = made.trickled.append
    receive, send = Socket.datagram_received, Socket.send_stun

    def received(self: Socket, data: bytes, addr: Any) -> None:
        if not (self.receiver is ours and self.address.uplink in made.dead):
            receive(self, data, addr)

    def sent(self: Socket, message: stun.Message, addr: Any) -> None:
        if not (self.receiver is ours and self.address.uplink in made.dead):
            send(self, message, addr)

    monkeypatch.setattr(Socket, "datagram_received", received)
    monkeypatch.setattr(Socket, "send_stun", sent)
    await asyncio.gather(ours.gather_candidates(), theirs.gather_candidates())
    for one, other in ((ours, theirs), (theirs, ours)):
        one.remote_username, one.remote_password = other.local_username, other.local_password
        for candidate in other.local_candidates:
            await one.add_remote_candidate(candidate)
    await asyncio.gather(ours.connect(), theirs.connect())
    await made.until(lambda: {path.uplink for path in ours.paths() if path.alive} == {"lo", "lo2"})
    yield made
    await ours.close()
    await theirs.close()


async def test_the_call_moves_within_a_second_and_the_peer_is_told(pair: Pair) -> None:
    """The used uplink dies: the other one carries data and the nomination, long before the watchdog."""
    await pair.until(lambda: pair.used == "lo")
    pair.kill("lo")
    assert await pair.until(lambda: pair.used == "lo2") < 3.0
    await pair.until(lambda: pair.ours._followed)
    await pair.ours.send(b"\x80moved")
    async with asyncio.timeout(40):
        assert await pair.theirs.recv() == b"\x80moved"


async def test_a_standby_outranks_the_way_in_use(pair: Pair) -> None:
    """A browser stops checking pairs below the used one: after a move the old uplink gets a socket above it."""
    await pair.until(lambda: pair.used == "lo")
    used = pair.ours._used()
    assert used is not None
    standby = [p for p in pair.ours._protocols if p.local_candidate.host == "127.0.0.2"]
    assert max(p.local_candidate.priority for p in standby) > used.pair.local_candidate.priority
    pair.kill("lo")
    await pair.until(lambda: pair.used == "lo2")
    used = pair.ours._used()
    assert used is not None
    await pair.until(lambda: any(
        p.local_candidate.priority > used.pair.local_candidate.priority for p in pair.ours._protocols
        if p.local_candidate.host == "127.0.0.1"))
    assert pair.trickled


async def test_a_new_address_is_gathered_on_said_and_used(pair: Pair) -> None:
    """DHCP changes the only address: a socket on the new one, its candidate trickled, the call goes on over it."""
    pair.present[:] = [Address("lo", "127.0.0.9", 0)]
    took = await pair.until(lambda: pair.ours._nominated[1].local_addr[0] == "127.0.0.9")
    assert took < 6
    assert "127.0.0.9" in {candidate.host for candidate in pair.trickled}
    await pair.ours.send(b"\x80new")
    async with asyncio.timeout(40):
        assert await pair.theirs.recv() == b"\x80new"


async def test_an_uplink_that_goes_is_no_change_of_the_other_one(pair: Pair) -> None:
    """The list of addresses gets shorter: what is left moves up in it, and its sockets go on."""
    await pair.until(lambda: pair.used == "lo")
    other = {protocol for protocol in pair.ours._protocols if protocol.local_candidate.host == "127.0.0.2"}
    pair.present[:] = [Address("lo2", "127.0.0.2", 0)]
    await pair.until(lambda: pair.used == "lo2")
    assert pair.ours._nominated[1].protocol in other
    pair.present[:] = WAYS
    await pair.until(lambda: {way.uplink for way in pair.ours.paths() if way.alive} == {"lo", "lo2"})
    assert all(track.path.rank == (track.address.uplink == "lo2", 0) for track in pair.ours._tracks.values()
               if not track.path.gone)


async def test_a_lost_consent_is_asked_for_from_a_new_socket(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """RFC 7675, 5.1: no data without consent, none ever again between the same ports; the session itself goes on."""
    monkeypatch.setattr(ice, "LAPSED_LOOK_SECONDS", 0.01)
    await pair.until(lambda: pair.used == "lo")
    before = {protocol.local_candidate.port for protocol in pair.ours._protocols}
    pair.kill("lo")
    pair.kill("lo2")
    # As after 30 s without an answer.
    pair.ours.lapse(time.monotonic())
    await pair.ours.send(b"\x80unheard")
    await pair.until(lambda: bool({c.port for c in pair.trickled} - before))
    assert pair.ours.lapsed
    pair.dead.clear()
    await pair.until(lambda: not pair.ours.lapsed)
    assert pair.ours._nominated[1].local_candidate.port not in before
    await pair.ours.send(b"\x80again")
    async with asyncio.timeout(40):
        assert await pair.theirs.recv() == b"\x80again"


def _garbage() -> list[bytes]:
    """What strangers send: noise, cut and lying STUN, DTLS, RTP, relays' messages."""
    noise = random.Random(4)
    made = [b"", b"\x00", b"\x01\x01", noise.randbytes(1200)]
    for kind in (0x0001, 0x0101, 0x0111, 0x0011, 0x0017, 0x0003):
        for attribute, size in ((0x0006, 3), (0x0008, 1), (0x0009, 2), (0x0020, 1), (0x0024, 1), (0x802A, 3),
                                (0x0012, 2), (0x8028, 9), (0x0013, 0)):
            body = struct.pack("!HH", attribute, size) + noise.randbytes(size + -size % 4)
            made.append(struct.pack("!HHI", kind, len(body), 0x2112A442) + noise.randbytes(12) + body)
    hello = b"\x16\xfe\xff" + bytes(8) + struct.pack("!H", 300) + b"\x01" + noise.randbytes(299)
    made += [hello, b"\x80\x60" + noise.randbytes(500), b"\x80\xc9\x00\x07" + noise.randbytes(4)]
    made.append(b"\x40\x00\x00\x04aaaa")
    return made


async def test_strangers_change_nothing(pair: Pair) -> None:
    """Garbage, ClientHellos and forged RTP from elsewhere never reach DTLS, are not heard, and end nothing."""
    await pair.until(lambda: pair.used == "lo")
    address = pair.ours._nominated[1].local_addr
    faults: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: faults.append(context))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.bind(("127.0.0.1", 0))
        for _ in range(5):
            for datagram in _garbage():
                stranger.sendto(datagram, address)
    await pair.theirs.send(b"\x80true")
    async with asyncio.timeout(40):
        assert await pair.ours.recv() == b"\x80true"
    assert pair.ours._queue.empty()
    assert not faults
    assert pair.used == "lo"
    assert pair.ours.door.known <= KNOWN_MAX


def test_uvloop_survives_strangers_too() -> None:
    """The gateway's own loop closes a socket whose protocol raises: ours never does."""
    async def scenario() -> bool:
        session = ice.GatewayIce(lambda: [WAYS[0]], ice_controlling=True)
        await session.gather_candidates()
        (protocol,) = session._protocols
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            for datagram in _garbage():
                with contextlib.suppress(OSError):
                    stranger.sendto(datagram, (protocol.local_candidate.host, protocol.local_candidate.port))
            request = stun.Message(message_method=stun.Method.BINDING, message_class=stun.Class.REQUEST)
            stranger.settimeout(5)
            stranger.sendto(bytes(request), (protocol.local_candidate.host, protocol.local_candidate.port))
            answer = await asyncio.get_running_loop().run_in_executor(None, _refusal, stranger)
        alive = not protocol.transport.is_closing()
        await session.close()
        return alive and answer

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(scenario())


def _refusal(stranger: socket.socket) -> bool:
    """The unsigned request is refused in the end: the socket still works."""
    while True:
        message = stun.parse_message(stranger.recv(2048))
        if message.error_code == 400:
            return True


def test_sessions_on_this_machine_use_no_descriptor_twice() -> None:
    """Closing gives back every socket (the loop of a year of calls must not run out of them)."""
    async def scenario() -> None:
        session = ice.GatewayIce(lambda: list(WAYS), ice_controlling=True)
        await session.gather_candidates()
        await session.close()

    before = len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        asyncio.run(scenario())
    assert len(os.listdir("/proc/self/fd")) <= before
