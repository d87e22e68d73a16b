"""`./run bench video`: the vehicle's sender over mobile links, beside stock aiortc's and Chromium's own."""

from __future__ import annotations

import argparse
import asyncio
import errno
import os
import subprocess
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
from bench.namespaces import folder_prefix, sweep
from bench.report import Measured, WrongCall
from bench.video_aims import aims
from bench.video_links import LONGEST_SECONDS, NAMES, SECONDS, Case, capacity, chosen, custom, lacking, outage
from bench.video_page import Plots, page
from bench.video_record import NotResumable, Record
from bench.video_run import WARM_ROUNDS, WARM_SECONDS, Raw, Rig, keep, measure, told, warm
from sim.bots.browser import NoBrowser, installed

SUMMARY = "the picture, voice and readings over mobile links, beside stock aiortc and Chromium's own sender"

TRACES = Path(__file__).resolve().parents[2] / "shared" / "data" / "links"
"""Recordings of real links, beside this project's folder."""

PAGE = Path(".passerelle") / "bench-video.html"

AROUND_SECONDS = 15.0
"""Of a run, beside its window: start, join, warming up, reading, figures."""

NOTES = (
    "latency: the time in the picture's moving code (the tick it was drawn for) to requestVideoFrameCallback on the "
    "receiving page; one machine, clocks compared within a few ms before each run",
    "frozen: gaps over 500 ms between pictures, the window's edges counted as pictures",
    "SSIM: a picture each second, its luma as the browser's decoder gave it (no conversion of colours), enlarged to "
    "1280 x 720 as a screen would, against the drawing of the same number, without the wall clock in it; black_white "
    "says what the code's squares of 16 and 235 came as; a picture that stands still is not compared again",
    "voice concealed: what the receiver made up (concealedSamples); tones: one each half second, found by pitch",
    "the scene has cloth, plaster, small print and a person who leans, nods and speaks; its chroma mostly stands still",
    "readings: 600 bytes five times a second, reliable; beside them ECG, 160 bytes ten times a second, not resent",
    "kbit/s: on the uplink, all packets that were let onto it, headers included",
    "ours: gateway.media alone (engine and its peer), fresh peer by gateway.session's own rule; voice comes from a "
    "stand-in for the touchscreen (Opus 24 kbit/s) and is forwarded; the touchscreen's own picture is off",
    "the voice is not the same for all: ours 24 kbit/s as the touchscreen sends it, stock 96 kbit/s, Chromium its own "
    "default (about 32)",
    "stock: the library's defaults (VP8, Opus 96 kbit/s, no reconnection), its camera read as ours reads it",
    "chromium: as a page gets it that sets nothing: VP8, its own first rate of 300 kbit/s, no content hint, no ICE "
    "restart; pictures are fed as VideoFrames over a local WebSocket, which costs it feeding_percent_of_a_core "
    "(measured after the call) and is in its CPU; limited_s is what it says kept its picture small",
    "signalling is not on the link; it waits through outages and takes the link's delay each way",
    f"the window begins {WARM_SECONDS:.0f} s and {WARM_ROUNDS} round trips after the join; each sender gets the "
    "same part of a trace, the same losses",
    "receiver, camera, emulator and sender share this machine's cores: see starved_percent_of_time; the emulator runs "
    "before the others where it may, see emulator_late_ms; who needs more processor loses more by that: with four "
    "cores and more Chromium's figures are better than with two",
)


def arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the benchmark."""
    parser.add_argument("--links", help=f"names apart by commas (default: all): {', '.join(NAMES)}")
    parser.add_argument("--seconds", type=float, help=f"watched per sender (default {SECONDS:g}; links with an "
                                                      "outage or a change: as long as that needs, 15 to 75)")
    parser.add_argument("--up", metavar="PROFILE", help="a link of one's own, vehicle to clinic: rate=300,delay=40 or "
                                                        "trace=FILE (Mahimahi)...; all of it is in bench/link.py")
    parser.add_argument("--down", metavar="PROFILE", help="clinic to vehicle")
    parser.add_argument("--up2", metavar="PROFILE", help="a second uplink beside it")
    parser.add_argument("--down2", metavar="PROFILE", help="its way down")
    parser.add_argument("--outage", metavar="START:LENGTH", action="append", default=[],
                        help="a link of one's own is dead from this second of the window on for so long; repeatable")
    parser.add_argument("--traces", type=Path, default=TRACES, help="folder of recorded links (default: %(default)s)")
    parser.add_argument("--senders", default=",".join(stage.SENDERS), help="default: %(default)s")
    parser.add_argument("--receiver", choices=("chromium", "firefox"), default="chromium",
                        help="who watches (default: %(default)s; Firefox's voice delay is not a measure)")
    parser.add_argument("--page", type=Path, help=f"write the plots here (default: beside --json, else {PAGE})")
    parser.add_argument("--directory", type=Path, help="keep the senders' logs here")
    parser.add_argument("--resume", action="store_true", help="go on with a run that was stopped: what it had measured "
                                                              "stays")


def run(options: argparse.Namespace) -> Measured:
    """The benchmark. WrongCall."""
    cases, senders, skipped = _asked(options)
    target = _writable(options.page or (options.json.with_suffix(".html") if options.json else PAGE))
    rig: dict[str, Any] = {"senders": options.senders, "receiver": options.receiver,
                           "links": {case.name: case.words() for case in cases}, "notes": list(NOTES),
                           "load_average_before": [round(value, 2) for value in os.getloadavg()]}
    if (reason := road.missing() or _no_browser()) is not None:
        return Measured(rig, {"links": {}}, {f"not measured: {reason}": False})
    record = _record(options, target)
    began, waiting = time.monotonic(), starved()
    _say(f"{len(cases)} links, {len(senders)} senders: about {_minutes(record, cases, senders):.0f} min; what is "
         f"measured goes to {record.file} as it comes")
    for name, reason in skipped.items():
        _say(f"{name}: left out: {reason}")
    sweep()
    try:
        with tempfile.TemporaryDirectory(prefix=folder_prefix("video")) as temporary:
            directory = (options.directory or Path(temporary)).resolve()
            for case in cases:
                while missing := record.missing(case.name, senders):
                    _try(record, case, missing, options, directory)
    except BaseException:
        if record.links:
            _say(f"what was measured is in {record.file}; the same command with --resume goes on from there")
        raise
    rig["waiting_for_a_processor_percent_of_time"] = starved_share(waiting, time.monotonic() - began)
    rig["minutes"] = round((time.monotonic() - began) / 60, 1)
    links = {case.name: {who: record.links[case.name][who] for who in senders} for case in cases}
    judged = _judged(links, skipped)
    target.write_text(page("The picture over mobile links", rig, links, record.plots, judged))
    _say(f"plots: {target}")
    _say(f"{sum(judged.values())} of {len(judged)} aims reached")
    record.done()
    return Measured(rig, {"links": links, "skipped": skipped}, judged)


def _asked(options: argparse.Namespace) -> tuple[list[Case], list[str], dict[str, str]]:
    """The links that can be run, the senders, and why other links can not; WrongCall."""
    own = [(options.up, options.down), (options.up2, options.down2)]
    senders = [name.strip() for name in options.senders.split(",")]
    try:
        if not set(senders) <= set(stage.SENDERS) or len(set(senders)) < len(senders):
            raise ValueError(f"--senders {options.senders}: each once of {', '.join(stage.SENDERS)}")
        if options.seconds is not None and not 1 <= options.seconds <= LONGEST_SECONDS:
            raise ValueError(f"--seconds {options.seconds:g}: at least 1, at most {LONGEST_SECONDS:g}")
        if any((up is None) != (down is None) for up, down in own) or (own[0][0] is None and own[1][0] is not None):
            raise ValueError("--up and --down belong together, and --up2 and --down2 stand beside them")
        profiles = [pair for pair in own if pair[0] is not None]
        if profiles and options.links:
            raise ValueError("--links names links that exist, --up and --down make one: give either")
        if options.outage and not profiles:
            raise ValueError("--outage is for a link of one's own (--up, --down); these exist: "
                             + ", ".join(name for name in NAMES if name.startswith("outage")))
        outages = [outage(text) for text in options.outage]
        cases = [custom(profiles, outages)] if profiles else chosen(options.links)
        skipped = {case.name: reason for case in cases if (reason := lacking(case, options.traces)) is not None}
        if profiles and skipped:
            raise ValueError(next(iter(skipped.values())))
    except ValueError as error:
        raise WrongCall(str(error)) from None
    if len(skipped) == len(cases):
        raise WrongCall("; ".join(f"{name}: {reason}" for name, reason in skipped.items()))
    return [case.lasting(options.seconds) for case in cases if case.name not in skipped], senders, skipped


def _writable(target: Path) -> Path:
    """Where the page goes; said before an hour is over that it can not. WrongCall."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    except OSError as error:
        raise WrongCall(f"--page {target}: no file can be written there ({error.strerror})") from None
    return target


def _record(options: argparse.Namespace, target: Path) -> Record:
    """A fresh one, or what a run that was stopped has left. WrongCall."""
    file = (options.json or target).with_suffix(".part.json")
    asked = {key: getattr(options, key) for key in ("seconds", "receiver", "up", "down", "up2", "down2", "outage")}
    asked["traces"] = str(options.traces)
    try:
        if options.directory is not None:
            options.directory.mkdir(parents=True, exist_ok=True)
        return Record.read(file, asked) if options.resume and file.exists() else Record(file, asked)
    except NotResumable as error:
        raise WrongCall(str(error)) from None
    except OSError as error:
        raise WrongCall(f"--directory {options.directory}: it can not be made ({error.strerror})") from None


def _no_browser() -> str | None:
    try:
        installed()
    except NoBrowser as error:
        return str(error)
    return None


def _minutes(record: Record, cases: list[Case], senders: list[str]) -> float:
    return sum((case.seconds + AROUND_SECONDS) * len(record.missing(case.name, senders)) for case in cases) / 60


def _try(record: Record, case: Case, senders: list[str], options: argparse.Namespace, directory: Path) -> None:
    """Measure senders one after the other until one fails; it is noted why, and the next ones get a fresh stage."""
    try:
        asyncio.run(_link(record, case, senders, options, directory))
    except (NoBrowser, stage.StageFailed, BrowserError, OSError, subprocess.SubprocessError) as error:
        failed = record.missing(case.name, senders)[0]
        words = (str(error) or type(error).__name__).splitlines()[0]
        record.took(case.name, failed, {"not_measured": words})
        _say(f"{case.name} {failed}: not measured: {words}")


async def _link(record: Record, case: Case, senders: list[str], options: argparse.Namespace, directory: Path) -> None:
    """Senders over one link, one after the other."""
    plots = record.plots.setdefault(case.name, Plots(case.seconds, outages=[
        (event.at, event.at + event.length) for event in case.events if event.kind == "outage"]))
    async with AsyncExitStack() as stack:
        emulator = await stack.enter_async_context(
            Emulator(stage.BUS, stage.CLINIC, case.directions(options.traces)))
        plots.capacity = capacity(case, options.traces, case.seconds, warm(emulator))
        source = await stack.enter_async_context(
            stage.child("source", directory / "source.log", "bench.video_source"))
        ports = await source.hear("ports")
        browser, pids = await stack.enter_async_context(
            stage.stock_firefox(stage.CLINIC) if options.receiver == "firefox"
            else stage.browser(stage.CLINIC, directory))
        rig = Rig(case, emulator, await stage.receiver(browser), pids, source, ports, directory)
        for kind in senders:
            raw = await measure(rig, kind)
            row = told(raw)
            _plot(plots, kind, raw)
            keep(raw, directory / f"{case.name}-{kind}.raw.json")
            record.took(case.name, kind, row)
            _say(f"{case.name} {kind}: {_line(row)}")


def _judged(links: dict[str, dict[str, Any]], skipped: dict[str, str]) -> dict[str, bool]:
    judged = aims({name: {who: row for who, row in rows.items() if "not_measured" not in row}
                   for name, rows in links.items()})
    for name, rows in links.items():
        judged |= {f"{name}: {who} measured": False for who, row in rows.items() if "not_measured" in row}
    return judged | {f"{name}: measured": False for name in skipped}


def _say(words: str) -> None:
    print(f"  {words}", file=sys.stderr, flush=True)


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
