"""What one raw frame says, in a form a person or a machine can read: the answer of `passerelle-gateway decode`.

Every decoder that the command knows fills this value. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from protocol.readings import Quantity


@dataclass(frozen=True, slots=True)
class Samples:
    """Samples of a waveform frame. `values` is one tuple per lead or channel, in the order of `names`; a sample is a
    count, its value count * `scales[i]` in `units[i]` (UCUM); None is a sample the device says is invalid.
    `rate_hz` None: the frame does not say, nor does the specification."""

    names: tuple[str, ...]
    codes: tuple[int | None, ...]
    values: tuple[tuple[int | None, ...], ...]
    units: tuple[str, ...]
    scales: tuple[Decimal, ...]
    rate_hz: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Decoded:
    """One frame. `device_time` is the device's own clock (ISO 8601, no zone unless the device has one), `status`
    the names of the set status bits, `flags` our judgement of it (`implausible`, `from_memory`,
    `control_solution`, `time_unknown`), `details` what else the frame says (battery, sequence number, site)."""

    readings: tuple[Quantity, ...] = ()
    samples: Samples | None = None
    device_time: str | None = None
    user: int | None = None
    status: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    context: tuple[str, ...] = ()
    details: tuple[tuple[str, str | int | None], ...] = ()
