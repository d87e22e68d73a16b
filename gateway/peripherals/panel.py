"""The face of one instrument: its state and problem, and the pressure of a cuff that measures."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol

from protocol.channels import Instrument, InstrumentState
from protocol.kiosk import CuffPressure
from protocol.readings import Chunk, Quantity, Reading, WaveformEnd

from .config import InstrumentConfig
from .profiles.blood_pressure import Unit, to_millimetres
from .recording import RecordingArrived

OVER_RANGE: Final = 1000
"""mmHg: no cuff holds it; a number beyond is none to show."""

CUFF_PRESSURE: Final = 150300
"""MDC_PRESS_CUFF (ISO/IEEE 11073-10101): what the cuff holds now, in mmHg; not a blood pressure."""


class InstrumentSink(Protocol):
    """Where what instruments say goes; implemented by the consultation."""

    async def reading(self, reading: Reading) -> None:
        """Returns when the reading is committed to disk."""

    async def recording(self, arrived: RecordingArrived) -> None:
        """Returns when the recording is committed to disk, all its samples with it."""

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
        self.live: tuple[Quantity, ...] = ()
        self.battery: int | None = None
        self.device_id = config.instrument_id
        self.streams = False
        self._changed = changed

    def show(self, state: InstrumentState, problem: str | None = None, live: tuple[Quantity, ...] = ()) -> None:
        """Set everything at once; what is live belongs to an instrument that measures."""
        if (state, problem, live) == (self.state, self.problem, self.live):
            return
        self.state, self.problem, self.live = state, problem, live
        self._changed()

    def charge(self, percent: int | None) -> None:
        """The battery as the instrument said last (2A19)."""
        if percent is not None and percent != self.battery and 0 <= percent <= 100:
            self.battery = percent
            self._changed()

    def leave(self) -> None:
        """The instrument left the vehicle: what its driver still says is heard by nobody."""
        self._changed = lambda: None

    @property
    def instrument(self) -> Instrument:
        """As it goes over the wire."""
        return Instrument(number=self.config.number, instrument_id=self.config.instrument_id, kind=self.config.kind,
                          name=self.config.name, state=self.state, problem=self.problem,
                          simulated=self.config.simulated, battery=self.battery, live=self.live,
                          device_id=self.device_id, streams=self.streams)

    @property
    def cuff(self) -> CuffPressure | None:
        """Live pressure, while there is one."""
        for quantity in self.live:
            if quantity.mdc == CUFF_PRESSURE and quantity.value is not None:
                pressure = round(to_millimetres(quantity.value, Unit(quantity.unit)))
                if 0 <= pressure < OVER_RANGE:
                    return CuffPressure(instrument_id=self.config.instrument_id, pressure=pressure)
        return None
