"""When to doubt the Bluetooth adapter, and what to do about it: signs and `now` in, one step out. Pure.

The ladder is the one that keeps unattended radios alive in the field: throw away the record that BlueZ holds of a
device, take the adapter down and up, start the Bluetooth service anew. Each step costs a healthy adapter little and
a rung that did not help is not taken again before a rest that grows, so that an empty village square, which sounds
like a deaf adapter, does not wear it out.
"""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final


class Step(enum.StrEnum):
    """One rung, least harm first."""

    record = "record"
    """Hang up connections nobody holds, remove records without a bond (Adapter1.RemoveDevice)."""
    power = "power"
    """Adapter1.Powered off and on: the controller is reset, bonds stay."""
    service = "service"
    """bluetoothd starts anew: bonds stay on its disk."""


class Doubt(enum.StrEnum):
    """Why the adapter is not trusted."""

    silent = "silent"
    refusing = "refusing"
    hung = "hung"
    missing = "missing"
    off = "off"


class Sign(enum.Enum):
    """What the radio notices."""

    listening = "listening"
    """Discovery was asked for and granted."""
    deafened = "deafened"
    """Discovery ended: a rest of ours, or a failure."""
    heard = "heard"
    """An advertisement, or something said on a connection."""
    linked = "linked"
    """A connection stands. It holds every step back: it proves the adapter, and a step would cut it."""
    parted = "parted"
    """A connection ended."""
    refused = "refused"
    """A connection could not be made with a device that had just advertised."""
    stuck = "stuck"
    """Refused because BlueZ has not finished with an earlier one (InProgress)."""
    hung = "hung"
    """A call on D-Bus was not answered."""
    missing = "missing"
    """No adapter, or no BlueZ."""
    off = "off"
    """An adapter without power."""
    expected = "expected"
    """A person waits for an instrument now: silence is no longer likely to be an empty place."""


LADDERS: Final = MappingProxyType({
    Doubt.silent: (Step.record, Step.power, Step.service),
    Doubt.refusing: (Step.record, Step.power, Step.service),
    # Its records can't be asked of a service that does not answer.
    Doubt.hung: (Step.power, Step.service),
    # Nothing to power: a crashed service is all that we can mend; a pulled plug is a person's.
    Doubt.missing: (Step.service,),
    Doubt.off: (Step.power, Step.service),
})

CURES: Final = MappingProxyType({
    Doubt.silent: frozenset({Sign.heard, Sign.linked}),
    Doubt.refusing: frozenset({Sign.linked}),
    Doubt.hung: frozenset({Sign.listening, Sign.linked}),
    Doubt.missing: frozenset({Sign.listening}),
    Doubt.off: frozenset({Sign.listening}),
})
"""What ends a doubt. An adapter can hear and yet refuse: only a connection proves connecting."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds, and counts."""

    silence_s: float = 90.0
    """Without any advertisement: a scanner that others count as dead (habluetooth). With `settle_s` twice it leaves
    the last rung 14 s of the 120 within which a deaf adapter must hear again."""
    settle_s: float = 8.0
    """For a rung to show its effect: whoever advertises does so every 10 s at most, most every second."""
    absent_s: float = 30.0
    """Without an adapter: a hub's re-enumeration takes 10 s, a service that systemd starts again 2 s."""
    refusals: int = 2
    """Connections refused in a row, each after up to four attempts, before the next rung."""
    rests_s: tuple[float, ...] = (60.0, 120.0, 240.0, 480.0, 900.0, 1800.0)
    """After a whole ladder in vain, the last one repeating; the first is also the least time between a cure and the
    next ladder. 60 s is the cool-down others use; half an hour keeps a night on an empty square at some twenty
    needless restarts, and ends when a person expects something."""
    forgiven_s: float = 300.0
    """Refusals older than this were a device that went out of reach, not an adapter."""


@dataclass(frozen=True, slots=True)
class Facts:
    """For the health report. `since` on the clock of the signs; `step` the last one taken in this doubt; `count`
    steps since the process began."""

    doubt: Doubt | None = None
    step: Step | None = None
    since: float = 0.0
    count: int = 0


class Recovery:
    """The ladder's state. Whoever runs it asks `due`, takes `step`, and says `done`."""

    def __init__(self, now: float, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        self._listening = False
        self._quiet_since = self._deaf_since = now
        self._links = 0
        self._refused, self._refused_at = 0, now
        self._missing_since: float | None = None
        self._doubt: Doubt | None = None
        self._since = now
        self._rung = self._rounds = self._count = 0
        self._next, self._stepped_at = now, -math.inf
        self._last: Step | None = None
        self._taking: Step | None = None

    @property
    def facts(self) -> Facts:
        """As it stands."""
        return Facts(self._doubt, self._last, self._since, self._count)

    def note(self, now: float, sign: Sign) -> Doubt | None:
        """Take in what was noticed. The doubt that it ended, if steps had been taken for it."""
        cured = self._cured(now, sign)
        match sign:
            case Sign.heard:
                self._quiet_since = now
            case Sign.linked:
                self._links += 1
                self._quiet_since, self._refused = now, 0
            case Sign.parted:
                self._links = max(0, self._links - 1)
                self._quiet_since = now
            case Sign.listening if not self._listening:
                # Silence is only silence while we listen.
                self._quiet_since += now - self._deaf_since
                self._listening, self._missing_since = True, None
            case Sign.deafened:
                self._deafen(now)
            case Sign.refused | Sign.stuck:
                self._refused = self.limits.refusals if sign is Sign.stuck else self._refused + 1
                self._refused_at = now
            case Sign.missing:
                self._deafen(now)
                self._missing_since = now if self._missing_since is None else self._missing_since
            case Sign.hung | Sign.off:
                self._suspect(now, Doubt(sign.value))
            case Sign.expected:
                self._rounds = 0
                if self._last is not None and self._rung == 0:
                    self._next = min(self._next, max(now, self._stepped_at + self.limits.rests_s[0]))
        return cured

    def due(self, now: float) -> float:
        """When the next step is to be taken; infinity when none is in sight."""
        if self._links or self._taking:
            return math.inf
        if self._doubt in (Doubt.hung, Doubt.off):
            return self._next
        return max(self._next, self._ground(now)[0])

    def step(self, now: float) -> Step | None:
        """The step to take now, if one is due; nothing more is due until `done`."""
        if self.due(now) > now:
            return None
        ground = self._ground(now)[1]
        if self._doubt is None or (ground is Doubt.missing and self._doubt in (Doubt.silent, Doubt.refusing)):
            self._suspect(now, ground)
        assert self._doubt is not None
        self._taking = self._last = LADDERS[self._doubt][self._rung]
        self._count += 1
        self._refused = 0
        return self._taking

    def done(self, now: float, taken: bool) -> None:
        """The step is over; `taken` False when it could not be taken: the next one waits for no effect."""
        if self._taking is None:
            return
        self._taking, self._stepped_at = None, now
        if self._doubt is None:
            return
        self._rung += 1
        self._next = now + (self.limits.settle_s if taken else 0.0)
        if self._rung >= len(LADDERS[self._doubt]):
            self._next = now + self.limits.rests_s[min(self._rounds, len(self.limits.rests_s) - 1)]
            self._rung = 0
            self._rounds += 1

    def _ground(self, now: float) -> tuple[float, Doubt]:
        """From when the counters alone give ground for which doubt."""
        if self._missing_since is not None:
            return self._missing_since + self.limits.absent_s, Doubt.missing
        if self._refused >= self.limits.refusals:
            return now, Doubt.refusing
        return (self._quiet_since + self.limits.silence_s if self._listening else math.inf), Doubt.silent

    def _deafen(self, now: float) -> None:
        if self._listening:
            self._listening, self._deaf_since = False, now

    def _suspect(self, now: float, doubt: Doubt) -> None:
        if self._doubt is doubt:
            return
        before, self._doubt = self._doubt, doubt
        if before is None:
            self._since = now
        # A graver doubt goes on from the rung that the lighter one had reached, not from the bottom.
        reached = LADDERS[before][self._rung] if before is not None and self._rung else None
        self._rung = LADDERS[doubt].index(reached) if reached in LADDERS[doubt] else 0

    def _cured(self, now: float, sign: Sign) -> Doubt | None:
        doubt = self._doubt
        old = doubt is Doubt.refusing and not self._taking and now - self._refused_at > self.limits.forgiven_s
        if doubt is None or not (old or sign in CURES[doubt]):
            return None
        helped = self._last is not None
        if helped and self._last is not Step.record:
            # An adapter that falls ill again at once is not shaken at once.
            self._next = max(self._next, self._stepped_at + self.limits.rests_s[0])
        self._doubt, self._last, self._rung, self._rounds = None, None, 0, 0
        return doubt if helped else None
