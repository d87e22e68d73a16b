"""PAdES-B-B (ETSI EN 319 142-1) around a key that never comes here: prepare, take the raw signature, embed, check.

CPU-bound and synchronous: call it in a thread. The only importer of pyHanko in the relay.
"""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO

from asn1crypto import cms, x509  # type: ignore[import-untyped]
from asn1crypto.algos import SignedDigestAlgorithm  # type: ignore[import-untyped]
from cryptography import x509 as pyca
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.misc import PdfError
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.ades.api import CAdESSignedAttrSpec
from pyhanko.sign.fields import MDPPerm, SigSeedSubFilter
from pyhanko.sign.general import SigningError
from pyhanko.sign.signers import ExternalSigner
from pyhanko.sign.signers.cms_embedder import PdfCMSEmbedder, SigIOSetup, SigMDPSetup, SigObjSetup
from pyhanko.sign.signers.pdf_byterange import PreparedByteRangeDigest, SignatureObject
from pyhanko.sign.signers.pdf_cms import PdfCMSSignedAttributes
from pyhanko.sign.validation import SignatureCoverageLevel, validate_pdf_signature
from pyhanko.sign.validation.errors import SignatureValidationError
from pyhanko_certvalidator import ValidationContext

from .errors import SignatureRefused

FIELD = "Prescripteur"
HASH = "sha256"
CONTAINER_HEX = 4096
"""Hexadecimal digits kept free for the CMS: a P-256 certificate and the attributes are 1,100 octets."""

_COORDINATE = 32
_ECDSA_SHA256 = SignedDigestAlgorithm({"algorithm": "sha256_ecdsa"})


@dataclass(frozen=True, slots=True)
class Prepared:
    """A page with its empty signature and what the key signs: the DER of the signed attributes (RFC 5652, 5.4)."""

    pdf: bytes
    byte_range: tuple[int, int, int, int]
    to_be_signed: bytes


def reason(prescription_id: str, encounter_id: str) -> str:
    """The signature's /Reason: it ties the page to one prescription of one encounter."""
    return f"prescription {prescription_id} encounter {encounter_id}"


def prepare(pdf: bytes, *, certificate_pem: str, why: str, name: str, now: datetime) -> Prepared:
    """Adds an empty certifying signature (no change allowed after it) and computes what is to be signed."""
    writer = _Writer(BytesIO(pdf))
    embedding = PdfCMSEmbedder().write_cms(field_name=FIELD, writer=writer)
    next(embedding)
    embedding.send(SigObjSetup(
        sig_placeholder=SignatureObject(timestamp=now.replace(microsecond=0), subfilter=SigSeedSubFilter.PADES,
                                        name=name, reason=why, bytes_reserved=CONTAINER_HEX),
        mdp_setup=SigMDPSetup(md_algorithm=HASH, certify=True, docmdp_perms=MDPPerm.NO_CHANGES)))
    digest, output = embedding.send(SigIOSetup(md_algorithm=HASH))
    prepared = output.getvalue()
    attributes = asyncio.run(_signer(certificate_pem, None).signed_attrs(
        digest.document_digest, HASH, use_pades=True,
        attr_settings=PdfCMSSignedAttributes(cades_signed_attrs=CAdESSignedAttrSpec())))
    start, end = digest.reserved_region_start, digest.reserved_region_end
    return Prepared(pdf=prepared, byte_range=(0, start, end, len(prepared) - end), to_be_signed=attributes.dump())


def embed(prepared: Prepared, raw: bytes, *, certificate_pem: str) -> bytes:
    """Puts the browser's signature (raw r||s over `to_be_signed`) into the page. Raises `SignatureRefused`."""
    key = pyca.load_pem_x509_certificate(certificate_pem.encode("ascii")).public_key()
    der = encode_dss_signature(int.from_bytes(raw[:_COORDINATE], "big"), int.from_bytes(raw[_COORDINATE:], "big"))
    try:
        if not isinstance(key, ec.EllipticCurvePublicKey):
            raise SignatureRefused("prescription.signature")
        key.verify(der, prepared.to_be_signed, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature as error:
        raise SignatureRefused("prescription.signature") from error
    container = asyncio.run(_signer(certificate_pem, der).async_sign_prescribed_attributes(
        HASH, cms.CMSAttributes.load(prepared.to_be_signed)))
    _, start, end, _ = prepared.byte_range
    digest = hashlib.sha256(prepared.pdf[:start] + prepared.pdf[end:]).digest()
    output = BytesIO(prepared.pdf)
    PreparedByteRangeDigest(digest, start, end).fill_with_cms(output, container)
    return output.getvalue()


def check(pdf: bytes, *, certificate_pem: str, ca_pem: str, now: datetime) -> None:
    """Validates the signed page as a stranger would, before it is stored. Raises `SignatureRefused`."""
    context = ValidationContext(trust_roots=[_certificate(ca_pem)], moment=now, allow_fetching=False)
    try:
        signatures = PdfFileReader(BytesIO(pdf)).embedded_signatures
        if len(signatures) != 1:
            raise SignatureRefused("prescription.signature")
        status = validate_pdf_signature(signatures[0], context)
    except (PdfError, SigningError, SignatureValidationError, ValueError) as error:
        raise SignatureRefused("prescription.signature") from error
    if (not status.bottom_line or status.coverage is not SignatureCoverageLevel.ENTIRE_FILE
            or signatures[0].signer_cert.dump() != _certificate(certificate_pem).dump()):
        raise SignatureRefused("prescription.signature")


class _Writer(IncrementalPdfFileWriter):
    def _update_meta(self) -> None:
        """Leaves the metadata as typst wrote it: rewritten XMP would lose the form PDF/A asks for."""


def _signer(certificate_pem: str, signature: bytes | None) -> ExternalSigner:
    # The CA's certificate stays out: it would be the one part of the file that no signature covers, and who
    # checks has it already. The signer's own is bound by its hash in the signed attributes (RFC 5035).
    return ExternalSigner(_certificate(certificate_pem), None, signature_value=signature,
                          signature_mechanism=_ECDSA_SHA256, embed_roots=False)


def _certificate(pem: str) -> x509.Certificate:
    der = pyca.load_pem_x509_certificate(pem.encode("ascii")).public_bytes(serialization.Encoding.DER)
    return x509.Certificate.load(der)
