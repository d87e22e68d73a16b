"""From the bytes of an instrument to what they mean: the table of all numeric profiles, and what comes in two frames.

Pure. A GATT characteristic goes by its assigned number, a maker's own protocol by its name.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .errors import DecodeError
from .meanings import body, circulation, metabolism, oximetry, temperature
from .measured import Measured
from .profiles import blood_pressure, body_composition, glucose, pulse_oximeter

_Meaning = Callable[[bytes, str, int | None], Measured]

CHARACTERISTICS: dict[int, _Meaning] = {
    0x2A35: circulation.blood_pressure,
    0x2A36: circulation.cuff_pressure,
    0x2B34: circulation.enhanced_blood_pressure,
    0x2B35: circulation.enhanced_cuff_pressure,
    0x2A37: circulation.heart_rate,
    0x2A1C: temperature.temperature,
    0x2A1E: temperature.intermediate,
    0x2A5E: oximetry.spot_check,
    0x2A5F: oximetry.continuous,
    0x2A18: metabolism.glucose,
    0x2A9D: body.weight,
    0x2A9C: body.body_composition,
}
"""By assigned number: frame, model (Device Information) and feature value in."""

FEATURES: dict[int, tuple[int, Callable[[bytes], int]]] = {
    0x2A35: (0x2A49, blood_pressure.feature),
    0x2A36: (0x2A49, blood_pressure.feature),
    0x2A5E: (0x2A60, pulse_oximeter.feature),
    0x2A5F: (0x2A60, pulse_oximeter.feature),
    0x2A18: (0x2A51, glucose.feature),
}
"""By measurement: the characteristic that declares its status bits, and its decoder for `measured(feature=)`."""

VENDOR: dict[str, Callable[[bytes, str], Measured]] = {
    "nonin-3230": oximetry.nonin,
    "nonin-serial": oximetry.nonin_line,
    "omron-eeprom": circulation.omron,
    "contec-serial": oximetry.contec_line,
    "contec-bt": oximetry.contec_air,
    "yonker": circulation.yonker_cuff,
}
"""Makers' own frames by name: frame and model in."""

GLUCOSE, GLUCOSE_CONTEXT, BODY_COMPOSITION = 0x2A18, 0x2A34, 0x2A9C


def measured(characteristic: int, data: bytes, *, model: str = "", feature: int | None = None) -> Measured:
    """What the frame of a characteristic measured. `model` chooses a maker's known deviation, `feature` is the value
    that `FEATURES` reads, None when the device did not say.

    DecodeError with the profile's code for bytes its specification does not allow; `characteristic.unknown`.
    """
    meaning = CHARACTERISTICS.get(characteristic)
    if meaning is None:
        raise DecodeError("characteristic.unknown", f"{characteristic:#06x}")
    return meaning(data, model, feature)


def vendor_measured(name: str, data: bytes, *, model: str = "") -> Measured:
    """What a frame of a maker's own protocol measured. DecodeError as `measured`."""
    meaning = VENDOR.get(name)
    if meaning is None:
        raise DecodeError("vendor.unknown", name)
    return meaning(data, model)


@dataclass(frozen=True, slots=True)
class Whole:
    """A measurement and all the bytes it came in."""

    measured: Measured
    frame: bytes


class Assembly:
    """Puts together what a device sends in two frames: a glucose record and its context, the two indications of a long
    body composition. One per visit; everything else passes through at once. What waits is not stored yet: it is still
    in the meter's memory, so it is not lost with the power."""

    def __init__(self, model: str = "", feature: int | None = None) -> None:
        self._model, self._feature = model, feature
        self._record: tuple[glucose.Glucose, bytes] | None = None
        self._half: tuple[body_composition.BodyComposition, bytes] | None = None

    def feed(self, characteristic: int, data: bytes) -> tuple[Whole, ...]:
        """The measurements that are complete now, in the device's order.

        DecodeError as `measured`; what waited before stays. A context without its record is nothing.
        """
        if characteristic == GLUCOSE:
            return self._glucose(data)
        if characteristic == GLUCOSE_CONTEXT:
            return self._context(data)
        if characteristic == BODY_COMPOSITION:
            return self._composition(data)
        return (Whole(measured(characteristic, data, model=self._model, feature=self._feature), data),)

    def finish(self) -> tuple[Whole, ...]:
        """What still waits for its other half, as it is: the device said that it is done, or went away."""
        return (*self._release(), *self._release_half())

    def _glucose(self, data: bytes) -> tuple[Whole, ...]:
        record = glucose.decode(data, self._feature)
        before = self._release()
        if record.context_follows:
            self._record = record, data
            return before
        return (*before, Whole(metabolism.meaning(record), data))

    def _context(self, data: bytes) -> tuple[Whole, ...]:
        context = glucose.context(data)
        if self._record is None or self._record[0].sequence != context.sequence:
            return ()
        (record, frame), self._record = self._record, None
        return (Whole(metabolism.meaning(record, context), frame + data),)

    def _composition(self, data: bytes) -> tuple[Whole, ...]:
        frame = body_composition.decode(data)
        if not frame.multiple:
            return (*self._release_half(), Whole(body.composed(frame), data))
        if self._half is not None:
            joined = body_composition.joined(self._half[0], frame)
            if joined is not None:
                whole = Whole(body.composed(joined), self._half[1] + data)
                self._half = None
                return (whole,)
        before = self._release_half()
        self._half = frame, data
        return before

    def _release(self) -> tuple[Whole, ...]:
        waiting, self._record = self._record, None
        return () if waiting is None else (Whole(metabolism.meaning(waiting[0]), waiting[1]),)

    def _release_half(self) -> tuple[Whole, ...]:
        waiting, self._half = self._half, None
        return () if waiting is None else (Whole(body.composed(waiting[0]), waiting[1]),)
