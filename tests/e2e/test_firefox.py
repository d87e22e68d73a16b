"""The doctor and a guest at a stock Firefox: no H.264, no repeated sound, statistics and an ICE of its own.

Firefox offers no loopback address, so it stands at the far end of an emulated road, beside the relay.
"""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.async_api import BrowserContext

import bench.road
from bench.link import Direction
from bench.linksim import Emulator
from sim.bots import firefox
from sim.bots.browser import chromium, installed, person
from sim.bots.doctor import Doctor
from sim.bots.guest import PHONE, Guest
from sim.bots.nurse import Nurse, PatientTyped
from sim.bots.paper import prescribe
from sim.bots.sound import falls_silent
from sim.demo.configuration import DOCTORS, NURSES
from sim.demo.processes import free_port
from sim.demo.world import Ports, World

DIST = Path(__file__).resolve().parents[2] / "web_client" / "dist"

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.root,
    pytest.mark.xdist_group("e2e"),
    pytest.mark.timeout(600),
    pytest.mark.skipif(bench.road.missing() is not None, reason=str(bench.road.missing())),
    pytest.mark.skipif(not (DIST / "doctor.html").exists(), reason="the web client is not built"),
    pytest.mark.skipif(shutil.which("chromium") is None, reason="there is no Chromium here"),
    pytest.mark.skipif(shutil.which("firefox-esr") is None, reason="there is no firefox-esr here"),
]

WIDE_KBPS, THIN_KBPS = 4000, 110
AWAY_SECONDS = 600.0
"""Longer than the test: the road comes back when the page has said that it is away."""

ECG_SECONDS = 2
SEEN_SECONDS = 60.0
"""A small machine with two browsers may need that long for what takes one second."""

CODECS = """
(() => {
  const Real = RTCPeerConnection;
  window.connections = [];
  window.RTCPeerConnection = class extends Real {
    constructor(...given) {
      super(...given);
      window.connections.push(this);
    }
  };
  window.pictures = async () => {
    const all = [...(await window.connections.at(-1).getStats()).values()];
    const codec = (type) => all.filter((each) => each.type === type && each.kind === 'video')
      .map((each) => all.find(({ id }) => id === each.codecId)?.mimeType);
    return [...codec('inbound-rtp'), ...codec('outbound-rtp')];
  };
})();
"""
"""Which codecs the page's newest connection really uses: received, sent."""


@dataclass
class Far:
    """A waiting patient, and the far end of the road for whoever is there."""

    world: World
    nurse: Nurse
    emulator: Emulator
    up: Direction
    enter: tuple[str, ...]


@asynccontextmanager
async def far_end(home: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Far]:
    """A vehicle behind an emulated road; a nurse with a patient in the waiting room."""
    monkeypatch.setattr(bench.road, "NEAR", f"firefox-bus-{os.getpid()}")
    monkeypatch.setattr(bench.road, "FAR", f"firefox-clinic-{os.getpid()}")
    up = Direction.parse("up", f"rate={WIDE_KBPS},delay=20")
    down = Direction.parse("down", "rate=8000,delay=20")
    async with AsyncExitStack() as stack:
        emulator, way = await stack.enter_async_context(bench.road.road([(up, down)]))
        world = World(home / "world", Ports(free_port(), free_port(), (free_port(),)),
                      interfaces=(bench.road.UPLINK,), road=way)
        stack.push_async_callback(world.stop)
        await world.start()
        kiosk = await stack.enter_async_context(chromium())
        nurse = await Nurse.sit_down(await person(kiosk), world.vehicles[0].kiosk_url)
        await nurse.sign_in(NURSES[0].nurse_id, NURSES[0].pin)
        await nurse.open_consultation(PatientTyped())
        await nurse.enter_waiting()
        yield Far(world, nurse, emulator, up, way.far)
        assert nurse.watch.errors == []


async def signed_in(context: BrowserContext, far: Far) -> Doctor:
    """A doctor who has the patient's call before them."""
    doctor = await Doctor.sit_down(context, far.world.relay_url)
    await doctor.sign_in(DOCTORS[0].account, DOCTORS[0].password)
    await doctor.entry().wait_for()
    return doctor


async def ecg_arrives_whole(far: Far, doctor: Doctor) -> bool:
    """Two seconds of a live ECG; whether every sample is the device's."""
    bus = far.world.vehicles[0]
    await far.nurse.start_stream("ecg")
    stream = await doctor.wait_for_stream()
    await doctor.wait_for_samples(stream, int(float(bus.parts()["ecg_rate_hz"]) * ECG_SECONDS))
    await far.nurse.stop_stream("ecg")
    await doctor.wait_for_end(stream)
    samples: list[int] = (await doctor.ecg(stream))["samples"]
    sent: list[int] = (await bus.ask("ecg/expected"))["counts"]
    return samples == (sent * (len(samples) // len(sent) + 1))[:len(samples)]


async def test_a_doctor_at_firefox_holds_a_whole_consultation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """VP8 both ways, voices, a live ECG sample for sample, mute, an outage, a thin road, a reload, a signed paper."""
    async with far_end(tmp_path, monkeypatch) as far, firefox.firefox(enter=far.enter) as desk:
        context = await firefox.person(desk)
        await context.add_init_script(CODECS)
        doctor = await signed_in(context, far)
        await doctor.take()
        assert len(await doctor.picture.codes(4, SEEN_SECONDS)) >= 4
        assert await far.nurse.doctors_picture.moves()
        assert await doctor.page.evaluate("window.pictures()") == ["video/VP8", "video/VP8"]
        assert await doctor.hears()
        assert await far.nurse.hears()
        await far.world.vehicles[0].control("cuff/measure", systolic=131, diastolic=82, pulse=69, seconds=1)
        assert await ecg_arrives_whole(far, doctor)
        await doctor.wait_for_pressure("131")

        await doctor.at("mute").click()
        assert await falls_silent(far.nurse.page, "doctor-sound")
        await doctor.at("mute").click()
        assert await far.nurse.hears()

        await comes_back_from_an_outage(far, doctor)
        await keeps_the_voice_on_a_thin_road(far, doctor)

        await doctor.reload()
        assert len(await doctor.picture.codes(2, SEEN_SECONDS)) >= 2
        assert await doctor.hears()
        await doctor.wait_for_pressure("131")
        await prescribe(doctor, nothing)
        await doctor.paper("printed")
        await doctor.finish()
        await far.nurse.see("screen-after")
        assert doctor.watch.errors == []


async def nothing(name: str) -> None:
    """No photograph: Firefox's own inline style for one is against the page's policy, and would be told as an error."""


async def comes_back_from_an_outage(far: Far, doctor: Doctor) -> None:
    """No road until that is said on the picture; then the same call goes on by itself."""
    far.emulator.down_now(0, AWAY_SECONDS)
    await doctor.page.locator('[data-testid="video"]:not([data-state="live"])').wait_for()
    [before] = await doctor.picture.codes(1)
    for way in far.emulator.links[0]:
        way.outages.clear()
    assert len(await doctor.picture.newer(before, 3, SEEN_SECONDS)) >= 3
    await doctor.page.locator('[data-testid="video"][data-state="live"]').wait_for(timeout=SEEN_SECONDS * 1000)
    assert await doctor.hears()


async def keeps_the_voice_on_a_thin_road(far: Far, doctor: Doctor) -> None:
    """110 kbit/s: the page says why the picture is small or stands, and the voice is heard; wide again: it is over."""
    far.up.rate_kbps = THIN_KBPS
    thin = doctor.page.locator('[data-code="quality.thin"]').first
    await thin.wait_for(timeout=SEEN_SECONDS * 1000)
    assert await doctor.hears()
    far.up.rate_kbps = WIDE_KBPS
    await thin.wait_for(state="detached", timeout=2 * SEEN_SECONDS * 1000)


async def test_a_guest_at_firefox_joins_a_doctor_at_chromium(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The guest sees the bus and the doctor, all hear each other, and doctor and guest are connected directly."""
    async with far_end(tmp_path, monkeypatch) as far, AsyncExitStack() as stack:
        script = tmp_path / "chromium-far"
        script.write_text(f'#!/bin/sh\nexec {shlex.join(far.enter)} {shlex.quote(installed())} "$@"\n')
        script.chmod(0o755)
        desk = await stack.enter_async_context(chromium(script))
        phone = await stack.enter_async_context(firefox.firefox(enter=far.enter))
        doctor = await signed_in(await person(desk), far)
        await doctor.take()
        assert len(await doctor.picture.codes(2, SEEN_SECONDS)) >= 2
        link = await doctor.invite("interpreter", "Mme Karam")
        await doctor.close_link()
        guest = await Guest.open(await firefox.person(phone, PHONE), link)
        _, role = await guest.invited_as()
        assert role == "interpreter"
        await guest.show_camera()
        await guest.enter()
        assert await guest.doctor.moves(SEEN_SECONDS)
        assert await guest.sees_the_bus(3)
        assert await guest.hears_the_bus()
        assert await guest.hears_the_doctor()
        await doctor.guest_is("present")
        assert await doctor.hears_the_guest()
        assert await doctor.guests_picture.moves()
        assert await far.nurse.hears_a_guest()
        await guest.page.reload()
        await guest.connected()
        assert await guest.sees_the_bus(2)
        assert await guest.leave() == "guest.left"
        assert guest.watch.errors + doctor.watch.errors == []
