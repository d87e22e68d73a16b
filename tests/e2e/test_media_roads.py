"""The call's ways between network namespaces: the engine in a vehicle with one or two uplinks, a real Chromium and a
real TURN server at the clinic. Root."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import subprocess
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page
from structlog.testing import capture_logs

from bench.link import Direction
from bench.linksim import Emulator, enter_namespace
from bench.road import missing
from gateway.media import gather, interfaces, paths, peers
from gateway.media.config import CameraConfig, MediaConfig
from gateway.media.engine import TICK_SECONDS, DoctorPeer, MediaEngine, PeerState
from protocol.channels import CONTROL
from protocol.values import IceServer
from sim.bots.browser import chromium
from sim.camera import SceneCamera
from tests.integration import turn_rig
from tests.integration.test_media_engine import Events
from tests.integration.turn_rig import CREDENTIAL, USER, Turn

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.root,
    pytest.mark.xdist_group("e2e"),
    pytest.mark.timeout(480),
    pytest.mark.skipif(missing() is not None, reason=missing() or ""),
    pytest.mark.skipif(shutil.which("chromium") is None, reason="there is no Chromium here"),
]
needs_turn = pytest.mark.skipif(bool(turn_rig.missing()), reason=turn_rig.missing())

CLINIC, CLINIC6 = "10.77.0.2", "2001:db8:77::2"
UPLINKS = ("wan0", "wan1")
AWAY_SECONDS = 600.0
"""Longer than a test: a road comes back when what it waits for was seen, however late the machine is."""

PAGE = """
async ([offer, servers, relayed]) => {
  const sound = await navigator.mediaDevices.getUserMedia({ audio: true });
  window.shown = [];
  window.states = [];
  window.found = [];
  const connection = window.connection = new RTCPeerConnection(
    { iceServers: servers, iceTransportPolicy: relayed ? "relay" : "all" });
  connection.onconnectionstatechange = () => window.states.push(connection.connectionState);
  connection.onicecandidate = (event) => event.candidate && window.found.push(event.candidate.candidate);
  connection.ondatachannel = (event) => {
    event.channel.onmessage = (message) => event.channel.label === "control" && event.channel.send(message.data);
  };
  connection.ontrack = (event) => {
    if (event.track.kind !== "video") return;
    const video = document.createElement("video");
    video.muted = true;
    document.body.append(video);
    video.srcObject = new MediaStream([event.track]);
    const next = () => { window.shown.push(performance.now()); video.requestVideoFrameCallback(next); };
    video.requestVideoFrameCallback(next);
    video.play();
  };
  await connection.setRemoteDescription({ type: "offer", sdp: offer });
  await connection.getTransceivers()[0].sender.replaceTrack(sound.getAudioTracks()[0]);
  connection.getTransceivers()[0].direction = "sendrecv";
  await connection.setLocalDescription(await connection.createAnswer());
  if (connection.iceGatheringState !== "complete") {
    // Nothing tells the vehicle of what is found later.
    await new Promise((done) => {
      connection.onicegatheringstatechange = () => connection.iceGatheringState === "complete" && done();
    });
  }
  return connection.localDescription.sdp;
}
"""

LONGEST = """
(since) => {
  const times = window.shown.filter((at) => at >= since);
  return Math.max(...times.map((at, n) => at - (times[n - 1] ?? since)), performance.now() - (times.at(-1) ?? since));
}
"""


def sh(*words: str) -> None:
    subprocess.run(words, check=True, capture_output=True)


@dataclass
class Caller(Events):
    """Carries our late candidates to the page."""

    page: Page | None = None
    tasks: set[asyncio.Task[Any]] = field(default_factory=set)

    def local_candidate(self, candidate: str) -> None:
        super().local_candidate(candidate)
        if self.page is not None:
            task = asyncio.create_task(self.page.evaluate(
                "(text) => connection.addIceCandidate({ candidate: text, sdpMid: '0' })", candidate))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)


@dataclass
class Trip:
    """A call on the road."""

    bus: str
    clinic: str
    emulator: Emulator | None
    page: Page
    peer: DoctorPeer
    events: Caller
    engine: MediaEngine
    log: list[Any]

    def moves(self) -> list[tuple[str, str]]:
        """Left for, in order."""
        return [(line["left"], line["uplink"]) for line in self.log if line["event"] == "media.path_moved"]

    def cut(self) -> None:
        """The first road is dead until `mend`."""
        assert self.emulator is not None
        self.emulator.down_now(0, AWAY_SECONDS)

    def mend(self) -> None:
        """It is there again."""
        assert self.emulator is not None
        for way in self.emulator.links[0]:
            way.outages.clear()

    @property
    def used(self) -> str:
        return next((view.uplink for view in self.peer.paths if view.used), "")

    async def until(self, holds: Callable[[], bool], seconds: float = 30.0) -> None:
        async with asyncio.timeout(seconds):
            while not holds():  # noqa: ASYNC110 - the paths tell nobody
                await asyncio.sleep(0.02)

    async def pictures(self, seconds: float = 60.0) -> None:
        """New pictures are displayed from now on."""
        async with asyncio.timeout(seconds):
            before = await self.page.evaluate("window.shown.length")
            while await self.page.evaluate("window.shown.length") < before + 5:  # noqa: ASYNC110 - another process
                await asyncio.sleep(0.05)

    async def echo(self, seconds: float = 30.0) -> None:
        """A message to the page and back."""
        mark = f"mark {time.monotonic()}"
        assert self.peer.send(CONTROL, mark)
        await self.events.until(lambda: (CONTROL, mark) in self.events.messages, seconds)

    async def now(self) -> float:
        return float(await self.page.evaluate("performance.now()"))

    async def gap(self, since: float) -> float:
        """The longest time without a new picture, seconds."""
        return float(await self.page.evaluate(LONGEST, since)) / 1000

    async def still_the_same(self) -> None:
        """No end, no second connection: what was made at first goes on."""
        await self.until(lambda: self.peer.state is PeerState.connected)
        assert PeerState.closed not in self.events.states
        assert not {"failed", "closed"} & set(await self.page.evaluate("window.states"))


def launcher(folder: Path, namespace: str) -> Path:
    """A Chromium at the clinic."""
    script = folder / "chromium-there"
    script.write_text(f'#!/bin/sh\nexec ip netns exec {namespace} chromium "$@"\n')
    script.chmod(0o755)
    return script


@contextlib.asynccontextmanager
async def inside(namespace: str) -> AsyncIterator[None]:
    """This thread, and the threads and processes it starts, in a namespace."""
    home = os.open("/proc/self/ns/net", os.O_RDONLY)
    there = os.open(f"/run/netns/{namespace}", os.O_RDONLY)
    enter_namespace(there)
    try:
        yield
    finally:
        enter_namespace(home)
        os.close(there)
        os.close(home)


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> tuple[str, str]:
    # The kernel shows a namespace's interfaces in a /sys of its own, which this process has not.
    monkeypatch.setattr(interfaces, "_is_up", lambda name: True)
    return f"pr-bus-{os.getpid()}", f"pr-clinic-{os.getpid()}"


@contextlib.asynccontextmanager
async def joined(names: tuple[str, str], uplinks: int) -> AsyncIterator[Emulator]:
    """Two namespaces, `uplinks` links of 20 ms between them."""
    links = [(Direction.parse(f"up{k}", "rate=4000,delay=10"), Direction.parse(f"down{k}", "rate=4000,delay=10"))
             for k in range(uplinks)]
    async with Emulator(*names, links) as emulator:
        if uplinks == 2:
            sh("ip", "-n", names[0], "route", "add", "default", "via", "10.78.0.2", "dev", "wan1", "metric", "200")
        yield emulator


@contextlib.asynccontextmanager
async def calling(folder: Path, names: tuple[str, str], emulator: Emulator | None, *, servers: list[IceServer],
                  relay_only: bool = False, page_relayed: bool = False, ca: Path | None = None) -> AsyncIterator[Trip]:
    """The call, with the first pictures displayed."""
    camera = SceneCamera(width=640, height=360)
    async with contextlib.AsyncExitStack() as stack:
        browser = await stack.enter_async_context(chromium(launcher(folder, names[1])))
        await stack.enter_async_context(inside(names[0]))
        config = MediaConfig(CameraConfig(f"tcp://127.0.0.1:{camera.open()}", 640, 360, simulated=True),
                             interfaces=UPLINKS, relay_only=relay_only, turn_ca=str(ca) if ca is not None else "")
        engine = MediaEngine(config, lambda: None)
        tasks = await stack.enter_async_context(asyncio.TaskGroup())
        running = [tasks.create_task(camera.run()), tasks.create_task(engine.run())]
        stack.callback(lambda: [task.cancel() for task in running])
        log: list[Any] = stack.enter_context(capture_logs())
        page = await browser.new_page()
        # Never fetched; with the microphone allowed a page gathers on all its addresses, as the doctor's does.
        await page.route("**/*", lambda route: route.fulfill(body="<!doctype html>", content_type="text/html"))
        await page.goto("http://localhost/")
        events = Caller(page=page)
        peer = await engine.doctor_peer(servers, events)
        listed = [{"urls": list(one.urls), "username": one.username, "credential": one.credential} for one in servers]
        events.page = None
        offer = await peer.offer()
        answer = asyncio.create_task(page.evaluate(PAGE, [offer, listed if page_relayed else [], page_relayed]))
        await peer.answer(await answer)
        events.page = page
        for candidate in events.candidates:
            events.local_candidate(candidate)
        trip = Trip(*names, emulator, page, peer, events, engine, log)
        stack.push_async_callback(peer.close)
        await events.until(lambda: PeerState.connected in events.states, 60)
        await trip.pictures()
        yield trip


@contextlib.asynccontextmanager
async def coturn(folder: Path, names: tuple[str, str], *options: str) -> AsyncIterator[Turn]:
    """A TURN server at the clinic."""
    async with inside(names[1]), turn_rig.turn(folder, *options, addresses=(CLINIC,)) as running:
        enter = os.open(f"/run/netns/{names[0]}", os.O_RDONLY)
        enter_namespace(enter)
        os.close(enter)
        yield running


def listed(running: Turn, *ways: str) -> list[IceServer]:
    return [IceServer(urls=tuple(running.url(way, CLINIC) for way in ways), username=USER, credential=CREDENTIAL)]


async def test_a_new_address_in_a_call(tmp_path: Path, names: tuple[str, str]) -> None:
    """A modem's reset: the old address goes, another comes. The same connection goes on over it."""
    async with joined(names, 1) as emulator, calling(tmp_path, names, emulator, servers=[]) as trip:
        for number in (9, 10):
            since = await trip.now()
            sh("ip", "-n", trip.bus, "address", "flush", "dev", "wan0")
            sh("ip", "-n", trip.bus, "address", "add", f"10.77.0.{number}/24", "dev", "wan0")
            sh("ip", "-n", trip.bus, "route", "replace", "default", "via", CLINIC)
            await trip.until(lambda number=number: trip.peer.local_candidate[0] == f"10.77.0.{number}")
            await trip.pictures()
            await trip.echo()
            told(f"new address: no new picture for {await trip.gap(since):.2f} s")
        await trip.still_the_same()


async def test_an_outage_is_said_and_heals_in_place(tmp_path: Path, names: tuple[str, str]) -> None:
    """Silent for eight seconds: said by the watchdog, well before the browser itself notices; then the same connection
    goes on."""
    assert peers.SILENCE_SECONDS + TICK_SECONDS < 3
    async with joined(names, 1) as emulator, calling(tmp_path, names, emulator, servers=[]) as trip:
        trip.events.states.clear()
        since, began = await trip.now(), time.monotonic()
        trip.cut()
        await trip.until(lambda: trip.peer.state is PeerState.interrupted)
        told(f"outage said after {time.monotonic() - began:.2f} s")
        await asyncio.sleep(8 - (time.monotonic() - began))
        trip.mend()
        await trip.until(lambda: trip.peer.state is PeerState.connected)
        await trip.pictures()
        await trip.echo()
        told(f"outage of 8 s: no new picture for {await trip.gap(since):.2f} s")
        assert trip.events.states[:2] == [PeerState.interrupted, PeerState.connected]
        await trip.still_the_same()


async def there_and_back(trip: Trip, monkeypatch: pytest.MonkeyPatch, words: str) -> None:
    """The preferred uplink falls silent and returns."""
    monkeypatch.setattr(paths, "HOLD_SECONDS", 3.0)
    await trip.until(lambda: trip.used == "wan0" and len({v.uplink for v in trip.peer.paths if v.alive}) == 2)
    trip.log.clear()
    since = await trip.now()
    trip.cut()
    await trip.until(lambda: trip.used == "wan1")
    await trip.pictures()
    await trip.echo()
    told(f"{words}: no new picture for {await trip.gap(since):.2f} s")
    assert trip.moves() == [("wan0", "wan1")]
    trip.mend()
    await trip.until(lambda: trip.used == "wan0")
    # From here on a starved browser may well answer over one road before it answers over the other.
    assert trip.moves() == [("wan0", "wan1"), ("wan1", "wan0")]
    await trip.pictures()
    await trip.echo()
    await trip.still_the_same()


async def test_one_of_two_uplinks_goes_and_comes_back(tmp_path: Path, names: tuple[str, str],
                                                      monkeypatch: pytest.MonkeyPatch) -> None:
    """The call moves to the other operator and later back, once each."""
    async with joined(names, 2) as emulator, calling(tmp_path, names, emulator, servers=[]) as trip:
        await there_and_back(trip, monkeypatch, "one of two lost")


@needs_turn
async def test_two_uplinks_through_a_relay_alone(tmp_path: Path, names: tuple[str, str],
                                                 monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ends allowed relays only: an allocation for each uplink, and the call moves between them as well."""
    async with (joined(names, 2) as emulator, coturn(tmp_path, names) as running,
                calling(tmp_path, names, emulator, servers=listed(running, "udp", "tcp"), relay_only=True,
                        page_relayed=True) as trip):
        assert trip.peer.local_candidate[1] == "relay"
        assert all(view.relayed for view in trip.peer.paths)
        await there_and_back(trip, monkeypatch, "one of two lost, through relays")


@needs_turn
@pytest.mark.parametrize(("options", "way"), [((), "udp"), (("--no-udp",), "tcp"), (("--no-udp", "--no-tcp"), "tls")])
async def test_a_relay_is_reached_as_the_network_lets_it(tmp_path: Path, names: tuple[str, str],
                                                         options: tuple[str, ...], way: str) -> None:
    """Blocked UDP leaves TCP, blocked TCP leaves TLS; the vehicle has relays only."""
    ways = ("udp", "tcp", "tls")
    # None beyond it: a busy machine may answer over the next one first.
    offered = ways[:ways.index(way) + 1]
    async with (joined(names, 1) as emulator, coturn(tmp_path, names, *options) as running,
                calling(tmp_path, names, emulator, servers=listed(running, *offered), relay_only=True,
                        ca=running.ca) as trip):
        assert [line["way"] for line in trip.log if line["event"] == "turn.allocated"] == [way]
        assert trip.peer.local_candidate[1] == "relay"
        await trip.echo()


async def test_servers_that_are_dead_delay_no_call(tmp_path: Path, names: tuple[str, str]) -> None:
    """STUN and TURN at addresses where nobody is, over every transport: the offer goes at once, the call is made."""
    dead = IceServer(urls=("stun:10.77.0.99:3478", "turn:10.77.0.98:3478?transport=udp",
                           "turn:10.77.0.98:3478?transport=tcp", "turns:10.77.0.98:5349?transport=tcp"),
                     username=USER, credential=CREDENTIAL)
    async with joined(names, 1) as emulator, calling(tmp_path, names, emulator, servers=[]) as trip:
        began = time.monotonic()
        peer = await trip.engine.doctor_peer([dead], Events())
        offer = await peer.offer()
        told(f"offer after {time.monotonic() - began:.3f} s")
        # Whoever waits for them waits until the last has been given up.
        assert time.monotonic() - began < gather.TURN_SECONDS / 2
        assert not [line for line in trip.log if line["event"].startswith("turn.")]
        assert "typ host" in offer
        await peer.close()


async def test_a_pair_of_ipv6_addresses(tmp_path: Path, names: tuple[str, str]) -> None:
    """A network without IPv4: host candidates of both ends, and the call."""
    bus, clinic = names
    with contextlib.ExitStack() as undo:
        for namespace in names:
            sh("ip", "netns", "add", namespace)
            undo.callback(sh, "ip", "netns", "del", namespace)
            sh("ip", "-n", namespace, "link", "set", "lo", "up")
        sh("ip", "-n", bus, "link", "add", "wan0", "type", "veth", "peer", "name", "eth0", "netns", clinic)
        for namespace, name, address in ((bus, "wan0", "2001:db8:77::1"), (clinic, "eth0", CLINIC6)):
            sh("ip", "-n", namespace, "address", "add", f"{address}/64", "dev", name, "nodad")
            sh("ip", "-n", namespace, "link", "set", name, "up")
        sh("ip", "-n", clinic, "route", "add", "default", "via", "2001:db8:77::1")
        async with calling(tmp_path, names, None, servers=[]) as trip:
            assert trip.peer.local_candidate == ("2001:db8:77::1", "host")
            await trip.echo()


def told(words: str) -> None:
    """Beside the tests' own lines, where -s shows it."""
    print(json.dumps({"measured": words}))
