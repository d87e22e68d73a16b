"""What the controller is given and what it answers. Pure; bit/s on the wire, octets, monotonic seconds."""

from __future__ import annotations

from dataclasses import dataclass

from .probing import Probe


@dataclass(frozen=True, slots=True)
class Limits:
    """bit/s on the wire, everything together."""

    floor: int
    start: int
    ceiling: int


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do from now on, and why. `rate`: what the path is believed to take, bit/s of everything; `target`: what
    to send of it, less while a queue drains; `pacing` bit/s of the picture's packets; `window` octets that may be on
    their way; `probe` a train to send now; `restarts` counts outages and collapses in which packets were lost: a new
    one calls for a keyframe. `queue` and `round_trip` in seconds, `arrives` bit/s, `loss` a share."""

    at: float
    rate: int
    target: int
    pacing: int
    window: int
    in_flight: int
    probe: Probe | None
    why: str
    blind: bool
    restarts: int
    queue: float
    arrives: int
    loss: float
    round_trip: float
