"""Migrations make exactly what the models say, and a damaged database is never replaced silently."""

from __future__ import annotations

from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection

from relay.storage.base import FILE_NAME, StorageError, database_url, open_storage
from relay.storage.migrate import migrate
from relay.storage.models import Base
from tests.integration.relay_rig import make_site


def _differences(connection: Connection) -> list[object]:
    return list(compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), Base.metadata))


async def test_migrations_make_what_the_models_say(tmp_path: Path) -> None:
    """No table, column or index is in one and not in the other; applying them again changes nothing."""
    storage = open_storage(database_url("", tmp_path))
    try:
        await migrate(storage)
        await migrate(storage)
        async with storage.engine.connect() as connection:
            assert await connection.run_sync(_differences) == []
    finally:
        await storage.close()


async def test_a_damaged_database_is_said_and_left_as_it_is(tmp_path: Path) -> None:
    """The relay does not start over a file that is not a whole database, and does not touch it."""
    site = make_site(tmp_path)
    async with site.relay():
        pass
    file = site.config.data_folder / FILE_NAME
    damaged = file.read_bytes()[:8192] + b"\x00garbage" * 4000
    file.write_bytes(damaged)
    for left_over in (file.with_name(f"{FILE_NAME}-wal"), file.with_name(f"{FILE_NAME}-shm")):
        left_over.unlink(missing_ok=True)
    with pytest.raises(StorageError) as refused:
        async with site.relay():
            pass
    assert refused.value.code == "database.corrupt"
    assert file.read_bytes() == damaged


async def test_a_newer_database_is_not_opened(tmp_path: Path) -> None:
    """After a roll-back to an older release the relay says why it does not start."""
    storage = open_storage(database_url("", tmp_path))
    try:
        await migrate(storage)
        async with storage.engine.begin() as connection:
            await connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
        with pytest.raises(StorageError) as refused:
            await migrate(storage)
        assert refused.value.code == "database.too_new"
    finally:
        await storage.close()
