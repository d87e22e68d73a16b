"""Sound of an instrument into Opus: wide band, one channel, nothing taken away and nothing added.

No voice filter, no noise suppression, no gain control, no silence left out: what is faint may be a murmur.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterator
from dataclasses import dataclass

from av.audio.codeccontext import AudioCodecContext
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler

OPUS_HZ = 48_000
"""RTP clock of Opus, and the rate we encode at (RFC 7587, section 4.1)."""

FULL_SCALE = 32_768.0

LEVEL_STEP = 4
"""Every fourth sample is enough for a loudness."""

SILENCE_DB = -100.0
"""Loudness of digital silence, which has none."""


@dataclass(frozen=True, slots=True)
class SoundProfile:
    """What the sound costs. `frame_ms`: 20 or 40; each packet has about 70 bytes of headers with it."""

    bits_per_second: int
    frame_ms: int

    @property
    def samples(self) -> int:
        """Of one packet, at 48 kHz."""
        return OPUS_HZ * self.frame_ms // 1000

    @property
    def on_the_wire(self) -> int:
        """bit/s with RTP, its extension, SRTP, UDP and IPv4."""
        return self.bits_per_second + 70 * 8 * 1000 // self.frame_ms


WIDE = SoundProfile(64_000, 20)
"""From 54 kbit/s up libopus never takes its speech coder for sound of one channel (opus_encoder.c: threshold of
10 to 53.6 kbit/s by how much it sounds like speech)."""

THIN = SoundProfile(48_000, 40)
"""For a link that carries little more than voice: half the packets, a quarter less sound."""


@dataclass(frozen=True, slots=True)
class SoundPacket:
    """One Opus packet. `timestamp` is RTP time; `first` opens a spurt; `level_db` is its RMS against full scale."""

    payload: bytes
    timestamp: int
    first: bool
    level_db: float


class SoundEncoder:
    """Frames of any rate and layout in, packets out. `origin`: monotonic seconds of the first sample."""

    def __init__(self, profile: SoundProfile, origin: float) -> None:
        self._profile = profile
        self._resampler = AudioResampler(format="s16", layout="mono", rate=OPUS_HZ, frame_size=profile.samples)
        context = AudioCodecContext.create("libopus", "w")
        assert isinstance(context, AudioCodecContext)
        context.sample_rate, context.layout, context.format = OPUS_HZ, "mono", "s16"
        context.bit_rate = profile.bits_per_second
        # `audio`: the voice profile filters below 50 Hz, where the third heart sound is.
        context.options = {"application": "audio", "frame_duration": str(profile.frame_ms), "vbr": "constrained",
                           "packet_loss": "0", "fec": "0"}
        context.open()
        self._context = context
        self._origin = round(origin * OPUS_HZ)
        self._samples = 0
        self._packets = 0

    @property
    def seconds(self) -> float:
        """How much sound was encoded."""
        return self._samples / OPUS_HZ

    def take(self, frame: AudioFrame) -> Iterator[SoundPacket]:
        """The packets that are full now."""
        frame.pts = None
        for block in self._resampler.resample(frame):
            if block.samples < self._profile.samples:
                continue
            level = loudness(bytes(block.planes[0])[:2 * block.samples])
            block.pts = self._samples
            self._samples += block.samples
            for packet in self._context.encode(block):
                timestamp = (self._origin + self._packets * self._profile.samples) % (1 << 32)
                self._packets += 1
                yield SoundPacket(bytes(packet), timestamp, self._packets == 1, level)


def loudness(samples: bytes) -> float:
    """RMS of signed 16-bit samples, in decibels against full scale."""
    values = array("h", samples)[::LEVEL_STEP]
    mean = math.fsum(value * value for value in values) / max(1, len(values))
    return max(SILENCE_DB, 10 * math.log10(mean / FULL_SCALE**2)) if mean else SILENCE_DB
