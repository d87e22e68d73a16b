"""The kernel's word that an interface, an address or a route came or went (rtnetlink(7))."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

GROUPS = 0x1 | 0x10 | 0x40 | 0x100 | 0x400
"""linux/rtnetlink.h: RTMGRP_LINK, _IPV4_IFADDR, _IPV4_ROUTE, _IPV6_IFADDR, _IPV6_ROUTE."""

MESSAGE_BYTES = 65_536
"""Nothing of a message is read but that it came."""

AT_ONCE = 64
"""Messages taken in one turn of the loop; a modem's reset makes about twenty."""


class KernelNews:
    """Calls `changed` in the loop soon after each change. Looks that come round by themselves stay necessary: a kernel
    may refuse the socket, and it drops messages when there are too many."""

    def __init__(self, changed: Callable[[], None]) -> None:
        self._changed = changed
        self._socket: socket.socket | None = None

    def open(self) -> None:
        """Listen; nothing where the kernel refuses."""
        try:
            listening = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC,
                                      socket.NETLINK_ROUTE)
        except OSError:
            return
        try:
            listening.bind((0, GROUPS))
        except OSError:
            listening.close()
            return
        self._socket = listening
        asyncio.get_running_loop().add_reader(listening.fileno(), self._came)

    def close(self) -> None:
        """Idempotent."""
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket.fileno())
            self._socket.close()
            self._socket = None

    def _came(self) -> None:
        for _ in range(AT_ONCE):
            try:
                assert self._socket is not None
                self._socket.recv(MESSAGE_BYTES)
            except BlockingIOError:
                break
            except OSError:
                # ENOBUFS: some were dropped; that something changed is known all the same.
                break
        self._changed()
