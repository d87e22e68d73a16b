"""What the touchscreen's page asks of the gateway: commands, each answered by a `kiosk.KioskReply`."""

from __future__ import annotations

import enum
from typing import Annotated

from msgspec import Meta

from .values import Code, Id, Line, Patient, Reason, Struct, Urgency


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
