"""Finished recordings (a resting ECG cart's): a reading and its whole stream, entered in one commit or not at all."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

from protocol.readings import (
    Chunk,
    Event,
    Reading,
    ReadingTaken,
    Waveform,
    WaveformEnd,
    WaveformStarted,
    WaveformStopped,
)

from .events import append, remember
from .writer import Connection, Writer

COMPLETE = "waveform.recorded"
"""Why such a stream ended: the recording was finished before it came."""

_waveform = msgspec.json.Decoder(Waveform)
_chunks = msgspec.msgpack.Decoder(list[bytes])


class Recordings:
    """Recordings that join an encounter at once."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    async def enter(self, encounter_id: str, at: datetime, reading: Reading, waveform: Waveform,
                    chunks: Sequence[Chunk]) -> tuple[Event, ...]:
        """The recording joins an open encounter; no event when its file is known already. The stream number
        is the store's, whatever `waveform` and `chunks` say.

        Raises StoreConflict(`encounter.closed`), StoreError: then nothing was kept.
        """
        def work(connection: Connection) -> tuple[Event, ...]:
            if not remember(connection, reading):
                return ()
            event = append(connection, encounter_id, at, ReadingTaken(reading=reading))
            return event, *_stream(connection, encounter_id, at, reading.reading_id, waveform, chunks)
        return await self._writer.run(work)


def park(connection: Connection, reading_id: str, waveform: Waveform, chunks: Sequence[Chunk]) -> None:
    """Keep the samples of a reading that goes to the tray, inside its transaction."""
    connection.execute("INSERT INTO recordings (reading_id, waveform, chunks) VALUES (?, ?, ?)",
                       (reading_id, msgspec.json.encode(waveform),
                        msgspec.msgpack.encode([bytes(chunk) for chunk in chunks])))


def release(connection: Connection, encounter_id: str, at: datetime, reading_id: str) -> tuple[Event, ...]:
    """The stream of a recording that leaves the tray, inside a transaction; nothing for any other reading."""
    row = connection.execute("DELETE FROM recordings WHERE reading_id = ? RETURNING waveform, chunks",
                             (reading_id,)).fetchone()
    if row is None:
        return ()
    chunks = [Chunk.from_bytes(body) for body in _chunks.decode(row["chunks"])]
    return _stream(connection, encounter_id, at, reading_id, _waveform.decode(row["waveform"]), chunks)


def _stream(connection: Connection, encounter_id: str, at: datetime, reading_id: str, waveform: Waveform,
            chunks: Sequence[Chunk]) -> tuple[Event, ...]:
    row = connection.execute("INSERT INTO streams (encounter_id, instrument_id) VALUES (?, ?) RETURNING stream_id",
                             (encounter_id, waveform.device.device_id)).fetchone()
    stream_id = int(row["stream_id"])
    described = msgspec.structs.replace(waveform, stream_id=stream_id, reading_id=reading_id)
    end = WaveformEnd(stream_id=stream_id, chunks=len(chunks), reason=COMPLETE)
    connection.executemany("INSERT INTO chunks (stream_id, number, body) VALUES (?, ?, ?)", [
        (stream_id, number, bytes(msgspec.structs.replace(chunk, stream_id=stream_id, number=number)))
        for number, chunk in enumerate(chunks)])
    connection.execute("UPDATE streams SET waveform = ?, ended = ?, chunks = ? WHERE stream_id = ?",
                       (msgspec.json.encode(described), msgspec.json.encode(end), len(chunks), stream_id))
    return (append(connection, encounter_id, at, WaveformStarted(waveform=described)),
            append(connection, encounter_id, at, WaveformStopped(end=end)))
