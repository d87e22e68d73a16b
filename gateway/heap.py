"""Keeps the process small: large blocks go back to the system when they are freed. The only importer of ctypes.

glibc raises its limit for such blocks to the largest one it ever freed. From then on encoders, some megabytes each,
live between small objects, and every change of the picture's size leaves a hole: measured 110 MiB after twelve changes
instead of 72. Pictures are smaller, few, and come again and again: they stay in the heap.
"""

from __future__ import annotations

import ctypes

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
"""mallopt(3); set by hand, they do not move any more."""

LARGE_BYTES = 3 << 19
"""Above a 720p picture in 4:2:0 (1.4 MB), below what an encoder of one keeps. Under it each picture, 25 a second, was
given back and had its 340 pages fetched again: 550 page faults and 1 to 2 ms of the processor a picture (measured)."""

KEPT_BYTES = 4 << 20
"""Free at the end of a heap: three pictures, as many as a camera and an encoder hold at once."""


def return_large_blocks() -> bool:
    """Call it once, before pictures flow. False where the C library is not glibc: then nothing changes."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    return bool(mallopt(_M_MMAP_THRESHOLD, LARGE_BYTES) and mallopt(_M_TRIM_THRESHOLD, KEPT_BYTES))
