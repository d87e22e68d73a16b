"""How a call goes, in words a nurse can read and figures an engineer can."""

from __future__ import annotations

import enum
from typing import Annotated

from msgspec import Meta

from .values import Code, Line, Sequence, Struct

Kbps = Annotated[int, Meta(ge=0, le=1_000_000)]
Milliseconds = Annotated[int, Meta(ge=0, le=600_000)]
Percent = Annotated[float, Meta(ge=0, le=100)]


class VoiceGrade(enum.StrEnum):
    """What the other side hears."""

    good = "good"
    poor = "poor"
    none = "none"
    """No sound passes: an outage, or the microphone is muted or dead."""


class PictureGrade(enum.StrEnum):
    """What the other side sees of the vehicle's picture."""

    good = "good"
    reduced = "reduced"
    paused = "paused"
    """Too little for a picture: the last one stands still."""
    none = "none"
    """An outage, or no camera."""


class CallQuality(Struct, frozen=True, kw_only=True):
    """One second of the call as the vehicle knows it. `code` says why it is not good: `quality.thin`,
    `quality.lossy`, `quality.slow`, `quality.outage`; None when it is. None elsewhere: not measured."""

    voice: VoiceGrade
    picture: PictureGrade
    code: Code | None = None
    target_kbps: Kbps = 0
    """What the path carries, as the congestion control believes."""
    picture_kbps: Kbps = 0
    sent_kbps: Kbps = 0
    lines: Annotated[int, Meta(ge=0, le=10_000)] = 0
    frames_per_second: Annotated[float, Meta(ge=0, le=240)] = 0.0
    loss_percent: Percent = 0.0
    round_trip_ms: Milliseconds | None = None
    queue_ms: Milliseconds = 0
    keyframes: Sequence = 0
    """Since the call began, as the two below."""
    freezes: Sequence = 0
    outages: Sequence = 0
    interface: Line = ""
    relayed: bool = False
    """Through a TURN server."""
    seen: Reception | None = None
    """What the doctor's page says it gets."""


class Reception(Struct, frozen=True, kw_only=True):
    """One second as the doctor's page gets it (W3C WebRTC statistics, inbound-rtp)."""

    frames_per_second: Annotated[float, Meta(ge=0, le=240)] = 0.0
    freezes: Sequence = 0
    """`freezeCount` of this page's connection."""
    frozen_ms: Sequence = 0
    """`totalFreezesDuration`, whole."""
    voice_concealed_percent: Percent = 0.0
    """Of the second, without silence: `concealedSamples` less `silentConcealedSamples`."""
    round_trip_ms: Milliseconds | None = None
    own_picture: bool = True
    """False: the page has paused the picture it sends, for want of room."""


class CallSummary(Struct, frozen=True, kw_only=True):
    """A call as IT reads it from afar: the one that runs, else the last one since the gateway started."""

    running: bool
    seconds: Sequence
    """Graded so far."""
    voice_good_percent: Percent
    picture_good_percent: Percent
    code: Code | None = None
    """What it suffered from most of the time it was not good."""
    keyframes: Sequence = 0
    freezes: Sequence = 0
    outages: Sequence = 0
