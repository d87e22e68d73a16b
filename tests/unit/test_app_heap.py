"""The gateway's memory: large blocks that were freed are not kept."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import threading

from gateway.heap import Footprint, footprint

CHANGES = """
import sys
import psutil
from gateway.heap import return_large_blocks

if sys.argv[1] == "yes":
    assert return_large_blocks()
large, small = 2_000_000, 60_000
first = bytearray(large)
del first
resident = psutil.Process().memory_info().rss
blocks, pins = [], []
for _ in range(24):
    blocks.append(bytearray(large))
    pins.append(bytearray(small))
del blocks
print((psutil.Process().memory_info().rss - resident) // 2**20)
"""

PICTURES = """
import resource
from gateway.heap import return_large_blocks

assert return_large_blocks()
held = [bytearray(1_400_000) for _ in range(3)]
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for number in range(100):
    held[number % 3] = bytearray(1_400_000)
print((resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) // 100)
"""


def kept(set_up: str) -> int:
    """MiB that a process keeps after 48 MB of encoders between small objects were freed."""
    done = subprocess.run([sys.executable, "-c", CHANGES, set_up], capture_output=True, text=True, check=True)
    return int(done.stdout)


def test_freed_encoders_go_back_to_the_system() -> None:
    """Without the setting the heap keeps them between its small objects, with it nearly nothing stays."""
    assert kept("no") > 20
    assert kept("yes") < 8


def test_a_picture_takes_the_pages_of_the_one_before_it() -> None:
    """720p pictures made one after the other fetch no fresh pages from the system: 342 for each, if they did."""
    done = subprocess.run([sys.executable, "-c", PICTURES], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 40


def test_the_process_says_what_it_holds() -> None:
    """A file, a thread, a task and a list more are counted."""
    async def held() -> tuple[Footprint, Footprint]:
        before, over = footprint(), threading.Event()
        thread = threading.Thread(target=over.wait)
        thread.start()
        waiting = asyncio.ensure_future(asyncio.Event().wait())
        kept = [object() for _ in range(10_000)]
        with socket.socket():
            after = footprint()
        over.set()
        thread.join()
        waiting.cancel()
        await asyncio.wait((waiting,))
        assert len(kept) == 10_000
        return before, after

    before, after = asyncio.run(held())
    assert after.blocks >= before.blocks + 9_000
    assert (after.threads, after.tasks) == (before.threads + 1, before.tasks + 1)
    assert after.descriptors == before.descriptors + 1
    assert after.resident > 1_000_000
    assert after.heap is not None
    assert after.heap.in_use > 0
