"""Where a camera hangs and what its bus still carries. Reads sysfs at a given root; no device is opened."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from .v4l2 import Mode

SYS, DEV = Path("/sys"), Path("/dev")

PERIODIC_SHARE: Final = 0.8
"""What cameras may take of a bus: USB 2.0, 5.5.4 allows isochronous traffic 80 % of a high-speed microframe, 6000 of
its 7500 bytes; on USB 3 the same share leaves room for bursts."""

CODING: Final = {480: 1.0, 5000: 0.8, 10000: 128 / 132, 20000: 128 / 132}
"""Share of the signalling rate that is payload: USB 3.0 codes 8 bits in 10."""

MJPG_BITS_A_PIXEL: Final = 2.4
"""UVC cameras compress about 1:6 to 1:10 from 16 bits a pixel; the lower ratio, as they keep a margin themselves."""

BYTES_A_PIXEL: Final = {"YUYV": 2.0, "UYVY": 2.0, "YUY2": 2.0, "NV12": 1.5, "YU12": 1.5, "BGR3": 3.0, "RGB3": 3.0}

_USB_ID: Final = re.compile(r"usb:(?P<vid>[0-9a-fA-F]{4}):(?P<pid>[0-9a-fA-F]{4})(:(?P<serial>.+))?")
_ROOT_HUB: Final = re.compile(r"usb\d+")


@dataclass(frozen=True, slots=True)
class Bus:
    """One USB bus (a root hub): everything behind it shares `bytes_a_second`."""

    name: str
    bytes_a_second: float


@dataclass(frozen=True, slots=True)
class Identity:
    """What a USB camera says of itself; empty where it says nothing. `firmware` is its release number (bcdDevice)."""

    maker: str = ""
    model: str = ""
    serial: str = ""
    firmware: str = ""


def find(source: str, sys: Path = SYS, dev: Path = DEV) -> Path | None:
    """The device of `v4l2:PATH` or `usb:VID:PID[:SERIAL]`, found anew each time: its number changes with every plug.
    None when it is away. ValueError when the source is neither."""
    if source.startswith("v4l2:"):
        path = Path(source.removeprefix("v4l2:"))
        return path.resolve() if path.exists() else None
    wanted = _USB_ID.fullmatch(source)
    if wanted is None:
        raise ValueError(f"{source!r} is neither v4l2:PATH nor usb:VID:PID[:SERIAL]")
    for node in sorted((sys / "class/video4linux").glob("video*")):
        usb = (node / "device").resolve().parent
        # The node of index 0 has the pictures; the others of a UVC camera have its metadata.
        if (_read(node / "index") in ("", "0")
                and _read(usb / "idVendor").lower() == wanted["vid"].lower()
                and _read(usb / "idProduct").lower() == wanted["pid"].lower()
                and wanted["serial"] in (None, _read(usb / "serial"))):
            return dev / node.name
    return None


def identity(source: str, sys: Path = SYS, dev: Path = DEV) -> Identity:
    """Of a camera that is plugged in; empty for one that is away or is not on USB."""
    device = find(source, sys, dev) if source.startswith(("v4l2:", "usb:")) else None
    if device is None:
        return Identity()
    usb = (sys / "class/video4linux" / device.name / "device").resolve().parent
    release = _read(usb / "bcdDevice")
    firmware = f"{release[:2].lstrip('0') or '0'}.{release[2:]}" if len(release) == 4 else ""
    return Identity(_line(usb / "manufacturer"), _line(usb / "product"), _line(usb / "serial"), firmware)


def bus_of(device: Path, sys: Path = SYS) -> Bus | None:
    """The bus a /dev/videoN hangs on; None when it is not on USB."""
    place = (sys / "class/video4linux" / device.name / "device").resolve()
    for folder in (place, *place.parents):
        if _ROOT_HUB.fullmatch(folder.name):
            with suppress(ValueError):
                megabits = int(float(_read(folder / "speed")))
                payload = megabits * 1e6 / 8 * CODING.get(megabits, 1.0)
                return Bus(folder.name, payload * PERIODIC_SHARE)
    return None


def rate(mode: Mode) -> float:
    """Bytes a second of a stream: exact when uncompressed, estimated for MJPG."""
    a_pixel = MJPG_BITS_A_PIXEL / 8 if mode.fourcc in ("MJPG", "JPEG") else BYTES_A_PIXEL.get(mode.fourcc, 2.0)
    return mode.pixels * mode.fps * a_pixel


class Budget:
    """What the streams that run now take of each bus. Thread-safe; one for all cameras of the vehicle.

    An estimate: the kernel reserves what each camera's descriptor claims, so ENOSPC is the last word.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._taken: dict[str, dict[object, float]] = {}

    def reserve(self, bus: Bus, owner: object, mode: Mode) -> bool:
        """Take what `mode` needs for `owner`, in place of what it had; False when the bus does not carry it."""
        with self._lock:
            streams = self._taken.setdefault(bus.name, {})
            others = sum(taken for who, taken in streams.items() if who is not owner)
            if others + rate(mode) > bus.bytes_a_second:
                return False
            streams[owner] = rate(mode)
            return True

    def release(self, owner: object) -> None:
        """Give back what `owner` had. Idempotent."""
        with self._lock:
            for streams in self._taken.values():
                streams.pop(owner, None)

    def taken(self, bus: Bus) -> float:
        """Bytes a second reserved now."""
        with self._lock:
            return sum(self._taken.get(bus.name, {}).values())


def for_view(offered: Iterable[Mode], width: int, fps: float) -> list[Mode]:
    """Modes for looking, best first: compressed, not wider than `width`, not slower than `fps`; then each of these
    wishes is given up in turn, narrow before wide, so that a fuller bus gets a smaller picture."""
    return sorted(offered, key=lambda mode: (
        not _known(mode), mode.width > width, mode.fps < fps, mode.fourcc != "MJPG",
        -mode.pixels if mode.width <= width else mode.pixels))


def for_still(offered: Iterable[Mode], least_width: int, least_height: int) -> list[Mode]:
    """Modes for a still, best first: the sensor's largest, compressed when there is a choice (its bytes are kept as
    they are); none below the least size."""
    return sorted((mode for mode in offered
                   if _known(mode) and mode.width >= least_width and mode.height >= least_height),
                  key=lambda mode: (-mode.pixels, mode.fourcc != "MJPG", mode.fps))


def _known(mode: Mode) -> bool:
    return mode.fourcc == "MJPG" or mode.fourcc in BYTES_A_PIXEL


def _line(path: Path) -> str:
    """One printable line: the text is the camera maker's."""
    return "".join(letter for letter in _read(path) if letter.isprintable()).strip()[:64]


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return ""
