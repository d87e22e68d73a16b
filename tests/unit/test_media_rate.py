"""Rate rule, ladder of sizes and keyframe gate: pure, by the clock they are given."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.media.rate import (
    CLIMB_BACK_SECONDS,
    CLIMB_SECONDS,
    CLIMB_SECONDS_MAX,
    KEYFRAME_SECONDS,
    LADDER,
    UNUSED,
    KeyframeGate,
    Ladder,
    Pacer,
    RateController,
    beat,
)

FLOOR, START, CEILING = 60_000, 500_000, 2_400_000


def controller() -> RateController:
    return RateController(FLOOR, START, CEILING)


class Receiver:
    """A receiver that reports each second: 100 packets more, some of them lost."""

    def __init__(self, rate: RateController) -> None:
        self.rate = rate
        self.now, self.highest, self.lost = 0.0, 65_000, 0
        rate.report(self.highest, self.lost, 0.0, self.now)

    def second(self, sent: float, lost: int = 0) -> None:
        self.now += 1
        self.highest += 100
        self.lost += lost
        self.rate.report(self.highest, self.lost, sent, self.now)


def test_a_clean_link_that_is_used_grows_to_the_ceiling() -> None:
    """No loss and a used rate: quickly to three times the start, then by 8 % a second, never over the ceiling."""
    rate = controller()
    receiver = Receiver(rate)
    receiver.second(START)
    assert rate.target == round(START * 1.3)
    for _ in range(4):
        receiver.second(rate.target)
    before = rate.target
    assert before > 3 * START
    receiver.second(rate.target)
    assert rate.target == min(round(before * 1.08), CEILING)
    for _ in range(60):
        receiver.second(rate.target, lost=1)
    assert rate.target == CEILING


def test_reports_between_the_seconds_do_not_hasten_it() -> None:
    """With requests, reports come each 20 ms (measured with Chromium); growth goes by the clock."""
    rate = controller()
    for i in range(45):
        rate.report(1000 + i, 0, START, i * 0.02)
    assert rate.target == START


def test_a_still_picture_does_not_grow_for_ever() -> None:
    """The rate stands at most at UNUSED times what is sent, or at the start rate."""
    rate, small = controller(), controller()
    for one, sent in ((rate, 250_000), (small, 10_000)):
        receiver = Receiver(one)
        for _ in range(60):
            receiver.second(sent)
    assert rate.target == round(UNUSED * 250_000)
    assert small.target == START


def test_heavy_loss_gives_way_in_proportion() -> None:
    """20 % lost: a tenth less; between 2 and 10 % nothing moves."""
    rate = controller()
    receiver = Receiver(rate)
    receiver.second(START, lost=5)
    assert rate.target == START
    receiver.second(START, lost=20)
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


def test_a_fall_with_loss_is_never_a_stutter() -> None:
    """Heavy loss: 8 % a second from there, no quick return."""
    rate = controller()
    receiver = Receiver(rate)
    receiver.second(START, lost=50)
    low = rate.target
    receiver.second(START)
    assert rate.target == pytest.approx(low * 1.08, rel=0.001)


def test_large_pictures_are_spread_over_time() -> None:
    """Four packets leave at once, the rest at twice the rate; a pause does not save up for a larger burst."""
    pacer = Pacer()
    sent = 0

    def drain(now: float) -> None:
        nonlocal sent
        while pacer.may_send(200_000, now):
            pacer.sent(1200)
            sent += 1200

    drain(0.0)
    assert sent == 4800
    for tick in range(1, 101):
        drain(tick * 0.005)
    assert sent == pytest.approx(4800 + 0.5 * 2 * 200_000 / 8, abs=1200)
    sent = 0
    drain(60.0)
    assert sent <= 6000


def test_one_fall_is_forgiven_quickly_and_two_are_not() -> None:
    """After a stutter the rate is back within seven seconds; a second fall soon after makes it patient."""
    rate = controller()
    receiver = Receiver(rate)
    rate.remb(600_000, START, 0.0)
    rate.remb(120_000, START, 0.5)
    for _ in range(7):
        receiver.second(START)
    assert rate.target > 0.9 * START
    rate.remb(100_000, START, receiver.now)
    for _ in range(6):
        receiver.second(START)
    assert rate.target == pytest.approx(100_000 * 1.08**6, rel=0.01)


def test_a_full_link_is_approached_slowly_the_second_time() -> None:
    """From four fifths of where the link was full, 2 % a second."""
    rate = controller()
    receiver = Receiver(rate)
    rate.remb(600_000, START, 0.0)
    rate.remb(120_000, START, 0.5)
    for _ in range(4):
        receiver.second(START)
    full = rate.target
    rate.remb(100_000, START, receiver.now)
    before = 0
    while rate.target < full:
        before = rate.target
        receiver.second(START)
    assert rate.target / before == pytest.approx(1.02, rel=0.001)


@given(st.lists(st.one_of(
    st.tuples(st.just("remb"), st.integers(0, 10**9), st.floats(0, 1e8)),
    st.tuples(st.just("report"), st.integers(-(2**23), 2**23), st.floats(0, 1e8)))))
def test_the_target_stays_between_floor_and_ceiling(feedback: list[tuple[str, int, float]]) -> None:
    """No feedback, however hostile, leads out of the configured range."""
    rate = controller()
    for i, (kind, value, sent) in enumerate(feedback):
        if kind == "remb":
            rate.remb(value, sent, float(i))
        else:
            rate.report(i * 10 - value, value, sent, float(i))
        assert FLOOR <= rate.target <= CEILING


@pytest.mark.parametrize(("kbps", "quarters", "pictures"),
                         [(60, 2, 14), (94, 2, 14), (150, 3, 15), (300, 4, 25), (2000, 4, 25)])
def test_thin_links_get_fewer_then_smaller_pictures(kbps: int, quarters: int, pictures: int) -> None:
    """The rung that fits a rate."""
    rung = Ladder(kbps * 1000).rung
    assert (rung.quarters, rung.frames_per_second) == (quarters, pictures)


def test_the_ladder_falls_at_once_and_climbs_slowly() -> None:
    """Down in one step; up after the rate held for CLIMB_SECONDS with room to spare."""
    ladder = Ladder(500_000)
    assert ladder.step(60_000, 0.0) is LADDER[0]
    assert ladder.step(130_000, 1.0) is LADDER[0]
    assert ladder.step(130_000, 1.0 + CLIMB_SECONDS) is LADDER[1]
    assert ladder.step(2_000_000, 6.0) is LADDER[1]
    assert ladder.step(110_000, 7.0) is LADDER[1]
    assert ladder.step(2_000_000, 8.0) is LADDER[1]
    assert ladder.step(2_000_000, 8.0 + CLIMB_SECONDS) is LADDER[2]


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


def test_an_outage_makes_no_climb_wrong() -> None:
    """After one the next climb waits less than the first."""
    ladder = Ladder(60_000)
    now = 0.0
    for _ in range(4):
        while ladder.step(1_000_000, now) is LADDER[0]:
            now += 0.25
        ladder.forgive()
        assert ladder.step(60_000, now + 1) is LADDER[0]
        now += 1.25
    start = now
    while ladder.step(1_000_000, now) is LADDER[0]:
        now += 0.25
    assert now - start == pytest.approx(CLIMB_BACK_SECONDS, abs=0.5)


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


def test_as_many_pictures_as_the_rate_feeds() -> None:
    """Within a rung's size, from three to twenty-five, at once and without another size."""
    ladder = Ladder(70_000)
    told = [beat(ladder.rung, kbps * 1000) for kbps in (6, 20, 60, 90, 300)]
    assert [rung.frames_per_second for rung in told] == [3, 5, 16, 25, 25]
    assert {(rung.quarters, rung.ceiling_kbps) for rung in told} == {(ladder.rung.quarters, ladder.rung.ceiling_kbps)}
