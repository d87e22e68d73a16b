"""What is printed on an instrument, and how it presents itself on the air."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from bumble.core import AdvertisingData

from protocol.readings import InstrumentKind

from .bond import Bond

AWAKE_S: Final = 60.0
"""Most go off a minute after the last touch."""

PACKET: Final = 31
"""Octets of an advertisement and of a scan response (Core 5.4, Vol 6, Part B, 2.3.1)."""


@dataclass(frozen=True, slots=True)
class Plate:
    """What is printed on it, and how it presents itself on the air. `address`: static random, the two highest bits
    are set. `services`: UUIDs in its advertisement. `model_key` is what a vehicle's configuration calls it."""

    name: str
    address: str
    kind: InstrumentKind
    model_key: str
    maker: str
    model: str
    serial: str
    services: tuple[str, ...] = ()
    company: bytes = b""
    """Manufacturer data, company number first."""
    bond: Bond = Bond.just_works
    awake_s: float = AWAKE_S
    firmware: str = "0.1"
    system_id: str = ""
    battery: bool = True
    """Whether it has a Battery Service."""
    mtu: int = 247
    """The largest ATT_MTU it agrees to; 23 in the older ones."""

    def advertisement(self, name: str) -> tuple[bytes, bytes]:
        """Advertisement and scan response; name and manufacturer data go where they fit. ValueError."""
        first: list[tuple[int, bytes]] = [(AdvertisingData.FLAGS, b"\x05")]
        for length, kind in ((4, AdvertisingData.COMPLETE_LIST_OF_16_BIT_SERVICE_CLASS_UUIDS),
                             (32, AdvertisingData.COMPLETE_LIST_OF_128_BIT_SERVICE_CLASS_UUIDS)):
            digits = [uuid.replace("-", "") for uuid in self.services]
            listed = b"".join(bytes.fromhex(uuid)[::-1] for uuid in digits if len(uuid) == length)
            if listed:
                first.append((kind, listed))
        second: list[tuple[int, bytes]] = []
        for item in ((AdvertisingData.COMPLETE_LOCAL_NAME, name.encode()),
                     (AdvertisingData.MANUFACTURER_SPECIFIC_DATA, self.company)):
            if item[1]:
                room = PACKET - len(bytes(AdvertisingData(first)))
                (first if 2 + len(item[1]) <= room else second).append(item)
        packets = bytes(AdvertisingData(first)), bytes(AdvertisingData(second))
        if max(map(len, packets)) > PACKET:
            raise ValueError(f"{name} does not fit an advertisement")
        return packets
