"""A doctor and a guest on one uplink, in virtual time: who has how much, with the doctor's precedence and without.

Paths, precedence and budget are the gateway's own; encoder, voice, link and receivers are models of `bench.roadsim`.

    python -m bench.guestsim [--rates KBPS,KBPS] [--seconds N]
"""

from __future__ import annotations

import argparse
import heapq
import itertools
from collections.abc import Callable
from dataclasses import dataclass

from bench.link import Direction
from bench.roadfigures import Figures
from bench.roadsenders import CEILING, FLOOR, START, transport_feedback
from bench.roadsim import Call
from gateway.media.congestion.budget import GATHERED
from gateway.media.congestion.road import WIRE_OCTETS
from gateway.media.path import Path
from gateway.media.precedence import DoctorsPath, Precedence

RATES = (4000, 2000, 1000, 400, 250, 150, 80)
JOINS = 20.0
LOOK = 0.25
"""As often as the engine looks."""


class OverPath:
    """A `roadsenders.Sender` that is the gateway's own path."""

    wide = True

    def __init__(self) -> None:
        self.path = Path(FLOOR, START, CEILING)
        self.path.agree()
        self._began, self._restarts, self._reported = False, 0, -1

    @property
    def picture(self) -> int:
        return self.path.target

    @property
    def paused(self) -> bool:
        return self.path.held

    @property
    def paired(self) -> bool:
        return self.path.voice in GATHERED

    def may_send(self, now: float) -> bool:
        return self.path.may_send(now)

    def may_speak(self, now: float) -> bool:
        return self.path.may_speak(now)

    def leave(self, size: int, now: float, *, picture: bool) -> int:
        if not picture:
            self.path.unnumbered(size, now)
            return -1
        return self.path.stamp(size - WIRE_OCTETS, now, picture=True, reserved=False, padding=False) or 0

    def tick(self, now: float, send: Callable[[int, int], None]) -> bool:
        if not self._began:
            self._began = True
            self.path.widen(now)
        self.path.tick(now)
        while size := self.path.padding(now):
            send(self.path.stamp(size - WIRE_OCTETS, now, picture=False, reserved=False, padding=True) or 0, size)
        anew, self._restarts = self._restarts != self.path.restarts, self.path.restarts
        return anew

    def report(self, arrived: list[tuple[int, float]], highest: int, lost: int, remb: int | None, now: float) -> None:
        if arrived:
            self.path.feedback(transport_feedback(arrived, self._reported + 1), now)
            self._reported = max(number for number, _ in arrived)


class _Clock:
    """One order of events for several calls."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Callable[[float], None]]] = []
        self._order = itertools.count()

    def at(self, when: float, call: Callable[[float], None]) -> None:
        heapq.heappush(self._heap, (when, next(self._order), call))

    def run(self, until: float) -> None:
        while self._heap and self._heap[0][0] <= until:
            when, _, call = heapq.heappop(self._heap)
            call(when)


class _Joined(Call):
    """A call whose events stand in a common order."""

    def __init__(self, clock: _Clock, sender: OverPath, up: Direction, down: Direction, seconds: float,
                 seed: int) -> None:
        super().__init__(sender, up, down, seconds, seed)
        self._clock = clock

    def begin(self, now: float) -> None:
        """Everything that `run` starts, from now on."""
        self.now = now
        self._next_frame = now
        self._at(now, self._step)
        self._at(now + 0.02, self._feedback)
        self._at(now + 0.5, self._report)
        self._at(now, self._speak)

    def _at(self, when: float, call: Callable[[], None]) -> None:
        def run(now: float) -> None:
            self.now = now
            call()

        self._clock.at(when, run)


@dataclass(frozen=True)
class Shares:
    """What came of it, after the guest has joined: the doctor's, the guest's, and the doctor's before."""

    doctor: Figures
    guest: Figures
    seconds: float

    def kbps(self, figures: Figures) -> float:
        """Mean of the picture's target in the last two thirds of the time together."""
        return figures.kbps(JOINS + (self.seconds - JOINS) / 3)

    def alone(self) -> float:
        """The doctor's, before."""
        return self.doctor.kbps(JOINS / 2, JOINS)

    def shown(self, figures: Figures) -> float:
        """Pictures a second together."""
        return sum(at >= JOINS for at, _ in figures.shown) / (self.seconds - JOINS)

    def late(self, figures: Figures) -> float:
        """p95 of their age together, ms."""
        ages = sorted(age for at, age in figures.shown if at >= JOINS)
        return 1000 * ages[int(0.95 * len(ages))] if ages else float("inf")


def together(kbps: float, seconds: float = 120.0, *, precedence: bool = True) -> Shares:
    """A call on an uplink of `kbps`; a guest joins after `JOINS`."""
    clock = _Clock()
    up = Direction("up", rate_kbps=kbps, delay=0.03)
    paths = [OverPath(), OverPath()]
    calls = [_Joined(clock, path, up, Direction(f"down{seed}", rate_kbps=4000, delay=0.03), seconds, seed)
             for seed, path in enumerate(paths, start=7)]
    doctor, guest = (path.path for path in paths)
    order: Precedence[str] = Precedence()
    if precedence:
        guest.limit(0)

    def look(now: float) -> None:
        clock.at(now + LOOK, look)
        if now >= JOINS and precedence:
            path = None if doctor.blind else DoctorsPath(doctor.target, doctor.held)
            guest.limit(order.step(path, ["guest"], now)["guest"])

    calls[0].begin(0.0)
    clock.at(0.0, look)
    clock.at(JOINS, calls[1].begin)
    clock.run(seconds)
    return Shares(calls[0].figures, calls[1].figures, seconds)


def main() -> None:
    """Print a line for each rate, with and without."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rates", default=",".join(map(str, RATES)))
    parser.add_argument("--seconds", type=float, default=120.0)
    chosen = parser.parse_args()
    print("link    order | doctor alone  together  fps  p95 ms | guest kbit/s  fps  p95 ms | sound lost % doctor guest")
    for rate in map(float, chosen.rates.split(",")):
        for precedence in (True, False):
            told = together(rate, chosen.seconds, precedence=precedence)
            print(f"{rate:5.0f} {'doctor' if precedence else 'none':>7} | {told.alone():9.0f}"
                  f" {told.kbps(told.doctor):11.0f} {told.shown(told.doctor):6.1f} {told.late(told.doctor):7.0f} |"
                  f" {told.kbps(told.guest):9.0f} {told.shown(told.guest):7.1f} {told.late(told.guest):7.0f} |"
                  f" {100 * told.doctor.voice_lost:8.1f} {100 * told.guest.voice_lost:8.1f}")


if __name__ == "__main__":
    main()
