"""A guest on a phone: opens the link, enters, sees and hears, leaves. Simulated person, real Chromium, real page."""

from __future__ import annotations

from pathlib import Path

from playwright.async_api import Browser, BrowserContext, Locator, Page

from .browser import STEP_MS, Watch
from .picture import Picture
from .sound import hears

PHONE = {"width": 390, "height": 844}
"""A telephone held upright, in CSS pixels."""

CONNECT_MS = 2 * STEP_MS
"""Two connections over the relay; on a machine with four browsers one of them may need a second attempt."""

PICTURE_SECONDS = 60.0
"""The doctor's picture goes first: on a thin uplink, or a starved machine, the guest's begins when there is room."""


async def telephone(browser: Browser, locale: str = "fr-FR", theme: str = "light") -> BrowserContext:
    """A fresh profile on a telephone that permits microphone and camera."""
    context = await browser.new_context(
        viewport={"width": PHONE["width"], "height": PHONE["height"]}, locale=locale, has_touch=True,
        permissions=["camera", "microphone"], color_scheme="dark" if theme == "dark" else "light")
    context.set_default_timeout(STEP_MS)
    return context


class Guest:
    """One guest's page. Every method waits until the page shows the outcome."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.watch = Watch("guest")
        self.watch.attach(page)
        self.bus = Picture(page, "bus-video")
        self.doctor = Picture(page, "doctor-video")

    @classmethod
    async def open(cls, context: BrowserContext, link: str) -> Guest:
        """Open the link as it was received."""
        guest = cls(await context.new_page())
        await guest.page.goto(link)
        return guest

    def at(self, testid: str) -> Locator:
        """The element of this name."""
        return self.page.get_by_test_id(testid)

    async def invited_as(self) -> tuple[str, str]:
        """Wait for the door; who invites, in words, and the role."""
        await self.at("door-who").wait_for()
        return await self.at("door-who").inner_text(), await self.at("door-as").get_attribute("data-role") or ""

    async def show_camera(self) -> None:
        """Turn the camera on before entering."""
        await self.at("camera-switch").click()
        await self.page.locator('[data-testid="camera-state"][data-state="on"]').wait_for()

    async def enter(self) -> None:
        """Use the link up; both hosts are connected afterwards."""
        await self.at("enter").click()
        await self.connected()

    async def connected(self) -> None:
        """Wait until the bus and the doctor are connected."""
        await self.page.locator('[data-testid="call"][data-vehicle="connected"][data-doctor="connected"]').wait_for(
            timeout=CONNECT_MS)

    async def sees_the_bus(self, wanted: int = 3) -> bool:
        """Whether so many different codes of the moving picture were read."""
        return len(await self.bus.codes(wanted, PICTURE_SECONDS)) >= wanted

    async def hears_the_bus(self) -> bool:
        """Whether the bus's sound comes out of the telephone."""
        return await hears(self.page, "bus-sound")

    async def hears_the_doctor(self) -> bool:
        """Whether the doctor's voice comes out of the telephone."""
        return await hears(self.page, "doctor-sound")

    async def leave(self) -> str:
        """Leave for good; the code of the words that follow."""
        await self.at("leave").click()
        await self.at("leave-yes").click()
        return await self.over()

    async def over(self) -> str:
        """Wait until the visit is over; the code of the words."""
        await self.at("over").wait_for()
        return await self.at("over").get_attribute("data-code") or ""

    async def photograph(self, path: Path) -> None:
        """Save what the guest sees."""
        await self.page.screenshot(path=path)
