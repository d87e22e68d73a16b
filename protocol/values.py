"""Values that several protocols share: identifiers, codes of errors and problems, people, vehicles."""

from __future__ import annotations

import enum
from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from .limits import SIGNALLING_MESSAGE_BYTES

Id = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_.:-]{1,80}$")]
"""An opaque identifier; made by `secrets.token_urlsafe` or a UUID, never by a person."""

Line = Annotated[str, Meta(max_length=200)]
"""One line of text typed or picked by a person."""

Note = Annotated[str, Meta(max_length=4000)]
"""Several lines typed by a person."""

Instant = Annotated[datetime, Meta(tz=True)]
"""A moment on the wall clock, RFC 3339 with an offset."""

Sequence = Annotated[int, Meta(ge=0, le=2**53 - 1)]
"""A counter; stays exact in a JavaScript number."""

Code = Annotated[str, Meta(pattern=r"^[a-z0-9_]+(\.[a-z0-9_]+){0,3}$")]
"""A stable code, `subject.what`; the words for it stand in `web_client/src/i18n`."""

Sha256 = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")]
"""SHA-256 in lower-case hexadecimal."""

Pem = Annotated[str, Meta(max_length=16_384)]
"""One or more certificates or a request in PEM (RFC 7468)."""

Sdp = Annotated[str, Meta(max_length=SIGNALLING_MESSAGE_BYTES // 2)]
"""A session description (RFC 8866)."""


class Struct(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Base of every value on a wire: frozen, checked when decoded, unknown fields refused."""


class Urgency(enum.StrEnum):
    """How soon the nurse thinks a doctor should look; it orders the queue and triages nothing."""

    routine = "routine"
    soon = "soon"
    urgent = "urgent"


class Reason(enum.StrEnum):
    """Why the patient came, from the short list of the kiosk."""

    chronic_follow_up = "chronic_follow_up"
    renewal = "renewal"
    fever = "fever"
    cough = "cough"
    pain = "pain"
    skin = "skin"
    heart = "heart"
    wound = "wound"
    pregnancy = "pregnancy"
    prevention = "prevention"
    other = "other"


class Sex(enum.StrEnum):
    """Administrative sex as the national identity service writes it."""

    male = "male"
    female = "female"
    unknown = "unknown"


class Patient(Struct, frozen=True, kw_only=True):
    """Identity of the person in front of the nurse. `anonymous` carries no other field.

    `ins` is the 15-character INS (NIR + key), only with a qualified identity.
    """

    anonymous: bool = False
    family_name: Line = ""
    given_name: Line = ""
    birth_date: Annotated[str, Meta(pattern=r"^(\d{4}-\d{2}-\d{2})?$")] = ""
    sex: Sex = Sex.unknown
    birth_place: Line = ""
    ins: Annotated[str, Meta(pattern=r"^([0-9AB]{15})?$")] = ""
    ins_oid: Annotated[str, Meta(pattern=r"^[0-9.]{0,64}$")] = ""
    qualified: bool = False


class Problem(Struct, frozen=True, kw_only=True):
    """Something that is wrong now. `subject` names the part (an instrument, `camera`, `relay`…)."""

    code: Code
    subject: Line = ""
    since: Instant | None = None


class DoctorCard(Struct, frozen=True, kw_only=True):
    """A doctor as vehicles see them. `certificate` is PEM, issued by the operator's CA."""

    doctor_id: Id
    name: Line
    title: Line = ""
    speciality: Line = ""
    rpps: Annotated[str, Meta(pattern=r"^(\d{11})?$")] = ""
    certificate: Pem = ""


class VehicleCard(Struct, frozen=True, kw_only=True):
    """A vehicle as doctors see it. `certificate` is PEM, issued by the operator's CA."""

    vehicle_id: Id
    name: Line
    territory: Line = ""
    simulated: bool = False
    certificate: Pem = ""


class IceServer(Struct, frozen=True, kw_only=True):
    """One STUN or TURN server as `RTCIceServer` has it (W3C WebRTC, section 4.2.4)."""

    urls: tuple[Line, ...]
    username: Line = ""
    credential: Line = ""
