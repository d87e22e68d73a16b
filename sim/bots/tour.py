"""The walk-through of one consultation, played by two bots; every step is checked, photographed and summed up."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.async_api import Browser
from playwright.async_api import Error as BrowserError

from sim.demo.configuration import DOCTORS, NURSES
from sim.demo.processes import DemoFailed
from sim.demo.world import Vehicle, World

from . import examination, third_person
from .browser import NoBrowser, chromium, person
from .doctor import Doctor
from .nurse import Nurse, PatientTyped
from .paper import prescribe, signature_holds
from .step import StepFailed, expect

ECG_SECONDS = 6.0
"""How much of the ECG the tour waits for: four sweeps of a resting heart, and time for a hole to be filled."""

DOCTOR, COLLEAGUE = DOCTORS
NURSE = NURSES[0]


@dataclass(slots=True)
class Tour:
    """The walk-through: its people, its pictures, its figures."""

    world: World
    out: Path
    nurse: Nurse
    doctor: Doctor
    colleague: Doctor
    browser: Browser
    summary: dict[str, Any] = field(default_factory=dict)
    step_number: int = 0

    @property
    def bus(self) -> Vehicle:
        """The vehicle of the tour."""
        return self.world.vehicles[0]

    async def photograph(self, name: str, *people: Nurse | Doctor) -> None:
        """Save what these people see."""
        for one in people or (self.nurse, self.doctor):
            who = "nurse" if isinstance(one, Nurse) else "doctor" if one is self.doctor else "colleague"
            with contextlib.suppress(BrowserError):
                await one.page.screenshot(path=self.out / f"{self.step_number:02d}-{name}-{who}.png")

    async def step(self, name: str, play: Callable[[Tour], Awaitable[None]]) -> None:
        """Play one step; its picture is taken whether it holds or not."""
        self.step_number += 1
        started = time.monotonic()
        try:
            await play(self)
        finally:
            self.summary["steps"].append({"step": name, "seconds": round(time.monotonic() - started, 2)})
            await self.photograph(name)


async def _nurse_signs_in(tour: Tour) -> None:
    await tour.photograph("kiosk-signed-out", tour.nurse)
    await tour.nurse.sign_in(NURSE.nurse_id, NURSE.pin)
    await tour.nurse.see("screen-home")


async def _consultation_opens(tour: Tour) -> None:
    await tour.nurse.open_consultation(PatientTyped())
    codes = await tour.nurse.own_picture.codes(wanted=3)
    expect(len(codes) >= 3, f"the nurse does not see the room camera's picture: {codes}")


async def _measure_before_a_doctor(tour: Tour) -> None:
    await tour.bus.control("cuff/measure", systolic=131, diastolic=82, pulse=69)
    await tour.nurse.wait_for_pressure("131")
    expect(await tour.nurse.newest_pressure() == ("131", "82"), "the kiosk shows another pressure than the cuff's")


async def _waiting_room(tour: Tour) -> None:
    await tour.nurse.enter_waiting()


async def _doctors_sign_in(tour: Tour) -> None:
    await tour.photograph("doctor-signed-out", tour.doctor)
    await tour.doctor.sign_in(DOCTOR.account, DOCTOR.password)
    await tour.colleague.sign_in(COLLEAGUE.account, COLLEAGUE.password)
    await tour.doctor.entry().wait_for()
    await tour.colleague.entry().wait_for()


async def _two_doctors_click_at_once(tour: Tour) -> None:
    await asyncio.gather(tour.doctor.snatch(), tour.colleague.snatch())
    winner = await _first_with_call(tour.doctor, tour.colleague)
    if winner is tour.colleague:
        tour.doctor, tour.colleague = tour.colleague, tour.doctor
    words = await tour.colleague.who_took_it()
    names = [account.facts["name"] for account in DOCTORS]
    expect(any(name in words for name in names), f"the loser does not read who took the call: {words!r}")
    await tour.photograph("who-took-it", tour.colleague)


async def _first_with_call(*doctors: Doctor) -> Doctor:
    tasks = {asyncio.create_task(doctor.at("consultation").wait_for()): doctor for doctor in doctors}
    done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in pending:
        task.cancel()
    await asyncio.gather(*pending, return_exceptions=True)
    first = done.pop()
    await first
    return tasks[first]


async def _picture_and_sound(tour: Tour) -> None:
    codes = await tour.doctor.picture.codes(wanted=4)
    expect(len(codes) >= 4, f"the doctor's picture does not show the moving code: {codes}")
    expect(await tour.nurse.doctors_picture.moves(), "the nurse does not see the doctor move")
    tapped = (await tour.doctor.marks())["tap"]
    tour.summary["tap_to_picture_ms"] = round(await tour.doctor.first_frame() - tapped)
    tour.summary["sound"] = {"doctor_hears": await tour.doctor.hears(), "nurse_hears": await tour.nurse.hears()}
    expect(all(tour.summary["sound"].values()), f"no sound: {tour.summary['sound']}")
    await tour.doctor.wait_for_pressure("131")


async def _doctor_asks_for_the_cuff(tour: Tour) -> None:
    await tour.doctor.ask("cuff")
    await tour.nurse.see("asked-cuff")
    await tour.photograph("asked", tour.nurse, tour.doctor)
    await tour.bus.control("cuff/measure", systolic=138, diastolic=85, pulse=72)
    await asyncio.gather(tour.nurse.wait_for_pressure("138"), tour.doctor.wait_for_pressure("138"))
    expect(await tour.nurse.newest_pressure() == ("138", "85"), "the kiosk shows another pressure than the cuff's")
    expect(await tour.doctor.pressure() == ("138", "85"), "the doctor sees another pressure than the cuff's")
    newest = (await tour.doctor.readings())[-1]
    tour.summary["reading_to_doctor_ms"] = round(newest["shownAt"] - newest["notifiedAt"], 1)


async def _ecg(tour: Tour) -> None:
    await tour.nurse.start_stream("ecg")
    stream = await tour.doctor.wait_for_stream()
    rate = float(tour.bus.parts()["ecg_rate_hz"])
    await tour.doctor.wait_for_samples(stream, int(rate * ECG_SECONDS))
    await tour.photograph("ecg-sweeps")
    await tour.nurse.stop_stream("ecg")
    await tour.doctor.wait_for_end(stream)
    came = await tour.doctor.ecg(stream)
    expected = (await tour.bus.ask("ecg/expected"))["counts"]
    received = came["samples"]
    wanted = (expected * (len(received) // len(expected) + 1))[:len(received)]
    tour.summary["ecg"] = {"samples_sent": len(wanted), "samples_received": len(received), "equal": received == wanted,
                           "record": tour.world.ecg_record.name if tour.world.ecg_record else "synthesised heart"}
    expect(received == wanted, "the ECG at the doctor is not the one the device sent")


async def _still(tour: Tour) -> None:
    quality = await tour.nurse.take_still()
    await tour.doctor.at("still-thumb").first.wait_for()
    width, height = await tour.doctor.open_still()
    await tour.photograph("still-full-size", tour.doctor)
    await tour.doctor.close_still()
    tour.summary["still"] = {"quality": quality, "width": width, "height": height}
    expect(width >= 1024 and height >= 768, f"the still has only {width} x {height} pixels")


async def _doctor_reloads(tour: Tour) -> None:
    before = {reading["readingId"] for reading in await tour.doctor.readings()}
    started = time.monotonic()
    await tour.doctor.reload()
    codes = await tour.doctor.picture.codes(wanted=2)
    tour.summary["doctor_reload_to_picture_ms"] = round((time.monotonic() - started) * 1000)
    expect(len(codes) >= 2, "the call does not come back after the doctor reloads")
    await tour.doctor.wait_for_pressure("138")
    missing = await tour.doctor.wait_for_readings(before)
    expect(not missing, f"readings are missing after the reload: {missing}")


async def _prescription(tour: Tour) -> None:
    life = tour.summary["prescription"] = dict.fromkeys(("signed", "verified", "printed", "handed_over"), False)
    await prescribe(tour.doctor, photograph=lambda name: tour.photograph(name, tour.doctor))
    life["signed"] = True
    prescription_id = await tour.doctor.paper("printed")
    page = tour.bus.prints / f"{prescription_id}.pdf"
    expect(page.exists(), "nothing lies in the printer's tray")
    life["verified"], said = await signature_holds(page, tour.world.directory / "ca" / "ca.pem")
    expect(life["verified"], f"pdfsig does not accept the printed page: {said}")
    life["printed"] = True


async def _end_and_hand_over(tour: Tour) -> None:
    await tour.doctor.finish()
    await tour.nurse.see("screen-after")
    prescription_id = await tour.nurse.paper("printed")
    await tour.nurse.hand_over(prescription_id)
    await tour.doctor.paper_state(prescription_id, "handed_over")
    tour.summary["prescription"]["handed_over"] = True


async def _file_closes(tour: Tour) -> None:
    await tour.doctor.close_file()
    await tour.nurse.close()


async def _second_vehicle(tour: Tour) -> None:
    second = await tour.world.add_vehicle("Médicobus 2", "Thiers")
    context = await person(tour.browser)
    nurse = await Nurse.sit_down(context, second.kiosk_url)
    await nurse.sign_in(NURSES[1].nurse_id, NURSES[1].pin)
    await nurse.open_consultation(None, reason="skin", urgency="soon")
    await nurse.enter_waiting()
    await tour.colleague.page.get_by_text("Médicobus 2").first.wait_for()
    await tour.photograph("second-vehicle", tour.colleague, nurse)
    listed = await tour.world.fleet("list")
    (tour.out / "fleet-list.txt").write_text(listed)
    expect("Médicobus 1" in listed and "Médicobus 2" in listed, f"the fleet's list lacks a vehicle:\n{listed}")
    await tour.world.fleet("revoke", second.vehicle_id)
    await nurse.page.locator('[data-testid="link"]').get_by_text("Hors ligne").wait_for()
    tour.summary["fleet"] = {"enrolled": True, "listed": True, "revoked": True}
    await context.close()


STEPS: tuple[tuple[str, Callable[[Tour], Awaitable[None]]], ...] = (
    ("nurse-signs-in", _nurse_signs_in),
    ("consultation-opens", _consultation_opens),
    ("measure-before-a-doctor", _measure_before_a_doctor),
    ("waiting-room", _waiting_room),
    ("doctors-sign-in", _doctors_sign_in),
    ("two-doctors-click-at-once", _two_doctors_click_at_once),
    ("picture-and-sound", _picture_and_sound),
    ("doctor-asks-for-the-cuff", _doctor_asks_for_the_cuff),
    ("ecg", _ecg),
    ("still", _still),
    ("vital-signs", examination.vital_signs),
    ("twelve-leads", examination.twelve_leads),
    ("labour", examination.labour),
    ("through-the-otoscope", examination.through_the_otoscope),
    ("through-the-stethoscope", examination.through_the_stethoscope),
    ("cart", examination.cart),
    ("third-person", third_person.interpreter),
    ("doctor-reloads", _doctor_reloads),
    ("prescription", _prescription),
    ("end-and-hand-over", _end_and_hand_over),
    ("file-closes", _file_closes),
    ("second-vehicle", _second_vehicle),
)


@contextlib.asynccontextmanager
async def meet(world: World, out: Path) -> AsyncIterator[Tour]:
    """The people of the tour at their pages, each in a browser of their own."""
    await asyncio.to_thread(out.mkdir, parents=True, exist_ok=True)
    async with chromium() as kiosk, chromium() as desk, chromium() as other_desk:
        nurse = await Nurse.sit_down(await person(kiosk), world.vehicles[0].kiosk_url)
        doctor = await Doctor.sit_down(await person(desk), world.relay_url, "doctor")
        colleague = await Doctor.sit_down(await person(other_desk), world.relay_url, "colleague")
        yield Tour(world, out, nurse, doctor, colleague, kiosk, {"steps": [], "errors": []})


async def play(world: World, out: Path) -> int:
    """Play every step; 0 only when each of them held. Writes `summary.json`."""
    started = time.monotonic()
    summary: dict[str, Any] = {"errors": []}
    try:
        async with meet(world, out) as tour:
            summary = tour.summary
            for name, what in STEPS:
                print(f"  {name} …", flush=True)
                try:
                    await tour.step(name, what)
                except (StepFailed, BrowserError, DemoFailed, TimeoutError, KeyError, IndexError) as error:
                    summary["errors"].append(f"{name}: {error}")
                    (out / "failure.txt").write_text(traceback.format_exc())
                    break
            for one in (tour.nurse, tour.doctor, tour.colleague):
                summary["errors"] += one.watch.errors
    except (NoBrowser, BrowserError) as error:
        summary["errors"].append(str(error))
    summary["seconds"] = round(time.monotonic() - started, 1)
    (out / "summary.json").write_text(json.dumps(summary, indent=2, ensure_ascii=False) + "\n")
    for said in summary["errors"]:
        print(f"  ✗ {said}", flush=True)
    print(f"Pictures and summary.json are in {out}; {summary['seconds']} s", flush=True)
    return 1 if summary["errors"] else 0
