"""The touchscreen's real page in a real Chromium, served by a real gateway process."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from sim.bots.browser import chromium, person
from sim.bots.nurse import Nurse
from tests.integration.test_app_process import ROOT, configuration, gateway, vehicle_folder

DIST = ROOT / "web_client" / "dist"

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.xdist_group("e2e"),
    pytest.mark.timeout(300),
    pytest.mark.skipif(not (DIST / "kiosk.html").exists(), reason="the web client is not built"),
    pytest.mark.skipif(shutil.which("chromium") is None, reason="there is no Chromium here"),
]

WATCH = """window.violations = [];
document.addEventListener('securitypolicyviolation', (e) => window.violations.push(e.violatedDirective));"""

EVIL = """<!doctype html><script>
window.outcome = (async () => {
  const port = location.hash.slice(1);
  const said = [];
  await new Promise((done) => {
    const socket = new WebSocket(`ws://127.0.0.1:${port}/ws`, 'passerelle.v1');
    socket.onopen = () => { said.push('socket'); done(); };
    socket.onerror = () => done();
  });
  try { said.push((await (await fetch(`http://127.0.0.1:${port}/`)).text()).length); } catch { }
  const picture = new Image();
  await new Promise((done) => { picture.onload = () => { said.push('picture'); done(); };
    picture.onerror = done; picture.src = `http://127.0.0.1:${port}/assets/icon.svg`; });
  return said;
})();
</script>"""


def settings(home: Path) -> Path:
    vehicle_folder(home / "data" / "identity")
    file = configuration(home)
    file.write_text(file.read_text().replace(f'web = "{home / "web"}"', f'web = "{DIST}"'))
    return file


async def test_the_page_lives_under_its_policy_and_injected_code_does_not(tmp_path: Path) -> None:
    """Signed in and with a consultation open, nothing was violated; a script or handler put in later never runs."""
    async with gateway(settings(tmp_path)) as running, chromium() as browser:
        context = await person(browser)
        await context.add_init_script(WATCH)
        nurse = await Nurse.sit_down(context, running.url + "/")
        await nurse.sign_in("ines", "1234")
        await nurse.open_consultation(None)
        assert await nurse.page.evaluate("window.violations") == []
        assert nurse.watch.errors == []
        ran: dict[str, Any] = await nurse.page.evaluate("""async () => {
          const outcome = {};
          try { document.body.insertAdjacentHTML('beforeend', '<img src=x onerror="window.ran = 1">'); }
          catch (error) { outcome.refused = error.name; }
          const image = document.createElement('img');
          image.setAttribute('src', 'x');
          document.body.append(image);
          await new Promise((done) => { image.onerror = done; });
          outcome.ran = window.ran ?? 0;
          return outcome;
        }""")
        assert ran == {"refused": "TypeError", "ran": 0}


async def test_a_reload_keeps_nurse_and_consultation(tmp_path: Path) -> None:
    """A page that is loaded again shows the same nurse and the same open consultation, without a PIN."""
    async with gateway(settings(tmp_path)) as running, chromium() as browser:
        nurse = await Nurse.sit_down(await person(browser), running.url + "/")
        await nurse.sign_in("ines", "1234")
        await nurse.open_consultation(None)
        await nurse.page.reload()
        await nurse.see("screen-ready")


async def test_a_page_of_another_site_in_the_same_browser_reaches_nothing(tmp_path: Path) -> None:
    """Even with the nurse signed in beside it: no socket, no page, no picture for a foreign origin."""
    async def serve(request: web.Request) -> web.Response:
        return web.Response(text=EVIL, content_type="text/html")

    app = web.Application()
    app.router.add_get("/", serve)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    port = runner.addresses[0][1]
    try:
        async with gateway(settings(tmp_path)) as running, chromium() as browser:
            context = await person(browser)
            nurse = await Nurse.sit_down(context, running.url + "/")
            await nurse.sign_in("ines", "1234")
            evil = await context.new_page()
            await evil.goto(f"http://localhost:{port}/#{running.port}")
            assert await evil.evaluate("window.outcome") == []
    finally:
        await runner.cleanup()


