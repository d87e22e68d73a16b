"""Private hooks of aiortc 1.16 (docs/adr/media-hooks.md): one connection with our ICE, DTLS, SCTP and packets.

With `sending`, `receiving`, `sctp` and `ice` the only modules that lean on names the library does not promise;
`tests/contract/test_media_hooks.py` fails when an upgrade moves one.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, cast

from aiortc import (
    RTCBundlePolicy,
    RTCConfiguration,
    RTCIceGatherer,
    RTCIceServer,
    RTCIceTransport,
    RTCPeerConnection,
    RTCRtpTransceiver,
)
from aiortc.rtcdtlstransport import RTCDtlsParameters, RTCDtlsTransport
from aiortc.rtcrtpparameters import RTCRtpCodecCapability

from . import servers as ice_servers
from .congestion.feedback import messages
from .dtls import GuardedDtls
from .ice import GatewayIce
from .interfaces import Address
from .receiving import PacketReceiver, ReceiverEvents
from .sctp import GatewaySctp
from .sending import PacketSender, SenderEvents


class GatewayDtls(GuardedDtls):
    """DTLS with one fingerprint in the description: the binding signs one (protocol.binding)."""

    feedback_came: Callable[[bytes], None] | None = None
    """Transport-wide feedback, which speaks of all streams and is routed to none."""

    data_left: Callable[[int], None] | None = None
    """Octets of an SCTP packet that leaves."""

    async def _handle_rtcp_data(self, data: bytes) -> None:
        if not self.bears(data):
            return
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
        self.data: GatewaySctp | None = None
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

    async def abandon(self, seconds: float) -> None:
        """After a `close` that did not come to its end: each part ends by itself, so that one that hangs or fails keeps
        none of the others. Takes `seconds` at most; no socket is left open, whoever cancels it."""
        lines = self.getTransceivers()
        parts = [*(line.receiver for line in lines), *(line.sender for line in lines), self.data, self.dtls,
                 self.dtls.transport if self.dtls is not None else None]
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await asyncio.gather(*(part.stop() for part in parts if part is not None), return_exceptions=True)
        finally:
            self.drop()

    def drop(self) -> None:
        """Close the sockets at once."""
        if self.ice is not None:
            self.ice.drop()

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

    def _RTCPeerConnection__createSctpTransport(self) -> None:
        private = cast(Any, self)
        super()._RTCPeerConnection__createSctpTransport()  # type: ignore[misc]
        library = private._RTCPeerConnection__sctp
        sctp = self.data = GatewaySctp(library.transport)
        sctp._bundled, sctp.mid = library._bundled, None
        private._RTCPeerConnection__sctp = sctp
        sctp.on("datachannel", lambda channel: self.emit("datachannel", channel))
