"""Whether loss is ours: tried by falling, believed where it stays."""

from __future__ import annotations

from gateway.media.congestion.losses import LOSS_BELIEVED_SECONDS, LOSS_TRY, LOSS_TRY_SECONDS, Losses

RATE, ROUND_TRIP = 1_000_000.0, 0.1


def lose(losses: Losses, share: float, since: float, until: float) -> None:
    """Ten packets each tenth of a second, `share` of them lost."""
    for step in range(round(10 * since), round(10 * until)):
        lost = round(10 * share * (step + 1)) - round(10 * share * step)
        losses.add(10 - lost, lost, 0, step / 10)


def test_much_loss_takes_the_rate_down_at_once() -> None:
    """A fifth lost is a full queue: the rate falls by half of that share, and growth waits."""
    losses = Losses()
    lose(losses, 0.2, 0, 1)
    rate = losses.judge(RATE, RATE, ROUND_TRIP, 1.0)
    assert rate is not None
    assert 0.85 * RATE < rate < 0.95 * RATE
    assert losses.forbid_growth


def test_loss_that_stays_after_a_fall_was_the_roads_own() -> None:
    """Six percent are tried, stay, and give the rate back; they are then left alone for half a minute."""
    losses = Losses()
    lose(losses, 0.06, 0, 3)
    assert losses.judge(RATE, RATE, ROUND_TRIP, 3.0) == LOSS_TRY * RATE
    after = 3.0 + LOSS_TRY_SECONDS + 2 * ROUND_TRIP
    lose(losses, 0.06, 3, after)
    assert losses.judge(LOSS_TRY * RATE, RATE, ROUND_TRIP, after) == RATE
    lose(losses, 0.06, after, after + 5)
    assert losses.judge(RATE, RATE, ROUND_TRIP, after + 5) is None
    assert not losses.forbid_growth
    assert losses.lossy
    late = after + LOSS_BELIEVED_SECONDS + 1
    lose(losses, 0.06, late - 4, late)
    assert losses.judge(RATE, RATE, ROUND_TRIP, late) == LOSS_TRY * RATE


def test_loss_that_goes_was_ours() -> None:
    """Where it is gone after the fall the rate stays where it fell to."""
    losses = Losses()
    lose(losses, 0.06, 0, 3)
    losses.judge(RATE, RATE, ROUND_TRIP, 3.0)
    after = 3.0 + LOSS_TRY_SECONDS + 2 * ROUND_TRIP
    lose(losses, 0.0, 3, after)
    assert losses.judge(LOSS_TRY * RATE, RATE, ROUND_TRIP, after) is None
    assert not losses.forbid_growth


def test_what_a_queue_lost_when_it_ran_over_is_not_answered_twice() -> None:
    """Six percent behind a queue that stood a second ago say nothing; once it is long gone they are tried."""
    losses = Losses()
    lose(losses, 0.06, 0, 3)
    assert losses.judge(RATE, RATE, ROUND_TRIP, 3.0, queued_at=2.0) is None
    lose(losses, 0.06, 3, 6)
    assert losses.judge(RATE, RATE, ROUND_TRIP, 6.0, queued_at=2.0) == LOSS_TRY * RATE


def test_a_third_lost_is_a_collapse() -> None:
    """More than three tenths of a second lost: what follows cannot be decoded. After an outage nothing of it counts."""
    losses = Losses()
    lose(losses, 0.4, 0, 1)
    assert losses.collapse
    losses.forget()
    assert not losses.collapse
    assert losses.share == 0
