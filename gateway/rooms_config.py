"""What the file says, as the rooms take it."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from protocol.readings import InstrumentKind

from .aboard import STETHOSCOPE
from .config import GatewayConfig, InstrumentTable
from .media.config import CameraConfig, MediaConfig, StethoscopeConfig
from .peripherals.config import InstrumentConfig


def media(config: GatewayConfig) -> MediaConfig:
    """The media room's part. ValueError says which value does not fit."""
    camera, table = config.camera, config.media
    rates = {name: value for name, value in (("start_kbps", table.start_kbps), ("floor_kbps", table.floor_kbps),
                                             ("ceiling_kbps", table.ceiling_kbps)) if value is not None}
    return MediaConfig(
        camera=CameraConfig(source=camera.source, width=camera.width, height=camera.height,
                            frames_per_second=camera.frames_per_second, simulated=camera.simulated, name=camera.name),
        stethoscope=_sound(config), interfaces=table.interfaces,
        relay_only=table.relay_only, turn_ca=table.turn_ca, **rates)


def instruments(config: GatewayConfig) -> tuple[InstrumentConfig, ...]:
    """The instruments room's part. ValueError says which value does not fit."""
    return tuple(_instrument(table) for table in config.instrument if table.driver != STETHOSCOPE)


def stethoscope(config: GatewayConfig) -> InstrumentConfig | None:
    """The stethoscope's number and name, None when there is none. ValueError when there are two."""
    tables = [table for table in config.instrument if table.driver == STETHOSCOPE]
    if len(tables) > 1:
        raise ValueError("two stethoscopes: the doctor hears one; remove the other")
    for table in tables:
        if table.kind is not InstrumentKind.stethoscope:
            raise ValueError(f"instrument {table.id}: driver stethoscope is for kind stethoscope")
        return InstrumentConfig(number=table.number, instrument_id=table.id, kind=table.kind, name=table.name,
                                driver=STETHOSCOPE, source=table.source, simulated=table.simulated)
    return None


def _sound(config: GatewayConfig) -> StethoscopeConfig | None:
    for table in config.instrument:
        if table.driver == STETHOSCOPE:
            sound = StethoscopeConfig(source=table.source, name=table.name, simulated=table.simulated)
            return sound if table.rate_hz is None else replace(sound, rate_hz=round(table.rate_hz))
    return None


def _instrument(table: InstrumentTable) -> InstrumentConfig:
    made = InstrumentConfig(number=table.number, instrument_id=table.id, kind=table.kind, name=table.name,
                            driver=table.driver, source=table.source, simulated=table.simulated, model=table.model)
    if table.rate_hz is not None:
        made = replace(made, rate_hz=Decimal(f"{table.rate_hz:g}"))
    if table.gain is not None:
        made = replace(made, gain=table.gain)
    if table.leads:
        made = replace(made, lead=table.leads[0], leads=table.leads)
    return made
