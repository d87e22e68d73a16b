"""A real call's log of decisions, through the controller again: what IT does after a bad call."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from playwright.async_api import Browser

from gateway import replay_command
from sim.camera import SceneCamera
from tests.e2e.test_media_browsers import browser, join, load, until, url  # noqa: F401 - fixtures
from tests.integration.test_media_engine import Events, running

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


async def test_a_real_calls_decisions_are_made_again_the_same(browser: Browser, url: str,  # noqa: F811
                                                              tmp_path: Path) -> None:
    """A few seconds with Chromium's own feedback, written while it runs, read when it is over."""
    async with running(SceneCamera(width=640, height=360), tmp_path) as room:
        page = await load(browser, url)
        await join(page, await room.engine.doctor_peer([], Events()), camera=False)
        await until(page, "() => window.shown('1') > 60")
        figures = room.engine.paths[-1]
        assert figures.path is not None
        assert figures.lines > 0
    (log,) = await asyncio.to_thread(lambda: list(tmp_path.glob("road-*.jsonl")))
    lines = await asyncio.to_thread(lambda: list(replay_command.run(log, every=True)))
    assert len(lines) > 60
    assert lines[-1] == f"{len(lines) - 1} decisions, each as it was."
    assert any("report" in line for line in lines)
