"""One task per instrument; a driver that crashes is logged, waits, and starts again, and the others never notice.

Instruments come and go while it runs: pairing adds one, replaces one, forgets one.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

import structlog

from protocol.channels import Instrument, InstrumentState
from protocol.kiosk import CuffPressure
from protocol.readings import Still, Waveform
from protocol.values import Problem

from .abilities import Aims, Driver, Films, Photographs, Streams
from .config import InstrumentConfig, RadioConfig
from .drivers.radio import Radio
from .drivers.recovery import Doubt
from .errors import UnknownInstrument
from .pairing import Pairing
from .panel import InstrumentSink, Panel
from .registry import DRIVERS, Entry

if TYPE_CHECKING:
    from .drivers.live_frames import LiveFrames
    from .pictures.framing import Framing

_log = structlog.get_logger()
_A = TypeVar("_A")

RESTART_AFTER: Final = (0.5, 1.0, 2.0, 5.0, 15.0)
"""Seconds before a crashed driver starts again; the last one repeats. A USB device needs about a second to come
back, and a person looks at the screen again within fifteen."""

STEADY_S = 60.0
"""A driver that ran this long starts again from the shortest wait."""

SILENT_TOLD_S: Final = 600.0
"""A silence that outlasts every step of the recovery by this much is a place without a single radio device: no
problem for the nurse's bar any more."""


@dataclass(slots=True)
class _Aboard:
    """One instrument: its face, its driver, and the task that runs it."""

    panel: Panel
    driver: Driver
    task: asyncio.Task[None] | None = None


class Supervisor:
    """All instruments on board. `run` is awaited once by the composition root.

    `pairing` is the wizard that adds radio instruments; its `keep` and `forget` are set by whoever stores them.
    """

    def __init__(self, instruments: Sequence[InstrumentConfig], radio: RadioConfig, sink: InstrumentSink,
                 drivers: Mapping[str, Entry] = DRIVERS) -> None:
        """ValueError when an identifier or number is used twice, or a driver is unknown."""
        self._sink, self._entries = sink, drivers
        self._aboard: dict[str, _Aboard] = {}
        self._tasks: asyncio.TaskGroup | None = None
        self._radio = Radio(radio)
        self._heed = False
        self._listening: asyncio.Task[None] | None = None
        self.pairing = Pairing(self._radio, self, sink.changed)
        for config in instruments:
            self._check(config, self._aboard)
            self._aboard[config.instrument_id] = self._made(config)

    async def run(self) -> None:
        """Run every instrument until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            try:
                for instrument_id in self._aboard:
                    self._begin(instrument_id)
                if self._heed:
                    self.listen()
                tasks.create_task(self._keep("pairing", self.pairing, ()), name="peripherals.pairing")
                await asyncio.Event().wait()
            finally:
                self._tasks = None

    def listen(self) -> None:
        """Let the radio listen, also when no instrument on board needs it yet."""
        self._heed = True
        if self._tasks is not None and self._listening is None:
            self._listening = self._tasks.create_task(self._keep("radio", self._radio, ()), name="peripherals.radio")

    def config(self, instrument_id: str) -> InstrumentConfig | None:
        """What the instrument was made from; None when there is none of that name."""
        aboard = self._aboard.get(instrument_id)
        return aboard.panel.config if aboard else None

    def configs(self) -> tuple[InstrumentConfig, ...]:
        """Everything on board, by number."""
        return tuple(sorted((aboard.panel.config for aboard in self._aboard.values()), key=lambda c: c.number))

    def instrument_of(self, device_id: str) -> str | None:
        """The instrument on board that a reading's `device_id` means; None when it is not known for sure."""
        if device_id in self._aboard:
            return device_id
        return next((name for name, aboard in self._aboard.items()
                     if device_id == f"ble:{aboard.panel.config.source.lower()}"), None)

    def add(self, config: InstrumentConfig) -> None:
        """Take an instrument on board and start it. ValueError as the constructor."""
        self._check(config, self._aboard)
        self._aboard[config.instrument_id] = self._made(config)
        self._begin(config.instrument_id)
        self._sink.changed()

    async def rest(self, instrument_id: str) -> None:
        """Keep an instrument's driver away from its device until `wake` or `replace`. UnknownInstrument."""
        aboard = self._of(instrument_id)
        if isinstance(aboard.driver, Streams):
            await aboard.driver.stop()
        await _ended(aboard)
        aboard.panel.show(InstrumentState.asleep)

    def wake(self, instrument_id: str) -> None:
        """Let it go on."""
        if self._of(instrument_id).task is None:
            self._begin(instrument_id)

    async def remove(self, instrument_id: str) -> None:
        """Let an instrument go, once its stream has ended and its device is free. UnknownInstrument."""
        aboard = self._of(instrument_id)
        if isinstance(aboard.driver, Streams):
            await aboard.driver.stop()
        self._aboard.pop(instrument_id, None)
        aboard.panel.leave()
        await _ended(aboard)
        self._sink.changed()

    async def replace(self, config: InstrumentConfig) -> None:
        """Another device takes the place of `config.instrument_id`. ValueError leaves everything as it was."""
        others = {name: aboard for name, aboard in self._aboard.items() if name != config.instrument_id}
        self._check(config, others)
        with suppress(UnknownInstrument):
            await self.remove(config.instrument_id)
        self.add(config)

    def instruments(self) -> tuple[Instrument, ...]:
        """Everything on board, by number; `request` is always None here."""
        return tuple(sorted((aboard.panel.instrument for aboard in self._aboard.values()), key=lambda i: i.number))

    def expect(self) -> None:
        """A person waits for a radio instrument: a silence that was taken for an empty place is looked into."""
        if self._listening is not None:
            self._radio.expect()

    def problems(self) -> tuple[Problem, ...]:
        """What is wrong with what the instruments share: the radio, its adapter, and what is being done about it
        (`radio.silent`, `radio.refusing`, `radio.hung`, then `radio.step_record`, `radio.step_power`,
        `radio.step_service`)."""
        if self._listening is None:
            return ()
        facts, found = self._radio.recovery, []
        if self._radio.problem is not None:
            found.append(self._radio.problem)
        empty_place = facts.doubt is Doubt.silent and asyncio.get_running_loop().time() - facts.since > SILENT_TOLD_S
        if facts.doubt is not None and facts.step is not None and not empty_place:
            found += [f"radio.{facts.doubt.value}", f"radio.step_{facts.step.value}"]
        return tuple(Problem(code=code, subject="radio") for code in dict.fromkeys(found))

    @property
    def cuff(self) -> CuffPressure | None:
        """The pressure of the cuff that measures now."""
        return next((cuff for aboard in self._aboard.values() if (cuff := aboard.panel.cuff)), None)

    async def start_waveform(self, instrument_id: str, stream_id: int) -> Waveform:
        """Open the instrument and begin its stream. InstrumentFailed when it is away or already streams."""
        return await self._able(instrument_id, Streams).start(stream_id)  # type: ignore[type-abstract]

    async def stop_waveform(self, instrument_id: str) -> None:
        """End the stream, after `sink.waveform_stopped`; nothing happens when there is none."""
        await self._able(instrument_id, Streams).stop()  # type: ignore[type-abstract]

    async def capture_still(self, instrument_id: str) -> tuple[Still, bytes]:
        """A judged picture at the camera's full size and its JPEG. InstrumentFailed when the camera is away."""
        return await self._able(instrument_id, Photographs).capture()  # type: ignore[type-abstract]

    def preview(self, instrument_id: str) -> AsyncIterator[bytes]:
        """JPEG frames, about ten a second; a slow reader misses frames, never falls behind. Ends with
        InstrumentFailed when the camera goes away."""
        return self._able(instrument_id, Photographs).preview()  # type: ignore[type-abstract]

    def frames(self, instrument_id: str) -> LiveFrames:
        """The newest frames of an examination camera, until they are closed."""
        return self._able(instrument_id, Films).frames()  # type: ignore[type-abstract]

    async def framing(self, instrument_id: str, earlier: bytes) -> Framing | None:
        """How the camera's picture now lies over an earlier still (JPEG); None when it can't be told."""
        return await self._able(instrument_id, Aims).framing(earlier)  # type: ignore[type-abstract]

    def _of(self, instrument_id: str) -> _Aboard:
        aboard = self._aboard.get(instrument_id)
        if aboard is None:
            raise UnknownInstrument("instrument.unknown", instrument_id)
        return aboard

    def _able(self, instrument_id: str, ability: type[_A]) -> _A:
        driver = self._of(instrument_id).driver
        if not isinstance(driver, ability):
            raise UnknownInstrument("instrument.unknown", instrument_id)
        return driver

    def _check(self, config: InstrumentConfig, others: Mapping[str, _Aboard]) -> None:
        if config.instrument_id in others:
            raise ValueError("two instruments have the same instrument_id")
        if any(other.panel.config.number == config.number for other in others.values()):
            raise ValueError("two instruments have the same number")
        if config.driver not in self._entries:
            raise ValueError(f"driver {config.driver!r} is unknown")

    def _made(self, config: InstrumentConfig) -> _Aboard:
        panel, entry = Panel(config, self._sink.changed), self._entries[config.driver]
        driver = entry.make(panel, self._sink, self._radio)
        panel.streams = isinstance(driver, Streams)
        if entry.radio:
            panel.device_id = f"ble:{config.source.lower()}"
        return _Aboard(panel, driver)

    def _begin(self, instrument_id: str) -> None:
        if self._tasks is None:
            return
        aboard = self._aboard[instrument_id]
        if self._entries[aboard.panel.config.driver].radio:
            self.listen()
        aboard.task = self._tasks.create_task(self._keep(instrument_id, aboard.driver, (aboard.panel,)),
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


async def _ended(aboard: _Aboard) -> None:
    """Its task is over and its device free."""
    task, aboard.task = aboard.task, None
    if task is not None:
        task.cancel()
        await asyncio.wait([task])


def _facts(error: BaseException) -> dict[str, str]:
    """Type, code and place of a crash. No message and no traceback: either may hold what was measured."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    place, trace = "", error.__traceback__
    while trace is not None:
        place = f"{trace.tb_frame.f_code.co_qualname}:{trace.tb_lineno}"
        trace = trace.tb_next
    return {"error": type(error).__name__, "code": getattr(error, "code", "") or "", "place": place}
