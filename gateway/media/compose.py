"""From a camera's picture to the encoder's: size, 4:2:0, and the room's picture beside an examination camera's."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import TYPE_CHECKING, Protocol

from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation, VideoReformatter

from .rate import Rung

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LARGEST = (1280, 720)
"""Level 3.1 at 30 pictures a second (ITU-T H.264, table A-1), as every browser decodes; larger is scaled down."""

MACROBLOCKS = 3600
"""Of the same level, 16x16 each: a 4:3 picture of a finding may be 1102x828, which no box of 16:9 holds."""

SHRINK = 0.995
"""Step in which a size is searched that holds the limit with its cut macroblocks."""

BESIDE_SHARE = 3
"""The finding has this many parts of the width, the room one: never over it, a finding hides nothing."""

MACROBLOCK = 16

GAP = 8
"""Pixels between the two, so that nobody takes them for one."""

DARK = (16, 128, 128)
"""Video black: costs the encoder nothing."""

SCALERS_MAX = 6
"""Two sizes of three pictures; a scaler holds a few hundred kilobytes."""


class Shape(Protocol):
    """What has sides, in pixels."""

    @property
    def width(self) -> int: ...
    @property
    def height(self) -> int: ...


class Captured(Protocol):
    """A picture of a camera, when it was read (monotonic seconds), and which camera: 0 is the room's."""

    @property
    def frame(self) -> VideoFrame:
        """Read when the encoder takes the picture; ValueError when it is none."""

    @property
    def at(self) -> float:
        """Monotonic seconds."""

    @property
    def scene(self) -> int:
        """Another number, another camera."""

    @property
    def beside(self) -> VideoFrame | None:
        """The room's picture, to stand small beside it."""


@dataclass(frozen=True, slots=True)
class Sides:
    """Width and height, in pixels."""

    width: int
    height: int


def scaled(frame: Shape, rung: Rung, *, detail: bool = False) -> tuple[int, int]:
    """Width and height to encode: the camera's own shape, nothing added. `detail`: as large as the level allows."""
    if detail:
        fit = min(1.0, sqrt(MACROBLOCKS * 256 / (frame.width * frame.height)))
        while _macroblocks(*_even(frame, fit)) > MACROBLOCKS:
            fit *= SHRINK
    else:
        fit = min(1.0, LARGEST[0] / frame.width, LARGEST[1] / frame.height)
    return _even(frame, fit * rung.quarters / 4)


def size(captured: Captured, rung: Rung) -> tuple[int, int]:
    """Width and height of what is encoded of this picture."""
    frame = captured.frame
    if captured.beside is None:
        return scaled(frame, rung, detail=captured.scene != 0)
    return scaled(Sides(frame.width * (BESIDE_SHARE + 1) // BESIDE_SHARE, frame.height), rung, detail=True)


@dataclass(frozen=True, slots=True)
class Places:
    """Where the two stand: the finding at the left in full height, the room in the upper corner at the right."""

    finding: Sides
    room: Sides
    room_left: int


def places(width: int, height: int, room: Shape) -> Places:
    """Of a picture of this size (even); `room`: the room's own shape. The seam is a macroblock's edge."""
    left = width * BESIDE_SHARE // (BESIDE_SHARE + 1) // MACROBLOCK * MACROBLOCK
    fit = min((width - left - GAP) / room.width, height / room.height)
    small = Sides(max(2, int(room.width * fit) // 2 * 2), max(2, int(room.height * fit) // 2 * 2))
    return Places(Sides(left, height), small, left + GAP)


class Converter:
    """One encoder's thread's: keeps scalers, and what it made of the picture of now for a second encoder."""

    def __init__(self) -> None:
        self._scalers: dict[tuple[str, int, int], VideoReformatter] = {}
        self._of: Captured | None = None
        self._made: list[VideoFrame] = []

    def take(self, captured: Captured, width: int, height: int) -> VideoFrame:
        """4:2:0 in this size. ValueError when the picture is none. What a camera gave may be handed on as it is."""
        if self._of is not captured:
            self.forget()
            self._of = captured
        for made in self._made:
            if (made.width, made.height) == (width, height):
                return made
        made = self._composed(captured, width, height) if captured.beside is not None else self._scaled(
            "picture", self._source(captured, width), width, height, detail=captured.scene != 0)
        self._made.append(made)
        return made

    def forget(self) -> None:
        """Keep no picture."""
        self._of = None
        self._made.clear()

    def _source(self, captured: Captured, width: int) -> VideoFrame:
        """The smallest there is already: a second, smaller one of a finding costs a third from the first."""
        return min((made for made in self._made if made.width >= width), key=lambda made: made.width,
                   default=captured.frame)

    def _composed(self, captured: Captured, width: int, height: int) -> VideoFrame:
        assert captured.beside is not None
        where = places(width, height, captured.beside)
        finding = self._scaled("finding", captured.frame, where.finding.width, where.finding.height, detail=True)
        room = self._scaled("room", captured.beside, where.room.width, where.room.height, detail=False)
        canvas = VideoFrame(width, height, "yuv420p")
        for plane, level in enumerate(DARK):
            part = 2 if plane else 1
            target = _plane(canvas, plane)
            _put(target, _plane(finding, plane), 0)
            target[:, where.finding.width // part:] = level
            _put(target, _plane(room, plane), where.room_left // part)
        return canvas

    def _scaled(self, what: str, frame: VideoFrame, width: int, height: int, *, detail: bool) -> VideoFrame:
        if (frame.width, frame.height) == (width, height) and frame.format.name == "yuv420p":
            return frame
        scaler = self._scalers.get((what, width, height))
        if scaler is None:
            if len(self._scalers) >= SCALERS_MAX:
                self._scalers.clear()
            scaler = self._scalers[(what, width, height)] = VideoReformatter()
        # A finding is looked at line by line: averaging keeps what skipping loses.
        how = Interpolation.AREA if detail else Interpolation.FAST_BILINEAR
        return scaler.reformat(frame, width=width, height=height, format="yuv420p", interpolation=how)


def _plane(frame: VideoFrame, index: int) -> NDArray[np.uint8]:
    # The gateway starts without it; most calls never need it.
    import numpy as np

    plane = frame.planes[index]
    rows = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)  # type: ignore[call-overload]
    cut: NDArray[np.uint8] = rows[:plane.height, :plane.width]
    return cut


def _put(target: NDArray[np.uint8], source: NDArray[np.uint8], left: int) -> None:
    target[:source.shape[0], left:left + source.shape[1]] = source


def _even(frame: Shape, fit: float) -> tuple[int, int]:
    # 4:2:0 has one colour sample for two pixels.
    return max(16, round(frame.width * fit / 2) * 2), max(16, round(frame.height * fit / 2) * 2)


def _macroblocks(width: int, height: int) -> int:
    return -(-width // MACROBLOCK) * -(-height // MACROBLOCK)
