"""Records in the memory of older Omron cuffs (HEM-...T), read over Omron's own service FE4A or ecbe3980-...

There is no blood pressure service on these models: the host reads their EEPROM, slot by slot. Which
layout a slot has is known by the model only (eigger/hass-omron@d6758ed custom_components/omron/omron_ble/
device_catalog.py and record_parsers.py; userx14/omblepy@708c13e deviceSpecific/). The pressures are whole mmHg.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime

from ..errors import DecodeError

SYSTOLIC_OFFSET = 25
EMPTY_ABOVE = 0xE1
"""A raw systolic above this is an erased slot, not 250 mmHg."""


class Layout(enum.Enum):
    """How a slot is packed."""

    big_endian_bits = "big_endian_bits"
    little_endian_words = "little_endian_words"
    date_first = "date_first"


@dataclass(frozen=True, slots=True)
class Slot:
    """`record_at` where the device's own number of the record stands, `error_at` its error byte."""

    layout: Layout
    size: int
    record_at: int | None = None
    error_at: int | None = None


_PACKED = Slot(Layout.big_endian_bits, 14)
_WORDS_14 = Slot(Layout.little_endian_words, 14, record_at=10)
_WORDS_16 = Slot(Layout.little_endian_words, 16, record_at=10)
_DATE_FIRST = Slot(Layout.date_first, 16)
_DATE_FIRST_32 = Slot(Layout.date_first, 32)
_WATCH = Slot(Layout.little_endian_words, 24, record_at=10, error_at=17)

_FAMILIES: dict[Slot, str] = {
    _PACKED: "7321 7322 7280 7281 7282 7511 8732 7600 7270 7271 7325 7530 6231 8630 6161 7136 7138J 7138T 7139 "
             "6232 6233",
    _WORDS_14: "6320 6321 6322 6323 6324 6325 7320 8725 7138K 7140 7141 7142 7143 7144 7146 7149 716B 716C 716D",
    _WORDS_16: "1026 7150 7151 7153 7155 7156 7157 7158 7159 7183 7188 7191 7194 7196 7340 7341 7342 7343 7344 7346 "
               "7347 7349 7361 7376 7377 7380 7381 7382 7383 7384 7385 7386 7387 7388 7389",
    _DATE_FIRST: "6401 6402",
    _DATE_FIRST_32: "6410 6411",
    _WATCH: "9601 9700",
}
TYPICAL = {14: ("HEM-7322T", "HEM-7142T2"), 16: ("HEM-7361T", "HEM-6401T"), 24: ("HEM-9601T",), 32: ("HEM-6410T",)}
"""One model of each layout, by size of the slot."""

SOLD_AS = {"EVOLV": "7600", "RS7": "6232", "COMPLETE": "7530", "BP7250": "7150", "BP7450": "7342", "M400": "7155",
           "X4SMART": "7155", "M700": "7322"}
"""Names on the box that mean one family only (README of userx14/omblepy@708c13e); M7 was two."""

_SLOTS = {family: slot for slot, families in _FAMILIES.items() for family in families.split()}


@dataclass(frozen=True, slots=True)
class Record:
    """One measurement. `time` is None when the cuff's clock was never set or the date does not exist."""

    systolic: int
    diastolic: int
    pulse: int
    time: datetime | None
    record: int | None
    status: tuple[str, ...]


def layouts() -> frozenset[Slot]:
    """Every slot there is."""
    return frozenset(_FAMILIES)


def slot_of(model: str) -> Slot:
    """The layout of a model such as `HEM-7322T-E`, `Omron HEM_7322T`, or of one of the names it is sold under.
    DecodeError `omron.model_unknown`."""
    words = "".join(c if c.isalnum() else " " for c in model.upper()).removeprefix("OMRON").split()
    name = "".join(words).removeprefix("HEM")
    sold = next((family for names, family in SOLD_AS.items() if name.startswith(names)), "")
    for family in (name[:5], name[:4], sold):
        if family in _SLOTS:
            return _SLOTS[family]
    raise DecodeError("omron.model_unknown", f"{model or 'no model'}; known: {' '.join(sorted(_SLOTS))}")


def decode(data: bytes, model: str) -> Record:
    """Read one slot.

    DecodeError: `omron.short`, `omron.long`, `omron.model_unknown`, `omron.empty_slot` for one that holds nothing,
    `omron.measurement_failed` for one that holds an error.
    """
    slot = slot_of(model)
    if len(data) != slot.size:
        raise DecodeError("omron.short" if len(data) < slot.size else "omron.long", f"{len(data)} of {slot.size} bytes")
    if not any(data[:8]) or all(byte == 0xFF for byte in data[:8]):
        raise DecodeError("omron.empty_slot", data.hex())
    if slot.error_at is not None and data[slot.error_at]:
        raise DecodeError("omron.measurement_failed", f"error {data[slot.error_at]:#04x}")
    read = {Layout.big_endian_bits: _bits, Layout.little_endian_words: _words, Layout.date_first: _date_first}
    return read[slot.layout](data, slot)


def _bits(data: bytes, slot: Slot) -> Record:
    """dia 8, sys 8, 2 unused, year 6, pulse 8, mov 1, ihb 1, month 4, day 5, hour 5, position 2, battery 1, cuff 1,
    minute 6, second 6. On HEM-6232T omblepy@708c13e has mov and ihb the other way round."""
    del slot
    whole = int.from_bytes(data[:8], "big")

    def bits(first: int, last: int) -> int:
        return whole >> (63 - last) & ((1 << (last - first + 1)) - 1)

    systolic = _systolic(data[1])
    time = _moment(bits(18, 23), bits(34, 37), bits(38, 42), bits(43, 47), bits(52, 57), bits(58, 63))
    status = _status(bits(32, 32), bits(33, 33), bits(51, 51), bits(50, 50))
    return Record(systolic, data[0], data[3], time, None, status)


def _words(data: bytes, slot: Slot) -> Record:
    """sys, dia, pulse, year; then two 16-bit words: hour 5, day 5, month 4, ihb 1, mov 1; second 6, minute 6, cuff 1,
    battery 1, position 2 (from the lowest bit)."""
    first, second = (int.from_bytes(data[at:at + 2], "little") for at in (4, 6))
    time = _moment(data[3] & 0x3F, first >> 10 & 0x0F, first >> 5 & 0x1F, first & 0x1F, second >> 6 & 0x3F,
                   second & 0x3F)
    status = _status(first >> 15, first >> 14 & 1, second >> 12 & 1, second >> 13 & 1)
    at = slot.record_at
    number = None if at is None else int.from_bytes(data[at:at + 2], "little")
    return Record(_systolic(data[0]), data[1], data[2], time, number, status)


def _date_first(data: bytes, slot: Slot) -> Record:
    """year, month, day, hour, minute, second, sys, dia, pulse; byte 11: irregular pulse 2 bits, movement 2 bits."""
    del slot
    year, month, day, hour, minute, second = data[:6]
    status = _status(data[11] >> 2 & 3, data[11] & 3, 1, 0)
    return Record(_systolic(data[6]), data[7], data[8], _moment(year, month, day, hour, minute, second), None, status)


def _systolic(raw: int) -> int:
    if raw > EMPTY_ABOVE:
        raise DecodeError("omron.empty_slot", f"systolic {raw:#04x}")
    return raw + SYSTOLIC_OFFSET


def _moment(year: int, month: int, day: int, hour: int, minute: int, second: int) -> datetime | None:
    # Six bits hold 60 to 63 too; the cuffs write them in the last second of a minute.
    try:
        return datetime(2000 + year, month, day, hour, minute, min(second, 59))
    except ValueError:
        return None


def _status(movement: int, irregular: int, cuff_fits: int, battery: int) -> tuple[str, ...]:
    """What the cuff noted. The cuff's bit is set when it fits (userx14/omblepy issue 21, and every ordinary record in
    the logs of five models). The two bits of the arm's position are left alone: nobody knows what their values mean."""
    return tuple(name for name, is_set in (("body_movement", movement), ("irregular_pulse", irregular),
                                           ("cuff_too_loose", not cuff_fits), ("device_battery_low", battery))
                 if is_set)
