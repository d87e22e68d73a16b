"""`./run bench faults`: the kill table. Pieces of a running call are taken away, again and again; how long until the
call goes on, and is anything lost that was measured?"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import random
import tempfile
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from playwright.async_api import Error as BrowserError

from bench.fault_kinds import KINDS, Back, NotSaid, Turn
from bench.ledger import Balance, total
from bench.load import starved, starved_share
from bench.report import Measured, spread
from bench.scene import Scene, in_call, positive, rig, say, scene
from sim.bots.browser import NoBrowser
from sim.demo.processes import DemoFailed

SUMMARY = "the kill table: kiosk, doctor's tab, gateway, relay, camera; time to return, readings lost"

AIM_SECONDS = 10.0
"""Issue 2."""

GIVEN_UP_SECONDS = 30.0
"""Past this a run has failed."""

PICTURES_A_SECOND, COUNTERS = 25, 65536
"""Of the simulated room camera: see sim/camera.py."""

ROUNDS_A_CALL = 4
"""Each line once a round; then a new patient, so that a table of 20 is not one endless consultation."""

BEGIN_SECONDS = (-2.0, 0.5)
"""When the cuff begins to measure, before and after the fault: its radio is met by the fault anywhere."""

STEADY_SECONDS = 3.0
"""At the end of a run the doctor's picture moves within this, or the call had broken again."""

STREAM_SECONDS = 30.0
"""At the end of a call, until the doctor's page has each sample."""

BROKEN_SCENES = 3
"""In a row: then it is not a fault that is measured."""


PARTS = ("picture", "doctor_page", "nurse_side", "nurse_sees", "doctor_hears", "nurse_hears")
"""Of a row: what has to come back; the first three make the time to return, the others must come too."""


class NotBack(Exception):
    """The call did not go on; the text says what was missing."""


@dataclass(slots=True)
class Row:
    """One run. Seconds count from the moment when the missing piece was there again; None: not within the limit."""

    kind: str
    number: int
    seconds: float | None = None
    process_ready: float | None = None
    picture: float | None = None
    doctor_page: float | None = None
    nurse_side: float | None = None
    nurse_sees: float | None = None
    doctor_hears: float | None = None
    nurse_hears: float | None = None
    relapsed: bool = False
    starved_percent: float | None = None
    """Of the run's time, something waited for a processor: how much of it the machine's load may explain."""
    reason: str = ""


@dataclass(slots=True)
class Outcome:
    """All of it."""

    rows: list[Row] = field(default_factory=list)
    balances: list[Balance] = field(default_factory=list)
    streams: int = 0
    samples: int = 0
    bad_streams: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    page_errors: list[str] = field(default_factory=list)


def arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the benchmark."""
    parser.add_argument("--times", type=positive, default=20, help="runs of each line (default 20)")
    parser.add_argument("--only", choices=sorted(KINDS), action="append", help="this line only; may be repeated")
    parser.add_argument("--no-ecg", action="store_true", help="without an ECG running through it all")
    parser.add_argument("--seed", type=int, default=1, help="of the order and of the random moments")
    parser.add_argument("--directory", type=Path, help="keep the worlds and their logs here")


def run(options: argparse.Namespace) -> Measured:
    """The benchmark."""
    described = rig("time to return: from the moment the missing piece is there again (its process begun, its page "
                    "asked for, its plug in) until the doctor's picture shows two codes drawn after that moment, the "
                    "doctor's page says connected and online, and the vehicle's state says in call, online, camera "
                    "present, microphone forwarded, all at once and lasting",
                    "in each run the cuff measures before, across and after the fault; an ECG runs through it all",
                    "starved: share of a run's time in which something waited for a processor (PSI); over 60 % the "
                    "times say more about the machine than about the parts",
                    "readings are compared at both pages at the end of each call: each pressure of the cuff, once")
    described |= {"runs_of_each": options.times, "seed": options.seed,
                  "lines": {name: kind.words for name, kind in KINDS.items()}}
    with tempfile.TemporaryDirectory(prefix="bench-faults.") as temporary:
        directory = (options.directory or Path(temporary)).resolve()
        outcome = asyncio.run(_run(options, directory))
    return report(described, outcome, options.only or list(KINDS))


def turns(kinds: Sequence[str], times: int, seed: int) -> list[Turn]:
    """Each line `times` times: rounds in a random order, so that every fault follows every other."""
    chance = random.Random(seed)
    order: list[Turn] = []
    for number in range(times):
        for kind in chance.sample(list(kinds), len(kinds)):
            order.append(Turn(kind, number, random.Random(chance.random())))
    return order


async def _run(options: argparse.Namespace, directory: Path) -> Outcome:
    kinds = options.only or list(KINDS)
    pending, outcome = deque(turns(kinds, options.times, options.seed)), Outcome()
    broken = 0
    for number in range(1 + len(pending) + BROKEN_SCENES):
        if not pending or broken == BROKEN_SCENES:
            break
        left = len(pending)
        try:
            async with scene(directory / f"world-{number}") as it:
                try:
                    await _play(it, pending, len(kinds) * ROUNDS_A_CALL, outcome, not options.no_ecg)
                finally:
                    outcome.page_errors += it.nurse.watch.errors + it.doctor.watch.errors
        except (DemoFailed, NoBrowser, BrowserError, TimeoutError) as error:
            # Not a run, but what stands around it: the next scene begins with the next turn.
            outcome.broken.append(_first_line(error))
            say(f"the scene broke: {outcome.broken[-1]}")
        broken = broken + 1 if len(pending) == left else 0
    return outcome


async def _play(it: Scene, pending: deque[Turn], turns_a_call: int, outcome: Outcome, ecg: bool) -> None:
    """Calls until nothing is pending, or a run failed: after that everything is made anew."""
    while pending:
        encounter = await it.open()
        await it.doctor.take(encounter)
        await _whole(it)
        if ecg:
            await it.nurse.touch("waveform-start-ecg")
            await it.doctor.wait_for_stream()
        await it.chair_settled()
        for _ in range(min(turns_a_call, len(pending))):
            row = await _one(it, pending.popleft())
            outcome.rows.append(row)
            took = "failed: " + row.reason if row.seconds is None else f"{row.seconds:.2f} s"
            say(f"{row.kind} {row.number + 1}: {took}")
            if row.seconds is None:
                with contextlib.suppress(BrowserError, TimeoutError):
                    outcome.balances.append(await _balance(it))
                return
        if ecg:
            await it.nurse.touch("waveform-stop-ecg")
            await _check_streams(it, outcome)
        outcome.balances.append(await _balance(it))
        for words in outcome.balances[-1].words:
            say(words)
        await it.close()


async def _whole(it: Scene) -> None:
    """The call is there with all of its parts; TimeoutError."""
    if len(await it.doctor.picture.codes(wanted=2, seconds=GIVEN_UP_SECONDS)) < 2:
        raise TimeoutError("the call did not begin: no picture")
    await it.kiosk.steady(GIVEN_UP_SECONDS)


async def _one(it: Scene, turn: Turn) -> Row:
    row = Row(turn.kind, turn.number)
    began, waiting = time.monotonic(), starved()
    try:
        if not await it.measure():
            raise NotBack("before the fault a reading did not come to both screens")
        begin = turn.chance.uniform(*BEGIN_SECONDS)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(_measure_later(it, begin))
            await asyncio.sleep(max(0.0, -begin))
            back = await KINDS[turn.kind].play(it, turn)
            mended = back.moment
            if back.starting is not None:
                tasks.create_task(_starting(back, row))
            await _back(it, mended, row)
        across = it.ledger.measured[-1]
        if not await it.arrived(across) or not await it.measure():
            say(f"{turn.kind} {turn.number + 1}: a reading is late")
        await _still_there(it, mended, row)
    except* NotBack as group:
        row.reason = _first_line(group)
    except* NotSaid as group:
        row.reason = _first_line(group)
    except* (BrowserError, DemoFailed, TimeoutError) as group:
        row.reason = _first_line(group)
    if row.reason:
        row.seconds = None
    row.starved_percent = starved_share(waiting, time.monotonic() - began)
    return row


async def _measure_later(it: Scene, begin: float) -> None:
    await asyncio.sleep(max(0.0, begin))
    await it.begin_measuring()


async def _starting(back: Back, row: Row) -> None:
    assert back.starting is not None
    await back.starting()
    row.process_ready = time.monotonic() - back.moment


async def _back(it: Scene, mended: float, row: Row) -> None:
    """Wait until the call goes on; fills the row's times. NotBack."""
    left = mended + GIVEN_UP_SECONDS - time.monotonic()
    counter = counter_at(mended)

    async def picture() -> None:
        if len(await it.doctor.picture.newer(counter, 2, left)) == 2:
            row.picture = time.monotonic() - mended

    async def page() -> None:
        if (await it.doctor_connected(left))[0]:
            row.doctor_page = time.monotonic() - mended

    async def vehicle() -> None:
        with contextlib.suppress(TimeoutError):
            row.nurse_side = max(0.0, await it.kiosk.steady(left) - mended)

    async def sight() -> None:
        if await it.nurse.doctors_picture.moves(left):
            row.nurse_sees = time.monotonic() - mended

    async def hearing(who: str) -> None:
        if await (it.doctor if who == "doctor" else it.nurse).hears():
            setattr(row, f"{who}_hears", time.monotonic() - mended)

    async with asyncio.TaskGroup() as tasks:
        for part in (picture(), page(), vehicle(), sight()):
            tasks.create_task(part)
    parts = (row.picture, row.doctor_page, row.nurse_side)
    if None in parts:
        raise NotBack(await _missing(it, row))
    row.seconds = max(part for part in parts if part is not None)
    async with asyncio.TaskGroup() as tasks:
        for who in ("doctor", "nurse"):
            tasks.create_task(hearing(who))
    if None in (row.nurse_sees, row.doctor_hears, row.nurse_hears):
        raise NotBack(await _missing(it, row))


async def _still_there(it: Scene, mended: float, row: Row) -> None:
    """What came back must last: a later break counts until its end. NotBack."""
    began = time.monotonic()
    codes = await it.doctor.picture.newer(counter_at(began), 2, GIVEN_UP_SECONDS)
    connected = (await it.doctor_connected(GIVEN_UP_SECONDS))[0]
    again = time.monotonic()
    since = None
    with contextlib.suppress(TimeoutError):
        since = await it.kiosk.steady(GIVEN_UP_SECONDS)
    if row.seconds is None or len(codes) < 2 or not connected or since is None:
        raise NotBack("it went away again: " + await _missing(it, row))
    if since - mended > row.seconds + 0.001:
        row.relapsed, row.seconds, row.nurse_side = True, since - mended, since - mended
    if again - began > STEADY_SECONDS:
        row.relapsed, row.seconds = True, max(row.seconds, again - mended)


async def _missing(it: Scene, row: Row) -> str:
    """For a person: what did not come back, and what the two sides say of it."""
    lacking = [name for name in PARTS if getattr(row, name) is None]
    state = it.kiosk.state
    encounter = state.encounter if state is not None else None
    vehicle = "the kiosk's page has no state" if state is None else (
        f"stage {encounter.stage.value if encounter else 'none'}, code {encounter.call_code if encounter else None}, "
        f"link {state.link.relay.value}, camera {state.camera is not None and state.camera.present}, "
        f"microphone {state.microphone}, in call {in_call(state)}")
    page = "the doctor's page does not answer"
    with contextlib.suppress(BrowserError, TimeoutError):
        _, phase, link = await it.doctor_connected(0)
        page = f"phase {phase}, link {link}"
    return f"missing: {', '.join(lacking) or 'nothing'}; vehicle: {vehicle}; doctor: {page}"


async def _balance(it: Scene) -> Balance:
    """The readings of this encounter. What is late gets its time first."""
    for pressure in it.ledger.measured:
        await it.arrived(pressure, STEADY_SECONDS)
    return it.ledger.balance(await it.seen())


async def _check_streams(it: Scene, outcome: Outcome) -> None:
    """Each ECG stream of the call is on the doctor's page to its end, sample for sample what the device sent."""
    loop = (await it.bus.ask("ecg/expected?from=0&to=1"))["loop"]
    counts: list[int] = (await it.bus.ask(f"ecg/expected?from=0&to={loop}"))["counts"]
    until = time.monotonic() + STREAM_SECONDS
    for stream in await it.doctor.streams():
        while (came := await it.doctor.ecg(stream))["missing"] or came["end"] is None:
            if time.monotonic() > until:
                break
            await asyncio.sleep(0.2)
        samples: list[int] = came["samples"]
        outcome.streams += 1
        outcome.samples += len(samples)
        if came["missing"] or came["end"] is None:
            outcome.bad_streams.append(f"stream {stream}: missing {came['missing']}, end {came['end']}")
        elif samples != (counts * (len(samples) // len(counts) + 1))[:len(samples)]:
            outcome.bad_streams.append(f"stream {stream}: its {len(samples)} samples are not those of the device")


def counter_at(moment: float) -> int:
    """The number that the simulated camera draws at `time.monotonic()` = `moment` (one clock for the machine)."""
    return int(moment * PICTURES_A_SECOND) % COUNTERS


def report(described: dict[str, Any], outcome: Outcome, kinds: Sequence[str]) -> Measured:
    """The table and what was hoped for."""
    table, aims = {}, {}
    for kind in kinds:
        rows = [row for row in outcome.rows if row.kind == kind]
        times = [row.seconds for row in rows if row.seconds is not None]
        table[kind] = {
            "runs": len(rows), "failed": len(rows) - len(times), "relapsed": sum(row.relapsed for row in rows),
            "time_to_return_s": spread(times, 2),
            "starved_percent": spread([row.starved_percent for row in rows if row.starved_percent is not None], 0),
            **{f"{part}_s": spread([value for row in rows if (value := getattr(row, part)) is not None], 2)
               for part in ("process_ready", *PARTS)}}
        aims[f"{kind}: the call goes on within {AIM_SECONDS:.0f} s, every time"] = (
            bool(rows) and len(times) == len(rows) and max(times) <= AIM_SECONDS)
    balance = total(outcome.balances)
    aims["every reading is on both screens"] = balance.measured > 0 and balance.lost == 0
    aims["no reading is there twice"] = balance.doubled == 0
    aims["every ECG sample that was kept is at the doctor's, as the device sent it"] = not outcome.bad_streams
    aims["nothing around the runs broke"] = not outcome.broken
    results = {
        "table": table, "readings": asdict(balance) | {"calls": len(outcome.balances)},
        "ecg": {"streams": outcome.streams, "samples": outcome.samples, "bad": outcome.bad_streams},
        "failures": [asdict(row) for row in outcome.rows if row.seconds is None],
        "broken_scenes": outcome.broken, "page_errors": outcome.page_errors,
        "rows": [asdict(row) for row in outcome.rows]}
    return Measured(described, results, aims)


def _first_line(error: BaseException) -> str:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return next(iter(str(error).splitlines()), "") or type(error).__name__
