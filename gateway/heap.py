"""Keeps the process small: large blocks go back to the system when they are freed; and says what it holds. The only
importer of ctypes.

glibc raises its limit for such blocks to the largest one it ever freed. From then on encoders, some megabytes each,
live between small objects, and every change of the picture's size leaves a hole: measured 110 MiB after twelve changes
instead of 72. Pictures are smaller, few, and come again and again: they stay in the heap.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
"""mallopt(3); set by hand, they do not move any more."""

LARGE_BYTES = 3 << 19
"""Above a 720p picture in 4:2:0 (1.4 MB), below what an encoder of one keeps. Under it each picture, 25 a second, was
given back and had its 340 pages fetched again: 550 page faults and 1 to 2 ms of the processor a picture (measured)."""

KEPT_BYTES = 4 << 20
"""Free at the end of a heap: three pictures, as many as a camera and an encoder hold at once."""


@dataclass(frozen=True, slots=True)
class Heap:
    """The C library's account of itself, octets: `in_use` in its heaps, `free` in them and not given back, `mapped`:
    large blocks that go back when they are freed."""

    in_use: int
    free: int
    mapped: int


@dataclass(frozen=True, slots=True)
class Footprint:
    """What this process holds. `resident` in octets; `heap` None where the C library does not tell; `blocks`: of
    Python's allocator, which no fragmentation moves: what rises there for days is a leak."""

    resident: int
    heap: Heap | None
    blocks: int
    descriptors: int
    threads: int
    tasks: int


class _Mallinfo2(ctypes.Structure):
    """mallinfo(3), over all heaps of the process."""

    _fields_ = tuple((name, ctypes.c_size_t) for name in (
        "arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks", "keepcost"))


def figures() -> Heap | None:
    """As of now, in some microseconds for each heap. None where the C library is not glibc, or is older than 2.33."""
    try:
        mallinfo2 = ctypes.CDLL(None).mallinfo2
    except (OSError, AttributeError):
        return None
    mallinfo2.restype = _Mallinfo2
    told = mallinfo2()
    return Heap(in_use=told.uordblks, free=told.fordblks, mapped=told.hblkhd)


def return_large_blocks() -> bool:
    """Call it once, before pictures flow. False where the C library is not glibc: then nothing changes."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    return bool(mallopt(_M_MMAP_THRESHOLD, LARGE_BYTES) and mallopt(_M_TRIM_THRESHOLD, KEPT_BYTES))


def footprint() -> Footprint:
    """As of now, in some tens of microseconds; `tasks` of the loop that runs in this thread."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    tasks = 0
    with contextlib.suppress(RuntimeError):
        tasks = len(asyncio.all_tasks())
    return Footprint(resident=pages * os.sysconf("SC_PAGE_SIZE"), heap=figures(), blocks=sys.getallocatedblocks(),
                     descriptors=len(os.listdir("/proc/self/fd")), threads=threading.active_count(), tasks=tasks)
