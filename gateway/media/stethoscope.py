"""An electronic stethoscope: a USB sound card read in a thread of its own while somebody listens, and only then."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

import av
import structlog
from av.container import InputContainer

from protocol.channels import InstrumentState

from .config import SoundKind, StethoscopeConfig
from .sound import WIDE, SoundEncoder, SoundPacket, SoundProfile

RETRY_SECONDS = 1.0
"""How soon a stethoscope that is plugged in again is seen; looking costs a directory."""

PROBE_SECONDS = 10.0
"""A PCM that names no card can only be looked for by opening it, and each vain attempt is a line in the journal."""

OPEN_SECONDS, SILENCE_SECONDS = 3.0, 2.0
"""For the simulator's socket. The kernel itself ends the read of a card that hangs (10 s, EIO)."""

STOP_SECONDS = 2.5
"""A read of a living card ends within a period of it; one that hangs keeps its (daemon) thread."""

AHEAD_SECONDS = 0.2
"""A card delivers in real time, in bursts of a period; a file that stands in for one would deliver at once."""

QUIET_DB, QUIET_SECONDS = -60.0, 3.0
"""Nothing louder for so long: two heart beats were missed, the chest piece is not on the skin. Stethoscopes in the
air give -65 to -80 dB against full scale, first heart sounds -40 to -10 dB [know]."""

LAYOUTS = ("mono", "stereo")
"""Some cards have two channels with the same sound in both, and refuse to be asked for one."""

CARDS = Path("/sys/class/sound")

_T = TypeVar("_T")

_log = structlog.get_logger()


class _Unplugged(Exception):
    """The source ended."""


class Stethoscope:
    """Open or closed, there or not. `changed` is called in the event loop when `state` or `problem` change,
    `deliver` there too, for each packet while it is open.

    Problems: `stethoscope.unplugged`, `stethoscope.busy` (another program has the card, or it is not ours to open),
    `stethoscope.silent` (no samples), `stethoscope.quiet` (samples, but not on the skin).
    """

    def __init__(self, config: StethoscopeConfig, changed: Callable[[], None],
                 deliver: Callable[[SoundPacket], None] = lambda packet: None) -> None:
        self.config = config
        self.state = InstrumentState.absent
        self.problem: str | None = "stethoscope.unplugged"
        self.level = 0.0
        """Loudness of the last packet: 0 is `QUIET_DB` and less, 1 full scale; 0 while closed."""
        self._changed = changed
        self._deliver = deliver
        self._profile = WIDE
        self._loop: asyncio.AbstractEventLoop | None = None
        self._said: tuple[InstrumentState, str | None] = (self.state, self.problem)
        self._wanted = False
        self._loud_at = 0.0
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="stethoscope", daemon=True)

    @property
    def profile(self) -> SoundProfile:
        """How its sound was last asked for."""
        return self._profile

    @property
    def wanted(self) -> bool:
        """Whether it was opened; it may be absent all the same, and is then heard as soon as it is plugged in."""
        return self._wanted

    def open(self, profile: SoundProfile = WIDE) -> None:
        """Begin to listen, now or when it is plugged in."""
        self._profile, self._wanted = profile, True
        self._wake.set()

    def close(self) -> None:
        """Stop listening; no packet is delivered after it."""
        self._wanted = False
        self.level = 0.0
        self._wake.set()

    async def run(self) -> None:
        """Watch it until cancelled."""
        self._loop = asyncio.get_running_loop()
        self._thread.start()
        try:
            await self._loop.create_future()
        finally:
            self._wanted = False
            self._stop.set()
            self._wake.set()
            await asyncio.to_thread(self._thread.join, STOP_SECONDS)

    def _run(self) -> None:
        while not self._stop.is_set():
            self._wake.wait(self._listen() if self._wanted else self._look())
            self._wake.clear()

    def _listen(self) -> float:
        """Until it is closed or gone; how long to wait before another attempt."""
        try:
            if not self._plugged():
                raise _Unplugged
            with closing(self._opened()) as container:
                self._capture(container)
            return 0.0
        except (av.FFmpegError, OSError, ValueError, _Unplugged):
            if not self._wanted or self._stop.is_set():
                return 0.0
            if self.config.card and self._plugged():
                heard = self._said[0] is InstrumentState.measuring
                self._say(InstrumentState.failed, "stethoscope.silent" if heard else "stethoscope.busy")
            else:
                self._say(InstrumentState.absent, "stethoscope.unplugged")
            return self._pause
        finally:
            self.level = 0.0

    @property
    def _pause(self) -> float:
        return PROBE_SECONDS if self.config.kind is SoundKind.alsa and not self.config.card else RETRY_SECONDS

    def _capture(self, container: InputContainer) -> None:
        stream = container.streams.audio[0]
        began = time.monotonic()
        encoder, profile = SoundEncoder(self._profile, began), self._profile
        self._loud_at = began
        for packet in container.demux(stream):
            for frame in packet.decode():
                if self._profile is not profile:
                    profile = self._profile
                    encoder = SoundEncoder(profile, began := time.monotonic())
                for sound in encoder.take(frame):
                    if self._stop.is_set() or not self._wanted:
                        return
                    self._hear(sound, time.monotonic())
                ahead = encoder.seconds - (time.monotonic() - began)
                if ahead > AHEAD_SECONDS and self._stop.wait(ahead - AHEAD_SECONDS / 2):
                    return
        raise _Unplugged

    def _hear(self, sound: SoundPacket, now: float) -> None:
        self.level = max(0.0, 1 - sound.level_db / QUIET_DB)
        if sound.level_db > QUIET_DB:
            self._loud_at = now
        quiet = now - self._loud_at > QUIET_SECONDS
        self._say(InstrumentState.measuring, "stethoscope.quiet" if quiet else None)
        self._post(self._pass_on, sound)

    def _pass_on(self, sound: SoundPacket) -> None:
        if self._wanted:
            self._deliver(sound)

    def _opened(self) -> InputContainer:
        config = self.config
        options = {"sample_rate": str(config.rate_hz), "ch_layout": LAYOUTS[0]}
        if config.kind is SoundKind.tcp:
            return av.open(config.address, format="s16le", timeout=(OPEN_SECONDS, SILENCE_SECONDS),
                           options={**options, "probesize": "32", "analyzeduration": "0"})
        for layout in LAYOUTS[:-1]:
            with contextlib.suppress(av.FFmpegError, OSError):
                return av.open(config.address, format="alsa", options={**options, "ch_layout": layout})
        return av.open(config.address, format="alsa", options={**options, "ch_layout": LAYOUTS[-1]})

    def _look(self) -> float:
        """Whether it is there, while nobody listens; when to look again."""
        if self.config.card:
            there = self._plugged()
        else:
            known = self.config.kind is SoundKind.alsa and self._said[0] is InstrumentState.ready
            there = known or self._opens()
        if there:
            self._say(InstrumentState.ready, None)
        else:
            self._say(InstrumentState.absent, "stethoscope.unplugged")
        return self._pause

    def _plugged(self) -> bool:
        """Whether the card is plugged in, without opening it; True when only opening can tell."""
        return not self.config.card or card_number(self.config.card) is not None

    def _opens(self) -> bool:
        try:
            if self.config.kind is SoundKind.tcp:
                where = urlsplit(self.config.address)
                socket.create_connection((where.hostname or "", where.port or 0), OPEN_SECONDS).close()
            else:
                self._opened().close()
        except (av.FFmpegError, OSError, ValueError):
            return False
        return True

    def _say(self, state: InstrumentState, problem: str | None) -> None:
        if (state, problem) == self._said:
            return
        before, self._said = self._said, (state, problem)
        if state is InstrumentState.absent or before[0] is InstrumentState.absent:
            _log.info("stethoscope.away" if state is InstrumentState.absent else "stethoscope.present",
                      simulated=self.config.simulated)
        elif problem is not None and problem != "stethoscope.quiet":
            _log.warning(problem)
        self._post(self._take, (state, problem))

    def _take(self, said: tuple[InstrumentState, str | None]) -> None:
        self.state, self.problem = said
        self._changed()

    def _post(self, call: Callable[[_T], None], value: _T) -> None:
        if self._loop is not None:
            # RuntimeError: the loop closed while the thread was ending.
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(call, value)


def card_number(card: str) -> int | None:
    """The index of the moment of the card with this id; None when it is not plugged in."""
    for entry in sorted(CARDS.glob("card[0-9]*")):
        with contextlib.suppress(OSError):
            if (entry / "id").read_text().strip() == card:
                return int(entry.name.removeprefix("card"))
    return None
