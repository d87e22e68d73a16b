"""PLX Spot-Check 0x2A5E, PLX Continuous 0x2A5F and PLX Features 0x2A60 (Pulse Oximeter Service 1.0.1, 3.1 to 3.3).

Flags, saturation and pulse rate as SFLOATs, then what the flags announce. Reserved bits are ignored.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime

from ..ieee11073 import Number
from .fields import Fields


class SpotFlags(enum.IntFlag):
    """First byte of 0x2A5E."""

    time_stamp = 0x01
    measurement_status = 0x02
    sensor_status = 0x04
    pulse_amplitude_index = 0x08
    clock_not_set = 0x10


class ContinuousFlags(enum.IntFlag):
    """First byte of 0x2A5F."""

    fast = 0x01
    slow = 0x02
    measurement_status = 0x04
    sensor_status = 0x08
    pulse_amplitude_index = 0x10


MEASUREMENT_STATUS = {
    0x0020: "measurement_ongoing", 0x0040: "early_estimated_data", 0x0080: "validated_data",
    0x0100: "fully_qualified_data", 0x0200: "data_from_measurement_storage", 0x0400: "data_for_demonstration",
    0x0800: "data_for_testing", 0x1000: "calibration_ongoing", 0x2000: "measurement_unavailable",
    0x4000: "questionable_measurement_detected", 0x8000: "invalid_measurement_detected"}
"""Bits 0 to 4 are reserved."""

SENSOR_STATUS = {
    0x0001: "extended_display_update_ongoing", 0x0002: "equipment_malfunction_detected",
    0x0004: "signal_processing_irregularity_detected", 0x0008: "inadequate_signal_detected",
    0x0010: "poor_signal_detected", 0x0020: "low_perfusion_detected", 0x0040: "erratic_signal_detected",
    0x0080: "nonpulsatile_signal_detected", 0x0100: "questionable_pulse_detected", 0x0200: "signal_analysis_ongoing",
    0x0400: "sensor_interference_detected", 0x0800: "sensor_unconnected_to_user", 0x1000: "unknown_sensor_connected",
    0x2000: "sensor_displaced", 0x4000: "sensor_malfunctioning", 0x8000: "sensor_disconnected"}
"""Bits 16 to 23 are reserved."""

_MEASUREMENT_SUPPORT, _SENSOR_SUPPORT = 0x0001, 0x0002


@dataclass(frozen=True, slots=True)
class Oximetry:
    """One frame. `measurement` and `sensor` name the set bits that this device declares; `fast` and `slow` are
    saturation and pulse rate of the other two filters; `clock_set` is False when the time stamp says nothing."""

    saturation: Number
    pulse: Number
    stamped: bool
    time: datetime | None
    clock_set: bool
    measurement: tuple[str, ...]
    sensor: tuple[str, ...]
    amplitude: Number | None
    fast: tuple[Number, Number] | None = None
    slow: tuple[Number, Number] | None = None


def spot_check(data: bytes, feature: int | None = None) -> Oximetry:
    """Read 0x2A5E. `feature` is what `feature` made of 0x2A60, None when the device did not say.

    DecodeError: `pulse_oximeter.short`, `pulse_oximeter.long`, `date_time.invalid`.
    """
    fields = Fields("pulse_oximeter", data)
    flags = SpotFlags(fields.unsigned() & 0x1F)
    saturation, pulse = fields.sfloat(), fields.sfloat()
    time = fields.date_time() if SpotFlags.time_stamp in flags else None
    measurement, sensor = _status(fields, feature, SpotFlags.measurement_status in flags,
                                  SpotFlags.sensor_status in flags)
    amplitude = fields.sfloat() if SpotFlags.pulse_amplitude_index in flags else None
    fields.end()
    return Oximetry(saturation, pulse, SpotFlags.time_stamp in flags, time, SpotFlags.clock_not_set not in flags,
                    measurement, sensor, amplitude)


def continuous(data: bytes, feature: int | None = None) -> Oximetry:
    """Read 0x2A5F; it has no time stamp. Errors and `feature` as `spot_check`."""
    fields = Fields("pulse_oximeter", data)
    flags = ContinuousFlags(fields.unsigned() & 0x1F)
    saturation, pulse = fields.sfloat(), fields.sfloat()
    fast = (fields.sfloat(), fields.sfloat()) if ContinuousFlags.fast in flags else None
    slow = (fields.sfloat(), fields.sfloat()) if ContinuousFlags.slow in flags else None
    measurement, sensor = _status(fields, feature, ContinuousFlags.measurement_status in flags,
                                  ContinuousFlags.sensor_status in flags)
    amplitude = fields.sfloat() if ContinuousFlags.pulse_amplitude_index in flags else None
    fields.end()
    return Oximetry(saturation, pulse, False, None, True, measurement, sensor, amplitude, fast, slow)


def feature(data: bytes) -> int:
    """Value of 0x2A60 as one number: bits 0 to 15 the supported features, 16 to 31 the measurement status bits and
    32 to 55 the sensor status bits the device can set; what is not announced is 0. DecodeError
    `pulse_oximeter_feature.short` (later versions of the service may append octets)."""
    fields = Fields("pulse_oximeter_feature", data)
    supported = fields.unsigned(2)
    measurement = fields.unsigned(2) if supported & _MEASUREMENT_SUPPORT else 0
    sensor = fields.unsigned(3) if supported & _SENSOR_SUPPORT else 0
    return supported | measurement << 16 | sensor << 32


def status_names(feature: int) -> tuple[str, ...]:
    """The status bits that a device with this `feature` is able to set."""
    return (*_names(MEASUREMENT_STATUS, feature >> 16), *_names(SENSOR_STATUS, feature >> 32))


def _status(fields: Fields, feature: int | None, measurement: bool,
            sensor: bool) -> tuple[tuple[str, ...], tuple[str, ...]]:
    known = (0xFFFF, 0xFFFF) if feature is None else (feature >> 16 & 0xFFFF, feature >> 32 & 0xFFFF)
    first = _names(MEASUREMENT_STATUS, fields.unsigned(2) & known[0]) if measurement else ()
    return first, _names(SENSOR_STATUS, fields.unsigned(3) & known[1]) if sensor else ()


def _names(table: dict[int, str], bits: int) -> tuple[str, ...]:
    return tuple(name for bit, name in table.items() if bits & bit)
