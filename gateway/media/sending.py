"""Packets out: RTP payloads made elsewhere, with our numbers, our history and our answers to NACK.

Private hooks of aiortc 1.16 (docs/adr/media-hooks.md): `tests/contract/test_media_hooks.py` fails when an upgrade moves
one.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import Any, Protocol

from aiortc import RTCRtpSender, clock
from aiortc.rtcdtlstransport import RTCDtlsTransport
from aiortc.rtcrtpparameters import RTCRtpCodecParameters, RTCRtpHeaderExtensionParameters, RTCRtpParameters
from aiortc.rtcrtpsender import random_sequence_number
from aiortc.rtp import (
    RTCP_PSFB_APP,
    RTCP_PSFB_FIR,
    RTCP_PSFB_PLI,
    RTCP_RTPFB_NACK,
    HeaderExtensions,
    HeaderExtensionsMap,
    RtcpPsfbPacket,
    RtcpRrPacket,
    RtcpRtpfbPacket,
    RtcpSrPacket,
    RtpPacket,
    unpack_remb_fci,
    wrap_rtx,
)

from .congestion.feedback import URI
from .congestion.road import WIRE_OCTETS

HISTORY = 1024
"""Sent packets kept for retransmission: 3 s at 3 Mbit/s; the library's 128 are 0.4 s."""

RETRANSMIT_AGAIN_SECONDS = 0.1
"""A packet asked for again within a round trip (this, until one is measured) is on its way."""

ROUND_TRIP_MAX = 3.0
"""No road is slower. More, or less than nothing, is said by a liar or by a clock that was set meanwhile."""

RETRANSMIT_SHARE, RETRANSMIT_CREDIT = 0.25, 24_000
"""Retransmissions may be this share of what is sent, and a keyframe (bytes) at once: on a full link
answering every request only keeps it full (measured: 6,800 of 7,700 packets dropped at 150 kbit/s)."""

REPAIR_SECONDS, REPAIR_ROUND_TRIPS = 0.6, 2.0
"""A packet older than this comes too late for its picture: a keyframe is sooner there."""

REPAIRS_MAX = 256
"""Packets asked for that wait their turn; more at once is an outage, which a keyframe mends."""

HEAD_OCTETS, PADDING_MAX = 12, 255
"""RTP's fixed head (RFC 3550, section 5.1); a length of padding is one octet."""

SHOW_AT_ONCE = (0 << 12 | 50).to_bytes(3, "big")
"""Playout delay of 0 to 500 ms: a picture is shown when it is whole, and waits for nothing that may come later."""

REPORT_SECONDS, REPORTS_AT_FIRST = 3.0, 4
"""On a thin path sender reports come no more often, and bare: five a second take 5 kbit/s. The first ones let the
receiver play in time and know the sources."""


class _Extensions(HeaderExtensions):
    """Of a picture that begins anew."""


class _ExtensionsMap(HeaderExtensionsMap):
    """With the playout delay (`sdp.DELAY_URI`), which the library does not know."""

    delay_id = 0

    def set(self, values: HeaderExtensions) -> tuple[int, bytes]:
        """As the library's; the delay's four octets stand behind its padding (RFC 8285, section 4.2)."""
        profile, octets = super().set(values)
        if not self.delay_id or not isinstance(values, _Extensions) or profile not in (0, 0xBEDE):
            return profile, octets
        return 0xBEDE, octets + bytes((self.delay_id << 4 | len(SHOW_AT_ONCE) - 1,)) + SHOW_AT_ONCE


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

    @property
    def scant(self) -> bool:
        """Whether headers weigh."""

    @property
    def crowded(self) -> bool:
        """Whether a queue stands that sound which is sent again would only lengthen."""


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
        self._past: dict[int, tuple[RtpPacket, float, float]] = {}
        """Packet, when it left first, and when again."""
        self._number = random_sequence_number()
        self._again = random_sequence_number()
        """Numbers of the retransmission stream (RFC 4588, section 4)."""
        self._credit = float(RETRANSMIT_CREDIT)
        self._repairs: deque[int] = deque(maxlen=REPAIRS_MAX)
        self._path: SendPath | None = None
        self._useless_before: int | None = None
        self._picture, self._numbered = kind == "video", False
        self._known = False
        """Whether a report says that the other side knows the source."""
        self.sent_bytes = 0
        self._map = self._RTCRtpSender__rtp_header_extensions_map = _ExtensionsMap()
        self._reports, self._reported_at = 0, float("-inf")

    @property
    def open(self) -> bool:
        """Whether packets can be written."""
        return self._open

    def follow(self, path: SendPath, extension_id: int | None, delay_id: int = 0) -> None:
        """Count what leaves on this path; with an extension's number, each packet bears its transport number. With
        `delay_id` a picture that begins anew says that it wants to be shown at once."""
        self._path = path
        self._numbered = extension_id is not None
        self._map.delay_id = delay_id
        if extension_id is not None:
            extension = RTCRtpHeaderExtensionParameters(id=extension_id, uri=URI)
            self._map.configure(RTCRtpParameters(headerExtensions=[extension]))

    async def write(self, payload: bytes, timestamp: int, marker: bool, number: int | None = None,
                    payload_type: int | None = None, anew: bool = False) -> None:
        """Send one packet now; silently nothing when the connection is gone. `number`: keep the source's;
        `payload_type`: another than the line's first; `anew`: the first of a picture that builds on none."""
        if not self._open:
            return
        if number is None:
            number, self._number = self._number, (self._number + 1) % 65536
        packet = RtpPacket(payload_type=payload_type or self._payload_type or 0, marker=int(marker),
                           sequence_number=number, timestamp=timestamp, ssrc=self._ssrc, payload=payload)
        if anew and self._map.delay_id:
            packet.extensions = _Extensions()
        if self._picture and not self._numbered:
            packet.extensions.abs_send_time = (clock.current_ntp_time() >> 14) & 0x00FFFFFF
        self._name(packet)
        self._past[number % HISTORY] = (packet, time.monotonic(), 0.0)
        await self._put(packet)
        self.sent_bytes += len(payload)
        self._credit = min(float(RETRANSMIT_CREDIT), self._credit + RETRANSMIT_SHARE * len(payload))
        self._RTCRtpSender__octet_count: int = self._RTCRtpSender__octet_count + len(payload)
        self._RTCRtpSender__packet_count: int = self._RTCRtpSender__packet_count + 1
        if marker and not self._forwarded:
            self.sync(clock.current_ntp_time(), timestamp)

    async def repeat(self, back: int) -> None:
        """Send again, as it was, the packet that left `back` packets before the newest of our numbering. Who has it
        drops it (RFC 3711, section 3.3.2)."""
        number = (self._number - 1 - back) % 65536
        kept = self._past.get(number % HISTORY)
        if self._open and kept is not None and kept[0].sequence_number == number:
            await self._put(kept[0])

    async def pad(self, size: int) -> bool:
        """A packet of `size` octets on the wire with nothing in it, as one more of the retransmissions (RFC 4588);
        False when the other side takes none."""
        payload_type = self._RTCRtpSender__rtx_payload_type  # type: ignore[attr-defined]
        if not self._open or payload_type is None:
            return False
        packet = RtpPacket(payload_type=payload_type, sequence_number=self._again, ssrc=self._rtx_ssrc,
                           timestamp=self._RTCRtpSender__rtp_timestamp or 0)
        self._name(packet)
        packet.padding_size = min(PADDING_MAX, max(1, size - WIRE_OCTETS - HEAD_OCTETS - self._extensions(packet)))
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

    def _name(self, packet: RtpPacket) -> None:
        # Which m-line a packet belongs to need not be said once its source is known (RFC 8843, section 9.2).
        if not self._known:
            packet.extensions.mid = self._RTCRtpSender__mid  # type: ignore[attr-defined]

    def _extensions(self, packet: RtpPacket) -> int:
        """Octets of the header extensions (RFC 8285, section 4.2), the transport number's among them."""
        mid, timed = packet.extensions.mid, packet.extensions.abs_send_time is not None
        octets = (1 + len(mid) if mid else 0) + 4 * timed + 3 * self._numbered
        octets = -(-octets // 4) * 4 + 4 * (bool(self._map.delay_id) and isinstance(packet.extensions, _Extensions))
        return 4 + octets if octets else 0

    async def _put(self, packet: RtpPacket, *, padding: bool = False) -> None:
        if self._path is not None:
            octets = HEAD_OCTETS + self._extensions(packet) + len(packet.payload) + packet.padding_size
            now = time.monotonic()
            if self._numbered:
                packet.extensions.transport_sequence_number = self._path.stamp(
                    octets, now, picture=self._picture, reserved=not self._forwarded, padding=padding)
            else:
                self._path.unnumbered(octets + WIRE_OCTETS, now)
        try:
            data = packet.serialize(self._map)
            await self.transport._send_rtp(data)
        except ConnectionError:
            # Not connected (any more); the connection's own state tells the rest.
            return

    async def _send_rtcp(self, packets: list[Any]) -> None:
        reports = [packet for packet in packets if isinstance(packet, RtcpSrPacket)]
        if reports and reports[0].sender_info.packet_count == 0:
            # Nothing was sent that one could report on (RFC 3550, section 6.4).
            return
        if reports and self._path is not None and self._path.scant and self._reports >= REPORTS_AT_FIRST:
            now = time.monotonic()
            if now - self._reported_at < REPORT_SECONDS:
                return
            self._reported_at, packets = now, list(reports)
        self._reports += 1
        if self._path is not None:
            self._path.unnumbered(sum(len(bytes(packet)) for packet in packets) + WIRE_OCTETS, time.monotonic())
        await super()._send_rtcp(packets)

    async def _run_rtp(self, codec: RTCRtpCodecParameters) -> None:
        self._payload_type, self.codec = codec.payloadType, codec.mimeType.lower()
        self._RTCRtpSender__rtp_started.set()  # type: ignore[attr-defined]
        self._open = True
        try:
            await self._events.ready()
            await asyncio.get_running_loop().create_future()
        finally:
            self._open = False
            # Megabytes of a patient who has gone, should anybody still hold this object.
            self._past.clear()
            self._repairs.clear()
            self._RTCRtpSender__rtp_exited.set()  # type: ignore[attr-defined]

    async def _handle_rtcp_packet(self, packet: Any) -> None:
        if isinstance(packet, RtcpRrPacket | RtcpSrPacket):
            await super()._handle_rtcp_packet(packet)
            for report in packet.reports:
                if report.ssrc == self._ssrc:
                    self._known = True
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
        elif time.monotonic() - kept[2] >= self._round_trip():
            if self._path is None or not self._picture:
                if self._path is None or not self._path.crowded:
                    await self._send_again(sequence_number)
            elif sequence_number not in self._repairs:
                self._repairs.append(sequence_number)

    def _round_trip(self) -> float:
        round_trip: float | None = self._RTCRtpSender__rtt  # type: ignore[attr-defined]
        return min(ROUND_TRIP_MAX, round_trip) if round_trip and round_trip > 0 else RETRANSMIT_AGAIN_SECONDS

    async def _send_again(self, sequence_number: int) -> None:
        kept = self._past.get(sequence_number % HISTORY)
        if kept is None or kept[0].sequence_number != sequence_number:
            return
        packet, left, _ = kept
        late = REPAIR_SECONDS + REPAIR_ROUND_TRIPS * self._round_trip()
        if self._credit < len(packet.payload) or (self._picture and time.monotonic() - left > late):
            self._events.unrepaired()
            return
        self._credit -= len(packet.payload)
        self._past[sequence_number % HISTORY] = (packet, left, time.monotonic())
        payload_type = self._RTCRtpSender__rtx_payload_type  # type: ignore[attr-defined]
        if payload_type is not None:
            packet = wrap_rtx(packet, payload_type=payload_type, sequence_number=self._again, ssrc=self._rtx_ssrc)
            self._again = (self._again + 1) % 65536
        await self._put(packet)
