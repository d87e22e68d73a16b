"""The media engine with two real Chromium pages: a doctor's and a kiosk's, made here in raw JavaScript."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
from playwright.async_api import Browser, Error, Page, async_playwright

from gateway.media import peers
from gateway.media.engine import TICK_SECONDS, DoctorPeer, KioskPeer, PeerState
from gateway.media.questions import CONSENT_EXPIRES_SECONDS
from sim.bots.browser import START_MS, eventually, installed
from sim.camera import READER_JS, SceneCamera
from tests.integration.test_media_engine import WAIT, Events, Room, running

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

ARGUMENTS = [
    "--no-sandbox", "--headless=new", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream",
    "--allow-loopback-in-peer-connection", "--autoplay-policy=no-user-gesture-required", "--disable-quic",
    "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync",
]

PAGE_JS = READER_JS + """
window.start = async (offer, camera, without = "") => {
  window.began = performance.now();
  const pc = window.pc = new RTCPeerConnection({ iceServers: [] });
  const video = camera ? { width: 640, height: 480 } : false;
  const stream = await navigator.mediaDevices.getUserMedia({ audio: true, video });
  window.videos = {};
  window.firstFrame = {};
  window.sizes = {};
  pc.ontrack = (event) => {
    const mid = event.transceiver.mid;
    if (event.track.kind === "video") {
      const video = document.createElement("video");
      video.muted = video.autoplay = video.playsInline = true;
      video.srcObject = new MediaStream([event.track]);
      document.body.append(video);
      window.videos[mid] = video;
      window.sizes[mid] = 0;
      video.addEventListener("resize", () => { window.sizes[mid] += 1; });
      video.requestVideoFrameCallback(() => { window.firstFrame[mid] = performance.now() - window.began; });
    } else if (mid === "0") {
      const context = window.audio = new AudioContext();
      const sound = new Audio();
      sound.muted = true;
      sound.srcObject = new MediaStream([event.track]);
      // Longer than a page on a loaded machine waits between two looks: no beep is missed.
      const analyser = window.analyser = new AnalyserNode(context, { fftSize: 32768 });
      context.createMediaStreamSource(sound.srcObject).connect(analyser);
    }
  };
  pc.ondatachannel = (event) => { (window.channels ||= {})[event.channel.label] = event.channel; };
  await pc.setRemoteDescription({ type: "offer", sdp: offer });
  if (without) {
    const codecs = RTCRtpReceiver.getCapabilities("video").codecs;
    const line = pc.getTransceivers().find((one) => one.mid === "1");
    line.setCodecPreferences(codecs.filter((codec) => codec.mimeType !== without));
  }
  for (const line of pc.getTransceivers()) {
    const kind = line.receiver.track.kind;
    const track = stream.getTracks().find((t) => t.kind === kind);
    if (!track || line.direction === "stopped") continue;
    const wanted = line.mid === "0" || (camera && line.mid === "2");
    if (!wanted) continue;
    line.direction = kind === "audio" ? "sendrecv" : "sendonly";
    await line.sender.replaceTrack(track);
  }
  await pc.setLocalDescription(await pc.createAnswer());
  await new Promise((done) => {
    if (pc.iceGatheringState === "complete") done();
    pc.onicegatheringstatechange = () => { if (pc.iceGatheringState === "complete") done(); };
  });
  return pc.localDescription.sdp;
};
window.loudest = () => {
  const samples = new Float32Array(window.analyser.fftSize);
  window.analyser.getFloatTimeDomainData(samples);
  return Math.max(...samples.map(Math.abs));
};
window.moved = (mid, first) => {
  const now = window.code(mid);
  return now !== null && (now - first + 65536) % 65536 > 5;
};
window.code = (mid) => (window.videos[mid] ? passerelleReadCode(window.videos[mid]) : null);
window.received = async (mid) => {
  const line = window.pc.getTransceivers().find((one) => one.mid === mid);
  const all = [...(await line.receiver.getStats()).values()];
  const stream = all.find((one) => one.type === "inbound-rtp");
  const codec = all.find((one) => one.id === stream.codecId);
  return { codec: codec.mimeType, keyframes: stream.keyFramesDecoded, asked: stream.pliCount + stream.firCount,
    lost: stream.packetsLost, frames: stream.framesDecoded, sizes: window.sizes[mid] };
};
window.shown = (mid) => (window.videos[mid] ? window.videos[mid].getVideoPlaybackQuality().totalVideoFrames : 0);
window.colour = (mid) => {
  const canvas = document.createElement("canvas");
  const video = window.videos[mid];
  if (!video || !video.videoWidth) return 0;
  canvas.width = 32; canvas.height = 24;
  const context = canvas.getContext("2d");
  context.drawImage(video, 0, 0, 32, 24);
  const data = context.getImageData(0, 0, 32, 24).data;
  return Math.max(...data.filter((_, i) => i % 4 === 1));
};
"""


@dataclass
class Call:
    """Two pages in a call through one engine."""

    room: Room
    doctor: Page
    kiosk: Page
    doctor_peer: DoctorPeer
    kiosk_peer: KioskPeer
    doctor_events: Events


async def load(browser: Browser, url: str) -> Page:
    page = await (await browser.new_context()).new_page()
    await page.goto(url)
    await page.add_script_tag(content=PAGE_JS)
    return page


async def join(page: Page, peer: DoctorPeer | KioskPeer, camera: bool, without: str = "") -> None:
    sdp = await page.evaluate("([offer, camera, without]) => window.start(offer, camera, without)",
                              [await peer.offer(), camera, without])
    await peer.answer(sdp)


async def until(page: Page, expression: str, seconds: float = WAIT) -> Any:
    return await eventually(page, expression, seconds=seconds)


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=installed(), args=ARGUMENTS, timeout=START_MS)
        yield browser
        await browser.close()


@pytest.fixture
async def url() -> AsyncIterator[str]:
    """A secure context (localhost) to call getUserMedia from."""
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        body = b"<!doctype html><title>t</title><body></body>"
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\nContent-Length: "
                     + str(len(body)).encode() + b"\r\n\r\n" + body)
        await writer.drain()
        writer.close()
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"


@pytest.fixture
async def call(browser: Browser, url: str) -> AsyncIterator[Call]:
    async with running(SceneCamera(width=1280, height=720)) as room:
        kiosk, doctor = await load(browser, url), await load(browser, url)
        kiosk_peer = await room.engine.kiosk_peer(Events())
        await join(kiosk, kiosk_peer, camera=False)
        events = Events()
        doctor_peer = await room.engine.doctor_peer([], events)
        began = time.monotonic()
        await join(doctor, doctor_peer, camera=True)
        await until(doctor, "() => window.code('1') !== null")
        print(f"offer to first code {time.monotonic() - began:.3f} s, "
              f"first frame {await doctor.evaluate('window.firstFrame')}")
        yield Call(room, doctor, kiosk, doctor_peer, kiosk_peer, events)


async def test_a_call_carries_picture_and_sound_both_ways(call: Call) -> None:
    """The room's moving code reaches both pages, the doctor's picture the kiosk, each page hears the other's beep."""
    for page in (call.doctor, call.kiosk):
        first = await until(page, "() => window.code('1')")
        await until(page, f"() => window.moved('1', {first})")
        await until(page, "() => window.loudest() > 0.01")
    await until(call.kiosk, "() => window.shown('2') > 10 && window.colour('2') > 60")
    await call.room.until(lambda: call.room.engine.microphone)


async def test_reloaded_pages_come_back_on_the_other_sides_living_connection(call: Call, browser: Browser,
                                                                             url: str) -> None:
    """A new doctor page, then a new kiosk page: picture and sound go on at the side that was not reloaded."""
    await until(call.kiosk, "() => window.shown('2') > 5")
    await call.doctor.close()
    doctor = await load(browser, url)
    peer = await call.room.engine.doctor_peer([], Events())
    await join(doctor, peer, camera=True)
    await until(doctor, "() => window.code('1') !== null")
    before = await call.kiosk.evaluate("window.shown('2')")
    await until(call.kiosk, f"() => window.shown('2') > {before} + 10 && window.loudest() > 0.01")
    await call.kiosk.close()
    kiosk = await load(browser, url)
    await join(kiosk, await call.room.engine.kiosk_peer(Events()), camera=False)
    await until(kiosk, "() => window.shown('2') > 5 && window.loudest() > 0.01")
    await until(doctor, "() => window.loudest() > 0.01")


async def test_a_dead_doctors_tab_is_noticed(call: Call) -> None:
    """A killed tab says nothing: said by the watchdog, within four seconds of its last packet and long before consent
    runs out, and the kiosk's call lives."""
    assert peers.SILENCE_SECONDS + TICK_SECONDS < 4
    await call.doctor_events.until(lambda: PeerState.connected in call.doctor_events.states)
    session = await call.doctor.context.new_cdp_session(call.doctor)
    with contextlib.suppress(Error, TimeoutError):
        await asyncio.wait_for(session.send("Page.crash"), 1)
    await call.doctor_events.until(lambda: call.doctor_events.states[-1] in (PeerState.interrupted, PeerState.closed),
                                   CONSENT_EXPIRES_SECONDS / 2)
    async with asyncio.timeout(WAIT):
        while call.kiosk_peer.state is not PeerState.connected:  # noqa: ASYNC110 - late on a starved machine, not gone
            await asyncio.sleep(TICK_SECONDS)


async def test_a_browser_without_h264_gets_vp8(browser: Browser, url: str) -> None:
    """The room's moving code is read from VP8, at the rate the path grants: its own controller leads it, and the rate
    grows fivefold without a keyframe but those of another size."""
    async with running(SceneCamera(width=1280, height=720)) as room:
        doctor, peer = await load(browser, url), await room.engine.doctor_peer([], Events())
        await join(doctor, peer, camera=True, without="video/H264")
        first = await until(doctor, "() => window.code('1')")
        await until(doctor, f"() => window.moved('1', {first})")
        assert (await doctor.evaluate("window.received('1')"))["codec"] == "video/VP8"
        assert peer.path.wide
        await until(doctor, "() => window.videos['1'].videoWidth === 1280", 2 * WAIT)
        assert (await calm_stretch(doctor))["keyframes"] <= 1


async def calm_stretch(page: Page) -> dict[str, int]:
    """What came with 50 pictures one after the other, of which none was lost, asked for or of another size.

    A busy machine's sockets overflow and its pictures shrink: then the next 50 are counted. What loses packets or
    turns sizes without such a cause has no calm stretch.
    """
    async with asyncio.timeout(2 * WAIT):
        while True:
            before = await page.evaluate("window.received('1')")
            await until(page, f"async () => (await window.received('1')).frames >= {before['frames']} + 50", 2 * WAIT)
            after = await page.evaluate("window.received('1')")
            more = {name: after[name] - before[name] for name in ("frames", "keyframes", "lost", "asked", "sizes")}
            if more["lost"] == more["asked"] == more["sizes"] == 0:
                return more


async def test_a_browser_with_both_gets_h264(call: Call) -> None:
    """One encoder for kiosk and doctor."""
    for page in (call.doctor, call.kiosk):
        await until(page, "() => window.shown('1') > 0")
        assert (await page.evaluate("window.received('1')"))["codec"] == "video/H264"
