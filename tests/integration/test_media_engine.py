"""The media engine against a peer of the library itself, over real sockets on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import itertools
import threading
import weakref
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path

import av
import numpy as np
import pytest
from aiortc import RTCBundlePolicy, RTCConfiguration, RTCDataChannel, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import AudioStreamTrack, MediaStreamTrack, VideoStreamTrack

from gateway.media.config import CameraConfig, MediaConfig
from gateway.media.engine import TICK_SECONDS, DoctorPeer, MediaEngine, MediaRefused, PeerClosed, PeerState
from gateway.media.peers import Peer
from protocol.binding import sdp_fingerprints
from protocol.channels import BULK, CONTROL, WAVEFORM
from protocol.values import IceServer
from sim.camera import SceneCamera, read_code

WAIT = 40.0
"""Seconds for what takes a fraction of one: a busy machine is no failure."""


@dataclass
class Events:
    """Records what a peer says."""

    states: list[PeerState] = field(default_factory=list)
    candidates: list[str] = field(default_factory=list)
    channels: set[str] = field(default_factory=set)
    messages: list[tuple[str, str | bytes]] = field(default_factory=list)
    bell: asyncio.Event = field(default_factory=asyncio.Event)

    def peer_state(self, state: PeerState) -> None:
        self.states.append(state)
        self.bell.set()

    def local_candidate(self, candidate: str) -> None:
        self.candidates.append(candidate)

    def channel_open(self, channel: str) -> None:
        self.channels.add(channel)
        self.bell.set()

    def channel_message(self, channel: str, data: str | bytes) -> None:
        self.messages.append((channel, data))
        self.bell.set()

    async def until(self, holds: Callable[[], bool], seconds: float = WAIT) -> None:
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

    async def until(self, holds: Callable[[], bool], seconds: float = WAIT) -> None:
        """Looks with the engine's watchdogs too: what came and went between two of their looks changes nothing."""
        async with asyncio.timeout(seconds):
            while not holds():
                self.changed.clear()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(TICK_SECONDS):
                        await self.changed.wait()


@contextlib.asynccontextmanager
async def running(camera: SceneCamera, decisions: Path | None = None) -> AsyncIterator[Room]:
    changed = asyncio.Event()
    config = MediaConfig(CameraConfig(f"tcp://127.0.0.1:{camera.open()}", 640, 360, simulated=True, name="Salle"),
                         interfaces=("lo",), decisions=decisions)
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
            # The doctor's camera is the third m-line, a voice the first.
            line = self.connection.getTransceivers()[0 if track.kind == "audio" else 2]
            line.sender.replaceTrack(track)
            line.direction = "sendrecv" if track.kind == "audio" else "sendonly"
        await self.connection.setLocalDescription(await self.connection.createAnswer())
        return only_sha256(self.connection.localDescription.sdp)


def only_sha256(sdp: str) -> str:
    """Browsers write one fingerprint; the library writes three."""
    return "\r\n".join(line for line in sdp.splitlines()
                       if not line.startswith("a=fingerprint:") or line.startswith("a=fingerprint:sha-256")) + "\r\n"


async def connect(peer: Peer, *tracks: MediaStreamTrack) -> Page:
    page = Page()
    await peer.answer(await page.answer(await peer.offer(), *tracks))
    return page


async def codes(track: MediaStreamTrack, count: int) -> list[int]:
    found: list[int] = []
    async with asyncio.timeout(WAIT):
        while len(found) < count:
            frame = await track.recv()
            assert isinstance(frame, av.VideoFrame)
            gray = np.asarray(frame.to_ndarray(format="gray"), np.uint8)
            code = read_code(gray)
            if code is not None:
                found.append(code)
    return found


class Tone(AudioStreamTrack):
    """A sine, 8 kHz mono as the library's silence has it."""

    def __init__(self, frequency: int) -> None:
        super().__init__()
        self._frequency = frequency
        self._phase = 0

    async def recv(self) -> av.AudioFrame:
        frame = await super().recv()
        assert isinstance(frame, av.AudioFrame)
        t = np.arange(self._phase, self._phase + frame.samples)
        self._phase += frame.samples
        frame.planes[0].update((8000 * np.sin(2 * np.pi * self._frequency * t / 8000)).astype(np.int16).tobytes())
        return frame


async def heard(track: MediaStreamTrack) -> float:
    """The loudest frequency of the next 100 ms, Hz."""
    samples: list[np.ndarray] = []
    async with asyncio.timeout(WAIT):
        while len(samples) < 5:
            frame = await track.recv()
            assert isinstance(frame, av.AudioFrame)
            samples.append(frame.to_ndarray().reshape(-1)[::len(frame.layout.channels)].astype(float))
    sound = np.concatenate(samples)
    return float(np.argmax(np.abs(np.fft.rfft(sound))) * 48_000 / len(sound))


async def until_heard(track: MediaStreamTrack, frequency: int) -> None:
    async with asyncio.timeout(WAIT):
        while abs(await heard(track) - frequency) > 25:
            pass


async def test_the_doctor_sees_the_camera_and_channels_open(room: Room) -> None:
    """The room camera's moving code arrives in order, the three channels carry messages both ways."""
    events = Events()
    peer = await room.engine.doctor_peer([], events)
    page = await connect(peer)
    try:
        found = await codes(next(t for t in page.tracks if t.kind == "video"), 5)
        # How many were left out between two is the machine's affair.
        assert all(0 < (b - a) % 65536 < 32768 for a, b in itertools.pairwise(found))
        await events.until(lambda: events.channels == {CONTROL, WAVEFORM, BULK})
        assert events.states == [PeerState.connected]
        assert peer.send(CONTROL, "hello")
        assert await asyncio.wait_for(page.messages.get(), WAIT) == (CONTROL, "hello")
        page.channels[WAVEFORM].send(b"\x01")
        await events.until(lambda: (WAVEFORM, b"\x01") in events.messages)
        assert not page.channels[WAVEFORM].ordered
        assert page.channels[WAVEFORM].maxRetransmits == 0
    finally:
        await page.connection.close()
        await peer.close()
    assert events.states[-1] is PeerState.closed


async def test_our_offer_names_one_fingerprint(room: Room) -> None:
    """The fingerprint that gets signed is the only one in the offer."""
    peer = await room.engine.doctor_peer([], Events())
    assert sdp_fingerprints(await peer.offer()) == {peer.fingerprint}
    await peer.close()


async def test_voices_and_the_doctors_picture_go_through_undecoded(room: Room) -> None:
    """Kiosk hears and sees the doctor, the doctor hears the kiosk; a reloaded kiosk does again, same doctor peer."""
    doctor_peer = await room.engine.doctor_peer([], Events())
    doctor = await connect(doctor_peer, Tone(440), VideoStreamTrack())
    for frequency in (880, 660):
        kiosk_peer = await room.engine.kiosk_peer(Events())
        kiosk = await connect(kiosk_peer, Tone(frequency))
        voice, own, picture, *_ = kiosk.tracks
        await until_heard(voice, 440)
        assert await codes(own, 2)
        async with asyncio.timeout(WAIT):
            frame = await picture.recv()
        assert isinstance(frame, av.VideoFrame)
        assert (frame.width, frame.height) == (640, 480)
        doctors_ear = next(t for t in doctor.tracks if t.kind == "audio")
        await until_heard(doctors_ear, frequency)
        await room.until(lambda: room.engine.microphone)
        await kiosk.connection.close()
    await room.until(lambda: not room.engine.microphone)
    await doctor.connection.close()
    await doctor_peer.close()


async def test_a_reloaded_doctor_takes_over_on_the_kiosks_living_connection(room: Room) -> None:
    """The kiosk's tracks go on with the second doctor page without a new negotiation."""
    kiosk_peer = await room.engine.kiosk_peer(Events())
    kiosk = await connect(kiosk_peer, Tone(300))
    voice, _, picture, *_ = kiosk.tracks
    for frequency in (500, 900):
        peer = await room.engine.doctor_peer([], Events())
        doctor = await connect(peer, Tone(frequency), VideoStreamTrack())
        await until_heard(voice, frequency)
        async with asyncio.timeout(WAIT):
            assert isinstance(await picture.recv(), av.VideoFrame)
        await doctor.connection.close()
        await peer.close()
    await kiosk.connection.close()
    await kiosk_peer.close()


async def test_a_new_kiosk_page_replaces_the_old_one(room: Room) -> None:
    """One touchscreen: the older peer is closed and says so."""
    events = Events()
    old = await room.engine.kiosk_peer(events)
    page = await connect(old)
    await events.until(lambda: PeerState.connected in events.states)
    new = await room.engine.kiosk_peer(Events())
    assert events.states[-1] is PeerState.closed
    with pytest.raises(PeerClosed):
        await old.offer()
    await page.connection.close()
    await new.close()


async def test_a_camera_that_is_unplugged_comes_back_by_itself(room: Room) -> None:
    """Missing is said with its code, the picture returns to a living peer without anybody's help."""
    await room.until(lambda: room.engine.camera.present)
    view = room.engine.camera
    assert (view.name, view.width, view.height, view.frames_per_second, view.simulated, view.code) == (
        "Salle", 640, 360, 25, True, None)
    peer = await room.engine.doctor_peer([], Events())
    page = await connect(peer)
    track = next(t for t in page.tracks if t.kind == "video")
    await codes(track, 2)
    room.camera.unplug()
    await room.until(lambda: not room.engine.camera.present)
    assert room.engine.camera.code == "camera.missing"
    room.camera.plug()
    await room.until(lambda: room.engine.camera.present)
    assert await codes(track, 3)
    await page.connection.close()
    await peer.close()


@pytest.mark.parametrize(("change", "code"), [
    (lambda sdp: "", "media.sdp_bad"),
    (lambda sdp: "v=0\r\nnonsense", "media.sdp_bad"),
    (lambda sdp: sdp.replace("a=setup:active", "a=setup:actpass"), "media.sdp_bad"),
    (lambda sdp: sdp.replace("m=video", "m=audio"), "media.sdp_bad"),
    (lambda sdp: sdp.replace("VP8/90000", "AV9/90000"), "media.sdp_bad"),
    (lambda sdp: sdp.replace("opus/48000/2", "opus/-/x"), "media.sdp_bad"),
    (lambda sdp: sdp.replace("a=rtcp-mux", "a=rtcp-max"), "media.sdp_bad"),
    (lambda sdp: sdp.replace("a=fingerprint:sha-256", "a=fingerprint:md5"), "media.fingerprint_bad"),
])
async def test_a_bad_answer_is_refused_with_a_code(room: Room, change: Callable[[str], str], code: str) -> None:
    """Malformed, mismatched or codec-less answers raise MediaRefused; the engine and other peers go on."""
    peer = await room.engine.doctor_peer([], Events())
    page = Page()
    sdp = await page.answer(await peer.offer())
    assert change(sdp) != sdp
    with pytest.raises(MediaRefused) as refused:
        await peer.answer(change(sdp))
    assert refused.value.code == code
    await page.connection.close()
    await peer.close()
    after = await room.engine.doctor_peer([], Events())
    assert await after.offer()
    await after.close()


async def test_bad_candidates_are_refused_and_useless_ones_ignored(room: Room) -> None:
    """A candidate message can be hostile: coded refusal, a cap, nothing after close."""
    peer = await room.engine.doctor_peer([], Events())
    page = await connect(peer)
    for text in ("x", "candidate:1 1 udp x y z typ host", "candidate:1 1 udp 1 1.2.3.4 99999 typ host"):
        with pytest.raises(MediaRefused) as refused:
            await peer.candidate(text, "0", 0)
        assert refused.value.code == "media.candidate_bad"
    await peer.candidate("", "0", 0)
    await peer.candidate("candidate:1 1 udp 1 name.local 5000 typ host", "0", 0)
    for port in range(1000, 1200):
        await peer.candidate(f"candidate:1 1 udp 1 192.0.2.1 {port} typ host", "0", 0)
    ice = peer._connection.ice
    assert ice is not None
    assert len(ice.remote_candidates) <= 64
    await peer.close()
    with pytest.raises(PeerClosed):
        await peer.candidate("", "0", 0)
    await page.connection.close()


async def test_a_bad_ice_server_is_refused(room: Room) -> None:
    """An address of the operator's that is none is a coded refusal, not a traceback."""
    with pytest.raises(MediaRefused) as refused:
        await room.engine.doctor_peer([IceServer(urls=("http://x",))], Events())
    assert refused.value.code == "media.ice_server_bad"


async def test_silence_is_interrupted_and_comes_back(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing from the page: interrupted; a packet again: connected. No state is said twice."""
    events = Events()
    peer = await room.engine.doctor_peer([], events)
    page = await connect(peer, Tone(400))
    await events.until(lambda: events.states == [PeerState.connected])
    ice = peer._connection.ice
    assert ice is not None
    await asyncio.gather(*(task for task in (ice._query_consent_task,) if task and task.cancel()),
                         return_exceptions=True)
    transport = page.connection.getTransceivers()[0].sender.transport.transport
    send = transport._send

    async def nothing(data: bytes) -> None:
        return None

    transport._send = nothing
    monkeypatch.setattr("gateway.media.peers.SILENCE_SECONDS", 0.6)
    await events.until(lambda: events.states == [PeerState.connected, PeerState.interrupted])
    # From here on only silence of this machine's own could interrupt again.
    monkeypatch.undo()
    transport._send = send
    await events.until(lambda: events.states == [PeerState.connected, PeerState.interrupted, PeerState.connected])
    await page.connection.close()
    await events.until(lambda: events.states[-1] is PeerState.closed)


async def test_a_connection_that_never_stands_is_given_up(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer whose page cannot be reached: closed after SETUP_SECONDS, by our timer."""
    monkeypatch.setattr("gateway.media.peers.SETUP_SECONDS", 0.5)
    events = Events()
    peer = await room.engine.doctor_peer([], events)
    page = Page()
    sdp = await page.answer(await peer.offer())
    await page.connection.close()
    await peer.answer(sdp)
    await events.until(lambda: events.states == [PeerState.closed])


async def test_an_offer_nobody_answers_is_given_up(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page that vanished between offer and answer leaves nothing behind."""
    monkeypatch.setattr("gateway.media.peers.ANSWER_SECONDS", 0.3)
    events = Events()
    peer = await room.engine.doctor_peer([], events)
    await peer.offer()
    await events.until(lambda: events.states == [PeerState.closed])


async def test_channels_have_bounds_and_drain(room: Room) -> None:
    """A full buffer says False; `drained` waits for the low-water mark; control overtakes bulk; closing wakes all."""
    events = Events()
    peer = await room.engine.doctor_peer([], events)
    page = await connect(peer)
    assert not peer.send(BULK, b"too early")
    await events.until(lambda: len(events.channels) == 3)
    part = b"x" * 16_000
    sent = 0
    while peer.send(BULK, part):
        sent += 1
    assert 3 <= sent <= 5
    assert peer.buffered(BULK) > 16 * 1024
    assert peer.send(CONTROL, "urgent")
    async with asyncio.timeout(WAIT):
        await peer.drained(BULK)
        order = [await page.messages.get() for _ in range(sent + 1)]
    assert peer.buffered(BULK) <= 16 * 1024
    assert order.index((CONTROL, "urgent")) < sent
    while peer.send(BULK, part):
        pass
    waiter = asyncio.ensure_future(peer.drained(BULK))
    await asyncio.sleep(0)
    await peer.close()
    with pytest.raises(PeerClosed):
        await waiter
    assert not peer.send(CONTROL, "late")
    await page.connection.close()


async def test_a_listener_that_fails_does_not_end_the_call(room: Room) -> None:
    """A mistake above this room is logged; the connection lives on."""
    class Broken(Events):
        def channel_message(self, channel: str, data: str | bytes) -> None:
            super().channel_message(channel, data)
            raise KeyError(channel)

    events = Broken()
    peer = await room.engine.doctor_peer([], events)
    page = await connect(peer)
    await events.until(lambda: len(events.channels) == 3)
    for word in ("a", "b"):
        page.channels[CONTROL].send(word)
    await events.until(lambda: len(events.messages) == 2)
    assert peer.state is PeerState.connected
    await page.connection.close()
    await peer.close()


async def test_nobody_watches_nothing_is_encoded(room: Room) -> None:
    """Without a peer the encoder stands still; after the last one it stands still again."""
    encoder = room.engine._encoder
    await room.until(lambda: room.engine.camera.present)
    assert not encoder.watched
    events = Events()
    peer = await room.engine.doctor_peer([], events)
    page = await connect(peer)
    await codes(next(t for t in page.tracks if t.kind == "video"), 1)
    assert encoder.watched
    await peer.close()
    room.engine.peer_changed()
    assert not encoder.watched
    await page.connection.close()


async def test_stopping_closes_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    """After the engine's task ended no thread of ours runs and every peer is closed."""
    events, kiosk_events = Events(), Events()
    async with running(SceneCamera(width=640, height=360)) as room:
        peer = await room.engine.doctor_peer([], events)
        page = await connect(peer)
        kiosk_page = await connect(await room.engine.kiosk_peer(kiosk_events))
        await codes(next(t for t in page.tracks if t.kind == "video"), 1)
    assert events.states[-1] is kiosk_events.states[-1] is PeerState.closed
    for thread in threading.enumerate():
        if thread.name in ("camera", "encoder"):
            thread.join(WAIT)
            assert not thread.is_alive()
    await page.connection.close()
    await kiosk_page.connection.close()


async def test_many_calls_leave_no_memory_behind(room: Room) -> None:
    """Six calls one after the other: no peer object survives its call."""
    left: list[weakref.ref[DoctorPeer]] = []
    for _ in range(6):
        peer = await room.engine.doctor_peer([], Events())
        left.append(weakref.ref(peer))
        page = await connect(peer, Tone(400))
        await codes(next(t for t in page.tracks if t.kind == "video"), 1)
        await page.connection.close()
        await peer.close()
        del peer, page
    async with asyncio.timeout(WAIT):
        while sum(ref() is not None for ref in left) > 1:
            gc.collect()
            await asyncio.sleep(0.05)
