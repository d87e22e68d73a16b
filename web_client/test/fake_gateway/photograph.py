"""Photographs every screen of the kiosk against the fake gateway, and measures what a screen must hold.

    python web_client/test/fake_gateway/photograph.py --url http://127.0.0.1:PORT/ --out DIR [--only SCENE ...]

For each picture it reports what is wrong: something wider than the screen, text that is cut, a target under
56 px, a style or script that the content security policy refused.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import sys
from pathlib import Path

from playwright.async_api import Browser, Page, async_playwright

SCREENS = ["sign_in", "home", "home_busy", "home_open", "ready", "ready_amber", "waiting", "waiting_none", "call",
           "call_asked", "call_measuring", "call_unreadable", "call_ecg", "call_interrupted", "call_refused",
           "call_tray", "call_paper", "skin", "skin_sharp", "skin_blurred", "skin_gone", "after_none", "after_printed",
           "after_trouble", "patient_ways", "patient_typed", "patient_wrong", "patient_scan", "patient_scanned",
           "patient_reason", "patient_words", "status", "tray", "call_arrived", "hang_up",
           "pin_wrong", "away", "call_two_ways", "call_young", "call_thin", "call_lossy", "call_slow", "call_still",
           "call_outage", "call_failed_over", "call_muted", "call_muted_trouble", "call_unheard", "call_doctor_paused",
           "call_doctor_frozen", "call_guest", "call_guest_connecting", "call_guest_invited", "call_guests",
           "guest_ask", "quality", "quality_over", "status_ways", "waiting_two_ways", "skin_shown", "skin_beside",
           "skin_muted", "bar_full", "call_no_server", "call_three_guests",
           "home_in_call", "tray_in_call", "home_interrupted"]

CHECKS = """() => {
  const wrong = [];
  const seen = (e) => { const r = e.getBoundingClientRect(); return r.width > 0 && r.height > 0; };
  const name = (e) => e.dataset.testid ?? (e.className?.baseVal ?? e.className) + ':' + e.textContent.slice(0, 30);
  if (document.documentElement.scrollWidth > innerWidth) wrong.push('horizontal scroll');
  const top = [...document.querySelectorAll('dialog[open]')].at(-1) ?? document.body;
  for (const e of top.querySelectorAll('button, input')) {
    const r = e.getBoundingClientRect();
    if (!seen(e)) continue;
    if (r.height < 55.5 || r.width < 55.5) wrong.push(`small target ${name(e)} ${r.width}x${r.height}`);
    if (r.left < 0 || r.right > innerWidth + 1) wrong.push(`off screen ${name(e)}`);
    const scroller = e.closest('.rail, .list, .screen, .rail-kept, .after-papers, .sheet');
    if (r.bottom > innerHeight + 1 && !scroller) wrong.push(`below screen ${name(e)}`);
  }
  for (const e of top.querySelectorAll('b, span, small, p, h1, h2, button, strong, time')) {
    if (!seen(e) || e.closest('.unseen, .uplink-name, [data-testid=who]')) continue;
    if (e.scrollWidth > e.clientWidth + 2 && getComputedStyle(e).display !== 'inline') wrong.push(`cut ${name(e)}`);
  }
  for (const e of top.querySelectorAll('.screen, .rail, .sheet'))
    if (e.scrollHeight > e.clientHeight + 2) wrong.push(`scrolls ${e.className} by ${e.scrollHeight - e.clientHeight}`);
  return wrong;
}"""


class Camera:
    """One page in one language and theme."""

    def __init__(self, page: Page, url: str) -> None:
        self.page, self.url = page, url

    async def scene(self, name: str) -> None:
        await self.page.request.post(f"{self.url}fake/scene/{name}")

    async def touch(self, *testids: str) -> None:
        for testid in testids:
            await self.page.get_by_test_id(testid).first.click()

    async def pose(self, name: str) -> None:
        """Bring the screen up."""
        if name.startswith("patient"):
            await self.patient(name)
        elif name == "skin" or name == "skin_gone":
            await self.scene(name if name == "skin_gone" else "call")
            await self.touch("skin-open")
        elif name.startswith("skin_") and name not in ("skin_sharp", "skin_blurred"):
            await self.scene("call_guest")
            await self.touch("skin-open")
            await self.scene(name)
        elif name in ("quality", "quality_over", "guest_ask", "status_ways"):
            await self.scene({"quality_over": "call_failed_over", "guest_ask": "call_guest"}.get(name, "call_thin"))
            await self.touch({"guest_ask": "guest-remove-g1", "status_ways": "link"}.get(name, "quality"))
        elif name in ("call_doctor_frozen", "call_outage"):
            await self.scene("call")
            await self.page.locator('[data-testid="doctor-picture"][data-live="true"]').wait_for()
            await self.scene("call_doctor_frozen")
            await self.page.locator('[data-testid="doctor-picture"][data-still="true"]').wait_for()
            await self.scene(name)
        elif name in ("home_in_call", "tray_in_call", "home_interrupted"):
            await self.scene({"home_in_call": "call_three_guests", "tray_in_call": "call_muted_trouble"}.get(
                name, "call_guests_interrupted"))
            await self.touch("open-tray" if name == "tray_in_call" else "go-home")
        elif name == "home_open":
            await self.scene(name)
            await self.touch("go-home")
        elif name == "status":
            await self.scene("home_busy")
            await self.touch("link")
        elif name == "tray":
            await self.scene("call_tray")
            await self.touch("open-tray")
        elif name == "call_arrived":
            await self.scene("call")
            await self.page.get_by_test_id("screen-call").wait_for()
            await self.page.wait_for_timeout(300)
            await self.scene("call_arrived")
        elif name == "hang_up":
            await self.scene("call")
            await self.touch("hang-up")
        elif name == "away":
            await self.scene("call")
            await self.page.wait_for_timeout(500)
            await self.page.request.post(f"{self.url}fake/drop?seconds=4")
            await self.page.get_by_test_id("away").wait_for()
        elif name == "pin_wrong":
            await self.scene("sign_in")
            await self.touch("nurse-claire", "pin-9", "pin-9", "pin-enter")
            await self.page.get_by_test_id("pin-error").wait_for()
        else:
            await self.scene(name)
        slow = name in ("call_ecg", "call", "ready", "skin") or "guest" in name or name.startswith("skin_")
        await self.page.wait_for_timeout(4500 if name == "call_unheard" else 2500 if slow else 900)

    async def patient(self, name: str) -> None:
        await self.scene("home")
        await self.touch("new-consultation")
        if name == "patient_ways":
            return
        if name in ("patient_scan", "patient_scanned"):
            await self.touch("patient-scanned")
            if name == "patient_scanned":
                code = ("IS01" + "0" * 22 + "S1277076322082910S21.2.250.1.213.1.4.8\u001dS3JEANNE MARIE CECILE\u001d"
                        "S4NESSI\u001dS5FS614-05-1977S763220")
                await self.page.evaluate("""(code) => { for (const key of [...code, 'Enter']) dispatchEvent(
                    new KeyboardEvent('keydown', {key, code: '', bubbles: true, cancelable: true})) }""", code)
                await self.touch("identity-checked")
            return
        if name in ("patient_reason", "patient_words"):
            await self.touch("patient-anonymous", "reason-heart", "urgency-soon")
            if name == "patient_words":
                await self.touch("reason-words", "key-A", "key-Z")
            else:
                await self.touch("open-encounter")
            return
        await self.touch("patient-typed", "key-D", "key-U")
        if name == "patient_wrong":
            await self.page.get_by_test_id("patient-birth-date").fill("31021980")
            await self.page.get_by_test_id("patient-ins").fill("277076322082911")
            await self.touch("patient-next")


async def shoot(browser: Browser, url: str, out: Path, names: list[str], look: tuple[str, str],
                size: tuple[int, int]) -> int:
    language, theme = look
    wrong = 0
    for name in names:
        context = await browser.new_context(viewport={"width": size[0], "height": size[1]}, permissions=["microphone"])
        await context.add_init_script(f"localStorage.setItem('passerelle.language', '{language}');"
                                      f"localStorage.setItem('passerelle.theme', '{theme}');")
        page = await context.new_page()
        said: list[str] = []
        page.on("console", lambda message, said=said: said.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error, said=said: said.append(str(error)))
        camera = Camera(page, url)
        await camera.scene("sign_in")
        await page.goto(url)
        await page.get_by_test_id("bar").wait_for()
        try:
            await camera.pose(name)
        except Exception as error:  # a screen that cannot be reached is a finding, the rest goes on
            said.append(f"pose: {error}")
        await page.screenshot(path=out / f"{name}-{language}-{theme}.png")
        for finding in [*await page.evaluate(CHECKS), *said]:
            wrong += 1
            print(f"{name} {language} {theme}: {finding[:300]}", flush=True)
        await context.close()
    return wrong


async def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--url", required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--only", nargs="*", default=SCREENS)
    parser.add_argument("--looks", nargs="*", default=["fr-day", "fr-night", "en-day", "en-night"])
    parser.add_argument("--size", default="1280x800")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    width, height = (int(part) for part in arguments.size.split("x"))
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=shutil.which("chromium"), args=[
            "--no-sandbox", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream",
            "--autoplay-policy=no-user-gesture-required", "--disable-features=WebRtcHideLocalIpsWithMdns"])
        wrong = 0
        for look in arguments.looks:
            language, theme = look.split("-")
            wrong += await shoot(browser, arguments.url, arguments.out, arguments.only, (language, theme),
                                 (width, height))
        await browser.close()
    print(f"{wrong} findings")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
