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
        self._left: dict[str, int] = {}

    def open(self) -> Callable[[str], None]:
        """A new file; the call that appends a line to it."""
        name = f"road-{self._began}-{next(self._names)}.jsonl"
        self._left[name] = FILE_OCTETS_MAX

        def write(line: str) -> None:
            lines = self._lines.setdefault(name, [])
            self._left[name] -= len(line) + 1
            if self._left[name] < 0 or len(lines) >= LINES_MAX:
                # With a hole it would not replay: it ends here.
                self._left[name] = -1
                return
            lines.append(line)

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
