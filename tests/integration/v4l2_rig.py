"""Stand-in V4L2 devices for a test: plugged, pulled out, on a bus that carries so many streams, with a sysfs."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent / "v4l2"
WAIT_S = 30.0


def build(folder: Path) -> Path:
    """The stand-in as a shared object."""
    library = folder / "stand_in.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", library, HERE / "stand_in.c", "-ldl"], check=True)
    return library


class Plugboard:
    """`dev` and `sys` of a machine with USB cameras."""

    def __init__(self, folder: Path, library: Path) -> None:
        self.folder, self._library = folder, library
        self.dev, self.sys = folder / "dev", folder / "sys"
        (self.dev / "v4l/by-id").mkdir(parents=True)
        (self.sys / "class/video4linux").mkdir(parents=True)

    @property
    def environment(self) -> dict[str, str]:
        """For a process that shall see these devices."""
        return os.environ | {"LD_PRELOAD": str(self._library), "STANDIN_DIR": str(self.dev),
                             "PYTHONPATH": str(HERE.parents[2]), "OPENCV_LOG_LEVEL": "OFF"}

    def plug(self, number: int, name: str, modes: list[str], *, port: str = "1-1", megabits: int = 480,
             vid: str = "1908", pid: str = "2311", serial: str = "") -> None:
        """Put a camera in: it becomes videoN and appears by its identity `name`. A mode is a line of the stand-in."""
        (self.dev / f"video{number}").write_text("\n".join(modes) + "\n")
        link = self.dev / "v4l/by-id" / name
        link.unlink(missing_ok=True)
        link.symlink_to(self.dev / f"video{number}")
        hub = self.sys / f"devices/pci0000:00/0000:00:14.0/usb{port[0]}"
        interface = hub / port / f"{port}:1.0"
        interface.mkdir(parents=True, exist_ok=True)
        (hub / "speed").write_text(f"{megabits}\n")
        for what, value in (("idVendor", vid), ("idProduct", pid), ("serial", serial), ("speed", str(megabits))):
            (hub / port / what).write_text(f"{value}\n")
        node = self.sys / f"class/video4linux/video{number}"
        node.mkdir(exist_ok=True)
        (node / "index").write_text("0\n")
        (node / "device").unlink(missing_ok=True)
        (node / "device").symlink_to(interface)

    def unplug(self, number: int, name: str) -> None:
        """Pull it out."""
        (self.dev / f"video{number}").unlink()
        (self.dev / "v4l/by-id" / name).unlink()
        node = self.sys / f"class/video4linux/video{number}"
        (node / "device").unlink()
        (node / "index").unlink()
        node.rmdir()

    def carries(self, streams: int) -> None:
        """From now on the kernel refuses one stream more with ENOSPC."""
        (self.dev / "bus").write_text(f"{streams}\n")


class Examined:
    """The process of `v4l2/examine.py`."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.said: list[dict[str, Any]] = []

    def tell(self, words: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{words}\n".encode())

    async def hear(self, **facts: Any) -> dict[str, Any]:
        """The next line that has these facts."""
        return (await self.hear_all(facts))[0]

    async def hear_all(self, *wanted: dict[str, Any]) -> list[dict[str, Any]]:
        """The next lines that have these facts, in whatever order they are said; returned in the order asked."""
        assert self._process.stdout is not None
        heard: dict[int, dict[str, Any]] = {}
        try:
            async with asyncio.timeout(WAIT_S):
                while line := await self._process.stdout.readline():
                    if not line.startswith(b"{"):
                        continue
                    self.said.append(json.loads(line))
                    for number, facts in enumerate(wanted):
                        if number not in heard and facts.items() <= self.said[-1].items():
                            heard[number] = self.said[-1]
                            break
                    if len(heard) == len(wanted):
                        return [heard[number] for number in range(len(wanted))]
        except TimeoutError:
            pass
        raise AssertionError(f"{wanted} was not said; last {self.said[-5:]}")


@asynccontextmanager
async def examined(board: Plugboard, **sources: str) -> AsyncIterator[Examined]:
    """The gateway's own driver in a process that sees the board's devices."""
    with (board.folder / "log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable, str(HERE / "examine.py"), str(board.folder), *(f"{n}={s}" for n, s in sources.items()),
            env=board.environment, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=log)
    try:
        yield Examined(process)
    finally:
        process.kill()
        await process.wait()
