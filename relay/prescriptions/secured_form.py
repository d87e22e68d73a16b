"""Drugs that may only be prescribed on the national secured form, which this software does not make.

Narcotics, and what the health agency puts under the same rule in whole or in part (R.5132-5 and
R.5132-29 of the code de la santé publique; zolpidem 2017, prégabaline 2021, tramadol, codéine and
dihydrocodéine 2025). The list is the operator's to change: the law adds to it most years, and a
name too many costs a phone call where a name too few costs more.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

NARCOTICS = frozenset((
    "alfentanil", "amfétamine", "amphétamine", "buprénorphine", "cocaïne", "dexamfétamine", "dexamphétamine",
    "dextromoramide", "diamorphine", "dronabinol", "eskétamine", "éthylmorphine", "étorphine", "fentanyl",
    "hydrocodone", "hydromorphone", "kétamine", "lévométhadone", "lisdexamfétamine", "méthadone",
    "méthylphénidate", "morphine", "nabilone", "nabiximols", "opium", "oxybate", "oxycodone", "oxymorphone",
    "péthidine", "phénopéridine", "rémifentanil", "sufentanil", "tapentadol", "tilidine"))

UNDER_THE_SAME_RULE = frozenset((
    "clonazépam", "clorazépate", "codéine", "dihydrocodéine", "flunitrazépam", "midazolam", "prégabaline",
    "tianeptine", "tramadol", "zolpidem"))

TRADE_NAMES = frozenset((
    "abstral", "actiq", "actiskenan", "biprodol", "breakyl", "buvidal", "codoliprane", "concerta", "contramal",
    "dafalgan codéiné", "durogesic", "dolophine", "effentora", "efferalgan codéiné", "instanyl", "ixprim", "izalgi",
    "klipal", "lamaline", "lyrica", "matrifen", "medikinet", "monoalgic", "moscontin", "oramorph", "orobupré",
    "oxsynia", "oxycontin", "oxynorm", "palexia", "pecfent", "quasym", "recivit", "ritaline", "rivotril", "sevredol",
    "sixanol", "skenan", "sophidone", "spravato", "stablon", "stilnox", "suboxone", "subutex", "temgesic",
    "topalgic", "tranxene", "xyrem", "zaldiar", "zamudol", "zubsolv", "zumalgic"))

SECURED_FORM = NARCOTICS | UNDER_THE_SAME_RULE | TRADE_NAMES
"""The default list."""

_WORDS = re.compile(r"[a-z0-9]+")


def secured_name(drug: str, names: Iterable[str] = SECURED_FORM) -> str | None:
    """The name of the list that a drug's text contains as whole words; case and accents do not count."""
    text = f" {_folded(drug)} "
    return next((name for name in sorted(names) if f" {_folded(name)} " in text), None)


def _folded(text: str) -> str:
    # Compatibility decomposition: a full-width or ligature letter must not get around the list.
    plain = "".join(char for char in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(char))
    return " ".join(_WORDS.findall(plain))
