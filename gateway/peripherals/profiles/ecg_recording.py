"""A finished electrocardiogram out of a file, whatever its format. Values only; `dicom_ecg` and `edf_ecg` read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Context, Decimal
from typing import Final

import numpy as np
from numpy.typing import NDArray

from protocol.readings import Quantity

from ..errors import DecodeError

LOST: Final = -(2**31)
"""Marks an instant for which the file has no sample of that lead (`protocol.readings.Waveform.lost_count`)."""

MOST_SAMPLES: Final = 12 * 500 * 60 * 20
"""Twenty minutes of twelve leads at 500 Hz; a resting recording has ten seconds, a rhythm strip a few minutes."""

MOST_LEADS: Final = 16
"""What a waveform chunk carries."""

RATES_HZ: Final = (Decimal(50), Decimal(8000))

_DIGITS: Final = Context(prec=12)

TO_MICROVOLTS: Final = {"uV": Decimal(1), "µV": Decimal(1), "mV": Decimal(1000), "V": Decimal(1_000_000),
                        "nV": Decimal("0.001")}


@dataclass(frozen=True, slots=True, eq=False)
class Recording:
    """What a cart recorded.

    `samples`: one row an instant, one column an entry of `leads` (MDC codes), counts of `scales[i]` uV, `LOST` where
    there is none. `taken_at` has the zone the file names, or none: then it is the cart's own wall clock. `patient_id`,
    `patient_name` (`FAMILY^Given`), `birth_date` (YYYY-MM-DD) are what the cart was told. `filters` name what was
    done to the signal (`high_pass_hz=0.05`). `flags`: `baseline_rounded`, `channels_left_out`, `gaps`.
    """

    taken_at: datetime | None
    leads: tuple[int, ...]
    rate_hz: Decimal
    scales: tuple[Decimal, ...]
    samples: NDArray[np.int32]
    patient_id: str = ""
    patient_name: str = ""
    birth_date: str = ""
    maker: str = ""
    model: str = ""
    serial: str = ""
    firmware: str = ""
    quantities: tuple[Quantity, ...] = ()
    filters: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()

    @property
    def seconds(self) -> float:
        return len(self.samples) / float(self.rate_hz)


def scale_of(per_count: Decimal, unit: str) -> Decimal:
    """Microvolts of one count. DecodeError: `ecg.scale`."""
    factor = TO_MICROVOLTS.get(unit)
    if factor is None or not per_count.is_finite() or not per_count or not -9 < (per_count * factor).adjusted() < 6:
        raise DecodeError("ecg.scale", f"{per_count} {unit[:8]}")
    return tidy(per_count * factor)


def tidy(number: Decimal) -> Decimal:
    """At most twelve digits, and no exponent where a plain number will do."""
    rounded = _DIGITS.create_decimal(number)
    return rounded.to_integral_value() if rounded == rounded.to_integral_value() else rounded.normalize()


def check(leads: int, rows: int, rate_hz: Decimal) -> None:
    """DecodeError for sizes that no recording has: `ecg.no_lead`, `ecg.too_long`, `ecg.rate`."""
    if not leads or not rows:
        raise DecodeError("ecg.no_lead")
    if not RATES_HZ[0] <= rate_hz <= RATES_HZ[1]:
        raise DecodeError("ecg.rate", str(rate_hz))
    if leads * rows > MOST_SAMPLES:
        raise DecodeError("ecg.too_long", f"{leads} x {rows}")


def text(value: object, longest: int = 200) -> str:
    """One line a screen can show: no control characters, no padding, no more than a `Line` holds."""
    return "".join(char if char.isprintable() else " " for char in str(value or "")).strip()[:longest]
