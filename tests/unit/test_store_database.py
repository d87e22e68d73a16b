"""The database: its modes, its errors, its refusal to start anew over a damaged file."""

from __future__ import annotations

import asyncio
import errno
import os
import sqlite3
from pathlib import Path

import pytest

from gateway.store import Store, StoreConflict, StoreError
from gateway.store.files import Shelf
from gateway.store.schema import MIGRATIONS
from gateway.store.store import DATABASE
from gateway.store.writer import Durability, Writer, open_database
from tests.unit.store_makers import START, record, taken


async def test_a_commit_is_synced_in_wal_mode_and_this_is_read_back(tmp_path: Path) -> None:
    """The open connection says wal, FULL and foreign keys itself."""
    async with Store(tmp_path) as store:
        modes = await store._writer.run(lambda c: [c.execute(f"PRAGMA {p}").fetchone()[0] for p in (
            "journal_mode", "synchronous", "foreign_keys", "user_version")])
    assert modes == ["wal", 2, 1, len(MIGRATIONS)]


async def test_a_durability_that_does_not_take_is_an_error(tmp_path: Path) -> None:
    """The start fails when PRAGMA synchronous reads back something else than what was set."""
    with pytest.raises(StoreError, match=r"store\.durability"):
        open_database(tmp_path / "x", Durability("NORMAL", 2))


@pytest.mark.parametrize("content", [b"this is no database, it only lies where one should be" * 40,
                                     b"SQLite format 3\x00" + b"\xff" * 8000])
async def test_a_damaged_file_is_said_and_stays(tmp_path: Path, content: bytes) -> None:
    """Corruption is `store.corrupt`; the file is neither replaced nor changed."""
    (tmp_path / DATABASE).write_bytes(content)
    with pytest.raises(StoreError) as refused:
        async with Store(tmp_path):
            pass
    assert refused.value.code == "store.corrupt"
    assert (tmp_path / DATABASE).read_bytes() == content


async def test_another_programs_database_is_not_ours(tmp_path: Path) -> None:
    """A healthy SQLite file with foreign tables is refused."""
    with sqlite3.connect(tmp_path / DATABASE) as foreign:
        foreign.execute("CREATE TABLE t (a)")
    foreign.close()
    with pytest.raises(StoreError, match=r"store\.corrupt"):
        async with Store(tmp_path):
            pass


async def test_a_newer_schema_is_left_alone(tmp_path: Path) -> None:
    """After a downgrade the older release says `store.newer` instead of guessing."""
    async with Store(tmp_path):
        pass
    with sqlite3.connect(tmp_path / DATABASE) as newer:
        newer.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    newer.close()
    with pytest.raises(StoreError, match=r"store\.newer"):
        async with Store(tmp_path):
            pass


async def test_two_processes_cannot_share_a_directory(tmp_path: Path) -> None:
    """The second one is told `store.in_use`; the first goes on."""
    async with Store(tmp_path) as first:
        with pytest.raises(StoreError, match=r"store\.in_use"):
            async with Store(tmp_path):
                pass
        await first.encounters.open(record())


async def test_a_full_disk_is_said_and_nothing_claims_to_be_saved(tmp_path: Path) -> None:
    """SQLITE_FULL becomes `store.full`, the events stay as they were, and a read beside it still works."""
    async with Store(tmp_path) as store:
        await store.encounters.open(record())
        await store.events.append("enc-1", START, taken(1))
        await store._writer.run(lambda c: c.execute("PRAGMA max_page_count = 1").fetchall())
        big = taken(2, device_time="x" * 200)
        failed, counts = await asyncio.gather(
            store._writer.run(lambda c: c.execute("INSERT INTO outbox (body) VALUES (zeroblob(400000))")),
            store.encounters.counts("enc-1"), return_exceptions=True)
        assert isinstance(failed, StoreError)
        assert failed.code == store.problem == "store.full"
        assert counts.last_seq == 1
        await store._writer.run(lambda c: c.execute("PRAGMA max_page_count = 100000").fetchall())
        event = await store.events.append("enc-1", START, big)
        assert event is not None
        assert event.seq == 2
        assert store.problem is None


@pytest.mark.parametrize(("number", "code"), [(errno.ENOSPC, "store.full"), (errno.EIO, "store.io"),
                                              (errno.EACCES, "store.permission"), (errno.EROFS, "store.permission")])
async def test_a_file_the_disk_refuses_is_coded_and_leaves_nothing(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, code: str) -> None:
    """fsync that fails: the error is coded, no name appears, no temporary file stays."""
    shelf = Shelf(tmp_path / "files")
    await shelf.open()

    def fail(_: int) -> None:
        raise OSError(number, "the disk says no")
    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(StoreError) as refused:
        await shelf.put(b"picture")
    assert refused.value.code == shelf.problem == code
    assert list((tmp_path / "files").iterdir()) == []
    monkeypatch.undo()
    assert await shelf.read(await shelf.put(b"picture")) == b"picture"
    assert shelf.problem is None
    shelf.close()


async def test_a_directory_without_permission_is_said(tmp_path: Path) -> None:
    """A data directory that is a file, or cannot be made, is a coded error."""
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StoreError, match=r"store\.(io|permission)"):
        async with Store(tmp_path / "file" / "data"):
            pass


async def test_a_file_that_rotted_is_noticed_and_mended_by_its_bytes(tmp_path: Path) -> None:
    """Reading checks the hash; putting the same bytes again repairs the file."""
    shelf = Shelf(tmp_path / "files")
    await shelf.open()
    name = await shelf.put(b"picture")
    (tmp_path / "files" / name).write_bytes(b"pixture")
    with pytest.raises(StoreError, match=r"store\.corrupt"):
        await shelf.read(name)
    assert await shelf.put(b"picture") == name
    assert await shelf.read(name) == b"picture"
    shelf.close()


async def test_half_written_files_are_swept_at_start(tmp_path: Path) -> None:
    """What a cut left under a temporary name goes; whole files stay."""
    shelf = Shelf(tmp_path / "files")
    await shelf.open()
    name = await shelf.put(b"picture")
    (tmp_path / "files" / ".half.1234").write_bytes(b"pic")
    await shelf.open()
    assert [path.name for path in (tmp_path / "files").iterdir()] == [name]
    shelf.close()


async def test_jobs_that_wait_together_share_a_commit_and_fail_alone(tmp_path: Path) -> None:
    """One job's conflict is undone by itself; its neighbours in the same commit are kept."""
    async with Store(tmp_path) as store:
        await store.encounters.open(record())
        before = store.commits
        outcomes = await asyncio.gather(
            *(store.events.append("enc-1", START, taken(n)) for n in range(1, 21)),
            store.events.append("other", START, taken(99)), return_exceptions=True)
        assert isinstance(outcomes[-1], StoreConflict)
        assert [event.seq for event in outcomes[:-1]] == list(range(1, 21))
        assert store.commits - before < 21
        # The refused one left no key behind: it can come again.
        await store.encounters.counts("enc-1")
        assert await store.tray.put(taken(99).reading, "tray.no_encounter")


async def test_a_closed_store_refuses(tmp_path: Path) -> None:
    """After close nothing hangs and nothing is silently dropped."""
    store = Store(tmp_path)
    await store.open()
    await store.close()
    await store.close()
    with pytest.raises(StoreError, match=r"store\.closed"):
        await store.encounters.current()


async def test_a_cancelled_caller_does_not_stop_the_thread(tmp_path: Path) -> None:
    """The job of a cancelled caller runs; the next caller is served after it, in order."""
    writer = Writer(tmp_path / "db")
    await writer.open()
    seen: list[int] = []
    task = asyncio.ensure_future(writer.run(lambda _: seen.append(1)))
    await asyncio.sleep(0)
    task.cancel()
    await writer.run(lambda _: seen.append(2))
    assert seen[-1] == 2
    await writer.close()
