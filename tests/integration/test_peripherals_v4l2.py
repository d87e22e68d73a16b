"""The V4L2 path of the examination cameras, for real: OpenCV against stand-in devices under LD_PRELOAD."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from gateway.peripherals.pictures import jpeg_file
from sim.skin import Look, draw
from tests.integration.v4l2_rig import Plugboard, build, examined

pytestmark = pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler to build the stand-in device")

SKIN, EAR = "usb-Stand-in_Skin_0001-video-index0", "usb-Stand-in_Ear_0002-video-index0"


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("v4l2"))


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A frame for each size, as a camera's encoder would make it."""
    folder = tmp_path_factory.mktemp("pictures")
    skin = draw(Look(), 0)
    made = {}
    for name, size in (("small", (640, 480)), ("view", (1280, 720)), ("full", (2592, 1944))):
        made[name] = folder / f"{name}.jpg"
        cv2.imwrite(str(made[name]), cv2.resize(skin, size, interpolation=cv2.INTER_CUBIC),
                    [cv2.IMWRITE_JPEG_QUALITY, 95])
    # As some cameras send it: with a serial number in EXIF.
    plain = made["full"].read_bytes()
    exif = b"Exif\0\0serial 4711 GPS"
    made["full"].write_bytes(plain[:2] + b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif + plain[2:])
    made["raw"] = folder / "frame.yuyv"
    yuv = cv2.cvtColor(cv2.resize(skin, (1280, 960)), cv2.COLOR_BGR2YUV_YUY2)
    made["raw"].write_bytes(np.ascontiguousarray(yuv).tobytes())
    return made


@pytest.fixture
def board(tmp_path: Path, library: Path) -> Plugboard:
    return Plugboard(tmp_path, library)


def modes(pictures: dict[str, Path]) -> list[str]:
    return [f"MJPG 640x480 30 {pictures['small']}", f"MJPG 1280x720 30 {pictures['view']}",
            f"MJPG 2592x1944 10 {pictures['full']}"]


async def test_the_view_runs_small_and_the_still_has_every_pixel(board: Plugboard, pictures: dict[str, Path]) -> None:
    """The mode changes for the still and back, and its bytes are the camera's own."""
    board.plug(2, SKIN, modes(pictures))
    async with examined(board, skin=f"v4l2:{board.dev}/v4l/by-id/{SKIN}") as cameras:
        await cameras.hear(panel="skin", state="ready")
        cameras.tell("look skin")
        seen = await cameras.hear(live="skin")
        assert (seen["width"], seen["height"]) == (1280, 720)
        cameras.tell("capture skin")
        still = await cameras.hear(still="skin")
        assert (still["width"], still["height"], still["quality"]) == (2592, 1944, "sharp")
        sent = pictures["full"].read_bytes()
        own = jpeg_file.clean(sent)
        assert b"4711" in sent
        assert b"4711" not in own
        assert still["sha256"] == hashlib.sha256(own).hexdigest()
        cameras.tell("unlook skin")
        cameras.tell("look skin")
        again = await cameras.hear(live="skin")
        assert again["width"] == 1280


async def test_a_camera_is_pulled_out_while_it_shows_and_found_again_under_another_number(
        board: Plugboard, pictures: dict[str, Path]) -> None:
    """ENODEV ends the view with its code; plugged in again as video5 it works by its identity, in one process."""
    board.plug(2, SKIN, modes(pictures))
    async with examined(board, skin=f"v4l2:{board.dev}/v4l/by-id/{SKIN}") as cameras:
        await cameras.hear(panel="skin", state="ready")
        cameras.tell("look skin")
        await cameras.hear(live="skin", width=1280)
        board.unplug(2, SKIN)
        await cameras.hear_all({"live": "skin", "code": "instrument.unplugged"},
                               {"panel": "skin", "state": "absent", "problem": "instrument.unplugged"})
        cameras.tell("capture skin")
        assert (await cameras.hear(still="skin"))["code"] == "instrument.unplugged"
        board.plug(5, SKIN, modes(pictures))
        await cameras.hear(panel="skin", state="ready")
        cameras.tell("look skin")
        await cameras.hear(live="skin", width=1280)
        cameras.tell("capture skin")
        assert (await cameras.hear(still="skin"))["width"] == 2592


async def test_a_camera_is_found_by_its_vendor_product_and_serial(board: Plugboard, pictures: dict[str, Path]) -> None:
    """Two of one model on two ports: each by its own serial number, whatever number the kernel gave."""
    board.plug(0, EAR, modes(pictures), port="1-2", serial="B")
    board.plug(1, SKIN, [f"MJPG 2592x1944 10 {pictures['full']}"], port="1-1", serial="A")
    async with examined(board, skin="usb:1908:2311:A", ear="usb:1908:2311:B", other="usb:1908:ffff") as cameras:
        cameras.tell("look skin")
        # Its only mode is wider than the view: it is shown smaller.
        assert (await cameras.hear(live="skin"))["height"] == 960
        cameras.tell("look ear")
        assert (await cameras.hear(live="ear"))["height"] == 720
        cameras.tell("capture other")
        assert (await cameras.hear(still="other"))["code"] == "instrument.unplugged"


async def test_a_full_bus_is_said_as_that_and_heals_when_the_other_stops(
        board: Plugboard, pictures: dict[str, Path]) -> None:
    """STREAMON answers ENOSPC: `camera.bus_full`, the first camera goes on, and the second works afterwards."""
    board.plug(0, SKIN, modes(pictures), port="1-1")
    board.plug(1, EAR, modes(pictures), port="1-2")
    board.carries(1)
    async with examined(board, skin=f"v4l2:{board.dev}/v4l/by-id/{SKIN}",
                        ear=f"v4l2:{board.dev}/v4l/by-id/{EAR}") as cameras:
        cameras.tell("look skin")
        await cameras.hear(live="skin", width=1280)
        cameras.tell("look ear")
        await cameras.hear_all({"live": "ear", "code": "camera.bus_full"},
                               {"panel": "ear", "state": "failed", "problem": "camera.bus_full"})
        cameras.tell("capture skin")
        assert (await cameras.hear(still="skin"))["width"] == 2592
        cameras.tell("unlook skin")
        await cameras.hear(unlooked="skin")
        # The camera lingers for a retake before it gives the bus back.
        while True:
            cameras.tell("capture ear")
            if "width" in (said := await cameras.hear(still="ear")):
                break
        assert said["width"] == 2592


async def test_a_bus_that_is_nearly_full_gets_a_smaller_picture(board: Plugboard, pictures: dict[str, Path]) -> None:
    """An uncompressed stream takes 46 of USB 2's 48 MB/s: the second camera is shown small instead of not at all."""
    board.plug(0, SKIN, [f"YUYV 1280x960 18 {pictures['raw']}"], port="1-1")
    board.plug(1, EAR, modes(pictures), port="1-2")
    async with examined(board, skin=f"v4l2:{board.dev}/v4l/by-id/{SKIN}",
                        ear=f"v4l2:{board.dev}/v4l/by-id/{EAR}") as cameras:
        cameras.tell("look skin")
        assert (await cameras.hear(live="skin"))["height"] == 960
        cameras.tell("look ear")
        assert (await cameras.hear(live="ear"))["width"] == 640
        cameras.tell("capture skin")
        still = await cameras.hear(still="skin")
        assert (still["width"], still["quality"]) == (1280, "sharp")
        assert 1280 * 960 * 3 / still["size"] <= 20
