"""A listening TCP socket whose callers are announced to the loop: what a simulated device is plugged into."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable


def listen(host: str, port: int, backlog: int, accept: Callable[[], None]) -> tuple[socket.socket, int]:
    """Listen, in a running loop, and call `accept` for whoever comes; returns socket and port. OSError: it is taken."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(backlog)
        listener.setblocking(False)
    except OSError:
        listener.close()
        raise
    asyncio.get_running_loop().add_reader(listener.fileno(), accept)
    return listener, int(listener.getsockname()[1])
