"""H.264 Annex B into RTP payloads (RFC 6184, packetization-mode 1). Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

PAYLOAD_BYTES = 1160
"""With RTP, extensions, SRTP, a TURN header, UDP and IPv6 a packet stays under 1280 bytes, the smallest
IPv6 MTU, which cellular links and tunnels sometimes have."""

_STAP_A, _FU_A, _TYPE, _REFERENCE = 24, 28, 0x1F, 0x60
_START, _END = 0x80, 0x40


def split_units(stream: bytes) -> list[bytes]:
    """NAL units of an Annex B byte stream (ITU-T H.264, annex B), without start codes."""
    starts = []
    at = stream.find(b"\x00\x00\x01")
    while at != -1:
        starts.append(at)
        at = stream.find(b"\x00\x00\x01", at + 3)
    # The zeros before a start code belong to it (a four-byte start code) or are trailing zeros.
    units = [stream[start + 3:end].rstrip(b"\x00") for start, end in pairwise((*starts, len(stream)))]
    return [unit for unit in units if unit]


def payloads(units: Sequence[bytes], limit: int = PAYLOAD_BYTES) -> tuple[bytes, ...]:
    """RTP payloads of one access unit: small units share a STAP-A, large ones are cut into FU-A."""
    out: list[bytes] = []
    together: list[bytes] = []
    size = 1
    for unit in units:
        if together and size + 2 + len(unit) > limit:
            out.append(_aggregate(together))
            together, size = [], 1
        if len(unit) > limit:
            if together:
                out.append(_aggregate(together))
                together, size = [], 1
            out.extend(_fragments(unit, limit))
        else:
            together.append(unit)
            size += 2 + len(unit)
    if together:
        out.append(_aggregate(together))
    return tuple(out)


def _aggregate(units: Sequence[bytes]) -> bytes:
    """STAP-A (section 5.7.1); one unit alone goes as it is."""
    if len(units) == 1:
        return units[0]
    reference = max(unit[0] & _REFERENCE for unit in units)
    return bytes((reference | _STAP_A,)) + b"".join(len(unit).to_bytes(2, "big") + unit for unit in units)


def _fragments(unit: bytes, limit: int) -> Iterator[bytes]:
    """FU-A (section 5.8), pieces of nearly equal size so that none is a tiny packet of its own."""
    indicator, kind = (unit[0] & ~_TYPE) | _FU_A, unit[0] & _TYPE
    body = memoryview(unit)[1:]
    count = -(-len(body) // (limit - 2))
    bounds = [len(body) * i // count for i in range(count + 1)]
    for i in range(count):
        header = kind | (_START if i == 0 else 0) | (_END if i == count - 1 else 0)
        yield bytes((indicator, header)) + body[bounds[i]:bounds[i + 1]]
