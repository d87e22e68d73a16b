"""The encoding benchmark's verdict: cost beside stock's, only at a picture as good."""

from __future__ import annotations

import argparse
from typing import Any

import pytest

from bench import encode
from bench.report import WrongCall


def sender(cost: float, ssim: float, fps: float = 25.0, size: str = "1280x720") -> dict[str, Any]:
    """One doctor's row."""
    return {"1": {"cpu_ms_per_picture": cost, "doctors": [{"size": size, "fps": fps, "ssim": ssim}]}}


@pytest.mark.parametrize(("ours", "good"), [
    (sender(4.0, 0.95), True), (sender(4.0, 0.945), True), (sender(4.0, 0.93), False),
    (sender(4.0, 0.95, fps=20.0), False), (sender(4.0, 0.95, size="640x360"), False)])
def test_half_the_cost_counts_only_for_a_picture_as_good(ours: dict[str, Any], good: bool) -> None:
    """A blurred, slow or small picture is cheap and proves nothing; the share is told all the same."""
    told = encode.compared({"a": ours, "b": sender(10.0, 0.952)}, "a", "b")
    assert (told["of_its_time"], told["as_good"]) == (0.4, good)


def test_a_doctor_who_saw_nothing_is_not_as_good() -> None:
    """No picture came."""
    nothing = {"1": {"cpu_ms_per_picture": 1.0, "doctors": [None]}}
    assert not encode.compared({"a": nothing, "b": sender(10.0, 0.9)}, "a", "b")["as_good"]


@pytest.mark.parametrize("given", [["--kinds", "ours H265"], ["--kinds", ""], ["--seconds", "0"], ["--kbps", "-1"],
                                   ["--seconds", "nan"]])
def test_a_wrong_call_says_what_there_is(given: list[str]) -> None:
    """Before a film is drawn or a browser started."""
    parser = argparse.ArgumentParser()
    encode.arguments(parser)
    with pytest.raises(WrongCall, match=r"these exist|--seconds"):
        encode.run(parser.parse_args(given))
