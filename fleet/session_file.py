"""The sign-in kept between commands: one file of mode 0600 in the XDG state folder."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import msgspec

from .errors import CommandFailed, ExitCode

_FILE = Path("passerelle") / "fleet.json"


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept. `cookies`: by relay address, name and value of its session cookie."""

    relay: str = ""
    cookies: dict[str, tuple[str, str]] = {}


class SessionFile:
    """The file of one user (XDG Base Directory specification 0.8)."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        state = environment.get("XDG_STATE_HOME") or str(Path(environment.get("HOME", "~")).expanduser()
                                                          / ".local" / "state")
        self.path = Path(state) / _FILE

    def read(self) -> Kept:
        """What is kept; nothing when there is no file, or not one of ours."""
        try:
            return msgspec.json.decode(self.path.read_bytes(), type=Kept)
        except (OSError, msgspec.DecodeError):
            return Kept()

    def write(self, kept: Kept) -> None:
        """Replaces the file. Raises `CommandFailed` (73) when the folder cannot be written."""
        temporary = self.path.with_name(f"{self.path.name}.{os.getpid()}")
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(msgspec.json.encode(kept))
            temporary.replace(self.path)
        except OSError as error:
            raise CommandFailed(ExitCode.cannot_create, "state.unwritable", file=str(self.path),
                                reason=error.strerror or "") from error
