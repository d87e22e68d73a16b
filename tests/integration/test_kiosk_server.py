"""The touchscreen's server on a real loopback socket, with the real store behind its sign-in."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest
from argon2 import PasswordHasher
from blockbuster import blockbuster_ctx
from structlog.testing import capture_logs

from gateway.kiosk import desk as desk_module
from gateway.kiosk.access import SEEN_EVERY, SESSION_LIFE, Access, NurseEntry
from gateway.kiosk.desk import Desk
from gateway.kiosk.partners import KioskRefused, LocalPeer, Sessions
from gateway.kiosk.server import KioskServer
from gateway.store import Store, StoreError
from gateway.store.kiosk_access import KioskAccess, KioskSessionRow, PinFailures
from protocol import SUBPROTOCOL
from protocol.kiosk import KioskMessage, KioskReply, KioskState, Link, LocalOffer, Nurse, Power, PowerSource, RelayLink
from protocol.kiosk_commands import (
    CommandBody,
    EnterWaiting,
    KioskCommand,
    LocalAnswer,
    SignInNurse,
    SignOutNurse,
    WantLocal,
)
from protocol.readings import Chunk
from protocol.values import VehicleCard

NURSE = Nurse(nurse_id="ines", name="Inès")
PIN_HASH = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash("1234")
WAIT = 30.0


class FakePeer:
    """A local peer connection that remembers what it was told."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.answered: list[str] = []
        self.closed = False

    async def offer(self) -> str:
        return f"offer {self.number}"

    async def answer(self, sdp: str) -> None:
        self.answered.append(sdp)

    async def close(self) -> None:
        self.closed = True


class FakeRooms:
    """The rooms behind the kiosk."""

    def __init__(self) -> None:
        self.outbox = 0
        self.built = 0
        self.commands: list[CommandBody] = []
        self.peers: list[FakePeer] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def restored(self) -> None:
        """The fake rooms have nothing to restore."""

    def state(self, nurse: Nurse | None) -> KioskState:
        self.built += 1
        return KioskState(revision=0, now=datetime.now(UTC), vehicle=VehicleCard(vehicle_id="v", name="Bus"),
                          release="1", link=Link(relay=RelayLink.online, since=datetime(2026, 1, 1, tzinfo=UTC)),
                          power=Power(source=PowerSource.unknown), demo=False, nurse=nurse, nurses=(NURSE,),
                          outbox=self.outbox if nurse else 0)

    async def command(self, body: CommandBody, nurse: Nurse) -> KioskReply:
        await self.gate.wait()
        self.commands.append(body)
        return KioskReply(id=0, code="encounter.none")

    async def local_peer(self, closed: Callable[[], None]) -> LocalPeer:
        self.peers.append(FakePeer(len(self.peers) + 1))
        return self.peers[-1]

    async def still(self, still_id: str) -> bytes:
        if still_id != "s1":
            raise KioskRefused("still.unknown")
        return b"\xff\xd8jpeg"

    async def prescription(self, prescription_id: str) -> bytes:
        return b"%PDF-1.7"

    async def preview(self, instrument_id: str) -> AsyncIterator[bytes]:
        if instrument_id != "skin":
            raise KioskRefused("instrument.unknown")
        while True:
            yield b"\xff\xd8frame"
            await asyncio.sleep(0.01)


class Kiosk:
    """A running server with what stands around it."""

    def __init__(self, store: Store, rooms: FakeRooms, desk: Desk, server: KioskServer, clock: list[datetime],
                 access_store: Sessions) -> None:
        self.access_store = access_store
        self.store, self.rooms, self.desk, self.server, self.clock = store, rooms, desk, server, clock

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.port}"


@asynccontextmanager
async def kiosk_in(directory: Path, port: int = 0,
                   sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
                   sessions: Callable[[KioskAccess], Sessions] = lambda stored: stored) -> AsyncIterator[Kiosk]:
    pages = directory / "web"
    (pages / "assets").mkdir(parents=True, exist_ok=True)
    (pages / "kiosk.html").write_text("<!doctype html>")
    (pages / "assets" / "a-1.js").write_text("1")
    (pages / "doctor.html").write_text("no")
    clock = [datetime.now(UTC)]
    async with Store(directory / "data") as store:
        access_store = sessions(store.kiosk)
        access = Access([NurseEntry(NURSE, PIN_HASH)], access_store, lambda: clock[0])
        rooms = FakeRooms()
        desk = Desk(rooms, access, sleep)
        server = KioskServer(host="127.0.0.1", port=port, web_directory=pages, desk=desk, access=access, rooms=rooms)
        await server.start()
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(desk.run())
            try:
                with blockbuster_ctx():  # I9: whatever blocks the loop from here on fails the test
                    yield Kiosk(store, rooms, desk, server, clock, access_store)
            finally:
                await server.stop()
                running.cancel()


class Page:
    """A page of the touchscreen."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket
        self.number = 0
        self.chunks: list[bytes] = []
        self.states: list[KioskState] = []

    async def hear(self) -> KioskMessage | bytes:
        message = await self.socket.receive(timeout=WAIT)
        if message.type is aiohttp.WSMsgType.BINARY:
            self.chunks.append(message.data)
            return bytes(message.data)
        assert message.type is aiohttp.WSMsgType.TEXT, message
        heard: KioskMessage = msgspec.json.decode(message.data, type=KioskMessage)
        if isinstance(heard, KioskState):
            self.states.append(heard)
        return heard

    async def until(self, kind: type, condition: Callable[[Any], bool] = lambda _: True) -> Any:
        while True:
            heard = await self.hear()
            if isinstance(heard, kind) and condition(heard):
                return heard

    async def do(self, body: CommandBody) -> KioskReply:
        self.number += 1
        await self.socket.send_str(msgspec.json.encode(KioskCommand(id=self.number, body=body)).decode())
        reply = await self.until(KioskReply, lambda heard: heard.id == self.number)
        assert isinstance(reply, KioskReply)
        return reply


def browser() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True))


@asynccontextmanager
async def page_of(http: aiohttp.ClientSession, kiosk: Kiosk) -> AsyncIterator[Page]:
    async with http.ws_connect(kiosk.url + "/ws", protocols=(SUBPROTOCOL,), origin=kiosk.url) as socket:
        page = Page(socket)
        await page.until(KioskState)
        yield page


async def test_the_page_signs_in_and_its_session_survives_a_restart(tmp_path: Path) -> None:
    """The cookie of a signed-in page is still good after the gateway was ended and started again."""
    async with browser() as http:
        async with kiosk_in(tmp_path) as kiosk:
            port = kiosk.server.port
            async with http.get(kiosk.url + "/") as answer:
                assert answer.status == 200
                cookie = answer.headers["Set-Cookie"]
                assert "HttpOnly" in cookie
                assert "SameSite=Strict" in cookie
            async with page_of(http, kiosk) as page:
                assert page.states[-1].nurse is None
                assert (await page.do(SignInNurse(nurse_id="ines", pin="1234"))).code is None
        async with kiosk_in(tmp_path, port) as kiosk, page_of(http, kiosk) as page:
            assert page.states[-1].nurse == NURSE
            assert (await page.do(SignOutNurse())).code is None
            async with http.get(kiosk.url + "/stills/s1") as answer:
                assert answer.status == 401


async def test_nothing_is_done_or_shown_before_sign_in(tmp_path: Path) -> None:
    """Without a session every command, still, prescription and live view is refused by its code."""
    async with kiosk_in(tmp_path) as kiosk, browser() as http, page_of(http, kiosk) as page:
        kiosk.rooms.outbox = 7
        kiosk.desk.chunk(Chunk(1, 0, 0.0, 1, (1, 2)))
        for body in (EnterWaiting(), WantLocal(), SignOutNurse()):
            assert (await page.do(body)).code == "kiosk.not_signed_in"
        assert kiosk.rooms.commands == []
        assert page.chunks == []
        assert all(state.outbox == 0 for state in page.states)
        for path in ("/stills/s1", "/prescriptions/p1.pdf", "/preview/skin.mjpeg"):
            async with http.get(kiosk.url + path) as answer:
                assert (answer.status, (await answer.json())["code"]) == (401, "kiosk.not_signed_in")


async def test_five_wrong_pins_close_the_sign_in_for_a_minute(tmp_path: Path) -> None:
    """The fifth wrong PIN closes it even for the right one, through a restart, until a minute has passed."""
    async with browser() as http:
        async with kiosk_in(tmp_path) as kiosk, page_of(http, kiosk) as page:
            assert (await page.do(SignInNurse(nurse_id="nobody", pin="1"))).code == "nurse.unknown"
            codes = [(await page.do(SignInNurse(nurse_id="ines", pin="9"))).code for _ in range(5)]
            assert codes == ["pin.wrong"] * 4 + ["pin.wait"]
        async with kiosk_in(tmp_path) as kiosk, page_of(http, kiosk) as page:
            reply = await page.do(SignInNurse(nurse_id="ines", pin="1234"))
            assert reply.code == "pin.wait"
            assert 0 < int(reply.facts["seconds"]) <= 60
            kiosk.clock[0] += timedelta(seconds=61)
            assert (await page.do(SignInNurse(nurse_id="ines", pin="1234"))).code is None


async def test_a_session_ends_after_a_working_day(tmp_path: Path) -> None:
    """A cookie that nobody used for twelve hours opens nothing."""
    async with browser() as http:
        async with kiosk_in(tmp_path) as kiosk, page_of(http, kiosk) as page:
            await page.do(SignInNurse(nurse_id="ines", pin="1234"))
        async with kiosk_in(tmp_path) as kiosk:
            kiosk.clock[0] += SESSION_LIFE + timedelta(minutes=1)
            async with page_of(http, kiosk) as page:
                assert page.states[-1].nurse is None


class FullDisk:
    """The store's sessions on a disk that takes nothing any more: reading goes on, every write is refused."""

    def __init__(self, sessions: KioskAccess) -> None:
        self._sessions = sessions
        self.refused: list[str] = []
        self.changed = asyncio.Event()

    def _refuse(self, what: str) -> None:
        self.refused.append(what)
        self.changed.set()
        raise StoreError("store.full")

    async def session(self, token_hash: str) -> KioskSessionRow | None:
        return await self._sessions.session(token_hash)

    async def pin_failures(self, nurse_id: str) -> PinFailures | None:
        return await self._sessions.pin_failures(nurse_id)

    async def sign_in(self, token_hash: str, nurse_id: str, at: datetime) -> None:
        self._refuse("sign_in")

    async def seen(self, token_hash: str, at: datetime) -> None:
        self._refuse("seen")

    async def sign_out(self, token_hash: str) -> None:
        self._refuse("sign_out")

    async def expire(self, before: datetime) -> None:
        self._refuse("expire")

    async def pin_failed(self, nurse_id: str, at: datetime) -> PinFailures:
        raise StoreError("store.full")

    async def pin_forgiven(self, nurse_id: str) -> None:
        self._refuse("pin_forgiven")


async def test_a_full_disk_ends_neither_the_touchscreen_nor_a_session(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """I9: the desk goes on when last uses and old sessions can't be written; the nurse stays signed in."""
    monkeypatch.setattr(desk_module, "REFRESH_SECONDS", 0.01)
    async with browser() as http:
        async with kiosk_in(tmp_path) as kiosk, page_of(http, kiosk) as page:
            port = kiosk.server.port
            await page.do(SignInNurse(nurse_id="ines", pin="1234"))
        async with kiosk_in(tmp_path, port, sessions=FullDisk) as kiosk:
            disk = kiosk.access_store
            assert isinstance(disk, FullDisk)
            kiosk.clock[0] += SEEN_EVERY + timedelta(seconds=1)
            with capture_logs() as logs:
                async with page_of(http, kiosk) as page, asyncio.timeout(WAIT):
                    assert page.states[-1].nurse == NURSE
                    while disk.refused.count("seen") < 3:
                        disk.changed.clear()
                        await disk.changed.wait()
                    assert (await page.do(EnterWaiting())).code == "encounter.none"
            assert "expire" in disk.refused
            unsaved = [entry for entry in logs if entry["event"] == "kiosk.session_unsaved"]
            assert [entry["code"] for entry in unsaved] == ["store.full"]


async def test_a_store_that_can_not_be_read_leaves_the_touchscreen_running(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """I9: looking at the sessions again fails by its code, and the page keeps its nurse and its commands."""
    monkeypatch.setattr(desk_module, "REFRESH_SECONDS", 0.01)
    asked, broken = asyncio.Event(), asyncio.Event()

    async def unread(token_hash: str) -> KioskSessionRow | None:
        if broken.is_set():
            asked.set()
            raise StoreError("store.io")
        return await read(token_hash)

    async with kiosk_in(tmp_path) as kiosk, browser() as http, page_of(http, kiosk) as page:
        read = kiosk.store.kiosk.session
        monkeypatch.setattr(kiosk.store.kiosk, "session", unread)
        await page.do(SignInNurse(nurse_id="ines", pin="1234"))
        broken.set()
        await asyncio.wait_for(asked.wait(), WAIT)
        assert (await page.do(EnterWaiting())).code == "encounter.none"
        asked.clear()
        await asyncio.wait_for(asked.wait(), WAIT)


@pytest.mark.parametrize(("headers", "code"), [
    ({"Host": "evil.example"}, "kiosk.host"), ({"Host": "evil.example:8090"}, "kiosk.host"),
    ({"Origin": "http://evil.example"}, "kiosk.origin"), ({"Sec-Fetch-Site": "cross-site"}, "kiosk.origin")])
async def test_another_site_reaches_nothing(tmp_path: Path, headers: dict[str, str], code: str) -> None:
    """DNS rebinding fails at the Host, a foreign page at its Origin, for the page and for the socket."""
    async with kiosk_in(tmp_path) as kiosk, browser() as http:
        async with http.get(kiosk.url + "/", headers=headers) as answer:
            assert (await answer.json())["code"] == code
            assert "Set-Cookie" not in answer.headers
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await http.ws_connect(kiosk.url + "/ws", protocols=(SUBPROTOCOL,), headers=headers)


async def test_a_socket_without_origin_or_version_is_refused(tmp_path: Path) -> None:
    """Only a page of this server speaks on the socket, and only this version of the wire."""
    async with kiosk_in(tmp_path) as kiosk, browser() as http:
        for options in ({"protocols": (SUBPROTOCOL,)}, {"origin": kiosk.url}):
            with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
                await http.ws_connect(kiosk.url + "/ws", **options)
            assert caught.value.status in (400, 403)


async def test_every_answer_carries_the_strict_headers(tmp_path: Path) -> None:
    """The policy allows nothing from elsewhere, and no page of the doctor or file beside the assets is served."""
    async with kiosk_in(tmp_path) as kiosk, browser() as http:
        for path, status in (("/", 200), ("/assets/a-1.js", 200), ("/doctor.html", 404), ("/nothing", 404),
                             ("/assets/../kiosk.html", 404), ("/assets/%2e%2e/doctor.html", 404)):
            async with http.get(kiosk.url + path) as answer:
                assert answer.status == status, path
                policy = answer.headers["Content-Security-Policy"]
                assert "default-src 'none'" in policy
                assert "frame-ancestors 'none'" in policy
                assert "unsafe" not in policy
                assert answer.headers["X-Content-Type-Options"] == "nosniff"


async def test_states_are_whole_at_most_ten_a_second_and_only_when_they_differ(tmp_path: Path) -> None:
    """A burst of changes within a pause makes one state with the next revision; a change of nothing makes none."""
    pauses: list[float] = []
    paused, go = asyncio.Event(), asyncio.Event()

    async def pause(seconds: float) -> None:
        pauses.append(seconds)
        paused.set()
        await go.wait()
        go.clear()

    async with kiosk_in(tmp_path, sleep=pause) as kiosk, browser() as http, page_of(http, kiosk) as page:
        await page.do(SignInNurse(nurse_id="ines", pin="1234"))
        before = (await page.until(KioskState, lambda state: state.nurse is not None)).revision
        kiosk.desk.changed()
        await paused.wait()
        for number in range(1, 51):
            kiosk.rooms.outbox = number
            kiosk.desk.changed()
        go.set()
        first = await page.until(KioskState, lambda state: state.outbox > 0)
        assert (first.outbox, first.revision) == (50, before + 1)
        go.set()
        kiosk.desk.changed()
        paused.clear()
        await paused.wait()
        kiosk.rooms.outbox = 51
        kiosk.desk.changed()
        go.set()
        last = await page.until(KioskState, lambda state: state.outbox == 51)
        assert last.revision == before + 2
        assert set(pauses) == {desk_module.STATES_SECONDS}


async def test_bad_commands_get_their_code_and_the_page_goes_on(tmp_path: Path) -> None:
    """Text that is no command, a binary message and an unknown field are refused without their content."""
    async with kiosk_in(tmp_path) as kiosk, browser() as http, page_of(http, kiosk) as page:
        for text, number in (("what", 0), ('{"id":7,"body":{"type":"open_encounter","patient":"Dupont"}}', 7)):
            await page.socket.send_str(text)
            reply = await page.until(KioskReply)
            assert (reply.id, reply.code, reply.facts) == (number, "kiosk.command", {})
        await page.socket.send_bytes(b"\x00")
        assert (await page.until(KioskReply)).code == "kiosk.command"
        assert (await page.do(SignInNurse(nurse_id="ines", pin="1234"))).code is None
        assert (await page.do(EnterWaiting())).code == "encounter.none"


async def test_a_page_that_floods_is_told_busy_and_loses_nothing_that_was_taken(tmp_path: Path) -> None:
    """Commands past the lane's length are refused at once; those before are done in order."""
    async with kiosk_in(tmp_path) as kiosk, browser() as http, page_of(http, kiosk) as page:
        await page.do(SignInNurse(nurse_id="ines", pin="1234"))
        kiosk.rooms.gate.clear()
        total = 40
        for number in range(1000, 1000 + total):
            await page.socket.send_str(msgspec.json.encode(KioskCommand(id=number, body=EnterWaiting())).decode())
        await page.until(KioskReply, lambda reply: reply.code == "kiosk.busy" and reply.id == 999 + total)
        kiosk.rooms.gate.set()
        done = [await page.until(KioskReply, lambda reply: reply.code == "encounter.none") for _ in range(16)]
        assert [reply.id for reply in done] == sorted(reply.id for reply in done)
        assert 16 <= len(kiosk.rooms.commands) <= 17


async def test_of_two_pages_the_last_one_has_the_local_connection(tmp_path: Path) -> None:
    """The newest page's offer stands; the older page is told, and an answer to an older offer is stale."""
    async with kiosk_in(tmp_path) as kiosk, browser() as http, page_of(http, kiosk) as old:
        await old.do(SignInNurse(nurse_id="ines", pin="1234"))
        await old.socket.send_str(msgspec.json.encode(KioskCommand(id=99, body=WantLocal())).decode())
        first = await old.until(LocalOffer)
        assert first.sdp == "offer 1"
        async with page_of(http, kiosk) as new:
            await new.socket.send_str(msgspec.json.encode(KioskCommand(id=99, body=WantLocal())).decode())
            second = await new.until(LocalOffer)
            assert second.generation == first.generation + 1
            assert kiosk.rooms.peers[0].closed
            assert (await old.do(WantLocal())).code == "local.elsewhere"
            assert (await old.do(LocalAnswer(generation=second.generation, sdp="x"))).code == "local.stale"
            assert (await new.do(LocalAnswer(generation=first.generation, sdp="x"))).code == "local.stale"
            assert (await new.do(LocalAnswer(generation=second.generation, sdp="answer"))).code is None
            assert kiosk.rooms.peers[1].answered == ["answer"]
            await new.do(SignOutNurse())
            assert kiosk.rooms.peers[1].closed


async def test_samples_reach_a_signed_in_page_as_they_are(tmp_path: Path) -> None:
    """Binary messages are the chunks' own bytes."""
    chunk = Chunk(3, 0, 1.5, 1, (1, -2, 3))
    async with kiosk_in(tmp_path) as kiosk, browser() as http, page_of(http, kiosk) as page:
        await page.do(SignInNurse(nurse_id="ines", pin="1234"))
        kiosk.desk.chunk(chunk)
        assert await page.until(bytes) == bytes(chunk)


async def test_pictures_and_papers_are_served_to_the_signed_in_page(tmp_path: Path) -> None:
    """A still, a prescription and the live view come with their types; an unknown one by its code."""
    async with kiosk_in(tmp_path) as kiosk, browser() as http, page_of(http, kiosk) as page:
        await page.do(SignInNurse(nurse_id="ines", pin="1234"))
        async with http.get(kiosk.url + "/stills/s1") as answer:
            assert (answer.content_type, await answer.read()) == ("image/jpeg", b"\xff\xd8jpeg")
        async with http.get(kiosk.url + "/stills/s2") as answer:
            assert (answer.status, (await answer.json())["code"]) == (404, "still.unknown")
        async with http.get(kiosk.url + "/prescriptions/p1.pdf") as answer:
            assert answer.content_type == "application/pdf"
        async with http.get(kiosk.url + "/preview/none.mjpeg") as answer:
            assert (await answer.json())["code"] == "instrument.unknown"
        async with http.get(kiosk.url + "/preview/skin.mjpeg") as answer:
            assert answer.content_type == "multipart/x-mixed-replace"
            part = await answer.content.readuntil(b"\xff\xd8frame\r\n")
            assert b"Content-Type: image/jpeg" in part


async def test_a_live_view_ends_with_the_session(tmp_path: Path) -> None:
    """Whoever still fetches an examination camera's picture after the nurse signed out gets no more of it."""
    async with kiosk_in(tmp_path) as kiosk, browser() as http, page_of(http, kiosk) as page:
        await page.do(SignInNurse(nurse_id="ines", pin="1234"))
        async with http.get(kiosk.url + "/preview/skin.mjpeg") as answer:
            await answer.content.readuntil(b"\xff\xd8frame\r\n")
            await page.do(SignOutNurse())
            async with asyncio.timeout(WAIT):
                while await answer.content.read(65_536):
                    pass


async def test_a_missing_page_is_said_at_start(tmp_path: Path) -> None:
    """A kiosk without its built page does not start and names the file."""
    async with Store(tmp_path / "data") as store:
        access = Access([], store.kiosk, lambda: datetime.now(UTC))
        rooms = FakeRooms()
        server = KioskServer(host="127.0.0.1", port=0, web_directory=tmp_path, desk=Desk(rooms, access),
                             access=access, rooms=rooms)
        with pytest.raises(KioskRefused) as caught:
            await server.start()
        assert caught.value.facts["path"].endswith("kiosk.html")
