"""Into a silence small whole pictures are sent, now and then: whichever comes through is seen at once. Pure.

What a road lets through between two holes may last a tenth of a second: less than a report and a keyframe after it
take, and pictures that build on lost ones are of no use there. Monotonic seconds, octets.
"""

from __future__ import annotations

EACH_SECONDS, EACH_SECONDS_MAX, DENSE_SECONDS = 0.25, 1.0, 2.0
"""Between two: a cell's queue holds what is younger than 0.3 s. Most holes are over within the dense time."""

LAST_SECONDS = 20.0
"""No longer: the page says by then what is the matter, and a long outage ends with a fresh rate anyway."""

OCTETS = 4000
"""A keyframe of the smallest rung with its headers, and half as much again."""

FROM_BITS = 150_000
"""On a thinner path one takes longer than the hole."""


class Beats:
    """When the next one is due."""

    def __init__(self) -> None:
        self._since: float | None = None
        self._next = 0.0
        self._octets, self._until = 0, float("-inf")
        self.going = False
        """Whether they leave now."""

    def step(self, silent: bool, rate: float, now: float) -> bool:
        """Whether one is due; `silent`: nothing is acknowledged, `rate`: bit/s of the path before."""
        if not silent or rate < FROM_BITS:
            self._since, self.going = None, False
            return False
        if self._since is None:
            self._since = self._next = now
        lasted = now - self._since
        self.going = lasted < LAST_SECONDS
        if not self.going or now < self._next:
            return False
        wait = EACH_SECONDS if lasted < DENSE_SECONDS else min(EACH_SECONDS_MAX, EACH_SECONDS * lasted / DENSE_SECONDS)
        self._next = now + wait
        # It leaves at once, whatever is on its way: that is lost, or late.
        self._octets, self._until = OCTETS, now + EACH_SECONDS
        return True

    def may_send(self, now: float) -> bool:
        """Whether a packet of it may leave."""
        return self._octets > 0 and now < self._until

    def sent(self, octets: int) -> None:
        """One left."""
        self._octets -= octets
