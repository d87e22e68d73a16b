"""Processes of the demonstration: started with a log, known to be ready, ended in order, killed on purpose."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import random
import signal
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_READY_SECONDS = 120.0
"""A cold start with empty caches; a warm one takes about a second, and 30 at a load of thirty on two cores. One that
ends is known at once."""
_STOP_SECONDS = 6.0
"""The gateway drains its store for at most five."""
_PROBE_SECONDS = 0.02

_SERVERS_PORTS = (10_000, 32_768)
"""Linux gives away ports from 32768 on (ip(7), ip_local_port_range); most servers of a developer's machine stand
lower than these."""
_given: set[int] = set()


class DemoFailed(Exception):
    """A part of the demonstration did not start or did not answer; the text is for the person at the console."""


def _die_with_parent() -> None:
    """Runs in the child: it ends when the demonstration ends, even by kill -9 (prctl(2))."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def free_port() -> int:
    """A TCP port of the loopback that nobody uses now and that was not given before.

    None of those the kernel gives away by itself: between the asking and the use the simulated hardware opens a dozen
    servers on port 0, and browsers some hundred connections.
    """
    while True:
        port = random.randrange(*_SERVERS_PORTS)
        if port in _given:
            continue
        _given.add(port)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


async def accepts(port: int, host: str = "127.0.0.1") -> bool:
    """Whether something accepts connections there."""
    try:
        _, writer = await asyncio.open_connection(host, port)
    except OSError:
        return False
    writer.close()
    return True


@dataclass(slots=True)
class Process:
    """One process, restartable. `port` (on `host`) or `file` tells when it is ready; `prefix` stands before the
    command, to run it in another network namespace."""

    name: str
    argv: tuple[str, ...]
    log: Path
    port: int | None = None
    file: Path | None = None
    extra_environment: Mapping[str, str] = field(default_factory=dict)
    prefix: tuple[str, ...] = ()
    host: str = "127.0.0.1"
    running: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int:
        """Process id; DemoFailed when it does not run."""
        if self.running is None or self.running.returncode is not None:
            raise DemoFailed(f"{self.name} is not running; its log: {self.log}")
        return self.running.pid

    async def start(self) -> None:
        """Start it and wait until it is ready."""
        if self.file is not None:
            self.file.unlink(missing_ok=True)
        if self.port is not None and await accepts(self.port, self.host):
            raise DemoFailed(f"{self.name}: port {self.port} is in use. End the program that has it, "
                             "or choose other ports with --port-base.")
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as sink:
            self.running = await asyncio.create_subprocess_exec(
                *self.prefix, sys.executable, *self.argv, stdin=asyncio.subprocess.DEVNULL, stdout=sink, stderr=sink,
                env=os.environ | self.extra_environment, preexec_fn=_die_with_parent, start_new_session=True)
        try:
            async with asyncio.timeout(_READY_SECONDS):
                while not await self._ready():
                    if self.running.returncode is not None:
                        raise DemoFailed(f"{self.name} ended at once (exit {self.running.returncode}): "
                                         f"{self.last_words()}")
                    await asyncio.sleep(_PROBE_SECONDS)
        except TimeoutError:
            raise DemoFailed(f"{self.name} is not ready after {_READY_SECONDS:.0f} s: {self.last_words()}") from None

    async def _ready(self) -> bool:
        if self.port is not None:
            return await accepts(self.port, self.host)
        return self.file is None or self.file.exists()

    def last_words(self) -> str:
        """The end of its log."""
        lines = self.log.read_text(errors="replace").strip().splitlines() if self.log.exists() else []
        return " | ".join(lines[-3:]) or "it said nothing"

    async def stop(self) -> None:
        """End it politely, then by force. Harmless when it does not run."""
        if self.running is None or self.running.returncode is not None:
            return
        self.running.terminate()
        try:
            async with asyncio.timeout(_STOP_SECONDS):
                await self.running.wait()
        except TimeoutError:
            await self.kill()

    async def kill(self) -> None:
        """kill -9."""
        if self.running is not None and self.running.returncode is None:
            self.running.kill()
            await self.running.wait()


async def run_once(*argv: str, log: Path, environment: Mapping[str, str] | None = None,
                   prefix: tuple[str, ...] = ()) -> str:
    """Run a command of ours to its end and return what it printed; DemoFailed with its sentence when it fails."""
    done = await asyncio.create_subprocess_exec(
        *prefix, sys.executable, *argv, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE, env=os.environ | dict(environment or {}), preexec_fn=_die_with_parent)
    out, err = await done.communicate()
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as sink:
        sink.write(b"$ " + " ".join(argv[:3]).encode() + b"\n" + err)
    if done.returncode:
        said = err.decode(errors="replace").strip()[-400:]
        raise DemoFailed(f"`{' '.join(argv[:4])} …` failed (exit {done.returncode}): {said}")
    return out.decode()
