"""How the call goes, in the nurse's words: grades from what the path, the camera and the doctor's page say. Pure.

A grade falls at once and rises when the better one has held for `BETTER_SECONDS`, so that nobody reads a sentence that
is gone before its end.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from gateway.media.events import PeerState
from gateway.media.path import CallFigures
from protocol.quality import CallQuality, CallSummary, PictureGrade, Reception, VoiceGrade

BETTER_SECONDS = 3.0
"""A sentence is read, and a bend in the road passed, in about that time."""

BLIND_LOOKS = 2
"""Nothing acknowledged at so many looks one after the other is an outage; one is a cell that was changed."""

SAME_SECONDS = 1.0
"""An outage's end is acknowledged, and what it lost counted, within two looks."""

RECEPTION_SECONDS = 3.0
"""What the page said longer ago is of another stretch of road."""

HEARD_SECONDS = 3.0
"""Voice is judged over a sentence's length: a burst now and then is a sound lost, not a bad voice."""

CONCEALED_POOR_PERCENT = 5.0
"""Made up by the receiver: a sound or two of each sentence (ITU-T G.113: clearly audible)."""

LOST_POOR_PERCENT = 10.0
"""Where the page says nothing: past what redundancy mends, in bursts."""

LOST_PERCENT = 5.0
"""Loss that explains a bad picture; less is mended."""

LOST_SOME_PERCENT = 1.0
"""Enough to break what nothing else explains."""

OVERFLOW_MS, OVERFLOW_SECONDS = 150, 6.0
"""What is lost behind a queue this long was too much for the road, not broken on it; so long it is in the mean."""

SLOW_MS = 800
"""400 ms one way: people begin to speak at once (ITU-T G.114)."""

FROZEN_MS = 300
"""Seen to stand still by the doctor, within a second."""

REDUCED_QUARTERS, REDUCED_FRAMES = 4, 12
"""Of the room: made smaller than the camera gives it a face is soft, below twelve a second it jerks."""

REDUCED_FRAMES_DETAIL = 5
"""An examination camera is held still."""

_VOICE = (VoiceGrade.good, VoiceGrade.poor, VoiceGrade.none)
_PICTURE = (PictureGrade.good, PictureGrade.reduced, PictureGrade.paused, PictureGrade.none)
LOOK_SECONDS_MAX = 2.0
"""Between two looks of one stretch; a machine that slept did not watch."""

COUNT_MAX = 1_000_000
"""Of a call's totals: a page that lies, or counts backwards, does not make them grow without end."""

THIN, LOSSY, SLOW, OUTAGE = "quality.thin", "quality.lossy", "quality.slow", "quality.outage"
_CODES = (None, SLOW, THIN, LOSSY, OUTAGE)
"""From the least to the most telling."""


@dataclass(frozen=True, slots=True)
class Look:
    """What is known now. `generation` of the call and where its connection stands; `figures` of its path, None before
    a picture can be sent; `camera`: there is a picture to send; `shown`: it is an examination camera's; `voiced`:
    sound leaves the bus, it is neither muted nor dead; `interface` and `relayed`: of the uplink in use."""

    generation: int
    state: PeerState
    figures: CallFigures | None
    camera: bool = True
    shown: bool = False
    voiced: bool = True
    interface: str = ""
    relayed: bool = False


@dataclass(frozen=True, slots=True)
class Totals:
    """Since the call began."""

    keyframes: int = 0
    freezes: int = 0
    outages: int = 0

    def __add__(self, other: Totals) -> Totals:
        return Totals(self.keyframes + other.keyframes, self.freezes + other.freezes, self.outages + other.outages)


@dataclass(frozen=True, slots=True)
class _Ranks:
    """One look's grades as places in the lists above: larger is worse."""

    voice: int
    picture: int
    code: int


@dataclass(slots=True)
class _Counter:
    """A count that begins at nought with every new connection, added up."""

    total: int = 0
    _generation: int = 0
    _last: int = 0

    def see(self, generation: int, count: int) -> int:
        """How many are new."""
        if generation != self._generation or count < self._last:
            self._last = 0
        new, self._generation, self._last = count - self._last, generation, count
        self.total = min(COUNT_MAX, self.total + new)
        return new


@dataclass(slots=True)
class _Tally:
    """Seconds in each grade."""

    at: float | None = None
    seconds: float = 0.0
    voice: float = 0.0
    picture: float = 0.0
    codes: dict[str, float] = field(default_factory=dict)

    def add(self, quality: CallQuality, voice: VoiceGrade, now: float) -> None:
        """It was so since the look before; a gap counts for one look only."""
        since = 0.0 if self.at is None else min(LOOK_SECONDS_MAX, now - self.at)
        self.at = now
        self.seconds += since
        self.voice += since * (voice is VoiceGrade.good)
        self.picture += since * (quality.picture is PictureGrade.good)
        if quality.code is not None:
            self.codes[quality.code] = self.codes.get(quality.code, 0.0) + since


@dataclass(slots=True)
class Grader:
    """One call, over all its generations. Times are monotonic seconds."""

    _past: deque[tuple[float, _Ranks]] = field(default_factory=deque)
    """Looks of the last `BETTER_SECONDS`, at one connection."""
    _stands: int = 0
    """The generation that was seen connected last."""
    _blind: int = 0
    _out: bool = False
    _counted: tuple[int, float] = (0, float("-inf"))
    """An outage was counted in this generation; until then the path counts its end too."""
    _began: bool = False
    _outages: int = 0
    _keyframes: _Counter = field(default_factory=_Counter)
    _freezes: _Counter = field(default_factory=_Counter)
    _restarts: _Counter = field(default_factory=_Counter)
    _reception: Reception | None = None
    _received_at: float = float("-inf")
    _frozen_ms: int = 0
    _concealed: deque[tuple[float, float]] = field(default_factory=deque)
    _lost: deque[tuple[float, float]] = field(default_factory=deque)
    _tally: _Tally = field(default_factory=lambda: _Tally())
    _overflowed_at: float = float("-inf")
    _voiced_since: float = float("-inf")
    _unvoiced: bool = False

    @property
    def totals(self) -> Totals:
        """So far."""
        return Totals(self._keyframes.total, self._freezes.total, self._outages + self._restarts.total)

    def summary(self, *, running: bool) -> CallSummary | None:
        """Of the whole call; None when nothing of it was graded. A muted microphone is no fault of the voice."""
        tally, totals = self._tally, self.totals
        if not tally.seconds:
            return None
        return CallSummary(
            running=running, seconds=round(tally.seconds),
            voice_good_percent=round(100 * tally.voice / tally.seconds, 1),
            picture_good_percent=round(100 * tally.picture / tally.seconds, 1),
            code=max(tally.codes, key=tally.codes.__getitem__) if tally.codes else None,
            keyframes=totals.keyframes, freezes=totals.freezes, outages=totals.outages)

    def received(self, generation: int, reception: Reception, now: float) -> None:
        """What the doctor's page says of its last second."""
        before = self._reception
        newly = reception.frozen_ms - (before.frozen_ms if before is not None else 0)
        # A page that was loaded again counts from nought.
        self._frozen_ms = max(0, newly if newly >= 0 else reception.frozen_ms)
        self._freezes.see(generation, reception.freezes)
        if not self._unvoiced and now - self._voiced_since > RECEPTION_SECONDS:
            self._concealed.append((now, reception.voice_concealed_percent))
        self._reception, self._received_at = reception, now

    def look(self, look: Look, now: float) -> CallQuality | None:
        """The grade of now; None before the first connection of the call stood, and while a new one is made without an
        outage (the doctor's page was loaded again)."""
        self._began = self._began or look.state is PeerState.connected
        self._count(look, now)
        if not self._began or (look.state is PeerState.connecting and not self._out):
            return None
        if not look.voiced:
            self._unvoiced = True
        elif self._unvoiced:
            self._unvoiced, self._voiced_since = False, now
        reception = self._reception if now - self._received_at <= RECEPTION_SECONDS else None
        if look.state is PeerState.connected and look.generation != self._stands:
            # "No picture" over the picture of a fresh connection would be wrong at once.
            self._past.clear()
            self._stands = look.generation
        self._past.append((now, self._rank(look, reception, now)))
        while self._past[0][0] <= now - BETTER_SECONDS:
            self._past.popleft()
        held = [ranks for _, ranks in self._past]
        voice = _VOICE[max(ranks.voice for ranks in held)]
        quality = self._said(look, reception, voice, _PICTURE[max(ranks.picture for ranks in held)],
                             _CODES[max(ranks.code for ranks in held)])
        self._tally.add(quality, voice, now)
        return quality

    def _count(self, look: Look, now: float) -> None:
        figures = look.figures
        path = figures.path if figures is not None else None
        blind = path is not None and path.blind
        self._blind = self._blind + 1 if blind else 0
        down = look.state in (PeerState.interrupted, PeerState.closed) or self._blind >= BLIND_LOOKS
        if look.state is PeerState.connecting:
            down = self._out
        if down and not self._out and self._began:
            self._outages, self._counted = self._outages + 1, (look.generation, float("inf"))
        elif self._out and not down:
            # A path that did not live through it, or lost nothing, counts none: what comes later is another one.
            self._counted = (self._counted[0], now + SAME_SECONDS)
        self._out = down
        if figures is not None:
            self._keyframes.see(look.generation, figures.keyframes)
        if path is not None and self._restarts.see(look.generation, path.outages):
            generation, until = self._counted
            if generation == look.generation and now <= until:
                self._outages, self._counted = self._outages - 1, (0, float("-inf"))

    def _rank(self, look: Look, reception: Reception | None, now: float) -> _Ranks:
        if self._out:
            return _Ranks(_VOICE.index(VoiceGrade.none), _PICTURE.index(PictureGrade.none), _CODES.index(OUTAGE))
        path = look.figures.path if look.figures is not None else None
        self._lost.append((now, path.loss_percent if path is not None else 0.0))
        lost, concealed = _mean(self._lost, now), _mean(self._concealed, now)
        slow = path is not None and path.round_trip_ms >= SLOW_MS
        if path is not None and path.queue_ms >= OVERFLOW_MS:
            self._overflowed_at = now
        overflows = now - self._overflowed_at <= OVERFLOW_SECONDS
        broken = concealed >= CONCEALED_POOR_PERCENT if self._concealed else lost >= LOST_POOR_PERCENT
        voice = VoiceGrade.poor if broken or slow else VoiceGrade.good
        picture = self._picture(look, reception)
        if picture is PictureGrade.paused:
            code = THIN
        elif lost >= LOST_PERCENT and not overflows:
            code = LOSSY
        elif overflows or _small(look):
            code = THIN  # also where the round trip is long: it is, behind a queue on a thin road
        elif slow:
            code = SLOW
        else:
            # What comes whole and is not shown in time came late: jitter, or a machine that has too much to do.
            code = LOSSY if lost >= LOST_SOME_PERCENT else SLOW
        bad = voice is not VoiceGrade.good or picture in (PictureGrade.reduced, PictureGrade.paused)
        return _Ranks(_VOICE.index(voice), _PICTURE.index(picture), _CODES.index(code) if bad else 0)

    def _picture(self, look: Look, reception: Reception | None) -> PictureGrade:
        figures = look.figures
        if not look.camera:
            return PictureGrade.none
        if figures is None:
            return PictureGrade.good
        if figures.path is not None and figures.path.paused:
            return PictureGrade.paused
        stood = reception is not None and self._frozen_ms >= FROZEN_MS
        return PictureGrade.reduced if stood or _small(look) else PictureGrade.good

    def _said(self, look: Look, reception: Reception | None, voice: VoiceGrade, picture: PictureGrade,
              code: str | None) -> CallQuality:
        figures, totals = look.figures, self.totals
        path = figures.path if figures is not None else None
        sends = figures is not None and not figures.paused and not self._out and look.camera
        return CallQuality(
            voice=voice if look.voiced else VoiceGrade.none, picture=picture, code=code,
            target_kbps=path.target_kbps if path is not None else figures.picture_kbps if figures is not None else 0,
            picture_kbps=figures.picture_kbps if figures is not None and sends else 0,
            sent_kbps=path.sent_kbps if path is not None else 0,
            lines=figures.lines if figures is not None and sends else 0,
            frames_per_second=figures.frames_per_second if figures is not None and sends else 0,
            loss_percent=min(100.0, path.loss_percent) if path is not None else 0.0,
            round_trip_ms=min(600_000, path.round_trip_ms) if path is not None else None,
            queue_ms=min(600_000, path.queue_ms) if path is not None else 0,
            keyframes=totals.keyframes, freezes=totals.freezes, outages=totals.outages,
            interface=look.interface, relayed=look.relayed, seen=reception)


def _small(look: Look) -> bool:
    """Whether the picture is sent smaller or slower than it could be."""
    figures = look.figures
    least = REDUCED_FRAMES_DETAIL if look.shown else REDUCED_FRAMES
    return figures is not None and (figures.quarters < REDUCED_QUARTERS or figures.frames_per_second < least)


def _mean(values: deque[tuple[float, float]], now: float) -> float:
    """Of the last `HEARD_SECONDS`, older ones are dropped; a part of which nothing is said counts as nought."""
    while values and values[0][0] <= now - HEARD_SECONDS:
        values.popleft()
    return sum(value for _, value in values) / max(HEARD_SECONDS, len(values))
