"""The legal mentions of a prescription (code de la santé publique, R.5132-3). Pure.

Signature and date are made by the relay and the doctor's key, and so are not in the list.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from datetime import date

from protocol.prescription import Mention, Prescriber, PrescriptionDraft, PrescriptionLine
from protocol.values import Patient, Sex

from .errors import NotAcceptable
from .secured_form import SECURED_FORM, secured_name

COMPLETE = "prescription.complete"
MISSING = "prescription.mentions_missing"
SECURED = "prescription.secured_form"
ANONYMOUS = "prescription.anonymous"
CHARACTERS = "prescription.characters"

OLDEST = 130
"""Years: a birth date before that is a typing error."""

_RPPS = re.compile(r"\d{11}")
_PHONE = re.compile(r"\+33 ?(\(0\))?[1-9](?:[ .-]?\d){8}")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_FRANCE = re.compile(r"\bFrance\b", re.IGNORECASE)

_INVISIBLE = {"Cc", "Cf", "Co", "Cs", "Cn"}
"""Controls and formats: they could turn round what the doctor read on the screen (UAX 9)."""


def check(draft: PrescriptionDraft, prescriber: Prescriber, *, today: date,
          secured: Iterable[str] = SECURED_FORM) -> tuple[str, tuple[Mention, ...]]:
    """The verdict's code (`prescription.complete` when it can be signed) and every mention, in reading order."""
    mentions = (*_of_prescriber(prescriber), *_of_patient(draft.patient, today),
                *(mention for number, line in enumerate(draft.lines) for mention in _of_line(number, line)))
    if draft.patient.anonymous:
        return ANONYMOUS, mentions
    names = tuple(secured)
    refused = tuple(Mention(code="mention.line.secured_form", present=False, line=number)
                    for number, line in enumerate(draft.lines) if secured_name(line.drug, names))
    if refused:
        return SECURED, (*mentions, *refused)
    if not all(map(_readable, _texts(draft))):
        return CHARACTERS, mentions
    return (COMPLETE if all(mention.present for mention in mentions) else MISSING), mentions


def require(draft: PrescriptionDraft, prescriber: Prescriber, *, today: date,
            secured: Iterable[str] = SECURED_FORM) -> tuple[Mention, ...]:
    """The mentions of a draft that can be signed. Raises `NotAcceptable` with those of one that can't."""
    code, mentions = check(draft, prescriber, today=today, secured=secured)
    if code != COMPLETE:
        raise NotAcceptable(code, mentions)
    return mentions


def written(line: PrescriptionLine) -> str:
    """A drug as it stands at the head of its line: name, strength, form."""
    return " ".join(part.strip() for part in (line.drug, line.strength, line.form) if part.strip())


def _of_prescriber(prescriber: Prescriber) -> tuple[Mention, ...]:
    return (Mention(code="mention.prescriber.name", present=bool(prescriber.name.strip())),
            Mention(code="mention.prescriber.title", present=bool(prescriber.title.strip())),
            Mention(code="mention.prescriber.rpps", present=bool(_RPPS.fullmatch(prescriber.rpps))),
            Mention(code="mention.prescriber.address", present=bool(_FRANCE.search(prescriber.address))),
            Mention(code="mention.prescriber.phone", present=bool(_PHONE.fullmatch(prescriber.phone.strip()))),
            Mention(code="mention.prescriber.email", present=bool(_EMAIL.fullmatch(prescriber.email.strip()))))


def _of_patient(patient: Patient, today: date) -> tuple[Mention, ...]:
    return (Mention(code="mention.patient.family_name", present=bool(patient.family_name.strip())),
            Mention(code="mention.patient.given_name", present=bool(patient.given_name.strip())),
            Mention(code="mention.patient.sex", present=patient.sex is not Sex.unknown),
            Mention(code="mention.patient.birth_date", present=_possible(patient.birth_date, today)))


def _of_line(number: int, line: PrescriptionLine) -> tuple[Mention, ...]:
    return (Mention(code="mention.line.drug", present=bool(line.drug.strip()), line=number),
            Mention(code="mention.line.posology", present=bool(line.posology.strip()), line=number),
            Mention(code="mention.line.duration", present=bool(line.days or line.units), line=number))


def _possible(birth_date: str, today: date) -> bool:
    try:
        born = date.fromisoformat(birth_date)
    except ValueError:
        return False
    return born <= today and today.year - born.year <= OLDEST


def _texts(draft: PrescriptionDraft) -> Iterable[str]:
    yield from (draft.patient.family_name, draft.patient.given_name, draft.weight_kg,
                draft.note.replace("\n", " ").replace("\r", " ").replace("\t", " "))
    for line in draft.lines:
        yield from (line.drug, line.strength, line.form, line.posology.replace("\n", " ").replace("\r", " "))


def _readable(text: str) -> bool:
    return not any(unicodedata.category(char) in _INVISIBLE for char in text)
