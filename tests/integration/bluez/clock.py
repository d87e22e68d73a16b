"""An event loop whose clock only a test moves: minutes of a ladder pass in as many turns as there is something to do,
and a machine that is busy with something else changes nothing."""

from __future__ import annotations

import asyncio


class MovedLoop(asyncio.SelectorEventLoop):
    """Sockets are real, time is `moved`."""

    moved = 1000.0

    def time(self) -> float:
        return self.moved
