"""Guests in the database: the one-time link, who used it, the generations. What is told was committed here before."""

from __future__ import annotations

import hashlib
import secrets
from datetime import UTC, datetime, timedelta

from sqlalchemy import func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from protocol.guest_signalling import GuestRefused
from protocol.guests import GuestInvitation, GuestRole, GuestWanted
from relay.audit import record
from relay.storage.base import Storage
from relay.storage.calls import CallRow
from relay.storage.guests import GuestRow

from .guests import Guest
from .refusals import MessageRefused

LINK_LIFETIME = timedelta(minutes=30)
"""Long enough to send the link and to be called to the telephone; the call ends it earlier."""

GUESTS_AT_ONCE = 3
"""A specialist, an interpreter and a relative: the bus's uplink carries its picture once more for each."""

GUESTS_EVER = 30
"""Invitations of one call: links that went astray, and no page fills a disk."""

TOKEN_OCTETS = 32
"""256 bits from the system's generator: out of a guesser's reach at any pace."""

PASS_LENGTH = 43
"""A resume token that a page made itself: 32 octets in base64url; a shorter one is replaced by ours."""


class GuestBook:
    """The relay's memory of guests."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    async def here(self) -> list[Guest]:
        """All who entered a call that is open and did not leave."""
        query = (select(GuestRow).join(CallRow, GuestRow.call_id == CallRow.call_id)
                 .where(CallRow.ended_at.is_(None), GuestRow.used_at.is_not(None), GuestRow.left_at.is_(None)))
        async with self._storage.reading() as session:
            return [_guest(row) for row in (await session.execute(query)).scalars()]

    async def gone(self, call_id: str) -> list[Guest]:
        """All whose part in this call is over, by a host's word, their own, or the relay's."""
        query = select(GuestRow).where(GuestRow.call_id == call_id, GuestRow.left_at.is_not(None))
        async with self._storage.reading() as session:
            return [_guest(row) for row in (await session.execute(query)).scalars()]

    async def guest(self, guest_id: str) -> Guest | None:
        """One guest, whatever became of it."""
        async with self._storage.reading() as session:
            row = await session.get(GuestRow, guest_id)
        return None if row is None else _guest(row)

    async def invite(self, doctor_id: str, call_id: str, wanted: GuestWanted) -> GuestInvitation:
        """Make a link. MessageRefused: `forbidden` (another doctor's call), `guest.call_over`, `guest.too_many`."""
        token, now = secrets.token_urlsafe(TOKEN_OCTETS), datetime.now(UTC)
        async with self._storage.session() as session:
            # The lock on the call's row makes counting and adding one step on PostgreSQL too.
            call = await session.get(CallRow, call_id, with_for_update=True)
            if call is None or call.doctor_id != doctor_id:
                raise MessageRefused("forbidden")
            if call.ended_at is not None:
                raise MessageRefused("guest.call_over")
            await self._room_for_another(session, call_id, now)
            guest = Guest(secrets.token_urlsafe(16), call_id, wanted.role, wanted.name)
            session.add(GuestRow(guest_id=guest.guest_id, call_id=call_id, token_hash=hashed(token), role=wanted.role,
                                 name=wanted.name, invited_at=now, expires_at=now + LINK_LIFETIME,
                                 vehicle_generation=0, doctor_generation=0))
            await record(session, what="guest.invited", who=doctor_id, about=guest.guest_id,
                         facts={"call": call_id, "role": wanted.role})
        return GuestInvitation(guest=guest.card, token=token, expires_at=now + LINK_LIFETIME)

    async def enter(self, token: str, own: str) -> tuple[Guest, str]:
        """Use a link up; the guest and the resume token by which it comes back. `own`: the one its page made.

        The same page may say it again: its `Welcome` may have been lost. MessageRefused: `guest.link_unknown`,
        `guest.link_used`, `guest.link_expired`, `guest.removed`, `guest.call_over`; each is audited.
        """
        resume = own if len(own) >= PASS_LENGTH else secrets.token_urlsafe(TOKEN_OCTETS)
        now = datetime.now(UTC)
        code = "guest.link_unknown"
        async with self._storage.session() as session:
            row = (await session.execute(select(GuestRow).where(GuestRow.token_hash == hashed(token))
                                         .with_for_update())).scalar_one_or_none()
            if row is not None:
                call = await session.get(CallRow, row.call_id)
                refused = _why_not(row, call, resume, now)
                if refused is None:
                    if row.used_at is None:
                        row.used_at, row.resume_hash = now, hashed(resume)
                        await record(session, what="guest.entered", who=f"guest:{row.guest_id}", about=row.guest_id,
                                     facts={"call": row.call_id})
                    return _guest(row), resume
                code = refused
            await _record_refusal(session, row, code)
        raise MessageRefused(code)

    async def look(self, token: str) -> tuple[Guest, datetime]:
        """Whose link this is and until when it opens; uses nothing up. MessageRefused as `enter`, audited too: a page
        asks here first."""
        async with self._storage.reading() as session:
            row = (await session.execute(select(GuestRow).where(
                GuestRow.token_hash == hashed(token)))).scalar_one_or_none()
            call = await session.get(CallRow, row.call_id) if row is not None else None
        refused = "guest.link_unknown" if row is None else _why_not(row, call, "", datetime.now(UTC))
        if row is not None and refused is None:
            return _guest(row), row.expires_at
        code = refused or "guest.link_unknown"
        async with self._storage.session() as session:
            await _record_refusal(session, row, code)
        raise MessageRefused(code)

    async def back(self, resume: str) -> Guest:
        """Who comes back by this resume token. MessageRefused: `guest.link_unknown`, `guest.removed`,
        `guest.call_over`."""
        async with self._storage.reading() as session:
            row = (await session.execute(select(GuestRow).where(
                GuestRow.resume_hash == hashed(resume)))).scalar_one_or_none() if resume else None
            call = await session.get(CallRow, row.call_id) if row is not None else None
        if row is None:
            raise MessageRefused("guest.link_unknown")
        if call is None or call.ended_at is not None:
            raise MessageRefused("guest.call_over")
        if row.left_at is not None:
            raise MessageRefused("guest.removed")
        return _guest(row)

    async def raised(self, raised: Guest) -> None:
        """Keep the generations."""
        async with self._storage.session() as session:
            await session.execute(update(GuestRow).where(GuestRow.guest_id == raised.guest_id).values(
                vehicle_generation=raised.vehicle, doctor_generation=raised.doctor))

    async def left(self, guest: Guest, *, by: str) -> None:
        """Its part is over; the link with it, used or not."""
        async with self._storage.session() as session:
            await session.execute(update(GuestRow).where(GuestRow.guest_id == guest.guest_id)
                                  .values(left_at=datetime.now(UTC)))
            await record(session, what="guest.left", who=by, about=guest.guest_id, facts={"call": guest.call_id})

    async def binding_refused(self, who: str, body: GuestRefused) -> None:
        """Write in the audit that one end did not believe the other's binding (I5)."""
        async with self._storage.session() as session:
            await record(session, what="guest.binding_refused", who=who, about=body.guest_id, facts={
                "call": body.call_id, "host": body.host, "code": body.code, "generation": body.generation})

    async def _room_for_another(self, session: AsyncSession, call_id: str, now: datetime) -> None:
        of_call = select(func.count()).select_from(GuestRow).where(GuestRow.call_id == call_id)
        live = of_call.where(GuestRow.left_at.is_(None),
                             or_(GuestRow.used_at.is_not(None), GuestRow.expires_at > now))
        if ((await session.execute(live)).scalar() or 0) >= GUESTS_AT_ONCE \
                or ((await session.execute(of_call)).scalar() or 0) >= GUESTS_EVER:
            raise MessageRefused("guest.too_many")


def hashed(token: str) -> str:
    """As tokens are kept."""
    return hashlib.sha256(token.encode(errors="surrogatepass")).hexdigest()


async def _record_refusal(session: AsyncSession, row: GuestRow | None, code: str) -> None:
    await record(session, what="guest.refused", who="unknown", about=row.guest_id if row is not None else "",
                 facts={"code": code})


def _why_not(row: GuestRow, call: CallRow | None, resume: str, now: datetime) -> str | None:
    if call is None or call.ended_at is not None:
        return "guest.call_over"
    if row.left_at is not None:
        return "guest.removed"
    if row.used_at is not None:
        return None if row.resume_hash == hashed(resume) else "guest.link_used"
    return "guest.link_expired" if row.expires_at <= now else None


def _guest(row: GuestRow) -> Guest:
    return Guest(row.guest_id, row.call_id, GuestRole(row.role), row.name, row.vehicle_generation,
                 row.doctor_generation, row.left_at is not None)
