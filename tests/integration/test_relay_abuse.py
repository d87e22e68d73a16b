"""Clients that break the rules: a coded answer, a clean close, and nobody else notices."""

from __future__ import annotations

import asyncio
import json
import ssl
import zlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from protocol.limits import SIGNALLING_BURST, SIGNALLING_MESSAGE_BYTES
from protocol.signalling import CallCandidate, Nothing, Queue, Refusal, TakeCall
from relay import bodies
from relay.fleet.ca import IssuingAuthority, private_key_pem
from relay.signalling import socket as socket_module
from tests.integration.relay_rig import Client, Site, in_call, make_site, waiting


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return make_site(tmp_path)


async def refusal(client: Client) -> Refusal:
    while not isinstance(body := await client.next(), Refusal):
        assert body is not None, f"closed with {client.socket.close_code}"
    return body


@pytest.mark.parametrize(("frame", "code", "about"), [
    ("not json", "frame.malformed", 0),
    ("[1,2]", "frame.malformed", 0),
    ('{"n":1,"ack":0}', "frame.malformed", 0),
    ('{"n":1,"ack":0,"body":{"type":"take"}}', "frame.malformed", 1),
    ('{"n":1,"ack":0,"body":{"type":"take","encounter_id":"a b"}}', "frame.malformed", 1),
    ('{"n":1,"ack":0,"body":{"type":"take","encounter_id":"e","more":1}}', "frame.malformed", 1),
    ('{"n":1,"ack":0,"body":{"type":"launch"}}', "frame.unknown_type", 1),
    ('{"n":1,"ack":0,"body":{"type":"encounter"}}', "frame.unknown_type", 1),
    ('{"n":-1,"ack":0,"body":{"type":"nothing"}}', "frame.malformed", 0),
    ('{"n":1e999,"ack":0,"body":{"type":"nothing"}}', "frame.malformed", 0),
    ('{"n":7,"ack":0,"body":{"type":"take","encounter_id":"e"}}', "frame.out_of_order", 7),
    ('{"n":0,"ack":0,"body":{"type":"take","encounter_id":"e"}}', "frame.not_numbered", 0),
    ('{"n":1,"ack":99,"body":{"type":"take","encounter_id":"e"}}', "frame.acknowledged_unsent", 1),
    ('{"n":1,"ack":0,"body":{"type":"hello","version":1,"role":"doctor"}}', "frame.unexpected", 1),
    ("[" * 20_000, "frame.malformed", 0),
    ('"' + "x" * SIGNALLING_MESSAGE_BYTES + '"', "frame.too_large", 0),
])
async def test_a_bad_frame_is_refused_and_the_connection_survives(
        site: Site, frame: str, code: str, about: int) -> None:
    """The refusal names the frame where its number could be read, and the next good one is dealt with."""
    async with site.relay() as rig, rig.doctor() as doctor:
        await doctor.raw(frame)
        refused = await refusal(doctor)
        assert (refused.code, refused.about) == (code, about)
        doctor.sent = 1 if about == 1 else 0
        n = await doctor.say(TakeCall(encounter_id="nowhere"))
        answer = await refusal(doctor)
        assert (answer.code, answer.about) == ("call.gone", n)


async def test_bytes_are_refused(site: Site) -> None:
    """Signalling is text; a binary message is refused and the connection survives."""
    async with site.relay() as rig, rig.doctor() as doctor:
        await doctor.socket.send_bytes(b"\x00\x01")
        assert (await refusal(doctor)).code == "frame.not_text"
        await doctor.say(Nothing())
        await doctor.settled()


async def test_too_many_mistakes_close_one_socket_and_no_other(site: Site) -> None:
    """A broken client is closed with 1008; a call beside it goes on."""
    async with site.relay() as rig:
        device = await rig.vehicle()
        async with rig.bus(device) as bus, rig.doctor("anne") as anne, rig.doctor("paul") as paul:
            assigned, granted = await in_call(bus, anne)
            for _ in range(socket_module.MISTAKES):
                await paul.raw("nonsense")
            for _ in range(socket_module.MISTAKES):
                assert (await refusal(paul)).code == "frame.malformed"
            assert (await refusal(paul)).code == "frame.too_many_mistakes"
            assert await paul.closed() == 1008
            candidate = CallCandidate(call_id=assigned.call_id, generation=1, candidate="after")
            await anne.say(candidate)
            assert await bus.expect(CallCandidate) == candidate
            assert granted.call_id == assigned.call_id


async def test_a_flood_is_slowed_then_closed(site: Site) -> None:
    """Past the burst every message is refused as `rate.exceeded`; who goes on is closed with 1008."""
    async with site.relay() as rig, rig.doctor() as doctor, rig.doctor("paul") as other:
        for n in range(1, SIGNALLING_BURST + 8 * socket_module.EXCESS):
            try:
                await doctor.raw({"n": n, "ack": 0, "body": Nothing()})
            except (ConnectionError, aiohttp.ClientError):
                break
        assert (await refusal(doctor)).code == "rate.exceeded"
        while (body := await doctor.next()) is not None:
            assert isinstance(body, Refusal | Nothing | Queue), body
        assert doctor.socket.close_code == 1008
        await other.say(Nothing())
        await other.settled()


async def test_a_huge_message_closes_cleanly(site: Site) -> None:
    """What is too large even to be read closes the socket with 1009."""
    async with site.relay() as rig, rig.doctor() as doctor:
        await doctor.raw("x" * (socket_module.READ_LIMIT + 1))
        assert await doctor.closed() == 1009


@pytest.mark.parametrize(("first", "code"), [
    ('{"n":0,"ack":0,"body":{"type":"hello","version":1,"role":"doctor","token":"x"}}', "token.refused"),
    ('{"n":0,"ack":0,"body":{"type":"hello","version":2,"role":"doctor","token":"TOKEN"}}', "version.unsupported"),
    ('{"n":0,"ack":0,"body":{"type":"hello","version":1,"role":"vehicle","token":"TOKEN"}}', "forbidden"),
    ('{"n":1,"ack":0,"body":{"type":"take","encounter_id":"e"}}', "frame.hello_needed"),
    ("{}", "frame.malformed"),
])
async def test_a_bad_greeting_is_refused_and_closed(site: Site, first: str, code: str) -> None:
    """Nothing is said to somebody who did not greet with a token that holds."""
    async with site.relay() as rig:
        token, session = await rig.token("anne")
        async with session, rig.doctor(welcome=False) as doctor:
            await doctor.raw(first.replace("TOKEN", token))
            assert (await refusal(doctor)).code == code
            assert await doctor.closed() == 1008


async def test_a_page_of_another_origin_gets_no_socket(site: Site) -> None:
    """The handshake checks the Origin (ASVS 4.4.2)."""
    async with site.relay() as rig:
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await rig.http.ws_connect(f"{rig.url}/ws", headers={"Origin": "https://evil.example"})
        assert refused.value.status == 403


async def test_another_subprotocol_is_refused_before_the_upgrade(site: Site) -> None:
    """A peer of another major version learns it from the status."""
    async with site.relay() as rig:
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await rig.http.ws_connect(f"{rig.url}/ws", protocols=("passerelle.v9",))
        assert refused.value.status == 400


async def test_somebody_of_it_gets_no_doctors_socket(site: Site) -> None:
    """IT's token opens nothing on `/ws`."""
    async with site.relay() as rig, rig.doctor("ines", welcome=False) as client:
        await client.raw({"n": 0, "ack": 0, "body": {"type": "hello", "version": 1, "role": "doctor",
                                                     "token": client.token}})
        assert (await refusal(client)).code == "forbidden"


async def test_a_resume_with_a_wrong_token_starts_anew(site: Site) -> None:
    """Somebody who knows a session's name does not get what was said in it."""
    async with site.relay() as rig, rig.doctor() as first:
        assert first.welcome is not None
        thief: dict[str, Any] = {"type": "hello", "version": 1, "role": "doctor", "token": first.token,
                                 "session": first.welcome.session, "resume_token": "guess", "last_seen": 0}
        async with rig.http.ws_connect(f"{rig.url}/ws") as socket:
            second = Client(first.role, socket)
            await second.raw({"n": 0, "ack": 0, "body": thief})
            welcome = await second.next()
            assert not welcome.resumed
            assert welcome.session != first.welcome.session


async def test_an_idle_socket_without_hello_is_closed(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who says nothing holds no socket."""
    monkeypatch.setattr(socket_module, "HELLO_SECONDS", 0.05)
    async with site.relay() as rig, rig.doctor(welcome=False) as doctor:
        assert (await refusal(doctor)).code == "frame.hello_needed"
        assert await doctor.closed() == 1008


async def test_a_body_that_never_ends_holds_no_socket(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Anybody may post to the sign-in: who says how much comes and then sends nothing is refused and closed."""
    monkeypatch.setattr(bodies, "BODY_SECONDS", 0.05)
    async with site.relay() as rig:
        reader, writer = await asyncio.open_connection("127.0.0.1", rig.relay.browser_port)
        writer.write(f"POST /api/sign-in HTTP/1.1\r\nHost: 127.0.0.1\r\nOrigin: {rig.url}\r\n"
                     "Connection: close\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{".encode())
        assert (await reader.readline()).startswith(b"HTTP/1.1 408 ")
        writer.close()


@pytest.mark.parametrize(("body", "encoding", "status"), [
    (b"[" * 100_000, "", 422),
    (b'{"account":' * 20_000, "", 422),
    (b'{"account":"\xff","password":"\xff"}', "", 422),
    (b'{"account":1e999,"password":NaN}', "", 422),
    (zlib.compress(bytes(100_000_000)), "deflate", 413),
    (b"no deflate", "deflate", 400),
])
async def test_a_body_of_no_sense_is_refused(site: Site, body: bytes, encoding: str, status: int) -> None:
    """Brackets without end, octets that are no text, a hundred megabytes in a hundred kilobytes: a refusal, and the
    next sign-in is dealt with."""
    async with site.relay() as rig:
        headers = {"Origin": rig.url, "Content-Type": "application/json"}
        headers |= {"Content-Encoding": encoding} if encoding else {}
        async with rig.http.post(f"{rig.url}/api/sign-in", data=body, headers=headers) as response:
            assert response.status == status
        await (await rig.sign_in("anne")).close()


async def test_a_peer_that_does_not_read_is_closed(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its queue is bounded, its session ends when its backlog is full, and the others go on."""
    async with site.relay() as rig:
        device = await rig.vehicle()
        async with rig.bus(device) as bus, rig.doctor() as doctor:
            assigned, _ = await in_call(bus, doctor)
            client = rig.relay.switchboard.presence.sessions.of(doctor.role, "d-anne")
            assert client is not None
            # The doctor reads nothing and acknowledges nothing from here on.
            for number in range(300):
                rig.relay.switchboard.presence.send(
                    client, CallCandidate(call_id=assigned.call_id, generation=1, candidate=str(number)))
            assert rig.relay.switchboard.presence.sessions.of(doctor.role, "d-anne") is None
            assert await doctor.closed() == 1013
            await bus.say(waiting("e2"))
            await bus.settled()


async def _handshake(rig: Any, tls: ssl.SSLContext) -> None:
    url = f"https://127.0.0.1:{rig.relay.vehicle_port}/vehicle/ws"
    async with rig.http.ws_connect(url, ssl=tls) as socket:
        message = await socket.receive()
        raise AssertionError(f"let in: {message}")


def _device_files(folder: Path, ca: IssuingAuthority, vehicle_id: str) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, hashes.SHA256())
    pem = request.public_bytes(serialization.Encoding.PEM).decode()
    issued = ca.issue_vehicle(pem, vehicle_id=vehicle_id, name="Bus", now=datetime.now(UTC))
    (folder / "pem").write_text(issued.certificate_pem)
    (folder / "key").write_bytes(private_key_pem(key))
    return folder / "pem", folder / "key"


async def test_no_certificate_or_a_foreign_one_is_no_vehicle(site: Site, tmp_path: Path) -> None:
    """TLS itself refuses them: there is no anonymous vehicle."""
    foreign = IssuingAuthority.create("Somebody else", datetime.now(UTC))
    async with site.relay() as rig:
        bare = ssl.create_default_context(cadata=site.ca.certificate_pem)
        with pytest.raises((aiohttp.ClientError, ConnectionError, ssl.SSLError)):
            await _handshake(rig, bare)
        other = ssl.create_default_context(cadata=site.ca.certificate_pem)
        other.load_cert_chain(*_device_files(tmp_path, foreign, "bus-1"))
        with pytest.raises((aiohttp.ClientError, ConnectionError, ssl.SSLError)):
            await _handshake(rig, other)


async def test_a_certificate_that_the_registry_does_not_know_is_dismissed(site: Site, tmp_path: Path) -> None:
    """Signed by our CA and yet unknown: deny by default, with a reason the vehicle can show."""
    async with site.relay() as rig:
        tls = ssl.create_default_context(cadata=site.ca.certificate_pem)
        tls.load_cert_chain(*_device_files(tmp_path, site.ca, "bus-99"))
        url = f"https://127.0.0.1:{rig.relay.vehicle_port}/vehicle/ws"
        async with rig.http.ws_connect(url, ssl=tls) as socket:
            await socket.send_str('{"n":0,"ack":0,"body":{"type":"hello","version":1,"role":"vehicle"}}')
            async with asyncio.timeout(40):
                said = json.loads((await socket.receive()).data)["body"]
            assert said == {"type": "dismissed", "code": "vehicle.unknown"}
