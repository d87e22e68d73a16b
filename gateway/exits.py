"""Exit codes of the gateway's commands (sysexits.h) and the errors that end one with a sentence."""

from __future__ import annotations

import enum
import errno


class ExitCode(enum.IntEnum):
    """What the service manager and scripts see."""

    ok = 0
    differs = 1
    """Of `replay` alone."""
    usage = 64
    configuration = 65
    unavailable = 69
    software = 70
    cannot_create = 73
    permission = 77


class StartRefused(Exception):
    """The process can't start or go on; `sentence` is for the person at the console."""

    def __init__(self, code: ExitCode, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence


def of_os_error(error: OSError, doing: str) -> StartRefused:
    """The exit that fits an error of the operating system while `doing` something."""
    what = error.strerror or type(error).__name__
    where = f" {error.filename}" if error.filename else ""
    if error.errno == errno.EADDRINUSE:
        return StartRefused(ExitCode.unavailable,
                            f"{doing}: the port is in use; stop the other program or choose another port.")
    if error.errno in (errno.EACCES, errno.EPERM):
        return StartRefused(ExitCode.permission,
                            f"{doing}: no permission for{where or ' it'}; give it to the user this runs as.")
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return StartRefused(ExitCode.cannot_create, f"{doing}: the disk is full{where}; make room and start again.")
    if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.EROFS, errno.EISDIR, errno.EEXIST):
        return StartRefused(ExitCode.cannot_create, f"{doing}: {what}{where}; check the path.")
    return StartRefused(ExitCode.unavailable, f"{doing}: {what}{where}.")
