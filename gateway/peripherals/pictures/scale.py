"""Millimetres from a printed marker in the picture: AprilTag 36h11 whose number is its side in millimetres."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

Frame = NDArray[np.uint8]

SIDES_MM: Final = (5, 10, 20)
"""Markers we print; the number of a marker is the side of its black square in millimetres."""

_TILT: Final = 1.12
"""The longest side over the shortest: beyond, the marker lies so oblique that no one scale fits the picture."""

_LEAST_SIDE_PX: Final = 24
"""Eight modules of three pixels: below, half a pixel is more than 2 %."""

DIGITS: Final = 3
"""A corner is found to about a third of a pixel, so a scale has no more digits than these."""


@dataclass(frozen=True, slots=True)
class Scale:
    """`pixel_mm` in the pixels of the picture it was found in; the marker's corners there (4 x 2, float)."""

    pixel_mm: Decimal
    corners: NDArray[np.float32]

    @property
    def paper(self) -> NDArray[np.int32]:
        """The marker with its white margin (a module and more each side), 4 x 2."""
        centre = self.corners.mean(axis=0)
        return np.asarray(np.round(centre + (self.corners - centre) * 1.5), dtype=np.int32)


def find(light: Frame) -> Scale | None:
    """The largest marker of ours in a grey picture; None when there is none, or it lies too oblique to measure."""
    detector = cv2.aruco.ArucoDetector(dictionary(), _parameters())
    found, numbers, _ = detector.detectMarkers(light)
    best: Scale | None = None
    longest = 0.0
    for corners, number in zip(found, () if numbers is None else numbers.ravel(), strict=False):
        square = np.asarray(corners, dtype=np.float32).reshape(4, 2)
        sides = np.linalg.norm(square - np.roll(square, -1, axis=0), axis=1)
        if (int(number) not in SIDES_MM or sides.min() < _LEAST_SIDE_PX or sides.max() > sides.min() * _TILT
                or sides.mean() <= longest):
            continue
        longest = float(sides.mean())
        best = Scale(_rounded(Decimal(int(number)) / Decimal(longest)), square)
    return best


def in_full(scale: Scale, shrunk: float) -> Decimal:
    """Millimetres per pixel of the full picture, of which the searched one was `shrunk` times as wide."""
    return _rounded(scale.pixel_mm * Decimal(shrunk))


def dictionary() -> cv2.aruco.Dictionary:
    """AprilTag 36h11: eleven bits apart, so that skin and hair are not taken for a marker."""
    return cv2.aruco.getPredefinedDictionary(cv2.aruco.DICT_APRILTAG_36h11)


def _parameters() -> cv2.aruco.DetectorParameters:
    parameters = cv2.aruco.DetectorParameters()
    parameters.cornerRefinementMethod = cv2.aruco.CORNER_REFINE_SUBPIX
    parameters.minMarkerPerimeterRate = 0.05
    return parameters


def _rounded(value: Decimal) -> Decimal:
    return value.quantize(Decimal(1).scaleb(value.adjusted() - DIGITS + 1))
