"""What the kiosk needs of the other rooms, as Protocols; `app` hands the real ones in."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime
from typing import Protocol

from protocol.kiosk import KioskReply, KioskState, Nurse
from protocol.kiosk_commands import CommandBody


class KioskRefused(Exception):
    """A command or a request is refused; nothing changed."""

    def __init__(self, code: str, **facts: str) -> None:
        super().__init__(code)
        self.code = code
        self.facts = facts


class Session(Protocol):
    """A kiosk session as stored."""

    @property
    def nurse_id(self) -> str: ...
    @property
    def seen_at(self) -> datetime: ...


class Failures(Protocol):
    """Wrong PINs in a row."""

    @property
    def failures(self) -> int: ...
    @property
    def last_at(self) -> datetime: ...


class Sessions(Protocol):
    """The durable part, see `gateway.store.kiosk_access`."""

    async def sign_in(self, token_hash: str, nurse_id: str, at: datetime) -> None: ...
    async def session(self, token_hash: str) -> Session | None: ...
    async def seen(self, token_hash: str, at: datetime) -> None: ...
    async def sign_out(self, token_hash: str) -> None: ...
    async def expire(self, before: datetime) -> None: ...
    async def pin_failed(self, nurse_id: str, at: datetime) -> Failures: ...
    async def pin_failures(self, nurse_id: str) -> Failures | None: ...
    async def pin_forgiven(self, nurse_id: str) -> None: ...


class LocalPeer(Protocol):
    """The gateway's end of the local peer connection."""

    async def offer(self) -> str: ...
    async def answer(self, sdp: str) -> None: ...
    async def close(self) -> None: ...


class Rooms(Protocol):
    """Everything behind the kiosk. Errors have a `code` attribute."""

    async def restored(self) -> None:
        """Until the open encounter stands again after a start: before that no page is told that there is none."""

    def state(self, nurse: Nurse | None) -> KioskState:
        """The whole state for a page; nothing of a patient when `nurse` is None. `revision` is ours to set."""

    async def command(self, body: CommandBody, nurse: Nurse) -> KioskReply:
        """All commands but sign in, sign out and the local peer connection. `id` is ours to set."""

    async def local_peer(self, closed: Callable[[], None]) -> LocalPeer:
        """A new local peer connection; an older one is closed."""

    async def still(self, still_id: str) -> bytes:
        """JPEG of a still."""

    async def prescription(self, prescription_id: str) -> bytes:
        """PDF of a prescription."""

    def preview(self, instrument_id: str) -> AsyncIterator[bytes]:
        """JPEG frames of an examination camera, newest wins."""


Clock = Callable[[], datetime]
Sleep = Callable[[float], Awaitable[None]]


def code_of(error: Exception, fallback: str) -> str:
    """The stable code of a room's error."""
    code = getattr(error, "code", None)
    return code if isinstance(code, str) else fallback
