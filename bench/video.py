"""`./run bench video`: the vehicle's sender over mobile links, beside stock aiortc's and Chromium's own."""

from __future__ import annotations

import argparse
import asyncio
import math
import os
import sys
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from playwright.async_api import Error as BrowserError

from bench import road
from bench import video_stage as stage
from bench.linksim import Emulator
from bench.load import starved, starved_share
from bench.report import Measured
from bench.video_aims import aims
from bench.video_links import NAMES, Case, capacity, chosen, lacking
from bench.video_page import Plots, page
from bench.video_run import WARM_ROUNDS, WARM_SECONDS, Raw, Rig, keep, measure, told, warm
from sim.bots.browser import NoBrowser

SUMMARY = "the picture, voice and readings over mobile links, beside stock aiortc and Chromium's own sender"

TRACES = Path(__file__).resolve().parents[2] / "shared" / "data" / "links"
"""Recordings of real links, beside this project's folder."""

PAGE = Path(".passerelle") / "bench-video.html"

NOTES = (
    "latency: the time in the picture's moving code (the tick it was drawn for) to requestVideoFrameCallback on the "
    "receiving page; one machine, clocks compared within a few ms before each run",
    "frozen: gaps over 500 ms between pictures, the window's edges counted as pictures",
    "SSIM: a picture each two seconds, grey, at 1280 x 720 as a screen would enlarge it, against the drawing of "
    "the same number; the wall clock in it is left out",
    "voice concealed: what the receiver made up (concealedSamples); tones: one each half second, found by pitch",
    "the scene has cloth, plaster, small print and a person who leans, nods and speaks; its chroma mostly stands still",
    "readings: 600 bytes five times a second, reliable; beside them ECG, 160 bytes ten times a second, not resent",
    "kbit/s: on the uplink, all packets that were let onto it, headers included",
    "ours: gateway.media alone (engine and its peer), fresh peer by gateway.session's own rule; voice comes from a "
    "stand-in for the touchscreen (Opus 24 kbit/s) and is forwarded; the touchscreen's own picture is off",
    "the voice is not the same for all: ours 24 kbit/s as the touchscreen sends it, stock 96 kbit/s, Chromium its own "
    "default (about 32)",
    "stock: the library's defaults (VP8, Opus 96 kbit/s, no reconnection), its camera read as ours reads it",
    "chromium: VP8 by default, pictures fed as VideoFrames from the same drawing, no ICE restart",
    "signalling is not on the link; it waits through outages and takes the link's delay each way",
    f"the window begins {WARM_SECONDS:.0f} s and {WARM_ROUNDS} round trips after the join; each sender gets the "
    "same part of a trace, the same losses",
    "receiver, camera, emulator and sender share this machine's cores: see starved_percent_of_time; the emulator runs "
    "before the others where it may, see emulator_late_ms",
)


def arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the benchmark."""
    parser.add_argument("--links", help=f"names apart by commas (default: all): {', '.join(NAMES)}")
    parser.add_argument("--seconds", type=float, default=30.0, help="watched per sender (default 30; outages: longer)")
    parser.add_argument("--up", metavar="PROFILE", help="a link of one's own: vehicle to clinic, like rate=300")
    parser.add_argument("--down", metavar="PROFILE", help="clinic to vehicle")
    parser.add_argument("--senders", default=",".join(stage.SENDERS), help="default: %(default)s")
    parser.add_argument("--receiver", choices=("chromium", "firefox"), default="chromium",
                        help="who watches (default: %(default)s; Firefox's voice delay is not a measure)")
    parser.add_argument("--page", type=Path, help=f"write the plots here (default: beside --json, else {PAGE})")
    parser.add_argument("--directory", type=Path, help="keep the senders' logs here")


def run(options: argparse.Namespace) -> Measured:
    """The benchmark."""
    rig: dict[str, Any] = {"senders": options.senders, "receiver": options.receiver, "seconds": options.seconds,
                           "notes": list(NOTES),
                           "load_average_before": [round(value, 2) for value in os.getloadavg()]}
    try:
        cases = chosen(options.links, options.up, options.down)
        senders = [name.strip() for name in options.senders.split(",")]
        if not set(senders) <= set(stage.SENDERS) or not 1 <= options.seconds < math.inf:
            raise ValueError(f"--senders are of {', '.join(stage.SENDERS)}; --seconds at least 1")
    except ValueError as error:
        return _not_measured(rig, str(error))
    if (reason := road.missing()) is not None:
        return _not_measured(rig, reason)
    skipped = {case.name: reason for case in cases if (reason := lacking(case, TRACES)) is not None}
    cases = [case.lasting(options.seconds) for case in cases if case.name not in skipped]
    if not cases:
        return _not_measured(rig, "; ".join(f"{name}: {reason}" for name, reason in skipped.items()))
    links: dict[str, dict[str, Any]] = {}
    plots: dict[str, Plots] = {}
    began, waiting = time.monotonic(), starved()
    stage.sweep()
    try:
        with tempfile.TemporaryDirectory(prefix="bench-video.") as temporary:
            directory = (options.directory or Path(temporary)).resolve()
            directory.mkdir(parents=True, exist_ok=True)
            for case in cases:
                links[case.name], plots[case.name] = asyncio.run(
                    _link(case, senders, options.receiver, directory))
    except (NoBrowser, stage.StageFailed, BrowserError, OSError) as error:
        return _not_measured(rig, (str(error) or type(error).__name__).splitlines()[0], links)
    rig["waiting_for_a_processor_percent_of_time"] = starved_share(waiting, time.monotonic() - began)
    judged = aims({name: {who: row for who, row in rows.items() if "not_measured" not in row}
                   for name, rows in links.items()})
    for name, rows in links.items():
        judged |= {f"{name}: {who} measured": False for who, row in rows.items() if "not_measured" in row}
    target = options.page or (options.json.with_suffix(".html") if options.json else PAGE)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(page("The picture over mobile links", rig, links, plots, judged))
    print(f"  plots: {target}", file=sys.stderr, flush=True)
    return Measured(rig, {"links": links, "skipped": skipped}, judged)


def _not_measured(rig: dict[str, Any], words: str, links: dict[str, Any] | None = None) -> Measured:
    return Measured(rig, {"links": links or {}}, {f"not measured: {words}": False})


async def _link(case: Case, senders: list[str], watching: str, directory: Path) -> tuple[dict[str, Any], Plots]:
    """Every sender over one link."""
    rows: dict[str, Any] = {}
    outages = [(event.at, event.at + event.length) for event in case.events if event.kind == "outage"]
    plots = Plots(case.seconds, outages=outages)
    async with AsyncExitStack() as stack:
        emulator = await stack.enter_async_context(Emulator(stage.BUS, stage.CLINIC, case.directions(TRACES)))
        plots.capacity = capacity(case, TRACES, case.seconds, warm(emulator))
        source = await stack.enter_async_context(
            stage.child("source", directory / "source.log", "bench.video_source"))
        ports = await source.hear("ports")
        browser, pids = await stack.enter_async_context(
            stage.stock_firefox(stage.CLINIC) if watching == "firefox" else stage.browser(stage.CLINIC, directory))
        rig = Rig(case, emulator, await stage.receiver(browser), pids, source, ports, directory)
        for kind in senders:
            try:
                raw = await measure(rig, kind)
            except (stage.StageFailed, BrowserError) as error:
                rows[kind] = {"not_measured": (str(error) or type(error).__name__).splitlines()[0]}
                print(f"  {case.name} {kind}: {rows[kind]['not_measured']}", file=sys.stderr, flush=True)
                continue
            rows[kind] = told(raw)
            _plot(plots, kind, raw)
            keep(raw, directory / f"{case.name}-{kind}.raw.json")
            print(f"  {case.name} {kind}: {_line(rows[kind])}", file=sys.stderr, flush=True)
    return rows, plots


def _plot(plots: Plots, kind: str, raw: Raw) -> None:
    plots.latency[kind] = [(round(frame.at - raw.begin, 2), round(frame.latency * 1000)) for frame in raw.frames
                           if frame.latency is not None and raw.begin <= frame.at < raw.end]
    plots.rate[kind] = [(at, kbps) for at, kbps in raw.rates if at <= plots.seconds]


def _line(row: dict[str, Any]) -> str:
    late, voice, readings = row["latency_ms"], row["voice"], row["readings_ms"]
    more = "".join(f", {key[:-2]} {row[key]} s" for key in ("back_s", "handover_s") if key in row)
    return (f"{row['fps']} fps {row['lines_p50']} lines, {late['p50']}/{late['p95']}/{late['p99']} ms, "
            f"frozen {row['frozen_s']} s, SSIM {row['ssim']}, {row['kbps']} kbit/s, voice {voice['concealed_s']} s "
            f"concealed {voice['tones_heard_percent']} % heard {voice['delay_ms']['p50']} ms, readings p99 "
            f"{readings['p99']} ms, CPU {row['cpu_percent_of_a_core']} %, starved {row['starved_percent_of_time']} %, "
            f"links late {row['emulator_late_ms']['p95']} ms"
            + more)
