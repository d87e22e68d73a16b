"""A camera's own JPEG made fit to keep, and the printed scale: bytes and arrays only."""

from __future__ import annotations

import re
import struct
from contextlib import suppress
from decimal import Decimal
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from gateway.peripherals.errors import DecodeError
from gateway.peripherals.pictures import jpeg_file, scale, scale_sheet

SHEET = Path(__file__).resolve().parents[2] / "docs/instruments/scale_marker.svg"


def picture(width: int = 96, height: int = 64) -> NDArray[np.uint8]:
    ramp = np.linspace(0, 255, width, dtype=np.uint8)
    return np.ascontiguousarray(np.dstack([np.tile(ramp, (height, 1))] * 3))


def jpeg(*, progressive: bool = False) -> bytes:
    ok, data = cv2.imencode(".jpg", picture(), [cv2.IMWRITE_JPEG_PROGRESSIVE, int(progressive)])
    assert ok
    return data.tobytes()


def pixels(data: bytes) -> NDArray[np.uint8]:
    decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert decoded is not None
    return np.asarray(decoded, dtype=np.uint8)


def segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def exif(orientation: int) -> bytes:
    """A little-endian EXIF block with one entry, then what must not travel."""
    entry = struct.pack("<HHIHH", 0x0112, 3, 1, orientation, 0)
    return b"Exif\0\0" + b"II*\0" + struct.pack("<IH", 8, 1) + entry + b"GPS 44.1 N serial 123"


def dressed(data: bytes) -> bytes:
    """As a camera or a telephone sends it: EXIF, XMP, colour profile, maker's data, a comment, padding."""
    extras = (segment(0xE1, exif(1)) + segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0<name>Martin</name>")
              + segment(0xE2, b"ICC_PROFILE\0" + bytes(40)) + segment(0xED, b"Photoshop 3.0\0")
              + segment(0xFE, b"Martin"))
    return data[:2] + extras + data[2:] + bytes(512)


@pytest.mark.parametrize("progressive", [False, True])
def test_nothing_that_identifies_stays_and_no_pixel_changes(progressive: bool) -> None:
    """EXIF, XMP, profile, comment and padding go; the same picture comes out."""
    data = jpeg(progressive=progressive)
    cleaned = jpeg_file.clean(dressed(data))
    for secret in (b"Exif", b"Martin", b"GPS", b"ICC_PROFILE", b"Photoshop"):
        assert secret not in cleaned
    assert cleaned.endswith(b"\xff\xd9")
    assert np.array_equal(pixels(cleaned), pixels(data))
    assert jpeg_file.clean(cleaned) == cleaned


def test_the_tables_that_a_cameras_mjpeg_leaves_out_come_in() -> None:
    """A frame without DHT is a whole JPEG afterwards (T.81, K.3)."""
    data = jpeg()
    stripped, at = data[:2], 2
    while data[at + 1] != 0xDA:
        end = at + 2 + int.from_bytes(data[at + 2:at + 4], "big")
        stripped += b"" if data[at + 1] == 0xC4 else data[at:end]
        at = end
    stripped += data[at:]
    assert b"\xff\xc4" not in stripped[:600]
    cleaned = jpeg_file.clean(stripped)
    assert cleaned.count(b"\xff\xc4") >= 4
    assert np.array_equal(pixels(cleaned), pixels(data))


def test_size_and_orientation_are_read_without_decoding() -> None:
    """The frame header says the size, EXIF how the telephone was held."""
    assert jpeg_file.facts(jpeg()) == jpeg_file.JpegFacts(96, 64, 3, True)
    assert jpeg_file.facts(jpeg(progressive=True)).baseline is False
    data = jpeg()
    assert jpeg_file.facts(data[:2] + segment(0xE1, exif(6)) + data[2:]).orientation == 6
    assert jpeg_file.facts(data[:2] + segment(0xE1, exif(99)) + data[2:]).orientation == 1


def test_a_jpeg_cut_anywhere_is_refused_by_its_code() -> None:
    """At every length short of the whole."""
    data = jpeg()
    for length in range(len(data) - 1):
        with pytest.raises(DecodeError) as caught:
            jpeg_file.clean(data[:length])
        assert caught.value.code == "still.not_jpeg"


@given(st.binary(max_size=200), st.integers(0, 600))
def test_hostile_bytes_are_refused_or_cleaned(noise: bytes, at: int) -> None:
    """Never another error, whatever stands in the file."""
    data = jpeg()
    for hostile in (noise, b"\xff\xd8" + noise, data[:at] + noise + data[at + len(noise):]):
        with suppress(DecodeError):
            assert jpeg_file.clean(hostile).endswith(b"\xff\xd9")


def printed(sheet: str, pixels_a_mm: float) -> NDArray[np.uint8]:
    """The sheet as a printer puts it on paper: its paths drawn at so many pixels a millimetre."""
    paper = np.full((int(297 * pixels_a_mm), int(210 * pixels_a_mm)), 255, np.uint8)
    for x, y, side in re.findall(r"M([\d.]+) ([\d.]+)h([\d.]+)v", sheet):
        left, top, right, low = (round(v * pixels_a_mm) for v in (
            float(x), float(y), float(x) + float(side), float(y) + float(side)))
        paper[top:low, left:right] = 0
    return paper


def test_the_printed_sheet_measures_what_it_says() -> None:
    """Each marker cut out of the committed sheet gives millimetres per pixel to three digits."""
    assert SHEET.read_text() == scale_sheet.svg()
    paper = printed(scale_sheet.svg(), 16)
    for side, top in ((5, 62.0), (10, 62 + 7.5 + 14), (20, 62 + 7.5 + 14 + 15 + 14)):
        cell = side * 1.5
        cut = paper[int(top * 16):int((top + cell) * 16), 20 * 16:int((20 + cell) * 16)]
        skin = np.full((900, 1200), 170, np.uint8)
        skin[200:200 + cut.shape[0], 300:300 + cut.shape[1]] = np.maximum(cut, 30)
        found = scale.find(np.asarray(cv2.GaussianBlur(skin, (3, 3), 0), dtype=np.uint8))
        assert found is not None
        assert abs(found.pixel_mm - Decimal(1) / 16) < Decimal("0.001")
        assert len(found.pixel_mm.as_tuple().digits) == 3


def tilted(degrees: float) -> NDArray[np.uint8]:
    """A 10 mm marker at 20 pixels a millimetre, its paper leaning away."""
    tag = cv2.aruco.generateImageMarker(scale.dictionary(), 10, 200)
    flat = cv2.copyMakeBorder(tag, 50, 50, 50, 50, cv2.BORDER_CONSTANT, value=(255,))
    narrow = cv2.resize(flat, (int(300 * np.cos(np.radians(degrees))), 300), interpolation=cv2.INTER_AREA)
    skin = np.full((600, 800), 150, np.uint8)
    skin[100:400, 100:100 + narrow.shape[1]] = narrow
    return skin


def test_an_oblique_marker_gives_no_scale() -> None:
    """Honest: 15 degrees are measured, 40 are not."""
    assert scale.find(tilted(15)) is not None
    assert scale.find(tilted(40)) is None


def test_a_marker_of_another_number_is_not_a_scale() -> None:
    """Somebody else's tag in the picture says nothing about millimetres."""
    tag = cv2.aruco.generateImageMarker(scale.dictionary(), 77, 200)
    page = cv2.copyMakeBorder(tag, 80, 80, 80, 80, cv2.BORDER_CONSTANT, value=(255,))
    assert scale.find(np.asarray(page, dtype=np.uint8)) is None
