"""Which SCTP chunks of an authenticated peer the library gets to see. Pure: octets and numbers in, verdicts out.

A browser that was taken over is authenticated as well. The library trusts lengths, numbers and ranges (one parameter
of length 0 is an endless loop, one acknowledgement names eighteen million numbers), keeps whatever is out of order, and
answers each request however many stand in a packet.
"""

from __future__ import annotations

from collections.abc import Sequence

AHEAD_MAX = 1024
"""How far beyond the last number without a gap data may be: more than a receiver window of full chunks (RFC 9260,
section 6.2). What is further is not acknowledged, so it comes again."""

HELD_MAX = 2048
"""Chunks kept for what is missing: everything out of order and the largest message in pieces, twice."""

STREAMS_MAX = 16
"""The page opens none of its own; ours are three."""

MESSAGE_OCTETS = 256 * 1024
"""What our description says we take (RFC 8841, section 6.1)."""

GAPS_MAX = 128
"""Of one acknowledgement of ours: half a kilobyte, more does not fit a packet beside data."""

REQUESTS_A_SECOND = 50
"""Chunks that want an answer each: set-up, heartbeats, resets. A browser sends one heartbeat in thirty seconds."""

TURN_CHUNKS = 16
"""Handled before other work gets its turn: 75 fit a packet and each may be a message of 0.1 ms."""

NUMBERS = 2**32

_HEAD, _CHUNK_HEAD, _PARAMETER_HEAD = 12, 4, 4
_BEFORE_PARAMETERS = {1: 16, 2: 16, 4: 0, 5: 0, 6: 0, 9: 0, 130: 0}
"""Octets of a chunk of this type (RFC 9260, section 3.2; RFC 6525) before its list of parameters."""
_LEAST = {0: 13, 1: 16, 2: 16, 3: 12, 7: 4, 192: 4}
"""Octets after the head that a chunk of this type has at least; the library takes what is absent for zero."""
_DATA, _SACK, _FORWARD = 0, 3, 192


def well_formed(packet: bytes) -> bool:
    """Whether every chunk and every parameter has a length that is there (RFC 9260, sections 3.2 and 3.2.1)."""
    at = _HEAD
    while at + _CHUNK_HEAD <= len(packet):
        length = int.from_bytes(packet[at + 2:at + 4], "big")
        if length < _CHUNK_HEAD or at + length > len(packet):
            return False
        if not _whole(packet[at], packet[at + _CHUNK_HEAD:at + length]):
            return False
        at += length + -length % 4
    return at > _HEAD


def distance(number: int, base: int) -> int:
    """How far `number` is beyond `base` in serial arithmetic (RFC 1982); negative: behind."""
    return (number - base + NUMBERS // 2) % NUMBERS - NUMBERS // 2


def honest_gaps(gaps: Sequence[tuple[int, int]], span: int) -> list[tuple[int, int]]:
    """Of the gap blocks of an acknowledgement those that can be true: in order, apart, and about numbers that were
    sent (`span`: how many after the cumulative one)."""
    kept: list[tuple[int, int]] = []
    last = 0
    for start, end in gaps:
        if last < start <= end <= span:
            kept.append((start, end))
            last = end
    return kept


def _whole(kind: int, body: bytes) -> bool:
    if kind == _DATA:
        return len(body) >= _LEAST[_DATA]
    if kind == _SACK:
        blocks = int.from_bytes(body[8:10], "big") + int.from_bytes(body[10:12], "big")
        return len(body) >= _LEAST[_SACK] + 4 * blocks
    if kind == _FORWARD and len(body) % 4:
        return False
    before = _BEFORE_PARAMETERS.get(kind)
    return len(body) >= _LEAST.get(kind, 0) and (before is None or _parameters(body[before:]))


def _parameters(body: bytes) -> bool:
    at = 0
    while at + _PARAMETER_HEAD <= len(body):
        length = int.from_bytes(body[at + 2:at + 4], "big")
        if length < _PARAMETER_HEAD or at + length > len(body):
            return False
        at += length + -length % 4
    return True
