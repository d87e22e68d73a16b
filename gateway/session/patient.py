"""What the nurse said of a patient, checked. Pure.

INS: 13 characters of the NIR and a key of two digits, key = 97 - (N mod 97), Corsica's 2A and 2B read
as 19 and 18 (référentiel INS). Test and demonstration identities exist whose key is wrong.
"""

from __future__ import annotations

import re
from datetime import date

from stdnum.fr import nir

from protocol.values import Patient, Sex

from .errors import Refused

OID_NIR, OID_NIA = "1.2.250.1.213.1.4.8", "1.2.250.1.213.1.4.9"
OID_TEST, OID_DEMO = "1.2.250.1.213.1.4.10", "1.2.250.1.213.1.4.11"
NOT_REAL = frozenset({OID_TEST, OID_DEMO})

OLDEST_YEARS = 125
"""Nobody older has been verified; an earlier year is a slip of the finger."""

_INS = re.compile(r"^\d{5}(\d{2}|2[AB])\d{8}$")
_INSEE = re.compile(r"^(\d{5}|2[AB]\d{3})?$")


def check(patient: Patient, *, today: date, demo: bool) -> tuple[str, ...]:
    """Codes of what should be looked at; Refused with the first field that cannot be."""
    if patient.anonymous:
        if patient != Patient(anonymous=True):
            raise Refused("patient.anonymous")
        return ()
    for field in ("family_name", "given_name", "birth_date"):
        if not getattr(patient, field).strip():
            raise Refused(f"patient.{field}_missing")
    for field in ("family_name", "given_name"):
        if not getattr(patient, field).isprintable() or not any(c.isalpha() for c in getattr(patient, field)):
            raise Refused(f"patient.{field}")
    _birth(patient.birth_date, today)
    if not _INSEE.match(patient.birth_place):
        raise Refused("patient.birth_place")
    return _ins(patient, demo)


def key_fits(ins: str) -> bool:
    """Whether the last two digits are the key of the thirteen before."""
    return nir.calc_check_digits(ins[:13]) == ins[13:]


def _birth(text: str, today: date) -> None:
    try:
        born = date.fromisoformat(text)
    except ValueError:
        raise Refused("patient.birth_date") from None
    if born > today:
        raise Refused("patient.birth_date_future")
    if born.year < today.year - OLDEST_YEARS:
        raise Refused("patient.birth_date_too_old")


def _ins(patient: Patient, demo: bool) -> tuple[str, ...]:
    if not patient.ins:
        if patient.qualified:
            raise Refused("patient.ins")
        if patient.ins_oid:
            raise Refused("patient.ins_oid")
        return ()
    # The INS travels with a qualified identity only.
    if not patient.qualified:
        raise Refused("patient.ins_not_qualified")
    not_real = patient.ins_oid in NOT_REAL
    if (not_real and not demo) or patient.ins_oid not in {OID_NIR, OID_NIA, *NOT_REAL}:
        raise Refused("patient.ins_oid")
    if not _INS.match(patient.ins):
        raise Refused("patient.ins")
    warnings = []
    if not key_fits(patient.ins):
        if not not_real:
            raise Refused("patient.ins_key")
        warnings.append("patient.ins_key")
    if patient.ins_oid == OID_NIR and _differs(patient):
        warnings.append("patient.ins_traits_differ")
    return tuple(warnings)


def _differs(patient: Patient) -> bool:
    """The number says sex, year and often month of birth; people exist for whom it says them wrongly."""
    said = {"1": Sex.male, "2": Sex.female}.get(patient.ins[0])
    if said and patient.sex is not Sex.unknown and patient.sex is not said:
        return True
    year, month = patient.ins[1:3], patient.ins[3:5]
    return year != patient.birth_date[2:4] or ("01" <= month <= "12" and month != patient.birth_date[5:7])
