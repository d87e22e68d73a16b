"""What the media room is told: which camera, which stethoscope, which network interfaces, which rates."""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

START_KBPS = 300
"""First rate of a call: 540 lines at 15 pictures are readable at once, a 3G uplink carries it until the
first feedback, and a good link is at its full rate five seconds later."""

FLOOR_KBPS = 60
"""Below it eight small pictures a second are no picture; voice and readings keep what is left."""

CEILING_KBPS = 2000
"""Past it a 720p room gains nothing a doctor sees; 35-40 % of a 5 Mbit/s uplink is usable in real time."""

CAMERA_SIDE_MAX = 4096
"""No room camera of interest is larger; a mistyped size must not allocate gigabytes."""

FRAME_RATE_MAX = 60
"""Room cameras give 25 or 30."""


SOUND_RATE_LEAST, SOUND_RATE_MOST = 4000, 48_000
"""Electronic stethoscopes sample at 4 kHz (heart sounds end at 1.5 kHz) to 48 kHz (USB sound as it is)."""


class CameraKind(enum.StrEnum):
    """Where the pictures come from."""

    v4l2 = "v4l2"
    tcp = "tcp"
    file = "file"


@dataclass(frozen=True, slots=True)
class CameraConfig:
    """The room camera. `source` is `v4l2:PATH`, `tcp://HOST:PORT` (YUV4MPEG2) or `file:PATH` (looped).

    ValueError says which value does not fit.
    """

    source: str
    width: int = 1280
    height: int = 720
    frames_per_second: int = 25
    simulated: bool = False
    name: str = ""

    def __post_init__(self) -> None:
        if self.kind is CameraKind.tcp:
            port = self.source.rpartition(":")[2]
            if not port.isdecimal() or not 0 < int(port) < 65536:
                raise ValueError(f"camera source {self.source!r} names no port")
        elif not self.address:
            raise ValueError(f"camera source {self.source!r} names no path")
        for side in (self.width, self.height):
            # 4:2:0 pictures have even sides.
            if not 16 <= side <= CAMERA_SIDE_MAX or side % 2:
                raise ValueError(f"camera side of {side} pixels: even, 16 to {CAMERA_SIDE_MAX}")
        if not 1 <= self.frames_per_second <= FRAME_RATE_MAX:
            raise ValueError(f"{self.frames_per_second} pictures a second: 1 to {FRAME_RATE_MAX}")

    @property
    def kind(self) -> CameraKind:
        """The scheme of `source`; ValueError when it is none of ours."""
        scheme, colon, _ = self.source.partition(":")
        if not colon or scheme not in CameraKind.__members__:
            raise ValueError(f"camera source {self.source!r} is not v4l2:, tcp:// or file:")
        return CameraKind(scheme)

    @property
    def address(self) -> str:
        """What the library opens: a path, or the URL itself."""
        if self.kind is CameraKind.tcp:
            return self.source
        return self.source.partition(":")[2]


class SoundKind(enum.StrEnum):
    """Where the sound comes from."""

    alsa = "alsa"
    tcp = "tcp"


_CARD = re.compile(r"(?:^|[:,])CARD=([\w-]+)")
_BY_INDEX = re.compile(r"^(?:plug)?hw:\d|^(?:plug)?hw$|CARD=\d+(?:,|$)|^default$")


@dataclass(frozen=True, slots=True)
class StethoscopeConfig:
    """An electronic stethoscope. `source` is `alsa:PCM` (`alsa:hw:CARD=Steth`: a card by its id, never by its index,
    which changes with what else is plugged in) or `tcp://HOST:PORT` (signed 16 bit little-endian, mono).

    `rate_hz`: samples a second; for ALSA what is asked for, the device takes its nearest. ValueError says which value
    does not fit.
    """

    source: str
    name: str = ""
    rate_hz: int = 48_000
    simulated: bool = False

    def __post_init__(self) -> None:
        if self.kind is SoundKind.tcp:
            port = self.source.rpartition(":")[2]
            if not port.isdecimal() or not 0 < int(port) < 65536:
                raise ValueError(f"stethoscope source {self.source!r} names no port")
        elif not self.address or _BY_INDEX.search(self.address):
            raise ValueError(f"stethoscope source {self.source!r} names no card by its id, as alsa:hw:CARD=Steth does")
        if not SOUND_RATE_LEAST <= self.rate_hz <= SOUND_RATE_MOST:
            raise ValueError(f"{self.rate_hz} samples a second: {SOUND_RATE_LEAST} to {SOUND_RATE_MOST}")

    @property
    def kind(self) -> SoundKind:
        """The scheme of `source`; ValueError when it is none of ours."""
        scheme, colon, _ = self.source.partition(":")
        if not colon or scheme not in SoundKind.__members__:
            raise ValueError(f"stethoscope source {self.source!r} is not alsa: or tcp://")
        return SoundKind(scheme)

    @property
    def address(self) -> str:
        """What the library opens: the name of a PCM, or the URL itself."""
        return self.source if self.kind is SoundKind.tcp else self.source.partition(":")[2]

    @property
    def card(self) -> str:
        """The sound card's id, where the source names one."""
        match = _CARD.search(self.address) if self.kind is SoundKind.alsa else None
        return match[1] if match else ""


class EncoderChoice(enum.StrEnum):
    """Who encodes H.264: the machine's own encoder where it passes its probe, or x264."""

    auto = "auto"
    x264 = "x264"
    vaapi = "vaapi"
    v4l2m2m = "v4l2m2m"


@dataclass(frozen=True, slots=True)
class MediaConfig:
    """The media room. `interfaces` are names; `*` stands for every physical one that is up (also when empty).

    The first is preferred. `lo` is used only when it is named. `relay_only`: media pass through TURN servers alone.
    `turn_ca`: file of the authority of TURN servers over TLS, where it is not one the system knows. Rates in kbit/s of
    the room camera's picture.
    `operators`: the nurse's names of networks, by interface.
    `decisions`: a folder for the log of the rate's decisions (`congestion.replay`); None: none is written.
    """

    camera: CameraConfig
    interfaces: tuple[str, ...] = ()
    start_kbps: int = START_KBPS
    floor_kbps: int = FLOOR_KBPS
    ceiling_kbps: int = CEILING_KBPS
    stethoscope: StethoscopeConfig | None = None
    decisions: Path | None = None
    relay_only: bool = False
    turn_ca: str = ""
    encoder: EncoderChoice = EncoderChoice.auto
    operators: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not 0 < self.floor_kbps <= self.start_kbps <= self.ceiling_kbps:
            raise ValueError(f"rates {self.floor_kbps} <= {self.start_kbps} <= {self.ceiling_kbps} kbit/s do not hold")
