"""Both ways out of the vehicle on the nurse's bar, over two emulated roads of which one dies."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from playwright.async_api import Locator

import bench.road
from bench.link import Direction
from bench.scene import Scene, scene
from sim.bots.browser import eventually

pytestmark = [pytest.mark.e2e, pytest.mark.root, pytest.mark.timeout(600),
              pytest.mark.skipif(bench.road.missing() is not None, reason=str(bench.road.missing()))]

NAMES = ("wan0", "wan1")
SEEN_MS = 60_000
"""The gateway knows within 3 s; two browsers on a loaded machine need more to begin a call."""

BOTH_ANSWER = """() => {
  const signs = [...document.querySelectorAll('[data-testid="bar"] [data-testid^="uplink-"]')];
  const used = signs.filter((each) => each.dataset.used === 'true');
  return signs.length === 2 && used.length === 1 && signs.every((each) => each.dataset.state === 'answering')
    ? used[0].dataset.testid.slice('uplink-'.length) : null;
}"""
"""The used uplink's name once there are two and both answer."""

AWAY_S = 600.0
"""Longer than the test: the road comes back when it is told to."""


def sign(it: Scene, name: str, state: str, used: bool) -> Locator:
    """The mark of one uplink in the bar, in this state."""
    return it.nurse.page.locator(
        f'[data-testid="bar"] [data-testid="uplink-{name}"][data-state="{state}"][data-used="{str(used).lower()}"]')


async def test_the_bar_shows_both_uplinks_and_the_one_that_carries_the_call(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two ways answer; the used one dies and the other is marked in the same call; it comes back and answers."""
    monkeypatch.setattr(bench.road, "NEAR", f"uplinks-bus-{os.getpid()}")
    monkeypatch.setattr(bench.road, "FAR", f"uplinks-clinic-{os.getpid()}")
    ways = [(Direction.parse(f"up{n}", "rate=2000,delay=30"), Direction.parse(f"down{n}", "rate=4000,delay=30"))
            for n in range(len(NAMES))]
    async with bench.road.road(ways) as (emulator, way), scene(tmp_path, road=way, interfaces=NAMES) as it:
        await it.doctor.take(await it.open())
        # Which one is used may change while the call begins: both are read at one look.
        lost = await eventually(it.nurse.page, BOTH_ANSWER, seconds=SEEN_MS / 1000)
        other = NAMES[1 - NAMES.index(lost)]
        generation = await it.doctor.generation()

        emulator.down_now(NAMES.index(lost), AWAY_S)
        await sign(it, other, "answering", True).wait_for(timeout=SEEN_MS)
        await sign(it, lost, "silent", False).wait_for(timeout=SEEN_MS)
        assert await it.doctor.generation() == generation
        assert len(await it.doctor.picture.codes(wanted=2)) == 2

        for direction in ways[NAMES.index(lost)]:
            direction.outages.clear()
        await it.nurse.page.locator(f'[data-testid="uplink-{lost}"][data-state="answering"]').wait_for(timeout=SEEN_MS)
