"""One-time enrolment codes: 128 random bits in base32, then the pin of the operator's CA. Pure.

    ABCDEF-GHIJKL-MNOPQR-STUVWX-YZ.QRSTUVWXYZ234567ABCDEFGHIJ

The pin lets the vehicle know the right CA at first sight; the relay needs the part before the dot.
"""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from datetime import timedelta

from .errors import CodeRefused

SECRET_BYTES = 16
"""128 bits: its plain SHA-256 can be stored, nobody can try them all."""

CODE_LIFETIME = timedelta(hours=72)
"""A vehicle that is prepared on Friday is enrolled on Monday."""

_GROUP = 6
_SECRET = re.compile(r"[A-Z2-7]{26}")


def new_secret() -> str:
    """26 base32 characters."""
    return base64.b32encode(secrets.token_bytes(SECRET_BYTES)).decode("ascii").rstrip("=")


def written(secret: str, pin: str) -> str:
    """The code as a person reads it."""
    return "-".join(secret[i:i + _GROUP] for i in range(0, len(secret), _GROUP)) + "." + pin


def secret_sha256(code: str) -> str:
    """SHA-256 of the secret part of a code as typed: spaces, hyphens and case do not count.

    Raises `CodeRefused("enrol.code_malformed")`.
    """
    secret = re.sub(r"[\s-]", "", code.partition(".")[0]).upper()
    if not _SECRET.fullmatch(secret):
        raise CodeRefused("enrol.code_malformed")
    return hashlib.sha256(secret.encode("ascii")).hexdigest()
