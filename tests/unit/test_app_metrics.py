"""What Prometheus and IT read of a vehicle."""

from __future__ import annotations

import dataclasses
import json

import pytest
from prometheus_client.parser import text_string_to_metric_families

from gateway import metrics
from gateway.heap import Footprint, Heap
from gateway.session.guests import GuestPath
from gateway.session.quality import Totals
from protocol.guests import GuestRole, GuestState
from protocol.kiosk import Uplink, UplinkState
from protocol.quality import CallQuality, PictureGrade, Reception, VoiceGrade
from protocol.values import Problem
from tests.unit.test_app_health import WELL
from tests.unit.test_session_quality import FIGURES

QUALITY = CallQuality(
    voice=VoiceGrade.good, picture=PictureGrade.reduced, code="quality.thin", target_kbps=180, picture_kbps=120,
    sent_kbps=150, lines=360, frames_per_second=15.0, loss_percent=2.5, round_trip_ms=120, queue_ms=30, keyframes=4,
    freezes=1, outages=2, interface="wwan0", relayed=True,
    seen=Reception(frames_per_second=14.0, voice_concealed_percent=1.0))
CALM = metrics.Measured(
    release="1.0", facts=WELL, problems=(), unsent=3, uplinks=(), quality=None, figures=None,
    totals=Totals(40, 5, 6), microphone_code=None, encoder="x264",
    guests=())
CALL = dataclasses.replace(
    CALM, quality=QUALITY, figures=FIGURES, problems=(Problem(code="printer.paper", subject="printer"),),
    uplinks=(Uplink(name="wwan0", state=UplinkState.answering, in_use=True, round_trip_ms=120),
             Uplink(name="wwan1", state=UplinkState.silent)))

GUESTS = dataclasses.replace(CALL, guests=(
    GuestPath(1, GuestRole.interpreter, GuestState.present, 7, FIGURES),
    GuestPath(2, GuestRole.interpreter, GuestState.connecting, 1, None)))


def read(measured: metrics.Measured) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """By another reader than the writer's own, as a scrape would."""
    return {(sample.name, tuple(sorted(sample.labels.items()))): sample.value
            for family in text_string_to_metric_families(metrics.exposition(measured).decode())
            for sample in family.samples}


def test_a_call_in_prometheus_own_units() -> None:
    """Bits a second, seconds, ratios; one sample of each set is 1; counters end in _total."""
    found = read(CALL)
    plain = {name.removeprefix("passerelle_"): value for (name, labels), value in found.items() if not labels}
    assert plain.items() >= {
        "call_up": 1.0, "call_target_bits_per_second": 180_000.0, "call_picture_bits_per_second": 120_000.0,
        "call_sent_bits_per_second": 150_000.0, "call_loss_ratio": 0.025, "call_round_trip_seconds": 0.12,
        "call_queue_seconds": 0.03, "call_picture_lines": 360.0, "call_picture_frames_per_second": 15.0,
        "call_seen_frames_per_second": 14.0, "call_concealed_ratio": 0.01, "microphone_heard": 1.0, "relay_up": 1.0,
        "call_keyframes_total": 40.0, "call_freezes_total": 5.0, "call_outages_total": 6.0, "unsent": 3.0}.items()
    ones = {(name.removeprefix("passerelle_"), tuple(value for _, value in labels))
            for (name, labels), value in found.items() if labels and value == 1.0}
    assert ones >= {("call_grade", ("good", "voice")), ("call_grade", ("reduced", "picture")), ("call_path", ("host",)),
                    ("call_voice_form", ("plain",)), ("uplink_in_use", ("wwan0",)), ("encoder_info", ("x264",)),
                    ("problem", ("printer.paper", "printer")), ("build_info", ("1.0",))}
    assert ("uplink_in_use", ("wwan1",)) not in ones
    assert sum(value for (name, _), value in found.items() if name == "passerelle_call_grade") == 2


def test_what_the_process_holds_is_there_for_who_watches_it_for_weeks() -> None:
    """Octets and counts, the same series with a call and without: none of them is named after a call or a peer."""
    holds = Footprint(resident=150_000_000, heap=Heap(in_use=26, free=2, mapped=1), blocks=420_000, descriptors=40,
                      threads=6, tasks=30)
    calm, call = (read(dataclasses.replace(one, footprint=holds)) for one in (CALM, CALL))
    series = {key: value for key, value in call.items() if key[0].startswith("passerelle_process_")}
    assert series == {key: value for key, value in calm.items() if key in series}
    assert series == {
        ("passerelle_process_resident_bytes", ()): 150e6, ("passerelle_process_python_blocks", ()): 420e3,
        ("passerelle_process_heap_bytes", (("state", "used"),)): 26, ("passerelle_process_threads", ()): 6,
        ("passerelle_process_heap_bytes", (("state", "free"),)): 2, ("passerelle_process_tasks", ()): 30,
        ("passerelle_process_heap_bytes", (("state", "mapped"),)): 1, ("passerelle_process_open_descriptors", ()): 40}


def test_without_a_call_its_figures_are_absent_and_the_counters_stay() -> None:
    """A gauge that stands at the last call's value would be read as one that runs."""
    found = read(dataclasses.replace(CALM, microphone_code="microphone.muted"))
    names = {name for name, _ in found}
    assert found["passerelle_call_up", ()] == 0.0
    assert found["passerelle_microphone_heard", ()] == 0.0
    assert "passerelle_call_loss_ratio" not in names
    assert "passerelle_call_grade" not in names
    assert found["passerelle_call_outages_total", ()] == 6.0


def test_a_guests_path_has_a_seat_and_a_role_and_never_a_name() -> None:
    """A support line sees which of two interpreters hears badly; a kill of the page changes a value, no label."""
    found = read(GUESTS)
    first, second = (("role", "interpreter"), ("seat", "1")), (("role", "interpreter"), ("seat", "2"))
    assert found["passerelle_guest_up", first] == 1.0
    assert found["passerelle_guest_up", second] == 0.0
    assert (found["passerelle_guest_generation", first], found["passerelle_guest_generation", second]) == (7.0, 1.0)
    assert found["passerelle_guest_target_bits_per_second", first] == 1_800_000.0
    assert found["passerelle_guest_sent_bits_per_second", first] == 900_000.0
    assert found["passerelle_guest_round_trip_seconds", first] == pytest.approx(0.06)
    assert found["passerelle_guest_picture_lines", first] == 720.0
    assert found["passerelle_guest_picture_paused", first] == 0.0
    assert found["passerelle_guest_path", (("kind", "host"), *first)] == 1.0
    assert ("passerelle_guest_loss_ratio", second) not in found
    labels = {name for (sample, pairs) in found for name, _ in pairs if sample.startswith("passerelle_guest")}
    assert labels == {"seat", "role", "kind"}
    assert not [name for name, _ in read(CALL) if name.startswith("passerelle_guest")]
    said = json.loads(metrics.health(GUESTS))["guests"]
    assert [(guest["seat"], guest["role"], guest["state"], guest["sent_kbps"]) for guest in said] == [
        (1, "interpreter", "present", 900), (2, "interpreter", "connecting", None)]
    assert json.loads(metrics.health(CALM))["guests"] == []


def test_three_guests_of_any_role_are_few_series() -> None:
    """The most that a call of three can write, whatever its roles and however often they came back."""
    every = [GuestPath(seat, role, GuestState.present, generation, FIGURES) for role in GuestRole
             for seat in (1, 2, 3) for generation in (1, 99)]
    series = {key for guest in every for key in read(dataclasses.replace(CALL, guests=(guest,)))
              if key[0].startswith("passerelle_guest")}
    assert len(series) == 9 * (8 + len(metrics.CANDIDATES))


def test_health_is_json_with_the_call_as_the_screens_have_it() -> None:
    """For a person at the vehicle with `curl`."""
    said = json.loads(metrics.health(CALL))
    assert said["call"]["code"] == "quality.thin"
    assert said["call"]["seen"]["frames_per_second"] == 14.0
    assert (said["voice_form"], said["path_kind"], said["encoder"]) == ("plain", "host", "x264")
    assert [problem["code"] for problem in said["problems"]] == ["printer.paper"]
    assert json.loads(metrics.health(CALM))["call"] is None
