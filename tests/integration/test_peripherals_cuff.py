"""Real bleak over a virtual radio against the simulated cuff's own process."""

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from blockbuster import BlockBuster

from gateway.peripherals.config import InstrumentConfig, RadioConfig
from gateway.peripherals.supervisor import Supervisor
from protocol.channels import InstrumentState
from protocol.readings import InstrumentKind, ReadingKind
from tests.integration.peripherals_rig import (
    ROOT,
    STAMP_S,
    WAIT_S,
    RecordingSink,
    SimulatedVehicle,
    dated,
    now,
    simulated_vehicle,
    supervised,
)


@pytest.fixture(scope="module")
def vehicle(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimulatedVehicle]:
    with simulated_vehicle(tmp_path_factory.mktemp("vehicle")) as running:
        yield running


@pytest.fixture(autouse=True)
def no_blocking() -> Iterator[None]:
    """The suite fails when our code blocks the loop."""
    guard = BlockBuster("gateway")
    guard.activate()
    yield
    guard.deactivate()


@pytest.fixture
async def sink(vehicle: SimulatedVehicle) -> RecordingSink:
    await asleep(vehicle)
    await vehicle.tell("cuff/clock", offset_s=0)
    return RecordingSink()


@pytest.fixture
async def gateway(vehicle: SimulatedVehicle, sink: RecordingSink) -> AsyncIterator[Supervisor]:
    """Listening, with the cuff asleep at both ends."""
    async with supervised([vehicle.cuff()], vehicle.radio(), sink) as supervisor:
        await sink.until(lambda: state(supervisor) is InstrumentState.asleep)
        yield supervisor


def state(supervisor: Supervisor) -> InstrumentState:
    return supervisor.instruments()[0].state


def values(sink: RecordingSink, index: int = -1) -> list[int | None]:
    return [None if q.value is None else int(q.value) for q in sink.readings[index].quantities]


async def asleep(vehicle: SimulatedVehicle) -> dict[str, object]:
    """The cuff's own state once it has hung up and gone to sleep."""
    async with asyncio.timeout(WAIT_S):
        while (told := await vehicle.state())["cuff"]["state"] != "asleep":
            pass
    found: dict[str, object] = told["cuff"]
    return found


async def test_a_measurement_arrives_with_its_live_pressure(vehicle: SimulatedVehicle, sink: RecordingSink,
                                                            gateway: Supervisor) -> None:
    """START is pressed: the pressure climbs on the kiosk, the cuff's own number is the reading, it hangs up itself."""
    before = await vehicle.state()
    pressed = now()
    shown = await vehicle.tell("cuff/measure", seconds=3)
    await sink.until(lambda: sink.readings)
    assert values(sink) == [shown["systolic"], shown["diastolic"], shown["mean"], shown["pulse"]]
    reading = sink.readings[0]
    assert reading.kind is ReadingKind.blood_pressure
    assert dated(reading, pressed)
    assert not reading.flags
    assert (reading.device.device_id, reading.device.simulated) == (before["cuff"]["device_id"], True)
    assert "simulé" in reading.device.model
    pressures = [states[0][3] for states in sink.seen if states[0][1] == "measuring"]
    assert any(pressures)
    assert all(0 <= p <= shown["systolic"] + 35 for p in pressures if p is not None)
    await sink.until(lambda: state(gateway) is InstrumentState.done)
    told = await asleep(vehicle)
    assert told["memory"] == 0
    assert told["times_written"] == before["cuff"]["times_written"] + 1
    assert gateway.cuff is None


async def test_the_memory_comes_oldest_first_and_once(vehicle: SimulatedVehicle, sink: RecordingSink,
                                                      gateway: Supervisor) -> None:
    """Records older than any encounter here carry the device's own time and say that they come from memory."""
    pressed = now()
    old = await vehicle.tell("cuff/remember", systolic=150, age_s=7200)
    new = await vehicle.tell("cuff/remember", systolic=140, age_s=3600, press=True)
    await sink.until(lambda: len(sink.readings) == 2)
    assert [r.device_time for r in sink.readings] == [old["device_time"], new["device_time"]]
    assert [values(sink, n)[0] for n in (0, 1)] == [150, 140]
    for reading, age in zip(sink.readings, (7200, 3600), strict=True):
        assert reading.flags == ("from_memory",)
        assert dated(reading, pressed, age)
    assert (await asleep(vehicle))["memory"] == 0


async def test_a_wrong_clock_is_measured_corrected_and_told(vehicle: SimulatedVehicle, sink: RecordingSink,
                                                            gateway: Supervisor) -> None:
    """Three days behind: the record's age is right all the same, the offset is on it, the cuff is on time after."""
    await vehicle.tell("cuff/clock", offset_s=-3 * 86400)
    pressed = now()
    await vehicle.tell("cuff/remember", age_s=600, press=True)
    await sink.until(lambda: sink.readings)
    reading = sink.readings[0]
    assert dated(reading, pressed, 600)
    assert reading.clock_offset_s is not None
    assert abs(reading.clock_offset_s + 3 * 86400) < (reading.received_at - pressed).total_seconds() + STAMP_S
    offset = (await asleep(vehicle))["clock_offset_s"]
    assert isinstance(offset, float)
    assert abs(offset) < (now() - pressed).total_seconds() + STAMP_S


async def test_a_stamp_of_a_clock_that_was_corrected_unseen_is_not_believed(
        vehicle: SimulatedVehicle, sink: RecordingSink, gateway: Supervisor) -> None:
    """Three days ahead, corrected in a visit that got no record: one of the old clock's, dated minutes ago, is no
    measurement of minutes ago. The visit after that is believed again."""
    await vehicle.tell("cuff/clock", offset_s=3 * 86400)
    await vehicle.tell("cuff/measure", seconds=20)
    await sink.until(lambda: gateway.cuff)
    await vehicle.tell("cuff/switch_off")
    await asleep(vehicle)
    await vehicle.tell("cuff/remember", age_s=300, press=True)
    await sink.until(lambda: sink.readings)
    assert (sink.readings[0].taken_at, sink.readings[0].flags) == (None, ("time_unknown",))
    await asleep(vehicle)
    await vehicle.tell("cuff/remember", age_s=400, press=True)
    await sink.until(lambda: len(sink.readings) == 2)
    assert sink.readings[1].flags == ("from_memory",)


async def test_a_clock_never_set_invents_no_time(vehicle: SimulatedVehicle, sink: RecordingSink,
                                                 gateway: Supervisor) -> None:
    """A record without a stamp from memory: time unknown; the next one has a stamp, for we set the clock."""
    await vehicle.tell("cuff/clock", unset=True)
    await vehicle.tell("cuff/remember", press=True)
    await sink.until(lambda: sink.readings)
    assert (sink.readings[0].taken_at, sink.readings[0].flags) == (None, ("time_unknown",))
    assert (await asleep(vehicle))["clock_offset_s"] is not None


async def test_a_hostile_frame_and_a_factory_record_stop_nothing(vehicle: SimulatedVehicle, sink: RecordingSink,
                                                                 gateway: Supervisor) -> None:
    """The bytes are kept unreadable, the NaN record has no values, the next measurement is whole."""
    sent = await vehicle.tell("cuff/garbage")
    await sink.until(lambda: len(sink.readings) == 1)
    await asleep(vehicle)
    assert (sink.readings[0].kind, sink.readings[0].raw) == (ReadingKind.unreadable, sent["hex"])
    assert sink.readings[0].error == "blood_pressure.short"
    await vehicle.tell("cuff/factory")
    await sink.until(lambda: len(sink.readings) == 2)
    await asleep(vehicle)
    assert values(sink, 1) == [None] * 4
    shown = await vehicle.tell("cuff/measure", seconds=0.5)
    await sink.until(lambda: len(sink.readings) == 3)
    assert values(sink)[0] == shown["systolic"]


async def test_out_of_reach_in_the_middle_is_said_and_the_next_visit_works(
        vehicle: SimulatedVehicle, sink: RecordingSink, gateway: Supervisor) -> None:
    """The radio falls silent while it inflates: `cuff.link_lost` on the kiosk, no reading, and no restart needed."""
    await vehicle.tell("cuff/measure", seconds=20)
    await sink.until(lambda: gateway.cuff)
    await vehicle.tell("cuff/switch_off")
    await sink.until(lambda: state(gateway) is InstrumentState.failed)
    assert gateway.instruments()[0].problem == "cuff.link_lost"
    assert not sink.readings
    await asleep(vehicle)
    shown = await vehicle.tell("cuff/measure", seconds=0.5)
    await sink.until(lambda: sink.readings)
    assert values(sink)[0] == shown["systolic"]


async def test_an_adapter_pulled_out_in_a_visit_comes_back(vehicle: SimulatedVehicle, sink: RecordingSink,
                                                           gateway: Supervisor) -> None:
    """The cuff keeps what was not confirmed and the gateway finds it again."""
    shown = await vehicle.tell("cuff/measure", seconds=1.5)
    await sink.until(lambda: gateway.cuff)
    await vehicle.tell("radio/unplug")
    await sink.until(lambda: sink.readings)
    assert values(sink)[0] == shown["systolic"]
    assert (await asleep(vehicle))["memory"] == 0


async def test_what_the_store_refuses_is_offered_again(vehicle: SimulatedVehicle, sink: RecordingSink,
                                                       gateway: Supervisor) -> None:
    """The cuff has forgotten it: it is kept until it is stored."""
    sink.refuse = 2
    shown = await vehicle.tell("cuff/measure", seconds=0.5)
    await sink.until(lambda: sink.readings)
    assert values(sink)[0] == shown["systolic"]
    assert any(states[0][2] == "instrument.not_stored" for states in sink.seen)


async def test_a_record_sent_again_is_stored_once(vehicle: SimulatedVehicle, sink: RecordingSink,
                                                  gateway: Supervisor) -> None:
    """The confirmation was lost: the cuff repeats itself, the file does not."""
    await vehicle.tell("cuff/measure", seconds=0.5)
    await sink.until(lambda: sink.readings)
    await asleep(vehicle)
    delivered = (await vehicle.tell("cuff/repeat"))["memory"]
    assert (delivered, (await asleep(vehicle))["memory"]) == (1, 0)
    shown = await vehicle.tell("cuff/measure", seconds=0.5)
    await sink.until(lambda: len(sink.readings) > 1)
    assert [values(sink, n)[0] for n in range(1, len(sink.readings))] == [shown["systolic"]]


async def test_kill_9_while_it_measures_loses_nothing(vehicle: SimulatedVehicle, sink: RecordingSink) -> None:
    """The gateway dies at a live pressure; the one that comes after gets the record, once."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, str(Path(__file__).with_name("peripherals_host.py")), json.dumps(vehicle.parts),
        stdout=asyncio.subprocess.PIPE, cwd=ROOT, env={"PYTHONPATH": str(ROOT), "PATH": ""})
    assert child.stdout is not None
    async with asyncio.timeout(WAIT_S):
        while await child.stdout.readline() != b"asleep\n":
            pass
        shown = await vehicle.tell("cuff/measure", seconds=2)
        while await child.stdout.readline() != b"measuring\n":
            pass
    child.send_signal(signal.SIGKILL)
    await child.wait()
    async with supervised([vehicle.cuff()], vehicle.radio(), sink):
        await sink.until(lambda: sink.readings)
        assert (await asleep(vehicle))["memory"] == 0
    assert [values(sink, n)[0] for n in range(len(sink.readings))] == [shown["systolic"]]
    assert sink.readings[0].taken_at is not None


async def test_without_a_radio_it_says_so() -> None:
    """No BlueZ here: the cuff is absent with a code, and the process lives."""
    sink = RecordingSink()
    cuff = InstrumentConfig(1, "cuff", InstrumentKind.blood_pressure, "Tensiomètre", "ua651ble", "A&D_UA-651BLE")
    async with supervised([cuff], RadioConfig(), sink) as supervisor:
        await sink.until(lambda: supervisor.instruments()[0].problem == "radio.missing")
        assert state(supervisor) is InstrumentState.absent


def test_a_radio_backend_that_does_not_exist_is_a_configuration_error() -> None:
    """Said before anything starts."""
    cuff = InstrumentConfig(1, "cuff", InstrumentKind.blood_pressure, "Tensiomètre", "ua651ble", "x")
    with pytest.raises(ValueError, match="nowhere:backend"):
        Supervisor([cuff], RadioConfig("nowhere:backend"), RecordingSink())
