"""A relay that puts itself in the middle (I5) and swaps a DTLS fingerprint: no media, words, an audit line."""

from __future__ import annotations

import asyncio
import json
import re
import sqlite3
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from playwright.async_api import WebSocketRoute

from sim.bots.browser import STEP_MS, chromium, person
from sim.bots.doctor import Doctor
from sim.bots.nurse import Nurse, PatientTyped
from sim.demo.configuration import DOCTORS, NURSES
from sim.demo.processes import free_port
from sim.demo.world import Ports, World

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

FALSE = ":".join(["5A"] * 32)


def swap(body: dict[str, object]) -> None:
    """What a hostile relay does to a description: its own fingerprint in place of the real one."""
    body["sdp"] = re.sub(r"(a=fingerprint:sha-256 )[0-9A-Fa-f:]+", rf"\g<1>{FALSE}", str(body["sdp"]))


def swap_also_in_the_binding(body: dict[str, object]) -> None:
    """A relay that changes the statement as well, but has no key to sign it with."""
    swap(body)
    binding = body["binding"]
    assert isinstance(binding, dict)
    binding["fingerprint"] = FALSE


CODES = {("offer", swap): "binding.fingerprint", ("answer", swap): "fingerprint.mismatch",
         ("offer", swap_also_in_the_binding): "binding.signature",
         ("answer", swap_also_in_the_binding): "binding.signature"}


def meddler(kind: str, change: Callable[[dict[str, object]], None]) -> Callable[[WebSocketRoute], None]:
    """A man between page and relay who changes messages of this kind, either way."""

    def changed(message: str | bytes) -> str | bytes:
        frame = json.loads(message)
        if frame["body"]["type"] != kind:
            return message
        change(frame["body"])
        return json.dumps(frame)

    def route(page: WebSocketRoute) -> None:
        relay = page.connect_to_server()
        page.on_message(lambda message: relay.send(changed(message)))
        relay.on_message(lambda message: page.send(changed(message)))

    return route


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """A relay and one vehicle."""
    running = World(tmp_path / "world", Ports(free_port(), free_port(), (free_port(),)))
    try:
        await running.start()
        yield running
    finally:
        await running.stop()


def refusals(world: World) -> list[str]:
    """The codes of refused bindings in the relay's audit."""
    database = sqlite3.connect(world.directory / "relay" / "relay.sqlite3")
    try:
        rows = database.execute("SELECT entry FROM audit ORDER BY position").fetchall()
    finally:
        database.close()
    entries = [json.loads(row[0]) for row in rows]
    return [entry["facts"]["code"] for entry in entries if entry["what"] == "binding.refused"]


@pytest.mark.parametrize("change", [swap, swap_also_in_the_binding])
@pytest.mark.parametrize("kind", ["offer", "answer"])
async def test_a_swapped_fingerprint_is_refused(
        world: World, kind: str, change: Callable[[dict[str, object]], None]) -> None:
    """Whichever description is tampered with, its receiver refuses, nobody gets a picture, the audit has the code."""
    async with chromium() as kiosk, chromium() as desk:
        nurse = await Nurse.sit_down(await person(kiosk), world.vehicles[0].kiosk_url)
        await nurse.sign_in(NURSES[0].nurse_id, NURSES[0].pin)
        await nurse.open_consultation(PatientTyped())
        await nurse.enter_waiting()
        context = await person(desk)
        await context.route_web_socket(re.compile(r"/ws$"), meddler(kind, change))
        doctor = await Doctor.sit_down(context, world.relay_url)
        await doctor.sign_in(DOCTORS[0].account, DOCTORS[0].password)
        await doctor.take()
        await doctor.page.locator('[data-testid="video-words"][data-state="refused"]').wait_for()
        assert await doctor.picture.codes(wanted=1, seconds=2.0) == []
        assert await doctor.at("vitals").get_attribute("data-count") == "0"
        # Who refuses reads why at once; the relay hears of it a moment later, once for each attempt.
        async with asyncio.timeout(STEP_MS / 1000):
            while not refusals(world):  # noqa: ASYNC110 - another process's database
                await asyncio.sleep(0.1)
        assert set(refusals(world)) == {CODES[kind, change]}
