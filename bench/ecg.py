"""Twelve leads at 500 Hz over a 2 Mbit/s link with a five-second outage: every sample at the doctor, gap filled."""

from __future__ import annotations

import argparse
import asyncio
import itertools
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from playwright.async_api import Error as BrowserError

from bench.link import BadProfile, Direction
from bench.linksim import Emulator
from bench.load import costs, starved, starved_share
from bench.namespaces import folder_prefix
from bench.report import Measured
from bench.road import UPLINK, NoRoad, road
from bench.scene import Scene, rig, say, scene
from sim.bots.browser import NoBrowser
from sim.demo.processes import DemoFailed

SUMMARY = __doc__ or ""

INSTRUMENT = "ecg12"
LEADS = 12
RATE_HZ = 500
LINK = "rate=2000,delay=30"
OUTAGE_S = 5.0
OUTAGE_AFTER_S = 15.0
"""The picture has found its rate by then."""
WINDOW_S = 12.0
LOOK_S = 0.25
PATIENCE_S = 60.0
"""After the last sample: what the outage left is filled behind everything live."""
FRAMES_AIM = 55.0
"""Of 60 a second, on average: a headless browser without a graphics card draws on the same processors."""
ROOT = Path(__file__).resolve().parents[1]
RECORD = ROOT.parent / "shared" / "data" / "ecg" / "s0010_re"

_MISSING = """(id) => { const e = window.passerelleProbe.ecg(id); return [e.received, e.missing]; }"""
_FRAMES = """(since) => window.passerelleProbe.frames(since)"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Options of `./run bench ecg`."""
    parser.add_argument("--record", type=Path, help="a WFDB record with twelve leads (path without extension); "
                                                    "default: s0010_re of the shared data, else the synthesised heart")
    parser.add_argument("--up", default=LINK, help=f"the vehicle's uplink (default {LINK})")
    parser.add_argument("--down", default=LINK, help="its downlink")
    parser.add_argument("--outage", type=float, default=OUTAGE_S, help="seconds without any network")
    parser.add_argument("--directory", type=Path, help="keep logs and data here")


def run(options: argparse.Namespace) -> Measured:
    """Play the record through a call, compare what the doctor's page holds with what the recorder sent."""
    record = options.record or (RECORD if RECORD.with_suffix(".hea").exists() else None)
    described = rig(f"up {options.up}, down {options.down}, outage of {options.outage:g} s "
                    f"{OUTAGE_AFTER_S:g} s after the start",
                    f"record {record.name if record else 'synthesised'}, one instant each 2 ms, twelve leads",
                    "picture and voice run beside it on the same link")
    described["network"] = "two network namespaces joined by the link emulator; the relay stands at the doctor's end"
    try:
        links = [(Direction.parse("up", options.up), Direction.parse("down", options.down))]
        with tempfile.TemporaryDirectory(prefix=folder_prefix("ecg")) as temporary:
            directory = (options.directory or Path(temporary)).resolve()
            return asyncio.run(_run(options, described, directory, record, links))
    except (BadProfile, BrowserError, DemoFailed, NoBrowser, NoRoad, TimeoutError) as error:
        words = f"not measured: {next(iter(str(error).splitlines()), '') or type(error).__name__}"
        return Measured(described, {}, {words: False})


async def _run(options: argparse.Namespace, described: dict[str, Any], directory: Path, record: Path | None,
               links: list[tuple[Direction, Direction]]) -> Measured:
    async with road(links) as (emulator, way), scene(
            directory, road=way, interfaces=(UPLINK,), equipment=(INSTRUMENT,), twelve_record=record) as it:
        encounter = await it.open()
        await it.doctor.take(encounter)
        if len(await it.doctor.picture.codes(wanted=2)) < 2:
            raise TimeoutError("the call did not begin: no picture")
        began, waiting = time.monotonic(), starved()
        told = await _play(it, emulator, options.outage)
        told["seconds"] = round(time.monotonic() - began, 1)
        described["waiting_for_a_processor_percent_of_time"] = starved_share(waiting, time.monotonic() - began)
        told["link"] = emulator.reports()
        told["errors"] = it.nurse.watch.errors + it.doctor.watch.errors
        return _report(described, told)


async def _play(it: Scene, emulator: Emulator, outage: float) -> dict[str, Any]:
    loop = (await it.bus.ask(f"wire/{INSTRUMENT}/expected?to=1"))["loop"]
    await it.nurse.start_stream(INSTRUMENT)
    stream = await it.doctor.wait_for_stream()
    began = time.monotonic()
    say(f"streaming {loop} instants")
    since = await it.doctor.page.evaluate("performance.timeOrigin + performance.now()")
    cost = await costs(it.parts(), WINDOW_S)
    frames = await it.doctor.page.evaluate(_FRAMES, since)
    await asyncio.sleep(max(0.0, began + OUTAGE_AFTER_S - time.monotonic()))
    say("the network goes away")
    emulator.down_now(0, outage)
    gone = time.monotonic()
    gap = await _watch_gap(it, stream, gone, outage)
    while (await it.bus.ask("state"))["wired"][INSTRUMENT]["sent"] < loop:  # noqa: ASYNC110 - another process
        await asyncio.sleep(LOOK_S)
    await it.nurse.stop_stream(INSTRUMENT)
    await it.doctor.wait_for_end(stream)
    came = await it.doctor.ecg(stream)
    sent = await _sent(it, len(came["samples"]) // LEADS)
    return {"instants_of_the_record": loop, "cost_while_streaming": cost, "drawing": frames, "outage": gap,
            **compare(came["samples"], sent, loop), "missing_at_the_end": came["missing"]}


async def _watch_gap(it: Scene, stream: int, gone: float, outage: float) -> dict[str, Any]:
    """From the cut until the page lacks nothing any more."""
    most, filled, live = 0, None, None
    received, _ = await it.doctor.page.evaluate(_MISSING, stream)
    while time.monotonic() < gone + outage + PATIENCE_S:
        now = time.monotonic() - gone - outage
        more, missing = await it.doctor.page.evaluate(_MISSING, stream)
        most = max(most, missing)
        if now > 0 and more > received and live is None:
            live = now
        if now > 0 and live is not None and most and not missing:
            filled = now
            break
        if now <= 0:
            received = more
        await asyncio.sleep(LOOK_S)
    say(f"the gap was {most} chunks, filled {filled} s after the network")
    return {"seconds": outage, "most_chunks_missing": most,
            "live_again_s_after_the_network": None if live is None else round(live, 2),
            "gap_filled_s_after_the_network": None if filled is None else round(filled, 2)}


async def _sent(it: Scene, instants: int) -> list[int]:
    told = await it.bus.ask(f"wire/{INSTRUMENT}/expected?from=0&to={instants}")
    return list(itertools.chain.from_iterable(told["rows"]))


def compare(came: Sequence[int], sent: Sequence[int], loop: int) -> dict[str, Any]:
    """Sample for sample, in order. `loop`: instants of the whole record."""
    first = next((at for at, (one, other) in enumerate(zip(came, sent, strict=False)) if one != other), None)
    return {"samples_at_the_doctor": len(came), "samples_sent": len(sent),
            "equal": first is None and len(came) == len(sent), "first_difference_at": first,
            "whole_record": len(came) >= loop * LEADS}


def _report(described: dict[str, Any], told: dict[str, Any]) -> Measured:
    frames = told["drawing"] or {}
    rate = frames.get("per_second") or 0
    described["samples"] = {"instants": told["samples_at_the_doctor"] // LEADS}
    return Measured(described, told, {
        "every sample of the record is at the doctor, in order": told["equal"] and told["whole_record"],
        "the outage left a gap, and it was filled": bool(told["outage"]["most_chunks_missing"])
        and told["outage"]["gap_filled_s_after_the_network"] is not None and not told["missing_at_the_end"],
        f"the ECG is drawn at {FRAMES_AIM:g} frames/s or more": rate >= FRAMES_AIM,
        "no errors on the pages": not told["errors"],
    })
