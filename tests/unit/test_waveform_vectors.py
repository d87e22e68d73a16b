"""Every named frame of tests/vectors/ecg and serial through its decoder: whole, cut, overlong, hostile."""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.peripherals.decoded import Decoded
from gateway.peripherals.decoding_waveforms import KINDS
from gateway.peripherals.errors import DecodeError

FOLDER = Path(__file__).parents[1] / "vectors"
VECTORS: dict[str, dict[str, Any]] = {
    path.stem: json.loads(path.read_text())
    for folder in ("ecg", "serial") for path in sorted((FOLDER / folder).glob("*.json"))}
GOOD = sorted(name for name, vector in VECTORS.items() if "expect" in vector)
BROKEN = sorted(name for name, vector in VECTORS.items() if "error" in vector)
SINGLE = [name for name in GOOD if VECTORS[name]["kind"] not in ("polar-pmd", "corometrics")]
"""Of the kinds whose frame has one length: a Polar frame holds any number of samples, a Corometrics log of messages."""


def decode(name: str, data: bytes | None = None) -> Decoded:
    vector = VECTORS[name]
    return KINDS[vector["kind"]](bytes.fromhex(vector["bytes"]) if data is None else data, "")


def readings(decoded: Decoded) -> list[list[Any]]:
    return [[q.loinc, q.mdc, str(q.value), q.unit] for q in decoded.readings]


@pytest.mark.parametrize("name", GOOD)
def test_a_vector_says_what_its_source_says(name: str) -> None:
    """Samples, readings with codes and units, device time, status, details: as the specification or the capture has."""
    said, expect = decode(name), VECTORS[name]["expect"]
    tracks = dict(zip(said.samples.names, said.samples.values, strict=True)) if said.samples else {}
    ecg = list(tracks.get("ecg", ()))
    seen = {
        "count": len(ecg), "first": ecg[:len(expect.get("first", ()))],
        "fourteenth": ecg[14] if len(ecg) > 14 else None,
        "values": ecg if expect.get("kind") == "live" else [list(track) for track in tracks.values()],
        "channels": [track[0] for track in tracks.values() if track],
        "tracks": {track_name: list(track) for track_name, track in tracks.items()},
        "readings": readings(said), "device_time": said.device_time, "status": list(said.status),
        "context": list(said.context),
    }
    checked = {key: value for key, value in expect.items() if key not in ("kind", "details")}
    assert {key: seen[key] for key in checked} == checked
    details = expect.get("details", {})
    assert {key: dict(said.details).get(key) for key in details} == details


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_vector_is_refused_by_its_code(name: str) -> None:
    """What the source does not allow is never decoded into something."""
    with pytest.raises(DecodeError) as caught:
        decode(name)
    assert caught.value.code == VECTORS[name]["error"]


@pytest.mark.parametrize("name", SINGLE)
def test_a_frame_cut_anywhere_is_refused(name: str) -> None:
    """Truncated at each length, and one byte too long."""
    whole = bytes.fromhex(VECTORS[name]["bytes"])
    for size in range(len(whole)):
        with pytest.raises(DecodeError):
            decode(name, whole[:size])
    with pytest.raises(DecodeError):
        decode(name, whole + b"\0")


@pytest.mark.parametrize("name", ["cyton_sample_packet", "ads1292r_sample", "healthypi5_sample",
                                  "healthypi5_first_sketch"])
def test_a_log_of_several_frames_is_their_samples_in_a_row(name: str) -> None:
    """As a serial line wrote them; one that is cut refuses them all."""
    whole, one = bytes.fromhex(VECTORS[name]["bytes"]), decode(name)
    three = decode(name, whole * 3)
    assert one.samples is not None
    assert three.samples is not None
    assert three.samples.values == tuple(track * 3 for track in one.samples.values)
    assert (three.readings, three.status, dict(three.details)["frames"]) == (one.readings, one.status, 3)
    for size in range(len(whole) + 1, 2 * len(whole)):
        with pytest.raises(DecodeError):
            decode(name, (whole * 2)[:size])


def test_a_polar_frame_cut_inside_a_sample_is_refused() -> None:
    """Cut between two samples it is a shorter frame, its samples the first ones; anywhere else it is refused."""
    whole = bytes.fromhex(VECTORS["polar_h10_ecg_1"]["bytes"])
    everything = decode("polar_h10_ecg_1")
    assert everything.samples is not None
    for size in range(len(whole)):
        if size > 10 and (size - 10) % 3 == 0:
            shorter = decode("polar_h10_ecg_1", whole[:size]).samples
            assert shorter is not None
            assert shorter.values[0] == everything.samples.values[0][:(size - 10) // 3]
        else:
            with pytest.raises(DecodeError):
                decode("polar_h10_ecg_1", whole[:size])


def test_a_corometrics_log_cut_inside_a_message_is_refused() -> None:
    """Cut after an ETX it is a shorter log; anywhere else it is refused."""
    whole = bytes.fromhex(VECTORS["corometrics_quarter_second"]["bytes"])
    for size in range(len(whole)):
        if size and whole[size - 1] == 3:
            decode("corometrics_quarter_second", whole[:size])
        else:
            with pytest.raises(DecodeError):
                decode("corometrics_quarter_second", whole[:size])


@pytest.mark.parametrize("kind", sorted(KINDS))
@given(data=st.binary(max_size=300))
def test_any_bytes_are_decoded_or_refused(kind: str, data: bytes) -> None:
    """No other exception, whatever comes."""
    with suppress(DecodeError):
        assert isinstance(KINDS[kind](data, ""), Decoded)


@given(name=st.sampled_from(GOOD), data=st.data())
def test_damaged_frames_are_decoded_or_refused(name: str, data: st.DataObject) -> None:
    """A byte changed in a good frame: an answer or a code; past a checksum never an answer."""
    whole = bytearray.fromhex(VECTORS[name]["bytes"])
    at = data.draw(st.integers(0, len(whole) - 1))
    whole[at] ^= data.draw(st.integers(1, 255))
    with suppress(DecodeError):
        decode(name, bytes(whole))
        assert VECTORS[name]["kind"] not in ("viatom-er1", "ecg12")


def test_the_scales_are_the_devices_own() -> None:
    """Microvolts of a count: Cyton 4.5 V / 24 / (2^23 - 1) as OpenBCI prints it, ER1 as the maker's code has it."""
    def scale(name: str) -> float:
        samples = decode(name).samples
        assert samples is not None
        return float(samples.scales[0])

    assert scale("cyton_sample_packet") == pytest.approx(0.02235174, abs=1e-8)
    assert scale("viatom_live_recording") / 1000 == pytest.approx(0.002467, abs=5e-7)
    assert scale("ads1292r_sample") == pytest.approx(2.42e6 / 12 / (2**23 - 1) * 256, rel=1e-6)
    assert scale("healthypi5_sample") == 0.095367431640625
    assert scale("polar_h10_ecg_1") == 1
