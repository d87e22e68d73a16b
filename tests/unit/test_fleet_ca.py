"""The issuing CA, its profiles, enrolment codes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from cryptography.x509.verification import PolicyBuilder, Store

from relay.fleet.ca import DOCUMENT_SIGNING, IssuingAuthority, certificate_spki, spki_sha256
from relay.fleet.codes import new_secret, secret_sha256, written
from relay.fleet.errors import AuthorityUnusable, CodeRefused, RequestRefused

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def authority() -> IssuingAuthority:
    return IssuingAuthority.create("Test CA", NOW)


def request(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> str:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "somebody else")])
    return (x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
            .public_bytes(serialization.Encoding.PEM).decode())


def test_a_vehicle_certificate_has_its_profile_and_nothing_of_the_request_but_the_key(
        authority: IssuingAuthority) -> None:
    """The subject, names and usages come from the relay alone."""
    key = ec.generate_private_key(ec.SECP256R1())
    issued = authority.issue_vehicle(request(key), vehicle_id="v1", name="Médicobus du Morvan", now=NOW)
    certificate = x509.load_pem_x509_certificate(issued.certificate_pem.encode())
    extensions = certificate.extensions
    san = extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert list(san) == [x509.UniformResourceIdentifier("urn:passerelle:vehicle:v1")]
    assert list(extensions.get_extension_for_class(x509.ExtendedKeyUsage).value) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    assert certificate.subject.rfc4514_string() == "CN=Médicobus du Morvan"
    assert certificate.not_valid_after_utc == NOW + timedelta(days=90)
    assert not extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert issued.spki_sha256 == spki_sha256(key.public_key())
    assert issued.spki_sha256 == certificate_spki(certificate.public_bytes(serialization.Encoding.DER))
    ca = x509.load_pem_x509_certificate(authority.certificate_pem.encode())
    chain = PolicyBuilder().store(Store([ca])).time(NOW).build_client_verifier().verify(certificate, [])
    assert chain.chain[-1] == ca


def test_a_doctor_certificate_may_commit_to_documents(authority: IssuingAuthority) -> None:
    """contentCommitment and documentSigning are what PAdES validators ask of a signer."""
    key = ec.generate_private_key(ec.SECP256R1())
    issued = authority.issue_doctor(request(key), doctor_id="d-1", name="Claire " + "M" * 90, now=NOW)
    certificate = x509.load_pem_x509_certificate(issued.certificate_pem.encode())
    usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    assert (usage.digital_signature, usage.content_commitment, usage.key_cert_sign) == (True, True, False)
    assert DOCUMENT_SIGNING in certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert len(certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value) == 64


def test_serial_numbers_are_random(authority: IssuingAuthority) -> None:
    """Two certificates of the same key differ in their serial."""
    csr = request(ec.generate_private_key(ec.SECP256R1()))
    assert len({authority.issue_vehicle(csr, vehicle_id="v1", name="A", now=NOW).serial for _ in range(3)}) == 3


def _tampered() -> str:
    csr = x509.load_pem_x509_csr(request(ec.generate_private_key(ec.SECP256R1())).encode())
    der = bytearray(csr.public_bytes(serialization.Encoding.DER))
    der[der.index(b"somebody else")] ^= 1
    return x509.load_der_x509_csr(bytes(der)).public_bytes(serialization.Encoding.PEM).decode()


@pytest.mark.parametrize(("csr", "code"), [
    ("", "csr.unreadable"),
    ("-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n", "csr.unreadable"),
    ("é", "csr.unreadable"),
    ("A" * 9000, "csr.too_large"),
    (request(rsa.generate_private_key(65537, 2048)), "csr.key_type"),
    (request(ec.generate_private_key(ec.SECP384R1())), "csr.key_type"),
    (_tampered(), "csr.signature"),
], ids=["empty", "garbage", "not ascii", "too large", "rsa", "p-384", "tampered"])
def test_a_request_that_does_not_hold_is_refused(authority: IssuingAuthority, csr: str, code: str) -> None:
    """Every bad request has its own code, and none a traceback."""
    with pytest.raises(RequestRefused) as refused:
        authority.issue_vehicle(csr, vehicle_id="v1", name="A", now=NOW)
    assert refused.value.code == code


def test_a_ca_whose_key_is_another_one_is_not_used(authority: IssuingAuthority, tmp_path: Path) -> None:
    """Files of two CAs mixed up are found at start, not by the first vehicle."""
    folder = tmp_path
    other = IssuingAuthority.create("Other CA", NOW)
    (folder / "ca.pem").write_text(authority.certificate_pem)
    (folder / "ca.key").write_bytes(other.key_pem)
    with pytest.raises(AuthorityUnusable, match="key_mismatch"):
        IssuingAuthority.load(folder / "ca.pem", folder / "ca.key")
    (folder / "ca.key").write_bytes(authority.key_pem)
    assert IssuingAuthority.load(folder / "ca.pem", folder / "ca.key").pin == authority.pin
    (folder / "ca.key").unlink()
    with pytest.raises(AuthorityUnusable, match=r"ca\.missing"):
        IssuingAuthority.load(folder / "ca.pem", folder / "ca.key")


def test_a_code_is_read_as_people_type_it(authority: IssuingAuthority) -> None:
    """Case, spaces and hyphens do not count; the pin is not part of the secret."""
    secret = new_secret()
    code = written(secret, authority.pin)
    assert len(authority.pin) == 26
    assert code.count("-") == 4
    for typed in (code, code.lower(), code.replace("-", " "), code.replace("-", ""), f" {secret} "):
        assert secret_sha256(typed) == secret_sha256(secret)


@pytest.mark.parametrize("code", ["", ".", "A" * 25, "A" * 27, "1" * 26, "A" * 25 + "é"])
def test_a_code_that_cannot_be_one_is_refused(code: str) -> None:
    """A mistyped code is told from one that is unknown."""
    with pytest.raises(CodeRefused) as refused:
        secret_sha256(code)
    assert refused.value.code == "enrol.code_malformed"
