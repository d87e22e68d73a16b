"""Private hooks of aiortc 1.16 (docs/adr/media-hooks.md): packets in, packets out, nothing decoded.

With `ice` the only module that leans on names the library does not promise;
`tests/contract/test_media_hooks.py` fails when an upgrade moves one.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Protocol, cast

import aiortc.rtcsctptransport
from aiortc import (
    RTCBundlePolicy,
    RTCConfiguration,
    RTCDataChannel,
    RTCIceGatherer,
    RTCIceServer,
    RTCIceTransport,
    RTCPeerConnection,
    RTCRtpReceiver,
    RTCRtpSender,
    RTCRtpTransceiver,
    clock,
)
from aiortc.codecs import is_rtx
from aiortc.rtcdtlstransport import RTCDtlsParameters, RTCDtlsTransport
from aiortc.rtcrtpparameters import (
    RTCRtpCodecCapability,
    RTCRtpCodecParameters,
    RTCRtpHeaderExtensionParameters,
    RTCRtpParameters,
    RTCRtpReceiveParameters,
)
from aiortc.rtcrtpreceiver import StreamStatistics
from aiortc.rtcrtpsender import random_sequence_number
from aiortc.rtp import (
    RTCP_PSFB_APP,
    RTCP_PSFB_FIR,
    RTCP_PSFB_PLI,
    RTCP_RTPFB_NACK,
    HeaderExtensionsMap,
    RtcpPsfbPacket,
    RtcpRrPacket,
    RtcpRtpfbPacket,
    RtcpSrPacket,
    RtpPacket,
    pack_remb_fci,
    unpack_remb_fci,
    unwrap_rtx,
    wrap_rtx,
)

from . import servers as ice_servers
from .congestion.feedback import URI, messages
from .congestion.road import WIRE_OCTETS
from .dtls import GuardedDtls
from .ice import GatewayIce
from .interfaces import Address
from .nack import MissingPackets
from .splice import Packet

HISTORY = 1024
"""Sent packets kept for retransmission: 3 s at 3 Mbit/s; the library's 128 are 0.4 s."""

RETRANSMIT_AGAIN_SECONDS = 0.1
"""A packet asked for again within a round trip (this, until one is measured) is on its way."""

RETRANSMIT_SHARE, RETRANSMIT_CREDIT = 0.25, 24_000
"""Retransmissions may be this share of what is sent, and a keyframe (bytes) at once: on a full link
answering every request only keeps it full (measured: 6,800 of 7,700 packets dropped at 150 kbit/s)."""

REPAIRS_MAX = 256
"""Packets asked for that wait their turn; more at once is an outage, which a keyframe mends."""

HEAD_OCTETS, PADDING_MAX = 12 + 16, 255
"""RTP's fixed head and our extensions; a length of padding is one octet (RFC 3550, section 5.1)."""

SOURCES_MAX = 4
"""SSRCs of one receiving m-line: the stream, its retransmissions, and one change of both."""

SCTP_RTO_INITIAL, SCTP_RTO_MIN = 0.5, 0.2
"""Seconds. The library's 3 and 1 make the channels open 7.6 s late (p90) at 10 % loss instead of 3.1 s;
a cellular round trip is 50-150 ms."""

REMB_CEILING = 1_200_000
"""bit/s asked of the doctor's camera at most: 640x480 needs no more, and the downlink is shared."""

aiortc.rtcsctptransport.SCTP_RTO_INITIAL = SCTP_RTO_INITIAL
aiortc.rtcsctptransport.SCTP_RTO_MIN = SCTP_RTO_MIN  # type: ignore[assignment]


class SenderEvents(Protocol):
    """What the receiver of one of our streams says."""

    async def ready(self) -> None:
        """Packets can be written from now on."""

    async def keyframe_wanted(self) -> None:
        """PLI or FIR."""

    def unrepaired(self) -> None:
        """A packet the receiver asked for will not come again."""

    def remb(self, bits_per_second: int) -> None:
        """Receiver estimated maximum bitrate, of the whole session."""

    def report(self, highest_number: int, lost: int) -> None:
        """Receiver report of this stream: extended highest sequence number, packets lost since the start."""


class SendPath(Protocol):
    """Who counts what leaves to one peer."""

    def stamp(self, octets: int, now: float, *, picture: bool, reserved: bool, padding: bool) -> int | None:
        """The transport number of an RTP packet of `octets` that leaves now; None: it bears none."""

    def unnumbered(self, octets: int, now: float) -> None:
        """A packet (octets on the wire) without a transport number leaves."""

    def may_repair(self, now: float) -> bool:
        """Whether a lost packet may be sent again now."""


class ReceiverEvents(Protocol):
    """What comes in on one of our m-lines."""

    async def packet(self, packet: Packet) -> None:
        """A packet, unwrapped from RTX, in order of arrival."""

    def sync(self, ssrc: int, ntp: int, timestamp: int) -> None:
        """Sender report: this NTP time (64 bit) is this RTP timestamp."""


class PacketSender(RTCRtpSender):
    """Sends RTP payloads made elsewhere; answers NACK from its own history."""

    def __init__(self, kind: str, transport: RTCDtlsTransport, events: SenderEvents, forwarded: bool) -> None:
        super().__init__(kind, transport)
        self._events = events
        self._forwarded = forwarded
        self._open = False
        self._payload_type: int | None = None
        self.codec = ""
        """What the answer took, as `video/h264`; empty before."""
        self._past: dict[int, tuple[RtpPacket, float]] = {}
        self._number = random_sequence_number()
        self._again = random_sequence_number()
        """Numbers of the retransmission stream (RFC 4588, section 4)."""
        self._credit = float(RETRANSMIT_CREDIT)
        self._repairs: deque[int] = deque(maxlen=REPAIRS_MAX)
        self._path: SendPath | None = None
        self._useless_before: int | None = None
        self._picture, self._numbered = kind == "video", False
        self.sent_bytes = 0

    @property
    def open(self) -> bool:
        """Whether packets can be written."""
        return self._open

    def follow(self, path: SendPath, extension_id: int | None) -> None:
        """Count what leaves on this path; with an extension's number, each packet bears its transport number."""
        self._path = path
        self._numbered = extension_id is not None
        if extension_id is not None:
            extension = RTCRtpHeaderExtensionParameters(id=extension_id, uri=URI)
            numbers: HeaderExtensionsMap = self._RTCRtpSender__rtp_header_extensions_map  # type: ignore[attr-defined]
            numbers.configure(RTCRtpParameters(headerExtensions=[extension]))

    async def write(self, payload: bytes, timestamp: int, marker: bool, number: int | None = None,
                    payload_type: int | None = None) -> None:
        """Send one packet now; silently nothing when the connection is gone. `number`: keep the source's;
        `payload_type`: another than the line's first."""
        if not self._open:
            return
        if number is None:
            number, self._number = self._number, (self._number + 1) % 65536
        packet = RtpPacket(payload_type=payload_type or self._payload_type or 0, marker=int(marker),
                           sequence_number=number, timestamp=timestamp, ssrc=self._ssrc, payload=payload)
        if not self._numbered:
            # For the receiver's own estimate (REMB); reports on numbers need none.
            packet.extensions.abs_send_time = (clock.current_ntp_time() >> 14) & 0x00FFFFFF
        packet.extensions.mid = self._RTCRtpSender__mid  # type: ignore[attr-defined]
        self._past[number % HISTORY] = (packet, 0.0)
        await self._put(packet)
        self.sent_bytes += len(payload)
        self._credit = min(float(RETRANSMIT_CREDIT), self._credit + RETRANSMIT_SHARE * len(payload))
        self._RTCRtpSender__octet_count: int = self._RTCRtpSender__octet_count + len(payload)
        self._RTCRtpSender__packet_count: int = self._RTCRtpSender__packet_count + 1
        if marker and not self._forwarded:
            self.sync(clock.current_ntp_time(), timestamp)

    async def pad(self, size: int) -> bool:
        """A packet of `size` octets on the wire with nothing in it, as one more of the retransmissions (RFC 4588);
        False when the other side takes none."""
        payload_type = self._RTCRtpSender__rtx_payload_type  # type: ignore[attr-defined]
        if not self._open or payload_type is None:
            return False
        packet = RtpPacket(payload_type=payload_type, sequence_number=self._again, ssrc=self._rtx_ssrc,
                           timestamp=self._RTCRtpSender__rtp_timestamp or 0)
        packet.padding_size = min(PADDING_MAX, max(1, size - WIRE_OCTETS - HEAD_OCTETS))
        packet.extensions.mid = self._RTCRtpSender__mid  # type: ignore[attr-defined]
        self._again = (self._again + 1) % 65536
        await self._put(packet, padding=True)
        return True

    async def repair(self) -> None:
        """Send again what was asked for, as far as the path takes it now."""
        while self._repairs and self._path is not None and self._path.may_repair(time.monotonic()):
            await self._send_again(self._repairs.popleft())

    def forget(self) -> None:
        """What was sent is of no use any more: requests for it find nothing, and say nothing."""
        self._past.clear()
        self._repairs.clear()
        self._useless_before = self._number

    def sync(self, ntp: int, timestamp: int) -> None:
        """The pair our sender reports carry, so that the receiver plays sound and picture together."""
        self._RTCRtpSender__ntp_timestamp = ntp
        self._RTCRtpSender__rtp_timestamp = timestamp

    async def _put(self, packet: RtpPacket, *, padding: bool = False) -> None:
        if self._path is not None:
            octets, now = HEAD_OCTETS + len(packet.payload) + packet.padding_size, time.monotonic()
            if self._numbered:
                packet.extensions.transport_sequence_number = self._path.stamp(
                    octets, now, picture=self._picture, reserved=not self._forwarded, padding=padding)
            else:
                self._path.unnumbered(octets + WIRE_OCTETS, now)
        try:
            data = packet.serialize(self._RTCRtpSender__rtp_header_extensions_map)  # type: ignore[attr-defined]
            await self.transport._send_rtp(data)
        except ConnectionError:
            # Not connected (any more); the connection's own state tells the rest.
            return

    async def _run_rtp(self, codec: RTCRtpCodecParameters) -> None:
        self._payload_type, self.codec = codec.payloadType, codec.mimeType.lower()
        self._RTCRtpSender__rtp_started.set()  # type: ignore[attr-defined]
        self._open = True
        try:
            await self._events.ready()
            await asyncio.get_running_loop().create_future()
        finally:
            self._open = False
            self._RTCRtpSender__rtp_exited.set()  # type: ignore[attr-defined]

    async def _handle_rtcp_packet(self, packet: Any) -> None:
        if isinstance(packet, RtcpRrPacket | RtcpSrPacket):
            await super()._handle_rtcp_packet(packet)
            for report in packet.reports:
                if report.ssrc == self._ssrc:
                    self._events.report(report.highest_sequence, report.packets_lost)
        elif isinstance(packet, RtcpRtpfbPacket) and packet.fmt == RTCP_RTPFB_NACK:
            for number in packet.lost[:REPAIRS_MAX]:
                await self._retransmit(number)
            await self.repair()
        elif isinstance(packet, RtcpPsfbPacket) and packet.fmt in (RTCP_PSFB_PLI, RTCP_PSFB_FIR):
            await self._events.keyframe_wanted()
        elif isinstance(packet, RtcpPsfbPacket) and packet.fmt == RTCP_PSFB_APP:
            try:
                bits_per_second, _ = unpack_remb_fci(packet.fci)
            except ValueError:
                return
            self._events.remb(bits_per_second)

    async def _retransmit(self, sequence_number: int) -> None:
        kept = self._past.get(sequence_number % HISTORY)
        if kept is None or kept[0].sequence_number != sequence_number:
            before = self._useless_before
            if before is None or (sequence_number - before) % 65536 < 32768:
                self._events.unrepaired()
        elif time.monotonic() - kept[1] >= self._round_trip():
            if self._path is None or not self._picture:
                await self._send_again(sequence_number)
            elif sequence_number not in self._repairs:
                self._repairs.append(sequence_number)

    def _round_trip(self) -> float:
        round_trip: float | None = self._RTCRtpSender__rtt  # type: ignore[attr-defined]
        return round_trip or RETRANSMIT_AGAIN_SECONDS

    async def _send_again(self, sequence_number: int) -> None:
        kept = self._past.get(sequence_number % HISTORY)
        if kept is None or kept[0].sequence_number != sequence_number:
            return
        packet, _ = kept
        if self._credit < len(packet.payload):
            self._events.unrepaired()
            return
        self._credit -= len(packet.payload)
        self._past[sequence_number % HISTORY] = (packet, time.monotonic())
        payload_type = self._RTCRtpSender__rtx_payload_type  # type: ignore[attr-defined]
        if payload_type is not None:
            packet = wrap_rtx(packet, payload_type=payload_type, sequence_number=self._again, ssrc=self._rtx_ssrc)
            self._again = (self._again + 1) % 65536
        await self._put(packet)


class PacketReceiver(RTCRtpReceiver):
    """Hands on packets as they come: no jitter buffer, no decoder, no thread to join."""

    def __init__(self, kind: str, transport: RTCDtlsTransport, events: ReceiverEvents) -> None:
        super().__init__(kind, transport)
        self._events = events
        self._kind = kind
        self._missing: dict[int, MissingPackets] = {}
        self._nacks: set[int] = set()
        """Payload types whose sender answers NACK."""
        self.source: int | None = None

    async def receive(self, parameters: RTCRtpReceiveParameters) -> None:
        """As the library's, without its decoder thread."""
        if self._RTCRtpReceiver__started:  # type: ignore[has-type]
            return
        for codec in parameters.codecs:
            self._RTCRtpReceiver__codecs[codec.payloadType] = codec  # type: ignore[attr-defined]
            nack = any(feedback.type == "nack" and not feedback.parameter for feedback in codec.rtcpFeedback)
            if codec.payloadType is not None and (self._kind == "audio" or nack):
                self._nacks.add(codec.payloadType)
        for encoding in parameters.encodings:
            if encoding.rtx:
                self._RTCRtpReceiver__rtx_ssrc[encoding.rtx.ssrc] = encoding.ssrc  # type: ignore[attr-defined]
        self.transport._register_rtp_receiver(self, parameters)
        self._RTCRtpReceiver__rtcp_task = asyncio.ensure_future(self._run_rtcp())
        self._RTCRtpReceiver__started = True

    async def request_keyframe(self) -> bool:
        """Send a PLI; False when no picture came yet."""
        if self.source is None:
            return False
        await self._send_rtcp_pli(self.source)
        return True

    async def _handle_rtcp_packet(self, packet: Any) -> None:
        # A BYE needs nothing: the next source is spliced on.
        if isinstance(packet, RtcpSrPacket):
            await super()._handle_rtcp_packet(packet)
            self._events.sync(packet.ssrc, packet.sender_info.ntp_timestamp, packet.sender_info.rtp_timestamp)

    async def _handle_rtp_packet(self, packet: RtpPacket, arrival_time_ms: int) -> None:
        codecs: dict[int, RTCRtpCodecParameters] = self._RTCRtpReceiver__codecs  # type: ignore[attr-defined]
        codec = codecs.get(packet.payload_type)
        if codec is None or not self._enabled:
            return
        await self._estimate(packet, arrival_time_ms)
        streams: dict[int, StreamStatistics] = self._RTCRtpReceiver__remote_streams  # type: ignore[attr-defined]
        if packet.ssrc not in streams:
            if len(streams) >= SOURCES_MAX:
                del streams[next(iter(streams))]
            streams[packet.ssrc] = StreamStatistics(codec.clockRate)
        streams[packet.ssrc].add(packet)
        if is_rtx(codec):
            original = self._RTCRtpReceiver__rtx_ssrc.get(packet.ssrc)  # type: ignore[attr-defined]
            apt = codec.parameters.get("apt")
            if original is None or len(packet.payload) < 2 or not isinstance(apt, int) or apt not in codecs:
                return
            packet = unwrap_rtx(packet, payload_type=apt, ssrc=original)
        self.source = packet.ssrc
        await self._ask_missing(packet)
        level = packet.extensions.audio_level
        await self._events.packet(Packet(packet.ssrc, packet.sequence_number, packet.timestamp, bool(packet.marker),
                                         packet.payload, None if level is None else int(level[1])))

    async def _estimate(self, packet: RtpPacket, arrival_time_ms: int) -> None:
        estimator = self._RTCRtpReceiver__remote_bitrate_estimator  # type: ignore[attr-defined]
        rtcp_ssrc = self._RTCRtpReceiver__rtcp_ssrc  # type: ignore[attr-defined]
        if estimator is None or packet.extensions.abs_send_time is None:
            return
        estimate = estimator.add(abs_send_time=packet.extensions.abs_send_time, arrival_time_ms=arrival_time_ms,
                                 payload_size=len(packet.payload) + packet.padding_size, ssrc=packet.ssrc)
        if estimate is not None and rtcp_ssrc is not None:
            bits_per_second, sources = estimate
            await self._send_rtcp(RtcpPsfbPacket(fmt=RTCP_PSFB_APP, ssrc=rtcp_ssrc, media_ssrc=0,
                                                 fci=pack_remb_fci(min(bits_per_second, REMB_CEILING), sources)))

    async def _ask_missing(self, packet: RtpPacket) -> None:
        if packet.payload_type not in self._nacks:
            return
        missing = self._missing.get(packet.ssrc)
        if missing is None:
            if len(self._missing) >= SOURCES_MAX:
                self._missing.clear()
            missing = self._missing[packet.ssrc] = MissingPackets()
        now = time.monotonic()
        missing.arrived(packet.sequence_number, now)
        lost = missing.due(now)
        if lost:
            await self._send_rtcp_nack(packet.ssrc, lost)


class GatewayDtls(GuardedDtls):
    """DTLS with one fingerprint in the description: the binding signs one (protocol.binding)."""

    feedback_came: Callable[[bytes], None] | None = None
    """Transport-wide feedback, which speaks of all streams and is routed to none."""

    data_left: Callable[[int], None] | None = None
    """Octets of an SCTP packet that leaves."""

    async def _handle_rtcp_data(self, data: bytes) -> None:
        if self.feedback_came is not None:
            for fci in messages(data):
                self.feedback_came(fci)
        await super()._handle_rtcp_data(data)

    async def _send_data(self, data: bytes) -> None:
        if self.data_left is not None:
            self.data_left(len(data))
        await super()._send_data(data)

    async def _send_rtp(self, data: bytes) -> None:
        # uvloop says RuntimeError for a socket that closed meanwhile; the library's RTCP tasks expect
        # ConnectionError, and one that ends otherwise makes `stop` wait for ever.
        try:
            await super()._send_rtp(data)
        except (OSError, RuntimeError) as error:
            raise ConnectionError("the socket is gone") from error

    def getLocalParameters(self) -> RTCDtlsParameters:
        """SHA-256 only."""
        return RTCDtlsParameters(fingerprints=[f for f in super().getLocalParameters().fingerprints
                                               if f.algorithm == "sha-256"])


class GatewayGatherer(RTCIceGatherer):
    """A gatherer around our own ICE session."""

    def __init__(self, session: GatewayIce) -> None:
        super().__init__(iceServers=[])
        self._connection = session


class GatewayConnection(RTCPeerConnection):
    """A peer connection on one transport, with our ICE, DTLS, senders and receivers. ValueError: no such server."""

    def __init__(self, servers: Sequence[RTCIceServer], addresses: Callable[[], list[Address]], *,
                 relay_only: bool = False, tls: ssl.SSLContext | None = None) -> None:
        self._make_session = partial(GatewayIce, addresses, servers=ice_servers.read(servers), relay_only=relay_only,
                                     tls=tls, ice_controlling=False)
        self.ice: GatewayIce | None = None
        self.dtls: GatewayDtls | None = None
        super().__init__(RTCConfiguration(iceServers=[], bundlePolicy=RTCBundlePolicy.MAX_BUNDLE))

    @property
    def fingerprint(self) -> str:
        """SHA-256 of our certificate, upper case, colons."""
        certificate = self._RTCPeerConnection__certificates[0]  # type: ignore[attr-defined]
        return next(str(f.value) for f in certificate.getFingerprints() if f.algorithm == "sha-256")

    def add(self, kind: str, direction: str, codec: RTCRtpCodecCapability, *, stream: str = "",
            sending: SenderEvents | None = None, forwarded: bool = False,
            receiving: ReceiverEvents | None = None,
            fallback: RTCRtpCodecCapability | None = None) -> RTCRtpTransceiver:
        """One more m-line, with one codec (and its retransmission format), and another for who does not take it.

        Receivers play the lines of one `stream` (RFC 8830) in time with each other.
        """
        line = self.addTransceiver(kind, direction)
        transport = line.receiver.transport
        if sending is not None:
            sender = PacketSender(kind, transport, sending, forwarded)
            sender._stream_id = stream
            line._RTCRtpTransceiver__sender = sender  # type: ignore[attr-defined]
        if receiving is not None:
            line._RTCRtpTransceiver__receiver = PacketReceiver(kind, transport, receiving)  # type: ignore[attr-defined]
        line.receiver._set_rtcp_ssrc(line.sender._ssrc)
        codecs = [codec, *([fallback] if fallback is not None else [])]
        if kind == "video":
            codecs.append(RTCRtpCodecCapability(mimeType="video/rtx", clockRate=codec.clockRate))
        line.setCodecPreferences(codecs)
        return line

    def _RTCPeerConnection__createDtlsTransport(self) -> RTCDtlsTransport:
        self.ice = self._make_session()
        gatherer = GatewayGatherer(self.ice)
        private = cast(Any, self)
        gatherer.on("statechange", private._RTCPeerConnection__updateIceGatheringState)
        transport = RTCIceTransport(gatherer)
        transport.on("statechange", private._RTCPeerConnection__updateIceConnectionState)
        transport.on("statechange", private._RTCPeerConnection__updateConnectionState)
        private._RTCPeerConnection__iceTransports.add(transport)
        dtls = self.dtls = GatewayDtls(transport, private._RTCPeerConnection__certificates)
        self.ice.admit = dtls.gate.admits
        dtls.on("statechange", private._RTCPeerConnection__updateConnectionState)
        private._RTCPeerConnection__dtlsTransports.add(dtls)
        for update in ("IceGatheringState", "IceConnectionState", "ConnectionState"):
            getattr(self, f"_RTCPeerConnection__update{update}")()
        return dtls


def hasten(channel: RTCDataChannel, slower: Sequence[RTCDataChannel]) -> None:
    """Move the message last queued on `channel` before those that wait on `slower` channels."""
    queue = channel.transport._data_channel_queue
    if len(queue) < 2 or queue[-1][0] is not channel:
        return
    message = queue.pop()
    for at, (other, _, _) in enumerate(queue):
        if other in slower:
            queue.insert(at, message)
            return
    queue.append(message)
