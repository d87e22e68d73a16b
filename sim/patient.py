"""The simulated person: one heart, one blood pressure; every instrument on this person agrees."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Final

RESTING_SYSTOLIC: Final = 138
RESTING_DIASTOLIC: Final = 86
RESTING_HEART_RATE: Final = 74


@dataclass(frozen=True, slots=True)
class Pressure:
    """One cuff measurement, mmHg and beats a minute."""

    systolic: int
    diastolic: int
    pulse: int

    @property
    def mean(self) -> int:
        """Mean arterial pressure as cuffs estimate it: a third of the way up."""
        return round(self.diastolic + (self.systolic - self.diastolic) / 3)


@dataclass
class Patient:
    """A patient whose numbers vary a little between measurements, as they do."""

    systolic: int = RESTING_SYSTOLIC
    diastolic: int = RESTING_DIASTOLIC
    heart_rate: int = RESTING_HEART_RATE
    chance: random.Random = field(default_factory=lambda: random.Random(20))

    def pressure(self, systolic: int | None = None, diastolic: int | None = None,
                 pulse: int | None = None) -> Pressure:
        """What the cuff will find; a given number is taken as it is."""
        return Pressure(
            self.systolic + round(self.chance.gauss(0, 3)) if systolic is None else systolic,
            self.diastolic + round(self.chance.gauss(0, 2)) if diastolic is None else diastolic,
            self.heart_rate + round(self.chance.gauss(0, 1)) if pulse is None else pulse,
        )
