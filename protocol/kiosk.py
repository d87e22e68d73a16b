"""Between the gateway and its touchscreen, over a WebSocket on loopback.

The gateway pushes `KioskState`, whole, on every change (at most ten a second) and
`KioskSession` messages for the local peer connection; the page sends `kiosk_commands.KioskCommand`s and gets a
`KioskReply` for each. Binary messages gateway -> page are `readings.Chunk`s.
"""

from __future__ import annotations

import enum
from typing import Annotated

from msgspec import Meta

from .channels import Instrument
from .guests import GuestView
from .prescription import PrescriptionView
from .quality import CallQuality
from .readings import InstrumentKind, Reading, Still, Waveform
from .values import Code, Id, Instant, Line, Patient, Problem, Reason, Sequence, Struct, Urgency, VehicleCard


class RelayLink(enum.StrEnum):
    """The signalling socket to the relay."""

    connecting = "connecting"
    online = "online"
    offline = "offline"


class UplinkState(enum.StrEnum):
    """One of the vehicle's ways out, as far as the call needs it."""

    present = "present"
    """It has an address; nothing was asked of it: there is no call."""
    answering = "answering"
    silent = "silent"


class Uplink(Struct, frozen=True, kw_only=True):
    """One network interface of the vehicle, the preferred one first. `round_trip_ms`: to the doctor's page."""

    name: Line
    operator: Line = ""
    state: UplinkState
    in_use: bool = False
    relayed: bool = False
    """Through a TURN server."""
    round_trip_ms: int | None = None


class Link(Struct, frozen=True, kw_only=True):
    """The network as the nurse's bar shows it. None: not measured, never guessed."""

    relay: RelayLink
    since: Instant
    operator: Line = ""
    round_trip_ms: int | None = None
    uplinks: tuple[Uplink, ...] = ()


class PowerSource(enum.StrEnum):
    """What feeds the vehicle's PC, from /sys/class/power_supply."""

    mains = "mains"
    battery = "battery"
    unknown = "unknown"


class Power(Struct, frozen=True, kw_only=True):
    """Power as the nurse's bar shows it."""

    source: PowerSource
    percent: int | None = None


class Stage(enum.StrEnum):
    """Where the nurse is in the open encounter."""

    ready = "ready"
    waiting = "waiting"
    in_call = "in_call"
    interrupted = "interrupted"
    after = "after"


class CameraView(Struct, frozen=True, kw_only=True):
    """The room camera: what the ready check and the bar say."""

    present: bool
    name: Line = ""
    width: int = 0
    height: int = 0
    frames_per_second: int = 0
    code: Code | None = None
    simulated: bool = False


class CuffPressure(Struct, frozen=True, kw_only=True):
    """Live pressure while a cuff measures, mmHg; never stored as a reading."""

    instrument_id: Id
    pressure: int


class StillReview(Struct, frozen=True, kw_only=True):
    """A still that waits for the nurse: keep it or take it again. Its bytes are at `/stills/{id}`."""

    instrument_id: Id
    still: Still


class Encounter(Struct, frozen=True, kw_only=True):
    """The open encounter as the kiosk shows it."""

    encounter_id: Id
    patient: Patient
    reason: Reason
    urgency: Urgency
    reason_words: Line = ""
    opened_at: Instant
    stage: Stage
    place: int | None = None
    doctors: int | None = None
    doctor: Line = ""
    doctor_speciality: Line = ""
    call_since: Instant | None = None
    readings: tuple[Reading, ...] = ()
    stills: tuple[Still, ...] = ()
    waveforms: tuple[Waveform, ...] = ()
    """Streams that run now."""
    prescriptions: tuple[PrescriptionView, ...] = ()
    unacknowledged: int = 0
    """Events the doctor's page has not confirmed."""
    call_code: Code | None = None
    """Why the call does not run: `call.interrupted`, `fingerprint.mismatch`…"""
    quality: CallQuality | None = None
    """While a call runs, a second old at most."""
    guests: tuple[GuestView, ...] = ()
    """Invited to this call, or in it."""


class TrayItem(Struct, frozen=True, kw_only=True):
    """A reading that belongs to no encounter until a person says so (I2)."""

    reading: Reading
    reason: Code


class PairingState(enum.StrEnum):
    """Where the pairing of a new instrument is."""

    searching = "searching"
    pairing = "pairing"
    paired = "paired"
    failed = "failed"


class PairingCandidate(Struct, frozen=True, kw_only=True):
    """A radio instrument that advertises itself now and that a driver of ours knows."""

    address: Id
    name: Line
    kind: InstrumentKind
    signal_dbm: int | None = None
    simulated: bool = False


class Passkey(Struct, frozen=True, kw_only=True):
    """Six digits of a bond. `show` None: the instrument shows them and the nurse types them; else they are
    to be typed on the instrument."""

    name: Line
    show: Annotated[str, Meta(pattern=r"^\d{6}$")] | None = None


class Pairing(Struct, frozen=True, kw_only=True):
    """The pairing wizard. `instrument_id` set: that instrument is being replaced, or was just made."""

    state: PairingState
    candidates: tuple[PairingCandidate, ...] = ()
    address: Id | None = None
    instrument_id: Id | None = None
    code: Code | None = None


class Unfinished(Struct, frozen=True, kw_only=True):
    """An encounter that is closed to measuring but not to its papers."""

    encounter_id: Id
    patient: Patient
    opened_at: Instant
    prescriptions: tuple[PrescriptionView, ...]
    unsent: int


class Nurse(Struct, frozen=True, kw_only=True):
    """Who is signed in."""

    nurse_id: Id
    name: Line


class KioskState(Struct, tag="state", frozen=True, kw_only=True):
    """Everything the kiosk shows. Before sign-in only `vehicle`, `link`, `power`, `problems`."""

    revision: Sequence
    now: Instant
    vehicle: VehicleCard
    release: Line
    link: Link
    power: Power
    demo: bool
    nurse: Nurse | None = None
    nurses: tuple[Nurse, ...] = ()
    """Who may sign in here: the names on the sign-in screen."""
    outbox: int = 0
    problems: tuple[Problem, ...] = ()
    camera: CameraView | None = None
    microphone: bool = False
    """Sound from the kiosk's browser reaches the gateway."""
    instruments: tuple[Instrument, ...] = ()
    cuff: CuffPressure | None = None
    review: StillReview | None = None
    encounter: Encounter | None = None
    tray: tuple[TrayItem, ...] = ()
    pairing: Pairing | None = None
    passkey: Passkey | None = None
    shown: Id | None = None
    """The examination camera the doctor sees live now."""
    listening: Id | None = None
    """The stethoscope the doctor hears now."""
    beside: bool = False
    """The room camera's picture stands small beside the shown one."""
    microphone_muted: bool = False
    microphone_code: Code | None = None
    """Why the doctor does not hear the bus: `microphone.muted`, `microphone.silent`, `microphone.missing`…"""
    voice_kbps: Annotated[int, Meta(ge=6, le=510)] = 24
    """What the page's encoder may take for the microphone (kbit/s, RFC 7587): fewer while an uplink is very thin."""
    unfinished: tuple[Unfinished, ...] = ()


class LocalOffer(Struct, tag="local_offer", frozen=True, kw_only=True):
    """Gateway -> page: the local peer connection. m-lines in order: audio (doctor out, microphone
    in), video (own picture), video (doctor's picture), audio and video (the newest guest),
    audio and audio (further guests); answer with `LocalAnswer`."""

    generation: int
    sdp: Annotated[str, Meta(max_length=32_768)]


class KioskReply(Struct, tag="reply", frozen=True, kw_only=True):
    """Gateway -> page: the outcome of a command. No `code`: done."""

    id: int
    code: Code | None = None
    facts: dict[str, Line] = {}
    encounter_id: Id | None = None


KioskMessage = KioskState | LocalOffer | KioskReply
