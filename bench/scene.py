"""A whole consultation on one machine for the benchmarks: relay, vehicle, and a nurse and a doctor at two Chromiums."""

from __future__ import annotations

import argparse
import asyncio
import os
import shlex
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import psutil  # type: ignore[import-untyped]  # the stubs are a package of their own
from playwright.async_api import BrowserContext, Page, WebSocket

from bench.ledger import Ledger, Pressure, Seen, distinct_pressure, pressure_of
from bench.load import own_children, tree
from protocol.kiosk import KioskMessage, KioskState, RelayLink, Stage
from sim.bots.browser import chromium, installed, person
from sim.bots.doctor import Doctor
from sim.bots.nurse import Nurse
from sim.demo.configuration import DOCTORS, NURSES
from sim.demo.processes import DemoFailed, free_port
from sim.demo.world import Ports, Road, Vehicle, World

DOCTOR, NURSE = DOCTORS[0], NURSES[0]

MEASURING_SECONDS = 0.6
"""Of the simulated cuff; a real one takes half a minute."""

SEEN_MEASURING_SECONDS = 4.0
"""Long enough for the gateway to connect and see it measure, on a busy machine too."""

CHAIR_SECONDS = 64.0
"""So long after a patient left, a measurement whose begin nobody saw goes to the tray (gateway.session.guard)."""

CUFF_BUSY_SECONDS = 20.0
"""It hangs up a moment after it delivered, and is asleep only then."""

READING_SECONDS = 30.0
"""From START on the cuff to both screens: the radio's scan, connect and discovery on a busy machine."""

_message: msgspec.json.Decoder[KioskMessage] = msgspec.json.Decoder(KioskMessage)

_SHOWN = """
async ([id, milliseconds]) => {
  const until = performance.now() + milliseconds;
  while (performance.now() < until) {
    const probe = window.passerelleProbe;
    if (probe && probe.readings().some((reading) => reading.readingId === id)) return true;
    await new Promise((done) => setTimeout(done, 40));
  }
  return false;
}
"""

_AT_DOCTOR = """
() => {
  const probe = window.passerelleProbe;
  const vitals = document.querySelector('[data-testid="vitals"]');
  return { ids: probe ? probe.readings().map((reading) => reading.readingId) : [],
           count: vitals ? Number(vitals.dataset.count) : 0 };
}
"""

_CONNECTED = """
async (milliseconds) => {
  const until = performance.now() + milliseconds;
  for (;;) {
    const phase = document.querySelector('[data-testid="consultation"]')?.dataset.phase ?? "none";
    const link = document.querySelector('[data-testid="relay-link"]')?.dataset.state ?? "none";
    const held = phase === "connected" && link === "online";
    if (held || performance.now() > until) return [held, phase, link];
    await new Promise((done) => setTimeout(done, 25));
  }
}
"""

_AT_KIOSK = """
() => [...document.querySelectorAll('[data-testid="readings"] article[data-testid^="reading-"]')]
  .map((line) => line.dataset.testid.slice("reading-".length))
"""


class KioskWatch:
    """The gateway's own state as its kiosk gets it: the page's WebSocket, overheard."""

    def __init__(self) -> None:
        self.state: KioskState | None = None
        self._held: Callable[[KioskState], bool] = lambda _: True
        self.held_since: float | None = None
        """`time.monotonic()` since when the watched condition holds without a break."""
        self._socket: WebSocket | None = None
        self._moved = asyncio.Event()

    def attach(self, context: BrowserContext) -> None:
        """Overhear every page of this person from its first message on."""
        context.on("page", self._page)

    def watch(self, held: Callable[[KioskState], bool]) -> None:
        """From now on `held_since` follows this condition."""
        self._held, self.held_since = held, None
        self._look()

    async def steady(self, seconds: float) -> float:
        """Since when the watched condition holds; TimeoutError."""
        async with asyncio.timeout(seconds):
            while self.held_since is None:
                self._moved.clear()
                await self._moved.wait()
            return self.held_since

    async def until(self, held: Callable[[KioskState], bool], seconds: float) -> KioskState:
        """The first state that fits; TimeoutError."""
        async with asyncio.timeout(seconds):
            while self.state is None or not held(self.state):
                self._moved.clear()
                await self._moved.wait()
            return self.state

    @property
    def socket(self) -> WebSocket | None:
        """The newest one."""
        return self._socket

    def forget(self, socket: WebSocket | None) -> None:
        """What came by this socket is of a page that is gone; Chromium tells of its end late."""
        if socket is self._socket:
            self._set(None)
            self._socket = None

    def _page(self, page: Page) -> None:
        page.on("websocket", self._opened)

    def _opened(self, socket: WebSocket) -> None:
        self._socket = socket
        self._set(None)
        socket.on("framereceived", lambda data: self._frame(socket, data))
        socket.on("close", lambda _: self._closed(socket))

    def _closed(self, socket: WebSocket) -> None:
        if socket is self._socket:
            self._set(None)

    def _frame(self, socket: WebSocket, data: str | bytes) -> None:
        if socket is not self._socket or isinstance(data, bytes):
            return
        message = _message.decode(data)
        if isinstance(message, KioskState):
            self._set(message)

    def _set(self, state: KioskState | None) -> None:
        self.state = state
        self._look()
        self._moved.set()

    def _look(self) -> None:
        if self.state is None or not self._held(self.state):
            self.held_since = None
        elif self.held_since is None:
            self.held_since = time.monotonic()


def in_call(state: KioskState) -> bool:
    """The vehicle's side of a call as it should be: relay there, picture and sound connected, voice forwarded."""
    return (state.encounter is not None and state.encounter.stage is Stage.in_call and state.microphone
            and state.link.relay is RelayLink.online and state.camera is not None and state.camera.present)


@dataclass(slots=True)
class Scene:
    """Everything that runs, and what was measured in the encounter of the moment."""

    world: World
    kiosk: KioskWatch
    nurse: Nurse
    doctor: Doctor
    desk: BrowserContext
    browsers: dict[str, list[int]]
    ledger: Ledger = field(default_factory=Ledger)
    measurements: int = 0
    left_at: float | None = None
    """When the patient before got up."""

    @property
    def bus(self) -> Vehicle:
        """The vehicle."""
        return self.world.vehicles[0]

    def parts(self) -> dict[str, Callable[[], list[psutil.Process]]]:
        """The process trees whose cost can be measured."""
        def browser(name: str) -> Callable[[], list[psutil.Process]]:
            return lambda: [process for pid in self.browsers[name] for process in tree(pid)]

        return {"gateway": lambda: tree(self.bus.gateway.pid), "relay": lambda: tree(self.world.relay.pid),
                "simulated_hardware": lambda: tree(self.bus.hardware.pid),
                "kiosk_browser": browser("kiosk"), "doctor_browser": browser("doctor")}

    async def open(self) -> str:
        """Home -> an anonymous patient in the waiting room, seen by the doctor; the encounter."""
        self.ledger = Ledger()
        await self.nurse.open_consultation(None)
        await self.nurse.enter_waiting()
        state = await self.kiosk.until(lambda s: s.encounter is not None and s.encounter.stage is Stage.waiting,
                                       READING_SECONDS)
        assert state.encounter is not None
        await self.doctor.entry(state.encounter.encounter_id).get_by_test_id("take").wait_for()
        return state.encounter.encounter_id

    async def close(self) -> None:
        """The doctor ends the call, both put the file away."""
        await self.doctor.finish()
        await self.doctor.at("close-file").click()
        await self.nurse.see("screen-after")
        await self.nurse.close()
        self.left_at = time.monotonic()

    async def chair_settled(self) -> None:
        """Wait until nobody can take this patient's measurement for one of the patient before."""
        if self.left_at is not None:
            await asyncio.sleep(max(0.0, self.left_at + CHAIR_SECONDS - time.monotonic()))

    async def begin_measuring(self) -> Pressure:
        """START on the cuff, with a pressure that it had not yet."""
        pressure = distinct_pressure(self.measurements)
        self.measurements += 1
        doubtful = self.left_at is not None and time.monotonic() - self.left_at < CHAIR_SECONDS
        until = time.monotonic() + CUFF_BUSY_SECONDS
        while True:
            try:
                await self.bus.control("cuff/measure", systolic=pressure[0], diastolic=pressure[1], pulse=70,
                                       seconds=SEEN_MEASURING_SECONDS if doubtful else MEASURING_SECONDS)
            except DemoFailed:
                if time.monotonic() > until:
                    raise
                await asyncio.sleep(0.1)
            else:
                self.ledger.measured.append(pressure)
                return pressure

    async def arrived(self, pressure: Pressure, seconds: float = READING_SECONDS) -> bool:
        """Whether this pressure came to the kiosk and to the doctor's page in time."""
        def has(state: KioskState) -> bool:
            return state.encounter is not None and any(pressure_of(r) == pressure for r in state.encounter.readings)

        until = time.monotonic() + seconds
        try:
            state = await self.kiosk.until(has, seconds)
        except TimeoutError:
            return False
        assert state.encounter is not None
        reading_id = next(r.reading_id for r in state.encounter.readings if pressure_of(r) == pressure)
        left = max(0.0, until - time.monotonic()) * 1000
        return bool(await self.doctor.page.evaluate(_SHOWN, [reading_id, left]))

    async def doctor_connected(self, seconds: float) -> tuple[bool, str, str]:
        """Whether the doctor's page says that call and relay are there, within `seconds`; and what it says."""
        held, phase, link = await self.doctor.page.evaluate(_CONNECTED, seconds * 1000)
        return held, phase, link

    async def measure(self) -> bool:
        """One measurement from START to both screens."""
        return await self.arrived(await self.begin_measuring())

    async def seen(self) -> Seen:
        """What both pages show now."""
        state = self.kiosk.state
        at_doctor: dict[str, Any] = await self.doctor.page.evaluate(_AT_DOCTOR)
        at_kiosk: list[str] = await self.nurse.page.evaluate(_AT_KIOSK)
        readings = state.encounter.readings if state is not None and state.encounter is not None else ()
        return Seen(readings, tuple(at_kiosk), tuple(at_doctor["ids"]), at_doctor["count"],
                    len(state.tray) if state is not None else 0)


@asynccontextmanager
async def scene(directory: Path, ecg_record: Path | None = None, road: Road | None = None,
                interfaces: tuple[str, ...] = ("lo",), equipment: tuple[str, ...] = (),
                twelve_record: Path | None = None) -> AsyncIterator[Scene]:
    """Bring everything up, both people signed in; DemoFailed or NoBrowser say what is missing. With a `road` the
    doctor's browser stands beside the relay at its far end."""
    ports = Ports(free_port(), free_port(), (free_port(),))
    road = road or Road()
    world = World(directory, ports, ecg_record, interfaces, road, equipment, twelve_record)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(world.stop)
        await world.start()
        browsers: dict[str, list[int]] = {}
        people: dict[str, BrowserContext] = {}
        for name in ("kiosk", "doctor"):
            before = own_children()
            far = name == "doctor" and bool(road.far)
            browser = await stack.enter_async_context(chromium(_launcher(directory, road) if far else None))
            people[name] = await person(browser)
            browsers[name] = _roots(own_children() - before)
        watch = KioskWatch()
        watch.watch(in_call)
        watch.attach(people["kiosk"])
        nurse = await Nurse.sit_down(people["kiosk"], world.vehicles[0].kiosk_url)
        doctor = await Doctor.sit_down(people["doctor"], world.relay_url)
        await nurse.sign_in(NURSE.nurse_id, NURSE.pin)
        await nurse.see("screen-home")
        await doctor.sign_in(DOCTOR.account, DOCTOR.password)
        yield Scene(world, watch, nurse, doctor, people["doctor"], browsers)


def _launcher(directory: Path, road: Road) -> Path:
    """A script that starts Chromium at the far end of the road."""
    script = directory / "chromium-far"
    script.write_text(f'#!/bin/sh\nexec {shlex.join(road.far)} {shlex.quote(installed())} "$@"\n')
    script.chmod(0o755)
    return script


def _roots(pids: set[int]) -> list[int]:
    """The Chromium among new processes: those whose parent is not one of them; Playwright's driver is not counted."""
    roots = []
    for pid in pids:
        process = psutil.Process(pid)
        if "chrom" in process.name() and "chrom" not in (psutil.Process(process.ppid()).name()):
            roots.append(pid)
    return roots


def rig(*facts: str) -> dict[str, Any]:
    """How it was measured."""
    return {
        "machine_runs": ["relay", "gateway", "simulated hardware (room camera, cuff on a virtual radio, ECG on a pty)",
                         "two headless Chromiums (kiosk, doctor) drawn without a graphics card",
                         "this benchmark with Playwright"],
        "network": "loopback", "instruments": "simulated", "people": "bots that press the pages' own buttons",
        "microphones": "Chromium's fake device (a beep each second)",
        "load_average_before": [round(value, 2) for value in os.getloadavg()],
        "notes": list(facts),
    }


def positive(text: str) -> int:
    """A count on the command line."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a whole number from 1 on")
    return int(text)


def say(words: str) -> None:
    """Progress, beside the figures."""
    print(f"  {words}", file=sys.stderr, flush=True)
