"""Serial instruments of the simulator against the gateway's drivers: what one end means the other end gets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.peripherals.config import InstrumentConfig
from gateway.peripherals.drivers.serial_stream import SerialStream
from gateway.peripherals.panel import Panel
from gateway.peripherals.profiles import dicom_ecg, ecg_leads, edf_ecg
from protocol.channels import InstrumentState
from protocol.readings import Chunk, InstrumentKind, Reading, WaveformEnd
from sim.patient import Patient
from sim.wire.cart import Cart, now_minus
from sim.wire.leads import NAMES, synthesised
from sim.wire.rack import CYTON_LEADS, Wired, wired

WAIT_S = 40.0


class Sink:
    """Keeps every sample of the stream; `grown` is set when there are more."""

    def __init__(self) -> None:
        self.samples: list[int] = []
        self.ended = asyncio.Event()
        self.grown = asyncio.Event()

    async def reading(self, reading: Reading) -> None:
        raise AssertionError(reading)

    async def chunk(self, chunk: Chunk) -> None:
        self.samples += chunk.samples
        self.grown.set()

    async def waveform_stopped(self, end: WaveformEnd) -> None:
        self.ended.set()

    def changed(self) -> None:
        self.grown.set()

    async def until(self, samples: int) -> None:
        async with asyncio.timeout(WAIT_S):
            while len(self.samples) < samples:
                self.grown.clear()
                await self.grown.wait()


@asynccontextmanager
async def running(name: str, directory: Path) -> AsyncIterator[tuple[Wired, SerialStream, Panel, Sink]]:
    device = wired((name,), directory, Patient())[name]
    leads = tuple(ecg_leads.LEADS[lead] for lead in CYTON_LEADS) if name == "cyton" else ()
    config = InstrumentConfig(1, name, InstrumentKind(device.kind), name, name, str(device.box.path), leads=leads)
    sink = Sink()
    panel = Panel(config, sink.changed)
    driver = SerialStream(panel, sink)
    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(device.box.run()), tasks.create_task(driver.run())]
        async with asyncio.timeout(WAIT_S):
            while panel.state is not InstrumentState.ready:
                sink.grown.clear()
                await sink.grown.wait()
        yield device, driver, panel, sink
        for task in running:
            task.cancel()


@pytest.mark.parametrize("name", ["ecg12", "ads1292r", "cyton", "corometrics"])
async def test_every_sample_of_a_serial_instrument_arrives_as_it_was_meant(name: str, tmp_path: Path) -> None:
    """In order, on its lead, with the counts that the device had; a lifted pen is a lost sample, not a number."""
    async with running(name, tmp_path) as (device, driver, _, sink):
        waveform = await driver.start(7)
        width = len(waveform.leads)
        await sink.until(width * (8 if name == "corometrics" else 200))
        await driver.stop()
        got = [tuple(sink.samples[at:at + width]) for at in range(0, len(sink.samples) - width + 1, width)]
        meant = [tuple(waveform.lost_count if value is None else value for value in device.row(n))
                 for n in range(len(got))]
        assert got == meant
        assert len(device.row(0)) == width


async def test_frames_lost_on_the_way_are_marked_one_by_one(tmp_path: Path) -> None:
    """A dongle that loses samples leaves a gap of the right length, on every channel."""
    async with running("cyton", tmp_path) as (device, driver, _, sink):
        waveform = await driver.start(1)
        await sink.until(8 * 50)
        device.box.drop(5)
        await sink.until(len(sink.samples) + 8 * 100)
        await driver.stop()
        rows = [tuple(sink.samples[at:at + 8]) for at in range(0, len(sink.samples) - 7, 8)]
        lost = [n for n, row in enumerate(rows) if waveform.lost_count in row]
        assert len(lost) == 5
        assert lost[-1] - lost[0] == 4
        assert all(rows[n] == device.row(n) for n in range(len(rows)) if n not in lost)


async def test_a_loose_electrode_is_said_and_its_lead_has_no_value(tmp_path: Path) -> None:
    """V3 without contact: eleven leads go on, one has only gaps, and the panel names it."""
    async with running("ecg12", tmp_path) as (device, driver, panel, sink):
        waveform = await driver.start(1)
        assert device.loose is not None
        device.loose("v3")
        async with asyncio.timeout(WAIT_S):
            while panel.problem != "ecg.lead_off":
                sink.grown.clear()
                await sink.grown.wait()
        await sink.until(len(sink.samples) + 12 * 100)
        await driver.stop()
        last = sink.samples[-12 * 20:]
        column = NAMES.index("V3")
        assert set(last[column::12]) == {waveform.lost_count}
        assert waveform.lost_count not in last[0::12]


@pytest.mark.parametrize("form", ["dicom", "edf"])
async def test_a_carts_file_says_what_the_cart_recorded(form: str, tmp_path: Path) -> None:
    """Every sample of twelve leads, when it was taken, and of whom."""
    cart = Cart(tmp_path, synthesised(Patient()))
    taken = now_minus(120).replace(microsecond=0)
    name = await cart.record(taken=taken, family="ESSAI", given="Jeanne", born="1950-02-28", patient_id="42", form=form)
    data = (tmp_path / name).read_bytes()
    recording = dicom_ecg.decode(data) if form == "dicom" else edf_ecg.decode(data)
    assert recording.leads == ecg_leads.TWELVE
    rows = [tuple(row) for row in recording.samples.tolist()]
    assert rows == cart.recorded[name]
    assert recording.birth_date == "1950-02-28"
    assert recording.patient_name.startswith("ESSAI")
    if form == "dicom":
        assert recording.taken_at is not None
        assert abs(recording.taken_at - taken) < timedelta(seconds=1)
