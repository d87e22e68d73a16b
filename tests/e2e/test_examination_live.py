"""An examination camera in a real browser: the picture turns to it and back on the same track, in its own colours."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Iterator

import cv2
import numpy as np
import pytest
from playwright.async_api import Page

from gateway.media.scene_source import SceneSource
from gateway.peripherals.drivers.live_frames import LiveFrames
from sim.camera import Scene
from tests.e2e.test_media_browsers import Call, browser, call, until, url
from tests.integration.test_media_engine import WAIT

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

__all__ = ["browser", "call", "url"]

PATCHES = {"skin": (199, 151, 122), "red": (176, 58, 52), "brown": (94, 56, 40), "white": (228, 228, 224),
           "blue": (58, 84, 148)}
"""sRGB: a light skin, an inflamed one, a naevus, a grey card, a tattoo."""

COLOUR_LIMIT = 5
"""Of 255 per channel: 4:2:0 and one conversion each way cost 1 or 2; decoded as BT.709, red is 12 off."""

COLOUR_JS = """([names, mid]) => {
  const video = window.videos[mid];
  const canvas = document.createElement("canvas");
  canvas.width = video.videoWidth; canvas.height = video.videoHeight;
  const context = canvas.getContext("2d");
  context.drawImage(video, 0, 0);
  const seen = {};
  names.forEach((name, i) => {
    const x = Math.round(canvas.width * (i + 0.5) / names.length), y = Math.round(canvas.height * 0.25);
    seen[name] = Array.from(context.getImageData(x, y, 1, 1).data.slice(0, 3));
  });
  return seen;
}"""


class Dermatoscope:
    """Gives one picture of 1600x1200 over and over, 12 a second: coloured patches above, the code below."""

    def __init__(self) -> None:
        planes = np.frombuffer(bytes(Scene(1600, 1200, 12).draw(4711))[6:], np.uint8).reshape(1800, 1600)
        self._picture = np.asarray(cv2.cvtColor(planes, cv2.COLOR_YUV2BGR_I420), np.uint8)
        width = 1600 // len(PATCHES)
        for i, colour in enumerate(PATCHES.values()):
            self._picture[:900, i * width:(i + 1) * width] = colour[::-1]
        self.frames = LiveFrames()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="dermatoscope", daemon=True)

    def start(self) -> SceneSource:
        self._thread.start()
        return self.frames

    def stop(self) -> None:
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(1 / 12):
            self.frames.put(self._picture, time.monotonic())


@pytest.fixture
def dermatoscope() -> Iterator[Dermatoscope]:
    camera = Dermatoscope()
    yield camera
    camera.stop()


async def until_high(page: Page, wide: int, high: int) -> None:
    """Wait until the picture has this size: the rate, which a busy machine lowers, decides when it is whole."""
    await until(page, f"() => window.videos['1'].videoWidth === {wide} && window.videos['1'].videoHeight === {high}",
                2 * WAIT)


async def colours(page: Page) -> dict[str, list[int]]:
    """What the patches look like once all are right; as they are when that takes too long. They sharpen within two
    seconds of the turn, if the machine has the time."""
    until_then = time.monotonic() + WAIT
    while True:
        seen: dict[str, list[int]] = await page.evaluate(COLOUR_JS, [list(PATCHES), "1"])
        if time.monotonic() > until_then or all(off(seen, name) <= COLOUR_LIMIT for name in PATCHES):
            return seen
        await asyncio.sleep(0.1)


def off(seen: dict[str, list[int]], name: str) -> int:
    """By how much the worst channel of a patch is wrong."""
    return max(abs(a - b) for a, b in zip(seen[name], PATCHES[name], strict=True))


async def test_the_picture_turns_to_the_skin_and_back(call: Call, dermatoscope: Dermatoscope) -> None:
    """Same track, same element: 4:3 at full size, its colours right, the kiosk sees it too; then the living room."""
    await until_high(call.doctor, 1280, 720)
    before = await call.doctor.evaluate("window.received('1')")
    began = time.monotonic()
    call.room.engine.show(dermatoscope.start(), "skin-1")
    for page in (call.doctor, call.kiosk):
        await until(page, "() => window.code('1') === 4711")
    print(f"{time.monotonic() - began:.2f} s to the skin")
    await until_high(call.doctor, 1102, 828)
    await until(call.doctor, f"async () => (await window.received('1')).frames > {before['frames']} + 25")
    after = await call.doctor.evaluate("window.received('1')")
    # The turn may cost two; what the browser asks for, or a further size takes, is the machine's.
    disturbed = after["asked"] - before["asked"] + max(0, after["sizes"] - before["sizes"] - 1)
    assert after["keyframes"] - before["keyframes"] <= 2 + disturbed
    seen = await colours(call.doctor)
    print(json.dumps(seen))
    for name in PATCHES:
        assert off(seen, name) <= COLOUR_LIMIT, (name, seen[name])
    began = time.monotonic()
    call.room.engine.show(None)
    await until(call.doctor, "() => window.code('1') !== 4711 && window.code('1') !== null")
    print(f"{time.monotonic() - began:.2f} s back")
    await until(call.doctor, "() => Math.abs(9 * videos['1'].videoWidth - 16 * videos['1'].videoHeight) < 16")
    first = await until(call.doctor, "() => window.code('1')")
    await until(call.doctor, f"() => window.moved('1', {first})")
