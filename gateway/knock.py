"""Trying a port until the network is back: a bare connection, again and again, each with a timer of its own."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import time
from collections.abc import Awaitable, Callable, Sequence

from .uplinks import SYSTEM, socket_by

KNOCK_SECONDS = 0.2
"""Between tries while the network is away: the system's own wait longer each time, up to 4 s. 60 octets each."""
KNOCK_PATIENCE_SECONDS = 3.0
"""Of one such try; fifteen run at once then on each uplink. A round trip longer than that carries no call."""


async def only_system() -> tuple[str, ...]:
    """Where uplinks are no matter."""
    return (SYSTEM,)


async def until_reached(host: str, port: int,
                        ways: Callable[[], Awaitable[Sequence[str]]] = only_system) -> str:
    """Return over which uplink this address took a connection. `ways` are asked anew each time: they come and go."""
    tries: dict[asyncio.Task[bool], str] = {}
    try:
        while True:
            began = time.monotonic()
            for way in await ways():
                tries[asyncio.create_task(knock(host, port, way))] = way
            while (left := began + KNOCK_SECONDS - time.monotonic()) > 0:
                if not tries:
                    await asyncio.sleep(left)
                    break
                done, _ = await asyncio.wait(tries, timeout=left, return_when=asyncio.FIRST_COMPLETED)
                reached = [way for task, way in tries.items() if task in done and task.result()]
                if reached:
                    return reached[0]
                tries = {task: way for task, way in tries.items() if task not in done}
    finally:
        for task in tries:
            task.cancel()
        await asyncio.gather(*tries, return_exceptions=True)


async def knock(host: str, port: int, way: str = SYSTEM) -> bool:
    """Whether this address takes a connection over this uplink now."""
    try:
        version = ipaddress.ip_address(host.partition("%")[0]).version
        family = socket.AF_INET if version == 4 else socket.AF_INET6
        bare = socket_by(way, (family, socket.SOCK_STREAM, 0, "", (host, port)))
    except (OSError, ValueError):
        return False
    with bare:
        try:
            async with asyncio.timeout(KNOCK_PATIENCE_SECONDS):
                await asyncio.get_running_loop().sock_connect(bare, (host, port))
        except (OSError, TimeoutError):
            return False
    return True
