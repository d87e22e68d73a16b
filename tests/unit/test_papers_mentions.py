"""The legal mentions and the list of drugs that need the secured form."""

from __future__ import annotations

from datetime import date

import pytest
from msgspec.structs import replace

from protocol.prescription import Prescriber, PrescriptionDraft, PrescriptionLine
from protocol.values import Patient, Sex
from relay.prescriptions.errors import NotAcceptable
from relay.prescriptions.mentions import check, require, written
from relay.prescriptions.secured_form import SECURED_FORM, secured_name

TODAY = date(2026, 11, 21)
PRESCRIBER = Prescriber(name="Claire Martin", title="Docteur", speciality="Médecine générale", rpps="10003456789",
                        address="12 rue du Prieuré, 58120 Château-Chinon, France", phone="+33 3 86 00 00 01",
                        email="claire.martin@exemple.fr")
PATIENT = Patient(family_name="Durand", given_name="Jeanne", birth_date="1948-03-01", sex=Sex.female)
LINE = PrescriptionLine(drug="Amoxicilline", strength="500 mg", form="gélule", posology="1 matin et soir", days=7)
DRAFT = PrescriptionDraft(encounter_id="e1", call_id="c1", patient=PATIENT, lines=(LINE,))


def missing(draft: PrescriptionDraft = DRAFT, prescriber: Prescriber = PRESCRIBER) -> set[str]:
    return {mention.code for mention in check(draft, prescriber, today=TODAY)[1] if not mention.present}


def test_a_whole_prescription_has_every_mention() -> None:
    """Nothing is missing, and the checklist shows what was looked at, line by line."""
    code, mentions = check(DRAFT, PRESCRIBER, today=TODAY)
    assert code == "prescription.complete"
    assert all(mention.present for mention in mentions)
    assert {mention.line for mention in mentions} == {None, 0}


@pytest.mark.parametrize(("field", "value", "code"), [
    ("name", " ", "mention.prescriber.name"),
    ("title", "", "mention.prescriber.title"),
    ("rpps", "1000345678", "mention.prescriber.rpps"),
    ("address", "12 rue du Prieuré, 58120 Château-Chinon", "mention.prescriber.address"),
    ("address", "12 rue des Francets, 58120 Château-Chinon", "mention.prescriber.address"),
    ("phone", "03 86 00 00 01", "mention.prescriber.phone"),
    ("phone", "+33 3 86 00 00", "mention.prescriber.phone"),
    ("email", "claire.martin", "mention.prescriber.email"),
])
def test_each_mention_of_the_prescriber_is_asked_for(field: str, value: str, code: str) -> None:
    """The word France, the +33, eleven digits: as the decree says."""
    assert missing(prescriber=replace(PRESCRIBER, **{field: value})) == {code}


@pytest.mark.parametrize(("field", "value", "code"), [
    ("family_name", "", "mention.patient.family_name"),
    ("given_name", "", "mention.patient.given_name"),
    ("sex", Sex.unknown, "mention.patient.sex"),
    ("birth_date", "", "mention.patient.birth_date"),
    ("birth_date", "2026-02-30", "mention.patient.birth_date"),
    ("birth_date", "2026-11-22", "mention.patient.birth_date"),
    ("birth_date", "1880-01-01", "mention.patient.birth_date"),
])
def test_each_mention_of_the_patient_is_asked_for(field: str, value: object, code: str) -> None:
    """A birth date has to be possible, not only written."""
    assert missing(replace(DRAFT, patient=replace(PATIENT, **{field: value}))) == {code}


@pytest.mark.parametrize(("line", "codes"), [
    (replace(LINE, drug=" "), {"mention.line.drug"}),
    (replace(LINE, posology=""), {"mention.line.posology"}),
    (replace(LINE, days=0), {"mention.line.duration"}),
    (replace(LINE, days=0, units=2), set()),
])
def test_each_line_needs_drug_posology_and_duration_or_units(line: PrescriptionLine, codes: set[str]) -> None:
    """Units stand in for a duration."""
    assert missing(replace(DRAFT, lines=(LINE, line))) == codes


def test_a_missing_mention_refuses_with_the_whole_checklist() -> None:
    """The doctor sees all that is missing at once, with its line."""
    draft = replace(DRAFT, lines=(LINE, replace(LINE, posology="", days=0)))
    with pytest.raises(NotAcceptable) as refused:
        require(draft, PRESCRIBER, today=TODAY)
    assert refused.value.code == "prescription.mentions_missing"
    assert {(m.code, m.line) for m in refused.value.mentions if not m.present} == {
        ("mention.line.posology", 1), ("mention.line.duration", 1)}


def test_an_anonymous_patient_gets_no_prescription() -> None:
    """Said by its own code: the doctor asks for an identity instead of filling in fields."""
    assert check(replace(DRAFT, patient=Patient(anonymous=True)), PRESCRIBER, today=TODAY)[0] == \
        "prescription.anonymous"


@pytest.mark.parametrize("drug", [
    "Morphine", "MORPHINE SULFATE LP 10 mg", "méthylphénidate", "Methylphenidate", "chlorhydrate d’oxycodone",
    "Skénan", "ZOLPIDEM 10", "tramadol/paracétamol", "Ｍｏｒｐｈｉｎｅ", "Paracétamol codéine",
    "Fentanyl, patch"])
def test_narcotics_are_refused_however_they_are_written(drug: str) -> None:
    """Case, accents, full-width letters, salts and combinations do not get around the list."""
    draft = replace(DRAFT, lines=(LINE, replace(LINE, drug=drug)))
    code, mentions = check(draft, PRESCRIBER, today=TODAY)
    assert code == "prescription.secured_form"
    assert [m.line for m in mentions if m.code == "mention.line.secured_form"] == [1]


@pytest.mark.parametrize("drug", ["Paracétamol", "Amoxicilline", "Diazépam", "Apomorphine", "Dextrométhorphane",
                                  "Ibuprofène", "Metformine", "Lopéramide", "Ondansétron"])
def test_other_drugs_are_not_mistaken_for_narcotics(drug: str) -> None:
    """Whole words only: apomorphine is not morphine."""
    assert secured_name(drug) is None


def test_the_list_is_the_operators_to_change() -> None:
    """A name can be added or taken away without touching the code."""
    assert secured_name("Diazépam 10 mg", SECURED_FORM | {"diazepam"}) == "diazepam"
    assert secured_name("Tramadol", SECURED_FORM - {"tramadol"}) is None


@pytest.mark.parametrize("drug", ["Amoxi\u202ecilline", "Amoxi\x07", "Amoxi\u200bcilline", "Amoxi\ue000"])
def test_characters_that_deceive_are_refused(drug: str) -> None:
    """What turns text round or hides in it could make the doctor sign what they did not read."""
    assert check(replace(DRAFT, lines=(replace(LINE, drug=drug),)), PRESCRIBER, today=TODAY)[0] == \
        "prescription.characters"


def test_a_drug_is_written_with_strength_and_form() -> None:
    """The short text that the nurse's list shows."""
    assert written(LINE) == "Amoxicilline 500 mg gélule"
    assert written(replace(LINE, strength="", form="")) == "Amoxicilline"
