"""`./run bench powercut`: the gateway loses its power, again and again; what it acknowledged must be there.

Each life starts on what the one before left, works until a random instant, and loses its disk's power (now and
then it is killed with -9 first). The control runs the same with `synchronous=NORMAL`, which must lose
something, else the cuts prove nothing.
"""

from __future__ import annotations

import argparse
import contextlib
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

from bench.powercut_check import Acknowledged, Verdict, check
from bench.powercut_disk import CutDisk, missing
from bench.report import Measured, spread

SUMMARY = "100 power cuts of the process with the vehicle's memory; everything acknowledged must be there (root)"

PROGRAM = f"{shlex.quote(sys.executable)} -m bench.powercut_driver"

FIRST_SECONDS = 60.0
"""A life's first acknowledgement: Python, the database, and on a loaded machine its neighbours."""

GATEWAY = f"{shlex.quote(sys.executable)} -m bench.powercut_gateway"
GATEWAY_WORKING_SECONDS = 5.0
"""A cuff's visit and a still take about a second each."""

WORKING_SECONDS = 0.7
"""At most that long between the first acknowledgement and the cut: some dozens of commits."""

KILL_SHARE = 0.1
"""Lives that end with -9 on a disk that stays up: the other way to die."""


@dataclass(slots=True)
class Tally:
    """What came out of one series."""

    cuts: int = 0
    kills: int = 0
    bad: list[dict[str, Any]] = field(default_factory=list)
    items: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    alive: list[float] = field(default_factory=list)


def arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the benchmark."""
    parser.add_argument("--cuts", type=int, default=100, help="lives with synchronous=FULL (default 100)")
    parser.add_argument("--control", type=int, default=10, help="lives with synchronous=NORMAL (default 10)")
    parser.add_argument("--program", default=PROGRAM, help="the program to run, see bench.powercut_driver")
    parser.add_argument("--gateway", action="store_true",
                        help="the whole `passerelle-gateway run` with simulated hardware, at its kiosk (12 s a life)")
    parser.add_argument("--working", type=float, default=None,
                        help=f"seconds a life works at most before its cut (default {WORKING_SECONDS}, "
                             f"with --gateway {GATEWAY_WORKING_SECONDS})")
    parser.add_argument("--seed", type=int, default=None, help="of the random instants")


def run(options: argparse.Namespace) -> Measured:
    """The benchmark. Without root it says so and reaches nothing."""
    reason = missing()
    program = GATEWAY if options.gateway else options.program
    working = options.working or (GATEWAY_WORKING_SECONDS if options.gateway else WORKING_SECONDS)
    words = {PROGRAM: "gateway.store and gateway.session, fed as fast as they commit",
             GATEWAY: "passerelle-gateway run: simulated cuff, ECG and skin camera, a nurse at the kiosk's socket"}
    rig = {"disk": "ext4 on a loop device, EXT4_IOC_SHUTDOWN without log flush, unmount, mount",
           "program": words.get(program, program), "working_seconds_at_most": working}
    if reason is not None:
        return Measured({**rig, "skipped": reason}, {}, {reason: False})
    full = power_cuts(options.cuts, program=program, working=working, seed=options.seed)
    control = power_cuts(options.control, synchronous="NORMAL", program=program, working=working, seed=options.seed)
    return Measured(rig, {"full": full, "control_normal": control}, {
        "everything acknowledged is there, integrity ok": full["bad"] == 0 and full["lives"] == options.cuts,
        "with synchronous=NORMAL the same test fails": options.control == 0 or control["lost_items"] > 0})


def power_cuts(cuts: int, *, synchronous: str = "FULL", program: str = PROGRAM,
               working: float = WORKING_SECONDS, seed: int | None = None) -> dict[str, Any]:
    """Run a series; figures that fit into JSON. Raises RuntimeError when the rig fails, not when rows are lost."""
    chance = random.Random(seed)
    said, tally = Acknowledged(), Tally()
    lost_items = 0
    started = time.monotonic()
    with CutDisk() as disk:
        data = disk.folder / "data"
        for life in range(cuts):
            began = time.monotonic()
            before = said.total()
            _live(disk, data, life, said, tally, chance.uniform(0.0, working), chance.random() < KILL_SHARE,
                  synchronous, program)
            verdict = check(data, said)
            tally.items.append(said.total() - before)
            tally.seconds.append(time.monotonic() - began)
            if not verdict.good:
                lost_items += sum(verdict.lost.values())
                tally.bad.append(_row(life, verdict))
                if verdict.integrity != "ok" or synchronous == "FULL":
                    break
                # The next life of a control starts from what is really there.
                said = Acknowledged()
    return {
        "synchronous": synchronous, "lives": len(tally.seconds), "cuts": tally.cuts, "kills": tally.kills,
        "bad": len(tally.bad), "lost_items": lost_items, "first_bad": tally.bad[:5],
        "acknowledged": said.counts(), "acknowledged_a_life": spread(tally.items, 0),
        "working_seconds_a_life": spread(tally.alive, 2), "seconds_a_life": spread(tally.seconds, 2),
        "seconds": round(time.monotonic() - started, 1)}


def _row(life: int, verdict: Verdict) -> dict[str, Any]:
    return {"life": life, "lost": {kind: n for kind, n in verdict.lost.items() if n}, "integrity": verdict.integrity,
            "damaged": verdict.damaged, "holes": verdict.holes}


def _live(disk: CutDisk, data: Path, life: int, said: Acknowledged, tally: Tally, working: float, killed: bool,
          synchronous: str, program: str) -> None:
    command = [*shlex.split(program), "--directory", str(data), "--life", str(life), "--synchronous", synchronous]
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
