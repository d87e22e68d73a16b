"""What `passerelle-gateway decode` knows of waveform frames: the KIND of the command and its decoder. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from decimal import Decimal
from itertools import chain

from protocol.readings import Quantity

from . import codes
from .decoded import Decoded, Samples
from .errors import DecodeError
from .profiles import ads1292r, corometrics, cyton, ecg12, ecg_leads, healthypi5, polar_pmd, viatom_er1

ECG_HEART_RATE = codes.Measure("8867-4", 147842, "/min")
SPO2 = codes.Measure("2708-6", 150456, "%")
TEMPERATURE = codes.Measure("8310-5", 150364, "Cel")
RESPIRATION = codes.Measure("9279-1", 151562, "/min")
FETAL_HEART_RATE = codes.Measure("55283-6", ecg_leads.FETAL_HEART_RATE_1, "/min")
FETAL_HEART_RATE_2 = codes.Measure("55283-6", ecg_leads.FETAL_HEART_RATE_2, "/min")

_ONE = Decimal(1)
_NONE = Decimal(1)
"""A channel in counts that the device gives no unit."""

_PLAUSIBLE_RATE = range(20, 301)
"""Beats a minute a living person has."""


def polar(data: bytes, model: str) -> Decoded:
    """A notification of the PMD data characteristic, or (first byte F0, 0F) what the control point said."""
    if data[:1] in (b"\xf0", b"\x0f"):
        return _polar_control(data)
    frame = polar_pmd.ecg(data)
    samples = Samples(("ecg",), (ecg_leads.UNSPECIFIED,), (frame.samples,), (codes.ECG_UNIT,),
                      (polar_pmd.MICROVOLTS,), polar_pmd.RATE_HZ)
    railed = any(abs(sample) >= polar_pmd.RANGE_UV for sample in frame.samples)
    return Decoded(samples=samples, device_time=frame.last_at.isoformat(), status=("out_of_range",) if railed else (),
                   details=(("device_time_of", "last_sample"), ("nanoseconds_since_2000", str(frame.last_ns)),
                            ("count", len(frame.samples))))


def _polar_control(data: bytes) -> Decoded:
    answer = polar_pmd.control(data)
    if isinstance(answer, polar_pmd.Features):
        return Decoded(details=(("features", " ".join(kind.name for kind in answer.types)),))
    if isinstance(answer, polar_pmd.Stopped):
        return Decoded(status=("stopped",))
    settings = tuple((f"setting_{setting.name}", " ".join(str(value) for value in values))
                     for setting, values in answer.settings)
    return Decoded(status=() if answer.ok else (answer.error,),
                   details=(("op", answer.op), ("type", answer.type), ("more", int(answer.more)), *settings))


def er1(data: bytes, model: str) -> Decoded:
    """A whole frame, put together from its notifications."""
    frame = viatom_er1.decode(data)
    details: tuple[tuple[str, str | int | None], ...] = (("command", frame.command), ("sequence", frame.sequence))
    if frame.kind == 0:
        return Decoded(context=("question",), details=details)
    if frame.command == viatom_er1.INFO:
        info = viatom_er1.info(frame.payload)
        return Decoded(device_time=info.time.isoformat() if info.time else None,
                       details=(*details, ("firmware", info.firmware), ("serial", info.serial)))
    if frame.command != viatom_er1.REAL_TIME:
        return Decoded(context=("answer",), details=(*details, ("payload_bytes", len(frame.payload))))
    live = viatom_er1.real_time(frame.payload)
    samples = Samples(("ecg",), (ecg_leads.UNSPECIFIED,), (live.samples,), (codes.ECG_UNIT,),
                      (viatom_er1.MICROVOLTS,), viatom_er1.RATE_HZ)
    status = (live.state, *(("lead_off",) if live.lead_off and live.state != "lead_off" else ()),
              *((live.charge,) if live.charge else ()))
    return Decoded(readings=_rate(ECG_HEART_RATE, live.heart_rate), samples=samples, status=status,
                   flags=_implausible(live.heart_rate),
                   details=(*details, ("battery", live.battery), ("recorded_s", live.recorded_s)))


def ads(data: bytes, model: str) -> Decoded:
    """One frame of the ADS1292R shield."""
    sample = ads1292r.decode(data)
    samples = Samples(("ecg", "respiration"), (ecg_leads.UNSPECIFIED, None), ((sample.ecg,), (sample.respiration,)),
                      (codes.ECG_UNIT, "1"), (ads1292r.MICROVOLTS, _NONE), ads1292r.RATE_HZ)
    return Decoded(readings=(*_rate(ECG_HEART_RATE, sample.heart_rate), *_rate(RESPIRATION, sample.respiration_rate)),
                   samples=samples, status=("lead_off_possible",) if sample.maybe_lead_off else (),
                   flags=_implausible(sample.heart_rate))


def healthypi(data: bytes, model: str) -> Decoded:
    """One frame of the HealthyPi 5; the scale is that of the gain its device tree sets."""
    sample = healthypi5.decode(data)
    names = ("ecg", "impedance", "red", "infrared")
    values = ((sample.ecg,), (sample.impedance,), (sample.red,), (sample.infrared,))
    samples = Samples(names, (ecg_leads.UNSPECIFIED, None, None, None), values, (codes.ECG_UNIT, "1", "1", "1"),
                      (healthypi5.microvolts_per_count(80), _NONE, _NONE, _NONE), Decimal(128))
    readings = (*_rate(ECG_HEART_RATE, sample.heart_rate), *_rate(RESPIRATION, sample.respiration),
                *_rate(SPO2, sample.spo2), *_rate(TEMPERATURE, sample.temperature))
    return Decoded(readings=readings, samples=samples, flags=_implausible(sample.heart_rate),
                   status=("out_of_range",) if not -healthypi5.RAIL < sample.ecg < healthypi5.RAIL - 1 else ())


def openbci(data: bytes, model: str) -> Decoded:
    """One frame of the Cyton, at the gain it starts with."""
    sample = cyton.decode(data)
    scale, count = cyton.microvolts_per_count(), cyton.CHANNELS
    samples = Samples(tuple(f"channel_{number}" for number in range(1, count + 1)),
                      (ecg_leads.UNSPECIFIED,) * count, tuple((value,) for value in sample.channels),
                      (codes.ECG_UNIT,) * count, (scale,) * count, cyton.RATE_HZ)
    moved = tuple((f"acceleration_{axis}_g", str(value))
                  for axis, value in zip("xyz", sample.acceleration or (), strict=False))
    return Decoded(samples=samples, status=tuple(f"channel_{number}_railed" for number in sample.railed),
                   details=(("number", sample.number), ("auxiliary", sample.auxiliary), *moved))


def ctg(data: bytes, model: str) -> Decoded:
    """One or more whole messages of a Corometrics monitor, in the order they came."""
    messages = corometrics.split(data)
    kinds = corometrics.Kind
    tracks = {kinds.heart_rate_1: FETAL_HEART_RATE, kinds.heart_rate_2: FETAL_HEART_RATE_2,
              kinds.activity: codes.Measure("", ecg_leads.UTERINE_ACTIVITY, corometrics.ACTIVITY_UNIT)}
    present = [kind for kind in tracks if any(message.kind is kind for message in messages)]
    samples = None
    if present:
        values = tuple(tuple(m.value if m.plausible else None for m in messages if m.kind is kind)
                       for kind in present)
        rate = corometrics.HEART_RATE_HZ
        samples = Samples(tuple(kind.name for kind in present), tuple(tracks[kind].mdc for kind in present), values,
                          tuple(tracks[kind].unit for kind in present), (_ONE,) * len(present),
                          rate * 2 if present == [kinds.activity] else rate if kinds.activity not in present else None)
    readings = tuple(reading for m in messages if m.kind in tracks and m.kind is not kinds.activity
                     for reading in _rate(tracks[m.kind], m.value))
    status = tuple(dict.fromkeys(name for message in messages for name in message.status))
    texts = tuple((message.kind.name, message.text) for message in messages if message.text)
    return Decoded(readings=readings, samples=samples, status=status, details=texts,
                   flags=() if all(message.plausible for message in messages) else ("implausible",))


def twelve(data: bytes, model: str) -> Decoded:
    """One frame of the twelve-lead stream of docs/instruments/ecg12.md."""
    frame = ecg12.decode(data)
    values = tuple(tuple(row[lead] for row in frame.rows) for lead in range(ecg12.LEADS))
    samples = Samples(tuple(ecg_leads.LEADS), ecg_leads.TWELVE, values, (codes.ECG_UNIT,) * ecg12.LEADS,
                      (frame.microvolts,) * ecg12.LEADS, Decimal(frame.rate_hz))
    return Decoded(samples=samples, status=tuple(f"lead_off_{name}" for name in frame.off),
                   details=(("first", frame.first), ("count", len(frame.rows))))


def _rate(measure: codes.Measure, value: int | Decimal | None) -> tuple[Quantity, ...]:
    """A reading, or none where nothing was measured (I3)."""
    if value is None:
        return ()
    return (Quantity(loinc=measure.loinc, mdc=measure.mdc, unit=measure.unit, value=Decimal(value)),)


def _implausible(heart_rate: int | None) -> tuple[str, ...]:
    return ("implausible",) if heart_rate is not None and heart_rate not in _PLAUSIBLE_RATE else ()


def _each(decoder: Callable[[bytes, str], Decoded],
          size_of: Callable[[bytes], int]) -> Callable[[bytes, str], Decoded]:
    """One or more whole frames of a line, as a log holds them: their samples in a row, the rest by the last one."""
    def decode(data: bytes, model: str) -> Decoded:
        size = size_of(data)
        if not size or len(data) <= size:
            return decoder(data, model)
        frames = [decoder(data[at:at + size], model) for at in range(0, len(data), size)]
        last, samples = frames[-1], [frame.samples for frame in frames if frame.samples is not None]
        values = tuple(tuple(chain.from_iterable(track)) for track in zip(*(s.values for s in samples), strict=True))
        return replace(last, samples=replace(samples[-1], values=values), status=_once(f.status for f in frames),
                       flags=_once(f.flags for f in frames), details=(*last.details, ("frames", len(frames))))
    return decode


def _once(names: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(chain.from_iterable(names)))


def _guarded(decoder: Callable[[bytes, str], Decoded]) -> Callable[[bytes, str], Decoded]:
    def decode(data: bytes, model: str) -> Decoded:
        if not data:
            raise DecodeError("frame.length", "empty")
        return decoder(data, model)
    return decode


KINDS: dict[str, Callable[[bytes, str], Decoded]] = {
    name: _guarded(decoder) for name, decoder in {
        "polar-pmd": polar, "viatom-er1": er1, "ads1292r": _each(ads, lambda _: ads1292r.FRAME_SIZE),
        "healthypi5": _each(healthypi, healthypi5.size_of), "cyton": _each(openbci, lambda _: cyton.FRAME_SIZE),
        "corometrics": ctg, "ecg12": twelve}.items()
}
"""By kind (lower case): frame and model in, `Decoded` out; `DecodeError` for bytes that are refused."""
