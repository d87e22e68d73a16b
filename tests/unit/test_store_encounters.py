"""What the store keeps of an encounter, and that opening it again finds all of it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from gateway.store import Store, StoreConflict
from gateway.store.records import measurement_key
from protocol.prescription import PrescriptionState
from protocol.readings import ReadingTaken, StillTaken, WaveformEnd, WaveformStopped
from protocol.signalling import EncounterPhase, EncounterState, PrescriptionProgress
from tests.unit.store_makers import NURSE, START, chunk, reading, record, still, taken, waveform


async def test_everything_is_found_again_after_opening_anew(tmp_path: Path) -> None:
    """Record, events with exact decimals, acknowledgement, chunks and still survive a close and open."""
    picture = b"\xff\xd8 picture"
    async with Store(tmp_path) as store:
        await store.encounters.open(record())
        await store.events.append("enc-1", START, taken(1, systolic="128.10"))
        stream = await store.waveforms.number("enc-1", "heart")
        await store.waveforms.begin(waveform(stream), START)
        for number in (0, 1, 3, 3):
            await store.waveforms.chunk(chunk(stream, number))
        await store.stills.put("enc-1", "skin", still(1, picture), picture)
        await store.stills.keep("still-1", "enc-1", START)
        await store.events.acknowledge("enc-1", 2)
    async with Store(tmp_path) as store:
        assert await store.encounters.current() == record()
        events = await store.events.after("enc-1", 0)
        assert [event.seq for event in events] == [1, 2, 3]
        assert isinstance(events[0].body, ReadingTaken)
        assert str(events[0].body.reading.quantities[0].value) == "128.10"
        assert isinstance(events[2].body, StillTaken)
        counts = await store.encounters.counts("enc-1")
        assert (counts.last_seq, counts.acknowledged, counts.unacknowledged) == (3, 2, 1)
        chunks = await store.waveforms.chunks("enc-1", stream, 0, 100, 100)
        assert [c.number for c in chunks] == [0, 1, 3]
        assert all(c.again for c in chunks)
        assert chunks[2].samples == chunk(stream, 3).samples
        assert await store.stills.data("still-1") == picture
        running = (await store.waveforms.running("enc-1"))[0]
        assert (running.stream_id, running.chunks) == (stream, 4)


async def test_one_chair_one_encounter(tmp_path: Path) -> None:
    """A second encounter cannot open beside an open one, whatever the caller does."""
    async with Store(tmp_path) as store:
        await store.encounters.open(record("a"))
        with pytest.raises(StoreConflict, match=r"encounter\.open"):
            await store.encounters.open(record("b"))


async def test_a_closed_encounter_takes_nothing_more(tmp_path: Path) -> None:
    """Readings, records and a second close are refused; the closing told the relay in the same commit."""
    said = EncounterState(encounter_id="enc-1", phase=EncounterPhase.closed, opened_at=START,
                          reason=record().reason, urgency=record().urgency)
    closed = msgspec.structs.replace(record(), closed_at=START + timedelta(hours=1), stage="closed")
    async with Store(tmp_path) as store:
        await store.encounters.open(record())
        await store.encounters.close(closed, [said])
        for refused in (store.events.append("enc-1", START, taken(1)), store.encounters.save(record()),
                        store.encounters.close(closed, [])):
            with pytest.raises(StoreConflict, match=r"encounter\.closed"):
                await refused
        assert await store.encounters.current() is None
        assert await store.encounters.last_closed() == closed
        assert [body for _, body in await store.outbox.after(0)] == [said]
        await store.encounters.open(record("enc-2"))


async def test_a_measurement_is_kept_once_over_the_days(tmp_path: Path) -> None:
    """A memory that is sent again is dropped, from the events and from the tray, also after a restart."""
    first = reading(1, device_time="2026-11-03T10:01:00")
    again = msgspec.structs.replace(first, reading_id="other", received_at=START + timedelta(days=3))
    async with Store(tmp_path) as store:
        await store.encounters.open(record())
        assert await store.events.append("enc-1", START, ReadingTaken(reading=first))
    async with Store(tmp_path) as store:
        assert await store.events.append("enc-1", START, ReadingTaken(reading=again)) is None
        assert not await store.tray.put(again, "tray.no_encounter")
        assert (await store.encounters.counts("enc-1")).last_seq == 1


def test_only_the_devices_own_time_makes_two_readings_one() -> None:
    """Equal values a minute apart, other values, other slots and readings without a device time all count."""
    base = reading(1, device_time="2026-11-03T10:01:00")
    assert measurement_key(base) == measurement_key(msgspec.structs.replace(base, reading_id="x", clock_offset_s=3.0))
    others = [reading(1, device_time="2026-11-03T10:02:00"), reading(1, device_time=base.device_time, systolic="129"),
              msgspec.structs.replace(base, user=2), reading(1), reading(2)]
    assert len({measurement_key(r) for r in [base, *others]}) == 6


async def test_the_tray_is_emptied_once_and_forgets_nothing(tmp_path: Path) -> None:
    """An item goes to the open encounter or is set aside, once; its row stays."""
    async with Store(tmp_path) as store:
        for n in (1, 2):
            assert await store.tray.put(reading(n), "tray.no_encounter")
        await store.encounters.open(record())
        (event,) = await store.tray.assign("reading-1", "enc-1", START, NURSE.nurse_id)
        assert (event.seq, event.body) == (1, ReadingTaken(reading=reading(1)))
        await store.tray.discard("reading-2", START, NURSE.nurse_id)
        assert await store.tray.items() == ()
        with pytest.raises(StoreConflict, match=r"tray\.unknown"):
            await store.tray.assign("reading-2", "enc-1", START, NURSE.nurse_id)
        kept = await store._writer.run(lambda c: c.execute("SELECT count(*) FROM tray").fetchone()[0])
        assert kept == 2


async def test_assigning_to_a_closed_encounter_leaves_the_item_in_the_tray(tmp_path: Path) -> None:
    """The assignment and the event are one commit: neither without the other."""
    async with Store(tmp_path) as store:
        await store.tray.put(reading(1), "tray.no_encounter")
        await store.encounters.open(record())
        await store.encounters.close(msgspec.structs.replace(record(), closed_at=START), [])
        with pytest.raises(StoreConflict, match=r"encounter\.closed"):
            await store.tray.assign("reading-1", "enc-1", START, NURSE.nurse_id)
        assert len(await store.tray.items()) == 1


async def test_acknowledgements_only_grow_and_never_pass_the_end(tmp_path: Path) -> None:
    """An old acknowledgement changes nothing; one beyond the last event is refused."""
    async with Store(tmp_path) as store:
        await store.encounters.open(record())
        for n in (1, 2, 3):
            await store.events.append("enc-1", START, taken(n))
        assert (await store.events.acknowledge("enc-1", 2)).acknowledged == 2
        assert (await store.events.acknowledge("enc-1", 1)).acknowledged == 2
        with pytest.raises(StoreConflict, match=r"ack\.beyond"):
            await store.events.acknowledge("enc-1", 4)


async def test_a_streams_end_counts_what_the_store_holds(tmp_path: Path) -> None:
    """The end is said once, with at least the chunks that were committed; numbers are never used again."""
    async with Store(tmp_path) as store:
        await store.encounters.open(record())
        stream = await store.waveforms.number("enc-1", "heart")
        await store.waveforms.begin(waveform(stream), START)
        await store.waveforms.chunk(chunk(stream, 4))
        event = await store.waveforms.end(WaveformEnd(stream_id=stream, chunks=2), START)
        assert event is not None
        assert event.body == WaveformStopped(end=WaveformEnd(stream_id=stream, chunks=5))
        assert await store.waveforms.end(WaveformEnd(stream_id=stream, chunks=9), START) is None
        never = await store.waveforms.number("enc-1", "heart")
        assert await store.waveforms.end(WaveformEnd(stream_id=never, chunks=0), START) is None
        assert never > stream
        assert await store.waveforms.running("enc-1") == ()
        with pytest.raises(StoreConflict, match=r"stream\.unknown"):
            await store.waveforms.chunks("enc-2", stream, 0, 9, 9)


async def test_a_dropped_still_is_gone_and_its_twin_is_not(tmp_path: Path) -> None:
    """Dropping removes the bytes unless another still has the same ones."""
    data = b"same bytes"
    async with Store(tmp_path) as store:
        await store.encounters.open(record())
        await store.stills.put("enc-1", "skin", still(1, data), data)
        await store.stills.put("enc-1", "skin", still(2, data), data)
        review = await store.stills.review("enc-1")
        assert review is not None
        assert review.still.still_id == "still-2"
        await store.stills.drop("still-1")
        assert await store.stills.data("still-2") == data
        await store.stills.drop("still-2")
        assert list((tmp_path / "files").iterdir()) == []
        with pytest.raises(StoreConflict, match=r"still\.unknown"):
            await store.stills.keep("still-2", "enc-1", START)
        with pytest.raises(StoreConflict, match=r"still\.bytes"):
            await store.stills.put("enc-1", "skin", still(3, b"other"), data)


async def test_the_bytes_of_a_still_dropped_just_before_a_cut_go_at_the_next_start(tmp_path: Path) -> None:
    """The row said dropped, the file was still there: it is swept, and one that is kept is not."""
    async with Store(tmp_path) as store:
        await store.encounters.open(record())
        for n, data in ((1, b"one"), (2, b"two")):
            await store.stills.put("enc-1", "skin", still(n, data), data)
        await store.stills.keep("still-2", "enc-1", START)
        await store._writer.run(lambda c: c.execute("UPDATE stills SET state = 'dropped' WHERE still_id = 'still-1'"))
        assert len(list((tmp_path / "files").iterdir())) == 2
    async with Store(tmp_path):
        assert [path.name for path in (tmp_path / "files").iterdir()] == [still(2, b"two").sha256]


async def test_a_prescription_makes_legal_steps_and_tells_each(tmp_path: Path) -> None:
    """Steps follow the protocol's table, each posted with its commit; a second arrival changes nothing."""
    pdf = b"%PDF-1.7 ..."
    changed: list[str] = []
    async with Store(tmp_path) as store:
        store.prescriptions.changed = changed.append
        await store.encounters.open(record())
        await store.prescriptions.arrived("p1", "enc-1", pdf, START, doctor="Dr A", drugs=("amoxicilline",))
        view = await store.prescriptions.arrived("p1", "enc-1", pdf, START)
        assert (view.state, view.drugs) == (PrescriptionState.arrived, ("amoxicilline",))
        with pytest.raises(StoreConflict, match=r"prescription\.other_bytes"):
            await store.prescriptions.arrived("p1", "enc-1", pdf + b"x", START)
        with pytest.raises(StoreConflict, match=r"prescription\.step"):
            await store.prescriptions.step("p1", PrescriptionState.printed, START)
        await store.prescriptions.step("p1", PrescriptionState.printing, START)
        view = await store.prescriptions.step("p1", PrescriptionState.print_ambiguous, START, "printer.gone")
        assert [step.state for step in view.steps] == ["arrived", "printing", "print_ambiguous"]
        assert await store.prescriptions.pdf("p1") == pdf
        posted = [body for _, body in await store.outbox.after(0)]
        assert [body.state for body in posted if isinstance(body, PrescriptionProgress)] == [
            "arrived", "printing", "print_ambiguous"]
        assert await store.outbox.delivered(posted[0])
        assert await store.outbox.waiting() == 2
        assert set(changed) == {"enc-1"}


async def test_a_refused_prescription_is_told_even_without_its_encounter(tmp_path: Path) -> None:
    """A prescription for an encounter that is not ours is refused to the relay, without a row or bytes."""
    async with Store(tmp_path) as store:
        view = await store.prescriptions.refused("p9", "not-ours", "prescription.encounter", START)
        assert view.state is PrescriptionState.refused
        assert await store.outbox.waiting() == 1
        assert await store.prescriptions.get("p9") is None


async def test_a_closed_encounter_stays_unfinished_until_its_paper_is_handed_over(tmp_path: Path) -> None:
    """The home screen's list holds exactly the encounters whose papers wait."""
    async with Store(tmp_path) as store:
        await store.encounters.open(record())
        await store.prescriptions.arrived("p1", "enc-1", b"%PDF", START)
        await store.encounters.close(msgspec.structs.replace(record(), closed_at=START), [])
        assert [u.record.encounter_id for u in await store.encounters.unfinished()] == ["enc-1"]
        for state in (PrescriptionState.printing, PrescriptionState.printed, PrescriptionState.handed_over):
            await store.prescriptions.step("p1", state, START)
        assert await store.encounters.unfinished() == ()


async def test_the_kiosks_session_and_wrong_pins_outlive_the_process(tmp_path: Path) -> None:
    """A restart keeps the nurse signed in and does not give new tries at the PIN."""
    async with Store(tmp_path) as store:
        await store.kiosk.sign_in("hash", "n1", START)
        await store.kiosk.pin_failed("n2", START)
    async with Store(tmp_path) as store:
        session = await store.kiosk.session("hash")
        assert session is not None
        assert session.nurse_id == "n1"
        assert (await store.kiosk.pin_failed("n2", START)).failures == 2
        await store.kiosk.sign_in("hash2", "n2", START)
        assert await store.kiosk.pin_failures("n2") is None
        await store.kiosk.seen("hash2", START + timedelta(hours=2))
        await store.kiosk.expire(START + timedelta(hours=1))
        assert await store.kiosk.session("hash") is None
        await store.kiosk.sign_out("hash2")
        assert await store.kiosk.session("hash2") is None
