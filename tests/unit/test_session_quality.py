"""How the call goes: grades and totals, by looks and the clock they are given; and over emulated links."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bench.roadsenders import Ours
from bench.roadsim import Link, play
from gateway.media.congestion.road import PathFigures
from gateway.media.events import PeerState
from gateway.media.path import CallFigures
from gateway.media.rate import Ladder
from gateway.session.quality import BETTER_SECONDS, COUNT_MAX, RECEPTION_SECONDS, Grader, Look, Totals
from protocol.quality import CallQuality, PictureGrade, Reception, VoiceGrade

HALF = 0.5
PATH = PathFigures(target_kbps=1800, picture_kbps=1700, sent_kbps=900, arrives_kbps=880, loss_percent=0.0,
                   round_trip_ms=60, queue_ms=5, window_octets=90_000, in_flight_octets=4000, voice="plain",
                   paused=False, blind=False, why="hold", outages=0)
FIGURES = CallFigures(1700, False, 4, 25, 1, "10.0.0.2", "host", PATH, 720)
GOOD = Look(1, PeerState.connected, FIGURES, interface="wwan0")


def path(**changes: object) -> Look:
    return replace(GOOD, figures=replace(FIGURES, path=replace(PATH, **changes)))  # type: ignore[arg-type]


def figures(**changes: object) -> Look:
    return replace(GOOD, figures=replace(FIGURES, **changes))  # type: ignore[arg-type]


BLIND = path(blind=True)
THIN = replace(GOOD, figures=replace(FIGURES, quarters=2, frames_per_second=15,
                                     path=replace(PATH, target_kbps=120)))


class Looks:
    """A grader and its clock."""

    def __init__(self) -> None:
        self.grader, self.now = Grader(), 100.0
        self.see(GOOD, BETTER_SECONDS)

    def see(self, look: Look, seconds: float = HALF) -> CallQuality:
        quality: CallQuality | None = None
        end = self.now + seconds - HALF / 2
        while self.now < end:
            self.now += HALF
            quality = self.grader.look(look, self.now)
        assert quality is not None
        return quality

    def receive(self, **said: object) -> None:
        self.grader.received(1, Reception(**said), self.now)  # type: ignore[arg-type]


def test_a_good_call_has_its_figures_and_no_code() -> None:
    """Everything a support line asks for, in one value."""
    quality = Looks().see(replace(GOOD, relayed=True))
    assert (quality.voice, quality.picture, quality.code) == (VoiceGrade.good, PictureGrade.good, None)
    assert (quality.target_kbps, quality.picture_kbps, quality.sent_kbps) == (1800, 1700, 900)
    assert (quality.lines, quality.frames_per_second) == (720, 25)
    assert (quality.loss_percent, quality.round_trip_ms, quality.queue_ms) == (0.0, 60, 5)
    assert (quality.interface, quality.relayed, quality.seen) == ("wwan0", True, None)


@pytest.mark.parametrize(("look", "voice", "picture", "code"), [
    (THIN, VoiceGrade.good, PictureGrade.reduced, "quality.thin"),
    (figures(quarters=3), VoiceGrade.good, PictureGrade.reduced, "quality.thin"),
    (figures(frames_per_second=8), VoiceGrade.good, PictureGrade.reduced, "quality.thin"),
    (replace(figures(frames_per_second=8), shown=True), VoiceGrade.good, PictureGrade.good, None),
    (path(paused=True), VoiceGrade.good, PictureGrade.paused, "quality.thin"),
    (path(paused=True, loss_percent=60.0), VoiceGrade.poor, PictureGrade.paused, "quality.thin"),
    (path(loss_percent=30.0), VoiceGrade.good, PictureGrade.good, None),
    (path(loss_percent=60.0), VoiceGrade.poor, PictureGrade.good, "quality.lossy"),
    (path(loss_percent=60.0, queue_ms=200), VoiceGrade.poor, PictureGrade.good, "quality.thin"),
    (path(round_trip_ms=900), VoiceGrade.poor, PictureGrade.good, "quality.slow"),
    (replace(GOOD, camera=False), VoiceGrade.good, PictureGrade.none, None),
    (replace(GOOD, voiced=False), VoiceGrade.none, PictureGrade.good, None),
    (replace(GOOD, state=PeerState.interrupted), VoiceGrade.none, PictureGrade.none, "quality.outage"),
    (replace(GOOD, state=PeerState.closed, figures=None), VoiceGrade.none, PictureGrade.none, "quality.outage"),
    (replace(GOOD, figures=None), VoiceGrade.good, PictureGrade.good, None),
])
def test_it_falls_at_once_and_says_why(look: Look, voice: VoiceGrade, picture: PictureGrade, code: str | None) -> None:
    """One look is enough to say that something is wrong, and what."""
    quality = Looks().see(look)
    assert (quality.voice, quality.picture, quality.code) == (voice, picture, code)


def test_it_rises_after_three_good_seconds_and_does_not_flicker() -> None:
    """A road that is thin every other second reads "reduced" all along; one bad look starts the wait anew."""
    looks = Looks()
    for _ in range(10):
        assert looks.see(THIN).picture is PictureGrade.reduced
        assert looks.see(GOOD, 1.0).picture is PictureGrade.reduced
    assert looks.see(GOOD, BETTER_SECONDS - 3 * HALF).code == "quality.thin"
    quality = looks.see(GOOD, HALF)
    assert (quality.picture, quality.code) == (PictureGrade.good, None)


def test_from_an_outage_it_rises_by_what_held() -> None:
    """Behind a tunnel the road is thin: after three seconds the words are those of a thin road."""
    looks = Looks()
    assert looks.see(replace(GOOD, state=PeerState.interrupted), 20).code == "quality.outage"
    assert looks.see(THIN, BETTER_SECONDS - HALF).code == "quality.outage"
    quality = looks.see(THIN)
    assert (quality.voice, quality.picture, quality.code) == (VoiceGrade.good, PictureGrade.reduced, "quality.thin")


def test_a_fresh_connection_is_told_of_by_itself() -> None:
    """The page was loaded again, its old connection closed: no "no picture" over the picture of the new one."""
    looks = Looks()
    looks.see(GOOD)
    assert looks.see(replace(GOOD, state=PeerState.closed, figures=None)).code == "quality.outage"
    fresh = looks.see(replace(GOOD, generation=2))
    assert (fresh.voice, fresh.picture, fresh.code) == (VoiceGrade.good, PictureGrade.good, None)


def test_a_burst_of_loss_now_and_then_is_no_bad_voice_and_steady_loss_is() -> None:
    """5 % in bursts of three leave the words whole; 12 % all along do not."""
    looks = Looks()
    for _ in range(10):
        assert looks.see(path(loss_percent=20.0)).voice is VoiceGrade.good
        assert looks.see(path(loss_percent=1.0), 1.5).code is None
    quality = looks.see(path(loss_percent=12.0), 3.0)
    assert (quality.voice, quality.code) == (VoiceGrade.poor, "quality.lossy")


def test_one_blind_look_is_no_outage_two_are() -> None:
    """A change of cell is over in half a second and nobody need read of it."""
    looks = Looks()
    assert looks.see(BLIND).code is None
    assert looks.see(GOOD).code is None
    looks.see(BLIND)
    assert looks.see(BLIND).code == "quality.outage"
    assert looks.grader.totals.outages == 1


def test_a_muted_second_rises_at_once_and_what_was_concealed_meanwhile_does_not_count() -> None:
    """The nurse speaks again: the words change with the button, not three seconds later."""
    looks = Looks()
    muted = replace(GOOD, voiced=False)
    looks.see(muted, 10)
    looks.receive(voice_concealed_percent=100.0)
    assert looks.see(muted).voice is VoiceGrade.none
    assert looks.see(GOOD).voice is VoiceGrade.good
    looks.receive(voice_concealed_percent=60.0)
    assert looks.see(GOOD).voice is VoiceGrade.good
    looks.see(GOOD, RECEPTION_SECONDS)
    looks.receive(voice_concealed_percent=60.0)
    assert looks.see(GOOD).voice is VoiceGrade.poor


def test_the_doctors_own_words_count_more_than_ours_and_grow_old() -> None:
    """12 % lost and mended is good sound; sound that breaks without loss is not; after three seconds nobody knows."""
    looks = Looks()
    for _ in range(4):
        looks.receive(voice_concealed_percent=0.5, frames_per_second=25.0)
        quality = looks.see(path(loss_percent=12.0), 1.0)
    assert quality.voice is VoiceGrade.good
    assert quality.seen is not None
    assert quality.seen.frames_per_second == 25.0
    assert looks.see(GOOD, RECEPTION_SECONDS).seen is None
    looks.receive(voice_concealed_percent=8.0)
    assert looks.see(GOOD, 1.0).voice is VoiceGrade.good
    looks.receive(voice_concealed_percent=8.0)
    quality = looks.see(GOOD, 1.0)
    assert (quality.voice, quality.code) == (VoiceGrade.poor, "quality.slow")
    looks.receive(voice_concealed_percent=20.0)
    assert looks.see(path(loss_percent=3.0), 3.0).code == "quality.lossy"


def test_a_picture_that_stood_still_at_the_doctor_is_reduced() -> None:
    """Our own figures are good, its second was frozen."""
    looks = Looks()
    looks.receive(freezes=1, frozen_ms=200)
    assert looks.see(GOOD).picture is PictureGrade.good
    looks.receive(freezes=2, frozen_ms=900)
    quality = looks.see(GOOD)
    assert (quality.picture, quality.code) == (PictureGrade.reduced, "quality.slow")


def test_totals_go_on_over_generations_and_reloads() -> None:
    """Each connection counts from nought, the call does not; one outage is counted once, whoever sees its end."""
    looks = Looks()
    looks.see(figures(keyframes=4, path=replace(PATH, outages=1)))
    looks.receive(freezes=3)
    assert looks.grader.totals == Totals(4, 3, 1)
    looks.see(figures(keyframes=4, path=replace(PATH, outages=1, blind=True)), 5)
    assert looks.grader.totals.outages == 2
    looks.see(figures(keyframes=5, path=replace(PATH, outages=2)))
    assert looks.grader.totals.outages == 2
    looks.see(replace(GOOD, state=PeerState.closed, figures=None), 3)
    second = replace(figures(keyframes=1, path=replace(PATH, outages=0)), generation=2)
    looks.see(replace(second, state=PeerState.connecting))
    looks.see(second)
    looks.grader.received(2, Reception(freezes=1), looks.now)
    assert looks.grader.totals == Totals(6, 4, 3)
    # The page alone was loaded again.
    looks.grader.received(2, Reception(freezes=0), looks.now)
    looks.grader.received(2, Reception(freezes=2), looks.now)
    assert looks.grader.totals.freezes == 6


def test_an_outage_that_ends_its_generation_hides_none_of_the_next() -> None:
    """Its end was counted by no path: what the next path counts is another one."""
    looks = Looks()
    looks.see(replace(GOOD, state=PeerState.closed, figures=None), 3)
    second = replace(GOOD, generation=2)
    looks.see(replace(second, state=PeerState.connecting, figures=None))
    looks.see(second)
    assert looks.grader.totals.outages == 1
    looks.see(replace(path(outages=1), generation=2))
    assert looks.grader.totals.outages == 2


def test_an_outage_in_which_nothing_was_lost_hides_none_that_comes_later() -> None:
    """The path counts only those that cost packets; its word within a second of the end is of the same one."""
    looks = Looks()
    looks.see(replace(GOOD, state=PeerState.interrupted), 3)
    looks.see(GOOD, 2.0)
    looks.see(path(outages=1))
    assert looks.grader.totals.outages == 2
    looks.see(replace(path(outages=1), state=PeerState.interrupted), 3)
    looks.see(path(outages=1))
    looks.see(path(outages=2))
    assert looks.grader.totals.outages == 3


def test_a_call_is_summed_up_for_those_who_were_not_there() -> None:
    """Shares of its time, what it suffered from most; a muted microphone is nobody's bad voice."""
    assert Grader().summary(running=True) is None
    looks = Looks()
    looks.see(GOOD, 57.0 - HALF)
    looks.see(path(round_trip_ms=900), 10.0)
    looks.see(THIN, 30.0)
    looks.see(replace(GOOD, voiced=False), 3.0)
    summary = looks.grader.summary(running=False)
    assert summary is not None
    assert (summary.running, summary.seconds) == (False, 102)
    # Each bad stretch is shown three seconds longer.
    assert summary.voice_good_percent == pytest.approx(100 * (102 - 12.5) / 102, abs=1)
    assert summary.picture_good_percent == pytest.approx(100 * (102 - 32.5) / 102, abs=1)
    assert summary.code == "quality.thin"
    looks.now += 3600
    looks.see(GOOD)
    asleep = looks.grader.summary(running=True)
    assert asleep is not None
    assert asleep.seconds == 104


def test_a_page_that_lies_spoils_its_own_figures_only() -> None:
    """Counts that jump and fall, a time that runs backwards: the totals stay within what a screen can show."""
    looks = Looks()
    for freezes in (2**53 - 1, 0, 2**53 - 1, 5):
        looks.receive(freezes=freezes, frozen_ms=freezes)
        looks.see(GOOD)
    assert looks.grader.totals.freezes == COUNT_MAX
    assert looks.see(GOOD).voice is VoiceGrade.good
    looks.see(GOOD, RECEPTION_SECONDS + BETTER_SECONDS)
    assert looks.see(GOOD).code is None


def test_before_the_first_picture_and_while_the_page_reloads_there_is_no_grade() -> None:
    """Nobody is told of an outage where the doctor's page is only being loaded; one that was is said until its end."""
    grader = Grader()
    connecting = replace(GOOD, state=PeerState.connecting, figures=None)
    assert grader.look(connecting, 1.0) is None
    looks = Looks()
    assert looks.grader.look(replace(connecting, generation=2), looks.now + HALF) is None
    assert looks.grader.totals.outages == 0
    looks.now += HALF
    looks.see(replace(GOOD, state=PeerState.interrupted))
    assert looks.see(replace(connecting, generation=3)).code == "quality.outage"


class Graded(Ours):
    """The gateway's own road, looked at twice a second."""

    def __init__(self) -> None:
        super().__init__()
        self.grader, self.ladder = Grader(), Ladder(300_000)
        self.said: list[tuple[float, CallQuality]] = []
        self._looked = 0.0

    def tick(self, now: float, send: object) -> bool:
        anew = super().tick(now, send)  # type: ignore[arg-type]
        rung = self.ladder.step(self.picture, now)
        if now - self._looked >= HALF:
            self._looked = now
            quality = self.grader.look(Look(1, PeerState.connected, CallFigures(
                self.picture // 1000, self.paused, rung.quarters, rung.frames_per_second, 0, "", "host",
                self.road.figures())), now)
            assert quality is not None
            self.said.append((now, quality))
        return anew

    def between(self, start: float, end: float) -> set[tuple[str, str, str | None]]:
        return {(q.voice.value, q.picture.value, q.code) for now, q in self.said if start <= now < end}


def test_over_a_road_that_becomes_thin_and_wide_again_the_grade_falls_and_comes_back() -> None:
    """2 Mbit/s, then 120 kbit/s, then 2 Mbit/s, by the real controller in virtual time."""
    road = Graded()
    play(Link("rate=2000,delay=30", steps=((20.0, 120), (45.0, 2000))), road, seconds=75)
    assert road.between(10, 19) == {("good", "good", None)}
    assert {picture for _, picture, _ in road.between(28, 45)} <= {"reduced", "paused"}
    assert {code for _, _, code in road.between(28, 45)} == {"quality.thin"}
    assert road.between(68, 75) == {("good", "good", None)}


def test_an_outage_on_the_road_is_told_within_two_seconds_and_its_end_three_after_it() -> None:
    """20 s without a network, by the real controller in virtual time."""
    road = Graded()
    play(Link("rate=2000,delay=30", outages=((20.0, 20.0),)), road, seconds=60)
    assert road.between(10, 19) == {("good", "good", None)}
    assert road.between(22, 40) == {("none", "none", "quality.outage")}
    assert ("none", "none", "quality.outage") not in road.between(45, 60)
    assert road.grader.totals.outages == 1
