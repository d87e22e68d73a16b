"""The vehicle's sender to a Chromium over an emulated link: pictures, latency by the moving code, sound, readings.

The engine runs alone, without the rest of the vehicle; needs root. One line of JSON.

    python -m bench.roadcall --up 'rate=150,delay=30' --down 'rate=4000,delay=30' [--outage 15:4] [--seconds 40]
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import math
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import av
import numpy as np
from aiortc import clock

from gateway.media.config import CameraConfig, MediaConfig
from gateway.media.engine import MediaEngine
from gateway.media.splice import Packet
from protocol.channels import CONTROL
from sim.bots.browser import chromium, installed
from sim.camera import READER_JS, SceneCamera

NEAR, FAR = "roadcall-a", "roadcall-b"
FRAMES_A_SECOND = 25

PAGE = """
async (offer) => {
  %s
  const seen = (window.seen = []), told = (window.told = []);
  const connection = (window.connection = new RTCPeerConnection());
  connection.ontrack = (event) => {
    if (event.track.kind !== "video") {
      const sound = new Audio();
      sound.srcObject = new MediaStream([event.track]);
      sound.play();
      return;
    }
    const video = document.createElement("video");
    video.muted = true;
    document.body.append(video);
    video.srcObject = new MediaStream([event.track]);
    const next = () => {
      seen.push([Date.now() / 1000, passerelleReadCode(video), video.videoWidth]);
      video.requestVideoFrameCallback(next);
    };
    video.requestVideoFrameCallback(next);
    video.play();
  };
  connection.ondatachannel = (event) => {
    event.channel.onmessage = (message) => told.push([Date.now() / 1000, Number(message.data)]);
  };
  await connection.setRemoteDescription({ type: "offer", sdp: offer });
  await connection.setLocalDescription(await connection.createAnswer());
  await new Promise((done) => setTimeout(done, 300));
  return connection.localDescription.sdp;
}
"""

STATS = """
async () => {
  const found = { sound: {}, picture: {} };
  for (const report of (await connection.getStats()).values()) {
    if (report.type !== "inbound-rtp") continue;
    if (report.kind === "video") found.picture = report;
    else if ((report.packetsReceived ?? 0) > (found.sound.packetsReceived ?? 0)) found.sound = report;
  }
  return { seen, told, ...found };
}
"""


def moving(camera: SceneCamera, video: Path, width: int) -> None:
    """Play the luma of a film above the code: the drawn room hardly moves, and fills no link."""
    scene, height = camera._scene, width * 9 // 16
    strip = height - math.ceil(1.5 * width / 40) - 1
    with av.open(str(video)) as container:
        pictures = [frame.reformat(width, height, "gray").to_ndarray()[:strip]
                    for frame in itertools.islice(container.decode(video=0), FRAMES_A_SECOND * 5)]

    def draw(number: int) -> memoryview:
        scene._y[:strip] = pictures[number % len(pictures)]
        scene._code(number % 65536)
        return memoryview(scene._buffer)

    scene.draw = draw  # type: ignore[method-assign]


class Events:
    """Nothing is asked of them."""

    def peer_state(self, state: Any) -> None:
        print(f"  {state}", file=sys.stderr)

    def local_candidate(self, candidate: str) -> None:
        """Another way to us."""

    def channel_open(self, channel: str) -> None:
        """A data channel is open."""

    def channel_message(self, channel: str, data: str | bytes) -> None:
        """A message."""


def spoken(seconds: float) -> list[bytes]:
    """Opus packets of 20 ms at 24 kbit/s of something like a voice."""
    encoder = av.CodecContext.create("libopus", "w")
    encoder.sample_rate, encoder.layout, encoder.format = 48_000, "mono", "s16"
    encoder.bit_rate, encoder.options = 24_000, {"application": "voip"}
    found: list[bytes] = []
    noise = np.random.default_rng(3)
    for number in range(int(seconds * 50)):
        t = (np.arange(960) + 960 * number) / 48_000
        wave = np.sin(2 * np.pi * 180 * t) * (1 + np.sin(2 * np.pi * 3 * t)) * 5000 + noise.normal(0, 600, 960)
        frame = av.AudioFrame.from_ndarray(wave.astype(np.int16).reshape(1, -1), "s16", "mono")
        frame.sample_rate, frame.pts = 48_000, 960 * number
        found += [bytes(packet) for packet in encoder.encode(frame)]
    return found


async def speak(peer: Any, until: float) -> None:
    """Into the doctor's voice, as the kiosk's packets come."""
    frames, began = spoken(4.0), time.monotonic()
    for number in itertools.count():
        await asyncio.sleep(max(0.0, began + number * 0.02 - time.monotonic()))
        if time.monotonic() > until:
            return
        packet = Packet(7, number % 65536, 960 * number % (1 << 32), number == 0, frames[number % len(frames)])
        await peer.voice_out.forward("kiosk", packet, time.monotonic())
        if number % 50 == 0:
            # As the kiosk's sender reports: receivers play lips and voice together by it.
            peer.voice_out.sync("kiosk", 7, clock.current_ntp_time(), packet.timestamp)


async def tell(peer: Any, until: float) -> None:
    """Readings, two a second."""
    while time.monotonic() < until:
        peer.send(CONTROL, str(time.time()))
        await asyncio.sleep(0.5)


async def call(options: argparse.Namespace) -> dict[str, Any]:
    """One call in this namespace."""
    camera = SceneCamera(width=options.width, height=options.width * 9 // 16, fps=FRAMES_A_SECOND)
    if options.video is not None:
        moving(camera, options.video, options.width)
    room = CameraConfig(f"tcp://127.0.0.1:{camera.open()}", options.width, options.width * 9 // 16, simulated=True)
    config = MediaConfig(room, interfaces=("wan0",), decisions=options.decisions)
    engine = MediaEngine(config, lambda: None)
    with tempfile.TemporaryDirectory(prefix="roadcall.") as folder:
        launcher = Path(folder) / "chromium-far"
        launcher.write_text(f'#!/bin/sh\nexec ip netns exec {FAR} {installed()} "$@"\n')
        launcher.chmod(0o755)
        async with asyncio.TaskGroup() as tasks, chromium(launcher) as browser:
            running = [tasks.create_task(camera.run()), tasks.create_task(engine.run())]
            page = await browser.new_page()
            await page.goto("about:blank")
            told = await _measure(engine, page, options)
            for task in running:
                task.cancel()
    return told


async def _measure(engine: MediaEngine, page: Any, options: argparse.Namespace) -> dict[str, Any]:
    peer = await engine.doctor_peer([], Events())
    answer = await page.evaluate(PAGE % READER_JS, await peer.offer())
    began, cpu = time.time(), time.process_time()
    await peer.answer(answer)
    until = time.monotonic() + options.seconds
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(speak(peer, until))
        tasks.create_task(tell(peer, until))
        while time.monotonic() < until:
            await asyncio.sleep(1.0)
            if options.verbose:
                print(f"{time.time() - began:5.1f} {engine.paths}", file=sys.stderr, flush=True)
    burnt = 100 * (time.process_time() - cpu) / options.seconds
    raw = await page.evaluate(STATS)
    await peer.close()
    return _judged(raw, began, time.time() - time.monotonic(), options, burnt)


def _judged(raw: dict[str, Any], began: float, offset: float, options: argparse.Namespace,
            burnt: float) -> dict[str, Any]:
    ages, times = [], []
    for at, code, _ in raw["seen"]:
        times.append(at - began)
        if code is not None:
            now = math.floor((at - offset) * FRAMES_A_SECOND)
            ages.append((now - code) % 65536 / FRAMES_A_SECOND)
    ages.sort()
    edges = [0.0, *times, float(options.seconds)]
    gaps = [(round(a, 2), round(b - a, 2)) for a, b in itertools.pairwise(edges) if b - a > 0.5]
    late = sorted(at - sent for at, sent in raw["told"])
    sound, picture = raw["sound"], raw["picture"]
    return {
        "fps": round(len(times) / options.seconds, 1), "p50_ms": _at(ages, 0.5), "p95_ms": _at(ages, 0.95),
        "p99_ms": _at(ages, 0.99), "frozen_s": round(sum(length for _, length in gaps), 1), "gaps": gaps,
        "widths": sorted({width for _, _, width in raw["seen"]}), "codes": len(ages), "shown": len(times),
        "picture_kbps": round(picture.get("bytesReceived", 0) * 8 / options.seconds / 1000),
        "packets_lost": picture.get("packetsLost"), "keyframes": picture.get("keyFramesDecoded"),
        "plis": picture.get("pliCount"), "nacks": picture.get("nackCount"), "rtx": picture.get(
            "retransmittedPacketsReceived"),
        "sound_packets": sound.get("packetsReceived"), "sound_lost": sound.get("packetsLost"),
        "sound_concealed_percent": round(100 * sound.get("concealedSamples", 0) / max(
            1, sound.get("totalSamplesReceived", 1)), 2),
        "sound_buffer_ms": round(1000 * sound.get("jitterBufferDelay", 0) / max(
            1, sound.get("jitterBufferEmittedCount", 1))),
        "readings": len(late), "reading_p99_ms": _at(late, 0.99), "cpu_percent": round(burnt, 1)}


def _at(values: list[float], share: float) -> int | None:
    """A percentile of sorted seconds, in ms."""
    return round(values[min(len(values) - 1, int(share * len(values)))] * 1000) if values else None


def parent(options: argparse.Namespace) -> int:
    """Make the link, run the call inside."""
    outages = [word for outage in options.outage for word in ("--outage", outage)]
    traces = ["--traces", str(options.traces)] if options.traces else []
    with tempfile.TemporaryDirectory(prefix="roadcall.") as folder:
        command = [sys.executable, "-m", "bench.linksim", "--near", NEAR, "--far", FAR, "--up", options.up,
                   "--down", options.down, *outages, *traces, "--seconds", str(options.seconds + 25)]
        link = subprocess.Popen(command, stdout=subprocess.PIPE)
        try:
            assert link.stdout is not None
            link.stdout.readline()
            return subprocess.call(["ip", "netns", "exec", NEAR, sys.executable, __file__, "--inside", folder,
                                    *sys.argv[1:]])
        finally:
            # As by a key: it takes its namespaces along.
            link.send_signal(signal.SIGINT)
            link.wait()


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--up", default="rate=4000,delay=15")
    parser.add_argument("--down", default="rate=8000,delay=15")
    parser.add_argument("--outage", action="append", default=[], help="START:LENGTH, seconds since the link was made")
    parser.add_argument("--traces", type=Path)
    parser.add_argument("--seconds", type=float, default=40)
    parser.add_argument("--video", type=Path, help="a film in the place of the drawn room")
    parser.add_argument("--width", type=int, default=640)
    parser.add_argument("--decisions", type=Path, help="a folder for the log of decisions")
    parser.add_argument("--verbose", action="store_true")
    parser.add_argument("--inside")
    options = parser.parse_args()
    if os.geteuid():
        parser.exit(69, "network namespaces need root\n")
    if options.inside is None:
        return parent(options)
    print(json.dumps(asyncio.run(call(options))))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
