"""Is the camera held as it was for the earlier picture of the same place: shift, size and turn between two frames."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from .judging import grey, within

Frame = NDArray[np.uint8]

_SIDE: Final = 480
_FEATURES: Final = 600
_LEAST_MATCHES: Final = 12
"""Four fix a similarity; three times as many make one that is not chance."""

_RATIO: Final = 0.75
"""Lowe's test: a match counts when it is clearly better than the second best."""


@dataclass(frozen=True, slots=True)
class Framing:
    """How the picture now lies over the earlier one. `right` and `down` in shares of the width and height by which
    what is seen has moved, `scale` above 1 when the camera is nearer, `turned` in degrees clockwise, `score` 0 to 1."""

    right: float
    down: float
    scale: float
    turned: float
    score: float

    @property
    def same(self) -> bool:
        """Near enough for a series: a twelfth of the picture, a tenth in size, eight degrees."""
        return (abs(self.right) < 1 / 12 and abs(self.down) < 1 / 12 and 0.9 < self.scale < 1.1
                and abs(self.turned) < 8)


def compare(earlier: Frame, now: Frame) -> Framing | None:
    """BGR pictures of any size; None when too little is alike."""
    before, after = (grey(within(frame, _SIDE)) for frame in (earlier, now))
    orb = cv2.ORB.create(_FEATURES)
    points_before, words_before = orb.detectAndCompute(before, None)
    points_after, words_after = orb.detectAndCompute(after, None)
    if words_before is None or words_after is None or min(len(words_before), len(words_after)) < _LEAST_MATCHES:
        return None
    pairs = cv2.BFMatcher(cv2.NORM_HAMMING).knnMatch(words_before, words_after, k=2)
    good = [pair[0] for pair in pairs if len(pair) == 2 and pair[0].distance < _RATIO * pair[1].distance]
    if len(good) < _LEAST_MATCHES:
        return None
    source = np.array([points_before[match.queryIdx].pt for match in good], np.float32)
    target = np.array([points_after[match.trainIdx].pt for match in good], np.float32)
    matrix, inliers = cv2.estimateAffinePartial2D(source, target, ransacReprojThreshold=4.0)
    held = 0 if inliers is None else int(inliers.sum())
    if matrix is None or held < _LEAST_MATCHES:
        return None
    height, width = before.shape
    middle = np.array([width / 2, height / 2, 1.0])
    moved = matrix @ middle - np.array([after.shape[1] / 2, after.shape[0] / 2])
    same_size = (after.shape[1] / width)
    return Framing(right=float(moved[0]) / after.shape[1], down=float(moved[1]) / after.shape[0],
                   scale=float(np.hypot(matrix[0, 0], matrix[1, 0])) / same_size,
                   turned=float(np.degrees(np.arctan2(matrix[1, 0], matrix[0, 0]))), score=held / len(good))
