"""Who goes first on one uplink: the doctor's picture, then the guests' in what is left. Pure; bit/s, monotonic seconds.

Each remote peer has its own congestion control, and two of them would share the uplink evenly. A limit on the guests'
pictures, drawn from what the doctor's path takes, gives the doctor the larger part; their voices are not limited.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

SHARE = 0.4
"""Of the doctor's picture, for all guests together: on a link of C the doctor has 0.71 C. So far apart that the two
are encoded apart (`lanes.APART`): the doctor's picture does not come down to the guest's."""

AMPLE, AMPLE_NOT_BELOW, AMPLE_SECONDS = 1_200_000, 800_000, 5.0
"""From here on the doctor's picture gets no better by more, and the guests may have the same one, from the same
encoder. Lost again at half of the rate of two."""

PAUSE_BELOW, PAUSE_SECONDS, PAUSE_AT_ONCE_BELOW = 60_000, 2.0, 25_000
"""A guest's picture with less than this is a smear that still takes from the doctor's. A dip that is shorter, such as
the one its own first keyframe makes, is ridden out within the limit."""

RESUME_ABOVE, RESUME_SECONDS, RESUME_SECONDS_MAX, VAIN_SECONDS = 90_000, 4.0, 60.0, 15.0
"""The doctor's path shows more while a guest's picture pauses: 0.4 of 0.71 of it must still be enough. A return that
ends within `VAIN_SECONDS` doubles the wait for the next one."""

K = TypeVar("K", bound=Hashable)


@dataclass(frozen=True, slots=True)
class DoctorsPath:
    """As of now: bit/s its picture may have, and whether there is none (too thin, silent, or not measured yet)."""

    picture: int
    held: bool


@dataclass(slots=True)
class _Standing:
    paused: bool = True
    since: float | None = None
    """How long there has been enough for its return, or too little while it plays."""
    wait: float = 0.0
    """The first picture waits for nothing."""
    resumed_at: float = float("-inf")


class Precedence(Generic[K]):
    """Remembers who was let in, so that nobody flaps."""

    def __init__(self) -> None:
        self._standings: dict[K, _Standing] = {}
        self._ample = False
        self._ample_since: float | None = None

    def step(self, doctor: DoctorsPath | None, guests: Sequence[K], now: float) -> dict[K, int | None]:
        """The limit of each guest's picture, 0: it pauses, None: no limit. `guests`: who came first goes first.

        Without a doctor (the page is loaded again) nobody is to be spared: what was let in goes on.
        """
        self._standings = {guest: self._standings.get(guest) or _Standing() for guest in guests}
        if doctor is None:
            self._ample, self._ample_since = False, None
            for standing in self._standings.values():
                standing.paused, standing.since = False, None
            return dict.fromkeys(guests)
        self._look_for_plenty(doctor, now)
        left = 0.0 if doctor.held else float(doctor.picture) if self._ample else SHARE * doctor.picture
        playing: list[K] = []
        for guest, standing in self._standings.items():
            share = left if self._ample else left / (len(playing) + 1)
            self._judge(standing, share, now, at_once=doctor.held)
            if not standing.paused:
                playing.append(guest)
        each = round(left if self._ample else left / max(1, len(playing)))
        return {guest: each if guest in playing else 0 for guest in guests}

    def _look_for_plenty(self, doctor: DoctorsPath, now: float) -> None:
        enough = not doctor.held and doctor.picture >= (AMPLE_NOT_BELOW if self._ample else AMPLE)
        if not enough:
            self._ample, self._ample_since = False, None
        elif self._ample_since is None:
            self._ample_since = now
        elif now - self._ample_since >= AMPLE_SECONDS:
            self._ample = True

    @staticmethod
    def _judge(standing: _Standing, share: float, now: float, *, at_once: bool) -> None:
        if not standing.paused:
            if share >= PAUSE_BELOW:
                standing.since = None
            elif standing.since is None:
                standing.since = now
            thin = standing.since is not None and now - standing.since >= PAUSE_SECONDS
            if thin or share < PAUSE_AT_ONCE_BELOW or at_once:
                vain = now - standing.resumed_at < VAIN_SECONDS
                standing.wait = min(RESUME_SECONDS_MAX, 2 * max(standing.wait, RESUME_SECONDS / 2)) if vain \
                    else RESUME_SECONDS
                standing.paused, standing.since = True, None
            return
        if share < RESUME_ABOVE:
            standing.since = None
        elif standing.since is None:
            standing.since = now
        if standing.since is not None and now - standing.since >= standing.wait:
            standing.paused, standing.since, standing.resumed_at = False, None, now
