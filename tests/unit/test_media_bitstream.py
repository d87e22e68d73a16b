"""What is read from an encoder's output before it is trusted: by hand, cut anywhere, and any octets at all."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.media.bitstream import Profile, Seen, look

START = b"\x00\x00\x00\x01"
SPS, PPS = b"\x67\x42\xc0\x1f\xda", b"\x68\xce\x3c\x80"
IDR = b"\x65\x88\x84"
"""first_mb_in_slice 0 (`1`), slice_type 7 (`0001000`): an I slice alone (ITU-T H.264, 7.3.3)."""
P_SLICE, SECOND_P, B_SLICE = b"\x41\x9a\x00", b"\x41\x4d\x00", b"\x01\x9e\x00"
"""slice_type 5, `00110`; the second begins at macroblock 1, `010`; the third's slice_type is 6, `00111`."""


def test_a_keyframe_with_its_parameter_sets() -> None:
    """Constrained baseline, level 3.1: profile_idc 66, constraint_set1_flag, level_idc 31 (7.4.2.1.1)."""
    assert look(START + SPS + START + PPS + START + IDR) == Seen(True, False, 1, Profile(0x42, 0xC0, 0x1F), True)
    assert Profile(0x42, 0xC0, 0x1F).fits
    assert not any(profile.fits for profile in (Profile(0x42, 0x80, 0x1F), Profile(0x4D, 0x40, 0x1F),
                                                Profile(0x42, 0xC0, 0x28)))


def test_pictures_are_counted_by_their_first_slices() -> None:
    """Two slices of one picture are one; a B slice is seen."""
    assert look(START + P_SLICE) == Seen(False, False, 1, None, False)
    assert look(START + P_SLICE + START + SECOND_P).pictures == 1
    assert look(START + P_SLICE + START + P_SLICE).pictures == 2
    assert look(START + B_SLICE).bidirectional


def test_what_is_cut_counts_for_nothing_it_does_not_hold() -> None:
    """At each length: no error, and no parameter set that is not whole enough to be read."""
    whole = START + SPS + START + PPS + START + IDR
    for size in range(len(whole)):
        seen = look(whole[:size])
        assert seen.profile in (None, Profile(0x42, 0xC0, 0x1F))
        assert seen.pictures <= 1


@given(st.binary(max_size=400), st.lists(st.binary(max_size=40), max_size=8))
def test_no_octets_break_it(raw: bytes, units: list[bytes]) -> None:
    """Whatever a driver gives."""
    assert look(raw).pictures >= 0
    assert look(b"".join(START + unit for unit in units)).pictures <= len(units) + 40 * len(units)
