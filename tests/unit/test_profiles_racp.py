"""The record access control point: what is asked, what the answers mean, and that nothing is ever deleted."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.peripherals.errors import DecodeError
from gateway.peripherals.profiles import racp
from gateway.peripherals.profiles.racp import Operation, Procedure, State

DELETE = 2


def test_the_requests_are_those_of_the_service() -> None:
    """Glucose Service 1.0.1, 3.4: op code, operator, filter type, sequence number."""
    requests = (racp.report(), racp.report(258), racp.last(), racp.count(), racp.abort())
    assert [request.hex() for request in requests] == ["0101", "0103010201", "0106", "0401", "0300"]


@given(st.none() | st.integers(0, 0xFFFF))
def test_no_request_deletes(since: int | None) -> None:
    """Op code 2 is in no request, whatever is asked."""
    assert DELETE not in {operation.value for operation in Operation}
    procedure = Procedure(since)
    assert all(request[0] != DELETE for request in (procedure.request, racp.last(), racp.count(), racp.abort()))


@pytest.mark.parametrize("since", [-1, 0x10000])
def test_a_number_that_is_none_is_the_callers_mistake(since: int) -> None:
    """Sixteen bits."""
    with pytest.raises(ValueError, match="0 to 65535"):
        racp.report(since)


@pytest.mark.parametrize(("answer", "state", "code"), [
    ("06000101", State.complete, None), ("06000106", State.empty, None),
    ("06000104", State.failed, "racp.operator_not_supported"),
    ("06000108", State.failed, "racp.procedure_not_completed"),
    ("0600010a", State.failed, "racp.reserved"), ("06000301", State.stopped, None), ("06000307", State.running, None),
    ("06000401", State.running, None), ("05000700", State.running, None)])
def test_an_answer_ends_the_procedure_it_belongs_to(answer: str, state: State, code: str | None) -> None:
    """Complete, nothing there (normal), stopped, failed with its reason; the answer to a count ends nothing."""
    procedure = Procedure()
    assert (procedure.indication(bytes.fromhex(answer), 1.0), procedure.code) == (state, code)


def test_silence_ends_it_and_records_keep_it_alive() -> None:
    """Thirty seconds from the last thing heard."""
    procedure = Procedure(now=0.0)
    procedure.record(20.0)
    assert procedure.tick(49.9) is State.running
    assert (procedure.tick(50.0), procedure.code) == (State.failed, "racp.timeout")
    assert procedure.indication(bytes.fromhex("06000101"), 51.0) is State.failed


def test_a_meter_that_does_not_filter_is_asked_for_everything() -> None:
    """Operator or operand not supported: all records; what we hold already is known by its key."""
    procedure = Procedure(since=8)
    procedure.indication(bytes.fromhex("06000104"), 1.0)
    assert procedure.fallback == racp.report()
    assert Procedure().fallback is None
    complete = Procedure(since=8)
    complete.indication(bytes.fromhex("06000101"), 1.0)
    assert complete.fallback is None


def test_hostile_bytes_leave_it_running() -> None:
    """Bytes that are no response are refused and change nothing."""
    procedure = Procedure()
    with pytest.raises(DecodeError):
        procedure.indication(b"\x06", 1.0)
    assert procedure.state is State.running
