"""The simulated vehicle's own process: what sim.json tells of instruments, their buttons over HTTP, lessons."""

import json
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest

from sim.__main__ import UNAVAILABLE, main
from tests.integration.peripherals_rig import SimulatedVehicle, simulated_vehicle


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("vehicle")


@pytest.fixture(scope="module")
def vehicle(directory: Path) -> Iterator[SimulatedVehicle]:
    with simulated_vehicle(directory, "--instruments", "thermometer,beurer") as running:
        yield running


async def refused(vehicle: SimulatedVehicle, path: str, body: object = None) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.post(f"{vehicle.parts['control']}/{path}",
                                                                json=body) as answer:
        return answer.status, (await answer.json())["error"]


async def test_sim_json_tells_what_a_configuration_needs(vehicle: SimulatedVehicle) -> None:
    """Address, kind, driver, model of each; the cuff where it always stood."""
    ble = vehicle.parts["ble"]
    assert list(ble) == ["cuff", "thermometer", "beurer"]
    assert ble["cuff"]["address"] == vehicle.parts["cuff"]
    assert ble["thermometer"] == {"address": "C4:1C:09:18:00:01", "name": "Thermometre Simulé", "kind": "thermometer",
                                  "driver": "ble", "model": "thermometer", "bond": "just_works"}
    assert ble["beurer"]["bond"] == "display"


async def test_buttons_are_pressed_over_http_and_wrong_ones_say_so(vehicle: SimulatedVehicle) -> None:
    """409 and 400 with a sentence; the state shows what was done."""
    await vehicle.tell("ble/thermometer/remember", temperature="38.60", age_s=60)
    await vehicle.tell("ble/thermometer/clock", offset_s=-3600)
    told = (await vehicle.state())["ble"]["thermometer"]
    assert (told["memory"], round(told["clock_offset_s"]), told["state"]) == (1, -3600, "asleep")
    assert await refused(vehicle, "ble/toaster/measure") == (
        409, "there is no instrument toaster; there are cuff, thermometer, beurer")
    status, why = await refused(vehicle, "ble/thermometer/shake")
    assert (status, "measure" in why) == (409, True)
    assert (await refused(vehicle, "ble/thermometer/measure", {"temperature": "hot"}))[0] == 400
    assert (await refused(vehicle, "ble/thermometer/measure", {"temperature": "36.123456789"}))[0] == 400
    assert (await refused(vehicle, "ble/thermometer/measure", [1]))[0] == 400
    assert (await vehicle.tell("radio/deaf"))["deaf"] is False
    assert (await vehicle.tell("patient", celsius="39.1"))["celsius"] == "39.1"


async def test_both_paths_of_the_cuff_are_one_cuff(vehicle: SimulatedVehicle) -> None:
    """`/cuff/…` as before, `/ble/cuff/…` as the others."""
    await vehicle.tell("cuff/remember")
    assert (await vehicle.tell("ble/cuff/remember"))["systolic"] > 0
    state = await vehicle.state()
    assert state["cuff"] == state["ble"]["cuff"]
    assert state["cuff"]["memory"] == 2


def test_buttons_and_lessons_from_the_command_line(vehicle: SimulatedVehicle, directory: Path, tmp_path: Path,
                                                   capsys: pytest.CaptureFixture[str]) -> None:
    """Fields as words, true and whole numbers; a lesson whose step is refused ends with an exit code."""
    del vehicle
    where = ["--dir", str(directory)]
    fields = ["--temperature", "37.60", "--fahrenheit", "false"]
    assert main(["instrument", "thermometer", "remember", *where, *fields]) == 0
    assert json.loads(capsys.readouterr().out)["temperature"] == "37.60"
    assert main(["instrument", "thermometer", "shake", *where]) == UNAVAILABLE
    capsys.readouterr()
    lesson = tmp_path / "lesson.toml"
    lesson.write_text("title = 'T'\ninstruments = ['beurer']\n[[step]]\nat_s = 0\ndo = 'ble/beurer/remember'\n")
    assert main(["script", str(lesson), *where]) == 0
    assert "device_time" in capsys.readouterr().out
    lesson.write_text("title = 'T'\n[[step]]\nat_s = 0\ndo = 'ble/beurer/shake'\n")
    assert main(["script", str(lesson), *where]) == UNAVAILABLE
    assert main(["script", "first_visit", *where]) != 0
    assert "--instruments thermometer,oximeter,scale" in capsys.readouterr().err
