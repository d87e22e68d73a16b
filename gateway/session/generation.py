"""One attempt at a peer connection with the doctor's page: offer, verified answer, channels, end.

A rejoin is a new object with a higher number.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence

import structlog

from gateway.media.events import MediaError, PeerState
from gateway.store import Store
from protocol.signalling import CallAnswer, CallCandidate, CallOffer
from protocol.values import DoctorCard, IceServer

from .bindings import Expected, Signer, check_answer, offer_binding
from .delivery import Delivery, Situations
from .errors import BindingRefused
from .seams import Media, Peer, code_of

log = structlog.get_logger()

EARLY_CANDIDATES = 64
"""Candidates that come before the answer is verified; a page on every network of a laptop has about 30."""


class Generation:
    """Implements `PeerEvents`. `moved` is called in the loop whenever `state` changed.

    `refused` is a code when a binding did not hold: nothing is tried again without a new generation.
    """

    def __init__(self, *, number: int, call_id: str, encounter_id: str, doctor: DoctorCard,
                 ice_servers: Sequence[IceServer], moved: Callable[[], None], clock: Callable[[], float]) -> None:
        self.number = number
        self.call_id = call_id
        self.encounter_id = encounter_id
        self.doctor = doctor
        self.state = PeerState.connecting
        self.since = clock()
        self.refused: str | None = None
        self.asked_at: float | None = None
        self.delivery: Delivery | None = None
        self._ice_servers = ice_servers
        self._moved = moved
        self._clock = clock
        self._answer: asyncio.Future[CallAnswer | None] = asyncio.get_running_loop().create_future()
        self._early: deque[CallCandidate] = deque()
        self._peer: Peer | None = None
        self._say: Callable[[CallOffer | CallCandidate], None] | None = None
        self._verified = False
        self._closed = asyncio.Event()

    def peer_state(self, state: PeerState) -> None:
        """From the peer."""
        if state is self.state or self.state is PeerState.closed:
            return
        self.state, self.since = state, self._clock()
        if state is PeerState.closed:
            self._closed.set()
            if not self._answer.done():
                self._answer.set_result(None)
        self._moved()

    def local_candidate(self, candidate: str) -> None:
        """From the peer: another uplink or a slow server answered."""
        if self._say is not None and self.state is not PeerState.closed:
            self._say(CallCandidate(call_id=self.call_id, generation=self.number, candidate=candidate, sdp_mid="0"))

    def channel_open(self, channel: str) -> None:
        """From the peer."""
        if self.delivery is not None:
            self.delivery.opened(channel)

    def channel_message(self, channel: str, data: str | bytes) -> None:
        """From the peer."""
        if self.delivery is not None:
            self.delivery.message(channel, data)

    def take(self, answer: CallAnswer) -> None:
        """The doctor's answer; only the first one counts."""
        if not self._answer.done():
            self._answer.set_result(answer)

    async def candidate(self, candidate: CallCandidate) -> None:
        """A candidate of the doctor's page; it waits until the answer is verified."""
        if self._verified and self._peer is not None:
            await self._add(self._peer, candidate)
        elif len(self._early) < EARLY_CANDIDATES:
            self._early.append(candidate)
        else:
            log.warning("call.candidates_many")

    async def run(self, media: Media, store: Store, desk: Situations, signer: Signer,
                  send: Callable[[CallOffer | CallCandidate], None]) -> None:
        """Offer, verify, deliver; returns when the connection is over. Raises BindingRefused.

        Nothing but the offer leaves before the answer's binding holds (I5).
        """
        try:
            peer = self._peer = await media.doctor_peer(self._ice_servers, self)
            try:
                sdp = await peer.offer()
                expected = Expected(self.call_id, self.number, self.doctor.doctor_id, peer.fingerprint)
                send(CallOffer(call_id=self.call_id, generation=self.number, sdp=sdp,
                               binding=offer_binding(signer, expected)))
                self._say = send
                answer = await self._answer
                if answer is not None:
                    self._check(answer, expected, signer)
                    await self._deliver(peer, answer.sdp, store, desk)
            finally:
                await peer.close()
        except MediaError as error:
            log.warning("call.media", code=error.code)
        finally:
            self.peer_state(PeerState.closed)

    def _check(self, answer: CallAnswer, expected: Expected, signer: Signer) -> None:
        try:
            check_answer(answer, expected, signer)
        except BindingRefused as refusal:
            # Known before the peer closes: a refused call does not ask for its next generation.
            self.refused = refusal.code
            raise

    async def _deliver(self, peer: Peer, sdp: str, store: Store, desk: Situations) -> None:
        self.delivery = Delivery(peer, store, self.encounter_id, desk, self._clock)
        try:
            await peer.answer(sdp)
            self._verified = True
            self.since = self._clock()
            while self._early:
                await self._add(peer, self._early.popleft())
            async with asyncio.TaskGroup() as tasks:
                running = tasks.create_task(self.delivery.run(), name="delivery")
                await self._closed.wait()
                running.cancel()
        except* MediaError as group:
            log.warning("call.media", codes=[code_of(error) for error in group.exceptions])
        finally:
            self.delivery = None

    async def _add(self, peer: Peer, candidate: CallCandidate) -> None:
        try:
            await peer.candidate(candidate.candidate, candidate.sdp_mid, candidate.sdp_m_line_index)
        except MediaError as error:
            log.warning("call.candidate", code=error.code)
