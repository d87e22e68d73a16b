"""Lays a prescription out as PDF/A-3b (ISO 19005-3): fonts inside, its content attached as JSON. CPU-bound: 50 ms.

The only importer of typst.
"""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from typing import Literal
from zoneinfo import ZoneInfo

import msgspec
import typst

from protocol.prescription import Prescriber, PrescriptionDraft, PrescriptionLine
from protocol.values import Patient, Sex

from .errors import NotAcceptable
from .mentions import CHARACTERS, written
from .template import PAGE

STANDARD: Literal["a-3b"] = "a-3b"
PARIS = ZoneInfo("Europe/Paris")

LONG_NOTE, LONG_NOTE_LINES = 600, 8
"""Characters, lines: a longer note would drag the last drug to the next page and leave a hole on this one."""

FOOTER_CHARACTERS = 60

_MONTHS = ("janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août", "septembre", "octobre",
           "novembre", "décembre")
_EXCLUDED = {"mte": "Non substituable (MTE) : marge thérapeutique étroite",
             "efg": "Non substituable (EFG) : pas de forme générique adaptée à l’enfant",
             "cif": "Non substituable (CIF) : contre-indication à un excipient à effet notoire"}


def lay_out(draft: PrescriptionDraft, prescriber: Prescriber, *, prescription_id: str, now: datetime,
            demo: bool) -> bytes:
    """The page, unsigned. Raises `NotAcceptable` when a character exists in none of the fonts."""
    data = json.dumps(_data(draft, prescriber, prescription_id, now.astimezone(PARIS), demo), ensure_ascii=False)
    try:
        pdf: bytes = typst.compile(PAGE.encode("utf-8"), sys_inputs={"data": data}, ignore_system_fonts=True,
                                   pdf_standards=STANDARD, timestamp=now.astimezone(UTC).replace(microsecond=0))
    except typst.TypstError as error:
        # The template is ours and fixed: what can go wrong is a character that cannot be set.
        raise NotAcceptable(CHARACTERS) from error
    return pdf


def _data(draft: PrescriptionDraft, prescriber: Prescriber, prescription_id: str, local: datetime,
          demo: bool) -> dict[str, object]:
    patient, count, utc = draft.patient, len(draft.lines), local.astimezone(UTC)
    return {
        "title": f"Ordonnance {prescription_id}",
        "description": f"Ordonnance du {_long(local.date())}" + (" – DÉMONSTRATION, sans valeur" if demo else ""),
        "moment": {"year": utc.year, "month": utc.month, "day": utc.day, "hour": utc.hour, "minute": utc.minute,
                   "second": utc.second},
        "date": _long(local.date()),
        "signed_at": f"{_long(local.date())} à {local:%H h %M}",
        "demo": demo,
        "prescription_id": prescription_id,
        "prescriber": msgspec.to_builtins(prescriber),
        "patient": _patient(patient, draft.weight_kg, local.date()),
        "lines": [_line(line) for line in draft.lines],
        "note": [line for line in draft.note.splitlines() if line.strip()],
        "note_is_long": len(draft.note) > LONG_NOTE or draft.note.count("\n") > LONG_NOTE_LINES,
        "count": f"{count} médicament{'s' if count > 1 else ''} prescrit{'s' if count > 1 else ''}",
        "machine": {"version": 1, "prescription_id": prescription_id, "encounter_id": draft.encounter_id,
                    "demo": demo, "prescriber": msgspec.to_builtins(prescriber),
                    "drugs": [written(line)[:200] for line in draft.lines],
                    "lines": msgspec.to_builtins(draft.lines)},
    }


def _patient(patient: Patient, weight: str, today: date) -> dict[str, str]:
    born = date.fromisoformat(patient.birth_date)
    female = patient.sex is Sex.female
    name = f"{patient.family_name} {patient.given_name}"
    return {"family_name": patient.family_name, "given_name": patient.given_name,
            # The foot of the page has one line.
            "short": name if len(name) <= FOOTER_CHARACTERS else name[:FOOTER_CHARACTERS - 1] + "…",
            "sex_word": "Sexe féminin" if female else "Sexe masculin",
            "born": f"{'née' if female else 'né'} le {_long(born)}", "age": _age(born, today),
            "weight": weight.strip().removesuffix("kg").strip()}


def _line(line: PrescriptionLine) -> dict[str, str]:
    how_long = []
    if line.days:
        how_long.append(f"pendant {line.days} jour{'s' if line.days > 1 else ''}")
    if line.units:
        how_long.append(f"{line.units} unité{'s' if line.units > 1 else ''} de conditionnement")
    how_long.append(f"à renouveler {line.renewals} fois" if line.renewals else "non renouvelable")
    return {"drug": line.drug.strip(),
            "product": ", ".join(part.strip() for part in (line.strength, line.form) if part.strip()),
            "posology": line.posology.strip(), "how_long": ", ".join(how_long),
            "not_substitutable": _EXCLUDED.get(line.not_substitutable, f"Non substituable ({line.not_substitutable})")
            if line.not_substitutable else ""}


def _long(day: date) -> str:
    return f"{'1er' if day.day == 1 else day.day} {_MONTHS[day.month - 1]} {day.year}"


def _age(born: date, today: date) -> str:
    months = (today.year - born.year) * 12 + today.month - born.month - (today.day < born.day)
    if months < 24:
        return f"{months} mois"
    return f"{months // 12} ans"
