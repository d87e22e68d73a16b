"""VP8 into RTP payloads (RFC 7741, section 4.2). Pure."""

from __future__ import annotations

from .h264 import PAYLOAD_BYTES

PICTURES = 1 << 15
"""Picture identifiers of two octets (the M bit) go round after this many."""

_EXTENDED, _START, _HAS_ID, _LONG = 0x80, 0x10, 0x80, 0x80
_INTER = 0x01
"""The inverse key frame flag, first bit of the picture itself (RFC 6386, section 9.1)."""


def payloads(picture: bytes, picture_id: int, limit: int = PAYLOAD_BYTES) -> tuple[bytes, ...]:
    """RTP payloads of one picture, in pieces of nearly equal size."""
    number = bytes((_HAS_ID, _LONG | picture_id >> 8 & 0x7F, picture_id & 0xFF))
    room = limit - 1 - len(number)
    count = max(1, -(-len(picture) // room))
    bounds = [len(picture) * i // count for i in range(count + 1)]
    return tuple(bytes((_EXTENDED | (0 if i else _START),)) + number + picture[bounds[i]:bounds[i + 1]]
                 for i in range(count))


def is_keyframe(picture: bytes) -> bool:
    """Whether it can be decoded alone."""
    return bool(picture) and not picture[0] & _INTER
