"""What an H.264 byte stream is made of, as far as a receiver must be able to decode it (ITU-T H.264). Pure."""

from __future__ import annotations

from dataclasses import dataclass

from .h264 import split_units

SLICE, IDR, SPS, PPS = 1, 5, 7, 8
"""Types of NAL units (table 7-1)."""

BASELINE, CONSTRAINED, LEVEL_MOST = 66, 0x40, 31
"""profile_idc, constraint_set1_flag, level_idc: what `profile-level-id=42e01f` promises (RFC 6184, section 8.1)."""

_HEAD_OCTETS = 16
"""The fields looked at stand in the first few."""

_B_SLICES = {1, 6}
"""slice_type (table 7-6)."""


@dataclass(frozen=True, slots=True)
class Profile:
    """As a sequence parameter set says."""

    idc: int
    constraints: int
    level: int

    @property
    def fits(self) -> bool:
        """Whether it keeps what our offer promises."""
        return self.idc == BASELINE and bool(self.constraints & CONSTRAINED) and self.level <= LEVEL_MOST


@dataclass(frozen=True, slots=True)
class Seen:
    """One access unit. `pictures`: slices that begin one."""

    keyframe: bool
    bidirectional: bool
    pictures: int
    profile: Profile | None
    picture_parameters: bool


def look(stream: bytes) -> Seen:
    """Annex B in; what is cut short counts for nothing."""
    keyframe = bidirectional = parameters = False
    pictures = 0
    profile: Profile | None = None
    for unit in split_units(stream):
        kind = unit[0] & 0x1F
        if kind == SPS and len(unit) >= 4:
            profile = Profile(unit[1], unit[2], unit[3])
        elif kind == PPS:
            parameters = True
        elif kind in (SLICE, IDR):
            keyframe = keyframe or kind == IDR
            values = _exponential(unit[1:_HEAD_OCTETS], 2)
            if len(values) == 2:
                pictures += values[0] == 0
                bidirectional = bidirectional or values[1] in _B_SLICES
    return Seen(keyframe, bidirectional, pictures, profile, parameters)


def _exponential(data: bytes, count: int) -> list[int]:
    """Exp-Golomb codes (section 9.1), as many as there are, `count` at most. Emulation prevention cannot stand in the
    first two of a slice: they are never three zero octets long."""
    bits = "".join(f"{octet:08b}" for octet in data)
    values: list[int] = []
    at = 0
    while len(values) < count:
        one = bits.find("1", at)
        zeros = one - at
        if one < 0 or one + zeros >= len(bits):
            break
        values.append(int(bits[one:one + zeros + 1], 2) - 1)
        at = one + zeros + 1
    return values
