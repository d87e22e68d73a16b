"""A simulated HealthyPi 5 on a pseudo-terminal: opens, plays one sample a frame at its rate, from sample 0.

Frame as the firmware writes it (Protocentral/protocentral_healthypi5_zephyr, app/src/data_module.c, `sendData`), from
an encoder of its own. The source is the synthesised heart or a WFDB record, in millivolts; what the converter's
counts make of it is what the gateway must receive, sample for sample.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from . import heart
from .patient import Patient
from .wire.line import SerialBox

GAIN: Final = 80
"""V/V, what the board's device tree sets."""

COUNTS_PER_MV: Final = GAIN * 2**17 / 1000
"""18-bit converter, reference 1000 mV (MAX30001): count = V * 2^17 * gain / VREF."""

LOWEST, HIGHEST = -(2**17), 2**17 - 1
NATIVE_RATE_HZ: Final = 128.0

RED, INFRARED, TEMPERATURE, SPO2, BREATHS = 120_000, 140_000, 3350, 98, 15


@dataclass(frozen=True, slots=True)
class Source:
    """One loop of the record as the converter sees it."""

    name: str
    rate_hz: float
    counts: tuple[int, ...]


def synthesised(patient: Patient, rate_hz: float = NATIVE_RATE_HZ) -> Source:
    """The patient's own heart."""
    return Source("synthesised", rate_hz, to_counts(heart.lead_i(patient.heart_rate, rate_hz)))


def recorded(path: Path, rate_hz: float | None = None) -> Source:
    """The first channel of a WFDB record (path without extension), at its own rate unless told otherwise."""
    import wfdb  # type: ignore[import-untyped]  # it loads pandas: a second that only records need

    record = wfdb.rdrecord(str(path), channels=[0], physical=True)
    signal = np.nan_to_num(np.asarray(record.p_signal)[:, 0])
    in_mv = {"mV": 1.0, "uV": 0.001, "V": 1000.0}[record.units[0]]
    return Source(path.name, rate_hz or float(record.fs), to_counts(signal * in_mv))


def to_counts(millivolts: NDArray[np.float64]) -> tuple[int, ...]:
    """What the converter makes of the voltage, its rails included."""
    counts = np.clip(np.rint(millivolts * COUNTS_PER_MV), LOWEST, HIGHEST).astype(int)
    return tuple(counts.tolist())


def frame(ecg: int, heart_rate: int) -> bytes:
    """29 bytes."""
    def long(value: int) -> bytes:
        return bytes((value >> shift) & 0xFF for shift in (0, 8, 16, 24))

    payload = (long(ecg) + long(0) + b"\xff" + long(RED) + long(INFRARED)
               + bytes([TEMPERATURE & 0xFF, TEMPERATURE >> 8, SPO2, heart_rate & 0xFF, BREATHS]))
    return bytes([0x0A, 0xFA, len(payload), 0, 2]) + payload + b"\x00\x0b"


class EcgBox(SerialBox):
    """The board, one sample a frame."""

    def __init__(self, source: Source, path: Path, patient: Patient) -> None:
        self.source = source
        counts = source.counts
        super().__init__("healthypi5", path, source.rate_hz,
                         lambda n: frame(counts[n % len(counts)], patient.heart_rate))
