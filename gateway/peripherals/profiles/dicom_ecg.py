"""Electrocardiograms in DICOM files: twelve-lead, general, ambulatory and general 32-bit ECG waveform storage.

Source: DICOM PS3.3, C.10.9 (Waveform), C.10.10 (Waveform Annotation), A.34.3 to A.34.6; PS3.16, CID 3001 (leads),
3228 and 3229 (measurements). The only importer of pydicom among the decoders.
"""

from __future__ import annotations

import functools
import io
import logging
import re
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from decimal import Decimal, InvalidOperation
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from protocol.readings import Quantity

from ..errors import DecodeError
from . import ecg_leads
from .ecg_recording import LOST, MOST_LEADS, TO_MICROVOLTS, Recording, check, scale_of, text, tidy

_SOP: Final = "1.2.840.10008.5.1.4.1.1.9."
CLASSES: Final = tuple(_SOP + part for part in ("1.1", "1.2", "1.3", "1.4"))

_DEFLATED: Final = b"1.2.840.10008.1.2.1.99"
"""Transfer syntax whose data set is compressed: a file of a kilobyte may grow to gigabytes in memory."""

_TYPES: Final = {(8, "SB"): "i1", (8, "UB"): "u1", (16, "SS"): "i2", (16, "US"): "u2", (32, "SL"): "i4"}
"""Bits allocated and sample interpretation (C.10.9.1.5). Mu-law and A-law are for voice."""

_LEAD_CODE: Final = re.compile(r"(?:2:|5\.6\.3-9-)(\d{1,3})")
"""MDC as `2:n`, and SCP-ECG as `5.6.3-9-n`: the same numbers (ISO/IEEE 11073-10101 took them over)."""

_TIME: Final = re.compile(r"(\d{8})(\d{2})(\d{2})(\d{2})?(?:\.(\d{1,6}))?([+-]\d{4})?")
_ZONE: Final = re.compile(r"[+-]\d{4}")

_MEASURED: Final = {
    # By MDC and SCP-ECG code: LOINC, MDC, whether a zero is a value (an axis) or the lack of one (an interval).
    "2:16168": ("8637-1", 147240, False), "5.10.2.1-3": ("8637-1", 147240, False),
    "2:15872": ("8625-6", 146944, False), "5.13.5-7": ("8625-6", 146944, False),
    "2:16156": ("8633-0", 147228, False), "5.13.5-9": ("8633-0", 147228, False),
    "2:16160": ("8634-8", 147232, False), "5.13.5-11": ("8634-8", 147232, False),
    "2:15876": ("8636-3", 146948, False), "5.10.2.5-5": ("8636-3", 146948, False),
    "2:16128": ("8626-4", 147200, True), "5.10.3-11": ("8626-4", 147200, True),
    "2:16132": ("8632-2", 147204, True), "5.10.3-13": ("8632-2", 147204, True),
    "2:16136": ("8638-9", 147208, True), "5.10.3-15": ("8638-9", 147208, True),
    "2:16770": ("8867-4", 147842, False), "2:16016": ("8867-4", 147842, False),
}
"""RR, PR, QRS, QT, QTc; axes of P, QRS, T; heart rate."""
_UNITS: Final = {"ms": "ms", "deg": "deg", "/min": "/min", "{H.B.}/min": "/min", "bpm": "/min"}


@dataclass(frozen=True, slots=True, eq=False)
class _Channel:
    lead: int
    scale: Decimal
    counts: NDArray[np.int32]
    first: int
    """Row of its first sample."""
    rounded: bool
    filters: tuple[str, ...]


def decode(data: bytes) -> Recording:
    """The ECG in a file. DecodeError: `dicom.unreadable`, `dicom.deflated`, `dicom.not_ecg`, `dicom.encoding`,
    `dicom.length`, `dicom.rates`, `ecg.*`."""
    if _DEFLATED in data:
        raise DecodeError("dicom.deflated")
    read = _reader()
    try:
        # What pydicom warns of (a date that is none, a value too long) is no reason to refuse a recording.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _recording(read(io.BytesIO(data)))
    except DecodeError:
        raise
    except Exception as error:
        # pydicom meets hostile bytes with whatever its readers raise; the kind of it is all that may be said.
        raise DecodeError("dicom.unreadable", type(error).__name__) from error


@functools.cache
def _reader() -> Callable[[io.BytesIO], Any]:
    """pydicom's, brought in with the first file: it takes memory that only vehicles with a cart need."""
    import pydicom

    # Its warnings quote what they warn of: names of patients.
    logging.getLogger("pydicom").setLevel(logging.CRITICAL)
    return pydicom.dcmread


def _recording(dataset: Any) -> Recording:
    if str(dataset.get("SOPClassUID", "")) not in CLASSES:
        raise DecodeError("dicom.not_ecg", text(dataset.get("SOPClassUID"), 64))
    little = bool(dataset.file_meta.TransferSyntaxUID.is_little_endian)
    groups = [group for group in dataset.get("WaveformSequence", ())
              if str(group.get("WaveformOriginality", "ORIGINAL")) != "DERIVED"]
    if not groups:
        raise DecodeError("ecg.no_lead")
    rates = {_decimal(group.SamplingFrequency) for group in groups}
    if len(rates) > 1:
        raise DecodeError("dicom.rates")
    rate = tidy(rates.pop())
    check(1, 1, rate)
    offsets = [_decimal(group.get("MultiplexGroupTimeOffset", 0) or 0) for group in groups]
    channels: list[_Channel] = []
    left_out = False
    for group, offset in zip(groups, offsets, strict=True):
        first = int(((offset - min(offsets)) * rate / 1000).to_integral_value())
        found, all_of_them = _channels(group, little, first, rate)
        channels += found
        left_out |= not all_of_them
    leads = tuple(dict.fromkeys(channel.lead for channel in channels))
    left_out |= len(leads) > MOST_LEADS
    leads = leads[:MOST_LEADS]
    samples, scales, gaps = _matrix(leads, channels, rate)
    flags = [name for name, is_so in (("channels_left_out", left_out), ("gaps", gaps),
                                      ("baseline_rounded", any(channel.rounded for channel in channels))) if is_so]
    return Recording(
        _taken_at(dataset), leads, rate, scales, samples,
        patient_id=text(dataset.get("PatientID")), patient_name=text(dataset.get("PatientName")),
        birth_date=_birth_date(text(dataset.get("PatientBirthDate"))), maker=text(dataset.get("Manufacturer")),
        model=text(dataset.get("ManufacturerModelName")), serial=text(dataset.get("DeviceSerialNumber")),
        firmware=text(_first(dataset.get("SoftwareVersions"))),
        quantities=_quantities(dataset.get("WaveformAnnotationSequence", ()) or ()),
        filters=channels[0].filters, flags=tuple(flags))


def _channels(group: Any, little: bool, first: int, rate: Decimal) -> tuple[list[_Channel], bool]:
    """The leads of one multiplex group, and whether every channel is one."""
    definitions = list(group.ChannelDefinitionSequence)
    width, rows = int(group.NumberOfWaveformChannels), int(group.NumberOfWaveformSamples)
    kind = _TYPES.get((int(group.WaveformBitsAllocated), str(group.WaveformSampleInterpretation)))
    if kind is None:
        raise DecodeError("dicom.encoding", f"{group.WaveformBitsAllocated} {group.WaveformSampleInterpretation}")
    check(width, rows, rate)
    dtype = np.dtype(kind).newbyteorder("<" if little else ">")
    raw = bytes(group.WaveformData)
    size = width * rows * dtype.itemsize
    # An odd length is padded to an even one (PS3.5, 7.1.1).
    if len(definitions) != width or not size <= len(raw) <= size + size % 2:
        raise DecodeError("dicom.length", f"{len(raw)} bytes, {size} expected")
    values = np.frombuffer(raw, dtype=dtype, count=width * rows).reshape(rows, width).astype(np.int64)
    padding = _padding(group.get("WaveformPaddingValue"), dtype)
    found = []
    for column, definition in enumerate(definitions):
        lead = _lead(definition)
        if lead is not None:
            found.append(_channel(definition, lead, values[:, column], first, padding))
    # Two channels of one name: the second one has no place of its own.
    return found, len({channel.lead for channel in found}) == width


def _channel(definition: Any, lead: int, values: NDArray[np.int64], first: int, padding: int | None) -> _Channel:
    sensitivity = definition.get("ChannelSensitivity")
    if sensitivity is None:
        raise DecodeError("ecg.scale", "no sensitivity")
    per_count = _decimal(sensitivity) * _decimal(definition.get("ChannelSensitivityCorrectionFactor", 1) or 1)
    scale = scale_of(per_count, _unit(definition))
    # The baseline is what a count of 0 is, in the unit of the sensitivity (C.10.9.1.4.2).
    shift = _decimal(definition.get("ChannelBaseline", 0) or 0) / per_count
    whole = int(shift.to_integral_value())
    counts = values + whole
    if abs(whole) > 2**30 or np.abs(counts).max() >= 2**31:
        raise DecodeError("ecg.scale", "baseline")
    if padding is not None:
        counts[values == padding] = LOST
    return _Channel(lead, scale, counts.astype(np.int32), first, shift != whole, _filters(definition))


def _matrix(leads: tuple[int, ...], channels: list[_Channel],
            rate: Decimal) -> tuple[NDArray[np.int32], tuple[Decimal, ...], bool]:
    """All groups side by side in time: a print of four columns has four groups, and a rhythm lead in a fifth."""
    rows = max((channel.first + len(channel.counts) for channel in channels), default=0)
    check(len(leads), rows, rate)
    samples = np.full((rows, len(leads)), LOST, dtype=np.int32)
    scales: dict[int, Decimal] = {}
    for channel in channels:
        if channel.lead not in leads:
            continue
        if scales.setdefault(channel.lead, channel.scale) != channel.scale:
            raise DecodeError("ecg.scale", "one lead at two scales")
        place = samples[channel.first:channel.first + len(channel.counts), leads.index(channel.lead)]
        np.copyto(place, channel.counts, where=place == LOST)
    return samples, tuple(scales[lead] for lead in leads), bool((samples == LOST).any())


def _lead(definition: Any) -> int | None:
    """The code of the channel's source; None when it is no voltage. A voltage nobody named is an unspecified lead."""
    if _unit(definition) not in TO_MICROVOLTS:
        return None
    source = _first(definition.get("ChannelSourceSequence"))
    coded = text(source.get("CodeValue"), 32) if source is not None else ""
    found = _LEAD_CODE.fullmatch(coded)
    if found is not None:
        return ecg_leads.UNSPECIFIED + int(found.group(1))
    meaning = text(source.get("CodeMeaning"), 40) if source is not None else ""
    for name in (coded, text(definition.get("ChannelLabel"), 40), meaning):
        code = ecg_leads.code_of(name)
        if code is not None:
            return code
    return ecg_leads.UNSPECIFIED


def _unit(definition: Any) -> str:
    unit = _first(definition.get("ChannelSensitivityUnitsSequence"))
    return text(unit.get("CodeValue"), 16) if unit is not None else ""


def _filters(definition: Any) -> tuple[str, ...]:
    named = (("high_pass_hz", "FilterLowFrequency"), ("low_pass_hz", "FilterHighFrequency"),
             ("notch_hz", "NotchFilterFrequency"))
    found = []
    for name, keyword in named:
        value = definition.get(keyword)
        if value is not None and _decimal(value):
            found.append(f"{name}={tidy(_decimal(value))}")
    return tuple(found)


def _quantities(annotations: Iterable[Any]) -> tuple[Quantity, ...]:
    """What the cart measured on the whole recording, each once."""
    found: dict[str, Quantity] = {}
    for annotation in annotations:
        name, value = _first(annotation.get("ConceptNameCodeSequence")), _first(annotation.get("NumericValue"))
        unit = _first(annotation.get("MeasurementUnitsCodeSequence"))
        known = _MEASURED.get(text(name.get("CodeValue"), 32)) if name is not None else None
        if known is None or value is None or unit is None or text(unit.get("CodeValue")) not in _UNITS:
            continue
        loinc, mdc, zero_is_a_value = known
        number = _decimal(value)
        if loinc in found or not (number or zero_is_a_value):
            continue
        found[loinc] = Quantity(loinc=loinc, mdc=mdc, unit=_UNITS[text(unit.get("CodeValue"))], value=tidy(number))
    return tuple(found.values())


def _taken_at(dataset: Any) -> datetime | None:
    """Acquisition date and time, else date and time apart; with a zone where the file has one."""
    words = [text(dataset.get("AcquisitionDateTime"), 40),
             text(dataset.get("AcquisitionDate"), 8) + text(dataset.get("AcquisitionTime"), 16)]
    found = next((match for word in words if (match := _TIME.fullmatch(word)) is not None), None)
    if found is None:
        return None
    day, hour, minute, second, fraction, zone = found.groups()
    zone = zone or text(dataset.get("TimezoneOffsetFromUTC"), 5)
    try:
        at = datetime.strptime(f"{day}{hour}{minute}{second or '00'}", "%Y%m%d%H%M%S")
        at += timedelta(microseconds=int((fraction or "0").ljust(6, "0")))
        if not _ZONE.fullmatch(zone):
            return at
        minutes = int(zone[1:3]) * 60 + int(zone[3:5])
        return at.replace(tzinfo=timezone(timedelta(minutes=-minutes if zone[0] == "-" else minutes)))
    except (ValueError, OverflowError):
        return None


def _birth_date(word: str) -> str:
    try:
        return datetime.strptime(word, "%Y%m%d").date().isoformat() if re.fullmatch(r"\d{8}", word) else ""
    except ValueError:
        return ""


def _padding(value: Any, dtype: np.dtype[Any]) -> int | None:
    if value is None:
        return None
    if isinstance(value, bytes):
        return int(np.frombuffer(value[:dtype.itemsize], dtype=dtype)[0]) if len(value) >= dtype.itemsize else None
    return int(value)


def _decimal(value: Any) -> Decimal:
    try:
        number = Decimal(str(value).strip())
    except InvalidOperation as error:
        raise DecodeError("ecg.scale", "not a number") from error
    if not number.is_finite() or abs(number.adjusted()) > 12:
        raise DecodeError("ecg.scale", "not a number")
    return number


def _first(value: Any) -> Any:
    """The first of several values, the value itself when it is one, None when there is none."""
    if isinstance(value, str | bytes) or value is None:
        return value
    try:
        return value[0] if len(value) else None
    except TypeError:
        return value
