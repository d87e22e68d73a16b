"""A fetal heart and a womb, quarter second by quarter second: baseline, variability, accelerations, contractions.

Shapes after the FIGO consensus on cardiotocography (2015): baseline 110 to 160 beats a minute, variability 5 to 25,
accelerations of 15 for 15 s, contractions of about a minute, each four minutes.
"""

from __future__ import annotations

import math
import random
from typing import Final

QUARTERS_A_SECOND: Final = 4
BASELINE: Final = 140
CONTRACTION_EVERY_S, CONTRACTION_S = 240.0, 70.0
RESTING_TONE, PEAK_TONE = 12, 72
ACCELERATION_EVERY_S, ACCELERATION_S, ACCELERATION = 95.0, 22.0, 18
PEN_LIFT_EVERY_S, PEN_LIFT_S = 150.0, 3.0
"""The transducer loses the heart when the child moves."""


class Labour:
    """What the monitor would print. `quarter(n)` is always the same for the same n."""

    def __init__(self, seed: int = 3) -> None:
        self._seed = seed
        self.transducer_off = False

    def heart_rate(self, quarter: int) -> int | None:
        """Beats a minute; None: pen lift."""
        at = quarter / QUARTERS_A_SECOND
        if self.transducer_off or at % PEN_LIFT_EVERY_S > PEN_LIFT_EVERY_S - PEN_LIFT_S:
            return None
        variability = 4 * math.sin(2 * math.pi * at / 17) + 3 * math.sin(2 * math.pi * at / 5.3 + 1)
        rising = _bell(at % ACCELERATION_EVERY_S - ACCELERATION_EVERY_S / 2, ACCELERATION_S)
        restless = random.Random(f"{self._seed}/{quarter}").gauss(0, 0.8)
        return round(BASELINE + variability + ACCELERATION * rising + restless)

    def activity(self, eighth: int) -> int:
        """Relative units of the strip."""
        at = eighth / QUARTERS_A_SECOND / 2
        squeeze = _bell(at % CONTRACTION_EVERY_S - CONTRACTION_EVERY_S / 2, CONTRACTION_S)
        breath = math.sin(2 * math.pi * at / 4)
        return max(0, round(RESTING_TONE + (PEAK_TONE - RESTING_TONE) * squeeze + breath))


def _bell(seconds: float, width: float) -> float:
    return math.exp(-((seconds / (width / 2.5)) ** 2))
