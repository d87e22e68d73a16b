"""A simulated examination camera: drawn skin with a lesion and a scale, as MJPEG over HTTP, marked SIMULATION."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
from aiohttp import web
from numpy.typing import NDArray

WIDTH, HEIGHT = 1280, 960
FRAMES_PER_SECOND: Final = 12
DRAWN: Final = 6
"""Different frames, shown in turn: a hand that is not quite still."""

BOUNDARY: Final = "passerelle-skin"
JPEG_QUALITY: Final = 95
PIXELS_PER_MM: Final = 40


@dataclass(frozen=True, slots=True)
class Look:
    """`focus` 1 sharp to 0 far out of focus; `light` 1 as it should be, below dark, above glaring."""

    focus: float = 1.0
    light: float = 1.0


class SkinCamera:
    """The camera on its stand."""

    def __init__(self) -> None:
        self.look = Look()
        self._frames: list[bytes] = []
        self._runner: web.AppRunner | None = None
        self.url = ""

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> str:
        """Serve; returns the address of the stream."""
        await self.set(self.look)
        app = web.Application()
        app.router.add_get("/skin.mjpeg", self._stream)
        self._runner = web.AppRunner(app, shutdown_timeout=0.2)
        await self._runner.setup()
        site = web.TCPSite(self._runner, host, port)
        await site.start()
        self.url = f"http://{host}:{self._runner.addresses[0][1]}/skin.mjpeg"
        return self.url

    async def stop(self) -> None:
        """End every stream."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def set(self, look: Look) -> None:
        """Turn the focus ring, change the lamp."""
        frames = await asyncio.to_thread(lambda: [encode(draw(look, n)) for n in range(DRAWN)])
        self.look, self._frames = look, frames

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={
            "Content-Type": f"multipart/x-mixed-replace; boundary={BOUNDARY}", "Cache-Control": "no-store"})
        await response.prepare(request)
        number = 0
        try:
            while True:
                jpeg = self._frames[number % len(self._frames)]
                head = f"--{BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
                await response.write(head.encode() + jpeg + b"\r\n")
                number += 1
                await asyncio.sleep(1 / FRAMES_PER_SECOND)
        except ConnectionError:
            return response


def encode(image: NDArray[np.uint8]) -> bytes:
    """JPEG as the camera sends it."""
    ok, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    assert ok, "a drawn picture always encodes"
    return data.tobytes()


def draw(look: Look, number: int) -> NDArray[np.uint8]:
    """One frame, BGR."""
    image = _skin(number)
    _lesion(image, number)
    if look.focus < 1:
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), 0.5 + 8 * (1 - look.focus)), dtype=np.float32)
    image = image * look.light
    if look.light > 1.2:
        _highlight(image, look.light)
    out = np.clip(image, 0, 255).astype(np.uint8)
    _scale(out)
    return out


def _skin(number: int) -> NDArray[np.float32]:
    noise: Any = np.random.default_rng(3)
    base = np.empty((HEIGHT, WIDTH, 3), np.float32)
    base[:] = (142, 168, 206)
    cloud = noise.normal(0, 1, (HEIGHT // 40, WIDTH // 40)).astype(np.float32)
    base += (cv2.resize(cloud, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC) * 6)[..., None]
    pores = noise.normal(0, 1, (HEIGHT // 3, WIDTH // 3)).astype(np.float32)
    base += (cv2.resize(pores, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC) * 7)[..., None]
    base += np.random.default_rng(number).normal(0, 2.0, base.shape).astype(np.float32)
    for _ in range(60):
        x, y = noise.integers(0, WIDTH), noise.integers(0, HEIGHT)
        length, angle = noise.integers(40, 130), noise.uniform(0.2, 1.0)
        end = (int(x + length * np.cos(angle)), int(y + length * np.sin(angle)))
        cv2.line(base, (int(x), int(y)), end, (70, 85, 105), 1, cv2.LINE_AA)
    return base


def _lesion(image: NDArray[np.float32], number: int) -> None:
    noise: Any = np.random.default_rng(11)
    centre = (WIDTH // 2 + number % 3, HEIGHT // 2 - number % 2)
    cv2.ellipse(image, centre, (170, 125), 25, 0, 360, (70, 92, 138), -1, cv2.LINE_AA)
    for _ in range(90):
        at = (int(centre[0] + noise.normal(0, 75)), int(centre[1] + noise.normal(0, 52)))
        shade = noise.uniform(0.4, 1.0)
        cv2.circle(image, at, int(noise.integers(3, 16)), (44 * shade, 56 * shade, 92 * shade), -1, cv2.LINE_AA)


def _highlight(image: NDArray[np.float32], light: float) -> None:
    spot = np.zeros(image.shape[:2], np.float32)
    cv2.ellipse(spot, (WIDTH // 2 - 120, HEIGHT // 2 - 60), (130, 70), -20, 0, 360, 1.0, -1)
    image += (cv2.GaussianBlur(spot, (0, 0), 25) * 220 * (light - 1))[..., None]


def _scale(image: NDArray[np.uint8]) -> None:
    """A paper ruler, ten millimetres, and the words: both over the optics, always sharp."""
    left, top = 60, HEIGHT - 130
    cv2.rectangle(image, (left - 20, top - 20), (left + 10 * PIXELS_PER_MM + 20, top + 70), (225, 225, 225), -1)
    for mm in range(11):
        x = left + mm * PIXELS_PER_MM
        cv2.line(image, (x, top), (x, top + (36 if mm % 5 == 0 else 20)), (20, 20, 20), 2)
    cv2.putText(image, "10 mm", (left + 10 * PIXELS_PER_MM - 80, top + 60), cv2.FONT_HERSHEY_SIMPLEX, 0.7,
                (20, 20, 20), 2, cv2.LINE_AA)
    cv2.putText(image, "SIMULATION", (WIDTH - 420, 70), cv2.FONT_HERSHEY_SIMPLEX, 2.0, (30, 30, 30), 4, cv2.LINE_AA)
