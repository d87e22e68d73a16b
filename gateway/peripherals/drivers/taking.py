"""What is in the hand while the frames of one visit are taken: the drain, a first half, the plateau."""

from __future__ import annotations

from collections import Counter
from typing import Final

from .. import models
from ..drain import Drain
from ..meaning import Assembly
from ..plateau import Plateau
from ..profiles.racp import TIMEOUT_S
from .radio import Characteristic
from .visit import Visit

LIVE_WITHIN_S: Final = 5.0
"""A record this soon after a live value is the measurement we watched: deflation and computing take 2-3 s."""

WATCHED_AFTER_S: Final = 5.0
"""What an instrument without a clock says after it was silent for this long was measured before our eyes; what it
had stored it sends at once."""

VISIT_S: Final = 180.0
"""One visit at most: a measurement lasts 60 s, a full memory of 200 records 20 s."""

CONTEXT_S: Final = 2.0
"""A context follows its glucose record at once, a second half of a body composition too."""

Frame = tuple[Characteristic, bytes]


class Taking:
    """What is in the hand while a visit's frames are taken."""

    def __init__(self, visit: Visit, now: float) -> None:
        self.visit = visit
        self.began = self.heard = now
        self.drain: Drain | None = None
        self.assembly = Assembly(visit.device.model, visit.feature)
        self.waiting = False
        self.numbers: list[int] = []
        self.alike: Counter[bytes] = Counter()
        self.plateau: Plateau[Frame] = Plateau()

    @property
    def patience(self) -> float:
        """How long the next frame may take before the instrument has said everything."""
        if self.waiting:
            return CONTEXT_S
        if self.drain is not None and not self.drain.over:
            return TIMEOUT_S
        return self.visit.manners.quiet_s

    def may_go_on(self, now: float) -> bool:
        """Whether the visit has not lasted too long; who measures while connected stays as long as it speaks."""
        stays = self.visit.manners.measures_connected or self.visit.manners.continuous
        return stays or now - self.began < VISIT_S

    def watched(self, now: float) -> bool:
        """Whether what came just now was measured before our eyes."""
        visit = self.visit
        if visit.last_live is not None and now - visit.last_live < LIVE_WITHIN_S:
            return True
        has_clock = any(visit.link.has(n) for n in (models.DATE_TIME, models.CURRENT_TIME))
        return visit.manners.measures_connected and not has_clock and now - self.heard >= WATCHED_AFTER_S
