"""The V4L2 path of the room camera, for real, against a stand-in device under LD_PRELOAD."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy
import pytest

HERE = Path(__file__).parent / "v4l2"
pytestmark = pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler to build the stand-in device")


@pytest.fixture(scope="module")
def stand_in(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The stand-in device as a shared object."""
    library = tmp_path_factory.mktemp("v4l2") / "stand_in.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", library, HERE / "stand_in.c", "-ldl"], check=True)
    return library


async def test_a_v4l2_camera_is_read_unplugged_and_back_by_itself(stand_in: Path, tmp_path: Path) -> None:
    """A real V4L2 conversation: pictures come, ENODEV is said once with its code, pictures come back."""
    jpeg, away = tmp_path / "picture.jpg", tmp_path / "away.jpg"
    cv2.imwrite(str(jpeg), numpy.full((720, 1280, 3), 90, numpy.uint8))
    environment = os.environ | {"LD_PRELOAD": str(stand_in), "STANDIN_DEVICE": "/dev/stand-in-camera",
                                "STANDIN_JPEG": str(jpeg), "PYTHONPATH": str(HERE.parents[2])}
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(HERE / "read_camera.py"), "/dev/stand-in-camera", env=environment,
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
        jpeg.rename(away)
        assert await said() == "away 0 0 camera.missing"
        away.rename(jpeg)
        assert await said() == "present 1280 720 None"
    finally:
        process.kill()
        await process.wait()
