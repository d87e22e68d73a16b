"""Oxygen saturation: the standard service, and the own frames of Nonin and Contec."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from protocol.readings import ReadingKind

from .. import codes
from ..ieee11073 import Number, Special
from ..measured import REASSURING, Detail, Measured, nothing, outside, quantity
from ..profiles import contec, nonin_3230, nonin_serial
from ..profiles import pulse_oximeter as profile

_NO_RESULT = {
    "data_for_demonstration": "oximetry.demonstration", "data_for_testing": "oximetry.test",
    "calibration_ongoing": "oximetry.calibration", "measurement_unavailable": "oximetry.unavailable",
    "invalid_measurement_detected": "oximetry.invalid"}
"""Measurement status bits (PLXS 1.0.1, 3.2.1.5) whose numbers are nobody's saturation."""


def spot_check(data: bytes, model: str, feature: int | None) -> Measured:
    """0x2A5E. Errors of `profiles.pulse_oximeter.spot_check`."""
    return _standard(profile.spot_check(data, feature))


def continuous(data: bytes, model: str, feature: int | None) -> Measured:
    """0x2A5F. Errors of `profiles.pulse_oximeter.continuous`."""
    return replace(_standard(profile.continuous(data, feature)), live=True)


def nonin(data: bytes, model: str) -> Measured:
    """Nonin 3230. `smart_point` says that the value passed the oximeter's own quality test."""
    frame = nonin_3230.decode(data)
    flags = ["questionable"] if {"weak_signal", "searching"} & {*frame.status} else []
    if "correct_check" not in frame.status:
        flags.append("finger_misplaced")
    measured = _measured(_number(frame.saturation), _number(frame.pulse), frame.status, flags,
                         amplitude=frame.amplitude)
    return replace(measured, live=True, details=(("battery_v", f"{frame.battery:f}"), ("seconds", frame.seconds)))


def nonin_line(data: bytes, model: str) -> Measured:
    """Nonin serial data format 1."""
    frame = nonin_serial.decode(data)
    doubts = {*frame.status} - {"sensor_disconnected"}
    return replace(_measured(_number(frame.saturation), _number(frame.pulse), frame.status,
                             ["questionable"] if doubts else []), live=True)


def contec_line(data: bytes, model: str) -> Measured:
    """Contec CMS50D+ on its serial line."""
    return _contec(contec.line(data))


def contec_air(data: bytes, model: str) -> Measured:
    """Contec CMS50D-BT."""
    return _contec(contec.air(data))


def _contec(frame: contec.Oximetry) -> Measured:
    """A finger that is out leaves the last value in the frame: it is not the patient's any more."""
    out = "finger_out" in frame.status
    doubts = ["questionable"] if {"searching", "probe_error", "dropping_saturation"} & {*frame.status} else []
    measured = _measured(_number(frame.saturation), _number(frame.pulse), frame.status, doubts)
    if out and measured.refused is None:
        measured = replace(measured, refused="oximetry.no_finger")
    return replace(measured, live=True, details=() if frame.pleth is None else (("pleth", frame.pleth),))


def _standard(frame: profile.Oximetry) -> Measured:
    flags = []
    if "questionable_measurement_detected" in frame.measurement or {*frame.sensor} - REASSURING:
        flags.append("questionable")
    if "data_from_measurement_storage" in frame.measurement:
        flags.append("from_memory")
    settled = {"validated_data", "fully_qualified_data"} & {*frame.measurement}
    if "early_estimated_data" in frame.measurement or ("measurement_ongoing" in frame.measurement and not settled):
        flags.append("early")
    measured = _measured(frame.saturation, frame.pulse, (*frame.measurement, *frame.sensor), flags,
                         amplitude=frame.amplitude, frame=frame)
    refused = next((code for bit, code in _NO_RESULT.items() if bit in frame.measurement), measured.refused)
    details: list[Detail] = []
    time = frame.time
    if frame.stamped and not frame.clock_set:
        # A clock that was never set counts from anywhere: it says nothing, but it tells two records apart.
        details.append(("clock_not_set", time.isoformat() if time else None))
        measured, time = replace(measured, flags=(*measured.flags, "clock_not_set")), None
    return replace(measured, time=time, stamped=frame.stamped, refused=refused,
                   details=(*measured.details, *details))


def _measured(saturation: Number, pulse: Number, status: tuple[str, ...], flags: list[str], *,
              amplitude: Number | None = None, frame: profile.Oximetry | None = None) -> Measured:
    quantities = [quantity(codes.SATURATION, saturation), quantity(codes.OXIMETER_PULSE, pulse)]
    details: list[Detail] = []
    if amplitude is not None:
        quantities.append(quantity(codes.PULSE_AMPLITUDE, amplitude))
    for name, pair, measure in (("fast", frame and frame.fast, codes.SATURATION_FAST),
                                ("slow", frame and frame.slow, codes.SATURATION_SLOW)):
        if pair:
            quantities.append(quantity(measure, pair[0]))
            details.append((f"pulse_{name}", f"{pair[1]:f}" if isinstance(pair[1], Decimal) else pair[1].value))
    if outside(saturation, 50, 100) or outside(pulse, 20, 300):
        flags = [*flags, "implausible"]
    if saturation is Special.not_a_number:
        flags = [*flags, "no_finger"]
    return Measured(ReadingKind.oximetry, tuple(quantities), status=status, flags=tuple(flags), details=tuple(details),
                    refused="oximetry.no_value" if nothing(quantities[:2]) else None)


def _number(value: int | None) -> Number:
    return Special.not_a_number if value is None else Decimal(value)
