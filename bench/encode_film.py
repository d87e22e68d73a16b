"""What the encoding benchmark films, and how like it a picture is; `python -m bench.encode_film` is its camera."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import sys
import time
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from bench.video_likeness import ssim
from bench.video_source import FPS, HEIGHT, WIDTH

PICTURES, NOISE = 50, 0.7
"""Two seconds, to be played to and fro; levels of a sensor's noise in a lit room."""

COARSE = 8
"""Pictures are told from each other by each eighth pixel: the film sways by more between two of them."""


@dataclass(frozen=True, slots=True)
class Film:
    """A coloured, noisy picture that sways: as much to encode as a hand that moves in front of a small camera. The same
    in each process."""

    luma: NDArray[np.uint8]
    """pictures x height x width, video range."""
    chroma: bytes
    """One plane, a quarter of the picture; the other one is its reverse."""

    @classmethod
    def make(cls) -> Film:
        """Draw it; half a second."""
        rng = np.random.default_rng(4)
        coarse = rng.integers(40, 210, (HEIGHT // 40 + 2, WIDTH // 40 + 2), np.uint8)
        size = (WIDTH + 128, HEIGHT + 128)
        texture = cv2.resize(coarse, size, interpolation=cv2.INTER_CUBIC).astype(np.int16)
        fine = rng.integers(-12, 12, (HEIGHT // 6, WIDTH // 6), np.int16).astype(np.float32)
        texture += cv2.resize(fine, size).astype(np.int16)
        pictures = np.empty((PICTURES, HEIGHT, WIDTH), np.uint8)
        for number in range(PICTURES):
            turn = number / PICTURES * np.pi
            x, y = round(64 + 40 * np.sin(turn)), round(64 + 10 * np.sin(2 * turn))
            noise = rng.normal(0, NOISE, (HEIGHT, WIDTH))
            pictures[number] = np.clip(texture[y:y + HEIGHT, x:x + WIDTH] + noise, 16, 235)
        return cls(pictures, cv2.resize(coarse, (WIDTH // 2, HEIGHT // 2)).tobytes())

    def frame(self, number: int) -> bytes:
        """One frame of YUV4MPEG2."""
        there = number % (2 * PICTURES)
        luma = self.luma[min(there, 2 * PICTURES - 1 - there)]
        return b"".join((b"FRAME\n", luma.tobytes(), self.chroma, self.chroma[::-1]))

    def similar(self, luma: NDArray[np.uint8]) -> float:
        """SSIM against the picture of the film that this one is most like; a smaller one is enlarged first."""
        seen = np.asarray(cv2.resize(luma, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC), np.uint8)
        away = self.luma[:, ::COARSE, ::COARSE].astype(np.int16) - seen[::COARSE, ::COARSE]
        return ssim(self.luma[int(np.abs(away).mean(axis=(1, 2)).argmin())], seen)


async def show() -> None:
    """The camera's process, until standard input ends."""
    film = Film.make()

    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(f"YUV4MPEG2 W{WIDTH} H{HEIGHT} F{FPS}:1 Ip A1:1 C420jpeg\n".encode())
        began = time.monotonic()
        with contextlib.suppress(ConnectionError):
            for number in itertools.count():
                await asyncio.sleep(max(0.0, began + number / FPS - time.monotonic()))
                writer.write(film.frame(number))
                await writer.drain()

    server = await asyncio.start_server(play, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)
    server.close()


if __name__ == "__main__":
    asyncio.run(show())
