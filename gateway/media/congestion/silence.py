"""Nothing is acknowledged: is it the way back alone, or the path? Pure; monotonic seconds."""

from __future__ import annotations

BLIND_SECONDS, BLIND_ROUND_TRIPS = 0.45, 1.5
"""Receivers report each 50 to 250 ms. Nothing for so long, with packets on their way, is an outage."""

HOPE_SECONDS, HOPE_SHARE = 0.8, 0.5
"""Where no queue stood before it, a silence may be the way back's alone: so long a picture goes on at this share."""


class Silence:
    """What a silence is taken for."""

    def __init__(self) -> None:
        self.quiet = self.blind = False
        """Hoped to be the way back's; given up."""

    @property
    def lasts(self) -> bool:
        """Whether it is either."""
        return self.quiet or self.blind

    def judge(self, since: float, oldest: float, round_trip: float, clear: bool, now: float) -> bool:
        """`since`: the last report; `oldest` packet on its way left; `clear`: no queue stood before. True where it is
        or became one just now; one that was given up stays so until a report comes."""
        patience = max(BLIND_SECONDS, BLIND_ROUND_TRIPS * round_trip + 0.25)
        silent = now - max(oldest, since)
        if self.blind or silent <= patience or now - oldest <= patience:
            return False
        self.quiet = clear and silent <= patience + HOPE_SECONDS
        self.blind = not self.quiet
        return True

    def over(self) -> bool:
        """A report came; whether it had been given up."""
        blind, self.quiet, self.blind = self.blind, False, False
        return blind
