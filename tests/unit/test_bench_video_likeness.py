"""How the video benchmark compares a displayed picture with the drawing: range and tags must not count, blur must."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest

from bench.video_likeness import Sample, code_levels, compared, drawing, likeness, masked, scored, ssim, video_range
from bench.video_source import FPS, HEIGHT, WIDTH
from sim.camera import Scene

NUMBER = 3 * 65536 + 4711


@pytest.fixture(scope="module")
def drawn() -> Any:
    """One picture of the benchmark's scene."""
    return drawing(Scene(WIDTH, HEIGHT, FPS, detail=True), NUMBER)


def full(luma: Any) -> Any:
    """The same picture in full range."""
    return np.clip((luma.astype(np.float32) - 16) * (255 / 219), 0, 255).round().astype(np.uint8)


def blurred(luma: Any) -> Any:
    return cv2.GaussianBlur(luma, (0, 0), 1.2)


def test_a_picture_that_lost_nothing_is_the_same_by_every_path(drawn: Any) -> None:
    """As it is, and through a path that stretches the range: both are 1, whatever tags the sender wrote."""
    assert likeness(drawn, drawn) == pytest.approx(1.0, abs=1e-6)
    assert likeness(full(drawn), drawn) > 0.9995


def test_blur_counts_and_counts_the_same_by_every_path(drawn: Any) -> None:
    """What the encoder lost is seen, as much of it in full range as in video range."""
    lost = likeness(blurred(drawn), drawn)
    assert lost < 0.93
    assert likeness(full(blurred(drawn)), drawn) == pytest.approx(lost, abs=0.002)


def test_a_smaller_picture_is_compared_at_the_drawings_size(drawn: Any) -> None:
    """Half the lines are worse than all of them, a quarter worse still."""
    halves = [np.asarray(cv2.resize(drawn, (WIDTH // part, HEIGHT // part), interpolation=cv2.INTER_AREA), np.uint8)
              for part in (1, 2, 4)]
    scores = [likeness(one, drawn) for one in halves]
    assert scores == sorted(scores, reverse=True)
    assert scores[0] - scores[1] > 0.02


def test_the_range_is_read_from_the_codes_squares(drawn: Any) -> None:
    """16 and 235, or 0 and 255; a few levels that an encoder is off change nothing."""
    assert code_levels(drawn) == (16, 235)
    assert code_levels(full(drawn)) == (0, 255)
    noisy = np.clip(drawn.astype(np.int16) + 3, 0, 255).astype(np.uint8)
    assert video_range(noisy) is noisy
    assert np.abs(video_range(full(drawn)).astype(int) - np.clip(drawn, 16, 235)).max() <= 1


def test_the_code_in_the_picture_says_which_drawing_it_is(drawn: Any) -> None:
    """The page read the code of the picture before; the mean is over the window alone."""
    at = NUMBER / FPS + 0.05
    samples = [Sample(at, (NUMBER - 1) % 65536, "luma", drawn), Sample(at + 9, 0, "drawn", drawn)]
    told = compared(scored(samples, at - 1, at + 1))
    assert told == {"ssim": 1.0, "ssim_of": {"pictures": 1, "from": "luma", "black_white": [16.0, 235.0]}}
    assert compared(scored(samples, at + 1, at + 2)) == {"ssim": None, "ssim_of": {"pictures": 0}}


def test_similarity_falls_with_noise_and_forgets_the_clock() -> None:
    """Equal pictures have 1, noise less, more noise still less; the clock's place is not looked at."""
    random = np.random.default_rng(1)
    clean = np.tile(np.linspace(30, 220, 1280).astype(np.uint8), (720, 1))
    clean[::40, :] = 0

    def noisy(amount: float) -> Any:
        return np.clip(clean + random.normal(0, amount, clean.shape), 0, 255).astype(np.uint8)

    assert ssim(clean, clean) == pytest.approx(1.0)
    assert 0.99 > ssim(clean, noisy(5)) > ssim(clean, noisy(25)) > 0
    other = clean.copy()
    other[60:110, 950:1190] = 255
    assert ssim(masked(clean), masked(other)) == pytest.approx(1.0)
