"""The relay's database keeps what it commits and undoes what fails."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from sqlalchemy import bindparam, text
from sqlalchemy.exc import StatementError

from relay.storage.base import Moment, Storage, StorageError, database_url, is_disk_full, is_outage, open_storage


@pytest.fixture
async def storage(tmp_path: Path) -> AsyncIterator[Storage]:
    opened = open_storage(database_url("", tmp_path))
    async with opened.session() as session:
        await session.execute(text("CREATE TABLE sample (n INTEGER, at TIMESTAMP)"))
    yield opened
    await opened.close()


async def test_every_connection_is_wal_and_full(storage: Storage) -> None:
    """I1: the modes that survive a power cut are set on writers and readers."""
    for opened in (storage.session, storage.reading):
        async with opened() as session:
            assert (await session.execute(text("PRAGMA synchronous"))).scalar() == 2
            assert (await session.execute(text("PRAGMA journal_mode"))).scalar() == "wal"


async def test_a_raised_block_is_undone(storage: Storage) -> None:
    """Nothing of a transaction that failed remains."""
    async def write_and_fail() -> None:
        async with storage.session() as session:
            await session.execute(text("INSERT INTO sample (n) VALUES (1)"))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await write_and_fail()
    async with storage.reading() as session:
        assert (await session.execute(text("SELECT count(*) FROM sample"))).scalar() == 0


async def test_read_then_write_is_atomic(storage: Storage) -> None:
    """Twenty transactions that read a counter and write it back lose none."""
    async with storage.session() as session:
        await session.execute(text("INSERT INTO sample (n) VALUES (0)"))

    async def add() -> None:
        async with storage.session() as session:
            found = (await session.execute(text("SELECT n FROM sample"))).scalar_one()
            await session.execute(text("UPDATE sample SET n = :n"), {"n": found + 1})

    async with asyncio.TaskGroup() as group:
        for _ in range(20):
            group.create_task(add())
    async with storage.reading() as session:
        assert (await session.execute(text("SELECT n FROM sample"))).scalar() == 20


async def test_a_moment_comes_back_in_utc_with_its_zone(storage: Storage) -> None:
    """A time is never read back without a zone, and one without is refused."""
    at = datetime(2026, 3, 1, 12, 0, tzinfo=timezone(timedelta(hours=2)))
    insert = text("INSERT INTO sample (at) VALUES (:at)").bindparams(bindparam("at", type_=Moment()))
    async with storage.session() as session:
        await session.execute(insert, {"at": at})
    async with storage.reading() as session:
        found = (await session.execute(text("SELECT at FROM sample").columns(at=Moment()))).scalar_one()
    assert found == at
    assert found.tzinfo is UTC
    async with storage.session() as session:
        with pytest.raises(StatementError):
            await session.execute(insert, {"at": datetime(2026, 3, 1)})


def test_other_databases_are_refused(tmp_path: Path) -> None:
    """A URL of an unknown database gets a coded error."""
    with pytest.raises(StorageError) as refused:
        database_url("mysql://host/base", tmp_path)
    assert refused.value.code == "database.unsupported"


async def test_a_full_disk_is_an_outage_and_a_refused_row_is_not(storage: Storage) -> None:
    """What may succeed later is told apart from what never will: only the former is asked for again."""

    async def fails(statement: str, *before: str, **values: object) -> BaseException:
        moments = [bindparam(name, value, type_=Moment()) for name, value in values.items()]
        async with storage.session() as session:
            for earlier in before:
                await session.execute(text(earlier))
            with pytest.raises(StatementError) as caught:
                await session.execute(text(statement).bindparams(*moments))
        return caught.value

    async with storage.session() as session:
        await session.execute(text("CREATE UNIQUE INDEX one ON sample (n)"))
        await session.execute(text("INSERT INTO sample (n) VALUES (1)"))
        pages = (await session.execute(text("PRAGMA page_count"))).scalar_one()
    assert not is_outage(await fails("INSERT INTO sample (n) VALUES (1)"))
    assert not is_outage(await fails("INSERT INTO sample (at) VALUES (:at)", at=datetime(2026, 1, 1)))
    full = await fails("INSERT INTO sample (at) VALUES (zeroblob(100000))", f"PRAGMA max_page_count={pages}")
    assert is_disk_full(full)
    assert is_outage(full)
    assert is_outage(OSError("the disk went"))
