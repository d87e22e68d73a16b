"""One call between a vehicle and a doctor: its states and generations. Pure; `now` is monotonic, in seconds."""

from __future__ import annotations

import enum
from dataclasses import dataclass, replace

from protocol.signalling import Role

REJOIN_SECONDS = 0.5
"""Two generations a second at most: setting a peer connection up costs the vehicle 150 ms of a core."""


class CallState(enum.Enum):
    """A call is open from the doctor's click until one of the two leaves."""

    open = "open"
    left = "left"
    finished = "finished"


STEPS: dict[CallState, frozenset[CallState]] = {
    CallState.open: frozenset({CallState.left, CallState.finished}),
    # The doctor went, the encounter waits again; the next taker opens another call.
    CallState.left: frozenset(),
    CallState.finished: frozenset(),
}


class Step(enum.Enum):
    """What became of a message about a call."""

    made = enum.auto()
    stale = enum.auto()
    """It speaks of an older generation or of a call that has ended: dropped without a word."""
    ahead = enum.auto()
    """It speaks of a generation that does not exist yet: refused."""


@dataclass(frozen=True)
class Call:
    """One call. `generation` counts the peer connections tried for it, from 1."""

    call_id: str
    encounter_id: str
    vehicle_id: str
    doctor_id: str
    generation: int = 1
    state: CallState = CallState.open

    def peer_of(self, role: Role, owner: str) -> bool:
        """Whether this vehicle or doctor is one of the two; a guest never is."""
        return (role, owner) in ((Role.vehicle, self.vehicle_id), (Role.doctor, self.doctor_id))

    def heard(self, generation: int) -> Step:
        """Whether a message of this generation still goes to the other end."""
        if generation > self.generation:
            return Step.ahead
        return Step.made if generation == self.generation and self.state is CallState.open else Step.stale

    def rejoined(self) -> Call:
        """The call with its next generation."""
        return replace(self, generation=self.generation + 1)

    def ended(self, *, finished: bool) -> Call:
        """The call after one of the two left. ValueError: it had ended."""
        state = CallState.finished if finished else CallState.left
        if state not in STEPS[self.state]:
            raise ValueError(f"a call that is {self.state.value} cannot become {state.value}")
        return replace(self, state=state)


class RejoinPace:
    """When each call may have its next generation."""

    def __init__(self) -> None:
        self._raised: dict[str, float] = {}

    def wait(self, call_id: str, now: float) -> float:
        """Seconds until the next generation may start; 0.0 now."""
        raised = self._raised.get(call_id)
        return 0.0 if raised is None else max(0.0, raised + REJOIN_SECONDS - now)

    def raised(self, call_id: str, now: float) -> None:
        """A generation has started."""
        self._raised[call_id] = now

    def forget(self, call_id: str) -> None:
        """The call has ended."""
        self._raised.pop(call_id, None)
