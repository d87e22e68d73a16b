"""`./run bench call`: from the doctor's click to the picture, from the cuff's radio to the doctor's screen, and
what a call costs the vehicle's computer."""

from __future__ import annotations

import argparse
import asyncio
import math
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.async_api import Error as BrowserError

from bench.load import costs, resident_mb, starved, starved_share
from bench.report import Measured, percentile, spread
from bench.scene import Scene, positive, rig, say, scene
from sim.bots.browser import NoBrowser
from sim.demo.processes import DemoFailed

SUMMARY = "tap to picture, cuff's radio to the doctor's screen, the gateway's processor and memory in a call"

PICTURE_AIM_MS, READING_AIM_MS, CPU_AIM_PERCENT, RSS_AIM_MB = 1000, 100, 40, 200
"""Issue 2."""

READINGS_MINIMUM = 60
"""Fewer give no 99th percentile worth the name."""

PICTURE_SECONDS = 30.0
WINDOW_SECONDS = 25.0
"""Over which processor time is counted."""

HD_SECONDS = 60.0
"""The rate controller may begin smaller and needs some seconds of good reports."""

HD_WIDTH, WINDOWS = 1280, 3

SETTLE_SECONDS = 5.0

_TAKEN = """
async (milliseconds) => {
  const until = performance.now() + milliseconds;
  for (;;) {
    const marks = window.passerelleProbe.marks();
    const tap = marks.findLast((mark) => mark.name === "tap");
    const after = (start) => marks.find((mark) => tap && mark.at >= tap.at && mark.name.startsWith(start));
    const granted = after("granted"), first = after("first_frame.");
    if (tap && granted && first) {
      return { granted: granted.at - tap.at, picture: first.at - tap.at, generation: first.name.split(".")[1] };
    }
    if (performance.now() > until) return null;
    await new Promise((done) => setTimeout(done, 20));
  }
}
"""

_VIDEO = """
() => {
  const video = document.querySelector('[data-testid="remote-video"]');
  const quality = video.getVideoPlaybackQuality();
  return { width: video.videoWidth, height: video.videoHeight, frames: quality.totalVideoFrames,
           dropped: quality.droppedVideoFrames, at: performance.now() };
}
"""

_WIDE = """
async ([width, milliseconds]) => {
  const until = performance.now() + milliseconds;
  const video = () => document.querySelector('[data-testid="remote-video"]');
  while ((video()?.videoWidth ?? 0) < width && performance.now() < until) {
    await new Promise((done) => setTimeout(done, 100));
  }
}
"""


@dataclass(slots=True)
class Samples:
    """What is collected, in ms."""

    picture: list[float] = field(default_factory=list)
    granted: list[float] = field(default_factory=list)
    first_generation: int = 0
    reading: list[float] = field(default_factory=list)
    reading_to_page: list[float] = field(default_factory=list)
    reading_in_page: list[float] = field(default_factory=list)
    rss_mb: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


def arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the benchmark."""
    parser.add_argument("--calls", type=positive, default=20, help="calls to take (default 20)")
    parser.add_argument("--readings", type=positive, default=READINGS_MINIMUM,
                        help=f"cuff readings over all calls (default {READINGS_MINIMUM})")
    parser.add_argument("--window", type=float, default=WINDOW_SECONDS,
                        help=f"seconds over which processor time is counted (default {WINDOW_SECONDS:.0f})")
    parser.add_argument("--directory", type=Path, help="keep the world and its logs here")


def run(options: argparse.Namespace) -> Measured:
    """The benchmark."""
    described = rig("tap: the doctor's pointer goes down on 'take'; picture: requestVideoFrameCallback of the first "
                    "frame in the same page; both by the page's own clock",
                    "reading: Reading.received_at (the gateway has the indication of its BLE library) to the effect "
                    "after the doctor's document shows it; two processes, one machine's clock, 1 ms resolution",
                    "memory: the gateway's process holds the simulated radio here (about 12 MB); no still is taken: "
                    "OpenCV, 28 MB, comes with the first one",
                    "frames are decoded and drawn in software by both Chromiums on the gateway's cores; see cost")
    try:
        with tempfile.TemporaryDirectory(prefix="bench-call.") as temporary:
            directory = (options.directory or Path(temporary)).resolve()
            return asyncio.run(_run(options, described, directory))
    except (DemoFailed, NoBrowser, BrowserError, TimeoutError) as error:
        words = f"not measured: {str(error).splitlines()[0] if str(error) else type(error).__name__}"
        return Measured(described, {}, {words: False})


async def _run(options: argparse.Namespace, described: dict[str, Any], directory: Path) -> Measured:
    samples = Samples()
    async with scene(directory) as it:
        say("at rest")
        await asyncio.sleep(SETTLE_SECONDS)
        rest = await costs(it.parts(), options.window)
        busy: dict[str, Any] = {}
        began, waiting = time.monotonic(), starved()
        for number in range(options.calls):
            # The rest is spread over what is left, so that a short run still has its readings.
            count = math.ceil((options.readings - len(samples.reading)) / (options.calls - number))
            await _call(it, samples, count, number)
            if number == 0:
                busy = await _cost_of_call(it, options.window)
            await it.close()
            samples.rss_mb.append(round(resident_mb(it.parts()["gateway"]()), 1))
        described["waiting_for_a_processor_percent_of_time"] = starved_share(waiting, time.monotonic() - began)
        await asyncio.sleep(SETTLE_SECONDS)
        after = await costs(it.parts(), min(options.window, SETTLE_SECONDS))
        samples.errors += it.nurse.watch.errors + it.doctor.watch.errors
    return _report(described, samples, rest, busy, after)


async def _call(it: Scene, samples: Samples, readings: int, number: int) -> None:
    encounter = await it.open()
    await it.doctor.take(encounter)
    taken: dict[str, Any] | None = await it.doctor.page.evaluate(_TAKEN, PICTURE_SECONDS * 1000)
    if taken is None:
        raise TimeoutError(f"call {number + 1}: no picture within {PICTURE_SECONDS:.0f} s")
    samples.picture.append(taken["picture"])
    samples.granted.append(taken["granted"])
    samples.first_generation += taken["generation"] == "1"
    codes = await it.doctor.picture.codes(wanted=2)
    if len(codes) < 2:
        samples.errors.append(f"call {number + 1}: the picture does not show the moving code: {codes}")
    for _ in range(readings):
        if not await it.measure():
            samples.errors.append(f"call {number + 1}: a reading did not come to both screens")
    ids = {reading.reading_id for reading in (await it.seen()).kiosk}
    for shown in await it.doctor.readings():
        if shown["readingId"] in ids:
            samples.reading.append(shown["shownAt"] - shown["notifiedAt"])
            samples.reading_to_page.append(shown["receivedAt"] - shown["notifiedAt"])
            samples.reading_in_page.append(shown["shownAt"] - shown["receivedAt"])
    say(f"call {number + 1}: picture after {taken['picture']:.0f} ms, {len(samples.reading)} readings")


async def _cost_of_call(it: Scene, window: float) -> dict[str, Any]:
    """Processor and memory while picture, voice and ECG run. The picture follows what the doctor's browser can take:
    a window in which it was not 720p at both ends is tried again."""
    await it.nurse.touch("waveform-start-ecg")
    stream = await it.doctor.wait_for_stream()
    heard = {"doctor_hears": await it.doctor.hears(), "nurse_hears": await it.nurse.hears()}
    told: dict[str, Any] = {}
    for tried in range(1, WINDOWS + 1):
        told = await _window(it, stream, window) | {"windows_tried": tried, "sound": heard}
        if told["picture"]["always_720p"]:
            break
    await it.nurse.touch("waveform-stop-ecg")
    await it.doctor.wait_for_end(stream)
    return told


async def _window(it: Scene, stream: int, window: float) -> dict[str, Any]:
    began = time.monotonic()
    await it.doctor.page.evaluate(_WIDE, [HD_WIDTH, HD_SECONDS * 1000])
    waited = time.monotonic() - began
    await asyncio.sleep(SETTLE_SECONDS)
    before = await it.doctor.page.evaluate(_VIDEO)
    samples_before = len((await it.doctor.ecg(stream))["samples"])
    say(f"in a call, {before['width']} x {before['height']}")
    told = await costs(it.parts(), window)
    video = await it.doctor.page.evaluate(_VIDEO)
    trace = await it.doctor.ecg(stream)
    seconds = (video["at"] - before["at"]) / 1000
    told["picture"] = {
        "width": video["width"], "height": video["height"], "seconds_until_720p": round(waited, 1),
        "always_720p": min(before["width"], video["width"]) >= HD_WIDTH,
        "frames_a_second": round((video["frames"] - before["frames"]) / seconds, 1),
        "dropped_by_the_browser": video["dropped"] - before["dropped"]}
    told["ecg_samples_a_second"] = round((len(trace["samples"]) - samples_before) / seconds, 1)
    return told


def _report(described: dict[str, Any], samples: Samples, rest: dict[str, Any], busy: dict[str, Any],
            after: dict[str, Any]) -> Measured:
    described["samples"] = {"calls": len(samples.picture), "readings": len(samples.reading),
                            "seconds_of_processor_time": busy["seconds"]}
    picture, reading = percentile(samples.picture, 0.95), percentile(samples.reading, 0.99)
    gateway = busy["gateway"]
    hd = busy["picture"]["always_720p"]
    live = busy["picture"]["frames_a_second"] >= 15 and busy["ecg_samples_a_second"] > 0 and all(busy["sound"].values())
    results = {
        "tap_to_picture_ms": spread(samples.picture), "tap_to_granted_ms": spread(samples.granted),
        "first_generation_of": f"{samples.first_generation}/{len(samples.picture)}",
        "reading_to_doctor_ms": spread(samples.reading),
        "reading_committed_and_sent_ms": spread(samples.reading_to_page),
        "reading_in_the_doctors_page_ms": spread(samples.reading_in_page),
        "at_rest": rest, "in_call": busy, "after_the_last_call": after,
        "gateway_rss_mb_after_each_call": samples.rss_mb, "errors": samples.errors,
    }
    return Measured(described, results, {
        f"picture within {PICTURE_AIM_MS} ms of the click (p95)": picture is not None and picture <= PICTURE_AIM_MS,
        f"reading at the doctor within {READING_AIM_MS} ms (p99)": reading is not None and reading <= READING_AIM_MS,
        f"gateway under {CPU_AIM_PERCENT} % of one core in a 720p call":
            hd and live and gateway["percent_of_a_core"] < CPU_AIM_PERCENT,
        f"gateway under {RSS_AIM_MB} MB": max(rest["gateway"]["rss_mb"], gateway["rss_mb"],
                                                after["gateway"]["rss_mb"], *samples.rss_mb) < RSS_AIM_MB,
        "no errors on the pages": not samples.errors,
    })
