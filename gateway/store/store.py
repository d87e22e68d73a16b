"""The store as the rooms above see it: open it, use its parts, close it."""

from __future__ import annotations

import asyncio
import fcntl
import os
import shutil
from pathlib import Path
from types import TracebackType
from typing import Self

from gateway import durable_file

from . import errors
from .encounters import Encounters
from .errors import StoreError
from .events import Events
from .files import Shelf
from .kiosk_access import KioskAccess
from .outbox import Outbox
from .paired import Paired
from .prescriptions import Prescriptions
from .recordings import Recordings
from .stills import Stills
from .tray import Tray
from .waveforms import Waveforms
from .writer import FULL, Durability, Writer

DATABASE, FILES, LOCK = "passerelle.sqlite3", "files", "store.lock"


class Store:
    """The vehicle's memory in one directory, for one process at a time.

    Once a method that writes has returned, what it wrote survives a power cut (I1). When it raises
    StoreError nothing of it was kept, and `problem` says why until a write goes through again.
    `durability` is for tests that prove that a weaker one loses rows.
    """

    def __init__(self, directory: Path, *, durability: Durability = FULL) -> None:
        self._directory = directory
        self._writer = Writer(directory / DATABASE, durability)
        self._shelf = Shelf(directory / FILES)
        self._lock: int | None = None
        self.encounters = Encounters(self._writer)
        self.events = Events(self._writer)
        self.tray = Tray(self._writer)
        self.waveforms = Waveforms(self._writer)
        self.recordings = Recordings(self._writer)
        self.paired = Paired(self._writer)
        self.stills = Stills(self._writer, self._shelf)
        self.prescriptions = Prescriptions(self._writer, self._shelf)
        self.outbox = Outbox(self._writer)
        self.kiosk = KioskAccess(self._writer)

    @property
    def problem(self) -> str | None:
        """Code of what is wrong with the disk now, None when the last write went through."""
        return self._writer.problem or self._shelf.problem

    @property
    def commits(self) -> int:
        """Commits since the start: jobs that waited together share one."""
        return self._writer.commits

    def free_bytes(self) -> int:
        """Room left on the disk. Raises StoreError."""
        try:
            return shutil.disk_usage(self._directory).free
        except OSError as error:
            raise errors.from_os_error(error) from error

    async def open(self) -> None:
        """Take the directory, open or make the database. Raises StoreError; call `close` in any case."""
        await asyncio.to_thread(self._take_directory)
        await self._shelf.open()
        await self._writer.open()
        await self.stills.sweep()

    async def close(self) -> None:
        """Finish what was begun and let go of the directory. Idempotent."""
        await self._writer.close()
        self._shelf.close()
        lock, self._lock = self._lock, None
        if lock is not None:
            os.close(lock)

    async def __aenter__(self) -> Self:
        try:
            await self.open()
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None,
                        trace: TracebackType | None) -> None:
        await self.close()

    def _take_directory(self) -> None:
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            durable_file.sync_folder(self._directory.parent)
            self._lock = os.open(self._directory / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            # The lock goes with the process, also with one that was killed.
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StoreError(errors.IN_USE) from None
        except OSError as error:
            raise errors.from_os_error(error) from error
