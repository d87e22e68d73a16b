"""A clock that stands still while there is work and leaps when there is none: hours of a call as fast as a processor
can play them, and none of them starved, however busy the machine is.

Both ends of the call run in one event loop. Datagrams over loopback are there as soon as they were sent, so a loop
without ready sockets, callbacks and busy threads has nothing to do before its next timer: the clock goes there at once.
"""

from __future__ import annotations

import asyncio
import selectors
import time
from collections.abc import Callable
from concurrent.futures import Executor
from datetime import UTC, datetime, timedelta
from typing import TypeVar, TypeVarTuple, Unpack

from aiortc import clock as ntp

_T = TypeVar("_T")
_Ts = TypeVarTuple("_Ts")

WORK_LOOK_SECONDS = 0.0005
"""Of real time, between looks whether a thread has ended its work."""

WORK_MOST_SECONDS = 20.0
"""Of real time: a thread that takes longer waits for something that only time brings."""

NOTHING_SECONDS = 0.05
"""Of real time, where no timer is set at all."""


class LeapingClock:
    """Puts itself in the place of `time.monotonic` and `time.time` of this process, and of the library's wall clock.
    Clocks of threads, of the kernel and of OpenSSL stay as they are."""

    def __init__(self) -> None:
        self.real = time.monotonic
        self._now = time.monotonic()
        self._ahead = time.time() - self._now
        wall = datetime.now(UTC) - timedelta(seconds=self._now)
        time.monotonic, time.time = self.monotonic, self.wall
        ntp.current_datetime = lambda: wall + timedelta(seconds=self._now)

    def monotonic(self) -> float:
        """Seconds."""
        return self._now

    def wall(self) -> float:
        """Seconds since 1970."""
        return self._now + self._ahead

    def leap(self, seconds: float) -> None:
        """Time goes by."""
        self._now += seconds


class LeapingLoop(asyncio.SelectorEventLoop):
    """`working` says whether a thread of ours has something to do; jobs of the loop's own threads count by
    themselves."""

    def __init__(self, clock: LeapingClock, working: Callable[[], bool]) -> None:
        self._jobs = 0
        super().__init__(_Leaping(clock, lambda: self._jobs > 0 or working()))

    def run_in_executor(self, executor: Executor | None, func: Callable[[Unpack[_Ts]], _T],
                        *args: *_Ts) -> asyncio.Future[_T]:
        """As the library's; time stands still until it is done."""
        future = super().run_in_executor(executor, func, *args)
        self._jobs += 1
        future.add_done_callback(self._done)
        return future

    def _done(self, _: object) -> None:
        self._jobs -= 1


class _Leaping(selectors.EpollSelector):
    def __init__(self, clock: LeapingClock, working: Callable[[], bool]) -> None:
        super().__init__()
        self._clock, self._working = clock, working

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready or (timeout is not None and timeout <= 0):
            return ready
        until = self._clock.real() + WORK_MOST_SECONDS
        while self._working() and self._clock.real() < until:
            if ready := super().select(WORK_LOOK_SECONDS):
                return ready
        if ready := super().select(0):
            # What the thread said with its last breath.
            return ready
        if timeout is None:
            return super().select(NOTHING_SECONDS)
        self._clock.leap(timeout + 1e-6)
        return []
