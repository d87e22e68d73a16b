"""`passerelle-gateway decode KIND HEX`: what a raw frame out of a log says, as one JSON object on standard output."""

from __future__ import annotations

import json
import re
from typing import Any

from protocol.readings import Quantity

from .exits import ExitCode, StartRefused
from .peripherals import codes, decoding
from .peripherals.decoded import Decoded, Samples
from .peripherals.errors import DecodeError

FRAME_BYTES = 65_536
"""Longest frame taken from a command line: an ATT value has 512 bytes, a recording is a file and goes elsewhere."""

_SEPARATORS = re.compile(r"\\x|(?<![0-9a-fA-F])0x|[\s:,;.|_\-()\[\]{}<>\"']", re.IGNORECASE)
_HEX = re.compile(r"([0-9a-fA-F]{2})*")


def run(kind: str, frame: str, model: str = "") -> tuple[str, ExitCode]:
    """The line to print and the code to end with: 0, or 65 for bytes that must be rejected.

    StartRefused (64) for a kind that does not exist.
    """
    decode = decoding.KINDS.get(decoding.kind_of(kind))
    if decode is None:
        raise StartRefused(ExitCode.usage, f"{kind!r} is no kind of frame; one of {', '.join(sorted(decoding.KINDS))}.")
    try:
        answer, code = _answer(decode(_bytes(frame), model)), ExitCode.ok
    except DecodeError as error:
        answer, code = {"error": {"code": error.code, "message": str(error)}}, ExitCode.configuration
    return json.dumps(answer), code


def _bytes(text: str) -> bytes:
    # Each group for itself: "6 7" is two halves of something, not the byte 67.
    groups = _SEPARATORS.split(text)
    if not all(_HEX.fullmatch(group) for group in groups):
        raise DecodeError("frame.not_hexadecimal", "two digits a byte, such as 06 78 00 50")
    digits = "".join(groups)
    if len(digits) > 2 * FRAME_BYTES:
        raise DecodeError("frame.too_long", f"more than {FRAME_BYTES} bytes")
    return bytes.fromhex(digits)


def _answer(decoded: Decoded) -> dict[str, Any]:
    return {
        "readings": [_reading(quantity) for quantity in decoded.readings],
        **_samples(decoded.samples),
        "device_time": decoded.device_time,
        "user": decoded.user,
        "status": list(decoded.status),
        "flags": list(decoded.flags),
        "context": list(decoded.context),
        "details": dict(decoded.details),
    }


def _reading(quantity: Quantity) -> dict[str, Any]:
    value = ({"absent": quantity.absent.value} if quantity.absent is not None
             else {"value": f"{quantity.value:f}"})
    also = codes.ALSO.get(quantity.loinc)
    return {"loinc": quantity.loinc, **({"loinc_also": list(also)} if also else {}), "mdc": quantity.mdc, **value,
            "unit": quantity.unit}


def _samples(samples: Samples | None) -> dict[str, Any]:
    """One signal: its counts; several: a list for every instant, in the order of the names. Where the signals have
    not the same rate, one list for every signal, and `waveform.by_signal`. `waveform.values`: the same in the unit,
    one list for every signal."""
    if samples is None:
        return {"samples": []}
    waveform: dict[str, Any] = {
        "names": list(samples.names), "codes": list(samples.codes), "units": list(samples.units),
        "scales": [f"{scale:f}" for scale in samples.scales],
        "values": [[None if count is None else f"{count * scale:f}" for count in values]
                   for values, scale in zip(samples.values, samples.scales, strict=True)],
        "rate_hz": None if samples.rate_hz is None else f"{samples.rate_hz:f}"}
    counts: list[Any]
    if len(samples.values) == 1:
        counts = list(samples.values[0])
    elif len({len(values) for values in samples.values}) == 1:
        counts = [list(instant) for instant in zip(*samples.values, strict=True)]
    else:
        counts = [list(values) for values in samples.values]
        waveform["by_signal"] = True
    return {"samples": counts, "waveform": waveform}
