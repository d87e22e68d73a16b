"""Guests in the vehicle: nobody enters without the doctor's word, nothing flows before the seals hold."""

from __future__ import annotations

import asyncio
import base64
from pathlib import Path
from typing import Any

import pytest

from gateway.media.events import PeerState
from gateway.session.guests import GUESTS_AT_ONCE
from gateway.session.guests import log as guests_log
from protocol.binding import Side
from protocol.channels import ChannelProblem, GuestInvited, GuestRemoved, Situation
from protocol.guest_signalling import (
    GuestAnswer,
    GuestAway,
    GuestCandidate,
    GuestEntered,
    GuestLeft,
    GuestOffer,
    GuestRefused,
    GuestRejoin,
)
from protocol.guests import GuestBinding, GuestCard, GuestRole, GuestState, seal
from protocol.kiosk_commands import HangUp, RemoveGuest
from protocol.signalling import CallLeft
from tests.unit.session_fakes import WAIT, Bus, FakePeer, Page, fingerprint, sdp
from tests.unit.store_makers import START
from tests.unit.test_session_quality import FIGURES

KEY = bytes(range(32))
CARD = GuestCard(guest_id="g1", role=GuestRole.interpreter, name="M. Ba")
LATER = START.replace(year=START.year + 1)


def invited(card: GuestCard = CARD, key: bytes = KEY, **changes: Any) -> GuestInvited:
    return GuestInvited(guest=card, key=base64.urlsafe_b64encode(key).decode().rstrip("="),
                        expires_at=changes.get("expires_at", LATER))


def entered(generation: int = 1, card: GuestCard = CARD, call_id: str = "call-1") -> GuestEntered:
    return GuestEntered(call_id=call_id, guest=card, generation=generation)


def answer(offer: GuestOffer, own: str, key: bytes = KEY, **changes: Any) -> GuestAnswer:
    said: dict[str, Any] = {"host": Side.vehicle, "by_guest": True, "call_id": offer.call_id,
                            "guest_id": offer.guest_id, "generation": offer.generation, "fingerprint": own,
                            "peer_fingerprint": offer.binding.fingerprint, **changes}
    return GuestAnswer(call_id=offer.call_id, guest_id=offer.guest_id, generation=offer.generation, sdp=sdp(own),
                       binding=GuestBinding(**said, mac=seal(key, **said)))


@pytest.fixture
def bus(tmp_path: Path) -> Bus:
    return Bus(tmp_path)


async def states(bus: Bus) -> dict[str, GuestState]:
    encounter = bus.consultation.view().encounter
    return {} if encounter is None else {view.guest.guest_id: view.state for view in encounter.guests}


async def until(bus: Bus, state: GuestState, guest_id: str = "g1") -> None:
    def fits(view: Any) -> bool:
        return view.encounter is not None and (guest_id, state) in [
            (g.guest.guest_id, g.state) for g in view.encounter.guests]
    await bus.when(fits)


async def told(page: Page, state: GuestState) -> None:
    """The doctor's page reads it in a situation."""
    await page.inbox.next(Situation, lambda s: [g.state for g in s.guests] == [state])


async def present(bus: Bus, page: Page, generation: int = 1) -> FakePeer:
    """The guest is invited, enters, answers, connects."""
    page.say(invited())
    await bus.consultation.from_relay(entered(generation))
    offer = await bus.relay.sent.next(GuestOffer)
    await bus.consultation.from_relay(answer(offer, fingerprint()))
    peer = bus.media.guests[-1]
    async with asyncio.timeout(WAIT):
        await peer.was_answered.wait()
    peer.events.peer_state(PeerState.connected)
    await until(bus, GuestState.present)
    return peer


async def test_a_guest_enters_with_the_doctors_word_and_the_relays(bus: Bus) -> None:
    """Invited, connecting, present, on both screens; the offer bears a seal that holds."""
    async with bus.running():
        page, _ = await bus.call()
        page.say(invited())
        await until(bus, GuestState.invited)
        await told(page, GuestState.invited)
        assert bus.relay.sent.all(GuestOffer) == []
        await bus.consultation.from_relay(entered())
        offer = await bus.relay.sent.next(GuestOffer)
        assert offer.binding.host is Side.vehicle
        assert not offer.binding.by_guest
        assert offer.binding.fingerprint == bus.media.guests[0].fingerprint
        assert offer.binding.holds(KEY)
        await until(bus, GuestState.connecting)
        await bus.consultation.from_relay(answer(offer, fingerprint()))
        await asyncio.wait_for(bus.media.guests[0].was_answered.wait(), WAIT)
        bus.media.guests[0].events.peer_state(PeerState.connected)
        await until(bus, GuestState.present)
        await told(page, GuestState.present)


async def test_whom_only_the_relay_knows_gets_no_offer(bus: Bus) -> None:
    """A relay that makes guests up has no key; the doctor's page says it later, then the offer leaves."""
    async with bus.running():
        page, _ = await bus.call()
        await bus.consultation.from_relay(entered(3))
        await until(bus, GuestState.connecting)
        assert bus.relay.sent.all(GuestOffer) == []
        assert bus.media.guests == []
        page.say(invited())
        assert (await bus.relay.sent.next(GuestOffer)).generation == 3


@pytest.mark.parametrize(("change", "code"), [
    ({"fingerprint": fingerprint()}, "fingerprint.mismatch"), ({"peer_fingerprint": fingerprint()},
                                                              "fingerprint.mismatch"),
    ({"key": bytes(32)}, "binding.signature"), ({"generation": 2}, "binding.statement"),
    ({"by_guest": False}, "binding.statement"), ({"host": Side.doctor}, "binding.statement"),
    ({"guest_id": "g2"}, "binding.statement"), ({"call_id": "call-2"}, "binding.statement")])
async def test_no_media_before_the_guests_seal_holds(bus: Bus, change: dict[str, Any], code: str) -> None:
    """A swapped fingerprint, another key, another attempt: refused, said to the relay, never applied, not retried."""
    async with bus.running():
        page, _ = await bus.call()
        page.say(invited())
        await bus.consultation.from_relay(entered())
        offer = await bus.relay.sent.next(GuestOffer)
        said = answer(offer, fingerprint(), **change)
        if "fingerprint" in change:
            said = GuestAnswer(call_id=said.call_id, guest_id=said.guest_id, generation=1, sdp=sdp(fingerprint()),
                               binding=said.binding)
        await bus.consultation.from_relay(said)
        assert (await bus.relay.sent.next(GuestRefused)).code == code
        peer = bus.media.guests[0]
        await asyncio.wait_for(peer.was_closed.wait(), WAIT)
        assert peer.answered is None
        bus.later(60)
        await asyncio.sleep(0)
        assert bus.relay.sent.all(GuestRejoin) == []
        assert bus.consultation.view().encounter is not None


async def test_a_candidate_waits_for_the_verified_answer(bus: Bus) -> None:
    """Early ones are kept, none reaches the connection before the seal holds."""
    async with bus.running():
        page, _ = await bus.call()
        page.say(invited())
        await bus.consultation.from_relay(entered())
        offer = await bus.relay.sent.next(GuestOffer)
        early = GuestCandidate(call_id="call-1", guest_id="g1", host=Side.vehicle, generation=1, candidate="one")
        await bus.consultation.from_relay(early)
        assert bus.media.guests[0].candidates == []
        await bus.consultation.from_relay(answer(offer, fingerprint()))
        await asyncio.wait_for(bus.media.guests[0].was_answered.wait(), WAIT)
        await bus.consultation.from_relay(early)
        assert bus.media.guests[0].candidates == ["one", "one"]


async def test_a_lost_connection_is_asked_for_again_and_replaced(bus: Bus) -> None:
    """Silence, a rejoin with this pair's generation, the next offer; the old connection is closed."""
    async with bus.running():
        page, _ = await bus.call()
        peer = await present(bus, page)
        peer.events.peer_state(PeerState.interrupted)
        bus.later(10)
        rejoin = await bus.relay.sent.next(GuestRejoin)
        assert (rejoin.host, rejoin.generation, rejoin.cause) == (Side.vehicle, 1, "call.silent")
        await bus.consultation.from_relay(entered(2))
        assert (await bus.relay.sent.next(GuestOffer)).generation == 2
        await asyncio.wait_for(peer.was_closed.wait(), WAIT)
        await until(bus, GuestState.away)


async def test_what_is_said_again_changes_nothing(bus: Bus) -> None:
    """The page after a resume, the relay after its restart: one connection all the while, the first key counts."""
    async with bus.running():
        page, _ = await bus.call()
        await present(bus, page)
        page.say(invited(key=bytes(32)))
        await bus.consultation.from_relay(entered())
        await bus.consultation.from_relay(GuestAway(call_id="call-1", guest_id="g1", away=True))
        page.resume()
        await page.inbox.next(Situation)
        assert len(bus.media.guests) == 1
        assert await states(bus) == {"g1": GuestState.present}
        await bus.consultation.from_relay(entered(2))
        assert (await bus.relay.sent.next(GuestOffer)).binding.holds(KEY)


@pytest.mark.parametrize("who", ["nurse", "doctor", "relay"])
async def test_out_is_out(bus: Bus, who: str) -> None:
    """Whoever ends it: the connection closes, the state says so, an entry of the same guest is not answered."""
    async with bus.running():
        page, _ = await bus.call()
        peer = await present(bus, page)
        if who == "nurse":
            assert (await bus.do(RemoveGuest(guest_id="g1"))).code is None
            left = await bus.relay.sent.next(GuestLeft)
            assert left.by
        elif who == "doctor":
            page.say(GuestRemoved(guest_id="g1"))
        else:
            await bus.consultation.from_relay(GuestLeft(call_id="call-1", guest_id="g1", by="M. Ba"))
        await until(bus, GuestState.left)
        await asyncio.wait_for(peer.was_closed.wait(), WAIT)
        page.say(invited())
        await bus.consultation.from_relay(entered(2))
        await told(page, GuestState.left)
        assert bus.relay.sent.all(GuestOffer) == []
        assert (await bus.do(RemoveGuest(guest_id="g2"))).code == "guest.unknown"


async def test_guests_end_with_the_call(bus: Bus) -> None:
    """Hung up: the connection closes and nothing of the guest is left for the next call."""
    async with bus.running():
        page, _ = await bus.call()
        peer = await present(bus, page)
        await bus.do(HangUp())
        await asyncio.wait_for(peer.was_closed.wait(), WAIT)
        assert await states(bus) == {}
        await bus.consultation.from_relay(entered(2))
        assert len(bus.media.guests) == 1


async def test_another_doctors_call_starts_without_guests(bus: Bus) -> None:
    """Put back in the queue and taken again: a guest of the former call is not in the new one."""
    async with bus.running():
        page, _ = await bus.call()
        peer = await present(bus, page)
        await bus.consultation.from_relay(CallLeft(call_id="call-1", finished=False, by="Dr A"))
        await asyncio.wait_for(peer.was_closed.wait(), WAIT)
        encounter = bus.consultation.view().encounter
        assert encounter is not None
        await bus.assign(encounter.encounter_id, call_id="call-2")
        await bus.consultation.from_relay(entered(2))
        assert await states(bus) == {}


async def test_a_link_nobody_used_runs_out(bus: Bus) -> None:
    """Past its time the invitation leaves the screens."""
    async with bus.running():
        page, _ = await bus.call()
        page.say(invited(expires_at=bus.time.replace(year=bus.time.year + 1)))
        await until(bus, GuestState.invited)
        bus.time = bus.time.replace(year=bus.time.year + 2)
        await until(bus, GuestState.left)


async def test_who_came_in_time_comes_back_after_it(bus: Bus) -> None:
    """A gateway that was restarted long after the link's time is told key and guest anew, in either order."""
    async with bus.running():
        page, _ = await bus.call()
        page.say(invited(expires_at=bus.time))
        await until(bus, GuestState.left)
        await bus.consultation.from_relay(entered(2))
        assert (await bus.relay.sent.next(GuestOffer)).binding.holds(KEY)
        await until(bus, GuestState.connecting)


async def test_a_page_cannot_invite_a_crowd(bus: Bus) -> None:
    """One more than the limit is refused with a code, on the channel."""
    async with bus.running():
        page, _ = await bus.call()
        for number in range(GUESTS_AT_ONCE + 1):
            page.say(invited(GuestCard(guest_id=f"g{number}", role=GuestRole.relative, name="x")))
        problem = await page.inbox.next(ChannelProblem)
        assert (problem.code, problem.about) == ("guest.too_many", "guest_invited")
        assert len(await states(bus)) == GUESTS_AT_ONCE


async def test_a_restarted_gateway_gets_the_key_from_the_page(bus: Bus) -> None:
    """kill -9: the relay says who is there, the page says the key once more, the guest is back in the same call."""
    async with bus.running():
        page, _ = await bus.call()
        await present(bus, page)
    async with bus.running():
        await bus.consultation.restored()
        await bus.consultation.from_relay(entered(2))
        encounter = bus.consultation.view().encounter
        assert encounter is not None
        page, _ = await bus.connect(encounter.encounter_id, await bus.assign(encounter.encounter_id, 2),
                                    Page(encounter.encounter_id))
        page.say(invited())
        assert (await bus.relay.sent.next(GuestOffer)).generation == 2


async def test_the_key_is_in_no_log(bus: Bus, capsys: pytest.CaptureFixture[str]) -> None:
    """Neither in a line nor in what is printed of the values that hold it."""
    async with bus.running():
        page, _ = await bus.call()
        await present(bus, page)
        guests_log.info("guest.state", guests=str(bus.consultation.view()))
        written = capsys.readouterr()
        assert invited().key not in written.out + written.err
        assert "bytearray" not in written.out
        assert repr(KEY) not in repr(bus.consultation._guests._guests)


async def test_a_guest_keeps_its_seat_and_the_next_one_takes_the_lowest_free(bus: Bus) -> None:
    """Figures of a path are told apart by seat and role; a rejoin changes the generation alone."""
    bus.media.figures = FIGURES
    second = GuestCard(guest_id="g2", role=GuestRole.specialist, name="Dr B")
    third = GuestCard(guest_id="g3", role=GuestRole.relative, name="Mme C")
    async with bus.running() as consultation:
        page, _ = await bus.call()
        assert consultation.guest_paths == ()
        await present(bus, page)
        page.say(invited(second))
        await consultation.from_relay(entered(1, second))
        await bus.relay.sent.next(GuestOffer)
        await consultation.from_relay(entered(5))
        await bus.relay.sent.next(GuestOffer)
        first, other = consultation.guest_paths
        assert (first.seat, first.role, first.generation, first.figures) == (1, GuestRole.interpreter, 5, FIGURES)
        assert (other.seat, other.role, other.generation) == (2, GuestRole.specialist, 1)
        await consultation.from_relay(GuestLeft(call_id="call-1", guest_id="g1"))
        page.say(invited(third))
        await consultation.from_relay(entered(1, third))
        await bus.relay.sent.next(GuestOffer)
        assert [(path.seat, path.role) for path in consultation.guest_paths] == [
            (1, GuestRole.relative), (2, GuestRole.specialist)]
        await bus.do(HangUp())
        assert consultation.guest_paths == ()
