"""The senders of the model: the gateway's own road and the simple rule, as `bench.roadsim` drives them; and feedback as
a browser writes it."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable
from typing import Protocol

from gateway.media.congestion.budget import GATHERED
from gateway.media.congestion.decision import Limits
from gateway.media.congestion.road import WIRE_OCTETS, Road
from gateway.media.rate import Pacer, RateController

RTP_HEAD = 12 + 16
"""Fixed head and three extensions."""
CEILING, START, FLOOR = 2_000_000, 300_000, 60_000


class Sender(Protocol):
    """The part that is compared. `wide`: it goes by transport-wide feedback, not by the receiver's estimate."""

    wide: bool

    @property
    def picture(self) -> int:
        """bit/s for the encoder."""

    @property
    def paused(self) -> bool:
        """No picture now."""

    @property
    def paired(self) -> bool:
        """Two frames of sound a packet."""

    def may_send(self, now: float) -> bool:
        """A picture's packet."""

    def may_speak(self, now: float) -> bool:
        """A packet of sound."""

    def leave(self, size: int, now: float, *, picture: bool) -> int:
        """A packet of this size on the wire leaves."""

    def tick(self, now: float, send: Callable[[int, int], None]) -> bool:
        """Time went by; `send(number, size)` padding; True: begin anew with a keyframe."""

    def report(self, arrived: list[tuple[int, float]], highest: int, lost: int, remb: int | None, now: float) -> None:
        """What the receiver says."""


class Ours:
    """The gateway's road."""

    wide = True

    def __init__(self, write: Callable[[str], None] | None = None) -> None:
        self.road = Road(Limits(30_000, START, CEILING + 150_000), write)
        self._restarts = 0
        self._reported = -1
        self._now = 0.0

    @property
    def picture(self) -> int:
        return min(CEILING, self.road.picture)

    @property
    def paused(self) -> bool:
        return self.road.paused or self.road.searching(self._now)

    @property
    def paired(self) -> bool:
        return self.road.voice in GATHERED

    def may_send(self, now: float) -> bool:
        return self.road.may_send(now)

    def may_speak(self, now: float) -> bool:
        return self.road.may_speak(now)

    def leave(self, size: int, now: float, *, picture: bool) -> int:
        if not picture:
            self.road.other(size, now)
            return -1
        return self.road.stamp(size - WIRE_OCTETS, now, picture=picture)

    def tick(self, now: float, send: Callable[[int, int], None]) -> bool:
        self._now = now
        self.road.begin(now)
        self.road.tick(now)
        while size := self.road.padding(now):
            send(self.road.pad(size, now), size)
        anew, self._restarts = self._restarts != self.road.restarts, self.road.restarts
        return anew

    def report(self, arrived: list[tuple[int, float]], highest: int, lost: int, remb: int | None, now: float) -> None:
        if arrived:
            self.road.feedback(transport_feedback(arrived, self._reported + 1), now)
            self._reported = max(number for number, _ in arrived)


class Simple:
    """The rule of issue 2: REMB and receiver reports."""

    wide = False

    def __init__(self) -> None:
        self._rate = RateController(FLOOR, START, CEILING)
        self._pacer = Pacer()
        self._sent: deque[tuple[float, int]] = deque(maxlen=7)
        self._octets, self._numbers, self._sampled = 0, itertools.count(), 0.0

    @property
    def picture(self) -> int:
        return self._rate.target

    @property
    def paused(self) -> bool:
        return False

    @property
    def paired(self) -> bool:
        return False

    def may_send(self, now: float) -> bool:
        return self._pacer.may_send(self._rate.target, now)

    def may_speak(self, now: float) -> bool:
        return True

    def leave(self, size: int, now: float, *, picture: bool) -> int:
        if picture:
            self._pacer.sent(size)
            self._octets += size - WIRE_OCTETS - RTP_HEAD
        return next(self._numbers) % 65536

    def tick(self, now: float, send: Callable[[int, int], None]) -> bool:
        if now - self._sampled >= 0.25:
            self._sampled = now
            self._sent.append((now, self._octets))
        return False

    def report(self, arrived: list[tuple[int, float]], highest: int, lost: int, remb: int | None, now: float) -> None:
        if len(self._sent) < 4:
            return
        rate = (self._sent[-1][1] - self._sent[0][1]) * 8 / (self._sent[-1][0] - self._sent[0][0])
        if remb is not None:
            self._rate.remb(remb, rate, now)
        if highest:
            self._rate.report(highest, lost, rate, now)


def transport_feedback(arrived: list[tuple[int, float]], after: int) -> bytes:
    """As a browser writes it, with two-bit vectors only. `arrived`: unwrapped numbers and seconds; `after`: the first
    number of which the message before said nothing."""
    arrived = sorted(arrived)
    base, last = min(after, arrived[0][0]), arrived[-1][0]
    at = dict(arrived)
    reference = int(min(at.values()) / 0.064)
    ticks, deltas, symbols = reference * 256, b"", []
    for number in range(base, last + 1):
        if number not in at:
            symbols.append(0)
            continue
        delta = round(at[number] / 250e-6) - ticks
        ticks += delta
        small = 0 <= delta < 256
        symbols.append(1 if small else 2)
        deltas += delta.to_bytes(1, "big") if small else max(-32768, min(32767, delta)).to_bytes(2, "big", signed=True)
    chunks = b""
    for i in range(0, len(symbols), 7):
        word = 0xC000
        for k, symbol in enumerate(symbols[i:i + 7]):
            word |= symbol << (12 - 2 * k)
        chunks += word.to_bytes(2, "big")
    head = (base % 65536).to_bytes(2, "big") + len(symbols).to_bytes(2, "big") + reference.to_bytes(3, "big") + b"\0"
    return head + chunks + deltas
