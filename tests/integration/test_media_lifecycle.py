"""A peer connection gives back what it holds, whoever is cancelled, whatever hangs; what fails in one ends that one."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Coroutine, Generator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from gateway.media import peers
from gateway.media.config import CameraConfig, MediaConfig
from gateway.media.engine import MediaEngine, PeerState
from gateway.media.sound import SoundPacket
from sim.camera import SceneCamera
from tests.integration.test_media_engine import WAIT, Events, Page, Room, Tone, codes, connect, running, until_heard


@pytest.fixture
async def bare() -> MediaEngine:
    """An engine whose camera is away and that makes no picture."""
    return MediaEngine(MediaConfig(CameraConfig("tcp://127.0.0.1:9", 640, 360), interfaces=("lo",)), lambda: None)


@pytest.fixture
async def room() -> AsyncIterator[Room]:
    async with running(SceneCamera(width=640, height=360)) as room:
        yield room


class CutAt:
    """Awaits something and has its own task cancelled in the n-th wait; `waits` is how many there were."""

    def __init__(self, work: Coroutine[Any, Any, None], wait: int) -> None:
        self._work, self._wait, self.waits = work, wait, 0

    def __await__(self) -> Generator[Any, None, None]:
        step: Callable[[], Any] = partial(self._work.send, None)
        while True:
            try:
                future = step()
            except StopIteration:
                return
            self.waits += 1
            if self.waits == self._wait:
                task = asyncio.current_task()
                assert task is not None
                task.cancel()
            try:
                yield future
            except BaseException as error:
                step = partial(self._work.throw, error)
            else:
                step = partial(self._work.send, None)


def udp_sockets() -> int:
    """How many this process holds."""
    links = []
    for name in os.listdir("/proc/self/fd"):
        try:
            links.append(os.readlink(f"/proc/self/fd/{name}"))
        except OSError:
            continue
    inodes = {line.split()[9] for table in ("udp", "udp6") for line in Path(f"/proc/self/net/{table}").read_text()
              .splitlines()[1:]}
    return sum(link.startswith("socket:[") and link[8:-1] in inodes for link in links)


async def cut(work: Coroutine[Any, Any, None], wait: int) -> bool:
    """Whether it was still on its way in that wait."""
    cutter = CutAt(work, wait)

    async def run() -> None:
        await cutter

    await asyncio.wait((asyncio.create_task(run()),))
    return cutter.waits >= wait


async def life(engine: MediaEngine, stood: Callable[[], None] = lambda: None) -> None:
    """As a generation lives: offered, answered, open, closed."""
    events = Events()
    page, peer = Page(), await engine.doctor_peer([], events)
    answer: asyncio.Task[str] | None = None
    try:
        # The page's own part is never cut: it is the library's.
        answer = asyncio.create_task(page.answer(await peer.offer()))
        await peer.answer(await asyncio.shield(answer))
        await events.until(lambda: PeerState.connected in events.states)
        stood()
    finally:
        try:
            await peer.close()
        finally:
            if answer is not None:
                await asyncio.wait((answer,))
            await page.connection.close()


def others() -> set[asyncio.Task[Any]]:
    """All tasks but this one, and those that the page's library begins behind its own close."""
    return {task for task in asyncio.all_tasks() - {asyncio.current_task()}
            if getattr(task.get_coro(), "__qualname__", "") != "Connection.query_consent"}


async def all_end(before: set[asyncio.Task[Any]]) -> bool:
    """Whether all that began since ends by itself."""
    new = others() - before
    return not new or not (await asyncio.wait(new, timeout=WAIT))[1]


async def settled(engine: MediaEngine) -> None:
    """Until no peer of this engine gives anything back any more, and the loop has closed what it was told to."""
    async with asyncio.timeout(WAIT):
        while engine._closings:
            await asyncio.wait(tuple(engine._closings))
    for _ in range(5):
        await asyncio.sleep(0)


async def test_a_close_that_is_cancelled_in_any_of_its_waits_leaves_no_socket(bare: MediaEngine) -> None:
    """The loop itself ends: whichever wait of the closing is cut, the sockets are closed."""
    await life(bare)
    before, wait, went_on = udp_sockets(), 1, True
    while went_on:
        events = Events()
        peer = await bare.doctor_peer([], events)
        page = await connect(peer)
        await events.until(lambda events=events: PeerState.connected in events.states)  # type: ignore[misc]
        assert udp_sockets() > before
        release, cutter = peer._release, asyncio.Event()

        async def cut_release(release: Any = release, wait: int = wait, done: asyncio.Event = cutter) -> None:
            if not await cut(release(), wait):
                done.set()

        peer._release = cut_release  # type: ignore[method-assign]
        await peer.close()
        await page.connection.close()
        await settled(bare)
        assert udp_sockets() == before, wait
        went_on, wait = not cutter.is_set(), wait + 1
    assert wait > 5


async def test_who_waits_for_a_close_may_be_cancelled_and_it_goes_on(bare: MediaEngine) -> None:
    """The closing is the peer's own: it comes to its end, who calls again waits for it, nothing is left."""
    await life(bare)
    before, tasks = udp_sockets(), others()
    events = Events()
    peer = await bare.doctor_peer([], events)
    page = await connect(peer)
    await events.until(lambda: PeerState.connected in events.states)
    real, going, go_on, ended = peer._connection.close, asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def slow() -> None:
        going.set()
        await go_on.wait()
        await real()
        ended.set()

    peer._connection.close = slow  # type: ignore[method-assign]
    first, second = asyncio.create_task(peer.close()), asyncio.create_task(peer.close())
    await going.wait()
    first.cancel()
    await asyncio.wait((first,))
    assert first.cancelled()
    assert not second.done()
    go_on.set()
    await second
    assert ended.is_set()
    await page.connection.close()
    await settled(bare)
    assert udp_sockets() == before
    assert await all_end(tasks)


async def test_a_call_cut_at_any_turn_of_the_loop_leaves_nothing(bare: MediaEngine) -> None:
    """While it gathers, offers, answers, shakes hands, stands or closes: no socket and no task stays."""
    await life(bare)
    before, tasks, turns, stood = udp_sockets(), others(), 0, False

    def stands() -> None:
        nonlocal stood
        stood = True

    while not stood:
        task = asyncio.create_task(life(bare, stands))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait((task,))
        await settled(bare)
        assert udp_sockets() == before, turns
        # More of them the later it is: the handshake is a few hundred turns.
        turns += 1 + turns // 8
    assert await all_end(tasks)


@pytest.mark.parametrize("how", ["hangs", "fails", "is cut"])
async def test_a_library_that_does_not_close_is_closed_around(bare: MediaEngine, monkeypatch: pytest.MonkeyPatch,
                                                              how: str) -> None:
    """Its first step hangs, fails, or ends by a cancellation of its own: all other parts end, no socket stays."""
    monkeypatch.setattr(peers, "CLOSE_SECONDS", 0.05)
    await life(bare)
    before, tasks = udp_sockets(), others()
    events = Events()
    peer = await bare.doctor_peer([], events)
    page = await connect(peer)
    await events.until(lambda: PeerState.connected in events.states)
    line = peer._connection.getTransceivers()[0]
    calls = 0

    async def odd() -> None:
        nonlocal calls
        calls += 1
        if how == "hangs":
            await asyncio.Event().wait()
        if how == "is cut":
            raise asyncio.CancelledError
        raise RuntimeError("as it never was seen to")

    monkeypatch.setattr(line, "stop", odd)
    await peer.close()
    assert calls == 1
    await page.connection.close()
    await settled(bare)
    assert udp_sockets() == before
    assert await all_end(tasks)


async def test_an_engine_cancelled_again_and_again_still_closes_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """The shutdown says it each half second; every peer is closed and both threads have ended when it returns."""
    before = udp_sockets()
    changed = asyncio.Event()
    engine = MediaEngine(MediaConfig(CameraConfig("tcp://127.0.0.1:9", 640, 360), interfaces=("lo",)), changed.set)
    run = asyncio.create_task(engine.run())
    events = [Events() for _ in range(3)]
    made = [await engine.doctor_peer([], each) for each in events]
    for peer in made:
        await peer.offer()
    assert udp_sockets() > before
    again = 0
    while not run.done():
        run.cancel()
        again += 1
        await asyncio.sleep(0)
    assert run.cancelled()
    assert again > 1
    assert all(each.states == [PeerState.closed] for each in events)
    await settled(engine)
    assert udp_sockets() == before
    assert not engine._encoder._thread.is_alive()


async def test_two_touchscreens_that_ask_at_once_leave_one_connection(bare: MediaEngine) -> None:
    """While the older one closes two pages ask: whoever was in between is closed as well."""
    events = [Events() for _ in range(3)]
    first = await bare.kiosk_peer(events[0])
    await first.offer()
    one, two = await asyncio.gather(bare.kiosk_peer(events[1]), bare.kiosk_peer(events[2]))
    live = [peer for peer in (one, two) if peer.state is not PeerState.closed]
    assert live == [bare._company.kiosk]
    await live[0].close()
    await settled(bare)


async def _odd(*_: object, **__: object) -> None:
    raise LookupError("a mistake of ours")


def _odd_now(*_: object, **__: object) -> None:
    raise LookupError("a mistake of ours")


@pytest.mark.parametrize("broken", ["picture", "path", "tick", "report"])
async def test_what_goes_wrong_in_one_peer_ends_that_one(room: Room, monkeypatch: pytest.MonkeyPatch,
                                                         broken: str) -> None:
    """Closed and said so, so that its call gets a fresh one; the engine runs, the other one sees on."""
    events, others = Events(), Events()
    peer = await room.engine.doctor_peer([], events)
    page = await connect(peer)
    other = await room.engine.guest_peer([], others)
    guest = await connect(other)
    assert await codes(next(t for t in page.tracks if t.kind == "video"), 1)
    assert peer.camera is not None
    match broken:
        case "picture":
            monkeypatch.setattr(peer.camera, "send", _odd)
        case "path":
            monkeypatch.setattr(peer.path, "tick", _odd_now)
        case "tick":
            monkeypatch.setattr(peer.voice_in, "tick", _odd)
        case "report":
            monkeypatch.setattr(type(peer.path), "figures", property(_odd_now))
            assert room.engine.paths == ()
    await events.until(lambda: events.states[-1] is PeerState.closed)
    assert PeerState.closed not in others.states
    monkeypatch.undo()
    assert await codes(next(t for t in guest.tracks if t.kind == "video"), 3)
    again = await room.engine.doctor_peer([], Events())
    assert await again.offer()
    await page.connection.close()
    await guest.connection.close()


async def test_a_sound_that_fails_at_one_doctor_reaches_the_next(bare: MediaEngine,
                                                                 monkeypatch: pytest.MonkeyPatch) -> None:
    """The stethoscope's packets go on to everybody else."""
    events = Events()
    bad, good = await bare.doctor_peer([], events), await bare.doctor_peer([], Events())
    came = asyncio.Event()

    async def takes(packet: SoundPacket) -> None:
        came.set()

    monkeypatch.setattr(bad.stethoscope, "send", _odd)
    monkeypatch.setattr(good.stethoscope, "send", takes)
    sender = asyncio.create_task(bare._send_sounds())
    bare._take_sound(SoundPacket(b"x", 0, first=True, level_db=-20.0))
    await asyncio.wait_for(came.wait(), WAIT)
    assert not sender.done()
    assert events.states == [PeerState.closed]
    sender.cancel()
    await good.close()
    await settled(bare)


async def test_a_voice_that_fails_at_one_peer_reaches_the_next(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    """The nurse is heard by everybody but the one whose line is broken, which is closed."""
    kiosk = await connect(await room.engine.kiosk_peer(Events()), Tone(700))
    events = Events()
    bad = await room.engine.doctor_peer([], events)
    page = await connect(bad)
    good = await room.engine.doctor_peer([], Events())
    other = await connect(good)
    await events.until(lambda: PeerState.connected in events.states)
    monkeypatch.setattr(bad.voice_out, "forward", _odd)
    await events.until(lambda: events.states[-1] is PeerState.closed)
    await until_heard(next(t for t in other.tracks if t.kind == "audio"), 700)
    for each in (kiosk, page, other):
        await each.connection.close()
