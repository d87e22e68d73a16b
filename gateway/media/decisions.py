"""The log of decisions on disk: one file per doctor's peer, for `congestion.replay`. Off unless a folder is named."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable
from pathlib import Path

import structlog

FLUSH_SECONDS = 1.0
"""What a crash loses of the log."""

LINES_MAX = 4000
"""Between two flushes at most; a disk that hangs loses the rest of that call's log, not the call."""

LOGS_MAX = 8
"""That wait for a flush: a doctor and three guests, and what each of them had before."""

FILE_OCTETS_MAX = 64 * 1024 * 1024
"""About an hour of a call."""

_log = structlog.get_logger()


class DecisionLog:
    """Collects lines in the event loop, writes them in a thread. Numbers and times only: nothing of a patient."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._names = itertools.count(1)
        self._began = int(time.time())
        self._lines: dict[str, list[str]] = {}

    def open(self) -> Callable[[str], None]:
        """A new file; the call that appends a line to it."""
        name = f"road-{self._began}-{next(self._names)}.jsonl"
        left = FILE_OCTETS_MAX

        def write(line: str) -> None:
            nonlocal left
            left -= len(line) + 1
            waiting = self._lines.get(name, [])
            if left < 0 or len(waiting) >= LINES_MAX or (not waiting and len(self._lines) >= LOGS_MAX):
                # With a hole it would not replay: it ends here.
                left = -1
                return
            waiting.append(line)
            self._lines[name] = waiting

        return write

    async def run(self) -> None:
        """Until cancelled."""
        try:
            while True:
                await asyncio.sleep(FLUSH_SECONDS)
                await asyncio.to_thread(self._flush, self._taken())
        finally:
            self._flush(self._taken())

    def _taken(self) -> dict[str, list[str]]:
        taken, self._lines = self._lines, {}
        return taken

    def _flush(self, taken: dict[str, list[str]]) -> None:
        try:
            for name, lines in taken.items():
                with (self._folder / name).open("a") as file:
                    file.write("".join(f"{line}\n" for line in lines))
        except OSError as error:
            _log.warning("road.log_failed", error=type(error).__name__)
