"""From a decoded recording to what the consultation takes: provenance, time, quality. Pure."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta, tzinfo

from protocol.readings import Device, InstrumentKind, Reading, ReadingKind, Waveform

from . import ecg_quality
from .codes import ECG_UNIT
from .config import InstrumentConfig
from .errors import DecodeError
from .profiles import ecg_file
from .profiles.ecg_recording import LOST, Recording
from .recording import RecordingArrived

CLOCK_AHEAD = timedelta(minutes=2)
"""A recording from further in the future than this was stamped by a clock that is wrong: its time is not known."""


def arrived(data: bytes, config: InstrumentConfig, received_at: datetime, zone: tzinfo | None) -> RecordingArrived:
    """The recording in a file. `zone`: of the cart's wall clock where the file names none; None: this machine's.

    DecodeError as `profiles.ecg_file.decode`.
    """
    recording = ecg_file.decode(data)
    sha256 = hashlib.sha256(data).hexdigest()
    taken_at, flags = _taken_at(recording, received_at, zone)
    device = Device(device_id=config.instrument_id, kind=InstrumentKind.ecg, maker=recording.maker,
                    model=recording.model, serial=recording.serial, firmware=recording.firmware,
                    simulated=config.simulated)
    reading = Reading(
        reading_id=reading_id(sha256), kind=ReadingKind.ecg_recording, device=device, received_at=received_at,
        quantities=recording.quantities, taken_at=taken_at,
        device_time=recording.taken_at.isoformat() if recording.taken_at is not None else "",
        context=tuple(_context(word) for word in recording.filters if "=" in word),
        flags=(*recording.flags, *flags, *_quality(recording)), recording=sha256)
    same = len(set(recording.scales)) == 1
    waveform = Waveform(
        stream_id=0, device=device, started_at=taken_at or received_at, rate_hz=recording.rate_hz,
        scale=recording.scales[0], unit=ECG_UNIT, leads=recording.leads,
        lead_units=() if same else (ECG_UNIT,) * len(recording.leads), lead_scales=() if same else recording.scales,
        lost_count=LOST, reading_id=reading.reading_id)
    return RecordingArrived(reading, waveform, recording.samples, recording.patient_id, recording.patient_name,
                            recording.birth_date)


def unreadable(sha256: str, error: DecodeError, config: InstrumentConfig, received_at: datetime) -> Reading:
    """A file that no decoder accepts: named by its hash and its error, without a value and without a time. Its bytes
    are kept as a file, not in `raw`: they begin with somebody's name."""
    device = Device(device_id=config.instrument_id, kind=InstrumentKind.ecg, simulated=config.simulated)
    return Reading(reading_id=reading_id(sha256), kind=ReadingKind.unreadable, device=device, received_at=received_at,
                   flags=("time_unknown",), recording=sha256, error=error.code)


def reading_id(sha256: str) -> str:
    """The same file gives the same one, also after a power cut between its arrival and our note of it."""
    return f"ecg-{sha256[:40]}"


def _taken_at(recording: Recording, received_at: datetime, zone: tzinfo | None) -> tuple[datetime | None, list[str]]:
    taken_at, flags = recording.taken_at, []
    if taken_at is None:
        return None, ["time_unknown"]
    if taken_at.tzinfo is None:
        taken_at = taken_at.replace(tzinfo=zone) if zone is not None else taken_at.astimezone()
        flags.append("zone_assumed")
    if taken_at > received_at + CLOCK_AHEAD:
        return None, [*flags, "time_unknown"]
    return taken_at, flags


def _context(word: str) -> str:
    """`high_pass_hz=0.05` as a code: `high_pass_hz_0_05`."""
    return "".join(char if char.isascii() and char.isalnum() else "_" for char in word.lower())


def _quality(recording: Recording) -> list[str]:
    leads = ecg_quality.judge(recording.samples, float(recording.rate_hz),
                              [abs(float(scale)) for scale in recording.scales], LOST)
    found = [name for name, is_so in (("lead_off", any(lead.lead_off for lead in leads)),
                                      ("saturated", any(lead.saturated for lead in leads)),
                                      ("mains", any(lead.mains for lead in leads))) if is_so]
    if not ecg_quality.einthoven(recording.samples, recording.leads, [float(scale) for scale in recording.scales],
                                 LOST):
        found.append("limb_leads_disagree")
    return found
