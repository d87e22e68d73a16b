"""One driver for every radio instrument, against simulated ones with the manners of real ones."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from decimal import Decimal

import pytest
from blockbuster import BlockBuster

from gateway.store.records import measurement_key
from protocol.channels import InstrumentState
from protocol.readings import Reading, ReadingKind
from tests.integration.ble_rig import Ward, ward
from tests.integration.peripherals_rig import dated, now

SATURATION, PULSE, HEART_RATE = 150456, 149530, 147842


@pytest.fixture(autouse=True)
def no_blocking() -> Iterator[None]:
    """The suite fails when our code blocks the loop."""
    guard = BlockBuster("gateway")
    guard.activate()
    yield
    guard.deactivate()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A plateau of two seconds, for the rules and not for the wait."""
    monkeypatch.setattr("gateway.peripherals.plateau.STABLE_S", 2.0)
    monkeypatch.setattr("gateway.peripherals.plateau.LEAVING_S", 2.0)


@pytest.fixture
async def room() -> AsyncIterator[Ward]:
    async with ward("thermometer", "oximeter", "glucose", "scale", "belt") as made:
        yield made


def number(reading: Reading, mdc: int) -> Decimal | None:
    return next(q.value for q in reading.quantities if q.mdc == mdc)


async def test_a_thermometer_shows_its_value_rising_and_says_where(room: Ward) -> None:
    """Live values on the kiosk, one reading with its site, the battery beside it."""
    async with room.gateway(room.config("thermometer")) as gateway:
        pressed = now()
        told = room.press("thermometer", "measure", seconds=1)
        await room.sink.until(lambda: room.sink.readings)
        reading = room.sink.readings[0]
        assert (reading.kind, reading.context) == (ReadingKind.temperature, ("site_ear",))
        assert reading.quantities[0].value == Decimal(told["temperature"])
        assert dated(reading, pressed)
        assert not reading.flags
        assert any(faces[0].state is InstrumentState.measuring and faces[0].live for faces in room.sink.seen)
        assert gateway.instruments()[0].battery == 100
        await room.sink.until(lambda: gateway.instruments()[0].state is InstrumentState.done)


async def test_a_thermometer_without_a_clock_invents_no_time_for_its_memory(room: Ward) -> None:
    """Its clock was never set: what it remembers has no time, what it measures before our eyes has ours."""
    room.press("thermometer", "clock", unset=True)
    async with room.gateway(room.config("thermometer")):
        room.press("thermometer", "remember", temperature="38.5", press=True)
        await room.sink.until(lambda: room.sink.readings)
        assert (room.sink.readings[0].taken_at, room.sink.readings[0].flags) == (None, ("time_unknown",))


async def test_an_oximeter_gives_a_result_at_its_plateau_and_none_without_a_finger(room: Ward) -> None:
    """Early estimates and an empty clip are shown or hidden, never stored; the plateau is stored once, and once when
    the finger leaves; what is stored has numbers."""
    async with room.gateway(room.config("oximeter")) as gateway:
        pressed = now()
        room.press("oximeter", "finger", spo2=97, pulse=71)
        await room.sink.until(lambda: gateway.instruments()[0].live)
        await room.sink.until(lambda: room.sink.readings)
        first = room.sink.readings[0]
        assert (number(first, SATURATION), number(first, PULSE)) == (97, 71)
        assert dated(first, pressed)
        assert "early_estimated_data" not in first.flags
        seen = len(room.sink.seen)
        room.press("oximeter", "finger", **{"in": False})
        await room.sink.until(lambda: any(faces[0].state is InstrumentState.ready
                                          for faces in room.sink.seen[seen:]))
        assert not gateway.instruments()[0].live
        assert all(q.value is not None for reading in room.sink.readings for q in reading.quantities)
        assert len(room.sink.readings) <= 2


async def test_an_oximeter_that_trembles_gives_no_result(room: Ward) -> None:
    """A saturation that walks by more than its accuracy is shown, and is no result."""
    async with room.gateway(room.config("oximeter")) as gateway:
        for saturation in (97, 92, 97, 92, 97, 92):
            room.press("oximeter", "finger", spo2=saturation, pulse=70)
            shown = len(room.sink.seen)
            await room.sink.until(lambda value=saturation, since=shown: any(
                q.value == value for faces in room.sink.seen[since:] for q in faces[0].live))
        assert not room.sink.readings
        assert gateway.instruments()[0].state is InstrumentState.measuring


async def test_spot_checks_of_the_memory_come_with_their_own_time(room: Ward) -> None:
    """The access point is asked for everything; an hour-old check is an hour old."""
    async with room.gateway(room.config("oximeter")):
        pressed = now()
        room.press("oximeter", "remember", spo2=93, pulse=88, age_s=3600)
        room.press("oximeter", "finger", spo2=97, pulse=71)
        await room.sink.until(lambda: any("from_memory" in r.flags for r in room.sink.readings))
        old = next(r for r in room.sink.readings if "from_memory" in r.flags)
        assert number(old, SATURATION) == 93
        assert dated(old, pressed, 3600)


async def test_a_meter_is_asked_for_what_is_new_and_its_context_comes_along(room: Ward) -> None:
    """First everything, then from the next number on; meal and sample join the value; control solution has none."""
    async with room.gateway(room.config("glucose")):
        room.press("glucose", "remember", mg_dl=104, age_s=7200)
        room.press("glucose", "remember", mmol_l="5.5", moles=True, meal="fasting", age_s=3600)
        room.press("glucose", "control_solution")
        await room.sink.until(lambda: len(room.sink.readings) == 3)
        await room.asleep("glucose")
        plain, fasting, control = room.sink.readings
        assert (plain.quantities[0].value, plain.quantities[0].unit) == (Decimal(104), "mg/dL")
        assert fasting.quantities[0].value == Decimal("5.5")
        assert "meal_fasting" in fasting.context
        assert fasting.record == (plain.record or 0) + 1
        assert "from_memory" in plain.flags
        assert (control.kind, control.quantities) == (ReadingKind.unreadable, ())
        room.press("glucose", "measure", mg_dl=140, moles=False)
        await room.sink.until(lambda: len(room.sink.readings) == 4)
        told = await room.asleep("glucose")
        assert room.sink.readings[3].quantities[0].value == Decimal(140)
        assert told["asked"][-2:] == ["0101", f"010301{(control.record or 0) + 1:02x}00"]
        assert told["deleted"] == 0
        assert told["memory"] == 4


async def test_a_memory_that_counts_anew_is_fetched_whole(room: Ward) -> None:
    """Its owner emptied it: the new records have lower numbers than the last one we had."""
    async with room.gateway(room.config("glucose")):
        room.press("glucose", "sequence", next=500)
        room.press("glucose", "measure", mg_dl=101)
        await room.sink.until(lambda: len(room.sink.readings) == 1)
        await room.asleep("glucose")
        room.press("glucose", "forget")
        room.press("glucose", "sequence", next=1)
        room.press("glucose", "remember", mg_dl=150, age_s=600)
        room.press("glucose", "measure", mg_dl=160)
        await room.sink.until(lambda: len(room.sink.readings) == 3)
        assert [r.quantities[0].value for r in room.sink.readings[1:]] == [150, 160] \
            or [r.quantities[0].value for r in room.sink.readings[1:]] == [160, 150]


async def test_a_memory_that_comes_again_after_a_restart_has_the_same_keys(room: Ward) -> None:
    """The store tells every kind of record that it holds already, whichever gateway process received it first."""
    for n in range(3):
        room.press("glucose", "remember", mg_dl=100 + n, age_s=3600 * (n + 1))
    room.press("oximeter", "remember", spo2=93, pulse=88, age_s=3600)
    received: list[set[str]] = []
    for _ in range(2):
        since = len(room.sink.readings)
        async with room.gateway(room.config("glucose"), room.config("oximeter", 2)):
            room.press("glucose")
            room.press("oximeter", "finger", spo2=97, pulse=71)
            await room.sink.until(lambda start=since: sum(
                r.device_time != "" for r in room.sink.readings[start:]) == 4)
            await room.asleep("glucose")
        received.append({measurement_key(r) for r in room.sink.readings[since:] if r.device_time})
    assert received[0] == received[1]
    assert len(received[0]) == 4


async def test_a_scale_gives_weight_and_body_in_two_packets_as_one(room: Ward) -> None:
    """Two indications of one body composition are one reading."""
    async with room.gateway(room.config("scale")):
        pressed = now()
        room.press("scale", "measure", seconds=0.5, two_packets=True, user=2)
        await room.sink.until(lambda: len(room.sink.readings) == 2)
        by_kind = {r.kind: r for r in room.sink.readings}
        assert set(by_kind) == {ReadingKind.weight, ReadingKind.body_composition}
        body = by_kind[ReadingKind.body_composition]
        assert len(body.raw) > 2 * 20
        assert body.user == 2
        assert all(dated(r, pressed) for r in room.sink.readings)


async def test_who_steps_off_too_soon_has_no_weight(room: Ward) -> None:
    """0xFFFF is no 327 kg."""
    async with room.gateway(room.config("scale")):
        room.press("scale", "factory")
        await room.sink.until(lambda: room.sink.readings)
        assert all(q.value is None for r in room.sink.readings for q in r.quantities)


async def test_a_belt_gives_a_rate_when_it_is_steady(room: Ward) -> None:
    """Once a second on the screen, one reading, none once it is taken off."""
    async with room.gateway(room.config("belt")) as gateway:
        room.press("belt", "wear", rate=64)
        await room.sink.until(lambda: room.sink.readings)
        assert number(room.sink.readings[0], HEART_RATE) == 64
        assert "no_contact" not in room.sink.readings[0].flags
        assert [q.mdc for q in gateway.instruments()[0].live] == [HEART_RATE]
        room.press("belt", "wear", on=False)
        await room.sink.until(lambda: gateway.instruments()[0].state is not InstrumentState.measuring)
        assert len(room.sink.readings) <= 2


async def test_several_instruments_at_once_do_not_disturb_each_other(room: Ward) -> None:
    """A cuff, a thermometer and an oximeter in the same seconds: each reading arrives once, from its own."""
    configs = [room.config(name, n + 1) for n, name in enumerate(("cuff", "thermometer", "oximeter"))]
    async with room.gateway(*configs):
        room.press("cuff", "measure", seconds=1)
        room.press("thermometer", "measure", seconds=1)
        room.press("oximeter", "finger", spo2=98, pulse=66)
        kinds = (ReadingKind.blood_pressure, ReadingKind.temperature, ReadingKind.oximetry)
        await room.sink.until(lambda: {r.kind for r in room.sink.readings} >= set(kinds))
        for kind in kinds[:2]:
            assert sum(r.kind is kind for r in room.sink.readings) == 1
