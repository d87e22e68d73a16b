"""The gateway's own link against the real relay: greeting, resume, restart, revocation."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from gateway.identity import DeviceIdentity, VehicleFile
from gateway.link import LinkEvents, RelayLink
from protocol.kiosk import RelayLink as LinkState
from protocol.signalling import (
    CallAssigned,
    CallCandidate,
    CallGranted,
    Dismissed,
    Place,
    Queue,
    Role,
    TakeCall,
    ToVehicle,
)
from relay.fleet.ca import private_key_pem
from tests.integration.relay_rig import Device, Running, Site, make_site, waiting

WAIT = 40.0
"""Seconds for what takes a fraction of one: a busy machine is no failure."""


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return make_site(tmp_path)


class Bus:
    """A link with what it heard."""

    def __init__(self, link: RelayLink, heard: asyncio.Queue[ToVehicle], ups: asyncio.Queue[bool],
                 changed: asyncio.Event) -> None:
        self.link = link
        self.heard = heard
        self.ups = ups
        self.changed = changed

    async def down(self) -> str | None:
        """Return when the link is not online any more, with the reason it shows."""
        async with asyncio.timeout(WAIT):
            while self.link.online:
                self.changed.clear()
                await self.changed.wait()
        return self.link.view.code

    async def up(self) -> bool:
        """The next time the link is up; True when the session was resumed."""
        async with asyncio.timeout(WAIT):
            return await self.ups.get()

    async def hear(self, kind: type) -> ToVehicle:
        """The next message of this kind."""
        async with asyncio.timeout(WAIT):
            while not isinstance(body := await self.heard.get(), kind):
                pass
        return body


@asynccontextmanager
async def linked(rig: Running, device: Device) -> AsyncIterator[Bus]:
    """The gateway's link, running."""
    folder = rig.site.folder / "gateway"
    folder.mkdir(exist_ok=True)
    (folder / "vehicle.key").write_bytes(private_key_pem(device.key))
    (folder / "vehicle.key").chmod(0o600)
    (folder / "vehicle.pem").write_text(device.enrolled.certificate)
    (folder / "ca.pem").write_text(device.enrolled.ca)
    url = f"https://127.0.0.1:{rig.relay.vehicle_port}"
    (folder / "vehicle.json").write_bytes(msgspec.json.encode(
        VehicleFile(vehicle_id=device.vehicle_id, name="Bus", relay_url=url)))
    heard: asyncio.Queue[ToVehicle] = asyncio.Queue()
    ups: asyncio.Queue[bool] = asyncio.Queue()
    changed = asyncio.Event()
    link = RelayLink(url, DeviceIdentity.load(folder), LinkEvents(
        received=heard.put, up=ups.put, changed=changed.set), jitter=lambda: 0.0)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(link.run())
        try:
            yield Bus(link, heard, ups, changed)
        finally:
            task.cancel()


async def test_the_gateways_link_waits_and_is_called(site: Site) -> None:
    """What the gateway says is acknowledged, and it hears its place and its doctor."""
    async with site.relay() as rig:
        device = await rig.vehicle()
        async with linked(rig, device) as bus, rig.doctor() as doctor:
            assert not await bus.up()
            said = asyncio.Event()
            bus.link.send(waiting(), said.set)
            async with asyncio.timeout(WAIT):
                await said.wait()
            place = await bus.hear(Place)
            assert isinstance(place, Place)
            assert place.place == 1
            await doctor.expect(Queue, lambda q: bool(q.entries))
            await doctor.say(TakeCall(encounter_id="e1"))
            assigned = await bus.hear(CallAssigned)
            granted = await doctor.expect(CallGranted)
            assert isinstance(assigned, CallAssigned)
            assert assigned.call_id == granted.call_id


async def test_the_gateways_link_resumes_without_loss(site: Site) -> None:
    """Its socket breaks in the middle of a call: candidates of both sides arrive once, in order."""
    async with site.relay() as rig:
        device = await rig.vehicle()
        async with linked(rig, device) as bus, rig.doctor() as doctor:
            await bus.up()
            bus.link.send(waiting())
            await doctor.expect(Queue, lambda q: bool(q.entries))
            await doctor.say(TakeCall(encounter_id="e1"))
            assigned = await bus.hear(CallAssigned)
            await doctor.expect(CallGranted)
            assert isinstance(assigned, CallAssigned)
            presence = rig.relay.switchboard.presence
            presence.hang_up(presence.clients(Role.vehicle)[0], 1012)
            for number in range(5):
                name = CallCandidate(call_id=assigned.call_id, generation=1, candidate=str(number))
                bus.link.send(name)
                await doctor.say(name)
            assert await bus.up()
            heard = [await bus.hear(CallCandidate) for _ in range(5)]
            assert [c.candidate for c in heard if isinstance(c, CallCandidate)] == ["0", "1", "2", "3", "4"]
            assert [(await doctor.expect(CallCandidate)).candidate for _ in range(5)] == ["0", "1", "2", "3", "4"]


async def test_the_gateways_link_comes_back_to_a_restarted_relay(site: Site) -> None:
    """The relay forgot the session: the link is up again, not resumed, and says its snapshots."""
    async with site.relay() as rig:
        device = await rig.vehicle()
        async with linked(rig, device) as bus:
            assert not await bus.up()
            presence = rig.relay.switchboard.presence
            presence.sessions.end(presence.clients(Role.vehicle)[0])
            presence.hang_up_all(1012)
            assert not await bus.up()
            assert bus.link.view.state is LinkState.online


async def test_a_revoked_gateway_is_told_why(site: Site) -> None:
    """The kiosk can say that the vehicle was revoked."""
    async with site.relay() as rig:
        device = await rig.vehicle()
        async with linked(rig, device) as bus:
            await bus.up()
            await rig.relay.fleet.revoke(device.vehicle_id, by="it:ines")
            assert await bus.hear(Dismissed) == Dismissed(code="vehicle.revoked")
            assert await bus.down() == "vehicle.revoked"
