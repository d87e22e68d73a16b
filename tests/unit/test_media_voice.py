"""How the forwarded voice is packed: checked by what an Opus decoder makes of it, and by RFC 2198 read by hand."""

from __future__ import annotations

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.media.congestion.budget import VoiceForm
from gateway.media.voice import FRAME_TICKS, VoicePacking, join


def spoken(count: int, bits_per_second: int = 24_000) -> list[bytes]:
    encoder = av.CodecContext.create("libopus", "w")
    assert isinstance(encoder, av.AudioCodecContext)
    encoder.sample_rate, encoder.layout, encoder.format = 48_000, "mono", "s16"
    encoder.bit_rate, encoder.options = bits_per_second, {"application": "voip", "vbr": "on"}
    noise, found = np.random.default_rng(2), []
    for number in range(count):
        wave = np.sin(np.arange(960) * (0.03 + 0.002 * number)) * 8000 + noise.normal(0, 300 * (number % 5), 960)
        frame = av.AudioFrame.from_ndarray(wave.astype(np.int16).reshape(1, -1), "s16", "mono")
        frame.sample_rate, frame.pts = 48_000, 960 * number
        found += [bytes(packet) for packet in encoder.encode(frame)]
    return found


def decoded(packets: list[bytes]) -> np.ndarray:
    decoder = av.CodecContext.create("libopus", "r")
    assert isinstance(decoder, av.AudioCodecContext)
    decoder.sample_rate, decoder.layout = 48_000, "mono"
    return np.concatenate([frame.to_ndarray().reshape(-1) for packet in packets
                           for frame in decoder.decode(av.Packet(packet))])


@pytest.mark.parametrize("bits_per_second", [16_000, 24_000, 128_000])
def test_two_frames_in_one_packet_sound_the_same(bits_per_second: int) -> None:
    """A decoder makes the same samples of joined packets as of single ones, long frames (two octets of length) too."""
    frames = spoken(40, bits_per_second)
    joined = [join(frames[i], frames[i + 1]) for i in range(0, len(frames) - 1, 2)]
    whole = [packet for packet in joined if packet is not None]
    assert len(whole) == len(joined)
    assert np.array_equal(decoded(whole), decoded(frames[:2 * len(whole)]))


def test_what_does_not_fit_together_stays_apart() -> None:
    """Another mode, more frames than one, nothing at all."""
    assert join(b"\x48a", b"\x4ca") is None
    assert join(b"\x4ba", b"\x4ba") is None
    assert join(b"", b"\x48") is None


def test_pairs_leave_with_the_second_frame_and_alone_after_a_gap() -> None:
    """One packet for two, at the first one's time; a frame whose successor is not there goes by itself, and the one
    after the gap waits for its own."""
    packing, (a, b, c, d) = VoicePacking(), spoken(4)
    assert packing.take(a, 0, True, VoiceForm.paired) == []
    first, = packing.take(b, FRAME_TICKS, False, VoiceForm.paired)
    assert (first.payload, first.timestamp, first.marker) == (join(a, b), 0, True)
    assert packing.take(c, 2 * FRAME_TICKS, False, VoiceForm.paired) == []
    assert [s.payload for s in packing.take(d, 9 * FRAME_TICKS, False, VoiceForm.paired)] == [c]
    assert [s.payload for s in packing.take(a, 10 * FRAME_TICKS, False, VoiceForm.paired)] == [join(d, a)]


@pytest.mark.parametrize("bits_per_second", [16_000, 24_000, 128_000])
def test_three_frames_in_one_packet_sound_the_same(bits_per_second: int) -> None:
    """Of one length or of several (RFC 6716, section 3.2.5)."""
    frames = spoken(42, bits_per_second)
    joined = [join(*frames[i:i + 3]) for i in range(0, 42, 3)]
    whole = [packet for packet in joined if packet is not None]
    assert len(whole) == len(joined)
    assert np.array_equal(decoded(whole), decoded(frames))
    even = join(b"\x48ab", b"\x48cd", b"\x48ef")
    assert even == b"\x4b\x03abcdef"


def test_threes_leave_with_the_third_frame_or_with_silence() -> None:
    """One packet for three; a frame of silence ends it sooner, as nothing may follow for long."""
    packing, (a, b, c, d, e) = VoicePacking(), spoken(5)
    ticks, silent = FRAME_TICKS, d[:1]
    assert packing.take(a, 0, True, VoiceForm.tripled) == []
    assert packing.take(b, ticks, False, VoiceForm.tripled) == []
    first, = packing.take(c, 2 * ticks, False, VoiceForm.tripled)
    assert (first.payload, first.timestamp, first.marker) == (join(a, b, c), 0, True)
    assert packing.take(d, 3 * ticks, False, VoiceForm.tripled) == []
    assert [s.payload for s in packing.take(silent, 4 * ticks, False, VoiceForm.tripled)] == [join(d, silent)]
    # Of two that wait, a pair is made when pairs are enough again.
    packing.take(d, 5 * ticks, False, VoiceForm.tripled)
    packing.take(e, 6 * ticks, False, VoiceForm.tripled)
    assert [s.payload for s in packing.take(a, 7 * ticks, False, VoiceForm.paired)] == [join(d, e, a)]


def test_a_silent_frame_does_not_wait_and_a_late_one_is_dropped() -> None:
    """After a frame of silence nothing may come for long; older than the newest is too late to be numbered."""
    packing = VoicePacking()
    assert [s.payload for s in packing.take(b"\x48", 960, False, VoiceForm.paired)] == [b"\x48"]
    assert packing.take(b"\x48abcdef", 0, False, VoiceForm.plain) == []


def test_a_change_of_form_loses_nothing() -> None:
    """What was held goes out before the next one."""
    packing, (a, b) = VoicePacking(), spoken(2)
    packing.take(a, 0, False, VoiceForm.paired)
    assert [s.payload for s in packing.take(b, FRAME_TICKS, False, VoiceForm.plain)] == [a, b]


def test_redundancy_is_two_earlier_frames_with_their_distances() -> None:
    """RFC 2198: a head of four octets for each earlier block, one for the newest, then the blocks."""
    packing = VoicePacking()
    packing.red, packing.opus_type = True, 96
    frames = [b"\x48first", b"\x48second", b"\x48third"]
    said = [packing.take(frame, i * 960, False, VoiceForm.red)[0] for i, frame in enumerate(frames)]
    assert [s.redundant for s in said] == [True, True, True]
    assert said[0].payload == bytes([96]) + frames[0]
    heads = b"".join(((0x80 | 96) << 24 | offset << 10 | size).to_bytes(4, "big")
                     for offset, size in ((1920, 6), (960, 7)))
    assert said[2].payload == heads + bytes([96]) + b"".join(frames)


def test_without_the_doctors_consent_there_is_no_redundancy() -> None:
    """The answer did not take RED: the voice goes as it came."""
    packing = VoicePacking()
    assert packing.take(b"\x48x", 0, False, VoiceForm.red)[0].payload == b"\x48x"


@given(st.lists(st.tuples(st.binary(max_size=30), st.integers(0, 2**32 - 1), st.sampled_from(list(VoiceForm)))))
def test_no_packet_of_a_source_breaks_it(packets: list[tuple[bytes, int, VoiceForm]]) -> None:
    """Any bytes in any form give packets no larger than what came."""
    packing = VoicePacking()
    packing.red, packing.opus_type = True, 111
    came = 0
    for payload, timestamp, form in packets:
        came += len(payload)
        assert all(len(s.payload) <= 3 * 30 + 9 + came for s in packing.take(payload, timestamp, False, form))
