"""A printer that is a folder: each page is a PDF file that appears whole, under the prescription's name."""

from __future__ import annotations

import asyncio
from pathlib import Path

from gateway import durable_file

from .errors import NotPrinted

READABLE = 0o644
"""Whoever stands for the printer's tray reads it."""


class FolderPrinter:
    """Writes `<prescription_id>.pdf`; a file that is there was printed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._problem: str | None = None

    @property
    def problem(self) -> str | None:
        """`printer.folder` when the last page could not be written."""
        return self._problem

    async def put(self, prescription_id: str, pdf: bytes) -> None:
        """Raises NotPrinted: a file appears whole or not at all."""
        try:
            await asyncio.to_thread(self._write, f"{prescription_id}.pdf", pdf)
        except OSError as error:
            self._problem = "printer.folder"
            raise NotPrinted("printer.folder") from error
        self._problem = None

    async def withdraw(self, prescription_id: str) -> None:
        """A folder prints at once: nothing waits."""

    def _write(self, name: str, pdf: bytes) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        durable_file.write(self._folder / name, pdf, READABLE)
