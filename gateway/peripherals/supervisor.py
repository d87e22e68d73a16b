"""One task per instrument; a driver that crashes is logged, waits, and starts again, and the others never notice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Final, Protocol

import structlog

from protocol.channels import Instrument, InstrumentState
from protocol.kiosk import CuffPressure
from protocol.readings import Still, Waveform

from .config import InstrumentConfig, RadioConfig
from .drivers.healthypi5 import HealthyPi5
from .drivers.radio import Radio
from .drivers.still import StillCamera
from .drivers.ua651ble import Ua651ble
from .errors import UnknownInstrument
from .panel import InstrumentSink, Panel

_log = structlog.get_logger()

RESTART_AFTER: Final = (0.5, 1.0, 2.0, 5.0, 15.0)
"""Seconds before a crashed driver starts again; the last one repeats. A USB device needs about a second to come
back, and a person looks at the screen again within fifteen."""

STEADY_S = 60.0
"""A driver that ran this long starts again from the shortest wait."""


class Driver(Protocol):
    """What the supervisor runs: until cancelled; an exception is a crash."""

    async def run(self) -> None: ...


class Supervisor:
    """All instruments on board. `run` is awaited once by the composition root."""

    def __init__(self, instruments: Sequence[InstrumentConfig], radio: RadioConfig, sink: InstrumentSink) -> None:
        """ValueError when an identifier or number is used twice, or a driver is unknown."""
        for what in ("instrument_id", "number"):
            if len({getattr(i, what) for i in instruments}) != len(instruments):
                raise ValueError(f"two instruments have the same {what}")
        self._panels = {config.instrument_id: Panel(config, sink.changed)
                        for config in sorted(instruments, key=lambda config: config.number)}
        self._drivers: dict[str, Driver] = {}
        needs_radio = any(config.driver in Ua651ble.DRIVERS for config in instruments)
        self._radio = Radio(radio) if needs_radio else None
        for instrument_id, panel in self._panels.items():
            self._drivers[instrument_id] = self._driver(panel, sink)

    def _driver(self, panel: Panel, sink: InstrumentSink) -> Driver:
        match panel.config.driver:
            case name if name in Ua651ble.DRIVERS and self._radio is not None:
                return Ua651ble(panel, sink, self._radio)
            case "healthypi5":
                return HealthyPi5(panel, sink)
            case "still":
                return StillCamera(panel)
            case name:
                raise ValueError(f"driver {name!r} is unknown")

    async def run(self) -> None:
        """Run every instrument until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            if self._radio is not None:
                tasks.create_task(self._keep("radio", self._radio, ()), name="peripherals.radio")
            for instrument_id, driver in self._drivers.items():
                tasks.create_task(self._keep(instrument_id, driver, (self._panels[instrument_id],)),
                                  name=f"peripherals.{instrument_id}")

    async def _keep(self, name: str, driver: Driver, panels: tuple[Panel, ...]) -> None:
        crashes = 0
        loop = asyncio.get_running_loop()
        task = asyncio.current_task()
        # A driver whose clean-up fails while it is cancelled ends with that failure: it is not to be started again.
        while task is None or not task.cancelling():
            started = loop.time()
            try:
                await driver.run()
            except Exception as error:
                task = asyncio.current_task()
                if task is not None and task.cancelling():
                    # The driver met our cancellation with an error of its own while it let go of its device.
                    raise asyncio.CancelledError from error
                _log.error("instrument.crashed", instrument=name, **_facts(error))
            else:
                _log.error("instrument.ended", instrument=name)
            crashes = 0 if loop.time() - started > STEADY_S else crashes
            for panel in panels:
                panel.show(InstrumentState.failed, "instrument.crashed")
            if task is not None and task.cancelling():
                break
            await asyncio.sleep(RESTART_AFTER[min(crashes, len(RESTART_AFTER) - 1)])
            crashes += 1
        raise asyncio.CancelledError

    def instruments(self) -> tuple[Instrument, ...]:
        """Everything on board, by number; `request` is always None here."""
        return tuple(panel.instrument for panel in self._panels.values())

    @property
    def cuff(self) -> CuffPressure | None:
        """The pressure of the cuff that measures now."""
        return next((cuff for panel in self._panels.values() if (cuff := panel.cuff)), None)

    async def start_waveform(self, instrument_id: str, stream_id: int) -> Waveform:
        """Open the instrument and begin its stream. InstrumentFailed when it is away or already streams."""
        return await self._ecg(instrument_id).start(stream_id)

    async def stop_waveform(self, instrument_id: str) -> None:
        """End the stream, after `sink.waveform_stopped`; nothing happens when there is none."""
        await self._ecg(instrument_id).stop()

    async def capture_still(self, instrument_id: str) -> tuple[Still, bytes]:
        """A judged picture at the camera's full size and its JPEG. InstrumentFailed when the camera is away."""
        return await self._camera(instrument_id).capture()

    def preview(self, instrument_id: str) -> AsyncIterator[bytes]:
        """JPEG frames, about ten a second; a slow reader misses frames, never falls behind. Ends with
        InstrumentFailed when the camera goes away."""
        return self._camera(instrument_id).preview()

    def _ecg(self, instrument_id: str) -> HealthyPi5:
        driver = self._drivers.get(instrument_id)
        if not isinstance(driver, HealthyPi5):
            raise UnknownInstrument("instrument.unknown", instrument_id)
        return driver

    def _camera(self, instrument_id: str) -> StillCamera:
        driver = self._drivers.get(instrument_id)
        if not isinstance(driver, StillCamera):
            raise UnknownInstrument("instrument.unknown", instrument_id)
        return driver


def _facts(error: BaseException) -> dict[str, str]:
    """Type, code and place of a crash. No message and no traceback: either may hold what was measured."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    place, trace = "", error.__traceback__
    while trace is not None:
        place = f"{trace.tb_frame.f_code.co_qualname}:{trace.tb_lineno}"
        trace = trace.tb_next
    return {"error": type(error).__name__, "code": getattr(error, "code", "") or "", "place": place}
