"""Instruments that are asked for their memory: numbered records behind a Record Access Control Point.

The procedure runs beside whatever else the instrument does; a second one is refused, an abort ends it between records.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any, Final, Generic, TypeVar

from bumble import att
from bumble.gatt import Characteristic

from ..air import Air
from ..asked import Body, Button, Refused, whole
from ..patient import Patient
from .instrument import PROPERTIES, Instrument
from .plate import Plate
from .racp import Numbered, Op, Request, Result, chosen, count_response, parse, response

_Record = TypeVar("_Record", bound=Numbered)

PACE_S: Final = 0.02
"""Between records: a connection interval."""


class Archive(Instrument, Generic[_Record]):
    """A subclass gives `records_of`, the frames of one record, and `reports`, the characteristic they stand on."""

    in_progress, not_configured = 0xFE, 0xFD
    """ATT errors (Core Specification Supplement, Part B, 1.2); the older Glucose Service has its own."""
    reports: Characteristic[Any]

    def __init__(self, air: Air, patient: Patient, plate: Plate, keeps: int = 250) -> None:
        super().__init__(air, patient, plate)
        self.memory: deque[_Record] = deque(maxlen=keeps)
        self.sequence = 0
        self.asked: list[str] = []
        """What was written to the control point, in hexadecimal, the last twenty."""
        self.deleted = 0
        self._procedure: asyncio.Task[None] | None = None

    def record_frames(self, record: _Record) -> list[tuple[Characteristic[Any], bytes]]:
        """What a record looks like on the air; nothing for what this control point does not report."""
        raise NotImplementedError

    def control_point(self) -> Characteristic[Any]:
        """0x2A52, written and indicated."""
        value: att.AttributeValue[bytes] = att.AttributeValue(write=lambda _, data: self._written(data))
        self._racp = self.sending("2A52", indicate=True, more=PROPERTIES.WRITE, value=value)
        return self._racp

    def next_sequence(self) -> int:
        """Numbers count up and begin anew after 65 535."""
        self.sequence = self.sequence % 0xFFFF + 1
        return self.sequence

    async def awake(self) -> None:
        """Advertise, answer, and go to sleep when the gateway has hung up."""
        self.state = "sending"
        until = self.until
        while not self.connected and await self.something(until):
            pass
        while self.connected and await self.something(until):
            pass

    def buttons(self) -> dict[str, Button]:
        """`sequence`: the number of the next record; `forget`: an empty memory."""
        return super().buttons() | {"sequence": self._set_sequence, "forget": self._forget}

    def shown(self) -> Body:
        return super().shown() | {"memory": len(self.memory), "sequence": self.sequence, "asked": self.asked[-20:],
                                  "deleted": self.deleted}

    def _press(self, _: Body) -> Body:
        return {"woken": self.wake(self.awake), "memory": len(self.memory)}

    def _written(self, data: bytes) -> None:
        self.asked = [*self.asked[-19:], data.hex()]
        if not self.subscribed(self._racp) or not self.subscribed(self.reports):
            raise att.ATT_Error(self.not_configured)
        running = self._procedure is not None and not self._procedure.done()
        if data[:1] == bytes([Op.abort]):
            if self._procedure is not None:
                self._procedure.cancel()
            self.spawn(self._answer(response(Op.abort, Result.success)))
        elif running:
            raise att.ATT_Error(self.in_progress)
        else:
            request = parse(data)
            work = self._answer(request) if isinstance(request, bytes) else self._do(request)
            self._procedure = self.spawn(work)

    async def _do(self, request: Request) -> None:
        found = [(record, frames) for record in chosen(request, self.memory)
                 if (frames := self.record_frames(record))]
        if request.op is Op.count:
            await self._answer(count_response(len(found)))
        elif not found:
            await self._answer(response(request.op, Result.no_records))
        elif request.op is Op.delete:
            for record, _ in found:
                self.memory.remove(record)
            self.deleted += len(found)
            await self._answer(response(request.op, Result.success))
        else:
            await self._report(found)

    async def _report(self, found: list[tuple[_Record, list[tuple[Characteristic[Any], bytes]]]]) -> None:
        for _, frames in found:
            for characteristic, value in frames:
                if self.subscribed(characteristic) and not await self.send(characteristic, value):
                    return
            self.delivered += 1
            await asyncio.sleep(PACE_S)
        await self._answer(response(Op.report, Result.success))

    async def _answer(self, data: bytes) -> None:
        await self.send(self._racp, data)

    def _set_sequence(self, body: Body) -> Body:
        following = whole(body, "next", 1, 0xFFFF)
        if following is None:
            raise Refused("next is missing")
        self.sequence = following - 1
        return {"next": following}

    def _forget(self, _: Body) -> Body:
        self.memory.clear()
        return {"memory": 0}
