"""Each private hook of aiortc 1.16, aioice 0.13 and PyAV that we lean on still is where it was.

When one of these fails after an upgrade, read docs/adr/media-hooks.md before touching the code.
"""

from __future__ import annotations

import asyncio
import inspect
import socket
from collections.abc import AsyncIterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import aioice.ice
import av
import numpy as np
import pytest
from aioice import stun
from aioice.ice import StunProtocol
from aiortc import RTCBundlePolicy, RTCConfiguration, RTCIceServer, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import AudioStreamTrack, VideoStreamTrack
from aiortc.rtcrtpparameters import RTCRtpHeaderExtensionParameters, RTCRtpParameters
from aiortc.rtcsctptransport import InboundStream, RTCSctpTransport
from aiortc.rtp import (
    HeaderExtensionsMap,
    RtcpPsfbPacket,
    RtcpReceiverInfo,
    RtcpRrPacket,
    RtcpRtpfbPacket,
    RtcpSdesPacket,
    RtcpSenderInfo,
    RtcpSourceInfo,
    RtcpSrPacket,
    RtpPacket,
    is_rtcp,
    pack_remb_fci,
)

from gateway.media import gathering, ice, sctp, sending
from gateway.media.codecs import X264
from gateway.media.congestion.budget import VoiceForm
from gateway.media.congestion.feedback import URI
from gateway.media.congestion.road import WIRE_OCTETS
from gateway.media.forward import VoiceOutlet
from gateway.media.hooks import GatewayConnection
from gateway.media.interfaces import Address
from gateway.media.peers import H264, OPUS, VP8
from gateway.media.questions import CONSENT_EXPIRES_SECONDS, Questions
from gateway.media.rate import Rung
from gateway.media.receiving import PacketReceiver
from gateway.media.sdp import finish_offer
from gateway.media.sending import PacketSender
from gateway.media.splice import Packet
from protocol.binding import sdp_fingerprints

WAIT = 40.0
"""Seconds for what takes a fraction of one: a busy machine is no failure, and nothing here is about time."""


class Said:
    """Records what senders and receivers say."""

    def __init__(self) -> None:
        self.is_ready = asyncio.Event()
        self.keyframes = 0
        self.given_up = 0
        self.rembs: list[int] = []
        self.losses: list[tuple[int, int]] = []
        self.packets: asyncio.Queue[Packet] = asyncio.Queue()
        self.syncs: list[tuple[int, int, int]] = []
        self.synced = asyncio.Event()

    async def ready(self) -> None:
        self.is_ready.set()

    async def keyframe_wanted(self) -> None:
        self.keyframes += 1

    def unrepaired(self) -> None:
        self.given_up += 1

    def remb(self, bits_per_second: int) -> None:
        self.rembs.append(bits_per_second)

    def report(self, highest_number: int, lost: int) -> None:
        self.losses.append((highest_number, lost))

    async def packet(self, packet: Packet) -> None:
        self.packets.put_nowait(packet)

    def sync(self, ssrc: int, ntp: int, timestamp: int) -> None:
        self.syncs.append((ssrc, ntp, timestamp))
        self.synced.set()


class Ends:
    """Our connection and the library's own, joined over loopback."""

    def __init__(self) -> None:
        self.said = Said()
        self.ours = GatewayConnection([], lambda: [Address("lo", "127.0.0.1")])
        self.voice = self.ours.add("audio", "sendrecv", OPUS, stream="a", sending=self.said, forwarded=True,
                                   receiving=self.said)
        self.room = self.ours.add("video", "sendonly", H264, stream="a", sending=self.said)
        self.doctor = self.ours.add("video", "recvonly", VP8, receiving=self.said)
        self.channel = self.ours.createDataChannel("control")
        self.theirs = RTCPeerConnection(RTCConfiguration(iceServers=[], bundlePolicy=RTCBundlePolicy.MAX_BUNDLE))

    async def join(self, *, video: bool = False) -> None:
        await self.ours.setLocalDescription(await self.ours.createOffer())
        await self.theirs.setRemoteDescription(RTCSessionDescription(self.ours.localDescription.sdp, "offer"))
        lines = self.theirs.getTransceivers()
        lines[0].sender.replaceTrack(AudioStreamTrack())
        lines[0].direction = "sendrecv"
        if video:
            lines[2].sender.replaceTrack(VideoStreamTrack())
            lines[2].direction = "sendonly"
        await self.theirs.setLocalDescription(await self.theirs.createAnswer())
        await self.ours.setRemoteDescription(RTCSessionDescription(self.theirs.localDescription.sdp, "answer"))
        async with asyncio.timeout(WAIT):
            await self.said.is_ready.wait()

    async def close(self) -> None:
        await self.ours.close()
        await self.theirs.close()


@pytest.fixture
async def ends(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Ends]:
    # The library's own end does not use loopback by itself.
    monkeypatch.setattr(aioice.ice, "get_host_addresses", lambda use_ipv4, use_ipv6: ["127.0.0.1"])
    ends = Ends()
    yield ends
    await ends.close()


def sender_of(line: Any) -> PacketSender:
    assert isinstance(line.sender, PacketSender)
    return line.sender


async def test_the_offer_is_what_the_architecture_says(ends: Ends) -> None:
    """One transport, one SHA-256 fingerprint, m-lines in order, one codec each, only the chosen addresses."""
    await ends.ours.setLocalDescription(await ends.ours.createOffer())
    sdp = finish_offer(ends.ours.localDescription.sdp)
    lines = sdp.splitlines()
    assert [line.split(" ")[0] for line in lines if line.startswith("m=")] == [
        "m=audio", "m=video", "m=video", "m=application"]
    assert sdp_fingerprints(sdp) == {ends.ours.fingerprint}
    assert [line for line in lines if line in ("a=sendrecv", "a=sendonly", "a=recvonly")] == [
        "a=sendrecv", "a=sendonly", "a=recvonly"]
    codecs = [line.split(" ")[1] for line in lines if line.startswith("a=rtpmap:")]
    assert codecs == ["opus/48000/2", "H264/90000", "rtx/90000", "VP8/90000", "rtx/90000"]
    assert any("profile-level-id=42e01f" in line and "packetization-mode=1" in line for line in lines)
    hosts = {line.split(" ")[4] for line in lines if line.startswith("a=candidate:")}
    assert hosts == {"127.0.0.1"}
    ports = {line.split(" ")[5] for line in lines if line.startswith("a=candidate:")}
    assert len(ports) == 1


async def test_a_dead_stun_server_costs_the_deadline_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Gathering ends at GATHER_SECONDS: the question to the server is still open when the offer is there."""
    monkeypatch.setattr(gathering, "GATHER_SECONDS", 0.2)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as deaf:
        deaf.bind(("127.0.0.1", 0))
        server = RTCIceServer(urls=[f"stun:127.0.0.1:{deaf.getsockname()[1]}"])
        connection = GatewayConnection([server], lambda: [Address("lo", "127.0.0.1")])
        connection.createDataChannel("x")
        async with asyncio.timeout(WAIT):
            await connection.setLocalDescription(await connection.createOffer())
        assert connection.ice is not None
        waiting = [job for job in connection.ice._jobs if not job.done()]
        await connection.close()
    assert waiting
    assert "typ host" in connection.localDescription.sdp


async def test_packets_come_in_undecoded_and_without_a_thread(ends: Ends) -> None:
    """Opus and VP8 packets reach us with marker and timestamps; no decoder thread was started, none is joined."""
    await ends.join(video=True)
    seen: set[int] = set()
    marker = False
    async with asyncio.timeout(WAIT):
        while len(seen) < 2 or not marker:
            packet = await ends.said.packets.get()
            seen.add(packet.ssrc)
            marker = marker or packet.marker
    for line in (ends.voice, ends.doctor):
        assert isinstance(line.receiver, PacketReceiver)
        assert line.receiver._RTCRtpReceiver__decoder_thread is None  # type: ignore[attr-defined]
        assert line.receiver._RTCRtpReceiver__started
    assert ends.doctor.receiver.source in seen  # type: ignore[attr-defined]
    async with asyncio.timeout(WAIT):
        await ends.said.synced.wait()
    assert ends.said.syncs[0][0] in seen


async def test_a_keyframe_request_reaches_the_sender(ends: Ends) -> None:
    """request_keyframe makes the other end's encoder hear a PLI."""
    await ends.join(video=True)
    receiver = ends.doctor.receiver
    assert isinstance(receiver, PacketReceiver)
    heard = asyncio.Event()
    ends.theirs.getTransceivers()[2].sender._send_keyframe = heard.set  # type: ignore[method-assign]
    async with asyncio.timeout(WAIT):
        while not await receiver.request_keyframe():
            await ends.said.packets.get()
        await heard.wait()


async def test_packets_go_out_as_they_are_written(ends: Ends) -> None:
    """Payload, timestamp and marker arrive; the other end's statistics see our SSRC."""
    await ends.join()
    arrived: asyncio.Queue[RtpPacket] = asyncio.Queue()
    receiver = ends.theirs.getTransceivers()[1].receiver

    async def catch(packet: RtpPacket, arrival_time_ms: int) -> None:
        arrived.put_nowait(packet)

    receiver._handle_rtp_packet = catch  # type: ignore[method-assign]
    sender = sender_of(ends.room)
    await sender.write(b"\x65abc", 777, True)
    async with asyncio.timeout(WAIT):
        packet = await arrived.get()
    assert (packet.payload, packet.timestamp, packet.marker, packet.ssrc) == (b"\x65abc", 777, 1, sender._ssrc)
    assert packet.extensions.abs_send_time is not None
    assert packet.extensions.mid == "1"


class Lossy:
    """A path that loses packets: the voice is to be said more than once."""

    voice = VoiceForm.red

    def may_speak(self, now: float) -> bool:
        return True


async def test_a_voice_is_said_twice_to_who_takes_no_redundancy(ends: Ends) -> None:
    """Firefox has no RED: a packet that was lost arrives with the second after it, one that was not is seen once.
    With RED nothing is repeated beside it."""
    await ends.join()
    arrived: asyncio.Queue[int] = asyncio.Queue()

    async def catch(packet: RtpPacket, arrival_time_ms: int) -> None:
        arrived.put_nowait(packet.timestamp)

    ends.theirs.getTransceivers()[0].receiver._handle_rtp_packet = catch  # type: ignore[method-assign]
    voice = VoiceOutlet(cast(Any, None), cast(Any, Lossy()))
    voice.bind(sender_of(ends.voice))
    dtls = ends.ours.dtls
    assert dtls is not None
    really = dtls._send_rtp
    sent: list[bytes] = []

    async def lose_the_third(data: bytes) -> None:
        sent.append(data)
        if len(sent) != 3:
            await really(data)

    dtls._send_rtp = lose_the_third  # type: ignore[method-assign]
    for n in range(6):
        await voice.forward("kiosk", Packet(7, n, 960 * n, n == 0, b"\x48voice%d" % n), n / 50)
    async with asyncio.timeout(WAIT):
        seen = [await arrived.get() for _ in range(6)]
    assert len(sent) == 6 + 4
    assert [(timestamp - seen[0]) // 960 for timestamp in seen] == [0, 1, 3, 4, 2, 5]
    voice.packing.red, voice.packing.opus_type = True, 96
    await voice.forward("kiosk", Packet(7, 6, 960 * 6, False, b"\x48voice6"), 6 / 50)
    assert len(sent) == 6 + 4 + 1


async def test_lost_packets_are_sent_again_from_a_long_history(ends: Ends) -> None:
    """A packet 1000 back is resent as RTX; twice at once only once; one older than the history never."""
    await ends.join()
    sender = sender_of(ends.room)
    first = sender._number
    for i in range(1000):
        await sender.write(b"\x41%d" % i, i, True)
    sent: list[RtpPacket] = []

    async def catch(data: bytes) -> None:
        if not is_rtcp(data):
            sent.append(RtpPacket.parse(data))

    sender.transport._send_rtp = catch  # type: ignore[method-assign]
    sender._credit = float(sending.RETRANSMIT_CREDIT)
    nack = RtcpRtpfbPacket(fmt=1, ssrc=1, media_ssrc=sender._ssrc, lost=[first, first])
    await sender._handle_rtcp_packet(nack)
    assert [packet.ssrc for packet in sent] == [sender._rtx_ssrc]
    assert sent[0].payload == first.to_bytes(2, "big") + b"\x410"
    for i in range(sending.HISTORY):
        await sender.write(b"x", i, True)
    sent.clear()
    await sender._handle_rtcp_packet(RtcpRtpfbPacket(fmt=1, ssrc=1, media_ssrc=sender._ssrc, lost=[first]))
    assert sent == []


async def test_retransmissions_do_not_keep_a_full_link_full(ends: Ends) -> None:
    """Asked for everything again and again, we resend a keyframe's worth, then a quarter of what is sent."""
    await ends.join()
    sender = sender_of(ends.room)
    first = sender._number
    for i in range(200):
        await sender.write(bytes(1000), i, True)
    sent = 0

    async def count(data: bytes) -> None:
        nonlocal sent
        sent += 1000 * (not is_rtcp(data))

    sender.transport._send_rtp = count  # type: ignore[method-assign]
    await sender._handle_rtcp_packet(RtcpRtpfbPacket(fmt=1, ssrc=1, media_ssrc=sender._ssrc,
                                                     lost=list(range(first, first + 200))))
    assert sent == sending.RETRANSMIT_CREDIT
    assert ends.said.given_up == 200 - sending.RETRANSMIT_CREDIT // 1000


async def test_feedback_becomes_events(ends: Ends) -> None:
    """PLI, FIR, REMB and receiver reports are routed to the events of their stream."""
    await ends.join()
    sender = sender_of(ends.room)
    for fmt in (1, 4):
        await sender._handle_rtcp_packet(RtcpPsfbPacket(fmt=fmt, ssrc=1, media_ssrc=sender._ssrc))
    assert ends.said.keyframes == 2
    await sender._handle_rtcp_packet(RtcpPsfbPacket(fmt=15, ssrc=1, media_ssrc=0,
                                                    fci=pack_remb_fci(123_000, [sender._ssrc])))
    assert ends.said.rembs == [pytest.approx(123_000, rel=0.01)]
    await sender._handle_rtcp_packet(RtcpPsfbPacket(fmt=15, ssrc=1, media_ssrc=0, fci=b"none"))
    info = RtcpReceiverInfo(ssrc=sender._ssrc, fraction_lost=64, packets_lost=7, highest_sequence=70_000, jitter=0,
                            lsr=0, dlsr=0)
    await sender._handle_rtcp_packet(RtcpRrPacket(ssrc=1, reports=[info]))
    assert (70_000, 7) in ends.said.losses
    await sender_of(ends.room)._handle_rtcp_packet(RtcpRrPacket(ssrc=1, reports=[]))


async def test_a_socket_that_is_gone_is_a_connection_error(ends: Ends) -> None:
    """uvloop's RuntimeError neither ends the sender's report task nor reaches a caller."""
    await ends.join()
    transport = sender_of(ends.room).transport

    async def gone(data: bytes) -> None:
        raise RuntimeError("closed=True")

    transport.transport._send = gone
    with pytest.raises(ConnectionError):
        await transport._send_rtp(b"\x80\x60" + bytes(20))
    await sender_of(ends.room).write(b"x", 1, True)


async def test_sender_reports_carry_the_sources_clock(ends: Ends) -> None:
    """`sync` sets the pair of the next sender report."""
    await ends.join()
    await sender_of(ends.voice).write(b"\x48voice", 960, False)
    sender_of(ends.voice).sync(0x1234 << 32, 99)
    received: asyncio.Queue[Any] = asyncio.Queue()

    async def catch(packet: Any) -> None:
        received.put_nowait(packet)

    ends.theirs.getTransceivers()[0].receiver._handle_rtcp_packet = catch  # type: ignore[method-assign]
    async with asyncio.timeout(WAIT):
        while True:
            packet = await received.get()
            if getattr(packet, "sender_info", None) is not None:
                break
    assert (packet.sender_info.ntp_timestamp, packet.sender_info.rtp_timestamp) == (0x1234 << 32, 99)


async def test_sctp_starts_and_stays_quick() -> None:
    """The association's first and least retransmission times are ours."""

    class Transport:
        state = "new"

    transport = RTCSctpTransport(Transport())  # type: ignore[arg-type]
    assert transport._rto == sctp.RTO_INITIAL
    transport._update_rto(0.001)
    assert transport._rto == sctp.RTO_MIN


def test_the_chunks_we_look_at_first_still_pass_there() -> None:
    """What `sctp.GatewaySctp` overrides or reads of the library's association is where it was, and is used by it."""
    source = inspect.getsource(RTCSctpTransport)
    for name in ("_receive_chunk", "_receive_data_chunk", "_receive_forward_tsn_chunk", "_receive_reconfig_param",
                 "_receive", "_mark_received", "_get_inbound_stream"):
        assert callable(getattr(RTCSctpTransport, name))
        assert f"self.{name}(" in source
    made = RTCSctpTransport.__new__(RTCSctpTransport)
    for name in ("_last_received_tsn", "_sack_misordered", "_sack_duplicates", "_sack_needed", "_inbound_streams",
                 "_advertised_rwnd", "_data_channels", "_sent_queue", "_local_tsn", "_association_state"):
        assert f"self.{name}" in source
        assert not hasattr(made, name)
    assert "reassembly" in inspect.getsource(InboundStream)
    assert "chunk._misses == 3" in source


def test_an_urgent_message_overtakes_bulk() -> None:
    """A message queued on a quicker channel stands before those of slower ones, behind its own earlier ones."""

    class Transport:
        _data_channel_queue: list[tuple[Any, int, bytes]]

    class Channel:
        transport = Transport()

    control, bulk = Channel(), Channel()
    queue = [(control, 1, b"a"), (bulk, 1, b"b"), (bulk, 1, b"c"), (control, 1, b"d")]
    Channel.transport._data_channel_queue = queue
    sctp.hasten(control, [bulk])  # type: ignore[arg-type, list-item]
    assert [data for _, _, data in queue] == [b"a", b"d", b"b", b"c"]


async def test_the_librarys_queue_is_the_one_we_reorder(ends: Ends) -> None:
    """The data channel's transport has the queue, its entries start with the channel."""
    ends.channel.transport._data_channel_queue.append((ends.channel, 1, b"x"))
    assert ends.channel.transport._data_channel_queue[-1][0] is ends.channel


async def test_the_socket_backlog_can_be_read(ends: Ends) -> None:
    """Bytes the socket has not taken: none on loopback, and the number is there."""
    await ends.join()
    assert ends.ours.ice is not None
    pair = ends.ours.ice._nominated[1]
    assert pair.protocol.transport.get_write_buffer_size() == 0  # type: ignore[attr-defined]
    assert ends.ours.ice.backlog() == 0


async def test_late_consent_answers_count(ends: Ends, monkeypatch: pytest.MonkeyPatch) -> None:
    """RFC 7675: with every answer later than the interval the session lives; without answers it ends."""
    monkeypatch.setattr(ice, "CONSENT_SECONDS", 0.05)
    await ends.join()
    assert ends.ours.ice is not None
    transport = ends.theirs.getTransceivers()[0].receiver.transport.transport
    (protocol,) = {pair.protocol for pair in transport._connection._nominated.values()}
    send, loop = protocol.send_stun, asyncio.get_running_loop()
    answers: list[tuple[float, Any, tuple[str, int]]] = []
    protocol.send_stun = lambda message, addr: answers.append(  # type: ignore[method-assign]
        (loop.time(), message, addr))
    consented: list[float] = []
    async with asyncio.timeout(WAIT):
        while len(consented) < 5:
            await asyncio.sleep(0.05)
            # Later than the interval, and newer questions were asked meanwhile.
            while answers and loop.time() - answers[0][0] > 0.3:
                _, message, addr = answers.pop(0)
                send(message, addr)
            if ends.ours.ice._consented not in consented:
                consented.append(ends.ours.ice._consented)
    assert ends.ours.connectionState == "connected"
    questions = ends.ours.ice._questions
    asked = len(questions._asked)
    closed = asyncio.Event()
    ends.ours.on("connectionstatechange", closed.set)
    protocol.send_stun = lambda message, addr: None  # type: ignore[method-assign]
    # From here on nothing is answered: the shorter time runs out at any load.
    monkeypatch.setattr(ice, "CONSENT_EXPIRES_SECONDS", 0.6)
    async with asyncio.timeout(WAIT):
        await closed.wait()
    assert ends.ours.connectionState in ("failed", "closed")
    assert asked > len(questions._asked) == 0


async def test_a_question_is_kept_as_long_as_its_answer_may_count() -> None:
    """What was asked earlier than that is forgotten, here and in the library's own table."""
    questions, protocol = Questions(), StunProtocol(cast(Any, None))
    protocol.send_stun = lambda message, addr: None  # type: ignore[method-assign]
    pair = cast(Any, SimpleNamespace(protocol=protocol, remote_addr=("192.0.2.1", 5000)))
    for now in range(60):
        request = stun.Message(message_method=stun.Method.BINDING, message_class=stun.Class.REQUEST)
        questions.ask(pair, request, b"key", float(now), lambda: None)
        questions.forget(now - CONSENT_EXPIRES_SECONDS)
    assert len(questions._asked) == len(protocol.transactions) == CONSENT_EXPIRES_SECONDS + 1


async def test_datagrams_wait_in_a_bounded_queue() -> None:
    """Past RECEIVE_QUEUE datagrams are dropped and counted."""
    session = ice.GatewayIce(list, ice_controlling=True)
    for _ in range(ice.RECEIVE_QUEUE + 5):
        session.data_received(b"x", 1)
    assert session._queue.qsize() == ice.RECEIVE_QUEUE
    assert session.dropped == 5


def moving(count: int) -> list[av.VideoFrame]:
    rng = np.random.default_rng(7)
    noise = rng.integers(60, 190, (360, 640 + count * 4), dtype=np.uint8)
    frames = []
    for i in range(count):
        picture = np.full((540, 640), 128, np.uint8)
        picture[:360] = noise[:, i * 4:i * 4 + 640] // 2 + rng.integers(0, 40, (360, 640), dtype=np.uint8)
        frames.append(av.VideoFrame.from_ndarray(picture, "yuv420p"))
    return frames


def test_x264_follows_the_rate_without_a_keyframe() -> None:
    """`bit_rate` on the open context: a third of the bits within a second, no keyframe but first and wanted."""
    codec = X264(640, 360, Rung(0, 4, 25, 2000))
    sizes: list[int] = []
    keys: list[int] = []
    for i, frame in enumerate(moving(125)):
        rate = 1_500_000 if i < 50 else 300_000
        data, key = codec.encode(frame, i * 0.04, rate, keyframe=i == 110)
        sizes.append(len(data))
        if key:
            keys.append(i)
    assert keys == [0, 110]
    before, after = sum(sizes[25:50]) * 8, sum(sizes[80:105]) * 8
    assert after < before / 2.5
    assert 150_000 < after < 450_000


def test_x264_is_constrained_baseline_with_repeated_headers() -> None:
    """Profile-level-id 42e01f or lower; each keyframe carries SPS and PPS for a late viewer."""
    codec = X264(640, 360, Rung(0, 4, 25, 2000))
    for i, frame in enumerate(moving(4)):
        data, key = codec.encode(frame, i * 0.04, 500_000, keyframe=i == 3)
        if key:
            at = data.index(b"\x00\x00\x01\x67") + 4
            profile, constraints, level = data[at:at + 3]
            assert profile == 0x42
            assert constraints & 0x40
            assert level <= 0x1F
            assert b"\x00\x00\x01\x68" in data
            assert b"\x00\x00\x01\x65" in data


class Counting:
    """A path that numbers packets and remembers what left."""

    def __init__(self) -> None:
        self.numbered: list[tuple[int, bool, bool, bool]] = []
        self.beside: list[int] = []
        self.open = True
        self.thin = self.full = False

    def stamp(self, octets: int, now: float, *, picture: bool, reserved: bool, padding: bool) -> int | None:
        self.numbered.append((octets, picture, reserved, padding))
        return len(self.numbered) - 1

    def unnumbered(self, octets: int, now: float) -> None:
        self.beside.append(octets)

    def may_repair(self, now: float) -> bool:
        return self.open

    @property
    def scant(self) -> bool:
        return self.thin

    @property
    def crowded(self) -> bool:
        return self.full


async def test_packets_bear_transport_numbers_on_the_wire(ends: Ends) -> None:
    """Media, retransmissions and padding: one count over all, in the header extension of the answer."""
    await ends.join()
    sender, path = sender_of(ends.room), Counting()
    sender.follow(path, 5)
    numbers = HeaderExtensionsMap()
    numbers.configure(RTCRtpParameters(headerExtensions=[RTCRtpHeaderExtensionParameters(id=5, uri=URI)]))
    sent: list[RtpPacket] = []

    async def catch(data: bytes) -> None:
        if not is_rtcp(data):
            sent.append(RtpPacket.parse(data, numbers))
            assert len(data) == path.numbered[-1][0]

    sender.transport._send_rtp = catch  # type: ignore[method-assign]
    first = sender._number
    await sender.write(b"\x41picture", 7, True)
    await sender._handle_rtcp_packet(RtcpRtpfbPacket(fmt=1, ssrc=1, media_ssrc=sender._ssrc, lost=[first]))
    assert await sender.pad(200)
    assert [packet.extensions.transport_sequence_number for packet in sent] == [0, 1, 2]
    assert [packet.ssrc for packet in sent] == [sender._ssrc, sender._rtx_ssrc, sender._rtx_ssrc]
    assert sent[1].sequence_number + 1 == sent[2].sequence_number
    assert (sent[2].payload, path.numbered[2][0]) == (b"", 200 - WIRE_OCTETS)
    assert [entry[1:] for entry in path.numbered] == [(True, True, False), (True, True, False), (True, True, True)]


async def test_a_picture_that_begins_anew_asks_to_be_shown_at_once(ends: Ends) -> None:
    """Its first packet bears the playout delay, 0 to 500 ms; counted octets are those on the wire; others bear none."""
    await ends.join()
    sender, path = sender_of(ends.room), Counting()
    sender.follow(path, 5, 6)
    sent: list[bytes] = []

    async def catch(data: bytes) -> None:
        if not is_rtcp(data):
            sent.append(data)
            assert len(data) == path.numbered[-1][0]

    sender.transport._send_rtp = catch  # type: ignore[method-assign]
    await sender.write(b"\x65key", 7, False, anew=True)
    await sender.write(b"\x65key", 7, True)
    delay = bytes.fromhex("62000032")
    assert [delay in data for data in sent] == [True, False]
    numbers = HeaderExtensionsMap()
    numbers.configure(RTCRtpParameters(headerExtensions=[RTCRtpHeaderExtensionParameters(id=5, uri=URI)]))
    assert [RtpPacket.parse(data, numbers).extensions.transport_sequence_number for data in sent] == [0, 1]


async def test_reports_are_few_and_bare_on_a_thin_path(ends: Ends) -> None:
    """The first sender reports go, later ones each three seconds and without a name; none before a packet."""
    await ends.join()
    sender, path = sender_of(ends.room), Counting()
    sender.follow(path, 5)
    path.thin = True
    sent: list[bytes] = []

    async def catch(data: bytes) -> None:
        sent.append(data)

    sender.transport._send_rtp = catch  # type: ignore[method-assign]
    info = RtcpSenderInfo(ntp_timestamp=1, rtp_timestamp=2, packet_count=0, octet_count=0)
    await sender._send_rtcp([RtcpSrPacket(ssrc=1, sender_info=info)])
    assert sent == []
    told = [RtcpSrPacket(ssrc=1, sender_info=replace(info, packet_count=5)),
            RtcpSdesPacket(chunks=[RtcpSourceInfo(ssrc=1, items=[(1, b"name")])])]
    for _ in range(10):
        await sender._send_rtcp(told)
    assert len(sent) == sending.REPORTS_AT_FIRST + 1
    assert len(sent[-1]) < len(sent[0])


async def test_repairs_wait_for_the_path_and_a_new_start_forgets_them(ends: Ends) -> None:
    """A closed window holds retransmissions back; after `forget` old requests are ignored, new losses are not."""
    await ends.join()
    sender, path = sender_of(ends.room), Counting()
    sender.follow(path, 5)
    first = sender._number
    for i in range(4):
        await sender.write(b"\x41%d" % i, i, True)
    path.open = False
    await sender._handle_rtcp_packet(RtcpRtpfbPacket(fmt=1, ssrc=1, media_ssrc=sender._ssrc, lost=[first]))
    assert len(path.numbered) == 4
    path.open = True
    await sender.repair()
    assert len(path.numbered) == 5
    sender.forget()
    await sender._handle_rtcp_packet(RtcpRtpfbPacket(fmt=1, ssrc=1, media_ssrc=sender._ssrc, lost=[first + 1]))
    assert (len(path.numbered), ends.said.given_up) == (5, 0)
    await sender._handle_rtcp_packet(RtcpRtpfbPacket(fmt=1, ssrc=1, media_ssrc=sender._ssrc, lost=[sender._number]))
    assert ends.said.given_up == 1


async def test_a_lost_word_is_not_sent_again_into_a_thin_paths_queue(ends: Ends) -> None:
    """It would come too late and make the next words late; without a queue it is sent at once."""
    await ends.join()
    sender, path = sender_of(ends.voice), Counting()
    sender.follow(path, None)
    first = sender._number
    await sender.write(b"\x48voice", 960, False)
    lost = RtcpRtpfbPacket(fmt=1, ssrc=1, media_ssrc=sender._ssrc, lost=[first])
    path.full = True
    await sender._handle_rtcp_packet(lost)
    assert len(path.beside) == 1
    path.full = False
    await sender._handle_rtcp_packet(lost)
    assert len(path.beside) == 2


async def test_a_voice_without_the_extension_is_counted_beside(ends: Ends) -> None:
    """Its octets on the wire, none numbered; another payload type than the line's can be written."""
    await ends.join()
    sender, path = sender_of(ends.voice), Counting()
    sender.follow(path, None)
    arrived: asyncio.Queue[bytes] = asyncio.Queue()

    async def catch(data: bytes) -> None:
        if not is_rtcp(data):
            arrived.put_nowait(data)

    sender.transport._send_rtp = catch  # type: ignore[method-assign]
    await sender.write(b"\x48voice", 960, False, payload_type=63)
    first = await arrived.get()
    assert RtpPacket.parse(first).payload_type == 63
    assert path.numbered == []
    assert path.beside == [len(first) + WIRE_OCTETS]
    report = RtcpReceiverInfo(ssrc=sender._ssrc, fraction_lost=0, packets_lost=0, highest_sequence=1, jitter=0, lsr=0,
                              dlsr=0)
    await sender._handle_rtcp_packet(RtcpRrPacket(ssrc=1, reports=[report]))
    await sender.write(b"\x48voice", 1920, False)
    # Known by its source from now on, it bears no name any more.
    assert len(await arrived.get()) == 12 + 6 < len(first)


async def test_transport_feedback_and_data_are_heard(ends: Ends) -> None:
    """RTCP FMT 15 that comes over DTLS is handed on raw, beside the library's own routing; SCTP octets are counted."""
    told: asyncio.Queue[bytes] = asyncio.Queue()
    octets: list[int] = []
    assert ends.ours.dtls is not None
    ends.ours.dtls.feedback_came = told.put_nowait
    ends.ours.dtls.data_left = octets.append
    await ends.join()
    theirs = ends.theirs.getTransceivers()[0].receiver.transport
    async with asyncio.timeout(WAIT):
        # Its own sound comes: it is connected as well.
        await ends.said.packets.get()
    await theirs._send_rtp(bytes.fromhex("8fcd0005" "00000001" "00000002" "0000000100000000" "20010000"))
    async with asyncio.timeout(WAIT):
        assert await told.get() == bytes.fromhex("000000010000000020010000")
    assert octets
    assert ends.ours.connectionState == "connected"
