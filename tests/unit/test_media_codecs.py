"""Rates, keyframes and packets of the encoders, and how pictures are put side by side."""

from __future__ import annotations

import av
import numpy as np
import pytest
from aiortc.codecs.vpx import VpxPayloadDescriptor
from hypothesis import given
from hypothesis import strategies as st

from gateway.media import vp8
from gateway.media.camera import CameraFrame
from gateway.media.codecs import STRETCH_MOST, X264, Vp8
from gateway.media.compose import BESIDE_SHARE, Converter, Sides, places, size
from gateway.media.rate import DETAIL_LADDER, LADDER, Rung, beat
from gateway.media.scene_source import ExaminationFrame
from sim.camera import Scene, read_code

RUNG = Rung(0, 4, 25, 4000)


def moving(count: int) -> list[av.VideoFrame]:
    rng = np.random.default_rng(7)
    noise = rng.integers(60, 190, (360, 640 + count * 4), dtype=np.uint8)
    frames = []
    for i in range(count):
        picture = np.full((540, 640), 128, np.uint8)
        picture[:360] = noise[:, i * 4:i * 4 + 640] // 2 + rng.integers(0, 40, (360, 640), dtype=np.uint8)
        frames.append(av.VideoFrame.from_ndarray(picture, "yuv420p"))
    return frames


def test_vp8_follows_the_rate_without_a_keyframe() -> None:
    """Down to a fifth within half a second, up again in three, no keyframe but the first and the one asked for."""
    codec = Vp8(640, 360, RUNG, 1_500_000)
    sizes: list[int] = []
    keys: list[int] = []
    for i, frame in enumerate(moving(240)):
        rate = 300_000 if 50 <= i < 110 else 1_500_000
        assert codec.fits(640, 360, RUNG, rate)
        data, key = codec.encode(frame, i * 0.04, rate, keyframe=i == 220)
        sizes.append(len(data))
        if key:
            keys.append(i)
    assert keys == [0, 220]
    kbps = [sum(sizes[a:b]) * 8 / (b - a) / 40 for a, b in ((25, 50), (62, 110), (185, 220))]
    assert kbps[0] == pytest.approx(1500, rel=0.2)
    assert kbps[1] == pytest.approx(300, rel=0.3)
    assert kbps[2] == pytest.approx(1500, rel=0.25)


@pytest.mark.parametrize("every", [1, 2, 3])
def test_x264_keeps_its_rate_at_any_beat(every: int) -> None:
    """Opened for 25 pictures a second and given fewer, each gets more: the rate is the one asked for."""
    codec = X264(640, 360, RUNG)
    sizes = [len(codec.encode(frame, i * 0.04, 400_000, False)[0])
             for i, frame in enumerate(moving(300)) if i % every == 0]
    since = len(sizes) // 3
    assert sum(sizes[since:]) * 8 / (len(sizes[since:]) * every * 0.04) == pytest.approx(400_000, rel=0.25)


@pytest.mark.parametrize("rung", LADDER)
def test_a_keyframe_is_no_larger_than_the_rungs_buffer(rung: Rung) -> None:
    """However hard the picture is, and also in the middle of a call."""
    codec = X264(640, 360, rung)
    rate = 1000 * max(60, rung.from_kbps)
    sizes = [len(codec.encode(frame, i * 0.04, rate, i == 30)[0]) for i, frame in enumerate(moving(40))]
    assert max(sizes[0], sizes[30]) * 8 <= 1.2 * 1000 * rung.buffer_kbit


def test_a_picture_of_the_thinnest_path_is_as_small_as_of_any() -> None:
    """Opened for three pictures a second the buffer stays the rung's, and a rate of nought is no rate without limit."""
    rung = beat(LADDER[0], 6_000)
    codec = X264(640, 360, rung)
    sizes = [len(codec.encode(frame, i / 3, 0 if i > 20 else 6_000, False)[0]) for i, frame in enumerate(moving(40))]
    assert sizes[0] * 8 <= 1.2 * 1000 * rung.buffer_kbit
    # Noise that moves takes what there is at the coarsest.
    assert max(sizes[30:]) <= max(sizes[10:20])


def test_vp8_pictures_that_jitter_are_of_one_size() -> None:
    """Cameras come 12 ms early or late: no picture is twice as large for it."""
    codec, late = Vp8(640, 360, RUNG, 500_000), np.random.default_rng(1).uniform(-0.012, 0.012, 100)
    sizes = [len(codec.encode(frame, i * 0.04 + late[i], 500_000, False)[0]) for i, frame in enumerate(moving(100))]
    assert max(sizes[20:]) < 2 * 500_000 * 0.04 / 8
    assert sum(sizes[20:]) / 80 == pytest.approx(500_000 * 0.04 / 8, rel=0.1)


def test_a_pause_earns_vp8_no_bits() -> None:
    """The picture after ten silent seconds is no larger than its rate gives."""
    codec, frames = Vp8(640, 360, RUNG, 500_000), moving(80)
    for i in range(60):
        codec.encode(frames[i], i * 0.04, 500_000, False)
    after = [len(codec.encode(frames[60 + i], 12.4 + i * 0.04, 500_000, False)[0]) for i in range(10)]
    assert max(after) < 4 * 500_000 * 0.04 / 8


def test_vp8_opens_anew_only_far_from_its_rate() -> None:
    """Another picture rate alone needs no new context, another size and eight times the rate do."""
    codec = Vp8(640, 360, RUNG, 200_000)
    assert codec.fits(640, 360, Rung(0, 4, 8, 4000), round(200_000 * STRETCH_MOST))
    assert not codec.fits(640, 360, RUNG, round(200_000 * STRETCH_MOST) + 1)
    assert not codec.fits(640, 360, RUNG, 24_000)
    assert not codec.fits(480, 270, RUNG, 200_000)


@given(st.binary(min_size=1, max_size=9000), st.integers(0, vp8.PICTURES - 1), st.integers(64, 1200))
def test_vp8_packets_are_as_the_standard_has_them(picture: bytes, number: int, limit: int) -> None:
    """RFC 7741, read by the library's own parser: one start, one identifier, nothing lost, no packet over the limit."""
    parts = vp8.payloads(picture, number, limit)
    read = [VpxPayloadDescriptor.parse(part) for part in parts]
    assert b"".join(rest for _, rest in read) == picture
    assert [head.partition_start for head, _ in read] == [1] + [0] * (len(parts) - 1)
    assert {(head.picture_id, head.partition_id) for head, _ in read} == {(number, 0)}
    assert max(map(len, parts)) <= limit
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


def test_vp8_identifiers_go_on_through_a_new_context() -> None:
    """15 bits, round and round, one each picture."""
    first = Vp8(64, 64, RUNG, 200_000, picture_id=vp8.PICTURES - 1)
    first.payloads(b"x")
    second = Vp8(64, 64, RUNG, 200_000, first.picture_id)
    assert VpxPayloadDescriptor.parse(second.payloads(b"x")[0])[0].picture_id == 0


def drawn(number: int, width: int, height: int) -> av.VideoFrame:
    planes = np.frombuffer(bytes(Scene(width, height, 25).draw(number))[6:], np.uint8)
    return av.VideoFrame.from_ndarray(planes.reshape(height * 3 // 2, width).copy(), "yuv420p")


def finding(number: int, width: int, height: int, beside: av.VideoFrame | None) -> ExaminationFrame:
    pixels = np.asarray(drawn(number, width, height).to_ndarray(format="bgr24"), np.uint8)
    return ExaminationFrame(pixels, 1.0, 1, beside)


@pytest.mark.parametrize(("width", "height", "whole"), [(1600, 1200, (1280, 720)), (1280, 720, (1470, 620)),
                                                        (640, 480, (852, 480))])
def test_the_room_stands_beside_the_finding_and_never_over_it(width: int, height: int, whole: tuple[int, int]) -> None:
    """Three parts for the finding, one for the room: both codes read back from their own places, nothing is lost."""
    both = finding(4711, width, height, drawn(1234, 1280, 720))
    assert size(both, DETAIL_LADDER[-1]) == whole
    picture = Converter().take(both, *whole)
    gray = np.asarray(picture.to_ndarray(format="gray"), np.uint8)
    where = places(*whole, Sides(1280, 720))
    assert where.finding.width / whole[0] == pytest.approx(BESIDE_SHARE / (BESIDE_SHARE + 1), abs=0.02)
    assert where.finding.width / where.finding.height == pytest.approx(width / height, rel=0.03)
    assert read_code(gray[:, :where.finding.width]) == 4711
    room = gray[:where.room.height, where.room_left:where.room_left + where.room.width]
    assert where.room.width / where.room.height == pytest.approx(16 / 9, rel=0.02)
    assert read_code(room) == 1234
    assert gray[where.room.height + 2:, where.finding.width + 2:].max() < 24


@given(st.integers(16, 1478).map(lambda n: n * 2), st.integers(8, 700).map(lambda n: n * 2),
       st.integers(16, 4096), st.integers(16, 4096))
def test_the_two_always_fit(width: int, height: int, room_width: int, room_height: int) -> None:
    """Any sizes: even, inside, not one over the other."""
    where = places(max(width, 96), height, Sides(room_width, room_height))
    assert where.room_left >= where.finding.width
    assert where.room_left + where.room.width <= max(width, 96)
    assert 0 < where.room.height <= height
    assert not any(side % 2 for side in (where.room.width, where.room.height, where.room_left))


def test_a_second_encoder_gets_the_same_picture_and_none_is_kept() -> None:
    """Same size: the very same; smaller: made from the first one's; forgotten when the picture is over."""
    converter = Converter()
    captured = CameraFrame(drawn(77, 1280, 720).reformat(format="yuvj422p"), 1.0)
    large = converter.take(captured, 1280, 720)
    assert converter.take(captured, 1280, 720) is large
    small = converter.take(captured, 640, 360)
    assert read_code(np.asarray(small.to_ndarray(format="gray"), np.uint8)) == 77
    converter.forget()
    assert converter.take(captured, 1280, 720) is not large
