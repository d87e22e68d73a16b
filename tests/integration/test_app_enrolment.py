"""Enrolment over HTTP and HTTPS on loopback, with the relay's real CA behind a small server."""

from __future__ import annotations

import ssl
import stat
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from gateway import enrolment
from gateway.enrolment import EnrolmentRefused, enrol
from gateway.identity import DeviceIdentity, IdentityRefused
from protocol.accounts import Enrolled, Enrolment, ErrorBody
from relay.fleet import codes
from relay.fleet.ca import IssuingAuthority, private_key_pem

NOW = datetime.now(UTC)
Answer = Callable[[Enrolment], Enrolled | ErrorBody]


@pytest.fixture
def ca() -> IssuingAuthority:
    return IssuingAuthority.create("Operator", NOW)


def issuing(ca: IssuingAuthority, seen: list[Enrolment] | None = None) -> Answer:
    def answer(request: Enrolment) -> Enrolled:
        if seen is not None:
            seen.append(request)
        issued = ca.issue_vehicle(request.csr, vehicle_id="bus-1", name="Bus", now=NOW)
        return Enrolled(vehicle_id="bus-1", name="Bus", territory="Ariège", certificate=issued.certificate_pem,
                        ca=ca.certificate_pem, vehicle_url="https://relay.example:8444")
    return answer


@asynccontextmanager
async def relay_of(answer: Answer, *, tls: ssl.SSLContext | None = None, shown: str = "") -> AsyncIterator[str]:
    async def post(request: web.Request) -> web.Response:
        body = answer(msgspec.json.decode(await request.read(), type=Enrolment))
        return web.Response(body=msgspec.json.encode(body), status=201 if isinstance(body, Enrolled) else 403)

    async def show(request: web.Request) -> web.Response:
        return web.Response(text=shown, content_type="application/x-pem-file")

    app = web.Application()
    app.router.add_post("/api/enrol", post)
    if shown:
        app.router.add_get("/api/ca", show)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
    try:
        yield f"{'https' if tls else 'http'}://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def server_tls(ca: IssuingAuthority, directory: Path) -> ssl.SSLContext:
    key = ec.generate_private_key(ec.SECP256R1())
    chain = directory / "server.pem"
    chain.write_bytes(ca.issue_server(key.public_key(), hosts=["127.0.0.1"], now=NOW).certificate_pem.encode()
                      + private_key_pem(key))
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(chain)
    return tls


async def test_a_code_becomes_an_identity_whose_key_was_made_here(ca: IssuingAuthority, tmp_path: Path) -> None:
    """The folder is whole afterwards: loadable, key 0600 and never sent, no pending key left."""
    seen: list[Enrolment] = []
    secret = codes.new_secret()
    async with relay_of(issuing(ca, seen)) as url:
        vehicle = await enrol(codes.written(secret, ca.pin).lower(), url, tmp_path / "id")
    assert vehicle.vehicle_id == "bus-1"
    identity = DeviceIdentity.load(tmp_path / "id")
    assert identity.certificate_days() == 89
    assert stat.S_IMODE((tmp_path / "id" / "vehicle.key").stat().st_mode) == 0o600
    assert sorted(path.name for path in (tmp_path / "id").iterdir()) == [
        "ca.pem", "vehicle.json", "vehicle.key", "vehicle.pem"]
    assert "PRIVATE" not in seen[0].csr
    assert codes.secret_sha256(seen[0].code) == codes.secret_sha256(secret)


async def test_a_ca_that_does_not_fit_the_pin_is_refused(ca: IssuingAuthority, tmp_path: Path) -> None:
    """Nothing is trusted on first use: another authority's certificate is not installed."""
    other = IssuingAuthority.create("Other", NOW)
    async with relay_of(issuing(other)) as url:
        with pytest.raises(EnrolmentRefused, match=r"enrol\.ca_pin"):
            await enrol(codes.written(codes.new_secret(), ca.pin), url, tmp_path)
    with pytest.raises(IdentityRefused, match=r"identity\.not_enrolled"):
        DeviceIdentity.load(tmp_path)


async def test_over_https_the_secret_goes_only_to_a_server_of_the_pinned_ca(ca: IssuingAuthority,
                                                                            tmp_path: Path) -> None:
    """A server with the pinned CA is asked; one that shows another CA, or none, never sees the code."""
    other = IssuingAuthority.create("Other", NOW)
    code = codes.written(codes.new_secret(), ca.pin)
    async with relay_of(issuing(ca), tls=server_tls(ca, tmp_path), shown=ca.certificate_pem) as url:
        await enrol(code, url, tmp_path / "good")
    seen: list[Enrolment] = []
    for shown in (other.certificate_pem, ca.certificate_pem, ""):
        async with relay_of(issuing(ca, seen), tls=server_tls(other, tmp_path), shown=shown) as url:
            with pytest.raises(EnrolmentRefused) as caught:
                await enrol(code, url, tmp_path / "bad")
            assert caught.value.code in ("enrol.ca_pin", "relay.certificate_foreign")
    assert seen == []


@pytest.mark.parametrize("code", ["enrol.code_unknown", "enrol.code_used", "enrol.code_expired", "csr.key_in_use"])
async def test_the_relays_refusal_keeps_its_code_and_has_a_sentence(ca: IssuingAuthority, tmp_path: Path,
                                                                    code: str) -> None:
    """Each refusal of the relay comes out by its code, and a person can read what to do."""
    async with relay_of(lambda request: ErrorBody(code=code)) as url:
        with pytest.raises(EnrolmentRefused) as caught:
            await enrol(codes.written(codes.new_secret(), ca.pin), url, tmp_path)
    assert caught.value.code == code
    assert enrolment.SENTENCES[code].endswith(".")
    assert (tmp_path / enrolment.PENDING_KEY_FILE).exists() == (code != "csr.key_in_use")


async def test_a_lost_answer_uses_the_same_key_again(ca: IssuingAuthority, tmp_path: Path) -> None:
    """The key made for a request that was never answered is the key of the next request."""
    code = codes.written(codes.new_secret(), ca.pin)
    seen: list[Enrolment] = []
    with pytest.raises(EnrolmentRefused, match=r"enrol\.unreachable"):
        await enrol(code, "http://127.0.0.1:1", tmp_path)
    pending = (tmp_path / enrolment.PENDING_KEY_FILE).read_bytes()
    async with relay_of(issuing(ca, seen)) as url:
        await enrol(code, url, tmp_path)
    assert (tmp_path / "vehicle.key").read_bytes() == pending


@pytest.mark.parametrize(("typed", "url", "code"), [
    ("ABC", "http://127.0.0.1:1", "enrol.code_malformed"), (None, "http://relay.example", "enrol.insecure"),
    (None, "ftp://127.0.0.1", "enrol.unreachable")])
async def test_what_can_not_work_is_refused_before_anything_is_sent(ca: IssuingAuthority, tmp_path: Path,
                                                                    typed: str | None, url: str, code: str) -> None:
    """A cut code, plain HTTP to another machine and a strange address never reach the network."""
    with pytest.raises(EnrolmentRefused) as caught:
        await enrol(typed or codes.written(codes.new_secret(), ca.pin), url, tmp_path)
    assert caught.value.code == code


async def test_an_enrolled_folder_is_not_overwritten_unasked(ca: IssuingAuthority, tmp_path: Path) -> None:
    """A second enrolment needs --replace, and then the new identity is whole."""
    code = codes.written(codes.new_secret(), ca.pin)
    async with relay_of(issuing(ca)) as url:
        await enrol(code, url, tmp_path)
        before = (tmp_path / "vehicle.key").read_bytes()
        with pytest.raises(EnrolmentRefused, match=r"enrol\.already"):
            await enrol(code, url, tmp_path)
        await enrol(code, url, tmp_path, replace=True)
    assert (tmp_path / "vehicle.key").read_bytes() != before
    DeviceIdentity.load(tmp_path)


async def test_only_a_doctor_of_this_authority_is_accepted_as_doctor(ca: IssuingAuthority, tmp_path: Path) -> None:
    """I5: a vehicle's certificate, another doctor's, a foreign one and an expired one are each refused."""
    async with relay_of(issuing(ca)) as url:
        await enrol(codes.written(codes.new_secret(), ca.pin), url, tmp_path)
    identity = DeviceIdentity.load(tmp_path)
    key = ec.generate_private_key(ec.SECP256R1())
    csr = enrolment._request(key)

    def doctor(issuer: IssuingAuthority, doctor_id: str, at: datetime = NOW) -> str:
        return issuer.issue_doctor(csr, doctor_id=doctor_id, name="Dr", now=at).certificate_pem

    accepted = identity.verify_doctor(doctor(ca, "d1"), "d1")
    assert accepted.public_numbers() == key.public_key().public_numbers()
    for pem, code in (
            (doctor(ca, "d2"), "certificate.subject"),
            (doctor(IssuingAuthority.create("Operator", NOW), "d1"), "certificate.foreign"),
            (doctor(ca, "d1", NOW - timedelta(days=400)), "certificate.expired"),
            (doctor(ca, "d1", NOW + timedelta(days=2)), "certificate.not_yet_valid"),
            (ca.issue_vehicle(csr, vehicle_id="d1", name="x", now=NOW).certificate_pem, "certificate.profile"),
            ("not a certificate", "certificate.unreadable")):
        with pytest.raises(IdentityRefused) as caught:
            identity.verify_doctor(pem, "d1")
        assert caught.value.code == code


async def test_the_device_key_signs_raw_r_and_s(ca: IssuingAuthority, tmp_path: Path) -> None:
    """The signature is 64 bytes of r||s that the certificate's key verifies (IEEE P1363)."""
    async with relay_of(issuing(ca)) as url:
        await enrol(codes.written(codes.new_secret(), ca.pin), url, tmp_path)
    identity = DeviceIdentity.load(tmp_path)
    raw = identity.sign(b"statement")
    assert len(raw) == 64
    public = x509.load_pem_x509_certificate(identity.certificate_pem.encode()).public_key()
    assert isinstance(public, ec.EllipticCurvePublicKey)
    der = encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
    public.verify(der, b"statement", ec.ECDSA(hashes.SHA256()))
