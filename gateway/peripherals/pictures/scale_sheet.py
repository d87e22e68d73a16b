"""The scale markers as a sheet to print. `python -m gateway.peripherals.pictures.scale_sheet` writes it."""

from __future__ import annotations

import sys
from typing import Final

import cv2
import numpy as np

from . import scale

MODULES: Final = 8
"""Black border, six by six bits, black border (AprilTag 36h11)."""

ROWS: Final = 3
_LEFT, _TOP, _GAP = 20.0, 62.0, 8.0


def bits(number: int) -> list[list[bool]]:
    """Rows of a marker's modules, True where it is black."""
    drawn = cv2.aruco.generateImageMarker(scale.dictionary(), number, MODULES)
    return [[bool(module < 128) for module in row] for row in np.asarray(drawn)]


def svg() -> str:
    """An A4 page in millimetres: markers with the white margin they need, and a line to check the printer by."""
    parts = ['<svg xmlns="http://www.w3.org/2000/svg" width="210mm" height="297mm" viewBox="0 0 210 297">',
             '<rect width="210" height="297" fill="#fff"/>',
             '<g font-family="sans-serif" font-size="4" fill="#000">',
             '<text x="20" y="20">Repères d’échelle. Imprimer à 100 %, papier mat, découper sur le gris.</text>',
             '<text x="20" y="26">Scale markers. Print at 100 %, matt paper, cut along the grey lines.</text>',
             '<path d="M20 40H120M20 37v6M70 38.5v3M120 37v6" stroke="#000" stroke-width="0.25" fill="none"/>',
             '<text x="20" y="50">100 mm : mesurer cette ligne avant l’emploi / measure this line before use</text>',
             "</g>"]
    top = _TOP
    for side in scale.SIDES_MM:
        cell = side * (MODULES + 4) / MODULES
        for column in range(max(1, min(ROWS, int(170 // (cell + _GAP))))):
            parts.extend(_marker(side, _LEFT + column * (cell + _GAP), top, cell))
        top += cell + 14
    return "\n".join([*parts, "</svg>"]) + "\n"


def _marker(side: int, left: float, top: float, cell: float) -> list[str]:
    margin, module = (cell - side) / 2, side / MODULES
    cut = (f'<rect x="{left:g}" y="{top:g}" width="{cell:g}" height="{cell:g}" fill="none" stroke="#bbb" '
           'stroke-width="0.1"/>')
    dark = [f"M{left + margin + column * module:g} {top + margin + row * module:g}h{module:g}v{module:g}h-{module:g}z"
            for row, modules in enumerate(bits(side)) for column, black in enumerate(modules) if black]
    return [cut, f'<path d="{"".join(dark)}" fill="#000"/>',
            f'<text x="{left:g}" y="{top + cell + 4:g}" font-family="sans-serif" font-size="3">{side} mm</text>']


if __name__ == "__main__":
    sys.stdout.write(svg())
