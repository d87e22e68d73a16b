"""The camera thread and the encoder on real sources: a file, a socket that falls silent, an MJPEG-like picture."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest

from gateway.media import camera as camera_room
from gateway.media.camera import CameraFrame, CameraReader, CameraState
from gateway.media.compose import Captured, scaled
from gateway.media.config import CameraConfig
from gateway.media.encoder import CameraEncoder, EncodedFrame, Rungs
from gateway.media.lanes import Lane
from gateway.media.mailbox import Mailbox
from gateway.media.rate import DETAIL_LADDER, LADDER, Rung
from gateway.media.scene_source import ExaminationFrame
from sim.camera import Scene, read_code
from tests.integration.encoder_rig import Feed


class Seen:
    """Camera states, as they come from the camera's thread."""

    def __init__(self) -> None:
        self._states: list[CameraState] = []
        self._news = threading.Condition()

    def __call__(self, state: CameraState) -> None:
        with self._news:
            self._states.append(state)
            self._news.notify_all()

    def until(self, *wanted: CameraState) -> None:
        with self._news:
            # What follows is the next state's: this thread may be late to look.
            assert self._news.wait_for(lambda: self._states[:len(wanted)] == list(wanted), 40), self._states


def picture(number: int, width: int = 320, height: int = 240) -> av.VideoFrame:
    data = np.frombuffer(bytes(Scene(width, height, 25).draw(number))[6:], np.uint8)
    return av.VideoFrame.from_ndarray(data.reshape(height * 3 // 2, width).copy(), "yuv420p")


@pytest.fixture
def film(tmp_path: Path) -> str:
    path = tmp_path / "film.mkv"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("mjpeg", rate=25)
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuvj420p"
        for i in range(5):
            frame = picture(i).reformat(format="yuvj420p")
            frame.pts, frame.time_base = i, Fraction(1, 25)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return f"file:{path}"


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(camera_room, "RETRY_SECONDS", 0.05)


@pytest.fixture
def silent_camera() -> Iterator[int]:
    """Sends a header and one picture, then nothing, and keeps the socket open."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    kept: list[socket.socket] = []

    def serve() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            kept.append(client)
            client.sendall(b"YUV4MPEG2 W320 H240 F25:1 Ip A1:1 C420jpeg\n" + bytes(Scene(320, 240, 25).draw(1)) * 4)

    thread = threading.Thread(target=serve)
    thread.start()
    yield int(listener.getsockname()[1])
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join()
    for client in kept:
        client.close()


def test_a_film_plays_over_and_over_at_its_own_speed(film: str) -> None:
    """All five pictures come, and the first ones again after the last."""
    mailbox: Mailbox[CameraFrame] = Mailbox()
    seen = Seen()
    reader = CameraReader(CameraConfig(film, 320, 240), mailbox, seen)
    reader.start()
    codes: list[int] = []
    while set(codes) != {0, 1, 2, 3, 4} or codes == sorted(codes):
        captured = mailbox.take(40)
        assert captured is not None
        code = read_code(np.asarray(captured.frame.to_ndarray(format="gray"), np.uint8))
        assert code is not None
        codes.append(code)
    reader.stop()
    seen.until(CameraState(present=True, width=320, height=240))


def test_an_absent_camera_is_tried_again_and_said_once(tmp_path: Path, film: str, quick: None) -> None:
    """Missing, then plugged in: two states, though it was tried many times."""
    late = tmp_path / "late.mkv"
    seen = Seen()
    reader = CameraReader(CameraConfig(f"file:{late}", 320, 240), Mailbox(), seen)
    reader.start()
    missing = CameraState(present=False, code="camera.missing")
    seen.until(missing)
    late.symlink_to(film.removeprefix("file:"))
    seen.until(missing, CameraState(present=True, width=320, height=240))
    reader.stop()


def test_a_camera_that_hangs_is_silent(silent_camera: int, quick: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """No picture within the limit: said with its code, opened anew."""
    monkeypatch.setattr(camera_room, "SILENCE_SECONDS", 0.3)
    seen = Seen()
    reader = CameraReader(CameraConfig(f"tcp://127.0.0.1:{silent_camera}", 320, 240), Mailbox(), seen)
    present = CameraState(present=True, width=320, height=240)
    reader.start()
    seen.until(present, CameraState(present=False, code="camera.silent"), present)
    reader.stop()


@pytest.mark.parametrize(("error", "code"), [
    (OSError(16, "busy"), "camera.busy"),
    (OSError(13, "no"), "camera.refused"),
    (OSError(19, "no device"), "camera.missing"),
    (OSError(110, "late"), "camera.silent"),
])
def test_reasons_have_codes(error: OSError, code: str) -> None:
    """What the kernel says becomes what the nurse can act on."""
    assert camera_room._code(error) == code


def encoded(frames: Sequence[Captured], rung: int, bits_per_second: int = 500_000,
            detail: int = 3) -> list[EncodedFrame]:
    """What the encoder makes of pictures fed one by one."""
    mailbox = Feed()
    out: list[EncodedFrame] = []

    def deliver(frame: EncodedFrame) -> None:
        out.append(frame)
        encoder.taken()

    encoder = CameraEncoder(mailbox, deliver, Rungs(LADDER[rung], DETAIL_LADDER[detail]), bits_per_second)
    encoder.watch(True)
    encoder.start()
    for frame in frames:
        mailbox.feed(frame)
    encoder.stop()
    return out


def decoded(frames: list[EncodedFrame]) -> list[av.VideoFrame]:
    """Through the payloads, as a receiver does (single units and STAP-A suffice for small pictures)."""
    codec = av.CodecContext.create("h264", "r")
    pictures: list[av.VideoFrame] = []
    for frame in frames:
        data = b""
        for part in frame.payloads:
            kind = part[0] & 0x1F
            if kind == 24:
                rest = part[1:]
                while rest:
                    size = int.from_bytes(rest[:2], "big")
                    data += b"\0\0\0\1" + rest[2:2 + size]
                    rest = rest[2 + size:]
            elif kind == 28:
                if part[1] & 0x80:
                    data += b"\0\0\0\1" + bytes((part[0] & 0xE0 | part[1] & 0x1F,))
                data += part[2:]
            else:
                data += b"\0\0\0\1" + part
        pictures += codec.decode(av.Packet(data))
    return pictures


def test_pictures_of_a_usb_camera_are_encoded() -> None:
    """Full-range 4:2:2, as MJPEG cameras give, becomes 4:2:0 that reads back; the first picture is the keyframe."""
    frames = [CameraFrame(picture(i, 640, 480).reformat(format="yuvj422p"), 100 + i * 0.04) for i in range(6)]
    out = encoded(frames, rung=-1)
    assert [frame.keyframe for frame in out] == [True] + [False] * (len(out) - 1)
    assert len(out) >= 5
    pictures = decoded(out)
    assert (pictures[0].width, pictures[0].height) == (640, 480)
    assert read_code(np.asarray(pictures[0].to_ndarray(format="gray"), np.uint8)) == 0


@pytest.mark.parametrize(("rung", "size", "most"), [(2, (1280, 720), 25), (1, (960, 540), 15), (0, (640, 360), 14)])
def test_the_rung_sets_size_and_picture_rate(rung: int, size: tuple[int, int], most: int) -> None:
    """A second of 1080p at 25 pictures: no larger than 720p, and as many pictures as the rung says."""
    source = picture(3, 1920, 1080)
    out = encoded([CameraFrame(source, 50 + i * 0.04) for i in range(25)], rung)
    assert most - 2 <= len(out) <= most + 1
    first = decoded(out[:1])[0]
    assert (first.width, first.height) == size
    steps = {(b.timestamp - a.timestamp) % 2**32 for a, b in pairwise(out)}
    assert all(step % 3600 == 0 for step in steps)


def finding(width: int, height: int, at: float, scene: int = 1) -> ExaminationFrame:
    """A skin-coloured picture with a grey scale that names its place."""
    pixels = np.full((height, width, 3), (150, 170, 205), np.uint8)
    pixels[height // 4:height // 2, :, 1] = np.linspace(0, 255, width).astype(np.uint8)
    return ExaminationFrame(pixels, at, scene)


def test_another_camera_begins_with_one_keyframe_in_its_own_shape() -> None:
    """Room, skin camera, room: a keyframe at each turn and no other, 4:3 stays 4:3, time never runs backwards."""
    room = [CameraFrame(picture(i, 1280, 720), 100 + i * 0.04) for i in range(5)]
    skin = [finding(1600, 1200, 100.15 + i * 0.067) for i in range(4)]
    again = [CameraFrame(picture(i, 1280, 720), 100.4 + i * 0.04) for i in range(4)]
    out = encoded([*room, *skin, *again], rung=-1)
    shapes = [decoded([frame])[0] for frame in out if frame.keyframe]
    assert [(shape.width, shape.height) for shape in shapes] == [(1280, 720), (1102, 828), (1280, 720)]
    assert [frame.keyframe for frame in out].count(True) == 3
    assert all((b.timestamp - a.timestamp) % 2**32 < 2**31 for a, b in pairwise(out))


def test_a_finding_keeps_its_size_on_a_thin_link() -> None:
    """At 150 kbit/s the room gets 960x540 at 15, at 250 the skin camera its full size at 8 pictures a second."""
    room = encoded([CameraFrame(picture(1, 1280, 720), 50 + i * 0.04) for i in range(25)], 1, 150_000)
    skin = encoded([finding(1280, 720, 50 + i * 0.04) for i in range(25)], 1, 250_000, detail=2)
    assert (decoded(room[:1])[0].width, decoded(skin[:1])[0].width) == (960, 1280)
    assert 13 <= len(room) <= 16
    assert 6 <= len(skin) <= 9


@pytest.mark.parametrize(("width", "height"), [
    (1920, 1080), (1600, 1200), (2592, 1944), (3264, 2448), (1080, 1920), (1024, 1024), (4000, 300), (640, 480)])
def test_every_shape_stays_within_the_level(width: int, height: int) -> None:
    """ITU-T H.264 table A-1, level 3.1: 3600 macroblocks, cut ones too; the shape stays within one per cent."""
    frame = av.VideoFrame(width, height, "bgr24")
    wide, high = scaled(frame, DETAIL_LADDER[-1], detail=True)
    assert -(-wide // 16) * -(-high // 16) <= 3600
    assert wide / high == pytest.approx(width / height, rel=0.01)
    assert (wide, high) == (width, height) or -(-wide // 16) * -(-high // 16) > 3300


def test_a_picture_that_is_none_is_left_out() -> None:
    """An array of another shape costs its own picture, not the encoder."""
    broken = ExaminationFrame(np.zeros((4, 4), np.uint8), 100.0, 1)
    assert len(encoded([broken, *(finding(640, 480, 101 + i) for i in range(3))], rung=-1)) == 3


class Emptied(Mailbox[Captured]):
    """Says when its last picture was taken out."""

    def __init__(self) -> None:
        super().__init__()
        self.empty = threading.Event()

    def take(self, seconds: float) -> Captured | None:
        value = super().take(seconds)
        if value is not None:
            self.empty.set()
        return value


def test_a_picture_left_over_from_the_last_viewer_is_not_the_next_ones_first() -> None:
    """Between two calls the camera may be silent: what it saw last was the patient before (I2)."""
    mailbox, came, frames = Emptied(), threading.Event(), list[EncodedFrame]()

    def deliver(frame: EncodedFrame) -> None:
        frames.append(frame)
        came.set()

    encoder = CameraEncoder(mailbox, deliver, Rungs(LADDER[0], DETAIL_LADDER[0]), 500_000)
    encoder.start()
    try:
        mailbox.put(CameraFrame(picture(1), 100.0))
        assert mailbox.empty.wait(20)
        encoder.watch(True)
        mailbox.put(CameraFrame(picture(2), 200.0))
        assert came.wait(20)
    finally:
        encoder.stop()
    assert [frame.timestamp for frame in frames] == [200 * 90_000]


def test_two_lanes_are_fed_the_same_picture_and_one_waits_alone() -> None:
    """Each at its own size and rate, of the same moments; a lane that is held misses pictures, the other none; a lane
    nobody watches any more encodes nothing."""
    mailbox: Mailbox[Captured] = Mailbox()
    out: list[EncodedFrame] = []
    came = threading.Semaphore(0)

    def deliver(frame: EncodedFrame) -> None:
        out.append(frame)
        encoder.taken(frame.lane)
        came.release()

    encoder = CameraEncoder(mailbox, deliver, Rungs(LADDER[-1], DETAIL_LADDER[-1]), 1_000_000)
    encoder.set_rate(100_000, Rungs(Rung(0, 2, 25, 300), DETAIL_LADDER[0]), Lane.small)
    encoder.watch(True)
    encoder.watch(True, Lane.small)
    encoder.start()

    def feed(number: int, lanes: int) -> None:
        mailbox.put(CameraFrame(picture(number, 1280, 720), 100 + number * 0.04))
        for _ in range(lanes):
            assert came.acquire(timeout=20)

    try:
        for number in range(4):
            feed(number, 2)
        encoder.hold(True, Lane.small)
        for number in range(4, 8):
            feed(number, 1)
        encoder.hold(False, Lane.small)
        feed(8, 2)
        encoder.watch(False, Lane.small)
        feed(9, 1)
    finally:
        encoder.stop()
    lanes = {lane: [frame for frame in out if frame.lane is lane] for lane in (Lane.main, Lane.small)}
    times = {lane: [round(frame.timestamp / 3600) % 2500 for frame in frames] for lane, frames in lanes.items()}
    assert times == {Lane.main: list(range(10)), Lane.small: [0, 1, 2, 3, 8]}
    assert [decoded(frames[:1])[0].width for frames in lanes.values()] == [1280, 640]
    assert [sum(frame.keyframe for frame in frames) for frames in lanes.values()] == [1, 1]
