"""Which of several ways to the peer carries the call, and when it is left for another. Pure: facts and `now` in."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

QUIET_SECONDS = 0.1
"""Feedback for a picture comes each 50 to 100 ms; past it we ask ourselves."""

ASK_AGAIN_SECONDS = 0.15
"""Between questions on a way that is quiet: 120 octets each, 6 kbit/s, only while another way is there."""

STANDBY_SECONDS = 1.0
"""Between questions on a way that waits: 1 kbit/s keeps it known and its address translation open."""

PATIENCE_SECONDS = 0.3
"""A way that answers nothing for so long is left, if another one answers meanwhile."""

ONE_WAY_SECONDS = 2.0
"""Something is heard but no question is answered: what we send does not arrive."""

PATIENCE_MOST_SECONDS = 3.0
"""However slow it was: past it the whole path is said to be silent."""

HOLD_SECONDS = 10.0
"""A better way that came back must hold for so long before it is taken again."""

HOLD_MOST_SECONDS = 160.0
"""A way that keeps going and coming waits twice as long each time, up to this."""

CALM_SECONDS = 300.0
"""Without a failure for so long a way is trusted as before."""

SETTLING_SECONDS = 2.0
"""Whatever answered first carries the first packets; the best one is taken as soon as it answers."""


@dataclass(slots=True)
class Path:
    """One way: a pair of addresses that answered once. Times are monotonic seconds."""

    uplink: str
    rank: tuple[int, int]
    """Lower is better: the uplink's place in the configuration, then direct before relayed."""
    heard: float = 0.0
    answered: float | None = None
    asked: float = 0.0
    silent_since: float | None = None
    """The first question after the last thing heard; None: it was heard after every question."""
    unanswered_since: float | None = None
    """The first question after the last answer."""
    round_trip: float = 0.0
    steady_since: float | None = None
    gone: bool = False
    """Its address or its relay is no more."""

    def ask(self, now: float) -> None:
        """A question left."""
        self.asked = now
        if self.silent_since is None:
            self.silent_since = now
        if self.unanswered_since is None:
            self.unanswered_since = now

    def hear(self, now: float) -> None:
        """Anything of the peer's came."""
        self.heard = now
        self.silent_since = None

    def answer(self, asked: float, now: float) -> None:
        """The question of `asked` was answered, validly."""
        self.hear(now)
        measured = now - asked
        self.round_trip = measured if self.answered is None else 0.7 * self.round_trip + 0.3 * measured
        self.answered = now
        self.unanswered_since = None
        if self.steady_since is None:
            self.steady_since = now

    def excuse(self, seconds: float) -> None:
        """Nobody listened for so long: answers may wait unread, and the time counts against no way."""
        if self.silent_since is not None:
            self.silent_since += seconds
        if self.unanswered_since is not None:
            self.unanswered_since += seconds

    def alive(self, now: float) -> bool:
        """Whether it answers as it should."""
        if self.gone or self.answered is None:
            return False
        patience = min(PATIENCE_MOST_SECONDS, max(PATIENCE_SECONDS, 1.5 * self.round_trip + 0.15))
        if self.silent_since is not None and now - self.silent_since > patience:
            return False
        late = max(ONE_WAY_SECONDS, 3 * self.round_trip)
        return self.unanswered_since is None or now - self.unanswered_since <= late

    def due(self, now: float, *, used: bool, doubt: bool) -> bool:
        """Whether to ask now. `doubt`: the used way is quiet, and the others are wanted."""
        if self.gone:
            return False
        if used:
            return now - self.asked >= (ASK_AGAIN_SECONDS if now - self.heard >= QUIET_SECONDS else STANDBY_SECONDS)
        return now - self.asked >= (ASK_AGAIN_SECONDS if doubt else STANDBY_SECONDS)


class Chooser:
    """Decides; remembers how often it had to."""

    def __init__(self, started: float) -> None:
        self._started = started
        self._failures: dict[str, tuple[int, float]] = {}

    def hold(self, uplink: str, now: float) -> float:
        """How long this uplink must have been steady before it is taken back, seconds."""
        count, last = self._failures.get(uplink, (0, 0.0))
        if count == 0 or now - last > CALM_SECONDS:
            return HOLD_SECONDS
        return min(HOLD_MOST_SECONDS, HOLD_SECONDS * 2.0 ** (count - 1))

    def choose(self, used: Path, others: Iterable[Path], now: float) -> Path:
        """The path to use from now on, `used` itself most of the time."""
        alive = sorted((path for path in others if path.alive(now)), key=lambda path: path.rank)
        for path in (used, *others):
            if not path.alive(now):
                path.steady_since = None
        if not used.alive(now):
            since = used.silent_since or used.unanswered_since or now
            # Something must have come over the other way since: both may have gone together.
            fresh = [path for path in alive if used.gone or path.heard > since]
            if fresh:
                self._failed(used.uplink, now)
                return fresh[0]
            return used
        for path in alive:
            if path.rank < used.rank and path.steady_since is not None:
                settling = now - self._started < SETTLING_SECONDS and path.uplink not in self._failures
                # On one uplink there is nothing to flap between: relayed was used until direct answered.
                if settling or path.uplink == used.uplink or now - path.steady_since >= self.hold(path.uplink, now):
                    return path
        return used

    def _failed(self, uplink: str, now: float) -> None:
        count, last = self._failures.get(uplink, (0, 0.0))
        self._failures[uplink] = (1 if now - last > CALM_SECONDS else count + 1, now)
