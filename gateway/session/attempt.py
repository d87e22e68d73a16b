"""One attempt at a peer connection, whoever is at the other end: its state, the answer and the candidates that come.

A rejoin is a new object with a higher number. What is offered, and by what an answer is believed, is the subclass's.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from typing import Generic, TypeVar

import structlog

from gateway.media.events import MediaError, PeerState
from protocol.guest_signalling import GuestAnswer, GuestCandidate
from protocol.signalling import CallAnswer, CallCandidate

from .errors import BindingRefused
from .seams import GuestLine

log = structlog.get_logger()

EARLY_CANDIDATES = 64
"""Candidates that come before the answer is verified; a page on every network of a laptop has about 30."""

LineT = TypeVar("LineT", bound=GuestLine)
AnswerT = TypeVar("AnswerT", CallAnswer, GuestAnswer)
CandidateT = TypeVar("CandidateT", CallCandidate, GuestCandidate)


class Attempt(Generic[LineT, AnswerT, CandidateT]):
    """Implements `PeerEvents`. `moved` is called in the loop whenever `state` changed; `subject` begins the codes of
    what is logged.

    `refused` is a code when a binding did not hold: nothing is tried again without a new generation.
    """

    def __init__(self, subject: str, number: int, moved: Callable[[], None], clock: Callable[[], float]) -> None:
        self.number = number
        self.state = PeerState.connecting
        self.since = clock()
        self.refused: str | None = None
        self._subject = subject
        self._moved = moved
        self._clock = clock
        self._answer: asyncio.Future[AnswerT | None] = asyncio.get_running_loop().create_future()
        self._early: deque[CandidateT] = deque()
        self._peer: LineT | None = None
        self._say: Callable[[CandidateT], None] | None = None
        self._verified = False
        self._closed = asyncio.Event()

    @property
    def line(self) -> LineT | None:
        """The peer connection; None before it was made."""
        return self._peer

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
            self._say(self._our_candidate(candidate))

    def channel_open(self, channel: str) -> None:
        """From the peer."""

    def channel_message(self, channel: str, data: str | bytes) -> None:
        """From the peer."""

    def take(self, answer: AnswerT) -> None:
        """The page's answer; only the first one counts."""
        if not self._answer.done():
            self._answer.set_result(answer)

    async def candidate(self, candidate: CandidateT) -> None:
        """A candidate of the page; it waits until the answer is verified."""
        if self._verified and self._peer is not None:
            await self._add(self._peer, candidate)
        elif len(self._early) < EARLY_CANDIDATES:
            self._early.append(candidate)
        else:
            log.warning(f"{self._subject}.candidates_many")

    def _our_candidate(self, candidate: str) -> CandidateT:
        raise NotImplementedError

    async def _live(self, made: Awaitable[LineT], lived: Callable[[LineT], Awaitable[None]]) -> None:
        """Make the peer, let it live, close it; returns when the connection is over. Raises BindingRefused."""
        try:
            peer = self._peer = await made
            try:
                await lived(peer)
            finally:
                await peer.close()
        except MediaError as error:
            log.warning(f"{self._subject}.media", code=error.code)
        finally:
            self.peer_state(PeerState.closed)

    @contextlib.contextmanager
    def _refusing(self) -> Iterator[None]:
        try:
            yield
        except BindingRefused as refusal:
            # Known before the peer closes: what was refused does not ask for its next generation.
            self.refused = refusal.code
            raise

    async def _apply(self, peer: LineT, sdp: str) -> None:
        """A verified answer, and the candidates that were quicker. Raises MediaError."""
        await peer.answer(sdp)
        self._verified, self.since = True, self._clock()
        while self._early:
            await self._add(peer, self._early.popleft())

    async def _add(self, peer: LineT, candidate: CandidateT) -> None:
        try:
            await peer.candidate(candidate.candidate, candidate.sdp_mid, candidate.sdp_m_line_index)
        except MediaError as error:
            log.warning(f"{self._subject}.candidate", code=error.code)
