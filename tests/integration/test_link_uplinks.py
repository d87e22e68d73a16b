"""Signalling over whichever uplink works, between real network namespaces. Root."""

from __future__ import annotations

import asyncio
import math
import os
import socket
import subprocess
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from aiohttp import web
from structlog.testing import capture_logs

from bench.link import Direction
from bench.linksim import Emulator, enter_namespace
from bench.road import missing
from gateway import dial, uplinks, vigil
from gateway.identity import DeviceIdentity
from gateway.link import LinkEvents, RelayLink
from gateway.media import interfaces
from gateway.names import Names
from gateway.uplinks import Uplinks
from protocol.kiosk import Uplink, UplinkState
from protocol.signalling import Hello
from relay.fleet.ca import IssuingAuthority
from tests.integration.test_link_socket import NOW, WAIT, ScriptedRelay, Vehicle, driving, make_identity, serving

pytestmark = [pytest.mark.root, pytest.mark.skipif(missing() is not None, reason=missing() or "")]

BUS, CLINIC = f"pl-bus-{os.getpid()}", f"pl-clinic-{os.getpid()}"
RELAY = "10.99.0.1"
"""An address of the clinic's own, reached over both uplinks."""


def ip(space: str, *words: str) -> None:
    subprocess.run(("ip", "-n", space, *words), check=True, capture_output=True)


def present() -> list[interfaces.Interface]:
    """Those of the namespace; /sys is the machine's own, where their state does not stand."""
    return [replace(one, up=True) for one in interfaces.present()]


class Rider(Vehicle):
    """A vehicle on two uplinks; `seen` is what its media say."""

    def __init__(self, url: str, identity: DeviceIdentity, names: Names | None = None) -> None:
        super().__init__(url, identity)
        self.seen: tuple[Uplink, ...] = ()
        self.uplinks = Uplinks(("wan0", "wan1"), present)
        self.link = RelayLink(url, identity, LinkEvents(received=self._received, up=self._up, changed=self._moved.set),
                              jitter=lambda: 0.0, uplinks=self.uplinks, names=names, seen=lambda: self.seen)

    async def up_over(self, uplink: str, times: int) -> None:
        await self.until(lambda: len(self.ups) >= times and self.link.online)
        assert self.uplinks.used == uplink


@dataclass
class Country:
    """The road, the relay at its end, and who this vehicle is."""

    emulator: Emulator
    relay: ScriptedRelay
    identity: DeviceIdentity

    def silence(self, number: int) -> None:
        """Packets of this uplink vanish; its interface, address and route stay."""
        self.emulator.down_now(number, math.inf)

    def mend(self, number: int) -> None:
        for way in self.emulator.links[number]:
            way.outages.clear()


@pytest.fixture
async def country(tmp_path: Path) -> AsyncIterator[Country]:
    links = [(Direction.parse(f"up{n}", "delay=5"), Direction.parse(f"down{n}", "delay=5")) for n in (0, 1)]
    home = os.open("/proc/self/ns/net", os.O_RDONLY)
    async with AsyncExitStack() as stack:
        stack.callback(os.close, home)
        emulator = await stack.enter_async_context(Emulator(BUS, CLINIC, links))
        ip(CLINIC, "addr", "add", f"{RELAY}/32", "dev", "lo")
        ip(BUS, "route", "add", "default", "via", "10.78.0.2", "dev", "wan1", "metric", "200")
        for space in (CLINIC, BUS):
            inside = os.open(f"/run/netns/{space}", os.O_RDONLY)
            enter_namespace(inside)
            os.close(inside)
            if space == CLINIC:
                listening = stack.enter_context(socket.create_server((RELAY, 0)))
        stack.callback(enter_namespace, home)
        ca = IssuingAuthority.create("Operator", NOW)
        relay = await stack.enter_async_context(serving(ca, tmp_path, host=RELAY, listening=listening))

        async def welcome(line: web.WebSocketResponse, hello: Hello) -> None:
            await relay.welcome(line, resumed=hello.session is not None)
            while not line.closed:
                await line.receive()

        relay.scripts = [welcome] * 8
        yield Country(emulator, relay, make_identity(tmp_path / "id", ca))


async def test_a_dead_first_uplink_keeps_no_vehicle_from_the_relay(country: Country) -> None:
    """The default route leads into silence from the start: the link comes up over the second uplink."""
    country.silence(0)
    rider = Rider(country.relay.url, country.identity)
    async with driving(rider):
        await rider.up_over("wan1", 1)


async def test_the_link_moves_when_media_say_that_its_uplink_is_silent(
        country: Country, monkeypatch: pytest.MonkeyPatch) -> None:
    """The ping that a doubt sends has no answer: the session goes on over the other uplink, long before a heartbeat."""
    monkeypatch.setattr(vigil, "QUIET_SECONDS", math.inf)
    monkeypatch.setattr(vigil, "DOUBT_SECONDS", 0.2)
    rider = Rider(country.relay.url, country.identity)
    async with driving(rider):
        await rider.up_over("wan0", 1)
        country.silence(0)
        rider.seen = (Uplink(name="wan0", state=UplinkState.silent), Uplink(name="wan1", state=UplinkState.answering))
        await rider.up_over("wan1", 2)
    assert rider.ups[:2] == [False, True]


async def test_a_doubt_that_the_relay_answers_moves_nothing(country: Country, monkeypatch: pytest.MonkeyPatch) -> None:
    """Media may have lost a server of theirs: a pong on the same socket is believed."""
    monkeypatch.setattr(vigil, "BELIEF_SECONDS", 0.05)
    monkeypatch.setattr(vigil, "DOUBT_SECONDS", 10.0)
    rider = Rider(country.relay.url, country.identity)
    asked: list[float] = []
    answers = vigil.Vigil._answers

    async def watched(self: vigil.Vigil) -> bool:
        asked.append(0.0)
        found = await answers(self)
        rider._moved.set()
        return found

    monkeypatch.setattr(vigil.Vigil, "_answers", watched)
    async with driving(rider):
        await rider.up_over("wan0", 1)
        rider.seen = (Uplink(name="wan0", state=UplinkState.silent),)
        await rider.until(lambda: len(asked) >= 3)
    assert rider.ups == [False]


async def test_without_a_call_the_heartbeat_moves_the_link(country: Country, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is heard for too long, the other uplink takes a connection: it goes there."""
    monkeypatch.setattr(vigil, "QUIET_SECONDS", math.inf)
    rider = Rider(country.relay.url, country.identity)
    async with driving(rider):
        await rider.up_over("wan0", 1)
        country.silence(0)
        monkeypatch.setattr(vigil, "QUIET_SECONDS", 0.1)
        await rider.up_over("wan1", 2)


async def test_an_address_that_went_ends_the_socket_at_once(country: Country, monkeypatch: pytest.MonkeyPatch) -> None:
    """The modem was reset: the kernel says so, no heartbeat is waited for."""
    monkeypatch.setattr(vigil, "QUIET_SECONDS", math.inf)
    rider = Rider(country.relay.url, country.identity)
    async with driving(rider):
        await rider.up_over("wan0", 1)
        await asyncio.to_thread(ip, BUS, "addr", "del", "10.77.0.1/24", "dev", "wan0")
        await rider.up_over("wan1", 2)


async def test_signalling_goes_home_when_the_preferred_uplink_held(
        country: Country, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not at its first sign of life: only after it took connections for the whole hold."""
    monkeypatch.setattr(vigil, "HOME_SECONDS", 0.05)
    monkeypatch.setattr(uplinks, "HOLD_SECONDS", 0.4)
    country.silence(0)
    rider = Rider(country.relay.url, country.identity)
    knocks: list[str] = []
    knock = vigil.knock

    async def counted(host: str, port: int, way: str) -> bool:
        took = await knock(host, port, way)
        if took:
            knocks.append(way)
        return took

    monkeypatch.setattr(vigil, "knock", counted)
    with capture_logs() as logs:
        async with driving(rider):
            await rider.up_over("wan1", 1)
            country.mend(0)
            await rider.up_over("wan0", 2)
    assert knocks.count("wan0") >= 2
    assert [entry["uplink"] for entry in logs if entry["event"] == "link.up"] == ["wan1", "wan0"]


async def test_what_is_fetched_goes_where_the_link_goes(country: Country) -> None:
    """A request beside the link leaves by the uplink in use, not by the default route."""
    country.silence(0)
    names = Names()
    rider = Rider(country.relay.url, country.identity, names)
    tls = country.identity.ssl_context()
    async with (driving(rider), dial.session(names, lambda: rider.uplinks.used, tls) as http):
        await rider.up_over("wan1", 1)
        async with asyncio.timeout(WAIT), http.get(country.relay.url + "/nothing") as response:
            assert response.status == 404
