"""What the service manager hears: ready, alive, stopping (sd_notify(3)). Silent where there is none.

Written here and not taken from a library: `sdnotify` sends on a blocking socket, and a manager that reads
slowly would stop the whole loop (seen in a test).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket


class Notifier:
    """The unit's notification socket. `watchdog_seconds` is None when the unit has no watchdog."""

    def __init__(self) -> None:
        name = os.environ.get("NOTIFY_SOCKET", "")
        # A leading @ stands for the abstract namespace's NUL (unix(7)).
        self._address = f"\0{name[1:]}" if name.startswith("@") else name
        usec = os.environ.get("WATCHDOG_USEC", "")
        for_us = os.environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        self.watchdog_seconds = int(usec) / 1e6 if usec.isdecimal() and int(usec) > 0 and for_us else None

    def ready(self, status: str) -> None:
        """Start-up is done."""
        self._say(f"READY=1\nSTATUS={status}")

    def stopping(self) -> None:
        """The ladder down has begun."""
        self._say("STOPPING=1")

    async def keep_alive(self) -> None:
        """Say that the loop turns, thrice per period; until cancelled."""
        assert self.watchdog_seconds is not None
        while True:
            self._say("WATCHDOG=1")
            await asyncio.sleep(self.watchdog_seconds / 3)

    def _say(self, state: str) -> None:
        if not self._address:
            return
        # A manager whose queue is full or that is gone misses a word; nothing here waits for it.
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            manager.setblocking(False)
            manager.sendto(state.encode(), self._address)
