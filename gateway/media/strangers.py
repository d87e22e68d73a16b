"""Which datagrams of an open port are worth a look. Pure: octets, addresses and `now` in, a verdict out.

Anybody can send to the ports of a call. What is refused here costs one to three microseconds; parsing a STUN message,
checking its signature and answering costs ten times as much. The peer is known by signed checks (RFC 8445,
section 7.3), nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass

Where = tuple[str, int]

KNOWN_MAX = 64
"""Addresses the peer proved to be at: its interfaces and translations."""

STUN_HEAD, STUN_OCTETS = 20, 1280
"""A check has about 120 octets, a relay's answer about 200; nothing legitimate is larger than IPv6's least MTU."""

COOKIE = b"\x21\x12\xa4\x42"
"""RFC 8489, section 5."""

CHECKS_KNOWN = 400
"""Signed checks a second from where the peer is: on 20 pairs, each 50 ms, while a connection is made."""

CHECKS_UNKNOWN = 200
"""Messages a second that bear our name, from elsewhere: the first checks of a peer behind a translation. 8 ms."""

CHECKS_ONE = 50
"""Of them from one address: a browser sends twenty a second at most."""

NAMELESS = 10
"""Messages a second that bear no name of ours; they get their refusal (RFC 8489, section 9.1.3) and no more."""

SOURCES_MAX = 256
"""Unknown addresses counted apart; a flood from more shares the second's total."""

_ANSWER, _INDICATION = 0x01, 0x10
"""Bits of the class: in the first and the second octet."""


@dataclass(slots=True)
class Allowance:
    """So many a second, as many at once."""

    rate: float
    left: float
    since: float

    def take(self, now: float, count: int = 1) -> bool:
        """Whether `count` more fit."""
        self.left = min(self.rate, self.left + (now - self.since) * self.rate)
        self.since = now
        if self.left < count:
            return False
        self.left -= count
        return True


class Doorkeeper:
    """One session's. `name`: our ICE user name fragment, which a check for us bears. Times are monotonic seconds."""

    def __init__(self, name: str, now: float) -> None:
        self._name = f"{name}:".encode()
        self._known: dict[Where, float] = {}
        self._from_known = Allowance(CHECKS_KNOWN, CHECKS_KNOWN, now)
        self._from_unknown = Allowance(CHECKS_UNKNOWN, CHECKS_UNKNOWN, now)
        self._nameless = Allowance(NAMELESS, NAMELESS, now)
        self._sources: dict[Where, Allowance] = {}
        self.refused = 0

    @property
    def known(self) -> int:
        """How many addresses the peer proved to be at."""
        return len(self._known)

    def learn(self, where: Where, now: float) -> None:
        """A signed message came from there. The one heard least recently is forgotten when there are too many."""
        self._known.pop(where, None)
        if len(self._known) >= KNOWN_MAX:
            del self._known[next(iter(self._known))]
        self._known[where] = now
        self._sources.pop(where, None)

    def heard(self, where: Where) -> float:
        """When a signed message last came from there; 0.0: never."""
        return self._known.get(where, 0.0)

    def is_known(self, where: Where) -> bool:
        """Whether data from there are the peer's."""
        return where in self._known

    def admits(self, message: bytes, where: Where, waiting: object, now: float) -> bool:
        """Whether to parse this message, whose first octet says STUN. `waiting`: identifiers (12 octets) of our own
        questions, as anything that takes `in`."""
        admitted = self._admits(message, where, waiting, now)
        self.refused += not admitted
        return admitted

    def _admits(self, message: bytes, where: Where, waiting: object, now: float) -> bool:
        size = len(message)
        if not STUN_HEAD <= size <= STUN_OCTETS or message[4:8] != COOKIE:
            return False
        if size != STUN_HEAD + int.from_bytes(message[2:4], "big"):
            return False
        if message[0] & _ANSWER:
            return message[8:20] in waiting  # type: ignore[operator]
        if message[1] & _INDICATION:
            return False
        if where in self._known:
            return self._from_known.take(now)
        if self._name not in message:
            return self._nameless.take(now)
        source = self._sources.get(where)
        if source is None:
            if len(self._sources) >= SOURCES_MAX:
                del self._sources[next(iter(self._sources))]
            source = self._sources[where] = Allowance(CHECKS_ONE, CHECKS_ONE, now)
        return source.take(now) and self._from_unknown.take(now)
