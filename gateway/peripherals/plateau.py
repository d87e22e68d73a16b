"""When a value that is told once a second has become a result: a plateau of what the instrument itself calls valid.

What is stored is a frame the instrument sent, never an average of ours (I3). Pure.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from decimal import Decimal
from typing import Final, Generic, TypeVar

from protocol.readings import Quantity

from .codes import RR_INTERVAL
from .measured import Measured

STABLE_S: Final = 8.0
"""Oximeters average over four to eight beats: after eight seconds the finger's first guesses have left the mean."""

AGAIN_S: Final = 30.0
"""While it stays on, at most one result in this time: a trend, not a flood."""

GAP_S: Final = 4.0
"""Three missing frames begin the plateau anew."""


LEAVING_S: Final = 8.0
"""A result at the end is worth storing when the last one is at least this old."""

SPREAD: Final[Mapping[int, Decimal]] = {
    150456: Decimal(2), 150588: Decimal(2),
    149530: Decimal(10), 147842: Decimal(10),
}
"""By MDC code, how far the values of a plateau may lie apart: saturation in %, rates in /min. An oximeter's own
accuracy is 2 % (ISO 80601-2-61, 201.12.1.101.2), a resting heart varies with the breath by ten beats."""

TAKEN_OFF: Final = frozenset({"no_finger", "no_contact"})
LOOKING: Final = frozenset({"early_estimated_data", "signal_analysis_ongoing", "searching"})
LATE_S: Final = 12.0
"""Taking a finger out disturbs it for a few seconds, and a lost link is noticed after six: what was level before that
was measured then, not now."""

SURE: Final = frozenset({"validated_data", "fully_qualified_data"})

F = TypeVar("F")


class Plateau(Generic[F]):
    """Follows one instrument while it measures. `F` is the frame that becomes the result."""

    def __init__(self) -> None:
        self._window: deque[tuple[float, Mapping[int, Decimal]]] = deque()
        self._stable: tuple[float, F] | None = None
        self._stored_at: float | None = None

    def told(self, values: Mapping[int, Decimal], frame: F, at: float) -> F | None:
        """A valid frame heard `at` (monotonic seconds); returns the one to be stored now, if any."""
        if self._window and at - self._window[-1][0] > GAP_S:
            self._window.clear()
        self._window.append((at, values))
        while len(self._window) > 1 and at - self._window[1][0] >= STABLE_S:
            self._window.popleft()
        if not self._level(at):
            return None
        self._stable = (at, frame)
        if self._stored_at is not None and at - self._stored_at < AGAIN_S:
            return None
        self._stored_at = at
        return frame

    def interrupted(self) -> None:
        """A frame without a valid value: what comes after is a new plateau."""
        self._window.clear()

    def ended(self, at: float) -> F | None:
        """Taken off, or out of reach, noticed `at`: the last frame of the plateau, when it is not as good as stored
        and still of now. The next value begins a new measurement."""
        stable, stored_at = self._stable, self._stored_at
        self._window.clear()
        self._stable = self._stored_at = None
        if stable is None or at - stable[0] > LATE_S:
            return None
        if stored_at is not None and stable[0] - stored_at < LEAVING_S:
            return None
        return stable[1]

    def _level(self, at: float) -> bool:
        if at - self._window[0][0] < STABLE_S:
            return False
        codes = self._window[-1][1].keys()
        if not codes:
            return False
        for code in codes:
            values = [told[code] for _, told in self._window if code in told]
            if len(values) != len(self._window) or max(values) - min(values) > SPREAD.get(code, Decimal("Infinity")):
                return False
        return True


def shown(measured: Measured) -> tuple[Quantity, ...]:
    """What a running value shows on the kiosk; the intervals between beats are for the file."""
    return tuple(q for q in measured.quantities if q.value is not None and q.mdc != RR_INTERVAL.mdc)


def unsure(measured: Measured) -> bool:
    """Whether an oximeter is still looking (PLXS 1.0.1, 3.1.1.5 and 3.1.1.6): shown, not a result."""
    looking = not LOOKING.isdisjoint(measured.status)
    return looking or ("measurement_ongoing" in measured.status and SURE.isdisjoint(measured.status))
