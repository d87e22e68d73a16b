"""Sessions of clients: they outlive their sockets for a while. Pure; `now` is monotonic, in seconds."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from protocol.limits import SIGNALLING_BACKLOG, SIGNALLING_RESUME_SECONDS
from protocol.signalling import Role

from .numbering import Inbox, Outbox

B = TypeVar("B")

RESUME_TOKEN_OCTETS = 24
"""192 bits: nobody guesses the way into somebody's session."""


@dataclass(eq=False)
class Session(Generic[B]):
    """One client's conversation. `owner` is a vehicle's, an account's or a guest's identifier."""

    session_id: str
    role: Role
    owner: str
    sign_in: str
    """The doctor's sign-in it belongs to; empty for a vehicle and a guest."""
    outbox: Outbox[B] = field(default_factory=lambda: Outbox(SIGNALLING_BACKLOG))
    inbox: Inbox = field(default_factory=Inbox)
    away_since: float | None = None
    """When its socket went; None while there is one."""
    token_hashes: tuple[bytes, ...] = ()
    """Hashes of the newest resume token and the one before, whose Welcome may have been lost."""


class Sessions(Generic[B]):
    """All sessions, at most one for each vehicle, each doctor and each guest."""

    def __init__(self) -> None:
        self._by_owner: dict[tuple[Role, str], Session[B]] = {}

    def of(self, role: Role, owner: str) -> Session[B] | None:
        """The session of this vehicle or doctor."""
        return self._by_owner.get((role, owner))

    def all(self, role: Role) -> list[Session[B]]:
        """All sessions of this role."""
        return [session for session in self._by_owner.values() if session.role is role]

    def open(self, role: Role, owner: str, sign_in: str, token: str = "") -> tuple[Session[B], str]:
        """A new session, in place of the one this owner had; with its resume token, a new one without `token`."""
        session: Session[B] = Session(secrets.token_urlsafe(16), role, owner, sign_in)
        self._by_owner[role, owner] = session
        return session, _keep_token(session, token) if token else _new_token(session)

    def resume(self, role: Role, owner: str, sign_in: str, session_id: str, token: str,
               last_seen: int, *, keep: bool = False) -> tuple[Session[B], str] | None:
        """The session this client had, with a new resume token (`keep`: the same); None when it has to start anew."""
        session = self.of(role, owner)
        if session is None or session.session_id != session_id or session.sign_in != sign_in:
            return None
        given = _hash(token)
        if not any(hmac.compare_digest(given, kept) for kept in session.token_hashes):
            return None
        if not session.outbox.reaches(last_seen):
            return None
        session.outbox.acknowledged(last_seen)
        session.away_since = None
        return session, token if keep else _new_token(session)

    def went(self, session: Session[B], now: float) -> None:
        """Its socket is gone; from now on it waits for its client."""
        session.away_since = now

    def end(self, session: Session[B]) -> None:
        """Forget a session, if it is still the one of its owner."""
        if self._by_owner.get((session.role, session.owner)) is session:
            del self._by_owner[session.role, session.owner]

    def expire(self, now: float) -> list[Session[B]]:
        """End the sessions whose clients stayed away too long, and answer them."""
        late = [session for session in self._by_owner.values()
                if session.away_since is not None and now - session.away_since >= SIGNALLING_RESUME_SECONDS]
        for session in late:
            self.end(session)
        return late


def _new_token(session: Session[B]) -> str:
    return _keep_token(session, secrets.token_urlsafe(RESUME_TOKEN_OCTETS))


def _keep_token(session: Session[B], token: str) -> str:
    session.token_hashes = (_hash(token), *session.token_hashes[:1])
    return token


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
