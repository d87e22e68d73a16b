"""`./run bench handover`: outages of one link and the loss of one of two, seen at both ends of a real call."""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from pathlib import Path
from typing import Any

from playwright.async_api import Error as BrowserError
from playwright.async_api import Page

from bench.link import BadProfile, Direction
from bench.linksim import Emulator
from bench.report import Measured
from bench.road import NoRoad, road
from bench.scene import Scene, rig, say, scene
from sim.bots.browser import NoBrowser
from sim.demo.processes import DemoFailed

SUMMARY = "how long picture stands still after an outage, and when one of two uplinks is lost"

BACK_AIM_S, HANDOVER_AIM_S = 1.0, 1.0
"""Issue 4."""

SETTLE_S, PATIENCE_S = 6.0, 20.0

REMOTE = ("remote-video", "doctor-picture-video")
"""The other side's picture, at the doctor and at the kiosk."""

_WATCH = """
() => {
  if (window.passerelleFrames) return;
  window.passerelleFrames = [];
  const seen = new WeakSet();
  const look = () => {
    for (const video of document.querySelectorAll("video")) {
      if (seen.has(video)) continue;
      seen.add(video);
      const name = video.dataset.testid ?? "";
      const step = (now, { rtpTimestamp }) => {
        // What is shown while a fresh connection is attached came over no network: it has no such time.
        const came = rtpTimestamp !== undefined;
        if (came) window.passerelleFrames.push([name, performance.timeOrigin + performance.now()]);
        video.requestVideoFrameCallback(step);
      };
      video.requestVideoFrameCallback(step);
    }
  };
  look();
  setInterval(look, 100);
}
"""

_FRAMES = "(since) => window.passerelleFrames.filter(([, at]) => at >= since)"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the benchmark."""
    parser.add_argument("--outages", default="1,4,20", help="lengths in seconds on one link (default 1,4,20)")
    parser.add_argument("--links", type=int, choices=(1, 2), default=2, help="1: outages only (default 2)")
    parser.add_argument("--lost", type=float, default=14.0, help="seconds one of two uplinks is away (default 14)")
    parser.add_argument("--up", default="rate=2000,delay=30")
    parser.add_argument("--down", default="rate=4000,delay=30")
    parser.add_argument("--directory", type=Path, help="keep the world and its logs here")


def run(options: argparse.Namespace) -> Measured:
    """The benchmark."""
    described = rig(f"each link up {options.up}, down {options.down}",
                    "gap: the longest time between two displayed pictures from the cut on, at the doctor and, of the "
                    "doctor's picture, at the kiosk; back: from the network's return to the next picture")
    described["network"] = "two network namespaces joined by the link emulator; the relay stands at the doctor's end"
    try:
        with tempfile.TemporaryDirectory(prefix="bench-handover.") as temporary:
            return asyncio.run(_run(options, described, (options.directory or Path(temporary)).resolve()))
    except (BadProfile, BrowserError, DemoFailed, NoBrowser, NoRoad, TimeoutError) as error:
        words = f"not measured: {next(iter(str(error).splitlines()), '') or type(error).__name__}"
        return Measured(described, {}, {words: False})


async def _run(options: argparse.Namespace, described: dict[str, Any], directory: Path) -> Measured:
    links = [(Direction.parse(f"up{n}", options.up), Direction.parse(f"down{n}", options.down))
             for n in range(options.links)]
    results: dict[str, Any] = {}
    names = tuple(f"wan{n}" for n in range(options.links))
    async with road(links) as (emulator, way), scene(directory, road=way, interfaces=names) as it:
        await it.doctor.take(await it.open())
        if len(await it.doctor.picture.codes(wanted=2)) < 2:
            raise TimeoutError("the call did not begin: no picture")
        for page in (it.doctor.page, it.nurse.page):
            await page.evaluate(_WATCH)
        await asyncio.sleep(SETTLE_S)
        if options.links == 2:
            results["one_of_two_lost"] = await _cut(it, emulator, options.lost, (0,), settle=4.0)
            results["other_of_two_lost"] = await _cut(it, emulator, 6.0, (1,), settle=4.0)
        for length in (float(text) for text in options.outages.split(",") if text):
            results[f"outage_{length:g}_s"] = await _cut(it, emulator, length, range(options.links), settle=SETTLE_S)
        results["errors"] = it.nurse.watch.errors + it.doctor.watch.errors
    aims = {}
    for name, told in results.items():
        if name.startswith("outage"):
            aims[f"{name}: picture back within {BACK_AIM_S:g} s of the network"] = (
                told["doctor"]["back_s"] is not None and told["doctor"]["back_s"] <= BACK_AIM_S)
        elif name.endswith("lost"):
            aims[f"{name}: moved within {HANDOVER_AIM_S:g} s"] = told["doctor"]["gap_s"] <= HANDOVER_AIM_S
    return Measured(described, results, aims)


async def _cut(it: Scene, emulator: Emulator, length: float, which: Any, settle: float) -> dict[str, Any]:
    say(f"{'both' if len(list(which)) > 1 else list(which)} away for {length:g} s")
    since = time.time() * 1000
    for link in which:
        emulator.down_now(link, length)
    await asyncio.sleep(length)
    back = time.time() * 1000
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until and not any(  # noqa: ASYNC110 - it waits for another process
            name == "remote-video" for name, _ in await it.doctor.page.evaluate(_FRAMES, back + 100)):
        await asyncio.sleep(0.2)
    await asyncio.sleep(settle)
    told: dict[str, Any] = {"seconds": length}
    for who, page in (("doctor", it.doctor.page), ("kiosk", it.nurse.page)):
        told[who] = await _seen(page, since, back)
    say(str(told))
    return told


async def _seen(page: Page, since: float, back: float) -> dict[str, Any]:
    frames = [at for name, at in await page.evaluate(_FRAMES, since - 1000) if name in REMOTE]
    if not frames:
        return {"gap_s": None, "back_s": None}
    now = time.time() * 1000
    gaps = [(later - earlier, earlier) for earlier, later in zip(frames, [*frames[1:], now], strict=True)]
    longest, at = max(gaps)
    after = [moment for moment in frames if moment > back]
    return {"gap_s": round(longest / 1000, 2), "gap_began_s": round((at - since) / 1000, 2),
            "gaps_over_half_a_second": len([gap for gap, _ in gaps if gap > 500]),
            "back_s": round((after[0] - back) / 1000, 2) if after else None}
