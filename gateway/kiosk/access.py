"""Who is signed in at the touchscreen: PINs, lock-out, sessions that survive a restart."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import structlog
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from protocol.kiosk import Nurse

from ..store import StoreError
from .partners import Clock, KioskRefused, Sessions

log = structlog.get_logger()

WRONG_PINS = 5
"""A gloved hand mistypes; a guesser of four digits gets five tries a minute, 23 days for all of them."""
WAIT = timedelta(minutes=1)
SESSION_LIFE = timedelta(hours=12)
"""A working day, counted from the last use."""
SEEN_EVERY = timedelta(minutes=5)
"""How exact the last use is: each note is a commit."""
TOKEN_BYTES = 32
"""256 bits from the system's generator."""


@dataclass(frozen=True, slots=True)
class NurseEntry:
    """One nurse of the configuration."""

    nurse: Nurse
    pin_hash: str


def new_token() -> str:
    """The cookie's value; only its hash is stored."""
    return secrets.token_urlsafe(TOKEN_BYTES)


class Access:
    """Sign-in, sign-out and whose session a cookie is."""

    def __init__(self, nurses: Sequence[NurseEntry], sessions: Sessions, now: Clock) -> None:
        self._entries = {entry.nurse.nurse_id: entry for entry in nurses}
        self._sessions = sessions
        self._now = now
        self._hasher = PasswordHasher()
        self._unsaved: str | None = None
        # One PIN at a time: tries that run side by side would not count each other.
        self._one = asyncio.Lock()

    @property
    def nurses(self) -> tuple[Nurse, ...]:
        """Who may sign in here."""
        return tuple(entry.nurse for entry in self._entries.values())

    async def whose(self, token: str | None) -> Nurse | None:
        """The nurse of a cookie, or None."""
        if not token:
            return None
        session = await self._sessions.session(_hash(token))
        if session is None:
            return None
        entry = self._entries.get(session.nurse_id)
        now = self._now()
        if entry is None or now - session.seen_at > SESSION_LIFE:
            return None
        if now - session.seen_at > SEEN_EVERY:
            await self._seen(token)
        return entry.nurse

    async def sign_in(self, token: str, nurse_id: str, pin: str) -> Nurse:
        """Bind the cookie's session to a nurse. Raises KioskRefused `nurse.unknown`, `pin.wrong`, `pin.wait`."""
        entry = self._entries.get(nurse_id)
        if entry is None:
            raise KioskRefused("nurse.unknown")
        async with self._one:
            await self._may_try(nurse_id)
            if not await asyncio.to_thread(self._fits, entry.pin_hash, pin):
                failures = await self._sessions.pin_failed(nurse_id, self._now())
                log.warning("pin.wrong", nurse=nurse_id, failures=failures.failures)
                raise KioskRefused("pin.wait" if failures.failures >= WRONG_PINS else "pin.wrong")
            await self._sessions.sign_out(_hash(token))
            await self._sessions.sign_in(_hash(token), nurse_id, self._now())
        log.info("nurse.signed_in", nurse=nurse_id)
        return entry.nurse

    async def _seen(self, token: str) -> None:
        """Note the last use; a disk that is full must not sign out the nurse who treats a patient now."""
        try:
            await self._sessions.seen(_hash(token), self._now())
        except StoreError as error:
            if error.code != self._unsaved:
                log.error("kiosk.session_unsaved", code=error.code)
            self._unsaved = error.code
        else:
            self._unsaved = None

    async def sign_out(self, token: str) -> None:
        """End the cookie's session."""
        await self._sessions.sign_out(_hash(token))

    async def expire(self) -> None:
        """Forget sessions nobody used for a working day."""
        await self._sessions.expire(self._now() - SESSION_LIFE)

    async def _may_try(self, nurse_id: str) -> None:
        found = await self._sessions.pin_failures(nurse_id)
        if found is None or found.failures < WRONG_PINS:
            return
        # abs: a clock that was set back must not close the sign-in for hours.
        elapsed = abs(self._now() - found.last_at)
        if elapsed < WAIT:
            raise KioskRefused("pin.wait", seconds=str(int((WAIT - elapsed).total_seconds()) + 1))
        await self._sessions.pin_forgiven(nurse_id)

    def _fits(self, pin_hash: str, pin: str) -> bool:
        try:
            return self._hasher.verify(pin_hash, pin)
        except (VerificationError, InvalidHashError):
            return False


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
