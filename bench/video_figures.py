"""What was displayed, heard and delivered, as figures. Pure: numbers in, numbers out.

All moments are seconds of the machine's monotonic clock.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from bench.report import spread

COUNTER = 65536
"""The code in the picture counts modulo this (sim/camera.py)."""

FREEZE_SECONDS = 0.5
"""A longer gap between two pictures is a freeze (issue: gaps over 500 ms)."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A picture on the receiver's screen: when, and when it was taken; None when its code could not be read."""

    at: float
    taken: float | None
    width: int = 0
    height: int = 0

    @property
    def latency(self) -> float | None:
        """Seconds from camera to screen."""
        return None if self.taken is None else self.at - self.taken


def number_of(code: int, at: float, fps: int) -> int:
    """The picture's whole number: the last one with this code that was taken before `at`."""
    newest = int(at * fps)
    return newest - (newest - code) % COUNTER


def fresh(frames: Sequence[Shown]) -> list[Shown]:
    """Pictures that are not a repetition of the one before; unreadable ones count as new."""
    kept: list[Shown] = []
    last: float | None = None
    for frame in frames:
        if frame.taken is None or frame.taken != last:
            kept.append(frame)
        last = frame.taken if frame.taken is not None else last
    return kept


def frozen(times: Sequence[float], begin: float, end: float) -> float:
    """Seconds in gaps longer than `FREEZE_SECONDS` between pictures, the window's edges counted as pictures."""
    inside = [begin, *(at for at in sorted(times) if begin < at < end), end]
    gaps = (after - before for before, after in pairwise(inside))
    return sum(gap for gap in gaps if gap > FREEZE_SECONDS)


def back_after(frames: Sequence[Shown], moment: float) -> float | None:
    """Seconds from `moment` to the first picture on the screen that was taken after it; None: never."""
    return next((frame.at - moment for frame in frames if frame.taken is not None and frame.taken >= moment), None)


def picture(frames: Sequence[Shown], begin: float, end: float) -> dict[str, Any]:
    """Pictures a second, latency, freezes and size of what was displayed in the window."""
    inside = fresh([frame for frame in frames if begin <= frame.at < end])
    late = [frame.latency * 1000 for frame in inside if frame.latency is not None]
    sizes = [frame.height for frame in inside]
    return {"fps": round(len(inside) / (end - begin), 1), "latency_ms": spread(late, 0),
            "frozen_s": round(frozen([frame.at for frame in inside], begin, end), 1),
            "unreadable": sum(frame.taken is None for frame in inside),
            "lines_p50": sorted(sizes)[len(sizes) // 2] if sizes else 0}


def growing(values: Sequence[tuple[float, float]], begin: float, end: float) -> float:
    """What a counter (second, value) grew by in the window; a fall is a fresh connection's counter from zero."""
    inside = [value for at, value in values if begin <= at <= end]
    return sum(after - before if after >= before else after
               for before, after in pairwise(inside))


def messages(sent: int, arrived: Sequence[tuple[float, float]], begin: float, end: float, *,
             reliable: bool) -> dict[str, Any]:
    """Delay of messages (sent at, arrived at) that were sent in the window, in ms; `sent` were sent in it.

    One that never arrived, of a `reliable` channel, counts as late as the window is long.
    """
    late = [(there - away) * 1000 for away, there in arrived if begin <= away < end]
    missing = max(0, sent - len(late))
    counted = late + [(end - begin) * 1000] * missing if reliable else late
    return spread(counted, 0) | {"sent": sent, "never_arrived": missing}
