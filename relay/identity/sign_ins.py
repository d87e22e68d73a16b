"""Cookie sessions: made at sign-in, looked up at each request, ended at once."""

from __future__ import annotations

import hashlib
import secrets
from datetime import UTC, datetime, timedelta

from sqlalchemy import ColumnElement, select, update

from protocol.accounts import PersonKind
from protocol.values import DoctorCard, Struct
from relay.audit import record
from relay.bus import AccountEnded, Bus
from relay.storage.base import Storage
from relay.storage.people import Account, SignedIn

from .accounts import doctor_card

LIFETIME = timedelta(hours=12)
"""A working day; the next one starts with a password."""

TOKEN_OCTETS = 32
"""256 bits from the system's generator."""


class Person(Struct, frozen=True, kw_only=True):
    """Who is asking. `doctor` is there for doctors only."""

    account_id: str
    session_id: str
    kind: PersonKind
    name: str
    doctor: DoctorCard | None


class SignIns:
    """Keeps sign-ins. The cookie's value is never stored, only its SHA-256."""

    def __init__(self, storage: Storage, bus: Bus) -> None:
        self._storage = storage
        self._bus = bus

    async def begin(self, account: Account) -> str:
        """Sign an account in; answers the cookie's value."""
        token, now = secrets.token_urlsafe(TOKEN_OCTETS), datetime.now(UTC)
        async with self._storage.session() as session:
            session_id = secrets.token_urlsafe(16)
            session.add(SignedIn(session_id=session_id, token_hash=_hash(token), account_id=account.account_id,
                                 since=now, ends_at=now + LIFETIME))
            await record(session, what="person.signed_in", who=account.account_id, about=session_id)
        return token

    async def person(self, token: str) -> Person | None:
        """Whose cookie this is; None when it is nobody's any more."""
        return await self._person(SignedIn.token_hash == _hash(token))

    async def by_session(self, account_id: str, session_id: str) -> Person | None:
        """The person of a sign-in named in a token; None when it ended."""
        found = await self._person(SignedIn.session_id == session_id)
        return found if found is not None and found.account_id == account_id else None

    async def end(self, person: Person) -> None:
        """Sign out, here and on the sockets of this sign-in."""
        async with self._storage.session() as session:
            await session.execute(update(SignedIn).where(SignedIn.session_id == person.session_id)
                                  .values(ended_at=datetime.now(UTC)))
            await record(session, what="person.signed_out", who=person.account_id, about=person.session_id)
        await self._bus.publish(AccountEnded(account_id=person.account_id, session_id=person.session_id,
                                             code="session.signed_out"))

    async def disable(self, account_id: str, by: str) -> None:
        """Close an account at once: no sign-in, no cookie, no socket of it holds any longer."""
        now = datetime.now(UTC)
        async with self._storage.session() as session:
            await session.execute(update(Account).where(Account.account_id == account_id).values(disabled_at=now))
            await session.execute(update(SignedIn).where(SignedIn.account_id == account_id,
                                                         SignedIn.ended_at.is_(None)).values(ended_at=now))
            await record(session, what="account.disabled", who=by, about=account_id)
        await self._bus.publish(AccountEnded(account_id=account_id, code="account.disabled"))

    async def end_expired(self) -> None:
        """End what is past its time, with its sockets."""
        now = datetime.now(UTC)
        async with self._storage.session() as session:
            late = list((await session.execute(select(SignedIn).where(SignedIn.ended_at.is_(None),
                                                                      SignedIn.ends_at <= now))).scalars())
            for row in late:
                row.ended_at = row.ends_at
        for row in late:
            await self._bus.publish(AccountEnded(account_id=row.account_id, session_id=row.session_id,
                                                 code="session.expired"))

    async def _person(self, condition: ColumnElement[bool]) -> Person | None:
        query = (select(SignedIn, Account).join(Account, SignedIn.account_id == Account.account_id)
                 .where(condition, SignedIn.ended_at.is_(None), SignedIn.ends_at > datetime.now(UTC),
                        Account.disabled_at.is_(None)))
        async with self._storage.reading() as session:
            row = (await session.execute(query)).one_or_none()
        if row is None:
            return None
        signed_in, account = row
        kind = PersonKind(account.kind)
        return Person(account_id=account.account_id, session_id=signed_in.session_id, kind=kind, name=account.name,
                      doctor=doctor_card(account) if kind is PersonKind.doctor else None)


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
