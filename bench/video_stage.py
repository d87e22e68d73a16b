"""Two network namespaces, a receiving Chromium in the clinic's, and one sender after the other in the vehicle's."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, Error, Page, async_playwright

from bench.linksim import Emulator
from bench.load import own_children
from bench.namespaces import namespace
from bench.video_links import Case, Event
from sim.bots import firefox
from sim.bots.browser import installed
from sim.camera import READER_JS

BUS, CLINIC = namespace("bus"), namespace("clinic")

SENDERS = ("ours", "stock", "chromium")
READY_SECONDS = 60.0
"""A browser or a Python process starts; on two cores with a load of thirty half of it was too short."""

UPLINK_GONE_SECONDS = 1e9

_HERE = Path(__file__).resolve().parent
_ROOT = _HERE.parent
_ARGUMENTS = (
    "--no-sandbox", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--autoplay-policy=no-user-gesture-required", "--disable-background-timer-throttling",
    "--disable-backgrounding-occluded-windows", "--disable-renderer-backgrounding",
    # Addresses as they are: the names that browsers give instead need multicast, which the links do not carry.
    "--disable-features=Translate,OptimizationHints,MediaRouter,WebRtcHideLocalIpsWithMdns",
)

_FIREFOX = {
    "media.autoplay.default": 0, "media.autoplay.blocking_policy": 0,
    "media.peerconnection.ice.obfuscate_host_addresses": False,
}


class StageFailed(Exception):
    """A part did not start or did not answer; the text says which."""


def hurry(on: bool) -> None:
    """Let this thread, which carries the links' packets, run as soon as it has to: a network does not slow down when
    the computers at its ends are busy. What it starts meanwhile is as before."""
    with contextlib.suppress(OSError):
        if on:
            os.sched_setscheduler(0, os.SCHED_RR | os.SCHED_RESET_ON_FORK, os.sched_param(1))
        else:
            os.sched_setscheduler(0, os.SCHED_OTHER | os.SCHED_RESET_ON_FORK, os.sched_param(0))


@dataclass(slots=True)
class Child:
    """A process in the vehicle's namespace, spoken to by lines of JSON."""

    name: str
    process: asyncio.subprocess.Process
    inbox: asyncio.Queue[dict[str, Any]] = field(default_factory=lambda: asyncio.Queue(64))
    """A run's signalling is a few lines."""

    def say(self, message: dict[str, Any]) -> None:
        """One line to it; nothing when it has ended."""
        if self.process.stdin is not None and not self.process.stdin.is_closing():
            self.process.stdin.write(json.dumps(message).encode() + b"\n")

    async def hear(self, kind: str, seconds: float = READY_SECONDS) -> dict[str, Any]:
        """Its next line of this kind, earlier lines are dropped; StageFailed."""
        try:
            async with asyncio.timeout(seconds):
                while True:
                    message = await self.inbox.get()
                    if message.get("kind", kind) == kind:
                        return message
                    if message.get("kind") == "page_failed":
                        raise StageFailed(f"{self.name}: the sending page failed: {message['words']}")
        except TimeoutError:
            raise StageFailed(f"{self.name} said no '{kind}' in {seconds:.0f} s") from None

    async def read(self) -> None:
        """Until it ends."""
        assert self.process.stdout is not None
        while line := await self.process.stdout.readline():
            await self.inbox.put(json.loads(line))


@asynccontextmanager
async def child(name: str, log: Path, *arguments: str) -> AsyncIterator[Child]:
    """Start `python -m ARGUMENTS` in the vehicle's namespace; it ends with its standard input."""
    with log.open("ab") as sink:
        process = await asyncio.create_subprocess_exec(
            "ip", "netns", "exec", BUS, sys.executable, "-m", *arguments, cwd=_ROOT, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=sink, limit=1 << 22)
    made = Child(name, process)
    reading = asyncio.create_task(made.read(), name=name)
    try:
        yield made
    finally:
        if process.stdin is not None:
            process.stdin.close()
        try:
            async with asyncio.timeout(6):
                await process.wait()
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
        reading.cancel()
        await asyncio.wait([reading])


@asynccontextmanager
async def browser(namespace: str, directory: Path) -> AsyncIterator[tuple[Browser, list[int]]]:
    """A headless Chromium in a namespace, and its process; sim.bots.browser.NoBrowser when there is none."""
    launcher = directory / f"chromium-{namespace}"
    launcher.write_text(f'#!/bin/sh\nexec {shlex.join(("ip", "netns", "exec", namespace))} '
                        f'{shlex.quote(installed())} "$@"\n')
    launcher.chmod(0o755)
    async with async_playwright() as playwright:
        before = own_children()
        started = await playwright.chromium.launch(executable_path=launcher, args=list(_ARGUMENTS))
        pids = list(own_children() - before)
        try:
            yield started, pids
        finally:
            with contextlib.suppress(Error):
                await started.close()


@asynccontextmanager
async def undebugged(namespace: str, directory: Path, url: str) -> AsyncIterator[int]:
    """A headless Chromium in a namespace that shows this page and that nobody steers: its process. NoBrowser."""
    log = directory / f"chromium-{namespace}.log"
    with tempfile.TemporaryDirectory(prefix="profile.", dir=directory) as profile, log.open("ab") as sink:
        process = await asyncio.create_subprocess_exec(
            "ip", "netns", "exec", namespace, installed(), "--headless=new", f"--user-data-dir={profile}",
            "--disable-crash-reporter", "--mute-audio", *_ARGUMENTS, url,
            stdin=subprocess.DEVNULL, stdout=sink, stderr=sink, start_new_session=True)
        try:
            yield process.pid
        finally:
            # Its whole session, and at once: asked to end while it starts it goes on, and its profile is thrown away.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()


@asynccontextmanager
async def stock_firefox(namespace: str) -> AsyncIterator[tuple[Browser, list[int]]]:
    """As `browser`, the system's Firefox: VP8, no repetition of sound; its sound card is a mock with a clock of its
    own, slow on a busy machine: how late its voice is says nothing."""
    before = own_children()
    async with firefox.firefox(enter=("ip", "netns", "exec", namespace), preferences=_FIREFOX) as started:
        yield started, list(own_children() - before)


async def receiver(from_browser: Browser) -> Page:
    """The receiving page, listening."""
    page = await (await from_browser.new_context(viewport={"width": 1280, "height": 800})).new_page()
    # Never fetched: the page is made here. A local address is a secure context, as a worklet needs.
    await page.route("**/*", lambda route: route.fulfill(content_type="text/html", body="<!doctype html><body></body>"))
    await page.goto("http://127.0.0.1/")
    await page.add_script_tag(content=READER_JS + (_HERE / "video_receiver.js").read_text())
    state = await page.evaluate("window.listen()")
    if state != "running":
        raise StageFailed(f"the receiving page's sound is {state}")
    return page


@dataclass(frozen=True, slots=True)
class Clocks:
    """What a page's and this machine's other clocks are on the monotonic clock, seconds."""

    page: float
    wall: float

    def of_page(self, milliseconds: float) -> float:
        """performance.now() of the page."""
        return milliseconds / 1000 + self.page

    def of_wall(self, milliseconds: float) -> float:
        """Date.now(), time.time()."""
        return milliseconds / 1000 + self.wall


async def clocks(page: Page, tries: int = 15) -> Clocks:
    """Compare them: the quickest of `tries` questions to the page is at most a few ms off."""
    best = (float("inf"), 0.0)
    for _ in range(tries):
        asked = time.monotonic()
        told = await page.evaluate("performance.now()")
        heard = time.monotonic()
        best = min(best, (heard - asked, (asked + heard) / 2 - told / 1000))
    return Clocks(best[1], time.monotonic() - time.time())


class Signalling:
    """Offers and answers between sender and receiver: not over the link, but no better than it: nothing passes in an
    outage, each way takes the link's delay."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator

    async def pass_on(self) -> None:
        """Wait as long as a message on the link would."""
        way = self._emulator.links[0][0]
        while self._out():  # noqa: ASYNC110 - it waits for time, not for an event
            await asyncio.sleep(0.01)
        await asyncio.sleep(way.delay)

    def _out(self) -> bool:
        now = self._emulator.now()
        # With one uplink lost for good, signalling has gone to the other one.
        ways = [pair[0] for pair in self._emulator.links]
        return all(any(start <= now < start + length for start, length in way.outages) for way in ways)


async def play(case: Case, emulator: Emulator, begin: float, moments: dict[Event, float]) -> None:
    """Do what the case says, each at its time after `begin` (monotonic); `moments` gets when it really was."""
    for event in sorted(case.events, key=lambda one: one.at):
        await asyncio.sleep(max(0.0, begin + event.at - time.monotonic()))
        if event.kind == "address":
            moments[event] = await asyncio.to_thread(move, "10.77.0.1", "10.77.0.9")
            continue
        moments[event] = time.monotonic()
        if event.kind == "outage":
            for number in range(len(emulator.links)):
                emulator.down_now(number, event.length)
        elif event.kind == "uplink":
            emulator.down_now(0, UPLINK_GONE_SECONDS)
        else:
            emulator.links[0][0].rate_kbps = event.kbps


def move(before: str, after: str) -> float:
    """The vehicle's address on its first uplink changes, as a modem's does: the old one is gone first. Returns when
    it was gone, monotonic."""
    def ip(*arguments: str) -> None:
        subprocess.run(("ip", "-n", BUS, *arguments), check=True, capture_output=True)

    ip("addr", "del", f"{before}/24", "dev", "wan0")
    gone = time.monotonic()
    ip("addr", "add", f"{after}/24", "dev", "wan0")
    ip("route", "replace", "default", "via", "10.77.0.2")
    return gone


async def answer_offers(sender: Child, page: Page, signalling: Signalling,
                        voice: Callable[[dict[str, Any]], None] | None = None) -> None:
    """Carry a sender's offers to the page and its answers back, until cancelled. Of offers that waited through an
    outage the last one alone: a vehicle makes none while it does not reach its relay. `voice`: who makes the voice, and
    is told what it may take."""
    while True:
        said = [await sender.inbox.get()]
        if said[0].get("kind") == "voice" and voice is not None:
            # From the gateway to its touchscreen: it does not cross the link.
            voice(said[0])
            continue
        if said[0].get("kind") in ("offer", "candidate"):
            await signalling.pass_on()
        while not sender.inbox.empty():
            said.append(sender.inbox.get_nowait())
        offers = [place for place, message in enumerate(said) if message.get("kind") == "offer"]
        for message in said:
            if message.get("kind") == "voice" and voice is not None:
                voice(message)
        for message in said[offers[-1] if offers else 0:]:
            await _carry(message, sender, page, signalling)


async def _carry(message: dict[str, Any], sender: Child, page: Page, signalling: Signalling) -> None:
    if message.get("kind") == "candidate":
        await page.evaluate("([number, text]) => window.candidate(number, text)",
                            [message["number"], message["candidate"]])
    elif message.get("kind") == "offer":
        answer = await page.evaluate("([sdp, number]) => window.answer(sdp, number)",
                                     [message["sdp"], message["number"]])
        await signalling.pass_on()
        sender.say({"kind": "answer", "number": message["number"], "sdp": answer})
