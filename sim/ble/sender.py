"""Instruments that measure, remember and hand over: cuffs, thermometers, scales.

One record may be several frames. What was not confirmed stays in the memory; some forget what was, some send
everything every time.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, Final, Generic, TypeVar

import structlog
from bumble.gatt import Characteristic

from ..air import Air
from ..asked import Body, Button, Refused, octets, whole
from ..patient import Patient
from .instrument import HANG_UP_AFTER_S, Instrument
from .plate import Plate

_log = structlog.get_logger()

_Record = TypeVar("_Record")

LIVE_EVERY_S: Final = 0.1

Frames = list[tuple[Characteristic[Any], bytes]]


class RecordSender(Instrument, Generic[_Record]):
    """A subclass gives `frames`; it is ready to send once `main` is subscribed."""

    forgets = True
    """A record is deleted when it was confirmed."""
    hangs_up = True
    """It ends the connection when all was sent."""
    settles_s = 0.0
    """Between the subscription and the first record."""
    main: Characteristic[Any]

    def __init__(self, air: Air, patient: Patient, plate: Plate, keeps: int = 30) -> None:
        super().__init__(air, patient, plate)
        self.memory: deque[_Record | bytes] = deque(maxlen=keeps)
        """The oldest goes first, as in life. Bytes are sent as they are (`garbage`)."""
        self.last: _Record | bytes | None = None
        """The last one that was confirmed."""

    def frames(self, record: _Record) -> Frames:
        """What a record looks like on the air."""
        raise NotImplementedError

    def fits(self, record: _Record) -> _Record:
        """The record, if it can be written. ValueError."""
        try:
            self.frames(record)
        except OverflowError as error:
            raise ValueError("the value does not fit its field") from error
        return record

    async def awake(self) -> None:
        """Hand the memory over for as long as it is awake; with an empty one, let itself be paired."""
        self.state = "sending"
        until = self.until
        if not self.memory:
            await self.listener(self.main, until)
        elif self.forgets:
            await self._empty(until)
        else:
            await self._show_all(until)
        _log.info("sim.instrument_done", instrument=self.plate.model_key, left=len(self.memory))
        await asyncio.sleep(HANG_UP_AFTER_S)
        while not self.hangs_up and self.connected and await self.something(until):
            pass

    async def measured(self, seconds: float, live: Callable[[float], Awaitable[None]] | None,
                       record: Callable[[], _Record]) -> None:
        """Measure for `seconds`, `live` with the share that is done, remember what `record` gives, hand over."""
        self.state = "measuring"
        _log.info("sim.instrument_measuring", instrument=self.plate.model_key, seconds=seconds)
        count = max(2, round(seconds / LIVE_EVERY_S))
        for step in range(count):
            if live is not None:
                await live(step / (count - 1))
            await asyncio.sleep(seconds / count)
        self.memory.append(record())
        await self.awake()

    async def _empty(self, until: float) -> None:
        while self.memory and asyncio.get_running_loop().time() < until:
            if not await self._wanted(until):
                return
            record = self.memory[0]
            if await self._hand_over(record) and self.memory and self.memory[0] is record:
                self.last = self.memory.popleft()

    async def _show_all(self, until: float) -> None:
        """Everything, every time; from the beginning when the link fell."""
        while asyncio.get_running_loop().time() < until:
            if not await self._wanted(until):
                return
            for record in list(self.memory):
                if not await self._hand_over(record):
                    break
                self.last = record
            else:
                return

    async def _wanted(self, until: float) -> bool:
        heard = self.subscribed(self.main)
        if not heard and not await self.listener(self.main, until):
            return False
        if not heard:
            await asyncio.sleep(self.settles_s)
        return True

    async def _hand_over(self, record: _Record | bytes) -> bool:
        frames = [(self.main, record)] if isinstance(record, bytes) else self.frames(record)
        for characteristic, value in frames:
            if (characteristic is self.main or self.subscribed(characteristic)) and not await self.send(
                    characteristic, value):
                return False
        self.delivered += 1
        return True

    def buttons(self) -> dict[str, Button]:
        """`garbage`: bytes in place of a record; `repeat`: the last one again; `forget`: clear the memory."""
        return super().buttons() | {"garbage": self._garbage, "repeat": self._repeat, "forget": self._forget}

    def shown(self) -> Body:
        """The state, with the number of records in memory."""
        return super().shown() | {"memory": len(self.memory)}

    def _press(self, _: Body) -> Body:
        return {"woken": self.wake(self.awake), "memory": len(self.memory)}

    def _garbage(self, body: Body) -> Body:
        raw = octets(body, "hex", "1e8a005800")
        self.memory.append(raw)
        return self._press({}) | {"hex": raw.hex()}

    def _repeat(self, body: Body) -> Body:
        """What an instrument does whose confirmation was lost; `times` in a burst."""
        if self.last is None:
            raise Refused("nothing was sent yet")
        for _ in range(whole(body, "times", 1, 200) or 1):
            self.memory.append(self.last)
        return self._press({})

    def _forget(self, _: Body) -> Body:
        self.memory.clear()
        return {"memory": 0}
