"""Encounters: the open one, its record, and those whose papers are not done."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

import msgspec

from protocol.prescription import STEPS
from protocol.signalling import FromVehicle

from .errors import StoreConflict
from .outbox import post
from .prescriptions import views
from .records import EncounterCounts, EncounterRecord, UnfinishedRecord
from .writer import Connection, Writer, is_duplicate

_record = msgspec.json.Decoder(EncounterRecord)

OPEN_PAPERS = tuple(sorted(state for state, following in STEPS.items() if following))
"""States of a prescription after which something is still to be done."""


class Encounters:
    """Rows of `encounters`."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    async def open(self, record: EncounterRecord) -> None:
        """Insert the one open encounter. Raises StoreConflict(`encounter.open`), StoreError."""
        def work(connection: Connection) -> None:
            try:
                connection.execute("INSERT INTO encounters (encounter_id, opened_at, record) VALUES (?, ?, ?)",
                                   (record.encounter_id, record.opened_at.isoformat(), msgspec.json.encode(record)))
            except sqlite3.IntegrityError as error:
                if is_duplicate(error):
                    raise StoreConflict("encounter.open") from None
                raise
        await self._writer.run(work)

    async def save(self, record: EncounterRecord) -> None:
        """Replace the record of an open encounter. Raises StoreConflict(`encounter.closed`), StoreError."""
        await self._writer.run(lambda connection: _save(connection, record, ()))

    async def close(self, record: EncounterRecord, bodies: Sequence[FromVehicle]) -> None:
        """Close it for good and post what the relay must hear of it, in one commit.

        `record.closed_at` is set. Raises StoreConflict(`encounter.closed`), StoreError.
        """
        await self._writer.run(lambda connection: _save(connection, record, bodies))

    async def current(self) -> EncounterRecord | None:
        """The open encounter. Raises StoreError."""
        def work(connection: Connection) -> bytes | None:
            row = connection.execute("SELECT record FROM encounters WHERE closed_at IS NULL").fetchone()
            return row["record"] if row else None
        found = await self._writer.run(work)
        return _record.decode(found) if found is not None else None

    async def get(self, encounter_id: str) -> EncounterRecord | None:
        """Any encounter. Raises StoreError."""
        def work(connection: Connection) -> bytes | None:
            row = connection.execute("SELECT record FROM encounters WHERE encounter_id = ?",
                                     (encounter_id,)).fetchone()
            return row["record"] if row else None
        found = await self._writer.run(work)
        return _record.decode(found) if found is not None else None

    async def last_closed(self) -> EncounterRecord | None:
        """The encounter that was closed last: who sat on the chair before. Raises StoreError."""
        def work(connection: Connection) -> bytes | None:
            row = connection.execute("SELECT record FROM encounters WHERE closed_at IS NOT NULL "
                                     "ORDER BY closed_at DESC LIMIT 1").fetchone()
            return row["record"] if row else None
        found = await self._writer.run(work)
        return _record.decode(found) if found is not None else None

    async def counts(self, encounter_id: str) -> EncounterCounts:
        """Events and acknowledgements. Raises StoreConflict(`encounter.unknown`), StoreError."""
        return await self._writer.run(lambda connection: counts(connection, encounter_id))

    async def unfinished(self) -> tuple[UnfinishedRecord, ...]:
        """Closed encounters with a prescription that is neither handed over nor refused, oldest first."""
        def work(connection: Connection) -> tuple[UnfinishedRecord, ...]:
            marks = ", ".join("?" * len(OPEN_PAPERS))
            rows = connection.execute(
                f"SELECT encounter_id, record FROM encounters WHERE closed_at IS NOT NULL AND encounter_id IN "  # noqa: S608
                f"(SELECT encounter_id FROM prescriptions WHERE state IN ({marks})) ORDER BY opened_at",
                OPEN_PAPERS).fetchall()
            return tuple(UnfinishedRecord(record=_record.decode(row["record"]),
                                          prescriptions=views(connection, row["encounter_id"]),
                                          counts=counts(connection, row["encounter_id"])) for row in rows)
        return await self._writer.run(work)


def counts(connection: Connection, encounter_id: str) -> EncounterCounts:
    """Events and acknowledgements, inside a transaction."""
    row = connection.execute("SELECT last_seq, acknowledged FROM encounters WHERE encounter_id = ?",
                             (encounter_id,)).fetchone()
    if row is None:
        raise StoreConflict("encounter.unknown")
    return EncounterCounts(row["last_seq"], row["acknowledged"])


def _save(connection: Connection, record: EncounterRecord, bodies: Sequence[FromVehicle]) -> None:
    closed_at = record.closed_at.isoformat() if record.closed_at else None
    done = connection.execute("UPDATE encounters SET record = ?, closed_at = ? "
                              "WHERE encounter_id = ? AND closed_at IS NULL",
                              (msgspec.json.encode(record), closed_at, record.encounter_id))
    if done.rowcount != 1:
        raise StoreConflict("encounter.closed")
    for body in bodies:
        post(connection, body)
