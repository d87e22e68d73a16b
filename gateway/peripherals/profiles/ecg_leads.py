"""Names of electrocardiogram and cardiotocogram channels as ISO/IEEE 11073-10101 codes (32 bits)."""

from __future__ import annotations

from typing import Final

UNSPECIFIED: Final = 131328
"""MDC_ECG_ELEC_POTL: a channel whose electrodes nobody named."""

LEADS: Final = {
    "I": 131329, "II": 131330, "III": 131389, "aVR": 131390, "aVL": 131391, "aVF": 131392,
    "V1": 131331, "V2": 131332, "V3": 131333, "V4": 131334, "V5": 131335, "V6": 131336,
}
"""MDC_ECG_LEAD_*, in the order in which twelve leads are shown."""

TWELVE: Final = tuple(LEADS.values())

_BEFORE: Final = ("MDC", "ECG", "EKG", "ELEC", "LEAD")
"""Words that stand before a lead's name."""

_BY_NAME: Final = {name.upper(): code for name, code in LEADS.items()}
_NAMES: Final = {code: name for name, code in LEADS.items()}

FETAL_HEART_RATE_1: Final = 192715
FETAL_HEART_RATE_2: Final = 67108866
UTERINE_ACTIVITY: Final = 192724
"""The nomenclature has no public code for these. The first heart rate and the uterine activity take the private terms
61643 and 61652 that Philips monitors use (partition 2); the second heart rate, which needs one of its own, is number
2 of the private partition 1024."""


def code_of(label: str) -> int | None:
    """The code of a lead's printed name: `aVR`, `V1`, `ECG V1`, `Lead I (Einthoven)`, `MDC_ECG_LEAD_II`; None when it
    is none."""
    words = [word for word in label.replace("_", " ").split() if not word.startswith("(")]
    while len(words) > 1 and words[0].upper() in _BEFORE:
        del words[0]
    return _BY_NAME.get(words[0].upper()) if len(words) == 1 else None


def name_of(code: int) -> str:
    """The printed name; empty when it has none."""
    return _NAMES.get(code, "")
