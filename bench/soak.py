"""`./run bench soak`: the memory of a two-hour call, on a clock that leaps over the time in which nothing happens."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import math
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.report import Measured
from bench.soak_census import rising
from bench.soak_gauge import Slope, slope

SUMMARY = "the memory of a two-hour call, on a clock that leaps"

FLAT_MB_AN_HOUR = 2.0
"""Of the resident memory; a leak of one packet a second is 4."""

FLAT_BLOCKS_AN_HOUR = 2000.0
"""Of Python's memory blocks: half an object a second; a table of packets, reports or questions grows by more."""

ROWS_LEAST = 5
"""Ten minutes of call each: fewer have no second half."""

COLUMNS = ("minute", "resident_mb", "heap_mb", "free_mb", "mapped_mb", "blocks", "objects", "tasks", "threads",
           "descriptors", "generations", "packets", "acknowledged")

NOTES = (
    "one process: gateway.media whole (engine, encoder's thread, touchscreen's peer, doctor's peer) with the gateway's "
    "own settings of its heap, and the other ends, played by aiortc, over loopback; the memory is of both",
    "time: `time.monotonic`, `time.time` and the event loop's timers leap over every moment in which neither the loop "
    "nor the encoder has anything to do, and stand still while they have: each packet, report, picture, timer and "
    "watchdog of the whole call happens in its order, and a busy machine makes the soak longer, never starved",
    "not as in life: pictures are put in by hand (the camera's reader waits by a real clock), the picture is small "
    "unless asked otherwise, asyncio's own loop stands in the place of uvloop",
    "25 pictures a second, voice both ways, readings 5/s, ECG 10/s, a part of a still each 20 s, 1 % loss asked for "
    "again, transport-wide feedback 10/s, a keyframe asked for each 30 s",
    "slopes over the second half: least squares through the means of twelve stretches, with the half-width of the 95 % "
    "interval; a verdict is by its upper end. rising: what never falls from row to row of the second half",
)

_ROOT = Path(__file__).resolve().parents[1]


def arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the benchmark."""
    parser.add_argument("--hours", type=_above_zero, default=2.0, help="of call (default %(default)s)")
    parser.add_argument("--minutes", type=_above_zero, default=60.0,
                        help="end after so long in any case, and report what was played (default %(default)s)")
    parser.add_argument("--picture", type=_size, default=(192, 108), metavar="WxH",
                        help="of the camera (default 192x108, with grain: as many packets as a large one)")
    parser.add_argument("--events", action="store_true",
                        help="in turn each ten minutes: outages of 4 and 45 s, the doctor's page loaded again, a guest")
    parser.add_argument("--trace", action="store_true", help="where memory was taken (tracemalloc; slow)")


def run(options: argparse.Namespace) -> Measured:
    """The benchmark."""
    rig = {"hours": options.hours, "picture": "x".join(map(str, options.picture)), "events": options.events,
           "notes": list(NOTES)}
    soak, began = _Soak(options), time.monotonic()
    asyncio.run(soak.play())
    rig["minutes"] = round((time.monotonic() - began) / 60, 1)
    rig["times_as_fast_as_life"] = round(60 * soak.hours / max(rig["minutes"], 0.1), 1)
    return report(rig, soak.gauges, soak.rows, soak.counts, soak.traced)


@dataclass(slots=True)
class _Soak:
    """One call, as its process tells of it."""

    options: argparse.Namespace
    gauges: list[tuple[float, dict[str, Any]]] = field(default_factory=list)
    """Hour of the call, what the process said of its memory."""
    rows: list[dict[str, Any]] = field(default_factory=list)
    counts: list[dict[str, int]] = field(default_factory=list)
    traced: list[Any] = field(default_factory=list)

    @property
    def hours(self) -> float:
        """Of call so far."""
        return self.gauges[-1][0] if self.gauges else 0.0

    async def play(self) -> None:
        """To its end, or until the time is over."""
        options = self.options
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bench.soak_call", "--hours", str(options.hours), "--width", str(options.picture[0]),
            "--height", str(options.picture[1]), *(("--events",) if options.events else ()),
            *(("--trace",) if options.trace else ()), cwd=_ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, limit=1 << 24)
        assert child.stdout is not None
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(60 * options.minutes):
                    while line := await child.stdout.readline():
                        self._take(json.loads(line))
        finally:
            if child.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    child.terminate()
            await child.wait()

    def _take(self, line: dict[str, Any]) -> None:
        self.gauges.append((line["hour"], line["gauge"]))
        if "row" in line:
            self.rows.append({"minute": round(60 * line["hour"], 1), **line["gauge"], **line["row"]})
            self.counts.append(line["counts"])
            self.traced = line["traced"] or self.traced
            for text in table(self.rows[-1:], head=len(self.rows) == 1):
                print(text, file=sys.stderr, flush=True)


def report(rig: dict[str, Any], gauges: Sequence[tuple[float, dict[str, Any]]], rows: list[dict[str, Any]],
           counts: Sequence[dict[str, int]], traced: Sequence[Any] = ()) -> Measured:
    """The table and the verdicts. `gauges`: by hour of the call; `rows` and `counts` go together."""
    if len(rows) < ROWS_LEAST:
        return Measured(rig, {"rows": rows}, {f"not measured: fewer than {ROWS_LEAST} rows": False})
    late = [one for one in gauges if one[0] >= gauges[-1][0] / 2]
    slopes = {name: slope([(hour, float(gauge[name])) for hour, gauge in late])
              for name in ("resident_mb", "heap_mb", "free_mb", "mapped_mb", "blocks")}
    growing = rising(counts[len(counts) // 2:])
    resident = [gauge["resident_mb"] for _, gauge in gauges]
    results: dict[str, Any] = {
        "hours": round(gauges[-1][0], 2), "slopes_an_hour": {name: shown(one) for name, one in slopes.items()},
        "resident_mb": {"first": resident[0], "half": late[0][1]["resident_mb"], "last": resident[-1],
                        "most": max(resident)},
        "rising": growing, "rows": rows}
    if traced:
        results["taken_at"] = list(traced)
    return Measured(rig, results, {
        f"resident memory grows by less than {FLAT_MB_AN_HOUR:.0f} MB an hour":
            slopes["resident_mb"].at_most < FLAT_MB_AN_HOUR,
        f"Python's memory grows by less than {FLAT_BLOCKS_AN_HOUR:.0f} blocks an hour":
            slopes["blocks"].at_most < FLAT_BLOCKS_AN_HOUR,
        "no kind of object and no table rises from row to row": not growing,
        "readings were acknowledged to the end": rows[-1]["acknowledged"] > rows[-2]["acknowledged"]})


def table(rows: Sequence[dict[str, Any]], *, head: bool = True) -> Iterator[str]:
    """The rows for a person."""
    if head:
        yield " ".join(f"{name:>12}" for name in COLUMNS)
    for row in rows:
        yield " ".join(f"{row[name]:>12}" for name in COLUMNS)


def shown(one: Slope) -> dict[str, float | None]:
    """As JSON."""
    return {"each_hour": round(one.each_hour, 2),
            "plus_minus": None if math.isinf(one.uncertain) else round(one.uncertain, 2)}


def _above_zero(text: str) -> float:
    value = float(text)
    if not 0 < value < 1000:
        raise argparse.ArgumentTypeError(f"{text} is not a number above 0 and below 1000")
    return value


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.partition("x")
    if not (width.isdecimal() and height.isdecimal() and 128 <= int(width) <= 1920 and 72 <= int(height) <= 1080
            and int(width) % 16 == 0 and int(height) % 4 == 0):
        raise argparse.ArgumentTypeError(f"{text} is not a size such as 192x108: width by 16, height by 4")
    return int(width), int(height)
