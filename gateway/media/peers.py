"""One peer connection's life each: the doctor's page, a guest's page, the kiosk's page. A reconnect is a new object."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Protocol

import structlog
from aiortc import RTCDataChannel, RTCIceServer, RTCSessionDescription
from aiortc.exceptions import InvalidStateError
from aiortc.rtcicetransport import candidate_from_aioice
from aiortc.rtcrtpparameters import RTCRtpCodecCapability
from aiortc.sdp import candidate_from_sdp, candidate_to_sdp

from protocol.channels import BULK, CONTROL, WAVEFORM
from protocol.values import IceServer

from . import sdp as descriptions
from .encoder import EncodedFrame
from .events import MediaRefused, PeerClosed, PeerEvents, PeerState
from .forward import OPUS_RATE, VIDEO_RATE, Inlet, Route, SoundOutlet, VoiceOutlet
from .hooks import GatewayConnection
from .ice import Candidate, PathView
from .path import Path
from .picture_outlet import CameraOutlet
from .sctp import hasten
from .sound import SoundPacket

SILENCE_SECONDS = 2.5
"""A way that is quiet for a second is asked seven times a second from then on (`ice`); with the watchdog's own step a
dead one is said in under 3 s. A round trip of less than 1.5 s is not taken for one."""

SETUP_SECONDS = 15.0
"""From the answer to DTLS done: ten round trips of 600 ms with losses; past it another attempt is quicker."""

ANSWER_SECONDS = 60.0
"""From the offer to the answer: a doctor's page that says nothing for so long is gone."""

CLOSE_SECONDS = 3.0
"""The library closes within a second; longer means it hangs on a dead socket."""

ABANDON_SECONDS = 1.0
"""For the parts of one that hung: none of them waits for the network. With the above less than a room of the gateway
has to end (`gateway.app.ROOM_SECONDS`)."""

H264 = RTCRtpCodecCapability(mimeType="video/H264", clockRate=VIDEO_RATE, parameters={
    "level-asymmetry-allowed": "1", "packetization-mode": "1", "profile-level-id": "42e01f"})
VP8 = RTCRtpCodecCapability(mimeType="video/VP8", clockRate=VIDEO_RATE)
OPUS = RTCRtpCodecCapability(mimeType="audio/opus", clockRate=OPUS_RATE, channels=2)

BUFFER_BYTES = {CONTROL: 1024 * 1024, WAVEFORM: 16 * 1024, BULK: 64 * 1024}
"""Unsent bytes a channel may hold: a whole encounter said again; three seconds of ECG, older is asked for
again; four parts of a still, so that little stands before what is live."""

LOW_WATER_BYTES = {CONTROL: 64 * 1024, WAVEFORM: 4 * 1024, BULK: 16 * 1024}
"""Where a writer that waits goes on."""

_log = structlog.get_logger()


class PeerOwner(Protocol):
    """The engine, as its peers see it."""

    def peer_changed(self) -> None:
        """A peer connected, opened a stream or ended."""

    def retire(self, peer: Peer, closing: asyncio.Task[None]) -> None:
        """It is over; `closing` gives back what it holds, never fails, and is waited for before the engine ends."""


class Peer:
    """What both peers share: states, timers, the description exchange."""

    def __init__(self, connection: GatewayConnection, events: PeerEvents, owner: PeerOwner) -> None:
        self._connection = connection
        self._events = events
        self._owner = owner
        self._state = PeerState.connecting
        self._since = time.monotonic()
        self._answered = False
        self._closing: asyncio.Task[None] | None = None
        self._kinds: tuple[str, ...] = ()
        self._wide = False
        """Whether the offer asks for transport-wide feedback."""
        self._early: list[str] = []
        self.inlets: tuple[Inlet, ...] = ()
        self.camera: CameraOutlet | None = None
        connection.on("connectionstatechange", self._connection_changed)

    @property
    def state(self) -> PeerState:
        """Where it stands."""
        return self._state

    @property
    def local_candidate(self) -> tuple[str, str]:
        """Our address on the pair in use and its kind (RFC 8445, 5.1.1); empty before there is one."""
        ice = self._connection.ice
        candidate = ice.local_candidate_in_use() if ice is not None else None
        return ("", "") if candidate is None else candidate

    @property
    def fingerprint(self) -> str:
        """SHA-256 of our DTLS certificate, upper case with colons."""
        return self._connection.fingerprint

    async def offer(self) -> str:
        """The complete offer, candidates included; takes up to `ice.GATHER_SECONDS`. PeerClosed when over."""
        self._assert_open()
        try:
            await self._connection.setLocalDescription(await self._connection.createOffer())
        except InvalidStateError as error:
            raise PeerClosed("closed while it gathered") from error
        self._since = time.monotonic()
        if self._connection.ice is not None:
            self._connection.ice.trickle = self._found
        return descriptions.finish_offer(self._connection.localDescription.sdp, wide=self._wide)

    async def answer(self, sdp: str) -> None:
        """Take the other side's answer. MediaRefused says why not; PeerClosed when over."""
        self._assert_open()
        if self._answered:
            raise MediaRefused("media.answer_late", "this offer was answered already")
        usable = descriptions.check_answer(sdp, self._kinds)
        self._answered = True
        self._since = time.monotonic()
        try:
            self._agree(descriptions.agreed(usable))
            await self._connection.setRemoteDescription(RTCSessionDescription(sdp=usable, type="answer"))
        except Exception as error:
            # The library's parser meets hostile text here and may raise anything; half applied, the
            # connection is of no more use.
            _log.warning("media.answer_refused", error=type(error).__name__)
            self._end()
            raise MediaRefused("media.sdp_bad", f"the answer does not fit: {type(error).__name__}") from error
        early, self._early = self._early, []
        for candidate in (*map(descriptions.read_candidate, descriptions.candidates(usable)),
                          *map(descriptions.Candidate, early)):
            if candidate is not None:
                await self._add_candidate(candidate.text)

    async def candidate(self, candidate: str, sdp_mid: str = "", sdp_m_line_index: int = 0) -> None:
        """A late candidate (RFC 8838); empty ends them. All m-lines share one transport, so both indices are moot."""
        self._assert_open()
        if not candidate:
            return
        read = descriptions.read_candidate(candidate)
        if read is None:
            return
        if self._answered:
            await self._add_candidate(read.text)
        elif len(self._early) < descriptions.CANDIDATES_MAX:
            self._early.append(read.text)

    async def close(self) -> None:
        """End it, and wait until all it held is given back. Who is cancelled here waits no longer, the closing goes on;
        who calls again waits for the same one."""
        self._end()
        if self._closing is not None:
            await asyncio.wait((self._closing,))

    async def tick(self, now: float) -> None:
        """Called a few times a second: timers and keyframe requests."""
        with self.alone("tick"):
            self._watch(now)
            for inlet in self.inlets:
                await inlet.tick(now)
            if self.camera is not None and self.camera.open:
                self.camera.tick(now)

    async def drive(self, now: float) -> None:
        """Called each few ms: what the path asks for, and packets of a picture that wait for it."""
        if self.camera is not None and self.camera.rate is not None:
            with self.alone("path"):
                await self.camera.drive(now)

    async def send_frame(self, frame: EncodedFrame) -> None:
        """One picture of the room camera."""
        if self.camera is not None and self.camera.open:
            with self.alone("picture"):
                backlog = self._connection.ice.backlog() if self._connection.ice is not None else 0
                if frame.lane is self.camera.playing:
                    self.camera.lines = frame.lines
                await self.camera.send(frame.payloads, frame.timestamp, frame.keyframe, backlog, frame.lane)

    @contextlib.contextmanager
    def alone(self, part: str) -> Iterator[None]:
        """What goes wrong inside ends this peer, whose call gets a fresh one, and neither the room nor another peer."""
        try:
            yield
        except Exception as error:
            self.fail(part, error)

    def fail(self, part: str, error: Exception) -> None:
        """As above, for who has caught it."""
        if self._state is not PeerState.closed:
            _log.error("media.peer_failed", part=part, peer=type(self).__name__, error=type(error).__name__)
        self._end()

    @property
    def paths(self) -> tuple[PathView, ...]:
        """The ways to the other side that answer or answered, the used one among them."""
        return self._connection.ice.paths() if self._connection.ice is not None else ()

    def _watch(self, now: float) -> None:
        ice = self._connection.ice
        silent = ice is not None and now - ice.heard >= SILENCE_SECONDS
        if self._state is PeerState.connecting:
            limit = SETUP_SECONDS if self._answered else ANSWER_SECONDS
            if now - self._since > limit:
                _log.warning("media.setup_late", answered=self._answered)
                self._end()
        elif self._state is PeerState.connected and silent:
            self._become(PeerState.interrupted)
        elif self._state is PeerState.interrupted and not silent:
            self._become(PeerState.connected)

    def _found(self, candidate: Candidate) -> None:
        text = "candidate:" + candidate_to_sdp(candidate_from_aioice(candidate))
        self._tell(lambda: self._events.local_candidate(text))

    def _agree(self, agreed: descriptions.Agreed) -> None:
        """What the answer grants of an offer's wishes."""

    async def _add_candidate(self, text: str) -> None:
        try:
            candidate = candidate_from_sdp(text)
        except (ValueError, AssertionError, IndexError) as error:
            raise MediaRefused("media.candidate_bad", "not an ICE candidate") from error
        ice = self._connection.ice
        if ice is None:
            return
        await self._connection.getTransceivers()[0].receiver.transport.transport.addRemoteCandidate(candidate)

    def _connection_changed(self) -> None:
        state = self._connection.connectionState
        if state == "connected" and self._state is PeerState.connecting:
            self._become(PeerState.connected)
        elif state in ("failed", "closed"):
            self._end()

    def _end(self) -> None:
        if self._state is not PeerState.closed:
            self._state = PeerState.closed
            self._closing = asyncio.create_task(self._release(), name="media.peer_closes")
            self._owner.retire(self, self._closing)
            self._become(PeerState.closed)

    async def _release(self) -> None:
        """Cancelled only with the loop itself: then the sockets at least are closed."""
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._connection.close()
            return
        except TimeoutError:
            _log.warning("media.close_late")
        except asyncio.CancelledError:
            # One of the library's own tasks, cancelled by its close, is not our end.
            if (task := asyncio.current_task()) is None or task.cancelling():
                raise
            _log.warning("media.close_cut")
        except Exception as error:
            # What one peer's socket says at its end must not end the others.
            _log.error("media.close_failed", error=type(error).__name__)
        finally:
            self._connection.drop()
        await self._connection.abandon(ABANDON_SECONDS)

    def _become(self, state: PeerState) -> None:
        self._state = state
        self._tell(lambda: self._events.peer_state(state))
        self._owner.peer_changed()

    def _tell(self, call: Callable[[], None]) -> None:
        try:
            call()
        except Exception as error:
            # It runs inside the library's receive loop, which a listener's mistake must not end.
            _log.error("media.listener_failed", error=type(error).__name__)

    def _assert_open(self) -> None:
        if self._state is PeerState.closed:
            raise PeerClosed("the peer connection is over")


class RemotePeer(Peer):
    """Over an uplink, whose rate is followed: voice both ways, the picture out, the other side's camera in. Further
    lines and their outlets are the subclass's."""

    def __init__(self, connection: GatewayConnection, events: PeerEvents, owner: PeerOwner, route: Route,
                 camera: CameraOutlet, path: Path) -> None:
        super().__init__(connection, events, owner)
        self.path = path
        self.voice_in, self.voice_out = Inlet(self, route), VoiceOutlet(route, path)
        self.voice_out.broke = partial(self.fail, "voice")
        self.picture_in = Inlet(self, route)
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
