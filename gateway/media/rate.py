"""How many bits, how many pictures, how large: decided from what receivers report. Pure.

Loss rule in the spirit of Galene's sender; delay is judged by the receiver and arrives as REMB
(draft-alvestrand-rmcat-remb-03). Times are monotonic seconds, rates bit/s.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

LOSS_LOW, LOSS_HIGH = 0.02, 0.10
"""Under the first, radio noise: try more. Over the second, a full queue: give way."""

GROWTH = 1.08
"""A second: doubles in 9 s; receivers raise their estimates as slowly."""

FALL = 0.95
"""A receiver that sees its queue grow falls to 0.85 of what reaches it, in one step."""

OVERUSE = 1.1
"""Then we send 1.18 of its estimate or more."""

OVERUSE_AT_FIRST = 1.5
"""The first estimate of a call has nothing to fall from; it lags behind by up to a third."""

RETURN, RETURN_SHARE = 1.3, 0.9
"""After one fall, back in a few reports to just under where it happened: receivers see overuse in every
stutter of a busy processor."""

LEAST = 30_000
"""bit/s of the picture while a stethoscope is listened to: who listens does not look."""

BESIDE_MARGIN = 1.25
"""The rate before may have been an overshoot that was not noticed yet."""

BESIDE_FALL = 0.85
"""A fall beside other packets is not tried again while they last; one stutter takes no more than this."""

SEARCH_SHARE = 3.0
"""A call starts low and looks for three times that as quickly, until its first fall."""

SAME_FALL_SECONDS, STUTTER_SECONDS, PATIENT_SECONDS = 3.0, 15.0, 60.0
"""A full queue makes several falls until it has drained; a quick return that ends in another fall is not
tried again for a minute."""

NEAR_SHARE, NEAR_GROWTH = 0.8, 1.02
"""Where the link was found full before, it is approached slowly: each overshoot is a queue of 300 ms."""

WINDOW_SECONDS = 0.9
"""Loss is judged over a second: over a few packets it is all or nothing."""

QUICK_WINDOW_SECONDS, QUICK_WINDOW_PACKETS = 0.4, 15
"""Heavy loss of many packets need not wait that long: a call on a thin link begins so."""

UNUSED = 3.0
"""A still picture uses little: the rate may stand at this many times what is sent (or at the start rate),
or it would never find out; more would let the first movement flood the link."""

KEYFRAME_SECONDS = 0.5
"""Least time between two keyframes: each costs 10-30 ordinary pictures."""

CLIMB_SECONDS = 2.5
"""A larger picture costs a keyframe: only after the rate held this long."""

CLIMB_BACK_SECONDS = 1.0
"""After an outage, to a size the path had carried before."""

CLIMB_SECONDS_MAX = 60.0
"""Each climb that had to be taken back doubles the wait, up to this: a thin link is not tried in vain all day."""

CLIMB_HELD_SECONDS = 15.0
"""A climb that lasted this long was right."""

CLIMB_MARGIN, FALL_MARGIN = 1.2, 0.75
"""And only with room to spare, or the picture swings between two sizes. A rate that falls by less than this under where
a rung begins is a queue that drains: fewer pictures of the same size, for a second, cost less than a keyframe."""


@dataclass(frozen=True, slots=True)
class Rung:
    """A size (share of the camera's sides, in quarters) and a picture rate that fit a bit rate."""

    from_kbps: int
    quarters: int
    frames_per_second: int
    ceiling_kbps: int
    buffer_kbit: int = 0
    """What pictures may be larger than their share, keyframes above all; 0: half a second of the ceiling."""


LADDER = (
    Rung(0, 2, 14, 300, 36),
    Rung(95, 3, 15, 700, 60),
    Rung(200, 4, 25, 4000, 100),
)
"""Pictures a second give way before sharpness, sharpness before everything else (a consultation needs a
face to be seen moving). A room stands still: bits go into what moves, and a larger picture looks better from these
rates on (measured with x264, SSIM at full size: 0.83 to 0.84 at 100 kbit/s, 0.88 to 0.90 at 180). `ceiling_kbps` is
above the next rung's climb; the buffer is 0.4 s of where the rung begins, so that a keyframe never stands in the way
for longer."""

DETAIL_LADDER = (
    Rung(0, 2, 3, 100, 36),
    Rung(30, 3, 4, 160),
    Rung(100, 4, 5, 320),
    Rung(220, 4, 8, 800),
    Rung(450, 4, 12, 1600),
    Rung(800, 4, 15, 4000),
)
"""Skin, an ear drum, an ultrasound picture: sharpness first, four pictures a second suffice to hold the camera
by (three where next to nothing is left), more than fifteen show nothing new. Held still, the picture becomes sharp at
any of these rates."""

PACE = 2.0
"""A picture leaves at this many times the rate: a keyframe in one burst overflows a thin link's queue."""

PACE_BURST_BYTES = 4800
"""Four packets may leave at once: most pictures of a call are smaller."""


class RateController:
    """The rate one receiver can take."""

    def __init__(self, floor: int, start: int, ceiling: int) -> None:
        self._floor, self._start, self._ceiling = floor, start, ceiling
        self._least = floor
        self._rate = float(start)
        self._remb: int | None = None
        self._fell_from = 0.0
        self._fell_at = float("-inf")
        self._patient_until = float("-inf")
        self._most = float(ceiling)
        self._before = 0.0
        self._window: tuple[float, int, int] | None = None

    def remb(self, bits_per_second: int, sent_bits_per_second: float, now: float) -> None:
        """The receiver's own estimate, and what we really sent of late.

        A receiver never estimates much more than it gets and raises its estimate by only 8 % a second,
        so a low one speaks of a still picture. It speaks of the link when it falls below what we send.
        """
        before, self._remb = self._remb, bits_per_second
        falls = before is not None and bits_per_second < FALL * before
        over = OVERUSE if falls else OVERUSE_AT_FIRST
        if (falls or before is None) and sent_bits_per_second > over * bits_per_second:
            self._fall(min(self._rate, float(bits_per_second)), now)

    def report(self, highest_number: int, lost: int, sent_bits_per_second: float, now: float) -> None:
        """A receiver report (RFC 3550, section 6.4.2): extended highest number and packets lost, both since
        the start; and what we really sent of late. Reports come each second, or each 20 ms with requests."""
        if self._window is None:
            self._window = (now, highest_number, lost)
            return
        since, number_before, lost_before = self._window
        expected = highest_number - number_before
        many = now - since >= QUICK_WINDOW_SECONDS and expected >= QUICK_WINDOW_PACKETS
        if not many and (now - since < WINDOW_SECONDS or expected <= 0):
            return
        fraction_lost = min(1.0, max(0, lost - lost_before) / expected)
        if now - since < WINDOW_SECONDS and fraction_lost <= LOSS_HIGH:
            return
        self._window = (now, highest_number, lost)
        if fraction_lost > LOSS_HIGH:
            self._fall(self._rate * (1 - fraction_lost / 2), now)
            # A processor that stutters loses nothing.
            self._patient_until = now + PATIENT_SECONDS
        elif fraction_lost < LOSS_LOW:
            reach = min(max(UNUSED * sent_bits_per_second, self._start), self._most)
            self._rate = max(self._rate, min(self._rate * self._growth(now), reach))

    def beside(self, bits_per_second: int) -> None:
        """Other packets go the same way from now on: give way by that much at once, below the floor if need be,
        and look for no more: each overshoot is a hole in the sound (measured: nine in 30 s at 200 kbit/s)."""
        self._least = min(self._floor, LEAST)
        self._before = self._rate
        self._most = self._rate = max(self._rate - BESIDE_MARGIN * bits_per_second, float(self._least))

    def alone(self) -> None:
        """They ended: back in a few reports to just under where the rate stood before."""
        self._least, self._most = self._floor, float(self._ceiling)
        self._rate = max(self._rate, float(self._floor))
        self._fell_from = max(self._fell_from, self._before)

    @property
    def target(self) -> int:
        """What to send now, bit/s."""
        return round(self._rate)

    def _growth(self, now: float) -> float:
        if now >= self._patient_until:
            reach = RETURN_SHARE * self._fell_from if self._fell_from else SEARCH_SHARE * self._start
            return RETURN if self._rate < reach else GROWTH
        return GROWTH if self._rate < NEAR_SHARE * self._fell_from else NEAR_GROWTH

    def _fall(self, rate: float, now: float) -> None:
        since = now - self._fell_at
        if since >= SAME_FALL_SECONDS:
            # A second fall soon after the first: it was the link, not a stutter of the receiver's processor.
            if since < STUTTER_SECONDS:
                self._patient_until = now + PATIENT_SECONDS
            self._fell_from = self._rate
        self._fell_at = now
        self._rate = max(rate, float(self._least))
        if self._most < self._ceiling:
            self._most = max(self._rate, BESIDE_FALL * self._most)


PICTURE_BITS = {2: 3_600, 3: 7_000, 4: 10_000}
"""Of one picture at these quarters of the sides: fewer is blur."""

PICTURES_LEAST, PICTURES_MOST = 3, 25
"""A second: less than three stand still between two."""


def beat(rung: Rung, bits_per_second: int) -> Rung:
    """The rung with as many pictures a second as the rate feeds: unlike its size this costs no keyframe, so it may
    follow at once."""
    pictures = bits_per_second // PICTURE_BITS.get(rung.quarters, PICTURE_BITS[4])
    return replace(rung, frames_per_second=min(PICTURES_MOST, max(PICTURES_LEAST, pictures)))


class Ladder:
    """Walks the rungs: down at once, up when the rate held."""

    def __init__(self, bits_per_second: int, rungs: Sequence[Rung] = LADDER) -> None:
        self._rungs = rungs
        self._index = self._fitting(bits_per_second / 1000)
        self._wait = CLIMB_SECONDS
        self._climb_since: float | None = None
        self._climbed_at: float | None = None

    @property
    def rung(self) -> Rung:
        """Where we stand."""
        return self._rungs[self._index]

    def step(self, bits_per_second: int, now: float) -> Rung:
        """The rung for this rate."""
        kbps = bits_per_second / 1000
        fitting = self._fitting(kbps)
        if self._climbed_at is not None and now - self._climbed_at >= CLIMB_HELD_SECONDS:
            self._climbed_at, self._wait = None, CLIMB_SECONDS
        if self._fitting(kbps / FALL_MARGIN) < self._index:
            if self._climbed_at is not None:
                self._climbed_at, self._wait = None, min(self._wait * 2, CLIMB_SECONDS_MAX)
            self._index, self._climb_since = fitting, None
        elif self._fitting(kbps / CLIMB_MARGIN) > self._index:
            if self._climb_since is None:
                self._climb_since = now
            elif now - self._climb_since >= self._wait:
                self._index, self._climb_since, self._climbed_at = self._fitting(kbps / CLIMB_MARGIN), None, now
        else:
            self._climb_since = None
        return self.rung

    def forgive(self) -> None:
        """An outage ends the last climb: it was not wrong, and the next one may come sooner."""
        self._climbed_at, self._wait = None, CLIMB_BACK_SECONDS

    def _fitting(self, kbps: float) -> int:
        return max(i for i, rung in enumerate(self._rungs) if kbps >= rung.from_kbps)


class Pacer:
    """How many bytes may leave now."""

    def __init__(self) -> None:
        self._credit = float(PACE_BURST_BYTES)
        self._at = float("-inf")

    def may_send(self, bits_per_second: int, now: float) -> bool:
        """Whether a packet may leave at this rate."""
        earned = (now - self._at) * PACE * bits_per_second / 8
        self._credit = min(float(PACE_BURST_BYTES), self._credit + earned)
        self._at = now
        return self._credit > 0

    def sent(self, size: int) -> None:
        """A packet left."""
        self._credit -= size


class KeyframeGate:
    """Requests for a keyframe, merged: at most one each `KEYFRAME_SECONDS`, none forgotten."""

    def __init__(self) -> None:
        self._wanted = False
        self._last = float("-inf")

    def want(self) -> None:
        """Somebody needs a keyframe."""
        self._wanted = True

    def due(self, now: float) -> bool:
        """Whether to make one now; says so once per granted request."""
        if not self._wanted or now - self._last < KEYFRAME_SECONDS:
            return False
        self.made(now)
        return True

    def made(self, now: float) -> None:
        """A keyframe was made, asked for or not: whoever waits for one has it."""
        self._wanted, self._last = False, now
