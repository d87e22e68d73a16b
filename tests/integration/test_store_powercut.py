"""Real power cuts of a real process (I1), and the proof that the test would notice a weaker store."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.powercut import power_cuts
from bench.powercut_check import Acknowledged, check
from bench.powercut_disk import missing

pytestmark = [pytest.mark.root, pytest.mark.skipif(missing() is not None, reason=missing() or "")]


@pytest.mark.timeout(240)
def test_what_was_acknowledged_survives_every_cut() -> None:
    """Eight lives on one disk, cut at random instants: nothing lost, nothing damaged, no hole."""
    outcome = power_cuts(8)
    assert outcome["bad"] == 0, outcome["first_bad"]
    assert outcome["lives"] == 8
    assert all(outcome["acknowledged"][kind] > 0 for kind in ("readings", "stills", "chunks", "papers"))


@pytest.mark.timeout(180)
def test_synchronous_normal_loses_what_it_acknowledged() -> None:
    """The control: with the weaker mode the same cuts lose rows, else the test above proves nothing."""
    outcome = power_cuts(4, synchronous="NORMAL", seed=1)
    assert outcome["lost_items"] > 0


def test_an_empty_directory_holds_nothing_of_what_was_said(tmp_path: Path) -> None:
    """The check itself: everything said and nothing there is everything lost."""
    said = Acknowledged()
    said.take(b'{"reading": "r-1"}\n')
    said.take(b'{"chunk": [1, 2]}\n')
    said.take(b'{"torn": ')
    assert check(tmp_path, said).lost["readings"] == 1
    assert not check(tmp_path, said).good
