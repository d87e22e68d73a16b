"""A one-slot mailbox between two threads: the newest value wins, an older one is forgotten."""

from __future__ import annotations

import threading
from typing import Generic, TypeVar

T = TypeVar("T")


class Mailbox(Generic[T]):
    """One slot. A slow reader misses values and never lags behind: it lowers the rate, it adds no delay."""

    def __init__(self) -> None:
        self._filled = threading.Condition()
        self._value: T | None = None

    def put(self, value: T) -> None:
        """Replace what is in the slot."""
        with self._filled:
            self._value = value
            self._filled.notify()

    def take(self, seconds: float) -> T | None:
        """Empty the slot; None when nothing came in `seconds`."""
        with self._filled:
            if self._value is None:
                self._filled.wait(seconds)
            value, self._value = self._value, None
            return value
