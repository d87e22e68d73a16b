"""Who gets which part of the path: readings, voice, instruments' sound, then the picture. Pure; bit/s, seconds."""

from __future__ import annotations

import enum
from dataclasses import dataclass

PICTURE_SHARE = 0.97
"""An encoder misses its rate by a few percent."""

HEADER_BITS, PACKET_BITS = 8 * 72, 8 * 1150
"""IP, UDP, RTP with extensions and the tag, around each packet of full size."""

PICTURES_LEAST, PICTURES_MOST, PICTURE_WIRE_BITS = 3, 10, 4_200
"""A second, for their headers: each small picture is a packet, and has these bits."""

PICTURE_LEAST = 6_000
"""What a picture that plays may have while a queue drains, which is over in a second: three small pictures."""

PAUSE_BELOW, PAUSE_SECONDS = -1_500, 3.0
"""The rate is 8 % under what the path takes once a queue was found, and grows from there: in the valley of that saw
tooth the least picture still fits where this is left by count."""

NONE_BELOW, NONE_SECONDS = -6_000, 0.8
"""With so little there is no picture at all: what it would take is the voice's."""

FIRST_PICTURE = 15_000
"""A call that begins with less for its picture, and is too thin for an opening, begins without: what waited for the
connection goes first."""

OPENING_ABOVE = 50_000
"""From here on the first picture goes before all that waited for the connection: a still to look at. On less, readings
that waited for it would never catch up (measured on 50 kbit/s: 2.4 s late for good)."""

RESUME_ABOVE, RESUME_SECONDS, RESUME_SECONDS_MAX = 3_500, 0.7, 48.0
"""Beside a waveform that is whole; each vain return doubles the wait."""

FIRST_BEFORE, FIRST_SECONDS = 65_000, 1.5
"""A lean voice, readings and an ECG; taken for granted until the first second was measured."""

WAVEFORM_DOWN, WAVEFORM_UP = 0.4, 0.6
"""Shares a second: where the picture is gone and still a queue stands, pieces of a live waveform are left out. Those
who read it ask for them later."""

AMPLE_ABOVE, AMPLE_SECONDS = 60_000, 0.3
"""With so much there is no doubt; a train has shown it."""

METER_SECONDS = 1.0
METER_DOWN = 0.5
"""A silence between two words does not give the voice's part away."""

METER_SAME = 0.2
"""What differs by less is smoothed both ways."""

METER_UP, METER_UP_BITS = 1.25, 8_000
"""What went before grows by so much a second at most: readings that catch up are over soon, and pacing counts them."""

PAIR_BELOW, PAIR_NOT_ABOVE = 165_000, 210_000
"""Half of a 20 ms packet of sound is headers: on a thin path two go as one."""

TRIPLE_BELOW, TRIPLE_NOT_ABOVE = 92_000, 115_000
"""And three where the 4 kbit/s that this saves are a third of what is left for a picture."""

WHOLE_KBPS, LEAN_KBPS, BARE_KBPS, LEAN_SECONDS = 24, 16, 12, 5.0
"""What the touchscreen's page may take for the voice; for wideband speech (RFC 7587, 3.1.1); for narrowband speech of
which nothing is lost. More only after a rate held for so long."""

QUADRUPLE_BELOW, QUADRUPLE_NOT_ABOVE = 62_000, 72_000
"""And four where voice and readings alone are the whole path: on 50 what they leave is 2 kbit/s."""

VOICES = (BARE_KBPS, QUADRUPLE_BELOW, QUADRUPLE_NOT_ABOVE), (LEAN_KBPS, 95_000, 130_000)
"""Below the first the voice's source is asked for so few bits, up to the second it goes on so: 8 kbit/s are a picture
on 80, and four are a reading in time on 50."""

RED_LOSS, RED_LOSS_CLEAR, RED_ABOVE = 0.01, 0.003, 300_000
"""Said twice, sound survives every second packet lost; it costs 25 kbit/s."""

RED_HOLD_SECONDS = 20.0


class VoiceForm(enum.StrEnum):
    """How the forwarded voice is put into packets."""

    plain = "plain"
    paired = "paired"
    tripled = "tripled"
    quadrupled = "quadrupled"
    red = "red"


GATHERED = {VoiceForm.paired: 2, VoiceForm.tripled: 3, VoiceForm.quadrupled: 4}
"""Frames of one packet."""


class Meter:
    """What a class of packets takes: down by `down` of the difference a second, up at once or, when it is `steady`,
    by a share."""

    def __init__(self, down: float = METER_DOWN, *, steady: bool = False) -> None:
        self._down = down
        self._steady, self._skip_until = steady, float("-inf")
        self._since = float("-inf")
        self._octets = 0
        self.rate = 0.0

    def add(self, size: int, now: float) -> None:
        """A packet left."""
        self.settle(now)
        self._octets += size

    def settle(self, now: float) -> None:
        """Close the window when it is over."""
        if now - self._since < METER_SECONDS:
            return
        seen = 8 * self._octets / (now - self._since) if self._since > float("-inf") else 0.0
        if self._since < self._skip_until:
            seen = min(seen, self.rate)
        elif self._steady:
            # A fresh connection may begin with all that waited through an outage.
            seen = min(seen, METER_UP * (self.rate or FIRST_BEFORE) + METER_UP_BITS)
        if self._steady and abs(seen - self.rate) < METER_SAME * self.rate:
            # One message more or less in this second than in the last is no more and no less a second.
            self.rate += METER_DOWN * (seen - self.rate)
        else:
            self.rate = seen if seen > self.rate else self.rate + self._down * (seen - self.rate)
        self._since, self._octets = now, 0

    def skip(self, until: float) -> None:
        """What comes until then is not the rule: it makes up for a silence."""
        self._skip_until = until


@dataclass(frozen=True, slots=True)
class Share:
    """`picture` bit/s for the encoder; `paused`: too little for one; `waveform`: the share (0 to 1) of a live waveform
    that goes; `voice_kbps`: what the voice's source is to take."""

    picture: int
    paused: bool
    voice: VoiceForm
    waveform: float = 1.0
    voice_kbps: int = WHOLE_KBPS


class Budget:
    """Splits what the controller grants; remembers what was decided, so that nothing flaps."""

    def __init__(self) -> None:
        self._paused = False
        self._thin_since: float | None = None
        self._wide_since: float | None = None
        self._resumed_at = float("-inf")
        self._wait = RESUME_SECONDS
        self._began: float | None = None
        self._voice = VoiceForm.plain
        self._lossy_until = float("-inf")
        self._waveform, self._at = 1.0, float("inf")
        self._kbps, self._ample_since = WHOLE_KBPS, float("inf")

    def split(self, rate: int, target: int, before: float, loss: float, now: float, *, opening: bool = False) -> Share:
        """`rate`, `target` as decided; `before`: bit/s of everything that goes before the picture, as measured;
        `opening`: the first picture has not left, and channels wait for it."""
        # A queue that drains is over in a second: no reason to pause.
        if opening and rate >= OPENING_ABOVE:
            self._paused, self._began = False, float("-inf")
        else:
            self._pause(_picture(rate, before), now)
        self._thin_waveform(target < rate, max(0.0, now - self._at))
        self._at = now
        picture = max(0.0 if self._paused else PICTURE_LEAST, _picture(target, before))
        return Share(round(picture), self._paused, self._form(rate, loss, now), round(self._waveform, 3),
                     self._source(rate, now))

    def _source(self, rate: int, now: float) -> int:
        """Down at once, up when the rate held."""
        fits = next((kbps for kbps, below, _ in VOICES if rate < below), WHOLE_KBPS)
        if fits <= self._kbps:
            self._kbps, self._ample_since = fits, float("inf")
        elif rate < next(not_above for kbps, _, not_above in VOICES if kbps == self._kbps):
            self._ample_since = float("inf")
        else:
            self._ample_since = min(self._ample_since, now)
            if now - self._ample_since >= LEAN_SECONDS:
                self._kbps, self._ample_since = fits, float("inf")
        return self._kbps

    def _thin_waveform(self, standing: bool, seconds: float) -> None:
        change = -WAVEFORM_DOWN if standing and self._paused else WAVEFORM_UP
        self._waveform = min(1.0, max(0.0, self._waveform + change * seconds))

    def _pause(self, picture: float, now: float) -> None:
        if self._paused:
            if picture <= RESUME_ABOVE or self._waveform < 1.0:
                self._wide_since = None
            elif self._wide_since is None:
                self._wide_since = now
            elif now - self._wide_since >= (AMPLE_SECONDS if picture > AMPLE_ABOVE else self._wait):
                self._paused, self._resumed_at, self._thin_since = False, now, None
            return
        self._began = now if self._began is None else self._began
        if now - self._began < FIRST_SECONDS and picture < FIRST_PICTURE:
            self._paused, self._wide_since = True, None
            return
        if now - self._resumed_at > RESUME_SECONDS_MAX:
            self._wait = RESUME_SECONDS
        if picture >= PAUSE_BELOW:
            self._thin_since = None
        elif self._thin_since is None:
            self._thin_since = now
        elif now - self._thin_since >= (NONE_SECONDS if picture < NONE_BELOW else PAUSE_SECONDS):
            self._paused, self._wide_since = True, None
            if now - self._resumed_at < RESUME_SECONDS_MAX:
                self._wait = min(RESUME_SECONDS_MAX, 2 * self._wait)

    def _form(self, rate: int, loss: float, now: float) -> VoiceForm:
        if loss > RED_LOSS:
            self._lossy_until = now + RED_HOLD_SECONDS
        elif loss > RED_LOSS_CLEAR and now < self._lossy_until:
            self._lossy_until = max(self._lossy_until, now + RED_HOLD_SECONDS / 2)
        gathered = GATHERED.get(self._voice, 1)
        if rate < (QUADRUPLE_NOT_ABOVE if gathered >= 4 else QUADRUPLE_BELOW):
            self._voice = VoiceForm.quadrupled
        elif rate < (TRIPLE_NOT_ABOVE if gathered >= 3 else TRIPLE_BELOW):
            self._voice = VoiceForm.tripled
        elif rate < (PAIR_NOT_ABOVE if gathered >= 2 else PAIR_BELOW):
            self._voice = VoiceForm.paired
        elif now < self._lossy_until and rate > RED_ABOVE:
            self._voice = VoiceForm.red
        else:
            self._voice = VoiceForm.plain
        return self._voice


def _picture(granted: int, before: float) -> float:
    left = PICTURE_SHARE * (granted - before)
    left -= HEADER_BITS * min(PICTURES_MOST, max(PICTURES_LEAST, left / PICTURE_WIRE_BITS))
    return left / (1 + HEADER_BITS / PACKET_BITS)
