"""The doctor's real page in a real Chromium, in a call with a vehicle drawn by another Chromium page."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, BrowserContext, Locator, Page, async_playwright, expect

from sim.bots.browser import START_MS, installed

ROOT = Path(__file__).resolve().parents[2]
DIST = ROOT / "web_client" / "dist"
FAKES = ROOT / "web_client" / "test" / "fake"

STEP_MS = 40_000
"""It bounds a wait, nothing is measured by it: a loaded machine with two browsers needs many seconds for what takes
one, and a first connection that took the page's 8 s is asked for anew."""

_ARGUMENTS = ("--no-sandbox", "--no-first-run", "--disable-background-networking", "--disable-component-update",
              "--disable-sync", "--disable-quic", "--allow-loopback-in-peer-connection")
DEVICES = ("--use-fake-device-for-media-stream=device-count=2", "--use-fake-ui-for-media-stream")

@dataclass
class Desk:
    """A signed-in doctor; `bus` steers the vehicle (`window.bus` of its page)."""

    page: Page
    bus: Page
    url: str

    def at(self, testid: str) -> Locator:
        """The element of this name on the doctor's page."""
        return self.page.get_by_test_id(testid)

    async def take(self) -> None:
        """Take the first call and wait for its picture."""
        await self.at("take").first.click()
        await self.live()

    async def live(self) -> None:
        """Wait until the picture is live."""
        await self.picture("live")

    async def picture(self, state: str) -> None:
        """Wait until the picture is in this state."""
        await self.page.locator(f'[data-testid="video"][data-state="{state}"]').wait_for(timeout=STEP_MS)

    async def generation(self) -> int:
        """Which peer connection of the call this is."""
        return int(await self.at("consultation").get_attribute("data-generation") or 0)

    async def joined_anew(self, after: int, within_ms: float = STEP_MS) -> None:
        """Wait until the call's peer connection is another one than this."""
        await self.page.locator(f'[data-testid="consultation"]:not([data-generation="{after}"])').wait_for(
            timeout=within_ms)

    async def says(self, testid: str, words: str) -> None:
        """Wait until the element of this name holds these words."""
        await expect(self.at(testid)).to_contain_text(words)

    async def steer(self, expression: str) -> Any:
        """Evaluate in the vehicle's page."""
        return await self.bus.evaluate(expression)

    async def said(self, kind: str) -> list[dict[str, Any]]:
        """What the doctor's page said to the vehicle of this kind, newest last."""
        said: list[dict[str, Any]] = await self.bus.evaluate(
            "(kind) => bus.received.filter((each) => each.type === kind)", kind)
        return said


@asynccontextmanager
async def relay(address: str = "127.0.0.1", enter: Sequence[str] = ()) -> AsyncIterator[str]:
    """The relay that forgets everything; its URL. `enter`: what starts a command in another network namespace."""
    command = (*enter, "node", str(FAKES / "relay.mjs"), "0", str(DIST), address)
    process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE, cwd=ROOT / "web_client")
    try:
        assert process.stdout is not None
        yield (await asyncio.wait_for(process.stdout.readline(), 30)).decode().strip()
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


@asynccontextmanager
async def browser(*arguments: str, launcher: Path | None = None) -> AsyncIterator[Browser]:
    """A Chromium with its own default rules for sound and devices but for `arguments`."""
    async with async_playwright() as playwright:
        started = await playwright.chromium.launch(
            executable_path=launcher or installed(), args=[*_ARGUMENTS, *arguments], timeout=START_MS)
        try:
            yield started
        finally:
            await started.close()


async def bus_of(started: Browser, url: str) -> Page:
    """The vehicle's page, ready for a call."""
    context = await started.new_context()
    context.set_default_timeout(STEP_MS)
    page = await context.new_page()
    await page.goto(f"{url}/vehicle.html")
    await page.wait_for_function("document.title === 'Fake vehicle ready'")
    return page


@asynccontextmanager
async def asleep(page: Page) -> AsyncIterator[None]:
    """What a suspended machine does to this page: nothing of it runs, its sockets too are silent, clocks go on.

    Chromium's own `Page.setWebLifecycleState` freezes no page that a test looks at.
    """
    started = page.context.browser
    assert started is not None
    session = await started.new_browser_cdp_session()
    listed: list[dict[str, Any]] = (await session.send("SystemInfo.getProcessInfo"))["processInfo"]
    renderers = [each["id"] for each in listed if each["type"] == "renderer"]
    try:
        for pid in renderers:
            os.kill(pid, signal.SIGSTOP)
        yield
    finally:
        for pid in renderers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
        await session.detach()


async def doctor_of(context: BrowserContext, url: str) -> Page:
    """The doctor's page, signed in."""
    context.set_default_timeout(STEP_MS)
    page = await context.new_page()
    await page.goto(url)
    await page.get_by_test_id("account").fill("dr")
    await page.get_by_test_id("password").fill("demo")
    await page.get_by_test_id("sign-in").click()
    await page.get_by_test_id("own-camera").wait_for()
    return page


@asynccontextmanager
async def desk(*arguments: str, init: str = "") -> AsyncIterator[Desk]:
    """Relay, vehicle and a doctor who has signed in; `init` runs in the doctor's page before its own script."""
    async with relay() as url, browser() as there, browser(*arguments) as here:
        bus = await bus_of(there, url)
        context = await here.new_context(viewport={"width": 1280, "height": 800}, locale="fr-FR")
        if init:
            await context.add_init_script(init)
        yield Desk(await doctor_of(context, url), bus, url)
