"""Device Information Service, 0x180A (DIS 1.1): who made the instrument, and its serial number."""

from __future__ import annotations

import contextlib
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass

from ..errors import DecodeError
from .fields import Fields

LINE = 200
"""Longest line the wire carries (`protocol.values.Line`); a DIS string is at most 512 bytes."""


@dataclass(frozen=True, slots=True)
class DeviceInformation:
    """What the service said; an empty string for what it did not say."""

    maker: str = ""
    model: str = ""
    serial: str = ""
    firmware: str = ""
    system_id: str = ""


STRINGS = {0x2A29: "maker", 0x2A24: "model", 0x2A25: "serial", 0x2A26: "firmware"}
"""Characteristics that are UTF-8 strings, by field."""

REVISIONS = {0x2A27: "hardware", 0x2A28: "software"}
"""Two more that a visit does not read: each costs a tenth of its few seconds."""

SYSTEM_ID = 0x2A23

VENDOR_SOURCES = {1: "bluetooth_sig", 2: "usb_implementers_forum"}
"""Who gave out the vendor number of a PnP identifier."""

_ADDRESS_MARK = bytes((0xFE, 0xFF))
"""Between the two halves of a Bluetooth address that was widened to 64 bits."""


def decode(values: Mapping[int, bytes]) -> DeviceInformation:
    """From characteristic number to bytes. What is malformed is left out: it names, it does not measure."""
    fields = {name: text(values[number]) for number, name in STRINGS.items() if number in values}
    if SYSTEM_ID in values:
        with contextlib.suppress(DecodeError):
            fields["system_id"] = system_id(values[SYSTEM_ID])
    return DeviceInformation(**fields)


def text(data: bytes) -> str:
    """One line: padding and control characters stripped, foreign bytes replaced."""
    line = data.split(b"\0", 1)[0].decode("utf-8", "replace")
    return "".join(c for c in line if unicodedata.category(c)[0] != "C").strip()[:LINE]


def enumerated(code: str, names: Mapping[int, str], data: bytes) -> str:
    """The name of a one-byte characteristic. DecodeError `<code>.short`, `<code>.long`, `<code>.reserved`."""
    fields = Fields(code, data)
    value = fields.unsigned()
    fields.end()
    if value not in names:
        raise DecodeError(f"{code}.reserved", f"{value}")
    return names[value]


def system_id(data: bytes) -> str:
    """EUI-64 in hexadecimal: 40-bit manufacturer identifier and 24-bit OUI, both little-endian (DIS 1.1, 3.8)."""
    if len(data) != 8:
        raise DecodeError("system_id.short" if len(data) < 8 else "system_id.long", f"{len(data)} bytes")
    return data[::-1].hex()


def system_id_parts(data: bytes) -> dict[str, str]:
    """The identifier of the manufacturer and its OUI, most significant byte first, and the Bluetooth address where
    they were made of one. DecodeError as `system_id`."""
    system_id(data)
    parts = {"manufacturer_identifier": data[4::-1].hex(), "oui": data[:4:-1].hex()}
    if data[3:5] == _ADDRESS_MARK:
        parts["address"] = (data[:4:-1] + data[2::-1]).hex(":")
    return parts


@dataclass(frozen=True, slots=True)
class PnpId:
    """PnP ID 0x2A50: the product as its vendor numbers it. `source` is the bare number when it is reserved."""

    source: str
    vendor: int
    product: int
    version: int


def pnp_id(data: bytes) -> PnpId:
    """Read seven bytes (DIS 1.1, 3.9). DecodeError: `pnp_id.short`, `pnp_id.long`."""
    fields = Fields("pnp_id", data)
    source, vendor, product, version = (fields.unsigned(), *(fields.unsigned(2) for _ in range(3)))
    fields.end()
    return PnpId(VENDOR_SOURCES.get(source, f"reserved_{source}"), vendor, product, version)
