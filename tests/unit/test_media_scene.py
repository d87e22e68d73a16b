"""The simulated room camera's code: read back from its own pictures, small, blurred, or absent."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from sim.camera import Scene, crc8, read_code


def gray(scene: Scene, number: int, width: int, height: int) -> np.ndarray:
    data = bytes(scene.draw(number))
    assert data.startswith(b"FRAME\n")
    assert len(data) == 6 + width * height * 3 // 2
    return np.frombuffer(data, np.uint8, offset=6, count=width * height).reshape(height, width)


def test_the_check_by_hand() -> None:
    """Start 0xFF: nothing leaves it, 0xFF clears it, and 0xFE is the polynomial itself after eight shifts of 1."""
    assert crc8(b"") == 0xFF
    assert crc8(b"\xff") == 0x00
    assert crc8(b"\xfe") == 0x07


@pytest.mark.parametrize(("width", "height"), [(1280, 720), (640, 360), (640, 480), (320, 240)])
def test_the_code_reads_back(width: int, height: int) -> None:
    """Every size, first and last counter, through a blur and half the size."""
    scene = Scene(width, height, 25)
    for number in (0, 1, 0xAAAA, 65535, 65536 + 7):
        picture = gray(scene, number, width, height)
        assert read_code(picture) == number % 65536
        small = cv2.GaussianBlur(cv2.resize(picture, (width // 2, height // 2)), (0, 0), 1)
        assert read_code(np.asarray(small, np.uint8)) == number % 65536


def test_no_code_is_none() -> None:
    """A grey picture, noise, and a code with one flipped square are no code."""
    rng = np.random.default_rng(1)
    assert read_code(np.full((720, 1280), 128, np.uint8)) is None
    assert read_code(rng.integers(0, 256, (720, 1280), dtype=np.uint8)) is None
    picture = gray(Scene(1280, 720, 25), 1234, 1280, 720).copy()
    square = picture[680:712, 8 + 10 * 32:8 + 11 * 32]
    square[:] = 251 - square
    assert read_code(picture) is None


def test_pictures_move() -> None:
    """Two pictures differ outside the code: a frozen picture is seen by people too."""
    scene = Scene(640, 360, 25)
    first = gray(scene, 1, 640, 360).copy()
    second = gray(scene, 26, 640, 360)
    assert np.abs(first[:330].astype(int) - second[:330]).max() > 50


def test_odd_sizes_are_refused() -> None:
    """4:2:0 planes and the strip need even sides."""
    with pytest.raises(ValueError, match="scene"):
        Scene(642, 361, 25)
