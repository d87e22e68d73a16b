"""Polar Measurement Data (PMD): control point and electrocardiogram frames of a Polar H10 belt.

Source: polarofficial/polar-ble-sdk@8fb5311 technical_documentation/online_measurement.pdf and the SDK's
`PmdControlPointResponse`, `PmdSetting`, `EcgData`. One lead, 130 Hz, a monitoring trace and not a diagnostic one.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from ..errors import DecodeError

SERVICE: Final = "fb005c80-02e7-f387-1cad-8acd2d8df0c8"
CONTROL: Final = "fb005c81-02e7-f387-1cad-8acd2d8df0c8"
"""Read, write, indicate."""
DATA: Final = "fb005c82-02e7-f387-1cad-8acd2d8df0c8"
"""Notify."""

EPOCH: Final = datetime(2000, 1, 1)
RATE_HZ: Final = Decimal(130)
MICROVOLTS: Final = Decimal(1)
"""Of one count of an ECG frame of type 0."""
RANGE_UV: Final = 20_000
"""The belt's input range; its largest counts are its rails."""

_HEADER: Final = 10
_SAMPLE: Final = 3


class Type(enum.IntEnum):
    """What is measured (SDK, PmdMeasurementType)."""

    ecg = 0
    ppg = 1
    acceleration = 2
    ppi = 3
    gyroscope = 5
    magnetometer = 6


class Setting(enum.IntEnum):
    """What can be chosen before a start."""

    rate = 0
    resolution = 1
    range = 2
    range_milli = 3
    channels = 4
    factor = 5
    security = 6


_SIZES: Final = {Setting.rate: 2, Setting.resolution: 2, Setting.range: 2, Setting.range_milli: 4,
                 Setting.channels: 1, Setting.factor: 4, Setting.security: 16}

ECG_SETTINGS: Final = {Setting.rate: 130, Setting.resolution: 14}
"""The only ones an H10 offers."""

ERRORS: Final = ("ok", "pmd.invalid_op", "pmd.invalid_type", "pmd.not_supported", "pmd.invalid_length",
                 "pmd.invalid_parameter", "pmd.already", "pmd.invalid_resolution", "pmd.invalid_rate",
                 "pmd.invalid_range", "pmd.invalid_mtu", "pmd.invalid_channels", "pmd.invalid_state",
                 "pmd.in_charger", "pmd.disk_full")
"""By the number in a reply. `pmd.already` after a start means that it runs: a link broke before its stop."""


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to a command: `F0 op type error more settings`."""

    op: int
    type: int
    error: str
    more: bool = False
    settings: tuple[tuple[Setting, tuple[int, ...]], ...] = ()

    @property
    def ok(self) -> bool:
        return self.error == "ok"


@dataclass(frozen=True, slots=True)
class Features:
    """What the belt can measure: read from the control point, `0F` and bits."""

    bits: int

    @property
    def types(self) -> tuple[Type, ...]:
        return tuple(kind for kind in Type if self.bits >> kind & 1)


@dataclass(frozen=True, slots=True)
class Stopped:
    """The belt ended measurements by itself (`01` and their types)."""

    types: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class EcgFrame:
    """Samples in microvolts. `last_ns`: nanoseconds since 2000 of the last sample, by the belt's own clock."""

    last_ns: int
    samples: tuple[int, ...]

    @property
    def last_at(self) -> datetime:
        """The belt's clock at the last sample, to the microsecond. Until someone sets it, it starts in 2019."""
        return EPOCH + timedelta(microseconds=self.last_ns // 1000)


def get_settings(kind: Type = Type.ecg) -> bytes:
    """Ask what can be chosen."""
    return bytes((1, kind))


def start(kind: Type = Type.ecg, settings: Mapping[Setting, int] = ECG_SETTINGS) -> bytes:
    """Begin to measure: `02 type` and for each setting its number, a count of one, its value."""
    chosen = b"".join(bytes((setting, 1)) + value.to_bytes(_SIZES[setting], "little")
                      for setting, value in settings.items() if setting is not Setting.factor)
    return bytes((2, kind)) + chosen


def stop(kind: Type = Type.ecg) -> bytes:
    """End it."""
    return bytes((3, kind))


def control(data: bytes) -> Reply | Features | Stopped:
    """What comes from the control point. DecodeError: `frame.length`, `frame.head`, `frame.field`."""
    if not data:
        raise DecodeError("frame.length", "empty")
    if data[0] == 0xF0:
        return _reply(data)
    if data[0] == 0x0F:
        if len(data) < 2:
            raise DecodeError("frame.length", data.hex())
        return Features(int.from_bytes(data[1:3], "little"))
    if data[0] == 0x01:
        return Stopped(tuple(byte & 0x3F for byte in data[1:]))
    raise DecodeError("frame.head", data[:1].hex())


def ecg(data: bytes) -> EcgFrame:
    """A frame of ECG type 0. DecodeError: `frame.length`, `pmd.type` (it measures something else), `pmd.compressed`,
    `pmd.frame_type`."""
    if len(data) < _HEADER:
        raise DecodeError("frame.length", f"{len(data)} bytes")
    if data[0] & 0x3F != Type.ecg:
        raise DecodeError("pmd.type", str(data[0] & 0x3F))
    if data[9] & 0x80:
        raise DecodeError("pmd.compressed")
    if data[9]:
        raise DecodeError("pmd.frame_type", str(data[9]))
    if len(data) == _HEADER or (len(data) - _HEADER) % _SAMPLE:
        raise DecodeError("frame.length", f"{len(data)} bytes")
    last_ns = int.from_bytes(data[1:9], "little")
    if last_ns // 1000 > _LATEST_US:
        raise DecodeError("frame.field", "time")
    return EcgFrame(last_ns, tuple(int.from_bytes(data[at:at + _SAMPLE], "little", signed=True)
                                   for at in range(_HEADER, len(data), _SAMPLE)))


_LATEST_US: Final = int((datetime(2400, 1, 1) - EPOCH).total_seconds()) * 1_000_000
"""What 64 bits of nanoseconds can just not pass; keeps every time printable."""


def missing(before: EcgFrame, after: EcgFrame, rate_hz: Decimal = RATE_HZ) -> int:
    """Samples lost between two frames, by the belt's clock. Its rate is 130 Hz to 2 %: within one frame of 73
    samples that is less than two samples, so a difference under half a frame is the clock and not a loss."""
    expected = Decimal(len(after.samples))
    passed = Decimal(after.last_ns - before.last_ns) * rate_hz / Decimal(1_000_000_000)
    gap = passed - expected
    return round(gap) if gap >= max(Decimal(4), expected / 2) else 0


def _reply(data: bytes) -> Reply:
    if len(data) < 4:
        raise DecodeError("frame.length", data.hex())
    op, kind, error = data[1], data[2] & 0x3F, data[3]
    if error >= len(ERRORS):
        return Reply(op, kind, "pmd.unknown")
    if error:
        return Reply(op, kind, ERRORS[error])
    more = len(data) > 4 and data[4] != 0
    return Reply(op, kind, "ok", more, _settings(data[5:]) if op in (1, 2, 4) else ())


def _settings(data: bytes) -> tuple[tuple[Setting, tuple[int, ...]], ...]:
    found: list[tuple[Setting, tuple[int, ...]]] = []
    # The answer to a start ends with one reserved byte.
    at = 0 if len(data) > 1 else len(data)
    while at < len(data):
        if data[at] not in set(Setting) or at + 1 >= len(data):
            raise DecodeError("frame.field", data.hex())
        setting, count = Setting(data[at]), data[at + 1]
        size = _SIZES[setting]
        at += 2
        if at + count * size > len(data):
            raise DecodeError("frame.length", data.hex())
        found.append((setting, tuple(int.from_bytes(data[at + n * size:at + (n + 1) * size], "little")
                                     for n in range(count))))
        at += count * size
    return tuple(found)


class Session:
    """One streaming of a belt: what to write, what the answers mean, which samples were lost. No clock, no I/O.

    Write `next_command()` to CONTROL with response until it is None, give each indication of CONTROL to `answered`
    and each notification of DATA to `received`. `problem` says why it does not run, `running` that it does.
    """

    def __init__(self, settings: Mapping[Setting, int] = ECG_SETTINGS) -> None:
        self._todo = [stop(), start(Type.ecg, settings)]
        # The stop first: a belt whose link broke still thinks that it measures, and answers `already` to a start.
        self._last: EcgFrame | None = None
        self.running = False
        self.problem: str | None = None

    def next_command(self) -> bytes | None:
        """What to write now."""
        return self._todo.pop(0) if self._todo and self.problem is None else None

    def answered(self, data: bytes) -> None:
        """An indication of the control point."""
        try:
            answer = control(data)
        except DecodeError as error:
            self.problem = error.code
            return
        if isinstance(answer, Stopped):
            if Type.ecg in answer.types:
                self.running, self.problem = False, "pmd.stopped"
        elif isinstance(answer, Reply) and answer.op == 2:
            self.running = answer.ok or answer.error == "pmd.already"
            self.problem = None if self.running else answer.error
        elif isinstance(answer, Reply) and answer.op == 3:
            # Nothing ran: that is what the stop was for.
            self.running = False

    def received(self, data: bytes) -> tuple[int, tuple[int, ...]]:
        """A notification: how many samples were lost before it, and its samples. DecodeError as `ecg`."""
        frame = ecg(data)
        before, self._last = self._last, frame
        return missing(before, frame) if before is not None else 0, frame.samples

    @staticmethod
    def goodbye() -> bytes:
        """The last thing to write."""
        return stop()
