"""What the session needs of the rooms beside it. The rooms' classes fit these Protocols; tests have their own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from gateway.media.events import PeerEvents
from gateway.media.path import CallFigures
from gateway.media.scene_source import SceneSource
from protocol.channels import Instrument
from protocol.kiosk import CameraView, Uplink
from protocol.readings import Still, Waveform
from protocol.signalling import FromVehicle, PrescriptionReady
from protocol.values import IceServer


class Peer(Protocol):
    """The peer connection to the doctor's page (`gateway.media.remote_peers.DoctorPeer`)."""

    @property
    def fingerprint(self) -> str: ...
    async def offer(self) -> str: ...
    async def answer(self, sdp: str) -> None: ...
    async def candidate(self, candidate: str, sdp_mid: str = "", sdp_m_line_index: int = 0) -> None: ...
    def send(self, channel: str, data: str | bytes) -> bool: ...
    def buffered(self, channel: str) -> int: ...
    async def drained(self, channel: str) -> None: ...
    async def close(self) -> None: ...


class GuestLine(Protocol):
    """The peer connection to a guest's page (`gateway.media.remote_peers.GuestPeer`)."""

    @property
    def fingerprint(self) -> str: ...
    async def offer(self) -> str: ...
    async def answer(self, sdp: str) -> None: ...
    async def candidate(self, candidate: str, sdp_mid: str = "", sdp_m_line_index: int = 0) -> None: ...
    async def close(self) -> None: ...


class Media(Protocol):
    """Camera, microphone and peers (`gateway.media.engine.MediaEngine`)."""

    @property
    def camera(self) -> CameraView: ...
    @property
    def microphone(self) -> bool: ...
    @property
    def microphone_code(self) -> str | None:
        """Why the bus is not to be heard, but for being muted: `microphone.missing`, `microphone.silent`."""
    @property
    def muted(self) -> bool:
        """Whether no voice leaves the bus."""
    def mute(self, muted: bool) -> None: ...
    @property
    def figures(self) -> CallFigures | None:
        """Of the doctor's picture and path; None without one."""
    def guest_figures(self, line: GuestLine) -> CallFigures | None:
        """Of the picture and path to this guest; None before there can be a picture."""
    @property
    def uplinks(self) -> tuple[Uplink, ...]: ...
    @property
    def picture_code(self) -> str | None:
        """Why a camera's picture is not sent: `picture.paused_thin`."""
    @property
    def shown(self) -> str | None:
        """The examination camera in the picture's place; None: the room's."""
    @property
    def beside(self) -> bool:
        """Whether the room's picture stands small beside it."""
    @property
    def listening(self) -> str | None:
        """The stethoscope that is open."""
    @property
    def listening_code(self) -> str | None:
        """Why it is not heard."""
    def show(self, source: SceneSource | None, name: str = "", *, beside: bool = False) -> None: ...
    def listen(self, instrument_id: str | None) -> None: ...
    async def doctor_peer(self, servers: Sequence[IceServer], events: PeerEvents) -> Peer: ...
    async def guest_peer(self, servers: Sequence[IceServer], events: PeerEvents) -> GuestLine: ...


class Instruments(Protocol):
    """The instruments on board (`gateway.peripherals.supervisor.Supervisor`). Failures carry a `code`."""

    def instruments(self) -> tuple[Instrument, ...]: ...
    async def start_waveform(self, instrument_id: str, stream_id: int) -> Waveform: ...
    async def stop_waveform(self, instrument_id: str) -> None: ...
    async def capture_still(self, instrument_id: str) -> tuple[Still, bytes]: ...
    def frames(self, instrument_id: str) -> SceneSource: ...
    def expect(self) -> None:
        """Somebody is about to measure."""


class Relay(Protocol):
    """The signalling link (`gateway.link.RelayLink`)."""

    @property
    def online(self) -> bool: ...
    @property
    def reached(self) -> bool:
        """Something came from it a moment ago: what is said now arrives now."""
    def send(self, body: FromVehicle, acknowledged: Callable[[], None] | None = None) -> None:
        """Queue a message; `acknowledged` is called when the relay has it."""


class Papers(Protocol):
    """The printing room (`gateway.printing.room.PrintRoom`). Refusals carry a `code`."""

    async def ready(self, message: PrescriptionReady) -> None: ...
    async def print_again(self, prescription_id: str) -> None: ...
    async def say_printed(self, prescription_id: str, printed: bool) -> None: ...
    async def hand_over(self, prescription_id: str) -> None: ...


def code_of(error: BaseException) -> str | None:
    """The stable code that every room's own errors carry; None: a mistake of ours, to be raised on."""
    code = getattr(error, "code", None)
    return code if isinstance(code, str) else None
