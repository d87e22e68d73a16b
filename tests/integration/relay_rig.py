"""A real relay on free ports, and clients that speak its wire: what the relay's integration tests share."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import aiohttp
import msgspec
from argon2 import PasswordHasher
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy import update

from protocol import SUBPROTOCOL, VERSION
from protocol.accounts import Enrolled, Enrolment, SignIn, Token, VehicleWanted
from protocol.binding import Binding, Side
from protocol.guests import GuestInvitation, GuestRole, GuestWanted
from protocol.signalling import (
    CallAssigned,
    CallGranted,
    CallOffer,
    Dismissed,
    EncounterPhase,
    EncounterState,
    FrameToDoctor,
    FrameToGuest,
    FrameToVehicle,
    Hello,
    Nothing,
    Queue,
    Refusal,
    Role,
    TakeCall,
    Welcome,
)
from protocol.values import Reason, Urgency
from relay.app import Relay, running
from relay.config import Config, parse
from relay.fleet.ca import IssuingAuthority, private_key_pem
from relay.storage.people import SignedIn

WAIT = 30.0
PASSWORD = "un mot de passe de test"
HASH = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)

T = TypeVar("T")

_FRAMES = {Role.vehicle: FrameToVehicle, Role.doctor: FrameToDoctor, Role.guest: FrameToGuest}


@dataclass
class Site:
    """A folder with everything a relay is configured with."""

    folder: Path
    ca: IssuingAuthority
    config: Config

    @asynccontextmanager
    async def relay(self) -> AsyncIterator[Running]:
        """A relay over this folder's data; start it again to see what it kept."""
        async with running(self.config) as relay, aiohttp.ClientSession() as http:
            yield Running(self, relay, http)


def make_site(folder: Path, *, demo: bool = True, extra: str = "") -> Site:
    """Two doctors (`anne`, `paul`) and one person of IT (`ines`), all with the same password."""
    now = datetime.now(UTC)
    ca = IssuingAuthority.create("Exploitant de test", now)
    (folder / "ca.pem").write_text(ca.certificate_pem)
    (folder / "ca.key").write_bytes(ca.key_pem)
    key = ec.generate_private_key(ec.SECP256R1())
    server = ca.issue_server(key.public_key(), hosts=["127.0.0.1", "localhost"], now=now)
    (folder / "server.pem").write_text(server.certificate_pem)
    (folder / "server.key").write_bytes(private_key_pem(key))
    doctors = "".join(f"""
[[doctor]]
id = "d-{name}"
account = "{name}"
password_hash = "{HASH}"
name = "Dr {name.title()}"
rpps = "1000000000{place}"
""" for place, name in enumerate(("anne", "paul"))) if demo else ""
    text = f"""
data = "data"
demo = {str(demo).lower()}
[browser]
port = 0
web = "dist"
[vehicle]
port = 0
certificate = "server.pem"
key = "server.key"
ca = "ca.pem"
public_url = "https://127.0.0.1:8444"
[ca]
certificate = "ca.pem"
key = "ca.key"
{extra}
{doctors}
[[it]]
account = "ines"
password_hash = "{HASH}"
"""
    return Site(folder, ca, parse(text, folder))


@dataclass
class Running:
    """A relay that answers, and the ways to reach it."""

    site: Site
    relay: Relay
    http: aiohttp.ClientSession

    @property
    def url(self) -> str:
        """Where people go."""
        return f"http://127.0.0.1:{self.relay.browser_port}"

    async def sign_in(self, account: str) -> aiohttp.ClientSession:
        """A browser's session with its cookie; close it."""
        session = aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True),
                                        headers={"Origin": self.url})
        async with session.post(f"{self.url}/api/sign-in", json=msgspec.to_builtins(
                SignIn(account=account, password=PASSWORD))) as response:
            assert response.status == 204, await response.text()
        return session

    async def token(self, account: str) -> tuple[str, aiohttp.ClientSession]:
        """A token for `/ws`, and the session it belongs to."""
        session = await self.sign_in(account)
        async with session.post(f"{self.url}/api/token") as response:
            assert response.status == 200, await response.text()
            return msgspec.json.decode(await response.read(), type=Token).token, session

    async def expire_sign_ins(self) -> None:
        """Every sign-in has reached its time, and the sweep passes."""
        async with self.relay.context.storage.session() as session:
            await session.execute(update(SignedIn).values(ends_at=datetime.now(UTC)))
        await self.relay.context.sign_ins.end_expired()

    async def vehicle(self, name: str = "Bus 1", territory: str = "Ariège") -> Device:
        """A vehicle that IT created and that enrolled."""
        created = await self.relay.fleet.create(VehicleWanted(name=name, territory=territory), by="it:ines")
        key = ec.generate_private_key(ec.SECP256R1())
        request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, hashes.SHA256())
        pem = request.public_bytes(serialization.Encoding.PEM).decode()
        enrolled = await self.relay.fleet.enrol(Enrolment(code=created.code, csr=pem))
        return Device(self.site, enrolled, key)

    @asynccontextmanager
    async def doctor(self, account: str = "anne", *, welcome: bool = True,
                     last: Client | None = None) -> AsyncIterator[Client]:
        """A doctor's page with an open socket. `last`: the page whose session it goes on with."""
        token, session = await self.token(account)
        async with session, session.ws_connect(f"{self.url}/ws", protocols=(SUBPROTOCOL,)) as socket:
            client = Client(Role.doctor, socket, token=token)
            if welcome:
                await client.hello(last)
            yield client

    async def invite(self, call_id: str, account: str = "anne", role: GuestRole = GuestRole.interpreter,
                     name: str = "M. Ba") -> GuestInvitation:
        """A link, as the doctor's page asks for it."""
        async with await self.sign_in(account) as session, session.post(
                f"{self.url}/doctor/calls/{call_id}/guests",
                json=msgspec.to_builtins(GuestWanted(role=role, name=name))) as response:
            assert response.status == 201, await response.text()
            return msgspec.json.decode(await response.read(), type=GuestInvitation)

    @asynccontextmanager
    async def guest(self, token: str = "", *, resume: str = "", session: str | None = None, last_seen: int = 0,
                    welcome: bool = True) -> AsyncIterator[Client]:
        """A guest's page with an open socket; `token` is the link's, `resume` its own."""
        async with self.http.ws_connect(f"{self.url}/guest/ws", protocols=(SUBPROTOCOL,)) as socket:
            client = Client(Role.guest, socket)
            if welcome:
                await client.raw({"n": 0, "ack": 0, "body": Hello(
                    version=VERSION, role=Role.guest, token=token, session=session, resume_token=resume,
                    last_seen=last_seen)})
                client.welcome = await client.expect(Welcome)
                client.seen = last_seen if client.welcome.resumed else 0
            yield client

    @asynccontextmanager
    async def bus(self, device: Device, *, welcome: bool = True, last: Client | None = None) -> AsyncIterator[Client]:
        """A vehicle with an open socket."""
        url = f"https://127.0.0.1:{self.relay.vehicle_port}/vehicle/ws"
        async with self.http.ws_connect(url, protocols=(SUBPROTOCOL,), ssl=device.tls()) as socket:
            client = Client(Role.vehicle, socket)
            if welcome:
                await client.hello(last)
            yield client


@dataclass
class Device:
    """What a vehicle holds after its enrolment."""

    site: Site
    enrolled: Enrolled
    key: ec.EllipticCurvePrivateKey

    @property
    def vehicle_id(self) -> str:
        """Its identifier."""
        return self.enrolled.vehicle_id

    def tls(self, certificate: str | None = None) -> ssl.SSLContext:
        """A client context with its certificate."""
        folder = self.site.folder / "devices" / self.vehicle_id
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "key").write_bytes(private_key_pem(self.key))
        (folder / "pem").write_text(certificate or self.enrolled.certificate)
        context = ssl.create_default_context(cadata=self.site.ca.certificate_pem)
        context.load_cert_chain(folder / "pem", folder / "key")
        return context


@dataclass
class Client:
    """One end of a signalling socket that follows the rules, unless a test makes it break them."""

    role: Role
    socket: aiohttp.ClientWebSocketResponse
    token: str = ""
    welcome: Welcome | None = None
    sent: int = 0
    seen: int = 0
    acknowledged: int = 0
    frames: list[Any] = field(default_factory=list)

    async def hello(self, last: Client | None = None) -> Welcome:
        """Greet, as a new client or as the one that lost its socket."""
        hello = Hello(version=VERSION, role=self.role, token=self.token)
        if last is not None and last.welcome is not None:
            hello = msgspec.structs.replace(hello, session=last.welcome.session,
                                            resume_token=last.welcome.resume_token, last_seen=last.seen)
        await self.raw({"n": 0, "ack": 0, "body": hello})
        self.welcome = await self.expect(Welcome)
        if self.welcome.resumed and last is not None:
            self.sent, self.seen = last.sent, last.seen
        return self.welcome

    async def say(self, body: object) -> int:
        """Send one numbered message."""
        self.sent += 1
        await self.raw({"n": self.sent, "ack": self.seen, "body": body})
        return self.sent

    async def raw(self, frame: object) -> None:
        """Send whatever the test wants."""
        await self.socket.send_str(frame if isinstance(frame, str) else msgspec.json.encode(frame).decode())

    async def next(self) -> Any:
        """The next body; None when the socket closed."""
        async with asyncio.timeout(WAIT):
            message = await self.socket.receive()
        if message.type is not aiohttp.WSMsgType.TEXT:
            return None
        frame: Any = msgspec.json.decode(message.data, type=_FRAMES[self.role])
        self.acknowledged = max(self.acknowledged, frame.ack)
        if frame.n:
            assert frame.n == self.seen + 1, f"frame {frame.n} after {self.seen}"
            self.seen = frame.n
        return frame.body

    async def expect(self, kind: type[T], when: Callable[[T], bool] = lambda _: True) -> T:
        """The next body of this kind; others before it are passed over."""
        while (body := await self.next()) is not None:
            if isinstance(body, kind) and when(body):
                return body
            assert isinstance(kind, type)
            assert not isinstance(body, Refusal | Dismissed) or kind in (Nothing,), body
        raise AssertionError(f"closed with {self.socket.close_code} before a {kind.__name__}")

    async def closed(self) -> int | None:
        """The code with which the relay closed."""
        while await self.next() is not None:
            pass
        return self.socket.close_code

    async def settled(self) -> None:
        """Return when the relay has dealt with everything that was said."""
        while self.acknowledged < self.sent:
            assert await self.next() is not None, "closed before it acknowledged"

    async def acknowledge(self) -> None:
        """Say how far it has read."""
        await self.raw({"n": 0, "ack": self.seen, "body": Nothing()})


def waiting(encounter_id: str = "e1", **changes: Any) -> EncounterState:
    """An encounter that waits for a doctor."""
    state = EncounterState(encounter_id=encounter_id, phase=EncounterPhase.waiting, opened_at=datetime.now(UTC),
                           waiting_since=datetime.now(UTC), reason=Reason.cough, urgency=Urgency.routine)
    return msgspec.structs.replace(state, **changes)


async def in_call(bus: Client, doctor: Client, encounter_id: str = "e1") -> tuple[CallAssigned, CallGranted]:
    """The vehicle waits, the doctor takes it, both know."""
    await bus.say(waiting(encounter_id))
    await doctor.expect(Queue, lambda queue: any(entry.encounter_id == encounter_id for entry in queue.entries))
    await doctor.say(TakeCall(encounter_id=encounter_id))
    return await bus.expect(CallAssigned), await doctor.expect(CallGranted)


def offer(assigned: CallAssigned, **changes: Any) -> CallOffer:
    """An offer of this generation; its binding is for the ends to judge."""
    binding = Binding(side=Side.vehicle, call_id=assigned.call_id, generation=assigned.generation, vehicle_id="v",
                      doctor_id=assigned.doctor.doctor_id, fingerprint=":".join(["AB"] * 32), certificate="pem",
                      signature="A" * 86 + "==")
    made = CallOffer(call_id=assigned.call_id, generation=assigned.generation, sdp="v=0", binding=binding)
    return msgspec.structs.replace(made, **changes)
