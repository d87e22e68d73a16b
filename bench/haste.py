"""A clock that runs faster, for soaks: call `haste` before the event loop is made, in a process of its own."""

from __future__ import annotations

import asyncio
import selectors
import time


def haste(speed: float) -> asyncio.AbstractEventLoop:
    """From now on `time.time` and `time.monotonic` run `speed` times as fast in this process, and so do the timers of
    the loop returned. Waits of threads with a timeout last as long as they do, which is `speed` times as long here."""
    real_monotonic, real_wall = time.monotonic, time.time
    began, wall = real_monotonic(), real_wall()

    def monotonic() -> float:
        return began + (real_monotonic() - began) * speed

    def now() -> float:
        return wall + (real_monotonic() - began) * speed

    time.monotonic, time.time = monotonic, now
    return asyncio.SelectorEventLoop(_Hasty(speed))


class _Hasty(selectors.EpollSelector):
    def __init__(self, speed: float) -> None:
        super().__init__()
        self._speed = speed

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        return super().select(timeout if timeout is None or timeout <= 0 else timeout / self._speed)
