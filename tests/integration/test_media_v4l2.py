"""The V4L2 path of the room camera, for real, against a stand-in device under LD_PRELOAD."""

from __future__ import annotations

import asyncio
import shutil
import sys
from pathlib import Path

import cv2
import numpy
import pytest

from tests.integration.v4l2_rig import HERE, Plugboard, build

pytestmark = pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler to build the stand-in device")

ROOM = "usb-Stand-in_Room_0003-video-index0"


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("v4l2"))


async def test_a_v4l2_camera_is_read_unplugged_and_back_by_itself(library: Path, tmp_path: Path) -> None:
    """A real V4L2 conversation: pictures come, ENODEV is said once with its code, pictures come back."""
    jpeg, board = tmp_path / "picture.jpg", Plugboard(tmp_path, library)
    cv2.imwrite(str(jpeg), numpy.full((720, 1280, 3), 90, numpy.uint8))
    modes = [f"MJPG 640x480 30 {jpeg}", f"MJPG 1280x720 25 {jpeg}"]
    board.plug(0, ROOM, modes)
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(HERE / "read_camera.py"), str(board.dev / "video0"), env=board.environment,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL)
    assert process.stdout is not None

    async def said() -> str:
        async with asyncio.timeout(30):
            while True:
                line = (await process.stdout.readline()).decode()
                if line.startswith(("present", "away")) or not line:
                    return line.strip()

    try:
        assert await said() == "present 1280 720 None"
        board.unplug(0, ROOM)
        assert await said() == "away 0 0 camera.missing"
        board.plug(0, ROOM, modes)
        assert await said() == "present 1280 720 None"
    finally:
        process.kill()
        await process.wait()
