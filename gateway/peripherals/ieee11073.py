"""The two number formats of IEEE 11073-20601 as they travel over Bluetooth: SFLOAT and FLOAT.

Little-endian; mantissa and exponent (base 10) are two's complement. The exponent is kept: 2.0 and 2.00 are
different measurements (HL7 PHD guide, "FLOAT and SFLOAT"). Special values exist with exponent 0 only:
0xF7FF is 204.7, not NaN (ISO/IEEE 11073-20601, annex F.7 and F.8).
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from decimal import Decimal

from .errors import DecodeError


class Special(enum.Enum):
    """A number the device could not measure or write."""

    not_a_number = "not_a_number"
    not_at_this_resolution = "not_at_this_resolution"
    positive_infinity = "positive_infinity"
    negative_infinity = "negative_infinity"
    reserved = "reserved"


Number = Decimal | Special


@dataclass(frozen=True, slots=True)
class _Format:
    name: str
    size: int
    mantissa_bits: int


_SFLOAT = _Format("sfloat", 2, 12)
_FLOAT = _Format("float", 4, 24)


def sfloat(data: bytes, offset: int = 0) -> Number:
    """Read the 16-bit SFLOAT at `offset`; DecodeError `sfloat.short` when it is cut."""
    return _read(_SFLOAT, data, offset)


def float32(data: bytes, offset: int = 0) -> Number:
    """Read the 32-bit FLOAT at `offset`; DecodeError `float.short` when it is cut."""
    return _read(_FLOAT, data, offset)


def _read(form: _Format, data: bytes, offset: int) -> Number:
    raw = data[offset:offset + form.size]
    if offset < 0 or len(raw) < form.size:
        raise DecodeError(f"{form.name}.short", f"{max(len(data) - offset, 0)} of {form.size} bytes at {offset}")
    value = int.from_bytes(raw, "little")
    sign = 1 << (form.mantissa_bits - 1)
    mantissa = value & ((1 << form.mantissa_bits) - 1)
    exponent = int.from_bytes(raw, "little", signed=True) >> form.mantissa_bits
    if exponent == 0:
        special = {sign - 1: Special.not_a_number, sign: Special.not_at_this_resolution,
                   sign - 2: Special.positive_infinity, sign + 2: Special.negative_infinity,
                   sign + 1: Special.reserved}.get(mantissa)
        if special is not None:
            return special
    signed = mantissa - 2 * sign if mantissa & sign else mantissa
    if exponent > 0:
        # The guide's table writes 0x1002 as 20: FHIR's decimal has no exponent to say "tens".
        return Decimal(signed * 10**exponent)
    return Decimal(signed).scaleb(exponent)
