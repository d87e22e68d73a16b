"""Who shares an encoder: pure, by the clock it is given."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.media.lanes import APART_SECONDS, TOGETHER_SECONDS, Lane, Sharing

NOBODY: frozenset[str] = frozenset()
THIN = frozenset({"thin"})


def after(sharing: Sharing[str], targets: dict[str, int], start: float, seconds: float) -> frozenset[str]:
    """Steps of 50 ms; who is apart at the end."""
    thin: frozenset[str] = frozenset()
    for i in range(round(seconds / 0.05) + 1):
        thin = sharing.step(targets, start + i * 0.05)
    return thin


def test_one_encoder_while_paths_are_alike() -> None:
    """Twice the rate is still one encoder, for as long as one likes."""
    assert after(Sharing(), {"good": 1000, "other": 500}, 0, 60) == NOBODY


def test_a_thin_path_goes_apart_after_three_seconds_and_not_before() -> None:
    """A stutter of two seconds is none; the good one keeps the first encoder."""
    sharing: Sharing[str] = Sharing()
    uneven = {"good": 1000, "thin": 200}
    assert after(sharing, uneven, 0, APART_SECONDS - 0.5) == NOBODY
    assert after(sharing, {"good": 1000, "thin": 900}, 2.6, 0.1) == NOBODY
    assert after(sharing, uneven, 3.0, APART_SECONDS - 0.5) == NOBODY
    assert after(sharing, uneven, 5.5, 1.0) == THIN


def test_they_come_together_again_when_the_paths_agree_for_long() -> None:
    """Between the two fences nothing moves; agreement must last; a return in vain is tried half as often."""
    sharing: Sharing[str] = Sharing()
    uneven, between, even = {"good": 1000, "thin": 200}, {"good": 1000, "thin": 550}, {"good": 1000, "thin": 900}
    assert after(sharing, uneven, 0, 4) == THIN
    assert after(sharing, between, 5, 60) == THIN
    assert after(sharing, even, 66, TOGETHER_SECONDS - 1) == THIN
    assert after(sharing, even, 73, 2) == NOBODY
    assert after(sharing, uneven, 76, 4) == THIN
    assert after(sharing, even, 81, TOGETHER_SECONDS + 1) == THIN
    assert after(sharing, even, 90, TOGETHER_SECONDS) == NOBODY


def test_who_keeps_others_waiting_goes_at_once() -> None:
    """And only when there are others; who has gone cannot go again."""
    sharing: Sharing[str] = Sharing()
    sharing.step({"thin": 800}, 0)
    assert not sharing.keeps_waiting("thin", 0)
    sharing.step({"good": 1000, "thin": 800}, 1)
    assert sharing.keeps_waiting("thin", 1)
    assert not sharing.keeps_waiting("thin", 1)
    assert sharing.step({"good": 1000, "thin": 800}, 1.05) == THIN
    assert after(sharing, {"good": 1000, "thin": 800}, 1.1, TOGETHER_SECONDS + 0.1) == NOBODY


def test_who_remains_alone_has_the_first_encoder() -> None:
    """The good one leaves: one encoder again, at once."""
    sharing: Sharing[str] = Sharing()
    assert after(sharing, {"good": 1000, "thin": 200}, 0, 4) == THIN
    assert sharing.step({"thin": 200}, 4.1) == NOBODY


@given(st.lists(st.dictionaries(st.sampled_from("abcd"), st.integers(0, 3_000_000)), max_size=200))
def test_somebody_always_keeps_the_first_encoder_and_moves_are_rare(steps: list[dict[str, int]]) -> None:
    """Whatever the paths do: never everybody apart; nobody turns more often than each three seconds."""
    sharing: Sharing[str] = Sharing()
    turned: dict[str, float] = {}
    before: frozenset[str] = frozenset()
    for i, targets in enumerate(steps):
        thin = sharing.step(targets, i * 0.25)
        assert thin <= set(targets)
        assert not targets or thin != set(targets)
        for key in thin - before:
            assert i * 0.25 - turned.get(key, float("-inf")) >= APART_SECONDS
            turned[key] = i * 0.25
        before = thin


def test_lanes_are_three() -> None:
    """Two of H.264 at most, whatever the number of receivers."""
    assert [lane for lane in Lane if lane is not Lane.vp8] == [Lane.main, Lane.small]
