"""How much may be sent: queue delay first, loss second, trains of packets for growth, silence as an outage. Pure.

Times are monotonic seconds, rates bit/s on the wire (IP and UDP included), sizes octets.
"""

from __future__ import annotations

from .decision import Decision, Limits
from .feedback import BadFeedback, parse
from .history import Acked, History, Outcome
from .losses import Losses
from .measures import RATE_SECONDS, Arrivals, Beside, QueueDelay, ReceiverClock
from .probing import FIRST_TRAIN_SECONDS, TRAIN_SECONDS, Judge, Probe, train
from .silence import HOPE_SECONDS, HOPE_SHARE, Silence

QUEUE_SECONDS = 0.045
"""Delay that may stand in a queue: a turn or two of a cellular scheduler. And the time of one packet beside it."""

PACKET_OCTETS = 800
PACKET_SECONDS_MAX = 0.09

CLEAR_SHARE = 0.6
"""Of the threshold: below it the queue counts as empty."""

PERSISTS_SECONDS = 0.15
"""A delay over the threshold must last this long, or be twice as large: a scheduler's stall is neither."""

SEVERE_SECONDS = 0.25
"""A deep fall is measured over no more than this: before it the link was another."""

KEEP = 0.92
"""Of what arrives while a queue stands: the rest drains it."""

DRAIN_SECONDS, DRAIN_LEAST = 0.8, 0.55
"""A standing queue is to be gone within this; meanwhile at least this share of the rate is sent."""

BASE_MOVED_SECONDS, BASE_MOVED_SHARE = 4.0, 0.7
"""A delay that stays for so long at this share of the rate it appeared at is no queue of ours: the path changed, or
somebody else fills it."""

GROW, GROW_BACK, GROW_NEAR, GROW_AT = 0.08, 0.40, 0.03, 0.006
"""Shares a second: beyond what was known, up to what was known to fit, around where a queue was found, and at it."""

APPLICATION_SHARE, APPLICATION_EXTRA = 1.5, 30_000
"""Without a train that showed more, the rate stays within this of what really arrives."""

USED_SHARE = 0.7
"""Only a rate that is used shows that there is more; else trains do."""

PROVEN_SECONDS = 10.0
"""So long a train's finding holds while nobody uses it."""

COLLAPSE_SECONDS = 3.0
"""Between two beginnings for loss: a keyframe must have time to arrive."""

IN_FLIGHT_SECONDS = 0.9
"""And a round trip: what was sent before that has arrived or is lost, whether a report of it came or not."""

HOLE_SECONDS = 0.15
"""Of the rate: more than this lost in a short silence, and a keyframe is sooner there than everything again."""

LATE_SECONDS, LATE_SHARE = 0.5, 0.6
"""What is on its way takes longer than this at the rate at which it arrives now, which is under this share of what was
sent: pictures behind it would be old, so they begin anew."""

SHORT_SECONDS = 1.0
"""An outage shorter than this changed nothing about the link."""

RETURN_SHORT, RETURN_LONG = 0.9, 0.6
"""Shares of the rate before that are sent after an outage."""

FEEDBACK_SECONDS, WINDOW_SECONDS, WINDOW_OCTETS = 0.25, 0.20, 3000
"""On their way may be: what is sent in a round trip, until the next report, and what a short queue takes."""

PROBE_SHARE = 2.0
PROBE_SECONDS, PROBE_SECONDS_MAX = 1.0, 4.0
"""Between two trains; a train that found the limit doubles the wait."""

DEEP_SHARE, DEEP_SECONDS = 0.7, 0.5
"""A fall to less than this of the rate was another cell or a tunnel: a train looks again soon."""

PACING, PACING_MOST = 1.25, 2.5
"""A picture leaves at these multiples of the rate; the higher one only where a train came through so fast."""

PACING_LOSSY = 1.1
"""A queue too short for a picture's packets loses them at any rate."""

ROUND_TRIP_SECONDS = 0.2
"""Until one is measured."""


class Controller:
    """One path to one receiver."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._history = History()
        self._queue, self._arrivals, self._losses = QueueDelay(), Arrivals(), Losses()
        self._clock = ReceiverClock()
        self._rate = float(limits.start)
        self._drain = 1.0
        self._known = 0.0
        """What arrived when a queue last stood; 0: none was ever found."""
        self._peak = 0.0
        """What the last successful train came through at."""
        self._proven, self._proven_until = float(limits.start), float("inf")
        self._why = "start"
        self._heard = float("-inf")
        self._grown_at: float | None = None
        self._over_since: float | None = None
        self._over_rate, self._over_at = 0.0, float("-inf")
        self._collapsed_at = float("-inf")
        self._silence = Silence()
        self._restarts = 0
        self._round_trip, self._round_trip_least = ROUND_TRIP_SECONDS, float("inf")
        self._probe_at, self._probe_wait = float("-inf"), PROBE_SECONDS
        self._beside = Beside()
        self._judge: Judge | None = None
        self._probes = 0

    def sent(self, size: int, now: float, probe: int = 0) -> int:
        """A packet leaves; the transport number it bears."""
        return self._history.add(size, now, probe)

    def beside(self, size: int, now: float) -> None:
        """A packet leaves that nobody will acknowledge: sound, a data channel's."""
        self._beside.add(size, now)
        if self._judge is not None:
            self._judge.beside(size, now)

    @property
    def heard(self) -> bool:
        """Whether feedback ever came."""
        return self._heard > float("-inf")

    @property
    def decision(self) -> Decision:
        """Before anything is known."""
        return self._decide(0.0)

    @property
    def measured(self) -> bool:
        """Whether the first train told what there is."""
        return self._judge is None and self._probes > 0

    @property
    def in_flight(self) -> int:
        """Octets of which nothing is known."""
        return self._history.in_flight

    def feedback(self, fci: bytes, now: float) -> Decision:
        """Transport-wide feedback came; one that contradicts itself changes nothing."""
        try:
            outcome = self._history.take(parse(fci))
        except BadFeedback:
            return self._decide(now)
        if not outcome.acked:
            return self._decide(now)
        if self._heard == float("-inf"):
            self._proven_until = now + PROVEN_SECONDS
        silent, self._heard = now - self._heard, now
        if self._silence.lasts:
            self._come_back(silent, outcome, now)
        else:
            self._losses.add(len(outcome.acked), outcome.lost, outcome.late, now)
        round_trip = max(0.0, now - outcome.newest_sent)
        self._round_trip += 0.2 * (round_trip - self._round_trip)
        self._round_trip_least = min(self._round_trip_least * 1.001, round_trip)
        self._observe(outcome.acked)
        self._judge_delay(now)
        self._judge_loss(now)
        self._judge_probe(now)
        return self._decide(now)

    def tick(self, now: float) -> Decision:
        """Time went by; call it every 20 to 50 ms, the first time when the path is there."""
        self._history.age(now - IN_FLIGHT_SECONDS - self._round_trip)
        oldest = self._history.oldest_in_flight
        clear = self.heard and self._over_since is None and self._queue.standing < CLEAR_SHARE * self._threshold
        if oldest is not None and self._silence.judge(self._heard, oldest, self._round_trip, clear, now):
            self._why, self._judge = "silence", None
        self._judge_probe(now)
        return self._decide(now, self._next_probe(now))

    def _observe(self, packets: tuple[Acked, ...]) -> None:
        for packet in sorted(packets, key=lambda packet: packet.arrived):
            arrived = self._clock.read(packet.sent, packet.arrived)
            self._queue.add(packet.sent, arrived)
            self._arrivals.add(packet.sent, arrived, packet.size)
            if self._judge is not None and packet.probe == self._judge.probe.id:
                self._judge.add(packet.sent, arrived, packet.size)

    def _arrives(self) -> float:
        """Everything: what is not acknowledged is taken to fare no worse."""
        return self._arrivals.rate() + self._beside.rate

    @property
    def _threshold(self) -> float:
        return QUEUE_SECONDS + min(PACKET_SECONDS_MAX, PACKET_OCTETS * 8 / self._rate)

    def _judge_delay(self, now: float) -> None:
        standing, threshold = self._queue.standing, self._threshold
        if standing <= threshold:
            self._over_since = None
            if standing < CLEAR_SHARE * threshold:
                self._drain = 1.0
                self._grow(now)
            else:
                self._grown_at, self._why = now, "hold"
            return
        self._grown_at = self._over_at = now
        severe = standing > 2 * threshold
        if self._over_since is None:
            self._over_since, self._over_rate = now, self._rate
        if not severe and now - self._over_since < PERSISTS_SECONDS:
            self._why = "hold"
            return
        if now - self._over_since > BASE_MOVED_SECONDS and self._rate < BASE_MOVED_SHARE * self._over_rate:
            self._queue.rebase()
            self._over_since, self._drain, self._why = None, 1.0, "base"
            return
        arrives = self._arrivals.leaving(SEVERE_SECONDS if severe else RATE_SECONDS, self._beside)
        if arrives:
            late = self._history.in_flight * 8 > LATE_SECONDS * arrives
            if severe and late and arrives < LATE_SHARE * self._rate and now - self._collapsed_at > COLLAPSE_SECONDS:
                self._restarts, self._collapsed_at = self._restarts + 1, now
            self._known = arrives
            if KEEP * arrives < DEEP_SHARE * self._rate:
                self._probe_wait = DEEP_SECONDS
            self._set(min(self._rate, KEEP * arrives))
        self._drain = max(DRAIN_LEAST, 1 - (standing - CLEAR_SHARE * threshold) / DRAIN_SECONDS)
        self._proven_until = now
        self._peak = min(self._peak, arrives)
        self._probe_at = max(self._probe_at, now + self._probe_wait)
        self._judge = None
        self._why = "queue"

    def _grow(self, now: float) -> None:
        before, self._grown_at = self._grown_at, now
        if before is None or self._losses.forbid_growth:
            return
        if self._rate < 0.9 * self._known:
            share = GROW_BACK
        elif self._rate < 1.15 * self._known:
            share = GROW_NEAR if self._rate < 0.96 * self._known else GROW_AT
        else:
            share = GROW
        if self._arrives() < USED_SHARE * self._rate:
            share = 0.0
        grown = self._rate * (1 + share * min(0.5, now - before))
        reach = APPLICATION_SHARE * self._arrives() + APPLICATION_EXTRA
        if now < self._proven_until:
            reach = max(reach, self._proven)
        if reach < self._rate:
            # Believed, but neither used nor shown of late.
            if now >= self._proven_until:
                self._set(max(reach, min(self._rate, self._limits.start)))
                self._why = "unused"
        else:
            self._set(min(grown, reach))
            self._why = "grow"

    def _judge_loss(self, now: float) -> None:
        if self._losses.collapse and now - self._collapsed_at > COLLAPSE_SECONDS:
            self._restarts, self._collapsed_at = self._restarts + 1, now
        arrives = self._arrives()
        rate = self._losses.judge(self._rate, arrives, self._round_trip, now, queued_at=self._over_at)
        if rate is None or rate >= self._rate:
            self._set(self._rate if rate is None else rate)
            return
        self._known = arrives
        if rate < DEEP_SHARE * self._rate:
            self._probe_wait = DEEP_SECONDS
        self._set(rate)
        self._probe_at = max(self._probe_at, now + max(self._probe_wait, self._round_trip))
        self._judge, self._proven_until, self._why = None, now, "loss"

    def _come_back(self, silent: float, outcome: Outcome, now: float) -> None:
        blind = self._silence.over()
        gone = outcome.lost + outcome.unknown
        if gone * PACKET_OCTETS * 8 > HOLE_SECONDS * self._rate or (blind and gone):
            self._restarts, self._collapsed_at = self._restarts + 1, now
        if not blind and not outcome.lost:
            # Only reports were missing.
            self._why = "return"
            return
        self._queue.forget_recent()
        self._arrivals.clear()
        self._losses.forget()
        self._over_since, self._drain, self._grown_at = None, 1.0, now
        self._known = self._rate
        if silent < SHORT_SECONDS:
            self._set(RETURN_SHORT * self._rate)
        else:
            self._set(RETURN_LONG * self._rate)
            self._probe_at, self._probe_wait = now, PROBE_SECONDS
        self._proven, self._proven_until = self._rate, now + PROVEN_SECONDS
        self._why = "return"

    def _next_probe(self, now: float) -> Probe | None:
        if self._silence.lasts or self._judge is not None:
            return None
        if now < self._probe_at or self._over_since is not None:
            return None
        first = self._heard == float("-inf")
        if first and self._probes:
            return None
        if self._queue.standing > CLEAR_SHARE * self._threshold:
            return None
        top = self._limits.ceiling
        if self._rate >= 0.95 * top:
            # Nothing more is wanted than is believed; while it is not used that belief has to be renewed.
            if now < self._proven_until - 0.3 * PROVEN_SECONDS or self._arrives() > 0.65 * self._rate:
                return None
            rate = min(1.1 * self._rate, 1.1 * top)
        else:
            rate = min(PROBE_SHARE * self._rate, 1.2 * top)
        self._probes += 1
        probe = train(self._probes, rate, FIRST_TRAIN_SECONDS if first else TRAIN_SECONDS)
        self._judge = Judge(probe, now)
        return probe

    def _judge_probe(self, now: float) -> None:
        judge = self._judge
        if judge is None:
            return
        waited = now - judge.since
        if not judge.complete and waited < self._round_trip + 0.5:
            return
        self._judge = None
        found = judge.found()
        self._probe_wait = min(PROBE_SECONDS_MAX, 2 * self._probe_wait)
        self._probe_at = now + self._probe_wait
        if found is None:
            return
        reached = KEEP * min(found.rate, judge.probe.rate)
        if judge.probe.id == 1 and not found.free and reached < self._rate:
            # The first packets of a call went into an empty queue: this is the link.
            self._known = found.rate
            self._set(reached)
        if reached >= 0.97 * self._rate or found.free:
            self._proven, self._proven_until = max(reached, self._rate), now + PROVEN_SECONDS
        if reached > self._rate:
            self._set(reached)
            self._peak, self._why = found.rate, "probe"
        if found.free and reached >= self._rate:
            self._probe_wait, self._probe_at = PROBE_SECONDS, now
            self._known = 0.0 if self._known < self._rate else self._known

    def _set(self, rate: float) -> None:
        self._rate = min(float(self._limits.ceiling), max(float(self._limits.floor), rate))

    def _decide(self, now: float, probe: Probe | None = None) -> Decision:
        target = self._rate * self._drain * (HOPE_SHARE if self._silence.quiet else 1.0)
        least = self._round_trip_least if self._round_trip_least != float("inf") else ROUND_TRIP_SECONDS
        window = WINDOW_OCTETS + target / 8 * (least + FEEDBACK_SECONDS + WINDOW_SECONDS)
        if self._silence.quiet:
            window += target / 8 * (HOPE_SECONDS + FEEDBACK_SECONDS)
        if self._losses.lossy:
            pacing = PACING_LOSSY * target
        else:
            pacing = max(PACING * target, min(0.85 * self._peak, PACING_MOST * target))
        return Decision(
            at=now, rate=round(self._rate), target=round(target), pacing=round(pacing), probe=probe, why=self._why,
            window=0 if self._silence.blind else round(window), in_flight=self._history.in_flight,
            blind=self._silence.blind, restarts=self._restarts, queue=round(self._queue.standing, 4),
            arrives=round(self._arrives()), loss=round(self._losses.share, 3), round_trip=round(self._round_trip, 4))
