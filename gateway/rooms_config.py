"""What the file says, as the rooms take it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final

from protocol.readings import CAMERAS, InstrumentKind

from .aboard import STETHOSCOPE
from .config import GatewayConfig, InstrumentTable
from .media.config import (
    CEILING_KBPS,
    FLOOR_KBPS,
    START_KBPS,
    CameraConfig,
    EncoderChoice,
    MediaConfig,
    StethoscopeConfig,
)
from .peripherals import models
from .peripherals.config import InstrumentConfig


@dataclass(frozen=True, slots=True)
class _Takes:
    """What a driver's table may say. `kinds` empty: the driver itself says which; `source`: how it begins."""

    kinds: frozenset[InstrumentKind] = frozenset()
    source: tuple[str, ...] = ("",)
    settings: frozenset[str] = frozenset()
    leads: int = 0


_ECG, _CTG = frozenset({InstrumentKind.ecg}), frozenset({InstrumentKind.ctg})
_LINE: Final = ("/", "usb:")
_BLE: Final = _Takes(settings=frozenset({"model"}))

TAKES: Final[Mapping[str, _Takes]] = {
    "ble": _BLE,
    "ua651ble": _BLE,
    "healthypi5": _Takes(_ECG, _LINE, frozenset({"rate_hz", "gain", "leads"}), leads=1),
    "ads1292r": _Takes(_ECG, _LINE, frozenset({"leads"}), leads=1),
    "cyton": _Takes(_ECG, _LINE, frozenset({"leads"}), leads=8),
    "corometrics": _Takes(_CTG, _LINE),
    "ecg12": _Takes(_ECG, _LINE),
    "ecg_folder": _Takes(_ECG, ("/",)),
    "still": _Takes(CAMERAS),
    STETHOSCOPE: _Takes(frozenset({InstrumentKind.stethoscope}), settings=frozenset({"rate_hz"})),
}
"""By driver. What a driver does not read is an error: a bus must not drive off with a setting that nobody heeds."""


DECISIONS = "decisions"
"""Folder in the data directory."""


def media(config: GatewayConfig) -> MediaConfig:
    """The media room's part. ValueError says which value does not fit."""
    camera, table = config.camera, config.media
    return MediaConfig(
        camera=CameraConfig(source=camera.source, width=camera.width, height=camera.height,
                            frames_per_second=camera.frames_per_second, simulated=camera.simulated, name=camera.name),
        stethoscope=_sound(config), interfaces=table.interfaces,
        start_kbps=table.start_kbps or START_KBPS, floor_kbps=table.floor_kbps or FLOOR_KBPS,
        ceiling_kbps=table.ceiling_kbps or CEILING_KBPS, relay_only=table.relay_only, turn_ca=table.turn_ca,
        encoder=EncoderChoice(table.encoder),
        decisions=config.data_directory / DECISIONS if table.decisions else None,
        operators={uplink.interface: uplink.operator for uplink in config.uplink})


def instruments(config: GatewayConfig) -> tuple[InstrumentConfig, ...]:
    """The instruments room's part. ValueError says which value does not fit."""
    made = tuple(_instrument(table) for table in config.instrument if table.driver != STETHOSCOPE)
    for at, instrument in enumerate(made):
        twin = next((other for other in made[:at] if same_device(instrument, other)), None)
        if twin is not None:
            raise ValueError(f"instrument {instrument.instrument_id}: its source is that of {twin.instrument_id}; "
                             f"give each its own device")
    return made


def same_device(one: InstrumentConfig, other: InstrumentConfig) -> bool:
    """Whether both mean one device, which only one driver may hold."""
    return one.source.casefold() == other.source.casefold()


def stethoscope(config: GatewayConfig) -> InstrumentConfig | None:
    """The stethoscope's number and name, None when there is none. ValueError when there are two."""
    tables = [table for table in config.instrument if table.driver == STETHOSCOPE]
    if len(tables) > 1:
        raise ValueError("two stethoscopes: the doctor hears one; remove the other")
    for table in tables:
        return _made(table)
    return None


def _sound(config: GatewayConfig) -> StethoscopeConfig | None:
    for table in config.instrument:
        if table.driver == STETHOSCOPE:
            try:
                sound = StethoscopeConfig(source=table.source, name=table.name, simulated=table.simulated)
                return sound if table.rate_hz is None else replace(sound, rate_hz=round(table.rate_hz))
            except ValueError as error:
                raise ValueError(f"instrument {table.id}: {error}") from error
    return None


def _made(table: InstrumentTable) -> InstrumentConfig:
    takes = TAKES.get(table.driver)
    if takes is None:
        raise ValueError(f"instrument {table.id}: driver {table.driver} is unknown; known are {', '.join(TAKES)}")
    if takes.kinds and table.kind not in takes.kinds:
        kinds = " or ".join(sorted(kind.value for kind in takes.kinds))
        raise ValueError(f"instrument {table.id}: driver {table.driver} is for kind {kinds}, not {table.kind.value}")
    if not table.source.startswith(takes.source):
        raise ValueError(f"instrument {table.id}: source {table.source!r} must begin with {' or '.join(takes.source)}")
    said = {"rate_hz": table.rate_hz is not None, "gain": table.gain is not None, "leads": bool(table.leads),
            "model": bool(table.model)}
    unread = [name for name, is_said in said.items() if is_said and name not in takes.settings]
    if unread:
        raise ValueError(f"instrument {table.id}: driver {table.driver} does not read {' and '.join(unread)}; "
                         f"take it out")
    if len(table.leads) > takes.leads or any(lead < 0 for lead in table.leads) or table.leads == (0,):
        raise ValueError(f"instrument {table.id}: leads {list(table.leads)}: MDC codes, at most {takes.leads}, "
                         f"0 only for a channel of several that is not connected")
    meant = models.BY_KEY.get(table.model)
    if table.model and (meant is None or meant.kind is not table.kind):
        known = ", ".join(key for key, manners in models.BY_KEY.items() if manners.kind is table.kind)
        raise ValueError(f"instrument {table.id}: model {table.model} is no {table.kind.value}; known are {known}")
    try:
        return InstrumentConfig(number=table.number, instrument_id=table.id, kind=table.kind, name=table.name,
                                driver=table.driver, source=table.source, simulated=table.simulated,
                                model=table.model)
    except ValueError as error:
        raise ValueError(f"instrument {table.id}: {error}") from error


def _instrument(table: InstrumentTable) -> InstrumentConfig:
    made = _made(table)
    try:
        return _set(made, table)
    except ValueError as error:
        raise ValueError(f"instrument {table.id}: {error}") from error


def _set(made: InstrumentConfig, table: InstrumentTable) -> InstrumentConfig:
    if table.rate_hz is not None:
        made = replace(made, rate_hz=Decimal(f"{table.rate_hz:g}"))
    if table.gain is not None:
        made = replace(made, gain=table.gain)
    if table.leads:
        made = replace(made, lead=table.leads[0], leads=table.leads)
    return made
