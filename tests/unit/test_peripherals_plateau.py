"""When a running value is a result."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from gateway.peripherals.plateau import AGAIN_S, GAP_S, STABLE_S, Plateau

SATURATION, PULSE = 150456, 149530


def values(saturation: int, pulse: int = 70) -> dict[int, Decimal]:
    return {SATURATION: Decimal(saturation), PULSE: Decimal(pulse)}


def stored(saturations: list[int | None], every_s: float = 1.0) -> list[int]:
    """Seconds at which a result was given; None is a frame without a valid value."""
    plateau: Plateau[int] = Plateau()
    found = []
    for second, saturation in enumerate(saturations):
        if saturation is None:
            plateau.interrupted()
        elif (frame := plateau.told(values(saturation), second, second * every_s)) is not None:
            found.append(frame)
    return found


def test_eight_level_seconds_make_a_result() -> None:
    """And the frame that completes them is the one stored."""
    assert stored([97] * 8) == []
    assert stored([97] * 9) == [8]


def test_within_its_accuracy_it_is_level_and_beyond_it_is_not() -> None:
    """Two percent either way; ten beats of the pulse."""
    assert stored([97, 96, 95, 96, 97, 95, 96, 97, 95]) == [8]
    assert stored([97, 94] * 20) == []
    plateau: Plateau[int] = Plateau()
    assert [plateau.told(values(97, 60 + 11 * (n % 2)), n, float(n)) for n in range(30)] == [None] * 30


def test_while_it_stays_on_one_result_in_half_a_minute() -> None:
    """A trend, not a flood."""
    assert stored([97] * 100) == [8, 8 + int(AGAIN_S), 8 + 2 * int(AGAIN_S), 8 + 3 * int(AGAIN_S)]


def test_a_bad_frame_or_silence_begins_anew() -> None:
    """Eight seconds are eight seconds of valid values."""
    assert stored([97] * 7 + [None] + [97] * 8) == []
    plateau: Plateau[int] = Plateau()
    for second in range(8):
        plateau.told(values(97), second, float(second))
    assert plateau.told(values(97), 99, 7.0 + GAP_S + 1) is None


def test_at_the_end_the_last_level_frame_is_stored_when_it_is_news() -> None:
    """Taken off soon after a result: that was it. Later: one more. Never level: nothing. And only once."""
    plateau: Plateau[int] = Plateau()
    for second in range(12):
        plateau.told(values(97), second, float(second))
    assert plateau.ended(12.0) is None
    for second in range(100, 125):
        plateau.told(values(97), second, float(second))
    plateau.told(values(60), 125, 125.0)
    assert plateau.ended(126.0) == 124
    assert plateau.ended(126.0) is None
    for second in range(200, 205):
        plateau.told(values(97), second, float(second))
    assert plateau.ended(205.0) is None


def test_what_was_level_minutes_ago_is_not_of_now() -> None:
    """A pulse that never settled again leaves no result at the end: the old one would be stamped with now."""
    plateau: Plateau[int] = Plateau()
    for second in range(26):
        plateau.told(values(97), second, float(second))
    for second in range(26, 340):
        plateau.told({SATURATION: Decimal(97), PULSE: Decimal(70 + second % 2 * 40)}, second, float(second))
    assert plateau.ended(341.0) is None


def test_a_value_that_comes_and_goes_is_no_plateau() -> None:
    """A pulse that is missing in some frames was not there for eight seconds."""
    plateau: Plateau[int] = Plateau()
    for second in range(30):
        told = values(97) if second % 3 else {SATURATION: Decimal(97)}
        got = plateau.told(told, second, float(second))
        assert got is None or PULSE not in told
    assert plateau.told({}, 99, 31.0) is None


@given(st.lists(st.one_of(st.none(), st.integers(80, 100)), max_size=80))
def test_every_result_ends_eight_seconds_of_level_values(saturations: list[int | None]) -> None:
    """Whatever came before: no None among them, none further apart than two."""
    for at in stored(saturations):
        window = saturations[at - int(STABLE_S):at + 1]
        assert None not in window
        assert max(s for s in window if s is not None) - min(s for s in window if s is not None) <= 2
