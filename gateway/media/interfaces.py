"""Which of this machine's addresses a peer connection may use."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import ifaddr
import structlog

VIRTUAL = ("lo", "docker", "veth", "br-", "virbr", "vmnet", "vboxnet", "cni", "flannel", "cali", "podman", "lxc",
           "lxdbr", "tun", "tap", "wg", "tailscale", "zt", "ifb", "dummy")
"""Prefixes of interfaces behind which no doctor is: each costs a socket, checks and often a timeout."""

ADDRESSES_MAX = 8
"""Two cellular links and a cable, both families, with room; candidate pairs grow with the product."""

EVERY_PHYSICAL = "*"
LOOPBACK = "lo"

LOOK_SECONDS = 2.0
"""Between looks for the nurse's bar; the call itself looks more often."""

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Interface:
    """A network interface and its addresses as text."""

    name: str
    up: bool
    addresses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Address:
    """One address to gather on. `rank`: its uplink's place, the first one is preferred. An uplink that goes moves the
    others up: the place is no part of what the address is."""

    uplink: str
    address: str
    rank: int = field(default=0, compare=False)

    @property
    def version(self) -> int:
        """4 or 6."""
        return ipaddress.ip_address(self.address).version


def choose(present: Iterable[Interface], wanted: Sequence[str]) -> list[Address]:
    """Addresses to gather on, preferred uplinks first: in the order of `wanted`, then of the machine.

    Empty `wanted` is `*`: every physical interface that is up.
    """
    order = list(wanted) or [EVERY_PHYSICAL]
    found: list[tuple[int, Interface]] = []
    for interface in present:
        physical = not interface.name.startswith(VIRTUAL)
        if interface.up and interface.name in order:
            found.append((order.index(interface.name), interface))
        elif interface.up and physical and EVERY_PHYSICAL in order:
            found.append((order.index(EVERY_PHYSICAL), interface))
    found.sort(key=lambda entry: entry[0])
    chosen = [Address(interface.name, address, rank) for rank, (_, interface) in enumerate(found)
              for address in interface.addresses if _fits(address, interface.name)]
    return chosen[:ADDRESSES_MAX]


def present() -> list[Interface]:
    """The machine's interfaces now."""
    return [Interface(name=adapter.name, up=_is_up(adapter.name),
                      addresses=tuple(ip.ip if isinstance(ip.ip, str) else ip.ip[0] for ip in adapter.ips))
            for adapter in ifaddr.get_adapters()]


class Lookout:
    """What `choose` takes of the machine's interfaces, as last `seen`; `changed` is called when that changes."""

    def __init__(self, wanted: Sequence[str], changed: Callable[[], None]) -> None:
        self._wanted = wanted
        self._changed = changed
        self.seen: tuple[Address, ...] = ()

    async def run(self) -> None:
        """Look again and again, until cancelled."""
        while True:
            before = self.seen
            try:
                self.seen = tuple(await asyncio.to_thread(lambda: choose(present(), self._wanted)))
            except OSError as error:
                # The kernel may say no while a modem resets: what was known holds until the next look.
                _log.warning("media.interfaces_unread", error=type(error).__name__, errno=error.errno)
            if self.seen != before:
                self._changed()
            await asyncio.sleep(LOOK_SECONDS)


def _fits(address: str, name: str) -> bool:
    ip = ipaddress.ip_address(address)
    if ip.is_loopback:
        # One loopback family is enough, and browsers prefer the first.
        return name == LOOPBACK and ip.version == 4
    return not ip.is_link_local


def _is_up(name: str) -> bool:
    try:
        # `unknown` is what loopback and raw-IP modems say when they work.
        return Path(f"/sys/class/net/{name}/operstate").read_text().strip() in ("up", "unknown")
    except OSError:
        return False
