"""Many roads for the model of `bench.roadsim`: other windows of the recorded drives, made traces, losses, queues,
jitter and packets out of order, each with several seeds; and what every freeze on them consisted of.

    python -m bench.roadworlds [--worlds NAMES] [--seeds N] [--seconds N] [--traces FOLDER]
"""

from __future__ import annotations

import argparse
import itertools
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.link import TRACE_BYTES, Direction, Trace
from bench.roadsenders import Ours
from bench.roadsim import FREEZE_SECONDS, Call, Ending, Figures

Pair = tuple[Direction, Direction]

DEAD_SECONDS = 0.25
"""Nothing at all can pass for this long: a hole of the road. Shorter ones are a scheduler's turns."""

WARM_SECONDS = 6.0
"""Not judged: every sender looks for its rate first."""

PROBE_OCTETS, PROBE_SECONDS = 40, 0.02
"""The lightest stream there could be, which finds the holes."""


@dataclass(frozen=True, slots=True)
class World:
    """A name, and its two directions for a seed, from the folder of traces."""

    name: str
    make: Callable[[int, Path], Pair]


class Reordering(Direction):
    """Some packets take a longer way, and others pass them."""

    share, late = 0.02, 0.03

    def admit(self, size: int, now: float) -> float | None:
        out = super().admit(size, now)
        return out + self.late if out is not None and self._random.random() < self.share else out


def walk(seed: int, low: float = 100.0, high: float = 5000.0, hole_each: float = 15.0, hole_most: float = 3.0,
         seconds: float = 120.0) -> Trace:
    """A rate (kbit/s) that wanders between two bounds, with holes of up to `hole_most` seconds."""
    chance = random.Random(seed)
    rate, hole_until, stamps, credit = chance.uniform(low, high), 0.0, [], 0.0
    for millisecond in range(int(seconds * 1000)):
        at = millisecond / 1000
        if millisecond % 100 == 0:
            rate = min(high, max(low, rate * 2 ** chance.gauss(0, 0.25)))
            if at >= hole_until and chance.random() < 0.1 / hole_each:
                hole_until = at + chance.uniform(0.2, hole_most)
        if at >= hole_until:
            credit += rate / 8 / TRACE_BYTES
        while credit >= 1:
            credit -= 1
            stamps.append(millisecond)
    return Trace(stamps)


def cells(seed: int, seconds: float = 120.0) -> Trace:
    """A rate in steps of 3 to 10 s, as an older network gives them out."""
    chance = random.Random(seed)
    stamps: list[int] = []
    credit, rate, until = 0.0, 0.0, 0.0
    for millisecond in range(int(seconds * 1000)):
        if millisecond / 1000 >= until:
            rate, until = chance.choice((128, 256, 384, 1000, 2000)), millisecond / 1000 + chance.uniform(3, 10)
        credit += rate / 8 / TRACE_BYTES
        while credit >= 1:
            credit -= 1
            stamps.append(millisecond)
    return Trace(stamps)


def _plain(up: str, down: str = "rate=4000,delay=30") -> Callable[[int, Path], Pair]:
    return lambda seed, traces: (Direction.parse("up", up, traces, seed=seed),
                                 Direction.parse("down", down, traces, seed=seed))


def _drive(file: str, more: str = "") -> Callable[[int, Path], Pair]:
    def make(seed: int, traces: Path) -> Pair:
        pair = (Direction.parse("up", f"trace={file}.up,delay=20{more}", traces, seed=seed),
                Direction.parse("down", f"trace={file}.down,delay=20", traces, seed=seed))
        for way in pair:
            assert way.trace is not None
            way.trace = _later(way.trace, 37.0 * seed)
        return pair

    return make


def _later(trace: Trace, start: float) -> Trace:
    start %= trace.period
    shifted = sorted((stamp - start) % trace.period for stamp in trace.stamps)
    return Trace([round(1000 * stamp) for stamp in shifted])


def _made(trace: Callable[[int], Trace], queue: float = 0.3, more: str = "") -> Callable[[int, Path], Pair]:
    def make(seed: int, traces: Path) -> Pair:
        up = Direction.parse("up", "delay=30" + more, traces, seed=seed)
        up.trace, up.queue = trace(seed), queue
        return up, Direction.parse("down", "rate=4000,delay=30", traces, seed=seed)

    return make


def _reordering(seed: int, traces: Path) -> Pair:
    return (Reordering("up", rate_kbps=1000, delay=0.03, seed=seed),
            Direction.parse("down", "rate=4000,delay=30", traces, seed=seed))


WORLDS = (
    World("att", _drive("ATT-LTE-driving-2016")), World("umts", _drive("TMobile-UMTS-driving")),
    World("att+loss3", _drive("ATT-LTE-driving-2016", ",loss=3,burst=3")),
    World("walk", _made(walk)), World("walk-deep", _made(walk, 2.0)),
    World("walk+loss", _made(walk, more=",loss=3,burst=3")),
    World("narrow", _made(lambda seed: walk(seed, 80, 600))),
    World("cells", _made(cells)), World("cells-deep", _made(cells, 2.0)),
    World("loss1", _plain("rate=1000,delay=30,loss=1")), World("loss3", _plain("rate=1000,delay=30,loss=3")),
    World("loss10", _plain("rate=1000,delay=30,loss=10")),
    World("burst3", _plain("rate=2000,delay=30,loss=5,burst=3")),
    World("burst10", _plain("rate=2000,delay=30,loss=5,burst=10")),
    World("burst3-400k", _plain("rate=400,delay=30,loss=5,burst=3")),
    World("loss-rtt300", _plain("rate=1000,delay=150,loss=5,burst=3", "rate=4000,delay=150")),
    World("tiny8-1m", _plain("rate=1000,delay=30,queue=77")),
    World("tiny8-300k", _plain("rate=300,delay=30,queue=250")),
    World("tiny-400k", _plain("rate=400,delay=30,queue=60")),
    World("bloat", _plain("rate=500,delay=30,queue=2000")), World("jitter", _plain("rate=1000,delay=30,jitter=60")),
    World("reorder", _reordering), World("uneven", _plain("rate=800,delay=20", "rate=200,delay=200,jitter=100")),
    World("downloss", _plain("rate=1000,delay=30", "rate=1000,delay=30,loss=20,burst=5")),
    World("150k", _plain("rate=150,delay=60")), World("150k-loss", _plain("rate=150,delay=60,loss=3,burst=3")),
    World("400k", _plain("rate=400,delay=40")),
)


def holes(up: Direction, seconds: float) -> list[tuple[float, float]]:
    """Where not even the lightest stream gets through: (from, to) at the receiver."""
    times, at = [0.0], 0.0
    up.loss = 0.0
    while at < seconds:
        out = up.admit(PROBE_OCTETS, at)
        if out is not None:
            times.append(out)
        at += PROBE_SECONDS
    return [(a, b) for a, b in itertools.pairwise(sorted([*times, seconds])) if b - a > DEAD_SECONDS]


@dataclass
class Causes:
    """What freezes consisted of, in seconds: a hole of the road; until the picture that ended them was taken; until its
    last packet left; on the way. `repaired`: how many ended with a packet that was sent again; `unavoidable`: what a
    stream that needs no rate would have been frozen."""

    hole: float = 0.0
    taken: float = 0.0
    left: float = 0.0
    way: float = 0.0
    freezes: int = 0
    repaired: int = 0
    keyframes: int = 0
    unavoidable: float = 0.0

    def add(self, ending: Ending, dead: Sequence[tuple[float, float]]) -> None:
        """One freeze."""
        inside = [(max(a, ending.since), min(b, ending.at)) for a, b in dead if a < ending.at and b > ending.since]
        hole = sum(b - a for a, b in inside)
        after = max([ending.since, *(b for _, b in inside)])
        self.hole += hole
        self.taken += max(0.0, min(ending.born, ending.at) - after) + max(
            0.0, ending.at - ending.since - hole - (ending.at - after))
        self.left += max(0.0, ending.left - max(ending.born, after))
        self.way += ending.at - max(ending.left, ending.born, after)
        self.freezes += 1
        self.repaired += ending.repaired
        self.keyframes += ending.key


@dataclass
class Score:
    """Over all seeds of a world."""

    frozen: list[float] = field(default_factory=list)
    late: list[float] = field(default_factory=list)
    rate: list[float] = field(default_factory=list)
    frames: list[float] = field(default_factory=list)
    keyframes: int = 0
    causes: Causes = field(default_factory=Causes)


def judged(told: Figures) -> tuple[float, float]:
    """Frozen seconds and the 95th percentile of the age (s) after the first seconds."""
    ages = sorted(age for at, age in told.shown if at >= WARM_SECONDS) or [float("inf")]
    times = [WARM_SECONDS, *(at for at, _ in told.shown if at >= WARM_SECONDS), told.seconds]
    frozen = sum(b - a for a, b in itertools.pairwise(times) if b - a > FREEZE_SECONDS)
    return frozen, ages[int(0.95 * len(ages))]


def score(world: World, seeds: int, seconds: float, traces: Path) -> Score:
    """A world over its seeds."""
    whole = Score()
    for seed in range(seeds):
        up, down = world.make(seed, traces)
        told = Call(Ours(), up, down, seconds, seed=seed + 7).run()
        frozen, late = judged(told)
        whole.frozen.append(frozen)
        whole.late.append(late)
        whole.rate.append(told.octets * 8 / told.seconds / 1000)
        whole.frames.append(len(told.shown) / told.seconds)
        whole.keyframes += told.keyframes
        dead = holes(world.make(seed, traces)[0], seconds)
        whole.causes.unavoidable += sum(
            min(b, seconds) - max(a, WARM_SECONDS) for a, b in dead if b - max(a, WARM_SECONDS) > FREEZE_SECONDS)
        for ending in told.endings:
            if ending.at - max(ending.since, WARM_SECONDS) > FREEZE_SECONDS:
                whole.causes.add(ending, dead)
    return whole


def main() -> int:
    """A table, a line a world; frozen seconds per minute."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--worlds", help="names apart by commas")
    parser.add_argument("--seeds", type=int, default=6)
    parser.add_argument("--seconds", type=float, default=46.0)
    parser.add_argument("--traces", type=Path, default=Path("../shared/data/links"))
    options = parser.parse_args()
    names = options.worlds.split(",") if options.worlds else [world.name for world in WORLDS]
    print("world          fps   p95 worst  kbps  key frozen  most least |   n  hole taken  left   way rtx keys")
    for world in (world for world in WORLDS if world.name in names):
        whole = score(world, options.seeds, options.seconds, options.traces)
        minutes = options.seeds * (options.seconds - WARM_SECONDS) / 60
        print(_line(world.name, whole, options.seeds, minutes), flush=True)
    return 0


def _line(name: str, whole: Score, seeds: int, minutes: float) -> str:
    causes, late = whole.causes, [age * 1000 for age in whole.late]
    parts = " ".join(f"{part / minutes:5.2f}" for part in (causes.hole, causes.taken, causes.left, causes.way))
    frozen = f"{sum(whole.frozen) / minutes:6.2f} {max(whole.frozen):5.1f} {causes.unavoidable / minutes:5.2f}"
    return (f"{name:12} {_mean(whole.frames):5.1f} {_mean(late):5.0f} {max(late):5.0f} {_mean(whole.rate):5.0f} "
            f"{whole.keyframes / seeds:4.0f} {frozen} | {causes.freezes:3} {parts} {causes.repaired:3} "
            f"{causes.keyframes:4}")


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


if __name__ == "__main__":
    raise SystemExit(main())
