"""Transport-wide feedback: which packets arrived, and when (draft-holmer-rmcat-transport-wide-cc-extensions-01)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

URI = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"
"""The header extension that numbers packets over all streams of a transport."""

FORMAT: Final = 15
"""FMT of the RTCP transport layer feedback message (PT 205)."""

TICK_SECONDS, REFERENCE_SECONDS = 250e-6, 0.064

NUMBERS = 1 << 16

_RTPFB = 205
_SSRCS = 12
_HEAD = 8
_VECTOR_BITS = 14


class BadFeedback(ValueError):
    """The message contradicts itself; it is dropped whole."""


@dataclass(frozen=True, slots=True)
class Feedback:
    """`arrived`: (transport number, receiver's seconds) in order of numbers. The numbers of `base` .. `base + count`
    that are not among them did not come yet. The receiver's clock starts anywhere and wraps after 12 days."""

    base: int
    count: int
    arrived: tuple[tuple[int, float], ...]


def messages(rtcp: bytes) -> list[bytes]:
    """The feedback control information of each such message in a compound RTCP packet (RFC 3550, 6.1); what is cut is
    left out."""
    found: list[bytes] = []
    at = 0
    while at + 4 <= len(rtcp):
        end = at + 4 * (int.from_bytes(rtcp[at + 2:at + 4], "big") + 1)
        if end > len(rtcp):
            break
        if rtcp[at + 1] == _RTPFB and rtcp[at] & 0x1F == FORMAT and end - at > _SSRCS:
            padding = rtcp[end - 1] if rtcp[at] & 0x20 else 0
            found.append(rtcp[at + _SSRCS:max(at + _SSRCS, end - padding)])
        at = end
    return found


def parse(fci: bytes) -> Feedback:
    """The feedback control information behind the two SSRCs; BadFeedback when it is cut or claims what it lacks."""
    if len(fci) < _HEAD:
        raise BadFeedback("shorter than its head")
    base, count = int.from_bytes(fci[0:2], "big"), int.from_bytes(fci[2:4], "big")
    reference = int.from_bytes(fci[4:7], "big", signed=True) * REFERENCE_SECONDS
    received, at = _statuses(fci, count)
    arrived: list[tuple[int, float]] = []
    ticks = 0
    for offset, width in received:
        if at + width > len(fci):
            raise BadFeedback("fewer arrival times than arrivals")
        ticks += int.from_bytes(fci[at:at + width], "big", signed=width == 2)
        at += width
        arrived.append(((base + offset) % NUMBERS, reference + ticks * TICK_SECONDS))
    return Feedback(base, count, tuple(arrived))


def _statuses(fci: bytes, count: int) -> tuple[list[tuple[int, int]], int]:
    """Offset and octets of the delta of each packet received, and where the deltas begin."""
    received: list[tuple[int, int]] = []
    seen, at = 0, _HEAD
    while seen < count:
        if at + 2 > len(fci):
            raise BadFeedback("fewer statuses than packets")
        chunk = int.from_bytes(fci[at:at + 2], "big")
        at += 2
        if not chunk & 0x8000:
            symbol, run = chunk >> 13 & 3, min(chunk & 0x1FFF, count - seen)
            if not run:
                raise BadFeedback("an empty run")
            # A run of packets that did not come costs nothing, however long; the others each have a delta.
            if symbol and run > len(fci):
                raise BadFeedback("fewer arrival times than arrivals")
            if symbol:
                received += [(seen + i, _width(symbol)) for i in range(run)]
            seen += run
            continue
        bits = 2 if chunk & 0x4000 else 1
        for i in range(min(_VECTOR_BITS // bits, count - seen)):
            symbol = chunk >> (_VECTOR_BITS - bits * (i + 1)) & (1 << bits) - 1
            if symbol:
                received.append((seen + i, _width(symbol)))
        seen += min(_VECTOR_BITS // bits, count - seen)
    return received, at


def _width(symbol: int) -> int:
    if symbol == 3:
        raise BadFeedback("a reserved status")
    return symbol
