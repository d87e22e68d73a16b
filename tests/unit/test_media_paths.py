"""When one way to the peer is left for another, as a course of questions and answers on a clock of the test's."""

from __future__ import annotations

from gateway.media.gather import priority
from gateway.media.interfaces import Address
from gateway.media.paths import (
    CALM_SECONDS,
    HOLD_SECONDS,
    PATIENCE_SECONDS,
    SETTLING_SECONDS,
    Chooser,
    Path,
)
from gateway.media.track import PathView, operator_of, uplinks

STEP = 0.05


class Rig:
    """Two ways; each answers after `delay` seconds while it is up."""

    def __init__(self, delay: float = 0.06) -> None:
        self.now = 100.0
        self.ways = [Path("wan0", (0, 0)), Path("wan1", (1, 0))]
        self.up = [True, True]
        self.delay = delay
        self.pending: list[tuple[float, float, Path]] = []
        self.chooser = Chooser(self.now)
        self.used = self.ways[0]
        self.moves: list[tuple[float, str]] = []
        self.chatter = False
        """The peer sends data all the time."""

    def run(self, seconds: float) -> None:
        until = self.now + seconds
        while self.now < until:
            self.now += STEP
            for due, asked, path in [entry for entry in self.pending if entry[0] <= self.now]:
                self.pending.remove((due, asked, path))
                if self.up[self.ways.index(path)]:
                    path.answer(asked, self.now)
            doubt = not self.used.alive(self.now) or self.used.silent_since is not None
            if self.chatter and self.up[self.ways.index(self.used)]:
                self.used.hear(self.now)
            for path in self.ways:
                if path.due(self.now, used=path is self.used, doubt=doubt):
                    path.ask(self.now)
                    if self.up[self.ways.index(path)]:
                        self.pending.append((self.now + self.delay, self.now, path))
            others = [path for path in self.ways if path is not self.used]
            chosen = self.chooser.choose(self.used, others, self.now)
            if chosen is not self.used:
                self.moves.append((self.now, chosen.uplink))
                self.used = chosen


def test_a_dead_way_is_left_within_a_second() -> None:
    """From the last packet of the first uplink to the other one: patience, a question's step and a round trip."""
    rig = Rig()
    rig.run(5)
    assert rig.moves == []
    rig.up[0] = False
    cut = rig.now
    rig.run(3)
    ((moved, uplink),) = rig.moves
    assert uplink == "wan1"
    assert PATIENCE_SECONDS < moved - cut < 0.8


def test_a_steady_round_trip_of_800_ms_moves_nothing() -> None:
    """Slow is not dead: both ways answer late, the first one stays."""
    rig = Rig(delay=0.8)
    rig.run(60)
    assert rig.used is rig.ways[0]
    assert len(rig.moves) <= 1 or all(at < 100 + SETTLING_SECONDS for at, _ in rig.moves)


def test_both_away_moves_nothing() -> None:
    """Without an answer from elsewhere there is no better way; nothing flaps while everything is dark."""
    rig = Rig()
    rig.run(5)
    rig.up = [False, False]
    rig.run(20)
    assert rig.moves == []
    rig.up = [True, True]
    rig.run(8)
    assert rig.used.alive(rig.now)


def test_it_moves_back_after_the_hold_and_not_before() -> None:
    """The better uplink is taken again when it has answered for ten seconds in a row."""
    rig = Rig()
    rig.run(5)
    rig.up[0] = False
    rig.run(5)
    assert rig.used is rig.ways[1]
    rig.up[0] = True
    rig.run(HOLD_SECONDS - 1.5)
    assert rig.used is rig.ways[1]
    rig.run(4)
    assert rig.used is rig.ways[0]


def test_an_uplink_that_flaps_is_trusted_less_each_time() -> None:
    """Five seconds there, five away, for two minutes: one move away, none back; each failure doubles the hold."""
    rig = Rig()
    rig.run(5)
    for _ in range(12):
        rig.up[0] = False
        rig.run(5)
        rig.up[0] = True
        rig.run(5)
    assert [uplink for _, uplink in rig.moves] == ["wan1"]
    rig.run(20)
    assert rig.used is rig.ways[0]
    rig.up[0] = False
    rig.run(3)
    assert rig.chooser.hold("wan0", rig.now) == 2 * HOLD_SECONDS
    assert rig.chooser.hold("wan0", rig.now + CALM_SECONDS + 1) == HOLD_SECONDS


def test_a_way_that_only_receives_is_left() -> None:
    """Data still come, our questions are never answered: what we send is lost, the other way is taken."""
    rig = Rig()
    rig.run(5)
    first = rig.ways[0]
    for _ in range(80):
        rig.run(STEP)
        first.hear(rig.now)
        rig.pending = [entry for entry in rig.pending if entry[2] is not first]
    assert rig.used is rig.ways[1]


def test_a_gone_address_is_left_at_once() -> None:
    """DHCP took the address: no patience is due."""
    rig = Rig()
    rig.run(5)
    rig.ways[0].gone = True
    rig.run(STEP * 2)
    assert rig.used is rig.ways[1]


def test_time_in_which_nobody_listened_counts_against_no_way() -> None:
    """A process without a processor for half a second finds its answers unread: that is no reason to move."""
    rig = Rig()
    rig.run(5.0)
    rig.used.ask(rig.now)
    rig.now += 0.5
    assert not rig.used.alive(rig.now)
    rig.used.excuse(0.45)
    assert rig.used.alive(rig.now)
    rig.now += PATIENCE_SECONDS
    assert not rig.used.alive(rig.now)


def seen(uplink: str, **facts: bool) -> PathView:
    """A way as the bar gets it."""
    return PathView(uplink, relayed=False, used=facts.get("used", False), alive=facts.get("alive", True),
                    round_trip_ms=64)


def test_the_bar_names_whose_network_each_uplink_is() -> None:
    """Interface, operator and state in the configuration's order; one that nobody named has no operator."""
    present = [Address("wwan0", "10.0.0.1"), Address("wwan1", "10.0.1.1", 1), Address("eth0", "10.0.2.1", 2),
               Address("lo", "127.0.0.1", 3)]
    shown = uplinks(present, [seen("wwan1", used=True), seen("wwan0", alive=False)],
                    {"wwan0": "Orange", "wwan1": "SFR"})
    assert [(one.name, one.operator, one.state.value, one.in_use) for one in shown] == [
        ("wwan0", "Orange", "silent", False), ("wwan1", "SFR", "answering", True), ("eth0", "", "present", False)]
    assert operator_of(shown) == "SFR"


def test_without_a_call_the_preferred_uplink_names_the_operator() -> None:
    """The bar says the first one's; without any uplink nothing."""
    assert operator_of(uplinks([Address("wwan0", "10.0.0.1")], [], {"wwan0": "Orange"})) == "Orange"
    assert operator_of(()) == ""


def test_of_a_pair_with_a_browser_the_lower_priority_is_ours() -> None:
    """RFC 8445, 6.1.2.3: the lower one decides. A browser's host, prflx and srflx begin at 100 << 24 (5.1.2.2)."""
    most = 0xFFFF
    assert priority("host", most) < 100 << 24
    assert priority("relay", most) < priority("srflx", 0) < priority("srflx", most) < priority("host", 0)
    assert priority("host", 20_064) < priority("host", 20_128)
