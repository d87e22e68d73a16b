"""Blood Pressure Measurement 0x2A35, Intermediate Cuff Pressure 0x2A36 (Blood Pressure Service 1.1.1), 0x2B34.

Both have one frame: flags, three SFLOATs, then what the flags announce. Nothing is guessed: a frame whose length
does not fit its flags is refused. Models known to break the rule are chosen by their name, never by their values:
Beurer BM48, BM85 and ELITE 900 always send a user byte, announced or not, and pulse and status big-endian
(derdilla/blood-pressure-monitor-fl@17aba3d, recordings from a BM85).
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from ..errors import DecodeError
from ..ieee11073 import Number, Special, sfloat
from . import date_time
from .fields import Fields

USER_UNKNOWN = 0xFF

SHORTEST, LONGEST = 7, 19

_LITTLE, _BIG = 1, -1


class Flags(enum.IntFlag):
    """First byte; bits 5 to 7 are reserved and ignored."""

    kilopascal = 0x01
    time_stamp = 0x02
    pulse_rate = 0x04
    user_id = 0x08
    measurement_status = 0x10


class EnhancedFlags(enum.IntFlag):
    """First byte of 0x2B34 and 0x2B35; bit 7 is reserved and ignored."""

    kilopascal = 0x01
    time_stamp = 0x02
    pulse_rate = 0x04
    user_id = 0x08
    measurement_status = 0x10
    user_facing_time = 0x20
    epoch_2000 = 0x40


class Feature(enum.IntFlag):
    """Blood Pressure Feature 0x2A49: which status bits mean something on this device."""

    body_movement = 0x01
    cuff_fit = 0x02
    irregular_pulse = 0x04
    pulse_rate_range = 0x08
    measurement_position = 0x10
    multiple_bond = 0x20


class Unit(enum.Enum):
    """Unit of the three pressures, in UCUM."""

    millimetre_of_mercury = "mm[Hg]"
    kilopascal = "kPa"


@dataclass(frozen=True, slots=True)
class BloodPressure:
    """One frame. `time` is None without a stamp or with an unknown one (`stamped` tells them apart);
    `status` holds the names of the quality bits that this device is able to set."""

    systolic: Number
    diastolic: Number
    mean: Number
    unit: Unit
    pulse: Number | None
    stamped: bool
    time: datetime | None
    user: int | None
    status: tuple[str, ...]


DEVIANT = ("BM48", "BM85", "ELITE900")
"""Models of Beurer's deviation, in capitals and without spaces."""

DISPUTED = ("BM59",)
"""Reported both ways: such a frame is a deviant's when it has a byte more than its flags announce."""


def deviates(model: str, data: bytes) -> bool:
    """Whether this model (Device Information, or the advertised name) sends Beurer's deviating frame."""
    name = "".join(c for c in model.upper() if c.isalnum())
    if any(deviant in name for deviant in DEVIANT):
        return True
    return (any(disputed in name for disputed in DISPUTED) and bool(data)
            and not data[0] & Flags.user_id and len(data) == _length(Flags(data[0] & 0x1F)) + 1)


def decode(data: bytes, feature: int | None = None, model: str = "") -> BloodPressure:
    """Read a 2A35 or 2A36 frame. `feature` is the value of 0x2A49, None when the device did not say.

    DecodeError: `blood_pressure.short`, `blood_pressure.long`, and `date_time.invalid`.
    """
    if len(data) < SHORTEST:
        raise DecodeError("blood_pressure.short", f"{len(data)} bytes, at least {SHORTEST}")
    flags, order = Flags(data[0] & 0x1F), _LITTLE
    if deviates(model, data):
        flags, order = flags | Flags.user_id, _BIG
    expected = _length(flags)
    if len(data) != expected:
        code = "blood_pressure.short" if len(data) < expected else "blood_pressure.long"
        raise DecodeError(code, f"{len(data)} bytes, {expected} by the flags {data[0]:#04x}")
    fields = Fields("blood_pressure", data[1:])
    systolic, diastolic, mean = fields.sfloat(), fields.sfloat(), fields.sfloat()
    time, pulse, user = None, None, None
    status: tuple[str, ...] = ()
    if Flags.time_stamp in flags:
        time = fields.date_time()
    if Flags.pulse_rate in flags:
        pulse = sfloat(fields.take(2)[::order])
    if Flags.user_id in flags:
        user = fields.unsigned()
    if Flags.measurement_status in flags:
        status = _status(int.from_bytes(fields.take(2)[::order], "little"), feature)
    unit = Unit.kilopascal if Flags.kilopascal in flags else Unit.millimetre_of_mercury
    return BloodPressure(systolic, diastolic, mean, unit, pulse, Flags.time_stamp in flags, time,
                         None if user == USER_UNKNOWN else user, status)


def enhanced(data: bytes, feature: int | None = None) -> BloodPressure:
    """Read 0x2B34, Enhanced Blood Pressure Measurement: times are seconds since 1900 or 2000. `time` is the
    user-facing time where the frame has one, as in every other profile, else the time stamp.

    DecodeError: `blood_pressure.short`, `blood_pressure.long`.
    """
    fields = Fields("blood_pressure", data)
    flags = EnhancedFlags(fields.unsigned() & 0x7F)
    systolic, diastolic, mean = fields.sfloat(), fields.sfloat(), fields.sfloat()
    stamp = fields.unsigned(4) if EnhancedFlags.time_stamp in flags else None
    pulse = fields.sfloat() if EnhancedFlags.pulse_rate in flags else None
    user = fields.unsigned() if EnhancedFlags.user_id in flags else USER_UNKNOWN
    status = _status(fields.unsigned(2), feature) if EnhancedFlags.measurement_status in flags else ()
    facing = fields.unsigned(4) if EnhancedFlags.user_facing_time in flags else None
    fields.end()
    seconds = stamp if facing is None else facing
    epoch = datetime(2000 if EnhancedFlags.epoch_2000 in flags else 1900, 1, 1)
    time = None if seconds is None else epoch + timedelta(seconds=seconds)
    unit = Unit.kilopascal if EnhancedFlags.kilopascal in flags else Unit.millimetre_of_mercury
    return BloodPressure(systolic, diastolic, mean, unit, pulse, seconds is not None, time,
                         None if user == USER_UNKNOWN else user, status)


def cuff_pressure(data: bytes) -> int | None:
    """Current pressure of a 2A36 frame in whole mmHg; None when the cuff does not know it. DecodeError as `decode`."""
    frame = decode(data)
    if isinstance(frame.systolic, Special):
        return None
    pressure = to_millimetres(frame.systolic, frame.unit)
    return round(pressure) if 0 <= pressure < 1000 else None


def feature(data: bytes) -> int:
    """Value of 0x2A49: 16 bits; later versions of the service may append octets. DecodeError `feature.short`."""
    if len(data) < 2:
        raise DecodeError("feature.short", f"{len(data)} of 2 bytes")
    return int.from_bytes(data[:2], "little")


MILLIMETRES_PER_KILOPASCAL = Decimal("7.500615758")
"""1 mmHg is 133.322387415 Pa (BIPM, non-SI units)."""


def to_millimetres(pressure: Decimal, unit: Unit) -> Decimal:
    """For comparing with limits; what is stored and shown stays in the device's own unit."""
    return pressure * MILLIMETRES_PER_KILOPASCAL if unit is Unit.kilopascal else pressure


def _length(flags: Flags) -> int:
    sizes = {Flags.time_stamp: date_time.SIZE, Flags.pulse_rate: 2, Flags.user_id: 1, Flags.measurement_status: 2}
    return SHORTEST + sum(size for flag, size in sizes.items() if flag in flags)


_PULSE_RANGE = {1: "pulse_above_range", 2: "pulse_below_range"}


def _status(bits: int, known: int | None) -> tuple[str, ...]:
    """Names of the set bits. A bit counts only if 0x2A49 declares it; when that could not be read a warning
    too many is better than one too few."""
    able = Feature(0x1F if known is None else known & 0x1F)
    names = [name for bit, feature_bit, name in (
        (0x01, Feature.body_movement, "body_movement"),
        (0x02, Feature.cuff_fit, "cuff_too_loose"),
        (0x04, Feature.irregular_pulse, "irregular_pulse"),
        (0x20, Feature.measurement_position, "improper_position"),
    ) if bits & bit and feature_bit in able]
    pulse_range = _PULSE_RANGE.get(bits >> 3 & 3)
    if pulse_range and Feature.pulse_rate_range in able:
        names.append(pulse_range)
    return tuple(names)
