"""The many roads of the model, and what its freezes consist of."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.link import Direction, Trace
from bench.roadsim import Ending
from bench.roadworlds import WORLDS, Causes, Reordering, cells, holes, score, walk

HOLE = [at for at in range(0, 10_000, 10) if not 4000 <= at < 5000]
"""A trace (ms) that lets nothing through for a second."""


@pytest.mark.parametrize("make", [walk, cells])
def test_a_made_trace_is_the_same_for_the_same_seed(make: object) -> None:
    """Two runs of a world meet the same road, another seed another one."""
    assert callable(make)
    assert make(3, seconds=20.0).stamps == make(3, seconds=20.0).stamps
    assert make(3, seconds=20.0).stamps != make(4, seconds=20.0).stamps


def test_a_hole_of_the_road_is_found() -> None:
    """As the lightest stream meets it: what was sent 0.3 s before its end waits in the queue."""
    found = holes(Direction("up", trace=Trace(HOLE)), 10.0)
    assert [(round(a, 1), round(b, 1)) for a, b in found] == [(4.0, 5.0)]


def test_the_parts_of_a_freeze_are_the_freeze() -> None:
    """Hole, until the picture was taken, until it left, on its way: together as long as the gap."""
    causes = Causes()
    causes.add(Ending(since=4.0, at=5.6, born=5.2, left=5.4, key=True, repaired=False), [(4.1, 5.0)])
    causes.add(Ending(since=7.0, at=7.8, born=7.1, left=7.6, key=False, repaired=True), [])
    assert causes.hole == pytest.approx(0.9)
    assert causes.hole + causes.taken + causes.left + causes.way == pytest.approx(1.6 + 0.8)
    assert (causes.freezes, causes.keyframes, causes.repaired) == (2, 1, 1)


def test_some_packets_pass_others() -> None:
    """A road out of order changes the order of some arrivals, and loses nothing."""
    up = Reordering("up", rate_kbps=1000, delay=0.03)
    out = [up.admit(500, at / 100) for at in range(500)]
    assert None not in out
    arrived = [moment for moment in out if moment is not None]
    assert arrived != sorted(arrived)


def test_a_world_is_scored_over_its_seeds() -> None:
    """A figure a seed, and no freeze on a steady road."""
    world = next(world for world in WORLDS if world.name == "400k")
    whole = score(world, 2, 12.0, Path())
    assert len(whole.frozen) == len(whole.late) == len(whole.rate) == 2
    assert whole.frozen == [0.0, 0.0]
    assert max(whole.late) < 0.3
