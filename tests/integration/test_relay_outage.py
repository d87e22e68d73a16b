"""I1 at the relay: what its storage did not take is not acknowledged, and a retry finds everything."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from sqlalchemy import text

from protocol.signalling import CallLeft, CallRefused, Place, Queue, Refusal, VehicleHealth
from tests.integration.relay_rig import Client, Running, Site, in_call, make_site, waiting


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return make_site(tmp_path)


@asynccontextmanager
async def without(rig: Running, table: str) -> AsyncIterator[None]:
    """A database that fails at everything that needs this table."""
    storage = rig.relay.context.storage
    async with storage.session() as session:
        await session.execute(text(f"ALTER TABLE {table} RENAME TO gone_{table}"))
    yield
    async with storage.session() as session:
        await session.execute(text(f"ALTER TABLE gone_{table} RENAME TO {table}"))


async def refused(client: Client) -> Refusal:
    while not isinstance(body := await client.next(), Refusal):
        assert body is not None, f"closed with {client.socket.close_code}"
    return body


async def test_what_the_storage_did_not_take_is_not_acknowledged(site: Site) -> None:
    """The line closes with 1013, nothing behind the frame is dealt with, and the resume asks for it again."""
    async with site.relay() as rig:
        device = await rig.vehicle()
        async with rig.bus(device) as bus:
            await bus.say(waiting("e1"))
            await bus.settled()
            async with without(rig, "encounter"):
                n = await bus.say(waiting("e2"))
                await bus.say(VehicleHealth(release="1"))
                answer = await refused(bus)
                assert (answer.code, answer.about) == ("relay.failed", n)
                assert await bus.closed() == 1013
            assert bus.acknowledged == n - 1
        async with rig.bus(device, welcome=False) as back, rig.doctor() as doctor:
            welcome = await back.hello(bus)
            assert (welcome.resumed, welcome.last_seen) == (True, n - 1)
            back.sent = n - 1
            await back.say(waiting("e2"))
            await doctor.expect(Queue, lambda q: len(q.entries) == 2)
            await back.settled()


async def test_an_end_that_met_an_outage_is_said_again(site: Site) -> None:
    """A doctor's `left` that met a broken audit ends the call when it is said again."""
    async with site.relay() as rig:
        device = await rig.vehicle()
        async with rig.bus(device) as bus:
            async with rig.doctor() as doctor:
                assigned, _ = await in_call(bus, doctor)
                async with without(rig, "audit"):
                    n = await doctor.say(CallLeft(call_id=assigned.call_id, finished=False))
                    assert (await refused(doctor)).about == n
                    assert await doctor.closed() == 1013
            async with rig.http.ws_connect(f"{rig.url}/ws") as socket:
                back = Client(doctor.role, socket, token=doctor.token)
                welcome = await back.hello(doctor)
                assert (welcome.resumed, welcome.last_seen) == (True, n - 1)
                back.sent = n - 1
                await back.say(CallLeft(call_id=assigned.call_id, finished=False))
                assert not (await bus.expect(CallLeft)).finished


async def test_what_is_the_peers_fault_stays_acknowledged(site: Site) -> None:
    """A message that would be refused for ever is not asked for again."""
    async with site.relay() as rig:
        device = await rig.vehicle()
        async with rig.bus(device) as bus:
            n = await bus.say(CallRefused(call_id="nobody", generation=1, code="fingerprint.mismatch"))
            assert (await refused(bus)).code == "forbidden"
            await bus.settled()
            assert bus.acknowledged == n


async def test_health_that_was_not_kept_does_not_cut_the_line(site: Site) -> None:
    """It is said anew each minute; the call on the same line goes on."""
    async with site.relay() as rig:
        device = await rig.vehicle()
        async with rig.bus(device) as bus:
            async with without(rig, "vehicle"):
                await bus.say(VehicleHealth(release="1"))
                assert (await refused(bus)).code == "relay.failed"
            await bus.settled()


async def test_a_start_that_failed_leaves_no_session_to_resume(site: Site) -> None:
    """A vehicle whose snapshots could not be read is told to come back, and starts from them then."""
    async with site.relay() as rig:
        device = await rig.vehicle()
        async with without(rig, "prescription"), rig.bus(device) as bus:
            assert await bus.closed() == 1013
        async with rig.bus(device, last=bus) as back:
            assert back.welcome is not None
            assert not back.welcome.resumed
            await back.say(waiting())
            await back.expect(Place)


async def test_a_vehicle_comes_in_when_only_its_last_seen_cannot_be_kept(site: Site) -> None:
    """Bookkeeping that fails keeps nobody out."""
    async with site.relay() as rig:
        device = await rig.vehicle()
        async with rig.relay.context.storage.session() as session:
            await session.execute(text(
                "CREATE TRIGGER full BEFORE UPDATE OF last_seen ON vehicle BEGIN SELECT RAISE(ABORT, 'full'); END"))
        async with rig.bus(device) as bus:
            await bus.say(waiting())
            await bus.expect(Place)
