"""The picture on its way to one peer: which encoder's, how it is paced, when a keyframe is due."""

from __future__ import annotations

import time
from collections import deque
from typing import Protocol

from aiortc import RTCRtpSender

from .forward import VP8
from .lanes import Lane
from .path import Path
from .sending import PacketSender

TIMES = 1 << 32
"""RTP time goes round after this."""

BACKLOG_BYTES = 64 * 1024
"""Bytes a socket may hold back before a picture is left out: half a second at 1 Mbit/s."""

RESTART_SECONDS = 2.0
"""Between two keyframes for packets that are lost for good: one must have time to arrive on a thin link."""

SENT_SAMPLES, SENT_SAMPLES_MIN = 7, 4
"""One each tick of 0.25 s: what was sent in the last 1.5 s, longer than from one report to the next; at the
start of a call half of that must do."""

KEYFRAME_MARGIN, KEYFRAME_EXTRA_SECONDS = 1.5, 0.2
"""A keyframe needs its size over the rate, half as much again for what stands before it, and the way there
and back; a request that comes earlier asks for what is on its way."""


LEFT_OUT_SECONDS = 1.0
"""A path that keeps others of its encoder waiting this long, and has nowhere else to go, is left out until the next
keyframe: it gets a still now and then, they get a moving picture."""


class KeyframeSource(Protocol):
    """Whoever makes pictures."""

    def want_keyframe(self, lane: Lane) -> None:
        """A new viewer of this lane, or a picture that cannot be decoded."""


class CameraOutlet:
    """The encoders' packets to one peer, and what that peer's link takes. `rate` None: it sets no rate."""

    def __init__(self, encoder: KeyframeSource, rate: Path | None) -> None:
        self._encoder = encoder
        self.rate = rate
        self.modest = False
        """Whether others go before it on the same uplink."""
        self.sender: PacketSender | None = None
        self._sent: deque[tuple[float, int]] = deque(maxlen=SENT_SAMPLES)
        self._waiting: deque[tuple[bytes, int, bool, bool, float]] = deque()
        """Of two pictures or three: the encoder waits while the rest is long, or does without us."""
        self._waiting_octets = 0
        self._lane = self._playing = Lane.main
        """Whose pictures it should get, and whose it gets: it moves at a keyframe."""
        self._last: int | None = None
        self._starts = False
        """Whether this receiver has what the next picture builds on."""
        self._asked = False
        self._restart_after = float("-inf")
        self._wanted = False
        self._keyframe_arrives = float("-inf")
        self._held, self._released, self._restarts = False, False, 0
        self._padded = False
        self.keyframes, self.lines = 0, 0

    def bind(self, sender: RTCRtpSender) -> None:
        """The m-line's sender."""
        assert isinstance(sender, PacketSender)
        self.sender = sender

    @property
    def open(self) -> bool:
        """Whether somebody watches."""
        return self.sender is not None and self.sender.open

    @property
    def lane(self) -> Lane:
        """Whose pictures it should get."""
        return Lane.vp8 if self.sender is not None and self.sender.codec == VP8 else self._lane

    @property
    def playing(self) -> Lane:
        """Whose pictures it gets."""
        return Lane.vp8 if self.lane is Lane.vp8 else self._playing

    def move(self, lane: Lane) -> None:
        """From the next keyframe of that lane on; until then the pictures of now go on."""
        if lane is not self._lane:
            self._lane = lane
            if self.open and self.lane is lane:
                self._ask()

    @property
    def waits(self) -> float | None:
        """Since when the oldest picture has been on its way out, monotonic seconds; None: nothing waits."""
        return self._waiting[0][4] if self._waiting else None

    @property
    def busy(self) -> bool:
        """Whether something has to leave soon: packets of a picture, or of a probe."""
        return bool(self._waiting) or self._padded

    @property
    def rest(self) -> float:
        """How long what waits needs to leave, in seconds."""
        rate = self.rate
        return 8 * self._waiting_octets / max(1, rate.target) if rate is not None else 0.0

    @property
    def left_out(self) -> bool:
        """Whether nobody waits for it: what comes now it does not get."""
        return not self._starts

    def leave_out(self) -> None:
        """What is on its way still goes; after it nothing before a keyframe."""
        self._starts, self._asked = False, False

    def cut(self) -> None:
        """What is on its way stays here: smaller pictures come instead, from a keyframe on."""
        self._starts = False
        self._drop()

    async def send(self, payloads: tuple[bytes, ...], timestamp: int, keyframe: bool, backlog: int,
                   lane: Lane = Lane.main) -> None:
        """One access unit of a lane. With a full socket it is left out, and all until the next keyframe."""
        if self.sender is None or not self.sender.open:
            return
        moves = lane is self.lane and lane is not self.playing and keyframe
        if lane is not self.playing and not moves:
            return
        if backlog > BACKLOG_BYTES or (self.rate is not None and self.rate.held):
            self.leave_out()
            return
        if moves or not self._starts:
            if not keyframe:
                if not self._asked and not self._waiting:
                    self._ask()
                return
            if self._waiting and not moves:
                # A keyframe another one asked for, while ours is on its way.
                return
            self._playing = lane
        self._starts, now = True, time.monotonic()
        octets = sum(map(len, payloads))
        if keyframe and self.rate is not None:
            self._wanted = False
            self._keyframe_arrives = (now + KEYFRAME_EXTRA_SECONDS
                                      + KEYFRAME_MARGIN * 8 * octets / max(1, self.rate.target))
            self.keyframes += 1
        timestamp = self._later(timestamp)
        self._waiting_octets += octets
        self._waiting.extend((payload, timestamp, i == len(payloads) - 1, keyframe and i == 0, now)
                             for i, payload in enumerate(payloads))
        await self.pump(now)

    async def pump(self, now: float) -> bool:
        """Send what may leave now; True when nothing is left of the picture."""
        if self.sender is None or not self.sender.open or (self.rate is not None and self.rate.held):
            # After an outage it would be old: a keyframe follows.
            self._starts = self._starts and not self._waiting
            self._drop()
        while self.sender is not None and self._waiting:
            if self.rate is not None and not self.rate.may_send(now):
                return False
            payload, timestamp, last, anew, _ = self._waiting.popleft()
            self._waiting_octets -= len(payload)
            if self.rate is not None:
                self.rate.sent(len(payload))
            await self.sender.write(payload, timestamp, last, anew=anew)
            if last and self.rate is not None:
                self.rate.opened()
        return True

    def _drop(self) -> None:
        self._waiting.clear()
        self._waiting_octets = 0

    def _later(self, timestamp: int) -> int:
        """Two lanes may have encoded the same picture; two pictures of one stream have two times."""
        if self._last is not None and (timestamp - self._last - 1) % TIMES >= TIMES // 2:
            timestamp = (self._last + 1) % TIMES
        self._last = timestamp
        return timestamp

    @property
    def begins_anew(self) -> bool:
        """Whether a keyframe will be asked for: the encoder is to know its rate by then."""
        return self._released

    @property
    def wants(self) -> bool:
        """Whether a picture would be sent now."""
        return self.open and (self.rate is None or not self.rate.held)

    async def drive(self, now: float) -> None:
        """Each few ms: what the path asks for besides pictures, and what an outage leaves behind."""
        path, sender = self.rate, self.sender
        if path is None or sender is None or not sender.open:
            return
        path.tick(now)
        held, self._held = self._held, path.held
        if self._held and not held:
            self._starts, self._asked = False, False
        if self._released:
            # A tick later: by now the encoder has been told the rate.
            self._keyframe_arrives = float("-inf")
            self._ask()
        self._released = held and not self._held
        if path.restarts != self._restarts:
            self._restarts = path.restarts
            sender.forget()
            self._drop()
            self._starts, self._asked, self._released = False, True, True
        await sender.repair()
        self._padded = False
        while size := path.padding(now):
            self._padded = True
            if not await sender.pad(size):
                break
        await self.pump(now)

    async def ready(self) -> None:
        """Start with a keyframe; where the path is still held, once it is let go: two at once are one too many for the
        encoder, and the second would wait."""
        if self.rate is None or not self.rate.held:
            self._ask()

    async def keyframe_wanted(self) -> None:
        """To the encoder, when the last keyframe had time to arrive; else from `tick`. On a thin path not at all before
        that: a second one costs seconds of the picture, and a receiver that still needs it asks again."""
        now = time.monotonic()
        if self.rate is not None and self.rate.scant and now < self._keyframe_arrives:
            return
        self._wanted = True
        self._pass_on(now)

    def _pass_on(self, now: float) -> None:
        if self._wanted and now >= self._keyframe_arrives:
            self._wanted = False
            self._encoder.want_keyframe(self.lane)

    def _ask(self) -> None:
        self._asked = True
        self._encoder.want_keyframe(self.lane)

    def tick(self, now: float) -> None:
        """Take a sample of what was sent; pass on a request that waited."""
        if self.sender is not None:
            self._sent.append((now, self.sender.sent_bytes))
        self._pass_on(now)

    def unrepaired(self) -> None:
        """What follows cannot be decoded: leave it out, start anew with a keyframe, the link drains meanwhile.

        Browsers ask for one only after three seconds.
        """
        now = time.monotonic()
        if now >= self._restart_after:
            self._restart_after = now + RESTART_SECONDS
            self._starts, self._asked = False, False
            self._drop()

    def remb(self, bits_per_second: int) -> None:
        """The peer's estimate of its whole session."""
        if self.rate is not None and len(self._sent) >= SENT_SAMPLES_MIN:
            self.rate.remb(bits_per_second, self._sent_rate(), time.monotonic())

    def report(self, highest_number: int, lost: int) -> None:
        """What arrived of this stream."""
        if self.rate is not None:
            self.rate.report(highest_number, lost, self._sent_rate(), time.monotonic())

    def _sent_rate(self) -> float:
        if len(self._sent) < SENT_SAMPLES_MIN:
            return 0.0
        (start, first), (end, last) = self._sent[0], self._sent[-1]
        return (last - first) * 8 / (end - start)
