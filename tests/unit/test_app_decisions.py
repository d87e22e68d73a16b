"""The log of decisions: where it goes, what it may take of the disk, and what `replay` makes of it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from bench.roadsenders import Ours
from bench.roadsim import Link, play
from gateway import decision_files, rooms_config
from gateway.__main__ import main
from gateway.config import parse
from gateway.exits import ExitCode

CONFIG = """
data = "/var/lib/passerelle"
[media]
decisions = {}
[camera]
source = "v4l2:/dev/video0"
[printer]
kind = "folder"
target = "/tmp/paper"
"""
NOW = 1_800_000_000.0
MIB = 1024 * 1024


def test_it_is_kept_in_the_data_directory_when_asked_and_not_otherwise() -> None:
    """Off unless IT says so."""
    file = Path("gateway.toml")
    assert rooms_config.media(parse(CONFIG.format("true"), file)).decisions == Path("/var/lib/passerelle/decisions")
    assert rooms_config.media(parse(CONFIG.format("false"), file)).decisions is None


def log(folder: Path, name: str, age: float, size: int) -> Path:
    path = folder / f"road-{name}.jsonl"
    with path.open("wb") as file:
        file.truncate(size)
    os.utime(path, (NOW - age, NOW - age))
    return path


def test_the_oldest_go_first_and_what_is_being_written_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """256 MiB and 14 days of calls that are over; the running ones and foreign files are left alone."""
    monkeypatch.setattr(decision_files, "disk_free_share", lambda folder: 0.5)
    folder = tmp_path / "decisions"
    decision_files.prepare(folder)
    assert folder.stat().st_mode & 0o777 == 0o700
    decision_files.prepare(folder)
    running = log(folder, "running", 1.0, 64 * MIB)
    kept = [log(folder, f"kept-{n}", 3600.0 * n, 64 * MIB) for n in range(1, 5)]
    full = log(folder, "one-too-many", 5 * 3600.0, 64 * MIB)
    old = log(folder, "old", decision_files.KEPT_SECONDS + 1, 10)
    note = folder / "note.txt"
    note.write_text("mine")
    assert decision_files.prune(folder, NOW) == 2
    assert not full.exists()
    assert not old.exists()
    assert all(path.exists() for path in (*kept, running, note))
    assert decision_files.prune(folder, NOW) == 0


def test_a_disk_that_is_nearly_full_keeps_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Readings come before figures."""
    monkeypatch.setattr(decision_files, "disk_free_share", lambda folder: 0.09)
    running, over = log(tmp_path, "running", 1.0, 10), log(tmp_path, "over", 600.0, 10)
    decision_files.prune(tmp_path, NOW)
    assert (running.exists(), over.exists()) == (True, False)


@pytest.fixture(scope="module")
def lines() -> list[str]:
    """Eight seconds on a link that becomes thin, as the controller decided."""
    written: list[str] = []
    play(Link("rate=1000,delay=25", steps=((4.0, 150),)), Ours(written.append), seconds=8)
    return written


def replayed(file: Path, capsys: pytest.CaptureFixture[str], *more: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as end:
        main(["replay", str(file), *more])
    out, err = capsys.readouterr()
    assert isinstance(end.value.code, int)
    return end.value.code, out, err


def test_a_log_replays_to_the_same_decisions(lines: list[str], tmp_path: Path,
                                             capsys: pytest.CaptureFixture[str]) -> None:
    """A line a second and at each change of the reason, all of them when asked; a line cut with the power is left."""
    file = tmp_path / "road-1-1.jsonl"
    file.write_text("".join(f"{line}\n" for line in lines) + lines[-1][:40])
    code, out, _ = replayed(file, capsys)
    assert code == ExitCode.ok
    shown = out.splitlines()
    assert shown[-1] == f"{len(lines) - 1} decisions, each as it was."
    assert 8 <= len(shown) < len(lines) / 2
    assert any("queue" in line and "kbit/s" in line for line in shown)
    code, out, _ = replayed(file, capsys, "--all")
    assert len(out.splitlines()) == len(lines)


def test_another_decision_is_shown_and_ends_with_one(lines: list[str], tmp_path: Path,
                                                     capsys: pytest.CaptureFixture[str]) -> None:
    """What was, what is, in which line; scripts see exit code 1."""
    at = next(n for n, line in enumerate(lines) if n > 20)
    entry = json.loads(lines[at])
    rate = entry["decision"]["rate"]
    entry["decision"]["rate"] = 77
    file = tmp_path / "log"
    changed = [*lines[:at], json.dumps(entry, separators=(",", ":")), *lines[at + 1:]]
    file.write_text("".join(f"{line}\n" for line in changed))
    code, out, err = replayed(file, capsys)
    assert code == ExitCode.differs == 1
    assert f"line {at + 1}," in out
    assert f"rate was 77, is {rate}" in out
    assert f"1 of {len(lines) - 1} decisions" in err


@pytest.mark.parametrize("text", ["", "{}\n", "not a log\n", '{"limits":[1,2,3]}\n{"at":1}\n', '{"limits":[1,2]}\n'])
def test_what_is_no_log_is_one_sentence(text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Empty, another file, a line without its decision."""
    file = tmp_path / "log"
    file.write_text(text)
    code, _, err = replayed(file, capsys)
    assert code == ExitCode.configuration
    assert "no log of decisions" in err
    assert replayed(tmp_path / "absent", capsys)[0] == ExitCode.configuration
