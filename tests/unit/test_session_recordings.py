"""A resting ECG cart's recording: whose it is, and that reading and samples come together or not at all."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import ClassVar

import msgspec
import numpy as np
import pytest

from gateway.peripherals.recording import RecordingArrived
from gateway.session import guard
from gateway.store import Store
from protocol.kiosk_commands import AssignReading
from protocol.readings import (
    Chunk,
    Device,
    InstrumentKind,
    Reading,
    ReadingKind,
    ReadingTaken,
    Waveform,
    WaveformStarted,
    WaveformStopped,
)
from protocol.values import Patient
from tests.unit.session_fakes import Bus
from tests.unit.store_makers import START, record

CART = Device(device_id="cart", kind=InstrumentKind.ecg, maker="Test", simulated=True)
MARTIN = Patient(family_name="Martin-Dupré", given_name="Zoé", birth_date="1950-02-28")


def arrived(taken: datetime | None, name: str = "", born: str = "", sha: str = "a" * 64) -> RecordingArrived:
    reading = Reading(reading_id=f"file-{sha[:8]}", kind=ReadingKind.ecg_recording, device=CART, taken_at=taken,
                      received_at=(taken or START) + timedelta(seconds=10), recording=sha)
    waveform = Waveform(stream_id=0, device=CART, started_at=taken or START, rate_hz=Decimal(500),
                        scale=Decimal("1.25"), unit="uV", leads=(131329, 131330), reading_id=reading.reading_id)
    samples = np.arange(2400, dtype=np.int32).reshape(1200, 2)
    return RecordingArrived(reading, waveform, samples, "", name, born)


async def samples_of(store: Store, encounter_id: str, stream_id: int) -> list[int]:
    chunks = await store.waveforms.chunks(encounter_id, stream_id, 0, 100, 100)
    return [sample for chunk in chunks for sample in chunk.samples]


async def test_a_recording_of_the_patient_on_the_chair_joins_the_file_with_every_sample(tmp_path: Path) -> None:
    """Reading, begin, end and all chunks are one commit; the same file again changes nothing."""
    bus = Bus(tmp_path)
    async with bus.running() as consultation:
        encounter_id = await bus.open(patient=MARTIN)
        bus.later(120)
        found = arrived(START + timedelta(seconds=60), "MARTIN DUPRE^Z", "1950-02-28")
        await consultation.recording(found)
        await consultation.recording(found)
        events = await bus.store.events.after(encounter_id, 0)
        assert [type(event.body) for event in events] == [ReadingTaken, WaveformStarted, WaveformStopped]
        begun = events[1].body
        assert isinstance(begun, WaveformStarted)
        assert begun.waveform.reading_id == found.reading.reading_id
        assert await samples_of(bus.store, encounter_id, begun.waveform.stream_id) == list(range(2400))
        assert not consultation.view().encounter.waveforms  # type: ignore[union-attr]


@pytest.mark.parametrize(("taken", "name", "born", "reason"), [
    (START + timedelta(seconds=60), "DURAND^Zoé", "", guard.OTHER_PATIENT),
    (START + timedelta(seconds=60), "", "1951-02-28", guard.OTHER_PATIENT),
    (START - timedelta(minutes=5), "MARTIN-DUPRE^", "", guard.OLDER),
    (None, "", "", guard.TIME_UNKNOWN),
    (START + timedelta(seconds=60), "", "", guard.NOBODY_NAMED),
])
async def test_a_doubtful_recording_waits_and_comes_whole_when_a_person_says_whose(
        tmp_path: Path, taken: datetime | None, name: str, born: str, reason: str) -> None:
    """Another name, an earlier time or none goes to the tray; assigned by hand, its samples come too."""
    bus = Bus(tmp_path)
    async with bus.running() as consultation:
        encounter_id = await bus.open(patient=MARTIN)
        bus.later(120)
        await consultation.recording(arrived(taken, name, born))
        (item,) = consultation.view().tray
        assert item.reason == reason
        assert await bus.store.events.after(encounter_id, 0) == ()
    async with bus.running():
        reply = await bus.do(AssignReading(reading_id=item.reading.reading_id, encounter_id=encounter_id))
        assert reply.code is None
        events = await bus.store.events.after(encounter_id, 0)
        assert [type(event.body) for event in events] == [ReadingTaken, WaveformStarted, WaveformStopped]
        begun = events[1].body
        assert isinstance(begun, WaveformStarted)
        assert await samples_of(bus.store, encounter_id, begun.waveform.stream_id) == list(range(2400))


class Long(RecordingArrived):
    """Says in which threads its samples were cut."""

    threads: ClassVar[set[int]] = set()

    def chunks(self, stream_id: int) -> Iterator[Chunk]:
        for chunk in RecordingArrived.chunks(self, stream_id):
            self.threads.add(threading.get_ident())
            yield chunk


async def test_a_recordings_samples_are_not_cut_in_the_loop(tmp_path: Path) -> None:
    """Twenty minutes of twelve leads take a second, in which nobody would be heard (I9)."""
    found = arrived(START + timedelta(seconds=60))
    bus = Bus(tmp_path)
    async with bus.running() as consultation:
        await bus.open()
        bus.later(120)
        await consultation.recording(Long(found.reading, found.waveform, found.samples))
    assert Long.threads
    assert threading.get_ident() not in Long.threads


@pytest.mark.parametrize(("patient", "name", "born", "doubt"), [
    (MARTIN, "", "", False), (MARTIN, "martin dupré^Z", "1950-02-28", False), (MARTIN, "MARTIN^Z", "", True),
    (MARTIN, "MARTIN DUPRE", "1950-02-27", True), (Patient(anonymous=True), "", "", False),
    (Patient(anonymous=True), "MARTIN", "", True), (Patient(anonymous=True), "^Zoé", "", True),
    (MARTIN, "Иванова^Анна", "", True), (Patient(family_name="Иванова"), "ИВАНОВА^А", "", False),
    (Patient(family_name="Lebœuf"), "LEBOEUF^Luc", "", False), (Patient(anonymous=True), "محمد", "", True)])
def test_a_name_in_the_file_is_compared_as_people_write_names(patient: Patient, name: str, born: str,
                                                              doubt: bool) -> None:
    """Accents, case and hyphens do not make another person; another date does."""
    assert guard.contradicts(patient, name, born) is doubt


async def test_paired_instruments_survive_and_share_no_number(tmp_path: Path) -> None:
    """What was paired at the touchscreen is there after a restart."""
    async with Store(tmp_path) as store:
        await store.paired.put("cuff-2", 7, b"{}")
        await store.paired.put("cuff-2", 8, b"[]")
        with pytest.raises(Exception, match=r"instrument\.number"):
            await store.paired.put("scale", 8, b"{}")
    async with Store(tmp_path) as store:
        assert await store.paired.all() == (b"[]",)
        await store.paired.remove("cuff-2")
        with pytest.raises(Exception, match=r"instrument\.unknown"):
            await store.paired.remove("cuff-2")


async def test_a_recording_is_not_entered_into_a_closed_file(tmp_path: Path) -> None:
    """Nothing of it is kept: neither reading nor stream."""
    found = arrived(START)
    async with Store(tmp_path) as store:
        await store.encounters.open(record())
        await store.encounters.close(msgspec.structs.replace(record(), closed_at=START), [])
        with pytest.raises(Exception, match=r"encounter\.closed"):
            await store.recordings.enter("enc-1", START, found.reading, found.waveform, tuple(found.chunks(0)))
        assert await store.tray.put(found.reading, guard.NO_ENCOUNTER, (found.waveform, tuple(found.chunks(0))))

