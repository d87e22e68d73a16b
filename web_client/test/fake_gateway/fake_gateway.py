"""A gateway that plays scenes to the kiosk page, to see and photograph its screens. Not shipped, no test's oracle.

    python web_client/test/fake_gateway/fake_gateway.py --dist web_client/dist [--port 0]

`POST /fake/scene/NAME` shows a scene of `scenes.py`; the page's commands are answered and, where the next
scene is obvious, followed. The local peer connection is real (aiortc), its pictures are drawn.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import math
import sys
import time
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import msgspec
import numpy as np
from aiohttp import WSMsgType, web
from aiortc import RTCBundlePolicy, RTCConfiguration, RTCPeerConnection, RTCSessionDescription, VideoStreamTrack
from aiortc.mediastreams import AudioStreamTrack
from av import VideoFrame

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))
sys.path.insert(0, str(Path(__file__).resolve().parent))

import scenes
import scenes_call

from gateway.kiosk.server import POLICY
from protocol import SUBPROTOCOL
from protocol.kiosk import KioskReply, LocalOffer
from protocol.kiosk_commands import (
    CaptureStill,
    CloseEncounter,
    DropStill,
    EnterWaiting,
    HangUp,
    KeepStill,
    KioskCommand,
    LeaveWaiting,
    LocalAnswer,
    MuteMicrophone,
    OpenEncounter,
    RemoveGuest,
    ShowCamera,
    SignInNurse,
    SignOutNurse,
    StartWaveform,
    StopWaveform,
    WantLocal,
)
from protocol.readings import Chunk

FOLLOWS = {
    SignOutNurse: "sign_in", OpenEncounter: "ready", EnterWaiting: "waiting", LeaveWaiting: "ready",
    HangUp: "after_printed", CloseEncounter: "home", StartWaveform: "call_ecg", StopWaveform: "call",
    CaptureStill: "skin_sharp", KeepStill: "call", DropStill: "call", RemoveGuest: "call_two_ways",
}
SCENES = scenes.SCENES | scenes_call.SCENES
FROZEN = ("call_doctor_frozen", "call_outage")
PIN = "1234"
ECG_RATE = 250


def draw(kind: str, number: int, width: int = 640, height: int = 360) -> np.ndarray[Any, Any]:
    """A head and shoulders that breathe, so that a moving picture is seen to move."""
    base = (70, 84, 60) if kind == "own" else (96, 74, 52)
    image = np.full((height, width, 3), base, np.uint8)
    image[:, :] = (image * np.linspace(0.7, 1.2, width)[None, :, None]).clip(0, 255)
    sway = int(12 * math.sin(number / 12))
    x = width // 2 + sway
    clothes = {"doctor": (230, 226, 214), "guest": (90, 150, 110)}.get(kind, (130, 90, 150))
    cv2.ellipse(image, (x, height), (150, 150), 0, 180, 360, clothes, -1)
    cv2.circle(image, (x, height // 2 - 20), 62, (150, 180, 222), -1)
    cv2.putText(image, "demo", (16, height - 16), cv2.FONT_HERSHEY_SIMPLEX, 0.7, (255, 255, 255), 2)
    return image


class Drawn(VideoStreamTrack):
    """Twelve frames a second of a drawn person."""

    def __init__(self, kind: str, runs: asyncio.Event | None = None) -> None:
        super().__init__()
        self._what, self._number, self._begin, self._runs = kind, 0, time.monotonic(), runs

    async def recv(self) -> VideoFrame:
        self._number += 1
        if self._runs is not None:
            await self._runs.wait()
        await asyncio.sleep(max(0.0, self._begin + self._number / 12 - time.monotonic()))
        frame = VideoFrame.from_ndarray(draw(self._what, self._number), format="bgr24")
        frame.pts, frame.time_base = self._number * 7500, Fraction(1, 90000)
        return frame


class Fake:
    """One gateway with one page at a time."""

    def __init__(self, dist: Path, lines: int) -> None:
        self.dist, self.lines = dist, lines
        self.scene = "sign_in"
        self.generation = 0
        self.revision = 0
        self.wrong = 0
        self.received: list[str] = []
        self.doctor_moves = asyncio.Event()
        self.sockets: set[web.WebSocketResponse] = set()
        self.peer: RTCPeerConnection | None = None

    async def page(self, request: web.Request) -> web.StreamResponse:
        policy = POLICY + "frame-ancestors 'none'"
        return web.FileResponse(self.dist / "kiosk.html", headers={"Content-Security-Policy": policy})

    async def set_scene(self, request: web.Request) -> web.StreamResponse:
        await self.show(request.match_info["name"])
        return web.json_response({"scene": self.scene})

    async def log(self, request: web.Request) -> web.StreamResponse:
        return web.json_response(self.received)

    async def drop(self, request: web.Request) -> web.StreamResponse:
        """The gateway goes away as a kill does: every socket is closed, and new ones are refused for a while."""
        self.refuse_until = time.monotonic() + float(request.query.get("seconds", "3"))
        for socket in tuple(self.sockets):
            await socket.close()
        return web.json_response({})

    refuse_until = 0.0

    async def show(self, name: str) -> None:
        self.scene = name
        (self.doctor_moves.clear if name in FROZEN else self.doctor_moves.set)()
        for socket in tuple(self.sockets):
            with contextlib.suppress(ConnectionError):  # a page that has just gone
                await self.say(socket, self.state())

    def state(self) -> Any:
        self.revision += 1
        return msgspec.structs.replace(SCENES[self.scene](datetime.now(UTC)), revision=self.revision)

    async def say(self, socket: web.WebSocketResponse, message: Any) -> None:
        await socket.send_str(msgspec.json.encode(message).decode())

    async def socket(self, request: web.Request) -> web.StreamResponse:
        if time.monotonic() < self.refuse_until:
            return web.Response(status=503)
        socket = web.WebSocketResponse(protocols=(SUBPROTOCOL,))
        await socket.prepare(request)
        self.sockets.add(socket)
        try:
            await self.say(socket, self.state())
            async with asyncio.TaskGroup() as tasks:
                others = [tasks.create_task(self.wave(socket)), tasks.create_task(self.clock(socket))]
                async for message in socket:
                    if message.type is WSMsgType.TEXT:
                        await self.command(socket, msgspec.json.decode(message.data, type=KioskCommand))
                for other in others:
                    other.cancel()
        except* ConnectionError:
            pass
        finally:
            self.sockets.discard(socket)
        return socket

    async def command(self, socket: web.WebSocketResponse, command: KioskCommand) -> None:
        body = command.body
        self.received.append(type(body).__name__)
        match body:
            case SignInNurse():
                if body.pin != PIN:
                    self.wrong += 1
                    code = "pin.wait" if self.wrong >= 5 else "pin.wrong"
                    await self.say(socket, KioskReply(id=command.id, code=code))
                    return
                self.wrong = 0
                await self.say(socket, KioskReply(id=command.id))
                await self.show("home")
                return
            case OpenEncounter() if body.patient.family_name == "REFUSE":
                await self.say(socket, KioskReply(id=command.id, code="patient.ins_key"))
                return
            case WantLocal():
                await self.say(socket, KioskReply(id=command.id))
                await self.offer(socket)
                return
            case LocalAnswer():
                if self.peer is not None and body.generation == self.generation:
                    await self.peer.setRemoteDescription(RTCSessionDescription(sdp=body.sdp, type="answer"))
                await self.say(socket, KioskReply(id=command.id))
                return
            case _:
                await self.say(socket, KioskReply(id=command.id, encounter_id="encounter-1"))
        match body:
            case MuteMicrophone():
                await self.show("call_muted" if body.muted else "call_guest")
            case ShowCamera():
                shown = "skin_beside" if body.beside else "skin_shown"
                await self.show("call" if body.instrument_id is None else shown)
        if type(body) in FOLLOWS:
            await self.show(FOLLOWS[type(body)])

    async def offer(self, socket: web.WebSocketResponse) -> None:
        if self.peer is not None:
            await self.peer.close()
        self.peer = peer = RTCPeerConnection(RTCConfiguration(iceServers=[], bundlePolicy=RTCBundlePolicy.MAX_BUNDLE))
        self.generation += 1
        peer.addTransceiver(AudioStreamTrack(), direction="sendrecv")
        peer.addTransceiver(Drawn("own"), direction="sendonly")
        peer.addTransceiver(Drawn("doctor", self.doctor_moves), direction="sendonly")
        if self.lines > 3:
            peer.addTransceiver(AudioStreamTrack(), direction="sendonly")
            peer.addTransceiver(Drawn("guest"), direction="sendonly")
        for _ in range(self.lines - 5):
            peer.addTransceiver(AudioStreamTrack(), direction="sendonly")
        await peer.setLocalDescription(await peer.createOffer())
        await self.say(socket, LocalOffer(generation=self.generation, sdp=peer.localDescription.sdp))

    async def clock(self, socket: web.WebSocketResponse) -> None:
        while True:
            await asyncio.sleep(5)
            await self.say(socket, self.state())

    async def wave(self, socket: web.WebSocketResponse) -> None:
        number = 0
        while True:
            await asyncio.sleep(0.1)
            if not any(stream.stream_id == 7 for stream in (self.state().encounter or scenes.NOBODY).waveforms):
                number = 0
                continue
            samples = tuple(int(heart((number * 25 + i) / ECG_RATE)) for i in range(25))
            await socket.send_bytes(bytes(Chunk(7, number, time.time(), 1, samples)))
            number += 1

    async def preview(self, request: web.Request) -> web.StreamResponse:
        if self.scene == "skin_gone":
            return web.Response(status=404)
        response = web.StreamResponse(headers={"Content-Type": "multipart/x-mixed-replace; boundary=frame"})
        await response.prepare(request)
        number = 0
        try:
            while True:
                jpeg = skin(number)
                await response.write(b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%s\r\n"
                                     % (len(jpeg), jpeg))
                number += 1
                await asyncio.sleep(0.2)
        except ConnectionError:
            return response

    async def still(self, request: web.Request) -> web.StreamResponse:
        return web.Response(body=skin(3), content_type="image/jpeg")


def skin(number: int) -> bytes:
    """A mole beside a ruler."""
    image = np.full((960, 1280, 3), (168, 190, 224), np.uint8)
    cv2.ellipse(image, (620 + number % 5, 470), (150, 118), 20, 0, 360, (52, 66, 104), -1)
    cv2.ellipse(image, (590, 440), (70, 52), 40, 0, 360, (34, 42, 72), -1)
    for mark in range(21):
        cv2.line(image, (200 + mark * 44, 860), (200 + mark * 44, 800 if mark % 10 == 0 else 830), (20, 20, 20), 4)
    return bytes(cv2.imencode(".jpg", image)[1])


def heart(seconds: float) -> float:
    """Microvolts of something like a heart at 72 a minute."""
    phase = seconds % (60 / 72)
    waves = ((0.16, 0.022, 120), (0.262, 0.008, -130), (0.28, 0.011, 1150), (0.3, 0.01, -260), (0.5, 0.045, 300))
    return sum(size * math.exp(-((phase - at) / width) ** 2) for at, width, size in waves)


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--dist", type=Path, required=True)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--lines", type=int, choices=(3, 5, 7), default=7, help="m-lines of the local offer")
    arguments = parser.parse_args()
    fake = Fake(arguments.dist, arguments.lines)
    app = web.Application()
    app.router.add_get("/", fake.page)
    app.router.add_get("/ws", fake.socket)
    app.router.add_get("/preview/{id}.mjpeg", fake.preview)
    app.router.add_get("/stills/{id}", fake.still)
    app.router.add_post("/fake/scene/{name}", fake.set_scene)
    app.router.add_post("/fake/drop", fake.drop)
    app.router.add_get("/fake/log", fake.log)
    app.router.add_static("/assets", arguments.dist / "assets")
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", arguments.port).start()
    print(f"http://127.0.0.1:{runner.addresses[0][1]}/", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
