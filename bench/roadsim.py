"""A call over an emulated link in virtual time: the gateway's own road beside the simple rule, an hour in seconds.

The sender's decisions are the real ones (`gateway.media.congestion`, `gateway.media.rate`), the link is `bench.link`;
encoder, voice and receiver are models. What the models leave out is measured with browsers (`bench.scene`).

    python -m bench.roadsim [--links NAMES] [--seconds N] [--traces FOLDER]
"""

from __future__ import annotations

import argparse
import heapq
import itertools
import math
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from aiortc.rate import RemoteBitrateEstimator

from bench.link import BadProfile, Direction
from bench.roadsenders import RTP_HEAD, START, Ours, Sender, Simple
from gateway.media.congestion.road import WIRE_OCTETS
from gateway.media.rate import Ladder, beat

STEP = 0.005
PAYLOAD = 1150
VOICE_OCTETS = 24_000 // 8 // 50
KEYFRAME_COSTS, KEYFRAME_OF_BUFFER, KEYFRAME_LEAST = 6.0, 0.6, 2_000.0
"""Ordinary pictures; of the rate buffer at most; octets at least. As x264 makes them."""
FEEDBACK = 0.1
PLI_SECONDS = 3.0
"""libwebrtc asks so late while deltas are missing."""
FREEZE_SECONDS = 0.5
"""A longer gap between two pictures."""


@dataclass(frozen=True, slots=True)
class Packet:
    """On the link. `frame` 0: sound or padding; `part` of `parts`."""

    number: int
    size: int
    sent: float
    sequence: int = -1
    frame: int = 0
    part: int = 0
    parts: int = 0
    key: bool = False
    born: float = 0.0
    kind: str = "picture"
    again: bool = False


@dataclass(frozen=True, slots=True)
class Ending:
    """What ended a gap between two pictures that began at `since`: the picture shown `at`, taken when it was `born`,
    whose last packet `left`; `repaired`: one of its packets came as a retransmission."""

    since: float
    at: float
    born: float
    left: float
    key: bool
    repaired: bool


@dataclass
class Figures:
    """What came of it. Latencies in seconds, of displayed pictures and of sound."""

    seconds: float
    shown: list[tuple[float, float]] = field(default_factory=list)
    """When displayed, how old."""
    voice: list[float] = field(default_factory=list)
    voice_sent: int = 0
    octets: int = 0
    keyframes: int = 0
    targets: list[tuple[float, int]] = field(default_factory=list)
    endings: list[Ending] = field(default_factory=list)

    @property
    def frames_per_second(self) -> float:
        """Displayed."""
        return len(self.shown) / self.seconds

    def latency(self, share: float) -> float:
        """Percentile of the pictures' latency; inf without pictures."""
        ages = sorted(age for _, age in self.shown)
        return ages[min(len(ages) - 1, int(share * len(ages)))] if ages else math.inf

    @property
    def frozen(self) -> float:
        """Seconds in gaps over half a second."""
        times = [0.0, *(at for at, _ in self.shown), self.seconds]
        return sum(b - a for a, b in itertools.pairwise(times) if b - a > FREEZE_SECONDS)

    @property
    def voice_lost(self) -> float:
        """Share of sound that did not come."""
        return 1 - len(self.voice) / max(1, self.voice_sent)

    def voice_latency(self, share: float) -> float:
        """Percentile."""
        ages = sorted(self.voice) or [math.inf]
        return ages[min(len(ages) - 1, int(share * len(ages)))]

    def shown_after(self, at: float) -> float:
        """Seconds from `at` to the next picture that was made after it... inf without."""
        return next((shown - at for shown, age in self.shown if shown - age >= at), math.inf)

    def kbps(self, since: float = 0.0, until: float = math.inf) -> float:
        """Mean of the picture's target."""
        chosen = [rate for at, rate in self.targets if since <= at < until]
        return sum(chosen) / max(1, len(chosen)) / 1000


class Call:
    """One call, one direction of interest: vehicle to doctor."""

    def __init__(self, sender: Sender, up: Direction, down: Direction, seconds: float, seed: int = 7,
                 voice: bool = True, changes: tuple[tuple[float, float], ...] = ()) -> None:
        self._sender, self._up, self._down = sender, up, down
        self._random = random.Random(seed)
        self._voice = voice
        self._changes = list(changes)
        self.figures = Figures(seconds)
        self._heap: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self.now = 0.0
        # sender
        self._ladder = Ladder(START)
        self._ceiling = self._ladder.rung.ceiling_kbps
        self._rate = float(START)
        self._waiting: deque[Packet] = deque()
        self._next_frame, self._frame, self._sequence = 0.0, 0, 0
        self._keyframe, self._keyframe_at = True, -1.0
        self._past: dict[int, tuple[Packet, float]] = {}
        self._repairs: deque[int] = deque()
        self._credit = 24_000.0
        # receiver
        self._arrived: list[tuple[int, float]] = []
        self._unwrapped = 0
        self._highest, self._got = -1, 0
        self._missing: dict[int, tuple[float, int]] = {}
        self._parts: dict[int, set[int]] = {}
        self._meta: dict[int, Packet] = {}
        self._again: set[int] = set()
        self._shown, self._pli_at = 0, 0.0
        self._chain_at = 0.0
        self._estimator = RemoteBitrateEstimator()
        self._remb: int | None = None

    def run(self) -> Figures:
        """To the end."""
        self._at(0.0, self._step)
        self._at(0.02, self._feedback)
        self._at(0.5, self._report)
        if self._voice:
            self._at(0.0, self._speak)
        while self._heap and self._heap[0][0] <= self.figures.seconds:
            self.now, _, call = heapq.heappop(self._heap)
            call()
        return self.figures

    def _at(self, when: float, call: Callable[[], None]) -> None:
        heapq.heappush(self._heap, (when, next(self._order), call))

    # the sender's part
    def _step(self) -> None:
        now = self.now
        self._at(now + STEP, self._step)
        while self._changes and self._changes[0][0] <= now:
            self._up.rate_kbps = self._changes.pop(0)[1]
        if self._sender.tick(now, self._pad):
            self._begin_anew()
        self._pump()
        if now >= self._next_frame:
            self._picture()
        if not self.figures.targets or now - self.figures.targets[-1][0] >= 0.1:
            self.figures.targets.append((now, self._sender.picture))

    def _begin_anew(self) -> None:
        self._waiting.clear()
        self._past.clear()
        self._repairs.clear()
        self._keyframe, self._keyframe_at = True, -1.0

    def _picture(self) -> None:
        target = self._sender.picture
        rung = beat(self._ladder.step(target, self.now), target)
        self._next_frame = max(self._next_frame + 1 / rung.frames_per_second, self.now + 0.5 / rung.frames_per_second)
        if self._sender.paused or self._waiting or not self._sender.may_send(self.now):
            self._next_frame = self.now + 0.01 if not self._sender.paused else self._next_frame
            return
        self._rate += 0.5 * (target - self._rate)
        size = self._rate / 8 / rung.frames_per_second * math.exp(self._random.gauss(0, 0.15))
        key = (self._keyframe and self.now - self._keyframe_at >= 0.5) or rung.ceiling_kbps != self._ceiling
        if key:
            self._ceiling = rung.ceiling_kbps
            size = min(max(KEYFRAME_COSTS * size, KEYFRAME_LEAST), KEYFRAME_OF_BUFFER * rung.buffer_kbit * 1000 / 8)
            self._keyframe, self._keyframe_at = False, self.now
            self.figures.keyframes += 1
        self._frame += 1
        parts = max(1, math.ceil(size / PAYLOAD))
        each = math.ceil(size / parts) + RTP_HEAD + WIRE_OCTETS
        self._waiting.extend(Packet(0, each, 0, 0, self._frame, part, parts, key, self.now) for part in range(parts))
        self._pump()

    def _pump(self) -> None:
        while self._repairs and self._sender.may_send(self.now):
            self._repair(self._repairs.popleft())
        while self._waiting and self._sender.may_send(self.now):
            packet = self._waiting.popleft()
            number = self._sender.leave(packet.size, self.now, picture=True)
            sent = Packet(number, packet.size, self.now, self._sequence, packet.frame, packet.part, packet.parts,
                          packet.key, packet.born)
            self._past[self._sequence] = (sent, 0.0)
            self._past.pop(self._sequence - 1024, None)
            self._sequence += 1
            self._credit = min(24_000.0, self._credit + 0.25 * packet.size)
            self._transmit(sent)

    def _speak(self) -> None:
        frames = self._sender.paired + 1
        self._at(self.now + 0.02 * frames, self._speak)
        self.figures.voice_sent += 1
        if self._sender.may_speak(self.now):
            size = frames * VOICE_OCTETS + RTP_HEAD + WIRE_OCTETS
            self._transmit(Packet(self._sender.leave(size, self.now, picture=False), size, self.now, kind="voice"))

    def _pad(self, number: int, size: int) -> None:
        self._transmit(Packet(number, size, self.now, kind="padding"))

    def _transmit(self, packet: Packet) -> None:
        out = self._up.admit(packet.size, self.now)
        if out is not None:
            self._at(out, lambda: self._receive(packet))

    def _nacked(self, sequences: list[int]) -> None:
        for sequence in sequences:
            kept = self._past.get(sequence)
            if kept is None:
                self._keyframe = self._keyframe or bool(self._past)
            elif self.now - kept[1] >= 0.1 and sequence not in self._repairs:
                self._repairs.append(sequence)
        self._pump()

    def _repair(self, sequence: int) -> None:
        if sequence not in self._past:
            return
        packet = self._past[sequence][0]
        if self._credit < packet.size:
            self._keyframe = True
            return
        self._credit -= packet.size
        self._past[sequence] = (packet, self.now)
        number = self._sender.leave(packet.size, self.now, picture=True)
        self._transmit(Packet(number, packet.size, self.now, sequence, packet.frame, packet.part, packet.parts,
                              packet.key, packet.born, again=True))

    # the receiver's part
    def _receive(self, packet: Packet) -> None:
        now = self.now
        self.figures.octets += packet.size
        if packet.kind == "voice":
            self.figures.voice.append(now - packet.sent)
        if packet.number < 0:
            return
        behind = (self._unwrapped - packet.number) % 65536
        self._unwrapped = self._unwrapped - behind if behind < 32768 else self._unwrapped + 65536 - behind
        self._arrived.append((self._unwrapped, now))
        self._unwrapped = max(self._unwrapped, self._arrived[-1][0])
        if packet.kind != "picture":
            return
        if not self._sender.wide:
            estimate = self._estimator.add(round(now * 1000), round(packet.sent * (1 << 18)) & 0xFFFFFF, packet.size, 1)
            self._remb = self._remb if estimate is None else estimate[0]
        self._got += 1
        if packet.sequence > self._highest:
            for missed in range(max(self._highest + 1, packet.sequence - 500), packet.sequence):
                self._missing[missed] = (now, 0)
            self._highest = packet.sequence
        else:
            self._missing.pop(packet.sequence, None)
        self._ask()
        if packet.frame > self._shown:
            self._meta[packet.frame] = packet
            if packet.again:
                self._again.add(packet.frame)
            self._parts.setdefault(packet.frame, set()).add(packet.part)
            self._show()

    def _show(self) -> None:
        while True:
            ready = [frame for frame, parts in self._parts.items() if len(parts) == self._meta[frame].parts and (
                frame == self._shown + 1 or self._meta[frame].key)]
            if not ready:
                return
            frame = min(ready)
            self._shown, last = frame, self._meta[frame]
            since = self.figures.shown[-1][0] if self.figures.shown else 0.0
            if self.now - since > FREEZE_SECONDS:
                self.figures.endings.append(Ending(since, self.now, last.born, last.sent, last.key,
                                                   frame in self._again))
            self.figures.shown.append((self.now, self.now - last.born))
            self._again = {known for known in self._again if known > frame}
            for old in [known for known in self._parts if known <= frame]:
                del self._parts[old], self._meta[old]

    def _ask(self) -> None:
        asked = []
        for sequence, (again, tries) in list(self._missing.items()):
            if tries >= 10:
                del self._missing[sequence]
            elif self.now >= again:
                self._missing[sequence] = (self.now + 0.12, tries + 1)
                asked.append(sequence)
        if asked:
            self._answer(60 + 4 * len(asked), lambda: self._nacked(asked))
        last = self.figures.shown[-1][0] if self.figures.shown else 0.0
        if self.now - max(last, self._pli_at) > PLI_SECONDS:
            self._pli_at = self.now
            self._answer(60, self._wanted)

    def _wanted(self) -> None:
        self._keyframe = True

    def _feedback(self) -> None:
        self._at(self.now + FEEDBACK, self._feedback)
        if self._arrived:
            arrived, self._arrived = self._arrived, []
            self._answer(90 + 2 * len(arrived), lambda: self._sender.report(arrived, 0, 0, None, self.now))

    def _report(self) -> None:
        self._at(self.now + 1.0, self._report)
        if self._highest >= 0:
            highest, lost, remb = self._highest, max(0, self._highest + 1 - self._got), self._remb
            self._remb = None
            self._answer(110, lambda: self._sender.report([], highest, lost, remb, self.now))

    def _answer(self, size: int, call: Callable[[], None]) -> None:
        out = self._down.admit(size, self.now)
        if out is not None:
            self._at(out, call)


@dataclass(frozen=True, slots=True)
class Link:
    """A link of the list: profiles, outages, steps of the uplink's rate (second, kbit/s)."""

    up: str
    down: str = "rate=8000,delay=20"
    outages: tuple[tuple[float, float], ...] = ()
    steps: tuple[tuple[float, float], ...] = ()
    seconds: float = 60.0


LINKS = {
    "4M": Link("rate=4000,delay=15"),
    "1M": Link("rate=1000,delay=25"),
    "400k": Link("rate=400,delay=20"),
    "150k": Link("rate=150,delay=30"),
    "80k": Link("rate=80,delay=40"),
    "loss5": Link("rate=2000,delay=30,loss=5,burst=3", "rate=8000,delay=30,loss=1"),
    "rtt600": Link("rate=2000,delay=300", "rate=8000,delay=300"),
    "steps": Link("rate=2000,delay=30", steps=((20, 200), (40, 2000))),
    "out1": Link("rate=2000,delay=30", outages=((20, 1),)),
    "out4": Link("rate=2000,delay=30", outages=((20, 4),)),
    "out20": Link("rate=2000,delay=30", outages=((20, 20),)),
    "out60": Link("rate=2000,delay=30", outages=((20, 60),), seconds=100),
    "jitter": Link("rate=1000,delay=30,jitter=40"),
    "shallow": Link("rate=600,delay=30,queue=40"),
    "lte": Link("trace=ATT-LTE-driving-2016.up,delay=30", "trace=ATT-LTE-driving-2016.down,delay=30", seconds=120),
    "umts": Link("trace=TMobile-UMTS-driving.up,delay=40", "trace=TMobile-UMTS-driving.down,delay=40", seconds=120),
}


def play(link: Link, sender: Sender, traces: Path | None = None, seconds: float | None = None, *,
         voice: bool = True) -> tuple[Figures, Direction]:
    """One call over a link; BadProfile when a trace is not there."""
    up = Direction.parse("up", link.up, traces, link.outages)
    down = Direction.parse("down", link.down, traces, link.outages)
    return Call(sender, up, down, seconds or link.seconds, voice=voice, changes=link.steps).run(), up


def main() -> int:
    """A table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--links", default=",".join(LINKS))
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--log", type=Path, help="of our decisions, on the last link")
    parser.add_argument("--traces", type=Path, default=Path("../shared/data/links"))
    options = parser.parse_args()
    print(f"{'link':8} {'rule':6} {'fps':>5} {'p50':>5} {'p95':>6} {'frozen':>6} {'kbps':>5} {'target':>6} {'key':>3} "
          f"{'q95':>4} {'drop':>5} {'v-lost':>6} {'v-p95':>6} back")
    for name in options.links.split(","):
        link = LINKS[name]
        lines: list[str] = []
        for rule, sender in (("simple", Simple()), ("ours", Ours(lines.append if options.log else None))):
            try:
                told, up = play(link, sender, options.traces, options.seconds)
            except BadProfile as error:
                print(f"{name:8} {error}")
                break
            waits = up.report(told.seconds)
            back = [f"{told.shown_after(start + length):.2f}" for start, length in link.outages]
            print(f"{name:8} {rule:6} {told.frames_per_second:5.1f} {told.latency(.5) * 1e3:5.0f} "
                  f"{told.latency(.95) * 1e3:6.0f} {told.frozen:6.1f} {told.octets * 8 / told.seconds / 1e3:5.0f} "
                  f"{told.kbps():6.0f} {told.keyframes:3} {waits['queue_ms_p95']:4.0f} {waits['dropped']['queue']:5} "
                  f"{100 * told.voice_lost:6.2f} {told.voice_latency(.95) * 1e3:6.0f} {' '.join(back)}", flush=True)
        if options.log:
            options.log.write_text("\n".join(lines) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
