"""From a decoded frame to a `Reading`: codes, units, provenance, and the two rules about numbers and time (I3).

A number that was not measured is absent, with the reason. A time that is not known stays unknown.
"""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from protocol.readings import Device, Reading, ReadingKind

from . import meaning
from .errors import DecodeError
from .measured import INTERMEDIATE, REASSURING, Measured

FROM_MEMORY_AFTER = timedelta(seconds=120)
"""An A&D cuff advertises for about a minute after its measurement; what is older waited in its memory."""

CLOCK_SLACK = timedelta(seconds=5)
"""A record this far in the device's own future is taken as "now": its clock is read before the record is sent."""

RAW_BYTES = 1024
"""What a reading keeps of a foreign frame; an ATT value has at most 512 bytes."""


@dataclass(frozen=True, slots=True)
class Clock:
    """The device's clock at one moment, read when the connection was made. `device` is naive, as the device has it;
    `wall` is our UTC, `local` the same moment on our own wall clock, naive."""

    device: datetime
    wall: datetime
    local: datetime

    @property
    def offset_s(self) -> float:
        """Device minus ours."""
        return (self.device - self.local).total_seconds()


@dataclass(frozen=True, slots=True)
class Arrival:
    """How a frame came. `live`: the cuff was seen measuring in this visit and this is what it measured;
    `corrected` is its clock after we set it in this visit.

    `unsure_until`: device times up to this one were written under a clock we have since corrected by more than a
    minute, so they no longer say when.
    """

    received_at: datetime
    clock: Clock | None = None
    live: bool = False
    corrected: Clock | None = None
    unsure_until: datetime | None = None


def reading(measured: Measured, frame: bytes, device: Device, arrival: Arrival) -> Reading:
    """The reading of one measurement and the bytes it came in.

    What is not a patient's result (`refused`) and what is only an intermediate value is kept like unreadable bytes:
    named by its code, without any number.
    """
    taken_at, clock, flags = _taken(measured, arrival)
    refused = measured.refused
    if INTERMEDIATE in measured.flags:
        refused = refused or "measurement.intermediate"
    return Reading(
        reading_id=uuid.uuid4().hex,
        kind=ReadingKind.unreadable if refused else measured.kind,
        device=device,
        received_at=arrival.received_at,
        quantities=tuple(q for q in measured.quantities if q.value is None) if refused else measured.quantities,
        taken_at=taken_at,
        device_time=measured.time.isoformat() if measured.time else "",
        clock_offset_s=clock.offset_s if clock else None,
        user=measured.user,
        record=measured.record,
        context=measured.context,
        flags=tuple(dict.fromkeys(flag for flag in (*measured.status, *measured.flags, *flags)
                                  if flag not in REASSURING)),
        error=refused,
        raw=frame[:RAW_BYTES].hex(),
    )


def decoded(characteristic: int, frame: bytes, device: Device, arrival: Arrival, feature: int | None = None) -> Reading:
    """The reading in the frame of a GATT characteristic. What can't be decoded becomes an `unreadable` one."""
    try:
        measured = meaning.measured(characteristic, frame, model=device.model, feature=feature)
    except DecodeError as error:
        return unreadable(frame, error.code, device, arrival)
    return reading(measured, frame, device, arrival)


def blood_pressure(frame: bytes, feature: int | None, device: Device, arrival: Arrival) -> Reading:
    """The reading in a 2A35 frame. What can't be decoded becomes an `unreadable` one with its bytes."""
    return decoded(0x2A35, frame, device, arrival, feature)


def unreadable(frame: bytes, code: str, device: Device, arrival: Arrival) -> Reading:
    """Bytes that no decoder accepts: kept, named by their error, without a value and without a time."""
    return Reading(
        reading_id=uuid.uuid4().hex,
        kind=ReadingKind.unreadable,
        device=device,
        received_at=arrival.received_at,
        taken_at=arrival.received_at if arrival.live else None,
        clock_offset_s=arrival.clock.offset_s if arrival.clock else None,
        flags=() if arrival.live else ("time_unknown",),
        error=code,
        raw=frame[:RAW_BYTES].hex(),
    )


def dedup_key(reading: Reading) -> str:
    """SHA-256, equal for the same measurement sent twice: device, kind, user slot, its own time and number, values.

    Without a device time and without the device's own number of the record nothing tells two equal measurements
    apart, so such a reading is only equal to itself: a duplicate on the screen is seen by a person, a lost one is
    not. A clock that was never set does not say when, but it ticks: the bytes then tell records apart.
    """
    parts = [reading.device.device_id, reading.kind.value, reading.device_time, _number(reading.record),
             _number(reading.user)]
    if reading.kind is ReadingKind.unreadable or "clock_not_set" in reading.flags:
        parts.append(reading.raw)
    elif reading.device_time or reading.record is not None:
        parts += [f"{q.mdc}={q.value if q.absent is None else q.absent.value}{q.unit}" for q in reading.quantities]
    else:
        parts.append(reading.reading_id)
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _number(number: int | None) -> str:
    return "" if number is None else str(number)


def _taken(measured: Measured, arrival: Arrival) -> tuple[datetime | None, Clock | None, list[str]]:
    """When it was taken on our clock, the device clock that stamped it, and the flags that go with it.

    The age by the device's own clock is what counts: a clock that is days wrong still measures intervals well.
    """
    if arrival.live:
        return _taken_now(measured, arrival)
    if measured.time is None or arrival.clock is None:
        return None, arrival.clock, ["time_unknown"]
    age = arrival.clock.device - measured.time
    if age < -CLOCK_SLACK or (arrival.unsure_until is not None and measured.time <= arrival.unsure_until):
        return None, arrival.clock, ["time_unknown"]
    taken_at = arrival.clock.wall - max(age, timedelta(0))
    return taken_at, arrival.clock, ["from_memory"] if age > FROM_MEMORY_AFTER else []


def _taken_now(measured: Measured, arrival: Arrival) -> tuple[datetime | None, Clock | None, list[str]]:
    """We watched the cuff measure: it is now, unless its own stamp says clearly that this is an older record."""
    if measured.time is None:
        return arrival.received_at, arrival.corrected or arrival.clock, []
    clocks = [clock for clock in (arrival.corrected, arrival.clock) if clock]
    for clock in clocks:
        if abs((clock.device - measured.time) + (arrival.received_at - clock.wall)) < FROM_MEMORY_AFTER:
            return arrival.received_at, clock, []
    if not clocks:
        # Never readable, never settable: the only thing to compare with is the moment itself.
        return arrival.received_at, None, []
    return _taken(measured, replace(arrival, live=False))
