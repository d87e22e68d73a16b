"""A serial device on a pseudo-terminal: plugged in and out, opened, playing its frames from the first one on."""

from __future__ import annotations

import asyncio
import errno
import os
import select
import termios
import tty
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Final

import structlog

_log = structlog.get_logger()

POLL_S: Final = 0.02
SETTLE_S: Final = 0.25
"""A driver flushes its input right after opening; a board needs longer than that after DTR."""


class SerialBox:
    """A device that sends `frame(n)`, n from 0, `frames_hz` times a second while its line is open.

    `path` is where it is plugged in, a link as udev makes one under /dev/serial/by-id. `start` and `stop`: commands
    that it waits for; without them it streams as soon as it is opened.
    """

    def __init__(self, name: str, path: Path, frames_hz: float, frame: Callable[[int], bytes], *,
                 start: bytes = b"", stop: bytes = b"") -> None:
        self.name, self.path, self.frames_hz = name, path, frames_hz
        self._frame, self._start, self._stop = frame, start, stop
        self.plugged = True
        self.sent = 0
        """Frames since it was last opened."""
        self.opened = 0
        self._switched = asyncio.Event()
        self._garbage = b""
        self._skip = 0

    def plug(self) -> None:
        """Put it into its socket."""
        self.plugged = True
        self._switched.set()

    def unplug(self) -> None:
        """Pull it out, in the middle of a frame if need be."""
        self.plugged = False
        self._switched.set()

    def disturb(self, noise: bytes) -> None:
        """Send these bytes between two frames, as a line that picks something up."""
        self._garbage += noise

    def drop(self, frames: int) -> None:
        """Lose the next frames on the way, as a radio dongle does: they count as sent."""
        self._skip += frames

    async def run(self) -> None:
        """Be plugged in and out until cancelled."""
        try:
            while True:
                if self.plugged:
                    await self._plugged_in()
                self._switched.clear()
                if not self.plugged:
                    await self._switched.wait()
        finally:
            self.path.unlink(missing_ok=True)

    async def _plugged_in(self) -> None:
        master, slave = os.openpty()
        tty.setraw(slave, termios.TCSANOW)
        name = os.ttyname(slave)
        # From the first close on the master reports a hang-up while nobody has the slave open.
        os.close(slave)
        os.set_blocking(master, False)
        beside = self.path.with_suffix(".new")
        beside.unlink(missing_ok=True)
        beside.symlink_to(name)
        beside.rename(self.path)
        try:
            while self.plugged:
                if not _open(master):
                    await asyncio.sleep(POLL_S)
                elif await self._told_to_start(master):
                    await self._play(master)
        finally:
            self.path.unlink(missing_ok=True)
            os.close(master)

    async def _told_to_start(self, master: int) -> bool:
        if not self._start:
            await asyncio.sleep(SETTLE_S)
            return True
        while self.plugged and _open(master):
            if self._start in _read(master):
                return True
            await asyncio.sleep(POLL_S)
        return False

    async def _play(self, master: int) -> None:
        self.sent, self.opened = 0, self.opened + 1
        _log.info("sim.line_opened", device=self.name, frames_hz=self.frames_hz)
        loop = asyncio.get_running_loop()
        began, made = loop.time(), 0
        waiting: deque[bytes] = deque()
        while self.plugged and _open(master):
            due = int((loop.time() - began) * self.frames_hz)
            if self._garbage:
                # With the next frame, so that it is none of its own.
                waiting.append(self._garbage + self._frame(made))
                made += 1
                self._garbage = b""
            while made < due:
                if self._skip:
                    self._skip -= 1
                else:
                    waiting.append(self._frame(made))
                made += 1
            _write(master, waiting)
            # A frame counts as sent when its last byte has left.
            self.sent = made - len(waiting)
            if self._stop and self._stop in _read(master):
                break
            await asyncio.sleep(POLL_S)
        _log.info("sim.line_closed", device=self.name, sent=self.sent)


def _open(master: int) -> bool:
    poll = select.poll()
    poll.register(master, select.POLLHUP)
    return not any(event & select.POLLHUP for _, event in poll.poll(0))


def _read(master: int) -> bytes:
    try:
        return os.read(master, 64)
    except (BlockingIOError, OSError):
        return b""


def _write(master: int, waiting: deque[bytes]) -> None:
    """Write what the terminal takes. A host that stalls delays the frames, it does not lose them: USB holds far more
    than the 4 KiB of a pseudo-terminal."""
    while waiting:
        try:
            written = os.write(master, waiting[0])
        except BlockingIOError:
            return
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            return
        if written == len(waiting[0]):
            waiting.popleft()
        else:
            waiting[0] = waiting[0][written:]
