"""What a process tells of its memory on request, and what a series of that says: slopes with their uncertainty."""

from __future__ import annotations

import math
import sys
import threading
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from gateway.heap import figures

MEGABYTE = 1e6

STUDENT_95 = (12.71, 4.30, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26, 2.23, 2.20, 2.18, 2.16, 2.14, 2.13)
"""Two-sided 95 % quantiles of Student's distribution for 1, 2, ... degrees of freedom; above, 2.1."""


@dataclass(frozen=True, slots=True)
class Gauge:
    """At one moment. `resident_mb`: what the system counts; `heap_mb`: of it in use in the C library's heaps,
    `free_mb`: kept there for later, `mapped_mb`: blocks of their own; `blocks`: memory blocks that Python's allocator
    has given out, which no fragmentation moves."""

    resident_mb: float
    heap_mb: float
    free_mb: float
    mapped_mb: float
    blocks: int
    threads: int


def gauge() -> Gauge:
    """Of this process; some tens of microseconds."""
    heap = figures()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return Gauge(
        resident_mb=round(pages * 4096 / MEGABYTE, 2),
        heap_mb=round(heap.in_use / MEGABYTE, 2) if heap is not None else 0.0,
        free_mb=round(heap.free / MEGABYTE, 2) if heap is not None else 0.0,
        mapped_mb=round(heap.mapped / MEGABYTE, 2) if heap is not None else 0.0,
        blocks=sys.getallocatedblocks(), threads=threading.active_count())


def told(taken: Gauge) -> dict[str, Any]:
    """As JSON."""
    return asdict(taken)


@dataclass(frozen=True, slots=True)
class Slope:
    """Of a straight line by least squares, a unit an hour, and the half-width of its 95 % interval."""

    each_hour: float
    uncertain: float

    @property
    def at_most(self) -> float:
        """The upper end."""
        return self.each_hour + self.uncertain

    @property
    def grows(self) -> bool:
        """Whether even the lower end is above nought."""
        return self.each_hour - self.uncertain > 0


def slope(points: Sequence[tuple[float, float]], parts: int = 12) -> Slope:
    """Through `points` (hour, value), averaged in `parts` equal stretches of time first: what an allocator keeps from
    one sample to the next would else count as evidence many times over. Infinite uncertainty under three stretches."""
    if len(points) < 3:
        return Slope(0.0, math.inf)
    first, last = points[0][0], points[-1][0]
    width = (last - first) / parts or 1.0
    stretches: dict[int, list[tuple[float, float]]] = {}
    for at, value in points:
        stretches.setdefault(min(parts - 1, int((at - first) / width)), []).append((at, value))
    means = [(sum(a for a, _ in one) / len(one), sum(b for _, b in one) / len(one)) for one in stretches.values()]
    count = len(means)
    if count < 3:
        return Slope(0.0, math.inf)
    x, y = sum(a for a, _ in means) / count, sum(b for _, b in means) / count
    spread = sum((a - x) ** 2 for a, _ in means)
    steep = sum((a - x) * (b - y) for a, b in means) / spread
    residual = sum((b - y - steep * (a - x)) ** 2 for a, b in means)
    error = math.sqrt(residual / (count - 2) / spread)
    return Slope(steep, error * (STUDENT_95[count - 3] if count - 3 < len(STUDENT_95) else 2.1))
