"""The face of one instrument: its state and problem, and the pressure of a cuff that measures."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from protocol.channels import Instrument, InstrumentState
from protocol.kiosk import CuffPressure
from protocol.readings import Chunk, Reading, WaveformEnd

from .config import InstrumentConfig


class InstrumentSink(Protocol):
    """Where what instruments say goes; implemented by the consultation."""

    async def reading(self, reading: Reading) -> None:
        """Returns when the reading is committed to disk."""

    async def chunk(self, chunk: Chunk) -> None:
        """Returns when the chunk is committed to disk."""

    async def waveform_stopped(self, end: WaveformEnd) -> None:
        """The device went away, or a stop was asked."""

    def changed(self) -> None:
        """Some instrument's state or the cuff's pressure changed; must not block."""


class Panel:
    """What a driver says of its instrument; tells `changed` only when something did."""

    def __init__(self, config: InstrumentConfig, changed: Callable[[], None]) -> None:
        self.config = config
        self.state = InstrumentState.absent
        self.problem: str | None = None
        self.pressure: int | None = None
        self._changed = changed

    def show(self, state: InstrumentState, problem: str | None = None, pressure: int | None = None) -> None:
        """Set everything at once; a pressure belongs to `measuring` only."""
        if (state, problem, pressure) == (self.state, self.problem, self.pressure):
            return
        self.state, self.problem, self.pressure = state, problem, pressure
        self._changed()

    @property
    def instrument(self) -> Instrument:
        """As it goes over the wire."""
        return Instrument(number=self.config.number, instrument_id=self.config.instrument_id, kind=self.config.kind,
                          name=self.config.name, state=self.state, problem=self.problem,
                          simulated=self.config.simulated)

    @property
    def cuff(self) -> CuffPressure | None:
        """Live pressure, while there is one."""
        if self.pressure is None:
            return None
        return CuffPressure(instrument_id=self.config.instrument_id, pressure=self.pressure)
