"""Enrolment, registry, revocation over a real database and real HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy import select

from protocol.accounts import Enrolled, Enrolment, PersonKind, VehicleCreated, VehicleRow, VehicleWanted
from protocol.signalling import VehicleHealth
from protocol.values import DoctorCard, Problem
from relay.bodies import Refused, refusals
from relay.bus import InProcessBus, VehicleRevoked
from relay.fleet import http
from relay.fleet.ca import IssuingAuthority, spki_sha256
from relay.fleet.codes import CODE_LIFETIME
from relay.fleet.errors import CodeRefused, RequestRefused, VehicleUnknown
from relay.fleet.registry import Registry
from relay.fleet.service import Fleet
from relay.identity.sign_ins import Person
from relay.signalling.partners import DeviceStanding
from relay.storage.audit import AuditRow
from relay.storage.base import Storage, database_url, open_storage
from relay.storage.people import Account

START = datetime(2026, 11, 21, 12, tzinfo=UTC)


@dataclass
class Clock:
    """A clock that a test moves."""

    moment: datetime = START

    def __call__(self) -> datetime:
        return self.moment

    def monotonic(self) -> float:
        return (self.moment - START).total_seconds()


@dataclass
class World:
    clock: Clock
    registry: Registry
    fleet: Fleet
    authority: IssuingAuthority
    storage: Storage
    revoked: list[str] = field(default_factory=list)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    storage = open_storage(database_url("", tmp_path))
    await storage.create_all()
    clock, bus, authority = Clock(), InProcessBus(), IssuingAuthority.create("Test CA", START)
    registry = Registry(storage, authority, clock)
    fleet = Fleet(storage, authority, registry, bus, vehicle_url="https://relay.test:8444", now=clock)
    made = World(clock, registry, fleet, authority, storage)

    async def on_revoked(message: VehicleRevoked) -> None:
        made.revoked.append(message.vehicle_id)

    bus.listen(VehicleRevoked, on_revoked)
    async with storage.session() as session:
        session.add(Account(account_id="d-1", kind="doctor", sign_in_name="martin", password_hash="", name="Martin"))
    yield made
    await storage.close()


def new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def csr(key: ec.EllipticCurvePrivateKey) -> str:
    return (x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, hashes.SHA256())
            .public_bytes(serialization.Encoding.PEM).decode())


async def standing(world: World, key: ec.EllipticCurvePrivateKey) -> DeviceStanding:
    return (await world.registry.device_state(spki_sha256(key.public_key()))).standing


async def enrolled(world: World, name: str = "Morvan") -> tuple[Enrolled, ec.EllipticCurvePrivateKey]:
    created = await world.fleet.create(VehicleWanted(name=name), by="it-1")
    key = new_key()
    return await world.fleet.enrol(Enrolment(code=created.code, csr=csr(key))), key


async def test_a_code_lets_one_vehicle_in_once(world: World) -> None:
    """The code that was used is refused by its own code, and the first vehicle stays."""
    created = await world.fleet.create(VehicleWanted(name="Morvan", territory="58"), by="it-1")
    key = new_key()
    result = await world.fleet.enrol(Enrolment(code=created.code, csr=csr(key)))
    assert (result.vehicle_id, result.territory, result.vehicle_url) == (created.vehicle_id, "58",
                                                                         "https://relay.test:8444")
    assert await standing(world, key) is DeviceStanding.active
    with pytest.raises(CodeRefused) as refused:
        await world.fleet.enrol(Enrolment(code=created.code, csr=csr(new_key())))
    assert refused.value.code == "enrol.code_used"
    assert await standing(world, key) is DeviceStanding.active


async def test_of_ten_at_once_one_wins(world: World) -> None:
    """The single atomic UPDATE: a code raced by ten vehicles gives one certificate."""
    created = await world.fleet.create(VehicleWanted(name="Morvan"), by="it-1")
    results = await asyncio.gather(*(world.fleet.enrol(Enrolment(code=created.code, csr=csr(new_key())))
                                     for _ in range(10)), return_exceptions=True)
    assert sum(isinstance(result, Enrolled) for result in results) == 1
    assert {result.code for result in results if isinstance(result, CodeRefused)} == {"enrol.code_used"}


async def test_codes_end(world: World) -> None:
    """Expired, unknown, replaced and revoked are told apart."""
    created = await world.fleet.create(VehicleWanted(name="Morvan"), by="it-1")
    newer = await world.fleet.new_code(created.vehicle_id, by="it-1")
    revoked = await world.fleet.create(VehicleWanted(name="Vosges"), by="it-1")
    await world.fleet.revoke(revoked.vehicle_id, by="it-1")
    codes = {created.code: "enrol.code_expired", "A" * 26: "enrol.code_unknown",
             revoked.code: "enrol.vehicle_revoked"}
    for code, expected in codes.items():
        with pytest.raises(CodeRefused) as refused:
            await world.fleet.enrol(Enrolment(code=code, csr=csr(new_key())))
        assert refused.value.code == expected
    world.clock.moment += CODE_LIFETIME
    with pytest.raises(CodeRefused) as refused:
        await world.fleet.enrol(Enrolment(code=newer.code, csr=csr(new_key())))
    assert refused.value.code == "enrol.code_expired"


async def test_a_bad_request_does_not_cost_the_code(world: World) -> None:
    """A technician can try again with the same code after a request that was refused."""
    created = await world.fleet.create(VehicleWanted(name="Morvan"), by="it-1")
    with pytest.raises(RequestRefused):
        await world.fleet.enrol(Enrolment(code=created.code, csr="nothing"))
    await world.fleet.enrol(Enrolment(code=created.code, csr=csr(new_key())))


async def test_a_replaced_computer_loses_its_certificate(world: World) -> None:
    """The vehicle's new computer is in, the old one is out, and its sockets are told to close."""
    first, old = await enrolled(world)
    again = await world.fleet.new_code(first.vehicle_id, by="it-1")
    new = new_key()
    await world.fleet.enrol(Enrolment(code=again.code, csr=csr(new)))
    assert await standing(world, old) is DeviceStanding.revoked
    assert await standing(world, new) is DeviceStanding.active
    assert world.revoked == [first.vehicle_id]


async def test_both_certificates_work_until_the_new_one_is_used(world: World) -> None:
    """A power cut between renewal and first use leaves a vehicle that still gets in."""
    vehicle, old = await enrolled(world)
    new = new_key()
    await world.fleet.renew(vehicle.vehicle_id, csr(new))
    assert await standing(world, old) is DeviceStanding.active
    assert await standing(world, new) is DeviceStanding.active
    assert await standing(world, old) is DeviceStanding.revoked
    card = await world.registry.vehicle_card(vehicle.vehicle_id)
    certificate = x509.load_pem_x509_certificate(card.certificate.encode())
    assert certificate.public_key() == new.public_key()


async def test_a_key_cannot_be_certified_twice(world: World) -> None:
    """A vehicle can't bring the key of another vehicle or of a doctor, nor its own old one."""
    vehicle, key = await enrolled(world)
    with pytest.raises(RequestRefused, match="key_in_use"):
        await world.fleet.renew(vehicle.vehicle_id, csr(key))
    with pytest.raises(RequestRefused, match="key_in_use"):
        await world.fleet.certify_doctor(doctor_id="d-1", name="Martin", session_id="s-1", csr_pem=csr(key))


async def test_revoked_is_revoked_at_once_and_for_good(world: World) -> None:
    """The registry refuses, sockets are told, and neither renewal nor a new code brings it back."""
    vehicle, key = await enrolled(world)
    await world.fleet.revoke(vehicle.vehicle_id, by="it-1")
    await world.fleet.revoke(vehicle.vehicle_id, by="it-1")
    assert await standing(world, key) is DeviceStanding.revoked
    assert world.revoked[0] == vehicle.vehicle_id
    with pytest.raises(RequestRefused, match=r"vehicle\.revoked"):
        await world.fleet.renew(vehicle.vehicle_id, csr(new_key()))
    with pytest.raises(RequestRefused, match=r"vehicle\.revoked"):
        await world.fleet.new_code(vehicle.vehicle_id, by="it-1")
    with pytest.raises(VehicleUnknown):
        await world.fleet.revoke("v-none", by="it-1")


async def test_every_act_is_in_the_audit(world: World) -> None:
    """Who made, enrolled and revoked a vehicle can be read afterwards; the code cannot."""
    vehicle, _ = await enrolled(world)
    await world.fleet.revoke(vehicle.vehicle_id, by="it-2")
    async with world.storage.reading() as session:
        lines = [msgspec.json.decode(row.entry) for row in await session.scalars(
            select(AuditRow).order_by(AuditRow.position))]
    assert [(line["what"], line["who"]) for line in lines] == [
        ("vehicle.created", "it-1"), ("vehicle.enrolled", f"vehicle:{vehicle.vehicle_id}"),
        ("vehicle.revoked", "it-2")]
    assert {line["about"] for line in lines} == {vehicle.vehicle_id}


async def test_unknown_and_expired_keys_are_not_let_in(world: World) -> None:
    """Deny by default: a key that is not in the registry, is a doctor's, or whose time is over."""
    _, key = await enrolled(world)
    doctor = new_key()
    await world.fleet.certify_doctor(doctor_id="d-1", name="Martin", session_id="s-1", csr_pem=csr(doctor))
    assert await standing(world, new_key()) is DeviceStanding.unknown
    assert await standing(world, doctor) is DeviceStanding.unknown
    world.clock.moment += timedelta(days=91)
    assert await standing(world, key) is DeviceStanding.revoked


async def test_a_doctors_browser_keeps_its_certificate(world: World) -> None:
    """The same key in a later session gets the same certificate, near its end a new one; another doctor never."""
    key = new_key()
    first = await world.fleet.certify_doctor(doctor_id="d-1", name="Martin", session_id="s-1", csr_pem=csr(key))
    again = await world.fleet.certify_doctor(doctor_id="d-1", name="Martin", session_id="s-2", csr_pem=csr(key))
    assert first == again
    assert await world.registry.doctor_certificate("s-2") == first.certificate
    assert await world.registry.doctor_certificate("s-3") is None
    with pytest.raises(RequestRefused, match="key_in_use"):
        await world.fleet.certify_doctor(doctor_id="d-2", name="Petit", session_id="s-4", csr_pem=csr(key))
    world.clock.moment += timedelta(days=340)
    late = await world.fleet.certify_doctor(doctor_id="d-1", name="Martin", session_id="s-5", csr_pem=csr(key))
    assert late.certificate != first.certificate


async def test_rows_say_what_is_wrong(world: World) -> None:
    """IT reads last seen, release, days left and problems; the days come from the registry, not the vehicle."""
    vehicle, _ = await enrolled(world)
    waiting = await world.fleet.create(VehicleWanted(name="Aubrac"), by="it-1")
    await world.registry.health(vehicle.vehicle_id, VehicleHealth(
        release="0.1.0", problems=(Problem(code="camera.missing", subject="camera"),), certificate_days=999))
    world.fleet.online = lambda: {vehicle.vehicle_id}
    world.clock.moment += timedelta(days=65)
    first, second = await world.fleet.rows()
    assert (first.vehicle_id, first.state, first.online, first.certificate_days) == (
        waiting.vehicle_id, "expected", False, None)
    assert (second.state, second.online, second.last_seen, second.release, second.certificate_days) == (
        "active", True, START, "0.1.0", 25)
    assert [problem.code for problem in second.problems] == ["camera.missing", "certificate.expires_soon"]


@pytest.fixture
async def client(world: World) -> AsyncIterator[TestClient[web.Request, web.Application]]:
    async def people(request: web.Request, kind: PersonKind) -> Person:
        if request.headers.get("Authorization") != f"Bearer {kind}":
            raise Refused(401, "session.missing")
        doctor = DoctorCard(doctor_id="d-1", name="Martin") if kind is PersonKind.doctor else None
        return Person(account_id="it-1", session_id="s-1", kind=kind, name="Martin", doctor=doctor)

    app = web.Application(middlewares=[refusals])
    app.add_routes(http.routes(world.fleet, people, world.clock.monotonic))
    async with TestClient(TestServer(app, host="127.0.0.1", port=0)) as opened:
        yield opened


async def test_http_from_code_to_revocation(client: TestClient[web.Request, web.Application], world: World) -> None:
    """The whole life over HTTP, with each refusal as a code and a status."""
    it = {"Authorization": "Bearer it"}
    assert (await client.get("/api/fleet/vehicles")).status == 401
    assert (await client.post("/api/fleet/vehicles", json={"name": ""}, headers=it)).status == 422
    made = await client.post("/api/fleet/vehicles", json={"name": "Morvan"}, headers=it)
    assert made.status == 201
    created = msgspec.json.decode(await made.read(), type=VehicleCreated)
    enrolment = {"code": created.code, "csr": csr(new_key())}
    assert (await client.post("/api/enrol", json=enrolment)).status == 201
    again = await client.post("/api/enrol", json=enrolment)
    assert (again.status, (await again.json())["code"]) == (403, "enrol.code_used")
    listed = await client.get("/api/fleet/vehicles", headers=it)
    rows = msgspec.json.decode(await listed.read(), type=tuple[VehicleRow, ...])
    assert [row.state for row in rows] == ["active"]
    assert (await client.post(f"/api/fleet/vehicles/{created.vehicle_id}/revoke", headers=it)).status == 204
    assert (await client.post("/api/fleet/vehicles/none/revoke", headers=it)).status == 404
    assert world.revoked == [created.vehicle_id]


async def test_http_guessing_is_slowed_down(client: TestClient[web.Request, web.Application], world: World) -> None:
    """The eleventh attempt of a minute is refused with the time to wait; the next minute is open again."""
    wrong = {"code": "A" * 26, "csr": csr(new_key())}
    statuses = [(await client.post("/api/enrol", json=wrong)).status for _ in range(11)]
    assert statuses == [403] * 10 + [429]
    world.clock.moment += timedelta(seconds=61)
    assert (await client.post("/api/enrol", json=wrong)).status == 403


async def test_http_a_doctor_gets_a_certificate(client: TestClient[web.Request, web.Application]) -> None:
    """201 with the certificate for a doctor, 401 for IT, 422 with a code for a bad request."""
    doctor = {"Authorization": "Bearer doctor"}
    wanted = {"csr": csr(new_key())}
    assert (await client.post("/api/doctor/certificate", json=wanted, headers=doctor)).status == 201
    assert (await client.post("/api/doctor/certificate", json=wanted)).status == 401
    bad = await client.post("/api/doctor/certificate", json={"csr": "x"}, headers=doctor)
    assert (bad.status, await bad.json()) == (422, {"code": "csr.unreadable", "facts": {}})
