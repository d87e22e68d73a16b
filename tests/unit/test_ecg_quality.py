"""What is wrong with an electrocardiogram: each fault made alone in a clean one, and none found in real records."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from gateway.peripherals import ecg_quality
from gateway.peripherals.ecg_quality import Watch, einthoven, judge, worst
from gateway.peripherals.profiles.ecg_leads import LEADS, TWELVE
from tests.unit.ecg_files import mortara

RATE, UV, LOST, RAIL = 500.0, 0.5, -(2**31), 2**15 - 1
SHARED = Path(__file__).resolve().parents[3] / "shared" / "data" / "ecg"


def clean(leads: int = 3, seconds: float = 2.0) -> NDArray[np.int32]:
    """A beat a second of 1 mV with a narrow QRS, and 8 uV of noise."""
    time = np.arange(int(seconds * RATE)) / RATE
    beat = np.exp(-((time % 1.0 - 0.5) / 0.012) ** 2) * 1000 + np.exp(-((time % 1.0 - 0.75) / 0.04) ** 2) * 200
    noise = np.random.default_rng(1).normal(0, 8, (len(time), leads))
    return np.rint((beat[:, None] + noise) / UV).astype(np.int32)


def codes(counts: NDArray[np.int32]) -> list[str | None]:
    return [lead.problem for lead in judge(counts, RATE, [UV] * counts.shape[1], LOST, RAIL)]


def test_a_clean_trace_has_no_problem() -> None:
    """Also one of five microvolts a count, as the coarsest recorder that may be called diagnostic."""
    assert codes(clean()) == [None] * 3
    assert [lead.problem for lead in judge(clean() // 10, RATE, [5.0] * 3, LOST, RAIL)] == [None] * 3


def test_an_electrode_that_is_off() -> None:
    """A lead that stands still, one the device has no value of; and a pause in the others is none."""
    counts = clean()
    counts[:, 0] = 17
    counts[:, 1] = LOST
    assert codes(counts) == ["ecg.lead_off", "ecg.lead_off", None]
    counts = clean()
    counts[:200] = LOST
    assert codes(counts) == [None] * 3


def test_an_input_at_its_rail() -> None:
    """A tenth of the time at either end; a stimulator's spike of two milliseconds is none."""
    counts = clean()
    counts[100:200, 0] = RAIL
    counts[:, 1] = -RAIL - 1
    counts[50:51, 2] = RAIL
    assert codes(counts) == ["ecg.saturated", "ecg.saturated", None]


@pytest.mark.parametrize("hertz", [50, 60, 49.7])
def test_the_mains(hertz: float) -> None:
    """100 uV of it in one lead: found, measured to a tenth; 20 uV are not worth a word."""
    counts = clean()
    hum = np.sin(2 * np.pi * hertz * np.arange(len(counts)) / RATE)
    counts[:, 0] += np.rint(100 * hum / UV).astype(np.int32)
    counts[:, 1] += np.rint(20 * hum / UV).astype(np.int32)
    leads = judge(counts, RATE, [UV] * 3, LOST, RAIL)
    assert [lead.problem for lead in leads] == ["ecg.mains", None, None]
    assert leads[0].mains_uv == pytest.approx(100, rel=0.12)


def test_a_rate_too_low_for_the_mains_says_nothing_of_it() -> None:
    """At 100 Hz and below it is folded onto something else."""
    assert [lead.mains_uv for lead in judge(clean(), 100.0, [UV] * 3, LOST)] == [0.0] * 3


def test_the_worst_comes_first() -> None:
    """One word for twelve leads."""
    counts = clean()
    counts[:, 0] = RAIL
    assert worst(judge(counts, RATE, [UV] * 3, LOST, RAIL)) == "ecg.saturated"
    counts[:, 1] = 0
    assert worst(judge(counts, RATE, [UV] * 3, LOST, RAIL)) == "ecg.lead_off"
    assert worst(()) is None


def test_watching_a_stream_changes_its_mind_within_two_seconds() -> None:
    """Nothing is said before one window; a fault shows and goes with the windows."""
    watch = Watch(RATE, [UV] * 3, LOST, RAIL)
    good = [tuple(row) for row in clean().tolist()]
    flat = [(0, *row[1:]) for row in good]
    seen = []
    for row in good[:999] + flat + flat + good + good:
        watch.add(row)
        seen.append(watch.problem)
    assert seen[:999] == [None] * 999
    assert seen[999 + 1500] == "ecg.lead_off"
    assert seen[-1] is None
    assert len(watch._rows) <= 1000


def test_limb_leads_that_do_not_belong_together() -> None:
    """II = I + III in a real recording; not after two of them were exchanged; unknown without all three."""
    from gateway.peripherals.profiles import dicom_ecg

    recording = dicom_ecg.decode(mortara())
    scales = [float(scale) for scale in recording.scales]
    assert einthoven(recording.samples, recording.leads, scales, LOST)
    exchanged = (recording.leads[1], recording.leads[0], *recording.leads[2:])
    assert not einthoven(recording.samples, exchanged, scales, LOST)
    assert einthoven(recording.samples[:, 3:], recording.leads[3:], scales[3:], LOST)


@pytest.mark.skipif(not (SHARED / "100.hea").exists(), reason="the shared records are not on this machine")
def test_real_records_raise_no_false_alarm() -> None:
    """Half an hour of MIT-BIH 100 and the twelve leads of s0010_re, window by window: not one problem."""
    import wfdb

    for name, leads in (("100", 1), ("s0010_re", 12)):
        record = wfdb.rdrecord(str(SHARED / name), physical=False)
        counts = record.d_signal[:, :leads].astype(np.int32)
        microvolts = [1000 / gain for gain in record.adc_gain[:leads]]
        window = round(record.fs * ecg_quality.WINDOW_S)
        for first in range(0, len(counts) - window, window):
            found = judge(counts[first:first + window], record.fs, microvolts, LOST, RAIL)
            assert worst(found) is None, (name, first)
        if leads == 12:
            assert TWELVE[0] == LEADS["I"]
            assert einthoven(counts, TWELVE, microvolts, LOST)
