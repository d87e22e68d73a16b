"""The call of the open encounter: who has it, which generation lives, when to ask for another one."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable

import structlog
from msgspec.structs import replace

from gateway.media.events import PeerState
from gateway.store import StoreError
from gateway.store.records import CallRecord
from protocol.quality import CallQuality
from protocol.readings import Chunk
from protocol.signalling import (
    CallAnswer,
    CallAssigned,
    CallCandidate,
    CallLeft,
    CallRefused,
    CallRejoin,
    PeerAway,
)

from .bindings import Signer
from .chart import Chart
from .delivery import Situations
from .errors import BindingRefused
from .generation import Generation
from .seams import Media, Relay, code_of
from .states import IN_CALL, STEPS, State, Step

log = structlog.get_logger()

REJOIN_AFTER_SECONDS = 3.0
"""Silence is said after 3 s; three more and the network under the connection has changed for good."""

OPENING_SECONDS = 15.0
"""From the offer to media: ten round trips of 600 ms with losses."""

REJOIN_AGAIN_SECONDS = 5.0
"""The relay raises a generation at once; an answer that did not come was lost with a socket."""

HEAL_SECONDS = 1.0
"""Once the relay is in reach again what fell silent is given this: its own checks, four a second, are quicker than a
socket to the relay, and the offer of a new generation ends what just came back."""

LOOK_SECONDS = 0.5
"""How often the timers above are looked at."""

SILENT = "call.silent"
"""It stands, but nothing comes."""


def rejoin_cause(state: PeerState, waited: float) -> str | None:
    """Why a new generation is needed, or None. `waited`: seconds in this state."""
    if state is PeerState.closed:
        return "call.peer_closed"
    if state is PeerState.interrupted and waited > REJOIN_AFTER_SECONDS:
        return SILENT
    if state is PeerState.connecting and waited > OPENING_SECONDS:
        return "call.no_answer"
    return None


class CallDesk:
    """All of the call but its data."""

    def __init__(self, chart: Chart, media: Media, relay: Relay, signer: Signer, desk: Situations,
                 clock: Callable[[], float] = time.monotonic) -> None:
        self._chart = chart
        self._media = media
        self._relay = relay
        self._signer = signer
        self._desk = desk
        self._clock = clock
        self._tasks: asyncio.TaskGroup | None = None
        self._current: Generation | None = None
        self._task: asyncio.Task[None] | None = None
        self._poke = asyncio.Event()
        self._away = False
        self._asked_at: float | None = None
        self._reached_since: float | None = None
        self.code: str | None = None
        """Why there is no picture, for the kiosk."""

    def begin(self, tasks: asyncio.TaskGroup) -> None:
        """Generations run in `tasks` from now on."""
        self._tasks = tasks

    async def run(self) -> None:
        """Watch the connection until cancelled."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._poke.wait()
            self._poke.clear()
            try:
                await self._look()
            except StoreError as error:
                log.error("call.unsaved", code=error.code)

    def committed(self) -> None:
        """There is a new event."""
        if self._current is not None and self._current.delivery is not None:
            self._current.delivery.committed()

    def changed(self) -> None:
        """The situation may be another one."""
        if self._current is not None and self._current.delivery is not None:
            self._current.delivery.changed()

    def live(self, chunk: Chunk) -> None:
        """A chunk to show now."""
        if self._current is not None and self._current.delivery is not None:
            self._current.delivery.live(chunk)

    @property
    def current(self) -> Generation | None:
        """The attempt that lives, or was the last to."""
        return self._current

    def tell(self, quality: CallQuality) -> None:
        """To the doctor's page, if nothing waits on its way there."""
        if self._current is not None and self._current.delivery is not None:
            self._current.delivery.tell(quality)

    def relay_up(self, resumed: bool) -> None:
        """The link is back. A session that was lost took our unanswered offer with it."""
        self._asked_at = None
        self._away = False if not resumed else self._away
        current = self._current
        if not resumed and current is not None and current.state is PeerState.connecting:
            current.since = self._clock() - OPENING_SECONDS
        self._poke.set()

    async def assigned(self, body: CallAssigned) -> None:
        """A doctor has the call, or it has a new generation: make the offer. Raises StoreError."""
        async with self._chart.turn():
            record = self._chart.record
            if record is None or record.encounter_id != body.encounter_id:
                self._relay.send(CallLeft(call_id=body.call_id, finished=True, by=""))
                return
            state = self._chart.state
            if Step.assigned not in STEPS[state]:
                # The nurse was quicker: our snapshot, on its way or said again, ends the call at the relay.
                self.say_state()
                return
            call = record.call if state in IN_CALL else None
            if call is not None and call.call_id == body.call_id and body.generation <= call.generation:
                self._said_again(body)
                return
            doctors = record.doctors if body.doctor in record.doctors else (*record.doctors, body.doctor)
            goes_on = call is not None and call.call_id == body.call_id
            await self._chart.move(Step.assigned, doctors=doctors, call=CallRecord(
                call_id=body.call_id, generation=body.generation, doctor=body.doctor,
                since=call.since if call is not None and goes_on else None,
                muted=call is not None and goes_on and call.muted))
            self._start(body)

    async def answered(self, body: CallAnswer) -> None:
        """The doctor's answer to our offer."""
        if (current := self._of(body.call_id, body.generation)) is not None:
            current.take(body)

    async def candidate(self, body: CallCandidate) -> None:
        """A candidate of the doctor's page."""
        if (current := self._of(body.call_id, body.generation)) is not None:
            await current.candidate(body)

    async def refused(self, body: CallRefused) -> None:
        """The doctor's page does not believe our binding. Raises StoreError."""
        if (current := self._of(body.call_id, body.generation)) is not None:
            current.refused = body.code
            await self._refuse(current, body.code)

    async def left(self, body: CallLeft) -> None:
        """The doctor ended the call, for good or for now. Raises StoreError."""
        async with self._chart.turn():
            record = self._chart.record
            if record is None or record.call is None or record.call.call_id != body.call_id \
                    or self._chart.state not in IN_CALL:
                return
            await self._chart.move(Step.finished if body.finished else Step.put_back)
            self.stop("" if body.finished else "call.doctor_left")
            self.say_state()

    async def away(self, body: PeerAway) -> None:
        """The doctor's line to the relay went or came back; media may go on without it."""
        record = self._chart.record
        if record is not None and record.call is not None and record.call.call_id == body.call_id:
            self._away = body.away
            self._asked_at = None
            if self._current is not None and not body.away and self._current.state is not PeerState.connected:
                # Its page needs as long as ours did to come back: the clocks start anew.
                self._current.since = self._clock()
            self._poke.set()

    def hang_up(self, by: str) -> None:
        """The nurse ended it: tell the doctor. The step was committed."""
        record = self._chart.record
        if record is not None and record.call is not None:
            self._relay.send(CallLeft(call_id=record.call.call_id, finished=True, by=by))
        self.stop("")

    def stop(self, code: str) -> None:
        """Close the peer connection; there is no call now."""
        self._away = False
        self._drop(code or None)

    def say_state(self) -> None:
        """The snapshot for the relay."""
        snapshot = self._chart.snapshot
        if snapshot is not None:
            self._relay.send(snapshot)

    def _of(self, call_id: str, generation: int) -> Generation | None:
        current = self._current
        if current is None or (current.call_id, current.number) != (call_id, generation):
            log.info("call.stale", generation=generation)
            return None
        return current

    def _said_again(self, body: CallAssigned) -> None:
        """The relay repeats an assignment: after its restart, or because we were away."""
        current = self._current
        if current is not None and current.number >= body.generation and current.state is not PeerState.closed:
            return
        self._poke.set()

    def _start(self, body: CallAssigned) -> None:
        if self._tasks is None:
            return
        self._drop("call.connecting")
        self._asked_at = None
        generation = Generation(number=body.generation, call_id=body.call_id, encounter_id=body.encounter_id,
                                doctor=body.doctor, ice_servers=body.ice_servers, moved=self._poke.set,
                                clock=self._clock)
        self._current = generation
        self._task = self._tasks.create_task(self._live(generation), name=f"call.{body.generation}")

    def _drop(self, code: str | None) -> None:
        self._current = None
        self._show(code)
        if self._task is not None:
            self._task.cancel()
            self._task = None

    async def _live(self, generation: Generation) -> None:
        try:
            await generation.run(self._media, self._chart.store, self._desk, self._signer, self._relay.send)
        except BindingRefused as refusal:
            log.error("call.binding_refused", code=refusal.code, **refusal.facts)
            self._relay.send(CallRefused(call_id=generation.call_id, generation=generation.number,
                                         code=refusal.code))
            try:
                await self._refuse(generation, refusal.code)
            except StoreError as error:
                log.error("call.unsaved", code=error.code)
        except Exception as error:
            # One attempt fails, the consultation goes on: the watch asks for the next generation.
            while isinstance(error, ExceptionGroup):
                error = error.exceptions[0]
            log.error("call.crashed", error=type(error).__name__, code=code_of(error))

    async def _refuse(self, generation: Generation, code: str) -> None:
        async with self._chart.turn():
            if self._current is generation:
                self._show(code)
                if self._chart.state in IN_CALL:
                    await self._chart.move(Step.lost)
        if self._task is not None and self._current is generation and asyncio.current_task() is not self._task:
            self._task.cancel()

    async def _look(self) -> None:
        record, current = self._chart.record, self._current
        if not self._relay.reached:
            self._reached_since = None
        elif self._reached_since is None:
            self._reached_since = self._clock()
        if record is None or record.call is None or self._chart.state not in IN_CALL:
            return
        if current is not None and current.refused is not None:
            return
        state = current.state if current is not None else PeerState.closed
        if state is PeerState.connected:
            if self._chart.state is not State.in_call or record.call.since is None:
                await self._settle(connected=True)
            self._show(None)
        elif state is not PeerState.connecting or record.call.since is not None:
            if self._chart.state is State.in_call:
                await self._settle(connected=False)
            self._show("call.interrupted")
        waited = self._clock() - current.since if current is not None else 0.0
        cause = rejoin_cause(state, waited)
        if cause is not None:
            self._ask_rejoin(record.call, cause)

    async def _settle(self, *, connected: bool) -> None:
        async with self._chart.turn():
            record = self._chart.record
            if record is None or record.call is None or self._chart.state not in IN_CALL:
                return
            call = record.call
            if connected and call.since is None:
                call = replace(call, since=self._chart.now())
            await self._chart.move(Step.connected if connected else Step.lost, call=call)

    def _ask_rejoin(self, call: CallRecord, cause: str) -> None:
        now = self._clock()
        # An absent page cannot answer, and a relay that is away cannot pass it on.
        # What is said into a dead socket arrives when the call has long come back by itself, and ends that one.
        if self._away or self._reached_since is None:
            return
        if cause == SILENT and now - self._reached_since < HEAL_SECONDS:
            return
        if self._asked_at is not None and now - self._asked_at < REJOIN_AGAIN_SECONDS:
            return
        self._asked_at = now
        log.info("call.rejoin", cause=cause, generation=call.generation)
        self._relay.send(CallRejoin(call_id=call.call_id, generation=call.generation, cause=cause))

    def _show(self, code: str | None) -> None:
        if code != self.code:
            self.code = code
            self._chart.changed()

