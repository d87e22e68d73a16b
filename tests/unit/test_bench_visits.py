"""The plan of `bench visits` and its reckoning: what is lost, doubled or misplaced is counted as such."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

from bench.visit_plan import LANES, TRAY, Trouble, Where, plan, told, value_of
from protocol.readings import Device, InstrumentKind, Quantity, Reading, ReadingKind

NOW = datetime(2026, 11, 22, tzinfo=UTC)


def temperature(reading_id: str, value: str) -> Reading:
    device = Device(device_id="t", kind=InstrumentKind.thermometer, simulated=True)
    return Reading(reading_id=reading_id, kind=ReadingKind.temperature, device=device, received_at=NOW,
                   quantities=(Quantity(loinc="8310-5", mdc=150364, unit="Cel", value=Decimal(value)),))


def test_no_value_of_a_run_is_like_another() -> None:
    """Every lane, 1,000 visits: a duplicate on the screen can only be a duplicate."""
    values = [told(LANES[number % len(LANES)], number)[1] for number in range(1000)]
    assert len(set(values)) == 1000


def test_the_same_seed_plays_the_same_visits() -> None:
    """And every trouble has its turn."""
    rounds = plan(200, 1, 3)
    assert rounds == plan(200, 1, 3)
    assert sum(len(each.visits) for each in rounds) == 200
    assert {each.trouble for each in rounds} == set(Trouble)
    assert sum(each.trouble is Trouble.adapter_deaf for each in rounds) == 3


def test_a_value_is_recognised_with_its_digits() -> None:
    """Two decimals as the instrument wrote them."""
    assert value_of(temperature("r", "35.10")) == told("thermometer", 51)[1]


def test_what_went_wrong_is_counted() -> None:
    """Never seen: lost. Two readings: doubled. Another file, or any for an old record: wrong. The tray is neither."""
    where = Where()
    where.owner = {("temperature", "35.00"): "a", ("temperature", "35.01"): "a", ("temperature", "35.02"): None,
                   ("temperature", "35.03"): "a", ("temperature", "35.04"): "a"}
    where.saw("a", temperature("1", "35.00"))
    where.saw(TRAY, temperature("1", "35.00"))
    where.saw("a", temperature("2", "35.01"))
    where.saw("a", temperature("3", "35.01"))
    where.saw("b", temperature("4", "35.02"))
    where.saw("b", temperature("5", "35.03"))
    assert where.lost() == [("temperature", "35.04")]
    assert where.doubled() == [("temperature", "35.01")]
    assert sorted(where.wrong()) == [(("temperature", "35.02"), "b"), (("temperature", "35.03"), "b")]
    assert where.was_in_tray("1")
    where.saw("a", temperature("6", "41.99"))
    assert where.strange
