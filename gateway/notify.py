"""What the service manager hears: ready, alive, stopping (sd_notify(3)). Silent where there is none."""

from __future__ import annotations

import asyncio
import os

import sdnotify  # type: ignore[import-untyped]


class Notifier:
    """The unit's notification socket. `watchdog_seconds` is None when the unit has no watchdog."""

    def __init__(self) -> None:
        self._socket = sdnotify.SystemdNotifier()
        usec = os.environ.get("WATCHDOG_USEC", "")
        for_us = os.environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        self.watchdog_seconds = int(usec) / 1e6 if usec.isdecimal() and int(usec) > 0 and for_us else None

    def ready(self, status: str) -> None:
        """Start-up is done."""
        self._socket.notify(f"READY=1\nSTATUS={status}")

    def stopping(self) -> None:
        """The ladder down has begun."""
        self._socket.notify("STOPPING=1")

    async def keep_alive(self) -> None:
        """Say that the loop turns, thrice per period; until cancelled."""
        assert self.watchdog_seconds is not None
        while True:
            self._socket.notify("WATCHDOG=1")
            await asyncio.sleep(self.watchdog_seconds / 3)
