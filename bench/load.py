"""What each part of the scene costs the machine: processor time and memory of process trees."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]  # the stubs are a package of their own

MEGABYTE = 1e6


@dataclass(frozen=True, slots=True)
class Cost:
    """`percent` of one core over the window, `rss_mb` at its end."""

    percent: float
    rss_mb: float


PRESSURE = Path("/proc/pressure/cpu")
"""Linux's own account of waiting for a processor (PSI); not every kernel keeps it."""


def starved() -> float | None:
    """Seconds since the start of the machine in which something that could run had no processor; None: not known."""
    try:
        line = PRESSURE.read_text().splitlines()[0]
        return int(line.rpartition("total=")[2]) / 1e6
    except (OSError, ValueError, IndexError):
        return None


def starved_share(before: float | None, seconds: float) -> float | None:
    """Percent of the last `seconds` in which something waited for a processor; `before` was `starved()` then."""
    now = starved()
    return None if before is None or now is None else round(100 * (now - before) / seconds, 1)


def tree(pid: int) -> list[psutil.Process]:
    """A process and everything it started."""
    with contextlib.suppress(psutil.NoSuchProcess):
        root = psutil.Process(pid)
        return [root, *root.children(recursive=True)]
    return []


def own_children() -> set[int]:
    """Every process that this one has started, and what those have started."""
    return {process.pid for process in psutil.Process(os.getpid()).children(recursive=True)}


def _seconds(processes: list[psutil.Process]) -> dict[int, float]:
    spent = {}
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            spent[process.pid] = times.user + times.system
    return spent


def resident_mb(processes: list[psutil.Process]) -> float:
    """Memory of these processes, what they share counted for each."""
    total = 0.0
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            total += process.memory_info().rss
    return total / MEGABYTE


def spent_between(before: Mapping[int, float], after: Mapping[int, float], seconds: float) -> float:
    """Percent of one core; a process that began in between counts whole, one that ended not at all."""
    return 100 * sum(now - before.get(pid, 0.0) for pid, now in after.items()) / seconds


async def costs(parts: Mapping[str, Callable[[], list[psutil.Process]]], seconds: float) -> dict[str, Any]:
    """Cost of each part over `seconds`, and how busy the whole machine was meanwhile (percent of one core)."""
    machine = psutil.cpu_times()
    before = {name: _seconds(find()) for name, find in parts.items()}
    began, waiting = time.monotonic(), starved()
    await asyncio.sleep(seconds)
    lasted = time.monotonic() - began
    told: dict[str, Any] = {"seconds": round(lasted, 1)}
    for name, find in parts.items():
        processes = find()
        cost = Cost(spent_between(before[name], _seconds(processes), lasted), resident_mb(processes))
        told[name] = {"percent_of_a_core": round(cost.percent, 1), "rss_mb": round(cost.rss_mb, 1)}
    now = psutil.cpu_times()
    busy = sum(now) - sum(machine) - (now.idle - machine.idle) - (now.iowait - machine.iowait)
    told["whole_machine_percent_of_a_core"] = round(100 * busy / lasted, 1)
    told["waiting_for_a_processor_percent_of_time"] = starved_share(waiting, lasted)
    return told
