"""`passerelle-gateway decode` as IT runs it: a process, one line of JSON, an exit code."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gateway import decode_command
from gateway.exits import StartRefused
from gateway.peripherals import decoding

FRAME = "1e8a00580069 00ea070b150e1e00480001 0400"


def run(*arguments: str) -> tuple[int, str, str]:
    """The command in a process of its own."""
    done = subprocess.run([sys.executable, "-m", "gateway", "decode", *arguments], capture_output=True, text=True,
                          cwd=Path(__file__).parents[2], timeout=60, check=False)
    return done.returncode, done.stdout, done.stderr


def test_a_frame_is_one_object_on_one_line() -> None:
    """Codes, value as text, unit; time, user, bits, flags."""
    code, out, err = run("2a35", *FRAME.split())
    assert (code, err, out.count("\n")) == (0, "", 1)
    said: dict[str, Any] = json.loads(out)
    assert said["readings"] == [
        {"loinc": "8480-6", "mdc": 150021, "value": "138", "unit": "mm[Hg]"},
        {"loinc": "8462-4", "mdc": 150022, "value": "88", "unit": "mm[Hg]"},
        {"loinc": "8478-0", "mdc": 150023, "value": "105", "unit": "mm[Hg]"},
        {"loinc": "8867-4", "mdc": 149546, "value": "72", "unit": "/min"}]
    assert (said["device_time"], said["user"], said["status"], said["flags"]) == (
        "2026-11-21T14:30:00", 1, ["irregular_pulse"], [])
    assert (said["samples"], said["context"], said["details"]) == ([], [], {})


def test_rejected_bytes_end_with_65_and_say_why() -> None:
    """On standard output too: a script reads one place."""
    code, out, err = run("2a35", "ff07")
    assert (code, err) == (65, "")
    assert json.loads(out)["error"]["code"] == "blood_pressure.short"
    assert list(json.loads(out)) == ["error"]


@pytest.mark.parametrize(("arguments", "words"), [
    (("2aff", "00"), "omron-eeprom"), ((), "kind"), (("2a35",), "hex")])
def test_a_mistake_in_the_call_ends_with_64_and_a_sentence(arguments: tuple[str, ...], words: str) -> None:
    """An unknown kind lists the kinds; nothing on standard output, no traceback."""
    code, out, err = run(*arguments)
    assert (code, out) == (64, "")
    assert words in err
    assert "Traceback" not in err


@pytest.mark.parametrize("frame", ["xyz", "123", "6 7", "0x6 0x78", "\uff11\uff12", "\u0660\u0666", "06 7", "100x20",
                                   "-1", "0", "06\x0078", "b'\\x06'"])
def test_text_that_is_no_hexadecimal_is_rejected_as_bytes_are(frame: str) -> None:
    """Half bytes, foreign digits, other text: one way of refusing for whatever stands in the place of a frame."""
    line, code = decode_command.run("2a35", frame)
    assert (json.loads(line)["error"]["code"], code) == ("frame.not_hexadecimal", 65)


@pytest.mark.parametrize(("name", "kind"), [
    ("0x2A35", "2a35"), ("0X2a35", "2a35"), ("00002a35", "2a35"), ("polarpmd", "polar-pmd"),
    ("Polar H10", "polar-pmd"), ("POLAR_PMD", "polar-pmd"), ("viatom er1", "viatom-er1"), ("HealthyPi-5", "healthypi5"),
    ("Nonin3230", "nonin-3230"), ("OMRON_EEPROM", "omron-eeprom"), ("OpenBCI-Cyton", "cyton"),
    ("ADS1292R", "ads1292r"), ("Corometrics ", "corometrics")])
def test_a_kind_is_known_however_it_is_spelled(name: str, kind: str) -> None:
    """Capitals, blanks, dashes, the maker before it."""
    assert decoding.kind_of(name) == kind


@pytest.mark.parametrize("name", ["", "2a3", "2a355", "12a35", "polar-pmd2", "0x", "../2a35", "2a35;ls"])
def test_what_is_no_kind_stays_none(name: str) -> None:
    """Nothing is guessed from a part of a name."""
    with pytest.raises(StartRefused):
        decode_command.run(name, "00")


@pytest.mark.parametrize("kind", list(decoding.KINDS))
def test_no_bytes_are_rejected_by_every_kind(kind: str) -> None:
    """An empty frame says nothing, not even an empty name."""
    line, code = decode_command.run(kind, "")
    assert (code, list(json.loads(line))) == (65, ["error"])


@pytest.mark.parametrize("kind", ["2a37", "2A37", "0x2A37", "00002A37-0000-1000-8000-00805F9B34FB", " 2a37 "])
@pytest.mark.parametrize("frame", ["1048000400", "10 48 00 04 00", "10:48:00:04:00", "0x10 0x48 0x00 0x04 0x00",
                                   "10-48-00-04-00", "1048 0004 00", "0x1048000400", "10,48,00,04,00",
                                   "(0x) 10-48-00-04-00", "[0x10, 0x48, 0x00, 0x04, 0x00]", "10.48.00.04.00",
                                   r"\x10\x48\x00\x04\x00", "<10480004 00>", "10_48_00_04_00"])
def test_a_log_writes_frames_in_many_ways(kind: str, frame: str) -> None:
    """Half an RR interval at the end is refused in every spelling: the same bytes are read."""
    line, code = decode_command.run(kind, frame)
    assert (json.loads(line)["error"]["code"], code) == ("heart_rate.short", 65)


def test_the_model_chooses_the_deviation() -> None:
    """The same bytes are refused without it and read with it."""
    frame = "566a0047000000ea07080b121f00003f000000"
    assert decode_command.run("2a35", frame)[1] == 65
    line, code = decode_command.run("2a35", frame, "Beurer BM85")
    assert (code, json.loads(line)["readings"][3]["value"]) == (0, "63")


@pytest.mark.parametrize(("number", "value"), [("14f0", "2.0"), ("c8e0", "2.00"), ("fff7", "204.7"), ("c810", "2000")])
def test_precision_is_kept(number: str, value: str) -> None:
    """F014 is 2.0, E0C8 is 2.00, F7FF is 204.7 and no NaN; tens have no exponent."""
    line, _ = decode_command.run("2a35", "00" + 3 * number)
    assert json.loads(line)["readings"][0]["value"] == value


@pytest.mark.parametrize(("bits", "reason"), [
    ("ff07", "not-a-number"), ("0008", "error"), ("0108", "error"), ("fe07", "positive-infinity"),
    ("0208", "negative-infinity")])
def test_special_numbers_are_absent_with_their_reason(bits: str, reason: str) -> None:
    """HL7 PHD guide, FLOATS."""
    line, code = decode_command.run("2a5e", f"00{bits}4800")
    reading = json.loads(line)["readings"][0]
    assert (code, reading["absent"], "value" in reading) == (0, reason, False)


def test_every_kind_can_be_asked() -> None:
    """No kind fails otherwise than by a code, and every name is one that can be typed."""
    for kind in decoding.KINDS:
        assert decoding.kind_of(kind.upper()) == kind
        assert decode_command.run(kind, "00")[1] in (0, 65)


def test_a_frame_that_is_a_file_is_refused() -> None:
    """The command line is for frames."""
    line, code = decode_command.run("2a35", "00" * (decode_command.FRAME_BYTES + 1))
    assert (json.loads(line)["error"]["code"], code) == ("frame.too_long", 65)


def test_samples_of_one_signal_are_a_list_of_several_a_list_of_instants() -> None:
    """Polar: one channel. Cyton: eight, so eight counts an instant."""
    line, _ = decode_command.run("polar-pmd", "00" + "00" * 8 + "00" + "010000" + "ffffff")
    assert json.loads(line)["samples"] == [1, -1]
    assert json.loads(line)["waveform"]["values"] == [["1", "-1"]]
    line, _ = decode_command.run("cyton", "a001" + "000001" * 8 + "00" * 6 + "c0")
    said = json.loads(line)
    assert said["samples"] == [[1] * len(said["waveform"]["names"])] or said["waveform"].get("by_signal")
    assert {"names", "codes", "units", "scales", "rate_hz"} <= {*said["waveform"]}
