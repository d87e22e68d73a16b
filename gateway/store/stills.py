"""Stills: the bytes first, durable under their hash, then the row; the nurse keeps or drops it."""

from __future__ import annotations

from datetime import datetime

import msgspec

from protocol.kiosk import StillReview
from protocol.readings import Event, Still, StillTaken

from .errors import StoreConflict
from .events import append
from .files import Shelf
from .writer import Connection, Row, Writer

_still = msgspec.json.Decoder(Still)


class Stills:
    """Rows of `stills` and their files."""

    def __init__(self, writer: Writer, shelf: Shelf) -> None:
        self._writer = writer
        self._shelf = shelf

    async def put(self, encounter_id: str, instrument_id: str, still: Still, data: bytes) -> None:
        """Commit a still that waits for the nurse. Raises StoreConflict(`still.bytes`) when the bytes are
        not those `still` describes, StoreError."""
        if await self._shelf.put(data) != still.sha256 or len(data) != still.size:
            raise StoreConflict("still.bytes")

        def work(connection: Connection) -> None:
            connection.execute("INSERT INTO stills (still_id, encounter_id, instrument_id, sha256, state, still) "
                               "VALUES (?, ?, ?, ?, 'review', ?)",
                               (still.still_id, encounter_id, instrument_id, still.sha256, msgspec.json.encode(still)))
        await self._writer.run(work)

    async def keep(self, still_id: str, encounter_id: str, at: datetime, body_site: str = "",
                   like: str | None = None) -> Event:
        """The still joins its encounter, with what the nurse says of the place.

        Raises StoreConflict(`still.unknown`, `encounter.closed`), StoreError.
        """
        def work(connection: Connection) -> Event:
            row = connection.execute("UPDATE stills SET state = 'kept' WHERE still_id = ? AND encounter_id = ? "
                                     "AND state = 'review' RETURNING still", (still_id, encounter_id)).fetchone()
            if row is None:
                raise StoreConflict("still.unknown")
            still = msgspec.structs.replace(_still.decode(row["still"]), body_site=body_site, like=like)
            connection.execute("UPDATE stills SET still = ? WHERE still_id = ?",
                               (msgspec.json.encode(still), still_id))
            return append(connection, encounter_id, at, StillTaken(still=still))
        return await self._writer.run(work)

    async def drop(self, still_id: str) -> None:
        """Nobody wants it: the row says so and the bytes go. Raises StoreConflict(`still.unknown`), StoreError."""
        def work(connection: Connection) -> str | None:
            row = connection.execute("UPDATE stills SET state = 'dropped' WHERE still_id = ? AND state = 'review' "
                                     "RETURNING sha256", (still_id,)).fetchone()
            if row is None:
                raise StoreConflict("still.unknown")
            wanted = connection.execute("SELECT 1 FROM stills WHERE sha256 = ? AND state <> 'dropped'",
                                        (row["sha256"],)).fetchone()
            return None if wanted else row["sha256"]
        orphan = await self._writer.run(work)
        if orphan is not None:
            await self._shelf.remove(orphan)

    async def review(self, encounter_id: str) -> StillReview | None:
        """The newest still of an encounter that waits for the nurse. Raises StoreError."""
        def work(connection: Connection) -> Row | None:
            found: Row | None = connection.execute(
                "SELECT instrument_id, still FROM stills WHERE encounter_id = ? AND state = 'review' "
                "ORDER BY rowid DESC LIMIT 1", (encounter_id,)).fetchone()
            return found
        row = await self._writer.run(work)
        return StillReview(instrument_id=row["instrument_id"], still=_still.decode(row["still"])) if row else None

    async def get(self, still_id: str) -> Still:
        """A still that was not dropped. Raises StoreConflict(`still.unknown`), StoreError."""
        return await self._find("SELECT still FROM stills WHERE still_id = ? AND state <> 'dropped'", (still_id,))

    async def kept(self, still_id: str, encounter_id: str) -> Still:
        """A still that the nurse kept in this encounter. Raises StoreConflict(`still.unknown`), StoreError."""
        return await self._find("SELECT still FROM stills WHERE still_id = ? AND state = 'kept' AND encounter_id = ?",
                                (still_id, encounter_id))

    async def sweep(self) -> None:
        """Remove the bytes of stills that were dropped just before a cut. Raises StoreError."""
        def work(connection: Connection) -> list[str]:
            return [row["sha256"] for row in connection.execute(
                "SELECT DISTINCT sha256 FROM stills WHERE state = 'dropped' "
                "AND sha256 NOT IN (SELECT sha256 FROM stills WHERE state <> 'dropped')")]
        for sha256 in await self._writer.run(work):
            await self._shelf.remove(sha256)

    async def data(self, still_id: str) -> bytes:
        """Its JPEG, checked against its hash. Raises StoreConflict(`still.unknown`), StoreError."""
        return await self._shelf.read((await self.get(still_id)).sha256)

    async def part(self, still: Still, offset: int, length: int) -> bytes:
        """Some of its bytes. Raises StoreError."""
        return await self._shelf.part(still.sha256, offset, length)

    async def _find(self, query: str, values: tuple[str, ...]) -> Still:
        def work(connection: Connection) -> bytes:
            row = connection.execute(query, values).fetchone()
            if row is None:
                raise StoreConflict("still.unknown")
            return bytes(row["still"])
        return _still.decode(await self._writer.run(work))
