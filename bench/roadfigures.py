"""What came of a call of the model (`bench.roadsim`). Pure; seconds."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, field

FREEZE_SECONDS = 0.5
"""A longer gap between two pictures."""


@dataclass(frozen=True, slots=True)
class Ending:
    """What ended a gap between two pictures that began at `since`: the picture shown `at`, taken when it was `born`,
    whose last packet `left`; `repaired`: one of its packets came as a retransmission."""

    since: float
    at: float
    born: float
    left: float
    key: bool
    repaired: bool


@dataclass
class Figures:
    """What came of it. Latencies in seconds, of displayed pictures and of sound."""

    seconds: float
    shown: list[tuple[float, float]] = field(default_factory=list)
    """When displayed, how old."""
    voice: list[float] = field(default_factory=list)
    voice_sent: int = 0
    octets: int = 0
    keyframes: int = 0
    targets: list[tuple[float, int]] = field(default_factory=list)
    endings: list[Ending] = field(default_factory=list)

    @property
    def frames_per_second(self) -> float:
        """Displayed."""
        return len(self.shown) / self.seconds

    def latency(self, share: float) -> float:
        """Percentile of the pictures' latency; inf without pictures."""
        ages = sorted(age for _, age in self.shown)
        return ages[min(len(ages) - 1, int(share * len(ages)))] if ages else math.inf

    @property
    def frozen(self) -> float:
        """Seconds in gaps over half a second."""
        times = [0.0, *(at for at, _ in self.shown), self.seconds]
        return sum(b - a for a, b in itertools.pairwise(times) if b - a > FREEZE_SECONDS)

    @property
    def voice_lost(self) -> float:
        """Share of sound that did not come."""
        return 1 - len(self.voice) / max(1, self.voice_sent)

    def voice_latency(self, share: float) -> float:
        """Percentile."""
        ages = sorted(self.voice) or [math.inf]
        return ages[min(len(ages) - 1, int(share * len(ages)))]

    def shown_after(self, at: float) -> float:
        """Seconds from `at` to the next picture that was made after it... inf without."""
        return next((shown - at for shown, age in self.shown if shown - age >= at), math.inf)

    def kbps(self, since: float = 0.0, until: float = math.inf) -> float:
        """Mean of the picture's target."""
        chosen = [rate for at, rate in self.targets if since <= at < until]
        return sum(chosen) / max(1, len(chosen)) / 1000
