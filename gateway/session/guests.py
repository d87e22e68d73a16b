"""The guests of the call (third persons): who may enter, which connection lives, who is out.

The doctor's page says the link's key inside the verified call (`guest_invited`); the relay says who came
(`guest_entered`). Only with both is an offer made. The key lives in memory: after a restart the page says it again.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

import structlog

from gateway.media.events import PeerState
from gateway.media.path import CallFigures
from protocol.binding import Side
from protocol.channels import GuestInvited
from protocol.guest_signalling import (
    GuestAnswer,
    GuestAway,
    GuestCandidate,
    GuestEntered,
    GuestLeft,
    GuestRefused,
    GuestRejoin,
)
from protocol.guests import GuestCard, GuestRole, GuestState, GuestView

from .call import LOOK_SECONDS, OPENING_SECONDS, REJOIN_AGAIN_SECONDS, rejoin_cause
from .chart import Chart
from .errors import BindingRefused, Refused
from .guest_bindings import octets
from .guest_generation import GuestGeneration
from .seams import Media, Relay, code_of
from .states import IN_CALL

log = structlog.get_logger()

GUESTS_AT_ONCE = 3
"""As the relay has it: the picture leaves once more for each."""

GUESTS_KEPT = 30
"""As many as the relay invites to one call, those who left among them."""


@dataclass(frozen=True, slots=True)
class GuestPath:
    """How the connection with one guest goes, without a name. `seat`: from 1, the lowest that was free when it came,
    its own until it leaves; `generation`: which attempt this is; `figures`: None before there can be a picture."""

    seat: int
    role: GuestRole
    state: GuestState
    generation: int
    figures: CallFigures | None


@dataclass
class _Guest:
    """One of them. `entered` is the newest word of the relay, `left` is for good."""

    card: GuestCard
    key: bytes | None = field(default=None, repr=False)
    expires_at: datetime | None = None
    entered: GuestEntered | None = None
    generation: GuestGeneration | None = None
    task: asyncio.Task[None] | None = None
    asked_at: float | None = None
    away: bool = False
    seen: bool = False
    """Whether it was ever there."""
    left: bool = False
    expired: bool = False
    """Nobody came by the link in time, as far as our clock knows."""
    state: GuestState = GuestState.invited
    since: datetime | None = None
    seat: int = 0
    """0: it had no attempt yet."""

    def standing(self) -> GuestState:
        if self.left or self.expired:
            return GuestState.left
        if self.generation is not None and self.generation.state is PeerState.connected:
            return GuestState.present
        if self.entered is None:
            return GuestState.invited
        return GuestState.away if self.away or self.seen else GuestState.connecting


class GuestDesk:
    """Of the call of now; all of it ends with that call. `changed` is called when `views` may differ."""

    def __init__(self, chart: Chart, media: Media, relay: Relay, changed: Callable[[], None],
                 clock: Callable[[], float] = time.monotonic) -> None:
        self._chart = chart
        self._media = media
        self._relay = relay
        self._changed = changed
        self._clock = clock
        self._tasks: asyncio.TaskGroup | None = None
        self._guests: dict[str, _Guest] = {}
        self._call_id: str | None = None
        self._poke = asyncio.Event()

    def begin(self, tasks: asyncio.TaskGroup) -> None:
        """Connections run in `tasks` from now on."""
        self._tasks = tasks

    async def run(self) -> None:
        """Watch the connections until cancelled."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS if self._guests else None):
                    await self._poke.wait()
            self._poke.clear()
            self._look()

    @property
    def views(self) -> tuple[GuestView, ...]:
        """Invited to this call, in it, or gone from it; the longest invited first."""
        return tuple(GuestView(guest=guest.card, state=guest.state, since=guest.since)
                     for guest in self._guests.values())

    @property
    def paths(self) -> tuple[GuestPath, ...]:
        """One a guest that came and did not leave, as of now; ask once a second."""
        return tuple(sorted((
            GuestPath(guest.seat, guest.card.role, guest.state, guest.generation.number,
                      self._media.guest_figures(line) if (line := guest.generation.line) is not None else None)
            for guest in self._guests.values() if guest.generation is not None and not guest.left),
            key=lambda path: path.seat))

    # From the doctor's page, inside the call

    def invited(self, message: GuestInvited) -> None:
        """This guest may enter; said again it changes nothing. Raises Refused(`call.none`, `guest.too_many`)."""
        if self._current_call() is None:
            raise Refused("call.none")
        known = self._guests.get(message.guest.guest_id)
        if known is not None and known.left:
            return
        if known is None or known.key is None:
            keys = sum(guest.key is not None and not guest.expired for guest in self._guests.values())
            if keys >= GUESTS_AT_ONCE:
                raise Refused("guest.too_many")
        guest = self._of(message.guest)
        # The first key counts: what is said again says the same one.
        guest.key = guest.key or octets(message.key)
        guest.card, guest.expires_at = message.guest, message.expires_at
        self._start(guest)
        self._poke.set()

    def removed(self, guest_id: str) -> None:
        """The doctor ends its part; the page says it to the relay too."""
        self._out(guest_id)

    # From the nurse

    def remove(self, guest_id: str, by: str) -> None:
        """Out at once, then for good. Raises Refused(`guest.unknown`)."""
        call_id, guest = self._current_call(), self._guests.get(guest_id)
        if guest is None or call_id is None:
            raise Refused("guest.unknown")
        if not guest.left:
            self._relay.send(GuestLeft(call_id=call_id, guest_id=guest_id, by=by))
        self._out(guest_id)

    # From the relay

    async def signalled(self, body: GuestEntered | GuestAnswer | GuestCandidate | GuestRefused | GuestAway
                        | GuestLeft) -> None:
        """One message about a guest; what is about another call or an older attempt is dropped."""
        if body.call_id != self._current_call():
            log.info("guest.stale", message=type(body).__name__)
            return
        match body:
            case GuestEntered():
                self._entered(body)
            case GuestAnswer():
                if (generation := self._live(body.guest_id, body.generation)) is not None:
                    generation.take(body)
            case GuestCandidate():
                if (generation := self._live(body.guest_id, body.generation)) is not None:
                    await generation.candidate(body)
            case GuestRefused():
                if (generation := self._live(body.guest_id, body.generation)) is not None:
                    log.error("guest.binding_refused", code=body.code, by="guest")
                    generation.refused = body.code
                    self._stop(self._guests[body.guest_id])
            case GuestAway():
                if (guest := self._guests.get(body.guest_id)) is not None:
                    self._away(guest, body.away)
            case GuestLeft():
                self._out(body.guest_id)
        self._poke.set()

    def relay_up(self, resumed: bool) -> None:
        """The link is back. A session that was lost took our unanswered offers with it."""
        for guest in self._guests.values():
            guest.asked_at = None
            generation = guest.generation
            if not resumed and generation is not None and generation.state is PeerState.connecting:
                generation.since = self._clock() - OPENING_SECONDS
        self._poke.set()

    def settle(self) -> None:
        """End everything when there is no call any more, or it became another one. Cheap: called on every change of
        the chart."""
        if self._call_id is not None and self._current_call() != self._call_id:
            guests, self._guests, self._call_id = self._guests, {}, None
            for guest in guests.values():
                self._stop(guest)
            self._poke.set()

    # Inside

    def _entered(self, body: GuestEntered) -> None:
        guest = self._of(body.guest)
        if guest.left or (guest.entered is not None and body.generation <= guest.entered.generation):
            return
        guest.entered, guest.away, guest.asked_at = body, False, None
        self._stop(guest)
        self._start(guest)

    def _of(self, card: GuestCard) -> _Guest:
        """Raises Refused(`guest.too_many`)."""
        guest = self._guests.get(card.guest_id)
        if guest is None:
            if len(self._guests) >= GUESTS_KEPT:
                raise Refused("guest.too_many")
            self._call_id = self._current_call()
            guest = self._guests[card.guest_id] = _Guest(card)
        return guest

    def _start(self, guest: _Guest) -> None:
        if guest.key is None or guest.entered is None or self._tasks is None:
            return
        if guest.generation is not None and guest.generation.number >= guest.entered.generation:
            return
        if not guest.seat:
            taken = {other.seat for other in self._guests.values() if not other.left}
            guest.seat = next(seat for seat in itertools.count(1) if seat not in taken)
        generation = guest.generation = GuestGeneration(guest.entered, guest.key, self._poke.set, self._clock)
        guest.task = self._tasks.create_task(self._run(guest, generation), name=f"guest.{generation.number}")

    async def _run(self, guest: _Guest, generation: GuestGeneration) -> None:
        try:
            await generation.run(self._media, self._relay.send)
        except BindingRefused as refusal:
            log.error("guest.binding_refused", code=refusal.code, **refusal.facts)
            if guest.entered is not None:
                self._relay.send(GuestRefused(call_id=guest.entered.call_id, guest_id=guest.card.guest_id,
                                              host=Side.vehicle, generation=generation.number, code=refusal.code))
        except Exception as error:
            # One attempt fails, the call goes on: the watch asks for the next generation.
            while isinstance(error, ExceptionGroup):
                error = error.exceptions[0]
            log.error("guest.crashed", error=type(error).__name__, code=code_of(error))

    def _stop(self, guest: _Guest) -> None:
        if guest.task is not None:
            guest.task.cancel()
            guest.task = None

    def _out(self, guest_id: str) -> None:
        guest = self._guests.get(guest_id)
        if guest is not None and not guest.left:
            guest.left, guest.key = True, None
            self._stop(guest)
            self._show(guest)
            log.info("guest.left")

    def _away(self, guest: _Guest, away: bool) -> None:
        guest.away, guest.asked_at = away, None
        generation = guest.generation
        if generation is not None and not away and generation.state is not PeerState.connected:
            # Its page needs as long as ours did to come back: the clocks start anew.
            generation.since = self._clock()

    def _live(self, guest_id: str, number: int) -> GuestGeneration | None:
        guest = self._guests.get(guest_id)
        if guest is None or guest.left or guest.generation is None or guest.generation.number != number:
            log.info("guest.stale", generation=number)
            return None
        return guest.generation

    def _look(self) -> None:
        now = self._chart.now()
        for guest in self._guests.values():
            guest.expired = guest.entered is None and guest.expires_at is not None and now >= guest.expires_at
            generation = guest.generation
            if generation is not None and not guest.left:
                guest.seen = guest.seen or generation.state is PeerState.connected
                waited = self._clock() - generation.since
                cause = None if generation.refused else rejoin_cause(generation.state, waited)
                if cause is not None:
                    self._ask_rejoin(guest, generation, cause)
            self._show(guest)

    def _ask_rejoin(self, guest: _Guest, generation: GuestGeneration, cause: str) -> None:
        now = self._clock()
        # An absent page cannot answer, and a relay that is away cannot pass it on.
        if guest.away or guest.entered is None or not self._relay.reached:
            return
        if guest.asked_at is not None and now - guest.asked_at < REJOIN_AGAIN_SECONDS:
            return
        guest.asked_at = now
        log.info("guest.rejoin", cause=cause, generation=generation.number)
        self._relay.send(GuestRejoin(call_id=guest.entered.call_id, guest_id=guest.card.guest_id, host=Side.vehicle,
                                     generation=generation.number, cause=cause))

    def _show(self, guest: _Guest) -> None:
        state = guest.standing()
        if state is not guest.state or guest.since is None:
            guest.state, guest.since = state, self._chart.now()
            self._changed()

    def _current_call(self) -> str | None:
        record = self._chart.record
        if record is None or record.call is None or self._chart.state not in IN_CALL:
            return None
        return record.call.call_id
