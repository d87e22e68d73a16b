"""The uplinks over which the relay can be reached: their order, and sockets that leave by one of them.

Media choose theirs by themselves (`media.ice`); this is for what is TCP: signalling and what is fetched.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Callable, Sequence
from typing import Any

import structlog

from .media import interfaces

SYSTEM = ""
"""No uplink but the system's own route: to a relay on this machine or behind a tunnel."""

HOLD_SECONDS = 60.0
"""A preferred uplink must take connections for so long before signalling goes back to it: haste gains nothing."""

HOLD_MOST_SECONDS = 960.0
"""One that keeps going and coming waits twice as long each time, up to this."""

CALM_SECONDS = 1800.0
"""Without a failure for so long an uplink is trusted as before."""

log = structlog.get_logger()

AddressInfo = tuple[int, int, int, str, Any]
"""As getaddrinfo gives it."""


class Uplinks:
    """Of one machine. `wanted`: names of interfaces as in `media.interfaces.choose`; the first one is preferred.

    `used` is over which the last connection to the relay stood, None: none did; it is tried first.
    """

    def __init__(self, wanted: Sequence[str] = (),
                 present: Callable[[], list[interfaces.Interface]] = interfaces.present) -> None:
        self.used: str | None = None
        self._wanted = tuple(wanted)
        self._present = present
        self._names: tuple[str, ...] = ()
        self._addresses: frozenset[str] = frozenset()
        self._failures: dict[str, tuple[int, float]] = {}

    async def preferred(self) -> tuple[str, ...]:
        """Names of the uplinks that have an address now, preferred first; at last the system's route."""
        await self._look()
        return (*self._names, SYSTEM)

    async def order(self) -> tuple[str, ...]:
        """In which order to try: what worked last, then as preferred."""
        found = await self.preferred()
        return tuple(sorted(found, key=lambda name: name != self.used))

    async def has(self, address: str) -> bool:
        """Whether this address is still this machine's."""
        await self._look()
        return address in self._addresses

    def failed(self, uplink: str, now: float) -> None:
        """A connection over it fell silent."""
        count, last = self._failures.get(uplink, (0, 0.0))
        self._failures[uplink] = (1 if now - last > CALM_SECONDS else count + 1, now)

    def hold(self, uplink: str, now: float) -> float:
        """How long it must take connections before it is taken back, seconds."""
        count, last = self._failures.get(uplink, (0, 0.0))
        if count == 0 or now - last > CALM_SECONDS:
            return HOLD_SECONDS
        return min(HOLD_MOST_SECONDS, HOLD_SECONDS * 2.0 ** (count - 1))

    async def _look(self) -> None:
        try:
            present = await asyncio.to_thread(self._present)
        except OSError as error:
            # The kernel may say no while a modem resets: what was known holds.
            log.warning("link.interfaces_unread", error=type(error).__name__, errno=error.errno)
            return
        chosen = interfaces.choose(present, self._wanted)
        self._names = tuple(dict.fromkeys(one.uplink for one in chosen if one.uplink != interfaces.LOOPBACK))
        self._addresses = frozenset(address for one in present for address in one.addresses)


def socket_by(uplink: str, info: AddressInfo) -> socket.socket:
    """A socket that is not connected yet and leaves by `uplink`. OSError when there is no such interface any more."""
    bare = socket.socket(info[0], info[1], info[2])
    try:
        bare.setblocking(False)
        if uplink != SYSTEM and not ipaddress.ip_address(info[4][0].partition("%")[0]).is_loopback:
            try:
                # Since Linux 5.7 no capability is needed; an address alone would leave by the default route.
                bare.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, uplink.encode())
            except PermissionError:
                log.warning("link.uplink_refused", uplink=uplink)
    except BaseException:
        bare.close()
        raise
    return bare
