"""The drivers by the name a configuration gives them. A new kind of instrument is one entry here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from protocol.readings import InstrumentKind

from . import models
from .abilities import Driver
from .drivers.ble_ecg import BleEcg
from .drivers.ble_instrument import BleInstrument
from .drivers.ecg_folder import EcgFolder
from .drivers.radio import Radio
from .drivers.serial_devices import DEVICES
from .drivers.serial_stream import SerialStream
from .drivers.still import StillCamera
from .drivers.usb_bus import Budget
from .panel import InstrumentSink, Panel

Factory = Callable[[Panel, InstrumentSink, Radio], Driver]


@dataclass(frozen=True, slots=True)
class Entry:
    """How a driver is made; `radio`: it needs Bluetooth, which is listened to only then."""

    make: Factory
    radio: bool = False


BUSES: Final = Budget()
"""What the cameras of this process take of each USB bus."""


def _radio_driver(panel: Panel, sink: InstrumentSink, radio: Radio) -> Driver:
    config = panel.config
    if config.model and config.model not in models.BY_KEY:
        raise ValueError(f"model {config.model!r} is unknown; known are {', '.join(models.BY_KEY)}")
    if config.kind is not InstrumentKind.ecg and config.kind not in models.GENERIC:
        raise ValueError(f"driver {config.driver!r} knows no {config.kind.value}")
    return (BleEcg if panel.config.kind is InstrumentKind.ecg else BleInstrument)(panel, sink, radio)


DRIVERS: Final[Mapping[str, Entry]] = {
    "ble": Entry(_radio_driver, radio=True),
    "ua651ble": Entry(_radio_driver, radio=True),
    **{name: Entry(lambda panel, sink, _: SerialStream(panel, sink)) for name in DEVICES},
    "still": Entry(lambda panel, _sink, _radio: StillCamera(panel, budget=BUSES)),
}


def drivers(recordings: Path) -> Mapping[str, Entry]:
    """All of them, and the folder of an ECG cart, whose files are kept in `recordings`."""
    return {**DRIVERS, "ecg_folder": Entry(lambda panel, sink, _: EcgFolder(panel, sink, recordings))}
