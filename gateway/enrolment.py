"""`passerelle-gateway enrol`: a one-time code becomes a certificate for a key made here.

A code is `secret.pin`: 128 bits in base32 by groups, and the pin of the operator's CA. A CA that
does not fit the pin is refused, so nothing is trusted on first use. The secret goes only to a relay whose
TLS holds: on loopback in plain, else by the system's authorities or by the pinned CA.
"""

from __future__ import annotations

import ipaddress
import re
import ssl
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from yarl import URL

from protocol.accounts import Enrolled, Enrolment, ErrorBody

from . import durable_file
from .identity import (
    CA_FILE,
    CERTIFICATE_FILE,
    KEY_FILE,
    PIN_CHARACTERS,
    VEHICLE_FILE,
    IdentityRefused,
    VehicleFile,
    read_certificate,
    spki_pin,
    tls_code,
    verify_certificate,
)

PENDING_KEY_FILE = "pending.key"
"""The key between its making and its certificate; used again when the answer was lost on the way."""

SECRET_CHARACTERS = 26
"""128 bits in base32 (RFC 4648, section 6)."""

ANSWER_BYTES = 64 * 1024
"""Two certificates of 16 KiB and a name, with room."""

ENROL_SECONDS = 30.0
"""A request and an answer on a bad link; past it a person tries again."""

_CODE = re.compile(rf"([A-Z2-7]{{{SECRET_CHARACTERS}}})\.([A-Z2-7]{{{PIN_CHARACTERS}}})")


class EnrolmentRefused(Exception):
    """The enrolment did not happen; `code` is the relay's or ours."""

    def __init__(self, code: str, **facts: str) -> None:
        super().__init__(code)
        self.code = code
        self.facts = facts


SENTENCES = {
    "enrol.code_malformed": "The code is not complete: copy it whole, with the part after the point.",
    "enrol.code_unknown": "The relay does not know this code: ask IT support for a new one.",
    "enrol.code_used": "This code has been used: ask IT support for a new one.",
    "enrol.code_expired": "This code has expired: ask IT support for a new one.",
    "enrol.unreachable": "The relay can't be reached: check the address and the network, the code stays good.",
    "enrol.insecure": "A relay that is not on this machine is asked over https only.",
    "enrol.ca_pin": "The relay's authority is not the one this code names: do not go on, tell IT support.",
    "enrol.answer": "The relay's answer can't be read: it may be another release; tell IT support.",
    "enrol.vehicle_revoked": "This vehicle was revoked: ask IT support.",
    "enrol.too_many": "Too many tries from here: wait a minute and run the command again.",
    "csr.key_in_use": "The relay knows this key already; a new one was prepared: ask IT support for a new code.",
    "csr.key_revoked": "The relay has revoked this key; a new one was prepared: ask IT support for a new code.",
    "enrol.already": "This folder holds an enrolled vehicle; say --replace to give it a new identity.",
}


@dataclass(frozen=True, slots=True)
class EnrolmentCode:
    """A code as typed or scanned. `text` is its canonical form, which goes to the relay."""

    text: str
    pin: str

    @classmethod
    def parse(cls, typed: str) -> EnrolmentCode:
        """Read a code; raises EnrolmentRefused `enrol.code_malformed`. Blanks and case do not matter."""
        compact = "".join(typed.split()).replace("-", "").upper()
        match = _CODE.fullmatch(compact)
        if match is None:
            raise EnrolmentRefused("enrol.code_malformed")
        secret, pin = match.groups()
        groups = "-".join(secret[at:at + 5] for at in range(0, SECRET_CHARACTERS, 5))
        return cls(f"{groups}.{pin}", pin)


async def enrol(typed: str, relay: str, directory: Path, *, replace: bool = False) -> VehicleFile:
    """Enrol this vehicle at the relay's public address; the folder is whole when it returns.

    Raises EnrolmentRefused, or OSError of the folder.
    """
    code = EnrolmentCode.parse(typed)
    base = URL(relay)
    if base.scheme not in ("http", "https") or not base.host:
        raise EnrolmentRefused("enrol.unreachable", relay=relay)
    if base.scheme == "http" and not _loopback(base.host):
        raise EnrolmentRefused("enrol.insecure", relay=relay)
    key = _prepare(directory, replace)
    request = Enrolment(code=code.text, csr=_request(key))
    timeout = aiohttp.ClientTimeout(total=ENROL_SECONDS)
    try:
        async with aiohttp.ClientSession(timeout=timeout) as http:
            trust = await _trust(http, base, code) if base.scheme == "https" else True
            enrolled = await _ask(http, base, request, trust)
    except EnrolmentRefused as error:
        if error.code.startswith("csr.key_"):
            (directory / PENDING_KEY_FILE).unlink(missing_ok=True)
        raise
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        raise EnrolmentRefused(tls_code(error) or "enrol.unreachable", relay=relay) from error
    return _install(directory, key, enrolled, code)


def _prepare(directory: Path, replace: bool) -> ec.EllipticCurvePrivateKey:
    if (directory / VEHICLE_FILE).exists() and not replace:
        raise EnrolmentRefused("enrol.already", directory=str(directory))
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    return _pending_key(directory)


async def _ask(http: aiohttp.ClientSession, base: URL, request: Enrolment,
               trust: ssl.SSLContext | bool) -> Enrolled:
    async with http.post(base / "api" / "enrol", data=msgspec.json.encode(request), ssl=trust,
                         headers={"Content-Type": "application/json"}, allow_redirects=False) as response:
        body = await response.content.read(ANSWER_BYTES)
        try:
            if response.status in (200, 201):
                return msgspec.json.decode(body, type=Enrolled)
            refusal = msgspec.json.decode(body, type=ErrorBody)
        except msgspec.MsgspecError as error:
            raise EnrolmentRefused("enrol.answer", status=str(response.status)) from error
        raise EnrolmentRefused(refusal.code, **refusal.facts)


async def _trust(http: aiohttp.ClientSession, base: URL, code: EnrolmentCode) -> ssl.SSLContext:
    """TLS for the request that carries the secret: the system's authorities, and the pinned CA when the
    relay shows it. It is asked for without trust: it carries no secret, and the pin judges the answer."""
    context = ssl.create_default_context()
    async with http.get(base / "api" / "ca", ssl=False, allow_redirects=False) as response:
        if response.status == 200:
            shown = await response.content.read(ANSWER_BYTES)
            try:
                ca = read_certificate(shown)
            except IdentityRefused as error:
                raise EnrolmentRefused("enrol.answer") from error
            if spki_pin(ca) != code.pin:
                raise EnrolmentRefused("enrol.ca_pin")
            context.load_verify_locations(cadata=shown.decode("ascii"))
    return context


def _install(directory: Path, key: ec.EllipticCurvePrivateKey, enrolled: Enrolled, code: EnrolmentCode) -> VehicleFile:
    try:
        ca, certificate = read_certificate(enrolled.ca), read_certificate(enrolled.certificate)
        if spki_pin(ca) != code.pin:
            raise EnrolmentRefused("enrol.ca_pin")
        # Dates are not judged here: a bus whose clock battery is dead enrols, and the link says it later.
        issued = verify_certificate(certificate, ca, now=certificate.not_valid_before_utc,
                                    urn=f"urn:passerelle:vehicle:{enrolled.vehicle_id}",
                                    usage=ExtendedKeyUsageOID.CLIENT_AUTH)
    except IdentityRefused as error:
        raise EnrolmentRefused("enrol.answer", reason=error.code) from error
    if issued.public_numbers() != key.public_key().public_numbers():
        raise EnrolmentRefused("enrol.answer", reason="identity.key_mismatch")
    vehicle = VehicleFile(vehicle_id=enrolled.vehicle_id, name=enrolled.name, territory=enrolled.territory,
                          relay_url=enrolled.vehicle_url)
    # vehicle.json says "whole": it goes first and comes back last.
    (directory / VEHICLE_FILE).unlink(missing_ok=True)
    durable_file.sync_folder(directory)
    durable_file.write(directory / CA_FILE, enrolled.ca.encode("ascii"), 0o644)
    durable_file.write(directory / CERTIFICATE_FILE, enrolled.certificate.encode("ascii"), 0o644)
    durable_file.write(directory / KEY_FILE, _key_pem(key))
    durable_file.write(directory / VEHICLE_FILE, msgspec.json.encode(vehicle), 0o644)
    (directory / PENDING_KEY_FILE).unlink(missing_ok=True)
    durable_file.sync_folder(directory)
    return vehicle


def _pending_key(directory: Path) -> ec.EllipticCurvePrivateKey:
    path = directory / PENDING_KEY_FILE
    if path.exists():
        try:
            kept = serialization.load_pem_private_key(path.read_bytes(), password=None)
            if isinstance(kept, ec.EllipticCurvePrivateKey):
                return kept
        except (ValueError, TypeError):
            path.unlink()
    key = ec.generate_private_key(ec.SECP256R1())
    durable_file.write(path, _key_pem(key))
    return key


def _request(key: ec.EllipticCurvePrivateKey) -> str:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "passerelle vehicle")])
    request = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
    return request.public_bytes(serialization.Encoding.PEM).decode("ascii")


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                             serialization.NoEncryption())


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
