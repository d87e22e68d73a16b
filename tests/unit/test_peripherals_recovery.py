"""The ladder of a doubted adapter: `now` and signs in, one step out."""

from __future__ import annotations

import math
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from gateway.peripherals.drivers.recovery import LADDERS, Doubt, Limits, Recovery, Sign, Step

LIMITS = Limits()
DISRUPTIVE = (Step.power, Step.service)


def replay(recovery: Recovery, until: float, signs: list[tuple[float, Sign]] = [],  # noqa: B006  read only
           cure: Step | None = None, start: float = 0.0) -> list[tuple[float, Step]]:
    """What is done and when, in a world where `cure` makes an adapter hear again a second later."""
    taken: list[tuple[float, Step]] = []
    waiting = sorted(signs, key=lambda sign: sign[0])
    now = start
    while now <= until:
        while waiting and waiting[0][0] <= now:
            recovery.note(*waiting.pop(0))
        if (step := recovery.step(now)) is not None:
            taken.append((now, step))
            recovery.note(now, Sign.deafened)
            recovery.done(now, True)
            recovery.note(now, Sign.listening)
            if step is cure:
                waiting.insert(0, (now + 1, Sign.heard))
        now += 0.5
    return taken


def listening(now: float = 0.0) -> Recovery:
    recovery = Recovery(now)
    recovery.note(now, Sign.listening)
    return recovery


def test_a_deaf_adapter_is_mended_by_whichever_rung_within_120_s() -> None:
    """Least harm first, and even the last rung comes in time."""
    for cure, expected in ((Step.record, [Step.record]), (Step.power, [Step.record, Step.power]),
                           (Step.service, [Step.record, Step.power, Step.service])):
        recovery = listening()
        taken = replay(recovery, 300.0, cure=cure)
        assert [step for when, step in taken if when < 150] == expected
        assert taken[0][0] == LIMITS.silence_s
        assert taken[len(expected) - 1][0] + 1 <= 110
        assert recovery.facts.count == len(taken)


def test_steps_that_hang_leave_the_last_one_its_time() -> None:
    """Two calls of six seconds in vain: the next rung does not wait for an effect that can't come."""
    recovery = listening()
    now = 90.0
    for expected in (Step.record, Step.power):
        assert recovery.step(now) is expected
        now += 6.0
        recovery.done(now, False)
    assert recovery.step(now) is Step.service
    assert now + 12 <= 120


def test_an_empty_square_wears_no_adapter_out() -> None:
    """A night of twelve hours without a sound: rests grow to half an hour, some thirty ladders, never two in a row."""
    taken = replay(listening(), 12 * 3600.0)
    restarts = [when for when, step in taken if step is Step.service]
    assert 20 <= len(restarts) <= 32
    rests = [later - earlier for earlier, later in pairwise(restarts)]
    assert rests == sorted(rests)
    assert rests[0] >= LIMITS.rests_s[0]
    assert rests[-1] >= LIMITS.rests_s[-1]


def test_a_person_who_waits_shortens_the_rest_to_the_cool_down() -> None:
    """In the morning a nurse opens the wizard: the ladder begins anew, not before the cool-down."""
    recovery = listening()
    last = replay(recovery, 12 * 3600.0)[-1][0]
    now = last + 100.0
    assert recovery.due(now) > now + 60
    recovery.note(now, Sign.expected)
    assert recovery.step(now) is Step.record


def test_what_is_heard_keeps_every_step_away() -> None:
    """An advertisement a minute for a day: nothing is done."""
    assert replay(listening(), 86400.0, [(float(t), Sign.heard) for t in range(60, 86400, 60)]) == []


def test_silence_counts_only_while_listening() -> None:
    """An adapter that was away for an hour is not deaf in the moment it comes back."""
    recovery = listening()
    recovery.note(10.0, Sign.missing)
    recovery.note(3610.0, Sign.listening)
    assert recovery.due(3610.0) == 3610.0 + LIMITS.silence_s - 10.0


def test_a_standing_connection_holds_the_ladder() -> None:
    """An ECG belt streams for an hour while nobody advertises; the silence begins when it ends."""
    recovery = listening()
    recovery.note(5.0, Sign.linked)
    assert recovery.due(3600.0) == math.inf
    recovery.note(3600.0, Sign.parted)
    assert recovery.due(3600.0) == 3600.0 + LIMITS.silence_s


def test_refusals_climb_one_rung_each_time_they_repeat() -> None:
    """Out of reach looks like this too: without further refusals nothing further is done."""
    recovery = listening()
    climbed = []
    now = 0.0
    for _ in range(7):
        now += 20.0
        recovery.note(now, Sign.heard)
        recovery.note(now, Sign.refused)
        if step := recovery.step(now):
            recovery.done(now, True)
            climbed.append(step)
    assert climbed == [Step.record, Step.power, Step.service]
    assert replay(recovery, now + 80, start=now) == []


def test_in_progress_is_cleaned_up_at_once() -> None:
    """BlueZ says that it still holds an older connection: one such answer is enough for the first rung."""
    recovery = listening()
    recovery.note(1.0, Sign.stuck)
    assert recovery.step(1.0) is Step.record


def test_a_connection_forgives_refusals_and_so_does_time() -> None:
    """The rung that was reached is left by success, and by five quiet minutes."""
    for cure, later in ((Sign.linked, 2.0), (Sign.heard, 2.0 + LIMITS.forgiven_s)):
        recovery = listening()
        recovery.note(1.0, Sign.stuck)
        recovery.step(1.0)
        recovery.done(1.0, True)
        assert recovery.note(later, cure) is Doubt.refusing
        assert recovery.facts.doubt is None


def test_a_service_that_hangs_is_not_asked_for_its_records() -> None:
    """Power first, which it will not answer either, then a new service: seconds, not minutes."""
    recovery = listening()
    recovery.note(1.0, Sign.hung)
    assert recovery.step(1.0) is Step.power
    recovery.done(7.0, False)
    assert recovery.step(7.0) is Step.service
    recovery.done(9.0, True)
    assert recovery.note(9.5, Sign.listening) is Doubt.hung
    assert recovery.facts.doubt is None


def test_after_a_cure_the_ladder_cools_down() -> None:
    """An adapter that hangs again at once is not shaken again for a minute."""
    recovery = listening()
    recovery.note(0.0, Sign.hung)
    assert recovery.step(0.0) is Step.power
    recovery.done(1.0, True)
    recovery.note(2.0, Sign.listening)
    recovery.note(3.0, Sign.hung)
    assert recovery.due(3.0) == 1.0 + LIMITS.rests_s[0]


def test_a_pulled_plug_is_given_time_and_then_only_a_new_service() -> None:
    """Nothing to power; a crashed bluetoothd is what can be mended."""
    recovery = listening()
    recovery.note(10.0, Sign.missing)
    assert recovery.step(10.0 + LIMITS.absent_s - 1) is None
    assert recovery.step(10.0 + LIMITS.absent_s) is Step.service
    recovery.done(45.0, True)
    assert recovery.due(45.0) == 45.0 + LIMITS.rests_s[0]
    assert recovery.note(50.0, Sign.listening) is Doubt.missing


def test_an_adapter_without_power_gets_power_at_once() -> None:
    """Someone switched it off, or it came up so."""
    recovery = Recovery(0.0)
    recovery.note(0.0, Sign.off)
    assert recovery.step(0.0) is Step.power


def test_a_graver_doubt_goes_on_where_the_lighter_one_was() -> None:
    """Silent, records cleaned in vain, now it hangs: on to power, not back to the first rung."""
    recovery = listening()
    assert recovery.step(90.0) is Step.record
    recovery.done(90.0, True)
    recovery.note(91.0, Sign.hung)
    assert recovery.step(98.0) is Step.power


@given(st.lists(st.tuples(st.floats(0.1, 40.0), st.sampled_from(Sign)), max_size=120))
def test_whatever_is_noticed_no_two_ladders_follow_each_other_closely(pauses: list[tuple[float, Sign]]) -> None:
    """Any signs in any order: no step without `done`, every step of its doubt's ladder, services 60 s apart."""
    recovery = Recovery(0.0)
    now, services = 0.0, []
    for pause, sign in pauses:
        now += pause
        recovery.note(now, sign)
        if (step := recovery.step(now)) is None:
            continue
        assert recovery.step(now) is None
        doubt = recovery.facts.doubt
        assert doubt is not None
        assert step in LADDERS[doubt]
        recovery.done(now, True)
        if step is Step.service:
            services.append(now)
    assert all(later - earlier >= LIMITS.rests_s[0] for earlier, later in pairwise(services))
