"""Put a mobile link between two network namespaces, in user space.

A TUN device in each namespace hands every packet to this process, which delays, paces and drops it
as the profile says (`bench.link`) and writes it out on the other side. Needs root, /dev/net/tun and
iproute2. All traffic stays in the namespaces.

    python -m bench.linksim --near bus --far clinic --up 'rate=400,delay=40' --down 'rate=4000,delay=40,loss=1' \\
           --outage 20:5 --seconds 60

creates namespaces `bus` (10.77.0.1) and `clinic` (10.77.0.2), joins them for 60 s, then deletes them.
`up` is near -> far. `--links 2` makes a second, independent link (10.78.0.0/24), another operator's.
On exit one JSON line per direction. As a module: `async with Emulator(...)`.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import ctypes
import fcntl
import heapq
import json
import os
import struct
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Any

from bench.link import BadProfile, Direction

_TUNSETIFF, _IFF_TUN, _IFF_NO_PI, _CLONE_NEWNET = 0x400454CA, 0x0001, 0x1000, 0x40000000
_MTU = 1400
"""What is left of 1500 on a 4G bearer behind GTP and an operator's tunnel."""
_READ_BATCH = 64
_libc = ctypes.CDLL(None, use_errno=True)


def _sh(*argv: str, check: bool = True) -> None:
    subprocess.run(argv, check=check, capture_output=True)


def enter_namespace(namespace_fd: int) -> None:
    """Move the calling thread into this network namespace (setns(2))."""
    if _libc.setns(namespace_fd, _CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")


def open_tun(namespace: str, name: str) -> int:
    """Open a non-blocking TUN device `name` inside `namespace`; returns its file descriptor."""
    home = os.open("/proc/self/ns/net", os.O_RDONLY)
    there = os.open(f"/run/netns/{namespace}", os.O_RDONLY)
    try:
        enter_namespace(there)
        fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        fcntl.ioctl(fd, _TUNSETIFF, struct.pack("16sH", name.encode(), _IFF_TUN | _IFF_NO_PI))
        return fd
    finally:
        enter_namespace(home)
        os.close(home)
        os.close(there)


class Emulator:
    """Two namespaces joined by one or more links for the time of an `async with` block."""

    def __init__(self, near: str, far: str, links: list[tuple[Direction, Direction]]) -> None:
        self.near, self.far, self.links = near, far, links
        self._undo = contextlib.AsyncExitStack()
        self._heap: list[tuple[float, int, int, bytes]] = []
        self._count = 0
        self._timer: asyncio.TimerHandle | None = None

    async def __aenter__(self) -> Emulator:
        self._loop = asyncio.get_running_loop()
        for namespace in (self.near, self.far):
            _sh("ip", "netns", "del", namespace, check=False)
            _sh("ip", "netns", "add", namespace)
            self._undo.callback(_sh, "ip", "netns", "del", namespace, check=False)
            _sh("ip", "-n", namespace, "link", "set", "lo", "up")
        self._start = time.monotonic()
        for number, (up, down) in enumerate(self.links):
            self._join(number, up, down)
        self._undo.callback(self._stop_timer)
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None,
                        trace: TracebackType | None) -> None:
        await self._undo.aclose()

    def down_now(self, link: int, length: float) -> None:
        """Take one link down for `length` seconds from now."""
        for way in self.links[link]:
            way.outages.append((self._now(), length))

    def begin_again(self) -> None:
        """Second 0 is now, for every link; what was on its way is gone."""
        self._stop_timer()
        self._heap.clear()
        for pair in self.links:
            for way in pair:
                way.begin_again()
        self._start = time.monotonic()

    def now(self) -> float:
        """Second of the links' own clock, on which outages and traces are."""
        return self._now()

    def reports(self) -> list[dict[str, Any]]:
        """One report per direction."""
        return [way.report(self._now()) for pair in self.links for way in pair]

    def _join(self, number: int, up: Direction, down: Direction) -> None:
        ends = []
        for namespace, host in ((self.near, 1), (self.far, 2)):
            fd = open_tun(namespace, f"wan{number}")
            self._undo.callback(os.close, fd)
            ends.append(fd)
            net = f"10.{77 + number}.0"
            _sh("ip", "-n", namespace, "addr", "add", f"{net}.{host}/24", "dev", f"wan{number}")
            _sh("ip", "-n", namespace, "link", "set", f"wan{number}", "mtu", str(_MTU), "up")
            if number == 0:
                _sh("ip", "-n", namespace, "route", "add", "default", "via", f"{net}.{3 - host}")
        for source, sink, way in ((ends[0], ends[1], up), (ends[1], ends[0], down)):
            self._loop.add_reader(source, self._pump, source, sink, way)
            self._undo.callback(self._loop.remove_reader, source)

    def _now(self) -> float:
        return time.monotonic() - self._start

    def _pump(self, source: int, sink: int, way: Direction) -> None:
        for _ in range(_READ_BATCH):
            try:
                packet = os.read(source, 65536)
            except OSError:
                return
            if packet[0] >> 4 != 4:
                continue
            due = way.admit(len(packet), self._now())
            if due is not None:
                self._count += 1
                heapq.heappush(self._heap, (due, self._count, sink, packet))
                if self._heap[0][1] == self._count:
                    self._deliver()

    def _deliver(self) -> None:
        while self._heap and self._heap[0][0] <= self._now():
            _, _, sink, packet = heapq.heappop(self._heap)
            with contextlib.suppress(OSError):
                os.write(sink, packet)
        self._stop_timer()
        if self._heap:
            self._timer = self._loop.call_later(max(0.0, self._heap[0][0] - self._now()), self._deliver)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _outage(text: str) -> tuple[float, float]:
    start, length = text.split(":")
    return float(start), float(length)


async def _run(options: argparse.Namespace) -> None:
    texts = [(options.up, options.down, options.outage), (options.up2, options.down2, options.outage2)]
    links = [(Direction.parse(f"up{k}", up, options.traces, outages, options.seed),
              Direction.parse(f"down{k}", down, options.traces, outages, options.seed))
             for k, (up, down, outages) in enumerate(texts[:options.links])]
    async with Emulator(options.near, options.far, links) as emulator:
        print(json.dumps({"ready": True, "near": "10.77.0.1", "far": "10.77.0.2"}), flush=True)
        try:
            await asyncio.sleep(options.seconds)
        finally:
            for line in emulator.reports():
                print(json.dumps(line), flush=True)


def main() -> int:
    """Command line; 64 for a profile that can't be read."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--near", default="bus")
    parser.add_argument("--far", default="clinic")
    for name in ("--up", "--down", "--up2", "--down2"):
        parser.add_argument(name, default="")
    for name in ("--outage", "--outage2"):
        parser.add_argument(name, type=_outage, action="append", default=[])
    parser.add_argument("--links", type=int, choices=(1, 2), default=1)
    parser.add_argument("--traces", type=Path)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=1)
    try:
        asyncio.run(_run(parser.parse_args()))
    except BadProfile as error:
        parser.exit(64, f"linksim: {error}\n")
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
