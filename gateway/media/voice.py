"""How the forwarded voice is packed: as it came, two frames in one packet, or each frame said three times. Pure.

Nothing is decoded: Opus packets are joined by their framing (RFC 6716, section 3.2), redundancy is RFC 2198.
"""

from __future__ import annotations

from dataclasses import dataclass

from .congestion.budget import VoiceForm

FRAME_TICKS = 960
"""20 ms at 48 kHz: what browsers send."""

REDUNDANT = 2
"""Earlier frames beside each: a burst of two is survived whole."""

REDUNDANT_OCTETS_MAX = 1023
"""Ten bits of length (RFC 2198, section 3)."""

FRAME_OCTETS_MAX = 1275
"""Longer ones have no length in a packet of two (RFC 6716, section 3.2.1); browsers send 60 to 160."""

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
        self._held: Spoken | None = None
        self._before: list[tuple[int, bytes]] = []
        self._newest: int | None = None

    def take(self, payload: bytes, timestamp: int, marker: bool, form: VoiceForm) -> list[Spoken]:
        """What leaves now, for one packet that came; one that is older than the last is too late."""
        if self._newest is not None and 0 < (self._newest - timestamp) % TIMES < TIMES // 2:
            return []
        self._newest = timestamp
        held, self._held = self._held, None
        now = Spoken(payload, timestamp, marker)
        if form is VoiceForm.paired:
            self._before.clear()
            return self._pair(held, now)
        waited = [held] if held is not None else []
        if form is VoiceForm.red and self.red:
            return [*waited, self._repeat(now)]
        self._before.clear()
        return [*waited, now]

    def _pair(self, held: Spoken | None, now: Spoken) -> list[Spoken]:
        if held is not None:
            joined = join(held.payload, now.payload)
            if joined is not None and (now.timestamp - held.timestamp) % TIMES == FRAME_TICKS:
                return [Spoken(joined, held.timestamp, held.marker)]
            return [held, now]
        if len(now.payload) <= SILENT_OCTETS or now.payload[0] & 3:
            return [now]
        self._held = now
        return []

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


def join(first: bytes, second: bytes) -> bytes | None:
    """Two Opus packets of one frame each as one of two; None when they differ in mode, have more frames or are too
    long."""
    if len(first) > FRAME_OCTETS_MAX or len(second) > FRAME_OCTETS_MAX:
        return None
    if not first or not second or first[0] & 3 or first[0] != second[0]:
        return None
    one, two = first[1:], second[1:]
    if len(one) == len(two):
        return bytes([first[0] | 1]) + one + two
    if len(one) < 252:
        length = bytes([len(one)])
    else:
        length = bytes([252 + (len(one) & 3), (len(one) - 252 - (len(one) & 3)) >> 2])
    return bytes([first[0] | 2]) + length + one + two
