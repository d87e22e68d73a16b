"""What the vehicle accepts for paper: whole bytes, the doctor of the call, the right encounter."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from io import BytesIO

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from hypothesis import given, settings
from hypothesis import strategies as st
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter

from gateway.printing.verify import PrescriptionRefused, VerifiedPrescription, verify
from protocol.limits import PRESCRIPTION_PDF_BYTES
from protocol.prescription import Prescriber, PrescriptionDraft, PrescriptionLine
from protocol.values import Patient, Sex
from relay.fleet.ca import IssuingAuthority
from relay.prescriptions import signature
from relay.prescriptions.page import lay_out

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
PRESCRIBER = Prescriber(name="Claire Martin", title="Docteur", rpps="10003456789", address="Nevers, France",
                        phone="+33 3 86 00 00 01", email="claire.martin@exemple.fr")
DRAFT = PrescriptionDraft(
    encounter_id="e-1", call_id="c-1",
    patient=Patient(family_name="Durand", given_name="Jeanne", birth_date="1948-03-01", sex=Sex.female),
    lines=(PrescriptionLine(drug="Amoxicilline", strength="500 mg", posology="1 matin et soir", days=7),))


@dataclass(frozen=True)
class Signer:
    """A doctor's key and certificate."""

    key: ec.EllipticCurvePrivateKey
    certificate_pem: str


def signer(authority: IssuingAuthority, doctor_id: str = "d-1", now: datetime = NOW) -> Signer:
    key = ec.generate_private_key(ec.SECP256R1())
    csr = (x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, hashes.SHA256())
           .public_bytes(serialization.Encoding.PEM).decode())
    return Signer(key, authority.issue_doctor(csr, doctor_id=doctor_id, name="Claire Martin", now=now).certificate_pem)


CA = IssuingAuthority.create("Test CA", NOW - timedelta(days=800))
DOCTOR = signer(CA)


def signed(doctor: Signer = DOCTOR, why: str = "prescription p-1 encounter e-1",
           now: datetime = NOW) -> bytes:
    """A page as the relay and the browser make it together."""
    page = lay_out(DRAFT, PRESCRIBER, prescription_id="p-1", now=now, demo=False)
    prepared = signature.prepare(page, certificate_pem=doctor.certificate_pem, why=why,
                                 name="Claire Martin", now=now)
    r, s = decode_dss_signature(doctor.key.sign(prepared.to_be_signed, ec.ECDSA(hashes.SHA256())))
    return signature.embed(prepared, r.to_bytes(32, "big") + s.to_bytes(32, "big"),
                           certificate_pem=doctor.certificate_pem)


GOOD = signed()


def checked(pdf: bytes, doctor: Signer = DOCTOR, *, prescription_id: str = "p-1", encounter_id: str = "e-1",
            now: datetime = NOW) -> VerifiedPrescription:
    return verify(pdf, ca_pem=CA.certificate_pem, doctor_certificate_pem=doctor.certificate_pem,
                  prescription_id=prescription_id, encounter_id=encounter_id, now=now)


def refusal(pdf: bytes, doctor: Signer = DOCTOR, *, encounter_id: str = "e-1", prescription_id: str = "p-1",
            now: datetime = NOW) -> str:
    with pytest.raises(PrescriptionRefused) as refused:
        checked(pdf, doctor, encounter_id=encounter_id, prescription_id=prescription_id, now=now)
    return refused.value.code


def byte_range() -> tuple[int, int]:
    found = re.search(rb"/ByteRange \[0 (\d+) (\d+) ", GOOD)
    assert found is not None
    return int(found[1]), int(found[2])


def test_a_good_page_says_what_is_on_it() -> None:
    """Drugs, doctor and time come from the signed bytes."""
    assert checked(GOOD) == VerifiedPrescription(
        prescription_id="p-1", encounter_id="e-1", doctor="Claire Martin", drugs=("Amoxicilline 500 mg",),
        signed_at=NOW, pages=1, demo=False)


def test_one_altered_byte_anywhere_is_found() -> None:
    """A flip in the page, the metadata, the signature's dictionary, its value, or the unused room after it."""
    start, end = byte_range()
    for position in (2000, 20_000, start - 400, end + 50, start + 600, start + 3500):
        altered = bytearray(GOOD)
        altered[position] ^= 1
        assert refusal(bytes(altered)) == "prescription.altered", position


@settings(max_examples=300, deadline=None)
@given(st.integers(0, len(GOOD) - 1), st.integers(1, 255))
def test_no_single_change_is_accepted(position: int, flip: int) -> None:
    """Every byte of the file counts, the signature's own value too."""
    start, end = byte_range()
    altered = bytearray(GOOD)
    altered[position] ^= flip
    if start < position < end and bytes(altered).lower() == GOOD.lower():
        return  # The same hexadecimal digit in the other case.
    assert refusal(bytes(altered)).startswith("prescription.")


@pytest.mark.parametrize("length", [0, 1, 4, 100, 20_000, -1, -2, -600, -5000, -9000])
def test_a_truncated_file_is_refused_at_any_length(length: int) -> None:
    """Half a download is told from an alteration."""
    code = refusal(GOOD[:length])
    assert code == ("prescription.unreadable" if 0 <= length < 5 else "prescription.truncated")


def test_an_update_appended_after_the_signature_is_refused() -> None:
    """The trick of showing another page over a valid signature: a revision, a byte, a whole file more."""
    writer = IncrementalPdfFileWriter(BytesIO(GOOD))
    writer.root["/Extra"] = writer.root["/Type"]
    writer.update_root()  # type: ignore[no-untyped-call]
    output = BytesIO()
    writer.write(output)  # type: ignore[no-untyped-call]
    assert output.getvalue().startswith(GOOD)
    assert refusal(output.getvalue()) == "prescription.appended"
    assert refusal(GOOD + b"\n") == "prescription.appended"
    assert refusal(GOOD + GOOD) == "prescription.appended"


def test_another_doctor_is_refused() -> None:
    """A valid signature of a colleague, who does not have this call."""
    colleague = signer(CA, "d-2")
    assert refusal(signed(colleague)) == "prescription.signer"
    assert checked(signed(colleague), colleague).drugs


def test_a_certificate_of_another_ca_is_refused() -> None:
    """Even when the relay hands out that certificate as the doctor's."""
    other = IssuingAuthority.create("Test CA", NOW)
    forger = signer(other)
    assert refusal(signed(forger), forger) == "prescription.certificate"


def test_a_vehicles_certificate_signs_no_prescription() -> None:
    """The right CA is not enough: the certificate must be one for documents."""
    key = ec.generate_private_key(ec.SECP256R1())
    csr = (x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, hashes.SHA256())
           .public_bytes(serialization.Encoding.PEM).decode())
    vehicle = Signer(key, CA.issue_vehicle(csr, vehicle_id="v-1", name="Morvan", now=NOW).certificate_pem)
    assert refusal(signed(vehicle), vehicle) == "prescription.certificate"


def test_an_expired_certificate_is_refused() -> None:
    """By the vehicle's clock; a clock that is a little behind refuses nothing."""
    assert refusal(GOOD, now=NOW + timedelta(days=366)) == "prescription.certificate_expired"
    assert checked(GOOD, now=NOW - timedelta(minutes=90)).drugs
    assert refusal(GOOD, now=NOW - timedelta(days=1)) == "prescription.certificate"


def test_the_wrong_encounter_or_prescription_is_refused() -> None:
    """Yesterday's patient's page is not printed for today's (I2)."""
    assert refusal(GOOD, encounter_id="e-2") == "prescription.encounter"
    assert refusal(GOOD, prescription_id="p-2") == "prescription.identifier"
    assert refusal(signed(why="prescription p-1 encounter e-2")) == "prescription.encounter"
    assert refusal(signed(why="something else")) == "prescription.identifier"
    # The signature says e-2 and so does the vehicle; the page itself says e-1.
    assert refusal(signed(why="prescription p-1 encounter e-2"), encounter_id="e-2") == "prescription.encounter"


def test_what_is_no_signed_pdf_is_refused() -> None:
    """Unsigned, not a PDF, too large: each its code, never a traceback."""
    page = lay_out(DRAFT, PRESCRIBER, prescription_id="p-1", now=NOW, demo=False)
    assert refusal(page) == "prescription.unsigned"
    assert refusal(b"<html>") == "prescription.unreadable"
    assert refusal(b"%PDF-1.7\n" + bytes(PRESCRIPTION_PDF_BYTES)) == "prescription.too_large"


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=400), st.integers(0, 400), st.binary(max_size=200))
def test_hostile_bytes_get_a_code(head: bytes, claimed: int, container: bytes) -> None:
    """Anything that looks like a signed PDF and is not ends in a code before a PDF parser sees it."""
    value = b"<" + binascii.hexlify(container) + b">"
    start = len(b"%PDF-1.7\n" + head) + len(b"/ByteRange [0 000000000 000000000 000000000]")
    ranges = b"/ByteRange [0 %09d %09d %09d]" % (start, start + len(value), claimed)
    pdf = b"%PDF-1.7\n" + head + ranges + value + bytes(claimed)
    assert refusal(pdf).startswith("prescription.")


@pytest.mark.parametrize("pem", ["", "nothing", base64.b64encode(b"x" * 300).decode()])
def test_a_doctor_without_a_usable_certificate_signs_nothing(pem: str) -> None:
    """A relay that hands out rubbish as the doctor's certificate gets a code."""
    assert refusal(GOOD, Signer(DOCTOR.key, pem)) == "prescription.certificate"
