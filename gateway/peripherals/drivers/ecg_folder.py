"""Recordings of a resting ECG cart, taken from the folder it writes to: DICOM or EDF+, each file once.

The cart's file is left where it is. Its bytes are kept under their SHA-256 beside the store before anyone hears of it.
"""

from __future__ import annotations

import asyncio
import errno
import hashlib
import os
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Final

import structlog

from protocol.channels import InstrumentState

from .. import recorded
from ..errors import DecodeError
from ..panel import Panel
from ..profiles import ecg_file
from ..recording import RecordingArrived, RecordingSink

_log = structlog.get_logger()

LOOK_EVERY_S: Final = 2.0
"""A person who sends a recording from the cart sees it within five seconds: two looks and its reading."""

PATIENCE_LOOKS: Final = 15
"""Half a minute: a file that does not grow and can't be read may be in the middle of a slow copy."""

MOST_FILES: Final = 20_000
"""Names looked at in one look; a cart keeps a few thousand. Past it the folder must be emptied."""

DEEPEST: Final = 3
"""Folders within the folder: carts that sort by year, month and day."""

OLD_S: Final = 86_400.0
"""What lay in the folder for a day already when it was first looked at is the cart's past, not today's patient."""

SUFFIXES: Final = frozenset((".dcm", ".dicom", ".edf"))
"""Said to be a recording; others are looked at for what they are and left alone when they are none (reports, lists)."""

OTHER_DOCUMENTS: Final = ("dicom.not_ecg",)
"""Whole and readable, but no recording: the printed report, the directory of a stick."""

HANDED: Final = ".handed"


@dataclass(frozen=True, slots=True)
class _Face:
    """What tells one state of a file from another without reading it."""

    path: str
    size: int
    modified_ns: int


@dataclass(frozen=True, slots=True)
class _Unreadable:
    sha256: str
    error: DecodeError


class EcgFolder:
    """One cart. `directory`: where recordings are kept by their hash, for all carts (made when it is missing);
    `zone`: of the cart's clock, None for this machine's."""

    def __init__(self, panel: Panel, sink: RecordingSink, directory: Path, zone: tzinfo | None = None,
                 now: Callable[[], datetime] = lambda: datetime.now(UTC),
                 pause: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        self._panel, self._sink, self._directory, self._zone = panel, sink, directory, zone
        self._now, self._pause = now, pause
        self._folder = Path(panel.config.source)
        self._seen: dict[_Face, int] = {}
        """Looks at which a file was as it is now."""
        self._settled: set[_Face] = set()
        """Nothing more to do with these."""

    async def run(self) -> None:
        """Look at the folder until cancelled."""
        while True:
            await self._look()
            await self._pause(LOOK_EVERY_S)

    async def _look(self) -> None:
        try:
            faces = await asyncio.to_thread(self._faces)
        except OSError as error:
            code = "instrument.forbidden" if error.errno in (errno.EACCES, errno.EPERM) else "instrument.unplugged"
            self._panel.show(InstrumentState.absent, code)
            return
        try:
            await asyncio.to_thread(self._begin, faces)
        except OSError as error:
            # Not the cart's folder, ours: without a note of its past, all of it would be today's patient.
            full = error.errno in (errno.ENOSPC, errno.EDQUOT)
            self._panel.show(InstrumentState.failed, "instrument.disk_full" if full else "store.io")
            _log.warning("ecg_folder.not_begun", instrument=self._panel.config.instrument_id, errno=error.errno)
            return
        self._seen = {face: self._seen.get(face, 0) + 1 for face in faces}
        self._settled &= faces
        problem = None
        for face in sorted(faces - self._settled, key=lambda face: (face.modified_ns, face.path)):
            if self._seen[face] < 2:
                continue
            try:
                if await self._take(face):
                    self._settled.add(face)
            except OSError as error:
                # The file is read again at the next look: it vanished, the stick was pulled, or our disk is full.
                problem = "instrument.disk_full" if error.errno == errno.ENOSPC else "instrument.unreadable"
                _log.warning("ecg_folder.not_taken", instrument=self._panel.config.instrument_id, errno=error.errno)
        self._panel.show(InstrumentState.ready, problem)

    async def _take(self, face: _Face) -> bool:
        """Hand one file on; False when it is worth another look."""
        found = await asyncio.to_thread(self._read, face, self._now())
        if found is None:
            return True
        if isinstance(found, _Unreadable):
            if self._seen[face] < PATIENCE_LOOKS:
                return False
            _log.warning("ecg_folder.unreadable", instrument=self._panel.config.instrument_id, code=found.error.code)
            await self._sink.reading(recorded.unreadable(found.sha256, found.error, self._panel.config, self._now()))
            sha256 = found.sha256
        else:
            self._panel.show(InstrumentState.measuring)
            await self._sink.recording(found)
            sha256 = found.reading.recording
        await asyncio.to_thread(self._note, sha256)
        return True

    def _faces(self) -> set[_Face]:
        """Every file that may be a recording. OSError when the folder can't be read."""
        faces = set()
        for entry in _files(self._folder, DEEPEST):
            try:
                status = entry.stat()
            except FileNotFoundError:
                # A cart writes under another name first, then renames.
                continue
            if status.st_size:
                faces.add(_Face(entry.path, status.st_size, status.st_mtime_ns))
            if len(faces) >= MOST_FILES:
                _log.error("ecg_folder.too_full", instrument=self._panel.config.instrument_id)
                break
        return faces

    def _begin(self, faces: set[_Face]) -> None:
        """The first look of all: what is the cart's past is noted, so that no restart takes it for new."""
        begun = self._directory / f".begun-{self._panel.config.instrument_id}"
        if begun.exists():
            return
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        before = (self._now().timestamp() - OLD_S) * 1e9
        for face in faces:
            if face.modified_ns < before and face.size <= ecg_file.LARGEST:
                try:
                    data = Path(face.path).read_bytes()
                except FileNotFoundError:
                    continue
                self._note(hashlib.sha256(data).hexdigest())
                self._settled.add(face)
        _write(begun, b"")

    def _read(self, face: _Face, now: datetime) -> RecordingArrived | _Unreadable | None:
        """What the file holds; None when it is none of ours or was handed on before. Its bytes are on disk then."""
        path = Path(face.path)
        with path.open("rb") as file:
            if path.suffix.lower() not in SUFFIXES and not ecg_file.suffix(file.read(ecg_file.HEAD_BYTES)):
                return None
            file.seek(0)
            data = file.read(ecg_file.LARGEST + 1)
        sha256 = hashlib.sha256(data).hexdigest()
        if (self._directory / (sha256 + HANDED)).exists():
            return None
        try:
            found: RecordingArrived | _Unreadable = recorded.arrived(data, self._panel.config, now, self._zone)
        except DecodeError as error:
            if error.code in OTHER_DOCUMENTS:
                return None
            found = _Unreadable(sha256, error)
        if not isinstance(found, _Unreadable) or self._seen[face] >= PATIENCE_LOOKS:
            self._keep(sha256, ecg_file.suffix(data), data[:ecg_file.LARGEST])
        return found

    def _keep(self, sha256: str, suffix: str, data: bytes) -> None:
        kept = self._directory / (sha256 + suffix)
        if not kept.exists():
            _write(kept, data)

    def _note(self, sha256: str) -> None:
        _write(self._directory / (sha256 + HANDED), b"")


def _files(folder: Path, deep: int) -> Iterator[os.DirEntry[str]]:
    """Regular files below `folder`, hidden ones and half-made ones left out; links are not followed."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith((".", "~")) or entry.name.endswith((".tmp", ".part", "~")):
                continue
            if entry.is_file(follow_symlinks=False):
                yield entry
            elif deep and entry.is_dir(follow_symlinks=False):
                yield from _files(Path(entry.path), deep - 1)


def _write(path: Path, data: bytes) -> None:
    """On disk when this returns, whole or not at all."""
    beside = path.with_name(path.name + ".tmp")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    beside.rename(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
