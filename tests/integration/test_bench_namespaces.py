"""What a killed benchmark left is removed by the next one; what a living one has is left alone. Real namespaces."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.namespaces import folder_prefix, namespace, sweep
from bench.road import missing

pytestmark = [pytest.mark.root, pytest.mark.skipif(missing() is not None, reason=missing() or "")]


def sh(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def spaces() -> list[str]:
    return [line.split()[0] for line in sh("ip", "netns", "list").splitlines() if line.strip()]


@pytest.fixture
def gone() -> int:
    """The number of a process that has ended."""
    process = subprocess.Popen((sys.executable, "-c", ""))
    process.wait()
    return process.pid


@pytest.fixture
def mine(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A namespace of this process, of a kind that no benchmark sweeps which runs beside this test."""
    monkeypatch.setattr("bench.namespaces._SPACE", "swept-")
    name = namespace("test")
    sh("ip", "netns", "add", name)
    yield name
    sh("ip", "netns", "del", name)


def test_what_a_killed_run_left_is_removed(gone: int, mine: str, tmp_path: Path,
                                           monkeypatch: pytest.MonkeyPatch) -> None:
    """Its namespace, the process that ran on in it, its folder; not ours, nor a folder of another name."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    theirs = mine.replace(str(os.getpid()), str(gone))
    folders = [tmp_path / (folder_prefix("video").replace(str(os.getpid()), str(number)) + "x")
               for number in (gone, os.getpid())]
    other = tmp_path / f"bench-video.{gone}.x"
    for folder in (*folders, other):
        (folder / "deep").mkdir(parents=True)
    sh("ip", "netns", "add", theirs)
    left = subprocess.Popen(("ip", "netns", "exec", theirs, sys.executable, "-c",
                             "print(flush=True); input()"), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert left.stdout is not None
    assert left.stdin is not None
    left.stdout.readline()
    assert set(sweep()) == {theirs, folders[0].name}
    assert left.wait() < 0
    assert theirs not in spaces()
    assert mine in spaces()
    assert [folder.exists() for folder in (*folders, other)] == [False, True, True]
    left.stdout.close()
    left.stdin.close()
