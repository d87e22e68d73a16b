"""Examination cameras of every kind against the simulated ones: live, measured, without a signal, several at once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from decimal import Decimal

import cv2
import numpy as np
import pytest
from blockbuster import BlockBuster

from gateway.peripherals.drivers import still as still_driver
from gateway.peripherals.drivers.live_frames import LiveFrames
from gateway.peripherals.drivers.picture import finish, shot_of
from gateway.peripherals.errors import InstrumentFailed
from gateway.peripherals.pictures.judging import Judge
from protocol.channels import InstrumentState
from protocol.readings import InstrumentKind, StillQuality
from sim.exam_cameras import ExamCameras
from sim.skin import Look, draw
from tests.integration.cameras_rig import WAIT_S, Bench, configured, on_bench

KINDS = {"skin": InstrumentKind.skin_camera, "otoscope": InstrumentKind.otoscope,
         "intraoral": InstrumentKind.intraoral_camera, "ultrasound": InstrumentKind.ultrasound}


@pytest.fixture(autouse=True)
def no_blocking() -> Iterator[None]:
    """The suite fails when our code blocks the loop."""
    guard = BlockBuster("gateway")
    guard.activate()
    yield
    guard.deactivate()


@pytest.fixture
async def cameras() -> AsyncIterator[ExamCameras]:
    made = ExamCameras()
    await made.start()
    yield made
    await made.stop()


def benches(cameras: ExamCameras, *names: str) -> list[Bench]:
    return [Bench(configured(cameras.named(name).url, KINDS[name], number)) for number, name in enumerate(names, 1)]


async def frames_of(live: LiveFrames, count: int) -> tuple[int, np.ndarray, float]:
    """The newest once `count` have come."""
    loop, news = asyncio.get_running_loop(), asyncio.Event()
    live.on_frame(lambda: loop.call_soon_threadsafe(news.set))
    async with asyncio.timeout(WAIT_S):
        while True:
            number, frame, at = live.newest()
            if number >= count and frame is not None:
                return number, frame, at
            assert live.failed is None
            await news.wait()
            news.clear()


async def test_four_cameras_are_live_at_once(cameras: ExamCameras) -> None:
    """Each with its own picture, the newest, nothing queued before it; closed cameras are let go."""
    aboard = benches(cameras, *KINDS)
    async with on_bench(*aboard):
        lives = [bench.camera.frames() for bench in aboard]
        for live, (height, width) in zip(lives, ((960, 1280), (960, 1280), (960, 1280), (1024, 1280)), strict=True):
            number, frame, _ = await frames_of(live, 5)
            assert (frame.shape, frame.dtype) == ((height, width, 3), np.uint8)
            # Three on from here it shows what came after this moment.
            now = time.monotonic()
            _, _, at = await frames_of(live, number + 3)
            assert at > now
        assert all(state["viewers"] == 1 for state in cameras.state().values())
        for live in lives:
            live.close()
            live.close()


async def test_a_camera_runs_only_while_somebody_looks(cameras: ExamCameras, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two viewers share one stream; after the last one the bus is free again."""
    monkeypatch.setattr(still_driver, "LINGER_S", 0.1)
    (bench,) = benches(cameras, "skin")
    async with on_bench(bench):
        await bench.shows(InstrumentState.ready)
        assert cameras.skin.viewers == 0
        first, second = bench.camera.frames(), bench.camera.frames()
        await frames_of(first, 2)
        await frames_of(second, 2)
        assert cameras.skin.viewers == 1
        first.close()
        number, *_ = second.newest()
        await frames_of(second, number + 2)
        second.close()
        async with asyncio.timeout(WAIT_S):
            await cameras.skin.deserted.wait()


async def test_a_live_view_ends_with_its_code_and_begins_again(cameras: ExamCameras) -> None:
    """The cable is pulled while the doctor looks; plugged in, the same instrument gives frames again."""
    (bench,) = benches(cameras, "otoscope")
    ear = cameras.named("otoscope")
    async with on_bench(bench):
        live = bench.camera.frames()
        await frames_of(live, 2)
        gone = asyncio.Event()
        loop = asyncio.get_running_loop()
        live.on_frame(lambda: loop.call_soon_threadsafe(gone.set) if live.failed else None)
        await ear.stop()
        async with asyncio.timeout(WAIT_S):
            await gone.wait()
        assert live.failed == "instrument.unplugged"
        live.close()
        await bench.shows(InstrumentState.absent, "instrument.unplugged")
        await ear.plug()
        await bench.shows(InstrumentState.ready)
        again = bench.camera.frames()
        await frames_of(again, 2)
        again.close()


async def test_frames_of_an_absent_camera_fail_at_once(cameras: ExamCameras) -> None:
    """Whoever asks hears the code, also when he listens too late."""
    (bench,) = benches(cameras, "intraoral")
    await cameras.named("intraoral").stop()
    async with on_bench(bench):
        live = bench.camera.frames()
        await bench.shows(InstrumentState.absent, "instrument.unplugged")
        heard = asyncio.Event()
        loop = asyncio.get_running_loop()
        live.on_frame(lambda: loop.call_soon_threadsafe(heard.set))
        async with asyncio.timeout(WAIT_S):
            await heard.wait()
        assert live.failed == "instrument.unplugged"
        live.close()


@pytest.mark.parametrize("signal", ["blue", "black", "bars"])
async def test_no_signal_is_said_and_taken_back(cameras: ExamCameras, signal: str) -> None:
    """While it is looked at; a still of nothing is refused; the picture comes back by itself."""
    (bench,) = benches(cameras, "ultrasound")
    screen = cameras.named("ultrasound")
    async with on_bench(bench):
        live = bench.camera.frames()
        await frames_of(live, 3)
        await screen.set(Look(signal=signal))
        await bench.shows(InstrumentState.failed, "camera.no_signal")
        with pytest.raises(InstrumentFailed) as caught:
            await bench.camera.capture()
        assert caught.value.code == "camera.no_signal"
        await screen.set(Look())
        await bench.shows(InstrumentState.ready)
        still, _ = await bench.camera.capture()
        assert (still.width, still.height, still.quality, still.pixel_mm) == (1280, 1024, StillQuality.sharp, None)
        live.close()


async def test_a_marker_on_the_skin_gives_millimetres(cameras: ExamCameras) -> None:
    """Forty pixels a millimetre; without a marker nothing is said."""
    (bench,) = benches(cameras, "skin")
    async with on_bench(bench):
        measured, _ = await bench.camera.capture()
        await cameras.skin.set(Look(marker=False))
        plain = measured
        async with asyncio.timeout(WAIT_S):
            while plain.pixel_mm is not None:
                plain, _ = await bench.camera.capture()
    assert measured.pixel_mm == Decimal("0.0250")
    assert plain.quality is StillQuality.sharp


async def test_the_hand_is_led_back_to_the_same_framing(cameras: ExamCameras) -> None:
    """The earlier still lies over the live picture: a shift is told, and told to be gone."""
    (bench,) = benches(cameras, "skin")
    async with on_bench(bench):
        _, earlier = await bench.camera.capture()
        await cameras.skin.set(Look(shift=1.0))
        async with asyncio.timeout(WAIT_S):
            while (seen := await bench.camera.framing(earlier)) is None or seen.right < 0.2:
                pass
        assert not seen.same
        await cameras.skin.set(Look())
        async with asyncio.timeout(WAIT_S):
            while (seen := await bench.camera.framing(earlier)) is None or not seen.same:
                pass


async def test_a_still_is_the_cameras_own_jpeg(cameras: ExamCameras) -> None:
    """Not one bit of the picture was lost a second time on its way through the gateway."""
    (bench,) = benches(cameras, "skin")
    async with on_bench(bench):
        _, jpeg = await bench.camera.capture()
    kept = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    shown = [cv2.imdecode(np.frombuffer(frame, np.uint8), cv2.IMREAD_COLOR) for frame in cameras.skin.shown]
    assert any(np.array_equal(kept, frame) for frame in shown)


@pytest.mark.parametrize("own_jpeg", [True, False])
def test_the_verdict_on_twelve_megapixels_costs_little_more_than_the_picture(own_jpeg: bool) -> None:
    """From the frame to judgement, thumbnail, scale and file: at most four times the processor time, of all threads,
    that reading and writing the file once takes on the same machine at the same moment."""
    picture = cv2.resize(draw(Look(), 0), (4000, 3000), interpolation=cv2.INTER_CUBIC)
    noise = np.random.default_rng(1).integers(-4, 5, picture.shape, np.int16)
    picture = np.clip(picture + noise, 0, 255).astype(np.uint8)
    ok, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 94 if own_jpeg else 70])
    assert ok
    jpeg, times, once = data.tobytes(), [], []
    assert (36e6 / len(jpeg) <= 20) is own_jpeg
    for _ in range(4):
        shot = shot_of(jpeg, 1, 0.0, True)
        began = time.process_time()
        made = finish(shot, Judge())
        times.append(time.process_time() - began)
        began = time.process_time()
        read = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
        assert read is not None
        cv2.imencode(".jpg", read, [cv2.IMWRITE_JPEG_QUALITY, 94])
        once.append(time.process_time() - began)
    assert made.judgement.quality is StillQuality.sharp
    assert 36e6 / len(made.jpeg) <= 20
    assert min(times) < 4 * min(once)
