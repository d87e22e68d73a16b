"""Body temperature."""

from __future__ import annotations

from dataclasses import replace

from protocol.readings import ReadingKind

from .. import codes
from ..measured import INTERMEDIATE, Measured, nothing, outside, quantity
from ..profiles import thermometer as profile

_LIMITS = {"Cel": (25, 45), "[degF]": (77, 113)}
"""Wider than any patient who comes to a bus on foot: beyond it the probe was not in or on a person."""


def temperature(data: bytes, model: str, feature: int | None) -> Measured:
    """0x2A1C. Errors of `profiles.thermometer.decode`."""
    frame = profile.decode(data)
    measure = replace(codes.TEMPERATURE, mdc=codes.TEMPERATURE_AT.get(frame.site or "", codes.TEMPERATURE.mdc))
    quantities = (quantity(measure, frame.value, frame.unit),)
    return Measured(ReadingKind.temperature, quantities, frame.time, frame.stamped,
                    context=(f"site_{frame.site}",) if frame.site else (),
                    flags=("implausible",) if outside(frame.value, *_LIMITS[frame.unit]) else (),
                    refused="temperature.no_value" if nothing(quantities) else None)


def intermediate(data: bytes, model: str, feature: int | None) -> Measured:
    """0x2A1E: the value while it still rises, for the panel only."""
    measured = temperature(data, model, feature)
    return replace(measured, flags=(*measured.flags, INTERMEDIATE), live=True)
