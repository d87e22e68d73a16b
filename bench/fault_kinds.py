"""The kill table's lines: how each piece is taken away in the middle of a call, and brought back."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from playwright.async_api import Error as BrowserError

from bench.scene import Scene
from sim.bots.doctor import Doctor

RESTART_SECONDS = 1.0
"""`RestartSec` of the units."""

AWAY_SECONDS = (0.5, 4.0)
"""A doctor opens a new tab, a nurse finds the camera's plug: at once, or after everybody has noticed."""

NOTICED_SECONDS = 10.0
"""Both screens say within this that the camera is gone."""


class NotSaid(Exception):
    """A screen did not say what was missing; the text is for a person."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One run of one line."""

    kind: str
    number: int
    """Counts from 0; lines with two manners alternate."""
    chance: random.Random


@dataclass(frozen=True, slots=True)
class Back:
    """`moment`: `time.monotonic()` from which the missing piece is there again: its process begun, its page asked for,
    its plug in. `starting` waits until a process that was begun is ready; what came back meanwhile is not kept waiting.
    """

    moment: float
    starting: Callable[[], Awaitable[None]] | None = None


@dataclass(frozen=True, slots=True)
class Kind:
    """One line. `play` takes the piece away and brings it back."""

    name: str
    words: str
    play: Callable[[Scene, Turn], Awaitable[Back]]


async def _kiosk_reload(it: Scene, _: Turn) -> Back:
    back, socket = time.monotonic(), it.kiosk.socket
    await it.nurse.page.reload(wait_until="commit")
    it.kiosk.forget(socket)
    return Back(back)


async def _doctor_tab(it: Scene, turn: Turn) -> Back:
    page = it.doctor.page
    if turn.number % 2:
        await _crash(it)
    await page.close()
    await asyncio.sleep(turn.chance.uniform(*AWAY_SECONDS))
    doctor = Doctor(await it.desk.new_page(), it.doctor.url)
    doctor.watch.errors = it.doctor.watch.errors
    it.doctor = doctor
    back = time.monotonic()
    await doctor.page.goto(doctor.url, wait_until="commit")
    return Back(back)


async def _crash(it: Scene) -> None:
    """The page's process dies, with nobody to say goodbye."""
    session = await it.desk.new_cdp_session(it.doctor.page)
    crashed = asyncio.Event()
    it.doctor.page.once("crash", lambda _: crashed.set())
    with contextlib.suppress(BrowserError, TimeoutError):
        async with asyncio.timeout(2):
            await session.send("Page.crash")
    async with asyncio.timeout(5):
        await crashed.wait()


async def _gateway_killed(it: Scene, _: Turn) -> Back:
    await it.bus.gateway.kill()
    await asyncio.sleep(RESTART_SECONDS)
    return Back(time.monotonic(), it.bus.gateway.start)


async def _relay_restarted(it: Scene, turn: Turn) -> Back:
    if turn.number % 2:
        await it.world.relay.kill()
    else:
        await it.world.relay.stop()
    await asyncio.sleep(RESTART_SECONDS)
    return Back(time.monotonic(), it.world.relay.start)


async def _camera_unplugged(it: Scene, turn: Turn) -> Back:
    await it.bus.control("camera/unplug")
    try:
        await it.kiosk.until(lambda state: state.camera is not None and not state.camera.present, NOTICED_SECONDS)
        await it.doctor.page.locator('[data-testid="video-words"][data-state="camera"]').wait_for(
            timeout=NOTICED_SECONDS * 1000)
    except (TimeoutError, BrowserError):
        await it.bus.control("camera/plug")
        raise NotSaid("a screen does not say that the camera is missing") from None
    await asyncio.sleep(turn.chance.uniform(*AWAY_SECONDS))
    back = time.monotonic()
    await it.bus.control("camera/plug")
    return Back(back)


KINDS = {kind.name: kind for kind in (
    Kind("kiosk_reload", "the nurse's page is reloaded", _kiosk_reload),
    Kind("doctor_tab", "the doctor's tab is closed, every other time its process crashes; a new tab", _doctor_tab),
    Kind("gateway_kill", "the gateway is killed with -9, started again after 1 s", _gateway_killed),
    Kind("relay_restart", "the relay is ended with TERM, every other time with -9; started again after 1 s",
         _relay_restarted),
    Kind("camera_unplug", "the room camera is unplugged and plugged in", _camera_unplugged),
)}
