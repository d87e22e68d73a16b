"""Signed prescriptions on disk, named by the SHA-256 of their bytes. Synchronous: call it in a thread."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from .errors import Unavailable


class SignedFiles:
    """A folder of PDFs. What `keep` has answered survives a power cut."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keep(self, pdf: bytes) -> str:
        """Writes the bytes and answers their SHA-256 in hexadecimal."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        sha256 = hashlib.sha256(pdf).hexdigest()
        temporary = self._folder / f"{sha256}.{os.getpid()}.new"
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(pdf)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(self._path(sha256))
        # Without this the name, not the bytes, is lost at a power cut.
        folder = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        return sha256

    def read(self, sha256: str) -> bytes:
        """The bytes. Raises `Unavailable` when they are gone or are not what was signed."""
        try:
            pdf = self._path(sha256).read_bytes()
        except OSError as error:
            raise Unavailable("prescription.file_missing") from error
        if hashlib.sha256(pdf).hexdigest() != sha256:
            raise Unavailable("prescription.file_altered")
        return pdf

    def _path(self, sha256: str) -> Path:
        return self._folder / f"{sha256}.pdf"
