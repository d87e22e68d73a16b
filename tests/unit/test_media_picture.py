"""Who waits for whom: two receivers of one encoder, one of them behind a path that takes nothing."""

from __future__ import annotations

import itertools
import time
from dataclasses import dataclass, field
from typing import cast

from gateway.media.encoder import EncodedFrame, Rungs
from gateway.media.forward import VP8
from gateway.media.lanes import WAIT_SECONDS, Lane
from gateway.media.path import Path
from gateway.media.picture import PictureFlow
from gateway.media.picture_outlet import LEFT_OUT_SECONDS, CameraOutlet
from gateway.media.sending import PacketSender

GOOD, THIN = 1_000_000, 100_000


@dataclass
class Encoder:
    """Says what it was told."""

    watched: set[Lane] = field(default_factory=set)
    rates: dict[Lane, int] = field(default_factory=dict)
    held: dict[Lane, bool] = field(default_factory=lambda: dict.fromkeys(Lane, False))
    keyframes: list[Lane] = field(default_factory=list)

    def watch(self, watched: bool, lane: Lane = Lane.main) -> None:
        (self.watched.add if watched else self.watched.discard)(lane)

    def set_rate(self, bits_per_second: int, rungs: Rungs, lane: Lane = Lane.main) -> None:
        self.rates[lane] = bits_per_second

    def hold(self, held: bool, lane: Lane = Lane.main) -> None:
        self.held[lane] = held

    def taken(self, lane: Lane = Lane.main) -> None:
        """Nobody asks here."""

    def want_keyframe(self, lane: Lane) -> None:
        self.keyframes.append(lane)


@dataclass
class Wire:
    """A sender that keeps what left."""

    codec: str = "video/h264"
    open: bool = True
    left: list[tuple[bytes, int, bool]] = field(default_factory=list)
    sent_bytes: int = 0

    async def write(self, payload: bytes, timestamp: int, marker: bool, *, anew: bool = False) -> None:
        self.left.append((payload, timestamp, marker))

    async def repair(self) -> None:
        """Nobody asks here."""

    def forget(self) -> None:
        """Nothing is kept."""


@dataclass
class Road:
    """A path by hand."""

    target: int
    passes: int = 1_000_000
    held: bool = False
    thin: bool = False
    scant: bool = False
    restarts: int = 0

    opened_times: int = 0
    """How often a whole picture has left."""

    def tick(self, now: float) -> None:
        """Time does nothing to it."""

    def opened(self) -> None:
        """A picture has left."""
        self.opened_times += 1

    def padding(self, now: float) -> int:
        return 0

    def may_send(self, now: float) -> bool:
        return self.passes > 0

    def sent(self, size: int) -> None:
        self.passes -= 1


class Watcher:
    """A peer."""

    def __init__(self, encoder: Encoder, road: Road | None, codec: str = "video/h264") -> None:
        self.wire = Wire(codec)
        self.camera: CameraOutlet | None = CameraOutlet(encoder, cast(Path, road))
        self.camera.sender = cast(PacketSender, self.wire)
        self.outlet = self.camera

    async def send_frame(self, frame: EncodedFrame) -> None:
        await self.outlet.send(frame.payloads, frame.timestamp, frame.keyframe, 0, frame.lane)

    async def drive(self, now: float) -> None:
        await self.outlet.drive(now)

    @property
    def pictures(self) -> int:
        return sum(marker for _, _, marker in self.wire.left)


class Stage:
    """A flow, its encoder and its receivers; the clock is moved by hand, from the moment it was made on."""

    def __init__(self, **roads: Road | None) -> None:
        self.encoder = Encoder()
        self.peers = {name: Watcher(self.encoder, road) for name, road in roads.items()}
        self.flow = PictureFlow(lambda: list(self.peers.values()), lambda: None, lambda _: None)
        self.flow.feed(self.encoder)
        self.number = 0
        self.began = time.monotonic()

    async def picture(self, now: float, lane: Lane = Lane.main, packets: int = 3, keyframe: bool = False) -> None:
        self.number += 1
        payloads = tuple((b"%d.%d" % (self.number, i)).ljust(1000) for i in range(packets))
        frame = EncodedFrame(payloads, round(now * 90_000), keyframe, 1000 * packets, lane)
        await self.flow.hand_on(frame, self.began + now)

    async def tick(self, now: float) -> None:
        for peer in self.peers.values():
            await peer.outlet.pump(self.began + now)
        self.flow.update(self.began + now)
        self.flow.let_go_on(self.began + now)


async def test_an_encoder_waits_while_its_only_receiver_is_busy() -> None:
    """A large picture on a thin link lowers the picture rate; nothing is queued."""
    road = Road(THIN)
    stage = Stage(doctor=road, kiosk=None)
    await stage.tick(0)
    road.passes = 4
    await stage.picture(0, packets=10, keyframe=True)
    assert stage.encoder.held[Lane.main]
    await stage.tick(5)
    assert stage.encoder.held[Lane.main]
    road.passes = 100
    await stage.tick(5.1)
    assert not stage.encoder.held[Lane.main]
    assert stage.peers["doctor"].pictures == 1


async def test_a_stalled_receiver_goes_to_its_own_encoder_and_the_other_goes_on() -> None:
    """After a quarter of a second; what was on its way to it is cut, it begins anew with a keyframe of the small
    encoder, and gets nothing of the first one meanwhile."""
    road = Road(GOOD // 2)
    stage = Stage(good=Road(GOOD), slow=road)
    await stage.tick(0)
    road.passes = 4
    await stage.picture(0, packets=30, keyframe=True)
    assert stage.encoder.held[Lane.main]
    await stage.tick(WAIT_SECONDS / 2)
    assert stage.encoder.held[Lane.main]
    await stage.tick(WAIT_SECONDS + 1)
    assert not stage.encoder.held[Lane.main]
    await stage.tick(WAIT_SECONDS + 1.05)
    assert (stage.encoder.rates[Lane.main], stage.encoder.rates[Lane.small]) == (GOOD, GOOD // 2)
    assert Lane.small in stage.encoder.watched
    assert stage.encoder.keyframes[-1] is Lane.small
    for i in range(5):
        await stage.picture(0.4 + i * 0.04)
    assert stage.peers["good"].pictures == 6
    assert len(stage.peers["slow"].wire.left) == 4
    road.passes = 100
    await stage.picture(0.6, Lane.small, keyframe=True)
    assert [payload.strip() for payload, _, _ in stage.peers["slow"].wire.left[4:]] == [b"7.0", b"7.1", b"7.2"]
    assert stage.peers["good"].pictures == 6


async def test_a_path_without_an_answer_holds_nobody_up() -> None:
    """An outage: what waits is dropped at once, the encoder goes on for the other, the dead one asks for nothing."""
    road = Road(GOOD)
    stage = Stage(good=Road(GOOD), dead=road)
    await stage.tick(0)
    road.passes = 2
    await stage.picture(0, keyframe=True)
    road.held = True
    await stage.tick(0.05)
    assert not stage.encoder.held[Lane.main]
    before = list(stage.encoder.keyframes)
    for i in range(10):
        await stage.picture(0.1 + i * 0.04)
        await stage.tick(0.12 + i * 0.04)
    assert stage.peers["good"].pictures == 11
    assert stage.encoder.keyframes == before
    assert stage.encoder.rates[Lane.main] == GOOD


async def test_much_thinner_paths_share_the_small_encoder_and_move_at_its_keyframe() -> None:
    """Until that keyframe they get the pictures of before; the same moment never has two pictures of one time."""
    stage = Stage(good=Road(GOOD), thin=Road(THIN), third=Road(THIN * 2))
    for i in range(80):
        await stage.tick(i * 0.05)
    assert stage.encoder.rates == {Lane.main: GOOD, Lane.small: THIN}
    await stage.picture(4.0, keyframe=True)
    await stage.picture(4.1)
    await stage.picture(4.1, Lane.small, keyframe=True)
    await stage.picture(4.2)
    await stage.picture(4.2, Lane.small)
    assert (stage.peers["good"].pictures, stage.peers["thin"].pictures) == (3, 4)
    times = [stamp for _, stamp, marker in stage.peers["thin"].wire.left if marker]
    assert all(0 < (b - a) % (1 << 32) < 90_000 for a, b in itertools.pairwise(times))
    assert {payload for payload, _, _ in stage.peers["third"].wire.left} == {
        payload for payload, _, _ in stage.peers["thin"].wire.left}


async def test_two_on_the_small_encoder_do_not_stall_each_other_for_long() -> None:
    """Nowhere left to go: who keeps the other waiting a second is left out until the next keyframe."""
    slow = Road(THIN)
    stage = Stage(good=Road(GOOD), thin=Road(THIN), slow=slow)
    for i in range(80):
        await stage.tick(i * 0.05)
    slow.passes = 1
    await stage.picture(0, Lane.small, packets=9, keyframe=True)
    await stage.tick(LEFT_OUT_SECONDS / 2)
    assert stage.encoder.held[Lane.small]
    assert not stage.encoder.held[Lane.main]
    await stage.tick(LEFT_OUT_SECONDS + 1)
    assert not stage.encoder.held[Lane.small]
    await stage.picture(5.1, Lane.small)
    slow.passes = 100
    await stage.tick(5.2)
    await stage.picture(5.3, Lane.small)
    assert (stage.peers["thin"].pictures, stage.peers["slow"].pictures) == (3, 1)
    assert stage.encoder.keyframes[-1] is Lane.small


async def test_vp8_has_an_encoder_of_its_own_at_its_own_rate() -> None:
    """A browser without H.264 neither drags the others down nor is dragged; nothing of H.264 reaches it."""
    stage = Stage(good=Road(GOOD))
    stage.peers["other"] = Watcher(stage.encoder, Road(THIN), VP8)
    for i in range(80):
        await stage.tick(i * 0.05)
    assert stage.encoder.rates == {Lane.main: GOOD, Lane.vp8: THIN}
    assert stage.encoder.watched == {Lane.main, Lane.vp8}
    await stage.picture(4.0, keyframe=True)
    await stage.picture(4.0, Lane.vp8, keyframe=True)
    assert [payload[:1] for payload, _, _ in stage.peers["other"].wire.left] == [b"2"] * 3


async def test_nobody_watches_nothing_is_wanted() -> None:
    """The last one ends: no lane is encoded, and the camera's reader is told."""
    told: list[bool] = []
    stage = Stage(good=Road(GOOD))
    stage.flow = PictureFlow(lambda: list(stage.peers.values()), lambda: None, told.append)
    stage.flow.feed(stage.encoder)
    await stage.tick(0)
    assert stage.encoder.watched == {Lane.main}
    stage.peers["good"].wire.open = False
    await stage.tick(0.1)
    assert stage.encoder.watched == set()
    assert (told[0], told[-1]) == (True, False)


async def test_pictures_that_begin_anew_begin_at_the_rate_of_now() -> None:
    """The encoder hears of the rate before it is asked for the keyframe; what waited is dropped."""
    road = Road(GOOD)
    stage = Stage(doctor=road)
    await stage.tick(0)
    outlet = stage.peers["doctor"].outlet
    road.passes = 2
    await stage.picture(0, packets=10, keyframe=True)
    stage.encoder.keyframes.clear()
    road.target, road.restarts, road.passes = THIN, 1, 100
    await outlet.drive(stage.began + 0.1)
    assert (stage.encoder.keyframes, outlet.begins_anew) == ([], True)
    stage.flow.update(stage.began + 0.1)
    assert stage.encoder.rates[Lane.main] == THIN
    await outlet.drive(stage.began + 0.11)
    assert (stage.encoder.keyframes, outlet.begins_anew) == ([Lane.main], False)
    assert len(stage.peers["doctor"].wire.left) == 2


async def test_on_a_thin_path_a_request_for_what_is_on_its_way_makes_no_second_keyframe() -> None:
    """A browser asks several times while the first keyframe takes its seconds; on a wider path the request waits."""
    for scant, keyframes in ((True, 0), (False, 1)):
        encoder = Encoder()
        watcher = Watcher(encoder, Road(6_000, scant=scant))
        await watcher.outlet.send((b"key",) * 3, 0, True, 0)
        encoder.keyframes.clear()
        await watcher.outlet.keyframe_wanted()
        assert encoder.keyframes == []
        watcher.outlet.tick(time.monotonic() + 10.0)
        assert len(encoder.keyframes) == keyframes


async def test_a_path_that_is_still_searched_has_its_first_keyframe_when_it_is_found() -> None:
    """A keyframe at the start nobody could send, and the encoder's pause after it would make the real one late."""
    encoder, road = Encoder(), Road(GOOD, held=True)
    outlet = Watcher(encoder, road).outlet
    await outlet.ready()
    await outlet.drive(0.0)
    assert encoder.keyframes == []
    road.held = False
    await outlet.drive(0.1)
    await outlet.drive(0.11)
    assert encoder.keyframes == [Lane.main]
