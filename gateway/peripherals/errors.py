"""What can go wrong with an instrument: its bytes, or itself."""

from __future__ import annotations


class PeripheralError(Exception):
    """Root of this package; `code` is stable and has its words in the web client."""

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(f"{code}: {detail}" if detail else code)
        self.code = code
        self.detail = detail


class DecodeError(PeripheralError):
    """The device sent bytes that its specification does not allow."""


class InstrumentFailed(PeripheralError):
    """The instrument can't do what was asked now: it is away, silent, or refused."""


class UnknownInstrument(PeripheralError):
    """No instrument of that identifier, or it can't do that kind of thing: the caller's mistake."""
