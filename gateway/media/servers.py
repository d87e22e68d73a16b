"""STUN and TURN servers as a session uses them: read from the relay's list, in the order to try. Pure."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass

from aiortc import RTCIceServer
from aiortc.rtcicetransport import parse_stun_turn_uri

SERVERS_MAX = 8
"""Two sites with three transports and a STUN server each; every one costs a socket on every uplink."""


class Way(enum.IntEnum):
    """How a TURN server is reached, in the order to try: what delays media least comes first."""

    udp = 0
    tcp = 1
    tls = 2


@dataclass(frozen=True, slots=True)
class TurnServer:
    """One address of a TURN server and what it wants to be told."""

    host: str
    port: int
    way: Way
    username: str | None
    credential: str | None


@dataclass(frozen=True, slots=True)
class Servers:
    """All of them. `turn` stands in the order to try: UDP, TCP, TLS, the list's own order within each."""

    stun: tuple[tuple[str, int], ...] = ()
    turn: tuple[TurnServer, ...] = ()


def read(servers: Iterable[RTCIceServer]) -> Servers:
    """The ones we can use. ValueError when an address is none; what we have no transport for is left out."""
    stun: list[tuple[str, int]] = []
    turn: list[TurnServer] = []
    for server in servers:
        for uri in [server.urls] if isinstance(server.urls, str) else server.urls:
            parsed = parse_stun_turn_uri(uri)
            host, port = parsed["host"].strip("[]"), parsed["port"]
            if not 0 < port < 65536:
                raise ValueError(f"{uri!r} names no port")
            if parsed["scheme"] == "stun" and (host, port) not in stun:
                stun.append((host, port))
            elif parsed["scheme"] == "turn" and parsed["transport"] in ("udp", "tcp"):
                turn.append(TurnServer(host, port, Way[parsed["transport"]], server.username, server.credential))
            elif parsed["scheme"] == "turns" and parsed["transport"] == "tcp":
                turn.append(TurnServer(host, port, Way.tls, server.username, server.credential))
    return Servers(tuple(stun[:SERVERS_MAX]), tuple(sorted(turn, key=lambda server: server.way)[:SERVERS_MAX]))
