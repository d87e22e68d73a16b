"""One consultation, end to end: real processes, real Chromium on every side, two bots that use the pages."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from sim.bots.tour import STEPS, play
from sim.demo.configuration import EQUIPMENT
from sim.demo.processes import free_port
from sim.demo.world import Ports, World

RECORD = Path(__file__).resolve().parents[3] / "shared" / "data" / "ecg" / "100"
pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def tour(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The summary of a whole walk-through, played once."""
    directory = tmp_path_factory.mktemp("tour")
    record = RECORD if RECORD.with_suffix(".hea").exists() else None
    ports = Ports(free_port(), free_port(), (free_port(), free_port()))
    world = World(directory / "world", ports, record, equipment=EQUIPMENT)

    async def run() -> int:
        try:
            await world.start()
            return await play(world, directory / "out")
        finally:
            await world.stop()

    code = asyncio.run(run())
    summary: dict[str, Any] = json.loads((directory / "out" / "summary.json").read_text())
    summary["code"] = code
    summary["pictures"] = sorted(path.name for path in (directory / "out").glob("*.png"))
    return summary


def test_every_step_of_the_walk_through_holds(tour: dict[str, Any]) -> None:
    """Sign-in to hand-over, two doctors, a second vehicle enrolled and revoked: no step fails, no error is logged."""
    assert tour["errors"] == []
    assert tour["code"] == 0
    assert [step["step"] for step in tour["steps"]] == [name for name, _ in STEPS]


def test_every_step_leaves_a_picture_of_both_screens(tour: dict[str, Any]) -> None:
    """The pictures that a person looks at after a change exist."""
    for number, (name, _) in enumerate(STEPS, 1):
        for who in ("nurse", "doctor"):
            assert f"{number:02d}-{name}-{who}.png" in tour["pictures"]


def test_picture_and_sound_go_both_ways(tour: dict[str, Any]) -> None:
    """The moving code was read in the doctor's picture, and both hear the other's microphone."""
    assert tour["tap_to_picture_ms"] > 0
    assert tour["sound"] == {"doctor_hears": True, "nurse_hears": True}


def test_the_reading_reaches_the_doctor(tour: dict[str, Any]) -> None:
    """The time between the instrument's notification and the doctor's screen was measured on one clock."""
    assert tour["reading_to_doctor_ms"] > 0


def test_the_ecg_arrives_sample_for_sample(tour: dict[str, Any]) -> None:
    """What the doctor's page holds is what the device's frames carried, in order, without a hole."""
    ecg = tour["ecg"]
    assert ecg["samples_received"] == ecg["samples_sent"] > 500
    assert ecg["equal"]


@pytest.mark.skipif(not RECORD.with_suffix(".hea").exists(), reason="the shared folder with ECG records is not here")
def test_the_ecg_is_the_record(tour: dict[str, Any]) -> None:
    """The samples above came from MIT-BIH record 100, not from the synthesised heart."""
    assert tour["ecg"]["record"] == "100"


def test_the_still_is_the_sensors_full_picture(tour: dict[str, Any]) -> None:
    """It opened at least at 1024 x 768 on the doctor's page."""
    assert tour["still"]["width"] >= 1024
    assert tour["still"]["height"] >= 768


def test_every_other_instrument_reaches_the_doctor(tour: dict[str, Any]) -> None:
    """Four vital signs as they were measured, twelve leads sample for sample, a fetal heart, an ear, a heart heard,
    and a cart's recording in the right file."""
    assert tour["vital_signs"] == {"temperature": "38.25", "glucose": "104", "weight": "71.350", "saturation": "95"}
    assert tour["twelve_leads"]["equal"]
    assert tour["twelve_leads"]["samples"] >= 24_000
    assert tour["fetal_heart_rate"]
    assert tour["otoscope"] == {"room_is_back": True}
    assert tour["stethoscope"] == {"heard": True}
    assert tour["cart"] == {"samples": 60_000}


def test_the_prescription_is_signed_printed_and_handed_over(tour: dict[str, Any]) -> None:
    """`pdfsig` calls the printed page valid and its signer trusted, and the nurse handed it over."""
    assert tour["prescription"] == {"signed": True, "verified": True, "printed": True, "handed_over": True}
