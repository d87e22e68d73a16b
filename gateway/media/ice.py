"""Private hooks of aioice 0.13 (docs/adr/media-hooks.md): consent, gathering, what was heard.

With `hooks` the only module that leans on names the library does not promise;
`tests/contract/test_media_hooks.py` fails when an upgrade moves one.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from aioice import Candidate, Connection, stun
from aioice.ice import CandidatePair, StunProtocol

GATHER_SECONDS = 1
"""A STUN or TURN server that has not answered by then would delay every call; the library waits 5 s."""

CONSENT_SECONDS = 5.0
"""RFC 7675, section 5.1: about every 5 s, randomized by 20 %."""

CONSENT_EXPIRES_SECONDS = 30.0
"""RFC 7675, section 5.1: since the last valid answer, however late that one came."""

RECEIVE_QUEUE = 2048
"""Datagrams waiting for the DTLS loop: half a second of the fastest link; past it new ones are dropped,
as a full socket buffer would."""


class ConsentAnswer(stun.Transaction):
    """A consent check that waits for its answer as long as consent itself lasts."""

    def __init__(self, request: stun.Message, addr: tuple[str, int], protocol: StunProtocol, key: bytes,
                 answered: Callable[[], None]) -> None:
        super().__init__(request, addr, protocol, integrity_key=key)
        self._key = key
        self._peer = addr
        self._answered = answered

    def response_received(self, message: stun.Message, addr: tuple[str, int]) -> None:
        """An answer counts when it is signed and comes from the peer."""
        if (addr == self._peer and message.message_class == stun.Class.RESPONSE
                and message.check_message_integrity(self._key)):
            self._answered()


class GatewayIce(Connection):
    """One ICE session. `heard` is when anything last came from the peer, monotonic seconds."""

    def __init__(self, addresses: Callable[[], list[str]], **options: Any) -> None:
        super().__init__(**options)
        self._addresses = addresses
        self.heard = time.monotonic()
        self.dropped = 0
        self._consented = 0.0
        self._asked: deque[tuple[float, StunProtocol, bytes]] = deque()

    async def gather_candidates(self) -> None:
        """Host candidates of the chosen interfaces, server candidates until the deadline."""
        if self._local_candidates_start:
            return
        self._local_candidates_start = True
        # Interfaces are read from files of the kernel's.
        addresses = await asyncio.to_thread(self._addresses)
        found = await asyncio.gather(*(
            self.get_component_candidates(component=component, addresses=addresses, timeout=GATHER_SECONDS)
            for component in self._components))
        for candidates in found:
            self._local_candidates += candidates
        self._local_candidates_end = True

    def data_received(self, data: bytes, component: int) -> None:
        """A datagram that is not STUN."""
        self.heard = time.monotonic()
        if self._queue.qsize() >= RECEIVE_QUEUE:
            self.dropped += 1
            return
        super().data_received(data, component)

    def request_received(self, message: stun.Message, addr: tuple[str, int], protocol: StunProtocol) -> None:
        """A check or keepalive of the peer; only a signed one counts as heard."""
        if ("MESSAGE-INTEGRITY" in message.attributes
                and message.check_message_integrity(self.local_password.encode())):
            self.heard = time.monotonic()
        super().request_received(message, addr, protocol)

    async def query_consent(self) -> None:
        """RFC 7675: ask, never wait for one answer, end when none was valid for 30 s."""
        self._consented = time.monotonic()
        while True:
            interval = CONSENT_SECONDS * random.uniform(0.8, 1.2)  # noqa: S311 - spreads load, guards nothing
            remaining = self._consented + CONSENT_EXPIRES_SECONDS - time.monotonic()
            await asyncio.sleep(max(0.0, min(interval, remaining)))
            self._forget_old()
            if time.monotonic() >= self._consented + CONSENT_EXPIRES_SECONDS:
                # As the library does: close() must not cancel the task it runs in.
                self._query_consent_task = None
                self._forget_all()
                return await self.close()
            for pair in self._nominated.values():
                self._ask(pair)

    async def close(self) -> None:
        """As the library's; drops what waits for answers."""
        self._forget_all()
        await super().close()

    def backlog(self) -> int:
        """Bytes the socket has not taken yet: the link below is slower than we send."""
        pair = self._nominated.get(1)
        size = getattr(pair.protocol.transport, "get_write_buffer_size", None) if pair is not None else None
        return int(size()) if size is not None else 0

    def local_candidate_in_use(self) -> tuple[str, str] | None:
        """Host and type of our end of the nominated pair."""
        pair = self._nominated.get(1)
        candidate = pair.local_candidate if pair is not None else None
        return (candidate.host, candidate.type) if candidate is not None else None

    def _ask(self, pair: CandidatePair) -> None:
        assert self.remote_password is not None
        key = self.remote_password.encode()
        request = self.build_request(pair, nominate=False)
        request.add_message_integrity(key)
        answer = ConsentAnswer(request, pair.remote_addr, pair.protocol, key, self._consent_given)
        pair.protocol.transactions[request.transaction_id] = answer
        self._asked.append((time.monotonic(), pair.protocol, request.transaction_id))
        pair.protocol.send_stun(request, pair.remote_addr)

    def _consent_given(self) -> None:
        self._consented = self.heard = time.monotonic()

    def _forget_old(self) -> None:
        while self._asked and self._asked[0][0] < time.monotonic() - CONSENT_EXPIRES_SECONDS:
            _, protocol, transaction = self._asked.popleft()
            protocol.transactions.pop(transaction, None)

    def _forget_all(self) -> None:
        while self._asked:
            _, protocol, transaction = self._asked.popleft()
            protocol.transactions.pop(transaction, None)


__all__ = ["Candidate", "ConsentAnswer", "GatewayIce"]
