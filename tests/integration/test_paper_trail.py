"""Who may sign a prescription: the doctors the encounter's calls were given to, by their certificates' own names."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from gateway.paper_trail import SignatureCheck
from gateway.printing.room import Accepted, Refused
from gateway.store import Store
from protocol.signalling import PrescriptionReady
from protocol.values import DoctorCard
from tests.unit.store_makers import record
from tests.unit.test_papers_verify import CA, DOCTOR, GOOD, NOW, signed, signer

READY = PrescriptionReady(prescription_id="p-1", encounter_id="e-1", sha256="0" * 64)
LONG_AGO = signer(CA, now=NOW - timedelta(days=730))
SIGNED_LONG_AGO = signed(LONG_AGO)


async def judged(directory: Path, pdf: bytes, *doctors: tuple[str, str]) -> Accepted:
    async with Store(directory) as store:
        await store.encounters.open(record("e-1", doctors=tuple(
            DoctorCard(doctor_id=who, name="Claire Martin", certificate=pem) for who, pem in doctors)))
        return await SignatureCheck(store, CA.certificate_pem, lambda: NOW)(READY, pdf)


async def test_each_doctor_of_the_encounter_may_sign(tmp_path: Path) -> None:
    """A call that changed hands has two; one without a usable certificate is no obstacle to the other."""
    accepted = await judged(tmp_path, GOOD, ("d-2", "not a certificate"), ("d-1", DOCTOR.certificate_pem))
    assert accepted.doctor == "Claire Martin"


async def test_a_card_with_the_certificate_of_another_doctor_signs_nothing(tmp_path: Path) -> None:
    """I5: a relay that puts a colleague's certificate on the card of the call's doctor gets no paper."""
    with pytest.raises(Refused, match=r"prescription\.signer"):
        await judged(tmp_path, GOOD, ("d-2", DOCTOR.certificate_pem))


async def test_the_refusal_of_a_doctors_own_page_keeps_its_code(tmp_path: Path) -> None:
    """An expired certificate is called so, not another signer."""
    with pytest.raises(Refused, match=r"prescription\.certificate_expired"):
        await judged(tmp_path, SIGNED_LONG_AGO, ("d-1", LONG_AGO.certificate_pem))
