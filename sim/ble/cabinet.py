"""All Bluetooth instruments of a vehicle by the names people give them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from ..air import Air
from ..cuff import Cuff
from ..patient import Patient
from .belt import Belt
from .beurer import BeurerCuff
from .er1 import Er1
from .glucose import GlucoseMeter
from .instrument import Instrument
from .nonin import Nonin3230
from .omron import OmronCuff
from .omron_older import OlderOmron
from .oximeter import Oximeter
from .polar import PolarH10
from .scale import Scale
from .thermometer import Thermometer

MAKERS: Final[dict[str, Callable[[Air, Patient], Instrument]]] = {
    "cuff": Cuff,
    "thermometer": Thermometer,
    "oximeter": Oximeter,
    "glucose": GlucoseMeter,
    "scale": Scale,
    "belt": Belt,
    "beurer": BeurerCuff,
    "polar": PolarH10,
    "er1": Er1,
    "nonin": Nonin3230,
    "omron": OmronCuff,
    "omron_older": OlderOmron,
}

TO_PAIR: Final = ("omron_older",)
"""Read only with the key of its pairing, which no configuration has beforehand: only there when it is named."""

ALWAYS: Final = ("cuff",)
"""What a vehicle has when nothing else is said."""


def instruments(names: Iterable[str], air: Air, patient: Patient) -> dict[str, Instrument]:
    """The named instruments, asleep; the cuff is always there. ValueError names what does not exist."""
    return {name: MAKERS[name](air, patient) for name in check(names)}


def check(names: Iterable[str]) -> list[str]:
    """All that the vehicle has. ValueError names what does not exist."""
    wanted = dict.fromkeys([*ALWAYS, *names])
    if "all" in wanted:
        return [name for name in MAKERS if name in wanted or name not in TO_PAIR]
    unknown = [name for name in wanted if name not in MAKERS]
    if unknown:
        raise ValueError(f"there is no instrument {', '.join(unknown)}; there are {', '.join(MAKERS)}")
    return list(wanted)
