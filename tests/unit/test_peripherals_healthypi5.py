"""The HealthyPi 5 frame: whole, byte by byte, cut, in noise."""

import itertools
import json
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.peripherals.profiles.framing import Lost
from gateway.peripherals.profiles.healthypi5 import FRAME_SIZE, Parser, Sample, microvolts_per_count

FRAMES = json.loads((Path(__file__).parents[1] / "vectors" / "healthypi5" / "frames.json").read_text())["frames"]
WHOLE = [bytes.fromhex(frame["bytes"]) for frame in FRAMES]
SAMPLES = [Sample(frame["ecg"]) for frame in FRAMES]


def fed(*portions: bytes) -> tuple[list[Sample | Lost], Parser]:
    """What one parser finds in the portions; of a frame its ECG."""
    parser = Parser()
    return [Sample(item.ecg) if isinstance(item, Sample) else item
            for portion in portions for item in parser.feed(portion)], parser


def test_whole_frames_give_their_samples() -> None:
    """One frame, one sample; a frame whose payload looks like a head too."""
    found, parser = fed(b"".join(WHOLE))
    assert found == SAMPLES
    assert parser.lost_bytes == 0


def test_byte_by_byte_is_the_same() -> None:
    """A serial line has no packets."""
    found, parser = fed(*(bytes([byte]) for byte in b"".join(WHOLE)))
    assert found == SAMPLES
    assert parser.lost_bytes == 0


@pytest.mark.parametrize("cut", range(1, FRAME_SIZE))
def test_opened_in_the_middle_of_a_frame(cut: int) -> None:
    """The rest of the first frame is counted as lost, what follows is found."""
    found, parser = fed(WHOLE[0][cut:] + b"".join(WHOLE))
    assert found == [Lost(FRAME_SIZE - cut), *SAMPLES]
    assert parser.lost_bytes == FRAME_SIZE - cut


@pytest.mark.parametrize("cut", range(1, FRAME_SIZE))
def test_a_frame_cut_in_the_middle_costs_only_itself(cut: int) -> None:
    """Resynchronised at the next head, the loss counted and placed between its neighbours."""
    found, _ = fed(WHOLE[0] + WHOLE[1][:cut] + WHOLE[2] + WHOLE[3])
    assert found == [SAMPLES[0], Lost(cut), SAMPLES[2], SAMPLES[3]]


@pytest.mark.parametrize("at", [0, 1, 2, 3, 4, 27, 28])
def test_a_frame_damaged_in_its_frame_bytes_loses_one_sample(at: int) -> None:
    """Head and foot both have to fit."""
    damaged = bytearray(WHOLE[1])
    damaged[at] ^= 0x41
    found, _ = fed(WHOLE[0] + bytes(damaged) + WHOLE[2])
    assert found == [SAMPLES[0], Lost(FRAME_SIZE), SAMPLES[2]]
    assert isinstance(found[1], Lost)
    assert found[1].samples == 1


@given(st.lists(st.tuples(st.binary(max_size=70), st.integers(0, len(WHOLE) - 1)), max_size=12), st.data())
def test_noise_between_frames_never_hides_one_for_long(parts: list[tuple[bytes, int]], data: st.DataObject) -> None:
    """Any noise, any portions: every byte is in a sample or counted, and two clean frames are always found."""
    stream = b"".join(noise + WHOLE[index] for noise, index in parts) + WHOLE[0] + WHOLE[0]
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    edges = [0, *cuts, len(stream)]
    found, parser = fed(*(stream[a:b] for a, b in itertools.pairwise(edges)))
    assert fed(stream)[0] == found
    frames = sum(isinstance(item, Sample) for item in found)
    assert frames * FRAME_SIZE + parser.lost_bytes <= len(stream) < frames * FRAME_SIZE + parser.lost_bytes + FRAME_SIZE
    assert found[-1] == SAMPLES[0]


def test_nothing_is_kept_of_endless_noise() -> None:
    """A device that sends something else costs no memory."""
    found, parser = fed(*[bytes(4096)] * 50)
    assert not found
    assert parser.lost_bytes >= 50 * 4096 - FRAME_SIZE


def test_a_count_is_an_exact_voltage() -> None:
    """1 V / (2^17 * 80), to the last digit: 3125/32768 uV."""
    assert microvolts_per_count(80) == Decimal("0.095367431640625")
    assert microvolts_per_count(160) * 2 == microvolts_per_count(80)
