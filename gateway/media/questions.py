"""Connectivity checks that wait for their answers as long as consent itself lasts (RFC 7675). Wraps aioice 0.13's
transactions."""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Callable

from aioice import stun
from aioice.ice import CandidatePair, StunProtocol

CONSENT_SECONDS = 5.0
"""RFC 7675, section 5.1: about every 5 s, randomized by 20 %."""

CONSENT_EXPIRES_SECONDS = 30.0
"""RFC 7675, section 5.1: since the last valid answer, however late that one came."""


class ConsentAnswer(stun.Transaction):
    """A check whose answer may come late: no timer, no second try."""

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


class Questions:
    """Those of one session. An answer that came leaves its question in place: a second one does no harm."""

    def __init__(self) -> None:
        self._asked: deque[tuple[float, StunProtocol, bytes]] = deque()

    def ask(self, pair: CandidatePair, request: stun.Message, key: bytes, now: float,
            answered: Callable[[], None]) -> None:
        """Sign and send; `answered` is called when a valid answer comes within `CONSENT_EXPIRES_SECONDS`."""
        request.add_message_integrity(key)
        answer = ConsentAnswer(request, pair.remote_addr, pair.protocol, key, answered)
        pair.protocol.transactions[request.transaction_id] = answer
        self._asked.append((now, pair.protocol, request.transaction_id))
        with contextlib.suppress(OSError, RuntimeError):
            pair.protocol.send_stun(request, pair.remote_addr)

    def forget(self, before: float) -> None:
        """Answers to what was asked earlier count no more."""
        while self._asked and self._asked[0][0] < before:
            _, protocol, transaction = self._asked.popleft()
            protocol.transactions.pop(transaction, None)
