"""What an advertisement says, in bleak's words."""

from __future__ import annotations

import uuid
from typing import Any, Final

from bleak.backends.scanner import AdvertisementData
from bumble.core import UUID, AdvertisingData
from bumble.device import Advertisement

_UUID_LISTS: Final = (AdvertisingData.COMPLETE_LIST_OF_16_BIT_SERVICE_CLASS_UUIDS,
                      AdvertisingData.INCOMPLETE_LIST_OF_16_BIT_SERVICE_CLASS_UUIDS,
                      AdvertisingData.COMPLETE_LIST_OF_128_BIT_SERVICE_CLASS_UUIDS,
                      AdvertisingData.INCOMPLETE_LIST_OF_128_BIT_SERVICE_CLASS_UUIDS)
_SERVICE_DATA: Final = (AdvertisingData.SERVICE_DATA_16_BIT_UUID, AdvertisingData.SERVICE_DATA_128_BIT_UUID)


def full(number: UUID) -> str:
    """The 128-bit form in lower case."""
    return str(uuid.UUID(bytes=bytes(reversed(number.to_bytes(force_128=True)))))


def heard(advertisement: Advertisement) -> AdvertisementData:
    """Name, services, manufacturer and service data, signal in dBm."""
    data: Any = advertisement.data
    services = [full(number) for kind in _UUID_LISTS for number in data.get(kind) or ()]
    makers = dict(data.get_all(AdvertisingData.MANUFACTURER_SPECIFIC_DATA))
    said = {full(number): value for kind in _SERVICE_DATA for number, value in data.get_all(kind)}
    name = data.get(AdvertisingData.COMPLETE_LOCAL_NAME) or data.get(AdvertisingData.SHORTENED_LOCAL_NAME)
    return AdvertisementData(local_name=name, manufacturer_data=makers, service_data=said,
                             service_uuids=list(dict.fromkeys(services)), tx_power=None, rssi=advertisement.rssi,
                             platform_data=())
