"""The part of the control server for what hangs on a cable: serial instruments, the cart, the stethoscope."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from aiohttp import web

from .asked import Body, Refused, number, octets
from .stethoscope import StethoscopeBox
from .wire.cart import Cart, now_minus
from .wire.rack import Wired

Handler = Callable[[Body], Awaitable[Body]]
Answer = Callable[[Handler], Callable[[web.Request], Awaitable[web.Response]]]

ASKED_MOST: Final = 400_000
"""Instants in one answer: twelve leads of the longest public resting record, and a half."""


class WireControl:
    """`POST /wire/NAME/{plug,unplug,disturb,drop,loose}`, `GET /wire/NAME/expected`, `/cart/record`,
    `/stethoscope/{plug,unplug,hear}`."""

    def __init__(self, wired: Mapping[str, Wired], cart: Cart | None, stethoscope: StethoscopeBox | None) -> None:
        self._wired, self._cart, self._stethoscope = wired, cart, stethoscope

    def add(self, app: web.Application, answer: Answer) -> None:
        """Put the routes into `app`."""
        async def pressed(request: web.Request) -> web.Response:
            async def press(body: Body) -> Body:
                return self._press(request.match_info["name"], request.match_info["button"], body)

            return await answer(press)(request)

        async def asked(request: web.Request) -> web.Response:
            async def look(body: Body) -> Body:
                return self._expected(request.match_info["name"], {**request.query})

            return await answer(look)(request)

        app.router.add_post("/wire/{name}/{button}", pressed)
        app.router.add_get("/wire/{name}/expected", asked)
        app.router.add_post("/cart/record", answer(self._record))
        for button in ("plug", "unplug", "hear"):
            app.router.add_post(f"/stethoscope/{button}", answer(getattr(self, f"_{button}")))

    def state(self) -> Body:
        """Of everything on a cable."""
        box = self._stethoscope
        return {
            "wired": {name: device.state() for name, device in self._wired.items()},
            "cart": {"recorded": sorted(self._cart.recorded)} if self._cart else None,
            "stethoscope": {"plugged": box.plugged, "listened": box.listened, "sent": box.sent} if box else None,
        }

    def _press(self, name: str, button: str, body: Body) -> Body:
        device = self._named(name)
        match button:
            case "plug":
                device.box.plug()
            case "unplug":
                device.box.unplug()
            case "disturb":
                device.box.disturb(octets(body, "hex", "00ff0afa16"))
            case "drop":
                device.box.drop(int(number(body, "frames", 1, 1, 1000)))
            case "loose" if device.loose is not None:
                device.loose(str(body.get("what", "")))
            case _:
                raise Refused(f"{name} has no button {button}")
        return device.state()

    def _expected(self, name: str, query: Body) -> Body:
        """`from` and `to`: instants of one opening; without `to` all that was sent."""
        device = self._named(name)
        sent = device.box.sent * device.rows_a_frame
        first = int(number(query, "from", 0, 0, 1e9))
        last = int(number(query, "to", min(sent, first + ASKED_MOST), 0, 1e9))
        if not first <= last <= first + ASKED_MOST:
            raise ValueError(f"at most {ASKED_MOST} instants, from before to")
        return device.state() | {"from": first, "rows": [device.row(n) for n in range(first, last)]}

    async def _record(self, body: Body) -> Body:
        """`age_s`: so long ago; `family`, `given`, `born`, `patient_id`: what the cart was told; `form`: dicom, edf."""
        if self._cart is None:
            raise Refused("this vehicle has no cart")
        form = str(body.get("form", "dicom"))
        if form not in ("dicom", "edf"):
            raise ValueError("form is dicom or edf")
        taken = now_minus(number(body, "age_s", 0, 0, 1e8))
        name = await self._cart.record(
            taken=taken, family=str(body.get("family", "")), given=str(body.get("given", "")),
            born=str(body.get("born", "")), patient_id=str(body.get("patient_id", "")), form=form,
            pause_s=number(body, "pause_s", 0, 0, 60))
        return {"file": name, "taken_at": taken.isoformat()}

    async def _plug(self, _: Body) -> Body:
        self._ear().plug()
        return {"plugged": True}

    async def _unplug(self, _: Body) -> Body:
        self._ear().unplug()
        return {"plugged": False}

    async def _hear(self, body: Body) -> Body:
        what = await self._ear().hear(**body)
        return {"what": str(what)}

    def _ear(self) -> StethoscopeBox:
        if self._stethoscope is None:
            raise Refused("this vehicle has no stethoscope")
        return self._stethoscope

    def _named(self, name: str) -> Wired:
        device = self._wired.get(name)
        if device is None:
            raise Refused(f"there is no instrument {name}; there are {', '.join(self._wired) or 'none'}")
        return device
