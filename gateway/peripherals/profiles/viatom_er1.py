"""Viatom / Lepu ER1, ER1-W, DuoEK, VBeat: framed commands over two characteristics, a live trace that is asked for.

Layout from the maker's own open source: viatom-develop/LepuBle@45f7ad7 `ble/cmd/Er1BleResponse.kt`,
`UniversalBleCmd.java`, `RunStatus.java`, `ble/obj/Er1DataController.java`. `A5 cmd ~cmd type sequence length16
payload crc8`, polynomial 07, initial value 0; type 00 asks, 01 answers. One frame spans several notifications.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from ..errors import DecodeError
from .framing import INCOMPLETE, NOT_HERE, Lost, Scanner, begins, crc8

SERVICE: Final = "14839ac4-7d7e-415c-9a42-167340cf2339"
WRITE: Final = "8b00ace7-eb0b-49b0-bbe9-9aee0a26e1a3"
NOTIFY: Final = "0734594a-a8e7-4b1a-a6b1-cd5243059a57"

REAL_TIME: Final = 0x03
INFO: Final = 0xE1
SET_TIME: Final = 0xEC

RATE_HZ: Final = Decimal(125)
_RATE_ARGUMENT: Final = 0x7D
"""What the maker's application sends: 125 samples a second."""

MICROVOLTS: Final = (Decimal("1.0035") * 1800 * 1000 / (4096 * Decimal("178.74"))).quantize(Decimal("1E-7"))
"""Of one count, as the maker's application computes it: reference 1800 mV, 12 bits, gain 178.74, trim 1.0035."""

NO_SAMPLE: Final = 0x7FFF
"""The recorder has no value (`byteTomV`: drawn as nothing)."""

HEAD: Final = 0xA5
_FRAME: Final = struct.Struct("<BBBBBH")
_PARAMETERS: Final = struct.Struct("<HBBIB11x")
LONGEST: Final = 1024
"""Payload: two seconds of samples are 522 bytes. A damaged length must not make us wait for 64 KiB."""

ASK_EVERY_S: Final = 1.0
"""An answer holds the samples since the last question, about 128; the recorder keeps few more."""

STATES: Final = ("idle", "preparing", "recording", "saving", "saved", "too_short", "retests_exceeded", "lead_off")
"""Run status, bits 0 to 3. In `idle` no electrode touches either; it measures from `preparing` on."""

NO_CONTACT: Final = ("idle", "lead_off")
CHARGE: Final = ("", "charging", "charged", "battery_low")
"""System flag, bits 6 and 7."""


@dataclass(frozen=True, slots=True)
class Frame:
    """A whole frame whose checksum fits."""

    command: int
    kind: int
    sequence: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class RealTime:
    """The answer to REAL_TIME. `heart_rate` None: none is measured. `samples` None: the recorder has no value."""

    heart_rate: int | None
    battery: int | None
    charge: str
    recorded_s: int | None
    state: str
    samples: tuple[int | None, ...]

    @property
    def lead_off(self) -> bool:
        return self.state in NO_CONTACT


@dataclass(frozen=True, slots=True)
class Info:
    """The answer to INFO."""

    firmware: str
    serial: str
    time: datetime | None


def encode(command: int, sequence: int, payload: bytes = b"") -> bytes:
    """A question."""
    frame = _FRAME.pack(HEAD, command, ~command & 0xFF, 0, sequence & 0xFF, len(payload)) + payload
    return frame + bytes((crc8(frame),))


def ask_real_time(sequence: int) -> bytes:
    """For the samples since the last question."""
    return encode(REAL_TIME, sequence, bytes((_RATE_ARGUMENT,)))


def ask_info(sequence: int) -> bytes:
    """For firmware, serial number, clock."""
    return encode(INFO, sequence)


def set_time(sequence: int, local: datetime) -> bytes:
    """Set its clock to this wall time."""
    return encode(SET_TIME, sequence, struct.pack("<HBBBBB", local.year, local.month, local.day, local.hour,
                                                  local.minute, local.second))


def decode(data: bytes) -> Frame:
    """One whole frame. DecodeError: `frame.length`, `frame.head`, `frame.checksum`."""
    if len(data) < _FRAME.size + 1:
        raise DecodeError("frame.length", f"{len(data)} bytes")
    head, command, inverse, kind, sequence, size = _FRAME.unpack_from(data)
    if head != HEAD or command ^ inverse != 0xFF:
        raise DecodeError("frame.head", data[:3].hex())
    if len(data) != _FRAME.size + size + 1:
        raise DecodeError("frame.length", f"{len(data)} bytes, {_FRAME.size + size + 1} expected")
    if crc8(data[:-1]) != data[-1]:
        raise DecodeError("frame.checksum")
    return Frame(command, kind, sequence, data[_FRAME.size:-1])


def real_time(payload: bytes) -> RealTime:
    """The payload of an answer to REAL_TIME. DecodeError: `frame.length`, `frame.field`."""
    if len(payload) < _PARAMETERS.size + 2:
        raise DecodeError("frame.length", f"payload of {len(payload)} bytes")
    heart_rate, system, battery, recorded, run = _PARAMETERS.unpack_from(payload)
    count = int.from_bytes(payload[_PARAMETERS.size:_PARAMETERS.size + 2], "little")
    if len(payload) != _PARAMETERS.size + 2 + 2 * count:
        raise DecodeError("frame.length", f"{count} samples in {len(payload)} bytes")
    state = run & 0x0F
    if state >= len(STATES):
        raise DecodeError("frame.field", f"run status {state}")
    raw = struct.unpack_from(f"<{count}h", payload, _PARAMETERS.size + 2)
    return RealTime(
        heart_rate=heart_rate if 0 < heart_rate < 0xFFFF else None,
        battery=battery if battery <= 100 else None,
        charge=CHARGE[system >> 6 & 3],
        recorded_s=recorded if STATES[state] == "recording" else None,
        state=STATES[state],
        samples=tuple(None if sample == NO_SAMPLE else sample for sample in raw),
    )


def info(payload: bytes) -> Info:
    """The payload of an answer to INFO. DecodeError: `frame.length`, `frame.field`."""
    if len(payload) < 38 or len(payload) < 38 + payload[37]:
        raise DecodeError("frame.length", f"payload of {len(payload)} bytes")
    year, month, day, hour, minute, second = struct.unpack_from("<HBBBBB", payload, 24)
    try:
        time = datetime(year, month, day, hour, minute, second)
    except ValueError:
        time = None
    serial = payload[38:38 + payload[37]].split(b"\0")[0].decode("ascii", "replace").strip()
    return Info(".".join(str(part) for part in payload[4:0:-1]), serial, time)


class Assembler:
    """Notifications in, whole frames out."""

    def __init__(self) -> None:
        self._scanner = Scanner(_measure, _FRAME.size + 1 + _PARAMETERS.size + 2 + 2 * 128, HEAD)

    @property
    def lost_bytes(self) -> int:
        """Bytes that belonged to no frame, since the beginning."""
        return self._scanner.lost_bytes

    def feed(self, data: bytes) -> list[Frame | Lost]:
        """Everything that is complete now."""
        return [item if isinstance(item, Lost) else decode(item) for item in self._scanner.feed(data)]


class Session:
    """One streaming of a recorder: what to ask, what came. No clock, no I/O.

    Write `ask()` to WRITE every ASK_EVERY_S, give every notification to `received`. After `set_clock` the next
    question sets the recorder's clock instead.
    """

    def __init__(self) -> None:
        self._assembler = Assembler()
        self._sequence = 0
        self._greeting = [INFO]
        self._clock: datetime | None = None
        self.info: Info | None = None
        self.last: RealTime | None = None

    def set_clock(self, local: datetime) -> None:
        """Once, with our wall time."""
        self._clock = local

    def ask(self) -> bytes:
        """The next frame to write."""
        sequence, self._sequence = self._sequence, (self._sequence + 1) % 255
        if self._clock is not None:
            local, self._clock = self._clock, None
            return set_time(sequence, local)
        if self._greeting:
            return encode(self._greeting.pop(), sequence)
        return ask_real_time(sequence)

    def received(self, data: bytes) -> list[RealTime]:
        """The answers that are complete now; a frame that does not fit is dropped, the next answer goes on."""
        found = []
        for frame in self._assembler.feed(data):
            if isinstance(frame, Lost) or frame.kind == 0:
                continue
            try:
                if frame.command == REAL_TIME:
                    self.last = real_time(frame.payload)
                    found.append(self.last)
                elif frame.command == INFO:
                    self.info = info(frame.payload)
            except DecodeError:
                continue
        return found

    @property
    def lost_bytes(self) -> int:
        return self._assembler.lost_bytes


def _measure(buffer: bytes | bytearray, start: int) -> int:
    if not begins(buffer, start, bytes((HEAD,))):
        return NOT_HERE
    have = len(buffer) - start
    if have >= 3 and buffer[start + 1] ^ buffer[start + 2] != 0xFF:
        return NOT_HERE
    if have < _FRAME.size:
        return INCOMPLETE
    size = int.from_bytes(buffer[start + 5:start + 7], "little")
    if size > LONGEST:
        return NOT_HERE
    whole = _FRAME.size + size + 1
    if have < whole:
        return INCOMPLETE
    return whole if crc8(buffer[start:start + whole - 1]) == buffer[start + whole - 1] else NOT_HERE
