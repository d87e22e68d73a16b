"""Between the gateway and its touchscreen, over a WebSocket on loopback.

The gateway pushes `KioskState`, whole, on every change (at most ten a second) and
`KioskSession` messages for the local peer connection; the page sends `KioskCommand`s and gets a
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


class SignInNurse(Struct, tag="sign_in", frozen=True, kw_only=True):
    """Five wrong PINs close the sign-in for a minute (`pin.wait`)."""

    nurse_id: Id
    pin: Annotated[str, Meta(max_length=12)]


class SignOutNurse(Struct, tag="sign_out", frozen=True, kw_only=True):
    """Ends the kiosk's session; an open encounter stays open."""


class OpenEncounter(Struct, tag="open_encounter", frozen=True, kw_only=True):
    """Refused with a field's code (`patient.birth_date`, `patient.ins_key`…) when it cannot be."""

    patient: Patient
    consent: bool
    reason: Reason
    urgency: Urgency
    reason_words: Line = ""


class EnterWaiting(Struct, tag="enter_waiting", frozen=True, kw_only=True):
    """ready -> waiting: the encounter joins the doctors' queue."""


class LeaveWaiting(Struct, tag="leave_waiting", frozen=True, kw_only=True):
    """waiting -> ready."""


class Orientation(enum.StrEnum):
    """Where the patient goes next."""

    none = "none"
    advised = "advised"
    urgent = "urgent"


class CloseEncounter(Struct, tag="close_encounter", frozen=True, kw_only=True):
    """Ends the encounter. The three indicators are optional and never block."""

    orientation: Orientation
    satisfaction: Annotated[int, Meta(ge=0, le=10)] | None = None
    staff_minutes: Annotated[int, Meta(ge=0, le=600)] | None = None
    has_family_doctor: bool | None = None


class HangUp(Struct, tag="hang_up", frozen=True, kw_only=True):
    """in_call -> after."""


class StartWaveform(Struct, tag="start_waveform", frozen=True, kw_only=True):
    """Starts the stream of an ECG."""

    instrument_id: Id


class StopWaveform(Struct, tag="stop_waveform", frozen=True, kw_only=True):
    """Stops it."""

    instrument_id: Id


class CaptureStill(Struct, tag="capture_still", frozen=True, kw_only=True):
    """Takes a still; the judged picture comes as `KioskState.review`."""

    instrument_id: Id


class KeepStill(Struct, tag="keep_still", frozen=True, kw_only=True):
    """The nurse keeps the still under review: it joins the encounter. `body_site` is a SNOMED CT concept,
    `like` the earlier still of the same place."""

    still_id: Id
    body_site: Annotated[str, Meta(pattern=r"^\d{0,18}$")] = ""
    like: Id | None = None


class DropStill(Struct, tag="drop_still", frozen=True, kw_only=True):
    """The nurse drops the still under review."""

    still_id: Id


class ShowCamera(Struct, tag="show_camera", frozen=True, kw_only=True):
    """The nurse gives the doctor this examination camera as the live picture; None: the room camera. `beside`: with
    the room camera's picture small beside it."""

    instrument_id: Id | None
    beside: bool = False


class Listen(Struct, tag="listen", frozen=True, kw_only=True):
    """The nurse opens this stethoscope for the doctor; None: closes it."""

    instrument_id: Id | None


class StartPairing(Struct, tag="start_pairing", frozen=True, kw_only=True):
    """Opens the wizard; `instrument_id`: the instrument whose device is replaced."""

    instrument_id: Id | None = None


class ChoosePairing(Struct, tag="choose_pairing", frozen=True, kw_only=True):
    """Pairs with this candidate."""

    address: Id


class EnterPasskey(Struct, tag="enter_passkey", frozen=True, kw_only=True):
    """The six digits the instrument shows."""

    passkey: Annotated[str, Meta(pattern=r"^\d{6}$")]


class EndPairing(Struct, tag="end_pairing", frozen=True, kw_only=True):
    """Closes the wizard, or gives a passkey up."""


class ForgetInstrument(Struct, tag="forget_instrument", frozen=True, kw_only=True):
    """Removes an instrument that was paired here; one from the configuration file is refused."""

    instrument_id: Id


class AssignReading(Struct, tag="assign_reading", frozen=True, kw_only=True):
    """Empties the tray by hand: to the open encounter, or `discard`."""

    reading_id: Id
    encounter_id: Id | None
    discard: bool = False


class PrintPrescription(Struct, tag="print", frozen=True, kw_only=True):
    """Prints again after a failure a person has seen (`print_failed`)."""

    prescription_id: Id


class SayPrinted(Struct, tag="say_printed", frozen=True, kw_only=True):
    """A person looked at the printer's tray: `print_ambiguous` becomes printed or failed."""

    prescription_id: Id
    printed: bool


class HandOver(Struct, tag="hand_over", frozen=True, kw_only=True):
    """The nurse gave the paper to the patient."""

    prescription_id: Id


class WantLocal(Struct, tag="want_local", frozen=True, kw_only=True):
    """The page asks for a local peer connection (after loading, after a failure)."""


class LocalAnswer(Struct, tag="local_answer", frozen=True, kw_only=True):
    """Answer to `LocalOffer`, candidates gathered."""

    generation: int
    sdp: Annotated[str, Meta(max_length=32_768)]


class MicrophoneFailed(Struct, tag="microphone_failed", frozen=True, kw_only=True):
    """The browser gives no microphone; the doctor is told."""

    code: Code


class MuteMicrophone(Struct, tag="mute", frozen=True, kw_only=True):
    """The nurse mutes the bus for the doctor and guests, or speaks again. Off again with every new call."""

    muted: bool


class RemoveGuest(Struct, tag="remove_guest", frozen=True, kw_only=True):
    """The nurse ends a guest's part in the call, or takes the invitation back."""

    guest_id: Id


CommandBody = (SignInNurse | SignOutNurse | OpenEncounter | EnterWaiting | LeaveWaiting | CloseEncounter | HangUp
               | StartWaveform | StopWaveform | CaptureStill | KeepStill | DropStill | ShowCamera | Listen
               | StartPairing | ChoosePairing | EnterPasskey | EndPairing | ForgetInstrument | AssignReading
               | PrintPrescription | SayPrinted | HandOver | WantLocal | LocalAnswer | MicrophoneFailed | MuteMicrophone
               | RemoveGuest)


class KioskCommand(Struct, frozen=True, kw_only=True):
    """Page -> gateway; `id` comes back in the reply."""

    id: int
    body: CommandBody


KioskMessage = KioskState | LocalOffer | KioskReply

