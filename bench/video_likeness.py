"""How like the drawing a displayed picture is: decoded luma against drawn luma, in one range and at one size. Pure.

Grey that a page paints is not compared: it went through a conversion of colours that a sender's tags choose. Measured
on the same pictures it made no difference (docs/adr/bench-video.md), but it may with the next codec or browser.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from bench.video_figures import number_of
from bench.video_source import FPS, HEIGHT, WIDTH
from sim.camera import Scene, read_code, square_levels

_C1, _C2, _SIGMA, _KERNEL = (0.01 * 255) ** 2, (0.03 * 255) ** 2, 1.5, (11, 11)
"""Wang, Bovik, Sheikh, Simoncelli 2004, section III-C."""

CLOCK_BOX = (52, 124, 928, 1212)
"""Top, bottom, left, right in a picture of 1280 x 720: the scene's wall clock, which is not drawn the same again."""

BLACK, WHITE = 16, 235
"""Of video range, as the scene is drawn; of full range 0 and 255."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A picture that was on the screen at `at` (monotonic seconds), any size. `code`: as the page read it; `kind`:
    `luma` (the decoder's plane) or `drawn` (grey of what the page painted, where a browser gives no planes)."""

    at: float
    code: int
    kind: str
    luma: NDArray[np.uint8]


def ssim(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    """Structural similarity of two grey pictures of one size, 1 when they are equal."""
    a, b = one.astype(np.float32), other.astype(np.float32)

    def blur(picture: Any) -> Any:
        return cv2.GaussianBlur(picture, _KERNEL, _SIGMA)

    mean_a, mean_b = blur(a), blur(b)
    spread_a, spread_b = blur(a * a) - mean_a**2, blur(b * b) - mean_b**2
    shared = blur(a * b) - mean_a * mean_b
    top = (2 * mean_a * mean_b + _C1) * (2 * shared + _C2)
    return float((top / ((mean_a**2 + mean_b**2 + _C1) * (spread_a + spread_b + _C2))).mean())


def masked(luma: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Without the scene's clock. Height 720, width 1280."""
    top, bottom, left, right = CLOCK_BOX
    copy = luma.copy()
    copy[top:bottom, left:right] = 128
    return copy


def code_levels(luma: NDArray[np.uint8]) -> tuple[float, float]:
    """What black and white of the code's first squares came as."""
    levels = square_levels(luma)
    return (levels[1] + levels[3]) / 2, (levels[0] + levels[2]) / 2


def video_range(luma: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Luma from 16 to 235 whichever range it came in: the code's black and white squares, which are in every picture,
    tell, whatever the sender wrote beside it."""
    black, white = code_levels(luma)
    if abs(black) + abs(white - 255) >= abs(black - BLACK) + abs(white - WHITE):
        return luma
    return np.asarray((luma * ((WHITE - BLACK) / 255) + BLACK).round(), np.uint8)


def likeness(luma: NDArray[np.uint8], drawn: NDArray[np.uint8]) -> float:
    """SSIM of a displayed picture of any size and range against the drawing (1280 x 720, 16 to 235): enlarged as a
    screen enlarges it, without the clock."""
    seen = video_range(luma)
    if seen.shape != drawn.shape:
        seen = np.asarray(cv2.resize(seen, drawn.shape[::-1], interpolation=cv2.INTER_LINEAR), np.uint8)
    return ssim(masked(drawn), masked(seen))


def drawing(scene: Scene, number: int) -> NDArray[np.uint8]:
    """The luma of a picture, as it left the camera."""
    planes = np.frombuffer(scene.draw(number), np.uint8, offset=len(b"FRAME\n"))
    return planes[:WIDTH * HEIGHT].reshape(HEIGHT, WIDTH)


@dataclass(frozen=True, slots=True)
class Score:
    """One picture's: when, its SSIM, what it was read from, what the code's black and white came as."""

    at: float
    ssim: float
    kind: str
    levels: tuple[float, float]


def scored(samples: Iterable[Sample], begin: float, end: float) -> list[Score]:
    """The pictures seen in [begin, end)."""
    scene, scores = Scene(WIDTH, HEIGHT, FPS, detail=True), []
    for sample in samples:
        if begin <= sample.at < end:
            # The plane is taken after the page read its code: there may be a newer picture in it.
            code = read_code(sample.luma)
            number = number_of(sample.code if code is None else code, sample.at + 1 / FPS, FPS)
            scores.append(Score(sample.at, likeness(sample.luma, drawing(scene, number)), sample.kind,
                                code_levels(sample.luma)))
    return scores


def mean_ssim(scores: Sequence[Score]) -> float | None:
    """Of these; None when there are none."""
    return round(sum(score.ssim for score in scores) / len(scores), 3) if scores else None


def compared(scores: Sequence[Score]) -> dict[str, Any]:
    """Mean SSIM, of how many pictures, from what, and the mean levels of the code's black and white squares as they
    came (16 and 235 when nothing on the way changed the range)."""
    told: dict[str, Any] = {"pictures": len(scores)}
    if scores:
        told["from"] = " and ".join(sorted({score.kind for score in scores}))
        told["black_white"] = [round(sum(pair) / len(pair), 1)
                               for pair in zip(*(score.levels for score in scores), strict=True)]
    return {"ssim": mean_ssim(scores), "ssim_of": told}
