"""Every named frame of tests/vectors/ble through the decoders of the `decode` command: whole, cut, long, hostile."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import decode_command
from gateway.exits import ExitCode
from gateway.peripherals import decoding, decoding_waveforms, meaning
from gateway.peripherals.errors import DecodeError
from gateway.peripherals.profiles import omron_eeprom

VECTORS = {path.stem: json.loads(path.read_text())
           for path in sorted((Path(__file__).parents[1] / "vectors" / "ble").glob("*.json"))}
GOOD = sorted(name for name, vector in VECTORS.items() if "expect" in vector)
BROKEN = sorted(name for name, vector in VECTORS.items() if "error" in vector)

NUMERIC = sorted(set(decoding.KINDS) - set(decoding_waveforms.KINDS))
LINES = {"2a24", "2a25", "2a26", "2a27", "2a28", "2a29", "2a2a"}
"""Text of any length."""

GROWING = {"2a49", "2a51", "2a60"}
"""Later versions of the services may append octets."""

MODELS = ("", "BM85", "Beurer BM 59", "HEM-7322T", "HEM-7142T2", "HEM-6401T", "HEM-9601T")


def answer(vector: dict[str, Any]) -> tuple[dict[str, Any], ExitCode]:
    """What the command prints, readings as the vectors write them."""
    line, code = decode_command.run(vector["kind"], vector["bytes"], vector.get("model", ""))
    said = json.loads(line)
    if "readings" in said:
        said["readings"] = [[r["loinc"], r["mdc"], r["value"] if "value" in r else f"absent: {r['absent']}", r["unit"]]
                            for r in said["readings"]]
    return said, code


def code_of(kind: str, data: bytes, model: str) -> str | None:
    """Why the decoder refuses; None when it does not."""
    try:
        decoding.KINDS[kind](data, model)
    except DecodeError as error:
        return error.code
    return None


@pytest.mark.parametrize("name", GOOD)
def test_vector_says_exactly_this(name: str) -> None:
    """Values with their precision, codes, units, device time, user, bits, flags; the named details."""
    expect = dict(VECTORS[name]["expect"])
    said, code = answer(VECTORS[name])
    details = expect.pop("details", {})
    assert (code, {key: said[key] for key in expect}) == (ExitCode.ok, expect)
    assert {key: said["details"].get(key) for key in details} == details


@pytest.mark.parametrize("name", BROKEN)
def test_broken_vector_is_refused_by_its_code(name: str) -> None:
    """Exit 65 and the reason; no reading beside it."""
    said, code = answer(VECTORS[name])
    assert (code, said["error"]["code"], list(said)) == (65, VECTORS[name]["error"], ["error"])


@pytest.mark.parametrize("name", [name for name in GOOD if VECTORS[name]["kind"] not in LINES])
def test_every_cut_is_a_coded_error(name: str) -> None:
    """Truncated at each length. Only an RR interval or a number of records may end a whole frame earlier."""
    vector = VECTORS[name]
    raw = bytes.fromhex(vector["bytes"])
    for size in range(len(raw)):
        code = code_of(vector["kind"], raw[:size], vector.get("model", ""))
        if code is None:
            assert vector["kind"] in {"2a37", "2a52"}, size
        else:
            assert code.endswith((".short", ".invalid", ".model_unknown")), (size, code)


@pytest.mark.parametrize("name", [name for name in GOOD if VECTORS[name]["kind"] not in LINES | GROWING
                                  and name != "racp_number_one_byte"])
def test_a_byte_too_many_is_refused(name: str) -> None:
    """What no flag announces is not skipped: the frame is not understood."""
    vector = VECTORS[name]
    assert code_of(vector["kind"], bytes.fromhex(vector["bytes"]) + b"\0", vector.get("model", "")) is not None


@given(st.sampled_from(NUMERIC), st.binary(max_size=40), st.sampled_from(MODELS))
def test_hostile_bytes_are_a_value_or_a_coded_error(kind: str, data: bytes, model: str) -> None:
    """No other exception, and whatever comes out can be printed."""
    refused = code_of(kind, data, model)
    line, code = decode_command.run(kind, data.hex(), model)
    assert json.loads(line).get("error", {}).get("code") == refused
    assert (code == 65) == (refused is not None)


@given(st.sampled_from(GOOD), st.data())
def test_a_damaged_frame_is_a_value_or_a_coded_error(name: str, data: st.DataObject) -> None:
    """One byte of a real frame replaced: flags, lengths and dates that no longer fit."""
    raw = bytearray.fromhex(VECTORS[name]["bytes"])
    raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    refused = code_of(VECTORS[name]["kind"], bytes(raw), VECTORS[name].get("model", ""))
    assert refused is None or "." in refused


def test_every_characteristic_has_a_vector_and_a_broken_one() -> None:
    """No profile without a public frame; the two enhanced and the intermediate ones share their parent's."""
    assert {VECTORS[name]["kind"] for name in GOOD} >= {f"{number:04x}" for number in meaning.CHARACTERISTICS}
    assert {VECTORS[name]["kind"] for name in BROKEN} >= {
        "2a35", "2a1c", "2a5e", "2a18", "2a34", "2a52", "2a9d", "2a9c", "2a37", "2a08", "2a19", *meaning.VENDOR}


def test_a_status_bit_counts_only_when_the_device_declares_it() -> None:
    """2A60 and 2A51 say which bits mean something."""
    spot = bytes.fromhex(VECTORS["oximeter_spezi_spot_check"]["bytes"])
    feature = meaning.FEATURES[0x2A5E][1](bytes.fromhex("0300 0040 200000"))
    assert meaning.measured(0x2A5E, spot, feature=feature).status == (
        "questionable_measurement_detected", "low_perfusion_detected")
    glucose = bytes.fromhex(VECTORS["glucose_nordic"]["bytes"])
    assert meaning.measured(0x2A18, glucose, feature=0x0001).status == ("device_battery_low",)


OPTIONAL = {
    "2a35": ("780050005d00", {0x02: "e807021d173b3a", 0x04: "d5f2", 0x08: "02", 0x10: "2500"}, 1),
    "2a1c": ("6d0100ff", {0x02: "e807021d173b3a", 0x04: "03"}, 1),
    "2a5e": ("62004800", {0x01: "e807021d173b3a", 0x02: "0001", 0x04: "200000", 0x08: "14f0"}, 1),
    "2a5f": ("62004800", {0x01: "61004900", 0x02: "60004a00", 0x04: "0001", 0x08: "200000", 0x10: "14f0"}, 1),
    "2a18": ("0700e807021d173b3a", {0x01: "c4ff", 0x02: "68b011", 0x08: "0100"}, 1),
    "2a34": ("0700", {0x80: "b3", 0x01: "0332c0", 0x02: "03", 0x04: "12", 0x08: "3c0032", 0x10: "0464c0", 0x40: "59f1"},
             1),
    "2a9d": ("803e", {0x02: "e807021d173b3a", 0x04: "02", 0x08: "f700b004"}, 1),
    "2a9c": ("c500", {0x002: "e807021d173b3a", 0x004: "02", 0x008: "a01b", 0x010: "7c01", 0x020: "b80b", 0x040: "e02e",
                      0x080: "3c2f", 0x100: "7420", 0x200: "5212", 0x400: "803e", 0x800: "d606"}, 2),
}
"""By kind: what every frame has, what each flag adds (in the order of the frame), bytes of the flags. The layouts of
the GATT Specification Supplement, written here a second time."""


@pytest.mark.parametrize("kind", sorted(OPTIONAL))
def test_every_set_of_optional_fields_has_its_length_and_no_other(kind: str) -> None:
    """Each combination of flags: whole it is read, a byte less is `.short`, a byte more `.long`."""
    always, optional, width = OPTIONAL[kind]
    for chosen in range(1 << len(optional)):
        present = [flag for bit, flag in enumerate(optional) if chosen >> bit & 1]
        frame = sum(present).to_bytes(width, "little") + bytes.fromhex(always)
        frame += b"".join(bytes.fromhex(optional[flag]) for flag in present)
        assert code_of(kind, frame, "") is None, present
        assert str(code_of(kind, frame[:-1], "")).endswith(".short"), present
        assert str(code_of(kind, frame + b"\0", "")).endswith(".long"), present


@pytest.mark.parametrize("model", ["BM85", "BM 48", "Beurer ELITE 900"])
def test_a_deviant_without_its_extra_byte_is_refused(model: str) -> None:
    """The model decides, not the length: a frame that does not fit the model is not understood."""
    plain = bytes.fromhex("160a0047000000ea07080b121f003f000000")
    with pytest.raises(DecodeError) as caught:
        meaning.measured(0x2A35, plain, model=model)
    assert caught.value.code == "blood_pressure.short"


def test_a_second_without_a_beat_keeps_its_rate_on_a_live_belt() -> None:
    """Intervals announced and none there: refused by the letter in a log, shown on the panel."""
    assert code_of("2a37", bytes.fromhex("1028"), "") == "heart_rate.short"
    assert [str(q.value) for q in meaning.measured(0x2A37, bytes.fromhex("1028")).quantities] == ["40"]


def test_a_disputed_model_is_read_both_ways() -> None:
    """BM59: with the byte too many a deviant, without it by the book."""
    deviant = bytes.fromhex(VECTORS["blood_pressure_beurer_first_user"]["bytes"])
    by_the_book = bytes.fromhex("167c0056006100e807060f11111b33000000")
    assert str(meaning.measured(0x2A35, deviant, model="BM59").quantities[3].value) == "63"
    assert str(meaning.measured(0x2A35, by_the_book, model="BM59").quantities[3].value) == "51"


@pytest.mark.parametrize(("model", "family"), [
    ("HEM-7322T", "7322"), ("hem7322t", "7322"), ("HEM-7322T-D", "7322"), ("HEM_7322T", "7322"), ("7322T", "7322"),
    ("Omron HEM-7322T-E", "7322"), ("OMRON hem 7142 T2", "7142"), ("HEM-7361T-EBK", "7361"), ("HEM-7138K", "7138K"),
    ("HEM-7138J", "7138J"), ("Evolv", "7600"), ("RS7 Intelli IT", "6232"), ("X4 Smart", "7155"), ("BP7450", "7342")])
def test_an_omron_is_known_however_its_model_is_written(model: str, family: str) -> None:
    """Spelling, region suffix, the maker before it, the name on the box."""
    assert omron_eeprom.slot_of(model) == omron_eeprom.slot_of(f"HEM-{family}")


@pytest.mark.parametrize("model", ["", "HEM", "HEM-", "HEM-0000T", "M7 Intelli IT", "BM85", "T7322"])
def test_a_model_nobody_knows_is_no_guess(model: str) -> None:
    """Another layout would make another pressure of the same bytes."""
    with pytest.raises(DecodeError, match="model_unknown"):
        omron_eeprom.slot_of(model)


def test_every_omron_layout_has_a_model_that_the_command_tries() -> None:
    """An unnamed slot is read only when one layout makes sense of it, and says so."""
    layouts = {(slot.layout, slot.size) for slot in omron_eeprom.layouts()}
    typical = {(omron_eeprom.slot_of(model).layout, size)
               for size, models in omron_eeprom.TYPICAL.items() for model in models}
    assert layouts == typical
    line, code = decode_command.run("omron-eeprom", VECTORS["omron_hem7142t2_slot13"]["bytes"])
    said = json.loads(line)
    assert (code, said["flags"], said["details"]["layout_of"]) == (
        0, ["from_memory", "model_assumed"], "HEM-7142T2")
    _, code = decode_command.run("omron-eeprom", "0102030405060708090a0b0c0d0e")
    assert code == 65
