"""Samples as a radio sends them, in bursts and with holes, into chunks of a tenth of a second. Pure.

A hole is written out as samples the device says nothing about, so that time stays time on the screen.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from protocol.readings import Chunk, Waveform

from .ecg_quality import Watch

CHUNKS_PER_SECOND: Final = 10

LONGEST_GAP_S: Final = 60
"""Longest hole that is written out: past it the stream has ended."""

DRIFT_S: Final = 2.0
"""A radio delivers up to a second late and then all at once; past this the device's clock has run away from ours, and
the chunks' times are set anew."""


class Trace:
    """One stream of one lead."""

    def __init__(self, waveform: Waveform, rail: int | None = None) -> None:
        self.chunks = 0
        """Chunks made so far."""
        self._waveform = waveform
        self._rate = float(waveform.rate_hz)
        self._watch = Watch(self._rate, [float(waveform.scale)] * len(waveform.leads), waveform.lost_count, rail)
        self._size = max(1, round(self._rate / CHUNKS_PER_SECOND))
        self._samples: list[int] = []
        self._counted = 0
        self._anchor: float | None = None

    @property
    def problem(self) -> str | None:
        """What the samples say is wrong with the electrodes."""
        return self._watch.problem

    def add(self, samples: Sequence[int | None], at: float) -> list[Chunk]:
        """Samples of which the last was taken `at` (seconds since the epoch); None is one without a value."""
        last = self._counted + len(self._samples) + len(samples) - 1
        if self._anchor is None:
            self._anchor = at - last / self._rate
        late = at - (self._anchor + last / self._rate)
        if abs(late) > DRIFT_S:
            self._anchor += late
        return self._take([self._waveform.lost_count if sample is None else sample for sample in samples])

    def lost(self, count: int) -> list[Chunk]:
        """So many samples never came."""
        if self._anchor is None or count <= 0:
            return []
        return self._take([self._waveform.lost_count] * min(count, round(LONGEST_GAP_S * self._rate)))

    def flush(self) -> list[Chunk]:
        """What is left at the end."""
        return [self._cut(len(self._samples))] if self._samples else []

    def _take(self, counts: list[int]) -> list[Chunk]:
        for count in counts:
            self._watch.add((count,))
        self._samples += counts
        made = []
        while len(self._samples) >= self._size:
            made.append(self._cut(self._size))
        return made

    def _cut(self, size: int) -> Chunk:
        samples, self._samples = tuple(self._samples[:size]), self._samples[size:]
        first_at = (self._anchor or 0.0) + self._counted / self._rate
        chunk = Chunk(self._waveform.stream_id, self.chunks, first_at, 1, samples)
        self._counted += size
        self.chunks += 1
        return chunk
