"""The gathering half of an ICE session (aioice 0.13): sockets on the chosen uplinks, what servers say of them, trickle.

`ice` is the other half. Hooks: docs/adr/media-hooks.md.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Callable, Coroutine
from typing import Any, cast

from aioice import Candidate, Connection, TransportPolicy
from aioice.ice import CandidatePair

from .gather import Socket, open_socket, reflexive, relayed
from .interfaces import Address
from .servers import Servers

GATHER_SECONDS = 0.3
"""What a server of a good cellular link needs to answer. The offer goes then, dead servers or not: what comes later
is trickled."""

RELAY_SECONDS = 6.0
"""When nothing but a relay is allowed the offer waits for one: two round trips of a slow link, TLS included."""

PREFERENCE_FIRST, PREFERENCE_STEP = 20_000, 64
"""Browsers stop checking a pair that is worse than the used one and on the same network of theirs. So a way that
waits always has the higher priority, which its nomination does not need (docs/adr/media-path.md)."""


class GatheringSession(Connection):
    """An ICE session that gathers on the machine's chosen addresses, again whenever they change.

    `addresses` reads files of the kernel's and runs in a thread. `relay_only`: nothing but relays.
    """

    def __init__(self, addresses: Callable[[], list[Address]], *, servers: Servers | None = None,
                 relay_only: bool = False, tls: ssl.SSLContext | None = None, **options: Any) -> None:
        policy = TransportPolicy.RELAY if relay_only else TransportPolicy.ALL
        super().__init__(transport_policy=policy, **options)
        self._addresses = addresses
        self._servers = servers or Servers()
        self._relay_only, self._tls = relay_only, tls
        self._trickle: Callable[[Candidate], None] | None = None
        self._untold: list[Candidate] = []
        self._jobs: set[asyncio.Task[Any]] = set()
        self._offered = self._steady = False
        self._preference = PREFERENCE_FIRST
        self._gathering: set[Address] = set()

    @property
    def trickle(self) -> Callable[[Candidate], None] | None:
        """Called with each candidate found after the offer, also with those found before it was set."""
        return self._trickle

    @trickle.setter
    def trickle(self, tell: Callable[[Candidate], None] | None) -> None:
        self._trickle = tell
        untold, self._untold = self._untold, []
        if tell is not None:
            for candidate in untold:
                tell(candidate)

    async def gather_candidates(self) -> None:
        """Host candidates of the chosen interfaces; of servers what answered within the deadline."""
        if self._local_candidates_start:
            return
        self._local_candidates_start = True
        addresses = await asyncio.to_thread(self._addresses)
        jobs = [self._job(self._gather_on(address)) for address in addresses]
        if jobs:
            began = time.monotonic()
            await asyncio.wait(jobs, timeout=GATHER_SECONDS)
            while (self._relay_only and not self._local_candidates and any(not job.done() for job in jobs)
                   and time.monotonic() - began < RELAY_SECONDS):
                await asyncio.wait([job for job in jobs if not job.done()], timeout=0.2)
        self._local_candidates_end = self._offered = True

    def _job(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        job = asyncio.create_task(work)
        self._jobs.add(job)
        job.add_done_callback(self._jobs.discard)
        return job

    async def _gather_on(self, address: Address) -> None:
        """Everything this uplink gives; a socket of before on it is retired."""
        self._preference += PREFERENCE_STEP
        preference = self._preference + address.rank
        before = [p for p in self._protocols if cast(Socket, p).address == address]
        self._gathering.add(address)
        try:
            jobs: list[asyncio.Task[None]] = []
            if not self._relay_only:
                try:
                    protocol = await open_socket(self, address, preference)
                except OSError:
                    self._refused(address)
                    return
                self._found(protocol.local_candidate, protocol)
                jobs += [self._job(self._reflect(protocol, server, preference)) for server in self._servers.stun]
            if self._servers.turn:
                jobs.append(self._job(self._relay_on(address, preference)))
            for old in before:
                cast(Socket, old).retired = True
            if jobs:
                await asyncio.gather(*jobs, return_exceptions=True)
        finally:
            self._gathering.discard(address)

    async def _reflect(self, protocol: Socket, server: tuple[str, int], preference: int) -> None:
        candidate = await reflexive(protocol, server, preference)
        if candidate is not None and not any((c.host, c.port) == (candidate.host, candidate.port)
                                             for c in self._local_candidates):
            self._found(candidate, None)

    async def _relay_on(self, address: Address, preference: int) -> None:
        protocol = await relayed(self, address, self._servers.turn, preference, self._tls, self._relay_only)
        if protocol is not None:
            self._found(protocol.local_candidate, protocol)

    def _found(self, candidate: Candidate, protocol: Socket | None) -> None:
        if self._closing:
            if protocol is not None:
                protocol.transport.close()
            return
        self._local_candidates.append(candidate)
        if protocol is not None:
            self._protocols.append(protocol)
            if self._early_checks_done and not self._steady:
                for remote in self._remote_candidates:
                    if candidate.can_pair_with(remote) and self._find_pair(protocol, remote) is None:
                        self._check_list.append(CandidatePair(protocol, remote))
                self.sort_check_list()
        if protocol is not None and self._steady:
            self._arrived()
        if self._offered:
            if self._trickle is None:
                self._untold.append(candidate)
            else:
                self._trickle(candidate)

    def _arrived(self) -> None:
        """A socket or a relay more, once connected."""

    def _refused(self, address: Address) -> None:
        """This address could not be bound."""
