"""What a stethoscope's offer, configuration, price and simulated heart are: text and values, no sound card."""

from __future__ import annotations

import random
import re
from itertools import pairwise

import numpy as np
import pytest

from gateway.media.config import SoundKind, StethoscopeConfig
from gateway.media.rate import DETAIL_LADDER, LADDER, LEAST, KeyframeGate, Ladder, RateController
from gateway.media.sdp import finish_offer
from gateway.media.sound import THIN, WIDE
from sim.heart import beats
from sim.stethoscope import S1_AFTER_R, Sound, StethoscopeBox, sound

VOICE = "m=audio 9 UDP/TLS/RTP/SAVPF 96\r\na=sendrecv\r\na=mid:0\r\na=rtpmap:96 opus/48000/2\r\n"
PICTURE = "m=video 9 UDP/TLS/RTP/SAVPF 97 98\r\na=sendonly\r\na=mid:1\r\na=rtpmap:97 VP8/90000\r\n"
INSTRUMENT = "m=audio 9 UDP/TLS/RTP/SAVPF 96\r\na=sendonly\r\na=mid:3\r\na=rtpmap:96 opus/48000/2\r\n"


def test_the_instruments_line_has_a_format_of_its_own() -> None:
    """Voice keeps 96 with redundancy and silence left out; the instrument's 109 has neither; pictures are untouched."""
    done = finish_offer("v=0\r\n" + VOICE + PICTURE + INSTRUMENT)
    voice, picture, instrument = re.split(r"(?=m=)", done)[1:]
    assert "a=fmtp:96 minptime=10;useinbandfec=1;usedtx=1;" in voice
    assert picture == PICTURE
    assert instrument.startswith("m=audio 9 UDP/TLS/RTP/SAVPF 109\r\n")
    assert "a=rtpmap:109 opus/48000/2\r\na=rtcp-fb:109 nack\r\n" in instrument
    assert "a=fmtp:109 minptime=20;useinbandfec=0;usedtx=0;" in instrument
    assert "96" not in instrument
    assert instrument.endswith("\r\n")


@pytest.mark.parametrize("source", [
    "", "steth", "pulse:x", "alsa:", "alsa:hw:0", "alsa:hw:1,0", "alsa:plughw:2", "alsa:hw:CARD=1", "alsa:default",
    "alsa:hw", "tcp://host", "tcp://host:0", "tcp://host:70000"])
def test_a_source_that_names_no_card_is_refused(source: str) -> None:
    """An index changes with what else is plugged in: it is no name."""
    with pytest.raises(ValueError, match="stethoscope source"):
        StethoscopeConfig(source)


@pytest.mark.parametrize(("source", "kind", "address", "card"), [
    ("alsa:hw:CARD=Steth", SoundKind.alsa, "hw:CARD=Steth", "Steth"),
    ("alsa:plughw:CARD=Steth_1,DEV=0", SoundKind.alsa, "plughw:CARD=Steth_1,DEV=0", "Steth_1"),
    ("alsa:steth", SoundKind.alsa, "steth", ""),
    ("tcp://127.0.0.1:9000", SoundKind.tcp, "tcp://127.0.0.1:9000", "")])
def test_sources_as_the_library_opens_them(source: str, kind: SoundKind, address: str, card: str) -> None:
    """A card by its id, a PCM of asound.conf by its name, the simulator by its socket."""
    config = StethoscopeConfig(source)
    assert (config.kind, config.address, config.card) == (kind, address, card)


@pytest.mark.parametrize("rate", [0, 3999, 48_001, 192_000])
def test_rates_no_stethoscope_has_are_refused(rate: int) -> None:
    """4 kHz is the least that holds heart sounds, 48 kHz the most Opus takes."""
    with pytest.raises(ValueError, match="samples a second"):
        StethoscopeConfig("alsa:steth", rate_hz=rate)


def test_what_the_sound_costs() -> None:
    """With headers of 70 bytes a packet: 92 kbit/s, and 62 on a thin link."""
    assert (WIDE.on_the_wire, THIN.on_the_wire) == (92_000, 62_000)
    assert (WIDE.samples, THIN.samples) == (960, 1920)


def test_the_picture_gives_way_and_comes_back() -> None:
    """By a quarter more than the sound costs, and no further up while it lasts; then back to where it was."""
    rate = RateController(60_000, 300_000, 2_000_000)
    rate.beside(92_000)
    assert rate.target == 185_000
    for second in range(20):
        rate.report(second * 100, 0, 185_000, float(second))
    assert rate.target == 185_000
    rate.alone()
    for second in range(20, 30):
        rate.report(second * 100, 0, 185_000, float(second))
    assert rate.target > 300_000


def test_a_fall_beside_the_sound_is_not_tried_again() -> None:
    """What made a hole in the sound once would make it again; a stutter costs no more than 15 %."""
    rate = RateController(60_000, 300_000, 2_000_000)
    rate.beside(92_000)
    rate.remb(200_000, 185_000, 0.0)
    rate.remb(100_000, 185_000, 1.0)
    assert rate.target == 100_000
    for second in range(2, 60):
        rate.report(second * 100, 0, 185_000, float(second))
    assert rate.target == round(0.85 * 185_000)


def test_the_picture_gives_way_below_its_floor() -> None:
    """A thin link is the sound's; alone again the picture has its floor back at once."""
    rate = RateController(60_000, 300_000, 2_000_000)
    rate.beside(500_000)
    assert rate.target == LEAST
    rate.remb(5_000, 40_000, 1.0)
    assert rate.target == LEAST
    rate.alone()
    assert rate.target == 60_000
    small = RateController(20_000, 25_000, 2_000_000)
    small.beside(92_000)
    assert small.target == 20_000


def test_a_findings_rungs_are_sharp_before_they_are_quick() -> None:
    """At every rate a finding is at least as large as the room and has no more than 15 pictures a second."""
    for kbps in range(30, 2000, 10):
        room, finding = Ladder(kbps * 1000).rung, Ladder(kbps * 1000, DETAIL_LADDER).rung
        assert finding.quarters >= room.quarters
        assert finding.quarters >= 3
        assert 4 <= finding.frames_per_second <= 15
    for ladder in (LADDER, DETAIL_LADDER):
        assert all(lower.from_kbps < upper.from_kbps <= lower.ceiling_kbps for lower, upper in pairwise(ladder))


def test_a_keyframe_made_for_another_reason_answers_the_request() -> None:
    """A turn to another camera begins with a keyframe: who asked for one meanwhile has it."""
    gate = KeyframeGate()
    gate.want()
    gate.made(10.0)
    assert not gate.due(20.0)
    gate.want()
    assert not gate.due(10.3)
    assert gate.due(10.5)


RATE = 8000


def band(samples: np.ndarray, low: float, high: float) -> float:
    """RMS of a band, share of full scale."""
    spectrum = np.fft.rfft(samples / 32768)
    frequencies = np.fft.rfftfreq(len(samples), 1 / RATE)
    spectrum[(frequencies < low) | (frequencies >= high)] = 0
    return float(np.sqrt(np.mean(np.fft.irfft(spectrum, len(samples)) ** 2)))


def test_the_simulated_heart_sounds_in_time_with_the_ecg() -> None:
    """The first sound is loudest 50 ms behind each R peak of the same heart, between 20 and 150 Hz."""
    heard = sound(Sound(heart_rate=90, breath=False), RATE).astype(float)
    *peaks, end = beats(90, 60, random.Random(7))
    assert len(heard) == round(end * RATE)
    for peak in peaks[1:-1]:
        around = np.abs(heard[round((peak - 0.1) * RATE):round((peak + 0.2) * RATE)])
        assert np.argmax(around) / RATE - 0.1 == pytest.approx(S1_AFTER_R, abs=0.02)
    assert band(heard, 20, 150) > 20 * band(heard, 150, 2000)


def test_murmurs_breath_and_air() -> None:
    """A murmur is in 100-400 Hz, breath in 150-500 Hz, the air 70 dB under full scale."""
    silent = sound(Sound(breath=False), RATE)
    assert band(sound(Sound(breath=False, murmur="systolic"), RATE), 150, 400) > 5 * band(silent, 150, 400)
    assert band(sound(Sound(breath=False, murmur="diastolic"), RATE), 150, 400) > 5 * band(silent, 150, 400)
    assert band(sound(Sound(), RATE), 200, 500) > 5 * band(silent, 200, 500)
    air = sound(Sound(place="air"), RATE)
    assert 20 * np.log10(np.std(air / 32768)) == pytest.approx(-70, abs=1)


@pytest.mark.parametrize("changes", [
    {"heart_rate": 5}, {"murmur": "loud"}, {"place": "table"}, {"tones": ((60.0, 0.7), (600.0, 0.7))},
    {"tones": ((-1.0, 0.1),)}])
def test_sounds_that_cannot_be_are_refused(changes: dict[str, object]) -> None:
    """A mistyped request of a training script is an error, not another patient."""
    with pytest.raises(ValueError, match=r"rate|murmur|place|tones"):
        Sound(**changes)  # type: ignore[arg-type]


@pytest.mark.parametrize("changes", [{"rhythm": "fast"}, {"heart_rate": "72"}, {"tones": 5}, {"tones": [60]}])
async def test_requests_of_another_shape_are_refused_and_change_nothing(changes: dict[str, object]) -> None:
    """As a script sends them over HTTP: a word where a number stands, a key there is not."""
    box = StethoscopeBox(rate_hz=RATE)
    with pytest.raises(ValueError, match="not a sound"):
        await box.hear(**changes)
    assert box.what == Sound()


def test_the_loop_closes_without_a_click() -> None:
    """A tone goes on over the seam."""
    once = sound(Sound(tones=((60, 0.5),)), RATE).astype(float)
    steps = np.abs(np.diff(np.concatenate([once, once])))
    assert steps[len(once) - 2:len(once) + 2].max() <= steps[:len(once) - 1].max() + 1
