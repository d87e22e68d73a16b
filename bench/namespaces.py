"""What a benchmark makes outside its own process, named after it: two may run at once, and what a killed one left is
known by its name. Root for all but the names."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

_SPACE, _FOLDER = "pv-", "passerelle-bench-"


def namespace(end: str) -> str:
    """The name of this run's network namespace at one end of a link."""
    return f"{_SPACE}{end}-{os.getpid()}"


def folder_prefix(benchmark: str) -> str:
    """How this run's temporary folder begins."""
    return f"{_FOLDER}{benchmark}.{os.getpid()}."


def sweep() -> list[str]:
    """Remove what runs left that are no more: the processes in their namespaces, the namespaces, their temporary
    folders. Returns their names."""
    listed = subprocess.run(("ip", "netns", "list"), capture_output=True, text=True, check=False).stdout
    gone = [name for name in (line.split()[0] for line in listed.splitlines() if line.strip())
            if name.startswith(_SPACE) and _ended(name.rpartition("-")[2])]
    for name in gone:
        inside = subprocess.run(("ip", "netns", "pids", name), capture_output=True, text=True, check=False).stdout
        for pid in inside.split():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
        subprocess.run(("ip", "netns", "del", name), capture_output=True, check=False)
    for folder in Path(tempfile.gettempdir()).glob(f"{_FOLDER}*.*.*"):
        if _ended(folder.name.split(".")[1]):
            shutil.rmtree(folder, ignore_errors=True)
            gone.append(folder.name)
    return gone


def _ended(pid: str) -> bool:
    return pid.isdecimal() and not Path(f"/proc/{pid}").exists()
