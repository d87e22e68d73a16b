"""Electrocardiograms in European Data Format files: EDF, EDF+C, EDF+D.

Source: Kemp and others 1992 (EDF); Kemp and Olivan 2003 (EDF+), sections 2.1 to 2.2.5, and the standard texts for
labels. Signals that are no ECG (annotations, respiration) are left out; all ECG signals must have one rate.
"""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..errors import DecodeError
from . import ecg_leads
from .ecg_recording import LOST, MOST_LEADS, TO_MICROVOLTS, Recording, check, scale_of, text, tidy

_FIXED: Final = 256
_PER_SIGNAL: Final = 256
_WIDTHS: Final = (16, 80, 8, 8, 8, 8, 8, 80, 8, 32)
"""Label, transducer, dimension, physical minimum and maximum, digital minimum and maximum, filters, samples a
record, reserved."""

LONGEST_S: Final = 86_400
"""From the header's time to a record: a recording past midnight tomorrow is not one of a cart."""

MOST_SIGNALS: Final = 512
_ANNOTATIONS: Final = "EDF Annotations"
_MONTHS: Final = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_ONSET: Final = re.compile(rb"([+-]\d{1,9}(?:\.\d{1,9})?)(?:\x15[^\x14\x00]*)?\x14")


@dataclass(frozen=True, slots=True)
class _Signal:
    label: str
    unit: str
    physical: tuple[Decimal, Decimal]
    digital: tuple[int, int]
    filters: str
    samples: int
    offset: int
    """Of its first sample in a record, in samples."""

    @property
    def lead(self) -> int | None:
        """The code of its lead; `UNSPECIFIED` for an ECG signal that names none; None when it is no ECG."""
        if self.label == _ANNOTATIONS or self.unit not in TO_MICROVOLTS:
            return None
        code = ecg_leads.code_of(self.label)
        first = self.label.split(" ")[0].upper()
        return code if code is not None else ecg_leads.UNSPECIFIED if first in ("ECG", "EKG") else None


@dataclass(frozen=True, slots=True)
class _Header:
    plus: bool
    continuous: bool
    patient: str
    recording: str
    began: datetime | None
    records: int
    seconds: Decimal
    """Of one record."""
    signals: tuple[_Signal, ...]
    size: int

    @property
    def record_samples(self) -> int:
        return sum(signal.samples for signal in self.signals)


def decode(data: bytes) -> Recording:
    """The ECG in a file. DecodeError: `edf.header`, `edf.length`, `edf.version`, `edf.order`, `edf.rates`, `ecg.*`."""
    header = _header(data)
    chosen = [(signal, lead) for signal in header.signals if (lead := signal.lead) is not None]
    if not chosen:
        raise DecodeError("ecg.no_lead")
    found, chosen = len(chosen), _distinct(chosen)[:MOST_LEADS]
    flags = ["channels_left_out"] if len(chosen) < found else []
    if len({signal.samples for signal, _ in chosen}) > 1:
        raise DecodeError("edf.rates")
    if not header.seconds:
        raise DecodeError("edf.header", "record duration")
    per_record = chosen[0][0].samples
    rate = tidy(Decimal(per_record) / header.seconds)
    check(len(chosen), per_record * header.records, rate)
    values = np.frombuffer(data, dtype="<i2", offset=header.size).reshape(header.records, header.record_samples)
    starts, fraction = _starts(header, values, rate)
    if starts[-1] + per_record != per_record * header.records:
        flags.append("gaps")
    check(len(chosen), starts[-1] + per_record, rate)
    samples = np.full((starts[-1] + per_record, len(chosen)), LOST, dtype=np.int32)
    scales = []
    for column, (signal, _) in enumerate(chosen):
        scale, shift, rounded = _scale(signal)
        scales.append(scale)
        flags += ["baseline_rounded"] if rounded else []
        for record, start in enumerate(starts):
            piece = values[record, signal.offset:signal.offset + per_record]
            samples[start:start + per_record, column] = piece.astype(np.int32) + shift
    return _recording(header, tuple(lead for _, lead in chosen), rate, tuple(scales), samples, fraction,
                      tuple(dict.fromkeys(flags)), chosen[0][0].filters)


def _recording(header: _Header, leads: tuple[int, ...], rate: Decimal, scales: tuple[Decimal, ...],
               samples: NDArray[np.int32], fraction: Decimal, flags: tuple[str, ...], filters: str) -> Recording:
    patient_id, name, birth = _patient(header)
    equipment = _subfield(header.recording, 4) if header.plus else ""
    began = None
    if header.began is not None:
        # An EDF+D file begins with its first record, whose onset may lie after the header's time.
        began = header.began + timedelta(microseconds=int(fraction * 1_000_000))
    return Recording(began, leads, rate, scales, samples, patient_id, name, birth, model=text(equipment),
                     flags=flags, filters=tuple(text(word, 60) for word in filters.split()))


def _header(data: bytes) -> _Header:
    if len(data) < _FIXED:
        raise DecodeError("edf.length", f"{len(data)} bytes")
    if data[:1] == b"\xff":
        raise DecodeError("edf.version", "BDF")
    if data[:8].strip() != b"0":
        raise DecodeError("edf.version", data[:8].hex())
    words = _Words(data)
    words.skip(8)
    patient, recording, day, clock = words.take(80), words.take(80), words.take(8), words.take(8)
    size, reserved, records = words.number(8), words.take(44), words.number(8)
    seconds, count = words.decimal(8), words.number(4)
    if not 1 <= count <= MOST_SIGNALS or size != _FIXED + _PER_SIGNAL * count or len(data) < size or seconds < 0:
        raise DecodeError("edf.header", f"{count} signals, {size} bytes")
    signals = _signals(data, count)
    record_size = 2 * sum(signal.samples for signal in signals)
    there, rest = divmod(len(data) - size, record_size)
    # -1: the cart was cut off before it could say how many there are.
    if rest or there < 1 or records not in (-1, there):
        raise DecodeError("edf.length", f"{len(data) - size} bytes in records of {record_size}, {records} announced")
    plus = reserved.startswith("EDF+")
    return _Header(plus, not reserved.startswith("EDF+D"), patient, recording,
                   _began(recording if plus else "", day, clock), there, seconds, signals, size)


class _Words:
    """The fixed fields of a header, one after the other."""

    def __init__(self, data: bytes, at: int = 0) -> None:
        self._data, self._at = data, at

    def skip(self, size: int) -> None:
        self._at += size

    def take(self, size: int) -> str:
        raw = self._data[self._at:self._at + size]
        self._at += size
        # The standard says ASCII; names of people come in the cart's own code page.
        return raw.decode("latin-1").replace("\0", " ").strip()

    def number(self, size: int) -> int:
        value = self.decimal(size)
        if value != value.to_integral_value():
            raise DecodeError("edf.header", str(value))
        return int(value)

    def decimal(self, size: int) -> Decimal:
        word = self.take(size)
        try:
            value = Decimal(word)
        except InvalidOperation as error:
            raise DecodeError("edf.header", "not a number") from error
        if not value.is_finite() or abs(value.adjusted()) > 12:
            raise DecodeError("edf.header", "not a number")
        return value


def _signals(data: bytes, count: int) -> tuple[_Signal, ...]:
    starts = [_FIXED]
    for width in _WIDTHS:
        starts.append(starts[-1] + width * count)

    def field(number: int, signal: int) -> _Words:
        return _Words(data, starts[number] + _WIDTHS[number] * signal)

    signals, offset = [], 0
    for n in range(count):
        low, high = field(5, n).number(8), field(6, n).number(8)
        samples = field(8, n).number(8)
        if not 0 < samples <= 2**20 or not -(2**15) <= low <= 2**15 or not -(2**15) <= high <= 2**15:
            raise DecodeError("edf.header", f"signal {n}")
        signals.append(_Signal(field(0, n).take(16), field(2, n).take(8), (field(3, n).decimal(8),
                               field(4, n).decimal(8)), (low, high), field(7, n).take(80), samples, offset))
        offset += samples
    return tuple(signals)


def _scale(signal: _Signal) -> tuple[Decimal, int, bool]:
    """Microvolts of a count, what to add to each count so that 0 is 0 uV, and whether that was rounded."""
    (physical_low, physical_high), (low, high) = signal.physical, signal.digital
    if low >= high or physical_low == physical_high:
        raise DecodeError("ecg.scale", text(signal.label, 16))
    per_count = (physical_high - physical_low) / (high - low)
    shift = physical_low / per_count - low
    whole = shift.to_integral_value()
    if abs(whole) > 2**20:
        raise DecodeError("ecg.scale", text(signal.label, 16))
    return scale_of(per_count, signal.unit), int(whole), abs(shift - whole) > Decimal("0.001")


def _starts(header: _Header, values: NDArray[np.int16], rate: Decimal) -> tuple[list[int], Decimal]:
    """Row of the first sample of each record, and how far after the header's time the first one begins, in seconds."""
    per_record = int(rate * header.seconds)
    stamps = _onsets(header, values) if header.plus else []
    if not stamps:
        if not header.continuous:
            raise DecodeError("edf.order", "no time-keeping annotation")
        return [per_record * record for record in range(header.records)], Decimal(0)
    first = stamps[0]
    if header.continuous:
        return [per_record * record for record in range(header.records)], first
    starts = [int(((stamp - first) * rate).to_integral_value()) for stamp in stamps]
    if any(after < before + per_record for before, after in itertools.pairwise(starts)):
        raise DecodeError("edf.order")
    check(1, starts[-1] + per_record, rate)
    return starts, first


def _onsets(header: _Header, values: NDArray[np.int16]) -> list[Decimal]:
    """The time-keeping annotation that begins each record (EDF+ 2.2.4); empty without an annotation signal."""
    signal = next((signal for signal in header.signals if signal.label == _ANNOTATIONS), None)
    if signal is None:
        return []
    stamps = []
    for record in range(header.records if not header.continuous else 1):
        raw = values[record, signal.offset:signal.offset + signal.samples].tobytes()
        found = _ONSET.match(raw)
        if found is None:
            raise DecodeError("edf.order", f"record {record}")
        stamps.append(Decimal(found.group(1).decode()))
        if abs(stamps[-1]) > LONGEST_S:
            raise DecodeError("edf.order", f"record {record}")
    return stamps


def _distinct(chosen: list[tuple[_Signal, int]]) -> list[tuple[_Signal, int]]:
    """A lead that stands twice is taken once: a code repeated in a waveform means a higher rate."""
    seen: dict[int, tuple[_Signal, int]] = {}
    for signal, lead in chosen:
        seen.setdefault(lead, (signal, lead))
    return list(seen.values())


def _began(recording: str, day: str, clock: str) -> datetime | None:
    """The start on the cart's wall clock. The header's year has two digits; EDF+ repeats it with four."""
    try:
        hour, minute, second = (int(part) for part in clock.split("."))
        at = time(hour, minute, second)
        full = _subfield(recording, 1) if recording.startswith("Startdate ") else ""
        if full not in ("", "X"):
            return datetime.combine(_date(full), at)
        number, month, year = (int(part) for part in day.split("."))
        return datetime.combine(date(year + (1900 if year >= 85 else 2000), month, number), at)
    except (ValueError, IndexError):
        return None


def _date(word: str) -> date:
    number, month, year = word.split("-")
    return date(int(year), _MONTHS.index(month.upper()) + 1, int(number))


def _patient(header: _Header) -> tuple[str, str, str]:
    """Identifier, name, birth date. EDF+: four subfields, spaces as underscores, X for unknown; else free text."""
    if not header.plus:
        return "", _name(text(header.patient)), ""
    try:
        birth = _date(_subfield(header.patient, 2)).isoformat()
    except (ValueError, IndexError):
        birth = ""
    return text(_subfield(header.patient, 0)), _name(text(_subfield(header.patient, 3))), birth


def _name(words: str) -> str:
    """`FAMILY^Given`: the family name comes first, as in the example of the specification (Haagse_Harry). A cart that
    writes them otherwise, or a family name of two words, differs from the patient's, and a person looks at it."""
    family, _, given = words.partition("," if "," in words else " ")
    return f"{family.strip()}^{given.strip()}" if given.strip() else family.strip()


def _subfield(words: str, number: int) -> str:
    parts = words.split(" ")
    word = parts[number] if number < len(parts) else ""
    return "" if word == "X" else word.replace("_", " ")
