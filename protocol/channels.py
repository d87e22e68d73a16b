"""Data channels between the vehicle and the doctor's page, inside the DTLS of one call.

`control`  reliable, ordered, JSON of this module: events with acknowledgement, requests, states.
`waveform` unordered, no retransmission: `readings.Chunk` as they are made.
`bulk`     reliable, ordered, lowest priority: chunks asked for again, parts of stills.
"""

from __future__ import annotations

import enum
import struct
from typing import Annotated

import msgspec
from msgspec import Meta

from .guests import GuestCard, GuestKey, GuestView
from .limits import BULK_PART_BYTES
from .quality import CallQuality, Reception
from .readings import Event, InstrumentKind, Quantity
from .values import Code, Id, Instant, Line, Patient, Reason, Sequence, Struct, Urgency

CONTROL, WAVEFORM, BULK = "control", "waveform", "bulk"


class InstrumentState(enum.StrEnum):
    """What an instrument does now."""

    absent = "absent"
    asleep = "asleep"
    ready = "ready"
    measuring = "measuring"
    done = "done"
    failed = "failed"


class RequestState(enum.StrEnum):
    """Life of a doctor's request for a measurement."""

    asked = "asked"
    answered = "answered"
    withdrawn = "withdrawn"


class Request(Struct, frozen=True, kw_only=True):
    """The doctor asks for an instrument; the kiosk pulses its number until it is answered."""

    request_id: Id
    instrument_id: Id
    asked_at: Instant
    state: RequestState = RequestState.asked
    words: Line = ""


class Instrument(Struct, frozen=True, kw_only=True):
    """One numbered instrument on board."""

    number: Annotated[int, Meta(ge=1, le=99)]
    instrument_id: Id
    kind: InstrumentKind
    name: Line
    state: InstrumentState
    problem: Code | None = None
    simulated: bool = False
    battery: Annotated[int, Meta(ge=0, le=100)] | None = None
    live: tuple[Quantity, ...] = ()
    """What it shows while it measures (cuff pressure, running saturation): never a result."""
    device_id: Line = ""
    """What its readings and streams carry as `Device.device_id`; a radio device carries its address (`ble:…`)."""
    streams: bool = False
    """A stream can be started and stopped by hand; an ECG cart's folder gives whole recordings only."""
    request: Request | None = None


class EncounterSummary(Struct, frozen=True, kw_only=True):
    """What the doctor needs to know of the encounter before the first question."""

    encounter_id: Id
    patient: Patient
    reason: Reason
    urgency: Urgency
    opened_at: Instant
    consent_at: Instant
    nurse: Line
    reason_words: Line = ""


class MediaState(Struct, frozen=True, kw_only=True):
    """What the vehicle captures now, so that silence and a black picture are explained."""

    camera: bool
    microphone: bool
    camera_code: Code | None = None
    microphone_code: Code | None = None
    """`microphone.muted` by the nurse, `microphone.silent`: it gives nothing but zeros, `microphone.missing`…"""
    shown: Id | None = None
    """The examination camera that has taken the picture's place; None: the room camera."""
    beside: bool = False
    """The room camera's picture stands small beside the examination camera's."""
    stethoscope: Id | None = None
    """The stethoscope whose sound is on the second audio track now."""
    stethoscope_code: Code | None = None


class Resume(Struct, tag="resume", frozen=True, kw_only=True):
    """Doctor -> vehicle, first on `control`: what the page holds of this encounter."""

    encounter_id: Id
    events_through: Sequence
    """0 after a reload: everything is sent again."""


class EventSent(Struct, tag="event", frozen=True, kw_only=True):
    """Vehicle -> doctor."""

    event: Event


class EventAcknowledged(Struct, tag="ack", frozen=True, kw_only=True):
    """Doctor -> vehicle: everything through `seq` is held and shown."""

    encounter_id: Id
    seq: Sequence


class Situation(Struct, tag="situation", frozen=True, kw_only=True):
    """Vehicle -> doctor, whole, on every change: the encounter, instruments, what is captured."""

    encounter: EncounterSummary
    instruments: tuple[Instrument, ...]
    media: MediaState
    guests: tuple[GuestView, ...] = ()


class InstrumentRequested(Struct, tag="request", frozen=True, kw_only=True):
    """Doctor -> vehicle. Idempotent by `request_id`."""

    request_id: Id
    instrument_id: Id
    words: Line = ""


class InstrumentRequestWithdrawn(Struct, tag="withdraw", frozen=True, kw_only=True):
    """Doctor -> vehicle."""

    request_id: Id


class CameraWanted(Struct, tag="camera_wanted", frozen=True, kw_only=True):
    """Doctor -> vehicle: this examination camera as the live picture; None: the room camera again. `beside`: with
    the room camera's picture small beside it."""

    instrument_id: Id | None
    beside: bool = False


class ListenWanted(Struct, tag="listen_wanted", frozen=True, kw_only=True):
    """Doctor -> vehicle: this stethoscope's sound on the second audio track; None: silence again."""

    instrument_id: Id | None


class ChunksWanted(Struct, tag="chunks_wanted", frozen=True, kw_only=True):
    """Doctor -> vehicle: chunks [from_number, to_number) of a stream, answered on `bulk`."""

    stream_id: Sequence
    from_number: Sequence
    to_number: Sequence


class StillWanted(Struct, tag="still_wanted", frozen=True, kw_only=True):
    """Doctor -> vehicle: the bytes of a still from `offset` on, answered on `bulk`."""

    still_id: Id
    offset: Sequence


class WaveformHead(Struct, tag="waveform_head", frozen=True, kw_only=True):
    """Vehicle -> doctor, once a second while a stream runs: how many chunks exist, so that a lost
    last chunk is noticed."""

    stream_id: Sequence
    chunks: Sequence


class ChannelProblem(Struct, tag="problem", frozen=True, kw_only=True):
    """Either way: a message was refused; the call goes on."""

    code: Code
    about: Line = ""


class Beat(Struct, tag="beat", frozen=True, kw_only=True):
    """Either way, once a second: the path is alive; `echo` is the other side's last `sent`."""

    sent: float
    echo: float | None = None


class QualityTold(Struct, tag="quality", frozen=True, kw_only=True):
    """Vehicle -> doctor, once a second while nothing else waits: how the call goes."""

    quality: CallQuality


class ReceptionTold(Struct, tag="reception", frozen=True, kw_only=True):
    """Doctor -> vehicle, once a second: what the page gets."""

    reception: Reception


class GuestInvited(Struct, tag="guest_invited", frozen=True, kw_only=True):
    """Doctor -> vehicle: this guest may enter the call; idempotent by `guest_id`."""

    guest: GuestCard
    key: GuestKey
    expires_at: Instant


class GuestRemoved(Struct, tag="guest_removed", frozen=True, kw_only=True):
    """Doctor -> vehicle: out of the call, for good."""

    guest_id: Id


ToDoctor = EventSent | Situation | WaveformHead | ChannelProblem | Beat | QualityTold
ToVehicle = (Resume | EventAcknowledged | InstrumentRequested | InstrumentRequestWithdrawn
             | CameraWanted | ListenWanted | ChunksWanted | StillWanted | ChannelProblem | Beat | ReceptionTold
             | GuestInvited | GuestRemoved)

PART_MAGIC = 0x53
_PART_HEADER = struct.Struct("<BBHII")


class Part(msgspec.Struct, frozen=True):
    """A run of bytes of a still on `bulk`: magic, version, length of the id, offset, size of the whole."""

    still_id: str
    offset: int
    size: int
    payload: bytes

    def __bytes__(self) -> bytes:
        name = self.still_id.encode()
        return _PART_HEADER.pack(PART_MAGIC, 1, len(name), self.offset, self.size) + name + self.payload

    @classmethod
    def from_bytes(cls, data: bytes) -> Part:
        """Read a part; ValueError says what does not fit."""
        if len(data) < _PART_HEADER.size:
            raise ValueError(f"part of {len(data)} bytes is shorter than its header")
        magic, version, length, offset, size = _PART_HEADER.unpack_from(data)
        if magic != PART_MAGIC or version != 1:
            raise ValueError(f"not a part of a still, version 1: {data[:2].hex()}")
        body = data[_PART_HEADER.size:]
        if not 1 <= length <= 80 or len(body) < length:
            raise ValueError("the still's identifier is cut")
        payload = body[length:]
        if not payload or len(payload) > BULK_PART_BYTES or offset + len(payload) > size:
            raise ValueError(f"{len(payload)} bytes at {offset} of {size} are out of bounds")
        return cls(body[:length].decode("ascii"), offset, size, payload)
