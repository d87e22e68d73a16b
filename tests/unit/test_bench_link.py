"""The link emulator's model of one direction, without a network."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.link import BadProfile, Direction


def test_rate_spaces_packets_by_their_size() -> None:
    """1000-byte packets on 80 kbit/s leave 100 ms apart."""
    way = Direction.parse("up", "rate=80,delay=20")
    outs = [way.admit(1000, 0.0) for _ in range(3)]
    assert outs == pytest.approx([0.12, 0.22, 0.32])


def test_a_full_queue_drops() -> None:
    """Past `queue` ms of waiting a packet is dropped and counted."""
    way = Direction.parse("up", "rate=80,queue=150")
    outs = [way.admit(1000, 0.0) for _ in range(4)]
    assert [out is None for out in outs] == [False, False, True, True]
    assert way.dropped["queue"] == 2


def test_an_outage_lets_nothing_through() -> None:
    """Both ends of an outage are where they were asked."""
    way = Direction.parse("up", "delay=1", outages=[(2.0, 1.0)])
    assert [way.admit(100, now) is None for now in (1.9, 2.0, 2.9, 3.0)] == [False, True, True, False]


def test_bursts_keep_the_mean_loss() -> None:
    """The Gilbert model loses the asked share in runs of the asked mean length."""
    way = Direction.parse("up", "loss=5,burst=3")
    lost = [way.admit(100, float(i)) is None for i in range(40_000)]
    runs = sum(1 for before, now in zip([False, *lost], lost, strict=False) if now and not before)
    assert 0.04 < sum(lost) / len(lost) < 0.06
    assert 2.5 < sum(lost) / runs < 3.5


def test_a_trace_delivers_at_its_stamps_and_repeats(tmp_path: Path) -> None:
    """One 1500-byte packet leaves at each line of the trace, and again after its end."""
    (tmp_path / "t.up").write_text("10\n30\n40\n")
    way = Direction.parse("up", "trace=t.up,queue=1000", tmp_path)
    outs = [way.admit(1500, 0.0) for _ in range(4)]
    assert outs == pytest.approx([0.010, 0.030, 0.040, 0.050])


def test_a_packet_that_the_trace_can_not_take_books_nothing(tmp_path: Path) -> None:
    """A dropped packet leaves the capacity to the next one."""
    (tmp_path / "t.up").write_text("10\n500\n")
    way = Direction.parse("up", "trace=t.up,queue=100", tmp_path)
    assert way.admit(1500, 0.0) == pytest.approx(0.010)
    assert way.admit(1500, 0.0) is None
    assert way.admit(1500, 0.45) == pytest.approx(0.5)


@pytest.mark.parametrize("text", ["rate=fast", "speed=3", "rate", "trace=/nowhere/t.up"])
def test_a_bad_profile_is_refused(text: str) -> None:
    """The error names the profile."""
    with pytest.raises(BadProfile, match="profile"):
        Direction.parse("up", text)


@pytest.mark.parametrize("text", [
    "nonsense", "{}", "rate=", "rate=-1", "rate=nan", "rate=inf", "delay=-5", "loss=101", "burst=0", "queue=-1",
    "jitter=1e9", "rate=1,rate=2", "scale=2", "colour=red", "trace=/nowhere/at.all"])
def test_a_profile_that_makes_no_link_says_which_key(text: str) -> None:
    """Before anything is started: what is no number, what no link can do, a key twice or unknown, a trace that is not
    there."""
    with pytest.raises(BadProfile, match=r"profile '.*': .+"):
        Direction.parse("up", text)


@pytest.mark.parametrize(("lines", "scale"), [
    ("", "1"), ("5\n3\n", "1"), ("-1\n4\n", "1"), ("a\n", "1"), ("1\n2\n", "0")])
def test_a_trace_that_never_delivers_is_refused(tmp_path: Path, lines: str, scale: str) -> None:
    """Empty, backwards, no numbers, or scaled to nothing, which was an endless loop."""
    (tmp_path / "a.up").write_text(lines)
    with pytest.raises(BadProfile):
        Direction.parse("up", f"trace=a.up,scale={scale}", tmp_path)
