"""What fails beside a call, and must not end it: the kernel's list of interfaces, one peer's end, one picture."""

from __future__ import annotations

import asyncio
import threading

import av
import numpy as np
import pytest

from gateway.media import h264, interfaces, ways
from gateway.media.camera import CameraFrame
from gateway.media.config import CameraConfig, MediaConfig
from gateway.media.encoder import CameraEncoder, EncodedFrame, Rungs
from gateway.media.engine import MediaEngine, PeerState
from gateway.media.interfaces import Address
from gateway.media.rate import DETAIL_LADDER, LADDER
from sim.camera import SceneCamera
from tests.integration.encoder_rig import Feed
from tests.integration.test_media_engine import Events, connect, running


async def test_a_kernel_that_lists_no_interfaces_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The look after the refused one is made, and the engine runs."""
    real, looks, later = interfaces.present, 0, threading.Event()

    def present() -> list[interfaces.Interface]:
        nonlocal looks
        looks += 1
        if looks == 2:
            raise OSError(105, "No buffer space available")
        if looks > 2:
            later.set()
        return real()

    monkeypatch.setattr("gateway.media.interfaces.LOOK_SECONDS", 0.01)
    monkeypatch.setattr(interfaces, "present", present)
    async with running(SceneCamera(width=640, height=360)) as room:
        assert await asyncio.to_thread(later.wait, 40)
        peer = await room.engine.doctor_peer([], Events())
        assert await peer.offer()


async def test_the_ways_are_watched_on_when_the_kernel_lists_no_interfaces(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection that stands looks again after a refused look."""
    monkeypatch.setattr(ways, "LOOK_SECONDS", 0.05)
    events = Events()
    async with running(SceneCamera(width=640, height=360)) as room:
        peer = await room.engine.doctor_peer([], events)
        page = await connect(peer)
        await events.until(lambda: PeerState.connected in events.states)
        ice = peer._connection.ice
        assert ice is not None
        real, looks, later = ice._addresses, 0, threading.Event()

        def addresses() -> list[Address]:
            nonlocal looks
            looks += 1
            if looks == 1:
                raise OSError(24, "Too many open files")
            later.set()
            return real()

        ice._addresses = addresses
        assert await asyncio.to_thread(later.wait, 40)
        await page.connection.close()


async def test_a_peer_whose_end_fails_ends_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody who waits for it hears of it, and the next one closes."""
    engine = MediaEngine(MediaConfig(CameraConfig("tcp://127.0.0.1:9", 640, 360), interfaces=("lo",)), lambda: None)
    bad, good = [await engine.guest_peer([], Events()) for _ in range(2)]
    closed = asyncio.Event()

    async def fails() -> None:
        raise OSError("no route to host")

    async def works() -> None:
        closed.set()

    monkeypatch.setattr(bad._connection, "close", fails)
    monkeypatch.setattr(good._connection, "close", works)
    async with asyncio.timeout(40):
        await asyncio.gather(bad.close(), good.close())
    assert closed.is_set()


def test_a_picture_that_fails_oddly_costs_one_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    """The encoder's thread lives on, and the next picture is a keyframe of a fresh context."""
    real, calls = h264.payloads, 0

    def payloads(units: list[bytes]) -> tuple[bytes, ...]:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise IndexError("not a bitstream we know")
        return real(units)

    mailbox = Feed()
    out: list[EncodedFrame] = []

    def deliver(frame: EncodedFrame) -> None:
        out.append(frame)
        encoder.taken()

    monkeypatch.setattr(h264, "payloads", payloads)
    encoder = CameraEncoder(mailbox, deliver, Rungs(LADDER[-1], DETAIL_LADDER[-1]), 800_000)
    encoder.watch(True)
    encoder.start()
    planes = np.full((540, 640), 90, np.uint8)
    for i in range(3):
        mailbox.feed(CameraFrame(av.VideoFrame.from_ndarray(planes.copy(), "yuv420p"), 100 + i * 0.04))
    encoder.stop()
    assert [frame.keyframe for frame in out] == [True, True]
    assert calls == 3
