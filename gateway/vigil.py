"""Watches one connection to the relay: whether it fell silent, and whether a preferred uplink is back."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Sequence

from protocol.kiosk import Uplink, UplinkState

from .dial import Line
from .frames import FrameError
from .knock import knock, until_reached
from .uplinks import SYSTEM, Uplinks

QUIET_SECONDS = 5.0
"""A ping and its pong are overdue: TCP may be waiting longer and longer between its tries, so we try ourselves."""

DOUBT_SECONDS, DOUBT_ROUND_TRIPS = 0.5, 1.5
"""What a ping's answer may take when media say that the uplink is silent: with their own 0.3 to 1 s it is known in
under 3 s. A doubt that was wrong costs a resume."""

BELIEF_SECONDS = 5.0
"""The relay answered although media say that the uplink is silent: they are not asked again so soon."""

LOOK_SECONDS = 0.25
"""Between looks at what media know of the uplinks."""

GRACE_SECONDS = 0.1
"""The old socket may come back with the network by itself."""

HOME_SECONDS = 15.0
"""Between looks whether a preferred uplink is back: a connection of 300 octets each."""

SILENT = "link.silent"
"""The network is there, or another one is; the socket did not notice."""

MOVING = "link.moving"
"""A preferred uplink is back."""


class Vigil:
    """One connection's. `seen`: what media know of the uplinks; `news`: set when addresses or routes changed; `ask`:
    send a ping now; `heard`: when anything came last, and the round trip, monotonic seconds."""

    def __init__(self, line: Line, uplinks: Uplinks, ways: Callable[[], Awaitable[Sequence[str]]],
                 seen: Callable[[], Sequence[Uplink]], news: asyncio.Event, ask: Callable[[], None],
                 heard: Callable[[], tuple[float, float]]) -> None:
        self._line = line
        self._uplinks = uplinks
        self._ways = ways
        self._seen = seen
        self._news = news
        self._ask = ask
        self._heard = heard
        self._where = line.there

    async def mistrust(self) -> None:
        """End a socket whose network came back without it, or went while another one is there. Raises FrameError."""
        believed = 0.0
        while self._where is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._news.wait()
            if self._news.is_set():
                self._news.clear()
                await self._check_address()
            now, (heard, _) = time.monotonic(), self._heard()
            quiet = now - heard >= QUIET_SECONDS
            doubt = now - believed >= BELIEF_SECONDS and self._doubtful()
            if doubt and not quiet and await self._answers():
                believed = time.monotonic()
            elif doubt or quiet:
                await self._replace(*self._where)

    async def homeward(self) -> None:
        """Go back to a preferred uplink that has taken connections long enough. Raises FrameError."""
        since: dict[str, float] = {}
        while self._where is not None:
            await asyncio.sleep(HOME_SECONDS)
            preferred = await self._uplinks.preferred()
            if await self._ways() == (SYSTEM,) or self._line.uplink not in preferred:
                continue
            better = preferred[:preferred.index(self._line.uplink)]
            since = {name: since.get(name, time.monotonic()) for name in better if await knock(*self._where, name)}
            for name, steady in since.items():
                now = time.monotonic()
                if now - steady >= self._uplinks.hold(name, now):
                    self._uplinks.used = name
                    raise FrameError(MOVING)

    async def _check_address(self) -> None:
        here = self._line.here
        if here is not None and not await self._uplinks.has(here):
            raise FrameError(SILENT)

    async def _replace(self, host: str, port: int) -> None:
        """Wait for a network; end the socket when it did not come back with it."""
        heard, _ = self._heard()
        reached = await until_reached(host, port, self._ways)
        await asyncio.sleep(GRACE_SECONDS)
        if self._heard()[0] == heard:
            if reached != self._line.uplink:
                self._uplinks.failed(self._line.uplink, time.monotonic())
            self._uplinks.used = reached
            raise FrameError(SILENT)

    def _doubtful(self) -> bool:
        """Whether media hear nothing over this uplink; over the system's route: over any of them."""
        return any(one.state is UplinkState.silent and self._line.uplink in (one.name, SYSTEM) for one in self._seen())

    async def _answers(self) -> bool:
        """Whether a ping of now is answered soon."""
        asked, round_trip = time.monotonic(), self._heard()[1]
        self._ask()
        while time.monotonic() - asked < DOUBT_SECONDS + DOUBT_ROUND_TRIPS * round_trip:
            await asyncio.sleep(GRACE_SECONDS)
            if self._heard()[0] > asked:
                return True
        return False
