"""Is this picture good enough to send the patient home: light, glare, focus. Arrays in, a verdict out."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from protocol.readings import InstrumentKind, StillQuality

Frame = NDArray[np.uint8]
"""Height x width x 3, BGR, full range."""

JUDGED_SIDE: Final = 1600
"""Longest side of what is judged: focus is compared at one scale, and a 12-megapixel picture is judged in time."""

SHARP_OF_BEST: Final = 0.35
"""Share of this camera's own best variance of Laplacian: absolute numbers do not travel between cameras."""

REBLUR_LEAST: Final = 0.45
"""A sharp picture loses at least this share of its finest detail when it is blurred once more (Crété's blur
effect): it judges the first picture, when the camera has no best yet."""

BEST_FADES: Final = 0.98
"""The best is forgotten slowly, so that a plain patch of skin is not measured against a hairy one for ever."""

CLIPPED: Final = 250

_FIND_SIDE: Final = 320
_LESION_SHARES: Final = (0.004, 0.5)
"""A lesion fills at least a fifteenth of the width and at most half of the picture."""

_LESION_CONTRAST: Final = 14.0
"""Least distance from the skin in CIE L*a*b*: what a person calls a different colour at a glance."""

_SURROUND_BELOW: Final = 18
"""Grey level of the black ring an otoscope or a dermoscope shows around its field."""

_WHOLE_FIELD: Final = 0.95
"""Share of the picture that is not black, above which there is no such ring."""

_INSCRIBED: Final = 0.16
"""The square in a circle leaves (1 - 1/√2) / 2 of the diameter on each side; a little more for a soft border."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What light is right for a kind of camera: least mean luminance of the middle (0 to 255) and the share of clipped
    pixels above which a highlight hides what is looked for."""

    dark: float
    glare: float


LIMITS: Final = {
    # A correctly exposed skin is 110 to 180.
    InstrumentKind.skin_camera: Limits(50.0, 0.01),
    # The eardrum has its light reflex, wet gums and teeth have theirs: normal findings.
    InstrumentKind.otoscope: Limits(35.0, 0.04),
    InstrumentKind.intraoral_camera: Limits(40.0, 0.06),
}

Box = tuple[int, int, int, int]
"""Left, top, width, height in pixels."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the nurse is told before the patient leaves. `sharpness` is the variance of the Laplacian in `region`, in
    the pixels of the judged picture; `luminance` 0 to 255; `clipped` a share."""

    quality: StillQuality
    sharpness: float
    luminance: float
    clipped: float
    region: Box


class Judge:
    """Keeps one camera's own best sharpness, for each size it takes pictures in. Thread-safe."""

    def __init__(self, kind: InstrumentKind = InstrumentKind.skin_camera) -> None:
        self._limits = LIMITS.get(kind)
        self._lock = threading.Lock()
        self._best: dict[tuple[int, int], float] = {}

    def learn(self, frame: Frame, size: tuple[int, int]) -> None:
        """A frame the nurse focuses by: the best of them is a sharp one. `size` is the camera's own."""
        frame = at_judged_size(frame)
        self._better(size, sharpness(_cut(grey(frame), region(frame))))

    def judge(self, frame: Frame, size: tuple[int, int], ignored: NDArray[np.int32] | None = None) -> Judgement:
        """Dark first, then glare, then focus: light explains what focus can't. `ignored` is a polygon (a scale marker,
        N x 2, pixels of `frame`) whose white paper says nothing about the skin."""
        frame = at_judged_size(frame)
        light = grey(frame)
        box = region(frame, ignored)
        seen = _cut(light, box)
        counted = _counted(light.shape, ignored)
        middle = _cut(light, middle_of(frame))[_cut(counted, middle_of(frame)) > 0]
        luminance = float(middle.mean()) if middle.size else float(light.mean())
        clipped = max(_clipped(light, counted, middle_of(frame)), _clipped(light, counted, box))
        detail = sharpness(seen)
        best = self._better(size, detail)
        return Judgement(self._verdict(luminance, clipped, detail, best, seen), detail, luminance, clipped, box)

    def _verdict(self, luminance: float, clipped: float, detail: float, best: float, seen: Frame) -> StillQuality:
        if self._limits is None:
            # A machine's own screen (ultrasound): its light and its focus are not ours to judge.
            return StillQuality.sharp
        if luminance < self._limits.dark:
            return StillQuality.dark
        if clipped > self._limits.glare:
            return StillQuality.glare
        if detail < SHARP_OF_BEST * best or reblur(seen) < REBLUR_LEAST:
            return StillQuality.blurred
        return StillQuality.sharp

    def _better(self, size: tuple[int, int], detail: float) -> float:
        with self._lock:
            best = self._best[size] = max(self._best.get(size, 0.0) * BEST_FADES, detail)
            return best


def at_judged_size(frame: Frame) -> Frame:
    """Not larger than JUDGED_SIDE; a smaller picture stays as it is."""
    return within(frame, JUDGED_SIDE)


def within(frame: Frame, side: int) -> Frame:
    """Scaled down, if need be, until its longest side is `side`."""
    height, width = frame.shape[:2]
    scale = side / max(width, height)
    if scale >= 1:
        return frame
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(frame, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def grey(frame: Frame) -> Frame:
    """Luminance, H x W."""
    return np.asarray(cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY), dtype=np.uint8)


def sharpness(light: Frame) -> float:
    """Variance of the Laplacian of a grey picture."""
    _, deviation = cv2.meanStdDev(cv2.Laplacian(light, cv2.CV_16S))
    return float(deviation[0][0]) ** 2


def reblur(light: Frame) -> float:
    """Share of the neighbour-to-neighbour variation that one more blur removes: 0 blurred already, near 1 sharp."""
    wide = light.astype(np.float32)
    soft = cv2.blur(wide, (9, 9))
    removed = []
    for axis in (0, 1):
        before = np.abs(np.diff(wide, axis=axis))
        after = np.abs(np.diff(soft, axis=axis))
        total = float(before.sum())
        removed.append(float(np.maximum(before - after, 0).sum()) / total if total else 0.0)
    return min(removed)


def middle_of(frame: Frame) -> Box:
    """The middle quarter of the picture: where the nurse holds what she looks at."""
    height, width = frame.shape[:2]
    return width // 4, height // 4, width // 2, height // 2


def region(frame: Frame, ignored: NDArray[np.int32] | None = None) -> Box:
    """What is looked at: the place near the middle whose colour differs most from the skin around it, with a margin;
    the middle of the picture when nothing does."""
    small = within(frame, _FIND_SIDE)
    shrunk = small.shape[1] / frame.shape[1]
    lab = cv2.cvtColor(cv2.GaussianBlur(small, (5, 5), 0), cv2.COLOR_BGR2LAB).astype(np.float32)
    lab[..., 0] *= 100 / 255
    height, width = small.shape[:2]
    field = (grey(small) > _SURROUND_BELOW).astype(np.uint8)
    field &= _counted((height, width), None if ignored is None else (ignored * shrunk).astype(np.int32))
    inside = lab[field > 0]
    if len(inside) < height * width * 0.1:
        return middle_of(frame)
    distance = np.sqrt(((lab - np.median(inside, axis=0)) ** 2).sum(axis=2)) * field
    scaled = np.clip(distance * 2, 0, 255).astype(np.uint8)
    threshold, _ = cv2.threshold(scaled[field > 0], 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    mask = (scaled > max(threshold, _LESION_CONTRAST * 2)).astype(np.uint8)
    mask = cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((5, 5), np.uint8))
    count, _, stats, centres = cv2.connectedComponentsWithStats(mask)
    best, weight = None, 0.0
    for label in range(1, count):
        share = stats[label, cv2.CC_STAT_AREA] / (height * width)
        away = float(np.hypot(centres[label, 0] / width - 0.5, centres[label, 1] / height - 0.5))
        if _LESION_SHARES[0] <= share <= _LESION_SHARES[1] and away < 0.35 and share * (0.4 - away) > weight:
            best, weight = label, share * (0.4 - away)
    if best is None:
        return _inside(middle_of(frame), field, shrunk)
    left, top, wide, high = (int(stats[best, n] / shrunk) for n in (
        cv2.CC_STAT_LEFT, cv2.CC_STAT_TOP, cv2.CC_STAT_WIDTH, cv2.CC_STAT_HEIGHT))
    return _inside(_with_margin((left, top, wide, high), frame), field, shrunk)


def _with_margin(box: Box, frame: Frame) -> Box:
    """A quarter more on each side: the border of a lesion is where its focus shows."""
    left, top, wide, high = box
    x, y = max(0, left - wide // 4), max(0, top - high // 4)
    return (x, y, min(frame.shape[1], left + wide + wide // 4) - x,
            min(frame.shape[0], top + high + high // 4) - y)


def _inside(box: Box, field: Frame, shrunk: float) -> Box:
    """Clipped to the square within a round field: its border is the instrument's, always sharp."""
    if field.mean() > _WHOLE_FIELD:
        return box
    x, y, wide, high = cv2.boundingRect(field)
    inner = (int((x + wide * _INSCRIBED) / shrunk), int((y + high * _INSCRIBED) / shrunk),
             int((x + wide * (1 - _INSCRIBED)) / shrunk), int((y + high * (1 - _INSCRIBED)) / shrunk))
    left, top = max(box[0], inner[0]), max(box[1], inner[1])
    right, bottom = min(box[0] + box[2], inner[2]), min(box[1] + box[3], inner[3])
    if right - left < box[2] // 4 or bottom - top < box[3] // 4:
        return box
    return left, top, right - left, bottom - top


def _cut(picture: Frame, box: Box) -> Frame:
    left, top, width, height = box
    return picture[top:top + height, left:left + width]


def _counted(shape: tuple[int, ...], ignored: NDArray[np.int32] | None) -> Frame:
    counted = np.ones(shape[:2], np.uint8)
    if ignored is not None:
        cv2.fillPoly(counted, [ignored.astype(np.int32)], 0)
    return counted


def _clipped(light: Frame, counted: Frame, box: Box) -> float:
    inside = _cut(counted, box) > 0
    return float((_cut(light, box)[inside] >= CLIPPED).mean()) if inside.any() else 0.0
