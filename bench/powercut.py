"""`./run bench powercut`: the gateway loses its power, again and again; what it acknowledged must be there.

Each life starts on what the one before left, works until a random instant, and loses its disk's power (now and
then it is killed with -9 first). The control runs the same with `synchronous=NORMAL`, which must lose
something, else the cuts prove nothing.
"""

from __future__ import annotations

import argparse
import json
import shlex
import shutil
import subprocess
import sys
import tempfile
from typing import Any

import msgspec

from bench.powercut_disk import let_go, missing
from bench.powercut_series import Series
from bench.report import Measured

SUMMARY = "100 power cuts of the process with the vehicle's memory; everything acknowledged must be there (root)"

PROGRAM = f"{shlex.quote(sys.executable)} -m bench.powercut_driver"

GATEWAY = f"{shlex.quote(sys.executable)} -m bench.powercut_gateway"
GATEWAY_WORKING_SECONDS = 5.0
"""A cuff's visit and a still take about a second each."""

WORKING_SECONDS = 0.7
"""At most that long between the first acknowledgement and the cut: some dozens of commits."""


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
    """Run a series; figures that fit into JSON. Raises RuntimeError when the rig fails, not when rows are lost.

    The series has its own mount namespace: one that a sandboxed browser makes meanwhile would copy our
    mount, and a file system that somebody still holds does not come back with the power (seen: EIO).
    """
    home = tempfile.mkdtemp(prefix="powercut.")
    series = Series(home=home, cuts=cuts, synchronous=synchronous, program=program, working=working, seed=seed)
    try:
        done = subprocess.run(
            ["unshare", "--mount", "--propagation", "private", sys.executable, "-m", "bench.powercut_series",
             msgspec.json.encode(series).decode()], capture_output=True, text=True, check=False)
    finally:
        let_go(home)
        shutil.rmtree(home, ignore_errors=True)
    if done.returncode != 0:
        raise RuntimeError(f"the rig failed: {done.stderr[-2000:]}")
    figures: dict[str, Any] = json.loads(done.stdout)
    return figures
