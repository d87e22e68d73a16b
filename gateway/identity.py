"""Who this vehicle is: device key, certificate, the operator's CA, and the TLS made of them.

One folder holds them, written by `enrolment`: `vehicle.key` (0600, made here, never leaves),
`vehicle.pem`, `ca.pem`, and last `vehicle.json`, whose presence says that the enrolment is whole.
Profiles of the certificates: RFC 5280 with the URN of the subject in the SAN; see certs/README.md.
"""

from __future__ import annotations

import base64
import hashlib
import math
import socket
import ssl
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.x509.oid import ExtendedKeyUsageOID, ObjectIdentifier

from protocol.values import Id, Line

KEY_FILE, CERTIFICATE_FILE, CA_FILE, VEHICLE_FILE = "vehicle.key", "vehicle.pem", "ca.pem", "vehicle.json"

DOCUMENT_SIGNING = ObjectIdentifier("1.3.6.1.5.5.7.3.36")
"""id-kp-documentSigning (RFC 9336): what sets a doctor's certificate apart from a vehicle's."""

PIN_CHARACTERS = 26
"""Base32 of SHA-256 kept in an enrolment code: 130 bits, enough against a second pre-image."""

COORDINATE_BYTES = 32
"""Length of r and of s on P-256 (IEEE P1363)."""


_NOT_YET_VALID, _EXPIRED, _HOST_NAME, _IP_ADDRESS = 9, 10, 62, 64
"""X509_V_ERR_* of OpenSSL, x509_vfy.h."""


ALERT_SECONDS = 10.0
"""The alert follows our Finished by one round trip; two more for the handshake, at 800 ms each, and a busy relay."""


class IdentityRefused(Exception):
    """A certificate or key that is not acceptable, ours or another's."""

    def __init__(self, code: str, **facts: str) -> None:
        super().__init__(code)
        self.code = code
        self.facts = facts


class VehicleFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`vehicle.json`: what the relay said when it enrolled this vehicle."""

    vehicle_id: Id
    name: Line
    territory: Line = ""
    relay_url: str


def spki_pin(certificate: x509.Certificate) -> str:
    """The pin of a CA in an enrolment code: SHA-256 of its SubjectPublicKeyInfo, base32, cut."""
    spki = certificate.public_key().public_bytes(serialization.Encoding.DER,
                                                 serialization.PublicFormat.SubjectPublicKeyInfo)
    return base64.b32encode(hashlib.sha256(spki).digest()).decode("ascii")[:PIN_CHARACTERS]


def read_certificate(pem: str | bytes) -> x509.Certificate:
    """One certificate in PEM; raises IdentityRefused `certificate.unreadable`."""
    try:
        return x509.load_pem_x509_certificate(pem.encode("ascii") if isinstance(pem, str) else pem)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise IdentityRefused("certificate.unreadable") from error


def raw_signature(key: ec.EllipticCurvePrivateKey, statement: bytes) -> bytes:
    """ECDSA P-256/SHA-256 over `statement`, raw r||s of 64 bytes."""
    r, s = decode_dss_signature(key.sign(statement, ec.ECDSA(hashes.SHA256())))
    return r.to_bytes(COORDINATE_BYTES, "big") + s.to_bytes(COORDINATE_BYTES, "big")


def verify_certificate(certificate: x509.Certificate, ca: x509.Certificate, *, urn: str,
                       usage: ObjectIdentifier, now: datetime) -> ec.EllipticCurvePublicKey:
    """The key of an end-entity certificate issued by `ca` for `urn`; raises IdentityRefused.

    RFC 5280, section 6.1, for the one-step path this system has.
    """
    try:
        certificate.verify_directly_issued_by(ca)
    except (ValueError, TypeError, InvalidSignature) as error:
        raise IdentityRefused("certificate.foreign") from error
    if now < certificate.not_valid_before_utc:
        raise IdentityRefused("certificate.not_yet_valid")
    if now > certificate.not_valid_after_utc:
        raise IdentityRefused("certificate.expired")
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        usages = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
        key_usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError) as error:
        raise IdentityRefused("certificate.profile") from error
    if constraints.ca or usage not in usages or not key_usage.digital_signature:
        raise IdentityRefused("certificate.profile")
    if names.get_values_for_type(x509.UniformResourceIdentifier) != [urn]:
        raise IdentityRefused("certificate.subject")
    key = certificate.public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise IdentityRefused("certificate.key_type")
    return key


class DeviceIdentity:
    """This vehicle's identity; implements the session's `Signer`."""

    def __init__(self, vehicle: VehicleFile, key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate,
                 ca: x509.Certificate, directory: Path,
                 now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        if _spki(key.public_key()) != _spki(certificate.public_key()):
            raise IdentityRefused("identity.key_mismatch", directory=str(directory))
        self.vehicle = vehicle
        self.vehicle_id = vehicle.vehicle_id
        self.certificate_pem = _pem(certificate)
        self.ca_pem = _pem(ca)
        self._key, self._certificate, self._ca = key, certificate, ca
        self._directory = directory
        self._now = now

    @classmethod
    def load(cls, directory: Path, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> DeviceIdentity:
        """Read the folder; raises IdentityRefused with a code and the file's name. Blocking.

        An expired certificate loads: the kiosk works without the relay and says what is wrong.
        """
        vehicle_path = directory / VEHICLE_FILE
        if not vehicle_path.exists():
            raise IdentityRefused("identity.not_enrolled", directory=str(directory))
        try:
            vehicle = msgspec.json.decode(vehicle_path.read_bytes(), type=VehicleFile)
            key = serialization.load_pem_private_key((directory / KEY_FILE).read_bytes(), password=None)
            certificate = read_certificate((directory / CERTIFICATE_FILE).read_bytes())
            ca = read_certificate((directory / CA_FILE).read_bytes())
        except OSError as error:
            raise IdentityRefused("identity.missing", file=str(error.filename)) from error
        except (ValueError, TypeError, UnsupportedAlgorithm, IdentityRefused) as error:
            raise IdentityRefused("identity.unreadable", directory=str(directory)) from error
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise IdentityRefused("identity.unreadable", directory=str(directory))
        identity = cls(vehicle, key, certificate, ca, directory, now)
        identity._check_own()
        return identity

    def sign(self, statement: bytes) -> bytes:
        """Raw r||s over `statement` with the device key."""
        return raw_signature(self._key, statement)

    def verify_doctor(self, certificate_pem: str, doctor_id: str) -> ec.EllipticCurvePublicKey:
        """The key of this doctor's certificate; raises IdentityRefused when it does not hold now."""
        return verify_certificate(read_certificate(certificate_pem), self._ca, now=self._now(),
                                  urn=f"urn:passerelle:doctor:{doctor_id}", usage=DOCUMENT_SIGNING)

    def certificate_days(self) -> int:
        """Whole days until our certificate expires; negative when it has."""
        return math.floor((self._certificate.not_valid_after_utc - self._now()).total_seconds() / 86_400)

    def certificate_code(self) -> str | None:
        """Why the relay will refuse our certificate now, as far as we can tell."""
        if self._now() > self._certificate.not_valid_after_utc:
            return "certificate.expired"
        if self._now() < self._certificate.not_valid_before_utc:
            return "certificate.not_yet_valid"
        return None

    def ssl_context(self) -> ssl.SSLContext:
        """Mutual TLS to the relay: our certificate, and no authority but the operator's. Blocking."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_verify_locations(cadata=self.ca_pem)
        context.load_cert_chain(self._directory / CERTIFICATE_FILE, self._directory / KEY_FILE)
        return context

    def _check_own(self) -> None:
        try:
            verify_certificate(self._certificate, self._ca, now=self._certificate.not_valid_before_utc,
                               urn=f"urn:passerelle:vehicle:{self.vehicle_id}", usage=ExtendedKeyUsageOID.CLIENT_AUTH)
        except IdentityRefused as error:
            raise IdentityRefused(f"identity.{error.code.rpartition('.')[2]}",
                                  directory=str(self._directory)) from error


def tls_code(error: BaseException) -> str | None:
    """The reason code of a failed TLS handshake, or None when it was something else.

    `relay.*`: its certificate is not acceptable to us; `certificate.refused`: ours is not to it.
    Alert descriptions: RFC 8446, section 6.2.
    """
    seen: BaseException | None = error
    while seen is not None:
        # aiohttp's own classes inherit from ssl's and carry the real one.
        inner = getattr(seen, "certificate_error", None) or getattr(seen, "os_error", None)
        if inner is None and isinstance(seen, ssl.SSLCertVerificationError):
            return {_EXPIRED: "relay.certificate_expired", _NOT_YET_VALID: "relay.certificate_not_yet_valid",
                    _HOST_NAME: "relay.certificate_name", _IP_ADDRESS: "relay.certificate_name"}.get(
                        seen.verify_code, "relay.certificate_foreign")
        if inner is None and isinstance(seen, ssl.SSLError):
            reason = (seen.reason or "").lower()
            if "alert" in reason and any(word in reason for word in ("certificate", "unknown_ca", "denied")):
                return "certificate.expired" if "expired" in reason else "certificate.refused"
            return "relay.tls"
        seen = inner or seen.__cause__ or seen.__context__
    return None


def tls_alert(host: str, port: int, context: ssl.SSLContext) -> str | None:
    """Shake hands once more, say nothing, and see why the other end closes. Blocking.

    A server that accepted our certificate waits for a request; asyncio's closes without an alert.
    """
    greeted = False
    try:
        with (socket.create_connection((host, port), timeout=ALERT_SECONDS) as plain,
              context.wrap_socket(plain, server_hostname=host) as tls):
            greeted = True
            return "certificate.refused" if not tls.recv(1) else None
    except TimeoutError:
        return None
    except OSError as error:
        return tls_code(error) or ("certificate.refused" if greeted else None)


def _spki(key: object) -> bytes:
    assert hasattr(key, "public_bytes")
    spki: bytes = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return spki


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode("ascii")
