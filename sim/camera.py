"""A simulated room camera: a drawn consultation room as YUV4MPEG2 over TCP, with a code that can be read back.

The stream is what `yuv4mpegpipe` of common tools reads: one text header, then `FRAME` and three planes
(4:2:0) per picture.

The moving code
---------------
A strip at the bottom of the picture carries the number of the picture, so that a test can prove which
picture arrived, and how late. All lengths derive from one: `cell = width / 40`.

* The strip is 1.5 cells high, black, over the full width, at the bottom: y from `height - 1.5 cell`.
* `CELLS` = 30 squares, side `cell`, the first at x = 0.25 cell, all at y = `height - 1.25 cell`.
* Squares 0-3 are white, black, white, black (start; they also give the threshold).
* Squares 4-19 are the counter, 16 bits, most significant first; white is 1.
* Squares 20-27 are CRC-8 (polynomial 0x07, start 0xFF) over the counter's two bytes, most significant bit first.
* Squares 28-29 are black, white (stop).

The counter is `floor(time.monotonic() * fps) mod 65536`, so it names a moment: see `SceneCamera.frame_times`.
`read_code` reads it from grey values of any size with the same shape; `sim/read_code.js` does it in a browser.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import socket
import time
from collections import OrderedDict
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import structlog
from numpy.typing import NDArray

from .listener import listen

COUNTER_BITS, CRC_BITS = 16, 8
CELLS = 4 + COUNTER_BITS + CRC_BITS + 2
COLUMNS = 40
"""Cells in the picture's width: 32 pixels at 1280, 16 at 640, enough for H.264 at 60 kbit/s."""

CONTRAST_MIN = 50
"""Grey levels between black and white squares; less is not our code."""

FRAME_TIMES = 1500
"""One minute of pictures is remembered."""

SEND_BUFFER = 1 << 20
"""Bytes; less than one 720p picture."""

READER_JS = (Path(__file__).parent / "read_code.js").read_text()
"""`passerelleReadCode(video) -> number | null`."""

_WHITE, _BLACK = 235, 16
_SKIN = (150, 170, 205)
_CRC_POLYNOMIAL, _CRC_START = 0x07, 0xFF

_log = structlog.get_logger()


def crc8(data: bytes) -> int:
    """CRC-8, polynomial x^8+x^2+x+1, start 0xFF."""
    value = _CRC_START
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = (value << 1 ^ _CRC_POLYNOMIAL) & 0xFF if value & 0x80 else value << 1
    return value


def code_squares(counter: int) -> list[int]:
    """The 30 squares, 1 white and 0 black."""
    word = counter.to_bytes(2, "big")
    bits = counter << CRC_BITS | crc8(word)
    width = COUNTER_BITS + CRC_BITS
    return [1, 0, 1, 0, *(bits >> (width - 1 - i) & 1 for i in range(width)), 0, 1]


def square_levels(gray: NDArray[np.uint8]) -> list[float]:
    """Mean grey of each of the code's squares in a picture (height x width)."""
    height, width = gray.shape[:2]
    cell = width / COLUMNS
    y = height - 1.25 * cell
    rows = slice(math.floor(y + 0.3 * cell), math.ceil(y + 0.7 * cell))
    levels = []
    for i in range(CELLS):
        x = (0.25 + i) * cell
        levels.append(float(gray[rows, math.floor(x + 0.3 * cell):math.ceil(x + 0.7 * cell)].mean()))
    return levels


def read_code(gray: NDArray[np.uint8]) -> int | None:
    """The counter in a picture (height x width, grey); None when there is no sound code."""
    levels = square_levels(gray)
    white, black = (levels[0] + levels[2]) / 2, (levels[1] + levels[3]) / 2
    if white - black < CONTRAST_MIN:
        return None
    squares = [int(level > (white + black) / 2) for level in levels]
    counter = 0
    for bit in squares[4:4 + COUNTER_BITS]:
        counter = counter << 1 | bit
    return counter if squares == code_squares(counter) else None


class SceneCamera:
    """Serves the scene on TCP to one client at a time; a new client takes the place of the old one.

    `open()`, then `run()` until cancelled. `frame_times` maps recent counters to the wall-clock second
    (`time.time()`, the scale of `Date.now() / 1000`) at which the picture was drawn.
    """

    def __init__(self, host: str = "127.0.0.1", port: int = 0, width: int = 1280, height: int = 720,
                 fps: int = 25, *, detail: bool = False) -> None:
        self._host, self._port, self._fps = host, port, fps
        self._scene = Scene(width, height, fps, detail=detail)
        self._header = f"YUV4MPEG2 W{width} H{height} F{fps}:1 Ip A1:1 C420jpeg\n".encode()
        self._listener: socket.socket | None = None
        self._client: socket.socket | None = None
        self.frame_times: OrderedDict[int, float] = OrderedDict()

    @property
    def port(self) -> int:
        """The port, known after `open`; it stays the same through unplug and plug."""
        return self._port

    def open(self) -> int:
        """Listen, in a running loop; returns the port. OSError when it is taken."""
        self._listener, self._port = listen(self._host, self._port, 1, self._accept)
        return self._port

    async def run(self) -> None:
        """Serve until cancelled."""
        if self._listener is None:
            self.open()
        try:
            await self._play()
        finally:
            self._hang_up()
            self._close_listener()

    def unplug(self) -> None:
        """As if the cable was pulled: the client is cut off, new ones are refused."""
        self._hang_up()
        self._close_listener()

    def plug(self) -> None:
        """Accept again, on the same port."""
        if self._listener is None:
            self.open()

    def _accept(self) -> None:
        """A client knocked: it gets the header at once and pictures from the next tick on."""
        listener = self._listener
        if listener is None:
            return
        with contextlib.suppress(OSError):
            client, _ = listener.accept()
            client.setblocking(False)
            # Little buffering: what the client has not read is delay.
            client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
            self._hang_up()
            self._client = client
            client.send(self._header)

    async def _play(self) -> None:
        """One picture per tick; a client that is slow misses pictures."""
        loop = asyncio.get_running_loop()
        while True:
            now = time.monotonic()
            number = math.floor(now * self._fps) + 1
            await asyncio.sleep(number / self._fps - now)
            client = self._client
            if client is None:
                continue
            picture = self._scene.draw(number)
            self.frame_times[number % 65536] = time.time()
            while len(self.frame_times) > FRAME_TIMES:
                self.frame_times.popitem(last=False)
            try:
                await loop.sock_sendall(client, picture)
            except OSError:
                if client is self._client:
                    self._hang_up()

    def _hang_up(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            client.close()

    def _close_listener(self) -> None:
        listener, self._listener = self._listener, None
        if listener is not None:
            asyncio.get_running_loop().remove_reader(listener.fileno())
            listener.close()


class Scene:
    """The drawing: a background made once, small parts that move. `detail`: cloth, grain, small print and a person
    with a face of skin, all of whom move, so that an encoder has to choose; for measuring pictures."""

    def __init__(self, width: int, height: int, fps: int, *, detail: bool = False) -> None:
        if width % 4 or height % 4 or width < 160 or height < 120:
            raise ValueError(f"a scene of {width}x{height}: sides divisible by 4, at least 160x120")
        self._width, self._height, self._fps = width, height, fps
        unit = self._unit = height / 720
        picture = _background(width, height, unit)
        if detail:
            _grain(picture, unit)
        planar = np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2YUV_I420))
        strip = height - math.ceil(1.5 * width / COLUMNS)
        strip -= strip % 2
        self._buffer = bytearray(b"FRAME\n" + planar.tobytes())
        planes = np.frombuffer(self._buffer, np.uint8, offset=6)
        luma = width * height
        self._y = planes[:luma].reshape(height, width)
        chroma = planes[luma:].reshape(2, height // 2, width // 2)
        self._y[strip:] = _BLACK
        chroma[:, strip // 2:] = 128
        # The face moves in luma only; its colour is a still ground a little larger than it.
        skin = cv2.cvtColor(np.array([[_SKIN]], np.uint8), cv2.COLOR_BGR2YCrCb)[0, 0]
        centre = (round(505 * unit * width / height * 9 / 16 / 2), round(325 * unit / 2))
        for plane, level in ((chroma[0], skin[2]), (chroma[1], skin[1])):
            cv2.circle(plane, centre, round(33 * unit), int(level), -1)
        self._clock = _Patch(self._y, round(60 * unit), round(940 * unit * width / height * 9 / 16),
                             round(56 * unit), round(260 * unit))
        self._hand = _Patch(self._y, round(140 * unit), round(980 * unit * width / height * 9 / 16),
                            round(150 * unit), round(150 * unit))
        self._face = _Patch(self._y, round(250 * unit), round(430 * unit * width / height * 9 / 16),
                            round(150 * unit), round(150 * unit))
        self._person = _Person(self._y, width, height) if detail else None
        self._second = -1

    def draw(self, number: int) -> memoryview:
        """The picture of this number, `FRAME` line included; valid until the next call."""
        unit, seconds = self._unit, number / self._fps
        hand = self._hand.fresh()
        centre = (hand.shape[1] // 2, hand.shape[0] // 2)
        angle = seconds * math.tau / 4
        tip = (round(centre[0] + 55 * unit * math.sin(angle)), round(centre[1] - 55 * unit * math.cos(angle)))
        cv2.line(hand, centre, tip, 60, max(2, round(5 * unit)), cv2.LINE_AA)
        blink = number % (4 * self._fps) < self._fps // 6
        if self._person is not None:
            self._person.draw(seconds, blink)
        else:
            _face(self._face.fresh(), unit, round(6 * unit * math.sin(seconds * math.tau / 5)), blink=blink)
        if int(time.time()) != self._second:
            self._second = int(time.time())
            cv2.putText(self._clock.fresh(), time.strftime("%H:%M:%S"), (0, round(44 * unit)),
                        cv2.FONT_HERSHEY_SIMPLEX, 1.6 * unit, 40, max(1, round(4 * unit)), cv2.LINE_AA)
        self._code(number % 65536)
        return memoryview(self._buffer)

    def _code(self, counter: int) -> None:
        cell = self._width / COLUMNS
        top, bottom = round(self._height - 1.25 * cell), round(self._height - 0.25 * cell)
        for i, white in enumerate(code_squares(counter)):
            self._y[top:bottom, round((0.25 + i) * cell):round((1.25 + i) * cell)] = _WHITE if white else _BLACK


class _Patch:
    """A part of the luma plane that is drawn over and over on the same ground."""

    def __init__(self, plane: NDArray[np.uint8], top: int, left: int, height: int, width: int) -> None:
        self._view = plane[top:top + height, left:left + width]
        self._ground = self._view.copy()

    def fresh(self) -> NDArray[np.uint8]:
        """The part, as it was at the start."""
        self._view[:] = self._ground
        return self._view


class _Person:
    """Head and shoulders with cloth and skin, leaning and nodding slowly as one does in a talk."""

    def __init__(self, plane: NDArray[np.uint8], width: int, height: int) -> None:
        unit = self._unit = height / 720
        left, top = round(250 * unit * width / height * 9 / 16), round(180 * unit)
        self._patch = _Patch(plane, top, left, round(400 * unit), round(510 * unit))
        self._reach = round(16 * unit)
        high, wide = round(400 * unit), round(510 * unit)
        body: Any = np.zeros((high, wide), np.uint8)
        mask: Any = np.zeros((high, wide), np.uint8)
        middle = wide // 2
        for plate, cloth, skin in ((body, 105, 170), (mask, 255, 255)):
            cv2.ellipse(plate, (middle, high), (round(185 * unit), round(190 * unit)), 0, 180, 360, cloth, -1)
            cv2.rectangle(plate, (middle - round(28 * unit), round(190 * unit)),
                          (middle + round(28 * unit), round(235 * unit)), skin, -1)
            cv2.ellipse(plate, (middle, round(130 * unit)), (round(62 * unit), round(82 * unit)), 0, 0, 360, skin, -1)
        check = 14 * (np.indices((high, wide)).sum(axis=0) // max(2, round(9 * unit)) % 2)
        cloth_only = np.indices((high, wide))[0] > 235 * unit
        grain = _noise(high, wide, 11, ((1.2, 9), (5.0, 9)))
        body[:] = np.clip(body + grain + np.where(cloth_only, check, 0), 16, 235)
        # Hair: fine strands.
        hair = (np.indices((high, wide))[0] < 95 * unit) & (mask > 0)
        body[hair] = np.clip(58 + 3 * _noise(high, wide, 12, ((0.8, 9),))[hair], 20, 150)
        self._body, self._mask = body, mask > 0

    def draw(self, seconds: float, blink: bool) -> None:
        """Where it is now."""
        view, unit = self._patch.fresh(), self._unit
        across = round(self._reach * math.sin(seconds * math.tau / 5))
        down = round(0.4 * self._reach * (1 + math.sin(seconds * math.tau / 3.1)))
        high, wide = view.shape
        take = np.s_[:high - down, max(0, -across):wide - max(0, across)]
        put = view[down:, max(0, across):wide - max(0, -across)]
        put[self._mask[take]] = self._body[take][self._mask[take]]
        x, y = wide // 2 + across, round(120 * unit) + down
        for side in (-1, 1):
            eye = (x + round(side * 24 * unit), y)
            if blink:
                cv2.line(view, (eye[0] - round(9 * unit), y), (eye[0] + round(9 * unit), y), 60, 2)
            else:
                cv2.circle(view, eye, max(2, round(8 * unit)), 235, -1, cv2.LINE_AA)
                cv2.circle(view, eye, max(1, round(4 * unit)), 40, -1, cv2.LINE_AA)
        # Lips that speak.
        opened = round(unit * (4 + 7 * abs(math.sin(seconds * math.tau * 1.3))))
        cv2.ellipse(view, (x, y + round(52 * unit)), (round(22 * unit), opened), 0, 0, 360, 90, -1, cv2.LINE_AA)


def _noise(height: int, width: int, seed: int, scales: tuple[tuple[float, float], ...]) -> Any:
    """Grey deviations, the same each time: for each (blur in pixels, strength in levels)."""
    random = np.random.default_rng(seed)
    total: Any = np.zeros((height, width), np.float32)
    for blur, strength in scales:
        layer = cv2.GaussianBlur(random.standard_normal((height, width)).astype(np.float32), (0, 0), blur)
        total += layer * (strength / float(layer.std()))
    return total


def _grain(picture: NDArray[np.uint8], unit: float) -> None:
    """Plaster, a lawn behind the window, a poster's small print, a shelf of files, woven cloth: into the room (BGR)."""
    height, width = picture.shape[:2]
    stretch = width / height * 9 / 16

    def part(top: int, bottom: int, left: int, right: int) -> tuple[slice, slice]:
        return (slice(round(top * unit), round(bottom * unit)),
                slice(round(left * unit * stretch), round(right * unit * stretch)))

    change = _noise(height, width, 1, ((1.0 * unit, 3), (12 * unit, 4)))
    for where, seed, scales in ((part(78, 292, 78, 322), 2, ((1.5 * unit, 16), (7 * unit, 16))),
                                (part(520, 660, 0, 1280), 3, ((1.0 * unit, 8), (3 * unit, 6))),
                                (part(422, 468, 764, 1226), 4, ((1.0 * unit, 12),))):
        rows, columns = change[where].shape
        change[where] = _noise(rows, columns, seed, scales)
    shelf = part(300, 395, 900, 1230)
    backs = np.random.default_rng(5).integers(-70, 30, 24)
    wide = change[shelf].shape[1]
    change[shelf] += backs[np.arange(wide) * 24 // max(1, wide)][None, :]
    picture[:] = np.clip(picture + change[..., None], 0, 255).astype(np.uint8)
    left, top = round(640 * unit * stretch), round(90 * unit)
    cv2.rectangle(picture, (left, top), (left + round(200 * unit), top + round(250 * unit)), (240, 242, 240), -1)
    for row in range(14):
        cv2.putText(picture, "Tension 128/79  SpO2 97 %"[row % 5:], (left + round(8 * unit), top + round((18 + 17 * row)
                    * unit)), cv2.FONT_HERSHEY_SIMPLEX, 0.42 * unit, (70, 60, 60), 1, cv2.LINE_AA)


def _face(view: Any, unit: float, sway: int, blink: bool) -> None:
    x, y = view.shape[1] // 2 + sway, view.shape[0] // 2
    cv2.circle(view, (x, y), round(62 * unit), 175, -1, cv2.LINE_AA)
    for side in (-1, 1):
        eye = (x + round(side * 22 * unit), y - round(12 * unit))
        if blink:
            cv2.line(view, (eye[0] - round(8 * unit), eye[1]), (eye[0] + round(8 * unit), eye[1]), 60, 2)
        else:
            cv2.circle(view, eye, max(2, round(7 * unit)), 50, -1, cv2.LINE_AA)
    cv2.ellipse(view, (x, y + round(18 * unit)), (round(22 * unit), round(10 * unit)), 0, 0, 180, 80,
                max(1, round(3 * unit)), cv2.LINE_AA)


def _background(width: int, height: int, unit: float) -> NDArray[np.uint8]:
    """A consultation room in BGR: wall, window, table, examination couch, a person's shoulders."""
    stretch = width / height * 9 / 16

    def at(x: float, y: float) -> tuple[int, int]:
        return round(x * unit * stretch), round(y * unit)

    picture: Any = np.empty((height, width, 3), np.uint8)
    shade = np.linspace(232, 205, height, dtype=np.float32)[:, None]
    picture[:] = (shade[..., None] * np.array([0.96, 1.0, 0.98], np.float32)).astype(np.uint8)
    cv2.rectangle(picture, at(0, 520), at(1280, 720), (150, 165, 178), -1)
    cv2.rectangle(picture, at(70, 70), at(330, 300), (225, 205, 170), -1)
    cv2.rectangle(picture, at(70, 70), at(330, 300), (120, 130, 140), round(8 * unit) or 1)
    cv2.line(picture, at(200, 70), at(200, 300), (120, 130, 140), round(6 * unit) or 1)
    cv2.rectangle(picture, at(760, 420), at(1230, 470), (170, 150, 90), -1)
    cv2.rectangle(picture, at(780, 470), at(800, 620), (90, 90, 90), -1)
    cv2.rectangle(picture, at(1190, 470), at(1210, 620), (90, 90, 90), -1)
    cv2.rectangle(picture, at(760, 395), at(880, 425), (235, 235, 235), -1)
    cv2.circle(picture, at(1055, 215), round(70 * unit), (245, 245, 245), -1, cv2.LINE_AA)
    cv2.circle(picture, at(1055, 215), round(70 * unit), (110, 110, 110), round(5 * unit) or 1, cv2.LINE_AA)
    cv2.ellipse(picture, at(505, 560), (round(170 * unit * stretch), round(180 * unit)), 0, 180, 360,
                (140, 100, 60), -1, cv2.LINE_AA)
    cv2.rectangle(picture, at(480, 380), at(530, 430), _SKIN, -1)
    cv2.putText(picture, "SIMULATION", at(420, 64), cv2.FONT_HERSHEY_SIMPLEX, 1.7 * unit, (40, 40, 200),
                max(1, round(4 * unit)), cv2.LINE_AA)
    return np.asarray(picture, np.uint8)
