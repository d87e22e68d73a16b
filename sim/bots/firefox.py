"""A stock Firefox for a bot, as people have it: driven by Playwright over WebDriver BiDi.

Playwright's own Firefox is patched and downloaded; its channel `moz-firefox` drives the system's.
"""

from __future__ import annotations

import shlex
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from playwright.async_api import Browser, BrowserContext, async_playwright

from .browser import START_MS, STEP_MS, VIEWPORT, NoBrowser

ROOT = Path(__file__).resolve().parents[2]

PREFERENCES: Mapping[str, str | float | bool] = {
    "media.navigator.streams.fake": True,
    # Asked and granted without a person.
    "media.navigator.permission.disabled": True,
    # No codec is fetched from Mozilla: without OpenH264 this is the browser of a first call after installation.
    "media.gmp-manager.updateEnabled": False,
    "media.gmp-gmpopenh264.autoupdate": False,
    # A machine without a sound card: two loudspeakers that nobody hears, or no sound is ever decoded for the page.
    "media.cubeb.force_mock_context": True,
    # A tab of a bot is never in front: its timers must run as if it were.
    "dom.min_background_timeout_value": 4,
    "dom.timeout.enable_budget_timer_throttling": False,
}


def installed() -> str:
    """The path of the system's Firefox; NoBrowser when there is none."""
    path = shutil.which("firefox-esr") or shutil.which("firefox")
    if path is None:
        raise NoBrowser("there is no Firefox here: apt-get install firefox-esr")
    return path


@asynccontextmanager
async def firefox(*, enter: tuple[str, ...] = (), theme: str = "light",
                  preferences: Mapping[str, str | float | bool] | None = None) -> AsyncIterator[Browser]:
    """A headless Firefox of the system with simulated devices; NoBrowser when there is none.

    `enter`: what starts a command in another network namespace. Firefox gathers no loopback address: it reaches a
    vehicle only over a real interface.
    """
    wanted = {**PREFERENCES, "layout.css.prefers-color-scheme.content-override": 0 if theme == "dark" else 1,
              **(preferences or {})}
    with tempfile.TemporaryDirectory(prefix="firefox-") as folder:
        launcher = Path(folder) / "firefox"
        command = shlex.join([sys.executable, "-m", "sim.bots.firefox_launcher", "new", *enter, "--", installed()])
        launcher.write_text(f'#!/bin/sh\ncd {shlex.quote(str(ROOT))}\nexec {command} "$@"\n')
        launcher.chmod(0o755)
        async with async_playwright() as playwright:
            browser = await playwright.firefox.launch(
                channel="moz-firefox", executable_path=launcher, firefox_user_prefs=wanted, timeout=START_MS)
            try:
                yield browser
            finally:
                await browser.close()


async def person(browser: Browser, size: Mapping[str, int] = VIEWPORT, locale: str = "fr-FR") -> BrowserContext:
    """A fresh profile for one person."""
    context = await browser.new_context(viewport={"width": size["width"], "height": size["height"]}, locale=locale)
    context.set_default_timeout(STEP_MS)
    return context
