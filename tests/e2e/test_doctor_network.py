"""The doctor's own network changes in a call: real interfaces in a network namespace, a real Chromium on them."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from bench.road import missing
from tests.e2e.doctor_desk_rig import DEVICES, DIST, Desk, browser, bus_of, doctor_of, relay

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.xdist_group("e2e"),
    pytest.mark.timeout(300),
    pytest.mark.skipif(missing() is not None, reason=missing() or ""),
    pytest.mark.skipif(not (DIST / "doctor.html").exists(), reason="the web client is not built"),
    pytest.mark.skipif(shutil.which("chromium") is None, reason="there is no Chromium here"),
    pytest.mark.skipif(shutil.which("node") is None, reason="there is no node here"),
]

RELAY = "10.99.0.1"
NETWORKS = (("192.168.60", "eth0"), ("192.168.61", "wlan0"))
"""The practice's cable, and a telephone's access point."""

UNSEEN_MS = 30_000
"""So long after the last that was heard a page that did not see its address go gives the connection up (RFC 7675)."""

FRAMES = """
() => {
  window.passed = [];
  const video = document.querySelector('[data-testid=remote-video]');
  const step = () => {
    window.passed.push(performance.now());
    video.requestVideoFrameCallback(step);
  };
  video.requestVideoFrameCallback(step);
}
"""

GAP = "(since) => Math.max(...window.passed.filter((at) => at > since).map((at, n, all) => at - (all[n - 1] ?? since)))"


def sh(*words: str) -> None:
    subprocess.run(words, check=True, capture_output=True)


@dataclass
class House:
    """The doctor's machine and everybody else, joined by two cables of which one is plugged in."""

    here: str
    there: str

    def plug(self, number: int) -> None:
        """Give the doctor's machine this network: link, address, route."""
        network, name = NETWORKS[number]
        sh("ip", "-n", self.here, "address", "replace", f"{network}.2/24", "dev", name)
        sh("ip", "-n", self.here, "link", "set", name, "up")
        sh("ip", "-n", self.here, "route", "replace", "default", "via", f"{network}.1")

    def unplug(self, number: int) -> None:
        """Take it away: the address goes too, as DHCP clients do it."""
        name = NETWORKS[number][1]
        sh("ip", "-n", self.here, "address", "flush", "dev", name)
        sh("ip", "-n", self.here, "link", "set", name, "down")


@pytest.fixture
def house() -> Iterator[House]:
    pid = os.getpid()
    made = House(f"passerelle-dr-{pid}", f"passerelle-rest-{pid}")
    with contextlib.ExitStack() as undo:
        for namespace in (made.here, made.there):
            sh("ip", "netns", "add", namespace)
            undo.callback(sh, "ip", "netns", "delete", namespace)
            sh("ip", "-n", namespace, "link", "set", "lo", "up")
        sh("ip", "-n", made.there, "address", "add", f"{RELAY}/32", "dev", "lo")
        for number, (network, name) in enumerate(NETWORKS):
            sh("ip", "-n", made.here, "link", "add", name, "type", "veth", "peer", "name", f"far{number}",
               "netns", made.there)
            sh("ip", "-n", made.there, "address", "add", f"{network}.1/24", "dev", f"far{number}")
            sh("ip", "-n", made.there, "link", "set", f"far{number}", "up")
        made.plug(0)
        yield made


def launcher(folder: Path, namespace: str) -> Path:
    """A program that starts Chromium in a network namespace."""
    file = folder / f"chromium-{namespace}"
    file.write_text(f'#!/bin/sh\nexec ip netns exec {namespace} {shutil.which("chromium")} "$@"\n')
    file.chmod(0o755)
    return file


@pytest.fixture
async def it(house: House, tmp_path: Path) -> AsyncIterator[Desk]:
    """A call over the first network, its frames counted."""
    enter = ("ip", "netns", "exec", house.there)
    async with contextlib.AsyncExitStack() as stack:
        url = await stack.enter_async_context(relay(RELAY, enter))
        # Keys and cameras need a secure origin, which only the machine itself would be by name.
        secure = f"--unsafely-treat-insecure-origin-as-secure={url}"
        there = await stack.enter_async_context(browser(secure, launcher=launcher(tmp_path, house.there)))
        here = await stack.enter_async_context(browser(*DEVICES, secure, launcher=launcher(tmp_path, house.here)))
        bus = await bus_of(there, url)
        page = await doctor_of(await here.new_context(viewport={"width": 1280, "height": 800}, locale="fr-FR"), url)
        made = Desk(page, bus, url)
        await made.take()
        await page.evaluate(FRAMES)
        yield made


async def gap(it: Desk, since: float) -> float:
    """Longest time without a picture from then on, in seconds."""
    longest: float = await it.page.evaluate(GAP, since)
    return longest / 1000


async def test_another_network_takes_the_call_over_by_itself(house: House, it: Desk) -> None:
    """Cable out, telephone in: the page sees that its address is gone and joins anew, without a click."""
    generation = await it.generation()
    began = time.monotonic()
    since: float = await it.page.evaluate("performance.now()")
    house.unplug(0)
    house.plug(1)
    await it.joined_anew(generation, UNSEEN_MS)
    rejoined = time.monotonic() - began
    await it.live()
    print(f"rejoined after {rejoined:.2f} s, picture stood {await gap(it, since):.2f} s")
    await it.page.locator('[data-testid="relay-link"][data-state="online"]').wait_for()


async def test_a_network_that_is_away_for_seconds_is_said_and_the_call_comes_back(house: House, it: Desk) -> None:
    """Wi-Fi gone for six seconds, same address: whose network it is stands on the picture, then it goes on."""
    since: float = await it.page.evaluate("performance.now()")
    house.unplug(0)
    await it.picture("own_network")
    await it.says("video-words", "Votre réseau")
    await asyncio.sleep(3)
    house.plug(0)
    began = time.monotonic()
    await it.live()
    print(f"back {time.monotonic() - began:.2f} s after the network, generation {await it.generation()}, "
          f"picture stood {await gap(it, since):.2f} s")
