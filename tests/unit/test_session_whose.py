"""Whose a reading is when clocks jump and instruments stay on: I2 beyond the guard's table."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from gateway.session import guard
from protocol.channels import InstrumentRequested, InstrumentState
from protocol.kiosk_commands import CloseEncounter, Orientation
from tests.unit.session_fakes import Bus
from tests.unit.store_makers import reading

HOUR = timedelta(hours=1)


def reasons(bus: Bus) -> list[str]:
    return [item.reason for item in bus.consultation.view().tray]


async def take(bus: Bus, n: int, ago: float = 0.0) -> None:
    taken = bus.time - timedelta(seconds=ago)
    await bus.consultation.reading(msgspec.structs.replace(reading(n, taken=taken, systolic=str(100 + n)),
                                                           received_at=bus.time))


@pytest.mark.parametrize("restarted", [False, True])
async def test_a_clock_that_jumps_forward_does_not_make_an_old_record_one_of_now(tmp_path: Path,
                                                                                 restarted: bool) -> None:
    """A bus that meets a network after an hour of wrong time: what was taken before the opening stays before it."""
    bus = Bus(tmp_path)
    async with bus.running():
        await bus.open()
        bus.later(60)
        if not restarted:
            bus.time += HOUR
            bus.later(60)
            await take(bus, 1, ago=600)
            await take(bus, 2, ago=30)
            assert reasons(bus) == [guard.OLDER]
    if restarted:
        async with bus.running() as consultation:
            await consultation.restored()
            bus.time += HOUR
            bus.later(60)
            await take(bus, 1, ago=600)
            await take(bus, 2, ago=30)
            assert reasons(bus) == [guard.OLDER]


async def test_a_clock_that_jumps_back_does_not_send_everything_to_the_tray(tmp_path: Path) -> None:
    """What is measured after the correction is of the patient who still sits there."""
    bus = Bus(tmp_path)
    async with bus.running():
        await bus.open()
        bus.later(60)
        bus.time -= HOUR
        bus.later(60)
        await take(bus, 1)
        assert reasons(bus) == []


async def test_a_jump_between_two_patients_does_not_widen_the_minute(tmp_path: Path) -> None:
    """The cuff that began on the patient before is still within the minute, whatever the clock says."""
    bus = Bus(tmp_path)
    async with bus.running():
        await bus.open()
        bus.later(300)
        await bus.do(CloseEncounter(orientation=Orientation.none))
        bus.later(5)
        bus.time += HOUR
        await bus.open()
        bus.later(20)
        await take(bus, 1)
        assert reasons(bus) == [guard.BETWEEN]


async def test_a_clip_that_stays_on_the_finger_of_the_patient_before_gives_nothing_to_the_next(tmp_path: Path) -> None:
    """One long measurement, many results: its begin was seen on somebody else, for all of them."""
    bus = Bus(tmp_path)
    async with bus.running():
        await bus.open()
        bus.instruments.become("cuff", InstrumentState.measuring)
        bus.later(60)
        await take(bus, 1)
        await bus.do(CloseEncounter(orientation=Orientation.none))
        await bus.open()
        for n in (2, 3, 4):
            bus.later(40)
            await take(bus, n)
        assert reasons(bus) == [guard.BETWEEN] * 3
        bus.instruments.become("cuff", InstrumentState.done)
        bus.instruments.become("cuff", InstrumentState.measuring)
        bus.later(5)
        await take(bus, 5)
        assert len(reasons(bus)) == 3


async def test_what_a_cuff_sends_again_does_not_answer_a_request(tmp_path: Path) -> None:
    """The doctor asked for another one; the one before comes again when the cuff wakes."""
    bus = Bus(tmp_path)
    async with bus.running() as consultation:
        page, _ = await bus.call()
        bus.later(120)
        await take(bus, 1)
        page.say(InstrumentRequested(request_id="again", instrument_id="cuff"))
        await bus.when(lambda view: view.instruments[0].request is not None)
        bus.later(30)
        await take(bus, 2, ago=60)
        assert consultation.view().instruments[0].request is not None
        await take(bus, 3)
        assert consultation.view().instruments[0].request is None
