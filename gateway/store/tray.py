"""Readings that belong to no encounter until a person says so (I2). Nothing is ever deleted here."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

from protocol.kiosk import TrayItem
from protocol.readings import Chunk, Event, Reading, ReadingTaken, Waveform

from . import recordings
from .errors import StoreConflict
from .events import append, remember
from .writer import Connection, Row, Writer

_reading = msgspec.json.Decoder(Reading)


class Tray:
    """Rows of `tray`."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    async def put(self, reading: Reading, reason: str,
                  recording: tuple[Waveform, Sequence[Chunk]] | None = None) -> bool:
        """Commit a reading to the tray, with the samples when it is a recording; False when this measurement is
        known already. Raises StoreError."""
        def work(connection: Connection) -> bool:
            if not remember(connection, reading):
                return False
            connection.execute("INSERT INTO tray (reading_id, received_at, reason, reading) VALUES (?, ?, ?, ?)",
                               (reading.reading_id, reading.received_at.isoformat(), reason,
                                msgspec.json.encode(reading)))
            if recording is not None:
                recordings.park(connection, reading.reading_id, *recording)
            return True
        return await self._writer.run(work)

    async def items(self) -> tuple[TrayItem, ...]:
        """What waits for a person, oldest first. Raises StoreError."""
        def work(connection: Connection) -> list[Row]:
            return connection.execute("SELECT reason, reading FROM tray WHERE settled_at IS NULL "
                                      "ORDER BY received_at, reading_id").fetchall()
        return tuple(TrayItem(reading=_reading.decode(row["reading"]), reason=row["reason"])
                     for row in await self._writer.run(work))

    async def assign(self, reading_id: str, encounter_id: str, at: datetime, nurse_id: str) -> tuple[Event, ...]:
        """A person says whose it is: it becomes an event of that open encounter, with the stream of a recording,
        in one commit.

        Raises StoreConflict(`tray.unknown`, `encounter.closed`), StoreError.
        """
        def work(connection: Connection) -> tuple[Event, ...]:
            reading = _settle(connection, reading_id, at, nurse_id, encounter_id)
            event = append(connection, encounter_id, at, ReadingTaken(reading=reading))
            return event, *recordings.release(connection, encounter_id, at, reading_id)
        return await self._writer.run(work)

    async def discard(self, reading_id: str, at: datetime, nurse_id: str) -> None:
        """A person says it belongs to nobody here; the row stays. Raises StoreConflict(`tray.unknown`), StoreError."""
        await self._writer.run(lambda connection: _settle(connection, reading_id, at, nurse_id, None))


def _settle(connection: Connection, reading_id: str, at: datetime, nurse_id: str,
            encounter_id: str | None) -> Reading:
    row = connection.execute("UPDATE tray SET settled_at = ?, settled_by = ?, encounter_id = ? "
                             "WHERE reading_id = ? AND settled_at IS NULL RETURNING reading",
                             (at.isoformat(), nurse_id, encounter_id, reading_id)).fetchone()
    if row is None:
        raise StoreConflict("tray.unknown")
    return _reading.decode(row["reading"])
