"""One doctor's path: our controller where the browser reports, the simple rule where it does not; the log on disk."""

from __future__ import annotations

import asyncio
from pathlib import Path as File

from bench.roadsenders import transport_feedback
from gateway.media.congestion.budget import VoiceForm
from gateway.media.congestion.replay import replay
from gateway.media.decisions import LOGS_MAX, DecisionLog
from gateway.media.path import DEAF_SECONDS, Path


def path() -> Path:
    return Path(60_000, 300_000, 2_000_000)


def test_without_feedback_the_simple_rule_holds() -> None:
    """No numbers, no padding, no window; REMB and reports move the rate."""
    it = path()
    assert (it.wide, it.held, it.target, it.figures) == (False, False, 300_000, None)
    assert it.stamp(1000, 1.0, picture=True, reserved=False, padding=False) is None
    assert it.padding(1.0) == 0
    assert it.voice is VoiceForm.plain
    it.remb(100_000, 300_000.0, 1.0)
    assert it.target == 100_000


def test_an_agreed_path_holds_the_picture_until_it_is_known() -> None:
    """From the answer to the report on the first train; padding goes out meanwhile, and nothing else is asked."""
    it = path()
    it.agree()
    assert it.held
    it.widen(10.0)
    it.tick(10.0)
    left: list[tuple[int, float]] = []
    for step in range(60):
        now = 10.0 + step * 0.005
        it.tick(now)
        if it.padding(now):
            number = it.stamp(200, now, picture=True, reserved=False, padding=True)
            assert number is not None
            left.append((number, now))
    assert it.held
    assert 6 <= len(left) <= 8
    it.feedback(transport_feedback(left, 0), 10.3)
    it.tick(10.31)
    assert not it.held
    assert it.target > 200_000


def test_a_browser_that_agreed_and_never_reports_gets_the_simple_rule() -> None:
    """After DEAF_SECONDS; a picture is sent again."""
    it = path()
    it.agree()
    it.widen(0.0)
    for i in range(round(DEAF_SECONDS * 100) + 20):
        now = i / 100
        it.stamp(1000, now, picture=True, reserved=False, padding=False)
        it.tick(now)
    assert (it.wide, it.held, it.target) == (False, False, 300_000)


def test_an_instruments_sound_is_taken_from_the_picture_before_its_first_packet() -> None:
    """`beside` lowers the picture at the next step, `alone` gives it back."""
    it = path()
    it.widen(0.0)
    it.tick(0.03)
    before = it.target
    it.beside(90_000)
    it.tick(0.06)
    assert it.target < before - 70_000
    it.alone()
    it.tick(0.09)
    assert it.target == before


def written(folder: File) -> list[str]:
    file, = folder.iterdir()
    return file.read_text().splitlines()


async def test_the_log_is_written_and_replays(tmp_path: File) -> None:
    """One file for each path, flushed at the end; the lines say the same again."""
    log = DecisionLog(tmp_path)
    it = Path(60_000, 300_000, 2_000_000, log.open())
    run = asyncio.create_task(log.run())
    it.widen(0.0)
    for i in range(50):
        it.stamp(1000, i / 50, picture=True, reserved=False, padding=False)
        it.data(100, i / 50)
        it.tick(i / 50)
    await asyncio.sleep(0)
    run.cancel()
    await asyncio.wait((run,))
    lines = written(tmp_path)
    assert len(lines) > 20
    assert list(replay(lines)) == lines


async def test_a_folder_that_is_not_there_costs_the_log_only(tmp_path: File) -> None:
    """Nothing raises."""
    log = DecisionLog(tmp_path / "none")
    log.open()("{}")
    run = asyncio.create_task(log.run())
    await asyncio.sleep(0)
    run.cancel()
    await asyncio.wait((run,))
    assert not log._lines


def test_a_day_of_generations_leaves_nothing_in_memory(tmp_path: File) -> None:
    """Each has its file; what was said of it is forgotten with it."""
    log = DecisionLog(tmp_path)
    for _ in range(50):
        write = log.open()
        write("{}")
        log._flush(log._taken())
    assert len(list(tmp_path.iterdir())) == 50
    assert [value for value in vars(log).values() if isinstance(value, dict | list | set) and value] == []


def test_a_disk_that_hangs_costs_the_newer_logs(tmp_path: File) -> None:
    """What waits for a flush is bounded; a log with a hole is none, so the newer ones are not begun."""
    log = DecisionLog(tmp_path)
    writers = [log.open() for _ in range(LOGS_MAX + 3)]
    for write in writers:
        write("{}")
    log._flush(log._taken())
    writers[-1]("{}")
    writers[0]("{}")
    assert [len(lines) for lines in log._taken().values()] == [1]
    assert len(list(tmp_path.iterdir())) == LOGS_MAX
