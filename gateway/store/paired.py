"""Instruments that were paired at the touchscreen. What a row's body says is the business of the room above."""

from __future__ import annotations

import sqlite3

from .errors import StoreConflict
from .writer import Connection, Row, Writer, is_duplicate


class Paired:
    """Rows of `paired`."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    async def put(self, instrument_id: str, number: int, body: bytes) -> None:
        """Commit an instrument; the same identifier again replaces it.

        Raises StoreConflict(`instrument.number`) when another one has the number, StoreError.
        """
        def work(connection: Connection) -> None:
            try:
                connection.execute("INSERT INTO paired (instrument_id, number, body) VALUES (?, ?, ?) "
                                   "ON CONFLICT (instrument_id) DO UPDATE SET number = excluded.number, "
                                   "body = excluded.body", (instrument_id, number, body))
            except sqlite3.IntegrityError as error:
                if is_duplicate(error):
                    raise StoreConflict("instrument.number") from error
                raise
        await self._writer.run(work)

    async def remove(self, instrument_id: str) -> None:
        """Forget an instrument. Raises StoreConflict(`instrument.unknown`), StoreError."""
        def work(connection: Connection) -> None:
            if connection.execute("DELETE FROM paired WHERE instrument_id = ?", (instrument_id,)).rowcount != 1:
                raise StoreConflict("instrument.unknown")
        await self._writer.run(work)

    async def all(self) -> tuple[bytes, ...]:
        """The bodies, by number. Raises StoreError."""
        def work(connection: Connection) -> list[Row]:
            return connection.execute("SELECT body FROM paired ORDER BY number").fetchall()
        return tuple(bytes(row["body"]) for row in await self._writer.run(work))
