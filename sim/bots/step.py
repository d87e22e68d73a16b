"""What a step of the walk-through expects, and how it fails."""

from __future__ import annotations


class StepFailed(Exception):
    """What a step expects did not happen."""


def expect(held: bool, words: str) -> None:
    """StepFailed with these words when it does not hold."""
    if not held:
        raise StepFailed(words)
