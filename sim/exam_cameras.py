"""The simulated examination cameras of a vehicle: MJPEG over HTTP, pulled out and put back, focused and lit by hand."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, Final

import cv2
import numpy as np
from aiohttp import web
from numpy.typing import NDArray

from . import exam_scenes, skin
from .skin import SIGNALS, Look

Body = dict[str, Any]
Handler = Callable[[Body], Awaitable[Body]]
Draw = Callable[[Look, int], NDArray[np.uint8]]

BOUNDARY: Final = "passerelle-camera"
JPEG_QUALITY: Final = 95

DRAWN: Final = 6
"""Different frames, shown in turn: a hand that is not quite still."""


class ExamCamera:
    """One camera on its stand. It draws when somebody looks, and after each change."""

    def __init__(self, name: str, draw: Draw, frames_per_second: float = 12.0, drawn: int = DRAWN) -> None:
        self.name, self.look, self.url = name, Look(), ""
        self._draw, self._pace, self._count = draw, 1 / frames_per_second, drawn
        self.viewers = 0
        self.deserted = asyncio.Event()
        """Set when the last viewer has gone."""
        self._frames: list[bytes] = []
        self._drawing = asyncio.Lock()
        self._runner: web.AppRunner | None = None
        self._port = 0

    @property
    def plugged(self) -> bool:
        """Whether it answers."""
        return self._runner is not None

    @property
    def shown(self) -> tuple[bytes, ...]:
        """The JPEGs it sends in turn."""
        return tuple(self._frames)

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> str:
        """Serve; returns the address of the stream."""
        app = web.Application()
        app.router.add_get(f"/{self.name}.mjpeg", self._stream)
        runner = self._runner = web.AppRunner(app, shutdown_timeout=0.2)
        await runner.setup()
        await web.TCPSite(runner, host, port).start()
        self._port = runner.addresses[0][1]
        self.url = f"http://{host}:{self._port}/{self.name}.mjpeg"
        return self.url

    async def stop(self) -> None:
        """End every stream. Idempotent."""
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    async def plug(self, host: str = "127.0.0.1") -> None:
        """Put the cable back in: the same address answers again."""
        if not self.plugged:
            await self.start(host, self._port)

    async def set(self, look: Look) -> None:
        """Turn the focus ring, change the lamp, pull the HDMI cable."""
        async with self._drawing:
            self._frames = await asyncio.to_thread(self._drawn, look)
            self.look = look

    def _drawn(self, look: Look) -> list[bytes]:
        return [encode(self._draw(look, number)) for number in range(self._count)]

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={
            "Content-Type": f"multipart/x-mixed-replace; boundary={BOUNDARY}", "Cache-Control": "no-store"})
        number = 0
        self.viewers += 1
        self.deserted.clear()
        try:
            await response.prepare(request)
            while True:
                await self._one_more()
                jpeg = self._frames[number % len(self._frames)]
                head = f"--{BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
                await response.write(head.encode() + jpeg + b"\r\n")
                number += 1
                await asyncio.sleep(self._pace)
        except ConnectionError:
            return response
        finally:
            self.viewers -= 1
            if not self.viewers:
                self.deserted.set()

    async def _one_more(self) -> None:
        """Draw one frame while there are not all: the first viewer does not wait for the last of them."""
        async with self._drawing:
            if (number := len(self._frames)) < self._count:
                self._frames.append(await asyncio.to_thread(lambda: encode(self._draw(self.look, number))))


class SkinCamera(ExamCamera):
    """The skin camera alone."""

    def __init__(self) -> None:
        super().__init__("skin", skin.draw)


class ExamCameras:
    """All of a vehicle's; `handlers` and `state` are for its control server."""

    def __init__(self) -> None:
        self.skin = SkinCamera()
        self._all = {camera.name: camera for camera in (
            self.skin, ExamCamera("otoscope", exam_scenes.ear), ExamCamera("intraoral", exam_scenes.mouth),
            ExamCamera("ultrasound", exam_scenes.ultrasound, 20.0, exam_scenes.BEAT_FRAMES))}

    async def start(self, host: str = "127.0.0.1") -> dict[str, str]:
        """Serve all; returns name -> address of the stream."""
        return {name: await camera.start(host) for name, camera in self._all.items()}

    async def stop(self) -> None:
        """End every stream. Idempotent."""
        for camera in self._all.values():
            await camera.stop()

    def handlers(self) -> dict[str, Handler]:
        """Paths of the control server. Bodies name the `camera`; ValueError says what makes no sense."""
        return {"/exam/look": self._look, "/exam/unplug": self._unplug, "/exam/plug": self._plug}

    def state(self) -> Body:
        """Each camera's switches."""
        return {name: {"plugged": camera.plugged, "viewers": camera.viewers, "focus": camera.look.focus,
                       "light": camera.look.light, "marker": camera.look.marker, "shift": camera.look.shift,
                       "signal": camera.look.signal}
                for name, camera in self._all.items()}

    async def _look(self, body: Body) -> Body:
        """`focus`, `light`, `shift`: numbers; `marker`: true or false; `signal`: ok, blue, black, bars."""
        camera = self._named(body)
        signal = body.get("signal", camera.look.signal)
        if signal not in SIGNALS or (signal != "ok" and camera.name != "ultrasound"):
            raise ValueError("signal is ok, or for the ultrasound blue, black, bars")
        await camera.set(replace(
            camera.look, focus=_number(body, "focus", camera.look.focus, 1), signal=signal,
            light=_number(body, "light", camera.look.light, 4), shift=_number(body, "shift", camera.look.shift, 1),
            marker=bool(body.get("marker", camera.look.marker))))
        return dict(self.state()[camera.name])

    async def _unplug(self, body: Body) -> Body:
        camera = self._named(body)
        await camera.stop()
        return {"plugged": False}

    async def _plug(self, body: Body) -> Body:
        camera = self._named(body)
        await camera.plug()
        return {"plugged": True}

    def named(self, name: str) -> ExamCamera:
        """One of them. ValueError lists the names."""
        camera = self._all.get(name)
        if camera is None:
            raise ValueError(f"camera is one of {', '.join(self._all)}")
        return camera

    def _named(self, body: Body) -> ExamCamera:
        return self.named(str(body.get("camera", "skin")))


def encode(image: NDArray[np.uint8]) -> bytes:
    """JPEG as the camera sends it."""
    ok, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    assert ok, "a drawn picture always encodes"
    return data.tobytes()


def _number(body: Body, name: str, default: float, high: float) -> float:
    value = body.get(name, default)
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= high:
        raise ValueError(f"{name} is a number between 0 and {high}")
    return float(value)
