"""The link to the relay as the kiosk and the health report see it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from protocol.kiosk import RelayLink as LinkState


@dataclass(frozen=True, slots=True)
class LinkView:
    """Of one moment."""

    state: LinkState
    since: datetime
    round_trip_ms: int | None = None
    code: str | None = None
    """Why it is not online, as far as known."""
    clock_offset_s: float | None = None
    """The relay's clock minus ours at the last welcome; a round trip of error."""

    def gone(self, code: str, lasting: bool, now: datetime) -> LinkView:
        """A socket ended, or still none was made."""
        was_online = self.state is LinkState.online
        # The first failure of a connection that was up is not "offline" yet: a resume takes 300 ms.
        state = LinkState.connecting if was_online and not lasting else LinkState.offline
        return LinkView(state, now if was_online else self.since, code=code, clock_offset_s=self.clock_offset_s)

    def measured(self, round_trip: float) -> LinkView:
        """A ping was answered after so many seconds."""
        return LinkView(self.state, self.since, round(round_trip * 1000), clock_offset_s=self.clock_offset_s)
