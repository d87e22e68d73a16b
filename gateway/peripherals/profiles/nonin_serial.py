"""Nonin serial data format 1 (Xpod, OEM III, PalmSAT): three bytes a second at 9600 8N1.

Status with bit 7 set (it synchronises), heart rate bits 6 to 0, saturation; bits 8 and 7 of the heart rate are the
status bits 1 and 0.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import DecodeError

SIZE = 3
SYNC = 0x80
NO_SATURATION, NO_PULSE = 127, 511

STATUS = {0x40: "sensor_disconnected", 0x20: "out_of_track", 0x10: "low_perfusion", 0x08: "marginal_perfusion",
          0x04: "bad_pulse"}


@dataclass(frozen=True, slots=True)
class Oximetry:
    """One second; None for a value that is missing."""

    saturation: int | None
    pulse: int | None
    status: tuple[str, ...]


def decode(data: bytes) -> Oximetry:
    """Read one frame. DecodeError: `nonin.short`, `nonin.long`, `nonin.invalid`."""
    if len(data) != SIZE:
        raise DecodeError("nonin.short" if len(data) < SIZE else "nonin.long", f"{len(data)} of {SIZE} bytes")
    status, low, saturation = data
    if not status & SYNC or low & SYNC or saturation & SYNC:
        raise DecodeError("nonin.invalid", "the synchronising bit is not in the first byte alone")
    if saturation > 100 and saturation != NO_SATURATION:
        raise DecodeError("nonin.invalid", f"saturation {saturation}")
    pulse = (status & 0x03) << 7 | low
    return Oximetry(None if saturation == NO_SATURATION else saturation, None if pulse == NO_PULSE else pulse,
                    tuple(name for bit, name in STATUS.items() if status & bit))


class Parser:
    """Bytes of the line in, in any portions; frames out. Bytes that fit no frame are counted and dropped."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self.lost_bytes = 0

    def feed(self, data: bytes) -> list[Oximetry]:
        """Every frame that is complete now."""
        self._buffer += data
        found = []
        while len(self._buffer) >= SIZE:
            try:
                found.append(decode(bytes(self._buffer[:SIZE])))
                del self._buffer[:SIZE]
            except DecodeError:
                self.lost_bytes += 1
                del self._buffer[0]
        return found
