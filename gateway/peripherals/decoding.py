"""What `passerelle-gateway decode` knows: every kind of frame and its decoder, numeric and waveform. Pure.

A kind is a GATT characteristic (`2a35`) or the name of a maker's protocol (`nonin-3230`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from functools import partial

from protocol.readings import Quantity

from . import codes, decoding_waveforms, meaning
from .decoded import Decoded
from .errors import DecodeError
from .meanings import circulation, metabolism
from .measured import Detail, Measured, quantity
from .profiles import (
    battery,
    blood_pressure,
    current_time,
    date_time,
    device_information,
    glucose,
    heart_rate,
    pulse_oximeter,
    racp,
    thermometer,
)

UUID_TAIL = "-0000-1000-8000-00805f9b34fb"
"""A characteristic of the Bluetooth SIG written out (Core 5.4, vol. 3, part B, 2.5.1)."""


def kind_of(name: str) -> str:
    """The key of `KINDS` for what a person types: `0x2A35`, `2a35`, a UUID of 128 bits, `Polar_PMD`, `polar pmd`;
    what is none comes back as it is."""
    kind = name.strip().lower().removesuffix(UUID_TAIL).removeprefix("0x")
    if len(kind) == _LONG_NUMBER:
        kind = kind.removeprefix("0000")
    return _SPELLED.get(_letters(kind), kind)


def _letters(name: str) -> str:
    return name.translate(_BETWEEN)


def of_measured(measured: Measured) -> Decoded:
    """The answer for a measurement. What is no patient's result loses its numbers: they stand in the details."""
    quantities, details = measured.quantities, measured.details
    flags = measured.flags
    if measured.refused:
        quantities = tuple(q for q in measured.quantities if q.value is None)
        details = (*details, ("refused", measured.refused), *_numbers(measured.quantities))
        flags = (measured.refused.rsplit(".", 1)[-1], *flags)
    if measured.time is None and not measured.live:
        flags = (*flags, "time_unknown")
    if measured.record is not None:
        details = (("record", measured.record), *details)
    return Decoded(readings=quantities, device_time=measured.time.isoformat() if measured.time else None,
                   user=measured.user, status=measured.status, flags=tuple(dict.fromkeys(flags)),
                   context=measured.context, details=details)


def _numbers(quantities: tuple[Quantity, ...]) -> tuple[Detail, ...]:
    return tuple((f"refused_{q.mdc}", f"{q.value:f} {q.unit}") for q in quantities if q.value is not None)


def _characteristic(number: int, data: bytes, model: str) -> Decoded:
    return of_measured(meaning.measured(number, data, model=model))


def _blood_pressure(data: bytes, model: str) -> Decoded:
    return of_measured(circulation.as_written(data, model))


def _heart_rate(data: bytes, model: str) -> Decoded:
    return of_measured(circulation.heart_rate_as_written(data, model))


def _vendor(name: str, data: bytes, model: str) -> Decoded:
    return of_measured(meaning.vendor_measured(name, data, model=model))


def _omron(data: bytes, model: str) -> Decoded:
    decoded = of_measured(circulation.omron(data, model) if model else circulation.omron_of_some_model(data))
    return replace(decoded, flags=("from_memory", *decoded.flags))


def _context(data: bytes, model: str) -> Decoded:
    context = glucose.context(data)
    flags = ("ketone",) if context.meal_code == metabolism.KETONE_MEAL else ()
    details: tuple[Detail, ...] = (("record", context.sequence), *metabolism.told(context))
    if context.meal_code is not None and context.meal is None:
        details = (*details, ("meal_reserved", context.meal_code))
    return Decoded(readings=metabolism.hba1c(context), context=metabolism.circumstances(context), flags=flags,
                   details=details)


def _access(data: bytes, model: str) -> Decoded:
    if racp.is_request(data):
        asked = racp.request(data)
        operand: tuple[Detail, ...] = (("filter", asked.filter), ("operand", " ".join(asked.operand)))
        return Decoded(context=("request",), details=(("request", asked.name), ("operator", asked.operator),
                                                      *(operand if asked.operand else ())))
    response = racp.decode(data)
    if response.result is None:
        return Decoded(details=(("records", response.number),))
    name = response.result.name if isinstance(response.result, racp.Result) else f"reserved_{response.result}"
    return Decoded(status=(name,), details=(("request", response.of), ("result", name)))


def _date_time(data: bytes, model: str) -> Decoded:
    time = date_time.decode(data)
    return Decoded(device_time=time.isoformat() if time else None, flags=() if time else ("time_unknown",))


def _current_time(data: bytes, model: str) -> Decoded:
    now = current_time.decode(data)
    return Decoded(device_time=now.time.isoformat(timespec="seconds") if now.time else None, status=now.reasons,
                   flags=() if now.time else ("time_unknown",),
                   details=(("weekday", now.weekday), ("fraction_256", now.fraction)))


def _battery(data: bytes, model: str) -> Decoded:
    level = battery.decode(data)
    return Decoded(readings=(quantity(codes.BATTERY, Decimal(level)),), details=(("battery_percent", level),))


def _line(name: str, data: bytes, model: str) -> Decoded:
    if not data:
        raise DecodeError("device_information.short", "empty")
    return Decoded(details=((name, device_information.text(data)),))


def _system_id(data: bytes, model: str) -> Decoded:
    return Decoded(details=(("system_id", device_information.system_id(data)),
                            *device_information.system_id_parts(data).items()))


def _regulatory(data: bytes, model: str) -> Decoded:
    """A list of certificates whose format is in no public specification: passed on as it is."""
    if not data:
        raise DecodeError("device_information.short", "empty")
    return Decoded(details=(("regulatory", data.hex()),))


def _pnp_id(data: bytes, model: str) -> Decoded:
    found = device_information.pnp_id(data)
    return Decoded(details=(("vendor_source", found.source), ("vendor", found.vendor), ("product", found.product),
                            ("version", found.version)))


def _named_byte(code: str, name: str, table: dict[int, str], data: bytes, model: str) -> Decoded:
    return Decoded(details=((name, device_information.enumerated(code, table, data)),))


# The answer for a feature characteristic: the status bits that this device is able to set.
def _blood_pressure_feature(data: bytes, model: str) -> Decoded:
    known = blood_pressure.Feature(blood_pressure.feature(data) & 0x3F)
    return Decoded(status=tuple(flag.name for flag in known if flag.name))


def _glucose_feature(data: bytes, model: str) -> Decoded:
    return Decoded(status=glucose.status_names(0xFFFF, glucose.feature(data)))


def _oximeter_feature(data: bytes, model: str) -> Decoded:
    return Decoded(status=pulse_oximeter.status_names(pulse_oximeter.feature(data)))


KINDS: dict[str, Callable[[bytes, str], Decoded]] = {
    **{f"{number:04x}": partial(_characteristic, number) for number in meaning.CHARACTERISTICS},
    "2a35": _blood_pressure,
    "2a37": _heart_rate,
    "2a34": _context,
    "2a52": _access,
    "2a08": _date_time,
    "2a2b": _current_time,
    "2a19": _battery,
    "2a1d": partial(_named_byte, "temperature_type", "site", thermometer.SITES),
    "2a38": partial(_named_byte, "sensor_location", "location", heart_rate.LOCATIONS),
    "2a49": _blood_pressure_feature,
    "2a51": _glucose_feature,
    "2a60": _oximeter_feature,
    "2a23": _system_id,
    "2a50": _pnp_id,
    "2a2a": _regulatory,
    **{f"{number:04x}": partial(_line, name)
       for number, name in {**device_information.STRINGS, **device_information.REVISIONS}.items()},
    **{name: partial(_vendor, name) for name in meaning.VENDOR},
    "omron-eeprom": _omron,
    **decoding_waveforms.KINDS,
}
"""By kind (lower case): frame and model in, `Decoded` out; `DecodeError` for bytes that are refused."""

_BETWEEN = str.maketrans("", "", " -_")

_LONG_NUMBER = 8
"""A characteristic as 32 bits: `00002a35`."""

_ALIASES = {
    "polar": "polar-pmd", "polar-h10": "polar-pmd", "pmd": "polar-pmd", "viatom": "viatom-er1", "er1": "viatom-er1",
    "duoek": "viatom-er1", "ads1292": "ads1292r", "healthypi": "healthypi5", "openbci": "cyton",
    "openbci-cyton": "cyton", "ge-corometrics": "corometrics", "nonin": "nonin-3230", "omron": "omron-eeprom"}
"""Other names that people give a maker's protocol."""

_SPELLED = {_letters(name): kind for name, kind in (*zip(KINDS, KINDS, strict=True), *_ALIASES.items())}
