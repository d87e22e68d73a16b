"""The patient's heart as an instrument's converter sees it: lead I at any rate, endless, in the counts it sends."""

from __future__ import annotations

from ..heart import lead_i
from ..patient import Patient

LOOP_S = 60.0


class Trace:
    """Samples one after the other; the same heart beats at every instrument."""

    def __init__(self, patient: Patient, rate_hz: float, counts_per_mv: float) -> None:
        signal = lead_i(patient.heart_rate, rate_hz, LOOP_S)
        self.counts = tuple(round(float(millivolts) * counts_per_mv) for millivolts in signal)
        self.position = 0

    def take(self, count: int) -> list[int]:
        """The next `count`."""
        found = [self.counts[(self.position + n) % len(self.counts)] for n in range(count)]
        self.position += count
        return found
