"""Runs examination cameras by the gateway's own driver and does what standard input says, for the test beside it.

`examine.py DIRECTORY NAME=SOURCE…`: DIRECTORY has `dev` and `sys`. Commands: `capture NAME`, `look NAME`,
`unlook NAME`. Each panel's change, still and first live frame is one JSON line; errors are their code.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Any

import structlog

from gateway.peripherals.config import InstrumentConfig
from gateway.peripherals.drivers.live_frames import LiveFrames
from gateway.peripherals.drivers.still import StillCamera
from gateway.peripherals.drivers.usb_bus import Budget
from gateway.peripherals.errors import InstrumentFailed
from gateway.peripherals.panel import Panel
from protocol.readings import InstrumentKind


def say(**facts: Any) -> None:
    print(json.dumps(facts), flush=True)


class Table:
    """The cameras, by name."""

    def __init__(self, directory: Path, sources: dict[str, str]) -> None:
        budget = Budget()
        self.cameras: dict[str, StillCamera] = {}
        self._lives: dict[str, LiveFrames] = {}
        self._panels: dict[str, Panel] = {}
        for number, (name, source) in enumerate(sources.items(), 1):
            config = InstrumentConfig(number, name, InstrumentKind.skin_camera, name, "still", source)
            panel = self._panels[name] = Panel(config, lambda name=name: self._changed(name))
            self.cameras[name] = StillCamera(panel, budget=budget, sys=directory / "sys", dev=directory / "dev")

    def _changed(self, name: str) -> None:
        say(panel=name, state=self._panels[name].state, problem=self._panels[name].problem)

    async def capture(self, name: str) -> None:
        began = time.monotonic()
        try:
            still, jpeg = await self.cameras[name].capture()
        except InstrumentFailed as error:
            say(still=name, code=error.code)
            return
        say(still=name, width=still.width, height=still.height, quality=still.quality, size=len(jpeg),
            sha256=still.sha256, seconds=round(time.monotonic() - began, 2))

    async def look(self, name: str) -> None:
        live = self._lives[name] = self.cameras[name].frames()
        loop, news = asyncio.get_running_loop(), asyncio.Event()
        live.on_frame(lambda: loop.call_soon_threadsafe(news.set))
        first = True
        while self._lives.get(name) is live:
            await news.wait()
            news.clear()
            _, frame, _ = live.newest()
            if live.failed:
                say(live=name, code=live.failed)
                return
            if first and frame is not None:
                say(live=name, width=frame.shape[1], height=frame.shape[0])
                first = False

    def unlook(self, name: str) -> None:
        self._lives.pop(name).close()
        say(unlooked=name)


async def main() -> None:
    table = Table(Path(sys.argv[1]), dict(argument.split("=", 1) for argument in sys.argv[2:]))
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    async with asyncio.TaskGroup() as tasks:
        for camera in table.cameras.values():
            tasks.create_task(camera.run())
        while line := (await reader.readline()).decode().split():
            if line[0] == "unlook":
                table.unlook(line[1])
            else:
                tasks.create_task(getattr(table, line[0])(line[1]))
        # The end of the input is the end of the test; threads in the middle of a read are not waited for.
        raise SystemExit


if __name__ == "__main__":
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    asyncio.run(main())
