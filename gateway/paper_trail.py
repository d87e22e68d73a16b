"""Joins the printing room to its neighbours: the store's shelf, the relay's bytes, the verification."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import TYPE_CHECKING, ParamSpec, TypeVar

import structlog

from protocol.prescription import PrescriptionState, PrescriptionView
from protocol.signalling import PrescriptionReady
from protocol.values import DoctorCard

from .identity import DOCUMENT_SIGNING, IdentityRefused, read_certificate, verify_certificate
from .printing.errors import PaperConflict, PaperError, PaperUnsaved
from .printing.room import Accepted, Refused
from .store import Store, StoreConflict, StoreError

if TYPE_CHECKING:
    from .printing.verify import VerifiedPrescription

log = structlog.get_logger()

VERIFY_SECONDS = 20.0
"""Reading and hashing a page takes some tens of milliseconds; a file made to take longer is not printed."""

P = ParamSpec("P")
T = TypeVar("T")


def _translated(work: Callable[P, Awaitable[T]]) -> Callable[P, Awaitable[T]]:
    async def wrapped(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return await work(*args, **kwargs)
        except StoreConflict as conflict:
            raise PaperConflict(conflict.code) from conflict
        except StoreError as error:
            raise PaperUnsaved(error.code) from error
    return wrapped


class StoreShelf:
    """The store's prescriptions with the printing room's errors."""

    def __init__(self, store: Store) -> None:
        self._store = store.prescriptions

    async def arrived(self, prescription_id: str, encounter_id: str, pdf: bytes, at: datetime, *,
                      doctor: str, drugs: tuple[str, ...]) -> PrescriptionView:
        """See `store.prescriptions.Prescriptions`."""
        return await _translated(self._store.arrived)(prescription_id, encounter_id, pdf, at, doctor=doctor,
                                                      drugs=drugs)

    async def refused(self, prescription_id: str, encounter_id: str, code: str, at: datetime) -> PrescriptionView:
        """See `store.prescriptions.Prescriptions`."""
        return await _translated(self._store.refused)(prescription_id, encounter_id, code, at)

    async def step(self, prescription_id: str, state: PrescriptionState, at: datetime,
                   code: str | None = None) -> PrescriptionView:
        """See `store.prescriptions.Prescriptions`."""
        return await _translated(self._store.step)(prescription_id, state, at, code)

    async def get(self, prescription_id: str) -> PrescriptionView | None:
        """See `store.prescriptions.Prescriptions`."""
        return await _translated(self._store.get)(prescription_id)

    async def in_state(self, state: PrescriptionState) -> tuple[PrescriptionView, ...]:
        """See `store.prescriptions.Prescriptions`."""
        return await _translated(self._store.in_state)(state)

    async def pdf(self, prescription_id: str) -> bytes:
        """See `store.prescriptions.Prescriptions`."""
        return await _translated(self._store.pdf)(prescription_id)


class SignatureCheck:
    """A prescription is accepted from a doctor of its encounter's calls, and from nobody else."""

    def __init__(self, store: Store, ca_pem: str, now: Callable[[], datetime]) -> None:
        self._store, self._ca_pem, self._now = store, ca_pem, now

    async def warm(self) -> None:
        """Load the library now: it takes a third of the gateway's start, and no page waits for it then."""
        await asyncio.to_thread(_verify)

    async def __call__(self, message: PrescriptionReady, pdf: bytes) -> Accepted:
        """Raises printing.room.Refused with the reason's code, PaperUnsaved."""
        record = await _translated(self._store.encounters.get)(message.encounter_id)
        if record is None:
            raise Refused("encounter.unknown")
        refusal = Refused("prescription.signer")
        # Several when a call changed hands; each of them may write for this patient, nobody else may.
        for doctor in record.doctors:
            if doctor.certificate:
                try:
                    self._is_of(doctor)
                    return await self._signed_by(doctor.certificate, message, pdf)
                except Refused as refused:
                    # "Another signer" says less than what is wrong with a page this doctor did sign.
                    refusal = refused if refusal.code == "prescription.signer" else refusal
        raise refusal

    def _is_of(self, doctor: DoctorCard) -> None:
        """The card is the relay's word: the certificate on it must be this doctor's by the CA's. Raises Refused."""
        try:
            certificate = read_certificate(doctor.certificate)
            # Its dates have codes of their own in `verify`.
            verify_certificate(certificate, read_certificate(self._ca_pem), now=certificate.not_valid_before_utc,
                               urn=f"urn:passerelle:doctor:{doctor.doctor_id}", usage=DOCUMENT_SIGNING)
        except IdentityRefused as refused:
            log.warning("prescription.signer", code=refused.code, doctor=doctor.doctor_id)
            raise Refused("prescription.signer") from refused

    async def _signed_by(self, certificate: str, message: PrescriptionReady, pdf: bytes) -> Accepted:
        try:
            async with asyncio.timeout(VERIFY_SECONDS):
                verify = await asyncio.to_thread(_verify)
                verified = await asyncio.to_thread(
                    verify, pdf, ca_pem=self._ca_pem, doctor_certificate_pem=certificate,
                    prescription_id=message.prescription_id, encounter_id=message.encounter_id, now=self._now())
        except PaperError as refused:
            raise Refused(refused.code) from refused
        except TimeoutError as error:
            raise Refused("prescription.unreadable") from error
        return Accepted(doctor=verified.doctor, drugs=verified.drugs)


def _verify() -> Callable[..., VerifiedPrescription]:
    from .printing.verify import verify
    return verify
