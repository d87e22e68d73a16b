"""The stethoscope from its sound card (a real ALSA PCM on files, the simulator's socket) to a doctor's track."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import av
import numpy as np
import pytest
from aiortc.mediastreams import MediaStreamTrack
from numpy.typing import NDArray

from gateway.media import stethoscope as stethoscope_room
from gateway.media.config import CameraConfig, MediaConfig, StethoscopeConfig
from gateway.media.engine import MediaEngine
from gateway.media.sound import OPUS_HZ, THIN, WIDE, SoundEncoder, SoundPacket, SoundProfile, loudness
from gateway.media.stethoscope import Stethoscope, card_number
from protocol.channels import InstrumentState
from sim.camera import SceneCamera
from sim.stethoscope import Sound, StethoscopeBox
from tests.integration.test_media_engine import Events, Page, Tone, connect, until_heard

TONES = (30, 40, 60, 100, 200, 300, 600, 1000, 1500)


def levels(samples: NDArray[np.float64], tones: tuple[int, ...] = TONES) -> list[float]:
    """Amplitude of each tone in decibels, against the mean of all."""
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    bins = [round(tone * len(samples) / OPUS_HZ) for tone in tones]
    found = np.array([20 * np.log10(spectrum[at - 2:at + 3].max()) for at in bins])
    return [float(level) for level in found - found.mean()]


def chord(t: NDArray[np.float64]) -> NDArray[np.float64]:
    """All tones at once, equally loud, in counts."""
    return np.asarray(sum(2000 * np.sin(2 * np.pi * f * t + f) for f in TONES), np.float64)


def frames(samples: NDArray[np.float64], rate: int, layout: str = "mono") -> list[av.AudioFrame]:
    made = []
    for start in range(0, len(samples) - rate // 50 + 1, rate // 50):
        block = samples[start:start + rate // 50].astype(np.int16)
        frame = av.AudioFrame.from_ndarray(np.repeat(block, 2 if layout == "stereo" else 1)[None, :], format="s16",
                                           layout=layout)
        frame.sample_rate = rate
        made.append(frame)
    return made


def heard(packets: list[SoundPacket]) -> NDArray[np.float64]:
    decoder = av.CodecContext.create("opus", "r")
    assert isinstance(decoder, av.AudioCodecContext)
    decoder.sample_rate, decoder.layout = OPUS_HZ, "mono"
    out = [frame.to_ndarray().reshape(-1) for packet in packets for frame in decoder.decode(av.Packet(packet.payload))]
    return np.concatenate(out).astype(float)


@pytest.mark.parametrize("profile", [WIDE, THIN])
@pytest.mark.parametrize(("rate", "layout"), [(4000, "mono"), (8000, "mono"), (44_100, "stereo"), (48_000, "mono")])
def test_the_way_through_opus_is_flat(profile: SoundProfile, rate: int, layout: str) -> None:
    """Tones of 30 to 1500 Hz keep their levels within 1 dB at every card's rate, and the packets are of full band."""
    t = np.arange(rate * 3) / rate
    encoder = SoundEncoder(profile, 12.5)
    packets = [packet for frame in frames(chord(t), rate, layout)
               for packet in encoder.take(frame)]
    assert max(map(abs, levels(heard(packets)[OPUS_HZ:2 * OPUS_HZ]))) < 1
    # RFC 6716, section 3.1: 28 to 31 is CELT alone, full band; the speech coder never touches it.
    assert {packet.payload[0] >> 3 for packet in packets} <= {28, 29, 30, 31}
    assert packets[0].timestamp == 600_000
    assert {b.timestamp - a.timestamp for a, b in itertools.pairwise(packets)} == {profile.samples}
    assert [packet.first for packet in packets] == [True] + [False] * (len(packets) - 1)
    sent = 8 * sum(len(packet.payload) for packet in packets) / (len(packets) * profile.frame_ms / 1000)
    assert sent == pytest.approx(profile.bits_per_second, rel=0.05)


def test_faint_sound_is_not_left_out() -> None:
    """60 dB under full scale for two seconds: a packet each 20 ms, and the tone is in it."""
    t = np.arange(OPUS_HZ * 2) / OPUS_HZ
    encoder = SoundEncoder(WIDE, 0)
    packets = [p for f in frames(33 * np.sin(2 * np.pi * 120 * t), OPUS_HZ) for p in encoder.take(f)]
    assert len(packets) >= 98
    sound = heard(packets)[OPUS_HZ:]
    assert np.argmax(np.abs(np.fft.rfft(sound))) * OPUS_HZ / len(sound) == pytest.approx(120, abs=2)


def test_loudness() -> None:
    """RMS against full scale; digital silence has a floor."""
    square = np.full(960, 16_384, np.int16).tobytes()
    assert loudness(square) == pytest.approx(-6.02, abs=0.01)
    assert loudness(bytes(1920)) == -100.0


class Ear:
    """What the stethoscope says and delivers."""

    def __init__(self) -> None:
        self.packets: list[SoundPacket] = []
        self.said: list[tuple[InstrumentState, str | None]] = []
        self.bell = asyncio.Event()
        self.stethoscope: Stethoscope | None = None

    def changed(self) -> None:
        assert self.stethoscope is not None
        self.said.append((self.stethoscope.state, self.stethoscope.problem))
        self.bell.set()

    def deliver(self, packet: SoundPacket) -> None:
        self.packets.append(packet)
        self.bell.set()

    async def until(self, holds: Callable[[], bool], seconds: float = 40) -> None:
        async with asyncio.timeout(seconds):
            while not holds():
                self.bell.clear()
                await self.bell.wait()

    async def is_now(self, state: InstrumentState, problem: str | None = None) -> None:
        await self.until(lambda: self.said[-1:] == [(state, problem)])


@contextlib.asynccontextmanager
async def watched(config: StethoscopeConfig) -> AsyncIterator[Ear]:
    ear = Ear()
    stethoscope = ear.stethoscope = Stethoscope(config, ear.changed, ear.deliver)
    run = asyncio.ensure_future(stethoscope.run())
    yield ear
    run.cancel()
    await asyncio.wait((run,))


@pytest.fixture
async def box() -> AsyncIterator[StethoscopeBox]:
    box = StethoscopeBox(what=Sound(tones=((60, 0.2), (600, 0.2))))
    box.open()
    run = asyncio.ensure_future(box.run())
    yield box
    run.cancel()
    await asyncio.wait((run,))


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stethoscope_room, "RETRY_SECONDS", 0.1)
    monkeypatch.setattr(stethoscope_room, "PROBE_SECONDS", 0.2)


def opened(ear: Ear) -> Stethoscope:
    assert ear.stethoscope is not None
    return ear.stethoscope


async def test_it_is_read_only_while_somebody_listens(box: StethoscopeBox) -> None:
    """Ready without being read; open: packets; closed: none any more; gone and back without a restart."""
    async with watched(StethoscopeConfig(box.address, rate_hz=box.rate_hz, simulated=True)) as ear:
        await ear.is_now(InstrumentState.ready)
        assert not ear.packets
        opened(ear).open()
        await ear.is_now(InstrumentState.measuring)
        await ear.until(lambda: len(ear.packets) > 10)
        assert opened(ear).level > 0.5
        opened(ear).close()
        count = len(ear.packets)
        await ear.is_now(InstrumentState.ready)
        assert (len(ear.packets), opened(ear).level) == (count, 0.0)
        box.unplug()
        await ear.is_now(InstrumentState.absent, "stethoscope.unplugged")
        box.plug()
        await ear.is_now(InstrumentState.ready)


async def test_it_is_heard_again_when_it_is_plugged_in_again(box: StethoscopeBox) -> None:
    """Pulled out while the doctor listens: said with its code; plugged in: heard at once, on the same clock."""
    async with watched(StethoscopeConfig(box.address, rate_hz=box.rate_hz)) as ear:
        opened(ear).open()
        await ear.until(lambda: len(ear.packets) > 5)
        box.unplug()
        await ear.is_now(InstrumentState.absent, "stethoscope.unplugged")
        count = len(ear.packets)
        box.plug()
        await ear.is_now(InstrumentState.measuring)
        await ear.until(lambda: len(ear.packets) > count + 5)
        assert ear.packets[count].first
        assert 0 < ear.packets[count].timestamp - ear.packets[count - 1].timestamp < 20 * OPUS_HZ


async def test_a_chest_piece_in_the_air_is_quiet(box: StethoscopeBox, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing but the microphone's own noise is said as a problem the nurse can mend, and taken back on the skin."""
    monkeypatch.setattr(stethoscope_room, "QUIET_SECONDS", 0.3)
    await box.hear(tones=(), place="air")
    async with watched(StethoscopeConfig(box.address, rate_hz=box.rate_hz)) as ear:
        opened(ear).open()
        await ear.is_now(InstrumentState.measuring, "stethoscope.quiet")
        assert opened(ear).level == 0.0
        monkeypatch.setattr(stethoscope_room, "QUIET_SECONDS", 3.0)
        await box.hear(place="chest")
        await ear.is_now(InstrumentState.measuring)


def test_a_card_is_found_by_its_id(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The index changes with what else is plugged in; a card without a name is passed over."""
    for index, name in ((0, "PCH"), (3, "Steth"), (7, "")):
        (tmp_path / f"card{index}").mkdir()
        if name:
            (tmp_path / f"card{index}" / "id").write_text(f"{name}\n")
    monkeypatch.setattr(stethoscope_room, "CARDS", tmp_path)
    assert (card_number("Steth"), card_number("PCH"), card_number("Gone")) == (3, 0, None)


async def test_a_card_that_is_not_ours_to_open_is_busy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Plugged in but not to be opened: the nurse is not told to plug it in."""
    (tmp_path / "card5").mkdir()
    (tmp_path / "card5" / "id").write_text("NoSuchSteth\n")
    monkeypatch.setattr(stethoscope_room, "CARDS", tmp_path)
    async with watched(StethoscopeConfig("alsa:hw:CARD=NoSuchSteth")) as ear:
        await ear.is_now(InstrumentState.ready)
        opened(ear).open()
        await ear.is_now(InstrumentState.failed, "stethoscope.busy")
        (tmp_path / "card5" / "id").unlink()
        await ear.is_now(InstrumentState.absent, "stethoscope.unplugged")


ALSA_READER = """
import asyncio, sys
import numpy as np
from tests.integration.test_media_stethoscope import Ear, heard, levels
from gateway.media.config import StethoscopeConfig
from gateway.media.stethoscope import Stethoscope

async def main() -> None:
    ear = Ear()
    config = StethoscopeConfig("alsa:steth", rate_hz=16000)
    ear.stethoscope = stethoscope = Stethoscope(config, ear.changed, ear.deliver)
    run = asyncio.ensure_future(stethoscope.run())
    await ear.until(lambda: bool(ear.said))
    print(*[f"{state.value}:{problem}" for state, problem in ear.said])
    stethoscope.open()
    await ear.until(lambda: len(ear.packets) >= 110)
    stethoscope.close()
    print(*[round(level, 2) for level in levels(heard(ear.packets)[48000:96000])])
    run.cancel()
    await asyncio.wait((run,))

asyncio.run(main())
"""


def test_sound_comes_out_of_a_real_alsa_pcm(tmp_path: Path) -> None:
    """A PCM of alsa-lib's own (file over null) in place of a USB stethoscope: opened, read, flat within 1 dB."""
    if "alsa" not in av.format.formats_available:
        pytest.skip("this PyAV was built without ALSA")
    rate = 16_000
    t = np.arange(rate * 10) / rate
    sound = chord(t)
    (tmp_path / "steth.raw").write_bytes(np.asarray(sound, "<i2").tobytes())
    (tmp_path / "asound.conf").write_text(
        "pcm.null { type null }\n"
        f'pcm.steth {{ type file slave {{ pcm null }} file /dev/null infile "{tmp_path}/steth.raw" format raw }}\n')
    done = subprocess.run([sys.executable, "-c", ALSA_READER], capture_output=True, text=True, timeout=100, check=False,
                          env={**os.environ, "ALSA_CONFIG_PATH": str(tmp_path / "asound.conf")})
    assert done.returncode == 0, done.stderr[-2000:]
    states, found = done.stdout.splitlines()[-2:]
    assert states == "ready:None"
    assert max(abs(float(level)) for level in found.split()) < 1, found


@contextlib.asynccontextmanager
async def in_call(box: StethoscopeBox, start_kbps: int = 300, *,
                  answered: bool = True) -> AsyncIterator[tuple[MediaEngine, Page]]:
    """An engine with camera and stethoscope, one doctor, one kiosk; not `answered`: the doctor's page is silent."""
    camera = SceneCamera(width=640, height=360)
    config = MediaConfig(CameraConfig(f"tcp://127.0.0.1:{camera.open()}", 640, 360), interfaces=("lo",),
                         start_kbps=start_kbps,
                         stethoscope=StethoscopeConfig(box.address, rate_hz=box.rate_hz, simulated=True))
    engine = MediaEngine(config, lambda: None)
    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(camera.run()), tasks.create_task(engine.run())]
        peer = await engine.doctor_peer([], Events())
        page = await connect(peer) if answered else Page()
        kiosk = await connect(await engine.kiosk_peer(Events()), Tone(440))
        yield engine, page
        await page.connection.close()
        await kiosk.connection.close()
        for task in reversed(running):
            task.cancel()
            await asyncio.wait((task,))


def sounds(page: Page) -> list[MediaStreamTrack]:
    return [track for track in page.tracks if track.kind == "audio"]


async def test_the_doctor_hears_the_stethoscope_on_a_track_of_its_own(box: StethoscopeBox) -> None:
    """Nothing is sent until somebody listens, nothing after; the voice stays on the other track."""
    async with in_call(box) as (engine, page):
        voice, instrument = sounds(page)
        sender = engine._company.doctors[0].stethoscope.sender
        assert sender is not None
        await until_heard(voice, 440)
        assert sender.sent_bytes == 0
        engine.listen(True)
        async with asyncio.timeout(40):
            while True:
                got = [frame.to_ndarray().reshape(-1)[::len(frame.layout.channels)] for frame in
                       [await instrument.recv() for _ in range(25)] if isinstance(frame, av.AudioFrame)]
                heard_now = np.concatenate(got).astype(float)
                # Past the first half second, in which the sound begins.
                if np.abs(heard_now[:1000]).max() > 1000:
                    break
        low, high = levels(heard_now, (60, 600))
        assert abs(low - high) < 1
        await until_heard(voice, 440)
        engine.listen(False)
        # What was encoded before is on its way out.
        await until_heard(voice, 440)
        sent = sender.sent_bytes
        await until_heard(voice, 440)
        assert sender.sent_bytes == sent
        assert engine.stethoscope is not None
        assert not engine.stethoscope.wanted


@pytest.mark.parametrize(("start_kbps", "profile", "left_kbps"), [(600, WIDE, 485), (200, THIN, 122.5), (80, THIN, 30)])
async def test_the_picture_gives_way_to_the_sound(box: StethoscopeBox, start_kbps: int, profile: SoundProfile,
                                                  left_kbps: float) -> None:
    """At once and by more than the sound costs, below its floor if need be; a thin link gets the smaller form."""
    # Nobody answers: what a path measured would move the rate by itself.
    async with in_call(box, start_kbps, answered=False) as (engine, _):
        engine.listen(True)
        rate = engine._company.doctors[0].camera
        assert rate is not None
        assert rate.rate is not None
        assert rate.rate.target == left_kbps * 1000
        assert engine.stethoscope is not None
        assert engine.stethoscope.profile is profile
        again = await engine.doctor_peer([], Events())
        assert again.camera is not None
        assert again.camera.rate is not None
        assert again.camera.rate.target == left_kbps * 1000
        await again.close()
        engine.listen(False)
        assert rate.rate.target >= 60_000


def test_its_thread_ends() -> None:
    """Nothing of the tests above still reads; a busy machine's may still be at its last read."""
    for thread in threading.enumerate():
        if thread.name == "stethoscope":
            thread.join(40)
            assert not thread.is_alive()
