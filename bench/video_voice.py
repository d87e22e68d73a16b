"""The voice of the video benchmark: a tone sequence that tells its own time, and its reading. Pure.

A hum that never stops, so that no sender takes it for silence; over it, at each half second of the monotonic clock, a
tone of 200 ms. The tone's pitch is one of eight in turn, so that a tone heard up to four seconds late is known.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

HZ = 48_000
SLOT_SECONDS, TONE_SECONDS = 0.5, 0.2
PITCHES = (600, 900, 1200, 1500, 1800, 2100, 2400, 2700)
"""Hz; multiples of 100, so that ten milliseconds tell them apart."""

HUM_HZ, HUM, TONE = 200, 0.05, 0.3
"""Of full scale."""

EDGE_SECONDS = 0.005
"""A tone that begins at once clicks over all pitches."""

HEARD = 0.06
"""Amplitude in ten milliseconds that counts as a tone: a fifth of what was sent."""

HOP_SECONDS = 0.01
"""The receiver measures each ten milliseconds (bench/video_receiver.js); a tone is found half of that late."""


def samples(first: int, count: int) -> NDArray[np.int16]:
    """`count` samples from sample `first` of the monotonic clock (seconds x 48 000) on."""
    at = np.arange(first, first + count, dtype=np.int64)
    slot_samples = int(SLOT_SECONDS * HZ)
    within = (at % slot_samples) / HZ
    pitch = np.array(PITCHES)[at // slot_samples % len(PITCHES)]
    edge = np.clip(np.minimum(within, TONE_SECONDS - within) / EDGE_SECONDS, 0, 1)
    phase = (at % HZ) / HZ * math.tau
    wave = HUM * np.sin(HUM_HZ * phase) + TONE * edge * np.sin(pitch * phase)
    return (wave * 32767).astype(np.int16)


def onsets(levels: Sequence[tuple[float, int, float]]) -> list[tuple[float, int]]:
    """(second, pitch's number) at which tones begin. `levels`: second, loudest pitch's number, its amplitude, one
    each `HOP_SECONDS`, in order."""
    found: list[tuple[float, int]] = []
    sounding: int | None = None
    for at, pitch, amplitude in levels:
        now = pitch if amplitude >= HEARD else None
        if now is not None and now != sounding and (not found or found[-1][1] != now
                                                    or at - found[-1][0] > SLOT_SECONDS):
            found.append((at, now))
        sounding = now
    return found


def delays(found: Sequence[tuple[float, int]], begin: float, end: float) -> tuple[list[float], int, int]:
    """Delay in seconds of each tone sent in [begin, end) that was heard; how many were heard, how many sent."""
    period = SLOT_SECONDS * len(PITCHES)
    first, last = math.ceil(begin / SLOT_SECONDS), math.ceil(end / SLOT_SECONDS)
    late: dict[int, float] = {}
    for at, pitch in found:
        sent = math.floor((at - pitch * SLOT_SECONDS) / period) * len(PITCHES) + pitch
        if first <= sent < last:
            late.setdefault(sent, at - sent * SLOT_SECONDS - HOP_SECONDS / 2)
    return [late[slot] for slot in sorted(late)], len(late), max(0, last - first)
