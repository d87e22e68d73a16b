"""Bodies of the relay's HTTP interface for people and for enrolment."""

from __future__ import annotations

import enum
from typing import Annotated

from msgspec import Meta

from .quality import CallSummary
from .values import Code, DoctorCard, Id, Instant, Line, Pem, Problem, Struct


class ErrorBody(Struct, frozen=True, kw_only=True):
    """Every HTTP error of the relay and of the kiosk: a code, and facts for the sentence."""

    code: Code
    facts: dict[str, Line] = {}


class SignIn(Struct, frozen=True, kw_only=True):
    """POST /api/sign-in (demo provider; a later issue brings OpenID Connect)."""

    account: Line
    password: Line


class PersonKind(enum.StrEnum):
    """What an account may do."""

    doctor = "doctor"
    it = "it"


class Me(Struct, frozen=True, kw_only=True):
    """GET /api/me. `ca` is the operator's CA certificate, which the page pins at first sight."""

    kind: PersonKind
    name: Line
    doctor: DoctorCard | None
    ca: Pem
    demo: bool


class Token(Struct, frozen=True, kw_only=True):
    """POST /api/token: a JWT (ES256) for the WebSocket and for scripts, short-lived."""

    token: str
    expires_at: Instant


class CertificateRequest(Struct, frozen=True, kw_only=True):
    """POST /api/doctor/certificate: PKCS#10 (RFC 2986) in PEM, made in the doctor's browser."""

    csr: Pem


class CertificateIssued(Struct, frozen=True, kw_only=True):
    """Answer to a certificate request. `ca` is the issuer."""

    certificate: Pem
    ca: Pem


class VehicleCreated(Struct, frozen=True, kw_only=True):
    """POST /api/fleet/vehicles: the one-time code is shown once and stored as a hash."""

    vehicle_id: Id
    code: Line
    expires_at: Instant


class VehicleWanted(Struct, frozen=True, kw_only=True):
    """Body of POST /api/fleet/vehicles."""

    name: Annotated[str, Meta(min_length=1, max_length=80)]
    territory: Line = ""


class VehicleRow(Struct, frozen=True, kw_only=True):
    """GET /api/fleet/vehicles, one element."""

    vehicle_id: Id
    name: Line
    territory: Line
    state: Code
    online: bool
    last_seen: Instant | None
    release: Line
    certificate_days: int | None
    problems: tuple[Problem, ...]
    call: CallSummary | None = None
    """The call that runs, or the last one."""


class Enrolment(Struct, frozen=True, kw_only=True):
    """POST /api/enrol: the one-time code and a PKCS#10 request signed by the vehicle's new key."""

    code: Annotated[str, Meta(max_length=200)]
    csr: Pem


class Enrolled(Struct, frozen=True, kw_only=True):
    """Answer to an enrolment."""

    vehicle_id: Id
    name: Line
    territory: Line
    certificate: Pem
    ca: Pem
    vehicle_url: Line
    """Address of the relay's listener for vehicles (https)."""
