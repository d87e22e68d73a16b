"""Cuffs with manners of their own: a Beurer that sends its whole memory each time, an Omron and its time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from blockbuster import BlockBuster

from gateway.peripherals.supervisor import Supervisor
from gateway.store.records import measurement_key
from protocol.readings import Reading
from tests.integration.ble_rig import Ward, ward
from tests.integration.peripherals_rig import WAIT_S, dated, now

MINUTE = timedelta(minutes=1)
"""A Beurer's stamps have no seconds."""


@pytest.fixture(autouse=True)
def no_blocking() -> Iterator[None]:
    """The suite fails when our code blocks the loop."""
    guard = BlockBuster("gateway")
    guard.activate()
    yield
    guard.deactivate()


@pytest.fixture
async def room() -> AsyncIterator[Ward]:
    async with ward("beurer", "omron") as made:
        yield made


@asynccontextmanager
async def beurer(room: Ward) -> AsyncIterator[Supervisor]:
    """A gateway with the Beurer on board, and a nurse who types the digits it shows."""
    async with room.gateway(room.config("beurer")) as gateway, asyncio.TaskGroup() as tasks:
        async def nurse() -> None:
            while True:
                digits = room.things["beurer"].bonds.passkey
                if gateway.pairing.passkey is not None and digits is not None:
                    gateway.pairing.enter_passkey(digits)
                    await room.sink.until(lambda: gateway.pairing.passkey is None)
                await asyncio.sleep(0.01)

        typing = tasks.create_task(nurse())
        try:
            yield gateway
        finally:
            typing.cancel()


async def test_a_memory_that_is_sent_each_time_is_stored_once(room: Ward) -> None:
    """Three records in four visits of two gateways: three in the file, whatever the clock said."""
    for n in range(3):
        room.press("beurer", "remember", systolic=120 + n, age_s=3600 * (3 - n))
    keys: list[set[str]] = []
    for _ in range(2):
        since = len(room.sink.readings)
        async with beurer(room):
            for _ in range(2):
                room.press("beurer")
                await room.sink.until(lambda start=since: len(room.sink.readings) == start + 3)
                await room.asleep("beurer")
        assert len(room.sink.readings) == since + 3
        keys.append({measurement_key(reading) for reading in room.sink.readings[since:]})
    assert keys[0] == keys[1]
    assert all("from_memory" in reading.flags for reading in room.sink.readings)
    assert all("implausible" not in reading.flags for reading in room.sink.readings)


async def test_records_without_a_time_are_told_apart_by_their_place(room: Ward) -> None:
    """Two equal records of a clock that was never set are two, and the same two tomorrow; their time is unknown."""
    room.press("beurer", "clock", unset=True)
    for _ in range(2):
        room.press("beurer", "remember", systolic=133, diastolic=88, mean=100, pulse=70)
    keys: list[set[str]] = []
    for _ in range(2):
        since = len(room.sink.readings)
        async with beurer(room):
            room.press("beurer")
            await room.sink.until(lambda start=since: len(room.sink.readings) == start + 2)
            await room.asleep("beurer")
        keys.append({measurement_key(reading) for reading in room.sink.readings[since:]})
    assert keys[0] == keys[1]
    assert len(keys[0]) == 2
    assert all((r.taken_at, "time_unknown" in r.flags) == (None, True) for r in room.sink.readings)


async def test_a_whole_memory_under_a_wrong_clock_is_dated_by_it(room: Ward) -> None:
    """Three days ahead, then corrected: what it sent under the old clock keeps its age and does not come again."""
    room.press("beurer", "clock", offset_s=3 * 86400)
    pressed = now()
    room.press("beurer", "remember", systolic=150, age_s=7200)
    async with beurer(room):
        room.press("beurer")
        await room.sink.until(lambda: room.sink.readings)
        assert (await room.asleep("beurer"))["times_written"] == 1
        old = room.sink.readings[0]
        assert dated(old, pressed - MINUTE, 7200)
        pressed = now()
        room.press("beurer", "measure", seconds=0.5)
        await room.sink.until(lambda: len(room.sink.readings) == 2)
        await room.asleep("beurer")
        assert len(room.sink.readings) == 2
        assert dated(room.sink.readings[1], pressed - MINUTE)


@pytest.mark.parametrize(("wrong_by", "written"), [(300, 0), (1200, 1), (-1200, 1)])
async def test_an_omron_is_set_only_when_it_told_a_time_far_off(room: Ward, wrong_by: int, written: int) -> None:
    """Ten minutes: less is left alone; its records keep their age either way."""
    room.press("omron", "pairing")
    async with room.gateway(room.config("omron")):
        async with asyncio.timeout(WAIT_S):
            while not room.things["omron"].bonds.bonded:  # noqa: ASYNC110 - the simulator tells nobody
                await asyncio.sleep(0.01)
        await room.asleep("omron")
        room.press("omron", "clock", offset_s=wrong_by)
        before = room.things["omron"].times_written
        pressed = now()
        room.press("omron", "remember", systolic=144, age_s=900, press=True)
        await room.sink.until(lambda: room.sink.readings)
        told = await room.asleep("omron")
    assert told["times_written"] - before == written
    assert dated(room.sink.readings[0], pressed, 900)


async def test_a_time_that_is_ignored_is_no_failure(room: Ward) -> None:
    """It answers 0x80, data field ignored, and its record comes all the same."""
    room.press("omron", "time_refused")
    room.press("omron", "clock", offset_s=1200)
    room.press("omron", "pairing")
    async with room.gateway(room.config("omron")):
        async with asyncio.timeout(WAIT_S):
            while not room.things["omron"].bonds.bonded:  # noqa: ASYNC110 - the simulator tells nobody
                await asyncio.sleep(0.01)
        await room.asleep("omron")
        room.press("omron", "remember", systolic=144, age_s=900, press=True)
        await room.sink.until(lambda: room.sink.readings)
        assert room.sink.readings[0].quantities[0].value == 144


async def test_a_hang_up_in_the_middle_of_a_memory_loses_nothing(room: Ward) -> None:
    """The second record goes out and is never confirmed: it is fetched in the next visit, once."""
    for n in range(4):
        room.press("beurer", "remember", systolic=120 + n, age_s=600 * (4 - n))
    async with beurer(room):
        room.press("beurer", "hang_up", after=2)
        room.press("beurer")
        await room.sink.until(lambda: len(room.sink.readings) == 4)
        await room.asleep("beurer")
    assert sorted(int(r.quantities[0].value or 0) for r in room.sink.readings) == [120, 121, 122, 123]


async def test_what_was_confirmed_is_stored_before_we_end(room: Ward) -> None:
    """The gateway is stopped while a slow disk holds the first of three records, which the cuff forgets as it sends
    them: nothing is missing afterwards."""
    for n in range(3):
        room.press("cuff", "remember", systolic=120 + n, age_s=600 * (3 - n))
    entered = asyncio.Event()
    store = room.sink.reading

    async def slow(reading: Reading) -> None:
        if not entered.is_set():
            entered.set()
            await asyncio.Event().wait()
        await store(reading)

    room.sink.reading = slow  # type: ignore[method-assign]
    async with room.gateway(room.config("cuff")):
        room.press("cuff")
        async with asyncio.timeout(WAIT_S):
            await entered.wait()
            while room.things["cuff"].shown()["memory"]:  # noqa: ASYNC110 - the simulator tells nobody
                await asyncio.sleep(0.01)
    assert [int(r.quantities[0].value or 0) for r in room.sink.readings] == [120, 121, 122]
