"""The service units: systemd accepts them, and their sandboxes stay as tight as they were measured."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

UNITS = Path(__file__).parents[2] / "systemd"
ANALYZE = shutil.which("systemd-analyze")

GATES = {"passerelle-relay.service": 11, "passerelle-gateway.service": 13, "passerelle-kiosk.service": 24}
"""Exposure times ten (`systemd-analyze security`, systemd 252); the kiosk holds a browser that sandboxes itself."""

EVERYWHERE = ("CapabilityBoundingSet=", "NoNewPrivileges=yes", "ProtectSystem=strict", "ProtectHome=yes",
              "PrivateTmp=yes", "PrivateMounts=yes", "ProtectClock=yes", "ProtectHostname=yes",
              "ProtectKernelLogs=yes", "ProtectKernelModules=yes", "ProtectKernelTunables=yes",
              "ProtectControlGroups=yes", "LockPersonality=yes", "RestrictRealtime=yes", "RestrictSUIDSGID=yes",
              "SystemCallArchitectures=native", "UMask=0077", "StateDirectoryMode=0700")
SERVERS = ("PrivateUsers=yes", "ProtectProc=invisible", "ProcSubset=pid", "RestrictNamespaces=yes",
           "SystemCallFilter=@system-service", "SystemCallFilter=~@privileged @resources")

needs_systemd = pytest.mark.skipif(ANALYZE is None, reason="systemd-analyze is not installed here")


def analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([ANALYZE or "", *arguments], capture_output=True, text=True, timeout=60, check=False)


@needs_systemd
def test_systemd_accepts_every_unit_without_a_word() -> None:
    """No unknown directive, no missing program, no warning."""
    done = analyze("verify", *(str(UNITS / name) for name in GATES))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@needs_systemd
@pytest.mark.parametrize(("unit", "gate"), GATES.items())
def test_the_exposure_stays_under_its_gate(unit: str, gate: int) -> None:
    """A directive that is taken out fails here."""
    done = analyze("security", "--offline=true", f"--threshold={gate}", str(UNITS / unit))
    assert done.returncode == 0, done.stdout[-200:]


@needs_systemd
def test_the_gate_notices_a_directive_that_is_gone(tmp_path: Path) -> None:
    """The same unit without its system call filter is past the gate."""
    unit = tmp_path / "passerelle-gateway.service"
    text = (UNITS / unit.name).read_text()
    unit.write_text(re.sub(r"^SystemCallFilter=.*\n", "", text, flags=re.M))
    done = analyze("security", "--offline=true", f"--threshold={GATES[unit.name]}", str(unit))
    assert done.returncode != 0


@pytest.mark.parametrize("unit", GATES)
def test_every_directive_of_the_sandbox_is_there(unit: str) -> None:
    """The list of the operations page, word for word."""
    lines = (UNITS / unit).read_text().splitlines()
    wanted = EVERYWHERE if unit == "passerelle-kiosk.service" else EVERYWHERE + SERVERS
    assert [directive for directive in wanted if directive not in lines] == []
    # A call needs cffi's callbacks in the gateway, a browser compiles; the relay does neither.
    assert ("MemoryDenyWriteExecute=yes" in lines) == (unit == "passerelle-relay.service")


def test_the_gateway_reaches_the_devices_it_serves_and_no_other() -> None:
    """Cameras, serial lines and the stethoscope, each with its group; a disk or a keyboard is not among them."""
    lines = (UNITS / "passerelle-gateway.service").read_text().splitlines()
    assert "SupplementaryGroups=video dialout audio bluetooth lp" in lines
    assert [line for line in lines if line.startswith("Device")] == [
        "DevicePolicy=closed", "DeviceAllow=char-video4linux rw", "DeviceAllow=char-ttyACM rw",
        "DeviceAllow=char-ttyUSB rw", "DeviceAllow=char-alsa rw"]


def test_the_browser_may_open_the_gateways_page_and_nothing_else() -> None:
    """The managed policy blocks every address but the kiosk's, which alone may use the microphone."""
    policy = json.loads((UNITS / "chromium-policy.json").read_text())
    page = "http://127.0.0.1:8090"
    assert policy["URLBlocklist"] == ["*"]
    assert page in policy["URLAllowlist"]
    assert policy["AudioCaptureAllowedUrls"] == [page]
    assert policy["AudioCaptureAllowed"] is False
    assert page in (UNITS / "passerelle-kiosk.service").read_text()


@pytest.mark.skipif(shutil.which("systemd-tmpfiles") is None or shutil.which("systemd-sysusers") is None,
                    reason="systemd's tools are not installed here")
def test_users_and_folders_are_made_in_an_empty_root(tmp_path: Path) -> None:
    """sysusers and tmpfiles accept their files, and the patients' folder is the service's alone."""
    if Path("/proc/self/uid_map").read_text().split()[:2] != ["0", "0"] or os.getuid() != 0:
        pytest.skip("only root may give folders to other users")
    (tmp_path / "etc").mkdir()
    for command in (("systemd-sysusers", f"--root={tmp_path}", str(UNITS / "sysusers.conf")),
                    ("systemd-tmpfiles", "--create", f"--root={tmp_path}", str(UNITS / "tmpfiles.conf"))):
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
    folder = (tmp_path / "var/lib/passerelle/identity").stat()
    users = dict(line.split(":")[:3:2] for line in (tmp_path / "etc/passwd").read_text().splitlines())
    assert folder.st_mode & 0o777 == 0o700
    assert folder.st_uid == int(users["passerelle"])
