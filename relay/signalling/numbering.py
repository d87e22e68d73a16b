"""Numbers and acknowledgements of one session, both directions. Pure.

The sender numbers its frames from 1; the receiver acknowledges the highest number it has dealt
with. What is not acknowledged is kept, so that a client that lost its socket misses nothing.
"""

from __future__ import annotations

import enum
from collections import deque
from typing import Generic, TypeVar

B = TypeVar("B")


class BacklogFull(Exception):
    """The client acknowledges nothing any more: its session ends and it starts from snapshots."""


class Outbox(Generic[B]):
    """Bodies that were sent or wait, with their numbers, until they are acknowledged."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._kept: deque[tuple[int, B]] = deque()
        self.last = 0
        """Number of the newest frame."""

    def put(self, body: B) -> int:
        """Number a body and keep it. BacklogFull when `limit` are kept already."""
        if len(self._kept) >= self._limit:
            raise BacklogFull
        self.last += 1
        self._kept.append((self.last, body))
        return self.last

    def acknowledged(self, through: int) -> bool:
        """Forget everything through this number; False when no such frame was ever made."""
        if through > self.last:
            return False
        while self._kept and self._kept[0][0] <= through:
            self._kept.popleft()
        return True

    def kept(self) -> tuple[tuple[int, B], ...]:
        """What is not acknowledged, oldest first."""
        return tuple(self._kept)

    def reaches(self, last_seen: int) -> bool:
        """Whether a client that saw everything through `last_seen` can go on without a hole."""
        first = self._kept[0][0] if self._kept else self.last + 1
        return first - 1 <= last_seen <= self.last


class Arrival(enum.Enum):
    """What the number of a frame says."""

    unnumbered = enum.auto()
    expected = enum.auto()
    again = enum.auto()
    too_early = enum.auto()


class Inbox:
    """Which of the client's frames have been dealt with."""

    def __init__(self) -> None:
        self.seen = 0
        """Everything through this number was dealt with: it goes out as `ack`."""

    def judge(self, n: int) -> Arrival:
        """What to do with frame `n`."""
        if n == 0:
            return Arrival.unnumbered
        if n == self.seen + 1:
            return Arrival.expected
        return Arrival.again if n <= self.seen else Arrival.too_early

    def done(self, n: int) -> None:
        """Frame `n`, which was expected, has been dealt with."""
        if n != self.seen + 1:
            raise ValueError(f"frame {n} after {self.seen}")
        self.seen = n
