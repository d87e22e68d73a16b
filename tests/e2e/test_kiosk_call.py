"""The nurse in a real call: how it goes, the microphone muted and spoken into again, the room beside a camera."""

from __future__ import annotations

import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from playwright.async_api import expect

from sim.bots.browser import chromium, person
from sim.bots.doctor import Doctor
from sim.bots.nurse import Nurse
from sim.bots.sound import falls_silent
from sim.demo.configuration import DOCTORS, NURSES
from sim.demo.processes import free_port
from sim.demo.world import Ports, World

DIST = Path(__file__).resolve().parents[2] / "web_client" / "dist"

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.xdist_group("e2e"),
    pytest.mark.timeout(480),
    pytest.mark.skipif(not (DIST / "kiosk.html").exists(), reason="the web client is not built"),
    pytest.mark.skipif(shutil.which("chromium") is None, reason="there is no Chromium here"),
]

IN_CALL_MS = 60_000
"""Two browsers on a loaded machine: from the doctor's click to the figures of the first seconds."""


@asynccontextmanager
async def call(home: Path) -> AsyncIterator[tuple[Nurse, Doctor]]:
    """A nurse and a doctor who see each other."""
    world = World(home / "world", Ports(free_port(), free_port(), (free_port(),)))
    try:
        await world.start()
        async with chromium() as browser:
            nurse = await Nurse.sit_down(await person(browser), world.vehicles[0].kiosk_url)
            doctor = await Doctor.sit_down(await person(browser), f"{world.relay_url}/")
            await nurse.sign_in(NURSES[0].nurse_id, NURSES[0].pin)
            await nurse.open_consultation(None)
            await nurse.enter_waiting()
            await doctor.sign_in(DOCTORS[0].account, DOCTORS[0].password)
            await doctor.entry().wait_for()
            await doctor.take()
            await nurse.see("screen-call")
            await expect(nurse.at("doctor-picture")).to_have_attribute("data-live", "true", timeout=IN_CALL_MS)
            yield nurse, doctor
            assert nurse.watch.errors == []
    finally:
        await world.stop()


async def test_a_nurse_sees_how_the_call_goes_is_silent_when_muted_and_shows_the_room_beside(tmp_path: Path) -> None:
    """Figures of a running call reach the screen; muted, the doctor's page hears nothing, and hears again after."""
    async with call(tmp_path) as (nurse, doctor):
        await expect(nurse.at("quality")).to_have_attribute("data-tone", re.compile("done|look"), timeout=IN_CALL_MS)
        await nurse.touch("quality")
        await expect(nurse.at("figure-rate")).to_have_text(re.compile(r"[1-9]\d* kbit/s"))
        await expect(nurse.at("figure-way")).not_to_be_empty()
        await expect(nurse.at("figure-seen-rate")).to_have_text(re.compile(r"[1-9]"), timeout=IN_CALL_MS)
        await nurse.touch("quality-sheet-close")
        assert await doctor.hears()

        await nurse.touch("mute")
        await nurse.see("muted-words")
        await expect(nurse.at("quality")).to_have_attribute("data-voice", "muted")
        assert await falls_silent(doctor.page, "remote-audio")
        await nurse.reload()
        await nurse.see("muted-words")
        await nurse.touch("unmute")
        await nurse.at("muted-words").wait_for(state="detached")
        await expect(nurse.at("quality")).not_to_have_attribute("data-voice", "muted")
        assert await doctor.hears()

        await nurse.reach("skin")
        await nurse.touch("camera-show-skin", "skin-open")
        await nurse.see("camera-shown")
        beside = nurse.at("camera-beside").first
        await expect(beside).to_have_attribute("aria-pressed", "false")
        await beside.click()
        await expect(beside).to_have_attribute("aria-pressed", "true")
        await nurse.touch("camera-room")
        await nurse.at("camera-shown").wait_for(state="detached")
