"""What the media room is told: which camera, which network interfaces, which rates."""

from __future__ import annotations

import enum
from dataclasses import dataclass

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


@dataclass(frozen=True, slots=True)
class MediaConfig:
    """The media room. `interfaces` are names; `*` stands for every physical one that is up (also when empty).

    `lo` is used only when it is named. Rates in kbit/s of the room camera's picture.
    """

    camera: CameraConfig
    interfaces: tuple[str, ...] = ()
    start_kbps: int = START_KBPS
    floor_kbps: int = FLOOR_KBPS
    ceiling_kbps: int = CEILING_KBPS

    def __post_init__(self) -> None:
        if not 0 < self.floor_kbps <= self.start_kbps <= self.ceiling_kbps:
            raise ValueError(f"rates {self.floor_kbps} <= {self.start_kbps} <= {self.ceiling_kbps} kbit/s do not hold")
