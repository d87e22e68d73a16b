"""What `passerelle-gateway decode` knows: every kind of frame and its decoder, numeric and waveform. Pure.

A kind is a GATT characteristic (`2a35`) or the name of a maker's protocol (`nonin-3230`).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from protocol.readings import Quantity

from . import decoding_waveforms, meaning
from .decoded import Decoded
from .measured import Detail, Measured


def of_measured(measured: Measured) -> Decoded:
    """The answer for a measurement. What is no patient's result loses its numbers: they stand in the details."""
    quantities, details = measured.quantities, measured.details
    flags = measured.flags
    if measured.refused:
        quantities = tuple(q for q in measured.quantities if q.value is None)
        details = (*details, ("refused", measured.refused), *_numbers(measured.quantities))
        flags = (measured.refused.rsplit(".", 1)[-1], *flags)
    if measured.live:
        flags = (*flags, "intermediate")
    if measured.time is None and not measured.live:
        flags = (*flags, "time_unknown")
    if measured.record is not None:
        details = (("record", measured.record), *details)
    return Decoded(readings=quantities, device_time=measured.time.isoformat() if measured.time else None,
                   user=measured.user, status=measured.status, flags=tuple(dict.fromkeys(flags)),
                   context=measured.context, details=details)


def _numbers(quantities: tuple[Quantity, ...]) -> tuple[Detail, ...]:
    return tuple((f"refused_{q.mdc}", f"{q.value} {q.unit}") for q in quantities if q.value is not None)


def _characteristic(number: int, data: bytes, model: str) -> Decoded:
    return of_measured(meaning.measured(number, data, model=model))


KINDS: dict[str, Callable[[bytes, str], Decoded]] = {
    **{f"{number:04x}": partial(_characteristic, number) for number in meaning.CHARACTERISTICS},
    **decoding_waveforms.KINDS,
}
"""By kind (lower case): frame and model in, `Decoded` out; `DecodeError` for bytes that are refused."""
