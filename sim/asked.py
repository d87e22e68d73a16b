"""What somebody asks of the simulated hardware: the fields of a request, checked."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any

Body = dict[str, Any]
Button = Callable[[Body], Body]
"""Something on an instrument that a person presses, turns or does; gives back what it shows."""


class Refused(Exception):
    """The hardware can't do that now, or the request makes no sense; the text says why."""


def whole(body: Body, name: str, low: int = -2045, high: int = 2045) -> int | None:
    """A whole number, or None when it is not there. ValueError."""
    value = body.get(name)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise ValueError(f"{name} is a whole number between {low} and {high}")
    return value


def number(body: Body, name: str, default: float, low: float, high: float) -> float:
    """Any number. ValueError."""
    value = body.get(name, default)
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            value = None
    if not isinstance(value, int | float) or isinstance(value, bool) or not low <= value <= high:
        raise ValueError(f"{name} is a number between {low} and {high}")
    return float(value)


def exact(body: Body, name: str, low: str = "-2000", high: str = "2000") -> Decimal | None:
    """A number with its digits, best written as a string; None when it is not there. ValueError."""
    value = body.get(name)
    if value is None:
        return None
    try:
        found = Decimal(str(value))
    except InvalidOperation as error:
        raise ValueError(f"{name} is a number") from error
    if not found.is_finite() or not Decimal(low) <= found <= Decimal(high):
        raise ValueError(f"{name} is a number between {low} and {high}")
    return found


def choice(body: Body, name: str, options: dict[str, int], default: str) -> int:
    """The code behind one of `options`. ValueError."""
    value = body.get(name, default)
    if value not in options:
        raise ValueError(f"{name} is one of {', '.join(options)}")
    return options[value]


def octets(body: Body, name: str, default: str) -> bytes:
    """Bytes in hexadecimal. Refused."""
    try:
        return bytes.fromhex(str(body.get(name, default)))
    except ValueError as error:
        raise Refused(f"{name} is not hexadecimal") from error
