"""A third person over real sockets: one-time links, pairs and their generations, leaving, the relay's restart."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import select, update

from protocol.binding import Side
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
from protocol.guests import GuestBinding, GuestInvitation, GuestRole, GuestWanted, seal
from protocol.limits import SIGNALLING_RESUME_SECONDS
from protocol.signalling import CallAssigned, CallGranted, CallLeft, CallRejoin, Dismissed, Refusal, TakeCall
from relay.audit import verify
from relay.keys import load_or_make
from relay.signalling.guest_book import GuestBook
from relay.signalling.guest_exchange import GuestExchange
from relay.signalling.guests import AWAY_SECONDS, Guest
from relay.storage.audit import AuditRow
from relay.storage.guests import GuestRow
from tests.integration.relay_rig import Client, Running, Site, in_call, make_site, offer, waiting

KEY = bytes(range(32))


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return make_site(tmp_path)


@dataclass
class Scene:
    """A call with its two ends, over a relay."""

    rig: Running
    bus: Client
    doctor: Client
    call_id: str

    async def both(self, kind: type[Any]) -> tuple[Any, Any]:
        """The next message of this kind at each host."""
        return await self.bus.expect(kind), await self.doctor.expect(kind)


@asynccontextmanager
async def scene(rig: Running) -> AsyncIterator[Scene]:
    device = await rig.vehicle()
    async with rig.bus(device) as bus, rig.doctor() as doctor:
        assigned, _ = await in_call(bus, doctor)
        yield Scene(rig, bus, doctor, assigned.call_id)


def bound(kind: type[Any], entered: GuestEntered, host: Side, **changes: Any) -> Any:
    """An offer or an answer of this generation, sealed."""
    told = {"host": host, "by_guest": kind is GuestAnswer, "call_id": entered.call_id,
            "guest_id": entered.guest.guest_id, "generation": entered.generation,
            "fingerprint": ":".join(["AB"] * 32), **changes}
    binding = GuestBinding(**told, mac=seal(KEY, **told))
    return kind(call_id=entered.call_id, guest_id=entered.guest.guest_id, generation=told["generation"], sdp="v=0",
                binding=binding)


async def audited(rig: Running) -> list[dict[str, Any]]:
    async with rig.relay.context.storage.reading() as session:
        rows = (await session.execute(select(AuditRow.entry).order_by(AuditRow.position))).scalars()
        return [line for line in map(msgspec.json.decode, rows) if line["what"].startswith("guest.")]


async def test_a_guest_enters_by_its_link_and_both_hosts_make_their_offers(site: Site) -> None:
    """Welcome says who is there and nothing more; offers reach the guest, each answer its own host."""
    async with site.relay() as rig, scene(rig) as call:
        invitation = await rig.invite(call.call_id)
        async with rig.guest(invitation.token) as guest:
            assert guest.welcome is not None
            assert guest.welcome.guest == invitation.guest
            assert guest.welcome.call_id == call.call_id
            assert guest.welcome.doctor is not None
            assert guest.welcome.doctor.name == "Dr Anne"
            assert guest.welcome.doctor.rpps == guest.welcome.doctor.certificate == ""
            assert guest.welcome.vehicle is not None
            assert guest.welcome.vehicle.certificate == ""
            to_bus, to_doctor = await call.both(GuestEntered)
            assert to_bus.generation == to_doctor.generation == 1
            for client, entered, host in ((call.bus, to_bus, Side.vehicle), (call.doctor, to_doctor, Side.doctor)):
                await client.say(bound(GuestOffer, entered, host))
                assert (await guest.expect(GuestOffer)).binding.host is host
                await guest.say(bound(GuestAnswer, entered, host))
                assert (await client.expect(GuestAnswer)).binding.host is host
                await guest.say(GuestCandidate(call_id=call.call_id, guest_id=entered.guest.guest_id, host=host,
                                               generation=1, candidate="candidate:1"))
                assert (await client.expect(GuestCandidate)).host is host


async def test_a_link_opens_once(site: Site) -> None:
    """Somebody else with the same link is refused and audited, and who is in stays in."""
    async with site.relay() as rig, scene(rig) as call:
        invitation = await rig.invite(call.call_id)
        async with rig.guest(invitation.token, resume=secrets.token_urlsafe(32)) as guest:
            await call.both(GuestEntered)
            for resume in ("", secrets.token_urlsafe(32)):
                async with rig.guest(welcome=False) as thief:
                    await thief.raw({"n": 0, "ack": 0, "body": {
                        "type": "hello", "version": 1, "role": "guest", "token": invitation.token,
                        "resume_token": resume}})
                    assert (await thief.next()).code == "guest.link_used"
                    assert await thief.closed() == 1008
            await guest.say(GuestLeft(call_id=call.call_id, guest_id=invitation.guest.guest_id))
            assert (await call.bus.expect(GuestLeft)).by == "M. Ba"
        lines = await audited(rig)
        assert [line["what"] for line in lines] == ["guest.invited", "guest.entered", "guest.refused", "guest.refused",
                                                    "guest.left"]
        assert invitation.token not in str(lines)


async def test_a_page_whose_welcome_was_lost_says_the_same_hello_again(site: Site) -> None:
    """The resume token it made itself proves that the link was used by this very page."""
    async with site.relay() as rig, scene(rig) as call:
        invitation, own = await rig.invite(call.call_id), secrets.token_urlsafe(32)
        async with rig.guest(invitation.token, resume=own):
            await call.both(GuestEntered)
        async with rig.guest(invitation.token, resume=own) as again:
            assert again.welcome is not None
            assert again.welcome.resume_token == own
            entered = await call.bus.expect(GuestEntered)
            assert entered.generation == 2


@pytest.mark.parametrize(("change", "code"), [
    ({"expires_at": datetime(2020, 1, 1, tzinfo=UTC)}, "guest.link_expired"),
    ({"left_at": datetime(2020, 1, 1, tzinfo=UTC)}, "guest.removed"),
    ({"token_hash": "0" * 64}, "guest.link_unknown")])
async def test_a_link_that_does_not_hold_says_why(site: Site, change: dict[str, Any], code: str) -> None:
    """Expired, taken back, unknown: each has its code, and none enters."""
    async with site.relay() as rig, scene(rig) as call:
        invitation = await rig.invite(call.call_id)
        async with rig.relay.context.storage.session() as session:
            await session.execute(update(GuestRow).values(**change))
        async with rig.guest(welcome=False) as guest:
            await guest.raw({"n": 0, "ack": 0, "body": {"type": "hello", "version": 1, "role": "guest",
                                                        "token": invitation.token}})
            assert (await guest.next()).code == code
        assert (await audited(rig))[-1]["facts"] == {"code": code}


async def test_a_page_asks_who_invites_and_uses_nothing_up(site: Site) -> None:
    """It reads name, role, doctor and vehicle as often as it asks; afterwards the link says that it was used."""
    async with site.relay() as rig, scene(rig) as call:
        invitation = await rig.invite(call.call_id)

        async def knock(token: str) -> tuple[int, dict[str, Any]]:
            async with rig.http.post(f"{rig.url}/guest/invitation", json={"token": token}) as response:
                return response.status, await response.json()

        for _ in range(10):
            status, door = await knock(invitation.token)
            assert (status, door["guest"]["name"]) == (200, "M. Ba")
            assert (door["doctor"], door["vehicle"]) == ("Dr Anne", "Bus 1")
        assert (await knock("x"))[1]["code"] == "guest.link_unknown"
        async with rig.guest(invitation.token):
            await call.both(GuestEntered)
        assert (await knock(invitation.token))[0] == 410
        assert (await knock(invitation.token))[1]["code"] == "guest.link_used"
        lines = await audited(rig)
        assert [line["facts"].get("code", line["what"]) for line in lines] == [
            "guest.invited", "guest.link_unknown", "guest.entered", "guest.link_used", "guest.link_used"]


async def test_guessing_links_is_slowed_down(site: Site) -> None:
    """After thirty tries from one address the next ones wait; doctors' sign-ins are counted apart."""
    async with site.relay() as rig, scene(rig) as call:
        codes: list[str] = []
        while "guest.wait" not in codes and len(codes) < 200:
            async with rig.guest(welcome=False) as guest:
                await guest.raw({"n": 0, "ack": 0, "body": {"type": "hello", "version": 1, "role": "guest",
                                                            "token": secrets.token_urlsafe(32)}})
                codes.append((await guest.next()).code)
        assert set(codes[:30]) == {"guest.link_unknown"}
        assert codes[-1] == "guest.wait"
        assert (await rig.invite(call.call_id)).token


async def test_nobody_invites_to_a_call_that_is_not_theirs(site: Site) -> None:
    """Another doctor, IT, nobody, an ended call, a call that never was, and the fourth guest are refused."""
    wanted = msgspec.to_builtins(GuestWanted(role=GuestRole.relative, name="Mme N."))
    async with site.relay() as rig, scene(rig) as call:
        async def ask(account: str | None, call_id: str, body: Any = wanted) -> tuple[int, str]:
            session = await rig.sign_in(account) if account else rig.http
            async with session.post(f"{rig.url}/doctor/calls/{call_id}/guests", json=body) as response:
                told = response.status, (await response.json()).get("code", "")
            if account:
                await session.close()
            return told

        assert await ask("paul", call.call_id) == (403, "forbidden")
        assert await ask("ines", call.call_id) == (403, "forbidden")
        assert await ask(None, call.call_id) == (401, "session.needed")
        assert await ask("anne", "nothing") == (403, "forbidden")
        assert await ask("anne", call.call_id, {"role": "nurse", "name": "x"}) == (422, "request.malformed")
        assert await ask("anne", call.call_id, {"role": "relative", "name": ""}) == (422, "request.malformed")
        first = await rig.invite(call.call_id)
        assert (await ask("anne", call.call_id))[0] == 201
        assert (await ask("anne", call.call_id))[0] == 201
        assert await ask("anne", call.call_id) == (409, "guest.too_many")
        await call.doctor.say(GuestLeft(call_id=call.call_id, guest_id=first.guest.guest_id))
        assert (await call.bus.expect(GuestLeft)).guest_id == first.guest.guest_id
        assert (await ask("anne", call.call_id))[0] == 201
        await call.doctor.say(CallLeft(call_id=call.call_id, finished=True))
        await call.bus.expect(CallLeft)
        assert await ask("anne", call.call_id) == (409, "guest.call_over")


async def test_a_guest_who_speaks_like_a_doctor_is_refused(site: Site) -> None:
    """Its wire knows no other messages than a guest's; the call does not notice."""
    async with site.relay() as rig, scene(rig) as call:
        invitation = await rig.invite(call.call_id)
        async with rig.guest(invitation.token) as guest:
            entered, _ = await call.both(GuestEntered)
            for body in (TakeCall(encounter_id="e1"), CallRejoin(call_id=call.call_id, generation=1),
                         CallLeft(call_id=call.call_id, finished=True), bound(GuestOffer, entered, Side.vehicle)):
                await guest.say(body)
                assert (await guest.next()).code == "frame.unknown_type"
            await guest.say(bound(GuestAnswer, entered, Side.vehicle))
            assert (await call.bus.expect(GuestAnswer)).generation == 1


async def test_a_host_speaks_for_itself_and_for_its_own_call_only(site: Site) -> None:
    """An offer in the other host's name, another call's doctor, another call's guest are refused."""
    async with site.relay() as rig, scene(rig) as call:
        invitation = await rig.invite(call.call_id)
        async with rig.guest(invitation.token), rig.doctor("paul") as paul:
            entered, _ = await call.both(GuestEntered)
            for client in (call.doctor, paul):
                await client.say(bound(GuestOffer, entered, Side.vehicle))
                assert (await _refusal(client)).code == "forbidden"
            await paul.say(GuestLeft(call_id=call.call_id, guest_id=entered.guest.guest_id))
            assert (await _refusal(paul)).code == "forbidden"
            await call.bus.say(GuestLeft(call_id="another", guest_id=entered.guest.guest_id))
            assert (await _refusal(call.bus)).code == "forbidden"
            await call.bus.say(bound(GuestOffer, entered, Side.vehicle, generation=2))
            assert (await _refusal(call.bus)).code == "call.generation"


async def test_each_pair_has_its_own_generations(site: Site) -> None:
    """A rejoin raises one pair's; said by both ends it raises it once; older descriptions are dropped."""
    async with site.relay() as rig, scene(rig) as call:
        invitation = await rig.invite(call.call_id)
        async with rig.guest(invitation.token) as guest:
            entered, to_doctor = await call.both(GuestEntered)
            rejoin = GuestRejoin(call_id=call.call_id, guest_id=invitation.guest.guest_id, host=Side.vehicle,
                                 generation=1)
            await guest.say(rejoin)
            await call.bus.say(rejoin)
            second = await call.bus.expect(GuestEntered)
            assert second.generation == 2
            await call.bus.say(bound(GuestOffer, entered, Side.vehicle))
            await call.bus.say(bound(GuestOffer, second, Side.vehicle))
            await call.doctor.say(bound(GuestOffer, to_doctor, Side.doctor))
            offers = {(told.binding.host, told.generation) for told in (
                await guest.expect(GuestOffer), await guest.expect(GuestOffer))}
            assert offers == {(Side.vehicle, 2), (Side.doctor, 1)}
            await call.bus.settled()
            assert rig.relay.switchboard.guests._guests[invitation.guest.guest_id].vehicle == 2


async def test_a_binding_that_does_not_hold_is_said_and_audited(site: Site) -> None:
    """The guest's refusal reaches the host it is about; the audit has who and why."""
    async with site.relay() as rig, scene(rig) as call:
        invitation = await rig.invite(call.call_id)
        async with rig.guest(invitation.token) as guest:
            await call.both(GuestEntered)
            await guest.say(GuestRefused(call_id=call.call_id, guest_id=invitation.guest.guest_id, host=Side.vehicle,
                                         generation=1, code="fingerprint.mismatch"))
            assert (await call.bus.expect(GuestRefused)).code == "fingerprint.mismatch"
        line = (await audited(rig))[-1]
        assert (line["what"], line["who"]) == ("guest.binding_refused", f"guest:{invitation.guest.guest_id}")
        assert line["facts"] == {"call": call.call_id, "host": "vehicle", "code": "fingerprint.mismatch",
                                 "generation": 1}


async def test_a_refusal_said_often_fills_no_audit(site: Site) -> None:
    """One line a generation, whoever holds a link and repeats it; the host hears each."""
    async with site.relay() as rig, scene(rig) as call:
        invitation = await rig.invite(call.call_id)
        async with rig.guest(invitation.token) as guest:
            await call.both(GuestEntered)
            refused = GuestRefused(call_id=call.call_id, guest_id=invitation.guest.guest_id, host=Side.vehicle,
                                   generation=1, code="binding.mac")
            for _ in range(5):
                await guest.say(refused)
                await call.bus.expect(GuestRefused)
            await guest.say(GuestRejoin(call_id=call.call_id, guest_id=invitation.guest.guest_id, host=Side.vehicle,
                                        generation=1, cause="call.silent"))
            assert (await call.bus.expect(GuestEntered)).generation == 2
            await guest.say(msgspec.structs.replace(refused, generation=2))
            await call.bus.expect(GuestRefused)
        lines = [line for line in await audited(rig) if line["what"] == "guest.binding_refused"]
        assert [line["facts"]["generation"] for line in lines] == [1, 2]


async def test_a_guest_put_out_while_arriving_stays_out(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """The host that removed it gets no offer to make afterwards."""
    async with site.relay() as rig, scene(rig) as call:
        invitation = await rig.invite(call.call_id)
        arrived, read, ends = GuestExchange.arrived, GuestBook.guest, GuestExchange.left
        looked, go_on, out = asyncio.Event(), asyncio.Event(), asyncio.Event()

        async def slow(book: GuestBook, guest_id: str) -> Guest | None:
            monkeypatch.setattr(GuestBook, "guest", read)
            found = await read(book, guest_id)
            looked.set()
            await go_on.wait()
            return found

        async def arrives(exchange: GuestExchange, client: Any, *, same_page: bool) -> None:
            monkeypatch.setattr(GuestBook, "guest", slow)
            await arrived(exchange, client, same_page=same_page)

        async def left(exchange: GuestExchange, client: Any, body: GuestLeft) -> None:
            await ends(exchange, client, body)
            out.set()

        monkeypatch.setattr(GuestExchange, "arrived", arrives)
        monkeypatch.setattr(GuestExchange, "left", left)
        async with rig.guest(invitation.token):
            await asyncio.wait_for(looked.wait(), 40)
            await call.bus.say(GuestLeft(call_id=call.call_id, guest_id=invitation.guest.guest_id))
            with suppress(TimeoutError):
                # Either the removal is done first, or it waits for the arrival.
                await asyncio.wait_for(out.wait(), 0.3)
            go_on.set()
            await call.doctor.expect(GuestLeft)
            await call.doctor.say(GuestRejoin(call_id=call.call_id, guest_id=invitation.guest.guest_id,
                                              host=Side.doctor, generation=1))
            assert (await call.doctor.expect(Refusal)).code == "guest.gone"


async def test_a_removed_guest_is_out_for_good(site: Site) -> None:
    """The vehicle ends its part: the doctor is told, the guest dismissed, and neither link nor page opens again."""
    async with site.relay() as rig, scene(rig) as call:
        invitation, own = await rig.invite(call.call_id), secrets.token_urlsafe(32)
        async with rig.guest(invitation.token, resume=own) as guest:
            await call.both(GuestEntered)
            await call.bus.say(GuestLeft(call_id=call.call_id, guest_id=invitation.guest.guest_id))
            assert (await call.doctor.expect(GuestLeft)).by == "Bus 1"
            assert (await guest.expect(Dismissed)).code == "guest.removed"
            assert await guest.closed() == 1008
        for token in (invitation.token, ""):
            async with rig.guest(welcome=False) as again:
                await again.raw({"n": 0, "ack": 0, "body": {"type": "hello", "version": 1, "role": "guest",
                                                            "token": token, "resume_token": own}})
                assert (await again.next()).code == "guest.removed"


@pytest.mark.parametrize("finished", [True, False])
async def test_guests_go_with_the_call(site: Site, finished: bool) -> None:
    """Ended for good or put back in the queue: the guest is dismissed and does not come back, nor into the next."""
    async with site.relay() as rig, scene(rig) as call:
        invitation, own = await rig.invite(call.call_id), secrets.token_urlsafe(32)
        async with rig.guest(invitation.token, resume=own) as guest:
            await call.both(GuestEntered)
            await call.doctor.say(CallLeft(call_id=call.call_id, finished=finished))
            assert (await guest.expect(Dismissed)).code == "guest.call_over"
        if not finished:
            await call.bus.expect(CallLeft)
            async with rig.doctor("paul") as paul:
                await paul.say(TakeCall(encounter_id="e1"))
                await paul.expect(CallGranted)
                await paul.settled()
        async with rig.guest(welcome=False) as again:
            await again.raw({"n": 0, "ack": 0, "body": {"type": "hello", "version": 1, "role": "guest",
                                                        "resume_token": own}})
            assert (await again.next()).code == "guest.call_over"


async def test_hosts_know_when_the_guest_is_away(site: Site) -> None:
    """Its socket goes and comes back within its session: the hosts read both, and what was said meanwhile arrives."""
    async with site.relay() as rig, scene(rig) as call:
        invitation, own = await rig.invite(call.call_id), secrets.token_urlsafe(32)
        async with rig.guest(invitation.token, resume=own) as guest:
            entered, _ = await call.both(GuestEntered)
            welcome, seen = guest.welcome, guest.seen
            assert welcome is not None
        assert [told.away for told in await call.both(GuestAway)] == [True, True]
        await call.bus.say(bound(GuestOffer, entered, Side.vehicle))
        await call.bus.settled()
        async with rig.guest(resume=own, session=welcome.session, last_seen=seen) as back:
            assert back.welcome is not None
            assert back.welcome.resumed
            assert [told.away for told in await call.both(GuestAway)] == [False, False]
            assert (await back.expect(GuestOffer)).generation == 1


async def test_a_guest_who_closed_the_page_without_a_word_has_left_after_a_while(site: Site) -> None:
    """Not a moment too soon, and who comes back in between is waited for anew; then both hosts read that it left, there
    is room for another one, and the page is told when it comes after all."""
    async with site.relay() as rig, scene(rig) as call:
        board, own = rig.relay.switchboard, secrets.token_urlsafe(32)
        invitation = await rig.invite(call.call_id)
        async with rig.guest(invitation.token, resume=own):
            await call.both(GuestEntered)
        await call.both(GuestAway)
        now = time.monotonic()
        await board.expire(now)
        await board.expire(now + AWAY_SECONDS - 1)
        async with rig.guest(resume=own):
            await call.both(GuestEntered)
            await board.expire(now + AWAY_SECONDS)
        await call.both(GuestAway)
        await board.expire(later := now + 2 * AWAY_SECONDS)
        assert "guest.left" not in [line["what"] for line in await audited(rig)]
        await board.expire(later + AWAY_SECONDS)
        for left in await call.both(GuestLeft):
            assert (left.guest_id, left.by) == (invitation.guest.guest_id, "")
        assert [line["who"] for line in await audited(rig) if line["what"] == "guest.left"] == ["relay"]
        async with rig.guest(welcome=False) as again:
            await again.raw({"n": 0, "ack": 0, "body": {"type": "hello", "version": 1, "role": "guest",
                                                        "resume_token": own}})
            assert (await again.next()).code == "guest.removed"


async def test_nobody_counts_while_the_hosts_are_away_too(site: Site) -> None:
    """It may be the relay's own network that is cut: the three may be speaking with each other all the while."""
    async with site.relay() as rig:
        board, own = rig.relay.switchboard, secrets.token_urlsafe(32)
        async with scene(rig) as call:
            invitation = await rig.invite(call.call_id)
            async with rig.guest(invitation.token, resume=own):
                await call.both(GuestEntered)
        now = time.monotonic()
        await board.expire(now)
        await board.expire(now + 2 * AWAY_SECONDS)
        assert (await rig.relay.switchboard.guests.back(own)).guest_id == invitation.guest.guest_id


async def test_a_host_that_was_long_away_hears_who_left(site: Site) -> None:
    """Its mailbox went with its session: on arrival it reads of each guest that is no more."""
    async with site.relay() as rig:
        device = await rig.vehicle()
        async with rig.doctor() as doctor:
            async with rig.bus(device) as bus:
                assigned, _ = await in_call(bus, doctor)
                invitation = await rig.invite(assigned.call_id)
                async with rig.guest(invitation.token):
                    await bus.expect(GuestEntered)
            board = rig.relay.switchboard
            await board.expire(time.monotonic() + SIGNALLING_RESUME_SECONDS + 1)
            await doctor.say(GuestLeft(call_id=assigned.call_id, guest_id=invitation.guest.guest_id))
            await doctor.settled()
            async with rig.bus(device, last=bus) as back:
                assert (await back.expect(GuestLeft)).guest_id == invitation.guest.guest_id


async def test_a_restarted_relay_takes_its_guests_back(site: Site) -> None:
    """Whose page lived on keeps its media: same generations. A page loaded again gets the next ones."""
    async with site.relay() as rig:
        device = await rig.vehicle()
        async with rig.bus(device) as bus, rig.doctor() as doctor:
            assigned, _ = await in_call(bus, doctor)
            invitation, own = await rig.invite(assigned.call_id), secrets.token_urlsafe(32)
            async with rig.guest(invitation.token, resume=own) as guest:
                await bus.expect(GuestEntered)
                await doctor.expect(GuestEntered)
                last = guest
    async with site.relay() as rig, rig.bus(device, last=bus) as bus, rig.doctor(last=doctor) as doctor:
        assert bus.welcome is not None
        assert not bus.welcome.resumed
        assert (await bus.expect(GuestEntered)).generation == 1
        assert (await bus.expect(GuestAway)).away
        assert (await doctor.expect(GuestEntered)).generation == 1
        assert last.welcome is not None
        async with rig.guest(resume=own, session=last.welcome.session) as guest:
            assert guest.welcome is not None
            assert not guest.welcome.resumed
            assert guest.welcome.resume_token == own
            assert not (await bus.expect(GuestAway)).away
        async with rig.guest(resume=own):
            assert (await bus.expect(GuestEntered)).generation == 2
            assert (await doctor.expect(GuestEntered)).generation == 2


async def test_a_doctors_page_that_was_loaded_again_meets_its_guests_anew(site: Site) -> None:
    """Its pair has the next generation; the vehicle's goes on undisturbed."""
    async with site.relay() as rig:
        device = await rig.vehicle()
        async with rig.bus(device) as bus:
            async with rig.doctor() as doctor:
                assigned, _ = await in_call(bus, doctor)
                invitation = await rig.invite(assigned.call_id)
                guests = rig.guest(invitation.token)
                guest = await guests.__aenter__()
                assert (await doctor.expect(GuestEntered)).generation == 1
            async with rig.doctor() as reloaded:
                assert (await reloaded.expect(GuestEntered)).generation == 2
                await bus.say(offer(await bus.expect(CallAssigned, lambda told: told.generation == 2)))
            assert rig.relay.switchboard.guests._guests[invitation.guest.guest_id].vehicle == 1
            assert guest.welcome is not None
            await guests.__aexit__(None, None, None)


async def test_a_page_that_never_got_the_newer_offer_asks_again(site: Site) -> None:
    """Its rejoin names an older generation: soon after the rise it crossed it, later the offer was lost."""
    async with site.relay() as rig, scene(rig) as call:
        invitation = await rig.invite(call.call_id)
        async with rig.guest(invitation.token) as guest:
            await call.both(GuestEntered)
            rejoin = GuestRejoin(call_id=call.call_id, guest_id=invitation.guest.guest_id, host=Side.vehicle,
                                 generation=1)
            await guest.say(rejoin)
            assert (await call.bus.expect(GuestEntered)).generation == 2
            await guest.say(rejoin)
            await guest.settled()
            guests = rig.relay.switchboard.guests
            assert guests._guests[invitation.guest.guest_id].vehicle == 2
            guests._raised_at[invitation.guest.guest_id, Side.vehicle] -= 60
            await guest.say(rejoin)
            assert (await call.bus.expect(GuestEntered)).generation == 3


async def test_the_audit_holds_with_guests_in_it(site: Site) -> None:
    """Its lines are leaves like all others, and hold neither token nor name."""
    async with site.relay() as rig, scene(rig) as call:
        invitation = await rig.invite(call.call_id, name="Nom Secret")
        async with rig.guest(invitation.token):
            await call.both(GuestEntered)
        assert "Nom Secret" not in str(await audited(rig))
        key = load_or_make(Path(site.config.data) / "audit.key")
        assert await verify(rig.relay.context.storage, {key.key_id: key.public}) == []


async def _refusal(client: Client) -> Refusal:
    while not isinstance(body := await client.next(), Refusal):
        assert body is not None
    return body


async def test_an_invitation_is_the_doctors_secret(site: Site) -> None:
    """The database has hashes only."""
    async with site.relay() as rig, scene(rig) as call:
        invitation: GuestInvitation = await rig.invite(call.call_id)
        own = secrets.token_urlsafe(32)
        async with rig.guest(invitation.token, resume=own):
            await call.both(GuestEntered)
        async with rig.relay.context.storage.reading() as session:
            row = (await session.execute(select(GuestRow))).scalar_one()
        kept = str(vars(row))
        assert invitation.token not in kept
        assert own not in kept
        await call.bus.say(waiting("e2"))
        await call.bus.settled()
