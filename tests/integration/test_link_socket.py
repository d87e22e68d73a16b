"""The relay link over real mutual TLS on loopback; the relay is a small scripted one."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
import uvloop
from aiohttp import web
from blockbuster import blockbuster_ctx
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from structlog.testing import capture_logs

from gateway import inbox, vigil
from gateway import link as link_module
from gateway.identity import DeviceIdentity, IdentityRefused, VehicleFile
from gateway.link import LinkEvents, RelayLink
from gateway.printing.errors import PaperUnsaved
from gateway.store import StoreError
from protocol import SUBPROTOCOL, SUBPROTOCOL_1
from protocol.kiosk import RelayLink as LinkState
from protocol.quality import CallSummary
from protocol.signalling import (
    CallLeft,
    Dismissed,
    FrameFromVehicle,
    FrameToVehicle,
    Hello,
    Place,
    ToVehicle,
    VehicleHealth,
    Welcome,
)
from relay.fleet.ca import IssuingAuthority, private_key_pem

NOW = datetime.now(UTC)
WAIT = 30.0

Script = Callable[[web.WebSocketResponse, Hello], Awaitable[None]]


def make_identity(directory: Path, ca: IssuingAuthority, *, issuer: IssuingAuthority | None = None,
                  issued: datetime = NOW, vehicle_id: str = "bus-1") -> DeviceIdentity:
    directory.mkdir(parents=True, exist_ok=True)
    key = ec.generate_private_key(ec.SECP256R1())
    csr = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, hashes.SHA256())
    issuer = issuer or ca
    pem = issuer.issue_vehicle(csr.public_bytes(serialization.Encoding.PEM).decode(), vehicle_id=vehicle_id,
                               name="Bus", now=issued).certificate_pem
    (directory / "vehicle.key").write_bytes(private_key_pem(key))
    (directory / "vehicle.pem").write_text(pem)
    (directory / "ca.pem").write_text(issuer.certificate_pem)
    (directory / "vehicle.json").write_bytes(msgspec.json.encode(
        VehicleFile(vehicle_id=vehicle_id, name="Bus", relay_url="https://127.0.0.1")))
    identity = DeviceIdentity.load(directory)
    (directory / "ca.pem").write_text(ca.certificate_pem)
    identity.ca_pem = ca.certificate_pem
    return identity


class ScriptedRelay:
    """Speaks the wire of the relay and does what a test tells it."""

    def __init__(self) -> None:
        self.scripts: list[Script] = []
        self.hellos: list[Hello] = []
        self.frames: list[FrameFromVehicle] = []
        self.arrived = asyncio.Event()
        self.spoken: tuple[str, ...] = (SUBPROTOCOL_1, SUBPROTOCOL)
        self.url = ""

    async def say(self, socket: web.WebSocketResponse, n: int, body: ToVehicle, ack: int = 0) -> None:
        await socket.send_str(msgspec.json.encode(FrameToVehicle(n=n, ack=ack, body=body)).decode())

    async def hear(self, socket: web.WebSocketResponse) -> FrameFromVehicle:
        frame = msgspec.json.decode(await socket.receive_str(timeout=WAIT), type=FrameFromVehicle)
        self.frames.append(frame)
        return frame

    async def welcome(self, socket: web.WebSocketResponse, *, resumed: bool = False, last_seen: int = 0,
                      session: str = "s1") -> None:
        await self.say(socket, 0, Welcome(session=session, resume_token="t", resumed=resumed, last_seen=last_seen,
                                          server_time=datetime.now(UTC)))

    async def handle(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(protocols=self.spoken)
        await socket.prepare(request)
        hello = (await self.hear(socket)).body
        assert isinstance(hello, Hello)
        self.hellos.append(hello)
        script = self.scripts.pop(0) if self.scripts else hold
        await script(socket, hello)
        await socket.close()
        return socket


async def hold(socket: web.WebSocketResponse, hello: Hello) -> None:
    await socket.receive()


@asynccontextmanager
async def serving(ca: IssuingAuthority, directory: Path, *, host: str = "127.0.0.1", issued: datetime = NOW,
                  listening: socket.socket | None = None) -> AsyncIterator[ScriptedRelay]:
    relay = ScriptedRelay()
    key = ec.generate_private_key(ec.SECP256R1())
    chain = directory / "server.pem"
    chain.write_bytes(ca.issue_server(key.public_key(), hosts=[host], now=issued).certificate_pem.encode()
                      + private_key_pem(key))
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(chain)
    tls.load_verify_locations(cadata=ca.certificate_pem)
    tls.verify_mode = ssl.CERT_REQUIRED
    app = web.Application()
    app.router.add_get("/" + link_module.SOCKET_PATH, relay.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    if listening is None:
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
        relay.url = f"https://127.0.0.1:{runner.addresses[0][1]}"
    else:
        await web.SockSite(runner, listening, ssl_context=tls).start()
        relay.url = f"https://{host}:{runner.addresses[0][1]}"
    try:
        yield relay
    finally:
        # Who was cut off says nothing any more, and TLS would wait for it.
        for handler in runner.server.connections if runner.server is not None else ():
            if handler.transport is not None:
                handler.transport.abort()
        await runner.cleanup()


class Vehicle:
    """Records what the link says."""

    def __init__(self, url: str, identity: DeviceIdentity) -> None:
        self.got: list[ToVehicle] = []
        self.ups: list[bool] = []
        self._moved = asyncio.Event()
        self.link = RelayLink(url, identity, LinkEvents(received=self._received, up=self._up, changed=self._moved.set),
                              jitter=lambda: 0.0)

    async def _received(self, body: ToVehicle) -> None:
        self.got.append(body)
        self._moved.set()

    async def _up(self, resumed: bool) -> None:
        self.ups.append(resumed)
        self._moved.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(WAIT):
            while not condition():
                self._moved.clear()
                await self._moved.wait()


@asynccontextmanager
async def driving(vehicle: Vehicle) -> AsyncIterator[None]:
    task = asyncio.ensure_future(vehicle.link.run())
    try:
        with blockbuster_ctx():  # I9: whatever blocks the loop from here on fails the test
            yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


@pytest.fixture
def ca() -> IssuingAuthority:
    return IssuingAuthority.create("Operator", NOW)


async def test_a_break_resumes_the_session_and_loses_nothing(ca: IssuingAuthority, tmp_path: Path) -> None:
    """A frame the relay never acknowledged goes again after a break, and what it sent twice arrives once."""
    async with serving(ca, tmp_path) as relay:
        done = asyncio.Event()

        async def first(socket: web.WebSocketResponse, hello: Hello) -> None:
            await relay.welcome(socket)
            await relay.say(socket, 1, Place(encounter_id="e", place=1, doctors=1))
            frame = await relay.hear(socket)
            while not isinstance(frame.body, CallLeft):
                frame = await relay.hear(socket)

        async def second(socket: web.WebSocketResponse, hello: Hello) -> None:
            assert hello.session == "s1"
            assert hello.resume_token == "t"
            await relay.welcome(socket, resumed=True, last_seen=0)
            await relay.say(socket, 1, Place(encounter_id="e", place=1, doctors=1))
            await relay.say(socket, 2, Place(encounter_id="e", place=2, doctors=1))
            frame = await relay.hear(socket)
            while not isinstance(frame.body, CallLeft):
                frame = await relay.hear(socket)
            await relay.say(socket, 0, Place(encounter_id="e", place=3, doctors=1), ack=frame.n)
            await socket.receive()
            done.set()

        relay.scripts = [first, second]
        vehicle = Vehicle(relay.url, make_identity(tmp_path / "id", ca))
        confirmed = asyncio.Event()
        vehicle.link.send(CallLeft(call_id="c", finished=True), confirmed.set)
        async with driving(vehicle):
            await asyncio.wait_for(confirmed.wait(), WAIT)
            await asyncio.wait_for(vehicle.link.flushed(), WAIT)
            await vehicle.until(lambda: len([b for b in vehicle.got if isinstance(b, Place)]) == 3)
        places = [body.place for body in vehicle.got if isinstance(body, Place)]
        assert places == [1, 2, 3]
        assert vehicle.ups == [False, True]


@pytest.mark.parametrize(("spoken", "said"), [((SUBPROTOCOL,), False), ((SUBPROTOCOL_1, SUBPROTOCOL), True)])
async def test_a_relay_is_told_only_what_it_knows(ca: IssuingAuthority, tmp_path: Path, spoken: tuple[str, ...],
                                                  said: bool) -> None:
    """One of before `VehicleHealth.call` would refuse the whole message, and after sixteen the socket."""
    call = CallSummary(running=False, seconds=60, voice_good_percent=99.0, picture_good_percent=90.0)
    heard: list[dict[str, Any]] = []
    done = asyncio.Event()
    async with serving(ca, tmp_path) as relay:
        relay.spoken = spoken

        async def script(socket: web.WebSocketResponse, hello: Hello) -> None:
            await relay.welcome(socket)
            while not heard or heard[-1]["body"]["type"] != "health":
                heard.append(msgspec.json.decode(await socket.receive_str(timeout=WAIT)))
            done.set()
            await socket.receive()

        relay.scripts = [script]
        vehicle = Vehicle(relay.url, make_identity(tmp_path / "id", ca))
        async with driving(vehicle):
            await vehicle.until(lambda: vehicle.link.online)
            vehicle.link.send(VehicleHealth(release="1", call=call))
            await asyncio.wait_for(done.wait(), WAIT)
    body = heard[-1]["body"]
    assert ("call" in body, body["release"], body["camera"]) == (said, "1", True)
    assert not said or body["call"]["seconds"] == 60


class Unwell(Vehicle):
    """Its disk refuses what it is told until it is well."""

    def __init__(self, url: str, identity: DeviceIdentity, error: Exception) -> None:
        super().__init__(url, identity)
        self.error, self.well, self.tries = error, False, 0

    async def _received(self, body: ToVehicle) -> None:
        if isinstance(body, Place) and not self.well:
            self.tries += 1
            self._moved.set()
            raise self.error
        await super()._received(body)


@pytest.mark.parametrize("error", [StoreError("store.full"), PaperUnsaved("store.full")])
async def test_what_the_disk_refused_is_not_acknowledged_until_it_is_saved(
        ca: IssuingAuthority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    """I1: the handler is repeated, in order, logged once, and the relay keeps the message meanwhile."""
    monkeypatch.setattr(inbox, "UNSAVED_SECONDS", 0.01)
    async with serving(ca, tmp_path) as relay:
        acknowledged = asyncio.Event()

        async def announce(socket: web.WebSocketResponse, hello: Hello) -> None:
            await relay.welcome(socket)
            await relay.say(socket, 1, Place(encounter_id="e", place=1, doctors=1))
            await relay.say(socket, 2, Place(encounter_id="e", place=2, doctors=1))
            while (await relay.hear(socket)).ack < 2:
                pass
            acknowledged.set()
            await socket.receive()

        relay.scripts = [announce]
        vehicle = Unwell(relay.url, make_identity(tmp_path / "id", ca), error)
        with capture_logs() as logs:
            async with driving(vehicle):
                await vehicle.until(lambda: vehicle.tries >= 3)
                vehicle.link.send(CallLeft(call_id="c", finished=True))
                await vehicle.until(lambda: vehicle.tries >= 5)
                assert all(frame.ack == 0 for frame in relay.frames)
                vehicle.well = True
                await asyncio.wait_for(acknowledged.wait(), WAIT)
        assert [body.place for body in vehicle.got if isinstance(body, Place)] == [1, 2]
        assert [entry["code"] for entry in logs if entry["event"] == "link.handler"] == ["store.full"]


async def test_a_link_whose_disk_refuses_ends_when_it_is_asked_to(ca: IssuingAuthority, tmp_path: Path) -> None:
    """The wait before the next try is cancelled with the link."""
    async with serving(ca, tmp_path) as relay:
        async def announce(socket: web.WebSocketResponse, hello: Hello) -> None:
            await relay.welcome(socket)
            await relay.say(socket, 1, Place(encounter_id="e", place=1, doctors=1))
            await socket.receive()

        relay.scripts = [announce]
        vehicle = Unwell(relay.url, make_identity(tmp_path / "id", ca), StoreError("store.full"))
        async with asyncio.timeout(WAIT), driving(vehicle):
            await vehicle.until(lambda: vehicle.tries == 1)


async def test_a_handlers_own_fault_holds_up_nothing(ca: IssuingAuthority, tmp_path: Path) -> None:
    """A message that can never be handled is logged, acknowledged and not tried again."""
    async with serving(ca, tmp_path) as relay:
        acknowledged = asyncio.Event()

        async def announce(socket: web.WebSocketResponse, hello: Hello) -> None:
            await relay.welcome(socket)
            await relay.say(socket, 1, Place(encounter_id="e", place=1, doctors=1))
            while (await relay.hear(socket)).ack < 1:
                pass
            acknowledged.set()
            await socket.receive()

        relay.scripts = [announce]
        vehicle = Unwell(relay.url, make_identity(tmp_path / "id", ca), ValueError())
        async with driving(vehicle):
            await asyncio.wait_for(acknowledged.wait(), WAIT)
        assert vehicle.tries == 1


async def test_a_dismissal_is_told_and_retried_slowly(ca: IssuingAuthority, tmp_path: Path,
                                                      monkeypatch: pytest.MonkeyPatch) -> None:
    """A revoked vehicle hears its code, is offline by that code, and asks again for a new session."""
    monkeypatch.setattr(link_module, "DISMISSED_SECONDS", 0.01)
    async with serving(ca, tmp_path) as relay:
        async def dismiss(socket: web.WebSocketResponse, hello: Hello) -> None:
            await relay.welcome(socket)
            await relay.say(socket, 1, Dismissed(code="vehicle.revoked"))
            await socket.receive()

        async def take_back(socket: web.WebSocketResponse, hello: Hello) -> None:
            await relay.welcome(socket, session="s2")
            await socket.receive()

        relay.scripts = [dismiss, take_back]
        vehicle = Vehicle(relay.url, make_identity(tmp_path / "id", ca))
        async with driving(vehicle):
            await vehicle.until(lambda: Dismissed(code="vehicle.revoked") in vehicle.got)
            await vehicle.until(lambda: len(vehicle.ups) == 2)
        assert relay.hellos[1].session is None


async def test_malformed_words_of_the_relay_start_a_new_session(ca: IssuingAuthority, tmp_path: Path) -> None:
    """A message that can't be read ends the socket and its session, never the process."""
    async with serving(ca, tmp_path) as relay:
        async def babble(socket: web.WebSocketResponse, hello: Hello) -> None:
            await relay.welcome(socket)
            await socket.send_str(json.dumps({"n": 1, "ack": 0, "body": {"type": "unheard_of"}}))
            await socket.receive()

        async def again(socket: web.WebSocketResponse, hello: Hello) -> None:
            await relay.welcome(socket, session="s2")
            await socket.receive()

        relay.scripts = [babble, again]
        vehicle = Vehicle(relay.url, make_identity(tmp_path / "id", ca))
        async with driving(vehicle):
            await vehicle.until(lambda: vehicle.ups == [False, False])
        assert [hello.session for hello in relay.hellos] == [None, None]


@pytest.mark.parametrize(("case", "code"), [
    ("foreign_relay", "relay.certificate_foreign"), ("expired_relay", "relay.certificate_expired"),
    ("other_name", "relay.certificate_name"), ("expired", "certificate.expired"), ("foreign", "certificate.refused"),
    ("nobody", "relay.unreachable")])
async def test_a_certificate_that_does_not_hold_is_one_line_with_a_code(
        ca: IssuingAuthority, tmp_path: Path, case: str, code: str) -> None:
    """Each bad certificate, theirs or ours, has its own reason code, logged once, without a traceback."""
    long_ago = NOW - timedelta(days=800)
    other = IssuingAuthority.create("Other", NOW)
    relay_ca = other if case == "foreign_relay" else ca
    async with serving(relay_ca, tmp_path, host="relay.example" if case == "other_name" else "127.0.0.1",
                       issued=long_ago if case == "expired_relay" else NOW) as relay:
        identity = make_identity(tmp_path / "id", ca, issuer=other if case == "foreign" else None,
                                 issued=long_ago if case == "expired" else NOW)
        vehicle = Vehicle("https://127.0.0.1:1" if case == "nobody" else relay.url, identity)
        with capture_logs() as logs:
            async with driving(vehicle):
                await vehicle.until(lambda: vehicle.link.view.state is LinkState.offline)
                assert vehicle.link.view.code == code
        lines = [entry for entry in logs if entry["event"] == "link.down"]
        assert len(lines) == 1
        assert lines[0]["code"] == code
        assert "exc_info" not in lines[0]


async def test_an_identity_folder_that_does_not_fit_together_is_refused(ca: IssuingAuthority, tmp_path: Path) -> None:
    """A key of another vehicle, a file that is gone, a folder never enrolled: each its own code."""
    with pytest.raises(IdentityRefused, match=r"identity\.not_enrolled"):
        DeviceIdentity.load(tmp_path)
    make_identity(tmp_path / "a", ca)
    make_identity(tmp_path / "b", ca)
    (tmp_path / "a" / "vehicle.key").write_bytes((tmp_path / "b" / "vehicle.key").read_bytes())
    with pytest.raises(IdentityRefused, match=r"identity\.key_mismatch"):
        DeviceIdentity.load(tmp_path / "a")
    (tmp_path / "b" / "ca.pem").unlink()
    with pytest.raises(IdentityRefused, match=r"identity\.missing"):
        DeviceIdentity.load(tmp_path / "b")


def test_the_gateways_own_loop_moves_and_ends_a_link(ca: IssuingAuthority, tmp_path: Path,
                                                     monkeypatch: pytest.MonkeyPatch) -> None:
    """uvloop's sockets know less than asyncio's: a silent socket is replaced, and the last one closes."""
    monkeypatch.setattr(vigil, "QUIET_SECONDS", 0.1)
    monkeypatch.setattr(link_module, "PING_SECONDS", 100.0)

    async def scenario() -> list[bool]:
        async with serving(ca, tmp_path) as relay:
            async def silent(line: web.WebSocketResponse, hello: Hello) -> None:
                await relay.welcome(line, resumed=hello.session is not None)
                await line.receive()

            relay.scripts = [silent] * 20
            vehicle = Vehicle(relay.url, make_identity(tmp_path / "id", ca))
            async with driving(vehicle):
                await vehicle.until(lambda: len(vehicle.ups) >= 2)
            return vehicle.ups

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(scenario())[:2] == [False, True]
