"""Buttons, plugs and dials of the simulated hardware over HTTP on loopback, for a person, the bots and the tests."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import replace

from aiohttp import web

from .asked import Body, Refused, exact, number, whole
from .camera import SceneCamera
from .control_ble import BleControl
from .control_wire import WireControl
from .ecg import EcgBox
from .exam_cameras import ExamCameras
from .patient import Patient

Handler = Callable[[Body], Awaitable[Body]]


class Control:
    """The control server of one vehicle."""

    def __init__(self, patient: Patient, ble: BleControl, wire: WireControl, ecg: EcgBox, cameras: ExamCameras,
                 room: SceneCamera | None) -> None:
        self._patient, self._ble, self._wire, self._ecg = patient, ble, wire, ecg
        self._cameras, self._skin = cameras, cameras.skin
        self._room = room
        self._room_plugged = room is not None
        self._runner: web.AppRunner | None = None

    async def start(self, host: str) -> str:
        """Serve; returns the base address."""
        app = web.Application()
        app.router.add_get("/state", self._state)
        app.router.add_get("/ecg/expected", self._expected)
        app.router.add_get("/camera/frame_times", self._frame_times)
        for path, handler in self._handlers().items():
            app.router.add_post(path, _answer(handler))
        self._ble.add(app, _answer)
        self._wire.add(app, _answer)
        self._runner = web.AppRunner(app, shutdown_timeout=0.2)
        await self._runner.setup()
        await web.TCPSite(self._runner, host, 0).start()
        return f"http://{host}:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        """Close the server."""
        if self._runner is not None:
            await self._runner.cleanup()

    def _handlers(self) -> dict[str, Handler]:
        return {
            "/camera/unplug": self._camera_unplug, "/camera/plug": self._camera_plug,
            "/ecg/unplug": self._ecg_unplug, "/ecg/plug": self._ecg_plug, "/ecg/disturb": self._ecg_disturb,
            "/skin": self._look, "/patient": self._be, **self._cameras.handlers(),
        }

    async def _state(self, _: web.Request) -> web.Response:
        ecg, look, ble = self._ecg, self._skin.look, self._ble.state()
        return web.json_response(ble | self._wire.state() | {
            "simulated": True,
            "cuff": ble["ble"]["cuff"],
            "ecg": {"plugged": ecg.plugged, "record": ecg.source.name, "rate_hz": ecg.source.rate_hz,
                    "sent": ecg.sent, "opened": ecg.opened},
            "camera": {"plugged": self._room_plugged},
            "skin": {"focus": look.focus, "light": look.light},
            "cameras": self._cameras.state(),
            "patient": self._patient.shown(),
        })

    async def _expected(self, request: web.Request) -> web.Response:
        """`?from=0&to=N`: the counts of one opening, the record looped; without `to` one loop, or what was sent."""
        counts, sent = self._ecg.source.counts, self._ecg.sent
        try:
            first = int(request.query.get("from", "0"))
            last = int(request.query.get("to", str(min(sent, len(counts)))))
        except ValueError:
            return _refuse("from and to are sample numbers")
        if not 0 <= first <= last <= first + 2_000_000:
            return _refuse("at most two million samples from 0 on")
        wanted = [counts[n % len(counts)] for n in range(first, last)]
        return web.json_response({"record": self._ecg.source.name, "rate_hz": self._ecg.source.rate_hz,
                                  "sent": sent, "loop": len(counts), "from": first, "counts": wanted})

    async def _frame_times(self, _: web.Request) -> web.Response:
        """Counter of the drawn code -> seconds since the epoch when that picture was drawn."""
        return web.json_response(dict(self._room.frame_times) if self._room else {})

    async def _camera_unplug(self, _: Body) -> Body:
        self._room_switch(False)
        return {"plugged": False}

    async def _camera_plug(self, _: Body) -> Body:
        self._room_switch(True)
        return {"plugged": True}

    def _room_switch(self, plugged: bool) -> None:
        if self._room is None:
            raise Refused("this vehicle has no room camera")
        if plugged:
            self._room.plug()
        else:
            self._room.unplug()
        self._room_plugged = plugged

    async def _ecg_unplug(self, _: Body) -> Body:
        self._ecg.unplug()
        return {"plugged": False}

    async def _ecg_plug(self, _: Body) -> Body:
        self._ecg.plug()
        return {"plugged": True}

    async def _ecg_disturb(self, body: Body) -> Body:
        try:
            self._ecg.disturb(bytes.fromhex(str(body.get("hex", "00ff0afa16"))))
        except ValueError as error:
            raise Refused("hex is not hexadecimal") from error
        return {}

    async def _be(self, body: Body) -> Body:
        """What instruments will find from now on; the heart keeps its rate, which the ECGs were drawn with."""
        patient = self._patient
        patient.systolic = whole(body, "systolic", 40, 280) or patient.systolic
        patient.diastolic = whole(body, "diastolic", 20, 200) or patient.diastolic
        patient.spo2 = whole(body, "spo2", 70, 100) or patient.spo2
        patient.glucose_mg_dl = whole(body, "glucose_mg_dl", 20, 900) or patient.glucose_mg_dl
        patient.celsius = exact(body, "celsius", "25", "45") or patient.celsius
        patient.weight = exact(body, "weight", "2", "300") or patient.weight
        return patient.shown()

    async def _look(self, body: Body) -> Body:
        look = replace(self._skin.look, focus=number(body, "focus", self._skin.look.focus, 0, 1),
                       light=number(body, "light", self._skin.look.light, 0, 4))
        await self._skin.set(look)
        return {"focus": look.focus, "light": look.light}


def _answer(handler: Handler) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def answer(request: web.Request) -> web.Response:
        text = await request.text()
        try:
            body = json.loads(text) if text.strip() else {}
        except ValueError:
            return _refuse("the body is not JSON")
        if not isinstance(body, dict):
            return _refuse("the body is not an object")
        try:
            return web.json_response(await handler(body))
        except Refused as refusal:
            return web.json_response({"error": str(refusal)}, status=409)
        except ValueError as error:
            return _refuse(str(error))

    return answer


def _refuse(why: str) -> web.Response:
    return web.json_response({"error": why}, status=400)
