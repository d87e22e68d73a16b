"""Rate rule, ladder of sizes and keyframe gate: pure, by the clock they are given."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.media.rate import (
    CLIMB_SECONDS,
    CLIMB_SECONDS_MAX,
    KEYFRAME_SECONDS,
    LADDER,
    UNUSED,
    KeyframeGate,
    Ladder,
    RateController,
)

FLOOR, START, CEILING = 60_000, 500_000, 2_000_000


def controller() -> RateController:
    return RateController(FLOOR, START, CEILING)


def test_a_clean_link_that_is_used_grows_to_the_ceiling() -> None:
    """No loss and a used rate: up by 8 % a report, never over the ceiling."""
    rate = controller()
    rate.report(0.0, START, 0.0)
    assert rate.target == round(START * 1.08)
    for _ in range(60):
        rate.report(0.01, rate.target, 0.0)
    assert rate.target == CEILING


def test_a_still_picture_does_not_grow_for_ever() -> None:
    """The rate stands at most at UNUSED times what is sent, or at the start rate."""
    rate = controller()
    for _ in range(60):
        rate.report(0.0, 250_000, 0.0)
    assert rate.target == round(UNUSED * 250_000)
    small = controller()
    for _ in range(60):
        small.report(0.0, 10_000, 0.0)
    assert small.target == START


def test_heavy_loss_gives_way_in_proportion() -> None:
    """20 % lost: a tenth less; between 2 and 10 % nothing moves."""
    rate = controller()
    rate.report(0.05, START, 0.0)
    assert rate.target == START
    rate.report(0.2, START, 0.0)
    assert rate.target == round(START * 0.9)


def test_a_falling_estimate_under_what_is_sent_binds() -> None:
    """Overuse seen by the receiver: its estimate is taken over at once."""
    rate = controller()
    rate.remb(600_000, START, 0.0)
    rate.remb(300_000, START, 0.0)
    assert rate.target == 300_000


def test_a_low_estimate_of_a_still_picture_does_not_bind() -> None:
    """An estimate just under what is sent, then rising, is the receiver's lag (measured with Chromium)."""
    rate = controller()
    for remb, sent in ((198_000, 209_000), (201_000, 230_000), (205_000, 400_000)):
        rate.remb(remb, sent, 0.0)
    assert rate.target == START


def test_a_first_estimate_far_under_what_is_sent_binds() -> None:
    """A call that starts on a thin link does not wait for a second estimate."""
    rate = controller()
    rate.remb(127_000, 450_000, 0.0)
    assert rate.target == 127_000


def test_one_fall_is_forgiven_quickly_and_two_are_not() -> None:
    """After a stutter the rate is back within seven reports; a second fall soon after makes it patient."""
    rate = controller()
    rate.remb(600_000, START, 0.0)
    rate.remb(120_000, START, 1.0)
    for second in range(2, 8):
        rate.report(0.0, START, float(second))
    assert rate.target > 0.9 * START
    rate.remb(100_000, START, 9.0)
    for second in range(10, 16):
        rate.report(0.0, START, float(second))
    assert rate.target == pytest.approx(100_000 * 1.08**6, rel=0.01)


@given(st.lists(st.one_of(
    st.tuples(st.just("remb"), st.integers(0, 10**9), st.floats(0, 1e8)),
    st.tuples(st.just("report"), st.floats(0, 1), st.floats(0, 1e8)))))
def test_the_target_stays_between_floor_and_ceiling(feedback: list[tuple[str, float, float]]) -> None:
    """No feedback, however hostile, leads out of the configured range."""
    rate = controller()
    for kind, value, sent in feedback:
        if kind == "remb":
            rate.remb(int(value), sent, 0.0)
        else:
            rate.report(value, sent, 0.0)
        assert FLOOR <= rate.target <= CEILING


@pytest.mark.parametrize(("kbps", "quarters", "pictures"),
                         [(60, 2, 8), (150, 2, 15), (300, 3, 15), (500, 4, 25), (2000, 4, 25)])
def test_thin_links_get_fewer_then_smaller_pictures(kbps: int, quarters: int, pictures: int) -> None:
    """The rung that fits a rate."""
    rung = Ladder(kbps * 1000).rung
    assert (rung.quarters, rung.frames_per_second) == (quarters, pictures)


def test_the_ladder_falls_at_once_and_climbs_slowly() -> None:
    """Down in one step; up after the rate held for CLIMB_SECONDS with room to spare."""
    ladder = Ladder(500_000)
    assert ladder.step(60_000, 0.0) is LADDER[0]
    assert ladder.step(230_000, 1.0) is LADDER[0]
    assert ladder.step(230_000, 1.0 + CLIMB_SECONDS) is LADDER[1]
    assert ladder.step(2_000_000, 6.0) is LADDER[1]
    assert ladder.step(150_000, 7.0) is LADDER[1]
    assert ladder.step(2_000_000, 8.0) is LADDER[1]
    assert ladder.step(2_000_000, 8.0 + CLIMB_SECONDS) is LADDER[3]


def test_climbs_taken_back_make_it_patient() -> None:
    """Each climb that had to be taken back doubles the wait, up to a minute."""
    ladder = Ladder(60_000)
    now, waits = 0.0, []
    for _ in range(8):
        start = now
        ladder.step(1_000_000, now)
        while ladder.rung is LADDER[0]:
            now += 0.25
            ladder.step(1_000_000, now)
        waits.append(now - start)
        now += 0.25
        ladder.step(60_000, now)
    assert waits == sorted(waits)
    assert waits[0] == pytest.approx(CLIMB_SECONDS, abs=0.5)
    assert waits[-1] == pytest.approx(CLIMB_SECONDS_MAX, abs=0.5)


def test_keyframe_requests_merge_and_none_is_forgotten() -> None:
    """Two requests within half a second are one keyframe, a third one comes when it is due."""
    gate = KeyframeGate()
    assert not gate.due(0.0)
    gate.want()
    gate.want()
    assert gate.due(0.0)
    assert not gate.due(0.1)
    gate.want()
    assert not gate.due(KEYFRAME_SECONDS - 0.01)
    assert gate.due(KEYFRAME_SECONDS)
