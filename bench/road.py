"""A mobile link between the vehicle and everybody else, for a whole scene: root, /dev/net/tun and iproute2 needed."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from bench.link import Direction
from bench.linksim import Emulator, enter_namespace
from bench.namespaces import namespace, sweep
from sim.demo.world import Road

NEAR, FAR, RELAY_HOST = namespace("bus"), namespace("clinic"), "10.77.0.2"
UPLINK = "wan0"
"""The vehicle's interface on the first link."""


class NoRoad(Exception):
    """Links can't be emulated on this machine; the text says what is missing."""


def missing() -> str | None:
    """What this machine lacks, None when links can be emulated."""
    if os.geteuid():
        return "network namespaces need root: sudo ./run bench ..."
    if not Path("/dev/net/tun").exists():
        return "there is no /dev/net/tun: modprobe tun, or give the container that device"
    return None if shutil.which("ip") else "there is no `ip`: apt-get install iproute2"


@asynccontextmanager
async def road(links: list[tuple[Direction, Direction]]) -> AsyncIterator[tuple[Emulator, Road]]:
    """Join two namespaces and move this process's main thread, with all it starts, into the vehicle's. NoRoad.

    The relay and the doctor are started behind `Road.far`.
    """
    lacking = missing()
    if lacking is not None:
        raise NoRoad(lacking)
    sweep()
    home = os.open("/proc/self/ns/net", os.O_RDONLY)
    try:
        async with Emulator(NEAR, FAR, links) as emulator:
            near = os.open(f"/run/netns/{NEAR}", os.O_RDONLY)
            try:
                enter_namespace(near)
                # `ip netns exec` also shows the namespace's own /sys, where the gateway looks for its interfaces.
                yield emulator, Road(("ip", "netns", "exec", FAR), ("ip", "netns", "exec", NEAR), RELAY_HOST)
            finally:
                enter_namespace(home)
                os.close(near)
    finally:
        os.close(home)
