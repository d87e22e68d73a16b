"""A third person in a call: real relay, real gateway, four pages in real Chromium."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.async_api import Browser, WebSocketRoute

from sim.bots.browser import STEP_MS, chromium, person
from sim.bots.doctor import Doctor
from sim.bots.guest import Guest, telephone
from sim.bots.nurse import Nurse, PatientTyped
from sim.demo.configuration import DOCTORS, NURSES
from sim.demo.processes import free_port
from sim.demo.world import Ports, World
from tests.e2e.axe_rig import violations

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(480)]

NAME = "Mme Karam"
FALSE = ":".join(["5A"] * 32)


@dataclass
class Call:
    """A nurse and a doctor in a call, and a browser for whoever comes."""

    world: World
    nurse: Nurse
    doctor: Doctor
    phone: Browser

    async def guest(self, link: str, locale: str = "fr-FR") -> Guest:
        """Somebody at a telephone who opens this link."""
        return await Guest.open(await telephone(self.phone, locale), link)

    def audit(self, what: str) -> list[dict[str, str]]:
        """The facts of the relay's audit lines of this kind."""
        database = sqlite3.connect(self.world.directory / "relay" / "relay.sqlite3")
        try:
            rows = database.execute("SELECT entry FROM audit ORDER BY position").fetchall()
        finally:
            database.close()
        return [entry["facts"] for entry in (json.loads(row[0]) for row in rows) if entry["what"] == what]


@pytest.fixture
async def call(tmp_path: Path) -> AsyncIterator[Call]:
    world = World(tmp_path / "world", Ports(free_port(), free_port(), (free_port(),)))
    try:
        await world.start()
        async with AsyncExitStack() as stack:
            kiosk, desk, phone = [await stack.enter_async_context(chromium()) for _ in range(3)]
            nurse = await Nurse.sit_down(await person(kiosk), world.vehicles[0].kiosk_url)
            await nurse.sign_in(NURSES[0].nurse_id, NURSES[0].pin)
            await nurse.open_consultation(PatientTyped())
            await nurse.enter_waiting()
            doctor = await Doctor.sit_down(await person(desk), world.relay_url)
            await doctor.sign_in(DOCTORS[0].account, DOCTORS[0].password)
            await doctor.take()
            assert len(await doctor.picture.codes(wanted=2)) == 2
            yield Call(world, nurse, doctor, phone)
    finally:
        await world.stop()


async def invited(call: Call, role: str = "interpreter") -> str:
    link = await call.doctor.invite(role, NAME)
    await call.doctor.close_link()
    return link


async def test_an_interpreter_enters_by_a_link_once_and_leaves(call: Call) -> None:
    """The code on the screen is the link; the guest sees the bus, all hear each other; a used link opens nothing; door
    and call are what axe-core wants."""
    link = await call.doctor.invite("interpreter", NAME)
    assert await call.doctor.scanned() == link
    await call.doctor.close_link()
    await call.nurse.guest_is(NAME, "invited")
    guest = await call.guest(link)
    words, role = await guest.invited_as()
    assert "Claire Martin" in words
    assert "Médicobus 1" in words
    assert role == "interpreter"
    assert "#" not in guest.page.url
    assert await guest.page.evaluate("history.length") <= 2
    assert await violations(guest.page) == []
    await guest.show_camera()
    await guest.enter()
    assert await guest.sees_the_bus(3)
    assert await guest.doctor.moves()
    assert await violations(guest.page) == []
    assert await guest.hears_the_bus()
    assert await guest.hears_the_doctor()
    await call.doctor.guest_is("present")
    assert await call.doctor.hears_the_guest()
    assert await call.doctor.guests_picture.moves()
    await call.nurse.guest_is(NAME, "present")
    assert await call.nurse.hears_a_guest()
    assert await (await call.guest(link)).over() == "guest.link_used"
    assert "durand" not in (await guest.page.content()).lower()
    assert await guest.leave() == "guest.left"
    await call.doctor.at("guest").wait_for(state="detached")
    assert [facts["code"] for facts in call.audit("guest.refused")] == ["guest.link_used"]
    assert guest.watch.errors + call.doctor.watch.errors + call.nurse.watch.errors == []


async def test_everybody_comes_back(call: Call) -> None:
    """Reload of the guest, reload of the doctor, a relay killed and started again: the same guest, by itself."""
    guest = await call.guest(await invited(call))
    await guest.invited_as()
    await guest.enter()
    await guest.page.reload()
    await guest.connected()
    assert await guest.sees_the_bus(2)
    await call.doctor.reload()
    await call.doctor.guest_is("present")
    assert await call.doctor.hears_the_guest()
    await guest.connected()
    os.kill(call.world.relay.pid, signal.SIGKILL)
    await call.world.relay.kill()
    await call.world.relay.start()
    await call.doctor.online()
    assert await guest.sees_the_bus(3)
    await guest.connected()
    await guest.page.reload()
    await guest.connected()
    assert await guest.sees_the_bus(2)
    assert await call.doctor.hears_the_guest()


async def test_the_vehicle_knows_its_guest_again_after_kill_9(call: Call) -> None:
    """The gateway loses the key with its memory; the doctor's page tells it again, and the guest is back."""
    guest = await call.guest(await invited(call))
    await guest.invited_as()
    await guest.enter()
    gateway = call.world.vehicles[0].gateway
    await gateway.kill()
    await guest.page.locator('[data-testid="call"]:not([data-vehicle="connected"])').wait_for()
    await gateway.start()
    await guest.page.locator('[data-testid="call"][data-vehicle="connected"]').wait_for(timeout=60_000)
    assert await guest.sees_the_bus(3)


@pytest.mark.parametrize("by", ["doctor", "nurse"])
async def test_who_is_removed_is_out(call: Call, by: str) -> None:
    """Doctor and nurse can each end it: the guest reads so, holds no device, and does not come back by a reload."""
    guest = await call.guest(await invited(call, "relative"))
    await guest.invited_as()
    await guest.enter()
    await (call.doctor.remove_guest() if by == "doctor" else call.nurse.remove_guest())
    assert await guest.over() == "guest.removed"
    await call.doctor.at("guest").wait_for(state="detached")
    await guest.page.reload()
    assert await guest.over() == "guest.removed"
    assert len(await call.doctor.picture.codes(wanted=2)) == 2


async def test_the_end_of_the_call_is_the_end_for_the_guest(call: Call) -> None:
    """The doctor finishes: the guest reads so in English, and a link that was not used opens nothing any more."""
    guest = await call.guest(await invited(call, "specialist"), locale="en-GB")
    words, _ = await guest.invited_as()
    assert words.startswith("Docteur Claire Martin invites you")
    await guest.enter()
    unused = await invited(call)
    await call.doctor.finish()
    assert await guest.over() == "guest.call_over"
    assert await (await call.guest(unused)).over() == "guest.call_over"


def meddler(kind: str) -> Callable[[WebSocketRoute], None]:
    """A relay that puts its own fingerprint into every description of this kind."""

    def changed(message: str | bytes) -> str | bytes:
        frame = json.loads(message)
        if frame["body"]["type"] == kind:
            sdp = frame["body"]["sdp"]
            frame["body"]["sdp"] = re.sub(r"(a=fingerprint:sha-256 )[0-9A-Fa-f:]+", rf"\g<1>{FALSE}", sdp)
        return json.dumps(frame)

    def route(page: WebSocketRoute) -> None:
        relay = page.connect_to_server()
        page.on_message(lambda message: relay.send(changed(message)))
        relay.on_message(lambda message: page.send(changed(message)))

    return route


@pytest.mark.parametrize("kind", ["guest_offer", "guest_answer"])
async def test_a_relay_that_swaps_a_fingerprint_connects_nobody(call: Call, kind: str) -> None:
    """Whichever end is lied to refuses, for both hosts; the guest reads why, nothing was seen, the audit has it."""
    link = await invited(call)
    context = await telephone(call.phone)
    await context.route_web_socket(re.compile(r"/guest/ws$"), meddler(kind))
    guest = await Guest.open(context, link)
    await guest.invited_as()
    await guest.at("enter").click()
    await guest.page.locator('[data-testid="call"][data-vehicle="refused"][data-doctor="refused"]').wait_for()
    await guest.page.locator('[data-testid="stage-words"][data-state="refused"]').wait_for()
    await call.doctor.guest_is("refused")
    assert await guest.bus.codes(wanted=1, seconds=1.0) == []
    # The guest's page reads why as it refuses; the relay hears of it a moment later.
    async with asyncio.timeout(STEP_MS / 1000):
        while {facts["host"] for facts in call.audit("guest.binding_refused")} != {"vehicle", "doctor"}:  # noqa: ASYNC110
            await asyncio.sleep(0.1)


async def test_without_a_microphone_the_link_stays_whole(call: Call) -> None:
    """Refused by the person: words, and after it is allowed the same link still opens."""
    link = await invited(call)
    context = await telephone(call.phone)
    await context.add_init_script("""
        const real = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
        window.allowed = false;
        navigator.mediaDevices.getUserMedia = (wanted) =>
          window.allowed ? real(wanted) : Promise.reject(new DOMException("", "NotAllowedError"));
    """)
    guest = await Guest.open(context, link)
    await guest.invited_as()
    await guest.at("enter").click()
    await guest.page.locator('[data-testid="problem"][data-code="device.refused"]').wait_for()
    assert call.audit("guest.entered") == []
    await guest.page.evaluate("window.allowed = true")
    await guest.enter()
    assert await guest.sees_the_bus(2)
