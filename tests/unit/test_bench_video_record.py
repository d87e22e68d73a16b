"""A long run of the video benchmark that is stopped: what it had measured is on disk and is taken up again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bench.video_page import Plots
from bench.video_record import NotResumable, Record

ASKED: dict[str, Any] = {"seconds": None, "outage": []}


def begun(file: Path) -> Record:
    """One link, one sender measured, one that failed."""
    record = Record(file, ASKED, plots={"4m": Plots(30.0, [(0.0, 4000.0)], {"ours": [(0.1, 80.0)]})})
    record.took("4m", "ours", {"fps": 25.0})
    record.took("4m", "stock", {"not_measured": "it fell"})
    return record


def test_what_was_measured_stays_and_what_failed_is_tried_again(tmp_path: Path) -> None:
    """In the run itself nobody is tried twice; the next run has the figures and the plots, without the failure."""
    file = tmp_path / "deep" / "a.part.json"
    first = begun(file)
    assert first.missing("4m", ["ours", "stock", "chromium"]) == ["chromium"]
    again = Record.read(file, ASKED)
    assert again.missing("4m", ["ours", "stock", "chromium"]) == ["stock", "chromium"]
    assert again.links == {"4m": {"ours": {"fps": 25.0}}}
    assert [list(point) for point in again.plots["4m"].latency["ours"]] == [[0.1, 80.0]]
    again.done()
    assert list(file.parent.iterdir()) == []


def test_another_run_is_not_mixed_in(tmp_path: Path) -> None:
    """Other options, another file, half a file: refused, and the option that differs is named."""
    file = tmp_path / "a.part.json"
    begun(file)
    with pytest.raises(NotResumable, match="another seconds"):
        Record.read(file, ASKED | {"seconds": 5.0})
    for text in ("", "[]", "{}", '{"asked": {}, "version": 1, "links": [], "plots": {}}', file.read_text()[:200]):
        file.write_text(text)
        with pytest.raises(NotResumable, match="no record"):
            Record.read(file, ASKED)
