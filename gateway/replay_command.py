"""`passerelle-gateway replay`: a call's log of decisions through this release's controller, in words and figures."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from .exits import ExitCode, StartRefused
from .media.congestion.replay import BadLog, replay

DIFFERENCES_MAX = 20
"""Once it decides otherwise everything after it may differ; the first ones say why."""


def run(file: Path, *, every: bool) -> Iterator[str]:
    """Lines to print; the generator returns nothing more when all was decided as then. `every` decision, else one a
    second and each change of the reason. Raises StartRefused, with code 1 when this release decides otherwise."""
    try:
        with file.open(encoding="utf-8", errors="replace") as text:
            yield from _compared(file, _whole(text), every)
    except OSError as error:
        raise StartRefused(ExitCode.configuration, f"{file}: can't be read ({error.strerror}).") from error
    except BadLog as error:
        raise StartRefused(ExitCode.configuration,
                           f"{file}: no log of decisions, or of another release ({error}).") from error


class Differs(StartRefused):
    """This release decides otherwise."""

    def __init__(self, sentence: str) -> None:
        super().__init__(ExitCode.differs, sentence)


def _whole(lines: Iterable[str]) -> Iterator[str]:
    """Without a last line that was cut with the power."""
    for line in lines:
        if line.endswith("\n"):
            yield line.rstrip("\n")


def _compared(file: Path, lines: Iterable[str], every: bool) -> Iterator[str]:
    then, source = itertools.tee(lines)
    first: float | None = None
    said: tuple[int, str] | None = None
    number = differences = 0
    for number, (line, again) in enumerate(zip(then, replay(source), strict=True), 1):
        entry = json.loads(line)
        decision = entry.get("decision")
        if decision is None:
            continue
        first = entry["at"] if first is None else first
        since = entry["at"] - first
        if line != again:
            differences += 1
            if differences <= DIFFERENCES_MAX:
                yield f"line {number}, {since:.3f} s: {_difference(decision, json.loads(again)['decision'])}"
        if every or said != (int(since), decision["why"]):
            said = (int(since), decision["why"])
            yield _line(since, decision, len(entry["sent"]), entry["feedback"] is not None)
    if number == 0:
        raise BadLog("it is empty")
    if differences:
        raise Differs(f"{file}: {differences} of {number - 1} decisions are others in this release.")
    yield f"{number - 1} decisions, each as it was."


def _line(since: float, decision: dict[str, Any], packets: int, heard: bool) -> str:
    train = decision["probe"]
    return (f"{since:9.3f} s  {decision['why']:8} "
            f"rate {decision['rate'] // 1000:5} target {decision['target'] // 1000:5} "
            f"arrives {decision['arrives'] // 1000:5} kbit/s  queue {1000 * decision['queue']:4.0f} ms  "
            f"round trip {1000 * decision['round_trip']:4.0f} ms  loss {100 * decision['loss']:4.1f} %  "
            f"in flight {decision['in_flight']:6} of {decision['window']:6}  {packets:3} packets"
            f"{'  report' if heard else ''}{'  train' if train is not None else ''}"
            f"{'  OUTAGE' if decision['blind'] else ''}")


def _difference(then: dict[str, Any], now: dict[str, Any]) -> str:
    found = [f"{name} was {then[name]}, is {now[name]}" for name in then if name in now and then[name] != now[name]]
    found += [f"{name} is new" for name in now if name not in then] + [
        f"{name} is gone" for name in then if name not in now]
    return ", ".join(found) or "written otherwise"
