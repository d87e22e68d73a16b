"""How fast data channels may send on a thin path, where SCTP alone fills the queue and then sends everything twice.

Pure; bit/s, octets on the wire, monotonic seconds.
"""

from __future__ import annotations

CHANNELS_PACING = 1.1
"""Of what voice and picture leave: the rate is up to 8 % under what the path takes, and readings come unevenly."""

CHANNELS_LEAST = 16_000
"""Readings go on where the rate is believed to be next to nothing; growth begins with what is really sent."""

CHANNELS_BURST_OCTETS, CHANNELS_BURST_SECONDS = 900, 0.15
"""A reading leaves at once, and what a busy loop has missed."""

OPENING_OCTETS = 250
"""While the first picture goes first: the channels' own opening, and one message."""

UNLIMITED = 1 << 20


class ChannelPacer:
    """Without a limit until `lead` sets one."""

    def __init__(self) -> None:
        self._rate: float | None = None
        self._credit, self._at = float(CHANNELS_BURST_OCTETS), float("-inf")

    def lead(self, left: float | None, now: float) -> None:
        """From now on this is left of the rate for channels, 0: nothing more before something else has gone; None: the
        path is not thin."""
        self._earn(now)
        if left == 0 and self._rate != 0:
            self._credit = min(self._credit, float(OPENING_OCTETS))
        self._rate = left and max(float(CHANNELS_LEAST), CHANNELS_PACING * left)

    def sent(self, octets: int, now: float) -> None:
        """A packet of the channels left."""
        self._earn(now)
        # What goes without asking (acknowledgements) holds up readings for a moment only.
        self._credit = max(self._credit - octets, -float(CHANNELS_BURST_OCTETS))

    def room(self, now: float) -> int:
        """Octets that may leave now; none may with 0 or less."""
        if self._rate is None:
            return UNLIMITED
        self._earn(now)
        return int(self._credit)

    def _earn(self, now: float) -> None:
        if self._rate is not None and self._at > float("-inf"):
            most = max(float(CHANNELS_BURST_OCTETS), self._rate / 8 * CHANNELS_BURST_SECONDS)
            self._credit = min(max(most, self._credit), self._credit + (now - self._at) * self._rate / 8)
        self._at = now
