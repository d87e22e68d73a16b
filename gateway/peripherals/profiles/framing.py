"""Frames out of a stream of bytes: found wherever they begin, what lies between them counted.

A serial line has no packets and no beginning: a parser is opened in the middle of a frame and must find the next one.
"""

from __future__ import annotations

import binascii
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

NOT_HERE: Final = -1
INCOMPLETE: Final = 0

Measure = Callable[[bytes | bytearray, int], int]
"""How long is the frame that begins at this offset: its bytes, `INCOMPLETE` when more must come first, `NOT_HERE`."""


@dataclass(frozen=True, slots=True)
class Lost:
    """What is missing between two frames: `size` bytes that belong to none, and how many frames that was.

    A parser that knows the device's own count says so in `frames`; else a frame damaged in one byte is one frame.
    """

    size: int
    frames: int = field(default=1, compare=False)

    @property
    def samples(self) -> int:
        """How many frames that was."""
        return self.frames


class Scanner:
    """Bytes in, in any portions; whole frames and losses out, in their order. A loss comes with the frame that ends it.

    `usual` is the size of a frame, by which lost bytes become lost frames; `mark` is the byte each one begins with.
    Nothing longer than a frame is kept.
    """

    def __init__(self, measure: Measure, usual: int, mark: int) -> None:
        self._measure, self._usual, self._mark = measure, usual, mark
        self._buffer = bytearray()
        self._skipped = 0
        self.lost_bytes = 0
        """Bytes that belonged to no frame, since the beginning."""

    def feed(self, data: bytes) -> list[bytes | Lost]:
        """Everything that is complete now."""
        self._buffer += data
        found: list[bytes | Lost] = []
        start, end = 0, len(self._buffer)
        while start < end:
            size = self._measure(self._buffer, start)
            if size == INCOMPLETE:
                break
            if size == NOT_HERE:
                # A device that sends something else at full speed must not cost more than a search.
                after = self._buffer.find(self._mark, start + 1)
                step = (after if after >= 0 else end) - start
                self._skipped += step
                self.lost_bytes += step
                start += step
                continue
            if self._skipped:
                found.append(Lost(self._skipped, max(1, round(self._skipped / self._usual))))
                self._skipped = 0
            found.append(bytes(self._buffer[start:start + size]))
            start += size
        del self._buffer[:start]
        return found


def begins(buffer: bytes | bytearray, start: int, head: bytes) -> bool:
    """Whether what is there of `head` fits: the whole, or all that has come so far."""
    return head.startswith(bytes(buffer[start:start + len(head)]))


def crc8(data: bytes | bytearray, polynomial: int = 0x07) -> int:
    """CRC-8, initial value 0, not reflected (CRC-8/SMBUS with polynomial 07)."""
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = ((crc << 1) ^ polynomial) & 0xFF if crc & 0x80 else crc << 1
    return crc


def crc16(data: bytes | bytearray) -> int:
    """CRC-16/IBM-3740 (polynomial 1021, initial value FFFF, not reflected)."""
    return binascii.crc_hqx(data, 0xFFFF)
