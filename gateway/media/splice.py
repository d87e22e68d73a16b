"""One outgoing RTP stream made of one source after another, without a seam. Pure.

A reloaded page is a new source: new SSRC, sequence numbers, timestamps and VP8 picture identifiers.
The receiver on the other side goes on as if one sender had paused (RFC 7667, section 3.6).
"""

from __future__ import annotations

from dataclasses import dataclass

REORDER = 512
"""Packets older than this behind the newest of their source belong to nothing we still play: 5 s at 1 Mbit/s."""

LINGER_SECONDS = 1.0
"""How long packets of a source that was left may still come in; while the new one plays they are dropped."""

_SEQUENCES, _TIMES = 1 << 16, 1 << 32


@dataclass(frozen=True, slots=True)
class Packet:
    """An RTP packet as it is forwarded: `payload` is encoded sound or picture, never decoded here.

    `level`: of sound, decibels below full scale as its sender says, 127 is digital silence (RFC 6464, section 3);
    None: not said.
    """

    ssrc: int
    sequence_number: int
    timestamp: int
    marker: bool
    payload: bytes
    level: int | None = None


class Splice:
    """Maps packets of changing sources onto one numbering. `clock_rate` in Hz (90000 video, 48000 Opus)."""

    def __init__(self, clock_rate: int, vp8: bool = False) -> None:
        self._rate = clock_rate
        self._vp8 = vp8
        self._source: tuple[object, int] | None = None
        self._retired: tuple[object, int] | None = None
        self._number_offset = 0
        self._time_offset = 0
        self._newest = 0
        """Newest sequence number of the source."""
        self._last_time = 0
        self._last_at = 0.0
        self._started = False
        self._ids = _PictureIds()

    def take(self, origin: object, packet: Packet, now: float) -> Packet | None:
        """The packet under the outgoing numbering; None when it belongs to a source that was left.

        `origin` tells apart two peers that chose the same SSRC; `now` is monotonic seconds.
        """
        source = (origin, packet.ssrc)
        if source != self._source:
            if source == self._retired and now - self._last_at < LINGER_SECONDS:
                return None
            self._change(source, packet, now)
        behind = (self._newest - packet.sequence_number) % _SEQUENCES
        if behind >= _SEQUENCES // 2:
            self._newest = packet.sequence_number
            self._last_time, self._last_at = packet.timestamp, now
        elif behind > REORDER:
            return None
        payload = self._ids.rewrite(packet.payload) if self._vp8 else packet.payload
        return Packet(packet.ssrc, (packet.sequence_number + self._number_offset) % _SEQUENCES,
                      self.timestamp(packet.timestamp), packet.marker, payload)

    def timestamp(self, source_timestamp: int) -> int:
        """A timestamp of the present source on the outgoing scale (for its sender reports)."""
        return (source_timestamp + self._time_offset) % _TIMES

    def plays(self, origin: object, ssrc: int) -> bool:
        """Whether this is the present source."""
        return self._source == (origin, ssrc)

    def _change(self, source: tuple[object, int], packet: Packet, now: float) -> None:
        if self._started:
            # One number further, and as much later on the media clock as it is on ours.
            last_number = (self._newest + self._number_offset) % _SEQUENCES
            elapsed = max(1, round((now - self._last_at) * self._rate))
            target = (self.timestamp(self._last_time) + elapsed) % _TIMES
            self._number_offset = (last_number + 1 - packet.sequence_number) % _SEQUENCES
            self._time_offset = (target - packet.timestamp) % _TIMES
        self._retired, self._source = self._source, source
        self._newest = packet.sequence_number
        self._last_time, self._last_at = packet.timestamp, now
        self._started = True
        self._ids.source_changed()


class _PictureIds:
    """PictureID and TL0PICIDX of the VP8 payload descriptor (RFC 7741, section 4.2), made continuous."""

    def __init__(self) -> None:
        self._picture_offset = 0
        self._layer_offset = 0
        self._picture: int | None = None
        self._layer: int | None = None
        self._seam = False

    def source_changed(self) -> None:
        self._seam = True

    def rewrite(self, payload: bytes) -> bytes:
        """The payload with its identifiers moved; unchanged when it has none or is cut."""
        if len(payload) < 3 or not payload[0] & 0x80:
            return payload
        flags, at = payload[1], 2
        out = bytearray(payload)
        long_form = False
        picture = layer = None
        if flags & 0x80:
            long_form = bool(payload[at] & 0x80)
            if long_form and len(payload) < at + 2:
                return payload
            picture = (payload[at] & 0x7F) << 8 | payload[at + 1] if long_form else payload[at] & 0x7F
            at += 2 if long_form else 1
        if flags & 0x40:
            if len(payload) < at + 1:
                return payload
            layer = payload[at]
        if self._seam:
            self._join(picture, layer, 1 << 15 if long_form else 1 << 7)
        if picture is not None:
            moved = (picture + self._picture_offset) % (1 << 15 if long_form else 1 << 7)
            self._picture = moved
            if long_form:
                out[2:4] = (moved | 1 << 15).to_bytes(2, "big")
            else:
                out[2] = moved
        if layer is not None:
            self._layer = out[at] = (layer + self._layer_offset) % 256
        return bytes(out)

    def _join(self, picture: int | None, layer: int | None, pictures: int) -> None:
        self._seam = False
        if picture is not None and self._picture is not None:
            self._picture_offset = (self._picture + 1 - picture) % pictures
        if layer is not None and self._layer is not None:
            self._layer_offset = (self._layer + 1 - layer) % 256
