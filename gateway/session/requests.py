"""The doctor's requests for instruments: shown on the kiosk until they are answered or withdrawn."""

from __future__ import annotations

from datetime import datetime

from msgspec.structs import replace

from protocol.channels import (
    Instrument,
    InstrumentRequested,
    InstrumentRequestWithdrawn,
    Request,
)
from protocol.readings import Device

from . import guard
from .chart import Chart
from .errors import Refused
from .seams import Instruments


class Requests:
    """At most one request an instrument; they are part of the encounter's record and outlive a restart."""

    def __init__(self, chart: Chart, instruments: Instruments) -> None:
        self._chart = chart
        self._instruments = instruments

    def shown(self) -> tuple[Instrument, ...]:
        """The instruments with what is asked of them."""
        record = self._chart.record
        asked = {request.instrument_id: request for request in record.requests} if record else {}
        return tuple(replace(instrument, request=asked.get(instrument.instrument_id))
                     for instrument in self._instruments.instruments())

    async def ask(self, message: InstrumentRequested) -> None:
        """Take up a request; the same one again changes nothing. Raises Refused(`instrument.unknown`), StoreError."""
        if message.instrument_id not in {i.instrument_id for i in self._instruments.instruments()}:
            raise Refused("instrument.unknown")
        async with self._chart.turn():
            record = self._chart.require()
            if any(request.request_id == message.request_id for request in record.requests):
                return
            request = Request(request_id=message.request_id, instrument_id=message.instrument_id,
                              asked_at=self._chart.now(), words=message.words)
            self._instruments.expect()
            others = tuple(r for r in record.requests if r.instrument_id != message.instrument_id)
            await self._chart.save(requests=(*others, request))

    async def withdraw(self, message: InstrumentRequestWithdrawn) -> None:
        """Forget a request; one that is gone already is no error. Raises Refused, StoreError."""
        async with self._chart.turn():
            record = self._chart.require()
            await self._chart.save(requests=tuple(r for r in record.requests if r.request_id != message.request_id))

    async def met(self, instrument_id: str) -> None:
        """What was asked of this instrument is done: it is seen or heard. Raises StoreError."""
        async with self._chart.turn():
            record = self._chart.record
            if record is not None and any(request.instrument_id == instrument_id for request in record.requests):
                await self._chart.save(requests=tuple(r for r in record.requests if r.instrument_id != instrument_id))

    async def answered(self, device: Device, taken_at: datetime | None = None) -> None:
        """Something came of this device: what was asked of its instrument is done, unless it was taken (`taken_at`;
        None: now) before that was asked: a cuff sends again what it has. Within a turn. Raises StoreError."""
        record = self._chart.record
        if record is None or not record.requests:
            return
        instruments = self._instruments.instruments()
        ids = {i.instrument_id for i in instruments if device.device_id in (i.instrument_id, i.device_id)}
        # One that is fitted by its name alone: all of the kind are meant.
        ids = ids or {i.instrument_id for i in instruments if i.kind is device.kind}
        await self._chart.save(requests=tuple(
            r for r in record.requests
            if r.instrument_id not in ids or (taken_at is not None and taken_at < r.asked_at - guard.SLACK)))
