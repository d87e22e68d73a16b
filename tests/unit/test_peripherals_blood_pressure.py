"""2A35 and 2A36 frames, and what becomes of them: values, flags, time."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.peripherals.errors import DecodeError
from gateway.peripherals.ieee11073 import Special
from gateway.peripherals.profiles import blood_pressure as profile
from gateway.peripherals.readings import Arrival, Clock, blood_pressure, dedup_key
from protocol.readings import Absent, Device, InstrumentKind, Reading, ReadingKind

VECTORS = {path.stem: json.loads(path.read_text())
           for path in sorted((Path(__file__).parents[1] / "vectors" / "blood_pressure").glob("*.json"))}
GOOD = {name: vector for name, vector in VECTORS.items() if "expect" in vector}
BROKEN = {name: vector for name, vector in VECTORS.items() if "error" in vector}
DEVICE = Device(device_id="ble:d0:5f:b8:65:1b:1e", kind=InstrumentKind.blood_pressure)
NOW = datetime(2026, 11, 21, 13, 30, 10, tzinfo=UTC)
LOCAL = datetime(2026, 11, 21, 14, 30, 10)
CLOCK = Clock(device=LOCAL, wall=NOW, local=LOCAL)


def said(number: Any) -> str | None:
    """A decoded number as the vectors write it."""
    return None if number is None else number.value if isinstance(number, Special) else f"{number:f}"


def record(systolic: int, diastolic: int, pulse: int, time: datetime | None) -> bytes:
    """A frame put together by hand: flags 16 or 14, whole numbers, no status."""
    stamp = b"" if time is None else bytes([time.year & 255, time.year >> 8, time.month, time.day, time.hour,
                                            time.minute, time.second])
    numbers = b"".join((n & 0xFFF).to_bytes(2, "little") for n in (systolic, diastolic, 93))
    return bytes([0x06 if time else 0x04]) + numbers + stamp + pulse.to_bytes(2, "little")


@pytest.mark.parametrize("name", GOOD)
def test_vector_decodes(name: str) -> None:
    """Each named frame gives exactly its values, precision included."""
    expect = GOOD[name]["expect"]
    frame = profile.decode(bytes.fromhex(GOOD[name]["bytes"]), 0xFFFF)
    assert [said(n) for n in (frame.systolic, frame.diastolic, frame.mean, frame.pulse)] == [
        expect[n] for n in ("systolic", "diastolic", "mean", "pulse")]
    assert frame.unit.value == expect["unit"]
    assert (frame.time.isoformat() if frame.time else None) == expect["time"]
    assert (frame.user, list(frame.status)) == (expect["user"], expect["status"])


@pytest.mark.parametrize("name", BROKEN)
def test_broken_vector_is_refused_and_kept(name: str) -> None:
    """The decoder says why, and the reading keeps the bytes without a value."""
    raw = bytes.fromhex(BROKEN[name]["bytes"])
    with pytest.raises(DecodeError) as caught:
        profile.decode(raw)
    assert caught.value.code == BROKEN[name]["error"]
    reading = blood_pressure(raw, None, DEVICE, Arrival(NOW, CLOCK))
    assert (reading.kind, reading.error, reading.raw) == (ReadingKind.unreadable, BROKEN[name]["error"], raw.hex())
    assert not reading.quantities
    assert msgspec.json.decode(msgspec.json.encode(reading), type=Reading) == reading


@pytest.mark.parametrize("name", GOOD)
def test_every_cut_and_every_extra_byte_is_a_coded_error(name: str) -> None:
    """Truncated at each length and one byte longer: `short` or `long`, nothing else."""
    raw = bytes.fromhex(GOOD[name]["bytes"])
    for size in range(len(raw)):
        with pytest.raises(DecodeError) as caught:
            profile.decode(raw[:size])
        assert caught.value.code == "blood_pressure.short"
    with pytest.raises(DecodeError) as caught:
        profile.decode(raw + b"\0")
    assert caught.value.code == "blood_pressure.long"


@given(st.binary(max_size=40), st.none() | st.integers(0, 0xFFFF))
def test_whatever_comes_becomes_a_reading(raw: bytes, feature: int | None) -> None:
    """No bytes break it; what is on the wire afterwards is a valid Reading with the bytes in it."""
    reading = blood_pressure(raw, feature, DEVICE, Arrival(NOW, CLOCK))
    assert msgspec.json.decode(msgspec.json.encode(reading), type=Reading) == reading
    assert reading.raw == raw.hex()
    assert (reading.kind is ReadingKind.unreadable) == bool(reading.error)


def test_a_status_bit_counts_only_when_the_device_can_set_it() -> None:
    """0x2A49 without irregular pulse: the bit is noise."""
    raw = bytes.fromhex(GOOD["capture_status_four_warnings"]["bytes"])
    assert profile.decode(raw, 0x01).status == ("body_movement",)
    assert "irregular_pulse" in profile.decode(raw, None).status


def test_the_quantities_carry_their_codes() -> None:
    """LOINC, 32-bit MDC and UCUM of the PHD guide."""
    reading = blood_pressure(bytes.fromhex(GOOD["longest"]["bytes"]), 0x1F, DEVICE, Arrival(NOW, CLOCK))
    assert [(q.loinc, q.mdc, q.unit, q.value) for q in reading.quantities] == [
        ("8480-6", 150021, "mm[Hg]", Decimal(138)), ("8462-4", 150022, "mm[Hg]", Decimal(88)),
        ("8478-0", 150023, "mm[Hg]", Decimal(105)), ("8867-4", 149546, "/min", Decimal(72))]
    assert (reading.user, reading.flags) == (1, ("irregular_pulse",))


def test_a_factory_record_has_no_values() -> None:
    """NaN is absent with its reason; 2047 never reaches a chart."""
    reading = blood_pressure(bytes.fromhex(GOOD["factory_record"]["bytes"]), 0x1F, DEVICE, Arrival(NOW, CLOCK))
    assert all(q.value is None and q.absent is Absent.not_a_number for q in reading.quantities)


@pytest.mark.parametrize(("systolic", "diastolic", "pulse"), [
    (29, 10, 70), (301, 90, 70), (120, 9, 70), (290, 251, 70), (80, 80, 70), (80, 120, 70), (120, 80, 19),
    (120, 80, 251)])
def test_an_implausible_reading_is_kept_and_flagged(systolic: int, diastolic: int, pulse: int) -> None:
    """The gate marks, it never drops."""
    reading = blood_pressure(record(systolic, diastolic, pulse, LOCAL), None, DEVICE, Arrival(NOW, CLOCK))
    assert "implausible" in reading.flags
    assert reading.quantities[0].value == systolic


@pytest.mark.parametrize(("systolic", "diastolic", "pulse"), [(30, 10, 20), (300, 250, 250), (120, 80, 70)])
def test_the_gate_lets_its_own_limits_pass(systolic: int, diastolic: int, pulse: int) -> None:
    """The limits are inclusive."""
    reading = blood_pressure(record(systolic, diastolic, pulse, LOCAL), None, DEVICE, Arrival(NOW, CLOCK))
    assert "implausible" not in reading.flags


def test_kilopascals_are_judged_in_millimetres_and_kept_in_kilopascals() -> None:
    """16.0 kPa is 120 mmHg: plausible, and still 16.0."""
    reading = blood_pressure(bytes.fromhex(GOOD["kilopascal"]["bytes"]), None, DEVICE, Arrival(NOW, CLOCK))
    assert (str(reading.quantities[0].value), reading.quantities[0].unit) == ("16.0", "kPa")
    assert "implausible" not in reading.flags


def test_a_mean_of_zero_was_not_measured() -> None:
    """Some cuffs write 0 where NaN belongs."""
    raw = bytes.fromhex("00780050000000")
    mean = blood_pressure(raw, None, DEVICE, Arrival(NOW, CLOCK)).quantities[2]
    assert (mean.value, mean.absent) == (None, Absent.not_a_number)


def test_a_fresh_record_is_dated_by_the_devices_clock() -> None:
    """Ten seconds old by its own clock: ten seconds old by ours."""
    reading = blood_pressure(record(120, 80, 70, LOCAL - timedelta(seconds=10)), None, DEVICE, Arrival(NOW, CLOCK))
    assert reading.taken_at == NOW - timedelta(seconds=10)
    assert (reading.flags, reading.clock_offset_s) == ((), 0.0)


def test_a_record_from_memory_carries_its_own_time() -> None:
    """Two hours old: dated, and said to come from memory."""
    reading = blood_pressure(record(120, 80, 70, LOCAL - timedelta(hours=2)), None, DEVICE, Arrival(NOW, CLOCK))
    assert (reading.taken_at, reading.flags) == (NOW - timedelta(hours=2), ("from_memory",))
    assert reading.device_time == "2026-11-21T12:30:10"


def test_a_clock_that_is_days_wrong_still_measures_intervals() -> None:
    """The cuff is three days behind: the record is corrected, the offset is told."""
    wrong = LOCAL - timedelta(days=3)
    arrival = Arrival(NOW, Clock(wrong, NOW, LOCAL))
    reading = blood_pressure(record(120, 80, 70, wrong - timedelta(minutes=1)), None, DEVICE, arrival)
    assert reading.taken_at == NOW - timedelta(minutes=1)
    assert reading.clock_offset_s == -3 * 86400


def test_without_a_time_stamp_nothing_is_invented() -> None:
    """A clock never set: the arrival is not the time it was taken."""
    reading = blood_pressure(record(120, 80, 70, None), None, DEVICE, Arrival(NOW, None))
    assert (reading.taken_at, reading.flags, reading.device_time) == (None, ("time_unknown",), "")


def test_without_a_time_stamp_but_seen_live_it_is_now() -> None:
    """The cuff inflated before our eyes: that is when."""
    reading = blood_pressure(record(120, 80, 70, None), None, DEVICE, Arrival(NOW, None, live=True))
    assert (reading.taken_at, reading.flags) == (NOW, ())


def test_a_record_from_the_devices_future_has_no_time() -> None:
    """Its clock was moved back since: nobody knows."""
    reading = blood_pressure(record(120, 80, 70, LOCAL + timedelta(minutes=5)), None, DEVICE, Arrival(NOW, CLOCK))
    assert (reading.taken_at, reading.flags) == (None, ("time_unknown",))


def test_an_old_record_is_not_taken_for_the_one_seen_live() -> None:
    """Sent after a live pressure, but stamped yesterday by the clock we read: it is yesterday's."""
    arrival = Arrival(NOW, CLOCK, live=True, corrected=CLOCK)
    reading = blood_pressure(record(120, 80, 70, LOCAL - timedelta(days=1)), None, DEVICE, arrival)
    assert (reading.taken_at, reading.flags) == (NOW - timedelta(days=1), ("from_memory",))


def test_a_live_record_may_be_stamped_by_the_clock_we_have_just_set() -> None:
    """Three days ahead before, right after: the offset that belongs to its stamp is told."""
    arrival = Arrival(NOW, Clock(LOCAL + timedelta(days=3), NOW, LOCAL), live=True, corrected=CLOCK)
    reading = blood_pressure(record(120, 80, 70, LOCAL), None, DEVICE, arrival)
    assert (reading.taken_at, reading.clock_offset_s) == (NOW, 0.0)


def test_a_record_left_from_before_a_correction_has_no_time() -> None:
    """The clock was set since, by more than a minute: its stamp no longer says when."""
    arrival = Arrival(NOW, CLOCK, unsure_until=LOCAL - timedelta(hours=1))
    reading = blood_pressure(record(120, 80, 70, LOCAL - timedelta(hours=2)), None, DEVICE, arrival)
    assert (reading.taken_at, reading.flags) == (None, ("time_unknown",))


def test_the_same_record_sent_twice_has_one_key() -> None:
    """Device, kind, device time and values; not arrival, not identifier."""
    raw = bytes.fromhex(GOOD["longest"]["bytes"])
    first = blood_pressure(raw, 0x1F, DEVICE, Arrival(NOW, CLOCK))
    again = blood_pressure(raw, None, DEVICE, Arrival(NOW + timedelta(days=1), None))
    assert first.reading_id != again.reading_id
    assert dedup_key(first) == dedup_key(again)


def test_other_values_times_or_devices_have_other_keys() -> None:
    """And two readings without a device time are never taken for one."""
    other = Device(device_id="ble:00:00:00:00:00:01", kind=InstrumentKind.blood_pressure)
    readings = [
        blood_pressure(record(120, 80, 70, LOCAL), None, DEVICE, Arrival(NOW, CLOCK)),
        blood_pressure(record(121, 80, 70, LOCAL), None, DEVICE, Arrival(NOW, CLOCK)),
        blood_pressure(record(120, 80, 70, LOCAL - timedelta(seconds=1)), None, DEVICE, Arrival(NOW, CLOCK)),
        blood_pressure(record(120, 80, 70, LOCAL), None, other, Arrival(NOW, CLOCK)),
        blood_pressure(record(120, 80, 70, None), None, DEVICE, Arrival(NOW, None)),
        blood_pressure(record(120, 80, 70, None), None, DEVICE, Arrival(NOW, None)),
    ]
    assert len({dedup_key(reading) for reading in readings}) == len(readings)


def test_cuff_pressure_is_whole_millimetres() -> None:
    """2A36: the first number, NaN in the others; kPa converted."""
    assert profile.cuff_pressure(bytes.fromhex("00a500ff07ff07")) == 165
    assert profile.cuff_pressure(bytes.fromhex("01a0f0ff07ff07")) == 120
    assert profile.cuff_pressure(bytes.fromhex("00ff07ff07ff07")) is None


def test_the_feature_may_be_longer_but_not_shorter() -> None:
    """Later versions append octets."""
    assert profile.feature(bytes.fromhex("1f0000")) == 0x1F
    with pytest.raises(DecodeError) as caught:
        profile.feature(b"\x1f")
    assert caught.value.code == "feature.short"
