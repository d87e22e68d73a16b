"""SFLOAT, FLOAT, Date Time and Device Information: every vector, every cut length, anything at all."""

import json
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.peripherals.errors import DecodeError
from gateway.peripherals.ieee11073 import Special, float32, sfloat
from gateway.peripherals.profiles import date_time, device_information

NUMBERS = json.loads((Path(__file__).parents[1] / "vectors" / "ieee11073_numbers.json").read_text())


def wire(hexadecimal: str) -> bytes:
    """The tables print numbers, the wire is little-endian."""
    return bytes.fromhex(hexadecimal)[::-1]


@pytest.mark.parametrize(("raw", "text"), NUMBERS["sfloat"].items())
def test_sfloat_keeps_value_and_precision(raw: str, text: str) -> None:
    """2.0 and 2.00 stay different, F7FF is 204.7 and no NaN."""
    number = sfloat(wire(raw))
    assert isinstance(number, Decimal)
    assert f"{number:f}" == text


@pytest.mark.parametrize(("raw", "text"), NUMBERS["float32"].items())
def test_float_keeps_value_and_precision(raw: str, text: str) -> None:
    """The 32-bit form obeys the same table."""
    number = float32(wire(raw))
    assert isinstance(number, Decimal)
    assert f"{number:f}" == text


@pytest.mark.parametrize(("raw", "name"), NUMBERS["sfloat_special"].items())
def test_sfloat_specials_are_not_numbers(raw: str, name: str) -> None:
    """The five special mantissas with exponent 0 never become values."""
    assert sfloat(wire(raw)) is Special(name)


@pytest.mark.parametrize(("raw", "name"), NUMBERS["float32_special"].items())
def test_float_specials_are_not_numbers(raw: str, name: str) -> None:
    """The same for 32 bits."""
    assert float32(wire(raw)) is Special(name)


@given(st.integers(-2048, 2047), st.integers(-8, 7))
def test_sfloat_is_mantissa_times_ten_to_the_exponent(mantissa: int, exponent: int) -> None:
    """Every bit pattern but the five specials is exactly what the standard's formula says."""
    number = sfloat(((exponent & 0xF) << 12 | mantissa & 0xFFF).to_bytes(2, "little"))
    if exponent == 0 and mantissa in (2047, 2046, -2048, -2047, -2046):
        assert isinstance(number, Special)
    else:
        assert number == Decimal(mantissa) * Decimal(10) ** exponent


@given(st.integers(-(2**23), 2**23 - 1), st.integers(-128, 127))
def test_float_is_mantissa_times_ten_to_the_exponent(mantissa: int, exponent: int) -> None:
    """The same for 32 bits."""
    number = float32(((exponent & 0xFF) << 24 | mantissa & 0xFFFFFF).to_bytes(4, "little"))
    if exponent == 0 and mantissa in (2**23 - 1, 2**23 - 2, -(2**23), -(2**23) + 1, -(2**23) + 2):
        assert isinstance(number, Special)
    else:
        assert number == Decimal(mantissa) * Decimal(10) ** exponent


@pytest.mark.parametrize("data", [b"", b"\x00"])
def test_a_cut_sfloat_is_a_coded_error(data: bytes) -> None:
    """Never an IndexError."""
    with pytest.raises(DecodeError) as caught:
        sfloat(data)
    assert caught.value.code == "sfloat.short"


@pytest.mark.parametrize("size", range(4))
def test_a_cut_float_is_a_coded_error(size: int) -> None:
    """At each length."""
    with pytest.raises(DecodeError) as caught:
        float32(bytes(size))
    assert caught.value.code == "float.short"


@given(st.datetimes(datetime(1582, 1, 1), datetime(9999, 12, 31)))
def test_date_time_comes_back_to_the_second(moment: datetime) -> None:
    """What we write as a cuff's clock is what we would read."""
    assert date_time.decode(date_time.encode(moment)) == moment.replace(microsecond=0)


def test_date_time_is_laid_out_as_the_supplement_says() -> None:
    """Year first, little-endian; typed by hand, not by the encoder."""
    assert date_time.encode(datetime(2024, 6, 15, 17, 17, 27)) == bytes.fromhex("e807060f11111b")


@pytest.mark.parametrize("size", [*range(7), 8, 9])
def test_date_time_of_another_length_is_refused(size: int) -> None:
    """Seven bytes, no less and no more."""
    with pytest.raises(DecodeError) as caught:
        date_time.decode(bytes(size))
    assert caught.value.code in ("date_time.short", "date_time.long")


@pytest.mark.parametrize("raw", ["000006 0f 11111b", "e807 00 0f 11111b", "e80706 00 11111b"])
def test_an_unknown_year_month_or_day_is_no_time(raw: str) -> None:
    """0 says unknown: no date is made up."""
    assert date_time.decode(bytes.fromhex(raw)) is None


@given(st.binary(min_size=7, max_size=7))
def test_date_time_decodes_or_says_why(data: bytes) -> None:
    """Whatever seven bytes come: a moment, unknown, or the coded refusal."""
    try:
        moment = date_time.decode(data)
    except DecodeError as error:
        code = error.code
    else:
        code = ""
        assert moment is None or moment.year >= 1582
    assert code in ("", "date_time.invalid")


def test_device_information_loses_padding_and_control_characters() -> None:
    """Makers pad with NUL; a newline must not reach a screen."""
    found = device_information.decode({0x2A29: b"A&D Medical\0\0\0", 0x2A24: b"UA-651BLE\n", 0x2A25: b"\xff\xfe1"})
    assert (found.maker, found.model) == ("A&D Medical", "UA-651BLE")
    assert found.serial.endswith("1")


def test_system_id_is_printed_most_significant_first() -> None:
    """0x2A23 is little-endian; the MAC stands around FF FE."""
    found = device_information.decode({0x2A23: bytes.fromhex("1e1b65feffb85fd0")})
    assert found.system_id == "d05fb8fffe651b1e"
    assert device_information.decode({0x2A23: b"short"}).system_id == ""


@given(st.dictionaries(st.sampled_from([0x2A29, 0x2A24, 0x2A25, 0x2A26, 0x2A23]), st.binary(max_size=600)))
def test_device_information_never_fails(values: dict[int, bytes]) -> None:
    """It names the instrument; a bad string is no reason to lose a measurement."""
    found = device_information.decode(values)
    assert all(len(text) <= 200 for text in (found.maker, found.model, found.serial, found.firmware))
