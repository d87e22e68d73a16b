"""Things to be done at a time: each once, however often it is asked for. `clock` is monotonic, in seconds."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

K = TypeVar("K")


class Agenda(Generic[K]):
    """What is due when."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._due: dict[K, float] = {}
        self._more = asyncio.Event()

    def put(self, what: K, at: float) -> None:
        """Do it then; one that stands already keeps its time."""
        self._due.setdefault(what, at)
        self._more.set()

    def drop(self, what: K) -> None:
        """Do not do it."""
        self._due.pop(what, None)

    async def run(self, do: Callable[[K], Awaitable[None]]) -> None:
        """Do what is due, for ever. `do` raises nothing."""
        while True:
            await self._more.wait()
            self._more.clear()
            while self._due:
                what, due = min(self._due.items(), key=lambda item: item[1])
                if (wait := due - self._clock()) > 0:
                    await asyncio.sleep(wait)
                if self._due.pop(what, None) is not None:
                    await do(what)
