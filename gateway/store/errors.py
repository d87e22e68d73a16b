"""What can go wrong with the vehicle's memory. The code tells what a person can do about it."""

from __future__ import annotations

import errno

FULL, IO, PERMISSION, CORRUPT = "store.full", "store.io", "store.permission", "store.corrupt"
NEWER, IN_USE, DURABILITY, CLOSED = "store.newer", "store.in_use", "store.durability", "store.closed"

_FULL_ERRNO = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_PERMISSION_ERRNO = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})


class StoreError(Exception):
    """The disk or the database did not do it: nothing of the request was saved.

    `code` is one of `store.full`, `store.io`, `store.permission`, `store.corrupt` (a person sets the
    file aside, the program never starts a new one over it), `store.newer`, `store.in_use`,
    `store.durability`, `store.closed`.
    """

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(f"{code}: {detail}" if detail else code)
        self.code = code
        self.detail = detail


class StoreConflict(Exception):
    """The request does not fit what is stored; the caller did wrong, the disk is well."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def from_os_error(error: OSError) -> StoreError:
    """The operating system's refusal as one of ours, without a path."""
    name = errno.errorcode.get(error.errno or 0, "unknown")
    if error.errno in _FULL_ERRNO:
        return StoreError(FULL, name)
    if error.errno in _PERMISSION_ERRNO:
        return StoreError(PERMISSION, name)
    return StoreError(IO, name)
