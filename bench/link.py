"""The model of one direction of a mobile link: capacity, delay, loss, queue. Pure: takes `now`, returns when.

A profile is KEY=VALUE[,KEY=VALUE…]:
    rate=KBPS      fixed capacity in kbit/s              (default, and 0: unlimited)
    trace=FILE     Mahimahi packet-delivery trace: one line per 1500-byte opportunity, in ms,
                   repeated at its end; FILE is looked up in the folder of traces too
    scale=F        multiplies the trace's capacity
    delay=MS       one-way propagation delay             (default 0)
    jitter=MS      extra delay, uniform in [0, MS], order kept
    loss=PERCENT   random loss
    burst=N        mean length in packets of a loss burst (Gilbert model; default 1: independent)
    queue=MS       bottleneck queue, in ms of waiting; past it packets are dropped (default 300)
"""

from __future__ import annotations

import bisect
import math
import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

TRACE_BYTES = 1500
"""What one line of a Mahimahi trace lets through."""

TRACE_OCTETS, STAMP_MS = 64_000_000, 10**9
"""Of a file of traces: an hour of full 4G has 30; a stamp within eleven days."""

RANGES = {"rate": (0, 10_000_000), "scale": (0.001, 1000), "delay": (0, 60_000), "jitter": (0, 60_000),
          "loss": (0, 100), "burst": (1, 10_000), "queue": (0, 60_000)}
"""What a number of a profile may be."""

UNITS = {"rate": "kbit/s", "scale": "times", "delay": "ms", "jitter": "ms", "loss": "percent", "burst": "packets",
         "queue": "ms"}


class BadProfile(ValueError):
    """The text of a profile can't be read; the message says which key."""


class Trace:
    """A Mahimahi trace as a never-ending supply of delivery opportunities."""

    def __init__(self, stamps_ms: list[int], scale: float = 1.0) -> None:
        if not stamps_ms or stamps_ms[0] < 0 or stamps_ms != sorted(stamps_ms):
            raise BadProfile("a trace has one line for each packet, in milliseconds, none before the one above it")
        self.stamps = [stamp / 1000 for stamp in stamps_ms]
        self.period = max(self.stamps[-1], 0.001)
        self.bytes_each = TRACE_BYTES * scale
        self.index, self.left = 0, self.bytes_each

    def _time_of(self, index: int) -> float:
        return (index // len(self.stamps)) * self.period + self.stamps[index % len(self.stamps)]

    def depart(self, size: float, now: float, latest: float) -> float | None:
        """When the last byte of a packet queued at `now` leaves; books the capacity unless that is after `latest`."""
        index, left = self.index, self.left
        if self._time_of(index) < now:
            laps = int(now // self.period)
            index = laps * len(self.stamps) + bisect.bisect_left(self.stamps, now - laps * self.period)
            left = self.bytes_each
        while size > left:
            size -= left
            index, left = index + 1, self.bytes_each
        out = max(now, self._time_of(index))
        if out > latest:
            return None
        self.index, self.left = index, left - size
        return out


@dataclass
class Direction:
    """One direction of a link and what it did. Times in seconds, `rate_kbps` 0: unlimited."""

    name: str
    rate_kbps: float = 0
    trace: Trace | None = None
    delay: float = 0
    jitter: float = 0
    loss: float = 0
    burst: float = 1
    queue: float = 0.3
    outages: list[tuple[float, float]] = field(default_factory=list)
    seed: int = 1
    sent: int = 0
    octets: int = 0
    dropped: dict[str, int] = field(default_factory=lambda: {"queue": 0, "loss": 0, "outage": 0})
    waits: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._random = random.Random(f"{self.seed}/{self.name}")
        self._free_at = self._last_out = 0.0
        self._losing = False

    @classmethod
    def parse(cls, name: str, text: str, traces: Path | None = None, outages: Iterable[tuple[float, float]] = (),
              seed: int = 1) -> Direction:
        """Read a profile; BadProfile says what does not fit."""
        try:
            keys = _pairs(text)
            trace = None
            if "trace" in keys:
                if "rate" in keys:
                    raise ValueError("rate or trace: both are capacity")
                trace = Trace(_stamps(Path(keys.pop("trace")), traces), _take(keys, "scale", 1))
            made = cls(name, _take(keys, "rate", 0), trace, _take(keys, "delay", 0) / 1e3,
                       _take(keys, "jitter", 0) / 1e3, _take(keys, "loss", 0) / 100,
                       _take(keys, "burst", 1), _take(keys, "queue", 300) / 1e3, list(outages), seed)
        except (ValueError, OSError) as error:
            raise BadProfile(f"profile '{text}': {error}") from error
        if keys:
            also = "; scale belongs to a trace" if "scale" in keys else ""
            raise BadProfile(f"profile '{text}': unknown keys {', '.join(sorted(keys))}; "
                             f"these exist: trace, {', '.join(RANGES)}{also}")
        return made

    def admit(self, size: int, now: float) -> float | None:
        """When a packet of `size` bytes that arrives at `now` comes out, or None if it is dropped."""
        if any(start <= now < start + length for start, length in self.outages):
            self.dropped["outage"] += 1
            return None
        if self._lost():
            self.dropped["loss"] += 1
            return None
        out: float | None = now
        if self.trace:
            out = self.trace.depart(size, now, now + self.queue)
        elif self.rate_kbps:
            start = max(now, self._free_at)
            out = start + size * 8 / (self.rate_kbps * 1000) if start - now <= self.queue else None
            self._free_at = self._free_at if out is None else out
        if out is None:
            self.dropped["queue"] += 1
            return None
        self.sent, self.octets = self.sent + 1, self.octets + size
        self.waits.append(out - now)
        extra = self._random.random() * self.jitter if self.jitter else 0
        self._last_out = max(self._last_out, out + self.delay + extra)
        return self._last_out

    def begin_again(self) -> None:
        """As at second 0: the same losses and the same trace once more, nothing booked, no outages."""
        self.__post_init__()
        self.sent = self.octets = 0
        self.dropped = dict.fromkeys(self.dropped, 0)
        self.waits, self.outages = [], []
        if self.trace is not None:
            self.trace.index, self.trace.left = 0, self.trace.bytes_each

    def report(self, seconds: float) -> dict[str, Any]:
        """Packets, rate, drops by cause and queue delays over `seconds`."""
        waits = sorted(self.waits) or [0.0]
        return {"direction": self.name, "packets": self.sent,
                "kbps": round(self.octets * 8 / 1000 / max(seconds, 1e-9), 1), "dropped": self.dropped,
                "queue_ms_p50": round(waits[len(waits) // 2] * 1e3, 1),
                "queue_ms_p95": round(waits[int(len(waits) * 0.95)] * 1e3, 1)}

    def _lost(self) -> bool:
        if not self.loss:
            return False
        if self.burst <= 1:
            return self._random.random() < self.loss
        leave = 1 / self.burst
        enter = leave * self.loss / max(1e-9, 1 - self.loss)
        self._losing = self._random.random() >= leave if self._losing else self._random.random() < enter
        return self._losing


def _stamps(file: Path, traces: Path | None) -> list[int]:
    """The file's lines, ms; it is looked for in the folder of traces too."""
    places = [file] if traces is None or file.is_absolute() else [file, traces / file]
    path = next((place for place in places if place.is_file()), None)
    if path is None:
        raise ValueError(f"no file {' nor '.join(map(str, places))}")
    if path.stat().st_size > TRACE_OCTETS:
        raise ValueError(f"{path} has more than {TRACE_OCTETS // 10**6} megabytes")
    stamps = []
    for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
        if not line.strip():
            continue
        if not line.strip().isdecimal() or len(line.strip()) > len(str(STAMP_MS)) or int(line) > STAMP_MS:
            raise ValueError(f"{path}, line {number}: '{line.strip()[:20]}' is no time in ms (a whole number)")
        stamps.append(int(line))
    return stamps


def _pairs(text: str) -> dict[str, str]:
    parts = [part.partition("=") for part in text.split(",") if part]
    if any(not equals for _, equals, _ in parts):
        raise ValueError("write KEY=VALUE, apart by commas, like rate=300,delay=40")
    if len({key for key, _, _ in parts}) < len(parts):
        raise ValueError("a key twice")
    return {key: value for key, _, value in parts}


def _take(keys: dict[str, str], key: str, default: float) -> float:
    text = keys.pop(key, str(default))
    least, most = RANGES[key]
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not least <= value <= most:
        raise ValueError(f"{key}={text} is not a number from {least} to {most} ({UNITS[key]}, written without unit)")
    return value
