"""The operator's issuing CA: certificate profiles for vehicles, doctors and servers (RFC 5280).

Pure but for `load`, which reads two files. The asker's key never leaves it: only PKCS#10 requests
(RFC 2986) come in, and nothing but their public key is taken over. Profiles: `certs/README.md`.
"""

from __future__ import annotations

import base64
import enum
import hashlib
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

from .errors import AuthorityUnusable, RequestRefused

CA_LIFETIME = timedelta(days=3650)
VEHICLE_LIFETIME = timedelta(days=90)
"""Renewal begins after a third; a bus in the workshop for a month still comes back by itself."""
DOCTOR_LIFETIME = timedelta(days=365)
SERVER_LIFETIME = timedelta(days=397)
"""The longest that browsers accept for a server."""
CLOCK_SKEW = timedelta(hours=1)
"""A vehicle whose clock battery is weak may be behind by that much when its certificate arrives."""

REQUEST_BYTES = 8 * 1024
"""A P-256 request is about 500 bytes in PEM; ten times that holds every extension one could add."""
COMMON_NAME_CHARACTERS = 64
"""RFC 5280, appendix A, ub-common-name."""
PIN_CHARACTERS = 26
"""Base32 characters of SHA-256 kept as pin: 130 bits, enough against a second pre-image."""

DOCUMENT_SIGNING = ObjectIdentifier("1.3.6.1.5.5.7.3.36")
"""id-kp-documentSigning (RFC 9336)."""


class Subject(enum.StrEnum):
    """Whom a certificate names, as the URN in its subject alternative name says."""

    vehicle = "vehicle"
    doctor = "doctor"


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate just issued. `spki_sha256`: SHA-256 of the SubjectPublicKeyInfo, lower-case hex."""

    certificate_pem: str
    serial: str
    spki_sha256: str
    not_after: datetime


def subject_urn(subject: Subject, subject_id: str) -> str:
    """The URI of the subject alternative name, `urn:passerelle:vehicle:<id>`."""
    return f"urn:passerelle:{subject}:{subject_id}"


def spki_sha256(key: ec.EllipticCurvePublicKey) -> str:
    """SHA-256 of the DER SubjectPublicKeyInfo, lower-case hex: how the registry names a key."""
    return hashlib.sha256(_spki(key)).hexdigest()


def certificate_spki(certificate_der: bytes) -> str:
    """The registry's name of the key in a DER certificate (`getpeercert(binary_form=True)`).

    Raises `RequestRefused` when it is no certificate with a P-256 key.
    """
    try:
        key = x509.load_der_x509_certificate(certificate_der).public_key()
    except (ValueError, UnsupportedAlgorithm) as error:
        raise RequestRefused("certificate.unreadable") from error
    return spki_sha256(_p256(key))


class IssuingAuthority:
    """Signs certificates. One an operator; `certificate_pem` is what vehicles and pages pin."""

    def __init__(self, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> None:
        if _spki(key.public_key()) != certificate.public_key().public_bytes(
                serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo):
            raise AuthorityUnusable("ca.key_mismatch")
        self._certificate = certificate
        self._key = key

    @classmethod
    def create(cls, name: str, now: datetime) -> IssuingAuthority:
        """A new self-signed CA, valid ten years, that may sign end-entity certificates only."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = _common_name(name)
        certificate = (_builder(subject, subject, key.public_key(), now, CA_LIFETIME)
                       .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
                       .add_extension(_key_usage(signs_certificates=True), critical=True)
                       .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
                       .sign(key, hashes.SHA256()))
        return cls(certificate, key)

    @classmethod
    def load(cls, certificate_file: Path, key_file: Path) -> IssuingAuthority:
        """Reads the two PEM files; raises `AuthorityUnusable` with a code and the file's name."""
        try:
            certificate = x509.load_pem_x509_certificate(certificate_file.read_bytes())
            key = serialization.load_pem_private_key(key_file.read_bytes(), password=None)
        except OSError as error:
            raise AuthorityUnusable("ca.missing", file=str(error.filename)) from error
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise AuthorityUnusable("ca.unreadable", file=str(key_file)) from error
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise AuthorityUnusable("ca.unreadable", file=str(key_file))
        return cls(certificate, key)

    @property
    def certificate_pem(self) -> str:
        """The CA's certificate."""
        return _pem(self._certificate)

    @property
    def key_pem(self) -> bytes:
        """The CA's private key, unencrypted PKCS#8, for the file of mode 0600 and nothing else."""
        return private_key_pem(self._key)

    @property
    def pin(self) -> str:
        """First base32 characters of SHA-256 over the CA's SPKI; part of every enrolment code."""
        key = self._key.public_key()
        return base64.b32encode(hashlib.sha256(_spki(key)).digest()).decode("ascii")[:PIN_CHARACTERS]

    def issue_vehicle(self, csr_pem: str, *, vehicle_id: str, name: str, now: datetime) -> Issued:
        """Profile `vehicle`: mutual TLS and the signed DTLS binding. Raises `RequestRefused`."""
        return self._issue(requested_key(csr_pem), name, now, VEHICLE_LIFETIME,
                           san=[x509.UniformResourceIdentifier(subject_urn(Subject.vehicle, vehicle_id))],
                           usage=_key_usage(), extended=[ExtendedKeyUsageOID.CLIENT_AUTH])

    def issue_doctor(self, csr_pem: str, *, doctor_id: str, name: str, now: datetime) -> Issued:
        """Profile `doctor`: signs prescriptions and the DTLS binding. Raises `RequestRefused`."""
        return self._issue(requested_key(csr_pem), name, now, DOCTOR_LIFETIME,
                           san=[x509.UniformResourceIdentifier(subject_urn(Subject.doctor, doctor_id))],
                           usage=_key_usage(commits=True),
                           extended=[DOCUMENT_SIGNING, ExtendedKeyUsageOID.EMAIL_PROTECTION])

    def issue_server(self, key: ec.EllipticCurvePublicKey, *, hosts: Sequence[str], now: datetime) -> Issued:
        """Profile `server`: host names and addresses of the relay's two listeners."""
        return self._issue(key, hosts[0], now, SERVER_LIFETIME, san=[_host_name(host) for host in hosts],
                           usage=_key_usage(), extended=[ExtendedKeyUsageOID.SERVER_AUTH])

    def _issue(self, key: ec.EllipticCurvePublicKey, name: str, now: datetime, lifetime: timedelta, *,
               san: Sequence[x509.GeneralName], usage: x509.KeyUsage,
               extended: Sequence[ObjectIdentifier]) -> Issued:
        issuer_key_id = self._certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
        certificate = (
            _builder(_common_name(name), self._certificate.subject, key, now, lifetime)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(usage, critical=True)
            .add_extension(x509.ExtendedKeyUsage(extended), critical=False)
            .add_extension(x509.SubjectAlternativeName(san), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(issuer_key_id),
                           critical=False)
            .sign(self._key, hashes.SHA256()))
        return Issued(certificate_pem=_pem(certificate), serial=f"{certificate.serial_number:x}",
                      spki_sha256=spki_sha256(key), not_after=certificate.not_valid_after_utc)


def requested_key(csr_pem: str) -> ec.EllipticCurvePublicKey:
    """The public key of a PKCS#10 request whose own signature holds. Raises `RequestRefused`."""
    if len(csr_pem) > REQUEST_BYTES:
        raise RequestRefused("csr.too_large")
    try:
        request = x509.load_pem_x509_csr(csr_pem.encode("ascii"))
        key = _p256(request.public_key())
        signed = request.is_signature_valid
    except (ValueError, UnsupportedAlgorithm) as error:
        raise RequestRefused("csr.unreadable") from error
    if not signed:
        raise RequestRefused("csr.signature")
    return key


def private_key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    """PKCS#8 without a password."""
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                             serialization.NoEncryption())


def _p256(key: object) -> ec.EllipticCurvePublicKey:
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise RequestRefused("csr.key_type")
    return key


def _spki(key: ec.EllipticCurvePublicKey) -> bytes:
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime,
             lifetime: timedelta) -> x509.CertificateBuilder:
    return (x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - CLOCK_SKEW).not_valid_after(now + lifetime))


def _common_name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:COMMON_NAME_CHARACTERS])])


def _key_usage(*, signs_certificates: bool = False, commits: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(digital_signature=not signs_certificates, content_commitment=commits,
                         key_encipherment=False, data_encipherment=False, key_agreement=False,
                         key_cert_sign=signs_certificates, crl_sign=signs_certificates,
                         encipher_only=False, decipher_only=False)


def _host_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode("ascii")
