"""Frames that belong together: a glucose record and its context, the two indications of a long body composition."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.peripherals.errors import DecodeError
from gateway.peripherals.meaning import Assembly, Whole
from gateway.peripherals.profiles import body_composition

GLUCOSE, CONTEXT, COMPOSITION, WEIGHT = 0x2A18, 0x2A34, 0x2A9C, 0x2A9D
STAMP = "ea070b150e1e00"

FIRST = bytes.fromhex(f"0614 c800 {STAMP} 02 b036")
"""Body fat 20.0 %, 2026-11-21 14:30, user 2, weight 70.000 kg; more follows."""

SECOND = bytes.fromhex(f"8612 c800 {STAMP} 02 1027 8813")
"""The same moment and user: soft lean mass 50.000 kg, impedance 500.0 ohm."""


def record(sequence: int, *, follows: bool = True) -> bytes:
    """104 mg/dL, capillary whole blood, finger."""
    return (bytes([0x12 if follows else 0x02]) + sequence.to_bytes(2, "little")
            + bytes.fromhex(STAMP) + bytes.fromhex("68b011"))


def context(sequence: int, meal: int) -> bytes:
    """Only the meal."""
    return b"\x02" + sequence.to_bytes(2, "little") + bytes([meal])


def test_a_record_waits_for_its_context() -> None:
    """Both frames, one measurement, the meal in it."""
    assembly = Assembly()
    assert assembly.feed(GLUCOSE, record(7)) == ()
    (whole,) = assembly.feed(CONTEXT, context(7, 3))
    assert (whole.measured.record, whole.frame) == (7, record(7) + context(7, 3))
    assert "meal_fasting" in whole.measured.context
    assert assembly.finish() == ()


def test_a_record_without_a_context_passes_at_once() -> None:
    """The flag says that nothing follows."""
    (whole,) = Assembly().feed(GLUCOSE, record(7, follows=False))
    assert whole.measured.record == 7


def test_a_context_that_never_comes_holds_nothing_back() -> None:
    """The next record, or the end, lets the waiting one go."""
    assembly = Assembly()
    assembly.feed(GLUCOSE, record(7))
    assert [whole.measured.record for whole in assembly.feed(GLUCOSE, record(8))] == [7]
    assert [whole.measured.record for whole in assembly.finish()] == [8]
    assert assembly.finish() == ()


def test_a_context_of_another_record_is_not_taken() -> None:
    """The sequence number joins them, not the order."""
    assembly = Assembly()
    assembly.feed(GLUCOSE, record(7))
    assert assembly.feed(CONTEXT, context(6, 3)) == ()
    (whole,) = assembly.finish()
    assert whole.measured.context == ("sample_capillary_whole_blood", "location_finger")


def test_ketone_is_refused_as_glucose_and_named() -> None:
    """Meal 6: the number in the glucose characteristic is ketone."""
    assembly = Assembly()
    assembly.feed(GLUCOSE, record(7))
    (whole,) = assembly.feed(CONTEXT, context(7, 6))
    assert whole.measured.refused == "glucose.ketone"
    assert {("measures", "ketone"), ("ketone_mmol_l", "10.4")} <= {*whole.measured.details}


def test_a_broken_frame_leaves_what_waits() -> None:
    """The error is that frame's; the record before it is still whole."""
    assembly = Assembly()
    assembly.feed(GLUCOSE, record(7))
    with pytest.raises(DecodeError):
        assembly.feed(CONTEXT, b"\x02")
    (whole,) = assembly.feed(CONTEXT, context(7, 1))
    assert "meal_preprandial" in whole.measured.context


def test_two_indications_are_one_body_composition() -> None:
    """Every quantity of both, once; not marked incomplete."""
    assembly = Assembly()
    assert assembly.feed(COMPOSITION, FIRST) == ()
    (whole,) = assembly.feed(COMPOSITION, SECOND)
    assert {q.mdc: str(q.value) for q in whole.measured.quantities} == {
        188748: "20.0", 188736: "70.000", 188760: "50.000", 188780: "500.0"}
    assert (whole.measured.user, whole.measured.flags, whole.frame) == (2, (), FIRST + SECOND)


def test_a_half_alone_says_that_it_is_one() -> None:
    """The scale hung up in between: what came is kept, flagged."""
    assembly = Assembly()
    assembly.feed(COMPOSITION, FIRST)
    (whole,) = assembly.finish()
    assert whole.measured.flags == ("incomplete",)


def test_halves_of_two_people_are_not_joined() -> None:
    """Another user: two measurements, both incomplete."""
    other = bytearray(SECOND)
    other[11] = 3
    assembly = Assembly()
    assembly.feed(COMPOSITION, FIRST)
    (first,) = assembly.feed(COMPOSITION, bytes(other))
    (second,) = assembly.finish()
    assert [found.measured.user for found in (first, second)] == [2, 3]
    assert body_composition.joined(body_composition.decode(FIRST), body_composition.decode(bytes(other))) is None


def test_everything_else_passes_through() -> None:
    """A weight needs nothing."""
    (whole,) = Assembly().feed(WEIGHT, bytes.fromhex("00b036"))
    assert whole.measured.quantities[0].value == Decimal("70.000")


@given(st.lists(st.tuples(st.sampled_from((GLUCOSE, CONTEXT)), st.integers(0, 3), st.booleans()), max_size=20))
def test_no_record_is_lost_or_doubled(steps: list[tuple[int, int, bool]]) -> None:
    """Records and contexts in any order: as many come out as went in, in their order."""
    assembly, found, sent = Assembly(), list[Whole](), []
    for characteristic, number, follows in steps:
        if characteristic == GLUCOSE:
            sent.append(number)
            found += assembly.feed(GLUCOSE, record(number, follows=follows))
        else:
            found += assembly.feed(CONTEXT, context(number, 2))
    found += assembly.finish()
    assert [whole.measured.record for whole in found] == sent
