"""From the bytes of a GATT characteristic to what they mean: the table of all numeric profiles. Pure."""

from __future__ import annotations

from collections.abc import Callable

from .errors import DecodeError
from .meanings import circulation
from .measured import Measured

_Meaning = Callable[[bytes, str, int | None], Measured]

CHARACTERISTICS: dict[int, _Meaning] = {
    0x2A35: circulation.blood_pressure,
    0x2A36: circulation.cuff_pressure,
}
"""By assigned number: frame, model (Device Information) and feature value in."""


def measured(characteristic: int, data: bytes, *, model: str = "", feature: int | None = None) -> Measured:
    """What the frame of a characteristic measured. `model` chooses a maker's known deviation, `feature` is the value
    of the service's feature characteristic, None when the device did not say.

    DecodeError with the profile's code for bytes its specification does not allow; `characteristic.unknown`.
    """
    meaning = CHARACTERISTICS.get(characteristic)
    if meaning is None:
        raise DecodeError("characteristic.unknown", f"{characteristic:#06x}")
    return meaning(data, model, feature)
