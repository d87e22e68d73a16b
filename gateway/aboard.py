"""The vehicle's instruments as the session sees them: the supervisor's, and the stethoscope, which is sound and
therefore lives in the media room.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from protocol.channels import Instrument, InstrumentState
from protocol.kiosk import CameraView, Uplink
from protocol.readings import InstrumentKind, Still, Waveform
from protocol.values import IceServer

from .media.engine import MediaEngine
from .media.events import PeerEvents
from .media.path import CallFigures
from .media.remote_peers import DoctorPeer, GuestPeer
from .media.scene_source import SceneSource
from .peripherals.abilities import Driver
from .peripherals.config import InstrumentConfig
from .peripherals.drivers.radio import Radio
from .peripherals.panel import InstrumentSink, Panel
from .peripherals.registry import Entry, drivers
from .peripherals.supervisor import Supervisor
from .session.seams import GuestLine

STETHOSCOPE = "stethoscope"
"""The driver that a configuration names for it."""


class _Elsewhere:
    """Holds the stethoscope's number and name among the instruments, so that nothing paired takes them."""

    async def run(self) -> None:
        await asyncio.get_running_loop().create_future()


def entries(recordings: Path) -> Mapping[str, Entry]:
    """The drivers of everything that has a number; what they refuse names the instrument. `recordings`: where an ECG
    cart's files are kept."""
    return {**{name: _named(entry) for name, entry in drivers(recordings).items()},
            STETHOSCOPE: Entry(lambda _panel, _sink, _radio: _Elsewhere())}


def _named(entry: Entry) -> Entry:
    def make(panel: Panel, sink: InstrumentSink, radio: Radio) -> Driver:
        try:
            return entry.make(panel, sink, radio)
        except ValueError as error:
            raise ValueError(f"instrument {panel.config.instrument_id}: {error}") from error
    return replace(entry, make=make)


class Instruments:
    """Implements `session.seams.Instruments`."""

    def __init__(self, supervisor: Supervisor, media: MediaEngine, stethoscope: InstrumentConfig | None) -> None:
        self._supervisor, self._media, self._stethoscope = supervisor, media, stethoscope

    def instruments(self) -> tuple[Instrument, ...]:
        """Everything on board, by number."""
        config, device = self._stethoscope, self._media.stethoscope
        ear_id = config.instrument_id if config is not None else None
        fitted = tuple(aboard for aboard in self._supervisor.instruments() if aboard.instrument_id != ear_id)
        if config is None or device is None:
            return fitted
        ear = Instrument(number=config.number, instrument_id=config.instrument_id, kind=InstrumentKind.stethoscope,
                         name=config.name, state=device.state, problem=device.problem, simulated=config.simulated)
        return tuple(sorted((*fitted, ear), key=lambda instrument: instrument.number))

    async def start_waveform(self, instrument_id: str, stream_id: int) -> Waveform:
        """See `peripherals.supervisor`."""
        return await self._supervisor.start_waveform(instrument_id, stream_id)

    async def stop_waveform(self, instrument_id: str) -> None:
        """See `peripherals.supervisor`."""
        await self._supervisor.stop_waveform(instrument_id)

    async def capture_still(self, instrument_id: str) -> tuple[Still, bytes]:
        """See `peripherals.supervisor`."""
        return await self._supervisor.capture_still(instrument_id)

    def expect(self) -> None:
        """See `peripherals.supervisor`."""
        self._supervisor.expect()

    def frames(self, instrument_id: str) -> SceneSource:
        """See `peripherals.supervisor`."""
        return self._supervisor.frames(instrument_id)


class Media:
    """Implements `session.seams.Media`: the engine, with the stethoscope under its instrument's name."""

    def __init__(self, engine: MediaEngine, stethoscope: InstrumentConfig | None) -> None:
        self._engine, self._stethoscope = engine, stethoscope

    @property
    def camera(self) -> CameraView:
        """See `media.engine`."""
        return self._engine.camera

    @property
    def microphone(self) -> bool:
        """See `media.engine`."""
        return self._engine.microphone

    @property
    def microphone_code(self) -> str | None:
        """See `media.engine`."""
        return self._engine.microphone_code

    @property
    def muted(self) -> bool:
        """See `media.engine`."""
        return self._engine.muted

    def mute(self, muted: bool) -> None:
        """See `media.engine`."""
        self._engine.mute(muted)

    @property
    def figures(self) -> CallFigures | None:
        """The newest doctor's."""
        paths = self._engine.paths
        return paths[-1] if paths else None

    def guest_figures(self, line: GuestLine) -> CallFigures | None:
        """See `media.engine`."""
        return self._engine.figures_of(line) if isinstance(line, GuestPeer) else None

    @property
    def encoder(self) -> str:
        """What makes the picture."""
        return self._engine.encoder

    @property
    def uplinks(self) -> tuple[Uplink, ...]:
        """See `media.engine`."""
        return self._engine.uplinks

    @property
    def picture_code(self) -> str | None:
        """Why the doctor gets no picture, whatever a guest gets."""
        figures = self.figures
        if figures is None or figures.path is None:
            return self._engine.picture_code
        return "picture.paused_thin" if figures.path.paused else None

    @property
    def shown(self) -> str | None:
        """The examination camera in the picture's place."""
        return self._engine.shown

    @property
    def listening(self) -> str | None:
        """The stethoscope that was opened; it may be absent all the same."""
        device = self._engine.stethoscope
        return self._stethoscope.instrument_id if self._stethoscope and device is not None and device.wanted else None

    @property
    def listening_code(self) -> str | None:
        """Why an open stethoscope is not heard."""
        device = self._engine.stethoscope
        if device is None or not device.wanted or device.state is InstrumentState.measuring:
            return None
        return device.problem

    @property
    def beside(self) -> bool:
        """Whether the room's picture stands beside it."""
        return self._engine.beside

    def show(self, source: SceneSource | None, name: str = "", *, beside: bool = False) -> None:
        """See `media.engine`."""
        self._engine.show(source, name, beside)

    def listen(self, instrument_id: str | None) -> None:
        """Open the stethoscope, or close it."""
        self._engine.listen(instrument_id is not None)

    async def guest_peer(self, servers: Sequence[IceServer], events: PeerEvents) -> GuestPeer:
        """See `media.engine`."""
        return await self._engine.guest_peer(servers, events)

    async def doctor_peer(self, servers: Sequence[IceServer], events: PeerEvents) -> DoctorPeer:
        """See `media.engine`."""
        return await self._engine.doctor_peer(servers, events)
