"""Small whole pictures into a silence."""

from __future__ import annotations

from bench.link import Direction, Trace
from bench.roadsenders import Ours
from bench.roadsim import Call
from gateway.media.congestion.beats import DENSE_SECONDS, EACH_SECONDS, FROM_BITS, LAST_SECONDS, OCTETS, Beats
from gateway.media.rate import KEYFRAME_SECONDS, KEYFRAME_SOON_SECONDS, KeyframeGate

HOLES = ((15.0, 15.9), (16.0, 16.9))
STAMPS = [at for at in range(0, 20_000, 8) if not any(a <= at / 1000 < b for a, b in HOLES)]
"""Of a cell of 1.5 Mbit/s (Mahimahi: ms) that lets something through for a tenth of a second between two holes."""


def due(beats: Beats, until: float, rate: float = 1_000_000) -> list[float]:
    return [step / 100 for step in range(int(until * 100)) if beats.step(True, rate, step / 100)]


def test_they_come_often_at_first_and_end() -> None:
    """A beat at once and each quarter of a second, rarer after two seconds, none after the last second."""
    times = due(Beats(), LAST_SECONDS + 5)
    dense = [at for at in times if at < DENSE_SECONDS]
    assert times[0] == 0
    assert len(dense) == DENSE_SECONDS / EACH_SECONDS
    assert len(times) < 2 * LAST_SECONDS
    assert times[-1] < LAST_SECONDS


def test_a_thin_path_gets_none() -> None:
    """Where one takes longer than a hole lasts, nothing but heartbeats goes."""
    assert due(Beats(), 3.0, FROM_BITS - 1) == []


def test_one_leaves_at_once_but_no_more_than_that() -> None:
    """Its octets may leave whatever the window says; nothing more, and nothing later."""
    beats = Beats()
    assert not beats.may_send(0.0)
    beats.step(True, 1_000_000, 0.0)
    assert beats.may_send(0.1)
    assert not beats.may_send(EACH_SECONDS)
    beats.sent(OCTETS)
    assert not beats.may_send(0.1)


def test_a_picture_is_seen_between_two_holes() -> None:
    """What a cell lets through for a tenth of a second shows a picture taken in the silence before."""
    up = Direction("up", trace=Trace(STAMPS), delay=0.03)
    told = Call(Ours(), up, Direction("down", rate_kbps=4000, delay=0.03), 18.0).run()
    seen = [at - age for at, age in told.shown if 15.9 <= at < 16.1]
    assert seen
    assert all(15.4 < taken < 16.0 for taken in seen)


def test_a_keyframe_for_a_silence_waits_less() -> None:
    """The gate lets one through soon after another only where it was asked for so; an ordinary request still waits."""
    gate = KeyframeGate()
    gate.made(0.0)
    gate.want()
    assert not gate.due(KEYFRAME_SOON_SECONDS)
    gate.want(soon=True)
    assert gate.due(KEYFRAME_SOON_SECONDS)
    gate.want()
    assert not gate.due(2 * KEYFRAME_SOON_SECONDS)
    assert gate.due(KEYFRAME_SOON_SECONDS + KEYFRAME_SECONDS + 0.01)
