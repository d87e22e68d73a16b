"""Draining a memory through its access point: what is asked, and when it is over."""

from __future__ import annotations

import pytest

from gateway.peripherals.drain import Drain
from gateway.peripherals.errors import DecodeError

ALL, LAST = bytes.fromhex("0101"), bytes.fromhex("0106")
DONE, NONE = bytes.fromhex("06000101"), bytes.fromhex("06000106")


def test_an_unknown_memory_is_fetched_whole() -> None:
    """Report all, until the device says that it is done."""
    drain = Drain(None, 0.0)
    assert drain.request == ALL
    drain.record(1, 1.0)
    assert not drain.over
    assert drain.answered(DONE, 2.0) is None
    assert (drain.over, drain.whole, drain.code) == (True, True, None)


def test_an_empty_memory_is_no_failure() -> None:
    """06 00 01 06 is the everyday answer."""
    drain = Drain(None, 0.0)
    assert drain.answered(NONE, 1.0) is None
    assert (drain.over, drain.whole) == (True, True)


def test_a_known_memory_is_asked_from_the_next_number_on() -> None:
    """Last plus one, little-endian."""
    drain = Drain(0x0102, 0.0)
    assert drain.request == bytes.fromhex("0103010301")
    drain.record(0x0103, 1.0)
    assert drain.answered(DONE, 1.0) is None
    assert drain.whole


def test_nothing_newer_is_believed_when_the_newest_is_the_one_we_have() -> None:
    """One more question, one more record."""
    drain = Drain(7, 0.0)
    assert drain.answered(NONE, 1.0) == LAST
    drain.record(7, 1.5)
    assert drain.answered(DONE, 2.0) is None
    assert drain.whole


def test_a_memory_that_counts_anew_is_fetched_whole() -> None:
    """Its newest record has a lower number than the last one we had."""
    drain = Drain(500, 0.0)
    assert drain.answered(NONE, 1.0) == LAST
    drain.record(3, 1.5)
    assert drain.answered(DONE, 2.0) == ALL
    for number in (1, 2, 3):
        drain.record(number, 3.0)
    assert drain.answered(DONE, 4.0) is None
    assert drain.whole


def test_a_memory_that_was_emptied_has_nothing_to_give() -> None:
    """Neither newer nor newest."""
    drain = Drain(500, 0.0)
    assert drain.answered(NONE, 1.0) == LAST
    assert drain.answered(NONE, 2.0) is None
    assert drain.whole


@pytest.mark.parametrize("refusal", ["06000104", "06000109", "06000103", "06000105"])
def test_a_meter_that_knows_no_numbers_gives_everything(refusal: str) -> None:
    """Operator or operand not supported: ask for all."""
    drain = Drain(7, 0.0)
    assert drain.answered(bytes.fromhex(refusal), 1.0) == ALL
    assert not drain.over


def test_the_highest_number_has_no_next_one() -> None:
    """65535 is followed by 0: everything is asked for."""
    assert Drain(0xFFFF, 0.0).request == ALL


def test_what_was_not_completed_is_not_whole() -> None:
    """Procedure not completed; the last number is not remembered then."""
    drain = Drain(None, 0.0)
    assert drain.answered(bytes.fromhex("06000108"), 1.0) is None
    assert (drain.over, drain.whole, drain.code) == (True, False, "racp.procedure_not_completed")


def test_silence_ends_it_and_each_record_gives_it_time() -> None:
    """Thirty seconds without a word."""
    drain = Drain(None, 0.0)
    drain.record(1, 25.0)
    drain.tick(50.0)
    assert not drain.over
    drain.tick(55.0)
    assert (drain.over, drain.whole, drain.code) == (True, False, "racp.timeout")


def test_bytes_that_are_no_answer_change_nothing() -> None:
    """A coded error, and the drain goes on."""
    drain = Drain(None, 0.0)
    with pytest.raises(DecodeError, match=r"racp\."):
        drain.answered(b"\x02\x01", 1.0)
    assert not drain.over
