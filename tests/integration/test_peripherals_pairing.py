"""The pairing wizard against instruments that bond with digits, without, or not at all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from decimal import Decimal

import pytest
from blockbuster import BlockBuster

from gateway.peripherals.config import InstrumentConfig
from gateway.peripherals.pairing import PairingRefused
from gateway.peripherals.supervisor import Supervisor
from protocol.channels import InstrumentState
from protocol.kiosk import Pairing, PairingState
from protocol.readings import InstrumentKind, ReadingKind
from tests.integration.ble_rig import Ward, ward
from tests.integration.peripherals_rig import WAIT_S

OLDER = "omron_older"


@pytest.fixture(autouse=True)
def no_blocking() -> Iterator[None]:
    """The suite fails when our code blocks the loop."""
    guard = BlockBuster("gateway")
    guard.activate()
    yield
    guard.deactivate()


@pytest.fixture
async def room() -> AsyncIterator[Ward]:
    async with ward("beurer", "omron", "omron_older", "thermometer", "nonin", "oximeter") as made:
        yield made


class Kept:
    """A store of paired instruments in memory; `seen` is what the wizard showed at the moment of keeping."""

    def __init__(self, gateway: Supervisor) -> None:
        self.configs: dict[str, InstrumentConfig] = {}
        self.seen: list[PairingState] = []
        self._gateway = gateway
        gateway.pairing.keep, gateway.pairing.drop = self.keep, self.drop

    async def keep(self, config: InstrumentConfig) -> None:
        self.configs[config.instrument_id] = config
        assert self._gateway.pairing.view is not None
        self.seen.append(self._gateway.pairing.view.state)

    async def drop(self, instrument_id: str) -> None:
        if self.configs.pop(instrument_id, None) is None:
            raise PairingRefused("instrument.configured")


async def offered(room: Ward, gateway: Supervisor, name: str) -> str:
    """The address of an instrument once the wizard offers it."""
    address = room.things[name].plate.address
    await room.sink.until(lambda: gateway.pairing.view and any(
        c.address == address for c in gateway.pairing.view.candidates))
    return address


async def displayed(room: Ward) -> str:
    """The six digits on the cuff's display."""
    async with asyncio.timeout(WAIT_S):
        while (digits := room.things["beurer"].bonds.passkey) is None:  # noqa: ASYNC110 - the simulator tells nobody
            await asyncio.sleep(0.01)
    return digits


async def ended(room: Ward, gateway: Supervisor) -> Pairing:
    """The wizard's view when it is no longer at work."""
    def view() -> Pairing | None:
        found = gateway.pairing.view
        return found if found and found.state in (PairingState.paired, PairingState.failed) else None

    found = await room.sink.until(view)
    assert isinstance(found, Pairing)
    return found


async def test_six_digits_are_asked_for_and_the_cuff_is_on_board(room: Ward) -> None:
    """It shows digits, the nurse types them, it is kept before it is called paired, and its readings come."""
    async with room.gateway() as gateway:
        kept = Kept(gateway)
        gateway.pairing.start()
        room.press("beurer")
        gateway.pairing.choose(await offered(room, gateway, "beurer"))
        await room.sink.until(lambda: gateway.pairing.passkey)
        assert gateway.pairing.passkey is not None
        assert gateway.pairing.passkey.show is None
        assert "Beurer" in gateway.pairing.passkey.name
        gateway.pairing.enter_passkey(await displayed(room))
        view = await ended(room, gateway)
        assert (view.state, view.code, gateway.pairing.passkey) == (PairingState.paired, None, None)
        config = kept.configs[view.instrument_id or ""]
        assert (config.number, config.kind, config.model, config.simulated) == (
            1, InstrumentKind.blood_pressure, "beurer-memory", True)
        assert kept.seen == [PairingState.pairing]
        gateway.pairing.end()
        assert gateway.pairing.view is None
        await room.asleep("beurer")
        shown = room.press("beurer", "measure", seconds=0.5)
        await room.sink.until(lambda: room.sink.readings)
        reading = room.sink.readings[-1]
        assert reading.kind is ReadingKind.blood_pressure
        assert [q.value for q in reading.quantities][:2] == [Decimal(shown["systolic"]), Decimal(shown["diastolic"])]
        assert "implausible" not in reading.flags


async def test_wrong_digits_fail_and_can_be_tried_again(room: Ward) -> None:
    """Nothing is kept, the wizard says why, and choosing again asks for the new digits."""
    async with room.gateway() as gateway:
        kept = Kept(gateway)
        gateway.pairing.start()
        room.press("beurer")
        address = await offered(room, gateway, "beurer")
        gateway.pairing.choose(address)
        await room.sink.until(lambda: gateway.pairing.passkey)
        gateway.pairing.enter_passkey("000001" if await displayed(room) != "000001" else "000002")
        view = await ended(room, gateway)
        assert (view.state, view.code) == (PairingState.failed, "pairing.no_bond")
        assert not kept.configs
        assert not gateway.instruments()
        gateway.pairing.start()
        room.press("beurer")
        gateway.pairing.choose(await offered(room, gateway, "beurer"))
        await room.sink.until(lambda: gateway.pairing.passkey)
        gateway.pairing.enter_passkey(await displayed(room))
        assert (await ended(room, gateway)).state is PairingState.paired


async def test_giving_up_closes_the_wizard_and_keeps_nothing(room: Ward) -> None:
    """The nurse closes it while digits are asked for: no instrument, no question left on the screen."""
    async with room.gateway() as gateway:
        kept = Kept(gateway)
        gateway.pairing.start()
        room.press("beurer")
        gateway.pairing.choose(await offered(room, gateway, "beurer"))
        await room.sink.until(lambda: gateway.pairing.passkey)
        gateway.pairing.end()
        await room.sink.until(lambda: gateway.pairing.passkey is None)
        assert gateway.pairing.view is None
        assert not kept.configs
        with pytest.raises(PairingRefused, match=r"pairing\.no_passkey"):
            gateway.pairing.enter_passkey("123456")
        with pytest.raises(PairingRefused, match=r"pairing\.not_open"):
            gateway.pairing.choose(room.things["beurer"].plate.address)


async def test_an_omron_bonds_in_its_pairing_mode_and_delivers_later(room: Ward) -> None:
    """One name for pairing, another for transfer, one instrument."""
    async with room.gateway() as gateway:
        Kept(gateway)
        gateway.pairing.start()
        room.press("omron", "pairing")
        gateway.pairing.choose(await offered(room, gateway, "omron"))
        view = await ended(room, gateway)
        assert (view.state, view.code) == (PairingState.paired, None)
        gateway.pairing.end()
        await room.asleep("omron")
        room.press("omron", "remember", systolic=141, age_s=600, press=True)
        await room.sink.until(lambda: room.sink.readings)
        assert room.sink.readings[0].quantities[0].value == 141
        assert (await room.asleep("omron"))["memory"] == 0


async def test_an_older_omron_is_given_a_key_and_its_memory_is_read_with_it(room: Ward) -> None:
    """No standard service: the key of the pairing opens it, all slots are read, none twice, and their time is the
    cuff's own word."""
    async with room.gateway() as gateway:
        kept = Kept(gateway)
        gateway.pairing.start()
        room.press(OLDER, "pairing")
        gateway.pairing.choose(await offered(room, gateway, OLDER))
        view = await ended(room, gateway)
        assert (view.state, view.code) == (PairingState.paired, None)
        config = kept.configs[view.instrument_id or ""]
        assert (config.model, len(config.key)) == ("omron-eeprom", 32)
        gateway.pairing.end()
        await room.asleep(OLDER)
        for n in range(3):
            room.press(OLDER, "remember", systolic=120 + n, age_s=3600 * (3 - n))
        for _ in range(2):
            room.press(OLDER)
            await room.sink.until(lambda: gateway.instruments()[0].state is InstrumentState.done)
            await room.asleep(OLDER)
        assert [int(r.quantities[0].value or 0) for r in room.sink.readings] == [120, 121, 122]
        assert all((r.user, r.taken_at, "time_unknown" in r.flags) == (1, None, True) for r in room.sink.readings)
        assert all(r.device_time for r in room.sink.readings)


async def test_what_wants_no_bond_is_taken_on_board_all_the_same(room: Ward) -> None:
    """A Nonin 3230 is read over its own service."""
    async with room.gateway() as gateway:
        Kept(gateway)
        gateway.pairing.start()
        room.press("nonin", "finger", spo2=95, pulse=62)
        gateway.pairing.choose(await offered(room, gateway, "nonin"))
        view = await ended(room, gateway)
        assert (view.state, view.code) == (PairingState.paired, None)
        live = await room.sink.until(lambda: gateway.instruments()[0].live)
        assert [q.value for q in live][:2] == [95, 62]


async def test_a_failure_nobody_foresaw_is_said_in_the_wizard(room: Ward) -> None:
    """The wizard stays open with a code and can be tried again: it does not vanish under the nurse's finger."""
    async with room.gateway() as gateway:
        async def broken(config: InstrumentConfig) -> None:
            raise ZeroDivisionError

        gateway.pairing.keep = broken
        gateway.pairing.start()
        room.press("omron", "pairing")
        gateway.pairing.choose(await offered(room, gateway, "omron"))
        view = await ended(room, gateway)
        assert (view.state, view.code) == (PairingState.failed, "pairing.failed")
        kept = Kept(gateway)
        gateway.pairing.start()
        room.press("omron", "pairing")
        gateway.pairing.choose(await offered(room, gateway, "omron"))
        assert (await ended(room, gateway)).state is PairingState.paired
        assert kept.configs


async def test_a_broken_thermometer_is_replaced_in_its_place(room: Ward) -> None:
    """Number, identifier and name stay; only what is of its kind is offered, and what is on board already is not."""
    thermometer = replace(room.config("thermometer", 4), source="C4:00:00:00:00:99", name="Thermomètre du bus")
    async with room.gateway(thermometer, room.config("oximeter", 2)) as gateway:
        kept = Kept(gateway)
        gateway.pairing.start("thermometer")
        room.press("oximeter", "finger")
        room.press("nonin", "finger")
        room.press("thermometer", "measure", seconds=30)
        address = await offered(room, gateway, "thermometer")
        assert gateway.pairing.view is not None
        assert [c.kind for c in gateway.pairing.view.candidates] == [InstrumentKind.thermometer]
        gateway.pairing.choose(address)
        view = await ended(room, gateway)
        assert (view.state, view.instrument_id) == (PairingState.paired, "thermometer")
        config = kept.configs["thermometer"]
        assert (config.number, config.name, config.source) == (4, "Thermomètre du bus", address)
        assert [i.number for i in gateway.instruments()] == [2, 4]
        await room.sink.until(lambda: gateway.instruments()[1].state is InstrumentState.measuring)


async def test_the_same_cuff_is_paired_again_in_its_place(room: Ward) -> None:
    """Its own button unpaired it: the old bond goes, a new one is made, its driver leaves it alone meanwhile and
    takes its readings after."""
    async with room.gateway(room.config("cuff")) as gateway:
        kept = Kept(gateway)
        room.press("cuff", "measure", seconds=0.3)
        await room.sink.until(lambda: len(room.sink.readings) == 1)
        await room.asleep("cuff")
        room.press("cuff", "unbond")
        gateway.pairing.start("cuff")
        gateway.pairing.choose(await offered(room, gateway, "cuff"))
        room.press("cuff", "remember", systolic=131, press=True)
        view = await ended(room, gateway)
        assert (view.state, view.code, view.instrument_id) == (PairingState.paired, None, "cuff")
        assert kept.configs["cuff"].model == "ua651ble"
        await room.sink.until(lambda: len(room.sink.readings) == 2)
        assert room.sink.readings[1].quantities[0].value == 131


async def test_an_instrument_is_forgotten_with_its_bond(room: Ward) -> None:
    """One that was paired here goes; one from the file is refused and stays."""
    async with room.gateway(room.config("oximeter", 2)) as gateway:
        kept = Kept(gateway)
        gateway.pairing.start()
        room.press("thermometer", "measure", seconds=0.5)
        gateway.pairing.choose(await offered(room, gateway, "thermometer"))
        made = (await ended(room, gateway)).instrument_id or ""
        assert len(gateway.instruments()) == 2
        await gateway.pairing.forget(made)
        assert [i.instrument_id for i in gateway.instruments()] == ["oximeter"]
        assert not kept.configs
        with pytest.raises(PairingRefused, match=r"instrument\.configured"):
            await gateway.pairing.forget("oximeter")
        with pytest.raises(PairingRefused, match=r"instrument\.unknown"):
            await gateway.pairing.forget("nobody")
        assert [i.instrument_id for i in gateway.instruments()] == ["oximeter"]
