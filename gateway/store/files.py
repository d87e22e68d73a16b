"""Bytes of stills and prescriptions, named by their SHA-256. The file is durable before its row is written."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from gateway import durable_file

from . import errors
from .errors import StoreError

T = TypeVar("T")

WAITING_FILES = 8
"""Files that wait for the disk: a nurse takes a still every few seconds, and each holds up to 12 MiB."""


class Shelf:
    """A folder of files by content. Its one thread keeps big files out of the way of commits."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._room = asyncio.Semaphore(WAITING_FILES)
        self._thread = ThreadPoolExecutor(1, "store-files")
        self.problem: str | None = None

    async def open(self) -> None:
        """Make the folder; sweep what a cut left half-written. Raises StoreError."""
        await self._do(self._open)

    async def put(self, data: bytes) -> str:
        """Store `data`; returns its SHA-256 in hexadecimal when it is durable. Raises StoreError."""
        try:
            sha256 = await self._do(lambda: self._put(data))
        except StoreError as error:
            self.problem = error.code
            raise
        self.problem = None
        return sha256

    async def read(self, sha256: str) -> bytes:
        """The whole file, checked against its name. Raises StoreError (`store.corrupt` when it does not fit)."""
        return await self._do(lambda: self._read(sha256))

    async def part(self, sha256: str, offset: int, length: int) -> bytes:
        """Some bytes of a file, unchecked. Raises StoreError."""
        return await self._do(lambda: self._part(sha256, offset, length))

    async def remove(self, sha256: str) -> None:
        """Forget a file; one that is not there is no error. Raises StoreError."""
        await self._do(lambda: self._path(sha256).unlink(missing_ok=True))

    def close(self) -> None:
        """Finish what was begun. Idempotent."""
        self._thread.shutdown(wait=False)

    async def _do(self, work: Callable[[], T]) -> T:
        async with self._room:
            try:
                return await asyncio.get_running_loop().run_in_executor(self._thread, work)
            except OSError as error:
                raise errors.from_os_error(error) from error

    def _path(self, sha256: str) -> Path:
        return self._folder / sha256

    def _open(self) -> None:
        self._folder.mkdir(mode=0o700, exist_ok=True)
        durable_file.sync_folder(self._folder.parent)
        for stray in self._folder.glob(".*"):
            stray.unlink()

    def _put(self, data: bytes) -> str:
        sha256 = hashlib.sha256(data).hexdigest()
        path = self._path(sha256)
        # A file of this name may be one that rotted; writing the same bytes again mends it.
        if not path.exists() or hashlib.sha256(path.read_bytes()).hexdigest() != sha256:
            durable_file.write(path, data)
        else:
            durable_file.sync_folder(self._folder)
        return sha256

    def _read(self, sha256: str) -> bytes:
        try:
            data = self._path(sha256).read_bytes()
        except FileNotFoundError:
            raise StoreError(errors.CORRUPT, "a file is missing") from None
        if hashlib.sha256(data).hexdigest() != sha256:
            raise StoreError(errors.CORRUPT, "a file does not fit its name")
        return data

    def _part(self, sha256: str, offset: int, length: int) -> bytes:
        with self._path(sha256).open("rb") as file:
            file.seek(offset)
            return file.read(length)
