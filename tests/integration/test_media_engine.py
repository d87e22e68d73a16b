"""The media engine against a peer of the library itself, over real sockets on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import av
import numpy as np
import pytest
from aiortc import RTCBundlePolicy, RTCConfiguration, RTCDataChannel, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamTrack

from gateway.media.config import CameraConfig, MediaConfig
from gateway.media.engine import DoctorPeer, KioskPeer, MediaEngine, PeerState
from protocol.channels import BULK, CONTROL, WAVEFORM
from sim.camera import SceneCamera, read_code


@dataclass
class Events:
    """Records what a peer says."""

    states: list[PeerState] = field(default_factory=list)
    channels: set[str] = field(default_factory=set)
    messages: list[tuple[str, str | bytes]] = field(default_factory=list)
    news: asyncio.Condition = field(default_factory=asyncio.Condition)
    bell: asyncio.Event = field(default_factory=asyncio.Event)

    def peer_state(self, state: PeerState) -> None:
        self.states.append(state)
        self.bell.set()

    def channel_open(self, channel: str) -> None:
        self.channels.add(channel)
        self.bell.set()

    def channel_message(self, channel: str, data: str | bytes) -> None:
        self.messages.append((channel, data))
        self.bell.set()

    async def until(self, holds: Callable[[], bool], seconds: float = 10) -> None:
        async with asyncio.timeout(seconds):
            while not holds():
                self.bell.clear()
                await self.bell.wait()


@dataclass
class Room:
    """An engine with a simulated camera."""

    engine: MediaEngine
    camera: SceneCamera
    changed: asyncio.Event

    async def until(self, holds: Callable[[], bool], seconds: float = 10) -> None:
        async with asyncio.timeout(seconds):
            while not holds():
                self.changed.clear()
                await self.changed.wait()


@contextlib.asynccontextmanager
async def running(camera: SceneCamera) -> AsyncIterator[Room]:
    changed = asyncio.Event()
    config = MediaConfig(CameraConfig(f"tcp://127.0.0.1:{camera.open()}", 640, 360, simulated=True, name="Salle"),
                         interfaces=("lo",))
    engine = MediaEngine(config, changed.set)
    async with asyncio.TaskGroup() as tasks:
        scene = tasks.create_task(camera.run())
        run = tasks.create_task(engine.run())
        try:
            yield Room(engine, camera, changed)
        finally:
            run.cancel()
            await asyncio.wait((run,))
            scene.cancel()


@pytest.fixture
async def room() -> AsyncIterator[Room]:
    async with running(SceneCamera(width=640, height=360)) as room:
        yield room


class Page:
    """A browser's part, played by the library: answers offers, keeps tracks and channels."""

    def __init__(self) -> None:
        self.connection = RTCPeerConnection(RTCConfiguration(iceServers=[], bundlePolicy=RTCBundlePolicy.MAX_BUNDLE))
        self.tracks: list[MediaStreamTrack] = []
        self.channels: dict[str, RTCDataChannel] = {}
        self.messages: asyncio.Queue[tuple[str, str | bytes]] = asyncio.Queue()
        self.connection.on("track", self.tracks.append)
        self.connection.on("datachannel", self._channel)

    def _channel(self, channel: RTCDataChannel) -> None:
        self.channels[channel.label] = channel
        channel.on("message", lambda data: self.messages.put_nowait((channel.label, data)))

    async def answer(self, offer: str, *tracks: MediaStreamTrack) -> str:
        await self.connection.setRemoteDescription(RTCSessionDescription(offer, "offer"))
        for track in tracks:
            self.connection.addTrack(track)
        await self.connection.setLocalDescription(await self.connection.createAnswer())
        return only_sha256(self.connection.localDescription.sdp)


def only_sha256(sdp: str) -> str:
    """Browsers write one fingerprint; the library writes three."""
    return "\r\n".join(line for line in sdp.splitlines()
                       if not line.startswith("a=fingerprint:") or line.startswith("a=fingerprint:sha-256")) + "\r\n"


async def connect(peer: DoctorPeer | KioskPeer, *tracks: MediaStreamTrack) -> Page:
    page = Page()
    await peer.answer(await page.answer(await peer.offer(), *tracks))
    return page


async def codes(track: MediaStreamTrack, count: int) -> list[int]:
    found: list[int] = []
    async with asyncio.timeout(15):
        while len(found) < count:
            frame = await track.recv()
            assert isinstance(frame, av.VideoFrame)
            gray = np.asarray(frame.to_ndarray(format="gray"), np.uint8)
            code = read_code(gray)
            if code is not None:
                found.append(code)
    return found


async def test_the_doctor_sees_the_camera_and_channels_open(room: Room) -> None:
    """The room camera's moving code arrives in order, the three channels carry messages both ways."""
    events = Events()
    peer = await room.engine.doctor_peer([], events)
    page = await connect(peer)
    try:
        found = await codes(next(t for t in page.tracks if t.kind == "video"), 5)
        assert all(0 < (b - a) % 65536 < 50 for a, b in itertools.pairwise(found))
        await events.until(lambda: events.channels == {CONTROL, WAVEFORM, BULK})
        assert events.states == [PeerState.connected]
        assert peer.send(CONTROL, "hello")
        assert await asyncio.wait_for(page.messages.get(), 5) == (CONTROL, "hello")
        page.channels[WAVEFORM].send(b"\x01")
        await events.until(lambda: (WAVEFORM, b"\x01") in events.messages)
        assert not page.channels[WAVEFORM].ordered
        assert page.channels[WAVEFORM].maxRetransmits == 0
    finally:
        await page.connection.close()
        await peer.close()
    assert events.states[-1] is PeerState.closed
