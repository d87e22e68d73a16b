"""The rate of one doctor's path: our own controller where the browser sends transport-wide feedback, else the simple
rule of REMB and receiver reports. Pure but for what is handed in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .congestion.budget import GATHERED, WHOLE_KBPS, VoiceForm
from .congestion.channels import UNLIMITED
from .congestion.decision import Limits
from .congestion.road import PathFigures, Road
from .rate import Pacer, RateController

FLOOR = 30_000
"""bit/s of everything: below, not even paired sound goes through."""

BESIDE_PICTURE = 150_000
"""bit/s that voice, readings and padding may take beside a picture at its ceiling."""

DEAF_SECONDS = 3.0
"""A browser that agreed to feedback and sends none within this never will: the simple rule takes over."""

DATA_OCTETS = 28 + 37
"""IP, UDP and the DTLS record around each SCTP packet (RFC 6347, 4.1; AEAD with explicit nonce)."""


@dataclass(frozen=True, slots=True)
class CallFigures:
    """One doctor's picture and path, for a second's line. `path` None: the simple rule holds, which measures little.
    `picture_kbps`: what the encoder is asked for; `quarters` of the camera's sides; `interface`, `candidate`: our
    address on the pair in use and its kind (host, srflx, relay), empty before there is one; `lines`: of the picture
    that is sent, 0 before the first."""

    picture_kbps: int
    paused: bool
    quarters: int
    frames_per_second: int
    keyframes: int
    interface: str
    candidate: str
    path: PathFigures | None
    lines: int = 0


class Path:
    """Rates in bit/s, times monotonic seconds. Until the answer says otherwise it follows the simple rule."""

    def __init__(self, floor: int, start: int, ceiling: int, write: Callable[[str], None] | None = None) -> None:
        self._simple = RateController(floor, start, ceiling)
        self._pacer = Pacer()
        self._ceiling = ceiling
        self._road = Road(Limits(FLOOR, start, ceiling + BESIDE_PICTURE), write)
        self._wide_since: float | None = None
        self._searching = False
        self._most: int | None = None
        self.wide = False

    def limit(self, bits_per_second: int | None) -> None:
        """No more than this for the picture, 0: none, whatever the path takes: others on the same uplink go first.
        None: no limit."""
        self._most = bits_per_second

    def agree(self) -> None:
        """The browser has agreed to transport-wide feedback: no picture before `widen`."""
        self._searching = True

    def widen(self, now: float) -> None:
        """The transport is there, and the browser has agreed to transport-wide feedback."""
        self.wide, self._wide_since, self._searching = True, now, True
        self._road.begin(now)

    @property
    def target(self) -> int:
        """What the encoder is to make."""
        most = self._ceiling if self._most is None else min(self._ceiling, self._most)
        return min(most, self._road.picture if self.wide else self._simple.target)

    @property
    def held(self) -> bool:
        """Whether no picture leaves now: the path is silent, too thin for one, not known yet, or others go first."""
        return self._searching or self._most == 0 or (self.wide and (self._road.blind or self._road.paused))

    @property
    def blind(self) -> bool:
        """Whether the other side has fallen silent."""
        return self.wide and self._road.blind

    @property
    def thin(self) -> bool:
        """Whether the picture pauses because of the rate."""
        return self._most == 0 or (self.wide and self._road.paused)

    @property
    def restarts(self) -> int:
        """Outages with losses so far."""
        return self._road.restarts if self.wide else 0

    @property
    def voice(self) -> VoiceForm:
        """How to pack the voice."""
        return self._road.voice if self.wide else VoiceForm.plain

    @property
    def scant(self) -> bool:
        """Whether headers weigh: several frames of sound share a packet then, and other things wait for company."""
        return self.voice in GATHERED

    @property
    def crowded(self) -> bool:
        """Whether a queue stands that sound which is sent again would only lengthen."""
        return self.wide and self._road.crowded

    @property
    def voice_kbps(self) -> int:
        """What the voice's source may take."""
        return self._road.voice_kbps if self.wide else WHOLE_KBPS

    @property
    def silent(self) -> bool:
        """Whether nothing is acknowledged any more."""
        return self.wide and self._road.blind

    @property
    def figures(self) -> PathFigures | None:
        """None where the simple rule holds: it measures none of this."""
        return self._road.figures() if self.wide else None

    def may_send(self, now: float) -> bool:
        """Whether a packet of the picture may leave."""
        return self._road.may_send(now) if self.wide else self._pacer.may_send(self._simple.target, now)

    def may_repair(self, now: float) -> bool:
        """Whether a lost packet may be sent again now."""
        return not self.wide or self._road.may_send(now)

    def may_speak(self, now: float) -> bool:
        """Whether a packet of sound may leave."""
        return not self.wide or self._road.may_speak(now)

    def may_trace(self) -> bool:
        """Whether the next piece of a live waveform may leave; ask once for each."""
        return not self.wide or self._road.may_trace()

    def sent(self, size: int) -> None:
        """A packet of the picture left; where feedback is wide, `stamp` has counted it."""
        if not self.wide:
            self._pacer.sent(size)

    def stamp(self, octets: int, now: float, *, picture: bool, reserved: bool, padding: bool) -> int | None:
        """The transport number of a packet of `octets` that leaves; None without."""
        if not self.wide:
            return None
        return self._road.stamp(octets, now, picture=picture, reserved=reserved, padding=padding)

    def unnumbered(self, octets: int, now: float) -> None:
        """A packet of the voice, which is not acknowledged, leaves."""
        if self.wide:
            self._road.other(octets, now)

    def data(self, octets: int, now: float) -> None:
        """An SCTP packet leaves."""
        if self.wide:
            self._road.channels(octets + DATA_OCTETS, now)

    def may_tell(self, now: float) -> int:
        """Octets that data channels may send now; none with 0 or less."""
        return self._road.may_tell(now) if self.wide else UNLIMITED

    def opened(self) -> None:
        """The first picture has left."""
        self._road.opened()

    def padding(self, now: float) -> int:
        """Octets on the wire of a padding packet that is due."""
        # What it may not use it need not look for: a train takes its part from those who go first.
        trains = self._most is None or self._road.picture < self._most
        return self._road.padding(now, trains=trains) if self.wide else 0

    def feedback(self, fci: bytes, now: float) -> None:
        """Transport-wide feedback came."""
        if self.wide:
            self._road.feedback(fci, now)

    def tick(self, now: float) -> None:
        """Each few ms."""
        if not self.wide:
            return
        self._road.tick(now)
        self._searching = self._searching and self._road.searching(now)
        if not self._road.heard and self._wide_since is not None and now - self._wide_since > DEAF_SECONDS:
            self.wide = False

    def beside(self, bits_per_second: int) -> None:
        """An instrument's sound goes the same way from now on."""
        self._road.reserve(bits_per_second)
        self._simple.beside(bits_per_second)

    def alone(self) -> None:
        """It ended."""
        self._road.reserve(0)
        self._simple.alone()

    def remb(self, bits_per_second: int, sent_bits_per_second: float, now: float) -> None:
        """The receiver's own estimate."""
        self._simple.remb(bits_per_second, sent_bits_per_second, now)

    def report(self, highest_number: int, lost: int, sent_bits_per_second: float, now: float) -> None:
        """A receiver report of the picture."""
        self._simple.report(highest_number, lost, sent_bits_per_second, now)
