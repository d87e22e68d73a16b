"""Record Access Control Point 0x2A52: asking a device for the records in its memory (Glucose Service 1.0.1, 3.4).

Requests are bytes; `Procedure` follows one from its request to its end. Nothing here deletes a record: a gateway that
serves many patients never empties somebody's meter.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from ..errors import DecodeError
from .fields import Fields

TIMEOUT_S = 30.0
"""A procedure that has said nothing for this long failed (Glucose Profile 1.0.1, 4.4.1: ATT transaction time-out)."""


class Operation(enum.IntEnum):
    """Op Code. `delete_stored_records` (2) exists in the specification and is not offered."""

    report_stored_records = 1
    abort = 3
    report_number = 4
    number_response = 5
    response = 6


class Operator(enum.IntEnum):
    """Which records."""

    null = 0
    all_records = 1
    greater_or_equal = 3
    last_record = 6


class Result(enum.IntEnum):
    """Response Code Value."""

    success = 1
    op_code_not_supported = 2
    invalid_operator = 3
    operator_not_supported = 4
    invalid_operand = 5
    no_records_found = 6
    abort_unsuccessful = 7
    procedure_not_completed = 8
    operand_not_supported = 9


SEQUENCE_NUMBER = 1
"""Filter type of the operand."""

_RESULTS = {result.value: result for result in Result}
_NUMBER_SIZES = (1, 2, 4)
"""The service decides how wide the number of records is; for glucose two bytes."""


def report(since: int | None = None) -> bytes:
    """Ask for all records, or for those numbered `since` and above (0 to 65535; one more than the last one held)."""
    if since is None:
        return bytes((Operation.report_stored_records, Operator.all_records))
    return bytes((Operation.report_stored_records, Operator.greater_or_equal, SEQUENCE_NUMBER)) + _number(since)


def last() -> bytes:
    """Ask for the newest record."""
    return bytes((Operation.report_stored_records, Operator.last_record))


def count() -> bytes:
    """Ask how many records there are."""
    return bytes((Operation.report_number, Operator.all_records))


def abort() -> bytes:
    """Stop what runs."""
    return bytes((Operation.abort, Operator.null))


@dataclass(frozen=True, slots=True)
class Response:
    """What the device indicated: `number` of records, or the `result` of the request `of`. A result that the
    specification reserves is kept as its number."""

    number: int | None = None
    of: int | None = None
    result: Result | int | None = None


def decode(data: bytes) -> Response:
    """Read an indication. DecodeError: `racp.short`, `racp.long`, `racp.invalid` for what is no response."""
    fields = Fields("racp", data)
    operation, operator = fields.unsigned(), fields.unsigned()
    if operation not in (Operation.number_response, Operation.response) or operator != Operator.null:
        raise DecodeError("racp.invalid", f"op code {operation}, operator {operator}")
    if operation == Operation.number_response:
        size = fields.left
        if size not in _NUMBER_SIZES:
            raise DecodeError("racp.short" if size < max(_NUMBER_SIZES) else "racp.long", f"{len(data)} bytes")
        response = Response(number=fields.unsigned(size))
    else:
        of, result = fields.unsigned(), fields.unsigned()
        response = Response(of=of, result=_RESULTS.get(result, result))
    fields.end()
    return response


REQUESTS = {1: "report_stored_records", 2: "delete_stored_records", 3: "abort", 4: "report_number"}
_OPERATORS = {0: "null", 1: "all_records", 2: "less_or_equal", 3: "greater_or_equal", 4: "range", 5: "first_record",
              6: "last_record"}
_OPERANDS = {"less_or_equal": 1, "greater_or_equal": 1, "range": 2}
"""How many values an operator compares with."""
_FILTERS = {1: ("sequence_number", 2), 2: ("user_facing_time", 7)}
"""Name and bytes of one value, by filter type. Makers have others (Omron: 4), of two bytes where they were seen."""


@dataclass(frozen=True, slots=True)
class Request:
    """What a collector wrote, in a log. `operand` is hexadecimal, with its filter's name; both empty without one."""

    name: str
    operator: str
    filter: str = ""
    operand: tuple[str, ...] = ()


def is_request(data: bytes) -> bool:
    """Whether these bytes were written to the device, not indicated by it."""
    return data[:1] != b"" and data[0] in REQUESTS


def request(data: bytes) -> Request:
    """Read a request. DecodeError: `racp.short`, `racp.long`, `racp.invalid` for an operator that is reserved or does
    not fit the op code."""
    fields = Fields("racp", data)
    operation, operator = REQUESTS.get(fields.unsigned(), ""), _OPERATORS.get(fields.unsigned(), "")
    if not operation or not operator or (operation == "abort") != (operator == "null"):
        raise DecodeError("racp.invalid", data[:2].hex())
    count = _OPERANDS.get(operator, 0)
    if not count:
        fields.end()
        return Request(operation, operator)
    kind = fields.unsigned()
    name, size = _FILTERS.get(kind, (f"filter_{kind}", 2))
    operand = tuple(fields.take(size)[::-1 if kind == SEQUENCE_NUMBER else 1].hex() for _ in range(count))
    fields.end()
    return Request(operation, operator, name, operand)


class State(enum.Enum):
    """Where a procedure stands. `stopped` is an abort that the device confirmed."""

    running = "running"
    complete = "complete"
    empty = "empty"
    stopped = "stopped"
    failed = "failed"


class Procedure:
    """One drain of a device's memory: what to write, what came back, when it is over."""

    def __init__(self, since: int | None = None, now: float = 0.0) -> None:
        self.request = report(since)
        self.state = State.running
        self.code: str | None = None
        """Why it failed: `racp.<result>`, `racp.timeout`."""
        self._since, self._heard = since, now

    def record(self, now: float) -> None:
        """A record came."""
        self._heard = now

    def indication(self, data: bytes, now: float) -> State:
        """The device's answer. Bytes that are none leave the procedure running: DecodeError."""
        response = decode(data)
        self._heard = now
        if self.state is State.running and response.of in (Operation.report_stored_records, Operation.abort):
            self._end(response)
        return self.state

    def tick(self, now: float) -> State:
        """Time passes: fails after `TIMEOUT_S` of silence."""
        if self.state is State.running and now - self._heard >= TIMEOUT_S:
            self.state, self.code = State.failed, "racp.timeout"
        return self.state

    @property
    def fallback(self) -> bytes | None:
        """What to ask instead: all records, when the device does not understand "from this number on"."""
        understood = self.code not in ("racp.operator_not_supported", "racp.operand_not_supported",
                                       "racp.invalid_operator", "racp.invalid_operand")
        return None if understood or self._since is None else report()

    def _end(self, response: Response) -> None:
        if response.of == Operation.abort:
            self.state = State.stopped if response.result == Result.success else self.state
        elif response.result == Result.success:
            self.state = State.complete
        elif response.result == Result.no_records_found:
            self.state = State.empty
        else:
            self.state = State.failed
            self.code = f"racp.{response.result.name if isinstance(response.result, Result) else 'reserved'}"


def _number(sequence: int) -> bytes:
    if not 0 <= sequence <= 0xFFFF:
        raise ValueError(f"a sequence number is 0 to 65535, not {sequence}")
    return sequence.to_bytes(2, "little")
