"""How a command ends when it does not end well: an exit code (sysexits.h) and a sentence's key."""

from __future__ import annotations

import enum


class ExitCode(enum.IntEnum):
    """What scripts see."""

    ok = 0
    usage = 64
    refused = 65
    unavailable = 69
    relay_failed = 70
    cannot_create = 73
    later = 75
    permission = 77


class CommandFailed(Exception):
    """The command ends here. `code` names the sentence in `words`, `facts` fill it in."""

    def __init__(self, exit_code: ExitCode, code: str, /, **facts: str) -> None:
        super().__init__(code)
        self.exit_code = exit_code
        self.code = code
        self.facts = facts
