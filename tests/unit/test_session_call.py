"""The call: offers, verified answers (I5), rejoin, and the channels to the doctor's page among fakes."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path

import msgspec
import pytest

from gateway.media.events import PeerState
from protocol.channels import (
    CONTROL,
    ChunksWanted,
    EventAcknowledged,
    InstrumentRequested,
    InstrumentRequestWithdrawn,
    Part,
    Resume,
    Situation,
    StillWanted,
)
from protocol.kiosk import Stage
from protocol.kiosk_commands import (
    CaptureStill,
    CloseEncounter,
    EnterWaiting,
    HangUp,
    KeepStill,
    Orientation,
    StartWaveform,
)
from protocol.limits import BULK_PART_BYTES
from protocol.readings import Chunk, ReadingTaken
from protocol.signalling import (
    CallAssigned,
    CallCandidate,
    CallLeft,
    CallRefused,
    CallRejoin,
    EncounterPhase,
    EncounterState,
    PeerAway,
)
from tests.unit.session_fakes import DOCTOR, WAIT, Bus, Page, fingerprint, sdp
from tests.unit.store_makers import chunk, reading


@pytest.fixture
def bus(tmp_path: Path) -> Bus:
    return Bus(tmp_path)


async def test_a_call_from_the_queue_to_the_picture(bus: Bus) -> None:
    """Assigned, offered with a binding, answered, connected: the kiosk shows the doctor and since when."""
    async with bus.running() as consultation:
        encounter_id = await bus.open()
        await bus.do(EnterWaiting())
        offer = await bus.assign(encounter_id)
        view = consultation.view()
        assert view.encounter is not None
        assert (view.encounter.stage, view.encounter.call_code) == (Stage.in_call, "call.connecting")
        assert offer.binding.fingerprint == bus.media.peers[0].fingerprint
        await bus.connect(encounter_id, offer, Page(encounter_id))
        view = consultation.view()
        assert view.encounter is not None
        assert (view.encounter.doctor, view.encounter.call_since) == ("Dr A", bus.time)


@pytest.mark.parametrize("swap", ["description", "statement", "certificate", "second"])
async def test_a_relay_that_swaps_the_fingerprint_gets_a_refused_call_and_no_media(bus: Bus, swap: str) -> None:
    """The relay puts its own key between the two ends: no answer is set, no byte is sent, the refusal is told."""
    async with bus.running() as consultation:
        encounter_id = await bus.open()
        await bus.do(EnterWaiting())
        offer = await bus.assign(encounter_id)
        answer = bus.identity.answer(offer, fingerprint())
        relays = fingerprint()
        match swap:
            case "description":
                answer = msgspec.structs.replace(answer, sdp=sdp(relays))
            case "second":
                answer = msgspec.structs.replace(answer, sdp=answer.sdp + sdp(relays))
            case "statement":
                answer = msgspec.structs.replace(answer, sdp=sdp(relays), binding=msgspec.structs.replace(
                    answer.binding, fingerprint=relays))
            case "certificate":
                answer = msgspec.structs.replace(answer, sdp=sdp(relays), binding=msgspec.structs.replace(
                    answer.binding, fingerprint=relays, certificate="certificate of the relay"))
        await consultation.from_relay(answer)
        refused = await bus.relay.sent.next(CallRefused)
        assert refused.code == {"description": "fingerprint.mismatch", "second": "fingerprint.mismatch",
                                "statement": "binding.signature", "certificate": "binding.certificate"}[swap]
        view = await bus.when(lambda view: view.encounter is not None and view.encounter.stage is Stage.interrupted)
        assert view.encounter is not None
        assert view.encounter.call_code == refused.code
        peer = bus.media.peers[0]
        assert peer.answered is None
        assert peer.closed
        bus.later(60)
        consultation.relay_up(resumed=True)
        # No second try by itself; the doctor's page may start a new generation, which is verified anew.
        page = Page(encounter_id)
        await bus.connect(encounter_id, await bus.assign(encounter_id, 2), page)
        assert bus.relay.sent.all(CallRejoin) == []


async def test_an_offer_was_swapped_the_page_says_so(bus: Bus) -> None:
    """The doctor's page refuses our binding: the peer closes and the kiosk shows why."""
    async with bus.running() as consultation:
        encounter_id = await bus.open()
        await bus.do(EnterWaiting())
        await bus.assign(encounter_id)
        await consultation.from_relay(CallRefused(call_id="call-1", generation=1, code="fingerprint.mismatch"))
        view = await bus.when(lambda view: view.encounter is not None and view.encounter.stage is Stage.interrupted)
        assert view.encounter is not None
        assert view.encounter.call_code == "fingerprint.mismatch"
        async with asyncio.timeout(WAIT):
            await bus.media.peers[0].was_closed.wait()


async def test_candidates_wait_for_the_answer_and_stale_ones_are_ignored(bus: Bus) -> None:
    """Early candidates reach the peer after the verification, in order; another generation's never."""
    async with bus.running() as consultation:
        encounter_id = await bus.open()
        await bus.do(EnterWaiting())
        offer = await bus.assign(encounter_id)
        for n in range(100):
            await consultation.from_relay(CallCandidate(call_id="call-1", generation=1, candidate=f"c{n}"))
        await consultation.from_relay(CallCandidate(call_id="call-1", generation=2, candidate="other"))
        assert bus.media.peers[0].candidates == []
        await bus.connect(encounter_id, offer, Page(encounter_id))
        await consultation.from_relay(CallCandidate(call_id="call-1", generation=1, candidate="late"))
        assert bus.media.peers[0].candidates == [f"c{n}" for n in range(64)] + ["late"]


async def test_an_answer_to_an_old_offer_is_ignored(bus: Bus) -> None:
    """The doctor's page reloaded meanwhile: the old generation's answer opens nothing."""
    async with bus.running() as consultation:
        encounter_id = await bus.open()
        await bus.do(EnterWaiting())
        old = await bus.assign(encounter_id)
        new = await bus.assign(encounter_id, 2)
        await consultation.from_relay(bus.identity.answer(old, fingerprint()))
        assert [peer.answered for peer in bus.media.peers] == [None, None]
        await bus.connect(encounter_id, new, Page(encounter_id))
        assert bus.relay.sent.all(CallRefused) == []


async def test_a_reload_of_the_doctors_page_brings_everything_again(bus: Bus) -> None:
    """A new generation and Resume(0): all events come again, in order, once."""
    async with bus.running() as consultation:
        page, offer = await bus.call()
        for n in range(1, 4):
            await consultation.reading(reading(n, taken=bus.later(60)))
        await bus.when(lambda view: view.encounter is not None and view.encounter.unacknowledged == 0)
        assert page.through == 3
        again = Page(page.encounter_id)
        await bus.connect(page.encounter_id, await bus.assign(page.encounter_id, 2), again)
        await again.inbox.until(lambda: again.through == 3)
        assert [type(event.body) for event in again.events] == [ReadingTaken] * 3
        assert again.doubled == 0
        # Said again by the relay after its own restart, the running generation is left alone.
        await consultation.from_relay(CallAssigned(call_id="call-1", generation=2, encounter_id=page.encounter_id,
                                                   doctor=DOCTOR))
        assert len(bus.media.peers) == 2
        assert offer.generation == 1


async def test_events_reach_the_page_at_once_and_wait_for_its_acknowledgement(bus: Bus) -> None:
    """A page that shows nothing leaves `unacknowledged` standing; one that does takes it down."""
    async with bus.running() as consultation:
        page, _ = await bus.call(acknowledges=False)
        await consultation.reading(reading(1, taken=bus.later(60)))
        await page.inbox.until(lambda: page.through == 1)
        view = consultation.view()
        assert view.encounter is not None
        assert view.encounter.unacknowledged == 1
        page.say(EventAcknowledged(encounter_id=page.encounter_id, seq=1))
        await bus.when(lambda view: view.encounter is not None and view.encounter.unacknowledged == 0)


async def test_a_lost_connection_is_said_and_asked_to_be_made_anew(bus: Bus) -> None:
    """interrupted on the kiosk at once; a rejoin when the peer is dead; not while the doctor's page is away."""
    async with bus.running() as consultation:
        page, _ = await bus.call()
        await consultation.from_relay(PeerAway(call_id="call-1", away=True))
        bus.media.peers[0].cut()
        view = await bus.when(lambda view: view.encounter is not None and view.encounter.stage is Stage.interrupted)
        assert view.encounter is not None
        assert view.encounter.call_code == "call.interrupted"
        await consultation.reading(reading(1, taken=bus.later(60)))
        assert bus.relay.sent.all(CallRejoin) == []
        await consultation.from_relay(PeerAway(call_id="call-1", away=False))
        rejoin = await bus.relay.sent.next(CallRejoin)
        assert (rejoin.generation, rejoin.cause) == (1, "call.peer_closed")
        await bus.connect(page.encounter_id, await bus.assign(page.encounter_id, 2), page)
        await page.inbox.until(lambda: page.through == 1)
        assert page.doubled == 0


async def test_silence_is_waited_out_before_a_rejoin(bus: Bus) -> None:
    """interrupted -> connected within the time goes on with the same peer; past it a rejoin is asked for."""
    async with bus.running():
        page, _ = await bus.call()
        events = bus.media.peers[0].events
        events.peer_state(PeerState.interrupted)
        await bus.when(lambda view: view.encounter is not None and view.encounter.stage is Stage.interrupted)
        bus.later(2)
        events.peer_state(PeerState.connected)
        await bus.when(lambda view: view.encounter is not None and view.encounter.stage is Stage.in_call)
        assert bus.relay.sent.all(CallRejoin) == []
        events.peer_state(PeerState.interrupted)
        bus.later(4)
        assert (await bus.relay.sent.next(CallRejoin)).cause == "call.silent"
        assert page.peer is bus.media.peers[0]


async def test_kill_9_in_a_call_rejoins_the_same_call(bus: Bus) -> None:
    """After the restart: same encounter, same call, `in_call` said to the relay, a rejoin, and nothing lost."""
    async with bus.running() as consultation:
        page, _ = await bus.call()
        await consultation.reading(reading(1, taken=bus.later(60)))
        await page.inbox.until(lambda: page.through == 1)
    bus.relay.online = False
    bus.relay.sent.items.clear()
    async with bus.running() as consultation:
        view = await bus.when(lambda view: view.encounter is not None and view.encounter.stage is Stage.interrupted)
        assert view.encounter is not None
        assert view.encounter.doctor == "Dr A"
        await consultation.reading(reading(2, taken=bus.later(60)))
        bus.relay.online = True
        consultation.relay_up(resumed=False)
        said = await bus.relay.sent.next(EncounterState)
        assert (said.phase, said.call_id) == (EncounterPhase.in_call, "call-1")
        assert (await bus.relay.sent.next(CallRejoin)).generation == 1
        # The relay may also repeat the old assignment: it is no new generation.
        await consultation.from_relay(CallAssigned(call_id="call-1", generation=1, encounter_id=page.encounter_id,
                                                   doctor=DOCTOR))
        assert len(bus.media.peers) == 1
        await bus.connect(page.encounter_id, await bus.assign(page.encounter_id, 2), page)
        await page.inbox.until(lambda: page.through == 2)
        assert page.doubled == 0


async def test_the_doctor_leaves_for_now_or_for_good(bus: Bus) -> None:
    """Not finished: back to the queue with the first place in time; finished: the papers' stage."""
    async with bus.running() as consultation:
        page, _ = await bus.call()
        waiting_since = (await bus.relay.sent.next(EncounterState)).waiting_since
        await consultation.from_relay(CallLeft(call_id="call-1", finished=False))
        said = await bus.relay.sent.next(EncounterState)
        assert (said.phase, said.waiting_since) == (EncounterPhase.waiting, waiting_since)
        view = consultation.view()
        assert view.encounter is not None
        assert (view.encounter.stage, view.encounter.call_code) == (Stage.waiting, "call.doctor_left")
        offer = await bus.assign(page.encounter_id, call_id="call-2")
        await bus.connect(page.encounter_id, offer, Page(page.encounter_id))
        await consultation.from_relay(CallLeft(call_id="call-1", finished=True))
        await consultation.from_relay(CallLeft(call_id="call-2", finished=True))
        view = consultation.view()
        assert view.encounter is not None
        assert view.encounter.stage is Stage.after


async def test_the_nurse_hangs_up(bus: Bus) -> None:
    """The doctor is told, the connection closes, and the file can be closed only then."""
    async with bus.running() as consultation:
        await bus.call()
        close = CloseEncounter(orientation=Orientation.none)
        assert (await bus.do(close)).code == "encounter.step"
        assert (await bus.do(HangUp())).code is None
        assert (await bus.relay.sent.next(CallLeft)).finished
        assert (await bus.relay.sent.next(EncounterState, lambda s: s.phase is EncounterPhase.after)).call_id is None
        assert consultation.view().encounter is not None
        assert (await bus.do(close)).code is None
        async with asyncio.timeout(WAIT):
            await bus.media.peers[0].was_closed.wait()


async def test_an_assignment_of_another_encounter_ends_that_call(bus: Bus) -> None:
    """A doctor who took a file that is closed here is let go."""
    async with bus.running() as consultation:
        await bus.open()
        await consultation.from_relay(CallAssigned(call_id="call-9", generation=1, encounter_id="other",
                                                   doctor=DOCTOR))
        assert (await bus.relay.sent.next(CallLeft)).call_id == "call-9"
        assert bus.media.peers == []


async def test_a_request_pulses_until_the_instrument_answers(bus: Bus) -> None:
    """Idempotent by its identifier, withdrawn or answered; unknown instruments are refused in words."""
    async with bus.running() as consultation:
        page, _ = await bus.call()

        def asked() -> dict[str, str | None]:
            return {i.instrument_id: i.request.words if i.request else None for i in consultation.instruments()}
        for _ in range(2):
            page.say(InstrumentRequested(request_id="q1", instrument_id="cuff", words="Tension, svp"))
        page.say(InstrumentRequested(request_id="q2", instrument_id="heart"))
        await bus.when(lambda _: asked() == {"cuff": "Tension, svp", "heart": "", "skin": None, "steth": None})
        # One for the patient who sat down, one for each thing asked for: a silent radio is looked into.
        assert bus.instruments.expected == 3
        situation = await page.inbox.next(Situation, lambda s: any(i.request for i in s.instruments))
        assert situation.instruments[0].request is not None
        page.say(InstrumentRequested(request_id="q3", instrument_id="scales"))
        assert await bus.problem(page) == "instrument.unknown"
        page.say(InstrumentRequestWithdrawn(request_id="q2"))
        await bus.when(lambda _: asked()["heart"] is None)
        await consultation.reading(reading(1, taken=bus.later(60)))
        assert asked() == {"cuff": None, "heart": None, "skin": None, "steth": None}


async def test_gaps_of_a_trace_are_filled_from_the_store(bus: Bus) -> None:
    """Chunks asked for again come on `bulk`, marked; another encounter's stream does not."""
    async with bus.running() as consultation:
        page, _ = await bus.call()
        await bus.do(StartWaveform(instrument_id="heart"))
        stream = bus.instruments.streams["heart"]
        for number in range(40):
            await consultation.chunk(chunk(stream, number))
        page.say(ChunksWanted(stream_id=stream, from_number=3, to_number=38))
        got = [await page.inbox.next(Chunk) for _ in range(35)]
        assert [c.number for c in got] == list(range(3, 38))
        assert all(c.again for c in got)
        assert got[0].samples == chunk(stream, 3).samples
        live = [item[1] for item in page.inbox.items if isinstance(item, tuple)]
        assert [c.number for c in live] == list(range(40))
        page.say(ChunksWanted(stream_id=stream, from_number=5, to_number=5))
        assert await bus.problem(page) == "chunks.range"


async def test_a_still_comes_in_parts_and_goes_on_where_it_stopped(bus: Bus) -> None:
    """The parts make the very bytes of the hash, from any offset; unknown stills and offsets are refused."""
    bus.instruments.picture = b"picture 7 " + bytes(range(256)) * 400
    async with bus.running():
        page, _ = await bus.call()
        await bus.do(CaptureStill(instrument_id="skin"))
        page.say(StillWanted(still_id="still-7", offset=0))
        assert await bus.problem(page) == "still.unknown"
        await bus.do(KeepStill(still_id="still-7"))
        await page.inbox.until(lambda: page.through == 1)
        page.say(StillWanted(still_id="still-7", offset=0))
        size = len(bus.instruments.picture)
        got = bytearray()
        while len(got) < size:
            part = await page.inbox.next(Part)
            assert (part.offset, part.size) == (len(got), size)
            assert len(part.payload) <= BULK_PART_BYTES
            got += part.payload
        assert hashlib.sha256(got).digest() == hashlib.sha256(bus.instruments.picture).digest()
        page.say(StillWanted(still_id="still-7", offset=size - 10))
        assert (await page.inbox.next(Part)).payload == bus.instruments.picture[-10:]
        for still_id, offset, code in (("still-7", size, "still.offset"), ("none", 0, "still.unknown")):
            page.say(StillWanted(still_id=still_id, offset=offset))
            assert await bus.problem(page) == code


@pytest.mark.parametrize("data", ["", "{", "[]", '{"type":"resume"}', '{"type":"event","event":{}}', "x" * 70_000,
                                  '{"type":"ack","encounter_id":"e","seq":-1}', b"\x00\x01", "[" * 20_000,
                                  '{"type":"beat","sent":1,"more":2}'])
async def test_a_malformed_message_is_refused_and_the_call_goes_on(bus: Bus, data: str | bytes) -> None:
    """One coded problem back; the next good message is served."""
    async with bus.running() as consultation:
        page, _ = await bus.call()
        bus.media.peers[0].events.channel_message(CONTROL, data)
        assert await bus.problem(page) == "channel.message"
        await consultation.reading(reading(1, taken=bus.later(60)))
        await page.inbox.until(lambda: page.through == 1)


async def test_a_page_cannot_acknowledge_or_resume_what_is_not_there(bus: Bus) -> None:
    """Beyond the last event or for another encounter: coded problems, and everything is said again."""
    async with bus.running() as consultation:
        page, _ = await bus.call()
        await consultation.reading(reading(1, taken=bus.later(60)))
        await page.inbox.until(lambda: page.through == 1)
        for message, code in ((EventAcknowledged(encounter_id=page.encounter_id, seq=9), "ack.beyond"),
                              (EventAcknowledged(encounter_id="other", seq=1), "ack.encounter"),
                              (Resume(encounter_id="other", events_through=0), "resume.encounter"),
                              (Resume(encounter_id=page.encounter_id, events_through=9), "resume.beyond")):
            page.say(message)
            assert await bus.problem(page) == code
        await page.inbox.until(lambda: page.doubled == 1)


