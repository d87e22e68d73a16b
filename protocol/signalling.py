"""Signalling between the relay and its clients (vehicles, doctors' and guests' pages), over WebSocket.

Every message is a `Frame`. `n` numbers the sender's frames from 1 within a session (0: not
numbered, not kept); `ack` is the highest `n` received from the other side. After a break the
client opens a new socket with `Hello(session, resume_token, last_seen)`; the relay sends what the
client missed, the client sends what the relay missed (`Welcome.last_seen`). When the session is
gone (`resumed` false) both start from snapshots: the vehicle says its `EncounterState`, the relay
its `Queue`, and `CallAssigned` / `CallGranted` of a call that is open.
"""

from __future__ import annotations

import enum
from typing import Annotated

from msgspec import Meta

from .binding import Binding
from .guest_signalling import (
    GuestAnswer,
    GuestAway,
    GuestCandidate,
    GuestEntered,
    GuestLeft,
    GuestOffer,
    GuestRefused,
    GuestRejoin,
)
from .guests import GuestCard
from .prescription import PrescriptionState
from .quality import CallSummary
from .values import (
    Code,
    DoctorCard,
    IceServer,
    Id,
    Instant,
    Line,
    Problem,
    Reason,
    Sdp,
    Sequence,
    Sha256,
    Struct,
    Urgency,
    VehicleCard,
)


class Role(enum.StrEnum):
    """Who speaks on a signalling socket."""

    vehicle = "vehicle"
    doctor = "doctor"
    guest = "guest"


class Hello(Struct, tag="hello", frozen=True, kw_only=True):
    """Client -> relay, the first frame (n = 0). A doctor brings a token, a vehicle its certificate, a guest the
    token of its link, which is used up by it (`guest.link_used`, `guest.link_unknown`, `guest.link_expired`).

    A guest's page makes its `resume_token` itself (32 random octets, base64url) and says it with the link's token:
    a `Welcome` that was lost is then asked for again by the same `Hello`. It comes back by `session` and
    `resume_token`, after a reload by `resume_token` alone: then its media is gone and both hosts offer anew.
    `Welcome.resume_token` of a guest is always the same one."""

    version: int
    role: Role
    token: Annotated[str, Meta(max_length=4096)] = ""
    session: Id | None = None
    resume_token: Annotated[str, Meta(max_length=128)] = ""
    last_seen: Sequence = 0


class Welcome(Struct, tag="welcome", frozen=True, kw_only=True):
    """Relay -> client, n = 0. `resumed` false: a new session, start from snapshots."""

    session: Id
    resume_token: str
    resumed: bool
    last_seen: Sequence
    server_time: Instant
    ice_servers: tuple[IceServer, ...] = ()
    doctor: DoctorCard | None = None
    vehicle: VehicleCard | None = None
    guest: GuestCard | None = None
    """To a guest, with the doctor and the vehicle of its call in the fields above and `call_id`."""
    call_id: Id | None = None


class Refusal(Struct, tag="error", frozen=True, kw_only=True):
    """Either way: a message was refused. `about` is its `n` (0: the connection itself).

    `facts` are for the sentence on the screen (`by`: who took the call).
    """

    code: Code
    about: Sequence = 0
    facts: dict[str, Line] = {}


class Nothing(Struct, tag="nothing", frozen=True, kw_only=True):
    """Carries an `ack` and no more."""


class EncounterPhase(enum.StrEnum):
    """Where an encounter stands, as the relay needs to know it."""

    waiting = "waiting"
    in_call = "in_call"
    after = "after"
    closed = "closed"


class EncounterState(Struct, tag="encounter", frozen=True, kw_only=True):
    """Vehicle -> relay: a snapshot, idempotent. No identity travels here.

    `waiting` puts it in the doctors' queue; `after` and `closed` take it out and end its call.
    """

    encounter_id: Id
    phase: EncounterPhase
    opened_at: Instant
    waiting_since: Instant | None = None
    reason: Reason
    urgency: Urgency
    call_id: Id | None = None


class VehicleHealth(Struct, tag="health", frozen=True, kw_only=True):
    """Vehicle -> relay, each minute and on change."""

    release: Line
    problems: tuple[Problem, ...] = ()
    certificate_days: int | None = None
    outbox: int = 0
    camera: bool = True
    simulated: bool = False
    call: CallSummary | None = None
    """None: no call since the gateway started."""


class Place(Struct, tag="place", frozen=True, kw_only=True):
    """Relay -> vehicle: place in the queue, from 1, and how many doctors are on line."""

    encounter_id: Id
    place: int
    doctors: int


class QueueEntry(Struct, frozen=True, kw_only=True):
    """One waiting or running consultation as doctors see it."""

    encounter_id: Id
    vehicle: VehicleCard
    reason: Reason
    urgency: Urgency
    waiting_since: Instant
    online: bool
    taken_by: Line = ""


class Queue(Struct, tag="queue", frozen=True, kw_only=True):
    """Relay -> doctor: the whole queue, on every change."""

    entries: tuple[QueueEntry, ...]


class TakeCall(Struct, tag="take", frozen=True, kw_only=True):
    """Doctor -> relay. One wins; the others get `call.taken` with `by`."""

    encounter_id: Id


class CallAssigned(Struct, tag="assigned", frozen=True, kw_only=True):
    """Relay -> vehicle: this doctor has the call; make an offer for this generation."""

    call_id: Id
    generation: int
    encounter_id: Id
    doctor: DoctorCard
    ice_servers: tuple[IceServer, ...] = ()


class CallGranted(Struct, tag="granted", frozen=True, kw_only=True):
    """Relay -> doctor: you have the call; an offer for this generation follows."""

    call_id: Id
    generation: int
    encounter_id: Id
    vehicle: VehicleCard
    ice_servers: tuple[IceServer, ...] = ()


class CallRejoin(Struct, tag="rejoin", frozen=True, kw_only=True):
    """Either peer -> relay: my side lost its peer connection, start a new generation.

    The relay raises `generation` and sends `assigned` and `granted` again, at most twice a second.
    """

    call_id: Id
    generation: int
    """The generation that failed; an older one than the relay's is ignored."""
    cause: Code = "call.reload"


class CallOffer(Struct, tag="offer", frozen=True, kw_only=True):
    """Vehicle -> doctor."""

    call_id: Id
    generation: int
    sdp: Sdp
    binding: Binding


class CallAnswer(Struct, tag="answer", frozen=True, kw_only=True):
    """Doctor -> vehicle."""

    call_id: Id
    generation: int
    sdp: Sdp
    binding: Binding


class CallCandidate(Struct, tag="candidate", frozen=True, kw_only=True):
    """Either way, after the description; an empty `candidate` ends them (RFC 8838)."""

    call_id: Id
    generation: int
    candidate: Annotated[str, Meta(max_length=1024)]
    sdp_mid: Line = ""
    sdp_m_line_index: int = 0


class CallRefused(Struct, tag="refused", frozen=True, kw_only=True):
    """Either way: the other end's binding does not hold. The relay writes it in the audit."""

    call_id: Id
    generation: int
    code: Code


class CallLeft(Struct, tag="left", frozen=True, kw_only=True):
    """Either peer -> relay -> the other: this call is over for the doctor (`finished`: for good).

    Not finished puts the encounter back in the queue.
    """

    call_id: Id
    finished: bool
    by: Line = ""


class PeerAway(Struct, tag="away", frozen=True, kw_only=True):
    """Relay -> peer: the other end's signalling socket went (`away`) or came back."""

    call_id: Id
    away: bool


class PrescriptionReady(Struct, tag="prescription_ready", frozen=True, kw_only=True):
    """Relay -> vehicle: fetch it at `/vehicle/prescriptions/{id}`. Said again until it arrived."""

    prescription_id: Id
    encounter_id: Id
    sha256: Sha256


class PrescriptionProgress(Struct, tag="prescription", frozen=True, kw_only=True):
    """Vehicle -> relay -> doctor: a step in the life of a prescription. Idempotent."""

    prescription_id: Id
    encounter_id: Id
    state: PrescriptionState
    at: Instant
    code: Code | None = None


class Dismissed(Struct, tag="dismissed", frozen=True, kw_only=True):
    """Relay -> client, then the socket closes: revoked, signed out, replaced by another page."""

    code: Code


FromVehicle = (Hello | Nothing | Refusal | EncounterState | VehicleHealth | CallRejoin | CallOffer | CallCandidate
               | CallRefused | CallLeft | PrescriptionProgress | GuestOffer | GuestCandidate | GuestRejoin | GuestLeft
               | GuestRefused)
ToVehicle = (Welcome | Nothing | Refusal | Place | CallAssigned | CallAnswer | CallCandidate | CallRefused | CallLeft
             | PeerAway | PrescriptionReady | Dismissed | GuestEntered | GuestAnswer | GuestCandidate | GuestAway
             | GuestLeft | GuestRefused)
FromDoctor = (Hello | Nothing | Refusal | TakeCall | CallRejoin | CallAnswer | CallCandidate | CallRefused | CallLeft
              | GuestOffer | GuestCandidate | GuestRejoin | GuestLeft | GuestRefused)
ToDoctor = (Welcome | Nothing | Refusal | Queue | CallGranted | CallOffer | CallCandidate | CallRefused | CallLeft
            | PeerAway | PrescriptionProgress | Dismissed | GuestEntered | GuestAnswer | GuestCandidate | GuestAway
            | GuestLeft | GuestRefused)
FromGuest = Hello | Nothing | Refusal | GuestAnswer | GuestCandidate | GuestRejoin | GuestLeft | GuestRefused
ToGuest = Welcome | Nothing | Refusal | GuestOffer | GuestCandidate | GuestLeft | GuestRefused | Dismissed


class FrameFromVehicle(Struct, frozen=True, kw_only=True):
    """Vehicle -> relay."""

    n: Sequence
    ack: Sequence
    body: FromVehicle


class FrameToVehicle(Struct, frozen=True, kw_only=True):
    """Relay -> vehicle."""

    n: Sequence
    ack: Sequence
    body: ToVehicle


class FrameFromDoctor(Struct, frozen=True, kw_only=True):
    """Doctor's page -> relay."""

    n: Sequence
    ack: Sequence
    body: FromDoctor


class FrameToDoctor(Struct, frozen=True, kw_only=True):
    """Relay -> doctor's page."""

    n: Sequence
    ack: Sequence
    body: ToDoctor


class FrameFromGuest(Struct, frozen=True, kw_only=True):
    """Guest's page -> relay."""

    n: Sequence
    ack: Sequence
    body: FromGuest


class FrameToGuest(Struct, frozen=True, kw_only=True):
    """Relay -> guest's page."""

    n: Sequence
    ack: Sequence
    body: ToGuest
