"""What the simulated Bluetooth instruments write, byte for byte, against specifications and recordings; their clocks;
lessons."""

from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from sim.__main__ import UNAVAILABLE, USAGE, main
from sim.asked import exact, number
from sim.ble import beurer, er1, nonin, omron_older, polar, racp
from sim.ble.belt import Beats, heart_rate
from sim.ble.bond import Bond, Bonds
from sim.ble.cabinet import MAKERS, check
from sim.ble.clock import Clock
from sim.ble.glucose import Glucose
from sim.ble.numbers import NAN, NoNumber, current_time, date_time_from, float32, sfloat
from sim.ble.oximeter import SpotCheck, continuous
from sim.ble.plate import Plate
from sim.ble.scale import Weighing
from sim.ble.thermometer import Temperature
from sim.cuff_frames import Record
from sim.patient import Body, Patient, Pressure
from sim.training.lesson import READY, find, parse, play

NOON = datetime(2026, 8, 11, 18, 31, 0)


@pytest.mark.parametrize(("value", "raw"), [
    # HL7 PHD guide, FLOATS: the exponent carries the precision.
    ("2.0", "14f0"), ("2.00", "c8e0"), ("36.4", "6cf1"), ("138", "8a00"), ("98.0", "d4f3"), ("0.00104", "68b0"),
    ("0.0055", "37c0"), ("-5", "fb0f"),
])
def test_an_sfloat_keeps_its_digits(value: str, raw: str) -> None:
    """Mantissa of 12 bits, exponent of 4, two's complement, the lowest byte first."""
    assert sfloat(Decimal(value)).hex() == raw


@pytest.mark.parametrize(("value", "raw"), [("37.60", "b00e00fe"), ("36.4", "6c0100ff"), ("99.5", "e30300ff")])
def test_a_float_keeps_its_digits(value: str, raw: str) -> None:
    """Mantissa of 24 bits, exponent of 8 (ISO/IEEE 11073-20601, F.8; 36.4 is FF00016C there)."""
    assert float32(Decimal(value)).hex() == raw


def test_what_is_no_number_has_its_own_patterns() -> None:
    """NaN 07FF, NRes 0800, +INF 07FE, -INF 0802; and nothing that is a number has one of them."""
    assert [sfloat(special).hex() for special in NoNumber] == ["ff07", "0008", "fe07", "0208", "0108"]
    assert [float32(special).hex() for special in NoNumber] == ["ffff7f00", "00008000", "feff7f00", "02008000",
                                                                "01008000"]
    for too_much in (2046, -2046):
        with pytest.raises(ValueError, match="does not fit"):
            sfloat(too_much)
    with pytest.raises(ValueError, match="does not fit"):
        sfloat(Decimal("1E-9"))


def test_times_are_written_as_the_specification_has_them() -> None:
    """0x2A08 and 0x2A2B: 11 August 2026 was a Tuesday."""
    assert current_time(NOON).hex() == "ea07080b121f00" + "020000"
    assert date_time_from(bytes.fromhex("ea07080b121f00")) == NOON
    assert date_time_from(bytes(7)) is None
    assert date_time_from(b"\x01") is None


def test_a_clock_can_be_off_unset_and_drifting() -> None:
    """A minute a day too fast after two days of being three hours slow."""
    local = [NOON]
    clock = Clock(local=lambda: local[0], since=NOON)
    clock.turn(timedelta(hours=-3))
    clock.drift_s_per_day = 60.0
    local[0] = NOON + timedelta(days=2)
    assert clock.now() == NOON + timedelta(days=2, hours=-3, seconds=120)
    assert clock.stamp(timedelta(hours=1)) == clock.now() - timedelta(hours=1)
    clock.is_set = False
    assert clock.stamp() is None
    clock.put(local[0])
    assert (clock.is_set, clock.now()) == (True, local[0])


def test_a_beurer_frame_is_the_one_that_was_recorded() -> None:
    """derdilla/blood-pressure-monitor-fl@6888c0f, "Recorded from a Beurer BM85": 106/71, pulse 63."""
    recorded = bytes([86, 106, 0, 71, 0, 0, 0, 234, 7, 8, 11, 18, 31, 0, 0, 63, 0, 0, 0])
    assert beurer.frame(Record(Pressure(106, 71, 63), NOON.replace(second=41))) == recorded


def test_a_cuffs_user_stands_between_pulse_and_status() -> None:
    """Blood Pressure Service 1.1, 3.1.1.1: flags, pressures, time, pulse, user, status."""
    assert bytes(Record(Pressure(120, 80, 70), None, 0x0004, user=2)).hex() == "1c" + "780050005d00" + "4600" + "02" + (
        "0400")


def test_temperatures_carry_unit_time_and_site() -> None:
    """Flags 07: Fahrenheit, time, type; a plain one is five bytes."""
    assert bytes(Temperature(Decimal("99.5"), True, NOON, 9)).hex() == "07e30300ff" + "ea07080b121f00" + "09"
    assert bytes(Temperature(NAN)).hex() == "00ffff7f00"


def test_oximeters_say_what_their_numbers_are_worth() -> None:
    """2A5F with fast and slow averages, 2A5E from storage of a clock that was never set."""
    assert continuous(97, 61, 0x0120, 0, Decimal("4.2"), (96, 60), (98, 62)).hex() == (
        "1f" + "61003d00" + "60003c00" + "62003e00" + "2001" + "000000" + "2af0")
    assert bytes(SpotCheck(1, 93, 88, Decimal("4.2"), None, clock_set=False)).hex() == (
        "1e" + "5d005800" + "8003" + "000000" + "2af0")
    assert bytes(SpotCheck(1, 93, 88, Decimal("4.2"), NOON, clock_set=True)).hex().startswith("0f5d005800ea07")


def test_glucose_is_in_kilograms_or_moles() -> None:
    """B068 is 104 mg/dL, C037 5.5 mmol/L; an empty slot is FFFF; a context follows its record."""
    mass = Glucose(7, NOON, concentration=Decimal("0.00104"))
    assert bytes(mass).hex() == "02" + "0700" + "ea07080b121f00" + "68b0" + "12"
    assert bytes(Glucose(7, NOON, -60, Decimal("0.0055"), True, status=1)).hex() == (
        "0f" + "0700" + "ea07080b121f00" + "c4ff" + "37c0" + "12" + "0100")
    assert bytes(Glucose(7, NOON, empty=True)).hex().endswith("ffff12")
    assert Glucose(7, NOON, meal=2, carbohydrate=(1, Decimal("0.045"))).context().hex() == "03" + "0700" + "012dd0" + (
        "02")
    assert not mass.has_context


BODY = Body(weight=Decimal("68.35"), height=Decimal("1.68"), fat=Decimal("27.3"), muscle=Decimal("34.1"),
            water_mass=Decimal("36.27"), impedance=Decimal("512.6"), basal_kilojoules=5980)


def test_scales_count_in_their_steps() -> None:
    """5 g and 1 mm, or 0.01 lb and 0.1 in; FFFF and nothing else when it gave up."""
    assert Weighing(BODY).weight().hex() == "08" + "6635" + "f200" + "9006"
    assert Weighing(BODY, imperial=True).weight().hex() == "09" + "dd3a" + "f200" + "9502"
    assert Weighing(None, NOON, 1).weight().hex() == "06" + "ffff" + "ea07080b121f00" + "01"
    assert Weighing(BODY, user=2).bodies(in_two=False)[0].hex() == (
        "1c0f" + "1101" + "02" + "5c17" + "5501" + "561c" + "0614" + "6635" + "9006")
    first, second = Weighing(BODY, user=2).bodies(in_two=True)
    assert (first.hex(), second.hex()) == ("1c10" + "1101" + "02" + "5c17" + "5501",
                                           "001f" + "1101" + "561c" + "0614" + "6635" + "9006")


def test_a_belt_writes_what_it_has() -> None:
    """One byte up to 255, two above; contact known or not; 1 s is 1024."""
    assert heart_rate(72).hex() == "0048"
    assert heart_rate(300, True).hex() == "072c01"
    assert heart_rate(72, False, 7, [1.0, 0.5]).hex() == "1c48" + "0700" + "0004" + "0002"


def test_intervals_add_up_to_the_time() -> None:
    """A minute of intervals is a minute, and as many as the heart's rate."""
    patient = Patient()
    beats = Beats(patient)
    found = [interval for _ in range(60) for interval in beats.over(1.0)]
    assert abs(sum(found) - 60) < 2
    assert abs(len(found) - patient.heart_rate) < 5


def test_polar_frames_and_refusals() -> None:
    """Negative counts in three bytes; refusals by number."""
    assert polar.ecg_frame(0x0102030405060708, [-1, 300]).hex() == "00" "0807060504030201" "00" "ffffff" "2c0100"
    start = bytes.fromhex("02000001820001010e00")
    assert polar.refusal(start, 244, running=False) == 0
    assert polar.refusal(start, 20, running=False) == polar.INVALID_MTU
    assert polar.refusal(start, 244, running=True) == polar.ALREADY
    assert polar.refusal(start[:-1], 244, running=False) == polar.INVALID_LENGTH
    assert polar.refusal(bytes.fromhex("0200000182000101100000"), 244, running=False) == polar.INVALID_LENGTH
    assert polar.refusal(b"\x02", 244, running=False) == polar.INVALID_LENGTH
    assert polar.refusal(b"\x09\x00", 244, running=False) == polar.INVALID_OP


def test_er1_frames_have_their_checksum() -> None:
    """CRC-8 (polynomial 07) of "123456789" is F4; the question of LepuBle's UniversalBleCmd."""
    assert er1.crc8(b"123456789") == 0xF4
    assert er1.frame(er1.REAL_TIME, 10, b"\x7d", kind=0).hex() == "a503fc000a01007dbf"
    answer = er1.real_time(74, 80, 65, er1.RECORDING, [-1, er1.NO_SAMPLE])
    assert answer.hex() == "4a00" + "00" + "50" + "41000000" + "02" + "00" * 11 + "0200" + "ffff" + "ff7f"
    info = er1.information("SIM-1", NOON)
    assert (info[24:31].hex(), info[37], info[38:43], len(info)) == ("ea07080b121f00", 5, b"SIM-1", 60)


def test_nonin_is_big_endian() -> None:
    """Length, status, battery, amplitude, counter, SpO2, pulse."""
    assert nonin.oximetry(0x15, Decimal("2.9"), Decimal("4.2"), 258, 97, 300).hex() == "0a151d01a4010261012c"


def test_an_older_omrons_packets_are_those_of_the_public_tool() -> None:
    """userx14/omblepy: start `0800000000100018`, end `080f000000000007`; a read of 16 bytes at 02AC."""
    assert omron_older.packet(omron_older.START, 0, size=0x10).hex() == "0800000000100018"
    assert omron_older.packet(omron_older.END, 0).hex() == "080f000000000007"
    assert omron_older.packet(omron_older.READ, 0x02AC, size=0x10).hex() == "08010002ac1000b7"
    # A slot out of a HEM-7322T-E (eigger/hass-omron issue 13); what stands behind its eight bytes is not known.
    taken = datetime(2021, 7, 4, 10, 36, 45)
    assert omron_older.slot(Record(Pressure(109, 82, 68), taken))[:8].hex() == "525415441c8a192d"


@pytest.mark.parametrize(("request_", "answer"), [
    ("", "06000002"), ("0701", "06000702"), ("01", "06000103"), ("0100", "06000103"), ("0107", "06000104"),
    ("010303ff", "06000109"), ("0103", "06000105"), ("0104010a000100", "06000105"), ("010100", "06000105"),
    ("0301", "06000303"),
])
def test_the_control_point_refuses_with_the_specifications_code(request_: str, answer: str) -> None:
    """Glucose Service 1.0.1, 3.5.1: response code values."""
    found = racp.parse(bytes.fromhex(request_))
    assert isinstance(found, bytes)
    assert found.hex() == answer


@pytest.mark.parametrize(("request_", "numbers"), [
    ("0101", [1, 2, 3, 4]), ("0103010300", [3, 4]), ("0102010200", [1, 2]), ("01040102000300", [2, 3]),
    ("0105", [1]), ("0106", [4]), ("0401", [1, 2, 3, 4]),
])
def test_the_control_point_chooses_records(request_: str, numbers: list[int]) -> None:
    """All, from a number on, up to one, between two, first, last."""
    found = racp.parse(bytes.fromhex(request_))
    assert isinstance(found, racp.Request)
    records = [Glucose(sequence, NOON) for sequence in range(1, 5)]
    assert [record.sequence for record in racp.chosen(found, records)] == numbers


def test_every_instrument_fits_its_advertisement_and_says_that_it_is_simulated() -> None:
    """Two packets of at most 31 octets; static random addresses, each once; a mark in the name and on the plate."""
    import importlib

    plates: list[Plate] = [
        importlib.import_module(maker.__module__).PLATE for maker in MAKERS.values()]  # type: ignore[attr-defined]
    assert len({plate.address for plate in plates}) == len(plates)
    for plate in plates:
        assert "simul" in plate.name.lower()
        assert "simulé" in plate.model
        assert int(plate.address[:2], 16) >> 6 == 3
        packets = plate.advertisement(plate.name)
        assert max(map(len, packets)) <= 31
        assert plate.name.encode() in b"".join(packets)
    with pytest.raises(ValueError, match="does not fit"):
        plates[0].advertisement("x" * 40)


def test_a_passkey_instrument_never_shows_zero_and_takes_six_digits() -> None:
    """Digits typed when nobody asked are refused."""
    bonds = Bonds(Bond.display)
    assert all(1 <= bonds.new_passkey() <= 999_999 for _ in range(100))
    bonds.show(42)
    assert bonds.passkey == "000042"
    assert not bonds.typed("000042")


def test_instruments_are_named_and_the_cuff_is_always_there() -> None:
    """The default is today's vehicle; a name that does not exist is named."""
    assert check([]) == ["cuff"]
    assert check(["scale"]) == ["cuff", "scale"]
    assert set(MAKERS) - set(check(["all"])) == {"omron_older"}
    assert check(["all", "omron_older"]) == list(MAKERS)
    with pytest.raises(ValueError, match="there is no instrument toaster"):
        check(["toaster"])


def test_one_patient_has_one_body() -> None:
    """Instruments differ by chance, a given number is taken as it is, an illness stays."""
    patient = Patient(celsius=Decimal("39.2"), spo2=88)
    assert all(Decimal("38.8") <= patient.temperature() <= Decimal("39.6") for _ in range(20))
    assert all(84 <= patient.saturation() <= 92 for _ in range(20))
    assert patient.weighed(Decimal("80.05")).weight == Decimal("80.05")
    assert {weight % Decimal("0.05") for weight in (patient.body().weight for _ in range(20))} == {Decimal(0)}
    assert patient.shown()["celsius"] == "39.2"


def test_fields_of_a_request_keep_their_digits() -> None:
    """A number in words stays exact; what is none is refused."""
    assert exact({"x": "37.60"}, "x") == Decimal("37.60")
    assert str(exact({"x": "37.60"}, "x")) == "37.60"
    assert number({"x": "2.5"}, "x", 0, 0, 10) == 2.5
    for wrong in ("nan", "many", True, [1]):
        with pytest.raises(ValueError, match="is a number"):
            exact({"x": wrong}, "x")
    with pytest.raises(ValueError, match="between"):
        number({"x": 11}, "x", 0, 0, 10)


@pytest.mark.parametrize("path", sorted(READY.glob("*.toml")), ids=lambda path: path.stem)
def test_the_ready_lessons_can_be_played(path: Path) -> None:
    """They parse, name instruments and buttons that exist, and say what is to be learnt."""
    lesson = parse(path.read_text())
    assert lesson.title
    assert lesson.learn
    have = check(lesson.instruments)
    for step in lesson.steps:
        if step.do:
            room, name, _ = step.do.split("/")
            assert room == "ble"
            assert name in have
    assert path.read_text().startswith("# ")
    assert find(path.stem) == path


async def test_a_lesson_is_played_in_its_order_and_counts_refusals() -> None:
    """Steps by their time, fields as written, the lesson's sentences at the end."""
    lesson = parse("""
        title = "T"
        learn = ["L"]
        [[step]]
        at_s = 0.02
        do = "ble/cuff/measure"
        with = { systolic = 140 }
        [[step]]
        at_s = 0
        say = "S"
    """)
    done: list[tuple[str, dict[str, Any]]] = []
    said: list[str] = []

    async def do(path: str, fields: dict[str, Any]) -> dict[str, Any]:
        done.append((path, fields))
        return {"error": "busy"}

    assert await play(lesson, do, said.append, speed=100) == 1
    assert done == [("ble/cuff/measure", {"systolic": 140})]
    assert [line.strip() for line in said][::3] == ["T", "- L"]


@pytest.mark.parametrize(("text", "why"), [
    ("title = 'x'", "1 to 500 steps"), ("[[step]]\nat_s = -1\nsay = 'x'", "at_s is a number"),
    ("[[step]]\nat_s = 1", "does nothing"), ("[[step]]\nat_s = 1\nsay = 'x'\nwhen = 2", "a step has no when"),
    ("tittle = 'x'", "a lesson has no tittle"), ("learn = 3\n[[step]]\nat_s = 1\nsay = 'x'", "list of words"),
    ("[[step]]\nat_s = 1\nsay = 'x'\nwith = 3", "with is a table"), ("step = [3]", "a step is a table"),
    ("=", "Invalid"),
])
def test_a_wrong_lesson_says_what_is_wrong(text: str, why: str) -> None:
    """One sentence."""
    with pytest.raises(ValueError, match=why):
        parse(text)


def test_the_command_line_says_what_it_can_not_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit codes and one sentence each."""
    nowhere = ["--dir", str(tmp_path)]
    assert main(["instrument", "cuff", "measure", *nowhere, "--systolic", "151"]) == UNAVAILABLE
    assert main(["instrument", "cuff", "measure", *nowhere, "--systolic"]) == USAGE
    assert main(["script", "first_visit", *nowhere]) == UNAVAILABLE
    assert main(["script", "nothing", *nowhere]) == USAGE
    assert main(["script", "first_visit", *nowhere, "--speed", "0"]) == USAGE
    assert main(["vehicle", *nowhere, "--instruments", "toaster"]) == USAGE
    assert capsys.readouterr().err.count("\n") == 6
