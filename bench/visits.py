"""200 visits of five radio instruments with random faults: no reading lost, doubled, or in another patient's file."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.async_api import Error as BrowserError

from bench.load import starved, starved_share
from bench.report import Measured, spread
from bench.scene import DOCTOR, NURSE, positive, rig, say
from bench.touchscreen import Touchscreen, touchscreen
from bench.visit_plan import LANES, TRAY, Fault, Round, Trouble, Value, Visit, Where, plan, told, value_of
from protocol.kiosk import KioskState, Stage, TrayItem
from protocol.kiosk_commands import (
    AssignReading,
    CloseEncounter,
    EnterPasskey,
    EnterWaiting,
    OpenEncounter,
    Orientation,
)
from protocol.values import Patient, Reason, Urgency
from sim.bots.browser import NoBrowser, chromium, person
from sim.bots.doctor import Doctor
from sim.demo.processes import DemoFailed, free_port
from sim.demo.world import Ports, Vehicle, World

SUMMARY = __doc__ or ""

MEASURING_S = 1.0
"""Of the simulated instruments; real ones take 5 to 40 s."""

ROUND_S = 90.0
"""For everything of one patient to arrive: an instrument stays awake for a minute, a nurse presses it again."""

DEAF_S = 120.0
"""What the issue allows for a deaf adapter; the round waits a little longer, to measure by how much it is missed."""
DEAF_PATIENCE_S = 200.0

PRESS_AGAIN_S = 3.0
"""A nurse who sees an instrument that says nothing presses its button again."""

LOOK_S = 0.1
RESTART_S = 1.0
"""`RestartSec` of the unit."""

SHOWN_S = 30.0

_SHOWN = """() => Object.fromEntries(window.passerelleProbe.readings().map((r) => [r.readingId, r.shownAt]))"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Options of `./run bench visits`."""
    parser.add_argument("--visits", type=positive, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--deaf", type=positive, default=3, help="rounds in which the adapter hears nothing any more")
    parser.add_argument("--directory", type=Path, help="keep logs and data here")


def run(options: argparse.Namespace) -> Measured:
    """Play the plan."""
    described = rig("real: gateway, relay, the doctor's Chromium, every byte on the virtual radio; the touchscreen is "
                    "its WebSocket without a browser",
                    f"instruments: {', '.join(LANES)}; each measures {MEASURING_S:g} s; all at once on one adapter",
                    "woken to shown: from the press of the button to the effect after the doctor's document shows the "
                    "value, of visits without fault in rounds without trouble; a measurement's own second is in it")
    rounds = plan(options.visits, options.seed, options.deaf)
    try:
        with tempfile.TemporaryDirectory(prefix="bench-visits.") as temporary:
            directory = (options.directory or Path(temporary)).resolve()
            began, waiting = time.monotonic(), starved()
            outcome = asyncio.run(_run(rounds, directory))
            described["waiting_for_a_processor_percent_of_time"] = starved_share(waiting, time.monotonic() - began)
            described["seconds"] = round(time.monotonic() - began)
    except (BrowserError, DemoFailed, NoBrowser, TimeoutError) as error:
        words = f"not measured: {next(iter(str(error).splitlines()), '') or type(error).__name__}"
        return Measured(described, {}, {words: False})
    return report(described, rounds, outcome)


@dataclass(slots=True)
class Outcome:
    """What was found."""

    where: Where = field(default_factory=Where)
    woken_to_shown: list[float] = field(default_factory=list)
    """Milliseconds."""
    deaf_until_heard: list[float] = field(default_factory=list)
    """Seconds."""
    not_shown: list[str] = field(default_factory=list)
    pressed_again: int = 0
    assigned: int = 0
    set_aside: int = 0
    errors: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Bench:
    """What runs."""

    world: World
    screen: Touchscreen
    doctor: Doctor
    outcome: Outcome
    carried_over: Value | None = None
    wakes: dict[Value, float] = field(default_factory=dict)
    """When the button was pressed, milliseconds since the epoch."""

    @property
    def bus(self) -> Vehicle:
        return self.world.vehicles[0]

    async def press(self, lane: str, button: str, **body: Any) -> dict[str, Any]:
        return await self.bus.control(f"ble/{lane}/{button}", **body)

    async def instruments(self) -> dict[str, Any]:
        told: dict[str, Any] = (await self.bus.ask("state"))["ble"]
        return told


async def _run(rounds: list[Round], directory: Path) -> Outcome:
    outcome = Outcome()
    async with _bench(directory, outcome) as it:
        for number, each in enumerate(rounds):
            began = time.monotonic()
            await _round(it, each)
            say(f"patient {number + 1} of {len(rounds)}: {each.trouble.value}, {time.monotonic() - began:.1f} s, "
                f"{len(outcome.where.lost())} not seen yet")
        outcome.errors = it.doctor.watch.errors
    return outcome


@asynccontextmanager
async def _bench(directory: Path, outcome: Outcome) -> AsyncIterator[_Bench]:
    world = World(directory, Ports(free_port(), free_port(), (free_port(),)), None, ("lo",), equipment=LANES)

    def seen(state: KioskState) -> None:
        encounter = state.encounter
        for reading in encounter.readings if encounter else ():
            assert encounter is not None
            outcome.where.saw(encounter.encounter_id, reading)
        for item in state.tray:
            outcome.where.saw(TRAY, item.reading)

    async with AsyncExitStack() as stack:
        stack.push_async_callback(world.stop)
        await world.start()
        browser = await stack.enter_async_context(chromium())
        doctor = await Doctor.sit_down(await person(browser), world.relay_url)
        await doctor.sign_in(DOCTOR.account, DOCTOR.password)
        screen = await stack.enter_async_context(
            touchscreen(world.vehicles[0].kiosk_url, NURSE.nurse_id, NURSE.pin, seen))
        it = _Bench(world, screen, doctor, outcome)
        typing = asyncio.create_task(_type_digits(it), name="visits.digits")
        try:
            yield it
        finally:
            typing.cancel()
            await asyncio.wait([typing])


async def _type_digits(it: _Bench) -> None:
    """What the nurse does when an instrument shows six digits."""
    while True:
        state = await it.screen.until(lambda state: state.passkey is not None, 1e6)
        with contextlib.suppress(Exception):
            digits = (await it.instruments())["beurer"]["passkey"]
            if digits and state.passkey is not None and state.passkey.show is None:
                await it.screen.do(EnterPasskey(passkey=digits))
        await asyncio.sleep(LOOK_S)


async def _round(it: _Bench, each: Round) -> None:
    reply = await it.screen.do(OpenEncounter(patient=Patient(anonymous=True), consent=True, reason=Reason.heart,
                                             urgency=Urgency.routine))
    encounter_id = reply.encounter_id or ""
    await it.screen.do(EnterWaiting())
    await it.doctor.entry(encounter_id).get_by_test_id("take").wait_for()
    await it.doctor.take(encounter_id)
    await it.screen.until(_in_call, ROUND_S)
    if it.carried_over is not None:
        await it.press("cuff", "in_range")
    async with asyncio.TaskGroup() as tasks:
        for lane in LANES:
            tasks.create_task(_lane(it, encounter_id, [visit for visit in each.visits if visit.lane == lane],
                                    each.trouble))
        tasks.create_task(_trouble(it, each))
    expected = [visit.value for visit in each.visits] + ([it.carried_over] if it.carried_over else [])
    it.carried_over = None
    patience = DEAF_PATIENCE_S if each.trouble is Trouble.adapter_deaf else ROUND_S
    await _arrive(it, expected, patience)
    await _empty_tray(it, encounter_id)
    await _shown(it, encounter_id, each)
    if each.trouble is Trouble.patient_changes:
        await _carry_over(it, each, encounter_id)
    await it.doctor.finish()
    await it.doctor.at("close-file").click()
    await it.screen.until(lambda s: s.encounter is not None and s.encounter.stage is Stage.after, ROUND_S)
    await it.screen.do(CloseEncounter(orientation=Orientation.none))


def _in_call(state: KioskState) -> bool:
    return state.encounter is not None and state.encounter.stage is Stage.in_call


async def _lane(it: _Bench, encounter_id: str, visits: list[Visit], trouble: Trouble) -> None:
    for visit in visits:
        it.outcome.where.owner[visit.value] = None if visit.fault is Fault.old_record else encounter_id
        await asyncio.sleep(visit.wait_s)
        await _asleep(it, visit.lane)
        await _visit(it, visit)
        if trouble in (Trouble.none, Trouble.patient_changes):
            await _arrive(it, [visit.value], ROUND_S)


async def _asleep(it: _Bench, lane: str) -> None:
    """Until the instrument can be used again. A nurse waits for it, or switches it off."""
    until = time.monotonic() + ROUND_S / 2
    while (await it.instruments())[lane]["state"] != "asleep":
        if time.monotonic() > until:
            await it.press(lane, "switch_off")
            until += 5.0
        await asyncio.sleep(LOOK_S)


async def _visit(it: _Bench, visit: Visit) -> None:
    match visit.fault:
        case Fault.hang_up_heard:
            await it.press(visit.lane, "hang_up", after=1, sent=True)
        case Fault.hang_up_unheard:
            await it.press(visit.lane, "hang_up", after=1, sent=False)
    it.wakes[visit.value] = time.time() * 1000
    if visit.fault is Fault.old_record:
        await it.press(visit.lane, "remember", age_s=visit.age_s, press=True, **visit.body)
        return
    seconds = {} if visit.lane == "glucose" else {"seconds": MEASURING_S}
    await it.press(visit.lane, "measure", **visit.body, **seconds)
    match visit.fault:
        case Fault.out_of_range:
            await asyncio.sleep(visit.wait_s / 2)
            await it.press(visit.lane, "out_of_range")
            await asyncio.sleep(3.0 + visit.wait_s)
            await it.press(visit.lane, "in_range")
        case Fault.switched_off:
            # Later than its measuring: what was never measured can't be lost.
            await asyncio.sleep(MEASURING_S + 0.1)
            await it.press(visit.lane, "switch_off")
            await _asleep(it, visit.lane)
            await it.press(visit.lane, "press")
        case Fault.sent_again:
            await _arrive(it, [visit.value], ROUND_S)
            await _asleep(it, visit.lane)
            if visit.lane != "glucose":
                await it.press(visit.lane, "repeat", times=2)
            else:
                await it.press(visit.lane, "press")


async def _trouble(it: _Bench, each: Round) -> None:
    await asyncio.sleep(each.after_s)
    match each.trouble:
        case Trouble.gateway_killed:
            await it.bus.gateway.kill()
            await asyncio.sleep(RESTART_S)
            await it.bus.gateway.start()
        case Trouble.adapter_reset:
            await it.bus.control("radio/unplug")
        case Trouble.adapter_deaf:
            await it.bus.control("radio/deaf")
            began = time.monotonic()
            while (await it.bus.ask("state"))["radio"]["deaf"]:
                if time.monotonic() - began > DEAF_PATIENCE_S:
                    break
                await asyncio.sleep(LOOK_S)
            it.outcome.deaf_until_heard.append(time.monotonic() - began)
            say(f"the adapter hears again after {time.monotonic() - began:.1f} s")


async def _arrive(it: _Bench, values: list[Value], seconds: float) -> None:
    """Until all were seen, or time is up: then they count as lost at the end. Silent instruments are pressed again."""
    until, pressed = time.monotonic() + seconds, time.monotonic()
    while any(not it.outcome.where.found(value) for value in values) and time.monotonic() < until:
        await asyncio.sleep(LOOK_S)
        if time.monotonic() - pressed < PRESS_AGAIN_S:
            continue
        pressed = time.monotonic()
        for lane, now in (await it.instruments()).items():
            if lane in LANES and now["state"] == "asleep" and now.get("memory") and now["in_range"]:
                # In the middle of another task's press it may have woken: then this one does nothing.
                await it.press(lane, "press")
                it.outcome.pressed_again += 1


async def _empty_tray(it: _Bench, encounter_id: str) -> None:
    """The nurse assigns what is this patient's, sets aside what is not."""
    owner = it.outcome.where.owner
    while True:
        state = await it.screen.until(lambda _: True, ROUND_S)
        if not state.tray:
            return
        item = state.tray[0]
        mine = owner.get(_value(item)) == encounter_id
        await it.screen.do(AssignReading(reading_id=item.reading.reading_id, discard=not mine,
                                         encounter_id=encounter_id if mine else None))
        it.outcome.assigned += mine
        it.outcome.set_aside += not mine
        await it.screen.until(_without(item.reading.reading_id), ROUND_S)


def _value(item: TrayItem) -> Value:
    return value_of(item.reading) or ()


def _without(reading_id: str) -> Callable[[KioskState], bool]:
    return lambda state: all(item.reading.reading_id != reading_id for item in state.tray)


async def _shown(it: _Bench, encounter_id: str, each: Round) -> None:
    """Every reading of the file is on the doctor's page; how long the undisturbed ones took."""
    state = await it.screen.until(lambda s: s.encounter is not None, ROUND_S)
    assert state.encounter is not None
    wanted = {reading.reading_id for reading in state.encounter.readings}
    until = time.monotonic() + SHOWN_S
    shown: dict[str, float] = await it.doctor.page.evaluate(_SHOWN)
    while not wanted <= shown.keys() and time.monotonic() < until:
        await asyncio.sleep(LOOK_S)
        shown = await it.doctor.page.evaluate(_SHOWN)
    it.outcome.not_shown += sorted(wanted - shown.keys())
    if each.trouble not in (Trouble.none, Trouble.patient_changes):
        return
    for visit in each.visits:
        reading_id = it.outcome.where.in_encounter(visit.value, encounter_id)
        # What waited for the nurse in the tray says nothing about the radio.
        if visit.fault is Fault.none and reading_id in shown and not it.outcome.where.was_in_tray(reading_id):
            it.outcome.woken_to_shown.append(shown[reading_id] - it.wakes[visit.value])


async def _carry_over(it: _Bench, each: Round, encounter_id: str) -> None:
    """Measured on this patient, out of reach; it comes back when the next one sits there."""
    await _asleep(it, "cuff")
    body, value = told("cuff", 5 * (1000 + each.number))
    it.outcome.where.owner[value] = encounter_id
    await it.press("cuff", "out_of_range")
    await it.press("cuff", "measure", **body, seconds=MEASURING_S)
    await asyncio.sleep(MEASURING_S + 0.5)
    it.carried_over = value


def report(described: dict[str, Any], rounds: list[Round], outcome: Outcome) -> Measured:
    """The figures and what was hoped for."""
    where = outcome.where
    lost, doubled, wrong = where.lost(), where.doubled(), where.wrong()
    visits = [visit for each in rounds for visit in each.visits]
    results = {
        "visits": len(visits), "values": len(where.owner),
        "faults": {fault.value: sum(visit.fault is fault for visit in visits) for fault in Fault},
        "troubles": {trouble.value: sum(each.trouble is trouble for each in rounds) for trouble in Trouble},
        "readings_lost": len(lost), "readings_doubled": len(doubled), "readings_at_the_wrong_patient": len(wrong),
        "lost": lost, "doubled": doubled, "wrong": wrong, "strange": where.strange,
        "woken_to_doctors_screen_ms": spread(outcome.woken_to_shown),
        "deaf_adapter_hears_again_s": spread(outcome.deaf_until_heard),
        "not_on_the_doctors_page": outcome.not_shown, "pressed_again": outcome.pressed_again,
        "tray": {"assigned_by_the_nurse": outcome.assigned, "set_aside": outcome.set_aside},
        "page_errors": outcome.errors,
    }
    return Measured(described, results, {
        "no reading lost": not lost, "no reading doubled": not doubled, "none at the wrong patient": not wrong,
        "nothing came that was not measured": not where.strange,
        "every reading of a file is on the doctor's page": not outcome.not_shown,
        f"a deaf adapter hears again within {DEAF_S:.0f} s":
            bool(outcome.deaf_until_heard) and max(outcome.deaf_until_heard) <= DEAF_S,
    })
