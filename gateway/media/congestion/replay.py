"""The log of decisions, and the controller run again from it: the same lines must come out, byte for byte. Pure.

First line: the limits. Then one line per step: what was sent since, the feedback if any, the decision.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from typing import Any

from .controller import Controller
from .decision import Decision, Limits

BESIDE = -1
"""In the place of a train's number: nobody acknowledges this packet."""


class BadLog(ValueError):
    """A line that is none of ours."""


class Recorder:
    """A controller whose inputs and decisions are written down; `write` None: nothing is."""

    def __init__(self, limits: Limits, write: Callable[[str], None] | None = None) -> None:
        self.controller = Controller(limits)
        self._write = write
        self._sent: list[tuple[int, float, int]] = []
        if write is not None:
            write(_line({"limits": [limits.floor, limits.start, limits.ceiling]}))

    def sent(self, size: int, now: float, probe: int = 0) -> int:
        """As `Controller.sent`."""
        if self._write is not None:
            self._sent.append((size, now, probe))
        return self.controller.sent(size, now, probe)

    def beside(self, size: int, now: float) -> None:
        """As `Controller.beside`."""
        if self._write is not None:
            self._sent.append((size, now, BESIDE))
        self.controller.beside(size, now)

    def step(self, now: float, fci: bytes | None = None) -> Decision:
        """Feedback, or a tick without."""
        decision = self.controller.tick(now) if fci is None else self.controller.feedback(fci, now)
        if self._write is not None:
            self._write(_line({"at": now, "sent": self._sent, "feedback": None if fci is None else fci.hex(),
                               "decision": asdict(decision)}))
            self._sent = []
        return decision


def replay(lines: Iterable[str]) -> Iterator[str]:
    """The log as this version of the controller would have written it; BadLog names the line that is none."""
    written: list[str] = []
    recorder: Recorder | None = None
    for number, text in enumerate(lines, 1):
        try:
            entry = json.loads(text)
            if recorder is None:
                recorder = Recorder(Limits(*entry["limits"]), written.append)
            else:
                for size, at, probe in entry["sent"]:
                    if probe == BESIDE:
                        recorder.beside(size, at)
                    else:
                        recorder.sent(size, at, probe)
                recorder.step(entry["at"], None if entry["feedback"] is None else bytes.fromhex(entry["feedback"]))
        except (ValueError, KeyError, TypeError) as error:
            raise BadLog(f"line {number}: {type(error).__name__}") from error
        yield written.pop()


def _line(entry: dict[str, Any]) -> str:
    return json.dumps(entry, separators=(",", ":"))
