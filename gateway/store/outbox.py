"""Signalling bodies that must reach the relay, through kill -9 and days without a network."""

from __future__ import annotations

import msgspec

from protocol.signalling import FromVehicle

from .writer import Connection, Row, Writer

_body: msgspec.json.Decoder[FromVehicle] = msgspec.json.Decoder(FromVehicle)

OUTBOX_AT_ONCE = 128
"""Bodies read in one go: half of what the relay keeps in flight for a client."""


class Outbox:
    """Rows of `outbox`. Bodies are idempotent at the relay: one sent twice does no harm."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    async def after(self, n: int, limit: int = OUTBOX_AT_ONCE) -> tuple[tuple[int, FromVehicle], ...]:
        """What was posted after `n` and is not delivered, in order. Raises StoreError."""
        def work(connection: Connection) -> list[Row]:
            return connection.execute("SELECT n, body FROM outbox WHERE n > ? ORDER BY n LIMIT ?",
                                      (n, limit)).fetchall()
        return tuple((row["n"], _body.decode(row["body"])) for row in await self._writer.run(work))

    async def delivered(self, body: FromVehicle) -> bool:
        """The relay has it: the row goes. False: it was no row of ours. Raises StoreError."""
        def work(connection: Connection) -> bool:
            return connection.execute("DELETE FROM outbox WHERE body = ?", (msgspec.json.encode(body),)).rowcount > 0
        return await self._writer.run(work)

    async def waiting(self) -> int:
        """How many the relay does not have yet. Raises StoreError."""
        return await self._writer.run(lambda connection: int(
            connection.execute("SELECT count(*) FROM outbox").fetchone()[0]))


def post(connection: Connection, body: FromVehicle) -> None:
    """Add a body, inside the transaction of what it tells; the same one again changes nothing."""
    connection.execute("INSERT INTO outbox (body) VALUES (?) ON CONFLICT DO NOTHING", (msgspec.json.encode(body),))
