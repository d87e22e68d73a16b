"""Where a consultation stands, and what may follow.

    ready -> waiting -> in_call <-> interrupted -> after -> closed

`waiting` goes back to `ready` when the nurse leaves the queue; a call that ends without being
finished goes back to `waiting`. A call that changes its peer connection is `interrupted` until the new
one is up. An encounter in a call cannot be closed: the nurse hangs up first, so that nobody
closes a file while the doctor still speaks in it.
"""

from __future__ import annotations

import enum

from protocol.kiosk import Stage
from protocol.signalling import EncounterPhase

from .errors import Refused


class State(enum.StrEnum):
    """Where an encounter stands."""

    ready = "ready"
    waiting = "waiting"
    in_call = "in_call"
    interrupted = "interrupted"
    after = "after"
    closed = "closed"


class Step(enum.StrEnum):
    """What happens to it."""

    enter_waiting = "enter_waiting"
    leave_waiting = "leave_waiting"
    assigned = "assigned"
    connected = "connected"
    lost = "lost"
    put_back = "put_back"
    finished = "finished"
    hang_up = "hang_up"
    close = "close"


STEPS: dict[State, dict[Step, State]] = {
    State.ready: {Step.enter_waiting: State.waiting, Step.close: State.closed},
    State.waiting: {Step.leave_waiting: State.ready, Step.assigned: State.in_call, Step.close: State.closed},
    State.in_call: {Step.connected: State.in_call, Step.lost: State.interrupted, Step.assigned: State.interrupted,
                    Step.put_back: State.waiting, Step.finished: State.after, Step.hang_up: State.after},
    State.interrupted: {Step.connected: State.in_call, Step.lost: State.interrupted,
                        Step.assigned: State.interrupted, Step.put_back: State.waiting,
                        Step.finished: State.after, Step.hang_up: State.after},
    State.after: {Step.close: State.closed},
    State.closed: {},
}

IN_CALL = frozenset({State.in_call, State.interrupted})
"""States with a call."""

PHASES: dict[State, EncounterPhase] = {
    State.waiting: EncounterPhase.waiting,
    State.in_call: EncounterPhase.in_call,
    State.interrupted: EncounterPhase.in_call,
    State.after: EncounterPhase.after,
    State.closed: EncounterPhase.closed,
}
"""What the relay is told; an encounter that is `ready` and never waited is none of its business."""

STAGES: dict[State, Stage] = {State.ready: Stage.ready, State.waiting: Stage.waiting, State.in_call: Stage.in_call,
                              State.interrupted: Stage.interrupted, State.after: Stage.after}
"""What the kiosk shows of an open encounter."""


def follow(state: State, step: Step) -> State:
    """The state after a step; Refused(`encounter.step`) when it may not follow."""
    following = STEPS[state].get(step)
    if following is None:
        raise Refused("encounter.closed" if state is State.closed else "encounter.step", state=state, step=step)
    return following
