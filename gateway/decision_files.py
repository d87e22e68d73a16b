"""The folder of the decisions' logs: made, and kept within bounds: it never takes the store's room. Blocking."""

from __future__ import annotations

from pathlib import Path

from .health import DISK_FREE_SHARE, disk_free_share

KEPT_OCTETS = 256 * 1024 * 1024
"""About four hours of calls; a call that runs adds 64 MiB at most (`media.decisions`)."""

KEPT_SECONDS = 14 * 86_400.0
"""A bad call is reported within days."""

WRITTEN_SECONDS = 120.0
"""A file that was written to within this is of a call that runs: the log is flushed each second."""

PRUNE_SECONDS = 600.0
"""Between two looks."""


def prepare(folder: Path) -> None:
    """Raises OSError."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)


def prune(folder: Path, now: float) -> int:
    """Delete the oldest logs of calls that are over: past `KEPT_SECONDS`, past `KEPT_OCTETS` together, and all of them
    when the disk is nearly full. How many. `now`: wall clock, seconds since 1970. Raises OSError."""
    free = disk_free_share(folder)
    room = 0 if free is not None and free < DISK_FREE_SHARE else KEPT_OCTETS
    newest_first = sorted(((status.st_mtime, status.st_size, path) for path in folder.glob("road-*.jsonl")
                           if (status := path.stat())), reverse=True)
    deleted = 0
    for written, size, path in newest_first:
        if now - written < WRITTEN_SECONDS:
            continue
        room -= size
        if room < 0 or now - written > KEPT_SECONDS:
            path.unlink()
            deleted += 1
    return deleted
