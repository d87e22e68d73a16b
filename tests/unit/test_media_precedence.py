"""The doctor's picture goes first on the uplink, the guests' in what is left."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from bench.guestsim import together
from gateway.media.lanes import APART, Sharing
from gateway.media.precedence import (
    AMPLE,
    AMPLE_SECONDS,
    PAUSE_SECONDS,
    RESUME_ABOVE,
    RESUME_SECONDS,
    SHARE,
    DoctorsPath,
    Precedence,
)

TICK = 0.25


class Road:
    """Steps a `Precedence` as the engine does, four times a second."""

    def __init__(self) -> None:
        self.precedence: Precedence[str] = Precedence()
        self.now = 0.0

    def over(self, seconds: float, picture: int, guests: Sequence[str] = ("g",), *,
             held: bool = False) -> list[dict[str, int | None]]:
        told = []
        for _ in range(max(1, round(seconds / TICK))):
            told.append(self.precedence.step(DoctorsPath(picture, held), guests, self.now))
            self.now += TICK
        return told


def test_a_guest_gets_its_share_at_once_and_no_more() -> None:
    """On a link that carries both, the guest's limit follows the doctor's path tick by tick."""
    road = Road()
    assert road.over(TICK, 500_000) == [{"g": 200_000}]
    assert road.over(TICK, 300_000) == [{"g": 120_000}]


def test_the_guests_picture_pauses_first() -> None:
    """On a thin link the doctor's picture goes on and the guest's stops: at once where there is next to nothing, after
    a short dip's time where there is too little, within its limit until then."""
    road = Road()
    road.over(1, 500_000)
    assert road.over(PAUSE_SECONDS - TICK, 140_000)[-1] == {"g": 56_000}
    assert road.over(TICK, 500_000)[-1] == {"g": 200_000}
    assert road.over(PAUSE_SECONDS + TICK, 140_000)[-1] == {"g": 0}
    assert Road().over(TICK, 60_000) == [{"g": 0}]
    road = Road()
    road.over(1, 500_000)
    assert road.over(TICK, 60_000)[-1] == {"g": 0}


def test_it_comes_back_when_there_is_enough_for_long_enough() -> None:
    """Not at the threshold where it stopped, and not in the first moment."""
    road = Road()
    road.over(20, 500_000)
    road.over(5, 50_000)
    assert all(told == {"g": 0} for told in road.over(20, round(RESUME_ABOVE / SHARE) - 1000))
    back = [told["g"] for told in road.over(RESUME_SECONDS + 1, 300_000)]
    assert back[0] == 0
    assert back[-1] == 120_000
    assert back.index(120_000) == round(RESUME_SECONDS / TICK)


def test_a_return_in_vain_waits_longer_each_time() -> None:
    """A link that carries the doctor alone is not tried every four seconds all day."""
    road = Road()
    waits = []
    road.over(20, 500_000)
    for _ in range(5):
        road.over(1, 50_000)
        told = [limits["g"] for limits in road.over(70, 300_000)]
        waits.append(next(i for i, limit in enumerate(told) if limit) * TICK)
        road.now -= (len(told) - 1) * TICK - waits[-1]
    assert waits[0] == RESUME_SECONDS
    assert waits == sorted(waits)
    assert waits[-1] > 4 * RESUME_SECONDS


def test_two_guests_share_and_the_later_one_pauses_first() -> None:
    """Who came first goes first; with enough for two both play with the same rate."""
    road = Road()
    assert road.over(TICK, 600_000, ("one", "two"))[-1] == {"one": 120_000, "two": 120_000}
    assert road.over(PAUSE_SECONDS + TICK, 250_000, ("one", "two"))[-1] == {"one": 100_000, "two": 0}


def test_where_there_is_plenty_they_have_the_same_picture() -> None:
    """After a while at a good rate the limit is the doctor's own: one encoder feeds all."""
    road = Road()
    assert road.over(TICK, AMPLE)[-1] == {"g": round(SHARE * AMPLE)}
    assert road.over(AMPLE_SECONDS + 1, AMPLE)[-1] == {"g": AMPLE}
    assert road.over(TICK, 900_000)[-1] == {"g": 900_000}
    assert road.over(TICK, 700_000)[-1] == {"g": round(SHARE * 700_000)}


@pytest.mark.parametrize("picture", [0, 500_000])
def test_a_doctor_whose_picture_is_held_is_spared_entirely(picture: int) -> None:
    """Paused for thinness, or not measured yet: the guest's pictures wait."""
    road = Road()
    road.over(1, 500_000)
    assert road.over(TICK, picture, held=True)[-1] == {"g": 0}


def test_without_a_doctor_nobody_is_spared() -> None:
    """The doctor's page is loaded again: the guest goes on, without a limit, and gives way when it is back."""
    road = Road()
    road.over(1, 100_000)
    assert road.precedence.step(None, ["g"], road.now) == {"g": None}
    assert road.over(TICK, 500_000)[-1] == {"g": 200_000}


def test_a_modest_receiver_never_drags_the_others_down() -> None:
    """From its first step on it has the small encoder, and returns to it without a wait."""
    sharing: Sharing[str] = Sharing()
    apart = round(500_000 / APART) - 1
    assert sharing.step({"doctor": 500_000, "guest": apart}, 0.0, {"guest"}) == {"guest"}
    for tick in range(40):
        together = sharing.step({"doctor": 500_000, "guest": 500_000}, 1.0 + tick * TICK, {"guest"})
    assert together == frozenset()
    assert sharing.step({"doctor": 500_000, "guest": apart}, 12.0, {"guest"}) == {"guest"}


@pytest.mark.parametrize(("kbps", "keeps", "pictures"), [(2000, 0.65, 20), (1000, 0.6, 20), (400, 0.55, 5),
                                                         (250, 0.7, 0)])
def test_on_a_link_of_this_rate_the_doctor_keeps_the_larger_part(kbps: int, keeps: float, pictures: int) -> None:
    """The gateway's own paths and this precedence over one emulated uplink: the doctor keeps this share of its picture
    after a guest has joined, all its pictures a second and its sound; the guest gets what is left, or none."""
    told = together(kbps, 60.0)
    assert told.kbps(told.doctor) > keeps * told.alone()
    assert told.shown(told.doctor) > 17
    assert told.kbps(told.guest) < 0.5 * told.kbps(told.doctor)
    assert told.shown(told.guest) >= pictures
    assert told.doctor.voice_lost < 0.005
    assert told.guest.voice_lost < 0.02


def test_without_precedence_a_guest_takes_from_the_doctor() -> None:
    """Why it is there: two congestion controls alone share a link as they please."""
    alone = together(1000, 60.0, precedence=False)
    assert alone.kbps(alone.guest) > 0.5 * alone.kbps(alone.doctor)
