"""What a peer tells its owner, and how the room says no."""

from __future__ import annotations

import enum
from typing import Protocol


class PeerState(enum.StrEnum):
    """Life of one peer connection. `interrupted` and `connected` alternate; `closed` is the end."""

    connecting = "connecting"
    connected = "connected"
    interrupted = "interrupted"
    closed = "closed"


class PeerEvents(Protocol):
    """Called in the event loop; must not block."""

    def peer_state(self, state: PeerState) -> None:
        """The state changed. `interrupted`: nothing came for `peers.SILENCE_SECONDS`."""

    def local_candidate(self, candidate: str) -> None:
        """Another way to us, found after the offer: to be said to the other side (RFC 8838)."""

    def channel_open(self, channel: str) -> None:
        """A data channel of `protocol.channels` can be written to."""

    def channel_message(self, channel: str, data: str | bytes) -> None:
        """One whole message."""


class MediaError(Exception):
    """Root of the room's errors. `code` is stable, `subject.what`."""

    code = "media.failed"


class MediaRefused(MediaError):
    """The other side's description or candidate is not acceptable; our side is untouched or closed."""

    def __init__(self, code: str, what: str) -> None:
        super().__init__(what)
        self.code = code


class PeerClosed(MediaError):
    """The peer connection is over; make a new one."""

    code = "media.peer_closed"
