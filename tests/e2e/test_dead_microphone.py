"""A real Chromium with a microphone that gives zeros, as one that is switched off does: the gateway knows."""

from __future__ import annotations

import math
import struct
import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from playwright.async_api import async_playwright

from gateway.media.hearing import SILENT_SECONDS
from sim.bots.browser import START_MS, installed
from sim.camera import SceneCamera
from tests.e2e.test_media_browsers import ARGUMENTS, join, load, url  # noqa: F401 - a fixture
from tests.integration.test_media_engine import WAIT, Events, Room, running

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

HZ = 48_000
ROOM_HUM = 0.003
"""Of full scale: -50 dB, a quiet cabin before noise suppression."""


def recording(path: Path, loud: float) -> Path:
    """Two seconds, which the browser's fake device repeats."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(HZ)
        file.writeframes(b"".join(struct.pack("<h", round(32_767 * loud * math.sin(2 * math.pi * 150 * n / HZ)))
                                  for n in range(2 * HZ)))
    return path


@asynccontextmanager
async def nurse(sound: Path, page_url: str) -> AsyncIterator[Room]:
    """The kiosk's page with this sound at its microphone."""
    arguments = [*ARGUMENTS, f"--use-file-for-fake-audio-capture={sound}"]
    async with running(SceneCamera(width=320, height=180)) as room, async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=installed(), args=arguments, timeout=START_MS)
        try:
            page = await load(browser, page_url)
            await join(page, await room.engine.kiosk_peer(Events()), camera=False)
            yield room
        finally:
            await browser.close()


async def test_zeros_are_silent_and_a_quiet_cabin_is_not(tmp_path: Path, url: str) -> None:  # noqa: F811
    """By the level Chromium itself writes into its packets, with its echo canceller and noise suppression on."""
    async with nurse(recording(tmp_path / "dead.wav", 0.0), url) as room:
        await room.until(lambda: room.engine.microphone)
        await room.until(lambda: room.engine.microphone_code == "microphone.silent", SILENT_SECONDS + WAIT)
    async with nurse(recording(tmp_path / "cabin.wav", ROOM_HUM), url) as room:
        await room.until(lambda: room.engine.microphone_code is None)
        # A machine that is starved for two seconds has no packets either: that is another word, and its time.
        with pytest.raises(TimeoutError):
            await room.until(lambda: room.engine.microphone_code == "microphone.silent", SILENT_SECONDS + 3)
        await room.until(lambda: room.engine.microphone_code is None)
