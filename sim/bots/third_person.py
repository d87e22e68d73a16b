"""The walk-through's third person: an interpreter enters by a link, is seen and heard by all, and leaves."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from .browser import chromium
from .guest import Guest, telephone
from .step import expect

if TYPE_CHECKING:
    from .tour import Tour

NAME = "Mme Karam"


async def interpreter(tour: Tour) -> None:
    """Invited with the code on the doctor's screen; sees the bus's moving code; the kiosk and the doctor hear her;
    her link opens nothing a second time."""
    found = tour.summary["third_person"] = {}
    link = await tour.doctor.invite("interpreter", NAME)
    found["code_reads_as_the_link"] = await tour.doctor.scanned() == link
    await tour.photograph("guest-link", tour.doctor)
    await tour.doctor.close_link()
    await tour.nurse.guest_is(NAME, "invited")
    async with chromium() as phone:
        guest = await Guest.open(await telephone(phone), link)
        words, role = await guest.invited_as()
        expect(tour.bus.name in words, f"the door does not say who invites: {words!r}")
        expect(role == "interpreter", f"the door says another role: {role}")
        expect("#" not in guest.page.url, "the link stays in the address bar")
        await guest.show_camera()
        await guest.photograph(tour.out / f"{tour.step_number:02d}-door-guest.png")
        started = time.monotonic()
        await guest.enter()
        expect(await guest.sees_the_bus(), "the guest does not see the bus's moving code")
        found["tap_to_picture_ms"] = round((time.monotonic() - started) * 1000)
        found |= {"guest_hears_bus": await guest.hears_the_bus(), "guest_hears_doctor": await guest.hears_the_doctor(),
                  "doctor_hears_guest": await tour.doctor.hears_the_guest(),
                  "doctor_sees_guest": await tour.doctor.guests_picture.moves(),
                  "kiosk_hears_guest": await tour.nurse.hears_a_guest()}
        await tour.nurse.guest_is(NAME, "present")
        await guest.photograph(tour.out / f"{tour.step_number:02d}-call-guest.png")
        await tour.photograph("guest-present")
        stranger = await Guest.open(await telephone(phone), link)
        found["second_use"] = await stranger.over()
        await stranger.photograph(tour.out / f"{tour.step_number:02d}-used-guest.png")
        found["left"] = await guest.leave()
        tour.summary["errors"] += guest.watch.errors + stranger.watch.errors
    await tour.doctor.at("guest").wait_for(state="detached")
    expect(all(found.values()), f"the third person: {found}")
    expect(found["second_use"] == "guest.link_used", f"a used link: {found['second_use']}")
