"""A camera's own JPEG made fit to keep: bytes in, bytes out, no pixel touched (ITU-T T.81, annex B)."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from ..errors import DecodeError

_SOI, _EOI, _SOS, _DHT = 0xD8, 0xD9, 0xDA, 0xC4
_APP0, _APP1, _APP14, _APP15, _COM = 0xE0, 0xE1, 0xEE, 0xEF, 0xFE
_FRAMES: Final = frozenset(range(0xC0, 0xD0)) - {_DHT, 0xC8, 0xCC}
"""SOF0 to SOF15: the start of a frame, with its size."""

_SCAN_ENDS: Final = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
"""Within entropy-coded bytes a marker is an FF that is neither stuffed, nor a restart, nor fill (B.1.1.2)."""

_JFIF: Final = bytes.fromhex("ffe000104a46494600010100000100010000")
"""APP0 without density and without a thumbnail."""

_TYPICAL_TABLES: Final = bytes.fromhex(
    "ffc4001f0000010501010101010100000000000000000102030405060708090a0b"
    "ffc400b5100002010303020403050504040000017d"
    "01020300041105122131410613516107227114328191a1082342b1c11552d1f02433627282090a161718191a25262728292a34"
    "35363738393a434445464748494a535455565758595a636465666768696a737475767778797a838485868788898a9293949596"
    "9798999aa2a3a4a5a6a7a8a9aab2b3b4b5b6b7b8b9bac2c3c4c5c6c7c8c9cad2d3d4d5d6d7d8d9dae1e2e3e4e5e6e7e8e9eaf1"
    "f2f3f4f5f6f7f8f9fa"
    "ffc4001f0100030101010101010101010000000000000102030405060708090a0b"
    "ffc400b51100020102040403040705040400010277"
    "000102031104052131061241510761711322328108144291a1b1c109233352f0156272d10a162434e125f11718191a26272829"
    "2a35363738393a434445464748494a535455565758595a636465666768696a737475767778797a82838485868788898a929394"
    "95969798999aa2a3a4a5a6a7a8a9aab2b3b4b5b6b7b8b9bac2c3c4c5c6c7c8c9cad2d3d4d5d6d7d8d9dae2e3e4e5e6e7e8e9ea"
    "f2f3f4f5f6f7f8f9fa")
"""The Huffman tables of T.81 annex K.3, which a camera's MJPEG leaves out."""


@dataclass(frozen=True, slots=True)
class JpegFacts:
    """Width and height as coded, components, whether the coding is baseline, EXIF orientation (1: upright);
    `full_colour`: as many colour samples as pixels; `plain_rgb`: Adobe's marker says that no transform was made."""

    width: int
    height: int
    components: int
    baseline: bool
    orientation: int = 1
    full_colour: bool = False
    plain_rgb: bool = False


@dataclass(frozen=True, slots=True)
class _Segment:
    marker: int
    start: int
    end: int


def facts(data: bytes) -> JpegFacts:
    """From the headers alone. DecodeError `still.not_jpeg`."""
    orientation, plain_rgb = 1, False
    for segment in _headers(data):
        body = data[segment.start + 4:segment.end]
        if segment.marker == _APP1 and body.startswith(b"Exif\0\0"):
            orientation = _orientation(body[6:])
        if segment.marker == _APP14 and body.startswith(b"Adobe") and len(body) >= 12:
            plain_rgb = body[11] == 0
        if segment.marker in _FRAMES:
            if len(body) < 9:
                break
            _, height, width, components = struct.unpack_from(">BHHB", body)
            if not width or not height:
                break
            return JpegFacts(width, height, components, segment.marker == 0xC0, orientation,
                             components == 3 and body[7] == 0x11, components == 3 and plain_rgb)
    raise DecodeError("still.not_jpeg", "no frame header")


def clean(data: bytes) -> bytes:
    """The same picture without anything that says where, when or with what it was taken: every APPn and comment goes
    but Adobe's colour transform; missing Huffman tables and JFIF come in; what follows the end is cut.
    DecodeError `still.not_jpeg`."""
    facts(data)
    kept = [b"\xff\xd8"]
    tables = adobe = False
    middle = b""
    for segment in _headers(data):
        part = data[segment.start:segment.end]
        if segment.marker == _SOS:
            if not tables:
                kept.append(_TYPICAL_TABLES)
            kept.append(part)
            middle = _scans(data, segment.end)
            break
        if segment.marker == _APP14 and part[4:9] == b"Adobe":
            adobe = True
        elif _APP0 <= segment.marker <= _APP15 or segment.marker == _COM:
            continue
        tables = tables or segment.marker == _DHT
        kept.append(part)
    if not middle:
        raise DecodeError("still.not_jpeg", "no picture data")
    if not adobe:
        kept.insert(1, _JFIF)
    return b"".join(kept) + middle


def _headers(data: bytes) -> Iterator[_Segment]:
    """Segments from the first one up to and with the first start of scan."""
    if data[:2] != b"\xff\xd8":
        raise DecodeError("still.not_jpeg", "no start of image")
    at = 2
    while True:
        while data[at:at + 2] == b"\xff\xff":
            at += 1
        if len(data) < at + 4 or data[at] != 0xFF:
            raise DecodeError("still.not_jpeg", f"cut or broken at byte {at}")
        marker, length = data[at + 1], int.from_bytes(data[at + 2:at + 4], "big")
        end = at + 2 + length
        if marker in (_SOI, _EOI) or length < 2 or end > len(data):
            raise DecodeError("still.not_jpeg", f"bad segment at byte {at}")
        yield _Segment(marker, at, end)
        if marker == _SOS:
            return
        at = end


def _scans(data: bytes, start: int) -> bytes:
    """Entropy-coded bytes through the end of image, the tables between scans with them, without comments."""
    kept, at = [], start
    while True:
        found = _SCAN_ENDS.search(data, at)
        if found is None:
            raise DecodeError("still.not_jpeg", "no end of image")
        kept.append(data[at:found.start()])
        marker = found.group()[1]
        if marker == _EOI:
            return b"".join(kept) + b"\xff\xd9"
        end = found.start() + 2 + int.from_bytes(data[found.start() + 2:found.start() + 4], "big")
        if end > len(data) or end < found.start() + 4:
            raise DecodeError("still.not_jpeg", f"bad segment at byte {found.start()}")
        if not (_APP0 <= marker <= _APP15 or marker == _COM):
            kept.append(data[found.start():end])
        at = end


def _orientation(tiff: bytes) -> int:
    """Tag 0x0112 of the first directory of an EXIF block (TIFF 6.0); 1 when it is not there or not whole."""
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    if order is None or len(tiff) < 8:
        return 1
    first = struct.unpack_from(f"{order}I", tiff, 4)[0]
    if len(tiff) < first + 2:
        return 1
    for entry in range(struct.unpack_from(f"{order}H", tiff, first)[0]):
        at = first + 2 + 12 * entry
        if len(tiff) < at + 12:
            return 1
        tag, _, _, value = struct.unpack_from(f"{order}HHIH", tiff, at)
        if tag == 0x0112:
            return value if 1 <= value <= 8 else 1
    return 1
