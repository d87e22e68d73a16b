"""What one datagram of an authenticated peer may hold: records one after the other, reports by the hundred. Two
transports joined in memory."""

from __future__ import annotations

import asyncio
import struct
from typing import Any

import pytest
from aiortc.rtcdtlstransport import RTCCertificate, RTCDtlsTransport
from aiortc.rtp import RtcpPsfbPacket, RtcpRtpfbPacket
from OpenSSL import SSL

from gateway.media import dtls
from gateway.media.dtls import REPORTS_A_SECOND
from gateway.media.gate import weight
from gateway.media.hooks import GatewayDtls

SOURCE = 7


class Wire:
    """One end's ICE transport: what it sends, the other one receives."""

    def __init__(self, role: str) -> None:
        self.role = role
        self.other = self
        self.came: asyncio.Queue[bytes] = asyncio.Queue()

    async def _send(self, data: bytes) -> None:
        self.other.came.put_nowait(data)

    async def _recv(self) -> bytes:
        return await self.came.get()


class Heard:
    """Whoever takes the records, or the reports of one stream."""

    _ssrc = SOURCE

    def __init__(self) -> None:
        self.data: list[bytes] = []
        self.reports = 0
        self.news = asyncio.Event()

    async def _handle_data(self, data: bytes) -> None:
        self.data.append(data)
        self.news.set()
        if data == b"nonsense":
            raise ValueError("nonsense")

    async def _handle_rtcp_packet(self, packet: object) -> None:
        self.reports += 1


def ends() -> tuple[GatewayDtls, RTCDtlsTransport, Heard]:
    wires: Any = Wire("controlling"), Wire("controlled")
    wires[0].other, wires[1].other = wires[1], wires[0]
    ours = GatewayDtls(wires[0], [RTCCertificate.generateCertificate()])
    theirs = RTCDtlsTransport(wires[1], [RTCCertificate.generateCertificate()])
    heard = Heard()
    ours._register_data_receiver(heard)
    ours._rtp_router.register_sender(heard, SOURCE)
    return ours, theirs, heard


def records(theirs: RTCDtlsTransport, *messages: bytes) -> bytes:
    """A record for each."""
    assert theirs._ssl is not None
    found = b""
    for message in messages:
        theirs._ssl.send(message)
        found += theirs._ssl.bio_read(1500)
    return found


async def test_every_record_of_a_datagram_is_read() -> None:
    """The library reads one for each datagram that comes: the others waited for later ones, ever more of them. One
    that its receiver chokes on holds up none for good."""
    ours, theirs, heard = ends()
    await asyncio.gather(ours.start(theirs.getLocalParameters()), theirs.start(ours.getLocalParameters()))
    messages = [b"message %d" % number for number in range(30)]
    await theirs.transport._send(records(theirs, *messages))
    await theirs.transport._send(records(theirs, b"nonsense", b"after it"))
    await theirs.transport._send(records(theirs, b"last"))
    while heard.data[-1:] != [b"last"]:
        heard.news.clear()
        await heard.news.wait()
    assert heard.data == [*messages, b"nonsense", b"after it", b"last"]
    assert ours._ssl is not None
    with pytest.raises(SSL.WantReadError):
        ours._ssl.recv(1500)
    assert ours.state == "connected"
    ours._unregister_data_receiver(heard)
    assert ours._data_receiver is None
    await asyncio.gather(ours.stop(), theirs.stop())


def together(report: bytes) -> bytes:
    """As many as fit a datagram."""
    return report * (1100 // len(report))


async def test_reports_cost_no_more_than_their_share(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four hundred datagrams with fifty reports each, ten milliseconds of work in every one: what a second has room
    for is acted on, the rest is dropped before anything of it is read."""
    now = 1000.0
    monkeypatch.setattr(dtls, "time", type("Clock", (), {"monotonic": staticmethod(lambda: now)}))
    ours, _, heard = ends()
    feedback: list[bytes] = []
    ours.feedback_came = feedback.append
    compounds = [together(bytes(RtcpRtpfbPacket(fmt=1, ssrc=1, media_ssrc=SOURCE, lost=list(range(17))))),
                 together(bytes(RtcpPsfbPacket(fmt=1, ssrc=1, media_ssrc=SOURCE))),
                 together(struct.pack("!BBHIIHHIHH", 0x8F, 205, 5, 1, 0, 0, 8191, 0, 0x1FFF, 0))]
    for seconds in range(1, 4):
        for number in range(400):
            assert weight(compounds[number % 3]) > 45
            await ours._handle_rtcp_data(compounds[number % 3])
        handled = heard.reports + len(feedback)
        assert 0.8 * seconds * REPORTS_A_SECOND < handled <= seconds * REPORTS_A_SECOND
        now += 1.0
    await ours._handle_rtcp_data(compounds[1][:12])
    assert heard.reports + len(feedback) == handled + 1
