"""What may be on board of a simulated vehicle beside room camera, cuff, first ECG and skin camera, by name."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from .ble.cabinet import MAKERS, TO_PAIR
from .wire.rack import DEVICES

CAMERAS: Final = ("otoscope", "intraoral", "ultrasound")
STETHOSCOPE: Final = "stethoscope"
CART: Final = "cart"
ALL: Final = "all"


@dataclass(frozen=True, slots=True)
class Equipment:
    """The names, by where they are plugged in."""

    ble: tuple[str, ...] = ()
    wired: tuple[str, ...] = ()
    cameras: tuple[str, ...] = ()
    stethoscope: bool = False
    cart: bool = False

    @classmethod
    def of(cls, names: Iterable[str]) -> Equipment:
        """Sort the names. ValueError names what does not exist."""
        known = (*MAKERS, *DEVICES, *CAMERAS, STETHOSCOPE, CART)
        wanted = set(names)
        if ALL in wanted:
            wanted = set(known) - set(TO_PAIR)
        unknown = sorted(wanted - set(known))
        if unknown:
            raise ValueError(f"there is no instrument {', '.join(unknown)}; there are {', '.join(known)}")

        def among(group: Iterable[str]) -> tuple[str, ...]:
            return tuple(name for name in group if name in wanted)

        return cls(among(MAKERS), among(DEVICES), among(CAMERAS), STETHOSCOPE in wanted, CART in wanted)
