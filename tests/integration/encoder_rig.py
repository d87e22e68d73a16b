"""Pictures fed to the encoder's thread one by one, however long each takes."""

from __future__ import annotations

import threading

from gateway.media.compose import Captured
from gateway.media.mailbox import Mailbox

WAIT = 40.0
"""Seconds for what takes milliseconds: a busy machine is no failure."""


class Feed(Mailbox[Captured]):
    """Hands over one picture and waits until the encoder asks for the next, whether it made anything of it or not."""

    def __init__(self) -> None:
        super().__init__()
        self._asked = threading.Condition()
        self._taken = self._done = 0

    def take(self, seconds: float) -> Captured | None:
        with self._asked:
            self._done = self._taken
            self._asked.notify_all()
        value = super().take(seconds)
        if value is not None:
            with self._asked:
                self._taken += 1
        return value

    def feed(self, picture: Captured) -> None:
        """Put one and see it through."""
        with self._asked:
            wanted = self._taken + 1
            self.put(picture)
            assert self._asked.wait_for(lambda: self._done >= wanted, WAIT), "the encoder took no picture"
