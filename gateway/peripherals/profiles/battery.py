"""Battery Level 0x2A19 (Battery Service 1.0): one byte, percent."""

from __future__ import annotations

from ..errors import DecodeError
from .fields import Fields

FULL = 100


def decode(data: bytes) -> int:
    """Percent. DecodeError: `battery.short`, `battery.long`, `battery.invalid` above 100."""
    fields = Fields("battery", data)
    level = fields.unsigned()
    fields.end()
    if level > FULL:
        raise DecodeError("battery.invalid", f"{level} %")
    return level
