"""Exit codes (sysexits.h) and the one sentence for whatever keeps the relay from running."""

from __future__ import annotations

import enum
import errno
import ssl

from sqlalchemy.exc import DBAPIError

from relay.config import ConfigRefused
from relay.fleet.errors import AuthorityUnusable
from relay.keys import KeyRefused
from relay.storage.base import StorageError, is_disk_full


class Exit(enum.IntEnum):
    """What a supervisor reads."""

    ok = 0
    findings = 1
    config = 65
    unavailable = 69
    software = 70
    disk = 73
    permission = 77


_ERRNO = {errno.EADDRINUSE: Exit.unavailable, errno.EADDRNOTAVAIL: Exit.unavailable,
          errno.EACCES: Exit.permission, errno.EPERM: Exit.permission,
          errno.ENOSPC: Exit.disk, errno.EDQUOT: Exit.disk, errno.EROFS: Exit.disk, errno.EIO: Exit.disk}

_CA = {"ca.missing": "the issuing CA's file {file} does not exist or cannot be read",
       "ca.unreadable": "the issuing CA's certificate or key cannot be understood",
       "ca.key_mismatch": "the issuing CA's key does not belong to its certificate"}


def explained(error: BaseException) -> tuple[Exit, str] | None:
    """The exit code and the sentence; None for a fault of our own."""
    if isinstance(error, BaseExceptionGroup):
        return next((found for part in error.exceptions if (found := explained(part))), None)
    if isinstance(error, ConfigRefused | KeyRefused):
        return Exit.config, str(error)
    if isinstance(error, AuthorityUnusable):
        file = error.facts.get("file", "")
        return Exit.config, _CA.get(error.code, f"the issuing CA cannot be used ({error.code})").format(file=file)
    if isinstance(error, StorageError):
        return (Exit.config if error.code == "database.unsupported" else Exit.unavailable), error.reason
    if isinstance(error, DBAPIError):
        if is_disk_full(error):
            return Exit.disk, "the disk of the database is full"
        if "readonly" in str(error.orig) or "unable to open" in str(error.orig):
            return Exit.permission, "the database cannot be opened for writing"
        return Exit.unavailable, f"the database does not answer ({type(error.orig).__name__})"
    if isinstance(error, ssl.SSLError):
        return Exit.config, "a certificate or key of a listener cannot be used, or they do not belong together"
    if isinstance(error, OSError):
        return _os_error(error)
    return None


def _os_error(error: OSError) -> tuple[Exit, str]:
    about = f"{error.filename}: " if error.filename else ""
    if error.errno == errno.ENOENT:
        return Exit.config, f"{about}there is no such file"
    code = _ERRNO.get(error.errno or 0, Exit.unavailable)
    # asyncio words its own sentence for a port in use, with the address in it.
    return code, f"{about}{error.strerror or type(error).__name__}".lower()
