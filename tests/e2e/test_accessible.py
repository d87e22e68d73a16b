"""The pages of a call as axe-core reads them: names, roles and contrast, by day and by night."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from playwright.async_api import Page

from sim.bots.browser import chromium, person
from tests.e2e.axe_rig import has_axe, violations
from tests.e2e.doctor_desk_rig import DEVICES, DIST, ROOT, desk

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.xdist_group("e2e"),
    pytest.mark.timeout(300),
    has_axe,
    pytest.mark.skipif(not (DIST / "kiosk.html").exists(), reason="the web client is not built"),
    pytest.mark.skipif(shutil.which("chromium") is None, reason="there is no Chromium here"),
    pytest.mark.skipif(shutil.which("node") is None, reason="there is no node here"),
]

FAKE_GATEWAY = ROOT / "web_client" / "test" / "fake_gateway" / "fake_gateway.py"

CALLS = {
    "call_guests": '[data-testid="guest-g2"]', "call_muted_trouble": '[data-testid="muted-words"]',
    "call_failed_over": '[data-testid="uplink-wwan1"]', "call_outage": '[data-testid="quality"][data-tone="stop"]',
    "call_still": '[data-testid="quality"][data-picture="still"]',
}
"""Scenes of a call that differ in what stands on the screen, and what shows that each is there."""


async def light(page: Page, theme: str) -> None:
    """What the page's own switch does, which is not on every screen."""
    await page.evaluate("(theme) => { document.documentElement.dataset.theme = theme; }", theme)


@asynccontextmanager
async def fake_gateway() -> AsyncIterator[str]:
    """Scenes of a vehicle for the touchscreen; the address."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(FAKE_GATEWAY), "--dist", str(DIST), "--lines", "5", stdout=subprocess.PIPE, cwd=ROOT)
    try:
        assert process.stdout is not None
        yield (await asyncio.wait_for(process.stdout.readline(), 30)).decode().strip()
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


async def test_the_doctors_page_in_a_call() -> None:
    """A thin line with its figures, the devices, a picture that stands still, and a dead microphone by night."""
    async with desk(*DEVICES) as it:
        await it.take()
        await it.steer("bus.pressure(), bus.quality('good', 'reduced', 'quality.thin')")
        await it.page.locator('[data-testid="line"][data-code="quality.thin"]').click()
        assert await violations(it.page) == []
        await it.at("line").click()
        await it.at("devices").click()
        await it.steer("bus.pause(true)")
        await it.picture("stalled")
        assert await violations(it.page) == []
        await it.steer("bus.media = { microphone: false, microphone_code: 'microphone.silent' }, bus.situation()")
        await it.at("microphone-missing").wait_for()
        await light(it.page, "night")
        assert await violations(it.page) == []


async def test_the_touchscreen_in_a_call() -> None:
    """Guests, a muted microphone, a lost uplink, an outage, a still picture; the figures; the line on other screens."""
    async with fake_gateway() as url, chromium() as browser:
        page = await (await person(browser)).new_page()
        await page.goto(url)
        await page.get_by_test_id("bar").wait_for()
        for scene, there in CALLS.items():
            await page.request.post(f"{url}fake/scene/{scene}")
            await page.locator(there).first.wait_for()
            for theme in ("day", "night"):
                await light(page, theme)
                assert (scene, theme, await violations(page)) == (scene, theme, [])
        await page.get_by_test_id("quality").first.click()
        await page.get_by_test_id("quality-sheet-close").wait_for()
        assert await violations(page) == []
        await page.get_by_test_id("quality-sheet-close").click()
        await page.request.post(f"{url}fake/scene/call_three_guests")
        await page.get_by_test_id("go-home").click()
        await page.locator('[data-testid="in-call"][data-count="4"]').wait_for()
        assert await violations(page) == []
        await page.get_by_test_id("in-call").click()
        await page.get_by_test_id("screen-call").wait_for()
