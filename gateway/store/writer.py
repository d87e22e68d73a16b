"""One thread, one connection: everything that touches the database runs here, in order.

A caller's job is a function of the connection. Jobs that wait together are committed together
(one fsync for all of them), each in its own savepoint, and every caller hears of its own job
only after that commit (I1). A job must be repeatable: it runs again when a neighbour broke the
transaction they shared.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import sqlite3
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import structlog

from gateway import durable_file

from . import errors
from .errors import StoreConflict, StoreError
from .schema import APPLICATION_ID, MIGRATIONS

log = structlog.get_logger()

Connection = sqlite3.Connection
Row = sqlite3.Row
T = TypeVar("T")

QUEUE_JOBS = 256
"""Jobs that wait for the disk. A full ECG and a burst of readings make about 20 a second; when the
disk stalls for ten seconds the callers wait here instead of filling the memory."""

GROUP_JOBS = 64
"""Jobs in one commit: bounds how long the first of them waits for the last."""

CHECKED_BYTES = 128 * 1024 * 1024
"""Up to here the whole file is checked at start: about 0.3 s, a small part of the 10 s a restart has."""

BUSY_MILLISECONDS = 2_000
"""Nobody else opens the file while the lock is held, but a person's sqlite3 shell may look at it."""


class Durability(NamedTuple):
    """A value of PRAGMA synchronous: its name and what reading it back must say."""

    name: str
    level: int


FULL = Durability("FULL", 2)
"""The only mode for a vehicle: in WAL it syncs each commit; NORMAL was measured to lose them."""


@dataclass(slots=True)
class _Job:
    work: Callable[[Connection], Any]
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[Any] = field(repr=False)

    def settle(self, value: Any, error: BaseException | None) -> None:
        # A loop that is closed belongs to a process that ends; the row is committed all the same.
        with contextlib.suppress(RuntimeError):
            self.loop.call_soon_threadsafe(self._settle, value, error)

    def _settle(self, value: Any, error: BaseException | None) -> None:
        if self.future.cancelled():
            return
        if error is None:
            self.future.set_result(value)
        else:
            self.future.set_exception(error)


class Writer:
    """The thread with the connection. `problem` is the code of the last failure of the disk, None when well."""

    def __init__(self, path: Path, durability: Durability = FULL) -> None:
        self._path = path
        self._durability = durability
        self._queue: queue.Queue[_Job | None] = queue.Queue()
        self._room = asyncio.Semaphore(QUEUE_JOBS)
        self._thread: threading.Thread | None = None
        self._connection: Connection | None = None
        self.problem: str | None = None
        self.commits = 0

    async def open(self) -> None:
        """Open, bring to the newest schema, assert the durability. Raises StoreError."""
        started: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        first = _Job(lambda _: None, asyncio.get_running_loop(), started)
        self._thread = threading.Thread(target=self._live, args=(first,), name="store", daemon=True)
        self._thread.start()
        try:
            await started
        except StoreError:
            self._thread = None
            raise

    async def run(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in a transaction; return after its commit. Raises StoreError, StoreConflict.

        A caller that is cancelled while it waits does not undo its job.
        """
        if self._thread is None:
            raise StoreError(errors.CLOSED)
        loop = asyncio.get_running_loop()
        async with self._room:
            future: asyncio.Future[T] = loop.create_future()
            self._queue.put(_Job(work, loop, future))
            return await future

    async def close(self) -> None:
        """Finish what waits, then close. Idempotent."""
        thread, self._thread = self._thread, None
        if thread is not None:
            self._queue.put(None)
            await asyncio.to_thread(thread.join)

    def _live(self, first: _Job) -> None:
        try:
            self._connection = open_database(self._path, self._durability)
        except (StoreError, OSError, sqlite3.Error) as error:
            first.settle(None, translate(error))
            return
        first.settle(None, None)
        try:
            while self._serve(self._connection):
                pass
        finally:
            self._connection.close()

    def _serve(self, connection: Connection) -> bool:
        batch: list[_Job] = []
        job = self._queue.get()
        while job is not None:
            batch.append(job)
            if len(batch) == GROUP_JOBS:
                break
            try:
                job = self._queue.get_nowait()
            except queue.Empty:
                break
        if batch:
            self._commit(connection, batch)
        return job is not None

    def _commit(self, connection: Connection, batch: list[_Job]) -> None:
        outcomes: list[tuple[_Job, Any, BaseException | None]] = []
        changes = connection.total_changes
        try:
            connection.execute("BEGIN IMMEDIATE")
            for job in batch:
                outcomes.append((job, *_attempt(connection, job)))
                if not connection.in_transaction:
                    break
            if connection.in_transaction:
                connection.execute("COMMIT")
                self.commits += 1
            elif len(batch) > 1:
                # SQLite gave the whole transaction up (disk full, I/O error): each job alone, so
                # that a reader does not fail with the writer beside it.
                for job in batch:
                    self._commit(connection, [job])
                return
        except (sqlite3.Error, OSError) as error:
            if connection.in_transaction:
                with contextlib.suppress(sqlite3.Error):
                    connection.execute("ROLLBACK")
            failure = translate(error)
            outcomes = [(job, None, failure) for job in batch]
        failures = [error for _, _, error in outcomes if isinstance(error, StoreError)]
        # Only a write that went through says that the disk is well again.
        if failures or connection.total_changes > changes:
            self._note(failures[0].code if failures else None)
        for job, value, error_ in outcomes:
            job.settle(value, error_)

    def _note(self, code: str | None) -> None:
        if code != self.problem:
            (log.error if code else log.info)("store.problem", code=code or "none", was=self.problem or "none")
        self.problem = code


def _attempt(connection: Connection, job: _Job) -> tuple[Any, BaseException | None]:
    connection.execute("SAVEPOINT job")
    try:
        value = job.work(connection)
        connection.execute("RELEASE job")
        return value, None
    except StoreConflict as error:
        failure: BaseException = error
    except Exception as error:
        failure = translate(error)
    if connection.in_transaction:
        connection.execute("ROLLBACK TO job")
        connection.execute("RELEASE job")
    return None, failure


def open_database(path: Path, durability: Durability) -> Connection:
    """The connection with its modes asserted and its schema at the newest step. Blocking.

    Raises StoreError; a file that is damaged or foreign stays as it is.
    """
    existed = path.exists()
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=BUSY_MILLISECONDS / 1000)
    try:
        connection.row_factory = sqlite3.Row
        if existed and path.stat().st_size == 0 and path.with_name(path.name + "-wal").exists():
            raise StoreError(errors.CORRUPT, "the file is empty beside its journal")
        if existed and path.stat().st_size <= CHECKED_BYTES:
            verdict = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
            if verdict != "ok":
                raise StoreError(errors.CORRUPT, "quick_check")
        _assert(connection, "journal_mode", "WAL", "wal")
        _assert(connection, "synchronous", durability.name, durability.level)
        _assert(connection, "foreign_keys", "ON", 1)
        _migrate(connection)
    except BaseException:
        connection.close()
        raise
    # The file's own name must outlive a cut as well, and SQLite syncs the folder only for journals.
    durable_file.sync_folder(path.parent)
    if durability != FULL:
        log.warning("store.durability_weakened", synchronous=durability.name)
    return connection


def _assert(connection: Connection, pragma: str, value: str, expected: object) -> None:
    connection.execute(f"PRAGMA {pragma} = {value}")
    found = connection.execute(f"PRAGMA {pragma}").fetchone()[0]
    if found != expected:
        raise StoreError(errors.DURABILITY, f"{pragma} is {found}")


def _migrate(connection: Connection) -> None:
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    application: int = connection.execute("PRAGMA application_id").fetchone()[0]
    if version > len(MIGRATIONS):
        raise StoreError(errors.NEWER, f"schema {version}, this release knows {len(MIGRATIONS)}")
    if version > 0 and application != APPLICATION_ID:
        raise StoreError(errors.CORRUPT, "another program's file")
    if version == 0 and connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] > 0:
        raise StoreError(errors.CORRUPT, "tables without a version")
    for step, script in enumerate(MIGRATIONS[version:], start=version + 1):
        connection.executescript(f"BEGIN IMMEDIATE; {script}; PRAGMA application_id = {APPLICATION_ID}; "
                                 f"PRAGMA user_version = {step}; COMMIT;")


def translate(error: BaseException) -> BaseException:
    """An error of SQLite or of the operating system as a StoreError; any other as it is."""
    if isinstance(error, OSError):
        return errors.from_os_error(error)
    if not isinstance(error, sqlite3.Error):
        return error
    primary = getattr(error, "sqlite_errorcode", 0) & 0xFF
    name = getattr(error, "sqlite_errorname", type(error).__name__)
    if primary == sqlite3.SQLITE_FULL:
        return StoreError(errors.FULL, name)
    if primary in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return StoreError(errors.CORRUPT, name)
    if primary in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_AUTH):
        return StoreError(errors.PERMISSION, name)
    if primary in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL):
        return StoreError(errors.IO, name)
    return error


def is_duplicate(error: sqlite3.IntegrityError) -> bool:
    """The row is there already (as opposed to a broken reference)."""
    return error.sqlite_errorcode in (sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY)
