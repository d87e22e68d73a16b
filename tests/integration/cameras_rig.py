"""Examination cameras run by their own driver, and what their panels say."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from gateway.peripherals.config import InstrumentConfig
from gateway.peripherals.drivers.still import StillCamera
from gateway.peripherals.drivers.usb_bus import Budget
from gateway.peripherals.panel import Panel
from protocol.channels import InstrumentState
from protocol.readings import InstrumentKind

WAIT_S = 30.0
"""For any one event, on a machine that does much else."""


class Bench:
    """One camera on the bench. `until` waits for what its panel shows."""

    def __init__(self, config: InstrumentConfig, budget: Budget | None = None, **places: Path) -> None:
        self._news = asyncio.Event()
        self.panel = Panel(config, self._changed)
        self.camera = StillCamera(self.panel, budget=budget, **places)
        self.seen: list[tuple[InstrumentState, str | None]] = []

    def _changed(self) -> None:
        self.seen.append((self.panel.state, self.panel.problem))
        self._news.set()

    async def until(self, what: Callable[[], Any]) -> Any:
        """What `what` returns once it is true; AssertionError with the last states seen."""
        try:
            async with asyncio.timeout(WAIT_S):
                while not (found := what()):
                    self._news.clear()
                    await self._news.wait()
                return found
        except TimeoutError as error:
            raise AssertionError(f"waited in vain; last seen {self.seen[-5:]}") from error

    async def shows(self, state: InstrumentState, problem: str | None = None) -> None:
        """Wait for the panel."""
        await self.until(lambda: (self.panel.state, self.panel.problem) == (state, problem))


def configured(source: str, kind: InstrumentKind = InstrumentKind.skin_camera, number: int = 3) -> InstrumentConfig:
    """An instrument of the `still` driver; its identifier is its kind."""
    return InstrumentConfig(number, str(kind), kind, "Caméra", "still", source, True)


@asynccontextmanager
async def on_bench(*benches: Bench) -> AsyncIterator[None]:
    """Run the drivers until the block ends."""
    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(bench.camera.run()) for bench in benches]
        try:
            yield
        finally:
            for task in running:
                task.cancel()
