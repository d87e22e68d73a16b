"""A live twelve-lead stream over a serial line, a framing of our own: docs/instruments/ecg12.md.

No maker's live protocol is public; this is what a box in front of such a recorder would send, and what the simulator
sends. Sequence, electrodes and a checksum are in every frame.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from ..errors import DecodeError
from .framing import INCOMPLETE, NOT_HERE, Lost, Scanner, begins, crc16

HEAD: Final = bytes((0xEC, 0x12, 0x01))
"""Two bytes of mark and the version."""

LEADS: Final = 12
_HEADER: Final = struct.Struct("<3sBIHHH")
_SAMPLE: Final = 2
_CRC: Final = 2

MOST_INSTANTS: Final = 25
"""A twentieth of a second at 500 Hz: a longer frame would wait for its last sample too long."""

USUAL_INSTANTS: Final = 10
USUAL_SIZE: Final = _HEADER.size + USUAL_INSTANTS * LEADS * _SAMPLE + _CRC

NO_VALUE: Final = -(2**15)

ELECTRODES: Final = ("ra", "la", "ll", "rl", "v1", "v2", "v3", "v4", "v5", "v6")
"""By bit of the electrode word, from bit 0."""

RESYNC_INSTANTS: Final = 60_000
"""Two minutes at 500 Hz. A first index further away than this is another recording, not a gap."""


@dataclass(frozen=True, slots=True)
class Frame:
    """Some instants of twelve leads. `first` numbers the first one since the box began; `rows` are instants of
    samples in the order I, II, III, aVR, aVL, aVF, V1 to V6, None where the box has no value. `off` names the
    electrodes without contact."""

    first: int
    rate_hz: int
    nanovolts: int
    off: tuple[str, ...]
    rows: tuple[tuple[int | None, ...], ...]

    @property
    def microvolts(self) -> Decimal:
        """Of one count."""
        return Decimal(self.nanovolts).scaleb(-3)


def decode(data: bytes) -> Frame:
    """One whole frame. DecodeError: `frame.length`, `frame.head`, `frame.checksum`, `frame.field`."""
    if len(data) < _HEADER.size + _CRC:
        raise DecodeError("frame.length", f"{len(data)} bytes")
    head, count, first, rate, nanovolts, off = _HEADER.unpack_from(data)
    if head != HEAD:
        raise DecodeError("frame.head", data[:3].hex())
    if not 1 <= count <= MOST_INSTANTS or not rate or not nanovolts or off >> len(ELECTRODES):
        raise DecodeError("frame.field", data[:_HEADER.size].hex())
    if len(data) != _size(count):
        raise DecodeError("frame.length", f"{len(data)} bytes, {_size(count)} expected")
    if crc16(data[2:-_CRC]) != int.from_bytes(data[-_CRC:], "little"):
        raise DecodeError("frame.checksum")
    flat = struct.unpack_from(f"<{count * LEADS}h", data, _HEADER.size)
    values = [None if sample == NO_VALUE else sample for sample in flat]
    rows = tuple(tuple(values[at:at + LEADS]) for at in range(0, len(values), LEADS))
    return Frame(first, rate, nanovolts, tuple(name for bit, name in enumerate(ELECTRODES) if off >> bit & 1), rows)


class Parser:
    """Bytes in; frames and losses out. A loss counts instants, by the index in the frames."""

    def __init__(self) -> None:
        self._scanner = Scanner(_measure, USUAL_SIZE, HEAD[0])
        self._next: int | None = None

    @property
    def lost_bytes(self) -> int:
        """Bytes that belonged to no frame, since the beginning."""
        return self._scanner.lost_bytes

    def feed(self, data: bytes) -> list[Frame | Lost]:
        """Everything that is complete now."""
        found: list[Frame | Lost] = []
        size = 0
        for item in self._scanner.feed(data):
            if isinstance(item, Lost):
                size = item.size
                continue
            frame = decode(item)
            missing = 0 if self._next is None else (frame.first - self._next) % 2**32
            if missing and missing <= RESYNC_INSTANTS:
                found.append(Lost(size, missing))
            found.append(frame)
            self._next = (frame.first + len(frame.rows)) % 2**32
            size = 0
        return found


def _size(count: int) -> int:
    return _HEADER.size + count * LEADS * _SAMPLE + _CRC


def _measure(buffer: bytes | bytearray, start: int) -> int:
    if not begins(buffer, start, HEAD):
        return NOT_HERE
    have = len(buffer) - start
    if have <= len(HEAD):
        return INCOMPLETE
    count = buffer[start + len(HEAD)]
    if not 1 <= count <= MOST_INSTANTS:
        return NOT_HERE
    size = _size(count)
    if have < size:
        return INCOMPLETE
    try:
        decode(bytes(buffer[start:start + size]))
    except DecodeError:
        return NOT_HERE
    return size
