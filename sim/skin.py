"""What a simulated skin camera sees: drawn skin, a lesion, a ruler, a printed scale marker; marked SIMULATION."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

WIDTH, HEIGHT = 1280, 960
PIXELS_PER_MM: Final = 40

MARKER_MM: Final = 5
"""The AprilTag 36h11 of this number, as `docs/instruments/scale_marker.svg` prints it."""

SIGNALS: Final = ("ok", "blue", "black", "bars")
"""What comes through a capture's HDMI cable: the picture, or one of the ways to say that there is none."""


@dataclass(frozen=True, slots=True)
class Look:
    """`focus` 1 sharp to 0 far out of focus; `light` 1 as it should be, below dark, above glaring; `marker`: a paper
    scale lies on the skin; `shift` 0 to 1 how far the hand has wandered; `signal` of SIGNALS (ultrasound only)."""

    focus: float = 1.0
    light: float = 1.0
    marker: bool = True
    shift: float = 0.0
    signal: str = "ok"


def draw(look: Look, number: int) -> NDArray[np.uint8]:
    """One frame, BGR."""
    image = _skin(number)
    _lesion(image, number)
    if look.marker:
        _marker(image)
    if look.shift:
        by = np.array([[1, 0, 300 * look.shift], [0, 1, 120 * look.shift]], np.float32)
        image = np.asarray(cv2.warpAffine(image, by, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REFLECT), dtype=np.float32)
    image = out_of_focus(image, look.focus)
    image = image * look.light
    if look.light > 1.2:
        _highlight(image, look.light)
    out = np.clip(image, 0, 255).astype(np.uint8)
    _scale(out)
    return out


def out_of_focus(image: NDArray[np.float32], focus: float) -> NDArray[np.float32]:
    """The focus ring turned away; 1 leaves the picture as it is."""
    if focus >= 1:
        return image
    return np.asarray(cv2.GaussianBlur(image, (0, 0), 0.5 + 8 * (1 - focus)), dtype=np.float32)


def write(image: NDArray[np.uint8], words: str = "SIMULATION") -> None:
    """The words over the optics, always sharp."""
    cv2.putText(image, words, (image.shape[1] - 420, 70), cv2.FONT_HERSHEY_SIMPLEX, 2.0, (30, 30, 30), 4, cv2.LINE_AA)


def _marker(image: NDArray[np.float32]) -> None:
    side, left, top = MARKER_MM * PIXELS_PER_MM, 60, HEIGHT - 390
    margin = side // 6
    tags = cv2.aruco.getPredefinedDictionary(cv2.aruco.DICT_APRILTAG_36h11)
    tag = cv2.aruco.generateImageMarker(tags, MARKER_MM, side).astype(np.float32) * (205 / 255) + 15
    image[top - margin:top + side + margin, left - margin:left + side + margin] = 220
    image[top:top + side, left:left + side] = tag[..., None]


def _skin(number: int) -> NDArray[np.float32]:
    noise = np.random.default_rng(number).standard_normal((HEIGHT, WIDTH, 3), np.float32)
    return np.asarray(_plain_skin() + 2 * noise, dtype=np.float32)


@cache
def _plain_skin() -> NDArray[np.float32]:
    noise: Any = np.random.default_rng(3)
    base = np.empty((HEIGHT, WIDTH, 3), np.float32)
    base[:] = (142, 168, 206)
    cloud = noise.normal(0, 1, (HEIGHT // 40, WIDTH // 40)).astype(np.float32)
    base += (cv2.resize(cloud, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC) * 6)[..., None]
    pores = noise.normal(0, 1, (HEIGHT // 3, WIDTH // 3)).astype(np.float32)
    base += (cv2.resize(pores, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC) * 7)[..., None]
    for _ in range(60):
        x, y = noise.integers(0, WIDTH), noise.integers(0, HEIGHT)
        length, angle = noise.integers(40, 130), noise.uniform(0.2, 1.0)
        end = (int(x + length * np.cos(angle)), int(y + length * np.sin(angle)))
        cv2.line(base, (int(x), int(y)), end, (70, 85, 105), 1, cv2.LINE_AA)
    return base


def _lesion(image: NDArray[np.float32], number: int) -> None:
    noise: Any = np.random.default_rng(11)
    centre = (WIDTH // 2 + number % 3, HEIGHT // 2 - number % 2)
    cv2.ellipse(image, centre, (170, 125), 25, 0, 360, (70, 92, 138), -1, cv2.LINE_AA)
    for _ in range(90):
        at = (int(centre[0] + noise.normal(0, 75)), int(centre[1] + noise.normal(0, 52)))
        shade = noise.uniform(0.4, 1.0)
        cv2.circle(image, at, int(noise.integers(3, 16)), (44 * shade, 56 * shade, 92 * shade), -1, cv2.LINE_AA)


def _highlight(image: NDArray[np.float32], light: float) -> None:
    spot = np.zeros(image.shape[:2], np.float32)
    cv2.ellipse(spot, (WIDTH // 2 - 120, HEIGHT // 2 - 60), (130, 70), -20, 0, 360, 1.0, -1)
    image += (cv2.GaussianBlur(spot, (0, 0), 25) * 220 * (light - 1))[..., None]


def _scale(image: NDArray[np.uint8]) -> None:
    """A paper ruler, ten millimetres, and the words: both over the optics, always sharp."""
    left, top = 60, HEIGHT - 130
    cv2.rectangle(image, (left - 20, top - 20), (left + 10 * PIXELS_PER_MM + 20, top + 70), (225, 225, 225), -1)
    for mm in range(11):
        x = left + mm * PIXELS_PER_MM
        cv2.line(image, (x, top), (x, top + (36 if mm % 5 == 0 else 20)), (20, 20, 20), 2)
    cv2.putText(image, "10 mm", (left + 10 * PIXELS_PER_MM - 80, top + 60), cv2.FONT_HERSHEY_SIMPLEX, 0.7,
                (20, 20, 20), 2, cv2.LINE_AA)
    write(image)
