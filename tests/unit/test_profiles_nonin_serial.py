"""Nonin's serial line: frames found in a stream, in whatever portions it arrives."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.peripherals.profiles.nonin_serial import Oximetry, Parser

FRAMES = bytes.fromhex("804862 804862 810262 c37f7f")
WHOLE = [Oximetry(98, 72, ()), Oximetry(98, 72, ()), Oximetry(98, 130, ()),
         Oximetry(None, None, ("sensor_disconnected",))]


@pytest.mark.parametrize("size", [1, 2, 3, 4, 12])
def test_frames_come_out_whatever_the_portions(size: int) -> None:
    """Byte by byte, in pieces, all at once."""
    parser = Parser()
    found = [frame for at in range(0, len(FRAMES), size) for frame in parser.feed(FRAMES[at:at + size])]
    assert (found, parser.lost_bytes) == (WHOLE, 0)


def test_a_line_joined_late_finds_the_next_frame() -> None:
    """Two bytes of the frame before are counted as lost, nothing else is."""
    parser = Parser()
    assert parser.feed(FRAMES[1:]) == WHOLE[1:]
    assert parser.lost_bytes == 2


@given(st.binary(max_size=60))
def test_noise_never_stops_the_line(noise: bytes) -> None:
    """Whatever came, two whole frames later it is synchronised again."""
    parser = Parser()
    parser.feed(noise)
    assert parser.feed(FRAMES)[-2:] == WHOLE[-2:]
