"""Signalling over real sockets: presence, queue, calls, resume."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import select

from protocol import SUBPROTOCOL, SUBPROTOCOL_1
from protocol.binding import Side
from protocol.signalling import (
    CallAnswer,
    CallAssigned,
    CallCandidate,
    CallGranted,
    CallLeft,
    CallOffer,
    CallRefused,
    CallRejoin,
    Dismissed,
    EncounterPhase,
    PeerAway,
    Place,
    Queue,
    Refusal,
    Role,
    TakeCall,
    VehicleHealth,
)
from protocol.values import Urgency
from relay.audit import verify
from relay.keys import load_or_make
from relay.storage.audit import AuditRow
from tests.integration.relay_rig import Client, Site, in_call, make_site, offer, waiting


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return make_site(tmp_path)


def entries(queue: Queue) -> list[str]:
    return [entry.encounter_id for entry in queue.entries]


async def test_a_waiting_encounter_reaches_the_doctor_and_its_place_the_vehicle(site: Site) -> None:
    """The queue shows reason, vehicle and territory; the vehicle learns its place and who is on line."""
    async with site.relay() as rig:
        device = await rig.vehicle()
        async with rig.bus(device) as bus, rig.doctor() as doctor:
            assert bus.welcome is not None
            assert bus.welcome.vehicle is not None
            assert bus.welcome.vehicle.name == "Bus 1"
            await bus.say(waiting())
            queue = await doctor.expect(Queue, lambda q: bool(q.entries))
            assert queue.entries[0].vehicle.territory == "Ariège"
            assert queue.entries[0].online
            assert (await bus.expect(Place, lambda place: place.doctors == 1)).place == 1


async def test_urgency_comes_first_then_time_waiting(site: Site) -> None:
    """The order of the queue is the nurse's urgency, then how long the patient waits."""
    async with site.relay() as rig:
        device = await rig.vehicle()
        async with rig.bus(device) as bus, rig.doctor() as doctor:
            for name, urgency in (("e1", Urgency.routine), ("e2", Urgency.urgent), ("e3", Urgency.soon),
                                  ("e4", Urgency.urgent)):
                await bus.say(waiting(name, urgency=urgency))
            queue = await doctor.expect(Queue, lambda q: len(q.entries) == 4)
            assert entries(queue) == ["e2", "e4", "e3", "e1"]


async def test_two_doctors_who_click_at_once_one_wins(site: Site) -> None:
    """The other one reads who took the call, and the vehicle is assigned once."""
    async with site.relay() as rig:
        device = await rig.vehicle()
        async with rig.bus(device) as bus, rig.doctor("anne") as anne, rig.doctor("paul") as paul:
            await bus.say(waiting())
            for doctor in (anne, paul):
                await doctor.expect(Queue, lambda q: bool(q.entries))
            await asyncio.gather(anne.say(TakeCall(encounter_id="e1")), paul.say(TakeCall(encounter_id="e1")))

            async def outcome(doctor: Client) -> CallGranted | Refusal:
                while True:
                    body = await doctor.next()
                    if isinstance(body, CallGranted | Refusal):
                        return body

            first, second = await outcome(anne), await outcome(paul)
            assigned = await bus.expect(CallAssigned)
            winner, loser = (first, second) if isinstance(first, CallGranted) else (second, first)
            assert isinstance(winner, CallGranted)
            assert isinstance(loser, Refusal)
            assert (loser.code, loser.facts) == ("call.taken", {"by": assigned.doctor.name})
            assert winner.call_id == assigned.call_id


async def test_offer_answer_and_candidates_go_between_the_two_ends_only(site: Site) -> None:
    """Descriptions reach the peer unchanged; a third person's are refused and reach nobody."""
    async with site.relay() as rig:
        device = await rig.vehicle()
        async with rig.bus(device) as bus, rig.doctor("anne") as anne, rig.doctor("paul") as paul:
            assigned, granted = await in_call(bus, anne)
            assert granted.vehicle.certificate == device.enrolled.certificate
            sent = offer(assigned)
            await bus.say(sent)
            assert await anne.expect(CallOffer) == sent
            answer = CallAnswer(call_id=granted.call_id, generation=1, sdp="v=0",
                                binding=msgspec.structs.replace(sent.binding, side=Side.doctor))
            await anne.say(answer)
            assert await bus.expect(CallAnswer) == answer
            candidate = CallCandidate(call_id=granted.call_id, generation=1, candidate="candidate:1")
            await paul.say(candidate)
            refused = await paul.next()
            while not isinstance(refused, Refusal):
                refused = await paul.next()
            assert (refused.code, refused.about) == ("forbidden", 1)
            await anne.say(candidate)
            assert await bus.expect(CallCandidate) == candidate


async def test_rejoin_raises_the_generation_at_most_twice_a_second(site: Site) -> None:
    """Both ends get the new generation once, however often they ask; what is of the old one is dropped."""
    async with site.relay() as rig:
        device = await rig.vehicle()
        async with rig.bus(device) as bus, rig.doctor() as doctor:
            assigned, _ = await in_call(bus, doctor)
            started = asyncio.get_running_loop().time()
            for _ in range(3):
                await doctor.say(CallRejoin(call_id=assigned.call_id, generation=1))
            await bus.say(CallRejoin(call_id=assigned.call_id, generation=1, cause="media.failed"))
            assert (await bus.expect(CallAssigned)).generation == 2
            assert (await doctor.expect(CallGranted)).generation == 2
            await doctor.say(CallRejoin(call_id=assigned.call_id, generation=2))
            await bus.say(offer(assigned))
            assert (await bus.expect(CallAssigned)).generation == 3
            assert (await doctor.expect(CallGranted)).generation == 3
            assert asyncio.get_running_loop().time() - started >= 0.9
            await bus.say(offer(assigned, generation=3))
            assert (await doctor.expect(CallOffer)).generation == 3


async def test_leaving_unfinished_puts_the_encounter_back_in_the_queue(site: Site) -> None:
    """The patient waits again, with the time already waited; finished, the encounter is out."""
    async with site.relay() as rig:
        device = await rig.vehicle()
        async with rig.bus(device) as bus, rig.doctor() as doctor:
            assigned, _ = await in_call(bus, doctor)
            await doctor.say(CallLeft(call_id=assigned.call_id, finished=False))
            left = await bus.expect(CallLeft)
            assert (left.finished, left.by) == (False, "Dr Anne")
            await doctor.expect(Queue, lambda q: bool(q.entries) and not q.entries[0].taken_by)
            await doctor.say(TakeCall(encounter_id="e1"))
            again = await bus.expect(CallAssigned)
            assert again.call_id != assigned.call_id
            await bus.say(CallLeft(call_id=again.call_id, finished=True))
            assert (await doctor.expect(CallLeft)).by == "Bus 1"
            await doctor.expect(Queue, lambda q: not q.entries)


async def test_a_lost_socket_resumes_without_loss(site: Site) -> None:
    """What was said while the doctor was away arrives after the resume, in order, and once."""
    async with site.relay() as rig:
        device = await rig.vehicle()
        async with rig.bus(device) as bus:
            async with rig.doctor() as first:
                assigned, _ = await in_call(bus, first)
                token_session = first
            await bus.expect(PeerAway, lambda away: away.away)
            for generation_candidate in ("a", "b", "c"):
                await bus.say(CallCandidate(call_id=assigned.call_id, generation=1, candidate=generation_candidate))
            await bus.settled()
            # The same sign-in: the token belongs to it, the cookie's session was closed by the client only.
            async with rig.http.ws_connect(f"{rig.url}/ws") as socket:
                second = Client(first.role, socket, token=token_session.token)
                welcome = await second.hello(first)
                assert welcome.resumed
                got = [(await second.expect(CallCandidate)).candidate for _ in range(3)]
                assert got == ["a", "b", "c"]
                assert not (await bus.expect(PeerAway)).away


async def test_a_reloaded_page_gets_its_call_back_with_a_new_generation(site: Site) -> None:
    """A page that starts from nothing is granted the open call; the vehicle is asked for a new offer."""
    async with site.relay() as rig:
        device = await rig.vehicle()
        async with rig.bus(device) as bus:
            async with rig.doctor() as first:
                assigned, _ = await in_call(bus, first)
            async with rig.doctor() as second:
                granted = await second.expect(CallGranted)
                assert (granted.call_id, granted.generation) == (assigned.call_id, 2)
                assert (await bus.expect(CallAssigned)).generation == 2


async def test_a_second_tab_dismisses_the_first(site: Site) -> None:
    """The newest page of a doctor wins; the older one is told why and closes."""
    async with site.relay() as rig, rig.doctor() as first, rig.doctor() as second:
        dismissed = await first.next()
        while not isinstance(dismissed, Dismissed):
            dismissed = await first.next()
        assert dismissed.code == "session.replaced"
        assert await first.closed() == 1008
        await second.expect(Queue)


async def test_calls_go_on_after_the_relay_restarts(site: Site) -> None:
    """Pages and vehicle that lived through it keep their media: no new generation, same call."""
    async with site.relay() as rig:
        device = await rig.vehicle()
        async with rig.bus(device) as bus, rig.doctor() as doctor:
            assigned, _ = await in_call(bus, doctor)
            rig.relay.switchboard.hang_up_all()
            assert await bus.closed() == 1012
            assert await doctor.closed() == 1012
    async with site.relay() as rig, rig.bus(device, last=bus) as bus2, rig.doctor(last=doctor) as doctor2:
        assert bus2.welcome is not None
        assert not bus2.welcome.resumed
        await bus2.say(waiting(phase=EncounterPhase.in_call, call_id=assigned.call_id))
        await bus2.settled()
        queue = await doctor2.expect(Queue, lambda q: bool(q.entries) and q.entries[0].online)
        assert queue.entries[0].taken_by == "Dr Anne"
        await bus2.say(CallCandidate(call_id=assigned.call_id, generation=1, candidate="still here"))
        assert (await doctor2.expect(CallCandidate)).generation == 1


async def test_a_vehicle_that_lost_its_call_is_assigned_again(site: Site) -> None:
    """A gateway that was killed says `waiting`; the open call comes back with a new generation."""
    async with site.relay() as rig:
        device = await rig.vehicle()
        async with rig.doctor() as doctor:
            async with rig.bus(device) as bus:
                assigned, _ = await in_call(bus, doctor)
            async with rig.bus(device) as again:
                await again.say(waiting())
                back = await again.expect(CallAssigned)
                assert (back.call_id, back.generation) == (assigned.call_id, 2)
                assert (await doctor.expect(CallGranted)).generation == 2


async def test_a_vehicle_hears_of_the_generation_it_missed(site: Site) -> None:
    """The doctor reloaded while the vehicle had no session: the vehicle is told when it is back."""
    async with site.relay() as rig:
        device = await rig.vehicle()
        async with rig.bus(device) as bus, rig.doctor() as doctor:
            assigned, _ = await in_call(bus, doctor)
    async with site.relay() as rig, rig.doctor() as reloaded:
        assert (await reloaded.expect(CallGranted)).generation == 2
        async with rig.bus(device, last=bus) as back:
            await back.say(waiting(phase=EncounterPhase.in_call, call_id=assigned.call_id))
            assert (await back.expect(CallAssigned)).generation == 3


async def test_a_vehicle_in_a_call_that_ended_is_told(site: Site) -> None:
    """The doctor finished while the vehicle had no session: its next word is answered with `left`."""
    async with site.relay() as rig:
        device = await rig.vehicle()
        async with rig.bus(device) as bus, rig.doctor() as doctor:
            assigned, _ = await in_call(bus, doctor)
    async with site.relay() as rig, rig.doctor(last=doctor) as back:
        await back.say(CallLeft(call_id=assigned.call_id, finished=True))
        await back.settled()
        async with rig.bus(device) as again:
            await again.say(waiting(phase=EncounterPhase.in_call, call_id=assigned.call_id))
            left = await again.expect(CallLeft)
            assert (left.call_id, left.finished) == (assigned.call_id, True)


async def test_another_vehicle_cannot_speak_for_an_encounter(site: Site) -> None:
    """An encounter belongs to the vehicle that opened it."""
    async with site.relay() as rig:
        one, two = await rig.vehicle("Bus 1"), await rig.vehicle("Bus 2")
        async with rig.bus(one) as first, rig.bus(two) as second:
            await first.say(waiting())
            await first.settled()
            await second.say(waiting())
            refused = await second.next()
            while not isinstance(refused, Refusal):
                refused = await second.next()
            assert (refused.code, refused.about) == ("forbidden", 1)


async def test_a_doctor_has_one_call_at_a_time(site: Site) -> None:
    """The second click on another patient is refused, and that patient goes on waiting."""
    async with site.relay() as rig:
        one, two = await rig.vehicle("Bus 1"), await rig.vehicle("Bus 2")
        async with rig.bus(one) as first, rig.bus(two) as second, rig.doctor() as doctor:
            await in_call(first, doctor)
            await second.say(waiting("e2"))
            await doctor.expect(Queue, lambda q: "e2" in entries(q))
            await doctor.say(TakeCall(encounter_id="e2"))
            refused = await doctor.next()
            while not isinstance(refused, Refusal):
                refused = await doctor.next()
            assert refused.code == "call.busy"
            assert any(e.encounter_id == "e2" and not e.taken_by for e in rig.relay.switchboard.room.queue().entries)


async def test_a_refused_binding_is_audited_and_told(site: Site) -> None:
    """I5: an end that does not believe a fingerprint leaves a line in a tree that verifies."""
    async with site.relay() as rig:
        device = await rig.vehicle()
        async with rig.bus(device) as bus, rig.doctor() as doctor:
            assigned, granted = await in_call(bus, doctor)
            await doctor.say(CallRefused(call_id=granted.call_id, generation=1, code="fingerprint.mismatch"))
            assert (await bus.expect(CallRefused)).code == "fingerprint.mismatch"
        async with rig.relay.context.storage.reading() as session:
            lines = [msgspec.json.decode(entry) for entry in
                     (await session.execute(select(AuditRow.entry).order_by(AuditRow.position))).scalars()]
        line = next(line for line in lines if line["what"] == "binding.refused")
        assert line["who"] == "d-anne"
        assert line["about"] == assigned.call_id
        assert line["facts"] == {"code": "fingerprint.mismatch", "generation": 1}
        key = load_or_make(rig.site.config.data_folder / "audit.key")
        assert await verify(rig.relay.context.storage, {key.key_id: key.public}) == []


async def test_a_revoked_vehicle_is_dismissed_and_stays_out(site: Site) -> None:
    """Revocation closes the socket at once; the same certificate is dismissed with its reason."""
    async with site.relay() as rig:
        device = await rig.vehicle()
        async with rig.bus(device) as bus, rig.doctor() as doctor:
            await bus.say(waiting())
            await doctor.expect(Queue, lambda q: bool(q.entries))
            await rig.relay.fleet.revoke(device.vehicle_id, by="it:ines")
            dismissed = await bus.next()
            while not isinstance(dismissed, Dismissed):
                dismissed = await bus.next()
            assert dismissed.code == "vehicle.revoked"
            assert await bus.closed() == 1008
            await doctor.expect(Queue, lambda q: not q.entries)
        async with rig.bus(device, welcome=False) as again:
            await again.raw('{"n":0,"ack":0,"body":{"type":"hello","version":1,"role":"vehicle"}}')
            assert await again.next() == Dismissed(code="vehicle.revoked")
            assert await again.closed() == 1008


async def test_signing_out_closes_the_socket(site: Site) -> None:
    """A cookie that ends takes its sockets with it, and its token is worth nothing."""
    async with site.relay() as rig:
        token, session = await rig.token("anne")
        async with session, session.ws_connect(f"{rig.url}/ws") as socket:
            client = Client(Role.doctor, socket, token=token)
            await client.hello()
            async with session.post(f"{rig.url}/api/sign-out") as response:
                assert response.status == 204
            dismissed = await client.next()
            while not isinstance(dismissed, Dismissed):
                dismissed = await client.next()
            assert dismissed.code == "session.signed_out"
            assert await client.closed() == 1008
        async with rig.http.ws_connect(f"{rig.url}/ws") as socket:
            late = Client(Role.doctor, socket, token=token)
            await late.raw({"n": 0, "ack": 0, "body": {"type": "hello", "version": 1, "role": "doctor",
                                                       "token": token}})
            assert await late.next() == Dismissed(code="session.signed_out")


async def test_the_relay_speaks_the_newest_subprotocol_that_a_vehicle_offers(site: Site) -> None:
    """By it a vehicle knows that `VehicleHealth.call` is understood; one of before hears the plain one."""
    async with site.relay() as rig:
        device = await rig.vehicle()
        url = f"https://127.0.0.1:{rig.relay.vehicle_port}/vehicle/ws"
        for offered in ((SUBPROTOCOL_1, SUBPROTOCOL), (SUBPROTOCOL,)):
            async with rig.http.ws_connect(url, protocols=offered, ssl=device.tls()) as socket:
                assert socket.protocol == offered[0]


async def test_health_makes_the_card_say_simulated(site: Site) -> None:
    """A simulated vehicle says so and doctors see it."""
    async with site.relay() as rig:
        device = await rig.vehicle()
        async with rig.bus(device) as bus, rig.doctor() as doctor:
            await bus.say(waiting())
            await bus.say(VehicleHealth(release="1", simulated=True))
            await doctor.expect(Queue, lambda q: bool(q.entries) and q.entries[0].vehicle.simulated)


