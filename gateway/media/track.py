"""A pair of addresses and what is known of it: the library's pair beside our `paths.Path`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from aioice.ice import CandidatePair

from .gather import Socket
from .interfaces import Address
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
