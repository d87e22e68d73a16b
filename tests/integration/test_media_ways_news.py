"""The kernel's word of an address, in a network namespace of its own. Root."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Iterator

import pytest

from bench.linksim import enter_namespace
from bench.road import missing
from gateway.media.kernel_news import KernelNews

pytestmark = [pytest.mark.root, pytest.mark.skipif(missing() is not None, reason=missing() or "")]

SPACE = f"passerelle-news-{os.getpid()}"


@pytest.fixture
def space() -> Iterator[int]:
    subprocess.run(("ip", "netns", "add", SPACE), check=True)
    inside = os.open(f"/run/netns/{SPACE}", os.O_RDONLY)
    try:
        yield inside
    finally:
        os.close(inside)
        subprocess.run(("ip", "netns", "del", SPACE), check=True)


async def test_the_kernel_says_at_once_that_an_address_came_or_went(space: int) -> None:
    """Each change of an address is told without anybody looking; after `close` nothing is."""
    told = asyncio.Event()
    news = KernelNews(told.set)
    home = os.open("/proc/self/ns/net", os.O_RDONLY)
    try:
        enter_namespace(space)
        news.open()
    finally:
        enter_namespace(home)
        os.close(home)

    async def change(what: str) -> None:
        told.clear()
        process = await asyncio.create_subprocess_exec("ip", "-n", SPACE, "addr", what, "10.9.8.7/24", "dev", "lo")
        assert await process.wait() == 0

    for what in ("add", "del"):
        await change(what)
        async with asyncio.timeout(40):
            await told.wait()
    news.close()
    news.close()
    await change("add")
    assert not told.is_set()
