"""Figures for Prometheus (text exposition 0.0.4) and for a person with `curl`: nothing of a patient, labels from short
lists. Imports prometheus_client. Pure but for that.

Served on the kiosk's own loopback listener: `/metrics`, `/health`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar

import msgspec
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from protocol.guests import GuestRole, GuestState
from protocol.kiosk import RelayLink, Uplink, UplinkState
from protocol.quality import CallQuality, PictureGrade, VoiceGrade
from protocol.values import Problem, Struct

from .health import Facts
from .heap import Footprint
from .media.congestion.budget import VoiceForm
from .media.path import CallFigures
from .session.guests import GuestPath
from .session.quality import Totals

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_Key = TypeVar("_Key", bound=tuple[str, ...])

CANDIDATES = ("host", "srflx", "prflx", "relay")
"""RFC 8445, section 5.1.1."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What the composition root knows now. `unsent`: what is still to reach somebody; `encoder`: what makes the
    picture; `microphone_code`: why the bus is not heard; `guests`: their paths, without names; `footprint`: what this
    process holds."""

    release: str
    facts: Facts
    problems: tuple[Problem, ...]
    unsent: int
    uplinks: tuple[Uplink, ...]
    quality: CallQuality | None
    figures: CallFigures | None
    totals: Totals
    microphone_code: str | None
    encoder: str
    guests: tuple[GuestPath, ...]
    footprint: Footprint | None = None


class GuestHealth(Struct, frozen=True, kw_only=True):
    """The connection with one guest, without a name; None: not measured."""

    seat: int
    role: GuestRole
    state: GuestState
    generation: int
    path_kind: str | None = None
    voice_form: str | None = None
    paused: bool | None = None
    lines: int | None = None
    target_kbps: int | None = None
    sent_kbps: int | None = None
    loss_percent: float | None = None
    round_trip_ms: int | None = None


class HealthView(Struct, frozen=True, kw_only=True):
    """`GET /health`."""

    release: str
    relay: RelayLink
    problems: tuple[Problem, ...]
    unsent: int
    certificate_days: int
    disk_free_share: float | None
    uplinks: tuple[Uplink, ...]
    encoder: str
    microphone_code: str | None
    call: CallQuality | None
    """None: no call runs."""
    voice_form: str | None
    path_kind: str | None
    guests: tuple[GuestHealth, ...] = ()


def health(measured: Measured) -> bytes:
    """JSON."""
    facts, figures = measured.facts, measured.figures
    return msgspec.json.encode(HealthView(
        release=measured.release, relay=facts.link.state, problems=measured.problems, unsent=measured.unsent,
        certificate_days=facts.certificate_days, disk_free_share=facts.disk_free_share, uplinks=measured.uplinks,
        encoder=measured.encoder, microphone_code=measured.microphone_code, call=measured.quality,
        voice_form=figures.path.voice if figures is not None and figures.path is not None else None,
        path_kind=figures.candidate or None if figures is not None else None,
        guests=tuple(_guest(guest) for guest in measured.guests)))


def exposition(measured: Measured) -> bytes:
    """The whole answer to a scrape."""
    registry = CollectorRegistry()
    registry.register(_Once([*_vehicle(measured), *_uplinks(measured.uplinks), *_call(measured),
                             *_path(measured.figures), *_guests(measured.guests), *_totals(measured.totals),
                             *_process(measured.footprint)]))
    return generate_latest(registry)


class _Once(Collector):
    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = tuple(families)

    def collect(self) -> Iterable[Metric]:
        return self._families


def _vehicle(measured: Measured) -> Iterator[Metric]:
    facts = measured.facts
    yield _labelled("build_info", "The release that runs.", {(measured.release,): 1}, "release")
    yield _gauge("relay_up", "Whether the relay is reached.", facts.link.state is RelayLink.online)
    if facts.link.round_trip_ms is not None:
        yield _gauge("relay_round_trip_seconds", "Of the signalling socket.", facts.link.round_trip_ms / 1000)
    yield _labelled("problem", "What is wrong now, by code.",
                    {(problem.code, problem.subject): 1 for problem in measured.problems}, "code", "subject")
    yield _gauge("unsent", "Readings, papers and messages that are still to reach somebody.", measured.unsent)
    yield _gauge("certificate_days", "Until the vehicle's certificate ends.", facts.certificate_days)
    if facts.disk_free_share is not None:
        yield _gauge("disk_free_ratio", "Of the disk with the store.", facts.disk_free_share)
    yield _gauge("camera_up", "Whether the room camera gives pictures.", facts.camera.present)
    yield _labelled("encoder_info", "What makes the picture.", {(measured.encoder,): 1}, "encoder")


def _uplinks(uplinks: tuple[Uplink, ...]) -> Iterator[Metric]:
    yield _labelled("uplink_in_use", "The uplink a call goes over.",
                    {(uplink.name,): uplink.in_use for uplink in uplinks}, "interface")
    yield _labelled("uplink_answering", "Whether the other side answers over it; nobody asks without a call.",
                    {(uplink.name,): uplink.state is UplinkState.answering for uplink in uplinks}, "interface")
    yield _labelled("uplink_round_trip_seconds", "Of the call's checks over it.",
                    {(uplink.name,): uplink.round_trip_ms / 1000 for uplink in uplinks
                     if uplink.round_trip_ms is not None}, "interface")


def _call(measured: Measured) -> Iterator[Metric]:
    quality = measured.quality
    yield _gauge("call_up", "Whether a call runs.", quality is not None)
    yield _gauge("microphone_heard", "Whether the bus is to be heard: not muted, not dead.",
                 measured.microphone_code is None)
    if quality is None:
        return
    yield _labelled("call_grade", "How the call goes, as the nurse reads it.",
                    {**{("voice", grade.value): quality.voice is grade for grade in VoiceGrade},
                     **{("picture", grade.value): quality.picture is grade for grade in PictureGrade}},
                    "medium", "grade")
    yield _gauge("call_target_bits_per_second", "What the path carries, as the congestion control believes.",
                 quality.target_kbps * 1000)
    yield _gauge("call_picture_bits_per_second", "What the encoder is asked for.", quality.picture_kbps * 1000)
    yield _gauge("call_sent_bits_per_second", "What leaves, headers included.", quality.sent_kbps * 1000)
    yield _gauge("call_loss_ratio", "Of packets to the doctor.", quality.loss_percent / 100)
    if quality.round_trip_ms is not None:
        yield _gauge("call_round_trip_seconds", "To the doctor's page and back.", quality.round_trip_ms / 1000)
    yield _gauge("call_queue_seconds", "Delay that stands in front of the thinnest part of the path.",
                 quality.queue_ms / 1000)
    yield _gauge("call_picture_lines", "Height of the picture that is sent; 0 while none is.", quality.lines)
    yield _gauge("call_picture_frames_per_second", "Asked of the encoder; 0 while none is sent.",
                 quality.frames_per_second)
    if quality.seen is not None:
        yield _gauge("call_seen_frames_per_second", "Pictures the doctor sees.", quality.seen.frames_per_second)
        yield _gauge("call_concealed_ratio", "Sound the doctor's browser made up.",
                     quality.seen.voice_concealed_percent / 100)


def _path(figures: CallFigures | None) -> Iterator[Metric]:
    if figures is None:
        return
    yield _labelled("call_path", "Kind of our address on the pair in use (RFC 8445).",
                    {(kind,): figures.candidate == kind for kind in CANDIDATES}, "kind")
    path = figures.path
    if path is None:
        return
    yield _labelled("call_voice_form", "How the voice is packed.",
                    {(form.value,): path.voice == form.value for form in VoiceForm}, "form")
    yield _gauge("call_arrives_bits_per_second", "What the other side says it got.", path.arrives_kbps * 1000)
    yield _gauge("call_in_flight_bytes", "Sent and not acknowledged.", path.in_flight_octets)
    yield _gauge("call_window_bytes", "What may be in flight.", path.window_octets)


def _guest(guest: GuestPath) -> GuestHealth:
    plain = GuestHealth(seat=guest.seat, role=guest.role, state=guest.state, generation=guest.generation)
    figures = guest.figures
    if figures is None:
        return plain
    plain = msgspec.structs.replace(plain, path_kind=figures.candidate or None, paused=figures.paused,
                                    lines=figures.lines)
    path = figures.path
    if path is None:
        return plain
    return msgspec.structs.replace(
        plain, voice_form=path.voice, target_kbps=path.target_kbps, sent_kbps=path.sent_kbps,
        loss_percent=path.loss_percent, round_trip_ms=path.round_trip_ms)


def _guests(guests: tuple[GuestPath, ...]) -> Iterator[Metric]:
    """By seat and role: at most three at once of three roles. A generation is a value, not a label: it grows."""
    rows = [(_guest(guest), (str(guest.seat), guest.role.value)) for guest in guests]
    for name, help_text, read in _OF_A_GUEST:
        values = {key: float(value) for row, key in rows if (value := read(row)) is not None}
        if values:
            yield _labelled(name, help_text, values, "seat", "role")
    kinds = {(*key, kind): float(row.path_kind == kind) for row, key in rows if row.path_kind for kind in CANDIDATES}
    if kinds:
        yield _labelled("guest_path", "Kind of our address on the pair in use (RFC 8445).", kinds, "seat", "role",
                        "kind")


_OF_A_GUEST: tuple[tuple[str, str, Callable[[GuestHealth], float | None]], ...] = (
    ("guest_up", "Whether the connection with the guest stands.", lambda row: row.state is GuestState.present),
    ("guest_generation", "Which attempt at a connection with the guest this is.", lambda row: row.generation),
    ("guest_target_bits_per_second", "What the path to the guest carries, as the congestion control believes.",
     lambda row: _times(row.target_kbps, 1000)),
    ("guest_sent_bits_per_second", "What leaves to the guest, headers included.",
     lambda row: _times(row.sent_kbps, 1000)),
    ("guest_loss_ratio", "Of packets to the guest.", lambda row: _times(row.loss_percent, 0.01)),
    ("guest_round_trip_seconds", "To the guest's page and back.", lambda row: _times(row.round_trip_ms, 0.001)),
    ("guest_picture_lines", "Height of the picture sent to the guest; 0 before the first.", lambda row: row.lines),
    ("guest_picture_paused", "Whether the guest gets no picture for want of room: the doctor goes first.",
     lambda row: row.paused),
)


def _times(value: float | None, factor: float) -> float | None:
    return None if value is None else value * factor


def _totals(totals: Totals) -> Iterator[Metric]:
    for name, help_text, count in (("keyframes", "Whole pictures sent to doctors.", totals.keyframes),
                                   ("freezes", "Times a doctor's picture stood still, as their pages count.",
                                    totals.freezes),
                                   ("outages", "Times a call's path was lost.", totals.outages)):
        family = CounterMetricFamily(f"passerelle_call_{name}", help_text)
        family.add_metric([], count)
        yield family


def _process(footprint: Footprint | None) -> Iterator[Metric]:
    if footprint is None:
        return
    yield _gauge("process_resident_bytes", "Memory of this process, as the system counts it.", footprint.resident)
    if (heap := footprint.heap) is not None:
        yield _labelled("process_heap_bytes", "Of the C library: in use, kept for later, blocks of their own.",
                        {("used",): heap.in_use, ("free",): heap.free, ("mapped",): heap.mapped}, "state")
    yield _gauge("process_python_blocks", "Memory blocks Python has given out; a leak rises here.", footprint.blocks)
    yield _gauge("process_open_descriptors", "Files and sockets.", footprint.descriptors)
    yield _gauge("process_threads", "Threads of Python.", footprint.threads)
    yield _gauge("process_tasks", "Tasks of the event loop.", footprint.tasks)


def _gauge(name: str, help_text: str, value: float) -> Metric:
    return GaugeMetricFamily(f"passerelle_{name}", help_text, value=float(value))


def _labelled(name: str, help_text: str, values: Mapping[_Key, float], *labels: str) -> Metric:
    family = GaugeMetricFamily(f"passerelle_{name}", help_text, labels=labels)
    for key, value in values.items():
        family.add_metric(key, float(value))
    return family
