"""Packets in: handed on as they come, asked for again when they do not.

Private hooks of aiortc 1.16 (docs/adr/media-hooks.md): `tests/contract/test_media_hooks.py` fails when an upgrade moves
one.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any, Protocol

from aiortc import RTCRtpReceiver
from aiortc.codecs import is_rtx
from aiortc.rtcdtlstransport import RTCDtlsTransport
from aiortc.rtcrtpparameters import RTCRtpCodecParameters, RTCRtpReceiveParameters
from aiortc.rtcrtpreceiver import StreamStatistics
from aiortc.rtp import RTCP_PSFB_APP, RtcpPsfbPacket, RtcpSrPacket, RtpPacket, pack_remb_fci, unwrap_rtx

from .nack import MissingPackets
from .splice import Packet
from .strangers import Allowance

SOURCES_MAX = 4
"""SSRCs of one receiving m-line: the stream, its retransmissions, and one change of both."""

REMB_CEILING = 1_200_000
"""bit/s asked of the doctor's camera at most: 640x480 needs no more, and the downlink is shared."""

ESTIMATES_A_SECOND = 5
"""While the estimator sees overuse it has a new one for each packet."""


JITTER_MAX = 2**32 - 1
"""What a report has room for (RFC 3550, section 6.4.1)."""


class ReceiverEvents(Protocol):
    """What comes in on one of our m-lines."""

    async def packet(self, packet: Packet) -> None:
        """A packet, unwrapped from RTX, in order of arrival."""

    def sync(self, ssrc: int, ntp: int, timestamp: int) -> None:
        """Sender report: this NTP time (64 bit) is this RTP timestamp."""


class _Statistics(StreamStatistics):
    @property
    def jitter(self) -> int:
        """Timestamps that leap make more of it than fits, and so does our own clock when it is set by weeks."""
        return min(JITTER_MAX, super().jitter)


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
        self._estimates = Allowance(ESTIMATES_A_SECOND, 1, time.monotonic())

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
            streams[packet.ssrc] = _Statistics(codec.clockRate)
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
        if estimate is not None and rtcp_ssrc is not None and self._estimates.take(time.monotonic()):
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
