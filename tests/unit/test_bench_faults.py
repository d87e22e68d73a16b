"""The kill table's pure parts: the order of the runs, the balance of the readings, the verdict."""

from __future__ import annotations

import random
from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal

from msgspec.structs import replace

from bench.faults import Outcome, Row, counter_at, report, turns
from bench.ledger import DIASTOLIC, SYSTOLIC, Balance, Ledger, Seen, distinct_pressure, pressure_of, total
from protocol.readings import Absent, Device, InstrumentKind, Quantity, Reading, ReadingKind


def reading(number: int, systolic: int, diastolic: int) -> Reading:
    return Reading(
        reading_id=f"r{number}", kind=ReadingKind.blood_pressure, received_at=datetime(2026, 1, 1, tzinfo=UTC),
        device=Device(device_id="cuff", kind=InstrumentKind.blood_pressure),
        quantities=(Quantity(loinc=SYSTOLIC, mdc=1, unit="mm[Hg]", value=Decimal(systolic)),
                    Quantity(loinc=DIASTOLIC, mdc=2, unit="mm[Hg]", value=Decimal(diastolic))))


ONE, TWO = reading(1, 120, 80), reading(2, 130, 85)
BOTH = Ledger([(120, 80), (130, 85)])


def seen(*kiosk: Reading, kiosk_ids: tuple[str, ...] | None = None, doctor_ids: tuple[str, ...] | None = None,
         doctor_count: int | None = None, tray: int = 0) -> Seen:
    ids = tuple(each.reading_id for each in kiosk)
    return Seen(kiosk, ids if kiosk_ids is None else kiosk_ids, ids if doctor_ids is None else doctor_ids,
                len(ids) if doctor_count is None else doctor_count, tray)


def test_what_both_pages_show_once_is_in_balance() -> None:
    """Nothing is lost or doubled when every pressure is in the state and in both documents."""
    assert BOTH.balance(seen(ONE, TWO)) == Balance(2, 0, 0, ())


def test_a_pressure_that_a_page_lacks_is_lost() -> None:
    """The vehicle's state, the kiosk's document and the doctor's page each count, and the words say which."""
    for given, where in ((seen(ONE), "in the vehicle's state"),
                         (seen(ONE, TWO, kiosk_ids=("r1",)), "on the kiosk's screen"),
                         (seen(ONE, TWO, doctor_ids=("r1",), doctor_count=1), "on the doctor's page")):
        balance = BOTH.balance(given)
        assert (balance.lost, balance.doubled) == (1, 0)
        assert balance.words == (f"130/85 is not {where}",)


def test_the_tray_is_said() -> None:
    """A reading that waits in the tray is not on the screens, and the words say where it is."""
    assert BOTH.balance(seen(ONE, tray=1)).words == ("130/85 is not in the vehicle's state", "1 wait in the tray")


def test_one_measurement_stored_twice_is_doubled() -> None:
    """The same pressure under two identifiers counts, on whatever page."""
    balance = BOTH.balance(seen(ONE, TWO, reading(3, 130, 85)))
    assert (balance.lost, balance.doubled) == (0, 1)


def test_one_reading_shown_twice_is_doubled() -> None:
    """A document that shows one identifier twice counts, at the kiosk and at the doctor's."""
    assert BOTH.balance(seen(ONE, TWO, kiosk_ids=("r1", "r2", "r2"))).doubled == 1
    assert BOTH.balance(seen(ONE, TWO, doctor_count=3)).doubled == 1


def test_readings_of_calls_before_do_not_count() -> None:
    """The doctor's page remembers readings of earlier encounters."""
    assert BOTH.balance(seen(ONE, TWO, doctor_ids=("old", "r1", "r2"), doctor_count=2)) == Balance(2, 0, 0, ())


def test_what_is_no_pressure_has_none() -> None:
    """An unreadable frame and a pressure without a number are nobody's measurement."""
    absent = Quantity(loinc=SYSTOLIC, mdc=1, unit="mm[Hg]", absent=Absent.not_a_number)
    assert pressure_of(replace(ONE, kind=ReadingKind.unreadable)) is None
    assert pressure_of(replace(ONE, quantities=(absent, ONE.quantities[1]))) is None
    assert pressure_of(ONE) == (120, 80)


def test_pressures_differ_and_are_plausible() -> None:
    """No two of 1,800 measurements are alike, and none is one that the gateway would call implausible."""
    made = [distinct_pressure(number) for number in range(1800)]
    assert len(set(made)) == 1800
    assert all(30 <= diastolic < systolic <= 300 for systolic, diastolic in made)


def test_every_line_is_played_as_often_as_asked_and_in_rounds() -> None:
    """Each round has each line once, each time with a number of its own, and a seed says the order."""
    order = turns(("a", "b", "c"), 4, seed=3)
    assert Counter(turn.kind for turn in order) == {"a": 4, "b": 4, "c": 4}
    for number in range(4):
        assert {(turn.kind, turn.number) for turn in order[3 * number:3 * number + 3]} == {
            ("a", number), ("b", number), ("c", number)}
    again = turns(("a", "b", "c"), 4, seed=3)
    assert [(turn.kind, turn.chance.random()) for turn in order] == [
        (turn.kind, turn.chance.random()) for turn in again]


def test_the_counter_is_the_camera_s() -> None:
    """The number drawn at a moment is the one of sim/camera.py's docstring, and wraps at 16 bits."""
    assert counter_at(1.0) == 25
    assert counter_at(65536 / 25 + 0.02) == 0


GOOD = Balance(3, 0, 0, ())


def outcome(*seconds: float | None, balance: Balance = GOOD) -> Outcome:
    return Outcome([Row("kiosk_reload", n, each, reason="" if each is not None else "no picture")
                    for n, each in enumerate(seconds)], [balance])


def test_a_table_of_quick_returns_reaches_its_aims() -> None:
    """Everybody is back within ten seconds, nothing is lost."""
    measured = report({}, outcome(1.0, 9.9), ["kiosk_reload"])
    assert measured.reached
    assert measured.results["table"]["kiosk_reload"]["time_to_return_s"]["max"] == 9.9


def test_one_late_return_misses_the_aim() -> None:
    """The worst run counts, not the usual one."""
    assert not report({}, outcome(*[1.0] * 19, 10.1), ["kiosk_reload"]).reached


def test_a_failed_run_is_counted_and_misses_the_aim() -> None:
    """A call that did not go on has no time, and is not left out."""
    measured = report({}, outcome(1.0, None), ["kiosk_reload"])
    assert not measured.reached
    assert measured.results["table"]["kiosk_reload"]["failed"] == 1
    assert measured.results["failures"][0]["reason"] == "no picture"


def test_a_lost_or_doubled_reading_misses_the_aim() -> None:
    """Quick returns do not make up for a reading."""
    for balance in (Balance(3, 1, 0, ("gone",)), Balance(3, 0, 1, ("twice",)), Balance(0, 0, 0, ())):
        assert not report({}, outcome(1.0, balance=balance), ["kiosk_reload"]).reached


def test_a_line_that_never_ran_misses_the_aim() -> None:
    """A table without runs proves nothing."""
    assert not report({}, outcome(1.0), ["kiosk_reload", "gateway_kill"]).reached


def test_balances_add_up() -> None:
    """The sum of several calls keeps the words."""
    assert total([Balance(3, 1, 0, ("a",)), Balance(2, 0, 1, ("b",))]) == Balance(5, 1, 1, ("a", "b"))


def test_random_is_per_turn() -> None:
    """A turn's moments do not depend on how much chance the turns before it used."""
    order = turns(("a", "b"), 1, seed=1)
    assert isinstance(order[0].chance, random.Random)
    assert order[0].chance is not order[1].chance
