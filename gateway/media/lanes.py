"""Which receivers share an encoder: one for all, a second small one while their paths differ by much. Pure.

A peer on a thin path must not drag the others down, and must not make them wait. Times are monotonic seconds.
"""

from __future__ import annotations

import enum
from collections.abc import Collection, Hashable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

APART, APART_SECONDS = 2.2, 3.0
"""Between two steps of the ladder; less is seen as a little blur, and a second encoder costs half of a first."""

TOGETHER, TOGETHER_SECONDS = 1.5, 8.0
"""Both moves cost the mover a keyframe: it comes back when its path has held for as long as a climb is judged."""

TOGETHER_SECONDS_MAX = 64.0
"""A return that ended within `VAIN_SECONDS` doubles the wait for the next one, up to this."""

VAIN_SECONDS = 15.0

WAIT_SECONDS = 0.25
"""A path that keeps the others waiting this long, six pictures, gets an encoder of its own."""

K = TypeVar("K", bound=Hashable)


class Lane(enum.StrEnum):
    """One stream of encoded pictures, for any number of receivers."""

    main = "main"
    small = "small"
    vp8 = "vp8"
    """For browsers that take no H.264."""


@dataclass(slots=True)
class _Member:
    thin: bool = False
    since: float | None = None
    """How long it has been asking for the other side of the fence."""
    wait: float = TOGETHER_SECONDS
    returned_at: float = float("-inf")


class Sharing(Generic[K]):
    """Remembers who went where, so that nobody flaps."""

    def __init__(self) -> None:
        self._members: dict[K, _Member] = {}

    def step(self, targets: Mapping[K, int], now: float, modest: Collection[K] = ()) -> frozenset[K]:
        """Who gets the small encoder's pictures; `targets` are bit/s of the receivers of H.264 that take pictures
        now. `modest`: others go before them on purpose, so they begin with the small ones and go to them at once."""
        self._members = {key: self._members.get(key) or _Member(thin=key in modest) for key in targets}
        most = max(targets.values(), default=0)
        for key, target in targets.items():
            member = self._members[key]
            apart = target * APART < most
            together = target * TOGETHER >= most
            wanted = apart if not member.thin else together
            if not wanted:
                member.since = None
            elif member.since is None:
                member.since = now
            patience = member.wait if member.thin else 0.0 if key in modest else APART_SECONDS
            if member.since is not None and now - member.since >= patience:
                self._turn(member, now)
        if all(member.thin for member in self._members.values()):
            # The good one left: those who remain need one encoder, which is the first.
            for member in self._members.values():
                member.thin, member.since = False, None
        return frozenset(key for key, member in self._members.items() if member.thin)

    def keeps_waiting(self, key: K, now: float) -> bool:
        """Others wait for this one's pictures to leave: it goes at once. False when it has gone already."""
        member = self._members.get(key)
        if member is None or member.thin or len(self._members) < 2:
            return False
        self._turn(member, now)
        return True

    @staticmethod
    def _turn(member: _Member, now: float) -> None:
        member.thin, member.since = not member.thin, None
        if not member.thin:
            member.returned_at = now
        elif now - member.returned_at < VAIN_SECONDS:
            member.wait = min(2 * member.wait, TOGETHER_SECONDS_MAX)
        else:
            member.wait = TOGETHER_SECONDS
