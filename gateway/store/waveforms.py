"""Streams of samples and their chunks."""

from __future__ import annotations

from datetime import datetime

import msgspec

from protocol.readings import Chunk, Event, Waveform, WaveformEnd, WaveformStarted, WaveformStopped

from .errors import StoreConflict
from .events import append
from .writer import Connection, Row, Writer

_waveform = msgspec.json.Decoder(Waveform)


class RunningStream(msgspec.Struct, frozen=True):
    """A stream without an end; `waveform` is None when it was numbered and never began."""

    stream_id: int
    instrument_id: str
    waveform: Waveform | None
    chunks: int


class Waveforms:
    """Rows of `streams` and `chunks`."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    async def number(self, encounter_id: str, instrument_id: str) -> int:
        """A stream number that no stream of this vehicle ever had. Raises StoreError."""
        def work(connection: Connection) -> int:
            row = connection.execute("INSERT INTO streams (encounter_id, instrument_id) VALUES (?, ?) "
                                     "RETURNING stream_id", (encounter_id, instrument_id)).fetchone()
            return int(row["stream_id"])
        return await self._writer.run(work)

    async def begin(self, waveform: Waveform, at: datetime) -> Event:
        """Commit the description and its event. Raises StoreConflict, StoreError."""
        def work(connection: Connection) -> Event:
            row = connection.execute("UPDATE streams SET waveform = ? WHERE stream_id = ? AND ended IS NULL "
                                     "RETURNING encounter_id",
                                     (msgspec.json.encode(waveform), waveform.stream_id)).fetchone()
            if row is None:
                raise StoreConflict("stream.unknown")
            return append(connection, row["encounter_id"], at, WaveformStarted(waveform=waveform))
        return await self._writer.run(work)

    async def chunk(self, chunk: Chunk) -> None:
        """Commit one chunk; the same number again changes nothing. Raises StoreConflict, StoreError."""
        body = bytes(chunk)

        def work(connection: Connection) -> None:
            done = connection.execute("UPDATE streams SET chunks = max(chunks, ?) WHERE stream_id = ?",
                                      (chunk.number + 1, chunk.stream_id))
            if done.rowcount != 1:
                raise StoreConflict("stream.unknown")
            connection.execute("INSERT INTO chunks (stream_id, number, body) VALUES (?, ?, ?) "
                               "ON CONFLICT DO NOTHING", (chunk.stream_id, chunk.number, body))
        await self._writer.run(work)

    async def end(self, end: WaveformEnd, at: datetime) -> Event | None:
        """Commit the end and its event; None when it had ended, or had never begun.

        The count is what the store holds when that is more. Raises StoreConflict, StoreError.
        """
        def work(connection: Connection) -> Event | None:
            row = connection.execute("SELECT encounter_id, waveform, chunks, ended FROM streams WHERE stream_id = ?",
                                     (end.stream_id,)).fetchone()
            if row is None:
                raise StoreConflict("stream.unknown")
            if row["ended"] is not None:
                return None
            whole = msgspec.structs.replace(end, chunks=max(end.chunks, row["chunks"]))
            connection.execute("UPDATE streams SET ended = ? WHERE stream_id = ?",
                               (msgspec.json.encode(whole), end.stream_id))
            if row["waveform"] is None:
                return None
            return append(connection, row["encounter_id"], at, WaveformStopped(end=whole))
        return await self._writer.run(work)

    async def running(self, encounter_id: str) -> tuple[RunningStream, ...]:
        """Streams of an encounter that have no end: after a restart, those a cut left. Raises StoreError."""
        def work(connection: Connection) -> list[Row]:
            return connection.execute("SELECT stream_id, instrument_id, waveform, chunks FROM streams "
                                      "WHERE encounter_id = ? AND ended IS NULL ORDER BY stream_id",
                                      (encounter_id,)).fetchall()
        return tuple(RunningStream(row["stream_id"], row["instrument_id"],
                                   _waveform.decode(row["waveform"]) if row["waveform"] is not None else None,
                                   row["chunks"]) for row in await self._writer.run(work))

    async def chunks(self, encounter_id: str, stream_id: int, first: int, end: int, limit: int) -> tuple[Chunk, ...]:
        """Chunks [first, end) of a stream of this encounter, in order, at most `limit`, marked `again`.

        Raises StoreConflict(`stream.unknown`) for another encounter's stream, StoreError.
        """
        def work(connection: Connection) -> list[Row]:
            owner = connection.execute("SELECT 1 FROM streams WHERE stream_id = ? AND encounter_id = ?",
                                       (stream_id, encounter_id)).fetchone()
            if owner is None:
                raise StoreConflict("stream.unknown")
            return connection.execute("SELECT body FROM chunks WHERE stream_id = ? AND number >= ? AND number < ? "
                                      "ORDER BY number LIMIT ?", (stream_id, first, end, limit)).fetchall()
        return tuple(msgspec.structs.replace(Chunk.from_bytes(row["body"]), again=True)
                     for row in await self._writer.run(work))
