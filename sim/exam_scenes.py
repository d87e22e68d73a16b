"""What the other simulated examination cameras see: an eardrum, a mouth, the screen of an ultrasound machine."""

from __future__ import annotations

from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from .skin import HEIGHT, WIDTH, Look, out_of_focus, write

SCREEN_WIDTH, SCREEN_HEIGHT = 1280, 1024
"""SXGA, what older ultrasound machines put on their second screen."""

BEAT_FRAMES: Final = 12

Image = NDArray[np.uint8]


def ear(look: Look, number: int) -> Image:
    """An eardrum through a speculum: round field, hammer's handle, cone of light."""
    noise: Any = np.random.default_rng(5)
    image = np.empty((HEIGHT, WIDTH, 3), np.float32)
    image[:] = (118, 132, 176)
    _cloud(image, noise, 30, 9)
    _cloud(image, noise, 3, 6)
    image += 2 * np.random.default_rng(number).standard_normal(image.shape, np.float32)
    centre = (WIDTH // 2 + number % 3, HEIGHT // 2)
    cv2.ellipse(image, centre, (300, 320), 0, 0, 360, (168, 178, 192), -1, cv2.LINE_AA)
    for angle in np.linspace(0, 2 * np.pi, 46):
        inner = (int(centre[0] + 90 * np.cos(angle)), int(centre[1] + 90 * np.sin(angle)))
        outer = (int(centre[0] + 290 * np.cos(angle)), int(centre[1] + 310 * np.sin(angle)))
        cv2.line(image, inner, outer, (150, 158, 186), 1, cv2.LINE_AA)
    for _ in range(26):
        at, angle = noise.uniform(0, 2 * np.pi), noise.uniform(-0.5, 0.5)
        start = (int(centre[0] + 295 * np.cos(at)), int(centre[1] + 315 * np.sin(at)))
        end = (int(start[0] - 90 * np.cos(at + angle)), int(start[1] - 90 * np.sin(at + angle)))
        cv2.line(image, start, end, (92, 88, 176), 2, cv2.LINE_AA)
    handle = (centre[0] - 30, centre[1] - 230)
    cv2.line(image, handle, (centre[0] - 8, centre[1] + 20), (196, 206, 216), 22, cv2.LINE_AA)
    cone = np.array([centre, (centre[0] + 60, centre[1] + 190), (centre[0] + 130, centre[1] + 150)], np.int32)
    cv2.fillConvexPoly(image, cone, (236, 240, 244), cv2.LINE_AA)
    seen = _lit(image, look)
    field = np.zeros((HEIGHT, WIDTH), np.uint8)
    cv2.circle(field, (WIDTH // 2, HEIGHT // 2), 455, 255, -1, cv2.LINE_AA)
    out = np.asarray(cv2.bitwise_and(seen, seen, mask=field), dtype=np.uint8)
    cv2.putText(out, "SIMULATION", (20, HEIGHT - 24), cv2.FONT_HERSHEY_SIMPLEX, 1.0, (160, 160, 160), 2, cv2.LINE_AA)
    return out


def mouth(look: Look, number: int) -> Image:
    """Gums and six teeth, wet."""
    noise: Any = np.random.default_rng(9)
    image = np.empty((HEIGHT, WIDTH, 3), np.float32)
    image[:] = (112, 112, 196)
    _cloud(image, noise, 40, 10)
    _cloud(image, noise, 4, 7)
    image += 2 * np.random.default_rng(number).standard_normal(image.shape, np.float32)
    for tooth in range(6):
        centre = (120 + 210 * tooth + number % 2, 520 + 14 * abs(tooth - 2))
        shade = (196 + 4 * tooth % 9, 214, 222)
        cv2.ellipse(image, centre, (96, 190), 0, 0, 360, shade, -1, cv2.LINE_AA)
        cv2.ellipse(image, centre, (96, 190), 0, 0, 360, (120, 138, 160), 3, cv2.LINE_AA)
        for line in range(5):
            x = centre[0] - 60 + 30 * line
            cv2.line(image, (x, centre[1] - 120), (x + 6, centre[1] + 130), (184, 200, 210), 1, cv2.LINE_AA)
    cv2.circle(image, (544, 610), 26, (46, 62, 84), -1, cv2.LINE_AA)
    out = _lit(image, look)
    write(out)
    return out


def ultrasound(look: Look, number: int) -> Image:
    """A four-chamber view of a beating heart on the machine's screen, or what is left without a signal."""
    if look.signal != "ok":
        return no_signal(look.signal)
    out = np.zeros((SCREEN_HEIGHT, SCREEN_WIDTH, 3), np.uint8)
    noise: Any = np.random.default_rng(17)
    speckle = np.abs(noise.normal(0, 1, (SCREEN_HEIGHT // 2, SCREEN_WIDTH // 2))).astype(np.float32)
    tissue = cv2.resize(cv2.GaussianBlur(speckle, (5, 3), 0), (SCREEN_WIDTH, SCREEN_HEIGHT)) * 90
    beat = 0.5 + 0.5 * np.sin(2 * np.pi * number / BEAT_FRAMES)
    for x, y, wide, high in ((560, 430, 90, 130), (740, 440, 70, 120), (570, 690, 85, 85), (735, 690, 85, 80)):
        shrunk = 1 - 0.22 * beat if y < 600 else 0.8 + 0.22 * beat
        cv2.ellipse(tissue, (x, y), (int(wide * shrunk), int(high * shrunk)), 8, 0, 360, 6.0, -1, cv2.LINE_AA)
    fan = np.zeros((SCREEN_HEIGHT, SCREEN_WIDTH), np.uint8)
    cv2.ellipse(fan, (SCREEN_WIDTH // 2, 110), (820, 820), 0, 50, 130, 255, -1, cv2.LINE_AA)
    grey = np.where(fan > 0, np.clip(tissue, 0, 255), 0).astype(np.uint8)
    out[:] = grey[..., None]
    for depth in range(9):
        y = 130 + 100 * depth
        cv2.line(out, (1210, y), (1225 if depth % 5 else 1240, y), (210, 210, 210), 2)
    for row, words in enumerate(("SIMULATION", "Cardiac  2.5 MHz", "16 cm  MI 0.9  TIs 0.6", "75 bpm")):
        cv2.putText(out, words, (30, 60 + 40 * row), cv2.FONT_HERSHEY_SIMPLEX, 0.9, (190, 220, 190), 2, cv2.LINE_AA)
    return out


def no_signal(which: str) -> Image:
    """`blue` with two words, `black` (also HDCP's), `bars` of 75 % (SMPTE)."""
    out = np.zeros((SCREEN_HEIGHT, SCREEN_WIDTH, 3), np.uint8)
    if which == "blue":
        out[:] = (190, 20, 10)
        cv2.putText(out, "NO SIGNAL", (460, 520), cv2.FONT_HERSHEY_SIMPLEX, 2.2, (230, 230, 230), 4, cv2.LINE_AA)
    elif which == "bars":
        bars = ((191, 191, 191), (0, 191, 191), (191, 191, 0), (0, 191, 0), (191, 0, 191), (0, 0, 191), (191, 0, 0))
        for n, colour in enumerate(bars):
            out[:, n * SCREEN_WIDTH // 7:(n + 1) * SCREEN_WIDTH // 7] = colour
    elif which != "black":
        raise ValueError(f"signal {which!r} is none of ok, blue, black, bars")
    return out


def _cloud(image: NDArray[np.float32], noise: Any, grain: int, strength: float) -> None:
    height, width = image.shape[:2]
    cloud = noise.normal(0, 1, (height // grain, width // grain)).astype(np.float32)
    image += (cv2.resize(cloud, (width, height), interpolation=cv2.INTER_CUBIC) * strength)[..., None]


def _lit(image: NDArray[np.float32], look: Look) -> Image:
    return np.asarray(np.clip(out_of_focus(image, look.focus) * look.light, 0, 255), dtype=np.uint8)
