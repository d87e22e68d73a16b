"""The Record Access Control Point 0x2A52 of an instrument with a numbered memory (GLS 1.0 3.5, PLXS 1.0 3.5).

Bytes in, what to do out; pure. Filter type 1 (sequence number) is known, 2 (user-facing time) is refused.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, Protocol, TypeVar


class Op(enum.IntEnum):
    """Op Codes."""

    report = 1
    delete = 2
    abort = 3
    count = 4
    count_response = 5
    response = 6


class Operator(enum.IntEnum):
    """Operators."""

    null = 0
    every = 1
    at_most = 2
    at_least = 3
    within = 4
    first = 5
    last = 6


class Result(enum.IntEnum):
    """Response Code Values."""

    success = 1
    op_unsupported = 2
    invalid_operator = 3
    operator_unsupported = 4
    invalid_operand = 5
    no_records = 6
    abort_failed = 7
    not_completed = 8
    operand_unsupported = 9


SEQUENCE: Final = 1
_OPERANDS: Final = {Operator.at_most: 1, Operator.at_least: 1, Operator.within: 2}


class Numbered(Protocol):
    """A record with its number."""

    @property
    def sequence(self) -> int: ...


_Record = TypeVar("_Record", bound=Numbered)


@dataclass(frozen=True, slots=True)
class Request:
    """A request that makes sense: do `op` with the records that `wanted` says yes to."""

    op: Op
    operator: Operator
    wanted: Callable[[int], bool]


def response(op: int, result: Result) -> bytes:
    """`06 00 op result`."""
    return bytes([Op.response, Operator.null, op, result])


def count_response(count: int) -> bytes:
    """`05 00 count`."""
    return bytes([Op.count_response, Operator.null]) + count.to_bytes(2, "little")


def parse(data: bytes) -> Request | bytes:
    """The request, or the answer that refuses it."""
    if not data or data[0] not in (Op.report, Op.delete, Op.abort, Op.count):
        return response(data[0] if data else 0, Result.op_unsupported)
    op = Op(data[0])
    if op is Op.abort:
        wrong = len(data) != 2 or data[1] != Operator.null
        return response(op, Result.invalid_operator) if wrong else Request(op, Operator.null, lambda _: False)
    if len(data) < 2 or data[1] == Operator.null:
        return response(op, Result.invalid_operator)
    if data[1] > Operator.last:
        return response(op, Result.operator_unsupported)
    operator, operands = Operator(data[1]), data[2:]
    count = _OPERANDS.get(operator, 0)
    if count and operands and operands[0] != SEQUENCE:
        return response(op, Result.operand_unsupported)
    if len(operands) != (1 + 2 * count if count else 0):
        return response(op, Result.invalid_operand)
    numbers = [int.from_bytes(operands[i:i + 2], "little") for i in range(1, len(operands), 2)]
    if operator is Operator.at_most:
        return Request(op, operator, lambda n: n <= numbers[0])
    if operator is Operator.at_least:
        return Request(op, operator, lambda n: n >= numbers[0])
    if operator is Operator.within:
        if numbers[0] > numbers[1]:
            return response(op, Result.invalid_operand)
        return Request(op, operator, lambda n: numbers[0] <= n <= numbers[1])
    return Request(op, operator, lambda _: True)


def chosen(request: Request, records: Iterable[_Record]) -> list[_Record]:
    """The records it is about, oldest first."""
    found = [record for record in records if request.wanted(record.sequence)]
    if request.operator is Operator.first:
        return found[:1]
    return found[-1:] if request.operator is Operator.last else found
