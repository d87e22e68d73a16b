"""bleak's own BlueZ backend against an org.bluez whose faults are scripted: records whole, ladder in order, in time."""

from __future__ import annotations

import asyncio
import json
import random
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import structlog
from blockbuster import BlockBuster

from gateway.peripherals.config import InstrumentConfig, RadioConfig
from gateway.peripherals.supervisor import Supervisor
from protocol.channels import InstrumentState
from protocol.readings import InstrumentKind
from tests.integration.bluez.world import World, play
from tests.integration.peripherals_rig import RecordingSink

pytestmark = pytest.mark.skipif(shutil.which("dbus-daemon") is None, reason="dbus-daemon is not installed here")

VECTORS = Path(__file__).resolve().parents[2] / "vectors" / "blood_pressure"

Scene = Callable[["World", Supervisor, RecordingSink], Awaitable[None]]


def record(name: str) -> bytes:
    return bytes.fromhex(json.loads((VECTORS / f"{name}.json").read_text())["bytes"])


RECORDS = [record(name) for name in ("capture_time_pulse_status", "kilopascal", "longest")]

DEAF_S = 120.0
"""What the issue allows from the last advertisement to the next."""


@pytest.fixture(autouse=True)
def no_blocking() -> Iterator[None]:
    """The suite fails when our code blocks the loop."""
    guard = BlockBuster("gateway")
    guard.activate()
    yield
    guard.deactivate()


@asynccontextmanager
async def gateway(world: World, sink: RecordingSink, *, asleep: bool = True) -> AsyncIterator[Supervisor]:
    """The real supervisor, radio and driver over this bus; `asleep`: and listening."""
    cuff = InstrumentConfig(1, "cuff", InstrumentKind.blood_pressure, "Tensiomètre", "ble", world.cuff.address)
    supervisor = Supervisor([cuff], RadioConfig(), sink)
    sink.watch = lambda: supervisor.instruments()[0].state
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(supervisor.run())
        try:
            if asleep:
                await world.until(lambda: supervisor.instruments()[0].state is InstrumentState.asleep, 10)
            yield supervisor
        finally:
            running.cancel()


def staged(directory: Path, scene: Scene) -> None:
    async def whole(world: World) -> None:
        sink = RecordingSink()
        async with gateway(world, sink) as supervisor:
            await scene(world, supervisor, sink)

    play(directory, whole)


def wake(world: World, records: list[bytes] = RECORDS) -> None:
    world.cuff.memory.extend(records)
    world.cuff.awake = True


async def emptied(world: World, sink: RecordingSink, within: float, records: list[bytes] = RECORDS) -> float:
    """Everything the cuff held has arrived, once and in order."""
    took = await world.until(lambda: len(sink.readings) >= len(records) and not world.cuff.memory, within)
    await world.pass_time(15)
    assert [bytes.fromhex(reading.raw or "") for reading in sink.readings] == records
    return took


def test_a_memory_arrives_over_bluez(tmp_path: Path) -> None:
    """Found, bonded when it asks, subscribed, clock set, three records, its hang-up: nothing of the ladder."""
    async def scene(world: World, supervisor: Supervisor, sink: RecordingSink) -> None:
        wake(world)
        await emptied(world, sink, 20)
        assert world.asked("Pair", "WriteValue 2a08") == ["Pair", "WriteValue 2a08"]
        assert world.asked("Powered", "StartUnit", "RemoveDevice") == []

    staged(tmp_path, scene)


def test_connection_aborts_are_tried_again(tmp_path: Path) -> None:
    """Interference: two kinds of abort, four in all; the fifth attempt stands, and no rung is climbed."""
    async def scene(world: World, supervisor: Supervisor, sink: RecordingSink) -> None:
        world.script("Connect", *("Software caused connection abort", "le-connection-abort-by-local") * 2)
        wake(world)
        await emptied(world, sink, 30)
        assert len(world.asked("Connect")) == 5
        assert world.asked("Powered", "StartUnit", "RemoveDevice") == []

    staged(tmp_path, scene)


def test_a_stale_connection_is_cleaned_up_at_once(tmp_path: Path) -> None:
    """InProgress: BlueZ holds an older connection. Its record goes, the cuff is found anew, the records come."""
    async def scene(world: World, supervisor: Supervisor, sink: RecordingSink) -> None:
        world.held = "record"
        wake(world)
        await emptied(world, sink, 30)
        assert world.asked("RemoveDevice", "Powered", "StartUnit") == ["RemoveDevice"]
        # One visit's four attempts, and the one that stands: no second visit is spent on it.
        assert len(world.asked("Connect")) == 5

    staged(tmp_path, scene)


def test_a_bonded_cuffs_stale_connection_ends_with_the_adapters_power(tmp_path: Path) -> None:
    """Where Disconnect does not help and its record is not to be removed, the next rung is taken."""
    async def scene(world: World, supervisor: Supervisor, sink: RecordingSink) -> None:
        world.bonded, world.held = True, "record"
        wake(world)
        await emptied(world, sink, 60)
        assert world.asked("RemoveDevice", "Pair", "StartUnit", "Powered") == ["Powered False", "Powered True"]

    staged(tmp_path, scene)


def test_a_bond_survives_the_clean_up(tmp_path: Path) -> None:
    """A bonded cuff's stale connection is hung up; its record holds a key that a person made, and stays."""
    async def scene(world: World, supervisor: Supervisor, sink: RecordingSink) -> None:
        world.bonded, world.held = True, "link"
        wake(world)
        await emptied(world, sink, 30)
        assert world.asked("RemoveDevice", "Pair", "Powered", "StartUnit") == []
        assert "Disconnect" in world.asked("Disconnect")

    staged(tmp_path, scene)


@pytest.mark.parametrize(("mended_by", "ladder"), [
    ("power", ["Powered False", "Powered True"]),
    ("service", ["Powered False", "Powered True", "StartUnit passerelle-bluetooth-restart.service"])])
def test_a_deaf_adapter_hears_again_unattended(tmp_path: Path, mended_by: str, ladder: list[str]) -> None:
    """Discovery runs and brings nothing: rung by rung, each logged once, and within 120 s of the last sound."""
    async def scene(world: World, supervisor: Supervisor, sink: RecordingSink) -> None:
        wake(world)
        await emptied(world, sink, 20)
        sink.readings.clear()
        world.deaf = mended_by
        with structlog.testing.capture_logs() as logs:
            wake(world, [record("shortest")])
            heard = await world.until(lambda: not world.deaf, DEAF_S)
            await emptied(world, sink, 10, [record("shortest")])
        # The pause after the first visit is part of the silence.
        assert 75 - 15 <= heard <= DEAF_S - 15
        assert [call for call in world.asked("Powered", "StartUnit") if call != ladder[1]][:2] == ladder[::2]
        steps = [entry["step"] for entry in logs if entry["event"] == "radio.step_taken"]
        assert steps == ["record", "power", "service"][:len(ladder)]
        assert [entry["doubt"] for entry in logs if entry["event"] == "radio.recovered"] == ["silent"]

    staged(tmp_path, scene)


def test_a_connect_that_is_never_answered_costs_its_limit_only(tmp_path: Path) -> None:
    """Twenty seconds, then the call is given up, and the next attempt stands; the cuff listens for sixty."""
    async def scene(world: World, supervisor: Supervisor, sink: RecordingSink) -> None:
        world.script("Connect", "hang")
        wake(world)
        assert 20 <= await emptied(world, sink, 60) <= 40
        assert world.asked("Powered", "StartUnit") == []

    staged(tmp_path, scene)


def test_connects_that_hang_in_a_row_climb_the_ladder(tmp_path: Path) -> None:
    """Two in vain: the record; two more: the adapter's power; then it works. Most of the time are the pauses between
    visits that gave nothing."""
    async def scene(world: World, supervisor: Supervisor, sink: RecordingSink) -> None:
        world.script("Connect", *["hang"] * 4)
        wake(world)
        await emptied(world, sink, 4 * 20 + 60)
        assert world.asked("RemoveDevice", "Powered", "StartUnit") == ["RemoveDevice", "Powered False", "Powered True"]

    staged(tmp_path, scene)


def test_a_bluetoothd_that_hangs_is_started_anew(tmp_path: Path) -> None:
    """No call is answered: no limit is waited for without end, the service is restarted, the records come."""
    async def scene(world: World, supervisor: Supervisor, sink: RecordingSink) -> None:
        world.hung = True
        wake(world)
        await world.until(lambda: supervisor.instruments()[0].problem == "radio.hung", 60)
        await emptied(world, sink, DEAF_S)
        assert world.asked("StartUnit") == ["StartUnit passerelle-bluetooth-restart.service"]

    staged(tmp_path, scene)


def test_a_bluetoothd_that_hangs_in_a_visit_is_started_anew(tmp_path: Path) -> None:
    """It hangs after the first record: the others come after the restart, none twice."""
    async def scene(world: World, supervisor: Supervisor, sink: RecordingSink) -> None:
        wake(world)
        await world.until(lambda: len(sink.readings) == 1, 20)
        world.hung = True
        await emptied(world, sink, DEAF_S)
        assert len(world.asked("StartUnit")) == 1

    staged(tmp_path, scene)


def test_a_bluetoothd_that_hangs_in_a_connect_is_told_from_a_device_out_of_reach(tmp_path: Path) -> None:
    """Both are an unanswered Connect; it is asked for something it has in memory, and restarted at once."""
    async def scene(world: World, supervisor: Supervisor, sink: RecordingSink) -> None:
        world.script("Connect", "hung")
        wake(world)
        assert await world.until(lambda: world.asked("StartUnit"), 60) <= 36
        await emptied(world, sink, 30)

    staged(tmp_path, scene)


@pytest.mark.parametrize("fault", ["Failed", "InProgress"])
def test_refused_notifications_are_asked_for_again(tmp_path: Path, fault: str) -> None:
    """StartNotify fails once for no reason of the cuff's: asked again within its five seconds, each record once."""
    async def scene(world: World, supervisor: Supervisor, sink: RecordingSink) -> None:
        world.script("StartNotify", fault)
        wake(world)
        await emptied(world, sink, 20)
        assert len(world.asked("Connect")) == 1

    staged(tmp_path, scene)


def test_notifications_that_hang_end_the_visit_not_the_radio(tmp_path: Path) -> None:
    """StartNotify never answers: the visit ends at its limit and the next one brings everything."""
    async def scene(world: World, supervisor: Supervisor, sink: RecordingSink) -> None:
        world.script("StartNotify", "hang")
        wake(world)
        await emptied(world, sink, 40)
        assert world.asked("Powered", "StartUnit") == []

    staged(tmp_path, scene)


def test_a_hang_up_in_mid_record_loses_and_doubles_nothing(tmp_path: Path) -> None:
    """The cuff goes after its first record and did not see that one confirmed: it sends it again."""
    async def scene(world: World, supervisor: Supervisor, sink: RecordingSink) -> None:
        world.cuff.hang_up_after, world.cuff.repeats = 1, True
        wake(world)
        await world.until(lambda: len(world.asked("Connect")) == 2, 30)
        world.cuff.repeats = False
        await emptied(world, sink, 30)

    staged(tmp_path, scene)


def test_an_adapter_pulled_out_in_a_visit_comes_back(tmp_path: Path) -> None:
    """BlueZ drops its objects without a word about the connection: the kiosk says so, the rest comes later."""
    async def scene(world: World, supervisor: Supervisor, sink: RecordingSink) -> None:
        wake(world)
        await world.until(lambda: len(sink.readings) == 1, 20)
        assert world.daemon is not None
        world.daemon.unplug()
        await world.until(lambda: supervisor.instruments()[0].problem == "radio.missing", 30)
        # The kernel counts on when the old number is not free yet.
        world.daemon.path = "/org/bluez/hci1"
        world.daemon.plug()
        assert await emptied(world, sink, 15) <= 10

    staged(tmp_path, scene)


def test_a_bluetoothd_that_crashes_in_a_visit_is_survived(tmp_path: Path) -> None:
    """Another owner of the name: connections of the old one are lost, discovery begins anew, no ladder."""
    async def scene(world: World, supervisor: Supervisor, sink: RecordingSink) -> None:
        wake(world)
        await world.until(lambda: len(sink.readings) == 1, 20)
        await world.restart()
        assert await emptied(world, sink, 20) <= 15
        assert world.asked("Powered", "StartUnit") == []

    staged(tmp_path, scene)


def test_an_adapter_switched_off_gets_its_power_back(tmp_path: Path) -> None:
    """By whatever hand."""
    async def scene(world: World, supervisor: Supervisor, sink: RecordingSink) -> None:
        assert world.daemon is not None
        world.daemon.adapter.power(False)
        wake(world)
        assert await emptied(world, sink, 30) <= 20
        assert world.asked("Powered True") == ["Powered True"]

    staged(tmp_path, scene)


def test_a_restart_that_is_not_allowed_is_said_and_not_insisted_on(tmp_path: Path) -> None:
    """Without the rule for polkit the last rung can't be taken: logged once a ladder, and the rests grow."""
    async def scene(world: World, supervisor: Supervisor, sink: RecordingSink) -> None:
        world.deaf, world.denied = "service", True
        with structlog.testing.capture_logs() as logs:
            await world.pass_time(400)
        failed = [(entry["step"], entry["code"]) for entry in logs if entry["event"] == "radio.step_failed"]
        assert failed == [("service", "radio.step_refused")] * 3
        assert supervisor.instruments()[0].state is InstrumentState.asleep

    staged(tmp_path, scene)


def test_a_long_silence_is_looked_into_when_a_person_waits(tmp_path: Path) -> None:
    """Deaf since the night, the ladder rests long: the wizard is opened, and a minute later the cuff is heard."""
    async def scene(world: World, supervisor: Supervisor, sink: RecordingSink) -> None:
        await world.pass_time(1200)
        world.deaf = "power"
        wake(world)
        await world.pass_time(60)
        assert not sink.readings
        supervisor._radio.expect()
        assert await emptied(world, sink, 60) <= 30

    staged(tmp_path, scene)


def test_what_a_killed_process_left_connected_is_hung_up(tmp_path: Path) -> None:
    """A connected cuff does not advertise: at the start nobody's connections are ended."""
    async def whole(world: World) -> None:
        sink = RecordingSink()
        wake(world)
        assert world.daemon is not None
        world.daemon.leave_connected()
        async with gateway(world, sink, asleep=False):
            await emptied(world, sink, 20)
        assert all(state is not InstrumentState.failed for state in sink.seen)

    play(tmp_path, whole)


FAULTS: dict[str, Callable[[World], None]] = {
    "nothing": lambda world: None,
    "abort": lambda world: world.script("Connect", "Software caused connection abort"),
    "abort by local": lambda world: world.script("Connect", "le-connection-abort-by-local"),
    "connect hangs": lambda world: world.script("Connect", "hang"),
    "notify refused": lambda world: world.script("StartNotify", "Failed"),
    "notify hangs": lambda world: world.script("StartNotify", "hang"),
    "scan start hangs": lambda world: world.script("StartDiscovery", "hang"),
    "scan start refused": lambda world: world.script("StartDiscovery", "InProgress", "InProgress"),
    "scan stop hangs": lambda world: world.script("StopDiscovery", "hang"),
    "held": lambda world: setattr(world, "held", "link"),
    "deaf": lambda world: setattr(world, "deaf", "power"),
    "very deaf": lambda world: setattr(world, "deaf", "service"),
    "hung": lambda world: setattr(world, "hung", True),
    "hang-up": lambda world: setattr(world.cuff, "hang_up_after", 1),
}


@pytest.mark.parametrize("seed", range(3))
def test_visits_with_random_faults_lose_and_double_nothing(tmp_path: Path, seed: int) -> None:
    """Twelve visits on one radio, a fault or two before each, and half of the time in the middle: every record once,
    in order, each visit's within five minutes."""
    chance = random.Random(seed)

    async def scene(world: World, supervisor: Supervisor, sink: RecordingSink) -> None:
        sent: list[bytes] = []

        def arrived(more: int = 0) -> bool:
            return len(sink.readings) >= len(sent) + more

        for visit in range(12):
            records = [numbered(visit * 3 + n) for n in range(chance.randint(1, 3))]
            for fault in chance.sample(sorted(FAULTS), 2):
                FAULTS[fault](world)
            wake(world, records)
            if chance.random() < 0.5:
                await world.until(lambda: arrived(1), 300)
                FAULTS[chance.choice(sorted(FAULTS))](world)
            sent += records
            await world.until(lambda: arrived() and not world.cuff.memory, 300)
            await world.pass_time(chance.uniform(0, 30))
        assert [bytes.fromhex(reading.raw or "") for reading in sink.readings] == sent

    staged(tmp_path, scene)


def numbered(number: int) -> bytes:
    """The captured record, `number` minutes later: its bytes 7 to 13 are the Date Time (GSS, Date Time)."""
    whole = bytearray(record("capture_time_pulse_status"))
    whole[11:13] = bytes(divmod(whole[11] * 60 + whole[12] + number, 60))
    return bytes(whole)
