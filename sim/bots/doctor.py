"""A doctor at a browser: does what a person does, by the same buttons, and reads what the page shows."""

from __future__ import annotations

import re
from typing import Any

import cv2
import numpy as np
from playwright.async_api import BrowserContext, Locator, Page

from .browser import STEP_MS, Watch
from .picture import Picture
from .sound import hears

_LOOKS = 10
"""Pictures of a code that are looked at before it counts as one that cannot be read."""


class Doctor:
    """One doctor's page. Every method waits until the page shows the outcome."""

    def __init__(self, page: Page, url: str, name: str = "doctor") -> None:
        self.page, self.url = page, url
        self.watch = Watch(name)
        self.watch.attach(page)
        self.picture = Picture(page, "remote-video")
        self.guests_picture = Picture(page, "guest-video")

    @classmethod
    async def sit_down(cls, context: BrowserContext, url: str, name: str = "doctor") -> Doctor:
        """Open the doctor's page."""
        doctor = cls(await context.new_page(), url, name)
        await doctor.page.goto(url)
        return doctor

    def at(self, testid: str) -> Locator:
        """The element of this name."""
        return self.page.get_by_test_id(testid)

    async def sign_in(self, account: str, password: str) -> None:
        """Type account and password; the queue is there afterwards."""
        await self.at("account").fill(account)
        await self.at("password").fill(password)
        await self.at("sign-in").click()
        await self.online()
        await self.at("own-camera").wait_for()

    async def online(self) -> None:
        """Wait until the relay is there."""
        await self.page.locator('[data-testid="relay-link"][data-state="online"]').wait_for()

    def entry(self, encounter_id: str | None = None) -> Locator:
        """A line of the queue."""
        return self.at("queue-entry").first if encounter_id is None else self.page.locator(
            f'[data-testid="queue-entry"][data-encounter="{encounter_id}"]')

    async def take(self, encounter_id: str | None = None) -> None:
        """One click on the call."""
        await self.entry(encounter_id).get_by_test_id("take").click()

    async def snatch(self) -> None:
        """Click at this very moment, without looking twice: another doctor may click too."""
        await self.page.evaluate("""() => document.querySelector('[data-testid="take"]')?.click()""")

    async def who_took_it(self) -> str:
        """The words that say who has the call."""
        words = self.page.locator('[data-testid="notice"], [data-testid="taken-by"]').first
        await words.wait_for()
        return await words.inner_text()

    async def consultation(self) -> str:
        """Wait for the consultation's page; its encounter."""
        await self.at("consultation").wait_for()
        return await self.at("consultation").get_attribute("data-encounter") or ""

    async def generation(self) -> int:
        """Which peer connection of the call this is."""
        return int(await self.at("consultation").get_attribute("data-generation") or 0)

    async def marks(self) -> dict[str, float]:
        """The page's own clock: last tap, first frame… in ms since the epoch."""
        marks: list[dict[str, Any]] = await self.page.evaluate("window.passerelleProbe.marks()")
        return {mark["name"]: float(mark["at"]) for mark in marks}

    async def pressure(self) -> tuple[str, str]:
        """Systolic and diastolic of the newest reading."""
        systolic = await self.at("reading-systolic").first.get_attribute("data-value")
        diastolic = await self.at("reading-diastolic").first.get_attribute("data-value")
        return systolic or "", diastolic or ""

    async def wait_for_pressure(self, systolic: str) -> None:
        """Wait until this systolic value is the newest on the page."""
        await self.page.locator(f'[data-testid="reading-systolic"][data-value="{systolic}"]').first.wait_for()

    async def readings(self) -> list[dict[str, Any]]:
        """Every reading that was shown: readingId, receivedAt, shownAt (ms since the epoch)."""
        shown: list[dict[str, Any]] = await self.page.evaluate("window.passerelleProbe.readings()")
        return shown

    async def wait_for_readings(self, reading_ids: set[str]) -> set[str]:
        """Wait until all these were shown; those that were not, when it takes too long."""
        missing: list[str] = await self.page.evaluate("""async ([ids, milliseconds]) => {
            const until = performance.now() + milliseconds;
            for (;;) {
              const shown = window.passerelleProbe?.readings().map((each) => each.readingId) ?? [];
              const missing = ids.filter((id) => !shown.includes(id));
              if (missing.length === 0 || performance.now() > until) return missing;
              await new Promise((done) => setTimeout(done, 50));
            }
        }""", [sorted(reading_ids), STEP_MS])
        return set(missing)

    async def first_frame(self) -> float:
        """When the first picture of this page was drawn, on its clock: of whichever connection brought it, for on a
        slow machine the first may not have come about in time. Call it when there is a picture."""
        return min(at for name, at in (await self.marks()).items() if name.startswith("first_frame."))

    async def ask(self, instrument_id: str) -> None:
        """Ask for an instrument."""
        await self.at(f"ask-{instrument_id}").click()
        await self.at(f"asked-{instrument_id}").wait_for()

    async def streams(self) -> list[int]:
        """The waveforms of this encounter."""
        streams: list[int] = await self.page.evaluate("window.passerelleProbe.streams()")
        return streams

    async def ecg(self, stream_id: int) -> dict[str, Any]:
        """What came of a waveform: received, missing, end, samples."""
        came: dict[str, Any] = await self.page.evaluate("(id) => window.passerelleProbe.ecg(id)", stream_id)
        return came

    async def wait_for_samples(self, stream_id: int, count: int) -> None:
        """Wait until so many samples are there without a hole."""
        await self._until("(e, count) => e.samples.length >= count && e.missing === 0", stream_id, count)

    async def wait_for_end(self, stream_id: int) -> None:
        """Wait until the waveform has ended and all of it is there."""
        await self._until("(e) => e.end !== null && e.missing === 0", stream_id)

    async def wait_for_stream(self) -> int:
        """Wait until a waveform is there; the newest one."""
        newest: int = await self.page.evaluate("""async () => {
            while (window.passerelleProbe.streams().length === 0) await new Promise((done) => setTimeout(done, 20));
            return window.passerelleProbe.streams().at(-1);
        }""")
        return newest

    async def _until(self, held: str, stream_id: int, argument: int = 0) -> None:
        """Ask the probe until `held(ecg, argument)`. Not wait_for_function: the page's policy forbids eval."""
        came: bool = await self.page.evaluate("""async ([id, argument, milliseconds]) => {
            const held = %s;
            const until = performance.now() + milliseconds;
            while (!held(window.passerelleProbe.ecg(id), argument)) {
              if (performance.now() > until) return false;
              await new Promise((done) => setTimeout(done, 50));
            }
            return true;
        }""" % held, [stream_id, argument, 2 * STEP_MS])  # noqa: UP031  braces are JavaScript's here
        if not came:
            raise TimeoutError(f"waveform {stream_id}: {await self.ecg(stream_id)}"[:300])

    async def open_still(self) -> tuple[int, int]:
        """Open the newest still full size; its width and height in pixels."""
        await self.at("still-thumb").last.click()
        await self.page.locator('[data-testid="still-full"][data-state="whole"]').wait_for()
        size: list[int] = await self.at("still-image").evaluate("(e) => [e.naturalWidth, e.naturalHeight]")
        return size[0], size[1]

    async def close_still(self) -> None:
        """Close the still."""
        await self.at("still-close").click()

    async def close_file(self) -> None:
        """Back to the queue."""
        await self.at("close-file").click()
        await self.at("consultation").wait_for(state="detached")

    async def finish(self) -> None:
        """End the consultation for good."""
        await self.at("finish").click()
        await self.at("confirm-finish").click()
        await self.at("call-ended").wait_for()

    async def reload(self) -> None:
        """Press reload."""
        await self.page.reload()

    async def text_matches(self, testid: str, pattern: str) -> bool:
        """Whether the element's text fits the pattern."""
        return re.search(pattern, await self.at(testid).first.inner_text()) is not None

    async def hears(self) -> bool:
        """Whether the nurse's voice comes out of the loudspeaker."""
        return await hears(self.page, "remote-audio")

    async def invite(self, role: str, name: str) -> str:
        """Invite a third person; the link, as the page shows it."""
        await self.at("guest-invite").click()
        await self.at(f"guest-role-{role}").check()
        await self.at("guest-name").fill(name)
        await self.at("guest-make").click()
        return await self.at("guest-address").input_value()

    async def scanned(self) -> str:
        """What a telephone reads from the code on the screen; empty when it cannot be read."""
        text = ""
        # The code is drawn a moment after its window: a telephone held before it looks more than once as well.
        for _ in range(_LOOKS):
            png = np.frombuffer(await self.at("guest-link-dialog").screenshot(), np.uint8)
            picture = cv2.imdecode(png, cv2.IMREAD_GRAYSCALE)
            text, _, _ = cv2.QRCodeDetectorAruco().detectAndDecode(np.asarray(picture))
            if text:
                break
        return text

    async def close_link(self) -> None:
        """Close the link's window."""
        await self.at("guest-close").click()
        await self.at("guest-link-dialog").wait_for(state="detached")

    async def remove_guest(self) -> None:
        """End the guest's part in the call."""
        await self.at("guest-remove").click()
        await self.at("guest-remove-yes").click()
        await self.at("guest").wait_for(state="detached")

    async def guest_is(self, state: str) -> None:
        """Wait until the guest stands like this on the doctor's page."""
        await self.page.locator(f'[data-testid="guest"][data-state="{state}"]').wait_for()

    async def hears_the_guest(self) -> bool:
        """Whether the guest's voice comes out of the loudspeaker."""
        return await hears(self.page, "guest-audio")

    async def paper(self, state: str) -> str:
        """Wait until a prescription is in this state; its identifier."""
        life = self.page.locator(f'[data-testid="prescription-life"][data-state="{state}"]').first
        await life.wait_for()
        return await life.get_attribute("data-prescription") or ""

    async def paper_state(self, prescription_id: str, state: str) -> None:
        """Wait until the page says that a prescription is in this state."""
        life = f'[data-testid="prescription-life"][data-prescription="{prescription_id}"][data-state="{state}"]'
        await self.page.locator(life).wait_for()
