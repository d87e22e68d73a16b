"""A third person in a real call: the gateway's consultation and engine, its link, the real relay, the library as the
guest's browser."""

from __future__ import annotations

import asyncio
import base64
import re
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiortc.mediastreams import VideoStreamTrack
from sqlalchemy import select

from gateway.aboard import Media
from gateway.identity import DeviceIdentity, VehicleFile
from gateway.link import LinkEvents, RelayLink
from gateway.media.config import CameraConfig, MediaConfig
from gateway.media.engine import MediaEngine
from gateway.session.consultation import Consultation
from gateway.session.guest_bindings import octets
from gateway.store import Store
from protocol.binding import Side, sdp_fingerprints
from protocol.channels import GuestInvited
from protocol.guest_signalling import GuestAnswer, GuestEntered, GuestOffer, GuestRefused, GuestRejoin
from protocol.guests import GuestBinding, GuestInvitation, GuestState, seal
from protocol.kiosk_commands import EnterWaiting, OpenEncounter, RemoveGuest
from protocol.signalling import CallGranted, Dismissed, Queue, TakeCall
from protocol.values import Patient, Reason, Urgency, VehicleCard
from relay.fleet.ca import private_key_pem
from relay.storage.audit import AuditRow
from sim.camera import SceneCamera
from tests.integration.relay_rig import Client, Device, Running, Site, make_site
from tests.integration.test_media_engine import Events, Page, Tone, codes, connect, until_heard
from tests.unit.session_fakes import FakeInstruments, FakePapers
from tests.unit.store_makers import NURSE

WAIT = 30.0
FALSE = ":".join(["5A"] * 32)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return make_site(tmp_path)


@dataclass
class Vehicle:
    """A gateway's rooms, as `gateway.app` puts them together."""

    consultation: Consultation
    engine: MediaEngine
    moved: asyncio.Event

    async def until(self, state: GuestState) -> None:
        async with asyncio.timeout(WAIT):
            while (encounter := self.consultation.view().encounter) is None \
                    or [guest.state for guest in encounter.guests] != [state]:
                self.moved.clear()
                await self.moved.wait()


@asynccontextmanager
async def vehicle(rig: Running, device: Device) -> AsyncIterator[Vehicle]:
    folder = rig.site.folder / "gateway"
    folder.mkdir()
    (folder / "vehicle.key").write_bytes(private_key_pem(device.key))
    (folder / "vehicle.key").chmod(0o600)
    (folder / "vehicle.pem").write_text(device.enrolled.certificate)
    (folder / "ca.pem").write_text(device.enrolled.ca)
    url = f"https://127.0.0.1:{rig.relay.vehicle_port}"
    (folder / "vehicle.json").write_bytes(msgspec.json.encode(
        VehicleFile(vehicle_id=device.vehicle_id, name="Bus", relay_url=url)))
    identity = DeviceIdentity.load(folder)
    moved = asyncio.Event()
    camera = SceneCamera(width=640, height=360)
    engine = MediaEngine(MediaConfig(CameraConfig(f"tcp://127.0.0.1:{camera.open()}", 640, 360, simulated=True),
                                     interfaces=("lo",)), moved.set)
    async with Store(folder / "store") as store, asyncio.TaskGroup() as tasks:
        consultation: Consultation

        async def up(resumed: bool) -> None:
            consultation.relay_up(resumed)

        link = RelayLink(url, identity, LinkEvents(received=lambda body: consultation.from_relay(body), up=up,
                                                   changed=moved.set))
        consultation = Consultation(
            store=store, media=Media(engine, None), instruments=FakeInstruments(), relay=link, papers=FakePapers(),
            signer=identity, vehicle=VehicleCard(vehicle_id=device.vehicle_id, name="Bus", simulated=True),
            changed=moved.set, now=lambda: datetime.now(UTC))
        running = [tasks.create_task(work()) for work in (camera.run, engine.run, consultation.run, link.run)]
        try:
            yield Vehicle(consultation, engine, moved)
        finally:
            for task in running:
                task.cancel()


@dataclass
class Call:
    """A call, and a guest who was invited to it on both ways."""

    rig: Running
    bus: Vehicle
    doctor: Client
    invitation: GuestInvitation
    key: bytes

    @property
    def resume(self) -> str:
        return secrets.token_urlsafe(32)


@asynccontextmanager
async def in_call(rig: Running) -> AsyncIterator[Call]:
    device = await rig.vehicle()
    async with vehicle(rig, device) as bus, rig.doctor() as doctor:
        opened = await bus.consultation.command(OpenEncounter(
            patient=Patient(anonymous=True), consent=True, reason=Reason.skin, urgency=Urgency.routine), NURSE)
        await bus.consultation.command(EnterWaiting(), NURSE)
        await doctor.expect(Queue, lambda queue: bool(queue.entries))
        assert opened.encounter_id is not None
        await doctor.say(TakeCall(encounter_id=opened.encounter_id))
        granted = await doctor.expect(CallGranted)
        invitation = await rig.invite(granted.call_id)
        key = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode().rstrip("=")
        async with asyncio.timeout(WAIT):
            while (encounter := bus.consultation.view().encounter) is None or encounter.stage != "interrupted":
                bus.moved.clear()
                await bus.moved.wait()
        # As `control` brings it: the doctor's page itself is played elsewhere.
        bus.consultation.guest_invited(GuestInvited(guest=invitation.guest, key=key,
                                                    expires_at=invitation.expires_at))
        yield Call(rig, bus, doctor, invitation, octets(key))


async def answered(guest: Client, page: Page, key: bytes, *tracks: Any) -> None:
    """The guest's page: checks the vehicle's seal, answers with its own."""
    offer = await guest.expect(GuestOffer)
    binding = offer.binding
    assert binding.holds(key)
    assert sdp_fingerprints(offer.sdp) == {binding.fingerprint}
    sdp = await page.answer(offer.sdp, *tracks)
    [own] = sdp_fingerprints(sdp)
    said: dict[str, Any] = {
        "host": Side.vehicle, "by_guest": True, "call_id": offer.call_id, "guest_id": offer.guest_id,
        "generation": offer.generation, "fingerprint": own, "peer_fingerprint": binding.fingerprint}
    await guest.say(GuestAnswer(call_id=offer.call_id, guest_id=offer.guest_id, generation=offer.generation, sdp=sdp,
                                binding=GuestBinding(**said, mac=seal(key, **said))))


async def audit(rig: Running) -> list[dict[str, Any]]:
    async with rig.relay.context.storage.reading() as session:
        rows = (await session.execute(select(AuditRow.entry).order_by(AuditRow.position))).scalars()
        return [msgspec.json.decode(row) for row in rows]


async def test_a_guest_is_in_the_call_by_its_link(site: Site) -> None:
    """It sees the bus's moving picture and hears the nurse, the touchscreen hears it; the link is used up; the nurse
    ends its part, and it is gone."""
    async with site.relay() as rig, in_call(rig) as call:
        kiosk_peer = await call.bus.engine.kiosk_peer(Events())
        kiosk = await connect(kiosk_peer, Tone(880))
        async with rig.guest(call.invitation.token, resume=call.resume) as guest:
            page = Page()
            await answered(guest, page, call.key, Tone(660), VideoStreamTrack())
            await call.bus.until(GuestState.present)
            ear, eye = page.tracks
            assert await codes(eye, 3)
            await until_heard(ear, 880)
            await until_heard(kiosk.tracks[3], 660)
            async with rig.guest(welcome=False) as thief:
                await thief.raw({"n": 0, "ack": 0, "body": {"type": "hello", "version": 1, "role": "guest",
                                                            "token": call.invitation.token}})
                assert (await thief.next()).code == "guest.link_used"
            guest_id = call.invitation.guest.guest_id
            assert (await call.bus.consultation.command(RemoveGuest(guest_id=guest_id), NURSE)).code is None
            assert (await guest.expect(Dismissed)).code == "guest.removed"
            await call.bus.until(GuestState.left)
            await page.connection.close()
        await kiosk.connection.close()
        await kiosk_peer.close()


async def test_a_guest_whose_connection_broke_comes_back_in_the_same_visit(site: Site) -> None:
    """Its page asks again; the vehicle offers the pair's next generation, and the picture is there once more."""
    async with site.relay() as rig, in_call(rig) as call, rig.guest(call.invitation.token) as guest:
        for generation in (1, 2):
            page = Page()
            await answered(guest, page, call.key)
            await call.bus.until(GuestState.present)
            assert await codes(page.tracks[1], 2)
            await page.connection.close()
            await guest.say(GuestRejoin(call_id=guest.welcome.call_id or "" if guest.welcome else "",
                                        guest_id=call.invitation.guest.guest_id, host=Side.vehicle,
                                        generation=generation))


@pytest.mark.parametrize("sealed", [False, True])
@pytest.mark.parametrize("kind", [GuestOffer, GuestAnswer])
async def test_a_relay_that_swaps_a_fingerprint_gets_no_media(site: Site, kind: type[Any], sealed: bool) -> None:
    """In the description, or in the statement too, towards either end: refused, audited, nothing flows."""
    async with site.relay() as rig, in_call(rig) as call:
        guests = rig.relay.switchboard.guests
        forward = guests.forward

        async def meddling(client: Any, body: Any) -> None:
            if isinstance(body, kind):
                body = msgspec.structs.replace(body, sdp=re.sub(
                    r"(a=fingerprint:sha-256 )[0-9A-Fa-f:]+", rf"\g<1>{FALSE}", body.sdp))
                if sealed:
                    body = msgspec.structs.replace(body, binding=msgspec.structs.replace(
                        body.binding, fingerprint=FALSE))
            await forward(client, body)

        guests.forward = meddling  # type: ignore[method-assign]
        async with rig.guest(call.invitation.token) as guest:
            page = Page()
            if kind is GuestOffer:
                offer = await guest.expect(GuestOffer)
                code = "binding.signature" if sealed else "fingerprint.mismatch"
                assert offer.binding.holds(call.key) is not sealed
                assert (sdp_fingerprints(offer.sdp) == {offer.binding.fingerprint}) is sealed
                await guest.say(GuestRefused(call_id=offer.call_id, guest_id=offer.guest_id, host=Side.vehicle,
                                             generation=offer.generation, code=code))
                who = f"guest:{offer.guest_id}"
            else:
                await answered(guest, page, call.key)
                refused = await guest.expect(GuestRefused)
                code = "binding.signature" if sealed else "fingerprint.mismatch"
                assert refused.code == code
                who = "vehicle:"
            await guest.settled()
            assert page.connection.connectionState != "connected"
            line = next(line for line in await audit(rig) if line["what"] == "guest.binding_refused")
            assert line["facts"]["code"] == code
            assert line["who"].startswith(who)
            await page.connection.close()


async def test_guests_of_the_vehicle_and_the_doctor_are_two_pairs(site: Site) -> None:
    """The doctor's page reads of the same guest, with a generation of its own, and the relay lets neither speak for
    the other."""
    async with site.relay() as rig, in_call(rig) as call, rig.guest(call.invitation.token) as guest:
        entered = await call.doctor.expect(GuestEntered)
        assert entered.guest == call.invitation.guest
        assert (await guest.expect(GuestOffer)).binding.host is Side.vehicle
