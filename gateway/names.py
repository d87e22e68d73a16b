"""The relay's addresses by its name, also where no name server answers: what worked last is kept, on disk too.

Whoever answers at an old address must still show the relay's certificate: a stale address costs time, never trust.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
import structlog
from aiohttp.abc import AbstractResolver, ResolveResult

from . import durable_file

ANSWER_SECONDS = 1.5
"""Two round trips to a name server; past it the address of last time is tried, if there is one."""

ADDRESSES_MAX = 8
"""Kept of one name."""

log = structlog.get_logger()

Lookup = Callable[[str], Awaitable[tuple[str, ...]]]
"""Addresses of a name, as text. OSError."""


class Kept(msgspec.Struct, frozen=True):
    """The file: of which name, and what was connected to last."""

    host: str
    addresses: tuple[str, ...]


async def lookup(host: str) -> tuple[str, ...]:
    """The system's resolver."""
    found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(one[4][0]) for one in found))


class Names(AbstractResolver):
    """A resolver that asks in the background, one question at a time: a dead server must not take up every thread.

    A name that was answered once is answered at once from then on, and asked again meanwhile for the next time.
    """

    def __init__(self, file: Path | None = None, ask: Lookup = lookup) -> None:
        self._file = file
        self._ask = ask
        self._answers: dict[str, tuple[str, ...]] = {}
        self._failed: dict[str, OSError] = {}
        self._wanted: dict[str, None] = {}
        self._work = asyncio.Event()
        self._came = asyncio.Event()
        self._kept: Kept | None = None

    async def run(self) -> None:
        """Ask, until cancelled."""
        while True:
            await self._work.wait()
            self._work.clear()
            while self._wanted:
                host = next(iter(self._wanted))
                try:
                    self._answers[host] = (await self._ask(host))[:ADDRESSES_MAX]
                except OSError as error:
                    self._failed[host] = error
                del self._wanted[host]
                self._came.set()

    async def resolve(self, host: str, port: int = 0,
                      family: socket.AddressFamily = socket.AF_UNSPEC) -> list[ResolveResult]:
        """Addresses to try. OSError when none is known."""
        self._failed.pop(host, None)
        self._wanted[host] = None
        self._work.set()
        addresses = self._answers.get(host) or await self._first(host)
        return [ResolveResult(hostname=host, host=address, port=port, proto=0, flags=socket.AI_NUMERICHOST,
                              family=socket.AF_INET6 if ":" in address else socket.AF_INET)
                for address in addresses]

    def known(self, host: str) -> str | None:
        """An address of this name, or of one that is an address, without asking; None: none is known."""
        with contextlib.suppress(ValueError):
            return str(ipaddress.ip_address(host))
        return next(iter(self._answers.get(host, ())), None)

    async def connected(self, host: str, address: str) -> None:
        """A connection to this address stood and was the relay's: keep it for a start without a name server."""
        if host == address:
            return
        others = tuple(one for one in self._answers.get(host, ()) if one != address)
        kept = Kept(host, (address, *others)[:ADDRESSES_MAX])
        if self._file is None or kept == self._kept:
            return
        self._kept = kept
        try:
            await asyncio.to_thread(durable_file.write, self._file, msgspec.json.encode(kept))
        except OSError as error:
            log.warning("link.address_unsaved", error=type(error).__name__)

    async def close(self) -> None:
        """Nothing is held."""

    async def _first(self, host: str) -> tuple[str, ...]:
        """The first answer of this process; soon enough, or what was kept, or however late it comes."""
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return await self._answer(host)
        except OSError as error:
            # No answer in time, or none at all: TimeoutError is one of them.
            kept = await asyncio.to_thread(self._read, host)
            if kept:
                log.warning("link.address_kept", error=type(error).__name__)
                self._answers.setdefault(host, kept)
                return kept
            if not isinstance(error, TimeoutError):
                raise
        return await self._answer(host)

    async def _answer(self, host: str) -> tuple[str, ...]:
        while host not in self._answers and host not in self._failed:
            self._came.clear()
            await self._came.wait()
        if host in self._answers:
            return self._answers[host]
        raise self._failed[host]

    def _read(self, host: str) -> tuple[str, ...]:
        if self._file is None:
            return ()
        try:
            kept = msgspec.json.decode(self._file.read_bytes(), type=Kept)
        except (OSError, msgspec.MsgspecError):
            return ()
        return kept.addresses[:ADDRESSES_MAX] if kept.host == host else ()
