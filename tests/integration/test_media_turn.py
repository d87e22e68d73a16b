"""Gathering and media through a real coturn on loopback: every transport, fallback, refusals, expiry."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aioice import Candidate, Connection, stun
from aiortc import RTCIceServer

from gateway.media import gather, gathering, ice, servers, ways
from gateway.media.interfaces import Address
from tests.integration import turn_rig
from tests.integration.turn_rig import CREDENTIAL, USER, Turn

pytestmark = pytest.mark.skipif(bool(turn_rig.missing()), reason=turn_rig.missing())

LOOPBACK = Address("lo", "127.0.0.1")


@pytest.fixture
async def coturn(tmp_path: Path) -> AsyncIterator[Turn]:
    async with turn_rig.turn(tmp_path) as running:
        yield running


def server(*urls: str, credential: str = CREDENTIAL) -> RTCIceServer:
    return RTCIceServer(urls=list(urls), username=USER, credential=credential)


def session(*listed: RTCIceServer, ca: Path | None = None, addresses: tuple[Address, ...] = (LOOPBACK,),
            **options: Any) -> ice.GatewayIce:
    tls = ssl.create_default_context(cafile=str(ca)) if ca is not None else None
    return ice.GatewayIce(lambda: list(addresses), servers=servers.read(listed), tls=tls, ice_controlling=True,
                          **options)


def of_type(made: Connection, kind: str) -> list[Candidate]:
    return [candidate for candidate in made.local_candidates if candidate.type == kind]


async def relay_of(made: ice.GatewayIce, host: str = "127.0.0.1") -> None:
    """Until the one relay on this address is there, offered or trickled."""
    async with asyncio.timeout(40):
        while not (found := [one for one in of_type(made, "relay") if one.host == host]):  # noqa: ASYNC110 - tells nobody
            await asyncio.sleep(0.01)
    assert len(found) == 1


async def join(ours: ice.GatewayIce, theirs: Connection) -> None:
    """Gather and connect both ends."""
    await asyncio.gather(ours.gather_candidates(), theirs.gather_candidates())
    for one, other in ((ours, theirs), (theirs, ours)):
        one.remote_username, one.remote_password = other.local_username, other.local_password
        for candidate in other.local_candidates:
            await one.add_remote_candidate(candidate)
        await one.add_remote_candidate(None)
    await asyncio.gather(ours.connect(), theirs.connect())


@contextlib.asynccontextmanager
async def closing(*sessions: Connection) -> AsyncIterator[None]:
    try:
        yield
    finally:
        for one in sessions:
            await one.close()


@pytest.mark.parametrize("way", ["udp", "tcp", "tls"])
async def test_media_pass_through_a_relay_over_each_transport(coturn: Turn, way: str) -> None:
    """With relays only, no other candidate is offered, and datagrams pass both ways."""
    ours = session(server(coturn.url(way)), ca=coturn.ca, relay_only=True)
    theirs = ice.GatewayIce(lambda: [LOOPBACK], ice_controlling=False)
    async with closing(ours, theirs):
        await join(ours, theirs)
        assert {candidate.type for candidate in ours.local_candidates} == {"relay"}
        assert "127.0.0.1" not in {candidate.related_address for candidate in ours.local_candidates}
        for payload in (b"\x80" + b"a" * 900, b"\x80" + b"b" * 901):
            await ours.send(payload)
            await theirs.send(payload)
            async with asyncio.timeout(40):
                assert await theirs.recv() == payload
                assert await ours.recv() == payload
        assert ours.backlog() == 0


async def test_tcp_and_tls_stand_in_where_udp_is_blocked(coturn: Turn, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that never answers over UDP delays no offer, and costs the stagger; TLS comes when TCP is refused."""
    # So far behind the offer that no load brings the two together.
    monkeypatch.setattr(gather, "STAGGER_SECONDS", 4 * gathering.GATHER_SECONDS)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as deaf:
        deaf.bind(("127.0.0.1", 0))
        silent = f"turn:127.0.0.1:{deaf.getsockname()[1]}?transport=udp"
        closed = f"turn:127.0.0.1:{turn_rig.free_port()}?transport=tcp"
        for other in (coturn.url("tcp"), coturn.url("tls")):
            ours = session(server(silent, closed, other), ca=coturn.ca)
            async with closing(ours):
                await ours.gather_candidates()
                assert [one.type for one in ours.local_candidates] == ["host"]
                await relay_of(ours)


async def test_udp_wins_when_it_answers_and_leaves_no_second_allocation(
        coturn: Turn, monkeypatch: pytest.MonkeyPatch) -> None:
    """All transports listed, UDP answers within its time: one relay candidate, at once."""
    monkeypatch.setattr(gather, "STAGGER_SECONDS", 20.0)
    ours = session(server(coturn.url("tls"), coturn.url("tcp"), coturn.url("udp")), ca=coturn.ca)
    async with closing(ours):
        await ours.gather_candidates()
        await relay_of(ours)
        (relay,) = [protocol for protocol in ours._protocols if protocol.local_candidate.type == "relay"]
        inner: Any = relay.transport._inner  # type: ignore[attr-defined]
        assert isinstance(inner, gather.RelayOverUdp)


async def test_the_first_dead_server_of_several_is_no_loss(coturn: Turn) -> None:
    """A dead TURN and a dead STUN server before good ones: a relay is there at once, the deadline is kept."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as deaf:
        deaf.bind(("127.0.0.1", 0))
        dead = deaf.getsockname()[1]
        ours = session(RTCIceServer(urls=[f"stun:127.0.0.1:{dead}", f"stun:127.0.0.1:{coturn.port}"]),
                       server(f"turn:127.0.0.1:{dead}?transport=udp", coturn.url("udp")))
        async with closing(ours):
            await ours.gather_candidates()
            # Nobody waited for the dead ones: STUN asks them for half a minute.
            assert any(not job.done() for job in ours._jobs)
            await relay_of(ours)


async def test_a_relay_that_answers_late_is_trickled(coturn: Turn, monkeypatch: pytest.MonkeyPatch) -> None:
    """The offer does not wait past its deadline; the candidate follows."""
    monkeypatch.setattr(gathering, "GATHER_SECONDS", 0.0001)
    ours = session(server(coturn.url("tcp")))
    late: asyncio.Queue[Candidate] = asyncio.Queue()
    ours.trickle = late.put_nowait
    async with closing(ours):
        await ours.gather_candidates()
        assert not of_type(ours, "relay")
        async with asyncio.timeout(40):
            found = await late.get()
            while found.type != "relay":
                found = await late.get()


async def test_wrong_credentials_leave_the_host_candidates(coturn: Turn) -> None:
    """401 again and again, and a certificate nobody vouches for: no relay, no exception, no wait."""
    ours = session(server(coturn.url("udp"), coturn.url("tcp"), credential="wrong"), server(coturn.url("tls")))
    async with closing(ours):
        async with asyncio.timeout(40):
            await ours.gather_candidates()
            while jobs := [job for job in ours._jobs if not job.done()]:
                await asyncio.wait(jobs)
        assert {candidate.type for candidate in ours.local_candidates} == {"host"}


async def test_a_stale_nonce_is_renewed(coturn: Turn) -> None:
    """438 or 401 for a nonce the server does not know any more: the request goes out again with the new one."""
    ours = session(server(coturn.url("udp")), relay_only=True)
    async with closing(ours):
        await ours.gather_candidates()
        inner: Any = ours._protocols[0].transport._inner  # type: ignore[attr-defined]
        inner.nonce = b"0123456789abcdef"
        response, _ = await inner.request_with_retry(_refresh(600))
        assert response.attributes["LIFETIME"] > 0
        assert inner.nonce != b"0123456789abcdef"


async def test_an_expired_allocation_is_given_up_and_made_anew(coturn: Turn, monkeypatch: pytest.MonkeyPatch) -> None:
    """A refresh that is refused: the relay is lost, the call goes on directly, another allocation is made, trickled."""
    monkeypatch.setattr(ways, "RENEW_SECONDS", 0.2)
    ours = session(server(coturn.url("udp")))
    theirs = ice.GatewayIce(lambda: [LOOPBACK], ice_controlling=False)
    again: asyncio.Queue[Candidate] = asyncio.Queue()
    async with closing(ours, theirs):
        await join(ours, theirs)
        await relay_of(ours)
        ours.trickle = again.put_nowait
        while not again.empty():
            again.get_nowait()
        (relay,) = [protocol for protocol in ours._protocols if protocol.local_candidate.type == "relay"]
        inner: Any = relay.transport._inner  # type: ignore[attr-defined]
        inner.refresh_task.cancel()
        inner.password = "another"
        inner.integrity_key = bytes(16)
        await inner.refresh(0)
        async with asyncio.timeout(40):
            while (await again.get()).type != "relay":
                pass
        await ours.send(b"\x80on")
        async with asyncio.timeout(40):
            assert await theirs.recv() == b"\x80on"


def _refresh(lifetime: int) -> stun.Message:
    message = stun.Message(message_method=stun.Method.REFRESH, message_class=stun.Class.REQUEST)
    message.attributes["LIFETIME"] = lifetime
    return message


async def test_a_relay_that_dies_leaves_the_call_to_the_other_way(coturn: Turn) -> None:
    """The used allocation ends: the direct way carries on, the session is not closed."""
    ours = session(server(coturn.url("udp")))
    theirs = ice.GatewayIce(lambda: [LOOPBACK], ice_controlling=False)
    async with closing(ours, theirs):
        await join(ours, theirs)
        async with asyncio.timeout(40):
            while len([path for path in ours.paths() if path.alive]) < 2:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        relay = next(track for track in ours._tracks.values() if track.relayed)
        used = ours._used()
        assert used is not None
        ours._move(used, relay, time.monotonic())
        relay.pair.protocol.transport.close()
        async with asyncio.timeout(40):
            while ours._nominated[1] is relay.pair:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        await ours.send(b"\x80after")
        async with asyncio.timeout(40):
            assert await theirs.recv() == b"\x80after"


@pytest.mark.skipif(not socket.has_ipv6, reason="no IPv6 here")
async def test_ipv6_host_and_relayed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An IPv6 address gives a host candidate, and an IPv6 relay where the server has one."""
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
            probe.bind(("::1", 0))
    except OSError:
        pytest.skip("no IPv6 loopback here")
    loop = asyncio.get_running_loop()
    resolve = loop.getaddrinfo

    async def both(host: str, port: int, *, family: int, **options: Any) -> Any:
        # Which families `localhost` has differs from machine to machine.
        return await resolve("::1" if family == socket.AF_INET6 else "127.0.0.1", port, family=family, **options)

    monkeypatch.setattr(loop, "getaddrinfo", both)
    async with turn_rig.turn(tmp_path, addresses=("127.0.0.1", "::1")) as coturn:
        ours = session(server(coturn.url("udp", "localhost")), addresses=(LOOPBACK, Address("lo", "::1")))
        async with closing(ours):
            await ours.gather_candidates()
            assert {candidate.host for candidate in of_type(ours, "host")} == {"127.0.0.1", "::1"}
            for host in ("127.0.0.1", "::1"):
                await relay_of(ours, host)
