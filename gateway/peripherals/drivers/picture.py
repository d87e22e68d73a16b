"""An examination camera's frames as they come: looked at by people, made into stills."""

from __future__ import annotations

import base64
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

import cv2
import numpy as np

from protocol.limits import STILL_BYTES

from ..errors import DecodeError, InstrumentFailed
from ..pictures import jpeg_file, scale
from ..pictures.judging import JUDGED_SIDE, Frame, Judge, Judgement, at_judged_size, grey, sharpness, within

LEAST_WIDTH, LEAST_HEIGHT = 1024, 768
"""ATA practice guideline for teledermatology: 1024 x 768 preferred, 24-bit colour, JPEG at most 20:1."""

MOST_COMPRESSED: Final = 20.0

QUALITIES: Final = (92, 96, 98, 100)
"""JPEG quality, raised until the file is not compressed more than 20:1."""

VIEW_SIDE: Final = 1280
"""What is shown live: the room camera's size, which the encoder is made for."""

SMALLER: Final = (92, 85, 75)
"""JPEG quality for what would not pass the store's limit otherwise: 20 megapixels and more."""

MOST_PIXELS: Final = 64_000_000
"""No examination sensor has more; a header that claims 4 gigapixels would take 12 GB."""

_BAND, _BANDS = 64, 8
"""One of eight bands of 64 rows is tried."""

PREVIEW_SIDE: Final = 640
PREVIEW_QUALITY: Final = 75
THUMBNAIL_SIDE: Final = 160

_REDUCED: Final = ((8, cv2.IMREAD_REDUCED_COLOR_8), (4, cv2.IMREAD_REDUCED_COLOR_4), (2, cv2.IMREAD_REDUCED_COLOR_2))
"""A JPEG is decoded at an eighth of its size for a tenth of the time (scaled inverse DCT)."""


@dataclass(slots=True)
class Shot:
    """One frame as the camera gave it: its own JPEG, or pixels. `full`: taken in the mode for stills; `at` monotonic.
    Decoded when somebody wants to see it, once for each size. Thread-safe."""

    number: int
    at: float
    full: bool
    width: int
    height: int
    jpeg: bytes | None = None
    frame: Frame | None = None
    _seen: dict[int, Frame] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def seen(self, side: int) -> Frame:
        """BGR, longest side at most `side`. InstrumentFailed `instrument.unreadable`."""
        if self.frame is not None:
            return within(self.frame, side)
        longest = max(self.width, self.height)
        by, flag = next(((by, flag) for by, flag in _REDUCED if longest / by >= min(side, longest)),
                        (1, cv2.IMREAD_COLOR))
        with self._lock:
            # One decoding serves the view and the verdict: entropy decoding is most of it, whatever the size.
            if by not in self._seen:
                self._seen[by] = decode(self.jpeg or b"", flag)
            return within(self._seen[by], side)

    def whole(self) -> Frame:
        """Every pixel. InstrumentFailed `instrument.unreadable`."""
        return self.frame if self.frame is not None else decode(self.jpeg or b"")


def decode(jpeg: bytes, flag: int = cv2.IMREAD_COLOR) -> Frame:
    """BGR. InstrumentFailed `instrument.unreadable`."""
    frame = cv2.imdecode(np.frombuffer(jpeg, np.uint8), flag) if jpeg else None
    if frame is None:
        raise InstrumentFailed("instrument.unreadable")
    return np.asarray(frame, dtype=np.uint8)


def shot_of(jpeg: bytes, number: int, at: float, full: bool) -> Shot:
    """A frame that came as JPEG. DecodeError when it is torn: the next one is whole."""
    facts = jpeg_file.facts(jpeg)
    if b"\xff\xd9" not in jpeg[-4096:]:
        raise DecodeError("still.not_jpeg", "no end of image")
    if facts.width * facts.height > MOST_PIXELS:
        raise DecodeError("still.not_jpeg", f"{facts.width}x{facts.height} is no camera's")
    if facts.orientation != 1:
        # A telephone as a camera: decoding turns the picture upright, its own bytes would lose the turn with the EXIF.
        frame = decode(jpeg)
        return Shot(number, at, full, frame.shape[1], frame.shape[0], frame=frame)
    return Shot(number, at, full, facts.width, facts.height, jpeg=jpeg)


@dataclass(frozen=True, slots=True)
class Picture:
    """A still as it is kept."""

    jpeg: bytes
    width: int
    height: int
    thumbnail: str
    judgement: Judgement
    pixel_mm: Decimal | None


def steadiness(shot: Shot) -> tuple[float, float]:
    """Mean luminance and sharpness of the middle: what exposure and focus change while they settle."""
    light = grey(shot.seen(JUDGED_SIDE))
    height, width = light.shape
    middle = light[height // 4:height * 3 // 4, width // 4:width * 3 // 4]
    return float(middle.mean()), sharpness(np.ascontiguousarray(middle))


def finish(shot: Shot, judge: Judge) -> Picture:
    """Judgement, thumbnail, millimetres and the JPEG that is kept. InstrumentFailed `still.too_small`."""
    if max(shot.width, shot.height) < LEAST_WIDTH or min(shot.width, shot.height) < LEAST_HEIGHT:
        raise InstrumentFailed("still.too_small", f"{shot.width}x{shot.height}")
    with ThreadPoolExecutor(1, "still-file") as other_core:
        kept = other_core.submit(_kept, shot)
        return _judged(shot, judge, kept)


def _judged(shot: Shot, judge: Judge, kept: Future[bytes]) -> Picture:
    judged = at_judged_size(shot.seen(JUDGED_SIDE))
    marker = scale.find(grey(judged))
    judgement = judge.judge(judged, (shot.width, shot.height), None if marker is None else marker.paper)
    thumbnail = base64.b64encode(_jpeg(within(judged, THUMBNAIL_SIDE), 70)).decode()
    pixel_mm = None if marker is None else scale.in_full(marker, judged.shape[1] / shot.width)
    return Picture(kept.result(), shot.width, shot.height, thumbnail, judgement, pixel_mm)


def preview_jpeg(frame: Frame) -> bytes:
    """The kiosk's live view."""
    return _jpeg(within(frame, PREVIEW_SIDE), PREVIEW_QUALITY)


def _kept(shot: Shot) -> bytes:
    """The camera's own bytes where they are fine enough: nothing is lost a second time. Else made here, from pixels
    or from a JPEG so thin that the guideline's 20:1 asks for more."""
    raw = shot.width * shot.height * 3
    if shot.jpeg is not None:
        own = jpeg_file.clean(shot.jpeg)
        if raw / len(own) <= MOST_COMPRESSED and len(own) <= STILL_BYTES:
            return own
    return _made(shot.whole(), raw)


def _made(whole: Frame, raw: int) -> bytes:
    made = b""
    bands = np.ascontiguousarray(whole[np.arange(len(whole)) // _BAND % _BANDS == 0])
    for quality in QUALITIES:
        # A part tells how small the whole will be: twelve megapixels are not encoded four times.
        if quality != QUALITIES[-1] and bands.nbytes / len(_jpeg(bands, quality)) > MOST_COMPRESSED:
            continue
        made = _jpeg(whole, quality)
        if raw / len(made) <= MOST_COMPRESSED:
            break
    for quality in SMALLER:
        if len(made) <= STILL_BYTES:
            break
        made = _jpeg(whole, quality)
    return made


def _jpeg(frame: Frame, quality: int) -> bytes:
    # OpenCV writes plain JFIF: no EXIF, so neither place nor serial number leaves with the picture.
    ok, data = cv2.imencode(".jpg", frame, [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not ok:
        raise InstrumentFailed("still.not_encoded")
    return data.tobytes()
