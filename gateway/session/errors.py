"""Why the session says no."""

from __future__ import annotations


class SessionError(Exception):
    """Root of this package. `code` is stable, `facts` are for the sentence on the screen."""

    def __init__(self, code: str, **facts: str) -> None:
        super().__init__(code)
        self.code = code
        self.facts = facts


class Refused(SessionError):
    """What was asked does not fit now, or does not fit at all; nothing changed."""


class BindingRefused(SessionError):
    """The other end's signed statement does not hold (I5): no media, no data."""
