"""How a call goes, on both screens and for IT: the whole of it over an emulated road that becomes thin and wide."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from yarl import URL

import bench.road
from bench.link import Direction
from bench.scene import Scene, scene
from gateway.media.questions import CONSENT_EXPIRES_SECONDS
from protocol.kiosk import KioskState
from protocol.quality import CallQuality, PictureGrade, VoiceGrade

pytestmark = [pytest.mark.e2e, pytest.mark.root, pytest.mark.timeout(600),
              pytest.mark.skipif(bench.road.missing() is not None, reason=str(bench.road.missing()))]

WIDE_KBPS, THIN_KBPS = 4000, 110


@asynccontextmanager
async def on_the_road(directory: Path) -> AsyncIterator[tuple[Scene, Direction]]:
    """A call over an uplink that can be made thin."""
    up = Direction.parse("up", f"rate={WIDE_KBPS},delay=30")
    async with bench.road.road([(up, Direction.parse("down", "rate=8000,delay=30"))]) as (_, way), \
            scene(directory, road=way, interfaces=(bench.road.UPLINK,)) as it:
        await it.doctor.take(await it.open())
        yield it, up


def graded(fits: Callable[[CallQuality], bool]) -> Callable[[KioskState], bool]:
    """The touchscreen's state holds such a grade."""
    return lambda state: (state.encounter is not None and state.encounter.quality is not None
                          and fits(state.encounter.quality))


def wide(quality: CallQuality) -> bool:
    """The road is no trouble; a machine with too much to do may be, and is called late, not thin."""
    return quality.target_kbps > 2 * THIN_KBPS and quality.code not in ("quality.thin", "quality.outage") and (
        quality.voice is not VoiceGrade.none and quality.picture in (PictureGrade.good, PictureGrade.reduced))


async def told(it: Scene, path: str) -> str:
    """What IT's agent reads on the vehicle."""
    async with aiohttp.ClientSession() as http, http.get(URL(it.bus.kiosk_url).with_path(path)) as answer:
        return await answer.text()


async def test_the_grade_falls_with_the_road_and_rises_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """4 Mbit/s, 110 kbit/s, 4 Mbit/s, a tunnel: nurse, doctor and /health read the same; the call is the same one."""
    monkeypatch.setattr(bench.road, "NEAR", f"quality-bus-{os.getpid()}")
    monkeypatch.setattr(bench.road, "FAR", f"quality-clinic-{os.getpid()}")
    async with on_the_road(tmp_path) as (it, up):
        state = await it.kiosk.until(graded(lambda q: wide(q) and q.seen is not None and q.lines > 0
                                            and q.interface == bench.road.UPLINK), 120)
        assert state.encounter is not None
        since = state.encounter.call_since
        up.rate_kbps = THIN_KBPS
        await it.kiosk.until(graded(lambda q: q.picture in (PictureGrade.reduced, PictureGrade.paused)
                                    and q.code == "quality.thin" and q.target_kbps < 2 * THIN_KBPS), 60)
        line = it.doctor.page.locator('[data-code="quality.thin"]')
        await line.first.wait_for()
        async with asyncio.timeout(60):
            while json.loads(await told(it, "/health"))["call"]["picture"] not in ("reduced", "paused"):  # noqa: ASYNC110
                await asyncio.sleep(0.5)
        up.rate_kbps = WIDE_KBPS
        await it.kiosk.until(graded(wide), 120)
        await line.first.wait_for(state="detached")
        up.rate_kbps, up.loss = WIDE_KBPS, 1.0
        await it.kiosk.until(graded(lambda q: q.code == "quality.outage"), CONSENT_EXPIRES_SECONDS * 2 / 3)
        up.loss = 0.0
        state = await it.kiosk.until(graded(wide), 120)
        assert state.encounter is not None
        assert state.encounter.quality is not None
        assert state.encounter.quality.outages >= 1
        assert state.encounter.call_since == since
        assert "passerelle_call_up 1.0" in await told(it, "/metrics")
