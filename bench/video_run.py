"""One sender over one link: start, join, watch a window, collect, and make figures of it."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import psutil  # type: ignore[import-untyped]  # the stubs are a package of their own
from playwright.async_api import Error, Page

from bench import video_figures as figures
from bench import video_stage as stage
from bench import video_voice as tones
from bench.linksim import Emulator
from bench.load import costs, tree
from bench.report import spread
from bench.video_figures import Shown
from bench.video_likeness import Sample, compared, mean_ssim, scored
from bench.video_links import PLOT_SECONDS, Case, Event
from bench.video_source import FPS

WARM_SECONDS = 6.0
WARM_ROUNDS = 10
"""From the join to the window's begin, with so many round trips more: a sender's set-up and its climb to its rate are
not its steady state."""

WARM_MOST_SECONDS = 30.0
"""Who has not joined by then on a link of such a delay does not join."""

LAG_SECONDS = 0.02
"""How often it is looked at how late this process runs: it carries every packet."""

FEEDING_SECONDS = 1.0
"""Watched after the call: what it costs a browser to be fed with pictures and voice alone."""

LATE_SECONDS = 2.0
"""After the window what was sent in it may still arrive."""

LAST_TONES_SECONDS = 1.0
"""Tones of the window's last second are not asked for: what comes later than three seconds is no voice."""


PATIENCE_SECONDS = 120.0
"""Beside warming up and the window: starts and ends of processes on a busy machine. A browser that hangs answers no
question and has no time limit of its own."""


@dataclass(slots=True)
class Raw:
    """What one run left behind. Moments are monotonic seconds."""

    begin: float
    end: float
    joined: float
    clocks: stage.Clocks
    page: dict[str, Any]
    sent: dict[str, Any]
    cost: dict[str, Any]
    rates: list[tuple[float, float]]
    links: list[dict[str, Any]]
    lags: list[float]
    moments: dict[Event, float]
    samples: list[Sample]
    frames: list[Shown] = field(default_factory=list)


@dataclass(slots=True)
class Rig:
    """What stays from sender to sender of a link."""

    case: Case
    emulator: Emulator
    page: Page
    receiver_pids: list[int]
    source: stage.Child
    ports: dict[str, int]
    directory: Path


def warm(emulator: Emulator) -> float:
    """Seconds from the join to the window's begin, on this emulator's first link."""
    return WARM_SECONDS + min(WARM_ROUNDS * sum(way.delay for way in emulator.links[0]), WARM_MOST_SECONDS)


def _trees(pids: list[int]) -> Callable[[], list[psutil.Process]]:
    def find() -> list[psutil.Process]:
        found = {process.pid: process for pid in pids for process in tree(pid)}
        return list(found.values())

    return find


async def measure(rig: Rig, kind: str) -> Raw:
    """Run one sender. StageFailed when it does not even start or does not come to an end."""
    limit = warm(rig.emulator) + rig.case.seconds + PATIENCE_SECONDS
    try:
        async with asyncio.timeout(limit):
            return await _measure(rig, kind)
    except TimeoutError:
        raise stage.StageFailed(f"{kind} was not measured in {limit:.0f} s") from None


async def _measure(rig: Rig, kind: str) -> Raw:
    async with AsyncExitStack() as stack:
        await rig.page.evaluate("window.clear()")
        if kind == "chromium":
            return await _measure_chromium(rig, stack)
        sender = await stack.enter_async_context(stage.child(
            kind, rig.directory / f"{kind}.log", "bench.video_sender", kind, "--camera", str(rig.ports["camera_port"]),
            "--decisions", str(rig.directory)))
        await sender.hear("ready")
        if kind == "ours":
            offer = await sender.hear("kiosk_offer")
            rig.source.say({"kind": "kiosk_offer", "sdp": offer["sdp"]})
            sender.say(await rig.source.hear("kiosk_answer"))

        async def join() -> None:
            sender.say({"kind": "join"})
            await stage.answer_offers(sender, rig.page, stage.Signalling(rig.emulator), rig.source.say)

        async def count() -> dict[str, Any]:
            sender.say({"kind": "count"})
            return await sender.hear("sent")

        return await _watch(rig, join, count, [sender.process.pid])


async def _measure_chromium(rig: Rig, stack: AsyncExitStack) -> Raw:
    source = rig.source
    pid = await stack.enter_async_context(
        stage.undebugged(stage.BUS, rig.directory, f"http://127.0.0.1:{rig.ports['page_port']}/"))
    await source.hear("page_ready")

    async def join() -> None:
        signalling = stage.Signalling(rig.emulator)
        source.say({"kind": "page", "say": {"do": "offer"}})
        offer = await source.hear("page_offer")
        await signalling.pass_on()
        answer = await rig.page.evaluate("(sdp) => window.answer(sdp)", offer["sdp"])
        await signalling.pass_on()
        source.say({"kind": "page", "say": {"do": "take", "sdp": answer}})

    async def count() -> dict[str, Any]:
        source.say({"kind": "page", "say": {"do": "count"}})
        counted = await source.hear("page_sent")
        # Its call is over, the pictures still come.
        cost = await costs({"sender": _trees([pid])}, FEEDING_SECONDS)
        return {**counted, "feeding": cost["sender"]["percent_of_a_core"]}

    return await _watch(rig, join, count, [pid])


async def _watch(rig: Rig, join: Any, count: Any, pids: list[int]) -> Raw:
    """Join, wait until it is warm, watch the window while the link's events happen."""
    emulator, seconds = rig.emulator, rig.case.seconds
    clocks = await stage.clocks(rig.page)
    original = [pair[0].rate_kbps for pair in emulator.links]
    emulator.begin_again()
    joined = time.monotonic()
    begin = joined + warm(emulator)
    rates: list[tuple[float, float]] = []
    lags: list[float] = []
    moments: dict[Event, float] = {}
    joining = asyncio.create_task(join(), name="join")
    tasks = [joining, asyncio.create_task(_rates(emulator, begin, rates), name="rates"),
             asyncio.create_task(_lags(begin, lags), name="lags"),
             asyncio.create_task(stage.play(rig.case, emulator, begin, moments), name="play")]
    stage.hurry(True)
    try:
        await asyncio.sleep(max(0.0, begin - time.monotonic()))
        cost = await costs({"sender": _trees(pids), "source": lambda: tree(rig.source.process.pid),
                            "receiver": _trees(rig.receiver_pids),
                            "emulator": lambda: [psutil.Process()]}, seconds)
        end = time.monotonic()
        await asyncio.sleep(LATE_SECONDS)
        page: dict[str, Any] = await rig.page.evaluate("window.collect()")
        joining.cancel()
        await asyncio.wait([joining])
        sent = await count()
        samples = [await rig.page.evaluate("(number) => window.sampled(number)", number)
                   for number in range(page["samples"])]
    finally:
        stage.hurry(False)
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        for pair, rate in zip(emulator.links, original, strict=True):
            pair[0].rate_kbps = rate
        if any(event.kind == "address" for event in rig.case.events):
            with contextlib.suppress(Exception):
                await asyncio.to_thread(stage.move, "10.77.0.9", "10.77.0.1")
    if not joining.cancelled() and (failed := joining.exception()) is not None and not isinstance(failed, Error):
        raise failed
    return Raw(begin, end, joined, clocks, page, sent, cost, rates, emulator.reports(), lags, moments,
               [_sample(clocks, *told) for told in samples])


async def _rates(emulator: Emulator, begin: float, rates: list[tuple[float, float]]) -> None:
    """What left the vehicle, kbit/s, each `PLOT_SECONDS` of the window."""
    await asyncio.sleep(max(0.0, begin - time.monotonic()))
    before, at = _octets(emulator), time.monotonic()
    while True:
        await asyncio.sleep(PLOT_SECONDS)
        now, octets = time.monotonic(), _octets(emulator)
        rates.append((round(now - begin, 2), round((octets - before) * 8 / 1000 / (now - at))))
        before, at = octets, now


async def _lags(begin: float, lags: list[float]) -> None:
    """How late a timer of this process is, ms: so much delay the links add by themselves."""
    await asyncio.sleep(max(0.0, begin - time.monotonic()))
    while True:
        asked = time.monotonic()
        await asyncio.sleep(LAG_SECONDS)
        lags.append((time.monotonic() - asked - LAG_SECONDS) * 1000)


def _octets(emulator: Emulator) -> int:
    return sum(up.octets for up, _ in emulator.links)


def _sample(clocks: stage.Clocks, at_ms: float, code: int, kind: str, width: int, height: int, text: str) -> Sample:
    return Sample(clocks.of_page(at_ms), code, kind,
                  np.frombuffer(base64.b64decode(text), np.uint8).reshape(height, width))


def shown(raw: Raw) -> list[Shown]:
    """What the page displayed."""
    frames = []
    for at_ms, code, width, height, _ in raw.page["frames"]:
        at = raw.clocks.of_page(at_ms)
        taken = None if code is None else figures.number_of(code, at, FPS) / FPS
        frames.append(Shown(at, taken, width, height))
    return frames


def told(raw: Raw) -> dict[str, Any]:
    """The figures of one run."""
    raw.frames = shown(raw)
    begin, end, seconds = raw.begin, raw.end, raw.end - raw.begin
    row = figures.picture(raw.frames, begin, end)
    row["first_picture_s"] = round(raw.frames[0].at - raw.joined, 2) if raw.frames else None
    scores = scored(raw.samples, begin, end)
    row |= compared(scores)
    # Who climbs slowly has a better end than window.
    third = end - seconds / 3
    row["last_third"] = {key: figures.picture(raw.frames, third, end)[key] for key in ("fps", "lines_p50")} | {
        "ssim": mean_ssim([score for score in scores if score.at >= third])}
    row["kbps"] = round(sum(kbps for _, kbps in raw.rates) / max(1, len(raw.rates)))
    row["keyframes"] = _grown(raw, "keyframes")
    row["voice"] = _voice(raw)
    for label, name in (("control", "readings"), ("waveform", "chunks")):
        arrived = [(raw.clocks.of_wall(sent), raw.clocks.of_wall(at))
                   for channel, sent, at in raw.page["messages"] if channel == label]
        sent = sum(begin <= raw.clocks.of_wall(at) < end for at in raw.sent.get(name, []))
        row[f"{name}_ms"] = figures.messages(sent, arrived, begin, end, reliable=label == "control")
    backs = [figures.back_after(raw.frames, moment + event.length) for event, moment in raw.moments.items()
             if event.kind == "outage"]
    if backs:
        # Of several outages the worst.
        row["back_s"] = None if None in backs else _rounded(max(back for back in backs if back is not None))
    for event, moment in raw.moments.items():
        if event.kind in ("address", "uplink"):
            row["handover_s"] = _rounded(figures.back_after(raw.frames, moment))
    fed = [(raw.clocks.of_wall(at) - number / FPS) * 1000 for at, number in raw.sent.get("pictures", [])
           if begin <= raw.clocks.of_wall(at) < end]
    if fed:
        row["camera_to_sender_ms"] = spread(fed, 0)
    if "limited" in raw.sent:
        # Since its start; what kept the browser from a larger picture.
        row["limited_s"] = raw.sent["limited"]
        row["feeding_percent_of_a_core"] = raw.sent["feeding"]
    row["cpu_percent_of_a_core"] = raw.cost["sender"]["percent_of_a_core"]
    busy = raw.cost["whole_machine_percent_of_a_core"]
    row["cpu_share_of_busy_percent"] = round(100 * row["cpu_percent_of_a_core"] / busy, 1) if busy else None
    row["rss_mb"] = raw.cost["sender"]["rss_mb"]
    row["starved_percent_of_time"] = raw.cost["waiting_for_a_processor_percent_of_time"]
    row["beside_percent_of_a_core"] = {part: raw.cost[part]["percent_of_a_core"]
                                       for part in ("source", "receiver", "emulator")}
    row["emulator_late_ms"] = spread(raw.lags)
    row["uplink"] = [link for link in raw.links if link["direction"].startswith("up")]
    row["window_s"] = round(seconds, 1)
    return row


def keep(raw: Raw, file: Path) -> None:
    """Write what was displayed and heard, on the window's clock (s) and the monotonic one, for a closer look."""
    began = raw.begin
    file.write_text(json.dumps({
        "begin_monotonic": began, "seconds": raw.end - began,
        "frames": [[round(frame.at - began, 3), frame.latency and round(frame.latency, 3), frame.height]
                   for frame in raw.frames],
        "stats": [row | {"at": round(raw.clocks.of_page(row["at"]) - began, 3)} for row in raw.page["stats"]],
        "rates": raw.rates}))


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)


def _grown(raw: Raw, counter: str) -> float:
    values = [(raw.clocks.of_page(row["at"]), row[counter]) for row in raw.page["stats"] if counter in row]
    return round(figures.growing(values, raw.begin, raw.end))


def _voice(raw: Raw) -> dict[str, Any]:
    levels = [(raw.clocks.of_wall(at), pitch, amplitude / 1000) for at, pitch, amplitude in raw.page["levels"]]
    late, heard, sent = tones.delays(tones.onsets(levels), raw.begin, raw.end - LAST_TONES_SECONDS)
    return {"concealed_s": round(_grown(raw, "concealed") / tones.HZ, 2), "packets_lost": _grown(raw, "voiceLost"),
            "tones_heard_percent": round(100 * heard / sent, 1) if sent else None,
            "delay_ms": spread([delay * 1000 for delay in late], 0)}
