"""The nurse's microphone and the grade of the call, through the consultation: what doctor and touchscreen are told."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from gateway.media.events import PeerState
from gateway.store import StoreError
from protocol.channels import CameraWanted, QualityTold, ReceptionTold, Situation
from protocol.kiosk import Uplink, UplinkState
from protocol.kiosk_commands import HangUp, MicrophoneFailed, MuteMicrophone, ShowCamera
from protocol.quality import PictureGrade, Reception, VoiceGrade
from protocol.signalling import CallLeft
from tests.unit.session_fakes import Bus, Page
from tests.unit.test_session_quality import FIGURES, PATH


@pytest.fixture
def bus(tmp_path: Path) -> Bus:
    return Bus(tmp_path)


async def test_muting_is_at_once_said_to_both_sides_and_ends_with_the_call(bus: Bus) -> None:
    """No voice leaves from the command's return on; the next call begins with an open microphone."""
    async with bus.running() as consultation:
        assert (await bus.do(MuteMicrophone(muted=True))).code == "call.none"
        page, _ = await bus.call()
        assert (await bus.do(MuteMicrophone(muted=True))).code is None
        assert bus.media.muted
        assert (consultation.view().muted, consultation.view().microphone_code) == (True, "microphone.muted")
        told = await page.inbox.next(Situation, lambda s: s.media.microphone_code is not None)
        assert (told.media.microphone, told.media.microphone_code) == (False, "microphone.muted")
        assert (await bus.do(MuteMicrophone(muted=False))).code is None
        assert not bus.media.muted
        await page.inbox.next(Situation, lambda s: s.media.microphone)
        await bus.do(MuteMicrophone(muted=True))
        await consultation.from_relay(CallLeft(call_id="call-1", finished=False))
        assert (bus.media.muted, consultation.view().muted) == (False, False)
        offer = await bus.assign(page.encounter_id, call_id="call-2")
        await bus.connect(page.encounter_id, offer, Page(page.encounter_id))
        assert (bus.media.muted, consultation.view().muted) == (False, False)


async def test_muted_stays_muted_over_a_new_generation_and_a_restart(bus: Bus) -> None:
    """The doctor's page is loaded again, then the gateway is killed: the nurse's button still holds."""
    async with bus.running() as consultation:
        page, _ = await bus.call()
        await bus.do(MuteMicrophone(muted=True))
        offer = await bus.assign(page.encounter_id, generation=2)
        await bus.connect(page.encounter_id, offer, page)
        assert (bus.media.muted, consultation.view().muted) == (True, True)
    bus.media.muted = False
    async with bus.running() as consultation:
        await consultation.restored()
        assert (bus.media.muted, consultation.view().muted) == (True, True)
        await bus.do(HangUp())
        assert not bus.media.muted


async def test_a_disk_that_refuses_does_not_open_the_microphone(bus: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is muted although it cannot be remembered, and stays so when the record is next touched."""
    async with bus.running() as consultation:
        await bus.call()

        async def full(record: object) -> None:
            raise StoreError("store.full")

        with monkeypatch.context() as patched:
            patched.setattr(bus.store.encounters, "save", full)
            assert (await bus.do(MuteMicrophone(muted=True))).code is None
            assert bus.media.muted
        consultation.changed()
        assert (bus.media.muted, consultation.view().muted) == (True, True)


async def test_a_dead_microphone_is_said_until_it_sounds(bus: Bus) -> None:
    """Silent and missing are told to both; what the page says of a missing one is more; none of it before a call."""
    async with bus.running() as consultation:
        encounter_id = await bus.open()
        bus.media.microphone_code = "microphone.silent"
        consultation.media_changed()
        assert consultation.view().microphone_code is None
        page, _ = await bus.call(encounter_id)
        assert consultation.view().microphone_code == "microphone.silent"
        bus.media.microphone_code = "microphone.missing"
        consultation.media_changed()
        await page.inbox.next(Situation, lambda s: s.media.microphone_code == "microphone.missing")
        await bus.do(MicrophoneFailed(code="microphone.busy"))
        assert consultation.view().microphone_code == "microphone.busy"
        bus.media.microphone_code = None
        consultation.media_changed()
        await page.inbox.next(Situation, lambda s: s.media.microphone)
        bus.media.microphone_code = "microphone.missing"
        assert consultation.view().microphone_code == "microphone.missing"


async def test_once_a_second_both_sides_read_how_the_call_goes(bus: Bus) -> None:
    """What the doctor's page says of its second comes back; a fall is told at once, the call's end ends it."""
    bus.media.figures = FIGURES
    bus.media.uplinks = (Uplink(name="wwan0", state=UplinkState.silent), Uplink(
        name="wwan1", state=UplinkState.answering, in_use=True, relayed=True))
    async with bus.running() as consultation:
        page, _ = await bus.call()
        page.say(ReceptionTold(reception=Reception(frames_per_second=24.0, freezes=2)))
        told = (await page.inbox.next(QualityTold, lambda t: t.quality.seen is not None)).quality
        assert (told.voice, told.picture, told.code) == (VoiceGrade.good, PictureGrade.good, None)
        assert (told.interface, told.relayed, told.freezes) == ("wwan1", True, 2)
        view = await bus.when(lambda v: v.encounter is not None and v.encounter.quality == told)
        assert view.encounter is not None
        bus.later(1.0)
        bus.media.figures = replace(FIGURES, path=replace(PATH, paused=True))
        bus.media.picture_code = "picture.paused_thin"
        told = (await page.inbox.next(QualityTold, lambda t: t.quality.picture is PictureGrade.paused)).quality
        assert told.code == "quality.thin"
        await page.inbox.next(Situation, lambda s: s.media.camera_code == "picture.paused_thin")
        assert consultation.totals.freezes == 2
        await bus.do(HangUp())
        await bus.when(lambda v: v.encounter is not None and v.encounter.quality is None)
        assert consultation.quality is None
        summary = consultation.summary
        assert summary is not None
        assert (summary.running, summary.freezes, summary.code) == (False, 2, "quality.thin")
        # Prometheus' counters only rise.
        assert (consultation.totals.freezes, consultation.totals.keyframes) == (2, 1)


async def test_the_next_call_does_not_begin_with_the_grade_of_the_last(bus: Bus) -> None:
    """Put back and taken by another doctor within a look: until that call is graded there is no grade."""
    bus.media.figures = FIGURES
    async with bus.running() as consultation:
        page, _ = await bus.call()
        await bus.when(lambda v: v.encounter is not None and v.encounter.quality is not None)
        await consultation.from_relay(CallLeft(call_id="call-1", finished=False))
        await bus.assign(page.encounter_id, call_id="call-2")
        view = consultation.view()
        assert view.encounter is not None
        assert view.encounter.quality is None


async def test_a_grade_is_dropped_where_something_waits(bus: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second later it is old: it never stands in a queue, nor before a reading."""
    bus.media.figures = FIGURES
    async with bus.running() as consultation:
        page, _ = await bus.call()
        await page.inbox.next(QualityTold)
        peer = bus.media.peers[-1]
        monkeypatch.setattr(peer, "buffered", lambda channel: 1)
        page.inbox.items.clear()
        for _ in range(4):
            consultation._quality.look()
        assert not page.inbox.all(QualityTold)
        monkeypatch.undo()
        await page.inbox.next(QualityTold)


async def test_an_interrupted_call_is_an_outage_until_the_connection_is_back(bus: Bus) -> None:
    """The touchscreen reads it although nobody can be told at the other end."""
    bus.media.figures = FIGURES
    async with bus.running():
        await bus.call()
        await bus.when(lambda v: v.encounter is not None and v.encounter.quality is not None)
        bus.media.peers[-1].events.peer_state(PeerState.interrupted)
        view = await bus.when(lambda v: v.encounter is not None and v.encounter.quality is not None
                              and v.encounter.quality.code == "quality.outage")
        assert view.encounter is not None
        assert view.encounter.quality is not None
        assert view.encounter.quality.outages == 1


async def test_the_room_stands_beside_the_examination_camera_when_asked(bus: Bus) -> None:
    """Either side switches it while the camera is shown; the room camera, and the end of the call, take it away."""
    async with bus.running() as consultation:
        page, _ = await bus.call()
        page.say(CameraWanted(instrument_id="skin", beside=True))
        told = await page.inbox.next(Situation, lambda s: s.media.beside)
        assert told.media.shown == "skin"
        assert consultation.view().beside
        await bus.do(ShowCamera(instrument_id="skin", beside=False))
        told = await page.inbox.next(Situation, lambda s: not s.media.beside and s.media.shown == "skin")
        assert (bus.media.shown, bus.media.beside) == ("skin", False)
        await bus.do(ShowCamera(instrument_id="skin", beside=True))
        await bus.do(ShowCamera(instrument_id=None))
        assert (consultation.view().shown, consultation.view().beside) == (None, False)
        await bus.do(ShowCamera(instrument_id="skin", beside=True))
        await bus.do(HangUp())
        assert (bus.media.shown, bus.media.beside) == (None, False)
