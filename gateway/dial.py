"""One WebSocket to the relay over whichever uplink takes it first. Imports aiohttp."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import os
import socket
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import aiohttp
from yarl import URL

from protocol import SUBPROTOCOL, SUBPROTOCOL_1
from protocol.limits import SIGNALLING_MESSAGE_BYTES

from .identity import tls_code
from .names import Names
from .uplinks import SYSTEM, Uplinks, socket_by

CONNECT_SECONDS = 10.0
"""TCP, TLS and upgrade over a link of 800 ms round trip need about 4 s."""

STAGGER_SECONDS = 0.5
"""After this without a connection the next uplink is tried beside: three round trips of a good cellular link. A slow
one may lose by it; signalling goes back to it (`uplinks.HOLD_SECONDS`)."""

CLOSE_SECONDS = 2.0
"""A close frame's answer takes a round trip; a dead socket gives none."""


@dataclass(frozen=True, slots=True)
class Line:
    """An open WebSocket and over which uplink it goes. `here`: our address on it."""

    http: aiohttp.ClientSession
    socket: aiohttp.ClientWebSocketResponse
    uplink: str

    @property
    def here(self) -> str | None:
        """None when the system no longer says."""
        name = self.socket.get_extra_info("sockname")
        return name[0] if name else None

    @property
    def there(self) -> tuple[str, int] | None:
        """The relay's address."""
        name = self.socket.get_extra_info("peername")
        return (name[0], name[1]) if name else None

    async def close(self, patience: float = CLOSE_SECONDS) -> None:
        """`patience` 0: nobody is there to say goodbye to."""
        bare = self.socket.get_extra_info("socket")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience):
                await self.socket.close()
        if bare is not None:
            # TLS would wait half a minute for the other end's last word.
            with contextlib.suppress(OSError), socket.socket(fileno=os.dup(bare.fileno())) as same:
                same.shutdown(socket.SHUT_RDWR)
        await self.http.close()


class Dialler:
    """Makes connections to one relay."""

    def __init__(self, url: URL, names: Names, uplinks: Uplinks) -> None:
        self._url = url
        self._names = names
        self._uplinks = uplinks

    async def dial(self, tls: ssl.SSLContext) -> Line:
        """The first that stands; the others are given up. Raises what the most telling one did, TimeoutError."""
        # aiohttp's limit ends with the connection: a relay that takes it and never answers is ours to notice.
        async with asyncio.timeout(CONNECT_SECONDS):
            return await self._race(await self.ways(), tls)

    async def ways(self) -> tuple[str, ...]:
        """Over which uplinks to try, in this order."""
        return (SYSTEM,) if _is_here(self._url.host or "") else await self._uplinks.order()

    async def _race(self, ways: Sequence[str], tls: ssl.SSLContext) -> Line:
        tries: set[asyncio.Task[Line]] = set()
        failures: list[BaseException] = []
        left = list(ways)
        try:
            while left or tries:
                if left:
                    tries.add(asyncio.create_task(self._open(left.pop(0), tls)))
                done, _ = await asyncio.wait(tries, timeout=STAGGER_SECONDS if left else None,
                                             return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    if (error := task.exception()) is not None:
                        tries.discard(task)
                        failures.append(error)
                won = next((task for task in done if task in tries), None)
                if won is not None:
                    tries.discard(won)
                    return won.result()
        finally:
            for task in tries:
                task.cancel()
            for outcome in await asyncio.gather(*tries, return_exceptions=True):
                if isinstance(outcome, Line):
                    await outcome.close(0)
        raise min(failures, key=_telling)

    async def _open(self, uplink: str, tls: ssl.SSLContext) -> Line:
        http = session(self._names, lambda: uplink)
        try:
            line = await http.ws_connect(
                self._url, ssl=tls, protocols=(SUBPROTOCOL_1, SUBPROTOCOL), compress=0, autoping=False,
                max_msg_size=SIGNALLING_MESSAGE_BYTES, timeout=aiohttp.ClientWSTimeout(ws_close=CLOSE_SECONDS))
        except BaseException:
            await http.close()
            raise
        return Line(http, line, uplink)


def session(names: Names, uplink: Callable[[], str | None], tls: ssl.SSLContext | None = None) -> aiohttp.ClientSession:
    """A session whose connections, a fresh one for each request, leave by what `uplink` says then."""
    connector = aiohttp.TCPConnector(
        ssl=tls if tls is not None else True, resolver=names, use_dns_cache=False, force_close=True,
        socket_factory=lambda info: socket_by(uplink() or SYSTEM, info))
    return aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=None))


def _is_here(host: str) -> bool:
    """Whether this is a relay on this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.rpartition(".")[2] == "localhost"


def _telling(error: BaseException) -> int:
    """A relay that answered and refused says more than a network that is not there."""
    if tls_code(error) is not None or isinstance(error, aiohttp.WSServerHandshakeError):
        return 0
    return 1 if isinstance(error, aiohttp.ServerDisconnectedError | ConnectionError) else 2


__all__ = ["Dialler", "Line", "session"]
