"""Who is signed in at the kiosk and how often a PIN was wrong. Tokens are stored as hashes only."""

from __future__ import annotations

from datetime import datetime

import msgspec

from .writer import Connection, Row, Writer


class KioskSessionRow(msgspec.Struct, frozen=True):
    """A session of the touchscreen."""

    nurse_id: str
    signed_in_at: datetime
    seen_at: datetime


class PinFailures(msgspec.Struct, frozen=True):
    """Wrong PINs in a row, and when the last one was."""

    failures: int
    last_at: datetime


class KioskAccess:
    """Rows of `kiosk_sessions` and `pin_failures`."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    async def sign_in(self, token_hash: str, nurse_id: str, at: datetime) -> None:
        """Commit a session and forget the nurse's wrong PINs. Raises StoreError."""
        def work(connection: Connection) -> None:
            connection.execute("INSERT INTO kiosk_sessions (token_hash, nurse_id, signed_in_at, seen_at) "
                               "VALUES (?, ?, ?, ?)", (token_hash, nurse_id, at.isoformat(), at.isoformat()))
            connection.execute("DELETE FROM pin_failures WHERE nurse_id = ?", (nurse_id,))
        await self._writer.run(work)

    async def session(self, token_hash: str) -> KioskSessionRow | None:
        """The session of a token. Raises StoreError."""
        def work(connection: Connection) -> Row | None:
            found: Row | None = connection.execute("SELECT * FROM kiosk_sessions WHERE token_hash = ?",
                                                   (token_hash,)).fetchone()
            return found
        row = await self._writer.run(work)
        return None if row is None else KioskSessionRow(row["nurse_id"], datetime.fromisoformat(row["signed_in_at"]),
                                                        datetime.fromisoformat(row["seen_at"]))

    async def seen(self, token_hash: str, at: datetime) -> None:
        """Note that the session is used. Raises StoreError."""
        await self._writer.run(lambda connection: connection.execute(
            "UPDATE kiosk_sessions SET seen_at = ? WHERE token_hash = ?", (at.isoformat(), token_hash)) and None)

    async def sign_out(self, token_hash: str) -> None:
        """End one session; one that is not there is no error. Raises StoreError."""
        await self._writer.run(lambda connection: connection.execute(
            "DELETE FROM kiosk_sessions WHERE token_hash = ?", (token_hash,)) and None)

    async def expire(self, before: datetime) -> None:
        """End the sessions that were not used since `before`. Raises StoreError."""
        await self._writer.run(lambda connection: connection.execute(
            "DELETE FROM kiosk_sessions WHERE seen_at < ?", (before.isoformat(),)) and None)

    async def pin_failed(self, nurse_id: str, at: datetime) -> PinFailures:
        """Count a wrong PIN, durably: a restart does not give new tries. Raises StoreError."""
        def work(connection: Connection) -> int:
            row = connection.execute("INSERT INTO pin_failures (nurse_id, failures, last_at) VALUES (?, 1, ?) "
                                     "ON CONFLICT (nurse_id) DO UPDATE SET failures = failures + 1, "
                                     "last_at = excluded.last_at RETURNING failures",
                                     (nurse_id, at.isoformat())).fetchone()
            return int(row["failures"])
        return PinFailures(await self._writer.run(work), at)

    async def pin_failures(self, nurse_id: str) -> PinFailures | None:
        """Wrong PINs since the last right one. Raises StoreError."""
        def work(connection: Connection) -> Row | None:
            found: Row | None = connection.execute("SELECT failures, last_at FROM pin_failures WHERE nurse_id = ?",
                                                   (nurse_id,)).fetchone()
            return found
        row = await self._writer.run(work)
        return None if row is None else PinFailures(row["failures"], datetime.fromisoformat(row["last_at"]))

    async def pin_forgiven(self, nurse_id: str) -> None:
        """Start counting anew: the wait is over. Raises StoreError."""
        await self._writer.run(lambda connection: connection.execute(
            "DELETE FROM pin_failures WHERE nurse_id = ?", (nurse_id,)) and None)
