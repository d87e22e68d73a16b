"""Calls whose doctor is gone for good: the patient goes back to the queue, and no sooner."""

from __future__ import annotations

import time
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import select

from protocol.limits import SIGNALLING_RESUME_SECONDS
from protocol.signalling import CallAssigned, CallGranted, CallLeft, Dismissed, EncounterPhase, PeerAway, Queue, Role
from relay.storage.audit import AuditRow
from tests.integration.relay_rig import Client, Running, Site, in_call, make_site, waiting


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return make_site(tmp_path)


async def ends(rig: Running) -> list[tuple[str, str, dict[str, int]]]:
    """Who ended which call, from the audit."""
    async with rig.relay.context.storage.reading() as session:
        lines = [msgspec.json.decode(entry) for entry in
                 (await session.execute(select(AuditRow.entry).order_by(AuditRow.position))).scalars()]
    return [(line["who"], line["about"], line["facts"]) for line in lines if line["what"] == "call.ended"]


async def test_signing_out_puts_the_patient_back_in_the_queue(site: Site) -> None:
    """The vehicle is told that the call is over, not finished; the audit names the doctor."""
    async with site.relay() as rig:
        device = await rig.vehicle()
        token, session = await rig.token("anne")
        async with rig.bus(device) as bus, session, session.ws_connect(f"{rig.url}/ws") as socket:
            anne = Client(Role.doctor, socket, token=token)
            await anne.hello()
            assigned, _ = await in_call(bus, anne)
            async with session.post(f"{rig.url}/api/sign-out") as response:
                assert response.status == 204
            left = await bus.expect(CallLeft)
            assert (left.call_id, left.finished, left.by) == (assigned.call_id, False, "Dr Anne")
            async with rig.doctor("paul") as paul:
                await paul.expect(Queue, lambda q: bool(q.entries) and not q.entries[0].taken_by)
            assert await ends(rig) == [("d-anne", assigned.call_id, {"finished": 0})]


async def test_disabling_a_doctor_ends_the_call(site: Site) -> None:
    """An account that is closed keeps no patient, even one whose page is away."""
    async with site.relay() as rig:
        device = await rig.vehicle()
        async with rig.bus(device) as bus:
            async with rig.doctor() as anne:
                assigned, _ = await in_call(bus, anne)
            await bus.expect(PeerAway, lambda away: away.away)
            await rig.relay.context.sign_ins.disable("d-anne", by="it:ines")
            assert not (await bus.expect(CallLeft)).finished
            assert await ends(rig) == [("relay", assigned.call_id, {"finished": 0})]


async def test_another_sign_in_of_the_doctor_that_ends_leaves_the_call(site: Site) -> None:
    """Signing out elsewhere does not take the call from the page that has it."""
    async with site.relay() as rig:
        device = await rig.vehicle()
        elsewhere = await rig.sign_in("anne")
        async with rig.bus(device) as bus, rig.doctor() as anne, elsewhere:
            await in_call(bus, anne)
            async with elsewhere.post(f"{rig.url}/api/sign-out") as response:
                assert response.status == 204
            assert await ends(rig) == []


async def test_a_doctor_who_does_not_come_back_loses_the_call(site: Site) -> None:
    """A killed page has the whole resume time; then the patient waits for somebody else."""
    async with site.relay() as rig:
        device = await rig.vehicle()
        board = rig.relay.switchboard
        async with rig.bus(device) as bus:
            async with rig.doctor() as anne:
                assigned, _ = await in_call(bus, anne)
            await bus.expect(PeerAway, lambda away: away.away)
            now = time.monotonic()
            await board.expire(now)
            await board.expire(now + SIGNALLING_RESUME_SECONDS - 0.1)
            async with rig.doctor() as again:
                assert (await again.expect(CallGranted)).call_id == assigned.call_id
                # Back: what was counted before does not count any more.
                await board.expire(now + SIGNALLING_RESUME_SECONDS)
                assert await ends(rig) == []
            await bus.expect(PeerAway, lambda away: away.away)
            later = time.monotonic()
            await board.expire(later)
            assert await ends(rig) == []
            await board.expire(later + SIGNALLING_RESUME_SECONDS)
            assert not (await bus.expect(CallLeft)).finished
            assert await ends(rig) == [("relay", assigned.call_id, {"finished": 0})]
            async with rig.doctor("paul") as paul:
                await paul.expect(Queue, lambda q: bool(q.entries) and not q.entries[0].taken_by)


async def test_after_a_restart_the_doctor_has_the_whole_time_again(site: Site) -> None:
    """Nothing is counted while the relay is down or the vehicle is not there: their media may go on."""
    async with site.relay() as rig:
        device = await rig.vehicle()
        async with rig.bus(device) as bus, rig.doctor() as anne:
            assigned, _ = await in_call(bus, anne)
    async with site.relay() as rig:
        board, now = rig.relay.switchboard, time.monotonic()
        await board.expire(now)
        await board.expire(now + SIGNALLING_RESUME_SECONDS)
        assert await ends(rig) == []
        async with rig.bus(device) as back:
            await back.say(waiting(phase=EncounterPhase.in_call, call_id=assigned.call_id))
            await back.settled()
            await board.expire(now + SIGNALLING_RESUME_SECONDS + 1)
            assert await ends(rig) == []
            await board.expire(now + 2 * SIGNALLING_RESUME_SECONDS + 1)
            assert (await back.expect(CallLeft)).call_id == assigned.call_id
        async with rig.doctor(last=anne) as late:
            # The page that lived through it hears that its call is over.
            assert not (await late.expect(CallLeft)).finished


async def test_a_sign_in_that_ran_out_keeps_the_call_for_a_while(site: Site) -> None:
    """The doctor signs in again within the resume time and has the call back."""
    async with site.relay() as rig:
        device = await rig.vehicle()
        async with rig.bus(device) as bus, rig.doctor() as anne:
            assigned, _ = await in_call(bus, anne)
            await rig.expire_sign_ins()
            while not isinstance(body := await anne.next(), Dismissed):
                assert body is not None
            assert body.code == "session.expired"
            async with rig.doctor() as again:
                assert (await again.expect(CallGranted)).call_id == assigned.call_id
                assert (await bus.expect(CallAssigned)).generation == 2
