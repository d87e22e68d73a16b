"""One series of power cuts, in a mount namespace of its own (see `bench.powercut`)."""

from __future__ import annotations

import contextlib
import json
import os
import random
import shlex
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from bench.powercut_check import Acknowledged, Verdict, check
from bench.powercut_disk import CutDisk
from bench.report import spread

FIRST_SECONDS = 60.0
"""A life's first acknowledgement: Python, the database, and on a loaded machine its neighbours."""

KILL_SHARE = 0.1
"""Lives that end with -9 on a disk that stays up: the other way to die."""


class Series(msgspec.Struct, frozen=True, kw_only=True):
    """What to do. `home` is an empty folder that the caller removes."""

    home: str
    cuts: int
    synchronous: str
    program: str
    working: float
    seed: int | None = None


@dataclass(slots=True)
class Tally:
    """What came out of one series."""

    cuts: int = 0
    kills: int = 0
    bad: list[dict[str, Any]] = field(default_factory=list)
    items: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    alive: list[float] = field(default_factory=list)


def run(series: Series) -> dict[str, Any]:
    """Figures that fit into JSON. Raises RuntimeError or OSError when the rig fails, not when rows are lost."""
    chance = random.Random(series.seed)
    said, tally = Acknowledged(), Tally()
    lost_items = 0
    started = time.monotonic()
    with CutDisk(Path(series.home)) as disk:
        data = disk.folder / "data"
        for life in range(series.cuts):
            began = time.monotonic()
            before = said.total()
            _live(disk, data, life, said, tally, series, chance.uniform(0.0, series.working),
                  killed=chance.random() < KILL_SHARE)
            verdict = check(data, said)
            tally.items.append(said.total() - before)
            tally.seconds.append(time.monotonic() - began)
            if not verdict.good:
                lost_items += sum(verdict.lost.values())
                tally.bad.append(_row(life, verdict))
                if verdict.integrity != "ok" or series.synchronous == "FULL":
                    break
                # The next life of a control starts from what is really there.
                said = Acknowledged()
    return {
        "synchronous": series.synchronous, "lives": len(tally.seconds), "cuts": tally.cuts, "kills": tally.kills,
        "bad": len(tally.bad), "lost_items": lost_items, "first_bad": tally.bad[:5],
        "acknowledged": said.counts(), "acknowledged_a_life": spread(tally.items, 0),
        "working_seconds_a_life": spread(tally.alive, 2), "seconds_a_life": spread(tally.seconds, 2),
        "seconds": round(time.monotonic() - started, 1)}


def _row(life: int, verdict: Verdict) -> dict[str, Any]:
    return {"life": life, "lost": {kind: n for kind, n in verdict.lost.items() if n}, "integrity": verdict.integrity,
            "damaged": verdict.damaged, "holes": verdict.holes}


def _live(disk: CutDisk, data: Path, life: int, said: Acknowledged, tally: Tally, series: Series, working: float, *,
          killed: bool) -> None:
    command = [*shlex.split(series.program), "--directory", str(data), "--life", str(life),
               "--synchronous", series.synchronous]
    # A session of its own, so that everything the program started ends with it.
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
                               env={**os.environ, "TMPDIR": str(disk.scratch)})
    first = threading.Event()
    reader = threading.Thread(target=_read, args=(process, said, first), daemon=True)
    errors: list[bytes] = []
    drain = threading.Thread(target=_complaints, args=(process, errors), daemon=True)
    reader.start()
    drain.start()
    try:
        if not first.wait(FIRST_SECONDS):
            os.killpg(process.pid, signal.SIGKILL)
            drain.join(5)
            raise RuntimeError(f"life {life} acknowledged nothing: {b''.join(errors).decode(errors='replace')}")
        began = time.monotonic()
        time.sleep(working)
        tally.alive.append(time.monotonic() - began)
        if killed:
            tally.kills += 1
        else:
            tally.cuts += 1
            # A processor without power acknowledges nothing. Without the stop, an fsync that is under way
            # while the journal aborts may return 0 (seen: an acknowledgement 0.7 ms after the cut).
            os.killpg(process.pid, signal.SIGSTOP)
            disk.cut()
    finally:
        _kill(process)
    reader.join(10)
    drain.join(10)
    disk.remount()


def _kill(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(30)


def _read(process: subprocess.Popen[bytes], said: Acknowledged, first: threading.Event) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        said.take(line)
        first.set()


def _complaints(process: subprocess.Popen[bytes], errors: list[bytes]) -> None:
    """Keep the end of what the program complains of, for the message when a life never begins."""
    assert process.stderr is not None
    for line in process.stderr:
        errors[:] = [*errors[-20:], line]


if __name__ == "__main__":
    print(json.dumps(run(msgspec.json.decode(sys.argv[1], type=Series))))
