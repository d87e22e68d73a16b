"""The middle of the walk-through: everything else on board of the bus, from the button pressed to the doctor's page."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from .browser import STEP_MS
from .step import expect

if TYPE_CHECKING:
    from .tour import Tour

TWELVE_SECONDS, LABOUR_SECONDS = 4, 6
WAIT_S = 2 * STEP_MS / 1000
"""From a button of an instrument to the doctor's page: the radio's scan, connect and discovery as well."""

_STREAMS = """async ([known, milliseconds]) => {
  const until = performance.now() + milliseconds;
  for (;;) {
    const found = window.passerelleProbe.streams().filter((id) => !known.includes(id));
    if (found.length || performance.now() > until) return found.at(-1) ?? null;
    await new Promise((done) => setTimeout(done, 20));
  }
}"""

_LOUD = """async (milliseconds) => {
  const until = performance.now() + milliseconds;
  const seen = new Set();
  while (performance.now() < until) {
    const meter = document.querySelector('[data-testid="steth-level"]');
    if (meter && meter.value > 0) seen.add(meter.value);
    if (seen.size > 3) return true;
    await new Promise((done) => setTimeout(done, 50));
  }
  return false;
}"""


async def vital_signs(tour: Tour) -> None:
    """Temperature, saturation, glucose and weight, each from its own instrument."""
    await tour.bus.control("ble/thermometer/measure", temperature="38.25", seconds=1)
    await tour.bus.control("ble/glucose/measure", mg_dl=104)
    await tour.bus.control("ble/oximeter/finger", spo2=95, pulse=88)
    await tour.bus.control("ble/scale/measure", weight="71.35", seconds=1)
    wanted = {"temperature": "38.25", "glucose": "104", "weight": "71.350", "saturation": "95"}
    shown: dict[str, Any] = {}
    for name, value in wanted.items():
        at = tour.doctor.page.locator(f'[data-testid="reading-{name}"][data-value="{value}"]').first
        await at.wait_for(timeout=WAIT_S * 1000)
        shown[name] = value
    await tour.bus.control("ble/oximeter/finger", **{"in": False})
    tour.summary["vital_signs"] = shown
    expect(shown == wanted, f"the doctor lacks a vital sign: {shown}")


async def twelve_leads(tour: Tour) -> None:
    """A live twelve-lead ECG, compared sample for sample."""
    samples = await _streamed(tour, "ecg12", 12 * 500 * TWELVE_SECONDS, "twelve-leads-sweep")
    rows = (await tour.bus.ask(f"wire/ecg12/expected?from=0&to={len(samples) // 12}"))["rows"]
    equal = samples == [value for row in rows for value in row]
    tour.summary["twelve_leads"] = {"samples": len(samples), "equal": equal}
    expect(equal, "the twelve leads at the doctor are not those the recorder sent")


async def labour(tour: Tour) -> None:
    """A fetal heart and the womb's activity on the strip."""
    samples = await _streamed(tour, "corometrics", 4 * 4 * LABOUR_SECONDS, "cardiotocogram")
    rates = [rate for rate in samples[0::4] if rate > 0]
    tour.summary["fetal_heart_rate"] = [min(rates), max(rates)] if rates else []
    expect(bool(rates) and 90 <= min(rates) <= max(rates) <= 200, f"no fetal heart rate came: {rates}")


async def _streamed(tour: Tour, instrument_id: str, samples: int, picture: str) -> list[int]:
    """Start an instrument, wait for so many samples, photograph, stop; everything that came."""
    known = await tour.doctor.streams()
    await tour.nurse.start_stream(instrument_id)
    stream = await tour.doctor.page.evaluate(_STREAMS, [known, WAIT_S * 1000])
    expect(stream is not None, f"no stream of {instrument_id} came")
    await tour.doctor.wait_for_samples(stream, samples)
    await tour.photograph(picture)
    await tour.nurse.stop_stream(instrument_id)
    await tour.doctor.wait_for_end(stream)
    came: list[int] = (await tour.doctor.ecg(stream))["samples"]
    return came


async def through_the_otoscope(tour: Tour) -> None:
    """The doctor looks through another camera, and back into the room."""
    await tour.doctor.at("see-otoscope").click()
    pressed = tour.doctor.page.locator('[data-testid="see-otoscope"][aria-pressed="true"]')
    await pressed.wait_for(timeout=WAIT_S * 1000)
    await asyncio.sleep(2)  # for the photograph: the picture sharpens within two seconds
    await tour.photograph("otoscope-live")
    await tour.doctor.at("see-otoscope").click()
    await pressed.wait_for(state="detached", timeout=WAIT_S * 1000)
    codes = await tour.doctor.picture.codes(wanted=2)
    tour.summary["otoscope"] = {"room_is_back": len(codes) >= 2}
    expect(len(codes) >= 2, "the room camera's picture did not come back")


async def through_the_stethoscope(tour: Tour) -> None:
    """The heart is heard at the doctor's, on a track of its own."""
    await tour.doctor.at("listen-stethoscope").click()
    await tour.doctor.page.locator('[data-testid="listen-stethoscope"][aria-pressed="true"]').wait_for(
        timeout=WAIT_S * 1000)
    start = tour.doctor.at("steth-start")
    if await start.count():
        await start.click()
    heard = await tour.doctor.page.evaluate(_LOUD, WAIT_S * 1000)
    await tour.photograph("stethoscope")
    tour.summary["stethoscope"] = {"heard": heard}
    await tour.doctor.at("listen-stethoscope").click()
    expect(heard, "the doctor does not hear the heart")


async def cart(tour: Tour) -> None:
    """A resting ECG cart leaves a file; its recording stands in this patient's file."""
    known = await tour.doctor.streams()
    await tour.bus.control("cart/record", family="DURAND", given="Jeanne", born="1951-03-14", form="dicom")
    stream = await tour.doctor.page.evaluate(_STREAMS, [known, WAIT_S * 1000])
    expect(stream is not None, "the cart's recording did not come to the doctor")
    await tour.doctor.wait_for_end(stream)
    samples = (await tour.doctor.ecg(stream))["samples"]
    tour.summary["cart"] = {"samples": len(samples)}
    expect(len(samples) == 12 * 5000, f"the recording has {len(samples)} samples")
