"""A nurse at the touchscreen: does what a person does, by the same buttons."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from playwright.async_api import BrowserContext, Locator, Page

from .browser import Watch
from .picture import Picture
from .sound import hears


@dataclass(frozen=True, slots=True)
class PatientTyped:
    """An identity as the nurse types it. `birth` is DDMMYYYY."""

    family_name: str = "Durand"
    given_name: str = "Jeanne"
    birth: str = "14031951"
    sex: str = "female"


class Nurse:
    """One kiosk page. Every method waits until the screen shows the outcome."""

    def __init__(self, page: Page, url: str) -> None:
        self.page, self.url = page, url
        self.watch = Watch("kiosk")
        self.watch.attach(page)
        self.doctors_picture = Picture(page, "doctor-picture-video")
        self.own_picture = Picture(page, "own-picture-video")

    @classmethod
    async def sit_down(cls, context: BrowserContext, url: str) -> Nurse:
        """Open the kiosk's page."""
        nurse = cls(await context.new_page(), url)
        await nurse.page.goto(url)
        await nurse.see("bar")
        return nurse

    def at(self, testid: str) -> Locator:
        """The element of this name."""
        return self.page.get_by_test_id(testid)

    async def see(self, testid: str) -> None:
        """Wait until it is on the screen."""
        await self.at(testid).first.wait_for()

    async def touch(self, *testids: str) -> None:
        """Touch one button after the other."""
        for testid in testids:
            await self.at(testid).first.click()

    async def sign_in(self, nurse_id: str, pin: str) -> None:
        """Pick the name, type the PIN."""
        await self.touch(f"nurse-{nurse_id}", *(f"pin-{digit}" for digit in pin), "pin-enter")
        await self.at("screen-sign-in").wait_for(state="detached")

    async def open_consultation(self, patient: PatientTyped | None, reason: str = "heart",
                                urgency: str = "routine") -> None:
        """Home -> ready. None: anonymous."""
        await self.see("screen-home")
        await self.touch("new-consultation")
        if patient is None:
            await self.touch("patient-anonymous")
        else:
            await self.identify(patient)
        await self.touch(f"reason-{reason}", f"urgency-{urgency}", "consent", "open-encounter")
        await self.see("screen-ready")

    async def identify(self, patient: PatientTyped) -> None:
        """Type the identity, until the reason is asked."""
        await self.touch("patient-typed")
        for field, text in (("family-name", patient.family_name), ("given-name", patient.given_name),
                            ("birth-date", patient.birth)):
            await self.at(f"patient-{field}").click()
            await self.page.keyboard.type(text)
        await self.touch(f"sex-{patient.sex}", "patient-next")
        await self.see("consent")

    async def enter_waiting(self) -> None:
        """ready -> waiting."""
        await self.touch("enter-waiting")
        await self.see("screen-waiting")

    async def newest_pressure(self) -> tuple[str, str]:
        """Systolic and diastolic of the newest reading on the screen, as shown."""
        shown = [await self.at(f"reading-{which}").first.inner_text() for which in ("systolic", "diastolic")]
        return shown[0].replace(",", "."), shown[1].replace(",", ".")

    async def wait_for_pressure(self, systolic: str) -> None:
        """Wait until this systolic value is on the screen."""
        await self.at("reading-systolic").get_by_text(re.compile(f"^{systolic}$")).first.wait_for()

    async def reach(self, instrument_id: str) -> None:
        """Bring an instrument forward: where there are many, its tile is touched first."""
        await self.see(f"instrument-{instrument_id}")
        tile = self.at(f"tile-{instrument_id}")
        if await tile.count() and await tile.get_attribute("aria-pressed") == "false":
            await tile.click()

    async def start_stream(self, instrument_id: str) -> None:
        """Start the trace of an ECG or a fetal monitor."""
        await self.reach(instrument_id)
        await self.touch(f"waveform-start-{instrument_id}")
        await self.see(f"waveform-stop-{instrument_id}")

    async def stop_stream(self, instrument_id: str) -> None:
        """Stop it."""
        await self.touch(f"waveform-stop-{instrument_id}")
        await self.at(f"waveform-stop-{instrument_id}").wait_for(state="detached")

    async def take_still(self, keep: bool = True, camera: str = "skin") -> str:
        """Open the skin camera, capture, keep; answers the judged quality."""
        await self.reach(camera)
        await self.touch("skin-open")
        await self.see("skin-preview")
        await self.touch("still-capture")
        await self.see("still-quality")
        quality = await self.at("still-quality").get_attribute("data-quality") or ""
        if keep:
            await self.touch("still-keep")
            await self.at("skin-camera").wait_for(state="detached")
        return quality

    async def paper(self, state: str) -> str:
        """Wait until a prescription is in this state; its identifier."""
        paper = self.page.locator(f'[data-testid^="prescription-"][data-state="{state}"]').first
        await paper.wait_for()
        return (await paper.get_attribute("data-testid") or "").removeprefix("prescription-")

    async def hand_over(self, prescription_id: str) -> None:
        """Say that the paper is in the patient's hand."""
        await self.touch(f"hand-over-{prescription_id}")
        done = f'[data-testid="prescription-{prescription_id}"][data-state="handed_over"]'
        await self.page.locator(done).first.wait_for()

    async def hang_up(self) -> None:
        """in call -> after."""
        await self.touch("hang-up", "hang-up-ask-yes")
        await self.see("screen-after")

    async def close(self, scores: Sequence[str] = ("orientation-none", "satisfaction-9", "family-doctor-no")) -> None:
        """Say the orientation and the indicators, close the file."""
        await self.touch(*scores, "close-encounter", "close-ask-yes")
        await self.see("screen-home")

    async def reload(self) -> None:
        """Press reload."""
        await self.page.reload()
        await self.see("bar")

    async def guest_is(self, name: str, state: str) -> None:
        """Wait until this guest stands like this on the touchscreen."""
        await self.page.locator(f'[data-testid^="guest-"][data-state="{state}"]').get_by_text(name).first.wait_for()

    async def remove_guest(self) -> None:
        """End the first guest's part."""
        await self.page.locator('[data-testid^="guest-remove-"]').first.click()
        await self.touch("guest-ask-yes")
        await self.page.locator('[data-testid^="guest-remove-"]').first.wait_for(state="detached")

    async def hears_a_guest(self) -> bool:
        """Whether the first guest's voice comes out of the loudspeaker."""
        return await hears(self.page, "guest-sound")

    async def hears(self) -> bool:
        """Whether the doctor's voice comes out of the loudspeaker."""
        return await hears(self.page, "doctor-sound")
