"""Which packets of one incoming stream are missing, and when to ask for them (again). Pure.

RFC 4585, section 6.2.1. The library's own generator asks once; a lost request or answer then stalls
the picture for seconds.
"""

from __future__ import annotations

TRIES = 5
"""Five requests lost in a row at 20 % loss: one packet in three thousand."""

RETRY_SECONDS = 0.1
"""A little more than a good cellular round trip; asking faster only repeats what is on its way."""

LEAST_SECONDS = 0.02
"""Between two requests: a frame of voice. They leave by the uplink, and a peer that counts in leaps made one for each
of its packets."""

KEEP_SECONDS = 1.0
"""A packet later than this is of no use to a conversation; a keyframe repairs the picture."""

MISSING_MAX = 128
"""More at once is an outage, which asking does not mend; the oldest are forgotten."""

_SEQUENCES = 1 << 16


class MissingPackets:
    """Sequence numbers (RFC 3550) below the newest that did not come."""

    def __init__(self) -> None:
        self._newest: int | None = None
        self._asked = float("-inf")
        self._missing: dict[int, tuple[float, float, int]] = {}
        """Number -> (missed at, ask again at, requests sent)."""

    def arrived(self, number: int, now: float) -> None:
        """A packet came, new or again."""
        if self._newest is None:
            self._newest = number
            return
        ahead = (number - self._newest) % _SEQUENCES
        if ahead == 0 or ahead >= _SEQUENCES // 2:
            self._missing.pop(number, None)
            return
        for step in range(max(1, ahead - MISSING_MAX), ahead):
            self._missing[(self._newest + step) % _SEQUENCES] = (now, now, 0)
        self._newest = number
        while len(self._missing) > MISSING_MAX:
            del self._missing[next(iter(self._missing))]

    def due(self, now: float) -> list[int]:
        """Numbers to ask for now; each at most `TRIES` times, `RETRY_SECONDS` apart."""
        asked: list[int] = []
        if now - self._asked < LEAST_SECONDS:
            return asked
        for number, (since, again, tries) in list(self._missing.items()):
            if now - since > KEEP_SECONDS or tries >= TRIES:
                del self._missing[number]
            elif now >= again:
                self._missing[number] = (since, now + RETRY_SECONDS, tries + 1)
                asked.append(number)
        if asked:
            self._asked = now
        return asked
