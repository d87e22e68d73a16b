"""The peer connections over an uplink: to the doctor's page, to a guest's."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from functools import partial

import structlog
from aiortc import RTCDataChannel, RTCIceServer

from protocol.channels import BULK, CONTROL, WAVEFORM
from protocol.values import IceServer

from . import sdp as descriptions
from .events import PeerEvents, PeerState
from .forward import Inlet, Route, SoundOutlet, VoiceOutlet
from .hooks import GatewayConnection
from .path import Path
from .peers import H264, OPUS, VP8, Peer, PeerOwner
from .picture_outlet import CameraOutlet
from .sctp import hasten
from .sound import SoundPacket

BUFFER_BYTES = {CONTROL: 1024 * 1024, WAVEFORM: 16 * 1024, BULK: 64 * 1024}
"""Unsent bytes a channel may hold: a whole encounter said again; three seconds of ECG, older is asked for
again; four parts of a still, so that little stands before what is live."""

WAVEFORM_SCANT_BYTES = 1536
"""Unsent waveform that a thin path may hold back: a second of one lead. Older is not live."""

LOW_WATER_BYTES = {CONTROL: 64 * 1024, WAVEFORM: 4 * 1024, BULK: 16 * 1024}
"""Where a writer that waits goes on."""

_log = structlog.get_logger()


class RemotePeer(Peer):
    """Over an uplink, whose rate is followed: voice both ways, the picture out, the other side's camera in. Further
    lines and their outlets are the subclass's."""

    def __init__(self, connection: GatewayConnection, events: PeerEvents, owner: PeerOwner, route: Route,
                 camera: CameraOutlet, path: Path) -> None:
        super().__init__(connection, events, owner)
        self.path = path
        self.voice_in, self.voice_out = Inlet(route), VoiceOutlet(route, path)
        self.voice_out.broke = partial(self.fail, "voice")
        self.picture_in = Inlet(route)
        self._wide = True
        self.camera = camera
        self.inlets = (self.voice_in, self.picture_in)
        voice = connection.add("audio", "sendrecv", OPUS, stream="vehicle", sending=self.voice_out, forwarded=True,
                               receiving=self.voice_in)
        # A stream of its own: where the path is thin, the voice would wait for lips or the picture for words.
        room = connection.add("video", "sendonly", H264, stream="room", sending=camera, fallback=VP8)
        theirs = connection.add("video", "recvonly", VP8, receiving=self.picture_in)
        self.voice_in.bind(voice.receiver)
        self.voice_out.bind(voice.sender)
        self.picture_in.bind(theirs.receiver)
        camera.bind(room.sender)
        self._kinds = ("audio", "video", "video")
        self._outlets: tuple[VoiceOutlet | CameraOutlet | SoundOutlet | None, ...] = (self.voice_out, camera, None)
        self._path_agreed = False

    def _agree(self, agreed: descriptions.Agreed) -> None:
        packing = self.voice_out.packing
        packing.red, packing.opus_type = agreed.red, agreed.opus_type
        camera = self._kinds.index("video")
        if camera not in agreed.numbered or self._connection.dtls is None:
            _log.info("path.simple")
            return
        self._path_agreed = True
        self.path.agree()
        for index, outlet in enumerate(self._outlets):
            if outlet is not None and outlet.sender is not None:
                outlet.sender.follow(self.path, descriptions.NUMBERS_ID if index in agreed.numbered else None,
                                     descriptions.DELAY_ID if index in agreed.prompt else 0)
        self._connection.dtls.feedback_came = lambda fci: self.path.feedback(fci, time.monotonic())
        self._connection.dtls.data_left = lambda octets: self.path.data(octets, time.monotonic())

    def _become(self, state: PeerState) -> None:
        if state is PeerState.connected and self._path_agreed and not self.path.wide:
            self._path_agreed = False
            self.path.widen(time.monotonic())
        super()._become(state)


class GuestPeer(RemotePeer):
    """To a guest's page: nothing but voices and pictures. No readings, no channels."""


class DoctorPeer(RemotePeer):
    """To the doctor's page: the stethoscope out and three channels besides."""

    def __init__(self, connection: GatewayConnection, events: PeerEvents, owner: PeerOwner, route: Route,
                 camera: CameraOutlet, path: Path) -> None:
        super().__init__(connection, events, owner, route, camera, path)
        self.stethoscope = SoundOutlet()
        # A stream of its own: it waits for no lips, and is never mixed with the voice.
        stethoscope = connection.add("audio", "sendonly", OPUS, stream="stethoscope", sending=self.stethoscope)
        self.stethoscope.bind(stethoscope.sender)
        self._kinds = (*self._kinds, "audio", "application")
        self._outlets = (*self._outlets, self.stethoscope)
        self._channels = {
            CONTROL: connection.createDataChannel(CONTROL),
            WAVEFORM: connection.createDataChannel(WAVEFORM, ordered=False, maxRetransmits=0),
            BULK: connection.createDataChannel(BULK),
        }
        self._low = {label: asyncio.Event() for label in self._channels}
        for label, channel in self._channels.items():
            channel.bufferedAmountLowThreshold = LOW_WATER_BYTES[label]
            self._listen(label, channel)
        if connection.data is not None:
            connection.data.thin, connection.data.silent = lambda: path.scant, lambda: path.silent
            connection.data.room = lambda: path.may_tell(time.monotonic())
        # The page opens no channels of its own; one that does gets no listener and no memory.
        connection.on("datachannel", lambda channel: channel.close())

    def send(self, channel: str, data: str | bytes) -> bool:
        """Queue one message; False when the channel is not open, its buffer full, or the path too thin for one that is
        live or can wait (the message is dropped)."""
        target = self._channels[channel]
        size = len(data.encode() if isinstance(data, str) else data)
        if self._state is PeerState.closed or target.readyState != "open":
            return False
        if target.bufferedAmount + size > BUFFER_BYTES[channel]:
            return False
        if (channel == WAVEFORM and not self.path.may_trace()) or (channel == BULK and self.path.held):
            return False
        if channel == WAVEFORM and self.path.scant and target.bufferedAmount > WAVEFORM_SCANT_BYTES:
            return False
        target.send(data)
        if channel != BULK:
            slower = (WAVEFORM, BULK) if channel == CONTROL else (BULK,)
            hasten(target, [self._channels[label] for label in slower])
        return True

    async def send_sound(self, packet: SoundPacket) -> None:
        """One packet of the stethoscope's."""
        with self.alone("stethoscope"):
            await self.stethoscope.send(packet)

    def buffered(self, channel: str) -> int:
        """Bytes that wait to be sent."""
        return int(self._channels[channel].bufferedAmount)

    async def drained(self, channel: str) -> None:
        """Until no more than the low-water mark waits. PeerClosed when the connection ends first."""
        low = self._low[channel]
        while True:
            self._assert_open()
            if self.buffered(channel) <= LOW_WATER_BYTES[channel]:
                return
            low.clear()
            await low.wait()

    def _listen(self, label: str, channel: RTCDataChannel) -> None:
        channel.on("open", lambda: self._tell(lambda: self._events.channel_open(label)))
        channel.on("message", lambda data: self._tell(lambda: self._events.channel_message(label, data)))
        channel.on("bufferedamountlow", self._low[label].set)
        channel.on("close", self._low[label].set)

    def _become(self, state: PeerState) -> None:
        super()._become(state)
        if state is PeerState.closed:
            for low in self._low.values():
                low.set()


def ice_servers(servers: Sequence[IceServer]) -> list[RTCIceServer]:
    """The library's form."""
    return [RTCIceServer(urls=list(server.urls), username=server.username or None,
                         credential=server.credential or None) for server in servers]
