"""What a measurement becomes: a reading with codes, or bytes kept without any number (I3)."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.peripherals import codes, meaning
from gateway.peripherals.decoding import of_measured
from gateway.peripherals.errors import DecodeError
from gateway.peripherals.readings import Arrival, Clock, decoded, dedup_key, reading
from protocol.readings import Absent, Device, InstrumentKind, Reading, ReadingKind

DEVICE = Device(device_id="ble:00:11:22:33:44:55", kind=InstrumentKind.oximeter, model="X")
NOW = datetime(2026, 11, 21, 13, 30, 10, tzinfo=UTC)
LOCAL = datetime(2026, 11, 21, 14, 30, 10)
ARRIVAL = Arrival(NOW, Clock(device=LOCAL, wall=NOW, local=LOCAL))

STAMP = "ea070b150e1e00"
"""2026-11-21 14:30:00: ten seconds before `ARRIVAL`."""


def of(characteristic: int, frame: str, arrival: Arrival = ARRIVAL) -> Reading:
    """The reading in a frame written in hexadecimal."""
    return decoded(characteristic, bytes.fromhex(frame), DEVICE, arrival)


def values(found: Reading) -> list[str]:
    """The numbers of a reading, as written."""
    return [str(quantity.value) for quantity in found.quantities if quantity.value is not None]


@pytest.mark.parametrize(("characteristic", "frame", "code"), [
    (0x2A18, f"020500{STAMP}68b01a", "glucose.control_solution"),
    (0x2A18, f"020500{STAMP}68b041", "glucose.control_solution"),
    (0x2A18, f"020500{STAMP}ff0711", "glucose.no_value"),
    (0x2A18, f"020500{STAMP}ffff11", "glucose.empty_slot"),
    (0x2A18, f"000500{STAMP}", "glucose.no_value"),
    (0x2A5E, f"0362004800{STAMP}0004", "oximetry.demonstration"),
    (0x2A5E, f"0362004800{STAMP}0008", "oximetry.test"),
    (0x2A5E, f"0362004800{STAMP}0010", "oximetry.calibration"),
    (0x2A5E, f"0362004800{STAMP}0020", "oximetry.unavailable"),
    (0x2A5E, f"0362004800{STAMP}0080", "oximetry.invalid"),
    (0x2A5E, f"01ff07ff07{STAMP}", "oximetry.no_value"),
    (0x2A5F, "0462004800 0004", "oximetry.demonstration"),
    (0x2A9D, f"02ffff{STAMP}", "weight.unsuccessful"),
    (0x2A9C, f"0200ffff{STAMP}", "body_composition.unsuccessful"),
    (0x2A35, f"02ff07ff07ff07{STAMP}", "blood_pressure.no_value"),
    (0x2A35, f"020008000801 08{STAMP}", "blood_pressure.no_value"),
    (0x2A1C, f"02ffff7f00{STAMP}", "temperature.no_value"),
    (0x2A36, "00a500ff07ff07", "measurement.intermediate"),
    (0x2A1E, "006c0100ff", "measurement.intermediate"),
])
def test_what_is_no_patients_result_has_no_number(characteristic: int, frame: str, code: str) -> None:
    """Kept with its bytes and its code; not one value in it, and the wire takes it."""
    found = of(characteristic, frame)
    assert (found.kind, found.error, values(found)) == (ReadingKind.unreadable, code, [])
    assert found.raw == frame.replace(" ", "")
    assert msgspec.json.decode(msgspec.json.encode(found), type=Reading) == found


def test_the_command_shows_a_refused_number_to_it_only() -> None:
    """No reading under a patient's code; the number stands in the details, named as refused."""
    answer = of_measured(meaning.measured(0x2A18, bytes.fromhex(f"020500{STAMP}68b01a")))
    assert (answer.readings, answer.flags) == ((), ("control_solution",))
    assert dict(answer.details)["refused_160208"] == "104 mg/dL"


def test_infinity_is_a_result() -> None:
    """A meter's HI is no number, but it is the patient's."""
    found = of(0x2A18, f"020500{STAMP}fe0711")
    assert (found.kind, found.error) == (ReadingKind.glucose, None)
    assert found.quantities[0].absent is Absent.positive_infinity


@pytest.mark.parametrize(("frame", "expected", "unit"), [
    ("0268b0", "104", "mg/dL"), ("0268a0", "10.4", "mg/dL"), ("020ac0", "100", "mg/dL"), ("0237c0", "550", "mg/dL"),
    ("0637c0", "5.5", "mmol/L"), ("0626b2", "5.50", "mmol/L"), ("0607d0", "7", "mmol/L")])
def test_glucose_is_scaled_with_its_precision(frame: str, expected: str, unit: str) -> None:
    """kg/L to mg/dL and mol/L to mmol/L move the point and keep the digits."""
    found = of(0x2A18, f"{frame[:2]}0500{STAMP}{frame[2:]}11")
    assert (values(found), found.quantities[0].unit) == ([expected], unit)


def test_glucose_carries_its_sample_its_number_and_its_user_facing_time() -> None:
    """Base time and offset; the sample by MDC code and context; the record's number."""
    found = of(0x2A18, f"03 2a00 {STAMP} c4ff 68b0 32")
    assert (found.record, found.device_time) == (42, "2026-11-21T13:30:00")
    assert found.context == ("sample_capillary_plasma", "location_earlobe")
    assert (found.quantities[0].mdc, found.quantities[0].loinc) == (160188, "2339-0")
    assert found.flags == ("from_memory",)


def test_a_time_fault_makes_the_time_unknown() -> None:
    """The meter says that its clock is wrong: the stamp dates nothing, and two such records stay two."""
    first, other = of(0x2A18, f"0a0500{STAMP}68b0110008"), of(0x2A18, f"0a0600{STAMP}68b0110008")
    assert (first.taken_at, first.device_time) == (None, "")
    assert {"time_fault", "clock_not_set", "time_unknown"} <= {*first.flags}
    assert dedup_key(first) != dedup_key(other)
    # Two people who share a cuff may have the same pressure in the same minute.
    assert dedup_key(first) != dedup_key(msgspec.structs.replace(first, user=2))
    assert dedup_key(first) == dedup_key(of(0x2A18, f"0a0500{STAMP}68b0110008"))


@pytest.mark.parametrize(("characteristic", "frame"), [
    (0x2A1C, "00f00000ff"), (0x2A1C, "01f40100ff"), (0x2A5E, "0065004800"), (0x2A5E, "0031004800"),
    (0x2A5E, "0062000a00"), (0x2A18, f"020500{STAMP}09b011"), (0x2A18, f"020500{STAMP}85b311"),
    (0x2A18, f"060500{STAMP}f5c111"), (0x2A9D, "000a00"), (0x2A9D, "0832c31e003700"),
    (0x2A9C, "0000ff03"), (0x2A37, "0000"), (0x2A37, "00fb")])
def test_what_nobody_has_is_kept_and_flagged(characteristic: int, frame: str) -> None:
    """The gate marks every kind, and drops none."""
    found = of(characteristic, frame)
    assert "implausible" in found.flags
    assert found.error is None
    assert values(found)


@pytest.mark.parametrize(("characteristic", "frame"), [
    (0x2A1C, "00720100ff"), (0x2A1C, "01da0300ff"), (0x2A5E, "0064004800"), (0x2A18, f"020500{STAMP}68b011"),
    (0x2A9D, "00b036"), (0x2A9C, "0000fa00"), (0x2A37, "0048")])
def test_what_people_have_is_not_flagged(characteristic: int, frame: str) -> None:
    """An everyday value of each kind."""
    assert "implausible" not in of(characteristic, frame).flags


def test_the_codes_of_every_kind() -> None:
    """LOINC, 32-bit MDC and UCUM of the PHD guide."""
    said = {(q.loinc, q.mdc, q.unit) for frame in (
        (0x2A5E, "0862004800 0af0"), (0x2A1C, "04720100ff06"), (0x2A9D, "08b036f500d606"), (0x2A37, "10 48 0004"))
        for q in of(*frame).quantities}
    assert said == {
        ("2708-6", 150456, "%"), ("8867-4", 149530, "/min"), ("", 150448, "%"), ("8310-5", 188424, "Cel"),
        ("29463-7", 188736, "kg"), ("39156-5", 188752, "kg/m2"), ("8302-2", 188740, "cm"),
        ("8867-4", 147842, "/min"), ("", 147240, "ms")}
    assert codes.ALSO["2708-6"] == ("59408-5",)


def test_fahrenheit_and_pounds_stay_as_the_device_writes_them() -> None:
    """A unit is not converted behind the doctor's back."""
    assert (values(of(0x2A1C, "01da0300ff")), of(0x2A1C, "01da0300ff").quantities[0].unit) == (["98.6"], "[degF]")
    assert (values(of(0x2A9D, "01543d")), of(0x2A9D, "01543d").quantities[0].unit) == (["157.00"], "[lb_av]")


def test_a_clock_that_was_never_set_tells_records_apart_and_no_time() -> None:
    """Oximeter flag bit 4: no time, but the same record sent twice is one."""
    frame = f"1162004800{STAMP}"
    first, again, later = of(0x2A5E, frame), of(0x2A5E, frame), of(0x2A5E, "1162004800ea070b150e1e01")
    assert (first.taken_at, "time_unknown" in first.flags) == (None, True)
    assert dedup_key(first) == dedup_key(again) != dedup_key(later)


def test_the_device_says_itself_that_a_record_is_from_memory() -> None:
    """Measurement status bit 9 beside a fresh stamp: said once."""
    found = of(0x2A5E, f"0362004800{STAMP}0002")
    assert found.flags.count("from_memory") == 1
    assert found.taken_at == NOW - timedelta(seconds=10)


def test_the_number_of_the_record_tells_two_equal_records_apart() -> None:
    """Same minute, same value, other sequence number: two measurements."""
    assert dedup_key(of(0x2A18, f"020500{STAMP}68b011")) != dedup_key(of(0x2A18, f"020600{STAMP}68b011"))


def test_all_intervals_of_a_belt_are_kept_in_their_order() -> None:
    """Oldest first, exact."""
    found = of(0x2A37, "16 48 0004 ff03 0104")
    assert values(found) == ["72", "1000", "999.0234375", "1000.9765625"]
    assert found.flags == ("time_unknown",)


def test_only_doubts_are_flags_of_a_reading() -> None:
    """Validated, fully qualified: said by the device, and nothing to warn of."""
    assert of(0x2A5E, f"0762004800{STAMP}8001210000").flags == ("low_perfusion_detected", "questionable")


def test_no_contact_is_said() -> None:
    """A belt that lost the skin goes on sending its last rate."""
    assert {"contact_lost", "no_contact"} <= {*of(0x2A37, "0448").flags}


def test_an_unknown_characteristic_is_a_coded_error() -> None:
    """No traceback for what nobody decodes."""
    with pytest.raises(DecodeError) as caught:
        meaning.measured(0x2AFF, b"")
    assert caught.value.code == "characteristic.unknown"
    with pytest.raises(DecodeError) as caught:
        meaning.vendor_measured("nobody", b"")
    assert caught.value.code == "vendor.unknown"


@given(st.sampled_from(sorted(meaning.CHARACTERISTICS)), st.binary(max_size=40))
def test_whatever_comes_becomes_a_reading_that_the_wire_takes(characteristic: int, data: bytes) -> None:
    """Bytes kept, valid on the wire; a number only without an error, and never a number that is none."""
    found = decoded(characteristic, data, DEVICE, ARRIVAL)
    assert msgspec.json.decode(msgspec.json.encode(found), type=Reading) == found
    assert found.raw == data.hex()
    assert not (found.error and values(found))
    assert all(isinstance(q.value, Decimal) and q.value.is_finite() for q in found.quantities if q.absent is None)


def test_a_long_frame_keeps_what_the_wire_takes() -> None:
    """A reading holds 1024 bytes of its frame."""
    measured = meaning.measured(0x2A9D, bytes.fromhex("00b036"))
    assert len(reading(measured, bytes(2000), DEVICE, ARRIVAL).raw) == 2048
