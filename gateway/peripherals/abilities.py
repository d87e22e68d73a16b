"""What a driver can do, as Protocols: the supervisor asks for the ability, never for the class."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from protocol.readings import Still, Waveform

if TYPE_CHECKING:
    from .drivers.live_frames import LiveFrames
    from .pictures.framing import Framing


class Driver(Protocol):
    """What the supervisor runs: until cancelled; an exception is a crash."""

    async def run(self) -> None: ...


@runtime_checkable
class Streams(Protocol):
    """Gives samples on demand: an ECG, a cardiotocograph."""

    async def start(self, stream_id: int) -> Waveform:
        """Open the instrument and begin its stream. InstrumentFailed when it is away or already streams."""

    async def stop(self) -> None:
        """End the stream, after `sink.waveform_stopped`; nothing happens when there is none."""


@runtime_checkable
class Photographs(Protocol):
    """Takes stills and shows what it sees."""

    async def capture(self) -> tuple[Still, bytes]:
        """A judged picture at the camera's full size and its JPEG. InstrumentFailed when the camera is away."""

    def preview(self) -> AsyncIterator[bytes]:
        """JPEG frames, about ten a second; a slow reader misses frames, never falls behind."""


@runtime_checkable
class Films(Protocol):
    """Gives its frames live."""

    def frames(self) -> LiveFrames:
        """One viewer's newest frames, until it closes them."""


@runtime_checkable
class Aims(Protocol):
    """Says how its picture lies over an earlier one of the same place."""

    async def framing(self, earlier: bytes) -> Framing | None:
        """`earlier` is a JPEG; None when the two pictures have too little in common."""
