"""The call benchmark's pure parts: its verdict, and how processor time is counted."""

from __future__ import annotations

import argparse
from typing import Any

import pytest

from bench.call import Samples, _report, arguments
from bench.load import spent_between


def cost(percent: float = 20.0, rss: float = 150.0) -> dict[str, Any]:
    return {"seconds": 20.0, "gateway": {"percent_of_a_core": percent, "rss_mb": rss}}


def busy(width: int = 1280, frames: float = 25.0, **gateway: float) -> dict[str, Any]:
    return cost(**gateway) | {
        "picture": {"width": width, "height": width * 9 // 16, "always_720p": width >= 1280, "frames_a_second": frames},
        "ecg_samples_a_second": 128.0, "sound": {"doctor_hears": True, "nurse_hears": True}}


def verdict(samples: Samples | None = None, in_call: dict[str, Any] | None = None,
            after: dict[str, Any] | None = None) -> list[str]:
    """The aims that were not reached."""
    given = samples or Samples(picture=[500.0], reading=[20.0])
    measured = _report({}, given, cost(), in_call or busy(), after or cost())
    return [name for name, reached in measured.aims.items() if not reached]


def test_a_good_call_reaches_every_aim() -> None:
    """Under every limit: nothing is missed."""
    assert verdict() == []


@pytest.mark.parametrize(("given", "missed"), [
    ({"samples": Samples(picture=[500.0] * 18 + [1001.0] * 2, reading=[20.0])}, "picture within"),
    ({"samples": Samples(picture=[500.0], reading=[20.0] * 59 + [101.0])}, "reading at the doctor"),
    ({"samples": Samples(picture=[500.0])}, "reading at the doctor"),
    ({"samples": Samples(picture=[500.0], reading=[20.0], errors=["x"])}, "no errors"),
    ({"in_call": busy(percent=40.0)}, "gateway under 40 %"),
    ({"in_call": busy(width=640)}, "gateway under 40 %"),
    ({"in_call": busy(frames=5.0)}, "gateway under 40 %"),
    ({"in_call": busy(rss=201.0)}, "gateway under 200 MB"),
    ({"after": cost(rss=201.0)}, "gateway under 200 MB"),
])
def test_each_limit_is_looked_at(given: dict[str, Any], missed: str) -> None:
    """Beyond one limit exactly its aim is missed; a small or frozen picture proves no 720p call."""
    names = verdict(**given)
    assert len(names) == 1
    assert names[0].startswith(missed)


def test_processor_time_counts_processes_that_began_meanwhile() -> None:
    """One that began in the window counts whole, one that ended is not known any more."""
    assert spent_between({1: 10.0, 2: 5.0}, {1: 12.0, 3: 1.0}, 10.0) == pytest.approx(30.0)


def test_a_wrong_count_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """No call and no reading is no measurement: one sentence and an exit code, before anything is started."""
    parser = argparse.ArgumentParser()
    arguments(parser)
    for given in (["--calls", "0"], ["--readings", "x"]):
        with pytest.raises(SystemExit):
            parser.parse_args(given)
        assert "whole number" in capsys.readouterr().err
