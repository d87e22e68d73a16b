"""One attempt at a peer connection with a guest's page: offer, verified answer, end. A rejoin is a new object."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

import structlog

from gateway.media.events import MediaError, PeerState
from protocol.binding import Side
from protocol.signalling import GuestAnswer, GuestCandidate, GuestEntered, GuestOffer

from .errors import BindingRefused
from .generation import EARLY_CANDIDATES
from .guest_bindings import GuestExpected, check_guest_answer, guest_offer_binding
from .seams import GuestLine, Media

log = structlog.get_logger()

Said = GuestOffer | GuestCandidate


class GuestGeneration:
    """Implements `PeerEvents`. `moved` is called in the loop whenever `state` changed.

    `refused` is a code when a binding did not hold: nothing is tried again without a new generation.
    """

    def __init__(self, entered: GuestEntered, key: bytes, moved: Callable[[], None],
                 clock: Callable[[], float]) -> None:
        self.number = entered.generation
        self.state = PeerState.connecting
        self.since = clock()
        self.refused: str | None = None
        self._entered = entered
        self._key = key
        self._moved = moved
        self._clock = clock
        self._answer: asyncio.Future[GuestAnswer | None] = asyncio.get_running_loop().create_future()
        self._early: deque[GuestCandidate] = deque()
        self._peer: GuestLine | None = None
        self._say: Callable[[Said], None] | None = None
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
            self._say(GuestCandidate(call_id=self._entered.call_id, guest_id=self._entered.guest.guest_id,
                                     host=Side.vehicle, generation=self.number, candidate=candidate, sdp_mid="0"))

    def channel_open(self, channel: str) -> None:
        """A guest's connection has no channels."""

    def channel_message(self, channel: str, data: str | bytes) -> None:
        """As above."""

    def take(self, answer: GuestAnswer) -> None:
        """The guest's answer; only the first one counts."""
        if not self._answer.done():
            self._answer.set_result(answer)

    async def candidate(self, candidate: GuestCandidate) -> None:
        """A candidate of the guest's page; it waits until the answer is verified."""
        if self._verified and self._peer is not None:
            await self._add(self._peer, candidate)
        elif len(self._early) < EARLY_CANDIDATES:
            self._early.append(candidate)
        else:
            log.warning("guest.candidates_many")

    async def run(self, media: Media, send: Callable[[Said], None]) -> None:
        """Offer, verify, let media flow; returns when the connection is over. Raises BindingRefused.

        Nothing but the offer leaves before the answer's binding holds (I5).
        """
        try:
            peer = self._peer = await media.guest_peer(self._entered.ice_servers, self)
            try:
                sdp = await peer.offer()
                expected = GuestExpected(self._entered.call_id, self._entered.guest.guest_id, self.number,
                                         peer.fingerprint, self._key)
                send(GuestOffer(call_id=expected.call_id, guest_id=expected.guest_id, generation=self.number, sdp=sdp,
                                binding=guest_offer_binding(expected)))
                self._say = send
                answer = await self._answer
                if answer is not None:
                    self._check(answer, expected)
                    await peer.answer(answer.sdp)
                    self._verified, self.since = True, self._clock()
                    while self._early:
                        await self._add(peer, self._early.popleft())
                    await self._closed.wait()
            finally:
                await peer.close()
        except MediaError as error:
            log.warning("guest.media", code=error.code)
        finally:
            self.peer_state(PeerState.closed)

    def _check(self, answer: GuestAnswer, expected: GuestExpected) -> None:
        try:
            check_guest_answer(answer, expected)
        except BindingRefused as refusal:
            # Known before the peer closes: what was refused does not ask for its next generation.
            self.refused = refusal.code
            raise

    async def _add(self, peer: GuestLine, candidate: GuestCandidate) -> None:
        try:
            await peer.candidate(candidate.candidate, candidate.sdp_mid, candidate.sdp_m_line_index)
        except MediaError as error:
            log.warning("guest.candidate", code=error.code)
