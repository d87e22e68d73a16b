"""Contec finger oximeters: the CMS50D+ on a serial line, the CMS50D-BT over the air (FF02 of its own service).

CMS50D+: five bytes, 60 a second, bit 7 set in the first only (atbrask/CMS50Dplus@e916c59 cms50dplus/cms50dplus.py).
CMS50D-BT: eight bytes that begin with EB 01 (tobiasisenberg/OxiVis issue 2). Zero and all ones say "missing".
"""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import DecodeError

LINE_SIZE, AIR_SIZE = 5, 8
SYNC = 0x80
AIR_HEAD = bytes((0xEB, 0x01))
AIR_FINGER = 0x02

_FIRST = {0x10: "finger_out", 0x20: "dropping_saturation"}
_THIRD = {0x10: "probe_error", 0x20: "searching"}


@dataclass(frozen=True, slots=True)
class Oximetry:
    """One frame; None for a value that is missing. `pleth` is the height of the pulse wave, 0 to 127."""

    saturation: int | None
    pulse: int | None
    pleth: int | None
    status: tuple[str, ...]


def line(data: bytes) -> Oximetry:
    """Read a CMS50D+ frame. DecodeError: `contec.short`, `contec.long`, `contec.invalid`."""
    _sized(data, LINE_SIZE)
    if not data[0] & SYNC or any(byte & SYNC for byte in data[1:]):
        raise DecodeError("contec.invalid", "the synchronising bit is not in the first byte alone")
    status = (*(name for bit, name in _FIRST.items() if data[0] & bit),
              *(name for bit, name in _THIRD.items() if data[2] & bit))
    return Oximetry(_saturation(data[4]), _pulse((data[2] & 0x40) << 1 | data[3]), data[1], status)


def air(data: bytes) -> Oximetry:
    """Read a CMS50D-BT frame of values. DecodeError: `contec.short`, `contec.long`, `contec.invalid`."""
    _sized(data, AIR_SIZE)
    if not data.startswith(AIR_HEAD):
        raise DecodeError("contec.invalid", f"head {data[:2].hex()}")
    return Oximetry(_saturation(data[4]), _pulse(data[3]), None, () if data[2] & AIR_FINGER else ("finger_out",))


def _sized(data: bytes, size: int) -> None:
    if len(data) != size:
        raise DecodeError("contec.short" if len(data) < size else "contec.long", f"{len(data)} of {size} bytes")


def _saturation(value: int) -> int | None:
    if value in (0, 0x7F):
        return None
    if value > 100:
        raise DecodeError("contec.invalid", f"saturation {value}")
    return value


def _pulse(value: int) -> int | None:
    return None if value in (0, 0xFF) else value
