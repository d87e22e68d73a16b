"""The soak's pure parts: slopes with their doubt, what rises, the census, the clock that leaps, the verdicts."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bench import soak
from bench.soak_census import census, rising
from bench.soak_gauge import slope

ROOT = Path(__file__).parents[2]

CLOCK = """
import asyncio, json, threading, time
from bench.soak_clock import LeapingClock, LeapingLoop

clock = LeapingClock()
busy = threading.Event()
order = []

async def sleeper(name, seconds):
    await asyncio.sleep(seconds)
    order.append(name)

async def main():
    began, real = time.monotonic(), clock.real()
    async with asyncio.TaskGroup() as tasks:
        for name, seconds in (("day", 86400), ("second", 1), ("hour", 3600)):
            tasks.create_task(sleeper(name, seconds))
    days, took = (time.monotonic() - began) / 86400, clock.real() - real
    before = time.monotonic()
    value = await asyncio.to_thread(sum, range(1000))
    stood = time.monotonic() - before
    busy.set()
    threading.Thread(target=lambda: (order.append("thread"), busy.clear())).start()
    await asyncio.sleep(60)
    order.append("minute")
    print(json.dumps({"order": order, "days": days, "took": took, "stood": stood, "value": value}))

loop = LeapingLoop(clock, busy.is_set)
loop.run_until_complete(main())
loop.run_until_complete(loop.shutdown_default_executor())
loop.close()
"""


def test_a_slope_says_how_sure_it_is() -> None:
    """A line is found whole; noise without a trend has nought in its interval; two looks say nothing."""
    line = slope([(n / 100, 140 + 3 * n / 100) for n in range(100)])
    assert line.each_hour == pytest.approx(3)
    assert line.uncertain < 0.01
    assert line.grows
    noise = slope([(n / 100, 140 + (n * 7919 % 11) / 5) for n in range(100)])
    assert not noise.grows
    assert abs(noise.each_hour) < noise.uncertain
    assert math.isinf(slope([(0, 1), (1, 2)]).uncertain)


def test_what_rises_from_row_to_row_is_named_and_what_swings_is_not() -> None:
    """A table that gets one more each row; a window that fills once; a count that goes up and down."""
    rows = [{"leak": 10 + 5 * n, "window": min(100, 90 * n), "swing": 50 + 9 * (n % 2), "few": n} for n in range(6)]
    assert rising(rows) == {"leak": [10, 15, 20, 25, 30, 35]}
    assert rising(rows[:2]) == {}


class Keeper:
    """Holds something, hidden and not."""

    __slots__ = ("__hidden", "table")

    def __init__(self) -> None:
        self.table = {n: str(n) for n in range(25)}
        self.__hidden = [0] * 17

    @property
    def hidden(self) -> int:
        return len(self.__hidden)


Keeper.__module__ = "gateway.keeper"


def test_a_census_counts_objects_and_what_they_hold() -> None:
    """By type, and by attribute over all instances, slots and private names too."""
    keepers = [Keeper(), Keeper()]
    found = census()
    assert keepers[0].hidden == 17
    assert found.objects["gateway.keeper.Keeper"] == 2
    assert found.lengths["gateway.keeper.Keeper.table"] == 50
    assert found.lengths["gateway.keeper.Keeper.__hidden"] == 34
    assert found.descriptors > 2


def test_the_clock_leaps_over_what_is_empty_and_waits_for_threads() -> None:
    """A day goes by in its order and at once; while a thread works, the loop's own or another, time stands still."""
    done = subprocess.run([sys.executable, "-c", CLOCK], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["order"] == ["second", "hour", "day", "thread", "minute"]
    assert told["days"] == pytest.approx(1, abs=0.001)
    assert told["took"] < 3600
    assert told["stood"] == 0
    assert told["value"] == sum(range(1000))


def played(growth_mb: float, leak: int) -> dict[str, bool]:
    """The verdicts of two hours with this growth an hour and a table that gets so much more each row."""
    def gauge(hour: float) -> dict[str, Any]:
        return {"resident_mb": 140 + growth_mb * hour + 0.02 * (hour * 977 % 1), "heap_mb": 25.0, "free_mb": 2.0,
                "mapped_mb": 1.0, "blocks": 420_000 + round(hour * 977) % 3, "threads": 4}
    gauges = [(n / 240, gauge(n / 240)) for n in range(481)]
    rows: list[dict[str, Any]] = [{"minute": 10.0 * n, **gauge(n / 6), "acknowledged": 300 * n} for n in range(13)]
    counts = [{"length gateway.x": 100 + leak * n} for n in range(13)]
    return soak.report({}, gauges, rows, counts).aims


def test_the_verdict_is_by_the_slope_and_by_what_rises() -> None:
    """Flat passes; four megabytes an hour fail; a table that grows fails though the memory is flat; too short is not
    measured."""
    assert all(played(0.0, 0).values())
    assert [name for name, reached in played(4.0, 0).items() if not reached] == [
        "resident memory grows by less than 2 MB an hour"]
    assert [name for name, reached in played(0.0, 3).items() if not reached] == [
        "no kind of object and no table rises from row to row"]
    assert soak.report({}, [], [], []).aims == {"not measured: fewer than 5 rows": False}
