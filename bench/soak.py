"""`./run bench soak`: the memory of a long call, on a clock that runs faster."""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]  # the stubs are a package of their own

from bench.report import Measured

SUMMARY = "the memory of a two-hour call, played faster"

FLAT_MB_AN_HOUR = 2.0
"""What the allocator moves by itself between two samples stays under this; a leak of one packet a second does not."""

SETTLED = 0.25
"""Part of the call after which everything has been used once."""

_ROOT = Path(__file__).resolve().parents[1]


def arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the benchmark."""
    parser.add_argument("--hours", type=_above_zero, default=2.0, help="of call (default %(default)s)")
    parser.add_argument("--speed", type=_above_zero, default=6.0, help="times as fast as life (default %(default)s)")


@dataclass(frozen=True, slots=True)
class Sample:
    """`hour` of the call; the process's own memory, its descriptors and threads."""

    hour: float
    rss_mb: float
    descriptors: int
    threads: int


def run(options: argparse.Namespace) -> Measured:
    """The benchmark."""
    rig = {"hours": options.hours, "speed": options.speed, "notes": [
        "gateway.media (engine, touchscreen's peer, doctor's peer) in one process; camera, touchscreen and doctor "
        "played by aiortc in another; loopback; both processes' clocks and timers run `speed` times as fast, so each "
        "packet, report, picture and timer of the whole call happens",
        "25 pictures a second of 640 x 360, voice, readings 5/s, ECG 10/s, 1 % loss asked for again, transport-wide "
        "feedback 10/s, a keyframe asked for each 30 s",
        f"growth: slope of the resident memory over the last {1 - SETTLED:.0%} of the call"]}
    samples, told = asyncio.run(_soak(options.hours, options.speed))
    late = [one for one in samples if one.hour >= SETTLED * options.hours]
    if len(late) < 3:
        return Measured(rig, {"samples": len(samples)}, {"not measured: the call did not last": False})
    growth = slope([(one.hour, one.rss_mb) for one in late])
    results: dict[str, Any] = {
        "growth_mb_an_hour": round(growth, 2), "rss_mb_first": late[0].rss_mb, "rss_mb_last": late[-1].rss_mb,
        "rss_mb_most": max(one.rss_mb for one in samples), "descriptors": sorted({one.descriptors for one in late}),
        "threads": sorted({one.threads for one in late}), **told,
        "samples": [[round(one.hour, 3), one.rss_mb] for one in samples]}
    return Measured(rig, results, {
        f"memory grows by less than {FLAT_MB_AN_HOUR} MB an hour": growth < FLAT_MB_AN_HOUR,
        "one connection went on to the end": told["packets_in_last_second"] > 0 and told["generations"] == 1})


def slope(points: list[tuple[float, float]]) -> float:
    """Of the straight line through `points` by least squares."""
    x = sum(a for a, _ in points) / len(points)
    y = sum(b for _, b in points) / len(points)
    covariance = sum((a - x) * (b - y) for a, b in points)
    return covariance / sum((a - x) ** 2 for a, _ in points)


async def _soak(hours: float, speed: float) -> tuple[list[Sample], dict[str, Any]]:
    far = await _start("bench.soak_far", "--speed", str(speed))
    assert far.stdout is not None
    port = json.loads(await far.stdout.readline())["camera_port"]
    call = await _start("bench.soak_call", "--speed", str(speed), "--camera", str(port))
    samples: list[Sample] = []
    told: dict[str, Any] = {"generations": 0}
    counted = asyncio.Event()
    passing = [asyncio.create_task(_pass(one, other, told, counted)) for one, other in ((call, far), (far, call))]
    try:
        _say(call, {"kind": "join"})
        process, began = psutil.Process(call.pid), time.monotonic()
        each = hours / 120
        while (hour := (time.monotonic() - began) * speed / 3600) < hours and call.returncode is None:
            samples.append(Sample(hour, round(process.memory_info().rss / 1e6, 2), process.num_fds(),
                                  process.num_threads()))
            await asyncio.sleep(each * 3600 / speed)
        _say(far, {"kind": "count"})
        async with asyncio.timeout(10):
            await counted.wait()
    finally:
        for child in (call, far):
            if child.stdin is not None:
                child.stdin.close()
        for child in (call, far):
            await child.wait()
        for task in passing:
            task.cancel()
        await asyncio.wait(passing)
    return samples, told


async def _start(*arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(sys.executable, "-m", *arguments, cwd=_ROOT, stdin=subprocess.PIPE,
                                                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, limit=1 << 24)


def _say(child: asyncio.subprocess.Process, message: dict[str, Any]) -> None:
    if child.stdin is not None:
        child.stdin.write(json.dumps(message).encode() + b"\n")


async def _pass(one: asyncio.subprocess.Process, other: asyncio.subprocess.Process, told: dict[str, Any],
                counted: asyncio.Event) -> None:
    """Lines of one child to the other; what is counted is kept."""
    assert one.stdout is not None
    while line := await one.stdout.readline():
        message = json.loads(line)
        if message.get("kind") == "received":
            told |= message["figures"]
            counted.set()
            continue
        told["generations"] += message.get("kind") == "offer"
        _say(other, message)


def _above_zero(text: str) -> float:
    value = float(text)
    if not 0 < value < 1000:
        raise argparse.ArgumentTypeError(f"{text} is not a number above 0 and below 1000")
    return value
