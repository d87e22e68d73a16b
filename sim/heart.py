"""A synthesised heart: lead I as a sum of Gaussians over the phase of each beat, beats as a breathing person has.

The shape follows the idea of McSharry et al., "A dynamical model for generating synthetic electrocardiogram signals"
(IEEE Trans. Biomed. Eng. 50(3), 2003): P, Q, R, S, T as bells around the angle of the R peak.
"""

from __future__ import annotations

import random
from typing import Final

import numpy as np
from numpy.typing import NDArray

WAVES: Final = (
    # seconds from R, height in mV, width in seconds; T moves with the square root of the beat (Bazett).
    ("P", -0.17, 0.11, 0.022),
    ("Q", -0.028, -0.09, 0.008),
    ("R", 0.0, 0.95, 0.010),
    ("S", 0.030, -0.18, 0.009),
    ("T", 0.27, 0.24, 0.045),
)
BREATHS_PER_MINUTE: Final = 15
SINUS_ARRHYTHMIA: Final = 0.05
"""Beats shorten in, lengthen out, by this share."""
RESTLESSNESS: Final = 0.012
NOISE_MV: Final = 0.006
WANDER_MV: Final = 0.03


def beats(rate_per_minute: float, seconds: float, chance: random.Random) -> list[float]:
    """Times of the R peaks; the last one ends the loop."""
    times, now = [], 0.0
    while now < seconds:
        breath = np.sin(2 * np.pi * now * BREATHS_PER_MINUTE / 60)
        interval = 60 / rate_per_minute * (1 + SINUS_ARRHYTHMIA * breath + chance.gauss(0, RESTLESSNESS))
        times.append(now + interval / 2)
        now += interval
    times.append(now)
    return times


def lead_i(heart_rate: float, sample_rate: float, seconds: float = 60.0, seed: int = 7) -> NDArray[np.float64]:
    """About `seconds` of lead I in mV, ending between two beats so that it can be looped."""
    chance = random.Random(seed)
    *peaks, end = beats(heart_rate, seconds, chance)
    time = np.arange(int(end * sample_rate)) / sample_rate
    signal = np.zeros_like(time)
    for index, peak in enumerate(peaks):
        interval = peak - peaks[index - 1] if index else 60 / heart_rate
        stretch = float(np.sqrt(interval))
        near = np.abs(time - peak) < 0.6
        for name, offset, height, width in WAVES:
            at = peak + offset * (stretch if name == "T" else 1.0)
            signal[near] += height * np.exp(-((time[near] - at) ** 2) / (2 * width**2))
    noise = np.random.default_rng(seed).normal(0, NOISE_MV, len(time))
    # Whole breaths in the loop: the wander meets itself where the loop closes.
    breaths = max(1, round(end * BREATHS_PER_MINUTE / 60))
    wander = WANDER_MV * np.sin(2 * np.pi * breaths * time / end)
    return np.asarray(signal + noise + wander, dtype=np.float64)
