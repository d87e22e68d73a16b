"""Base of the models, the engine, and transactions that are committed before anyone is answered (I1)."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import DateTime, MetaData, event
from sqlalchemy.engine import URL, Connection, Dialect, make_url
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, SQLAlchemyError, StatementError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.types import TypeDecorator

FILE_NAME = "relay.sqlite3"

BUSY_MILLISECONDS = 10_000
"""How long a writer waits for another: the longest commit seen on a slow eMMC is under one second."""

_READING = "passerelle_reading"

_EXPECTED_PRAGMAS = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}
"""synchronous 2 is FULL: other modes were measured to lose acknowledged rows at a power cut."""


class StorageError(Exception):
    """The database does not hold what it promises or cannot be opened; `code` says which."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class Base(DeclarativeBase):
    """Base of every model. Constraint names are fixed so that migrations can name them."""

    metadata = MetaData(naming_convention={
        "ix": "ix_%(column_0_label)s", "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s", "pk": "pk_%(table_name)s"})


class Moment(TypeDecorator[datetime]):
    """A moment on the wall clock, always with a zone in Python and always UTC in the database."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a moment without a zone is not stored")
        utc = value.astimezone(UTC)
        return utc if dialect.name == "postgresql" else utc.replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None or value.tzinfo is not None:
            return value
        return value.replace(tzinfo=UTC)


class Storage:
    """The open database. `session()` is a transaction that writes, `reading()` one that only reads."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine
        reader = engine.execution_options(**{_READING: True})
        self._writing = async_sessionmaker(engine, expire_on_commit=False)
        self._reading = async_sessionmaker(reader, expire_on_commit=False)

    @asynccontextmanager
    async def session(self) -> AsyncIterator[AsyncSession]:
        """A transaction; committed (and on disk) when the block ends, undone when it raises.

        On SQLite it takes the write lock at once, so that read-then-write is atomic.
        """
        async with self._writing() as session, session.begin():
            yield session

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncSession]:
        """A transaction that only reads one snapshot; never waits for a writer."""
        async with self._reading() as session, session.begin():
            yield session

    async def create_all(self) -> None:
        """Make every table without migrations, for tests."""
        async with self.engine.begin() as connection:
            await connection.run_sync(Base.metadata.create_all)

    async def close(self) -> None:
        """Close all connections."""
        await self.engine.dispose()


def database_url(url: str, data: Path) -> URL:
    """The configured URL with its asynchronous driver; SQLite in the data folder when it is empty."""
    if not url:
        return URL.create("sqlite+aiosqlite", database=str(data / FILE_NAME))
    parsed = make_url(url)
    drivers = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg"}
    backend = parsed.get_backend_name()
    if backend not in drivers:
        raise StorageError("database.unsupported", f"the database {backend} is neither SQLite nor PostgreSQL")
    return parsed.set(drivername=drivers[backend])


def open_storage(url: URL) -> Storage:
    """An engine whose every connection is checked to keep what it commits. Opens nothing yet."""
    if url.get_backend_name() != "sqlite":
        try:
            return Storage(create_async_engine(url, pool_pre_ping=True))
        except ModuleNotFoundError as error:
            raise StorageError("database.unsupported", "PostgreSQL needs the package asyncpg") from error
    engine = create_async_engine(url, connect_args={"timeout": BUSY_MILLISECONDS / 1000})
    event.listen(engine.sync_engine, "connect", _prepare_sqlite)
    event.listen(engine.sync_engine, "begin", _begin_sqlite)
    return Storage(engine)


def _prepare_sqlite(connection: Any, record: object) -> None:
    """Set the PRAGMAs on a new connection and refuse it when one of them does not hold."""
    connection.isolation_level = None  # Transactions are begun by _begin_sqlite, not by the driver.
    cursor = connection.cursor()
    try:
        for statement in (f"PRAGMA busy_timeout={BUSY_MILLISECONDS}", "PRAGMA journal_mode=WAL",
                          "PRAGMA synchronous=FULL", "PRAGMA foreign_keys=ON"):
            cursor.execute(statement)
        for name, wanted in _EXPECTED_PRAGMAS.items():
            cursor.execute(f"PRAGMA {name}")
            found = cursor.fetchone()[0]
            if found != wanted:
                raise StorageError("database.not_durable", f"SQLite says {name}={found}, {wanted} is needed")
    finally:
        cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    deferred = connection.get_execution_options().get(_READING, False)
    connection.exec_driver_sql("BEGIN" if deferred else "BEGIN IMMEDIATE")


def is_disk_full(error: BaseException) -> bool:
    """Whether SQLite or PostgreSQL said that the disk is full."""
    original = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(original, sqlite3.Error):
        return getattr(original, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL
    return getattr(original, "sqlstate", None) == "53100"


def is_outage(error: BaseException) -> bool:
    """Whether the storage failed by itself, so that the same work may succeed later; never for a row it refuses."""
    if isinstance(error, StatementError):
        # A StatementError that no driver raised is a value that fits no column: it never will.
        return isinstance(error, DBAPIError) and not isinstance(error, IntegrityError | DataError)
    return isinstance(error, SQLAlchemyError | StorageError | OSError)
