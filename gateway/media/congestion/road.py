"""One pacer and one window for everything that goes to a doctor: voice first, the picture in what is left. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .budget import (
    FIRST_BEFORE,
    FIRST_SECONDS,
    GATHERED,
    OPENING_ABOVE,
    PAIR_BELOW,
    Budget,
    Meter,
    Share,
    VoiceForm,
)
from .channels import ChannelPacer
from .decision import Decision, Limits
from .probing import Probe
from .replay import Recorder

WIRE_OCTETS = 28 + 16
"""IP, UDP and the authentication tag of SRTP, around each RTP packet."""

BURST_OCTETS, BURST_SECONDS = 1250, 0.02
"""A packet, or what a loop that is late by this has missed, may leave at once."""

STEP_SECONDS = 0.025
"""Between two decisions without feedback."""

OPENING_SECONDS, OPENING_VOICE, OPENING_SHARE = 2.0, 26_000, 0.35
"""On a thin path the first picture leaves before what waited for the connection, in what voice leaves of the rate or
this share of it. Without a camera nothing waits longer."""

LEAST_WIRE = 7_500
"""bit/s on the wire of a picture that has as little as it may: readings that catch up leave it so much."""

SEARCH_SECONDS = 0.7
"""Longer than a train takes on a thin path and its report comes back."""

DEBT_OCTETS = 3500.0
"""What goes before the picture takes from it, but no more than this at once."""

HEARTBEAT_SECONDS, IDLE_SECONDS = 0.1, 0.25
"""In an outage one small packet each, which finds the network again; and when nothing else is sent."""

THIN_PACING, THIN_BURST_OCTETS = 1.25, 500
"""Times of its own rate a picture's packets leave at on a thin path, whatever else leaves: a share of the whole would
put a keyframe between two words (measured at 80 kbit/s: a queue of 0.4 s, and a tenth of everything lost in it)."""

DRAIN_SEVERE = 0.8
"""Where less than this share of the rate is sent, a thin path has no packet of a picture: each makes a word late."""

CROWDED_SECONDS = 0.12
"""A queue behind which a word that is sent again comes too late, and makes the next ones late."""

PLAYING_SECONDS = 0.4
"""Or between two pictures of a thin path, which are hardly more often."""

HEARTBEAT_OCTETS = 68
"""A bare packet with its transport number."""

TRAIN_LATE_SECONDS = 0.3
"""A train that could not leave within this shows nothing any more."""

CATCH_UP_SECONDS = 2.0
"""After an outage: what readings and ECG send then is what waited."""

CAREFUL_SECONDS, CAREFUL_BITS, CAREFUL_BELOW = 1.0, 70_000, 600_000
"""Where pictures begin anew on a path that is not wide, they begin small: a large one takes longer than the outage."""

VOICE_BLIND_SECONDS = 1.0
"""Sound goes on into a silence this long: many end sooner. Later it would only be a queue of old words."""


@dataclass(frozen=True, slots=True)
class PathFigures:
    """What the path does, for a second's line: rates in kbit/s, times in ms, loss in percent."""

    target_kbps: int
    picture_kbps: int
    sent_kbps: int
    arrives_kbps: int
    loss_percent: float
    round_trip_ms: int
    queue_ms: int
    window_octets: int
    in_flight_octets: int
    voice: str
    paused: bool
    blind: bool
    why: str
    outages: int


class Road:
    """The way to one doctor. All `now` are monotonic seconds."""

    def __init__(self, limits: Limits, write: Callable[[str], None] | None = None) -> None:
        self._recorder = Recorder(limits, write)
        self._budget = Budget()
        self._decision: Decision = self._recorder.controller.decision
        self._share = Share(limits.start // 2, False, VoiceForm.plain)
        self._before, self._all, self._spoken = Meter(steady=True), Meter(1.0), Meter(steady=True)
        """What goes before the picture; everything; sound and what else is no channel's."""
        self._channels, self._opening = ChannelPacer(), True
        self._unmeasured_until = 0.0
        """What goes before the picture waits at first: only then it can be measured."""
        self._credit = float(BURST_OCTETS)
        self._credit_at = float("-inf")
        self._stepped_at = float("-inf")
        self._left_at = float("-inf")
        self._voice_at = float("-inf")
        self._pacing, self._apart = float(limits.start), False
        self._blind_since: float | None = None
        self._probe: Probe | None = None
        self._probe_left = 0
        self._probe_next = self._probe_since = 0.0
        self._reserved = 0
        self._careful_until = float("-inf")
        self._waveform = 0.0
        """What is left of the last piece's share."""
        self.started, self._began = False, 0.0

    @property
    def decision(self) -> Decision:
        """The last one."""
        return self._decision

    @property
    def picture(self) -> int:
        """bit/s for the encoder."""
        picture = self._share.picture
        if self._stepped_at < self._careful_until and picture < CAREFUL_BELOW:
            return min(picture, CAREFUL_BITS)
        return picture

    @property
    def paused(self) -> bool:
        """Whether there is too little for a picture."""
        return self._share.paused

    @property
    def blind(self) -> bool:
        """Whether nothing is acknowledged any more."""
        return self._decision.blind

    @property
    def restarts(self) -> int:
        """Outages in which packets were lost: at a new one pictures begin anew with a keyframe."""
        return self._decision.restarts

    @property
    def voice(self) -> VoiceForm:
        """How the voice is to be packed."""
        return self._share.voice

    @property
    def crowded(self) -> bool:
        """Whether on a thin path a queue stands that would make late what is sent again."""
        return self._apart and self._decision.queue > CROWDED_SECONDS

    @property
    def voice_kbps(self) -> int:
        """What the voice's source may take."""
        return self._share.voice_kbps

    def searching(self, now: float) -> bool:
        """Whether the first picture should wait for what fits: on a thin path a large one takes seconds."""
        return not self._recorder.controller.measured and now - self._began < SEARCH_SECONDS

    @property
    def heard(self) -> bool:
        """Whether feedback ever came."""
        return self._recorder.controller.heard

    def reserve(self, bits_per_second: int) -> None:
        """What an instrument's sound takes from now on, before a packet of it was sent; 0: none any more."""
        self._reserved = bits_per_second

    def begin(self, now: float) -> None:
        """The transport is there."""
        if not self.started:
            self.started, self._began = True, now
            self._left_at = now
            self._step(now, None)

    def stamp(self, octets: int, now: float, *, picture: bool = False, reserved: bool = False,
              padding: bool = False) -> int:
        """A packet of `octets` RTP leaves now; the transport number it bears. `reserved`: its rate was announced;
        `padding`: it is what `padding` asked for."""
        size = octets + WIRE_OCTETS
        if padding:
            return self.pad(size, now)
        probe = self._probe.id if self._probe is not None else 0
        if not picture and not reserved:
            self._before.add(size, now)
            self._spoken.add(size, now)
        return self._leave(size, now, probe, size if picture or not self._apart else 0)

    def opened(self) -> None:
        """The first picture has left."""
        self._opening = False

    def channels(self, octets: int, now: float) -> None:
        """Octets of a data channel's packet, on the wire."""
        self._channels.sent(octets, now)
        self._spoken.settle(now)
        self._take(octets, now)

    def may_tell(self, now: float) -> int:
        """Octets that data channels may send now; none with 0 or less."""
        return self._channels.room(now)

    def other(self, octets: int, now: float) -> None:
        """Octets of a packet of sound, on the wire: they take their part, but are not acknowledged here."""
        self._spoken.add(octets, now)
        self._take(octets, now)

    def _take(self, octets: int, now: float) -> None:
        self._before.add(octets, now)
        self._all.add(octets, now)
        self._credit -= 0 if self._apart else octets
        self._recorder.beside(octets, now)

    def may_send(self, now: float) -> bool:
        """Whether a packet of the picture may leave."""
        if self._decision.blind or self._recorder.controller.in_flight >= self._decision.window:
            return False
        self._earn(now)
        return self._credit > 0

    def may_speak(self, now: float) -> bool:
        """Whether a packet of sound may leave: always, but in a long outage ten a second."""
        if self._blind_since is None or now - self._blind_since < VOICE_BLIND_SECONDS:
            return True
        if now - self._voice_at < HEARTBEAT_SECONDS:
            return False
        self._voice_at = now
        return True

    def may_trace(self) -> bool:
        """Whether the next piece of a live waveform may leave; ask once for each."""
        self._waveform = min(1.0, self._waveform + self._share.waveform)
        if self._waveform < 1.0:
            return False
        self._waveform = 0.0 if self._share.waveform < 1.0 else 1.0
        return True

    def padding(self, now: float, *, trains: bool = True) -> int:
        """Octets on the wire of the padding packet that is due now, 0 for none. Call until 0, each few ms. Without
        `trains` nothing is looked for."""
        if not self.started:
            return 0
        if not trains:
            self._probe = None
        if self._probe is not None and now - self._probe_since > TRAIN_LATE_SECONDS:
            self._probe = None
        if self._probe is not None:
            return self._probe.size if now >= self._probe_next else 0
        idle = PLAYING_SECONDS if self._apart and not self._share.paused else IDLE_SECONDS
        quiet = HEARTBEAT_SECONDS if self._decision.blind else idle
        return HEARTBEAT_OCTETS if now - self._left_at >= quiet else 0

    def pad(self, size: int, now: float) -> int:
        """The padding packet of `size` octets on the wire leaves; its transport number."""
        probe = self._probe
        number = self._leave(size, now, probe.id if probe is not None else 0, size)
        if probe is not None:
            self._probe_left -= 1
            self._probe_next = max(self._probe_next, now - 0.01) + 8 * size / probe.rate
            if self._probe_left <= 0:
                self._probe = None
        return number

    def feedback(self, fci: bytes, now: float) -> None:
        """Transport-wide feedback."""
        self._step(now, fci)

    def tick(self, now: float) -> None:
        """Each few ms."""
        if self.started and now - self._stepped_at >= STEP_SECONDS:
            self._step(now, None)

    def figures(self) -> PathFigures:
        """As of the last step."""
        decision, share = self._decision, self._share
        return PathFigures(
            target_kbps=decision.target // 1000, picture_kbps=share.picture // 1000,
            sent_kbps=round(self._all.rate / 1000), arrives_kbps=decision.arrives // 1000,
            loss_percent=round(100 * decision.loss, 1), round_trip_ms=round(1000 * decision.round_trip),
            queue_ms=round(1000 * decision.queue), window_octets=decision.window, in_flight_octets=decision.in_flight,
            voice=share.voice.value, paused=share.paused, blind=decision.blind, why=decision.why,
            outages=decision.restarts)

    def _leave(self, size: int, now: float, probe: int, taken: int) -> int:
        self._earn(now)
        self._credit -= taken
        self._left_at = now
        self._all.add(size, now)
        return self._recorder.sent(size, now, probe)

    def _earn(self, now: float) -> None:
        if self._credit_at > float("-inf"):
            self._credit += (now - self._credit_at) * self._pacing / 8
        burst = THIN_BURST_OCTETS if self._apart else BURST_OCTETS
        most = max(float(burst), self._pacing / 8 * BURST_SECONDS)
        self._credit = max(-DEBT_OCTETS, min(most, self._credit))
        self._credit_at = now

    def _step(self, now: float, fci: bytes | None) -> None:
        self._stepped_at = now
        before_it, decision = self._decision, self._recorder.step(now, fci)
        self._decision = decision
        if decision.restarts != before_it.restarts:
            self._careful_until = now + CAREFUL_SECONDS
        self._before.settle(now)
        self._all.settle(now)
        self._open(decision.rate, now)
        first = FIRST_BEFORE if now < self._unmeasured_until else 0
        before = max(self._before.rate, first) + self._reserved
        self._share = self._budget.split(decision.rate, decision.target, before, decision.loss, now,
                                         opening=self._opening)
        self._pacing = float(decision.pacing)
        self._apart = self._share.voice in GATHERED
        if self._apart:
            severe = decision.target < DRAIN_SEVERE * decision.rate
            picture = THIN_PACING * self._share.picture
            if self._opening:
                picture = max(picture, decision.rate - OPENING_VOICE, OPENING_SHARE * decision.rate)
            self._pacing = 0.0 if severe else min(self._pacing, picture)
        self._lead(decision, now)
        if decision.blind:
            self._blind_since = now if self._blind_since is None else self._blind_since
            self._probe = None
        else:
            if self._blind_since is not None:
                self._before.skip(now + CATCH_UP_SECONDS)
            self._blind_since = None
        if decision.probe is not None:
            self._probe, self._probe_left = decision.probe, decision.probe.packets
            self._probe_next = self._probe_since = now

    def _open(self, rate: int, now: float) -> None:
        thin = self.searching(now) or OPENING_ABOVE <= rate < PAIR_BELOW
        self._opening = self._opening and thin and now - self._began < OPENING_SECONDS
        if self._opening or now - self._began < STEP_SECONDS:
            self._unmeasured_until = now + FIRST_SECONDS

    def _lead(self, decision: Decision, now: float) -> None:
        """What channels may send."""
        self._spoken.settle(now)
        if self._opening:
            self._channels.lead(0, now)
        elif not self._apart or decision.blind:
            # Into a silence the association itself sends nothing.
            self._channels.lead(None, now)
        else:
            spoken = self._spoken.rate or OPENING_VOICE
            picture = 0.0 if self._share.paused else min(LEAST_WIRE, THIN_PACING * self._share.picture)
            # Where a picture plays it alone gives way to a queue.
            granted = decision.target if self._share.paused else decision.rate
            self._channels.lead(max(1.0, granted - spoken - picture), now)
