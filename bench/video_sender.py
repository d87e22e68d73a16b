"""A sender written in Python for the video benchmark, a process in the vehicle's network namespace.

    python -m bench.video_sender ours|stock --camera PORT --decisions FOLDER

`ours` is gateway.media alone: its engine, its peer to a doctor, no relay. `stock` is the library as it comes, with its
own encoders and rates. One JSON object per line on standard output and input; the signalling goes that way, so that it
does not cross the link by itself:

    out: {"kind": "offer", "number": N, "sdp": TEXT}     in: {"kind": "answer", "number": N, "sdp": TEXT}
    out: {"kind": "candidate", "number": N, "candidate": TEXT}                                       (ours)
    out: {"kind": "kiosk_offer", "sdp": TEXT}            in: {"kind": "kiosk_answer", "sdp": TEXT}   (ours)
    out: {"kind": "voice", "kbps": N}                    what the touchscreen's page is told to take (ours)
    in:  {"kind": "join"}                                begin
    in:  {"kind": "count"}                               out: {"kind": "sent", "readings": [...], "chunks": [...]}

Ends with its standard input.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import struct
import sys
import time
import traceback
from collections import deque
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import structlog
import uvloop
from aiortc import RTCBundlePolicy, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from av.video.frame import PictureType, VideoFrame

from bench.video_source import FPS, HEIGHT, VOICE_BITS, WIDTH, Voice, lines, say
from gateway.heap import return_large_blocks
from gateway.media.camera import CameraFrame, CameraReader
from gateway.media.config import CEILING_KBPS, CameraConfig, MediaConfig
from gateway.media.engine import DoctorPeer, MediaEngine, MediaError, PeerState
from gateway.media.mailbox import Mailbox
from gateway.session.call import rejoin_cause
from protocol.channels import CONTROL, WAVEFORM

READING_SECONDS, READING_BYTES = 0.2, 600
"""A saturation that changes, an event as the doctor's page gets it."""

CHUNK_SECONDS, CHUNK_BYTES = 0.1, 160
"""A tenth of a second of ECG: 50 samples of one lead and a header."""

LOOK_SECONDS = 0.1
"""How often a peer's state is looked at."""

Answers = asyncio.Queue[dict[str, Any]]


def wall_ms() -> float:
    """The scale of Date.now()."""
    return time.time() * 1000


class Wire(Protocol):
    """Where messages go."""

    def send(self, channel: str, data: str | bytes) -> bool:
        """False: not taken, try again."""


class Load:
    """Readings five a second, said again until they are acknowledged; chunks of ECG ten a second, as they are.

    `readings`, `chunks`: when each was made, the last `remembered` of them (None: all). Who measures memory must not
    grow by it.
    """

    def __init__(self, remembered: int | None = None) -> None:
        self.wire: Wire | None = None
        self.readings: deque[float] = deque(maxlen=remembered)
        self.chunks: deque[float] = deque(maxlen=remembered)
        self._made = 0
        self._unsent: list[int] = []
        self._flying: set[int] = set()
        self._sent: dict[int, float] = {}
        """When those were made that are not acknowledged."""

    def opened(self, wire: Wire) -> None:
        """A fresh connection's channels are open: what was not acknowledged goes again."""
        self._unsent, self._flying = sorted({*self._unsent, *self._flying}), set()
        self.wire = wire

    def acknowledged(self, number: int) -> None:
        """The receiver has it."""
        self._flying.discard(number)
        self._sent.pop(number, None)

    async def run(self, joined: asyncio.Event) -> None:
        """From the join until cancelled."""
        await joined.wait()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._make_readings())
            tasks.create_task(self._make_chunks())

    async def _make_readings(self) -> None:
        due = time.monotonic()
        while True:
            due += READING_SECONDS
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            self._unsent.append(self._made)
            self._sent[self._made] = wall_ms()
            self.readings.append(self._sent[self._made])
            self._made += 1
            while self._unsent and self.wire is not None:
                number = self._unsent[0]
                text = json.dumps({"n": number, "sent": self._sent[number]}).ljust(READING_BYTES)
                if not self.wire.send(CONTROL, text):
                    break
                self._flying.add(self._unsent.pop(0))

    async def _make_chunks(self) -> None:
        due = time.monotonic()
        while True:
            due += CHUNK_SECONDS
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            now = wall_ms()
            self.chunks.append(now)
            if self.wire is not None:
                self.wire.send(WAVEFORM, struct.pack("<d", now).ljust(CHUNK_BYTES, b"\0"))


class _Events:
    """What one of our peers tells."""

    def __init__(self, load: Load, number: int = 0) -> None:
        self._load, self._number = load, number
        self.peer: DoctorPeer | None = None
        self.since = time.monotonic()

    def peer_state(self, state: PeerState) -> None:
        self.since = time.monotonic()
        print(f"peer {state}", file=sys.stderr)

    def local_candidate(self, candidate: str) -> None:
        say({"kind": "candidate", "number": self._number, "candidate": candidate})

    def channel_open(self, channel: str) -> None:
        if channel == CONTROL and self.peer is not None:
            self._load.opened(self.peer)

    def channel_message(self, channel: str, data: str | bytes) -> None:
        self._load.acknowledged(int(data))


async def ours(port: int, load: Load, answers: Answers, joined: asyncio.Event, decisions: Path | None = None,
               interfaces: tuple[str, ...] = (), ceiling_kbps: int = CEILING_KBPS) -> None:
    """Our engine; a peer that is lost for good is followed by a fresh one, as gateway.session does."""
    camera = CameraConfig(source=f"tcp://127.0.0.1:{port}", width=WIDTH, height=HEIGHT, frames_per_second=FPS,
                          simulated=True)
    voice_kbps = VOICE_BITS // 1000

    def changed() -> None:
        nonlocal voice_kbps
        if engine.voice_kbps != voice_kbps:
            voice_kbps = engine.voice_kbps
            say({"kind": "voice", "kbps": voice_kbps})

    engine = MediaEngine(MediaConfig(camera=camera, interfaces=interfaces, ceiling_kbps=ceiling_kbps,
                                     decisions=decisions), changed)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(engine.run())
        kiosk = await engine.kiosk_peer(_Events(Load()))
        say({"kind": "kiosk_offer", "sdp": await kiosk.offer()})
        await kiosk.answer((await answers.get())["sdp"])
        await joined.wait()
        number = 0
        while True:
            number += 1
            await _generation(engine, number, load, answers)


async def _generation(engine: MediaEngine, number: int, load: Load, answers: Answers) -> None:
    events = _Events(load, number)
    peer = await engine.doctor_peer([], events)
    events.peer = peer
    try:
        say({"kind": "offer", "number": number, "sdp": await peer.offer()})
        while rejoin_cause(peer.state, time.monotonic() - events.since) is None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    answer = await answers.get()
                if answer.get("number") == number:
                    await peer.answer(answer["sdp"])
    except MediaError as error:
        print(f"generation {number}: {error}", file=sys.stderr)
        await asyncio.sleep(LOOK_SECONDS)
    finally:
        load.wire = None
        await peer.close()


class Newest(MediaStreamTrack):
    """The camera's newest picture, read as our engine reads it: a slow encoder misses pictures and queues none."""

    kind = "video"

    def __init__(self, port: int) -> None:
        super().__init__()
        self._mailbox: Mailbox[CameraFrame] = Mailbox()
        config = CameraConfig(source=f"tcp://127.0.0.1:{port}", width=WIDTH, height=HEIGHT, frames_per_second=FPS)
        self._reader = CameraReader(config, self._mailbox, lambda _: None)
        self._reader.watch(True)
        self._reader.start()
        self._thread = ThreadPoolExecutor(1, "newest")
        self._origin: float | None = None

    async def recv(self) -> VideoFrame:
        """Wait for it."""
        take: Callable[[float], CameraFrame | None] = self._mailbox.take
        while (captured := await asyncio.get_running_loop().run_in_executor(self._thread, take, 0.5)) is None:
            if self.readyState != "live":
                raise MediaStreamError
        self._origin = self._origin if self._origin is not None else captured.at
        captured.frame.pts, captured.frame.time_base = round((captured.at - self._origin) * 90_000), Fraction(1, 90_000)
        # Raw pictures come marked as I, which the library's VP8 encoder would take for a wish.
        captured.frame.pict_type = PictureType.NONE
        return captured.frame


class _StockWire:
    def __init__(self, connection: RTCPeerConnection, load: Load) -> None:
        self._channels = {CONTROL: connection.createDataChannel(CONTROL),
                          WAVEFORM: connection.createDataChannel(WAVEFORM, ordered=False, maxRetransmits=0)}
        self._channels[CONTROL].on("open", lambda: load.opened(self))
        self._channels[CONTROL].on("message", lambda data: load.acknowledged(int(data)))

    def send(self, channel: str, data: str | bytes) -> bool:
        if self._channels[channel].readyState != "open":
            return False
        self._channels[channel].send(data)
        return True


async def stock(port: int, load: Load, answers: Answers, joined: asyncio.Event) -> None:
    """The library as it comes: one connection, its own encoders, no second attempt."""
    track = Newest(port)
    await joined.wait()
    connection = RTCPeerConnection(RTCConfiguration(bundlePolicy=RTCBundlePolicy.MAX_BUNDLE))
    connection.addTrack(Voice(packed=False))
    connection.addTrack(track)
    _StockWire(connection, load)
    await connection.setLocalDescription(await connection.createOffer())
    say({"kind": "offer", "number": 1, "sdp": connection.localDescription.sdp})
    answer = await answers.get()
    await connection.setRemoteDescription(RTCSessionDescription(answer["sdp"], "answer"))
    await asyncio.Event().wait()


async def _sound(sending: Awaitable[None]) -> None:
    """A sender that fails says so and is over; the benchmark's figures show it."""
    try:
        await sending
    except Exception:
        traceback.print_exc()


async def run(kind: str, sender: Callable[[Load, Answers, asyncio.Event], Awaitable[None]],
              remembered: int | None = None) -> None:
    """Speak with the benchmark until standard input ends. `remembered`: of `Load`."""
    reader = await lines()
    load, answers, joined = Load(remembered), Answers(8), asyncio.Event()
    sending = asyncio.create_task(_sound(sender(load, answers, joined)), name=kind)
    loading = asyncio.create_task(load.run(joined), name="load")
    say({"kind": "ready"})
    try:
        while line := await reader.readline():
            message = json.loads(line)
            if message["kind"] == "join":
                joined.set()
            elif message["kind"] == "count":
                say({"kind": "sent", "readings": [*load.readings], "chunks": [*load.chunks]})
            elif not answers.full():
                answers.put_nowait(message)
    finally:
        for task in (sending, loading):
            task.cancel()
        await asyncio.wait([sending, loading])


def main() -> None:
    """The process."""
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    parser = argparse.ArgumentParser()
    parser.add_argument("kind", choices=("ours", "stock"))
    parser.add_argument("--camera", type=int, required=True)
    parser.add_argument("--decisions", type=Path, required=True, help="folder of our decisions' log")
    options = parser.parse_args()
    sender = partial(ours, options.camera, decisions=options.decisions) if options.kind == "ours" else partial(
        stock, options.camera)
    # Ours as the gateway runs, stock as the library comes.
    own = options.kind == "ours"
    if own:
        return_large_blocks()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop if own else None) as runner:
        runner.run(run(options.kind, sender))


if __name__ == "__main__":
    main()
