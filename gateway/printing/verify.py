"""Decides whether a prescription may be printed: bytes whole, signed by the doctor of the call, for this encounter.

Hostile until proven otherwise: before the signature holds, nothing parses the PDF. Its one byte range is
found by a pattern, its CMS (RFC 5652) is checked with the key of the doctor of the call, and only bytes that
this doctor signed reach pyHanko, which then validates the whole of PAdES (ETSI EN 319 142-1).
CPU-bound, synchronous: call `verify` in a thread with a time limit. The only importer of pyHanko in the gateway.
"""

from __future__ import annotations

import binascii
import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any

import msgspec
from asn1crypto import cms  # type: ignore[import-untyped]
from asn1crypto import x509 as asn1
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from pyhanko.pdf_utils.misc import PdfError
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.general import SigningError
from pyhanko.sign.validation import EmbeddedPdfSignature, SignatureCoverageLevel, validate_pdf_signature
from pyhanko.sign.validation.errors import SignatureValidationError
from pyhanko_certvalidator import ValidationContext

from protocol.limits import PRESCRIPTION_PDF_BYTES

from .errors import PaperError

CONTAINER_BYTES = 64 * 1024
"""Largest CMS looked at: a P-256 certificate and the attributes are 1.1 KiB."""

CLOCK_SKEW = timedelta(hours=1)
"""A vehicle's clock may be behind the relay's; its CA dates certificates back by as much."""

SUBFILTER = "/ETSI.CAdES.detached"

_BYTE_RANGE = re.compile(rb"/ByteRange\s*\[\s*(\d{1,9})\s+(\d{1,9})\s+(\d{1,9})\s+(\d{1,9})\s*\]")
_REASON = re.compile(r"prescription (\S+) encounter (\S+)")


class PrescriptionRefused(PaperError):
    """This page is not printed; `code` says why, for the doctor and for the nurse."""


@dataclass(frozen=True, slots=True)
class VerifiedPrescription:
    """What a page that holds says of itself. `signed_at` is the doctor's page's clock; `drugs` are lines of text."""

    prescription_id: str
    encounter_id: str
    doctor: str
    drugs: tuple[str, ...]
    signed_at: datetime
    pages: int
    demo: bool


class _Prescriber(msgspec.Struct, frozen=True):
    name: str


class _Machine(msgspec.Struct, frozen=True):
    """The JSON attached to the page, as far as it is needed here."""

    prescription_id: str
    encounter_id: str
    drugs: tuple[str, ...]
    prescriber: _Prescriber
    demo: bool = False


def verify(pdf: bytes, *, ca_pem: str, doctor_certificate_pem: str, prescription_id: str, encounter_id: str,
           now: datetime) -> VerifiedPrescription:
    """Checks a page against the CA, the doctor of the call and the encounter that is open.

    Raises `PrescriptionRefused`: `prescription.too_large`, `.unreadable`, `.truncated`, `.unsigned`, `.appended`,
    `.altered`, `.signer`, `.certificate`, `.certificate_expired`, `.encounter`, `.identifier`.
    """
    doctor = _certificate(doctor_certificate_pem)
    ca = _certificate(ca_pem)
    _check_bytes(pdf, doctor)
    _check_certificate(doctor, ca, now)
    try:
        reader = PdfFileReader(BytesIO(pdf))
        signature = _check_pades(reader, ca, now)
        _check_reason(str(signature.sig_object.get("/Reason", "")), prescription_id, encounter_id)
        return _described(reader, signature)
    except (SigningError, SignatureValidationError) as error:
        raise PrescriptionRefused("prescription.altered") from error
    except (PdfError, ValueError, KeyError, IndexError, TypeError,
            AttributeError, AssertionError, RecursionError, OverflowError, NotImplementedError) as error:
        # The doctor signed these bytes, so this is a fault of the relay's layout, not an attack; still no paper.
        raise PrescriptionRefused("prescription.unreadable") from error


def _check_bytes(pdf: bytes, doctor: x509.Certificate) -> None:
    """The signature over all bytes of the file but its own, by the doctor's key."""
    before, container, after = _parts(pdf)
    try:
        signer = _signer_info(container)
        attributes = signer["signed_attrs"].untag()
        digest = _attribute(attributes, "message_digest").native
        certificate = _signing_certificate(container)
        algorithm = signer["digest_algorithm"]["algorithm"].native
        signature, signed = signer["signature"].native, attributes.dump()
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError, OverflowError) as error:
        raise PrescriptionRefused("prescription.altered") from error
    actual = hashlib.sha256(before)
    actual.update(after)
    if algorithm != "sha256" or digest != actual.digest():
        raise PrescriptionRefused("prescription.altered")
    if certificate != _spki(doctor):
        raise PrescriptionRefused("prescription.signer")
    try:
        _key(doctor).verify(signature, signed, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature as error:
        raise PrescriptionRefused("prescription.altered") from error


def _parts(pdf: bytes) -> tuple[bytes, bytes, bytes]:
    """Bytes before the signature's value, the value (DER), bytes after it; together the whole file."""
    if len(pdf) > PRESCRIPTION_PDF_BYTES:
        raise PrescriptionRefused("prescription.too_large")
    if not pdf.startswith(b"%PDF-"):
        raise PrescriptionRefused("prescription.unreadable")
    ranges = _BYTE_RANGE.findall(pdf)
    if not ranges:
        whole = pdf.rstrip().endswith(b"%%EOF")
        raise PrescriptionRefused("prescription.unsigned" if whole else "prescription.truncated")
    zero, start, end, length = map(int, ranges[0])
    if end + length > len(pdf):
        raise PrescriptionRefused("prescription.truncated")
    if end + length < len(pdf) or len(ranges) > 1:
        raise PrescriptionRefused("prescription.appended")
    if (zero != 0 or not 0 < start < end or end - start > 2 * CONTAINER_BYTES
            or pdf[start:start + 1] != b"<" or pdf[end - 1:end] != b">"):
        raise PrescriptionRefused("prescription.altered")
    try:
        container = binascii.unhexlify(pdf[start + 1:end - 1])
    except binascii.Error as error:
        raise PrescriptionRefused("prescription.altered") from error
    if container[_der_length(container):].strip(b"\0"):
        # The room left after the value is under no signature: nothing may be hidden there.
        raise PrescriptionRefused("prescription.altered")
    return pdf[:start], container, pdf[end:]


def _der_length(encoded: bytes) -> int:
    """Octets of the first DER element (X.690, 8.1.3), with its header; two length octets, as 256 B to 64 KiB need."""
    return 4 + int.from_bytes(encoded[2:4], "big") if encoded[:2] == b"\x30\x82" else 0


def _signer_info(container: bytes) -> Any:
    signed_data = cms.ContentInfo.load(container)["content"]
    signers = signed_data["signer_infos"]
    if len(signers) != 1:
        raise ValueError("one signer is expected")
    return signers[0]


def _signing_certificate(container: bytes) -> bytes:
    """SPKI of the certificate the CMS names as the signer's."""
    signed_data = cms.ContentInfo.load(container)["content"]
    wanted = _signer_info(container)["sid"].chosen
    for choice in signed_data["certificates"]:
        certificate = choice.chosen
        if (certificate.issuer == wanted["issuer"]
                and certificate.serial_number == wanted["serial_number"].native):
            return bytes(certificate.public_key.dump())
    raise ValueError("the signer's certificate is missing")


def _attribute(attributes: Any, name: str) -> Any:
    values = [attribute["values"] for attribute in attributes if attribute["type"].native == name]
    if len(values) != 1 or len(values[0]) != 1:
        raise ValueError("an attribute is missing or stands there twice")
    return values[0][0]


def _check_certificate(doctor: x509.Certificate, ca: x509.Certificate, now: datetime) -> None:
    try:
        doctor.verify_directly_issued_by(ca)
    except (ValueError, TypeError, InvalidSignature) as error:
        raise PrescriptionRefused("prescription.certificate") from error
    if now > doctor.not_valid_after_utc:
        raise PrescriptionRefused("prescription.certificate_expired")


def _check_pades(reader: PdfFileReader, ca: x509.Certificate, now: datetime) -> EmbeddedPdfSignature:
    signatures = reader.embedded_signatures
    if len(signatures) != 1:
        raise PrescriptionRefused("prescription.altered")
    signature: EmbeddedPdfSignature = signatures[0]
    root = asn1.Certificate.load(ca.public_bytes(Encoding.DER))
    # A clock that is behind would call a certificate of this morning not yet valid.
    moment = max(now, signature.signer_cert.not_valid_before)
    if moment - now > CLOCK_SKEW:
        raise PrescriptionRefused("prescription.certificate")
    status = validate_pdf_signature(signature, ValidationContext(trust_roots=[root], moment=moment,
                                                                 allow_fetching=False))
    if not (status.intact and status.valid) or status.coverage is not SignatureCoverageLevel.ENTIRE_FILE:
        raise PrescriptionRefused("prescription.altered")
    if not status.bottom_line or signature.sig_object.get("/SubFilter") != SUBFILTER:
        raise PrescriptionRefused("prescription.certificate")
    return signature


def _check_reason(reason: str, prescription_id: str, encounter_id: str) -> None:
    found = _REASON.fullmatch(reason)
    if found is None or found[1] != prescription_id:
        raise PrescriptionRefused("prescription.identifier")
    if found[2] != encounter_id:
        raise PrescriptionRefused("prescription.encounter")


def _described(reader: PdfFileReader, signature: EmbeddedPdfSignature) -> VerifiedPrescription:
    attached = reader.root["/AF"][0]["/EF"]["/F"].data
    machine = msgspec.json.decode(attached, type=_Machine)
    _check_reason(str(signature.sig_object["/Reason"]), machine.prescription_id, machine.encounter_id)
    signed_at = signature.self_reported_timestamp
    if signed_at is None:
        raise PrescriptionRefused("prescription.unreadable")
    return VerifiedPrescription(
        prescription_id=machine.prescription_id, encounter_id=machine.encounter_id, doctor=machine.prescriber.name,
        drugs=machine.drugs, signed_at=signed_at.astimezone(UTC), pages=int(reader.root["/Pages"]["/Count"]),
        demo=machine.demo)


def _certificate(pem: str) -> x509.Certificate:
    try:
        certificate = x509.load_pem_x509_certificate(pem.encode("ascii"))
        _key(certificate)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise PrescriptionRefused("prescription.certificate") from error
    return certificate


def _key(certificate: x509.Certificate) -> ec.EllipticCurvePublicKey:
    key = certificate.public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise ValueError("the key is not on an elliptic curve")
    return key


def _spki(certificate: x509.Certificate) -> bytes:
    return certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
