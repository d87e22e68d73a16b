"""The radio's interface over bleak's own BlueZ backend: what it sees, how it links, bonds, asks for digits, forgets."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from gateway.peripherals.config import RadioConfig
from gateway.peripherals.drivers.radio import LinkFailed, Radio, Sighting
from tests.integration.bluez.objects import full
from tests.integration.bluez.world import World, play

pytestmark = pytest.mark.skipif(shutil.which("dbus-daemon") is None, reason="dbus-daemon is not installed here")


class Nurse:
    """A PasskeyOperator who knows the digits."""

    def __init__(self, digits: str | None) -> None:
        self.digits = digits
        self.asked: list[str] = []
        self.shown: list[tuple[str, str | None]] = []

    async def enter(self, name: str) -> str | None:
        self.asked.append(name)
        # As long as it takes to put glasses on: a machine's pairing limit would be over.
        await asyncio.sleep(20)
        return self.digits

    def show(self, name: str, passkey: str | None) -> None:
        self.shown.append((name, passkey))


@asynccontextmanager
async def listening(world: World) -> AsyncIterator[Radio]:
    radio = Radio(RadioConfig())
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(radio.run())
        try:
            await world.until(lambda: radio.problem is None, 10)
            yield radio
        finally:
            running.cancel()


def over(directory: Path, scene: Callable[[World, Radio], Awaitable[None]]) -> None:
    async def whole(world: World) -> None:
        async with listening(world) as radio:
            await scene(world, radio)

    play(directory, whole)


async def found(world: World, radio: Radio) -> Sighting:
    world.cuff.awake = True
    await world.until(radio.sightings, 10)
    return radio.sightings()[0]


async def passing(world: World, work: Awaitable[None]) -> None:
    """`work` while the clock moves."""
    task = asyncio.ensure_future(work)
    try:
        await world.until(task.done, 90)
        task.result()
    finally:
        task.cancel()


def test_what_advertises_is_listed_with_its_age(tmp_path: Path) -> None:
    """Name, services and signal of the last minute; a device that fell silent leaves the list."""
    async def scene(world: World, radio: Radio) -> None:
        seen = await found(world, radio)
        assert (seen.address, seen.name) == (world.cuff.address, world.cuff.name)
        assert seen.offers(0x1810)
        assert seen.offers(full(0x180A).upper())
        assert not seen.offers(0x1808)
        assert -61 <= seen.rssi <= -60
        assert asyncio.get_running_loop().time() - seen.seen_at < 5
        world.cuff.awake = False
        await world.pass_time(62)
        assert radio.sightings() == ()

    over(tmp_path, scene)


def test_a_link_reads_writes_and_says_how_much_it_takes(tmp_path: Path) -> None:
    """By number and by UUID; what is not there is a coded error, before and after the link."""
    async def scene(world: World, radio: Radio) -> None:
        world.bonded = True

        async def visit() -> None:
            async with radio.link(seen) as link:
                assert link.maximum_write == 244
                assert link.has(0x2A29)
                assert link.has(full(0x2A29))
                assert not link.has(0x2A18)
                assert await link.read(0x2A29) == await link.read(full(0x2A29)) == b"A&D Medical"
                await link.write(0x2A08, b"\1\2\3\4\5\6\7", response=False)
                assert await link.read(0x2A08) == b"\1\2\3\4\5\6\7"
                with pytest.raises(LinkFailed, match=r"radio\.characteristic_missing"):
                    await link.read(0x2A18)
            with pytest.raises(LinkFailed, match=r"radio\.link_lost"):
                await link.read(0x2A29)
            assert not link.has(0x2A29)

        seen = await found(world, radio)
        await passing(world, visit())

    over(tmp_path, scene)


def test_a_subscription_gives_each_indication_once_under_the_name_it_was_asked_by(tmp_path: Path) -> None:
    """Subscribed twice, told once; the hang-up comes after everything that was received, and stays."""
    async def scene(world: World, radio: Radio) -> None:
        world.bonded = True
        world.cuff.memory.extend((b"\1", b"\2"))
        heard: list[tuple[int | str, bytes] | None] = []

        async def visit() -> None:
            async with radio.link(seen) as link:
                await link.subscribe(full(0x2A35))
                await link.subscribe(0x2A35)
                heard.extend([await link.next() for _ in range(4)])
                assert link.lost

        seen = await found(world, radio)
        await passing(world, visit())
        assert heard == [(full(0x2A35), b"\1"), (full(0x2A35), b"\2"), None, None]
        assert world.asked("StartNotify") == ["StartNotify"]

    over(tmp_path, scene)


@pytest.mark.parametrize(("digits", "bonded"), [("012345", True), ("999999", False), (None, False), ("12", False)])
def test_the_digits_of_a_bond_are_the_nurses(tmp_path: Path, digits: str | None, bonded: bool) -> None:
    """BlueZ asks our agent, our agent asks her by the cuff's name and waits for her; wrong or no digits: no bond."""
    async def scene(world: World, radio: Radio) -> None:
        nurse = radio.passkeys = Nurse(digits)
        world.cuff.passkey = 12345
        seen = await found(world, radio)
        if bonded:
            await passing(world, radio.bond(seen))
        else:
            with pytest.raises(LinkFailed, match=r"radio\.refused"):
                await passing(world, radio.bond(seen))
        assert nurse.asked == [world.cuff.name]
        assert world.bonded is bonded
        assert world.daemon is not None
        assert world.daemon.agents.capability == "KeyboardDisplay"

    over(tmp_path, scene)


@pytest.mark.parametrize(("digits", "bonded"), [("000042", True), ("000043", False), (None, False)])
def test_digits_that_both_ends_show_are_compared_by_typing_them(tmp_path: Path, digits: str | None,
                                                                bonded: bool) -> None:
    """Nobody can confirm them unread."""
    async def scene(world: World, radio: Radio) -> None:
        radio.passkeys = Nurse(digits)
        world.cuff.compares = 42
        seen = await found(world, radio)
        with suppress(LinkFailed):
            await passing(world, radio.bond(seen))
        assert world.bonded is bonded

    over(tmp_path, scene)


def test_a_bond_that_needs_digits_fails_when_there_is_nobody_to_ask(tmp_path: Path) -> None:
    """At once, not at a limit."""
    async def scene(world: World, radio: Radio) -> None:
        world.cuff.passkey = 12345
        seen = await found(world, radio)
        with pytest.raises(LinkFailed, match=r"radio\.refused"):
            await passing(world, radio.bond(seen))

    over(tmp_path, scene)


def test_nobody_bonds_with_us_uninvited(tmp_path: Path) -> None:
    """Whoever is in radio range may ask our agent; it only answers for a device that we are bonding with."""
    async def scene(world: World, radio: Radio) -> None:
        nurse = radio.passkeys = Nurse("012345")
        seen = await found(world, radio)
        assert world.daemon is not None
        assert world.daemon.device is not None
        for member, signature, rest in (("RequestPasskey", "o", []), ("RequestPinCode", "o", []),
                                        ("RequestConfirmation", "ou", [123456]), ("RequestAuthorization", "o", []),
                                        ("DisplayPasskey", "ouq", [123456, 0]),
                                        ("AuthorizeService", "os", [full(0x1108)])):
            assert await world.daemon.agent_answers(member, signature, [world.daemon.device.path, *rest]) == (
                "org.bluez.Error.Rejected"), member
        assert (nurse.asked, nurse.shown) == ([], [])
        assert seen

    over(tmp_path, scene)


def test_digits_to_type_on_the_device_are_shown_and_taken_away(tmp_path: Path) -> None:
    """While the bond is being made, and no longer."""
    async def scene(world: World, radio: Radio) -> None:
        nurse = radio.passkeys = Nurse(None)
        world.cuff.shows_ours = 4711
        seen = await found(world, radio)
        await passing(world, radio.bond(seen))
        assert nurse.shown == [(world.cuff.name, "004711"), (world.cuff.name, None)]

    over(tmp_path, scene)


def test_a_new_bluetoothd_gets_our_agent_again(tmp_path: Path) -> None:
    """It knows nothing of the agents of the one before."""
    async def scene(world: World, radio: Radio) -> None:
        await world.restart()
        await world.until(lambda: world.daemon is not None and world.daemon.agents.agent, 10)

    over(tmp_path, scene)


def test_forgetting_removes_the_bond(tmp_path: Path) -> None:
    """And is content when there is nothing to forget."""
    async def scene(world: World, radio: Radio) -> None:
        world.bonded = True
        await found(world, radio)
        world.cuff.awake = False
        await passing(world, radio.forget(world.cuff.address))
        assert not world.bonded
        assert world.daemon is not None
        assert world.daemon.device is None
        await passing(world, radio.forget(world.cuff.address))

    over(tmp_path, scene)


def test_a_sighting_is_waited_for_by_what_it_says(tmp_path: Path) -> None:
    """Any property of the advertisement may be asked for."""
    async def scene(world: World, radio: Radio) -> None:
        waiting = asyncio.ensure_future(radio.sighting(lambda s: s.offers(0x1810) and s.rssi > -70))
        await world.pass_time(3)
        assert not waiting.done()
        world.cuff.awake = True
        await world.until(waiting.done, 5)
        assert waiting.result().address == world.cuff.address

    over(tmp_path, scene)


def test_a_change_of_a_record_is_no_advertisement(tmp_path: Path) -> None:
    """BlueZ tells of bonds and links by the same signal; only with a signal strength was the device heard, and one
    that is connected does not advertise."""
    async def scene(world: World, radio: Radio) -> None:
        world.bonded = True
        seen = await found(world, radio)
        world.cuff.awake = False
        await world.pass_time(2)
        assert world.daemon is not None
        device = world.daemon.device
        assert device is not None
        before = radio.sightings()[0].seen_at
        device.unheard()
        device.emit_properties_changed({"Trusted": True})
        await world.pass_time(2)
        assert radio.sightings()[0].seen_at == before

        async def visit() -> None:
            # It answers, and nothing of it is heard.
            world.cuff.awake, world.deaf = True, "power"
            async with radio.link(seen):
                await world.pass_time(2)
                device.heard()
                await world.pass_time(2)
                assert radio.sightings()[0].seen_at == before

        await visit()

    over(tmp_path, scene)


def test_what_was_seen_before_a_restart_is_not_connected_to(tmp_path: Path) -> None:
    """The new bluetoothd does not know it yet: an error, but none that counts against the adapter."""
    async def scene(world: World, radio: Radio) -> None:
        seen = await found(world, radio)
        await world.pass_time(1)
        await world.restart()
        await world.pass_time(1)

        async def visit(sighting: Sighting) -> None:
            async with radio.link(sighting):
                pass

        for _ in range(2):
            with pytest.raises(LinkFailed, match=r"radio\.not_connected"):
                await passing(world, visit(seen))
        await world.pass_time(1)
        assert radio.recovery.count == 0
        assert world.asked("Connect") == []
        again = asyncio.ensure_future(radio.sighting(lambda s: s.address == seen.address))
        await world.until(again.done, 10)
        await passing(world, visit(again.result()))
        assert world.asked("Connect") == ["Connect"]

    over(tmp_path, scene)
