"""Twelve leads of one heart in counts of half a microvolt: a recorded one, or the patient's own synthesised."""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sim import heart
from sim.patient import Patient

NAMES: Final = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")
RATE_HZ: Final = 500
COUNTS_PER_MV: Final = 2000

_HEIGHTS: Final = {
    # mV of P, Q, R, S, T in a normal heart with its axis at 45 degrees (textbook shapes, not a person's).
    "I": (0.09, -0.05, 0.75, -0.12, 0.22),
    "II": (0.13, -0.07, 1.05, -0.16, 0.28),
    "V1": (0.05, 0.0, 0.22, -0.95, -0.08),
    "V2": (0.06, 0.0, 0.42, -1.35, 0.45),
    "V3": (0.06, 0.0, 0.75, -0.95, 0.48),
    "V4": (0.07, -0.05, 1.45, -0.55, 0.44),
    "V5": (0.07, -0.09, 1.35, -0.25, 0.36),
    "V6": (0.07, -0.09, 1.05, -0.12, 0.28),
}


@dataclass(frozen=True, slots=True)
class TwelveLeads:
    """One loop. `rows`: an instant each, twelve counts in the order of `NAMES`."""

    name: str
    rate_hz: int
    rows: tuple[tuple[int, ...], ...]

    def row(self, number: int) -> tuple[int, ...]:
        """The n-th instant, the record looped."""
        return self.rows[number % len(self.rows)]


def synthesised(patient: Patient, seconds: float = 30.0, seed: int = 7) -> TwelveLeads:
    """The patient's own heart; limb leads agree with each other (Einthoven, Goldberger) to the count."""
    chance = random.Random(seed)
    *peaks, end = heart.beats(patient.heart_rate, seconds, chance)
    time = np.arange(int(end * RATE_HZ)) / RATE_HZ
    counts = {}
    for number, (name, heights) in enumerate(_HEIGHTS.items()):
        noise = np.random.default_rng(seed + number).normal(0, heart.NOISE_MV, len(time))
        counts[name] = _counts(_beating(time, peaks, heights) + noise)
    one, two = counts["I"], counts["II"]
    counts |= {"III": two - one, "aVR": -((one + two) // 2), "aVL": one - two // 2, "aVF": two - one // 2}
    return TwelveLeads("synthesised", RATE_HZ, _rows([counts[name] for name in NAMES]))


def recorded(path: Path, rate_hz: int = RATE_HZ) -> TwelveLeads:
    """A WFDB record with twelve leads (path without extension), played at `rate_hz` whatever its own rate is: every
    sample is sent, none is made up. ValueError names the leads it lacks."""
    import wfdb  # type: ignore[import-untyped]  # it loads pandas: a second that only records need

    record = wfdb.rdrecord(str(path), physical=True)
    there = {name.upper(): at for at, name in enumerate(record.sig_name)}
    lacking = [name for name in NAMES if name.upper() not in there]
    if lacking:
        raise ValueError(f"{path.name} has no lead {', '.join(lacking)}")
    signal = np.asarray(record.p_signal, dtype=np.float64)
    in_mv = {"mV": 1.0, "uV": 0.001, "V": 1000.0}
    leads = [_counts(signal[:, there[name.upper()]] * in_mv[record.units[there[name.upper()]]]) for name in NAMES]
    return TwelveLeads(path.name, rate_hz, _rows(leads))


def _beating(time: NDArray[np.float64], peaks: list[float], heights: tuple[float, ...]) -> NDArray[np.float64]:
    signal = np.zeros_like(time)
    for index, peak in enumerate(peaks):
        interval = peak - peaks[index - 1] if index else 60 / 74
        near = np.abs(time - peak) < 0.6
        for (name, offset, _, width), height in zip(heart.WAVES, heights, strict=True):
            at = peak + offset * (np.sqrt(interval) if name == "T" else 1.0)
            signal[near] += height * np.exp(-((time[near] - at) ** 2) / (2 * width**2))
    return signal


def _counts(millivolts: NDArray[np.float64]) -> NDArray[np.int64]:
    # The lowest count says "no value".
    return np.clip(np.rint(np.nan_to_num(millivolts) * COUNTS_PER_MV), -(2**15) + 1, 2**15 - 1).astype(np.int64)


def _rows(leads: list[NDArray[np.int64]]) -> tuple[tuple[int, ...], ...]:
    return tuple(tuple(row) for row in np.stack(leads, axis=1).tolist())
