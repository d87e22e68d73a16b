"""Places on the body that a still can be of: SNOMED CT concepts with the names the screens show.

Skin: DICOM CID 4029 (Dermatology Anatomic Site) where it has a whole region, else SNOMED CT's region.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from .readings import InstrumentKind

_SKIN, _EAR, _MOUTH, _ULTRASOUND = (InstrumentKind.skin_camera, InstrumentKind.otoscope,
                                    InstrumentKind.intraoral_camera, InstrumentKind.ultrasound)


class BodySite(NamedTuple):
    """`code` of SNOMED CT, `meaning` its English name, `french` for the screens, `kind` of the camera it is for."""

    code: str
    meaning: str
    french: str
    kind: InstrumentKind


BODY_SITES = (
    BodySite("43067004", "Skin of scalp", "Cuir chevelu", _SKIN),
    BodySite("73897004", "Skin of face", "Visage", _SKIN),
    BodySite("68698007", "Skin of forehead", "Front", _SKIN),
    BodySite("362916000", "Skin of eye region", "Région de l'œil", _SKIN),
    BodySite("113179006", "Skin of nose", "Nez", _SKIN),
    BodySite("36141000", "Skin of cheek", "Joue", _SKIN),
    BodySite("88089004", "Skin of lip", "Lèvre", _SKIN),
    BodySite("23747009", "Skin of chin", "Menton", _SKIN),
    BodySite("1902009", "Skin of ear", "Oreille", _SKIN),
    BodySite("43081002", "Skin of neck", "Cou", _SKIN),
    BodySite("74160004", "Skin of chest", "Thorax", _SKIN),
    BodySite("75093004", "Skin of abdomen", "Abdomen", _SKIN),
    BodySite("66643007", "Skin of back", "Dos", _SKIN),
    BodySite("113182001", "Skin of lower back", "Bas du dos", _SKIN),
    BodySite("22180002", "Skin of buttock", "Fesse", _SKIN),
    BodySite("76261009", "Skin of axilla", "Aisselle", _SKIN),
    BodySite("39687006", "Skin of inguinal region", "Aine", _SKIN),
    BodySite("60944009", "Skin of external genitalia", "Organes génitaux externes", _SKIN),
    BodySite("16982005", "Shoulder region structure", "Épaule", _SKIN),
    BodySite("40983000", "Upper arm structure", "Bras", _SKIN),
    BodySite("127949000", "Elbow region structure", "Coude", _SKIN),
    BodySite("14975008", "Forearm structure", "Avant-bras", _SKIN),
    BodySite("8205005", "Wrist region structure", "Poignet", _SKIN),
    BodySite("33712006", "Skin of hand", "Main", _SKIN),
    BodySite("70887009", "Skin of palm of hand", "Paume de la main", _SKIN),
    BodySite("244169007", "Skin of digit of hand", "Doigt", _SKIN),
    BodySite("770809003", "Nail unit of finger", "Ongle de la main", _SKIN),
    BodySite("68367000", "Thigh structure", "Cuisse", _SKIN),
    BodySite("72696002", "Knee region structure", "Genou", _SKIN),
    BodySite("30021000", "Lower leg structure", "Jambe", _SKIN),
    BodySite("344001", "Ankle region structure", "Cheville", _SKIN),
    BodySite("60496002", "Skin of foot", "Pied", _SKIN),
    BodySite("52034004", "Skin of toe", "Orteil", _SKIN),
    BodySite("770805009", "Nail unit of toe", "Ongle du pied", _SKIN),
    BodySite("84301002", "External auditory canal structure", "Conduit auditif externe", _EAR),
    BodySite("42859004", "Tympanic membrane structure", "Tympan", _EAR),
    BodySite("113277000", "Oral mucous membrane structure", "Muqueuse de la bouche", _MOUTH),
    BodySite("21974007", "Tongue structure", "Langue", _MOUTH),
    BodySite("113279002", "Gingival structure", "Gencive", _MOUTH),
    BodySite("38199008", "Tooth structure", "Dent", _MOUTH),
    BodySite("75573002", "Palatine tonsillar structure", "Amygdale", _MOUTH),
    BodySite("31389004", "Oropharyngeal structure", "Gorge", _MOUTH),
    BodySite("80891009", "Heart structure", "Cœur", _ULTRASOUND),
    BodySite("51185008", "Thoracic structure", "Thorax", _ULTRASOUND),
    BodySite("818981001", "Abdomen", "Abdomen", _ULTRASOUND),
    BodySite("816092008", "Pelvis", "Pelvis", _ULTRASOUND),
    BodySite("69748006", "Thyroid structure", "Thyroïde", _ULTRASOUND),
    BodySite("76752008", "Breast structure", "Sein", _ULTRASOUND),
    BodySite("61685007", "Lower limb structure", "Membre inférieur", _ULTRASOUND),
)

_BY_CODE = {site.code: site for site in BODY_SITES}


def meaning(code: str) -> str | None:
    """The English name of a concept of ours; None for another."""
    site = _BY_CODE.get(code)
    return site.meaning if site else None


def as_constants() -> list[dict[str, Any]]:
    """For the web client: `code`, `en`, `fr`, `kind`."""
    return [{"code": site.code, "en": site.meaning, "fr": site.french, "kind": str(site.kind)} for site in BODY_SITES]
