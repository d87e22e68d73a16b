"""The links of the video benchmark: profiles, and what happens to them in time. Pure but for reading traces."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Literal

from bench.link import TRACE_BYTES, BadProfile, Direction

EVENT_AT = 5.0
"""Seconds into the window at which an outage or a change begins: all senders have found their rate."""

AFTER_SECONDS = 10.0
"""Watched after an outage or a change: ten times what is hoped for."""

SECONDS = 25.0
"""Watched where nothing happens; with it all links and senders together take about 35 minutes."""

LONGEST_SECONDS = 3600.0
"""Of a window: its pictures and messages are kept in memory."""

PLOT_SECONDS = 0.5
"""Resolution of rates over time."""


@dataclass(frozen=True, slots=True)
class Event:
    """What happens `at` seconds into the window. `length` in seconds (outage), `kbps` (rate)."""

    at: float
    kind: Literal["outage", "rate", "address", "uplink"]
    length: float = 0.0
    kbps: float = 0.0


@dataclass(frozen=True, slots=True)
class Case:
    """One link of the benchmark: profiles as `bench.link` reads them, of one uplink or two."""

    name: str
    profiles: tuple[tuple[str, str], ...]
    events: tuple[Event, ...] = ()
    seconds: float = 0.0
    """The window's least length."""

    def lasting(self, seconds: float | None) -> Case:
        """The case over a window of `seconds`, or longer where its events need it; None: of `SECONDS`, or as long as
        its events need. Steps are spread over it."""
        whole = (self.seconds or SECONDS) if seconds is None else max(seconds, self.seconds)
        if self.name != "steps":
            return replace(self, seconds=whole)
        return replace(self, seconds=whole, events=(Event(round(whole / 3, 1), "rate", kbps=STEP_LOW),
                                                    Event(round(2 * whole / 3, 1), "rate", kbps=STEP_HIGH)))

    def words(self) -> str:
        """What it is, for a reader."""
        ways = " and ".join(f"up {up or 'unlimited'}, down {down or 'unlimited'}" for up, down in self.profiles)
        happens = "".join(f"; {event.kind} at {event.at:g} s" + (f" for {event.length:g} s" if event.length else "")
                          + (f" {event.kbps:g} kbit/s" if event.kbps else "") for event in self.events)
        return f"{ways}{happens}; {self.seconds:g} s watched"

    def directions(self, traces: Path) -> list[tuple[Direction, Direction]]:
        """Fresh models of its links, up and down; BadProfile."""
        return [(Direction.parse(f"up{k}", up, traces), Direction.parse(f"down{k}", down, traces))
                for k, (up, down) in enumerate(self.profiles)]


STEP_HIGH, STEP_LOW = 2000.0, 200.0


def _plain(name: str, kbps: int, delay: int, more: str = "") -> Case:
    return Case(name, ((f"rate={kbps},delay={delay}{more}", f"rate=4000,delay={delay}"),))


def _changed(name: str, event: Event, uplinks: int = 1) -> Case:
    both = ("rate=2000,delay=30", "rate=4000,delay=30"), ("rate=2000,delay=50", "rate=4000,delay=50")
    return Case(name, both[:uplinks], (event,), EVENT_AT + event.length + AFTER_SECONDS)


def _traced(name: str, file: str) -> Case:
    return Case(name, ((f"trace={file}.up,delay=20", f"trace={file}.down,delay=20"),))


CASES = (
    _plain("4m", 4000, 30), _plain("1m", 1000, 30), _plain("400k", 400, 40), _plain("150k", 150, 60),
    _plain("80k", 80, 60), _plain("loss5", 2000, 30, ",loss=5,burst=3"),
    Case("rtt600", (("rate=2000,delay=300", "rate=4000,delay=300"),)),
    _plain("steps", int(STEP_HIGH), 30),
    *(_changed(f"outage{length}", Event(EVENT_AT, "outage", float(length))) for length in (1, 4, 20, 60)),
    _changed("newaddress", Event(EVENT_AT, "address")),
    _changed("uplink2", Event(EVENT_AT, "uplink"), uplinks=2),
    _traced("att-lte", "ATT-LTE-driving-2016"), _traced("tmobile-umts", "TMobile-UMTS-driving"),
)
NAMES = tuple(case.name for case in CASES)


def chosen(names: str | None) -> list[Case]:
    """The cases asked for, apart by commas; None: all. ValueError."""
    wanted = [name.strip() for name in names.split(",") if name.strip()] if names is not None else list(NAMES)
    unknown = [name for name in wanted if name not in NAMES]
    if unknown or not wanted:
        raise ValueError(f"--links: no links {', '.join(unknown) or '(none named)'}; these exist: {', '.join(NAMES)}")
    return [case for case in CASES if case.name in wanted]


def custom(profiles: Sequence[tuple[str, str]], outages: Sequence[tuple[float, float]]) -> Case:
    """A link of one's own, of one uplink or two; outages as (second of the window, length), on all of them."""
    events = tuple(Event(at, "outage", length) for at, length in sorted(outages))
    for one, other in pairwise(events):
        if other.at <= one.at + one.length:
            raise ValueError(f"--outage {other.at:g}:{other.length:g} begins before the one at {one.at:g} is over")
    least = max((event.at + event.length + AFTER_SECONDS for event in events), default=0.0)
    return Case("custom", tuple(profiles), events, least)


def outage(text: str) -> tuple[float, float]:
    """START:LENGTH in seconds, as the emulator's own command has it. ValueError."""
    try:
        start, length = (float(part) for part in text.split(":"))
    except ValueError:
        start = length = math.nan
    if not (0 <= start <= LONGEST_SECONDS and 0 < length <= LONGEST_SECONDS):
        raise ValueError(f"--outage {text}: write START:LENGTH in seconds, like 10:4")
    return start, length


def lacking(case: Case, traces: Path) -> str | None:
    """Why this case can't be run here: a profile that can't be read, a trace that is not there."""
    try:
        case.directions(traces)
    except BadProfile as error:
        return str(error)
    return None


def capacity(case: Case, traces: Path, seconds: float, start: float = 0.0) -> list[tuple[float, float]]:
    """(second of the window, kbit/s) of what the vehicle's uplinks carry together, a point each `PLOT_SECONDS`.

    `start`: how much of a trace has passed when the window begins. Unlimited links give no points.
    """
    ups = [up for up, _ in case.directions(traces)]
    if any(not up.rate_kbps and up.trace is None for up in ups):
        return []
    return [(round(k * PLOT_SECONDS, 2), round(_kbps(case.events, ups, k * PLOT_SECONDS, start)))
            for k in range(int(seconds / PLOT_SECONDS) + 1)]


def _kbps(events: Sequence[Event], ups: Sequence[Direction], at: float, start: float) -> float:
    total = 0.0
    for number, up in enumerate(ups):
        kbps = up.rate_kbps if up.trace is None else _of_trace(up, start + at)
        for event in events:
            if event.kind == "rate" and at >= event.at:
                kbps = event.kbps
            down = event.kind == "outage" and event.at <= at < event.at + event.length
            if down or (event.kind == "uplink" and number == 0 and at >= event.at):
                kbps = 0.0
        total += kbps
    return total


def _of_trace(up: Direction, at: float) -> float:
    trace = up.trace
    assert trace is not None
    begin = at % trace.period
    count = sum(begin <= stamp < begin + PLOT_SECONDS for stamp in trace.stamps)
    return count * TRACE_BYTES * 8 / 1000 / PLOT_SECONDS
