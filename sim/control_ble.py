"""The Bluetooth instruments' part of the control server: `POST /ble/NAME/BUTTON`, and what is done to the radio."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from aiohttp import web

from .air import Air
from .asked import Body, Refused
from .ble.instrument import Instrument


class BleControl:
    """Buttons of `instruments`; the cuff's also stand at `/cuff/BUTTON`."""

    def __init__(self, instruments: Mapping[str, Instrument], air: Air) -> None:
        self._instruments, self._air = instruments, air

    def add(self, app: web.Application, answer: Callable[[Callable[[Body], Awaitable[Body]]],
                                                         Callable[[web.Request], Awaitable[web.Response]]]) -> None:
        """Put the routes into `app`; `answer` makes a handler of a coroutine from body to body."""
        async def pressed(request: web.Request) -> web.Response:
            async def press(body: Body) -> Body:
                return self._press(request.match_info.get("name", "cuff"), request.match_info["button"], body)

            return await answer(press)(request)

        app.router.add_post("/ble/{name}/{button}", pressed)
        app.router.add_post("/cuff/{button}", pressed)
        app.router.add_post("/radio/unplug", answer(self._unplug))
        app.router.add_post("/radio/deaf", answer(self._deafen))

    def state(self) -> Body:
        """Of every instrument, and of the radio."""
        return {"ble": {name: instrument.shown() for name, instrument in self._instruments.items()},
                "radio": {"deaf": self._air.deaf}}

    def described(self) -> Body:
        """For sim.json: what a vehicle's configuration needs to know."""
        return {name: {"address": instrument.plate.address, "name": instrument.plate.name,
                       "kind": instrument.plate.kind.value, "driver": "ble", "model": instrument.plate.model_key,
                       "bond": instrument.plate.bond.value}
                for name, instrument in self._instruments.items()}

    def _press(self, name: str, button: str, body: Body) -> Body:
        instrument = self._instruments.get(name)
        if instrument is None:
            raise Refused(f"there is no instrument {name}; there are {', '.join(self._instruments)}")
        buttons = instrument.buttons()
        if button not in buttons:
            raise Refused(f"{name} has no button {button}; it has {', '.join(sorted(buttons))}")
        try:
            return buttons[button](body)
        except OverflowError as error:
            raise ValueError("a value does not fit its field") from error

    async def _unplug(self, _: Body) -> Body:
        self._air.unplug()
        return {}

    async def _deafen(self, _: Body) -> Body:
        """The gateway's adapter hears no advertisement until it is reset or plugged anew."""
        return {"deaf": self._air.deafen()}
