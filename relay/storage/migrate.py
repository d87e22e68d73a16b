"""Brings the database to the newest revision, and says when a database is damaged or too new."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.util.exc import CommandError
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DatabaseError

from .base import Storage, StorageError

SCRIPTS = Path(__file__).parent / "migrations"


async def migrate(storage: Storage) -> None:
    """Apply what is missing, in one transaction.

    StorageError: `database.corrupt` (nothing is made anew in its place), `database.too_new`.
    """
    try:
        async with storage.engine.begin() as connection:
            await connection.run_sync(_whole)
            await connection.run_sync(_upgrade)
    except CommandError as error:
        raise StorageError("database.too_new", "the database was made by a newer release of the relay") from error
    except DatabaseError as error:
        if "malformed" in str(error.orig) or "not a database" in str(error.orig):
            raise _corrupt() from error
        raise


def configured(connection: Connection | None = None) -> Config:
    """Alembic's configuration, without a file of its own."""
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
    config.attributes["connection"] = connection
    return config


def _upgrade(connection: Connection) -> None:
    command.upgrade(configured(connection), "head")


def _whole(connection: Connection) -> None:
    if connection.dialect.name == "sqlite" and connection.exec_driver_sql("PRAGMA quick_check(1)").scalar() != "ok":
        raise _corrupt()


def _corrupt() -> StorageError:
    return StorageError("database.corrupt", "the database is damaged: set its files aside, keep them, and restore "
                                            "a copy or recover what can be read")
