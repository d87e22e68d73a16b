"""The ECG driver on a pseudo-terminal, against the simulated board: every sample, and every way to lose the device."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from blockbuster import BlockBuster

from gateway.peripherals.config import InstrumentConfig, RadioConfig
from gateway.peripherals.errors import InstrumentFailed, UnknownInstrument
from gateway.peripherals.registry import DRIVERS, Entry
from gateway.peripherals.supervisor import Supervisor
from protocol.channels import InstrumentState
from protocol.readings import InstrumentKind
from sim.ecg import EcgBox, Source, recorded, synthesised
from sim.patient import Patient
from tests.integration.peripherals_rig import ROOT, RecordingSink, supervised

SHARED_RECORD = ROOT.parent / "shared" / "data" / "ecg" / "100"


@pytest.fixture(autouse=True)
def no_blocking() -> Iterator[None]:
    """The suite fails when our code blocks the loop."""
    guard = BlockBuster("gateway")
    guard.activate()
    yield
    guard.deactivate()


@asynccontextmanager
async def board(tmp_path: Path, source: Source) -> AsyncIterator[EcgBox]:
    """A board that plays `source`, plugged in at tmp_path/ecg."""
    box = EcgBox(source, tmp_path / "ecg", Patient())
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(box.run())
        yield box
        running.cancel()


def config(box: EcgBox) -> InstrumentConfig:
    return InstrumentConfig(2, "ecg", InstrumentKind.ecg, "ECG", "healthypi5", str(box.path), True,
                            Decimal(str(box.source.rate_hz)))


def state(supervisor: Supervisor) -> InstrumentState:
    return supervisor.instruments()[0].state


def expected(box: EcgBox, size: int) -> list[int]:
    """What the board plays, looped."""
    return [box.source.counts[n % len(box.source.counts)] for n in range(size)]


async def play(box: EcgBox, sink: RecordingSink, samples: int) -> None:
    """Stream until the sink holds `samples`, then stop."""
    async with supervised([config(box)], RadioConfig(), sink) as supervisor:
        await sink.until(lambda: state(supervisor) is InstrumentState.ready)
        await supervisor.start_waveform("ecg", 7)
        await sink.until(lambda: len(sink.samples) >= samples)
        await supervisor.stop_waveform("ecg")


async def test_a_record_arrives_sample_for_sample(tmp_path: Path) -> None:
    """A WFDB record of 360 Hz made here, looped: equal from sample 0 on, numbered without a hole, timed evenly."""
    import wfdb

    time = np.arange(400) / 360
    signal = 0.9 * np.sin(2 * np.pi * 1.3 * time) + 0.01 * np.arange(400)
    wfdb.wrsamp("made", fs=360, units=["mV"], sig_name=["MLII"], p_signal=signal[:, None], fmt=["16"],
                write_dir=str(tmp_path))
    sink = RecordingSink()
    async with board(tmp_path, recorded(tmp_path / "made")) as box:
        await play(box, sink, 900)
    assert sink.samples == expected(box, len(sink.samples))
    assert [chunk.number for chunk in sink.chunks] == list(range(len(sink.chunks)))
    assert (sink.ends[0].chunks, sink.ends[0].stream_id, sink.ends[0].reason) == (
        len(sink.chunks), 7, "waveform.stopped")
    assert {len(chunk.samples) for chunk in sink.chunks[:-1]} == {36}
    steps = np.diff([chunk.first_at for chunk in sink.chunks])
    assert np.allclose(steps, 0.1, atol=1e-6)


async def test_the_counts_are_the_voltage_of_the_record(tmp_path: Path) -> None:
    """count * scale is the record's own microvolts, to half a count: two independent conversions agree."""
    sink = RecordingSink()
    async with board(tmp_path, synthesised(Patient())) as box, supervised([config(box)], RadioConfig(),
                                                                         sink) as supervisor:
        await sink.until(lambda: state(supervisor) is InstrumentState.ready)
        waveform = await supervisor.start_waveform("ecg", 1)
        await supervisor.stop_waveform("ecg")
    from sim.heart import lead_i

    microvolts = lead_i(Patient().heart_rate, 128) * 1000
    assert np.max(np.abs(np.array(box.source.counts) * float(waveform.scale) - microvolts)) <= float(waveform.scale) / 2
    assert (waveform.unit, waveform.leads, waveform.rate_hz) == ("uV", (131329,), Decimal("128"))


@pytest.mark.skipif(not SHARED_RECORD.with_suffix(".hea").exists(), reason="the shared records are not on this machine")
async def test_record_100_arrives_sample_for_sample(tmp_path: Path) -> None:
    """MIT-BIH 100, played at three times its rate to save time."""
    sink = RecordingSink()
    async with board(tmp_path, recorded(SHARED_RECORD, 1080.0)) as box:
        await play(box, sink, 3000)
    assert sink.samples == expected(box, len(sink.samples))


async def test_unplugged_ends_the_stream_and_plugged_starts_anew(tmp_path: Path) -> None:
    """What came is kept, the end says why, and the next stream begins at sample 0 without any restart."""
    sink = RecordingSink()
    async with board(tmp_path, synthesised(Patient(), 512.0)) as box, supervised([config(box)], RadioConfig(),
                                                                                sink) as supervisor:
        await sink.until(lambda: state(supervisor) is InstrumentState.ready)
        await supervisor.start_waveform("ecg", 1)
        await sink.until(lambda: len(sink.chunks) >= 3)
        box.unplug()
        await sink.until(lambda: sink.ends)
        assert (sink.ends[0].reason, sink.ends[0].chunks) == ("instrument.unplugged", len(sink.chunks))
        assert sink.samples == expected(box, len(sink.samples))
        await sink.until(lambda: state(supervisor) is InstrumentState.absent)
        with pytest.raises(InstrumentFailed) as caught:
            await supervisor.start_waveform("ecg", 2)
        assert caught.value.code == "instrument.unplugged"
        box.plug()
        await sink.until(lambda: state(supervisor) is InstrumentState.ready)
        sink.chunks.clear()
        await supervisor.start_waveform("ecg", 3)
        await sink.until(lambda: len(sink.chunks) >= 3)
        await supervisor.stop_waveform("ecg")
    assert sink.samples == expected(box, len(sink.samples))


async def test_noise_on_the_line_becomes_a_marked_gap(tmp_path: Path) -> None:
    """Bytes that are no frame: lost samples are marked, never interpolated, and no true sample is missing."""
    sink = RecordingSink()
    async with board(tmp_path, synthesised(Patient(), 512.0)) as box, supervised([config(box)], RadioConfig(),
                                                                                sink) as supervisor:
        await sink.until(lambda: state(supervisor) is InstrumentState.ready)
        waveform = await supervisor.start_waveform("ecg", 1)
        await sink.until(lambda: len(sink.chunks) >= 2)
        box.disturb(bytes.fromhex("0afa160002") + bytes(53))
        await sink.until(lambda: waveform.lost_count in sink.samples)
        await supervisor.stop_waveform("ecg")
    assert sink.samples.count(waveform.lost_count) == 2
    heard = [sample for sample in sink.samples if sample != waveform.lost_count]
    assert heard == expected(box, len(heard))


async def test_a_second_start_is_refused_and_a_stop_without_a_stream_is_nothing(tmp_path: Path) -> None:
    """One stream at a time; the first goes on."""
    sink = RecordingSink()
    async with board(tmp_path, synthesised(Patient(), 512.0)) as box, supervised([config(box)], RadioConfig(),
                                                                                sink) as supervisor:
        await sink.until(lambda: state(supervisor) is InstrumentState.ready)
        await supervisor.stop_waveform("ecg")
        await supervisor.start_waveform("ecg", 1)
        with pytest.raises(InstrumentFailed) as caught:
            await supervisor.start_waveform("ecg", 2)
        assert caught.value.code == "instrument.busy"
        await sink.until(lambda: sink.chunks)
        await supervisor.stop_waveform("ecg")
        assert len(sink.ends) == 1
        with pytest.raises(UnknownInstrument):
            await supervisor.start_waveform("skin", 1)


async def test_a_silent_device_is_said_to_be_silent(tmp_path: Path) -> None:
    """The port opens, nothing comes: `instrument.silent`, and the stream can be stopped."""
    master, slave = os.openpty()
    path = tmp_path / "ecg"
    path.symlink_to(os.ttyname(slave))
    try:
        sink = RecordingSink()
        box = EcgBox(synthesised(Patient()), path, Patient())
        async with supervised([config(box)], RadioConfig(), sink) as supervisor:
            await sink.until(lambda: state(supervisor) is InstrumentState.ready)
            await supervisor.start_waveform("ecg", 1)
            await sink.until(lambda: supervisor.instruments()[0].problem == "instrument.silent")
            await supervisor.stop_waveform("ecg")
        assert sink.ends[0].chunks == 0
    finally:
        os.close(master)
        os.close(slave)


async def test_something_else_at_the_path_is_a_coded_failure(tmp_path: Path) -> None:
    """A plain file is no serial device."""
    sink = RecordingSink()
    box = EcgBox(synthesised(Patient()), tmp_path / "ecg", Patient())
    box.path.write_bytes(b"no device")
    async with supervised([config(box)], RadioConfig(), sink) as supervisor:
        await sink.until(lambda: state(supervisor) is InstrumentState.ready)
        with pytest.raises(InstrumentFailed):
            await supervisor.start_waveform("ecg", 1)


class _Crashing:
    """A Driver that fails at once, every time."""

    def __init__(self) -> None:
        self.runs = 0

    async def run(self) -> None:
        self.runs += 1
        raise RuntimeError("broken")


async def test_a_driver_that_crashes_stops_nobody_and_starts_again(tmp_path: Path,
                                                                   monkeypatch: pytest.MonkeyPatch) -> None:
    """The ECG streams on beside a driver that fails again and again; the screen names the one that does."""
    monkeypatch.setattr("gateway.peripherals.supervisor.RESTART_AFTER", (0.01,))
    sink, crashing = RecordingSink(), _Crashing()
    async with board(tmp_path, synthesised(Patient(), 512.0)) as box:
        camera = InstrumentConfig(3, "skin", InstrumentKind.skin_camera, "Peau", "still", "file:/nowhere")
        drivers = {**DRIVERS, "still": Entry(lambda _panel, _sink, _radio: crashing)}
        supervisor = Supervisor([camera, config(box)], RadioConfig(), sink, drivers)
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(supervisor.run())
            await sink.until(lambda: state(supervisor) is InstrumentState.ready)
            await supervisor.start_waveform("ecg", 1)
            await sink.until(lambda: len(sink.chunks) >= 3 and crashing.runs >= 3)
            assert supervisor.instruments()[1].problem == "instrument.crashed"
            await supervisor.stop_waveform("ecg")
            running.cancel()
    assert sink.samples == expected(box, len(sink.samples))
