"""How many bits, how many pictures, how large: decided from what receivers report. Pure.

Loss rule in the spirit of Galene's sender; delay is judged by the receiver and arrives as REMB
(draft-alvestrand-rmcat-remb-03). Times are monotonic seconds, rates bit/s.
"""

from __future__ import annotations

from dataclasses import dataclass

LOSS_LOW, LOSS_HIGH = 0.02, 0.10
"""Under the first, radio noise: try more. Over the second, a full queue: give way."""

GROWTH = 1.05
"""Per receiver report (about one a second): doubles in 14 s, so that a probe never fills a modem's queue."""

USED_SHARE = 0.75
"""Growth needs evidence: an encoder that uses less says nothing about the link."""

REMB_SECONDS = 10.0
"""Receivers repeat REMB each second; an older one speaks of another network."""

KEYFRAME_SECONDS = 0.5
"""Least time between two keyframes: each costs 10-30 ordinary pictures."""

CLIMB_SECONDS = 4.0
"""A larger picture costs a keyframe: only after the rate held this long."""

CLIMB_MARGIN = 1.2
"""And only with room to spare, or the picture swings between two sizes."""


@dataclass(frozen=True, slots=True)
class Rung:
    """A size (share of the camera's sides, in quarters) and a picture rate that fit a bit rate."""

    from_kbps: int
    quarters: int
    frames_per_second: int
    ceiling_kbps: int


LADDER = (
    Rung(0, 2, 8, 250),
    Rung(100, 2, 15, 500),
    Rung(220, 3, 15, 900),
    Rung(400, 4, 25, 4000),
)
"""Pictures a second give way before sharpness, sharpness before everything else (a consultation needs a
face to be seen moving); `ceiling_kbps` bounds the keyframe of a rung."""


class RateController:
    """The rate one receiver can take."""

    def __init__(self, floor: int, start: int, ceiling: int) -> None:
        self._floor, self._ceiling = floor, ceiling
        self._rate = float(start)
        self._remb: tuple[float, int] | None = None

    def remb(self, bits_per_second: int, now: float) -> None:
        """The receiver's own estimate."""
        self._remb = (now, bits_per_second)
        self._rate = min(self._rate, float(max(self._floor, bits_per_second)))

    def report(self, fraction_lost: float, sent_bits_per_second: float, now: float) -> None:
        """A receiver report (RFC 3550, section 6.4.2) and what we really sent meanwhile."""
        if fraction_lost > LOSS_HIGH:
            self._rate *= 1 - fraction_lost / 2
        elif fraction_lost < LOSS_LOW and sent_bits_per_second >= USED_SHARE * self.target(now):
            self._rate *= GROWTH
        self._rate = min(max(self._rate, self._floor), self._ceiling)

    def target(self, now: float) -> int:
        """What to send now, bit/s."""
        rate = self._rate
        if self._remb is not None and now - self._remb[0] <= REMB_SECONDS:
            rate = min(rate, self._remb[1])
        return round(min(max(rate, self._floor), self._ceiling))


class Ladder:
    """Walks the rungs: down at once, up one rung at a time when the rate held."""

    def __init__(self, bits_per_second: int) -> None:
        self._index = _fitting(bits_per_second / 1000)
        self._climb_since: float | None = None

    @property
    def rung(self) -> Rung:
        """Where we stand."""
        return LADDER[self._index]

    def step(self, bits_per_second: int, now: float) -> Rung:
        """The rung for this rate."""
        kbps = bits_per_second / 1000
        fitting = _fitting(kbps)
        if fitting < self._index:
            self._index, self._climb_since = fitting, None
        elif self._index + 1 < len(LADDER) and kbps >= LADDER[self._index + 1].from_kbps * CLIMB_MARGIN:
            if self._climb_since is None:
                self._climb_since = now
            elif now - self._climb_since >= CLIMB_SECONDS:
                self._index, self._climb_since = self._index + 1, None
        else:
            self._climb_since = None
        return self.rung


class KeyframeGate:
    """Requests for a keyframe, merged: at most one each `KEYFRAME_SECONDS`, none forgotten."""

    def __init__(self) -> None:
        self._wanted = False
        self._last = float("-inf")

    def want(self) -> None:
        """Somebody needs a keyframe."""
        self._wanted = True

    def due(self, now: float) -> bool:
        """Whether to make one now; says so once per granted request."""
        if not self._wanted or now - self._last < KEYFRAME_SECONDS:
            return False
        self._wanted, self._last = False, now
        return True


def _fitting(kbps: float) -> int:
    return max(i for i, rung in enumerate(LADDER) if kbps >= rung.from_kbps)
