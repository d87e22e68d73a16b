"""What was sent under which transport number, and what feedback says about it. Pure."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from .feedback import NUMBERS, Feedback

PACKETS_MAX = 4096
"""Twelve seconds of a picture at the ceiling: older ones are neither lost nor acknowledged any more."""

LATE_PACKETS = 256
"""A lost packet this far behind the newest arrival does not come any more: a second at the ceiling."""


@dataclass(slots=True)
class Sent:
    """`size` in octets on the wire, `at` monotonic seconds, `probe` the cluster it belongs to (0: none)."""

    number: int
    size: int
    at: float
    probe: int
    missing: bool = False
    aged: bool = False
    """Not counted as on its way any more."""


@dataclass(frozen=True, slots=True)
class Acked:
    """One packet that arrived; `arrived` by the receiver's clock."""

    size: int
    sent: float
    arrived: float
    probe: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one feedback message told that was not known. `lost` in packets; one that comes late is taken back.
    `unknown`: packets of which no message will speak any more."""

    acked: tuple[Acked, ...]
    lost: int
    unknown: int
    late: int
    newest_sent: float
    """When the newest acknowledged packet left; -inf without one."""


class History:
    """Packets on their way. Numbers are 16 bit outside, unwrapped inside."""

    def __init__(self) -> None:
        self._sent: OrderedDict[int, Sent] = OrderedDict()
        self._next = 0
        self._highest = -1
        """The highest number that was acknowledged."""
        self.in_flight = 0
        """Octets sent of which nothing is known."""
        self._aged = -1
        """The highest number that was looked at for its age."""

    @property
    def next_number(self) -> int:
        """The transport number the next packet gets (16 bit)."""
        return self._next % NUMBERS

    @property
    def oldest_in_flight(self) -> float | None:
        """When the oldest packet left of which nothing is known."""
        for sent in self._sent.values():
            if not sent.missing and sent.number > self._highest:
                return sent.at
        return None

    def add(self, size: int, now: float, probe: int) -> int:
        """A packet leaves; its transport number."""
        number, self._next = self._next, self._next + 1
        self._sent[number] = Sent(number, size, now, probe)
        self.in_flight += size
        while len(self._sent) > PACKETS_MAX:
            self._forget(next(iter(self._sent)))
        return number % NUMBERS

    def age(self, before: float) -> None:
        """What left before this moment is on its way no more."""
        number = self._aged + 1
        while number < self._next:
            sent = self._sent.get(number)
            if sent is not None and sent.at >= before:
                break
            if sent is not None and not sent.missing:
                sent.aged = True
                self.in_flight -= sent.size
            number += 1
        self._aged = number - 1

    def take(self, feedback: Feedback) -> Outcome:
        """What of it is new. Numbers that were never sent, or are forgotten, mean nothing."""
        acked: list[Acked] = []
        late = 0
        newest = float("-inf")
        for number, arrived in feedback.arrived:
            unwrapped = self._unwrap(number)
            sent = self._sent.get(unwrapped)
            if sent is None:
                continue
            late += sent.missing and not sent.probe
            self._forget(unwrapped)
            self._highest = max(self._highest, unwrapped)
            newest = max(newest, sent.at)
            acked.append(Acked(sent.size, sent.at, arrived, sent.probe))
        lost, unknown = self._missing(self._unwrap(feedback.base))
        return Outcome(tuple(acked), lost, unknown, late, newest)

    def abandon(self) -> int:
        """Everything on its way is gone; its octets."""
        gone, self.in_flight = self.in_flight, 0
        self._highest = self._next - 1
        self._sent.clear()
        return gone

    def _unwrap(self, number: int) -> int:
        behind = (self._next - 1 - number) % NUMBERS
        return self._next - 1 - behind

    def _missing(self, base: int) -> tuple[int, int]:
        """Packets below the highest arrival that did not arrive. Those before `base` were told of by a message that
        was itself lost: they leave the count, as nothing is known about them."""
        lost = unknown = 0
        for number in list(self._sent):
            if number > self._highest:
                break
            sent = self._sent[number]
            if number < base and not sent.missing:
                unknown += 1
                self._forget(number)
            elif not sent.missing:
                sent.missing = True
                if not sent.aged:
                    self.in_flight -= sent.size
                # A train is to find the limit: what it loses there says nothing about the rate.
                lost += not sent.probe
            elif self._highest - number > LATE_PACKETS:
                self._forget(number)
        return lost, unknown

    def _forget(self, number: int) -> None:
        sent = self._sent.pop(number)
        if not sent.missing and not sent.aged:
            self.in_flight -= sent.size
