"""The examination camera against the simulated one: real MJPEG over HTTP, real JPEG out."""

import asyncio
import base64
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from blockbuster import BlockBuster

from gateway.peripherals.config import InstrumentConfig, RadioConfig
from gateway.peripherals.drivers.picture import Judge, finish
from gateway.peripherals.errors import InstrumentFailed
from gateway.peripherals.supervisor import Supervisor
from protocol.channels import InstrumentState
from protocol.readings import InstrumentKind, StillQuality
from sim.skin import Look, SkinCamera, draw
from tests.integration.peripherals_rig import RecordingSink, supervised


@pytest.fixture(autouse=True)
def no_blocking() -> Iterator[None]:
    """The suite fails when our code blocks the loop."""
    guard = BlockBuster("gateway")
    guard.activate()
    yield
    guard.deactivate()


@pytest.fixture
async def camera() -> AsyncIterator[SkinCamera]:
    skin = SkinCamera()
    await skin.start()
    yield skin
    await skin.stop()


def config(source: str) -> InstrumentConfig:
    return InstrumentConfig(3, "skin", InstrumentKind.skin_camera, "Caméra peau", "still", source, True)


def state(supervisor: Supervisor) -> InstrumentState:
    return supervisor.instruments()[0].state


async def test_a_still_is_full_size_and_clean(camera: SkinCamera) -> None:
    """The sensor's own size, at most 20:1, no EXIF, a small thumbnail, a name that is its hash."""
    sink = RecordingSink()
    async with supervised([config(camera.url)], RadioConfig(), sink) as supervisor:
        await sink.until(lambda: state(supervisor) is InstrumentState.ready)
        still, jpeg = await supervisor.capture_still("skin")
    picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    assert picture.shape == (960, 1280, 3) == (still.height, still.width, 3)
    assert still.quality is StillQuality.sharp
    assert picture.nbytes / still.size <= 20
    assert (still.size, b"Exif" in jpeg) == (len(jpeg), False)
    small = cv2.imdecode(np.frombuffer(base64.b64decode(still.thumbnail), np.uint8), cv2.IMREAD_COLOR)
    assert small is not None
    assert max(small.shape) <= 160
    assert any(states[0][1] == "measuring" for states in sink.seen)


@pytest.mark.parametrize(("look", "quality"), [
    (Look(focus=0.7), StillQuality.blurred), (Look(focus=0.2), StillQuality.blurred),
    (Look(light=0.2), StillQuality.dark), (Look(light=1.7), StillQuality.glare), (Look(), StillQuality.sharp)])
def test_the_first_picture_is_judged_too(look: Look, quality: StillQuality) -> None:
    """Without any best to compare with."""
    assert finish(draw(look, 0), Judge()).judgement.quality is quality


def test_a_little_out_of_focus_shows_against_the_cameras_own_best() -> None:
    """What passes alone fails beside what this camera can do."""
    judge = Judge()
    soft = draw(Look(focus=0.93), 0)
    assert judge.judge(draw(Look(), 0)).quality is StillQuality.sharp
    assert judge.judge(soft).quality is StillQuality.blurred


async def test_the_judgement_follows_the_hand(camera: SkinCamera) -> None:
    """Blurred, taken again sharp: through the real stream."""
    sink = RecordingSink()
    async with supervised([config(camera.url)], RadioConfig(), sink) as supervisor:
        await camera.set(Look(focus=0.3))
        first, _ = await supervisor.capture_still("skin")
        await camera.set(Look())
        second = first
        async with asyncio.timeout(20):
            while second.quality is not StillQuality.sharp:
                second, _ = await supervisor.capture_still("skin")
    assert first.quality is StillQuality.blurred
    assert first.still_id != second.still_id


async def test_the_preview_shows_the_newest_frame_about_ten_times_a_second(camera: SkinCamera) -> None:
    """Two viewers of one camera; each frame is a JPEG for the kiosk's width."""
    sink = RecordingSink()
    loop = asyncio.get_running_loop()
    async with supervised([config(camera.url)], RadioConfig(), sink) as supervisor:
        first, second = supervisor.preview("skin"), supervisor.preview("skin")
        frame = await anext(first)
        await anext(second)
        began = loop.time()
        for _ in range(10):
            frame = await anext(first)
        took = loop.time() - began
        await first.aclose()  # type: ignore[attr-defined]
        await second.aclose()  # type: ignore[attr-defined]
    assert 0.8 <= took <= 4
    shown = cv2.imdecode(np.frombuffer(frame, np.uint8), cv2.IMREAD_COLOR)
    assert shown is not None
    assert shown.shape == (480, 640, 3)


async def test_a_camera_that_goes_away_comes_back_by_itself(camera: SkinCamera) -> None:
    """The preview ends with a code, the instrument is absent, then ready again on the same address."""
    port = int(camera.url.split(":")[2].split("/")[0])
    sink = RecordingSink()
    async with supervised([config(camera.url)], RadioConfig(), sink) as supervisor:
        preview = supervisor.preview("skin")
        await anext(preview)
        await camera.stop()
        with pytest.raises(InstrumentFailed) as caught:
            async for _ in preview:
                pass
        assert caught.value.code == "instrument.unplugged"
        await sink.until(lambda: state(supervisor) is InstrumentState.absent)
        await camera.start(port=port)
        await sink.until(lambda: state(supervisor) is InstrumentState.ready)
        still, _ = await supervisor.capture_still("skin")
    assert still.width == 1280


async def test_a_picture_file_can_stand_in(tmp_path: Path) -> None:
    """`file:` for training; a coarse picture is refused with its code."""
    good, coarse = tmp_path / "good.png", tmp_path / "coarse.png"
    cv2.imwrite(str(good), draw(Look(), 0))
    cv2.imwrite(str(coarse), draw(Look(), 0)[:480, :640])
    sink = RecordingSink()
    async with supervised([config(f"file:{good}")], RadioConfig(), sink) as supervisor:
        still, _ = await supervisor.capture_still("skin")
        assert still.quality is StillQuality.sharp
    async with supervised([config(f"file:{coarse}")], RadioConfig(), sink) as supervisor:
        with pytest.raises(InstrumentFailed) as caught:
            await supervisor.capture_still("skin")
        assert caught.value.code == "still.too_small"


async def test_without_a_camera_a_capture_says_so(tmp_path: Path) -> None:
    """A code, in time, not a traceback."""
    sink = RecordingSink()
    async with supervised([config(f"v4l2:{tmp_path}/video0")], RadioConfig(), sink) as supervisor:
        await sink.until(lambda: supervisor.instruments()[0].problem == "instrument.unplugged")
        with pytest.raises(InstrumentFailed) as caught:
            await supervisor.capture_still("skin")
        assert caught.value.code == "instrument.unplugged"
