"""Prescriptions: what the doctor writes, the legal mentions, the states, the bodies of the HTTP calls."""

from __future__ import annotations

import enum
from typing import Annotated

from msgspec import Meta

from .limits import PRESCRIPTION_LINES
from .values import Code, Id, Instant, Line, Note, Patient, Sha256, Struct


class PrescriptionState(enum.StrEnum):
    """Life of a prescription. `refused`: the vehicle did not accept its bytes or its signer."""

    draft = "draft"
    signed = "signed"
    arrived = "arrived"
    refused = "refused"
    printing = "printing"
    printed = "printed"
    print_ambiguous = "print_ambiguous"
    print_failed = "print_failed"
    handed_over = "handed_over"


STEPS: dict[PrescriptionState, frozenset[PrescriptionState]] = {
    PrescriptionState.draft: frozenset({PrescriptionState.signed}),
    PrescriptionState.signed: frozenset({PrescriptionState.arrived, PrescriptionState.refused}),
    PrescriptionState.arrived: frozenset({PrescriptionState.printing, PrescriptionState.refused}),
    PrescriptionState.refused: frozenset(),
    PrescriptionState.printing: frozenset({PrescriptionState.printed, PrescriptionState.print_ambiguous,
                                           PrescriptionState.print_failed}),
    # A person looked at the tray and says what lies there; the machine never decides (I4).
    PrescriptionState.print_ambiguous: frozenset({PrescriptionState.printed, PrescriptionState.print_failed}),
    PrescriptionState.print_failed: frozenset({PrescriptionState.printing}),
    PrescriptionState.printed: frozenset({PrescriptionState.handed_over}),
    PrescriptionState.handed_over: frozenset(),
}
"""Which state may follow which; any other step is the conflict `prescription.step`."""


class PrescriptionLine(Struct, frozen=True, kw_only=True):
    """One drug. `renewals` counts further deliveries; `days` is the duration."""

    drug: Annotated[str, Meta(min_length=1, max_length=200)]
    strength: Line = ""
    form: Line = ""
    posology: Annotated[str, Meta(max_length=400)] = ""
    days: Annotated[int, Meta(ge=0, le=366)] = 0
    units: Annotated[int, Meta(ge=0, le=999)] = 0
    renewals: Annotated[int, Meta(ge=0, le=12)] = 0
    not_substitutable: Code | None = None
    """Reason code `MTE`, `EFG` or `CIF` in lower case when substitution is excluded."""


class Prescriber(Struct, frozen=True, kw_only=True):
    """The prescriber's mandatory mentions (code de la santé publique, R.5132-3)."""

    name: Line
    title: Line
    speciality: Line = ""
    rpps: Line = ""
    address: Line = ""
    phone: Line = ""
    email: Line = ""


class PrescriptionDraft(Struct, frozen=True, kw_only=True):
    """POST /api/prescriptions."""

    encounter_id: Id
    call_id: Id
    patient: Patient
    lines: Annotated[tuple[PrescriptionLine, ...], Meta(min_length=1, max_length=PRESCRIPTION_LINES)]
    note: Note = ""
    weight_kg: Line = ""


class Mention(Struct, frozen=True, kw_only=True):
    """One legal mention of the checklist. `line` counts from 0 when it belongs to a drug."""

    code: Code
    present: bool
    line: int | None = None


class PrescriptionPrepared(Struct, frozen=True, kw_only=True):
    """Answer 201 to POST /api/prescriptions: what the doctor's key signs.

    `pdf` is the page with its empty signature, `to_be_signed` the DER of the CMS signed attributes
    (RFC 5652, section 5.4); both base64. The page checks that the SHA-256 of the PDF's byte ranges
    is the message digest inside before it signs.
    """

    prescription_id: Id
    pdf: str
    byte_range: tuple[int, int, int, int]
    to_be_signed: str
    mentions: tuple[Mention, ...]


class PrescriptionMentions(Struct, frozen=True, kw_only=True):
    """Answer 422 to POST /api/prescriptions when mentions are missing, and to POST …/check."""

    code: Code
    mentions: tuple[Mention, ...]


class PrescriptionSignature(Struct, frozen=True, kw_only=True):
    """POST /api/prescriptions/{id}/signature: raw r||s (IEEE P1363) over `to_be_signed`, base64."""

    signature: Annotated[str, Meta(pattern=r"^[A-Za-z0-9+/]{86}==$")]


class PrescriptionStep(Struct, frozen=True, kw_only=True):
    """One step that was made."""

    state: PrescriptionState
    at: Instant
    code: Code | None = None


class PrescriptionView(Struct, frozen=True, kw_only=True):
    """GET /api/encounters/{id}/prescriptions, one element; the kiosk shows it too."""

    prescription_id: Id
    encounter_id: Id
    state: PrescriptionState
    sha256: Sha256 | None
    steps: tuple[PrescriptionStep, ...]
    doctor: Line = ""
    drugs: tuple[Line, ...] = ()
