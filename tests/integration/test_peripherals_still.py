"""The examination camera against the simulated one: real MJPEG over HTTP, real JPEG out."""

import asyncio
import base64
from collections.abc import AsyncIterator, Iterator
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
from blockbuster import BlockBuster

from gateway.peripherals.drivers import still as still_driver
from gateway.peripherals.drivers.grabber import Grabber
from gateway.peripherals.drivers.picture import Shot, finish
from gateway.peripherals.drivers.still import PREVIEW_EVERY_S
from gateway.peripherals.errors import InstrumentFailed
from gateway.peripherals.pictures.judging import Judge
from protocol.channels import InstrumentState
from protocol.readings import StillQuality
from sim.exam_cameras import SkinCamera
from sim.skin import Look, draw
from tests.integration.cameras_rig import WAIT_S, Bench, configured, on_bench


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


async def test_a_still_is_full_size_and_clean(camera: SkinCamera) -> None:
    """The sensor's own size, at most 20:1, no EXIF, a small thumbnail, a name that is its hash."""
    bench = Bench(configured(camera.url))
    async with on_bench(bench):
        await bench.shows(InstrumentState.ready)
        still, jpeg = await bench.camera.capture()
    picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    assert picture.shape == (960, 1280, 3) == (still.height, still.width, 3)
    assert still.quality is StillQuality.sharp
    assert picture.nbytes / still.size <= 20
    assert (still.size, b"Exif" in jpeg) == (len(jpeg), False)
    small = cv2.imdecode(np.frombuffer(base64.b64decode(still.thumbnail), np.uint8), cv2.IMREAD_COLOR)
    assert small is not None
    assert max(small.shape) <= 160
    assert (InstrumentState.measuring, None) in bench.seen


@pytest.mark.parametrize(("look", "quality"), [
    (Look(focus=0.7), StillQuality.blurred), (Look(focus=0.2), StillQuality.blurred),
    (Look(light=0.2), StillQuality.dark), (Look(light=1.7), StillQuality.glare), (Look(), StillQuality.sharp)])
def test_the_first_picture_is_judged_too(look: Look, quality: StillQuality) -> None:
    """Without any best to compare with."""
    frame = draw(look, 0)
    assert finish(Shot(1, 0.0, True, 1280, 960, frame=frame), Judge()).judgement.quality is quality


def test_a_little_out_of_focus_shows_against_the_cameras_own_best() -> None:
    """What passes alone fails beside what this camera can do."""
    judge = Judge()
    soft = draw(Look(focus=0.93), 0)
    assert judge.judge(draw(Look(), 0), (1280, 960)).quality is StillQuality.sharp
    assert judge.judge(soft, (1280, 960)).quality is StillQuality.blurred


async def test_the_judgement_follows_the_hand(camera: SkinCamera) -> None:
    """Blurred, taken again sharp: through the real stream."""
    bench = Bench(configured(camera.url))
    async with on_bench(bench):
        await camera.set(Look(focus=0.3))
        first, _ = await bench.camera.capture()
        await camera.set(Look())
        second = first
        async with asyncio.timeout(WAIT_S):
            while second.quality is not StillQuality.sharp:
                second, _ = await bench.camera.capture()
    assert first.quality is StillQuality.blurred
    assert first.still_id != second.still_id


async def test_the_preview_shows_the_newest_frame_about_ten_times_a_second(
        camera: SkinCamera, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two viewers of one camera; each frame is a JPEG for the kiosk's width, a tenth of a second after the one before
    and not many of the camera's later."""
    bench = Bench(configured(camera.url))
    looks: list[tuple[float, int]] = []
    newest = bench.camera._after

    async def noted(grabber: Grabber, number: int) -> Shot:
        at = loop.time()
        shot = await newest(grabber, number)
        looks.append((at, shot.number))
        return shot

    loop = asyncio.get_running_loop()
    async with on_bench(bench):
        first, second = bench.camera.preview(), bench.camera.preview()
        frame = await anext(first)
        await anext(second)
        monkeypatch.setattr(bench.camera, "_after", noted)
        for _ in range(10):
            frame = await anext(first)
        await first.aclose()  # type: ignore[attr-defined]
        await second.aclose()  # type: ignore[attr-defined]
    assert all(later[0] - before[0] >= PREVIEW_EVERY_S - 0.001 for before, later in pairwise(looks))
    assert PREVIEW_EVERY_S == 0.1
    assert 1 <= min(later[1] - before[1] for before, later in pairwise(looks)) <= 3
    shown = cv2.imdecode(np.frombuffer(frame, np.uint8), cv2.IMREAD_COLOR)
    assert shown is not None
    assert shown.shape == (480, 640, 3)


async def test_a_camera_that_goes_away_comes_back_by_itself(camera: SkinCamera) -> None:
    """The preview ends with a code, the instrument is absent, then ready again on the same address."""
    port = int(camera.url.split(":")[2].split("/")[0])
    bench = Bench(configured(camera.url))
    async with on_bench(bench):
        preview = bench.camera.preview()
        await anext(preview)
        await camera.stop()
        with pytest.raises(InstrumentFailed) as caught:
            async for _ in preview:
                pass
        assert caught.value.code == "instrument.unplugged"
        await bench.shows(InstrumentState.absent, "instrument.unplugged")
        await camera.start(port=port)
        await bench.shows(InstrumentState.ready)
        still, _ = await bench.camera.capture()
    assert still.width == 1280


async def test_a_picture_file_can_stand_in(tmp_path: Path) -> None:
    """`file:` for training; a coarse picture is refused with its code."""
    good, coarse = tmp_path / "good.png", tmp_path / "coarse.png"
    cv2.imwrite(str(good), draw(Look(), 0))
    cv2.imwrite(str(coarse), draw(Look(), 0)[:480, :640])
    bench = Bench(configured(f"file:{good}"))
    async with on_bench(bench):
        still, _ = await bench.camera.capture()
        assert still.quality is StillQuality.sharp
    bench = Bench(configured(f"file:{coarse}"))
    async with on_bench(bench):
        with pytest.raises(InstrumentFailed) as caught:
            await bench.camera.capture()
        assert caught.value.code == "still.too_small"


async def test_without_a_camera_a_capture_says_so(tmp_path: Path) -> None:
    """A code, in time, not a traceback."""
    bench = Bench(configured(f"v4l2:{tmp_path}/video0"))
    async with on_bench(bench):
        await bench.shows(InstrumentState.absent, "instrument.unplugged")
        with pytest.raises(InstrumentFailed) as caught:
            await bench.camera.capture()
        assert caught.value.code == "instrument.unplugged"


async def test_a_picture_that_was_taken_is_not_said_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tile says `done` while it is news; the next patient's says that the camera is ready."""
    monkeypatch.setattr(still_driver, "LINGER_S", 0.2)
    picture = tmp_path / "skin.png"
    cv2.imwrite(str(picture), draw(Look(), 0))
    bench = Bench(configured(f"file:{picture}"))
    async with on_bench(bench):
        await bench.camera.capture()
        assert bench.panel.state is InstrumentState.done
        await bench.shows(InstrumentState.ready)
