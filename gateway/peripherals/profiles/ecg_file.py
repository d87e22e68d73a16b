"""Which format a file is in, by its first bytes, and its recording."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from ..errors import DecodeError
from . import dicom_ecg, edf_ecg
from .ecg_recording import Recording

LARGEST: Final = 32 * 1024 * 1024
"""Bytes. Twenty minutes of twelve leads at 500 Hz are 14 MB."""

HEAD_BYTES: Final = 132

_FORMATS: Final[tuple[tuple[str, int, bytes, Callable[[bytes], Recording]], ...]] = (
    (".dcm", 128, b"DICM", dicom_ecg.decode),
    (".edf", 0, b"0       ", edf_ecg.decode),
)


def suffix(head: bytes) -> str:
    """What the file is, as the end of a name: `.dcm`, `.edf`, or nothing when it is neither."""
    return next((name for name, at, magic, _ in _FORMATS if head[at:at + len(magic)] == magic), "")


def decode(data: bytes) -> Recording:
    """The recording in a file. DecodeError: `ecg.unknown_format`, or what its format's decoder says."""
    if len(data) > LARGEST:
        raise DecodeError("ecg.too_long", f"{len(data)} bytes")
    for _, at, magic, reader in _FORMATS:
        if data[at:at + len(magic)] == magic:
            return reader(data)
    raise DecodeError("ecg.unknown_format")
