"""What is wrong in the vehicle, from facts and from a file tree like /sys/class/power_supply."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gateway import health
from gateway.link_view import LinkView
from protocol.channels import Instrument, InstrumentState
from protocol.kiosk import CameraView, Power, PowerSource, RelayLink
from protocol.readings import InstrumentKind

NOW = datetime(2026, 1, 1, tzinfo=UTC)
WELL = health.Facts(
    link=LinkView(RelayLink.online, NOW, clock_offset_s=0.2), certificate_days=80, certificate_code=None,
    camera=CameraView(present=True), instruments=(), shared=(),
    power=Power(source=PowerSource.mains), disk_free_share=0.5,
    store_code=None, printer_code=None)


def cuff(state: InstrumentState, problem: str | None) -> Instrument:
    return Instrument(number=1, instrument_id="cuff", kind=InstrumentKind.blood_pressure, name="T", state=state,
                      problem=problem)


def test_a_vehicle_that_is_well_has_no_problem() -> None:
    """Nothing is invented."""
    assert health.found(WELL) == []


@pytest.mark.parametrize(("change", "problem"), [
    ({"link": LinkView(RelayLink.offline, NOW)}, ("relay.unreachable", "relay")),
    ({"link": LinkView(RelayLink.offline, NOW, code="vehicle.revoked")}, ("vehicle.revoked", "relay")),
    ({"link": LinkView(RelayLink.online, NOW, clock_offset_s=-90.0)}, ("clock.wrong", "clock")),
    ({"certificate_days": 29}, ("certificate.expires_soon", "certificate")),
    ({"certificate_days": -1, "certificate_code": "certificate.expired"}, ("certificate.expired", "certificate")),
    ({"camera": CameraView(present=False, code="camera.missing")}, ("camera.missing", "camera")),
    ({"disk_free_share": 0.09}, ("store.nearly_full", "store")),
    ({"encoder_code": "encoder.hardware_failed"}, ("encoder.hardware_failed", "camera")),
    ({"store_code": "store.full", "disk_free_share": 0.0}, ("store.full", "store")),
    ({"printer_code": "printer.paper"}, ("printer.paper", "printer")),
    ({"power": Power(source=PowerSource.battery, percent=20)}, ("power.low", "power")),
    ({"instruments": (cuff(InstrumentState.failed, "instrument.crashed"),)}, ("instrument.crashed", "cuff"))])
def test_each_fault_has_its_code_and_its_subject(change: dict[str, object], problem: tuple[str, str]) -> None:
    """One fault is one problem, said once."""
    assert health.found(dataclasses.replace(WELL, **change)) == [problem]  # type: ignore[arg-type]


def test_a_moment_without_the_relay_or_an_instrument_asleep_is_no_problem() -> None:
    """A resume takes less than a second, a cuff sleeps between patients, an unread disk says nothing."""
    facts = dataclasses.replace(WELL, link=LinkView(RelayLink.connecting, NOW), disk_free_share=None,
                                instruments=(cuff(InstrumentState.asleep, None),),
                                power=Power(source=PowerSource.battery, percent=80))
    assert health.found(facts) == []


def test_a_problem_keeps_the_moment_it_began() -> None:
    """`since` stays while it lasts and starts anew when it comes back."""
    problems = health.ProblemList()
    wrong = [("camera.missing", "camera")]
    assert problems.update(wrong, NOW)[0].since == NOW
    assert problems.update(wrong, NOW + timedelta(minutes=1))[0].since == NOW
    assert problems.update([], NOW) == ()
    later = NOW + timedelta(minutes=2)
    assert problems.update(wrong, later)[0].since == later


def supply(folder: Path, name: str, **files: str) -> None:
    (folder / name).mkdir()
    for file, text in files.items():
        (folder / name / file).write_text(text + "\n")


@pytest.mark.parametrize(("supplies", "power"), [
    ({}, Power(source=PowerSource.unknown)),
    ({"AC": {"type": "Mains", "online": "1"}}, Power(source=PowerSource.mains)),
    ({"AC": {"type": "Mains", "online": "0"}, "BAT0": {"type": "Battery", "status": "Discharging", "capacity": "41"}},
     Power(source=PowerSource.battery, percent=41)),
    ({"AC": {"type": "Mains", "online": "1"}, "BAT0": {"type": "Battery", "status": "Charging", "capacity": "77"}},
     Power(source=PowerSource.mains, percent=77)),
    ({"mouse": {"type": "Battery", "scope": "Device", "status": "Discharging", "capacity": "5"}},
     Power(source=PowerSource.unknown)),
    ({"BAT0": {"type": "Battery", "status": "Unknown", "capacity": "300"}}, Power(source=PowerSource.unknown))])
def test_power_is_what_the_kernel_says_and_never_invented(tmp_path: Path, supplies: dict[str, dict[str, str]],
                                                          power: Power) -> None:
    """A mouse's battery is not ours, an impossible capacity is none, silence is unknown."""
    for name, files in supplies.items():
        supply(tmp_path, name, **files)
    assert health.read_power(tmp_path) == power


def test_a_machine_without_power_supplies_is_unknown(tmp_path: Path) -> None:
    """No folder at all, as in a container."""
    assert health.read_power(tmp_path / "none") == Power(source=PowerSource.unknown)


def test_the_disks_free_share_is_between_nothing_and_all(tmp_path: Path) -> None:
    """A folder that is there gives a share, one that is not gives none."""
    share = health.disk_free_share(tmp_path)
    assert share is not None
    assert 0 <= share <= 1
    assert health.disk_free_share(tmp_path / "none") is None
