"""The serial instruments on pseudo-terminals: twelve leads, a Cyton, an ADS1292R, a fetal monitor."""

import asyncio
import binascii
import json
import os
import struct
import tty
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path

import pytest
from blockbuster import BlockBuster

from gateway.peripherals.config import InstrumentConfig, RadioConfig
from gateway.peripherals.drivers.serial_port import check_source, locate
from gateway.peripherals.drivers.serial_stream import SerialStream
from gateway.peripherals.errors import InstrumentFailed
from gateway.peripherals.panel import Panel
from gateway.peripherals.supervisor import Supervisor
from protocol.channels import InstrumentState
from protocol.readings import InstrumentKind
from tests.integration.peripherals_rig import RecordingSink, supervised

VECTORS = Path(__file__).parents[1] / "vectors" / "serial"


@pytest.fixture(autouse=True)
def no_blocking() -> Iterator[None]:
    """The suite fails when our code blocks the loop."""
    guard = BlockBuster("gateway")
    guard.activate()
    yield
    guard.deactivate()


def vector(name: str) -> bytes:
    return bytes.fromhex(json.loads((VECTORS / f"{name}.json").read_text())["bytes"])


class Line:
    """The device's end of a serial line, plugged in at `path`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.heard = b""
        self._news = asyncio.Event()
        self._master, self._slave = os.openpty()
        tty.setraw(self._slave)
        path.unlink(missing_ok=True)
        path.symlink_to(os.ttyname(self._slave))
        os.set_blocking(self._master, False)
        asyncio.get_running_loop().add_reader(self._master, self._read)

    def _read(self) -> None:
        self.heard += os.read(self._master, 4096)
        self._news.set()

    async def until(self, heard: bytes) -> None:
        """Wait for everything the gateway has written."""
        async with asyncio.timeout(30):
            while self.heard != heard:
                self._news.clear()
                await self._news.wait()

    async def send(self, data: bytes) -> None:
        """All of it, as fast as the terminal takes it."""
        while data:
            try:
                data = data[os.write(self._master, data):]
            except BlockingIOError:
                await asyncio.sleep(0)

    def unplug(self) -> None:
        asyncio.get_running_loop().remove_reader(self._master)
        self.path.unlink(missing_ok=True)
        os.close(self._master)
        os.close(self._slave)


@asynccontextmanager
async def streaming(tmp_path: Path, driver: str, sink: RecordingSink, kind: InstrumentKind = InstrumentKind.ecg,
                    leads: tuple[int, ...] = ()) -> AsyncIterator[tuple[Line, Supervisor]]:
    """An instrument that is plugged in and watched; a stream is the test's own."""
    line = Line(tmp_path / "tty")
    config = InstrumentConfig(1, "it", kind, "It", driver, str(line.path), True, leads=leads)
    async with supervised([config], RadioConfig(), sink) as supervisor:
        await sink.until(lambda: supervisor.instruments()[0].state is InstrumentState.ready)
        yield line, supervisor
        if line.path.exists():
            line.unplug()


def twelve(first: int, rows: list[tuple[int, ...]], off: int = 0, rate: int = 500, nanovolts: int = 500) -> bytes:
    """A frame of docs/instruments/ecg12.md."""
    body = struct.pack("<BBIHHH", 1, len(rows), first, rate, nanovolts, off)
    body += b"".join(struct.pack("<12h", *row) for row in rows)
    return b"\xec\x12" + body + struct.pack("<H", binascii.crc_hqx(body, 0xFFFF))


def rows(first: int, count: int = 10) -> list[tuple[int, ...]]:
    """Instants whose samples say which ones they are."""
    return [tuple((37 * (first + n) + 101 * lead) % 2000 - 1000 for lead in range(12)) for n in range(count)]


async def test_twelve_leads_arrive_count_for_count(tmp_path: Path) -> None:
    """500 instants, one frame lost on the way: its ten instants are marked in all leads, every other one is true."""
    sink = RecordingSink()
    async with streaming(tmp_path, "ecg12", sink) as (line, supervisor):
        waveform = await supervisor.start_waveform("it", 3)
        for first in range(0, 500, 10):
            if first != 200:
                await line.send(twelve(first, rows(first)))
        await sink.until(lambda: len(sink.samples) >= 500 * 12)
        await supervisor.stop_waveform("it")
    expected = [sample for first in range(0, 500, 10)
                for row in (rows(first) if first != 200 else [(waveform.lost_count,) * 12] * 10) for sample in row]
    assert sink.samples == expected
    assert waveform.leads == (131329, 131330, 131389, 131390, 131391, 131392, *range(131331, 131337))
    assert (waveform.rate_hz, waveform.scale, waveform.unit) == (Decimal(500), Decimal("0.500"), "uV")
    assert {chunk.leads for chunk in sink.chunks} == {12}
    assert {len(chunk.samples) for chunk in sink.chunks} == {600}
    assert [chunk.number for chunk in sink.chunks] == list(range(10)) == list(range(sink.ends[0].chunks))


async def test_an_electrode_that_is_off_is_said(tmp_path: Path) -> None:
    """By the device's own word; and taken back when it holds again."""
    sink = RecordingSink()
    async with streaming(tmp_path, "ecg12", sink) as (line, supervisor):
        await supervisor.start_waveform("it", 3)
        await line.send(twelve(0, rows(0), off=1))
        await sink.until(lambda: supervisor.instruments()[0].problem == "ecg.lead_off")
        await line.send(twelve(10, rows(10)))
        await sink.until(lambda: supervisor.instruments()[0].problem is None)
        await supervisor.stop_waveform("it")


async def test_a_flat_lead_is_found_in_the_samples(tmp_path: Path) -> None:
    """No device said so: two seconds of nothing in one lead of twelve."""
    sink = RecordingSink()
    async with streaming(tmp_path, "ecg12", sink) as (line, supervisor):
        await supervisor.start_waveform("it", 3)
        for first in range(0, 1000, 10):
            await line.send(twelve(first, [(*row[:11], 4) for row in rows(first)]))
        await sink.until(lambda: supervisor.instruments()[0].problem == "ecg.lead_off")
        await supervisor.stop_waveform("it")
    assert len(sink.samples) == 12_000


async def test_a_box_of_another_scale_is_not_drawn(tmp_path: Path) -> None:
    """Half the height would be half a diagnosis: nothing is taken and the screen says why."""
    sink = RecordingSink()
    async with streaming(tmp_path, "ecg12", sink) as (line, supervisor):
        await supervisor.start_waveform("it", 3)
        await line.send(twelve(0, rows(0), nanovolts=1000))
        await sink.until(lambda: supervisor.instruments()[0].problem == "ecg.mismatch")
        await supervisor.stop_waveform("it")
    assert not sink.samples
    assert sink.ends[0].chunks == 0


async def test_a_cyton_is_started_and_stopped_by_its_commands(tmp_path: Path) -> None:
    """`b` after opening, `s` before closing; the channels that have a lead; missing numbers are marked."""
    sink = RecordingSink()
    frame = vector("cyton_sample_packet")
    async with streaming(tmp_path, "cyton", sink, leads=(131329, 0, 131331)) as (line, supervisor):
        waveform = await supervisor.start_waveform("it", 3)
        await line.until(b"b")
        for number in (*range(250, 256), 1, *range(2, 20)):
            await line.send(frame[:1] + bytes([number]) + frame[2:])
        await sink.until(lambda: sink.chunks)
        await supervisor.stop_waveform("it")
        await line.until(b"bs")
    lost = waveform.lost_count
    assert sink.samples == [1, 3] * 6 + [lost, lost] + [1, 3] * 19
    assert (waveform.leads, waveform.rate_hz) == ((131329, 131331), Decimal(250))
    assert float(waveform.scale) == pytest.approx(0.02235174, abs=1e-8)


async def test_an_ads1292r_streams(tmp_path: Path) -> None:
    """Its ECG, one lead, at 125 a second."""
    sink = RecordingSink()
    async with streaming(tmp_path, "ads1292r", sink) as (line, supervisor):
        waveform = await supervisor.start_waveform("it", 3)
        await line.send(vector("ads1292r_sample")[3:] + vector("ads1292r_sample") * 30)
        await sink.until(lambda: len(sink.samples) >= 24)
        await supervisor.stop_waveform("it")
    assert sink.samples == [-255] * 30
    assert (waveform.leads, waveform.rate_hz) == ((131329,), Decimal(125))


async def test_a_fetal_monitor_has_two_rates_in_one_stream(tmp_path: Path) -> None:
    """Heart rates at 4 Hz and activity at 8: leads repeated, units a lead; a lifted pen is a lost sample and no
    heart rate for five seconds a problem."""
    sink = RecordingSink()
    quarter = vector("corometrics_quarter_second")
    async with streaming(tmp_path, "corometrics", sink, InstrumentKind.ctg) as (line, supervisor):
        waveform = await supervisor.start_waveform("it", 3)
        await line.send(quarter * 4)
        await sink.until(lambda: len(sink.chunks) >= 3)
        await line.send((vector("corometrics_pen_lift") + vector("corometrics_activity_pen_lift") * 2) * 25)
        await sink.until(lambda: supervisor.instruments()[0].problem == "ctg.no_heart_rate")
        await supervisor.stop_waveform("it")
    lost = waveform.lost_count
    assert sink.samples == [142, lost, 10, 12] * 4 + [lost] * 4 * 25
    assert waveform.leads == (192715, 67108866, 192724, 192724)
    assert waveform.lead_units == ("/min", "/min", "{TOCO}", "{TOCO}")
    assert (waveform.rate_hz, waveform.lead_scales) == (Decimal(4), (Decimal(1),) * 4)


async def test_unplugged_and_plugged_in_again(tmp_path: Path) -> None:
    """What came is kept, the end says why, and the next stream needs no restart."""
    sink = RecordingSink()
    async with streaming(tmp_path, "ecg12", sink) as (line, supervisor):
        await supervisor.start_waveform("it", 3)
        await line.send(twelve(0, rows(0)))
        await sink.until(lambda: line.path.exists() and supervisor.instruments()[0].state is InstrumentState.measuring)
        for first in range(10, 60, 10):
            await line.send(twelve(first, rows(first)))
        await sink.until(lambda: sink.chunks)
        line.unplug()
        await sink.until(lambda: sink.ends)
        assert sink.ends[0].reason == "instrument.unplugged"
        assert sink.samples == [sample for row in rows(0, 60) for sample in row]
        await sink.until(lambda: supervisor.instruments()[0].state is InstrumentState.absent)
        again = Line(line.path)
        await sink.until(lambda: supervisor.instruments()[0].state is InstrumentState.ready)
        await supervisor.start_waveform("it", 4)
        await again.send(b"".join(twelve(first, rows(first)) for first in range(0, 50, 10)))
        await sink.until(lambda: sink.chunks[-1].stream_id == 4)
        await supervisor.stop_waveform("it")
        again.unplug()


class _Port:
    """A port as pyserial lists one."""

    def __init__(self, device: str, vid: int | None, pid: int | None, serial_number: str | None) -> None:
        self.device, self.vid, self.pid, self.serial_number = device, vid, pid, serial_number


def test_a_device_is_found_by_its_usb_identity() -> None:
    """Wherever it is plugged in; two of a kind by serial number, else the first by name; nothing when it is away."""
    ports = [_Port("/dev/ttyS0", None, None, None), _Port("/dev/ttyUSB1", 0x0403, 0x6015, "DQ01"),
             _Port("/dev/ttyUSB0", 0x0403, 0x6015, "DQ00"), _Port("/dev/ttyACM0", 0x2E8A, 0x000A, "E66")]
    assert locate("usb:0403:6015:DQ01", lambda: ports) == "/dev/ttyUSB1"
    assert locate("usb:0403:6015", lambda: ports) == "/dev/ttyUSB0"
    assert locate("usb:2e8a:000A", lambda: ports) == "/dev/ttyACM0"
    assert locate("usb:0403:6015:DQ02", lambda: ports) is None
    assert locate("usb:1234:5678", lambda: ports) is None


@pytest.mark.parametrize("source", ["usb:", "usb:0403", "usb:xyz:6015", "usb:0:1", "usb:10000:1"])
def test_a_source_that_can_not_be_read_is_refused_at_the_start(source: str) -> None:
    """IT sees it when the gateway starts, not when a patient sits there."""
    with pytest.raises(ValueError, match=r"source .usb:"):
        check_source(source)
    config = InstrumentConfig(1, "it", InstrumentKind.ecg, "It", "cyton", source)
    with pytest.raises(ValueError, match=r"source .usb:"):
        SerialStream(Panel(config, lambda: None), RecordingSink())


@pytest.mark.parametrize("leads", [(131329, 131329), (0, 0), tuple(range(131329, 131338))])
def test_leads_that_no_board_has_are_refused_at_the_start(leads: tuple[int, ...]) -> None:
    """One lead on two channels would be drawn as one of twice the rate."""
    config = InstrumentConfig(1, "it", InstrumentKind.ecg, "It", "cyton", "/dev/null", leads=leads)
    with pytest.raises(ValueError, match="each lead once"):
        SerialStream(Panel(config, lambda: None), RecordingSink())


async def test_an_identity_that_is_not_plugged_in_is_a_coded_failure() -> None:
    """As a path that is not there."""
    sink = RecordingSink()
    config = InstrumentConfig(1, "it", InstrumentKind.ecg, "It", "cyton", "usb:ffff:fffe:NONE")
    async with supervised([config], RadioConfig(), sink) as supervisor:
        await sink.until(lambda: supervisor.instruments()[0].problem == "instrument.unplugged")
        with pytest.raises(InstrumentFailed) as caught:
            await supervisor.start_waveform("it", 1)
    assert caught.value.code == "instrument.unplugged"
