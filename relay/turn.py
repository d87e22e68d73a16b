"""Short-lived TURN credentials by coturn's REST scheme (README.turnserver, `use-auth-secret`). Pure but for `load`."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import datetime
from pathlib import Path

from protocol.values import IceServer
from relay.config import ConfigRefused, Turn

SECRET_OCTETS = 16
"""A shorter secret can be found from one credential by trying."""


class TurnServers:
    """The configured servers and the secret shared with them; none when nothing is configured."""

    def __init__(self, turn: Turn, secret: bytes) -> None:
        self._turn = turn
        self._secret = secret

    @classmethod
    def load(cls, turn: Turn) -> TurnServers:
        """Read the secret's file. ConfigRefused says what is wrong with it, never what is in it."""
        if not turn.urls:
            return cls(turn, b"")
        path = Path(turn.secret_file)
        try:
            secret = path.read_bytes().strip()
        except FileNotFoundError as error:
            raise ConfigRefused(f"[turn] secret_file {path} does not exist") from error
        if len(secret) < SECRET_OCTETS:
            raise ConfigRefused(f"[turn] the secret in {path} is shorter than {SECRET_OCTETS} characters")
        return cls(turn, secret)

    def for_user(self, user: str, now: datetime) -> tuple[IceServer, ...]:
        """Servers with credentials of this user: `<unix expiry>:<user>`, base64(HMAC-SHA1(secret, username)).

        They outlast the longest call, because a running allocation is refreshed with them.
        """
        if not self._turn.urls:
            return ()
        username = f"{int(now.timestamp()) + self._turn.ttl_seconds}:{user}"
        digest = hmac.new(self._secret, username.encode(), hashlib.sha1).digest()
        return (IceServer(urls=self._turn.urls, username=username, credential=base64.b64encode(digest).decode()),)
