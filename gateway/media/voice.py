"""How the forwarded voice is packed: as it came, two or three frames in one packet, or each said three times. Pure.

Nothing is decoded: Opus packets are joined by their framing (RFC 6716, section 3.2), redundancy is RFC 2198.
"""

from __future__ import annotations

from dataclasses import dataclass

from .congestion.budget import GATHERED, VoiceForm

FRAME_TICKS = 960
"""20 ms at 48 kHz: what browsers send."""

REDUNDANT = 2
"""Earlier frames beside each: a burst of two is survived whole."""

REDUNDANT_OCTETS_MAX = 1023
"""Ten bits of length (RFC 2198, section 3)."""

FRAME_OCTETS_MAX = 1275
"""Longer ones have no length in a packet of several (RFC 6716, section 3.2.1); browsers send 40 to 160."""

SILENT_OCTETS = 3
"""A frame of discontinuous transmission: nothing follows for up to 400 ms, so it does not wait."""

TIMES = 1 << 32


@dataclass(frozen=True, slots=True)
class Spoken:
    """One packet to send. `redundant`: it has the payload type of RED."""

    payload: bytes
    timestamp: int
    marker: bool
    redundant: bool = False


class VoicePacking:
    """One voice to one doctor. `opus_type`: the payload type of the frames inside RED; `red`: the doctor takes it."""

    def __init__(self) -> None:
        self.opus_type = 0
        self.red = False
        self._held: list[Spoken] = []
        self._before: list[tuple[int, bytes]] = []
        self._newest: int | None = None

    def take(self, payload: bytes, timestamp: int, marker: bool, form: VoiceForm) -> list[Spoken]:
        """What leaves now, for one packet that came; one that is older than the last is too late."""
        if self._newest is not None and 0 < (self._newest - timestamp) % TIMES < TIMES // 2:
            return []
        self._newest = timestamp
        now = Spoken(payload, timestamp, marker)
        if form in GATHERED:
            self._before.clear()
            return self._gather(now, GATHERED[form])
        waited, self._held = self._held, []
        if form is VoiceForm.red and self.red:
            return [*waited, self._repeat(now)]
        self._before.clear()
        return [*waited, now]

    def _gather(self, now: Spoken, count: int) -> list[Spoken]:
        before, self._held = self._held, []
        follows = bool(before) and joinable(before[-1].payload, now.payload) and (
            now.timestamp - before[-1].timestamp) % TIMES == FRAME_TICKS
        gathered = [*before, now] if follows else [now]
        left = [] if follows else _joined(before)
        if len(gathered) >= count or len(now.payload) <= SILENT_OCTETS or now.payload[0] & 3:
            return [*left, *_joined(gathered)]
        self._held = gathered
        return left

    def _repeat(self, now: Spoken) -> Spoken:
        heads, bodies = b"", b""
        for timestamp, payload in self._before:
            offset = (now.timestamp - timestamp) % TIMES
            if offset < 1 << 14:
                heads += ((0x80 | self.opus_type) << 24 | offset << 10 | len(payload)).to_bytes(4, "big")
                bodies += payload
        if len(now.payload) <= REDUNDANT_OCTETS_MAX:
            self._before = [*self._before, (now.timestamp, now.payload)][-REDUNDANT:]
        return Spoken(heads + bytes([self.opus_type]) + bodies + now.payload, now.timestamp, now.marker, True)


def joinable(first: bytes, second: bytes) -> bool:
    """Whether two Opus packets are of one frame each, of one mode and not too long."""
    if not first or not second or len(first) > FRAME_OCTETS_MAX or len(second) > FRAME_OCTETS_MAX:
        return False
    return not first[0] & 3 and first[0] == second[0]


def join(*packets: bytes) -> bytes | None:
    """Opus packets of one frame each as one of them all (RFC 6716, 3.2.3 to 3.2.5); None when they differ in mode,
    have more frames or are too long."""
    if not all(joinable(packets[0], other) for other in packets[1:]):
        return None
    head, frames = packets[0][0], [packet[1:] for packet in packets]
    even = len({len(frame) for frame in frames}) == 1
    if len(frames) == 2:
        code = bytes([head | 1]) if even else bytes([head | 2])
    else:
        code = bytes([head | 3, len(frames) | (0 if even else 0x80)])
    lengths = b"" if even else b"".join(_length(frame) for frame in frames[:-1])
    return code + lengths + b"".join(frames)


def _length(frame: bytes) -> bytes:
    if len(frame) < 252:
        return bytes([len(frame)])
    return bytes([252 + (len(frame) & 3), (len(frame) - 252 - (len(frame) & 3)) >> 2])


def _joined(held: list[Spoken]) -> list[Spoken]:
    """What waited, as one packet."""
    if len(held) < 2:
        return held
    joined = join(*(spoken.payload for spoken in held))
    return held if joined is None else [Spoken(joined, held[0].timestamp, held[0].marker)]
