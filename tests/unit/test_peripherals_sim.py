"""The simulated instruments' own encoders against the gateway's decoders, and the simulator's command line."""

from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.peripherals.ieee11073 import Special
from gateway.peripherals.profiles import blood_pressure, healthypi5
from sim.__main__ import UNAVAILABLE, USAGE, main
from sim.cuff_frames import Record, cuff_pressure, date_time, date_time_from
from sim.ecg import HIGHEST, LOWEST, Source, frame, synthesised, to_counts
from sim.heart import lead_i
from sim.patient import Patient, Pressure

MOMENTS = st.datetimes(datetime(2000, 1, 1), datetime(2099, 12, 31)).map(lambda m: m.replace(microsecond=0))


@given(st.integers(0, 300), st.integers(0, 250), st.integers(0, 250), st.none() | MOMENTS, st.integers(0, 0x3F))
def test_a_record_says_the_same_at_both_ends(systolic: int, diastolic: int, pulse: int, time: datetime | None,
                                             status: int) -> None:
    """Two independent readings of one specification agree."""
    sent = Pressure(systolic, diastolic, pulse)
    got = blood_pressure.decode(bytes(Record(sent, time, status)), 0xFFFF)
    assert (got.systolic, got.diastolic, got.mean, got.pulse, got.time) == (systolic, diastolic, sent.mean, pulse, time)


def test_a_factory_record_is_nan_at_both_ends() -> None:
    """FF 07 three times."""
    raw = bytes(Record(None, datetime(2016, 1, 1)))
    assert raw[1:7] == bytes.fromhex("ff07ff07ff07")
    assert blood_pressure.decode(raw).systolic is Special.not_a_number


@given(st.integers(0, 299))
def test_live_pressure_says_the_same_at_both_ends(pressure: int) -> None:
    """2A36, its other two numbers NaN."""
    assert blood_pressure.cuff_pressure(cuff_pressure(pressure)) == pressure


@given(MOMENTS)
def test_the_cuffs_clock_says_the_same_at_both_ends(moment: datetime) -> None:
    """What the gateway writes is what the cuff understands."""
    from gateway.peripherals.profiles import date_time as profile

    assert date_time_from(profile.encode(moment)) == moment
    assert profile.decode(date_time(moment)) == moment


@given(st.integers(LOWEST, HIGHEST), st.integers(0, 255))
def test_an_ecg_frame_says_the_same_at_both_ends(count: int, heart_rate: int) -> None:
    """Every count of the converter."""
    assert [found.ecg for found in healthypi5.Parser().feed(frame(count, heart_rate))] == [count]


def test_the_converter_has_rails() -> None:
    """12.5 mV and more is full scale, at both ends."""
    assert to_counts(np.array([0.0, 1.0, 20.0, -20.0])) == (0, 10486, HIGHEST, LOWEST)


def test_the_heart_beats_at_the_patients_rate_and_can_be_looped() -> None:
    """As many R peaks as the cuff would count, the same each time, and no step where the loop closes."""
    signal = lead_i(74, 128.0)
    peaks = np.flatnonzero((signal[1:-1] > 0.5) & (signal[1:-1] >= signal[:-2]) & (signal[1:-1] > signal[2:]))
    assert abs(len(peaks) / (len(signal) / 128.0) * 60 - 74) < 4
    assert np.array_equal(signal, lead_i(74, 128.0))
    assert abs(signal[0] - signal[-1]) < 0.1
    source = synthesised(Patient())
    assert isinstance(source, Source)
    assert (source.rate_hz, len(source.counts)) == (128.0, len(signal))


def test_the_patients_pressure_varies_and_can_be_told() -> None:
    """Two measurements differ, a given number is taken."""
    patient = Patient()
    assert len({patient.pressure() for _ in range(5)}) > 1
    assert patient.pressure(systolic=180).systolic == 180


def test_a_command_without_its_vehicle_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One sentence and an exit code."""
    assert main(["patient", "measure", "--dir", str(tmp_path)]) == UNAVAILABLE
    assert main(["vehicle", "--dir", str(tmp_path), "--ecg-record", str(tmp_path / "none")]) == USAGE
    assert main(["vehicle", "--dir", str(tmp_path), "--ecg-rate", "0"]) == USAGE
    assert capsys.readouterr().err.count("\n") == 3
