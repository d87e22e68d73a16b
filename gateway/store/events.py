"""The events of an encounter: numbered without a hole, committed before anyone hears of them (I1)."""

from __future__ import annotations

import sqlite3
from datetime import datetime

import msgspec

from protocol.readings import Event, EventBody, Reading, ReadingTaken

from .errors import StoreConflict
from .records import EncounterCounts, measurement_key
from .writer import Connection, Row, Writer, is_duplicate

_body: msgspec.json.Decoder[EventBody] = msgspec.json.Decoder(EventBody)

EVENTS_AT_ONCE = 64
"""Events read in one go when a page catches up: with thumbnails about 1.5 MB."""


class Events:
    """Rows of `events` and `measurements`."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    async def append(self, encounter_id: str, at: datetime, body: EventBody) -> Event | None:
        """Commit one event of an open encounter; None when this measurement is known already.

        Raises StoreConflict(`encounter.closed`), StoreError: then nothing was kept.
        """
        def work(connection: Connection) -> Event | None:
            if isinstance(body, ReadingTaken) and not remember(connection, body.reading):
                return None
            return append(connection, encounter_id, at, body)
        return await self._writer.run(work)

    async def after(self, encounter_id: str, seq: int, limit: int = EVENTS_AT_ONCE) -> tuple[Event, ...]:
        """Events with a number above `seq`, in order, at most `limit`. Raises StoreError."""
        def work(connection: Connection) -> list[Row]:
            return connection.execute("SELECT seq, at, body FROM events WHERE encounter_id = ? AND seq > ? "
                                      "ORDER BY seq LIMIT ?", (encounter_id, seq, limit)).fetchall()
        return tuple(Event(encounter_id=encounter_id, seq=row["seq"], at=datetime.fromisoformat(row["at"]),
                           body=_body.decode(row["body"])) for row in await self._writer.run(work))

    async def acknowledge(self, encounter_id: str, seq: int) -> EncounterCounts:
        """Note that the doctor's page holds everything through `seq`; it never goes back.

        Raises StoreConflict(`ack.beyond`, `encounter.unknown`), StoreError.
        """
        def work(connection: Connection) -> EncounterCounts:
            row = connection.execute("SELECT last_seq FROM encounters WHERE encounter_id = ?",
                                     (encounter_id,)).fetchone()
            if row is None:
                raise StoreConflict("encounter.unknown")
            if seq > row["last_seq"]:
                raise StoreConflict("ack.beyond")
            row = connection.execute("UPDATE encounters SET acknowledged = max(acknowledged, ?) "
                                     "WHERE encounter_id = ? RETURNING last_seq, acknowledged",
                                     (seq, encounter_id)).fetchone()
            return EncounterCounts(row["last_seq"], row["acknowledged"])
        return await self._writer.run(work)


def append(connection: Connection, encounter_id: str, at: datetime, body: EventBody) -> Event:
    """Number and insert an event, inside a transaction."""
    row = connection.execute("UPDATE encounters SET last_seq = last_seq + 1 "
                             "WHERE encounter_id = ? AND closed_at IS NULL RETURNING last_seq",
                             (encounter_id,)).fetchone()
    if row is None:
        raise StoreConflict("encounter.closed")
    connection.execute("INSERT INTO events (encounter_id, seq, at, body) VALUES (?, ?, ?, ?)",
                       (encounter_id, row["last_seq"], at.isoformat(), msgspec.json.encode(body)))
    return Event(encounter_id=encounter_id, seq=row["last_seq"], at=at, body=body)


def remember(connection: Connection, reading: Reading) -> bool:
    """Note a measurement; False when it came before. Inside a transaction."""
    try:
        connection.execute("INSERT INTO measurements (key, reading_id, received_at) VALUES (?, ?, ?)",
                           (measurement_key(reading), reading.reading_id, reading.received_at.isoformat()))
    except sqlite3.IntegrityError as error:
        if is_duplicate(error):
            return False
        raise
    return True
