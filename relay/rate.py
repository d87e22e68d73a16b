"""A token bucket. Pure: `now` is monotonic, in seconds."""

from __future__ import annotations


class TokenBucket:
    """`burst` at once, then `rate` a second."""

    def __init__(self, *, rate: float, burst: float, now: float) -> None:
        if rate <= 0 or burst < 1:
            raise ValueError("a bucket that never gives is no bucket")
        self._rate = rate
        self._burst = burst
        self._level = burst
        self._at = now

    def take(self, now: float) -> bool:
        """Take one token if there is one."""
        self._fill(now)
        if self._level < 1:
            return False
        self._level -= 1
        return True

    def give(self, now: float) -> None:
        """Put one token back that was taken for nothing."""
        self._fill(now)
        self._level = min(self._burst, self._level + 1)

    def wait(self, now: float) -> float:
        """Seconds until there is a token; 0.0 when there is one."""
        self._fill(now)
        return max(0.0, (1 - self._level) / self._rate)

    def _fill(self, now: float) -> None:
        # A clock that goes back gives nothing and takes nothing.
        self._level = min(self._burst, self._level + max(0.0, now - self._at) * self._rate)
        self._at = max(self._at, now)
