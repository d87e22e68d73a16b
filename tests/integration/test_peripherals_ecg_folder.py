"""A cart's folder: each recording once, across restarts, half-written files, broken ones, and the cart's past."""

import asyncio
import hashlib
import os
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC
from pathlib import Path
from typing import Any

import pytest
from blockbuster import BlockBuster

from gateway.peripherals.config import InstrumentConfig
from gateway.peripherals.drivers.ecg_folder import HANDED, EcgFolder
from gateway.peripherals.panel import Panel
from gateway.peripherals.recording import RecordingArrived
from protocol.channels import InstrumentState
from protocol.readings import InstrumentKind
from tests.integration.peripherals_rig import RecordingSink
from tests.unit.ecg_files import changed, edf, mortara, small


@pytest.fixture(autouse=True)
def no_blocking() -> Iterator[None]:
    """The suite fails when our code blocks the loop."""
    guard = BlockBuster("gateway")
    guard.activate()
    yield
    guard.deactivate()


class Sink(RecordingSink):
    """Remembers recordings too; `fail` makes the next one fail, as a full disk does."""

    def __init__(self) -> None:
        super().__init__()
        self.recordings: list[RecordingArrived] = []
        self.fail = False

    async def recording(self, arrived: RecordingArrived) -> None:
        if self.fail:
            raise OSError(28, "disk full")
        self.recordings.append(arrived)
        self.changed()


class Cart:
    """The folder a cart writes to, and where the gateway keeps recordings."""

    def __init__(self, tmp_path: Path) -> None:
        self.folder, self.kept = tmp_path / "cart", tmp_path / "data" / "recordings"
        self.folder.mkdir()
        self.looked = 0
        self.panel: Panel

    def write(self, name: str, data: bytes, age_s: float = 0) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        if age_s:
            when = path.stat().st_mtime - age_s
            os.utime(path, (when, when))
        return path

    @asynccontextmanager
    async def watched(self, sink: Sink) -> AsyncIterator[None]:
        config = InstrumentConfig(5, "cart", InstrumentKind.ecg, "ECG", "ecg_folder", str(self.folder))
        self.panel = Panel(config, sink.changed)

        async def pause(seconds: float) -> None:
            """One look follows the other at once."""
            self.looked += 1
            sink.changed()
            await asyncio.sleep(0)

        driver = EcgFolder(self.panel, sink, self.kept, UTC, pause=pause)
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(driver.run())
            yield
            running.cancel()

    async def looks(self, sink: Sink, count: int = 4) -> None:
        """Wait until the driver has looked that often again."""
        until = self.looked + count
        await sink.until(lambda: self.looked >= until)


@pytest.fixture
def cart(tmp_path: Path) -> Cart:
    return Cart(tmp_path)


async def test_a_recording_is_kept_and_handed_on_once(cart: Cart) -> None:
    """By its hash, before anyone hears of it; the cart's file stays; twenty looks later still once."""
    sink, data = Sink(), mortara()
    async with cart.watched(sink):
        path = cart.write("2013/01/ecg0001.dcm", data)
        await sink.until(lambda: sink.recordings)
        await sink.until(lambda: cart.panel.state is InstrumentState.ready)
        await cart.looks(sink, 20)
    (found,) = sink.recordings
    sha256 = hashlib.sha256(data).hexdigest()
    assert (found.reading.recording, found.samples.shape) == (sha256, (10_000, 12))
    assert (cart.kept / f"{sha256}.dcm").read_bytes() == data == path.read_bytes()
    assert (cart.kept / (sha256 + HANDED)).exists()
    assert (cart.kept / f"{sha256}.dcm").stat().st_mode & 0o077 == 0


async def test_a_restart_hands_nothing_on_twice(cart: Cart) -> None:
    """Nor does the same recording under another name; a new one is taken."""
    sink = Sink()
    async with cart.watched(sink):
        cart.write("a.dcm", mortara())
        await sink.until(lambda: sink.recordings)
        await sink.until(lambda: list(cart.kept.glob("*" + HANDED)))
    cart.write("copy of a.dcm", mortara())
    cart.write("b.dcm", small())
    async with cart.watched(sink):
        await sink.until(lambda: len(sink.recordings) == 2)
        await cart.looks(sink, 10)
    assert [found.samples.shape[0] for found in sink.recordings] == [10_000, 40]


async def test_a_recording_that_was_not_committed_comes_again(cart: Cart) -> None:
    """A full disk at the wrong moment: the same identifier again, once there is room."""
    sink = Sink()
    sink.fail = True
    async with cart.watched(sink):
        cart.write("a.dcm", mortara())
        await sink.until(lambda: cart.panel.problem == "instrument.disk_full")
        assert not list(cart.kept.glob("*" + HANDED))
        sink.fail = False
        await sink.until(lambda: sink.recordings)
        await sink.until(lambda: cart.panel.problem is None)
    assert len(sink.recordings) == 1


async def test_a_file_in_the_middle_of_being_written_waits(cart: Cart) -> None:
    """Half of it is no unreadable file, and the whole of it one recording."""
    sink, data = Sink(), mortara()
    async with cart.watched(sink):
        path = cart.write("slow.dcm", data[:100_000])
        await cart.looks(sink, 6)
        assert not sink.readings
        with path.open("ab") as file:
            file.write(data[100_000:])
        await sink.until(lambda: sink.recordings)
    assert not sink.readings
    assert sink.recordings[0].samples.shape == (10_000, 12)


async def test_an_unreadable_file_is_said_once_and_kept(cart: Cart) -> None:
    """Named by its error and its hash, without bytes of it in the reading; also after a restart once."""
    sink, data = Sink(), mortara()[:5000]
    for _ in range(2):
        async with cart.watched(sink):
            cart.write("broken.dcm", data)
            await sink.until(lambda: sink.readings)
            await cart.looks(sink, 20)
    (reading,) = sink.readings
    assert (reading.kind.value, reading.error, reading.raw) == ("unreadable", "dicom.unreadable", "")
    assert (cart.kept / f"{reading.recording}.dcm").read_bytes() == data
    assert (cart.folder / "broken.dcm").exists()


def as_report(dataset: Any) -> None:
    """A recording called an encapsulated PDF."""
    dataset.SOPClassUID = "1.2.840.10008.5.1.4.1.1.104.1"


async def test_reports_and_half_made_files_are_left_alone(cart: Cart) -> None:
    """A PDF, also as DICOM, hidden and temporary names, empty ones; a recording without an ending is taken."""
    sink = Sink()
    async with cart.watched(sink):
        for name in ("report.pdf", ".hidden.dcm", "x.dcm.tmp", "~lock.edf"):
            cart.write(name, b"%PDF-1.7 whatever this is")
        cart.write("empty.dcm", b"")
        cart.write("report.dcm", changed(as_report, small()))
        cart.write("IM000001", edf(rate=500))
        await sink.until(lambda: sink.recordings)
        await cart.looks(sink, 20)
    assert len(sink.recordings) == 1
    assert (sink.recordings[0].patient_id, sink.recordings[0].patient_name) == ("MCH-0234567", "Haagse^Harry")
    assert not sink.readings


async def test_the_carts_past_is_not_todays_patient(cart: Cart) -> None:
    """What lay there for a day when the gateway first looks is noted; today's is taken; later old stamps are too."""
    sink = Sink()
    cart.write("last year.dcm", mortara(), age_s=400 * 86_400)
    cart.write("this morning.dcm", small(), age_s=3600)
    async with cart.watched(sink):
        await sink.until(lambda: sink.recordings)
        await cart.looks(sink, 10)
        assert [found.samples.shape[0] for found in sink.recordings] == [40]
        # A cart whose clock stands in the past writes old stamps all its life.
        cart.write("new with an old stamp.edf", edf(rate=500), age_s=400 * 86_400)
        await sink.until(lambda: len(sink.recordings) == 2)
        await cart.looks(sink, 2)
    async with cart.watched(sink):
        await cart.looks(sink, 10)
    assert len(sink.recordings) == 2


async def test_a_folder_that_comes_and_goes(cart: Cart) -> None:
    """A stick pulled out, a share that is down: absent, then ready, without a restart."""
    sink = Sink()
    async with cart.watched(sink):
        await sink.until(lambda: cart.panel.state is InstrumentState.ready)
        shutil.rmtree(cart.folder)
        await sink.until(lambda: (cart.panel.state, cart.panel.problem) == (
            InstrumentState.absent, "instrument.unplugged"))
        cart.folder.mkdir()
        cart.write("a.dcm", mortara())
        await sink.until(lambda: sink.recordings)




async def test_our_own_disk_is_not_called_a_pulled_stick(cart: Cart) -> None:
    """The nurse would look for a cable; and the cart's past must be noted before anything is taken."""
    sink, data = Sink(), mortara()
    cart.kept.parent.write_bytes(b"no folder can be made here")
    cart.write("old.dcm", data, age_s=200_000)
    async with cart.watched(sink):
        await sink.until(lambda: cart.panel.problem is not None)
        assert (cart.panel.state, cart.panel.problem) == (InstrumentState.failed, "store.io")
        cart.kept.parent.unlink()
        await sink.until(lambda: cart.panel.state is InstrumentState.ready)
        await cart.looks(sink)
        assert sink.recordings == []
