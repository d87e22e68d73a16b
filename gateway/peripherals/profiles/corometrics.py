"""GE Corometrics 120 and 170 series fetal monitors, "Model 115" protocol: short ASCII messages at 9600 8N1.

Source: Corometrics 170 Series service manual 2000947-004 revision C, 8-11 to 8-15; 120 Series user manual
2015590-001 revision B, 11-9 to 11-13. A message is monitor type `9`, response type, monitor identifier `0`, data, ETX.
In update mode each comes as soon as it is known: heart rates and movement four times a second, uterine activity eight.
There is no checksum and no sequence number. The tables of the mode characters (8-4, 8-5) are not public: they are
passed on as they come.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from ..errors import DecodeError
from .framing import INCOMPLETE, NOT_HERE, Lost, Scanner

MONITOR: Final = ord("9")
IDENTIFIER: Final = ord("0")
ETX: Final = 0x03

HEART_RATE_HZ: Final = Decimal(4)
ACTIVITY_PER_HEART_RATE: Final = 2

NO_HEART_RATE: Final = 0
"""`00`: the pen is lifted."""
NO_ACTIVITY: Final = 128

HEART_RATES: Final = range(30, 301)
"""What the paper shows is 30 to 240; past 300 a number is no heart rate."""
ACTIVITIES: Final = range(128)
ACTIVITY_UNIT: Final = "{TOCO}"
"""Relative units of the strip chart, 0 to 100. With an intrauterine catheter they are mm[Hg]; the mode character that
would tell is in no public table."""

LONGEST_DATA: Final = 120
"""Of an annotation: two lines of the strip chart."""


class Kind(enum.IntEnum):
    """Response type (tables 8-3 and 11-2)."""

    heart_rate_1 = 0x60
    activity = 0x61
    modes = 0x62
    annotation = 0x63
    event_mark = 0x64
    heart_rate_2 = 0x65
    movement = 0x66
    paper = 0x67


NUMBERS: Final = (Kind.heart_rate_1, Kind.heart_rate_2, Kind.activity)
_FIXED: Final = {Kind.modes: 2, Kind.event_mark: 0, Kind.movement: 1, Kind.paper: 1}
MOVEMENTS: Final = {"0": "", "1": "fetal_movement", "2": "movement_not_fitted", "4": "movement_off"}
PAPERS: Final = {"0": "", "1": "paper_out"}


@dataclass(frozen=True, slots=True)
class Message:
    """One message. `value` is the number of a heart rate (/min) or of the uterine activity, None with the pen
    lifted; `text` the data of the other kinds."""

    kind: Kind
    value: int | None = None
    text: str = ""

    @property
    def pen_lift(self) -> bool:
        return self.kind in NUMBERS and self.value is None

    @property
    def plausible(self) -> bool:
        if self.value is None:
            return True
        return self.value in (ACTIVITIES if self.kind is Kind.activity else HEART_RATES)

    @property
    def status(self) -> tuple[str, ...]:
        """Names of what it signals."""
        if self.pen_lift:
            return ("pen_lift",)
        if self.kind is Kind.event_mark:
            return ("event_mark",)
        named = {Kind.movement: MOVEMENTS, Kind.paper: PAPERS}.get(self.kind, {}).get(self.text, "")
        return (named,) if named else ()


def decode(data: bytes) -> Message:
    """One whole message. DecodeError: `frame.length`, `frame.head`, `frame.foot`, `frame.field`."""
    if len(data) < 4:
        raise DecodeError("frame.length", f"{len(data)} bytes")
    if data[0] != MONITOR or data[2] != IDENTIFIER or data[1] not in set(Kind):
        raise DecodeError("frame.head", data[:3].hex())
    if data[-1] != ETX:
        raise DecodeError("frame.foot", data[-1:].hex())
    kind, body = Kind(data[1]), data[3:-1]
    if ETX in body or len(body) > LONGEST_DATA:
        raise DecodeError("frame.length", f"{len(data)} bytes")
    if kind in NUMBERS:
        return Message(kind, _number(kind, body))
    if kind is not Kind.annotation and (len(body) != _FIXED[kind] or any(not 0x20 <= byte < 0x7F for byte in body)):
        raise DecodeError("frame.field", data.hex())
    text = body.decode("ascii", "replace")
    known = {Kind.movement: MOVEMENTS, Kind.paper: PAPERS}.get(kind)
    if known is not None and text not in known:
        raise DecodeError("frame.field", data.hex())
    return Message(kind, None, text)


def split(data: bytes) -> list[Message]:
    """One or more whole messages and nothing else. DecodeError as `decode`."""
    if not data or data[-1] != ETX:
        raise DecodeError("frame.foot" if data else "frame.length", data[-1:].hex())
    return [decode(part + bytes((ETX,))) for part in data[:-1].split(bytes((ETX,)))]


@dataclass(frozen=True, slots=True)
class Row:
    """A quarter of a second: both heart rates and two values of the uterine activity; None with the pen lifted or
    where nothing came."""

    heart_rate_1: int | None
    heart_rate_2: int | None
    activity: tuple[int | None, int | None]


class Parser:
    """Bytes in; rows and losses out. `modes`, `paper_out` and `movement` are what was last said of them.

    The messages of a quarter second have no common number: a row is closed by the first message that no longer fits
    into it.
    """

    def __init__(self) -> None:
        self._scanner = Scanner(_measure, 6, MONITOR)
        self._rates: dict[Kind, int | None] = {}
        self._activity: list[int | None] = []
        self.modes = ""
        self.paper_out = False
        self.movement = ""
        self.marks = 0
        """How often the mark button was pressed."""

    @property
    def lost_bytes(self) -> int:
        """Bytes that belonged to no message, since the beginning."""
        return self._scanner.lost_bytes

    def feed(self, data: bytes) -> list[Row | Lost]:
        """Everything that is complete now. A damaged message leaves a hole in its row; it is no lost row."""
        return [row for item in self._scanner.feed(data) if not isinstance(item, Lost)
                for row in self._take(decode(item))]

    def flush(self) -> list[Row]:
        """The row that nothing closed; at the end of a stream."""
        return list(self._close()) if self._rates or self._activity else []

    def _take(self, message: Message) -> Iterator[Row]:
        value = message.value if message.plausible else None
        if message.kind is Kind.activity:
            if len(self._activity) == ACTIVITY_PER_HEART_RATE:
                yield from self._close()
            self._activity.append(value)
        elif message.kind in NUMBERS:
            if message.kind in self._rates:
                yield from self._close()
            self._rates[message.kind] = value
        else:
            self._note(message)

    def _note(self, message: Message) -> None:
        if message.kind is Kind.modes:
            self.modes = message.text
        elif message.kind is Kind.paper:
            self.paper_out = message.text == "1"
        elif message.kind is Kind.movement:
            self.movement = MOVEMENTS[message.text]
        elif message.kind is Kind.event_mark:
            self.marks += 1

    def _close(self) -> Iterator[Row]:
        first, second = (*self._activity, None, None)[:2]
        yield Row(self._rates.get(Kind.heart_rate_1), self._rates.get(Kind.heart_rate_2), (first, second))
        self._rates, self._activity = {}, []


def _number(kind: Kind, body: bytes) -> int | None:
    if len(body) not in (2, 3) or not body.isdigit():
        raise DecodeError("frame.field", body.hex())
    value = int(body)
    return None if value == (NO_ACTIVITY if kind is Kind.activity else NO_HEART_RATE) else value


def _measure(buffer: bytes | bytearray, start: int) -> int:
    head = buffer[start:start + 3]
    fits = (MONITOR,), tuple(Kind), (IDENTIFIER,)
    if any(byte not in allowed for byte, allowed in zip(head, fits, strict=False)):
        return NOT_HERE
    end = buffer.find(ETX, start + 3, start + 4 + LONGEST_DATA)
    if end < 0:
        return INCOMPLETE if len(buffer) < start + 4 + LONGEST_DATA else NOT_HERE
    try:
        decode(bytes(buffer[start:end + 1]))
    except DecodeError:
        return NOT_HERE
    return end + 1 - start
