"""What a benchmark returns, and the description of the machine it ran on."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


class WrongCall(Exception):
    """The options make no benchmark; the text says which, why, and what would."""


@dataclass(frozen=True, slots=True)
class Measured:
    """Outcome of one benchmark: `rig` says how it was measured, `results` what came out, `aims` what was hoped for."""

    rig: dict[str, Any]
    results: dict[str, Any]
    aims: dict[str, bool] = field(default_factory=dict)

    @property
    def reached(self) -> bool:
        """Every aim was reached."""
        return all(self.aims.values())


def machine() -> dict[str, Any]:
    """The machine in a few facts: processor, cores in use, memory in MiB, kernel, Python."""
    cpu = next((line.partition(":")[2].strip() for line in Path("/proc/cpuinfo").read_text().splitlines()
                if line.startswith("model name")), platform.machine())
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20
    return {"processor": cpu, "cores": len(os.sched_getaffinity(0)), "memory_mib": memory,
            "kernel": platform.release(), "python": platform.python_version()}


def percentile(values: Sequence[float], share: float) -> float | None:
    """Nearest-rank percentile of `values`, `share` in [0, 1]; None when there are none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else None


def spread(values: Sequence[float], digits: int = 1) -> dict[str, Any]:
    """Count, p50, p95, p99 and maximum of `values`."""
    shares = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
    row: dict[str, Any] = {"count": len(values)}
    for name, share in shares.items():
        value = percentile(values, share)
        row[name] = None if value is None else round(value, digits)
    row["max"] = round(max(values), digits) if values else None
    return row
