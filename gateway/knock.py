"""Trying a port until the network is back: a bare connection, again and again, each with a timer of its own."""

from __future__ import annotations

import asyncio

KNOCK_SECONDS = 0.2
"""Between tries while the network is away: the system's own wait longer each time, up to 4 s. 60 octets each."""
KNOCK_PATIENCE_SECONDS = 3.0
"""Of one such try; fifteen run at once then. A round trip longer than that carries no call."""


async def until_reached(host: str, port: int) -> None:
    """Return when this port takes a connection."""
    tries: set[asyncio.Task[bool]] = set()
    try:
        while True:
            tries.add(asyncio.create_task(_knock(host, port)))
            done, tries = await asyncio.wait(tries, timeout=KNOCK_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            if any(task.result() for task in done):
                return
            if done:
                await asyncio.sleep(KNOCK_SECONDS)
    finally:
        for task in tries:
            task.cancel()
        await asyncio.gather(*tries, return_exceptions=True)


async def _knock(host: str, port: int) -> bool:
    try:
        async with asyncio.timeout(KNOCK_PATIENCE_SECONDS):
            _, writer = await asyncio.open_connection(host, port)
    except (OSError, TimeoutError):
        return False
    writer.close()
    return True
