"""An event loop whose clock a test moves: minutes of a ladder pass in as many turns as there is something to do."""

from __future__ import annotations

import asyncio


class MovedLoop(asyncio.SelectorEventLoop):
    """Real time, and what was added to it."""

    moved = 0.0

    def time(self) -> float:
        return super().time() + self.moved
