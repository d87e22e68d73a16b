"""Is loss ours? The rate falls to see: loss that stays was the road's own, and is then ignored for a while. Pure;
shares 0 to 1, bit/s, monotonic seconds."""

from __future__ import annotations

from .measures import Loss

LOSS_HIGH = 0.12
"""Bursts of radio loss reach a tenth within a second; more is a full queue that is too short to be seen as delay."""

LOSS_STEADY, LOSS_STEADY_SECONDS = 0.04, 2.5
"""So much for so long is tried: the rate falls a little, and if the loss stays it was not ours."""

LOSS_COLLAPSE = 0.3
"""So much of a second lost: sending it again would take a thin link longer than a keyframe does."""

LOSS_TRY, LOSS_TRY_SECONDS, LOSS_STAYS = 0.88, 2.5, 0.6

LOSS_BELIEVED_SECONDS = 30.0
"""So long loss that was not ours is taken for the path's own."""

LOSS_MARGIN, LOSS_EXTRA = 1.5, 0.02


class Losses:
    """What is lost, and what is thought of it."""

    def __init__(self) -> None:
        self._recent, self._steady = Loss(), Loss(LOSS_STEADY_SECONDS)
        self._try: tuple[float, float, float] | None = None
        """Since when, for which loss, and from which rate it fell to see whether the loss goes."""
        self._inherent, self._inherent_until = 0.0, float("-inf")

    def add(self, acked: int, lost: int, late: int, now: float) -> None:
        """What one feedback message told."""
        for loss in (self._recent, self._steady):
            loss.add(acked, lost, late, now)

    @property
    def share(self) -> float:
        """Over the last second."""
        return self._recent.share

    @property
    def lossy(self) -> bool:
        """Whether some is always lost."""
        return self._steady.share > LOSS_EXTRA

    @property
    def collapse(self) -> bool:
        """Whether so much is lost that what follows cannot be decoded."""
        return self._recent.share > LOSS_COLLAPSE

    @property
    def forbid_growth(self) -> bool:
        """Whether more is lost than the road loses by itself, or that is being tried."""
        return self._try is not None or self._recent.share > LOSS_EXTRA + LOSS_MARGIN * self._inherent

    def judge(self, rate: float, arrives: float, round_trip: float, now: float, *,
              queued_at: float = float("-inf")) -> float | None:
        """The rate from now on: under `rate` for loss that may be ours, at least `rate` where it was not; None: it
        stays. `queued_at`: when a queue last stood. What it lost when it ran over was answered then."""
        if now > self._inherent_until:
            self._inherent = 0.0
        allowed = LOSS_MARGIN * self._inherent + LOSS_EXTRA if self._inherent else 0.0
        if self._try is not None:
            return self._tried(rate, round_trip, now)
        share = self._recent.share
        if share > max(LOSS_HIGH, allowed):
            return self._fall(share, rate, max(0.5 * rate, min(rate * (1 - share / 2), arrives)), now)
        if self._steady.share > max(LOSS_STEADY, allowed) and now - queued_at > LOSS_STEADY_SECONDS:
            return self._fall(self._steady.share, rate, max(0.5 * rate, min(LOSS_TRY * rate, 0.97 * arrives)), now)
        return None

    def forget(self) -> None:
        """After an outage nothing of before counts."""
        self._clear()
        self._try = None

    def _tried(self, rate: float, round_trip: float, now: float) -> float | None:
        assert self._try is not None
        since, share, before = self._try
        if now - since < LOSS_TRY_SECONDS + round_trip:
            return None
        self._try = None
        if self._steady.share <= LOSS_STAYS * share:
            return None
        self._inherent, self._inherent_until = max(share, self._steady.share), now + LOSS_BELIEVED_SECONDS
        return max(rate, before)

    def _fall(self, share: float, before: float, rate: float, now: float) -> float:
        self._try = (now, share, before)
        self._clear()
        return rate

    def _clear(self) -> None:
        self._recent.clear()
        self._steady.clear()
