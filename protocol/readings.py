"""What instruments say: readings, waveforms, stills, and the events of one encounter."""

from __future__ import annotations

import enum
import struct
from collections.abc import Sequence as Seq
from decimal import Decimal
from typing import Annotated

import msgspec
from msgspec import Meta

from .limits import STILL_BYTES, WAVEFORM_CHUNK_SAMPLES
from .values import Code, Id, Instant, Line, Sequence, Sha256, Struct


class Absent(enum.StrEnum):
    """Why there is no number (FHIR data-absent-reason; HL7 PHD guide, FLOATS)."""

    not_a_number = "not-a-number"
    positive_infinity = "positive-infinity"
    negative_infinity = "negative-infinity"
    error = "error"


class Quantity(Struct, frozen=True, kw_only=True):
    """One measured quantity. Exactly one of `value` and `absent` is there.

    `loinc` and `mdc` (ISO/IEEE 11073-10101, 32 bit) name it, `unit` is UCUM. The exponent of
    `value` carries the precision of the instrument.
    """

    loinc: Annotated[str, Meta(pattern=r"^(\d{1,7}-\d)?$")]
    mdc: Annotated[int, Meta(ge=0, lt=2**32)]
    unit: Line
    value: Decimal | None = None
    absent: Absent | None = None

    def __post_init__(self) -> None:
        if (self.value is None) == (self.absent is None):
            raise ValueError("a quantity has either a value or a reason for its absence")
        if self.value is not None and not self.value.is_finite():
            raise ValueError("a quantity's value is finite")


class InstrumentKind(enum.StrEnum):
    """What an instrument measures."""

    blood_pressure = "blood_pressure"
    thermometer = "thermometer"
    oximeter = "oximeter"
    glucose_meter = "glucose_meter"
    scale = "scale"
    heart_rate_belt = "heart_rate_belt"
    ecg = "ecg"
    ctg = "ctg"
    skin_camera = "skin_camera"
    otoscope = "otoscope"
    intraoral_camera = "intraoral_camera"
    ultrasound = "ultrasound"
    stethoscope = "stethoscope"


CAMERAS = frozenset({InstrumentKind.skin_camera, InstrumentKind.otoscope, InstrumentKind.intraoral_camera,
                     InstrumentKind.ultrasound})
"""What gives a picture: shown live on request, stills taken from it."""


class Device(Struct, frozen=True, kw_only=True):
    """The instrument that measured, as its Device Information Service (0x180A) says."""

    device_id: Id
    kind: InstrumentKind
    maker: Line = ""
    model: Line = ""
    serial: Line = ""
    firmware: Line = ""
    simulated: bool = False


class ReadingKind(enum.StrEnum):
    """`unreadable`: bytes came that no decoder accepts; they are kept in `raw`."""

    blood_pressure = "blood_pressure"
    temperature = "temperature"
    oximetry = "oximetry"
    glucose = "glucose"
    weight = "weight"
    body_composition = "body_composition"
    heart_rate = "heart_rate"
    ecg_recording = "ecg_recording"
    """A finished recording of a resting ECG cart; its samples are the stream that names this reading."""
    unreadable = "unreadable"


class Reading(Struct, frozen=True, kw_only=True):
    """One measurement with its provenance.

    `taken_at` is None when the device's time is not known (I3); `device_time` is the device's
    own clock as it wrote it, without a zone; `clock_offset_s` is device clock minus ours when the
    connection was made. `flags` are the instrument's own quality bits and ours (`from_memory`,
    `implausible`, `time_unknown`, `older_than_encounter`). `raw` is hexadecimal. `context` is what the
    instrument says of the circumstances (`site_ear`, `meal_fasting`, `sample_capillary_plasma`), `record` its own
    number of the record, `recording` the SHA-256 of the file a recording came in.
    """

    reading_id: Id
    kind: ReadingKind
    device: Device
    received_at: Instant
    quantities: tuple[Quantity, ...] = ()
    taken_at: Instant | None = None
    device_time: Line = ""
    clock_offset_s: float | None = None
    user: int | None = None
    record: int | None = None
    context: tuple[Code, ...] = ()
    flags: tuple[Code, ...] = ()
    recording: Annotated[str, Meta(pattern=r"^([0-9a-f]{64})?$")] = ""
    error: Code | None = None
    raw: Annotated[str, Meta(max_length=2048, pattern=r"^([0-9a-f]{2})*$")] = ""


class Waveform(Struct, frozen=True, kw_only=True):
    """The description of a stream of samples; its chunks refer to `stream_id`.

    A sample is a signed 32-bit count; its value is count * `scale` in `unit` (UCUM). `lost_count`
    marks a sample that the device says is invalid. `leads` are the MDC codes in the order of the
    samples; a code that stands n times in a row has n consecutive samples a frame, so its rate is
    n * `rate_hz`. `lead_units` and `lead_scales`, one per entry of `leads`, stand in for `unit` and
    `scale` where the leads differ (CTG). `reading_id` names the recording these samples belong to.
    """

    stream_id: Sequence
    device: Device
    started_at: Instant
    rate_hz: Decimal
    scale: Decimal
    unit: Line
    leads: tuple[int, ...]
    lead_units: tuple[Line, ...] = ()
    lead_scales: tuple[Decimal, ...] = ()
    lost_count: int = -(2**31)
    reading_id: Id | None = None


class WaveformEnd(Struct, frozen=True, kw_only=True):
    """The stream stopped: `chunks` were made, numbered from 0."""

    stream_id: Sequence
    chunks: Sequence
    reason: Code = "waveform.stopped"


class StillQuality(enum.StrEnum):
    """The judgement shown to the nurse before the patient leaves."""

    sharp = "sharp"
    blurred = "blurred"
    dark = "dark"
    glare = "glare"


class Still(Struct, frozen=True, kw_only=True):
    """A picture of an examination camera; `sha256` names its bytes (JPEG)."""

    still_id: Id
    device: Device
    taken_at: Instant
    sha256: Sha256
    size: Annotated[int, Meta(ge=1, le=STILL_BYTES)]
    width: int
    height: int
    quality: StillQuality
    thumbnail: Annotated[str, Meta(max_length=24_000)] = ""
    """JPEG of at most 160 px, base64."""
    body_site: Annotated[str, Meta(pattern=r"^\d{0,18}$")] = ""
    """SNOMED CT concept of the place on the body; empty: not said."""
    like: Id | None = None
    """The earlier still this one was framed like (same place, a series)."""
    pixel_mm: Decimal | None = None
    """Millimetres per pixel from a scale marker in the picture; None: no marker was seen."""


class ReadingTaken(Struct, tag="reading", frozen=True, kw_only=True):
    """A reading joined the encounter."""

    reading: Reading


class WaveformStarted(Struct, tag="waveform_started", frozen=True, kw_only=True):
    """A stream of samples began."""

    waveform: Waveform


class WaveformStopped(Struct, tag="waveform_stopped", frozen=True, kw_only=True):
    """A stream of samples ended."""

    end: WaveformEnd


class StillTaken(Struct, tag="still", frozen=True, kw_only=True):
    """A still was kept by the nurse."""

    still: Still


EventBody = ReadingTaken | WaveformStarted | WaveformStopped | StillTaken


class Event(Struct, frozen=True, kw_only=True):
    """Something durable in one encounter; `seq` counts from 1 within it, without a hole.

    Committed on the vehicle before it is sent (I1); the doctor's page acknowledges `seq`.
    """

    encounter_id: Id
    seq: Sequence
    at: Instant
    body: EventBody


CHUNK_MAGIC = 0x57
_CHUNK_HEADER = struct.Struct("<BBHIIHd")
"""magic, version, flags, stream, chunk number, samples per lead, time of the first sample."""


class Chunk(msgspec.Struct, frozen=True):
    """A run of samples of all leads, little-endian on the wire.

    `first_at` is in seconds since the Unix epoch on the vehicle's clock; `samples` is interleaved by
    lead: s0 of each lead, then s1. Layout in docs/protocol.md, section Waveform chunk.
    """

    stream_id: int
    number: int
    first_at: float
    leads: int
    samples: tuple[int, ...]
    again: bool = False
    """Sent once more because the receiver asked for it."""

    def __bytes__(self) -> bytes:
        per_lead = len(self.samples) // self.leads
        head = _CHUNK_HEADER.pack(CHUNK_MAGIC, 1, self.leads | (0x8000 if self.again else 0),
                                  self.stream_id, self.number, per_lead, self.first_at)
        return head + struct.pack(f"<{len(self.samples)}i", *self.samples)

    @classmethod
    def from_bytes(cls, data: bytes) -> Chunk:
        """Read a chunk; ValueError says what does not fit."""
        if len(data) < _CHUNK_HEADER.size:
            raise ValueError(f"chunk of {len(data)} bytes is shorter than its header")
        magic, version, flags, stream, number, per_lead, first_at = _CHUNK_HEADER.unpack_from(data)
        leads = flags & 0x7FFF
        if magic != CHUNK_MAGIC or version != 1:
            raise ValueError(f"not a waveform chunk of version 1: {data[:2].hex()}")
        if not 1 <= leads <= 16 or not 1 <= per_lead <= WAVEFORM_CHUNK_SAMPLES:
            raise ValueError(f"{leads} leads of {per_lead} samples are out of bounds")
        count = leads * per_lead
        if len(data) != _CHUNK_HEADER.size + 4 * count:
            raise ValueError(f"chunk of {len(data)} bytes, {_CHUNK_HEADER.size + 4 * count} expected")
        samples = struct.unpack_from(f"<{count}i", data, _CHUNK_HEADER.size)
        return cls(stream, number, first_at, leads, samples, bool(flags & 0x8000))


def missing_ranges(numbers: Seq[int], first: int, end: int) -> list[tuple[int, int]]:
    """The runs [a, b) of [first, end) that are not in the sorted `numbers`."""
    gaps, expected = [], first
    for number in numbers:
        if number > expected:
            gaps.append((expected, min(number, end)))
        expected = max(expected, number + 1)
    if expected < end:
        gaps.append((expected, end))
    return gaps
