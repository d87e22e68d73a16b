"""One peer connection's life: states, timers, descriptions, its end. A reconnect is a new object.

Whose it is stands in `remote_peers` (the doctor's page, a guest's) and `kiosk_peer`.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator
from typing import Protocol

import structlog
from aiortc import RTCSessionDescription
from aiortc.exceptions import InvalidStateError
from aiortc.rtcicetransport import candidate_from_aioice
from aiortc.rtcrtpparameters import RTCRtpCodecCapability
from aiortc.sdp import candidate_from_sdp, candidate_to_sdp

from . import sdp as descriptions
from .encoder import EncodedFrame
from .events import MediaRefused, PeerClosed, PeerEvents, PeerState
from .forward import OPUS_RATE, VIDEO_RATE, Inlet
from .hooks import GatewayConnection
from .ice import Candidate, PathView
from .picture_outlet import CameraOutlet

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

_log = structlog.get_logger()


class PeerOwner(Protocol):
    """The engine, as its peers see it."""

    def peer_changed(self) -> None:
        """A peer connected, opened a stream or ended."""

    def retire(self, peer: Peer, closing: asyncio.Task[None]) -> None:
        """It is over; `closing` gives back what it holds, never fails, and is waited for before the engine ends."""


class Peer:
    """What all peers share: states, timers, the description exchange."""

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
        silent = ice is not None and (ice.lapsed or now - ice.heard >= SILENCE_SECONDS)
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
