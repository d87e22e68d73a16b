"""A real Chromium for a bot: one process and profile per person, with a simulated microphone and camera."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, async_playwright

VIEWPORT = {"width": 1280, "height": 800}
"""The smallest touchscreen and laptop that the pages are made for."""

STEP_MS = 30_000
"""How long a bot waits for what it expects to see. It bounds a wait, nothing is measured by it: with four browsers and
a load of ten on two cores, what takes one second took fifteen."""

START_MS = 3 * STEP_MS
"""A browser with a new profile on a loaded machine."""

_LOOK_SECONDS = 0.05
"""Between two looks into a page: one picture of 20 a second."""

_ARGUMENTS = (
    "--no-sandbox",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-features=Translate,OptimizationHints,MediaRouter",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--allow-loopback-in-peer-connection",
    "--autoplay-policy=no-user-gesture-required",
    # A tab of a bot is never in front: its timers must run as if it were.
    "--disable-background-timer-throttling",
    "--disable-backgrounding-occluded-windows",
    "--disable-renderer-backgrounding",
)


class NoBrowser(Exception):
    """There is no Chromium on this machine."""


def installed() -> str:
    """The path of the system's Chromium; NoBrowser when there is none."""
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        raise NoBrowser("there is no Chromium here: apt-get install chromium")
    return path


@asynccontextmanager
async def chromium(launcher: Path | None = None) -> AsyncIterator[Browser]:
    """A headless Chromium of the system, or what `launcher` starts as one; NoBrowser when there is none."""
    path = launcher or installed()
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=list(_ARGUMENTS), timeout=START_MS)
        try:
            yield browser
        finally:
            await browser.close()


async def eventually(page: Page, expression: str, argument: Any = None, seconds: float = STEP_MS / 1000) -> Any:
    """What the function `expression` of the page gives once that is true; TimeoutError.

    Not wait_for_function: it takes the promise of an asynchronous function for true, and a page's policy may forbid
    it.
    """
    async with asyncio.timeout(seconds):
        while not (found := await page.evaluate(expression, argument)):  # noqa: ASYNC110 - another process's page
            await asyncio.sleep(_LOOK_SECONDS)
    return found


class Watch:
    """What went wrong in a page: uncaught errors, console errors, refused resources."""

    def __init__(self, who: str) -> None:
        self.who = who
        self.errors: list[str] = []

    def attach(self, page: Page) -> None:
        """Collect from this page on."""
        page.on("pageerror", lambda error: self.errors.append(f"{self.who}: {error}"))
        page.on("console", self._console)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type == "error" and not _expected(message.text):
            self.errors.append(f"{self.who}: {message.text}")


def _expected(text: str) -> bool:
    """Chromium logs a refused WebSocket or fetch itself, whatever the page does about it."""
    return "ERR_CONNECTION_REFUSED" in text or "WebSocket connection" in text or "Failed to load resource" in text


async def person(browser: Browser, theme: str = "light") -> BrowserContext:
    """A fresh profile for one person."""
    context = await browser.new_context(
        viewport={"width": VIEWPORT["width"], "height": VIEWPORT["height"]}, locale="fr-FR",
        permissions=["camera", "microphone"], color_scheme="dark" if theme == "dark" else "light")
    context.set_default_timeout(STEP_MS)
    return context
