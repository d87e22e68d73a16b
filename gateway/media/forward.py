"""Who hears and sees whom: the kiosk's microphone to every doctor, one doctor to the kiosk, undecoded.

Nothing is queued here: a packet that comes in goes out in the same turn of the event loop, or nowhere.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Protocol

from aiortc import RTCRtpReceiver, RTCRtpSender

from .congestion.budget import VoiceForm
from .path import Path
from .rate import KeyframeGate
from .receiving import PacketReceiver
from .sdp import RED_PAYLOAD_TYPE
from .sending import PacketSender
from .sound import SoundPacket
from .splice import Packet, Splice
from .voice import VoicePacking

OPUS_RATE, VIDEO_RATE = 48_000, 90_000
"""RTP clocks (RFC 7587, section 4.1; RFC 7741, section 4.1)."""

VP8 = "video/vp8"

REPEATED_AFTER = 2
"""Packets of a voice between one and its repetition, for who takes no RED (Firefox): a burst of two is survived, and
the receiver need not wait longer than for RED of as many."""


class Inlet:
    """One incoming stream. `targets` is asked for each packet: peers come and go."""

    def __init__(self, route: Route) -> None:
        self._origin = object()
        """Who remembers where a packet came from keeps no peer of before alive."""
        self._route = route
        self._gate = KeyframeGate()
        self.receiver: PacketReceiver | None = None
        self.last_packet = float("-inf")

    def bind(self, receiver: RTCRtpReceiver) -> None:
        """The m-line's receiver."""
        assert isinstance(receiver, PacketReceiver)
        self.receiver = receiver

    async def packet(self, packet: Packet) -> None:
        """Hand it on at once."""
        self.last_packet = time.monotonic()
        for outlet in self._route.targets(self):
            try:
                await outlet.forward(self._origin, packet, self.last_packet)
            except Exception as error:
                # It is of this one's receiver alone: the others still get theirs.
                outlet.broke(error)

    def sync(self, ssrc: int, ntp: int, timestamp: int) -> None:
        """The source's clock pair goes on, so that sound and picture stay in step."""
        for outlet in self._route.targets(self):
            outlet.sync(self._origin, ssrc, ntp, timestamp)

    def want_keyframe(self) -> None:
        """Sent by `tick`, so that many requests become one."""
        self._gate.want()

    async def tick(self, now: float) -> None:
        """Pass on a keyframe request that is due; one that finds no picture yet is repeated later."""
        if self.receiver is not None and self._gate.due(now) and not await self.receiver.request_keyframe():
            self._gate.want()


class Route(Protocol):
    """Where an incoming stream goes, and whence an outgoing one comes, now."""

    def targets(self, inlet: Inlet) -> Iterable[Outlet]:
        """Outlets that play this inlet."""

    def source(self, outlet: Outlet) -> Inlet | None:
        """The inlet this outlet plays."""


class Outlet:
    """One outgoing stream made of forwarded packets."""

    def __init__(self, route: Route, clock_rate: int, vp8: bool = False) -> None:
        self._route = route
        self._splice = Splice(clock_rate, vp8)
        self._video = vp8
        self.sender: PacketSender | None = None
        self.broke: Callable[[Exception], None] = _nobody
        """Told of what a packet met here."""

    def bind(self, sender: RTCRtpSender) -> None:
        """The m-line's sender."""
        assert isinstance(sender, PacketSender)
        self.sender = sender

    async def forward(self, origin: object, packet: Packet, now: float) -> None:
        """Send a packet on under our numbering."""
        if self.sender is None or not self.sender.open:
            return
        ours = self._splice.take(origin, packet, now)
        if ours is not None:
            await self.sender.write(ours.payload, ours.timestamp, ours.marker, ours.sequence_number)

    def sync(self, origin: object, ssrc: int, ntp: int, timestamp: int) -> None:
        """A sender report of the source."""
        if self.sender is not None and self._splice.plays(origin, ssrc):
            self.sender.sync(ntp, self._splice.timestamp(timestamp))

    async def ready(self) -> None:
        """A new viewer sees nothing before a keyframe."""
        await self.keyframe_wanted()

    async def keyframe_wanted(self) -> None:
        """Up to the source, at once when its gate allows."""
        inlet = self._route.source(self) if self._video else None
        if inlet is not None:
            inlet.want_keyframe()
            await inlet.tick(time.monotonic())

    def unrepaired(self) -> None:
        """The page asks for a keyframe itself when its picture stands still."""

    def remb(self, bits_per_second: int) -> None:
        """The kiosk is on loopback: its estimate says nothing about the doctor's uplink."""

    def report(self, highest_number: int, lost: int) -> None:
        """As `remb`."""


def _nobody(error: Exception) -> None:
    raise error


class VoiceOutlet(Outlet):
    """The kiosk's voice to a doctor, packed as the path needs it."""

    def __init__(self, route: Route, path: Path) -> None:
        super().__init__(route, OPUS_RATE)
        self._path = path
        self.packing = VoicePacking()

    async def forward(self, origin: object, packet: Packet, now: float) -> None:
        """As the other, but numbered anew: there may be fewer packets than came, or none into an outage."""
        if self.sender is None or not self.sender.open:
            return
        ours = self._splice.take(origin, packet, now)
        if ours is None or not self._path.may_speak(now):
            return
        for spoken in self.packing.take(ours.payload, ours.timestamp, ours.marker, self._path.voice):
            await self.sender.write(spoken.payload, spoken.timestamp, spoken.marker,
                                    payload_type=RED_PAYLOAD_TYPE if spoken.redundant else None)
            if self._path.voice is VoiceForm.red and not self.packing.red:
                await self.sender.repeat(REPEATED_AFTER)


class SoundOutlet:
    """The stethoscope's packets to one peer: at once, before any picture, never left out."""

    def __init__(self) -> None:
        self.sender: PacketSender | None = None

    def bind(self, sender: RTCRtpSender) -> None:
        """The m-line's sender."""
        assert isinstance(sender, PacketSender)
        self.sender = sender

    async def send(self, packet: SoundPacket) -> None:
        """One packet; the marker opens a spurt (RFC 3551, section 4.1)."""
        if self.sender is not None:
            await self.sender.write(packet.payload, packet.timestamp, packet.first)

    async def ready(self) -> None:
        """Nothing is sent until somebody listens."""

    async def keyframe_wanted(self) -> None:
        """Sound has none."""

    def unrepaired(self) -> None:
        """The receiver conceals it."""

    def remb(self, bits_per_second: int) -> None:
        """Receivers estimate over pictures only."""

    def report(self, highest_number: int, lost: int) -> None:
        """The picture gives way, not the sound."""
