"""A pair of addresses and what is known of it: the library's pair beside our `paths.Path`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import cast

from aioice.ice import CandidatePair

from protocol.kiosk import Uplink, UplinkState

from .gather import Socket
from .interfaces import LOOPBACK, Address
from .paths import Path

ASKED_AT_ONCE = 6
"""Addresses of the peer's tried from one socket; a laptop on two networks has as many."""

DISCOVER_SECONDS = 1.0
"""Between questions on a way that never answered."""


@dataclass(frozen=True, slots=True)
class PathView:
    """One way as health, bar and bench see it."""

    uplink: str
    relayed: bool
    used: bool
    alive: bool
    round_trip_ms: int


@dataclass(frozen=True, slots=True, eq=False)
class Track:
    """One pair under watch."""

    pair: CandidatePair
    path: Path
    address: Address

    @classmethod
    def of(cls, pair: CandidatePair) -> Track:
        """Nothing known of it yet."""
        protocol = cast(Socket, pair.protocol)
        rank = (protocol.address.rank, int(protocol.local_candidate.type == "relay"))
        return cls(pair, Path(protocol.address.uplink, rank), protocol.address)

    @property
    def relayed(self) -> bool:
        """Whether our own relay stands between."""
        return self.path.rank[1] == 1


def view(track: Track, *, used: bool, now: float) -> PathView:
    """What to show of it."""
    path = track.path
    return PathView(path.uplink, track.relayed, used, path.alive(now), round(path.round_trip * 1000))


def uplinks(present: Iterable[Address], paths: Iterable[PathView], operators: Mapping[str, str]) -> tuple[Uplink, ...]:
    """The interfaces in their order, each with the best the call knows of it. Loopback is no uplink.

    `operators`: whose network it is, by interface, as far as the configuration says.
    """
    paths = tuple(paths)
    names = list(dict.fromkeys(address.uplink for address in present if address.uplink != LOOPBACK))
    shown = []
    for name in names:
        mine = sorted((path for path in paths if path.uplink == name), key=lambda path: (not path.used, not path.alive))
        operator = operators.get(name, "")[:200]
        if not mine:
            shown.append(Uplink(name=name[:200], operator=operator, state=UplinkState.present))
            continue
        best = mine[0]
        shown.append(Uplink(
            name=name[:200], operator=operator, in_use=best.used, relayed=best.relayed,
            state=UplinkState.answering if best.alive else UplinkState.silent,
            round_trip_ms=best.round_trip_ms // 10 * 10 if best.alive else None))
    return tuple(shown)


def operator_of(shown: Iterable[Uplink]) -> str:
    """Of the uplink in use; without a call, of the preferred one."""
    listed = tuple(shown)
    return next((uplink.operator for uplink in listed if uplink.in_use), listed[0].operator if listed else "")
