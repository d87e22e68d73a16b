"""Buttons, plugs and dials of the simulated hardware over HTTP on loopback, for a person, the bots and the tests."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

from aiohttp import web

from .air import Air
from .camera import SceneCamera
from .cuff import MEASURING_S, Cuff
from .cuff_frames import Record
from .ecg import EcgBox
from .patient import Patient
from .skin import SkinCamera

Body = dict[str, Any]
Handler = Callable[[Body], Awaitable[Body]]


class Refused(Exception):
    """The hardware can't do that now, or the request makes no sense; the text says why."""


class Control:
    """The control server of one vehicle."""

    def __init__(self, patient: Patient, cuff: Cuff, ecg: EcgBox, skin: SkinCamera, air: Air,
                 room: SceneCamera | None) -> None:
        self._patient, self._cuff, self._ecg, self._skin, self._air = patient, cuff, ecg, skin, air
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
            "/cuff/measure": self._measure, "/cuff/clock": self._clock, "/cuff/garbage": self._garbage,
            "/cuff/factory": self._factory, "/cuff/remember": self._remember, "/cuff/press": self._press,
            "/cuff/repeat": self._repeat, "/cuff/switch_off": self._switch_off, "/radio/unplug": self._radio_unplug,
            "/camera/unplug": self._camera_unplug, "/camera/plug": self._camera_plug,
            "/ecg/unplug": self._ecg_unplug, "/ecg/plug": self._ecg_plug, "/ecg/disturb": self._ecg_disturb,
            "/skin": self._look,
        }

    async def _state(self, _: web.Request) -> web.Response:
        cuff, ecg, look = self._cuff, self._ecg, self._skin.look
        return web.json_response({
            "simulated": True,
            "cuff": {"state": cuff.state, "memory": len(cuff.memory), "delivered": cuff.delivered,
                     "clock_offset_s": cuff.clock_offset.total_seconds() if cuff.clock_set else None,
                     "times_written": cuff.times_written, "device_id": f"ble:{cuff.address.lower()}"},
            "ecg": {"plugged": ecg.plugged, "record": ecg.source.name, "rate_hz": ecg.source.rate_hz,
                    "sent": ecg.sent, "opened": ecg.opened},
            "camera": {"plugged": self._room_plugged},
            "skin": {"focus": look.focus, "light": look.light},
            "patient": {"heart_rate": self._patient.heart_rate},
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

    async def _measure(self, body: Body) -> Body:
        pressure = self._patient.pressure(_whole(body, "systolic"), _whole(body, "diastolic"), _whole(body, "pulse"))
        seconds = _number(body, "seconds", MEASURING_S, 0.2, 120)
        if not self._cuff.measure(pressure, seconds, _whole(body, "status") or 0):
            raise Refused("the cuff is busy")
        return {"systolic": pressure.systolic, "diastolic": pressure.diastolic, "mean": pressure.mean,
                "pulse": pressure.pulse, "seconds": seconds}

    async def _clock(self, body: Body) -> Body:
        self._cuff.clock_set = not body.get("unset", False)
        self._cuff.clock_offset = timedelta(seconds=_number(body, "offset_s", 0.0, -1e9, 1e9))
        return {"offset_s": self._cuff.clock_offset.total_seconds(), "set": self._cuff.clock_set}

    async def _garbage(self, body: Body) -> Body:
        """`hex`: the bytes; the default announces a pulse and a time and ends in the middle of them."""
        try:
            raw = bytes.fromhex(str(body.get("hex", "1e8a005800")))
        except ValueError as error:
            raise Refused("hex is not hexadecimal") from error
        self._cuff.remember(Record(hostile=raw))
        return await self._press({}) | {"hex": raw.hex()}

    async def _factory(self, _: Body) -> Body:
        self._cuff.remember(Record(None, self._cuff.now() if self._cuff.clock_set else None))
        return await self._press({})

    async def _remember(self, body: Body) -> Body:
        """A measurement made `age_s` ago, unseen; sent with the next visit, or now with `press`."""
        pressure = self._patient.pressure(_whole(body, "systolic"), _whole(body, "diastolic"), _whole(body, "pulse"))
        taken = self._cuff.now() - timedelta(seconds=_number(body, "age_s", 3600, 0, 1e9))
        self._cuff.remember(Record(pressure, taken if self._cuff.clock_set else None))
        pressed = await self._press({}) if body.get("press") else {}
        return pressed | {"systolic": pressure.systolic, "diastolic": pressure.diastolic, "pulse": pressure.pulse,
                          "device_time": taken.isoformat()}

    async def _press(self, _: Body) -> Body:
        return {"woken": self._cuff.press(), "memory": len(self._cuff.memory)}

    async def _repeat(self, _: Body) -> Body:
        """Send the last record once more: what a cuff does whose confirmation was lost."""
        if self._cuff.last is None:
            raise Refused("nothing was sent yet")
        self._cuff.remember(self._cuff.last)
        return await self._press({})

    async def _switch_off(self, _: Body) -> Body:
        self._cuff.switch_off()
        return {"memory": len(self._cuff.memory)}

    async def _radio_unplug(self, _: Body) -> Body:
        self._air.unplug()
        return {}

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

    async def _look(self, body: Body) -> Body:
        look = replace(self._skin.look, focus=_number(body, "focus", self._skin.look.focus, 0, 1),
                       light=_number(body, "light", self._skin.look.light, 0, 4))
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


def _whole(body: Body, name: str) -> int | None:
    value = body.get(name)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or not -2045 <= value <= 2045:
        raise ValueError(f"{name} is a whole number between -2045 and 2045")
    return value


def _number(body: Body, name: str, default: float, low: float, high: float) -> float:
    value = body.get(name, default)
    if not isinstance(value, int | float) or isinstance(value, bool) or not low <= value <= high:
        raise ValueError(f"{name} is a number between {low} and {high}")
    return float(value)


