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
from bench.video_links import PLOT_SECONDS, Case, Event
from bench.video_source import FPS, HEIGHT, WIDTH
from sim.camera import Scene

WARM_SECONDS = 6.0
WARM_ROUNDS = 10
"""From the join to the window's begin, with so many round trips more: a sender's set-up and its climb to its rate are
not its steady state."""

LAG_SECONDS = 0.02
"""How often it is looked at how late this process runs: it carries every packet."""

LATE_SECONDS = 2.0
"""After the window what was sent in it may still arrive."""

LAST_TONES_SECONDS = 1.0
"""Tones of the window's last second are not asked for: what comes later than three seconds is no voice."""


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
    return WARM_SECONDS + WARM_ROUNDS * sum(way.delay for way in emulator.links[0])


def _trees(pids: list[int]) -> Callable[[], list[psutil.Process]]:
    def find() -> list[psutil.Process]:
        found = {process.pid: process for pid in pids for process in tree(pid)}
        return list(found.values())

    return find


async def measure(rig: Rig, kind: str) -> Raw:
    """Run one sender. StageFailed when it does not even start."""
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
    browser, pids = await stack.enter_async_context(stage.browser(stage.BUS, rig.directory))
    page = await (await browser.new_context()).new_page()
    await page.goto(f"http://127.0.0.1:{rig.ports['page_port']}/")
    await page.add_script_tag(content=(Path(__file__).with_name("video_sender.js")).read_text())
    await page.evaluate("window.feed()")

    async def join() -> None:
        signalling = stage.Signalling(rig.emulator)
        offer = await page.evaluate("window.offer()")
        await signalling.pass_on()
        answer = await rig.page.evaluate("(sdp) => window.answer(sdp)", offer)
        await signalling.pass_on()
        await page.evaluate("(sdp) => window.take(sdp)", answer)

    async def count() -> dict[str, Any]:
        counted: dict[str, Any] = await page.evaluate("window.count()")
        return counted

    return await _watch(rig, join, count, pids)


async def _watch(rig: Rig, join: Any, count: Any, pids: list[int]) -> Raw:
    """Join, wait until it is warm, watch the window while the link's events happen."""
    emulator, seconds = rig.emulator, rig.case.seconds
    compared = await stage.clocks(rig.page)
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
    return Raw(begin, end, joined, compared, page, sent, cost, rates, emulator.reports(), lags, moments)


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
    row["ssim"] = _similar(raw)
    row["kbps"] = round(sum(kbps for _, kbps in raw.rates) / max(1, len(raw.rates)))
    row["keyframes"] = _grown(raw, "keyframes")
    row["voice"] = _voice(raw)
    for label, name in (("control", "readings"), ("waveform", "chunks")):
        arrived = [(raw.clocks.of_wall(sent), raw.clocks.of_wall(at))
                   for channel, sent, at in raw.page["messages"] if channel == label]
        sent = sum(begin <= raw.clocks.of_wall(at) < end for at in raw.sent.get(name, []))
        row[f"{name}_ms"] = figures.messages(sent, arrived, begin, end, reliable=label == "control")
    for event, moment in raw.moments.items():
        if event.kind == "outage":
            row["back_s"] = _rounded(figures.back_after(raw.frames, moment + event.length))
        elif event.kind in ("address", "uplink"):
            row["handover_s"] = _rounded(figures.back_after(raw.frames, moment))
    fed = [(raw.clocks.of_wall(at) - number / FPS) * 1000 for at, number in raw.sent.get("pictures", [])
           if begin <= raw.clocks.of_wall(at) < end]
    if fed:
        row["camera_to_sender_ms"] = spread(fed, 0)
    if "limited" in raw.sent:
        # Since its start; what kept the browser from a larger picture.
        row["limited_s"] = raw.sent["limited"]
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


def _similar(raw: Raw) -> float | None:
    """Mean SSIM of the pictures kept in the window against the drawing of the same number."""
    scene, scores = Scene(WIDTH, HEIGHT, FPS, detail=True), []
    for at_ms, code, text in raw.page["samples"]:
        at = raw.clocks.of_page(at_ms)
        if not raw.begin <= at < raw.end:
            continue
        planes = np.frombuffer(scene.draw(figures.number_of(code, at, FPS)), np.uint8, offset=len(b"FRAME\n"))
        luma = planes[:WIDTH * HEIGHT].reshape(HEIGHT, WIDTH)
        seen = np.frombuffer(base64.b64decode(text), np.uint8).reshape(HEIGHT, WIDTH)
        scores.append(figures.ssim(figures.masked(figures.full_range(luma)), figures.masked(seen)))
    return round(sum(scores) / len(scores), 3) if scores else None
