"""Hostile answers: mutations of one of Chromium's, against real offers of the engine."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from gateway.media.engine import MediaRefused
from gateway.media.sdp import read_candidate
from sim.camera import SceneCamera
from tests.integration.test_media_engine import Events, Room, connect, running

ANSWER = (Path(__file__).parents[1] / "vectors" / "sdp" / "chromium_answer.sdp").read_bytes().decode()
LINES = tuple(ANSWER.split("\r\n")[:-1])
CODES = {"media.sdp_bad", "media.fingerprint_bad", "media.codec_missing", "media.candidate_bad"}

HOSTILE = ("", "0", "-1", "65536", "99999999999999999999", "9" * 5000, "²", "\u0660", "\0", "\udcff", "a=", "m=audio",
           " ", "/", ":", ";", "=", "x" * 3000, "()[]*+?", "sha-256", "active", "sha-256 " + "AA:" * 31 + "AA")


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as made:
        yield made


@pytest.fixture(scope="module")
def room(runner: asyncio.Runner) -> Iterator[Room]:
    entered = running(SceneCamera(width=640, height=360))
    yield runner.run(entered.__aenter__())
    runner.run(entered.__aexit__(None, None, None))


async def answered(room: Room, sdp: str) -> str | None:
    """The code of the refusal, None when it was taken."""
    peer = await room.engine.doctor_peer([], Events())
    await peer.offer()
    try:
        await peer.answer(sdp)
    except MediaRefused as refused:
        return refused.code
    finally:
        await peer.close()
    return None


def test_chromiums_own_answer_is_taken(runner: asyncio.Runner, room: Room) -> None:
    """The one all others are made from."""
    assert runner.run(answered(room, ANSWER)) is None


def test_candidates_of_a_bundles_first_section_are_taken(runner: asyncio.Runner, room: Room) -> None:
    """Where browsers write them; without, a peer behind a relay is not reached by ours."""
    async def remotes() -> set[str]:
        peer = await room.engine.doctor_peer([], Events())
        await peer.offer()
        line = "a=candidate:1 1 udp 16785407 192.0.2.9 52825 typ relay raddr 0.0.0.0 rport 0 generation 0"
        await peer.answer(ANSWER.replace("a=ice-ufrag", f"{line}\r\na=ice-ufrag", 1))
        ice = peer._connection.ice
        assert ice is not None
        found = {candidate.host for candidate in ice.remote_candidates}
        await peer.close()
        return found

    assert "192.0.2.9" in runner.run(remotes())


lines = st.integers(0, len(LINES) - 1)
mutations = st.lists(st.one_of(
    st.tuples(st.just("drop"), lines, st.just("")), st.tuples(st.just("double"), lines, st.just("")),
    st.tuples(st.just("swap"), lines, st.integers(0, len(LINES) - 1).map(str)),
    st.tuples(st.just("cut"), lines, st.integers(0, 80).map(str)),
    st.tuples(st.just("word"), lines, st.sampled_from(HOSTILE)),
    st.tuples(st.just("tail"), lines, st.one_of(st.sampled_from(HOSTILE), st.text(max_size=20))),
    st.tuples(st.just("insert"), lines, st.one_of(st.text(max_size=40), st.sampled_from(LINES))),
), min_size=1, max_size=5)


def mutated(steps: list[tuple[str, int, str]]) -> str:
    made = list(LINES)
    for kind, at, what in steps:
        at = min(at, len(made) - 1)
        if kind == "drop" and len(made) > 1:
            del made[at]
        elif kind == "double":
            made.insert(at, made[at])
        elif kind == "swap":
            other = min(int(what), len(made) - 1)
            made[at], made[other] = made[other], made[at]
        elif kind == "cut":
            made[at] = made[at][:int(what)]
        elif kind == "word":
            words = made[at].split(" ")
            words[len(words) // 2] = what
            made[at] = " ".join(words)
        elif kind == "tail":
            made[at] = made[at].partition(":")[0] + ":" + what
        else:
            made.insert(at, what)
    return "\r\n".join([*made, ""])


def test_any_mutation_is_taken_or_refused_with_a_code(runner: asyncio.Runner, room: Room) -> None:
    """Nothing but MediaRefused reaches the caller, nothing at all the event loop; afterwards the next call is made."""
    faults: list[object] = []
    runner.get_loop().set_exception_handler(lambda _, context: faults.append(context))

    @settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @example([("tail", LINES.index("a=rtpmap:96 opus/48000/2"), "9" * 5000 + " opus/48000/2")])
    @example([("tail", LINES.index("a=mid:0"), "1")])
    @given(mutations)
    def refused_or_taken(steps: list[tuple[str, int, str]]) -> None:
        code = runner.run(answered(room, mutated(steps)))
        assert code is None or code in CODES

    refused_or_taken()
    assert not faults

    async def afterwards() -> None:
        events = Events()
        peer = await room.engine.doctor_peer([], events)
        page = await connect(peer)
        await events.until(lambda: bool(events.channels))
        await page.connection.close()
        await peer.close()

    runner.run(afterwards())


@pytest.mark.parametrize("line", [
    "a=ssrc:{n} cname:x", "a=candidate:1 1 udp 1 192.0.2.1 {n} typ host", "a=rtpmap:96 opus/48000/2",
    "a=rtcp-fb:96 nack", "a=extmap:{n} urn:x", "a=ssrc-group:FID {n} {n}", "a=fmtp:96 " + ";" * 40, "a=x:" + " " * 90])
def test_an_answer_as_large_as_may_be_is_read_in_a_moment(runner: asyncio.Runner, room: Room, line: str) -> None:
    """Thirty kilobytes of one line cost no more than a few times what an answer costs: nothing grows by squares."""
    def took(sdp: str) -> float:
        began = time.process_time()
        runner.run(answered(room, sdp))
        return time.process_time() - began

    usual = min(took(ANSWER) for _ in range(3))
    at = LINES.index("a=mid:0") + 1
    filler: list[str] = []
    while len(ANSWER) + sum(len(more) + 2 for more in filler) < 31_000:
        filler.append(line.format(n=1000 + len(filler)))
    large = min(took("\r\n".join([*LINES[:at], *filler, *LINES[at:], ""])) for _ in range(2))
    assert large < 20 * usual + 0.5


@given(st.one_of(st.text(max_size=120), st.lists(st.sampled_from((*HOSTILE, "candidate:1", "1", "udp", "192.0.2.1",
                                                                 "5000", "typ", "host")), max_size=12).map(" ".join)))
def test_any_candidate_is_read_or_refused(text: str) -> None:
    """MediaRefused, None, or a candidate; nothing else comes out."""
    with contextlib.suppress(MediaRefused):
        read_candidate(text)


@pytest.mark.parametrize(("host", "port"), [
    ("224.0.0.251", 5353), ("239.255.255.250", 1900), ("255.255.255.255", 9), ("0.0.0.0", 80), ("::", 80),
    ("ff02::fb", 5353), ("fe80::1%eth0", 5000), ("192.0.2.1", 0), ("metadata.internal", 80), ("x.local", 5000),
    ("x.LOCAL.", 5000), ("127.1", 5000), ("2130706433", 5000), ("0x7f000001", 5000), ("1.2.3.4.5", 5000)])
def test_no_check_goes_where_no_browser_can_be(host: str, port: int) -> None:
    """Groups of hosts, names, notations of old libraries, no port: such a candidate is passed over."""
    assert read_candidate(f"candidate:1 1 udp 99 {host} {port} typ host") is None
    assert read_candidate(f"candidate:1 1 udp 99 192.0.2.1 5000 typ host raddr {host} rport 0") is not None


def test_ten_thousand_candidates_are_sixty_four(runner: asyncio.Runner, room: Room) -> None:
    """In the answer and after it: what is kept of a flood is bounded, and so are the checks it causes."""
    async def kept() -> tuple[int, int]:
        peer = await room.engine.doctor_peer([], Events())
        await peer.offer()
        line = "a=candidate:{n} 1 udp 99 192.0.2.{low} {port} typ host"
        some = "\r\n".join(line.format(n=n, low=n % 250 + 1, port=1000 + n) for n in range(400))
        await peer.answer(ANSWER.replace("a=ice-ufrag", f"{some}\r\na=ice-ufrag", 1))
        for n in range(10_000):
            await peer.candidate(line.format(n=n, low=n % 250 + 1, port=2000 + n).removeprefix("a="))
        ice = peer._connection.ice
        assert ice is not None
        found = len(ice.remote_candidates), len(ice._check_list)
        await peer.close()
        return found

    remotes, pairs = runner.run(kept())
    assert remotes <= 64
    assert pairs <= 2 * 64


@pytest.mark.parametrize("change", ["order", "bundle", "print"])
def test_an_answer_of_another_shape_has_one_transport(runner: asyncio.Runner, room: Room, change: str) -> None:
    """M-lines in another order and a second fingerprint are refused; that they are one bundle need not be said."""
    head, *sections = ("\r\n" + ANSWER).split("\r\nm=")
    if change == "order":
        sdp = "\r\nm=".join([head, sections[1], sections[0], *sections[2:]]).removeprefix("\r\n")
        assert runner.run(answered(room, sdp)) == "media.sdp_bad"
    elif change == "print":
        at = ANSWER.rindex("a=fingerprint:sha-256 ") + len("a=fingerprint:sha-256 ")
        other = "00" if ANSWER[at:at + 2] != "00" else "01"
        assert runner.run(answered(room, ANSWER[:at] + other + ANSWER[at + 2:])) == "media.fingerprint_bad"
    else:
        # Everything goes over the one transport of our offer, said or not.
        sdp = "\r\n".join(line for line in LINES if not line.startswith("a=group:BUNDLE")) + "\r\n"
        assert runner.run(answered(room, sdp)) is None
