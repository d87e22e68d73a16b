"""Forged and malformed DTLS at a real call, while it is made and later: the call is made, and goes on."""

from __future__ import annotations

import asyncio
import itertools
import struct
from collections.abc import Iterator
from typing import Any

import pytest
from aiortc.rtcdtlstransport import SRTP_PROFILES, RTCCertificate, RTCDtlsTransport
from OpenSSL import SSL

from gateway.media.engine import PeerState
from gateway.media.gate import hello_random
from gateway.media.hooks import GatewayDtls
from sim.camera import SceneCamera
from tests.integration.abuse_rig import Stranger, calling, on_uvloop, stranger
from tests.integration.test_media_engine import Events, Page, Tone, running

MANY = 500


def hello() -> bytes:
    """A client's first datagram, OpenSSL's own."""
    client = SSL.Connection(RTCCertificate.generateCertificate()._create_ssl_context(srtp_profiles=SRTP_PROFILES))
    client.set_connect_state()
    with pytest.raises(SSL.WantReadError):
        client.do_handshake()
    first: bytes = client.bio_read(4096)
    assert hello_random(first) is not None
    return first


def forged() -> Iterator[bytes]:
    """Whole, cut, of another version, with another content, and what ends a handshake."""
    genuine = hello()
    yield genuine
    yield from (genuine[:end] for end in range(1, len(genuine), 7))
    for at in range(0, len(genuine), 11):
        yield genuine[:at] + bytes((genuine[at] ^ 0xFF,)) + genuine[at + 1:]
    for content, body in itertools.product((20, 21, 22, 23, 24), (b"\x01", b"\x02\x28", b"\x01\x00", bytes(40))):
        for epoch in (0, 1, 2):
            yield struct.pack("!BHHHIH", content, 0xFEFD, epoch, 0, 5, len(body)) + body


@on_uvloop
async def test_forged_dtls_in_a_call_is_dropped() -> None:
    """Hellos, alerts and cut records, from a stranger and from the peer's address, many of each: the call goes on."""
    async with calling() as call:
        with stranger(call.where) as other:
            await other.say(forged())
            await call.say(*forged())
            await other.say(itertools.repeat(hello(), MANY))
            await call.say(*[hello()] * MANY)
            await call.goes_on()
        assert call.ours.gate.refused > MANY / 2
        assert call.ours.state == "connected"


async def test_hellos_forged_into_the_handshake_keep_no_call_from_being_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before the peer's own and right after it, from its address and from elsewhere: the peer's is the one taken."""
    released = asyncio.Event()
    start, send = RTCDtlsTransport.start, RTCDtlsTransport._write_ssl
    injected = 0

    async def later(self: RTCDtlsTransport, parameters: Any) -> None:
        if not isinstance(self, GatewayDtls):
            await released.wait()
            while not self.transport._connection._queue.empty():
                # As browsers: before its own hello there is no handshake an answer could belong to.
                self.transport._connection._queue.get_nowait()
        await start(self, parameters)

    async def followed(self: RTCDtlsTransport) -> None:
        nonlocal injected
        await send(self)
        if not isinstance(self, GatewayDtls) and injected < 3:
            injected += 1
            pair = self.transport._connection._nominated[1]
            await pair.protocol.send_data(hello(), pair.remote_addr)

    monkeypatch.setattr(RTCDtlsTransport, "start", later)
    monkeypatch.setattr(RTCDtlsTransport, "_write_ssl", followed)
    async with running(SceneCamera(width=640, height=360)) as room:
        events, page = Events(), Page()
        peer = await room.engine.doctor_peer([], events)
        await peer.answer(await page.answer(await peer.offer(), Tone(440)))
        ice, dtls = peer._connection.ice, peer._connection.dtls
        assert ice is not None
        assert dtls is not None
        async with asyncio.timeout(40):
            while dtls.state != "connecting" or not ice._nominated:  # noqa: ASYNC110 - the library tells nobody
                await asyncio.sleep(0.01)
        theirs = page.connection.getTransceivers()[0].sender.transport.transport._connection
        pair = theirs._nominated[1]
        other = Stranger(pair.remote_addr)
        await other.say(forged())
        other.close()
        for datagram in (*list(forged())[::5], hello(), hello()):
            await pair.protocol.send_data(datagram, pair.remote_addr)
        async with asyncio.timeout(40):
            while dtls._begun < 3:  # noqa: ASYNC110 - each forged hello is answered
                await asyncio.sleep(0.01)
        released.set()
        await events.until(lambda: PeerState.connected in events.states)
        assert injected
        await page.connection.close()
        await peer.close()
