"""The whole way of a prescription over a real relay: the doctor's browser, mutual TLS, the vehicle's own check."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from gateway.printing.verify import verify
from protocol.accounts import CertificateIssued, CertificateRequest
from protocol.prescription import (
    PrescriptionDraft,
    PrescriptionLine,
    PrescriptionPrepared,
    PrescriptionSignature,
    PrescriptionState,
    PrescriptionView,
)
from protocol.signalling import PrescriptionProgress, PrescriptionReady
from protocol.values import Patient, Sex
from relay.storage.people import Account
from tests.integration.relay_rig import Device, Running, in_call, make_site


class Browser:
    """A doctor's page as far as papers go: a key that stays here, and the relay's HTTP interface."""

    def __init__(self, rig: Running, session: aiohttp.ClientSession) -> None:
        self._rig, self._session = rig, session
        self._key = ec.generate_private_key(ec.SECP256R1())

    async def post(self, path: str, body: Any, kind: type[Any]) -> Any:
        async with self._session.post(self._rig.url + path, data=msgspec.json.encode(body),
                                      headers={"Content-Type": "application/json"}) as response:
            text = await response.read()
            assert response.status < 300, text
            return msgspec.json.decode(text, type=kind)

    async def certify(self) -> CertificateIssued:
        request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(self._key, hashes.SHA256())
        pem = request.public_bytes(serialization.Encoding.PEM).decode()
        issued = await self.post("/api/doctor/certificate", CertificateRequest(csr=pem), CertificateIssued)
        assert isinstance(issued, CertificateIssued)
        return issued

    async def prescribe(self, draft: PrescriptionDraft) -> PrescriptionView:
        prepared = await self.post("/api/prescriptions", draft, PrescriptionPrepared)
        r, s = decode_dss_signature(self._key.sign(base64.b64decode(prepared.to_be_signed),
                                                   ec.ECDSA(hashes.SHA256())))
        raw = base64.b64encode(r.to_bytes(32, "big") + s.to_bytes(32, "big")).decode()
        view = await self.post(f"/api/prescriptions/{prepared.prescription_id}/signature",
                               PrescriptionSignature(signature=raw), PrescriptionView)
        assert isinstance(view, PrescriptionView)
        return view


async def fetch(rig: Running, device: Device, path: str) -> tuple[int, bytes]:
    """As the vehicle fetches: with its certificate."""
    url = f"https://127.0.0.1:{rig.relay.vehicle_port}{path}"
    async with rig.http.get(url, ssl=device.tls()) as response:
        return response.status, await response.read()


@pytest.fixture
async def rig(tmp_path: Path) -> Any:
    async with make_site(tmp_path).relay() as running:
        async with running.relay.context.storage.session() as session:
            account = await session.get_one(Account, "d-anne")
            account.title, account.address = "Docteur", "1 place de la Mairie, 09000 Foix, France"
            account.phone, account.email = "+33 5 61 00 00 00", "anne@exemple.fr"
        yield running


async def test_a_prescription_reaches_the_vehicle_and_its_steps_the_doctor(rig: Running) -> None:
    """Signed in the browser, announced, fetched over mutual TLS, accepted by the vehicle, seen by the doctor."""
    device, other = await rig.vehicle(), await rig.vehicle("Bus 2")
    async with await rig.sign_in("anne") as session:
        browser = Browser(rig, session)
        certificate = (await browser.certify()).certificate
        async with rig.bus(device) as bus, rig.doctor() as doctor:
            assigned, granted = await in_call(bus, doctor)
            assert assigned.doctor.certificate == certificate
            patient = Patient(family_name="Durand", given_name="Jeanne", birth_date="1948-03-01", sex=Sex.female)
            view = await browser.prescribe(PrescriptionDraft(
                encounter_id="e1", call_id=granted.call_id, patient=patient,
                lines=(PrescriptionLine(drug="Amoxicilline", posology="1 matin et soir", days=7),)))
            ready = await bus.expect(PrescriptionReady)
            assert (ready.prescription_id, ready.sha256) == (view.prescription_id, view.sha256)
            status, pdf = await fetch(rig, device, f"/vehicle/prescriptions/{ready.prescription_id}")
            assert (status, hashlib.sha256(pdf).hexdigest()) == (200, ready.sha256)
            verified = await asyncio.to_thread(
                verify, pdf, ca_pem=device.enrolled.ca, doctor_certificate_pem=assigned.doctor.certificate,
                prescription_id=ready.prescription_id, encounter_id="e1", now=datetime.now(UTC))
            assert verified.drugs == ("Amoxicilline",)
            assert (await fetch(rig, other, f"/vehicle/prescriptions/{ready.prescription_id}"))[0] == 404
            assert await fetch(rig, other, "/vehicle/prescriptions") == (200, b"[]")
            for state in (PrescriptionState.arrived, PrescriptionState.printing, PrescriptionState.printed,
                          PrescriptionState.handed_over):
                await bus.say(PrescriptionProgress(prescription_id=ready.prescription_id, encounter_id="e1",
                                                   state=state, at=datetime.now(UTC)))
                seen = await doctor.expect(PrescriptionProgress)
                assert seen.state is state
    assert await fetch(rig, device, "/vehicle/prescriptions") == (200, b"[]")


async def test_a_vehicle_that_was_away_finds_its_prescription(rig: Running) -> None:
    """Signed while the bus is in a tunnel: announced at its return, until it says that it has arrived."""
    device = await rig.vehicle()
    async with await rig.sign_in("anne") as session, rig.doctor() as doctor:
        browser = Browser(rig, session)
        await browser.certify()
        async with rig.bus(device) as bus:
            _, granted = await in_call(bus, doctor)
        view = await browser.prescribe(PrescriptionDraft(
            encounter_id="e1", call_id=granted.call_id,
            patient=Patient(family_name="Durand", given_name="Jeanne", birth_date="1948-03-01", sex=Sex.female),
            lines=(PrescriptionLine(drug="Amoxicilline", posology="1 matin et soir", days=7),)))
        async with rig.bus(device) as bus:
            assert (await bus.expect(PrescriptionReady)).prescription_id == view.prescription_id
        status, waiting = await fetch(rig, device, "/vehicle/prescriptions")
        assert status == 200
        assert [ready.prescription_id for ready in msgspec.json.decode(waiting, type=list[PrescriptionReady])] == [
            view.prescription_id]


async def test_a_revoked_vehicle_fetches_nothing(rig: Running) -> None:
    """Its certificate is still good for TLS; the registry refuses it all the same."""
    device = await rig.vehicle()
    assert (await fetch(rig, device, "/vehicle/prescriptions"))[0] == 200
    await rig.relay.fleet.revoke(device.vehicle_id, by="it:ines")
    status, body = await fetch(rig, device, "/vehicle/prescriptions")
    assert (status, msgspec.json.decode(body)["code"]) == (403, "vehicle.revoked")


async def test_a_renewed_certificate_takes_over_at_its_first_use(rig: Running) -> None:
    """Renewal over the vehicle's own connection; the old key works until the new one is used, and not after."""
    device = await rig.vehicle()
    key = ec.generate_private_key(ec.SECP256R1())
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, hashes.SHA256())
    url = f"https://127.0.0.1:{rig.relay.vehicle_port}/vehicle/renew"
    async with rig.http.post(url, ssl=device.tls(), json={
            "csr": request.public_bytes(serialization.Encoding.PEM).decode()}) as response:
        issued = msgspec.json.decode(await response.read(), type=CertificateIssued)
    assert (await fetch(rig, device, "/vehicle/prescriptions"))[0] == 200
    renewed = Device(device.site, msgspec.structs.replace(device.enrolled, certificate=issued.certificate), key)
    assert (await fetch(rig, renewed, "/vehicle/prescriptions"))[0] == 200
    assert (await fetch(rig, device, "/vehicle/prescriptions"))[0] == 403
