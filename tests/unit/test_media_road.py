"""The congestion controller on emulated links, in virtual time, beside the simple rule on the same links."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from bench.link import Direction
from bench.roadfigures import Figures
from bench.roadsenders import Ours, Simple
from bench.roadsim import LINKS, Call, Link, play
from gateway.media.congestion.budget import VoiceForm

TRACES = Path(__file__).parents[2] / ".." / "shared" / "data" / "links"


@cache
def ours(name: str) -> tuple[Figures, Direction]:
    return play(LINKS[name], Ours(), TRACES)


@cache
def simple(name: str) -> tuple[Figures, Direction]:
    return play(LINKS[name], Simple(), TRACES)


@pytest.mark.parametrize(("name", "share"), [("1M", 0.85), ("400k", 0.85), ("150k", 0.85), ("80k", 0.8),
                                             ("jitter", 0.85), ("rtt600", 0.75), ("loss5", 0.75)])
def test_the_link_is_used(name: str, share: float) -> None:
    """Of what the link carries, this share arrives over the whole call, its start included."""
    told, up = ours(name)
    assert told.octets * 8 / told.seconds / 1000 > share * up.rate_kbps


@pytest.mark.parametrize(("name", "milliseconds"), [("4M", 40), ("1M", 130), ("400k", 150), ("150k", 230),
                                                    ("80k", 290), ("loss5", 120), ("rtt600", 180), ("jitter", 140)])
def test_no_queue_builds_up(name: str, milliseconds: float) -> None:
    """95 % of the packets wait in the link's queue (of 300 ms) for less than this."""
    told, up = ours(name)
    assert up.report(told.seconds)["queue_ms_p95"] < milliseconds


def test_a_very_thin_path_asks_for_little_voice_in_few_packets() -> None:
    """And keeps its picture; a wide one leaves the voice as it came."""
    thin, wide = Ours(), Ours()
    told, _ = play(LINKS["80k"], thin, TRACES, 12.0)
    play(LINKS["1M"], wide, TRACES, 6.0)
    assert (thin.road.voice_kbps, thin.road.voice, thin.road.paused) == (16, VoiceForm.tripled, False)
    assert (wide.road.voice_kbps, wide.road.voice, wide.road.crowded) == (24, VoiceForm.plain, False)
    assert told.frames_per_second > 2


@pytest.mark.parametrize(("name", "frames", "milliseconds"), [
    ("4M", 22, 100), ("1M", 22, 200), ("400k", 20, 220), ("150k", 12, 350), ("80k", 5, 450), ("loss5", 20, 350),
    ("rtt600", 20, 600), ("jitter", 20, 250), ("steps", 18, 250)])
def test_pictures_come_steadily_and_soon(name: str, frames: float, milliseconds: float) -> None:
    """Pictures shown a second, and the 95th percentile of their age."""
    told, _ = ours(name)
    assert told.frames_per_second > frames
    assert told.latency(0.95) * 1000 < milliseconds


@pytest.mark.parametrize(("name", "percent"), [("4M", 0.2), ("1M", 0.5), ("400k", 0.5), ("150k", 2), ("80k", 4),
                                               ("rtt600", 1.5), ("jitter", 0.5)])
def test_sound_is_not_crowded_out(name: str, percent: float) -> None:
    """Packets of sound lost on links that lose none by themselves, the search for the rate at the start included."""
    told, _ = ours(name)
    assert 100 * told.voice_lost < percent


@pytest.mark.parametrize("name", ["out1", "out4", "out20", "out60"])
def test_the_picture_is_back_within_a_second_of_the_network(name: str) -> None:
    """And the rate within four more seconds."""
    told, _ = ours(name)
    (start, length), = LINKS[name].outages
    assert told.shown_after(start + length) < 1.0
    assert told.kbps(start + length + 3, start + length + 6) > 1200


def test_steps_are_followed_within_seconds() -> None:
    """From 2000 to 200 kbit/s: under 200 within a second; back over 1200 within five."""
    told, _ = ours("steps")
    assert told.kbps(21, 23) < 200
    assert told.kbps(25, 40) > 90
    assert told.kbps(45, 50) > 1200


def test_bursts_of_random_loss_are_not_taken_for_congestion() -> None:
    """5 % in bursts of three at 2 Mbit/s: the picture keeps most of the link."""
    told, _ = ours("loss5")
    assert told.kbps(10) > 1300


@pytest.mark.parametrize("loss", [10, 15])
def test_heavier_random_loss_leaves_a_usable_rate(loss: int) -> None:
    """What does not go when the rate falls was not ours."""
    told, _ = play(Link(f"rate=2000,delay=30,loss={loss}"), Ours(), None, 40)
    assert told.kbps(15) > 500


def test_a_queue_too_short_to_be_seen_still_sets_a_limit() -> None:
    """40 ms of queue: loss alone speaks of it, and most of it is avoided."""
    told, up = ours("shallow")
    assert told.octets * 8 / told.seconds / 1000 > 0.75 * up.rate_kbps
    assert up.dropped["queue"] < 0.25 * simple("shallow")[1].dropped["queue"]


def test_a_longer_path_is_not_a_queue() -> None:
    """When the delay grows by 200 ms for good, the rate comes back."""
    link = Direction.parse("up", "rate=1500,delay=30")
    told = ours("1M")[0]
    assert told.kbps(30) > 600
    moved = Ours()
    call = Call(moved, link, Direction.parse("down", "rate=8000,delay=20"), 60.0)
    call._at(20.0, lambda: setattr(link, "delay", 0.23))
    figures = call.run()
    assert figures.kbps(45) > 700


@pytest.mark.parametrize("name", ["4M", "1M", "400k", "150k", "loss5", "steps", "rtt600", "out4"])
def test_it_is_better_than_the_simple_rule(name: str) -> None:
    """On the same link: more pictures or as many, less frozen, no older."""
    mine, other = ours(name)[0], simple(name)[0]
    assert mine.frames_per_second > other.frames_per_second - 1
    assert mine.frozen <= other.frozen + 1
    assert mine.latency(0.95) <= max(0.15, other.latency(0.95))


@pytest.mark.parametrize("name", ["lte", "umts"])
@pytest.mark.skipif(not TRACES.is_dir(), reason="the traces of the shared folder are not here")
def test_driving_through_cells_keeps_pictures_young(name: str) -> None:
    """On recorded cellular links pictures are never old, and there are more than by the simple rule."""
    mine = ours(name)[0]
    assert mine.latency(0.95) < 0.5
    assert mine.frames_per_second > 6


def test_a_call_is_the_same_each_time() -> None:
    """Virtual time: the same seed gives the same figures."""
    first, again = play(LINKS["400k"], Ours(), None, 5.0)[0], play(LINKS["400k"], Ours(), None, 5.0)[0]
    assert first.shown == again.shown
