"""What an HDMI-to-USB capture shows when nothing comes in: a plain or barred picture that stands still."""

from __future__ import annotations

from itertools import pairwise
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

Frame = NDArray[np.uint8]

SETTLED_S: Final = 1.0
"""So long the picture must be empty and still: an ultrasound that changes its page is black for a moment."""

_SIDE: Final = 160
_SAME: Final = 12
"""Grey levels around the commonest colour that still count as this colour, after the capture's compression."""

_PLAIN_BLACK: Final = 0.985
"""A dark ultrasound keeps its scale, its name and its fan on more than this; "no signal" writes two words."""

_PLAIN_COLOUR: Final = 0.85
"""No ultrasound is one saturated colour; a box may write a large text on its blue."""

_STILL: Final = 2.0
"""Mean change in grey levels of a picture that stands still: the noise of its compression."""


class NoSignal:
    """Fed with frames and their times, says whether the input is gone (`camera.no_signal`)."""

    def __init__(self) -> None:
        self._since: float | None = None
        self._before: Frame | None = None

    def feed(self, frame: Frame, at: float) -> bool:
        """`frame` BGR of any size, `at` monotonic seconds."""
        small = np.asarray(cv2.resize(frame, (_SIDE, _SIDE * 9 // 16), interpolation=cv2.INTER_AREA), dtype=np.uint8)
        still = self._before is None or float(cv2.absdiff(small, self._before).mean()) <= _STILL
        self._before = small
        if not (still and empty(small)):
            self._since = None
            return False
        if self._since is None:
            self._since = at
        return at - self._since >= SETTLED_S


def empty(small: Frame) -> bool:
    """Black (also what HDCP leaves), one saturated colour, or vertical bars."""
    pixels = small.reshape(-1, 3).astype(np.int16)
    common = np.median(pixels, axis=0)
    share = float((np.abs(pixels - common).max(axis=1) <= _SAME).mean())
    if common.max() < 24:
        return share >= _PLAIN_BLACK
    if common.max() - common.min() > 60:
        return share >= _PLAIN_COLOUR
    return share >= _PLAIN_BLACK or _bars(small)


def _bars(small: Frame) -> bool:
    """Six to nine columns of one colour each over the upper half (SMPTE and EBU bars), all different."""
    upper = small[:small.shape[0] // 2].astype(np.int16)
    row = np.median(upper, axis=0)
    if float((np.abs(upper - row).max(axis=2) <= _SAME).mean()) < 0.95:
        return False
    edges = np.flatnonzero(np.abs(np.diff(row, axis=0)).max(axis=1) > 2 * _SAME)
    borders = [-1, *edges.tolist(), len(row) - 1]
    wide = [(a, b) for a, b in pairwise(borders) if b - a >= small.shape[1] // 16]
    colours = {tuple(int(v) // 32 for v in row[(a + b) // 2]) for a, b in wide}
    return 6 <= len(wide) <= 9 and len(colours) >= 6
