"""The clock inside an instrument: set or not, off by any amount, drifting."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

UNSET: Final = bytes(7)
"""Date Time whose year, month and day are not known (GATT Specification Supplement 3.62)."""


@dataclass
class Clock:
    """`offset` is what it shows minus local time at `since`; from then on it gains `drift_s_per_day`."""

    is_set: bool = True
    offset: timedelta = timedelta(0)
    drift_s_per_day: float = 0.0
    local: Callable[[], datetime] = datetime.now
    since: datetime = field(default_factory=datetime.now)

    def now(self) -> datetime:
        """What its display shows, whole seconds."""
        return (self.local() + self.error()).replace(microsecond=0)

    def error(self) -> timedelta:
        """How far it is from local time now."""
        return self.offset + (self.local() - self.since) * (self.drift_s_per_day / 86_400)

    def stamp(self, age: timedelta = timedelta(0)) -> datetime | None:
        """What it writes beside a record `age` old; None while nobody has set it."""
        return self.now() - age if self.is_set else None

    def put(self, shown: datetime) -> None:
        """Somebody sets it."""
        self.turn(shown - self.local().replace(microsecond=0))

    def turn(self, offset: timedelta) -> None:
        """It is now off by `offset`."""
        self.is_set, self.offset, self.since = True, offset, self.local()
