"""A nurse with many instruments: tiles, live values, traces, photos in a series, a passkey, pairing, the tray."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from sim.bots.browser import chromium, person
from sim.bots.nurse import Nurse
from sim.demo.configuration import NURSES
from sim.demo.processes import free_port
from sim.demo.world import Ports, Vehicle, World

DIST = Path(__file__).resolve().parents[2] / "web_client" / "dist"
ABOARD = ("thermometer", "oximeter", "glucose", "scale", "beurer", "ecg12", "corometrics", "otoscope", "stethoscope",
          "cart")

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.xdist_group("e2e"),
    pytest.mark.timeout(480),
    pytest.mark.skipif(not (DIST / "kiosk.html").exists(), reason="the web client is not built"),
    pytest.mark.skipif(shutil.which("chromium") is None, reason="there is no Chromium here"),
]

CUT = """() => [...document.querySelectorAll('.tile-state, .tile-words b, .button, .rail-name')]
  .filter((e) => e.clientWidth > 0 && e.scrollWidth > e.clientWidth + 1).map((e) => e.textContent)"""
"""Words that do not fit where they stand."""


@asynccontextmanager
async def bus(home: Path) -> AsyncIterator[tuple[Nurse, Vehicle]]:
    """A vehicle with thirteen instruments and its nurse, signed in."""
    world = World(home / "world", Ports(free_port(), free_port(), (free_port(),)), equipment=ABOARD)
    try:
        await world.start()
        vehicle = world.vehicles[0]
        async with chromium() as browser:
            nurse = await Nurse.sit_down(await person(browser), vehicle.kiosk_url)
            await nurse.sign_in(NURSES[0].nurse_id, NURSES[0].pin)
            yield nurse, vehicle
            assert nurse.watch.errors == []
    finally:
        await world.stop()


async def is_in(page: Page, testid: str, state: str) -> None:
    await expect(page.get_by_test_id(testid)).to_have_attribute("data-state", state)


@asynccontextmanager
async def kept_on(vehicle: Vehicle, instrument: str) -> AsyncIterator[None]:
    """Somebody presses its button whenever it has gone off: it is awake for seconds, a busy machine pairs in more."""
    async def press() -> None:
        while True:
            await vehicle.control(f"ble/{instrument}/press")
            await asyncio.sleep(1)

    async with asyncio.TaskGroup() as tasks:
        pressing = tasks.create_task(press())
        yield
        pressing.cancel()


async def test_each_instrument_keeps_its_place_and_says_how_it_is(tmp_path: Path) -> None:
    """Tiles stay where they are while what measures comes forward; values, traces and photos reach the screen."""
    async with bus(tmp_path) as (nurse, vehicle):
        await nurse.open_consultation(None)
        tiles = nurse.at("tiles").locator("button")
        await expect(tiles).to_have_count(3 + len(ABOARD))
        places = await tiles.evaluate_all("(all) => all.map((e) => e.getBoundingClientRect().top)")
        assert await nurse.page.evaluate(CUT) == []

        await vehicle.control("ble/oximeter/measure")
        await nurse.see("live-oximeter")
        await expect(nurse.at("live-oximeter")).to_contain_text("pas encore enregistré")
        await vehicle.control("ble/thermometer/measure")
        await expect(nurse.at("tile-thermometer")).to_have_attribute("data-word", "value")
        await expect(nurse.at("tile-thermometer")).to_contain_text("°C")

        for instrument in ("ecg12", "corometrics"):
            await nurse.start_stream(instrument)
            await expect(nurse.at(f"trace-{instrument}")).to_have_attribute("data-live", "true")
        await nurse.stop_stream("ecg12")
        await nurse.stop_stream("corometrics")
        assert await tiles.evaluate_all("(all) => all.map((e) => e.getBoundingClientRect().top)") == places
        assert await nurse.page.evaluate(CUT) == []


async def test_a_second_photo_is_framed_like_the_first(tmp_path: Path) -> None:
    """The place said for the first photo comes back with it, and the photo lies over the picture as a ghost."""
    async with bus(tmp_path) as (nurse, _):
        await nurse.open_consultation(None, reason="skin")
        await nurse.reach("skin")
        await nurse.touch("skin-open")
        await nurse.see("skin-preview")
        await nurse.touch("site-open", "region-arm", "site-14975008", "still-capture")
        await nurse.see("still-scale")
        await nurse.touch("still-keep")
        await nurse.at("skin-camera").wait_for(state="detached")
        await nurse.touch("skin-open")
        earlier = nurse.page.locator('[data-testid^="like-"]:not([data-testid="like-none"])')
        await expect(earlier).to_contain_text("Avant-bras")
        await earlier.click()
        await nurse.see("ghost")
        await expect(nurse.at("site-open")).to_contain_text("Avant-bras")
        await nurse.touch("still-capture", "still-keep")
        await expect(nurse.at("stills").locator("figure")).to_have_count(2)


async def test_a_code_is_asked_for_wherever_the_nurse_is_and_the_wizard_ends_with_the_number(tmp_path: Path) -> None:
    """A cuff that shows six digits bonds from the check screen; the wizard gives the instrument its number."""
    async with bus(tmp_path) as (nurse, vehicle):
        await nurse.open_consultation(None)
        await vehicle.control("ble/beurer/press")
        await nurse.see("passkey-typed")
        digits = (await vehicle.ask("state"))["ble"]["beurer"]["passkey"]
        await nurse.touch(*(f"passkey-{digit}" for digit in digits), "passkey-go")
        await nurse.at("passkey").wait_for(state="detached")

        await nurse.touch("instruments", "devices-open", "replace-scale")
        await is_in(nurse.page, "pairing-state", "searching")
        async with kept_on(vehicle, "scale"):
            await nurse.page.locator('[data-testid^="candidate-"]').first.click()
            await is_in(nurse.page, "pairing-state", "paired")
        number = await nurse.at("paired-number").inner_text()
        await nurse.touch("pairing-finish", "devices-back")
        await expect(nurse.at("tile-scale").locator(".number")).to_have_text(number)


async def test_what_was_measured_without_a_patient_waits_in_the_tray(tmp_path: Path) -> None:
    """Cuff and ECG cart: both wait, each says when it was measured, and one is given to the patient by name."""
    async with bus(tmp_path) as (nurse, vehicle):
        await nurse.see("screen-home")
        await vehicle.control("cuff/measure", systolic=142, diastolic=88, pulse=70)
        await vehicle.control("cart/record")
        await nurse.see("open-tray")
        items = nurse.page.locator(".tray-item")
        await nurse.open_consultation(None)
        await expect(nurse.at("tile-cuff")).to_have_attribute("data-word", "tray")
        await expect(nurse.at("tile-cart")).to_have_attribute("data-word", "tray")
        await nurse.touch("open-tray")
        await expect(items).to_have_count(2)
        await expect(nurse.at("screen-tray")).to_contain_text("ECG enregistré")
        pressure = items.filter(has_text="142")
        await expect(pressure).to_contain_text("Mesurée le")
        await pressure.locator('[data-testid^="tray-assign-"]').click()
        await expect(nurse.at("tray-ask")).to_contain_text("Patient anonyme")
        await nurse.touch("tray-ask-yes")
        await expect(items).to_have_count(1)
        await nurse.touch("tray-back")
        await nurse.wait_for_pressure("142")
