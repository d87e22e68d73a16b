"""Whose eye and ear the doctor has: switched by either side, closed with the call."""

from __future__ import annotations

from pathlib import Path

import pytest

from protocol.channels import CameraWanted, InstrumentRequested, InstrumentState, ListenWanted, Situation
from protocol.kiosk_commands import HangUp, Listen, ShowCamera
from tests.unit.session_fakes import Bus


@pytest.fixture
def bus(tmp_path: Path) -> Bus:
    return Bus(tmp_path)


async def test_doctor_and_nurse_switch_the_picture_and_the_sound(bus: Bus) -> None:
    """The situation says what is shown and heard; the last one to ask has it."""
    async with bus.running() as consultation:
        page, _ = await bus.call()
        page.say(InstrumentRequested(request_id="q", instrument_id="skin"))
        page.say(CameraWanted(instrument_id="skin"))
        # What was asked for is there: the kiosk stops asking for it.
        await page.inbox.next(Situation, lambda s: s.media.shown == "skin"
                              and all(i.request is None for i in s.instruments))
        page.say(ListenWanted(instrument_id="steth"))
        await page.inbox.next(Situation, lambda s: s.media.stethoscope == "steth")
        assert consultation.view().shown == "skin"
        assert consultation.view().listening == "steth"
        assert (await bus.do(ShowCamera(instrument_id=None))).code is None
        await page.inbox.next(Situation, lambda s: s.media.shown is None)


@pytest.mark.parametrize(("instrument_id", "code"), [("cuff", "instrument.unknown"), ("none", "instrument.unknown"),
                                                     ("skin", "instrument.absent")])
async def test_what_cannot_be_shown_is_refused_and_nothing_changes(bus: Bus, instrument_id: str, code: str) -> None:
    """A cuff is no camera, and a camera that is away says so to whoever asked."""
    bus.instruments.states["skin"] = InstrumentState.absent
    async with bus.running():
        page, _ = await bus.call()
        page.say(CameraWanted(instrument_id=instrument_id))
        assert await bus.problem(page) == code
        assert (await bus.do(ShowCamera(instrument_id=instrument_id))).code == code
        assert bus.media.shown is None


async def test_nothing_stays_open_after_the_call(bus: Bus) -> None:
    """An open stethoscope is an open microphone: it closes with the call, and does not open without one."""
    async with bus.running():
        assert (await bus.do(Listen(instrument_id="steth"))).code == "call.none"
        await bus.call()
        await bus.do(ShowCamera(instrument_id="skin"))
        await bus.do(Listen(instrument_id="steth"))
        assert (bus.media.shown, bus.media.listening) == ("skin", "steth")
        assert (await bus.do(HangUp())).code is None
        assert (bus.media.shown, bus.media.listening) == (None, None)
        assert (await bus.do(ShowCamera(instrument_id="skin"))).code == "call.none"


async def test_what_one_doctor_opened_is_not_open_to_the_next(bus: Bus) -> None:
    """The relay may give a running call to another doctor, who did not ask to look or to listen."""
    async with bus.running():
        page, _ = await bus.call()
        await bus.do(ShowCamera(instrument_id="skin"))
        await bus.do(Listen(instrument_id="steth"))
        await bus.assign(page.encounter_id, generation=2)
        assert (bus.media.shown, bus.media.listening) == ("skin", "steth")
        await bus.assign(page.encounter_id, generation=1, call_id="call-2")
        assert (bus.media.shown, bus.media.listening) == (None, None)
